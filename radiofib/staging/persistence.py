"""Stagers on disk: ``.skops`` files, never pickle, with metadata that says what they need."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import skops.io

from radiofib._checks import list_some
from radiofib.errors import ModelError
from radiofib.provenance import canonical_json, environment
from radiofib.staging.base import BaseStager
from radiofib.staging.chain import ChainStager
from radiofib.staging.names import STAGERS
from radiofib.staging.parts import PARTS

__all__ = ["TRUSTED_TYPES", "load_stager", "save_stager"]

#: What the fitted stagers hold besides what skops itself trusts (scikit-learn's estimators,
#: numpy arrays, plain containers).
_INSIDE = ("numpy.dtype", "sklearn.tree._tree.Tree", "radiofib.staging.flags.ScannerFlags")


def _own_types() -> tuple[str, ...]:
    """Return every stager and part of one, by the registries that study files are read with."""
    kinds: list[type] = [*STAGERS.values(), ChainStager]
    kinds += [part.kind for section in PARTS.values() for part in section.values()]
    return tuple(sorted({f"{kind.__module__}.{kind.__qualname__}" for kind in kinds}))


#: Every type that a model file may hold beyond those skops itself trusts. Anything else is
#: refused.
TRUSTED_TYPES = (*_INSIDE, *_own_types())

_FORMAT = 1
_METADATA = "radiofib.json"
_VERSIONS = ("radiofib", "scikit-learn", "xgboost", "numpy")
#: Packages whose other minor version may read the same file as another model.
_BINDING = ("radiofib", "scikit-learn")
_SCHEMA = "schema.json"
_ADDRESS = re.compile(r'"__id__": (?P<id>\d+)|"(?P<file>[0-9a-f-]+)\.[a-z]+"')
_EPOCH = (1980, 1, 1, 0, 0, 0)


def save_stager(
    model: BaseStager, path: str | Path, *, metadata: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Write a trained stager and what is needed to use it to a ``.skops`` file.

    Parameters
    ----------
    model : BaseStager
        A fitted stager.
    path : path
        Where to; written under a temporary name and renamed.
    metadata : mapping
        Plain values (text, numbers, lists, mappings): levels, scheme, configuration hash ...
        The keys ``format, estimator, feature_columns, scanner_column, context_columns, classes,
        versions`` are filled in from the model and cannot be given.

    Returns
    -------
    dict
        The metadata as stored.

    Raises
    ------
    ModelError
        When the model is not a fitted stager or the metadata is not plain.
    """
    if not isinstance(model, BaseStager) or not hasattr(model, "classes_"):
        raise ModelError("only a fitted stager can be stored", found=type(model).__name__)
    stored = dict(metadata or {}) | _describe(model)
    try:
        head = canonical_json(stored)
    except TypeError as error:
        raise ModelError(
            "metadata must be plain values", expected="text, numbers, lists", found=str(error)
        ) from error
    path = Path(path)
    temporary = path.with_name(f".{path.name}.part")
    with zipfile.ZipFile(temporary, "w") as target:
        for name, content in {_METADATA: head.encode(), **_canonical(model)}.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, content)
    temporary.replace(path)
    loaded: dict[str, Any] = json.loads(head)
    return loaded


def _canonical(model: BaseStager) -> dict[str, bytes]:
    """Return the members of a skops file, its parts named by running numbers.

    skops names parts by their address in memory or at random, so that equal models would
    differ in every byte.
    """
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(model))) as source:
        members = {name: source.read(name) for name in source.namelist()}
    schema = members.pop(_SCHEMA).decode()
    numbers: dict[str, str] = {}
    for match in _ADDRESS.finditer(schema):
        numbers.setdefault(match["id"] or match["file"], str(len(numbers)))

    def renumber(match: re.Match[str]) -> str:
        address = match["id"] or match["file"]
        return match[0].replace(address, numbers[address])

    renamed = {_SCHEMA: _ADDRESS.sub(renumber, schema).encode()}
    for name in sorted(members, key=lambda n: int(numbers[n.split(".")[0]])):
        address, suffix = name.split(".", 1)
        renamed[f"{numbers[address]}.{suffix}"] = members[name]
    return renamed


def _describe(model: BaseStager) -> dict[str, Any]:
    names = getattr(model, "feature_names_in_", None)
    return {
        "format": _FORMAT,
        "estimator": type(model).__name__,
        "feature_columns": None if names is None else [str(n) for n in names],
        "scanner_column": model.scanner_column,
        "context_columns": list(model.context_columns),
        "classes": model.classes_.tolist(),
        "versions": environment(_VERSIONS),
    }


def load_stager(path: str | Path) -> tuple[BaseStager, dict[str, Any]]:
    """Read a stager and its metadata.

    The metadata is read first, so that a file of another version is named as such instead of
    being read wrongly; types that are not in :data:`TRUSTED_TYPES` are refused before anything
    is built.

    Returns
    -------
    model : BaseStager
    metadata : dict

    Raises
    ------
    ModelError
        When the file is missing, damaged, not one of ours, of another version, or holds types
        that are not trusted.
    """
    path = Path(path)
    metadata = _read_metadata(path)
    _check_version(metadata, path)
    try:
        untrusted = set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED_TYPES)
        if untrusted:
            raise ModelError(
                "model file holds types that are not trusted",
                where=path.name,
                found=list_some(sorted(untrusted)),
                hint="use files written by radiofib from a source you trust",
            )
        model = skops.io.load(path, trusted=list(TRUSTED_TYPES))
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            "model file cannot be read", where=path.name, found=f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(model, BaseStager):
        raise ModelError("file holds no stager", where=path.name, found=type(model).__name__)
    return model, metadata


def _read_metadata(path: Path) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(path) as archive:
            metadata = json.loads(archive.read(_METADATA))
    except FileNotFoundError as error:
        raise ModelError("no such file", where=str(path), hint="check the path") from error
    except (KeyError, zipfile.BadZipFile, OSError, ValueError) as error:
        raise ModelError(
            "not a model written by radiofib",
            where=path.name,
            expected=f"a .skops file with {_METADATA} in it",
            hint="train with: radiofib train",
        ) from error
    if not isinstance(metadata, dict):
        raise ModelError("metadata is damaged", where=path.name)
    return metadata


def _check_version(metadata: Mapping[str, Any], path: Path) -> None:
    if metadata.get("format") != _FORMAT:
        raise ModelError(
            "model file of another format",
            where=path.name,
            expected=f"format {_FORMAT}",
            found=str(metadata.get("format")),
            hint="train again with this version",
        )
    written, here = metadata.get("versions") or {}, environment(_VERSIONS)
    other = [p for p in _BINDING if _minor(str(written.get(p))) != _minor(here[p])]
    if other:
        raise ModelError(
            "model was written by another version",
            where=path.name,
            expected=list_some(f"{p} {here[p]}" for p in other),
            found=list_some(f"{p} {written.get(p)}" for p in other),
            hint="train again, or install the versions the model was written with",
        )


def _minor(version: str) -> tuple[str, ...]:
    return tuple(version.split(".")[:2])
