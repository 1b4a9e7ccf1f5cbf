"""Fitted models as ``.skops`` files: equal models give equal bytes, foreign types are refused."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from radiofib._checks import list_some
from radiofib.errors import MissingModelError, ModelError
from radiofib.provenance import canonical_json, environment

__all__ = ["check_versions", "read_metadata", "read_model", "write_model"]

_METADATA = "radiofib.json"
_SCHEMA = "schema.json"
_ADDRESS = re.compile(r'"__id__": (?P<id>\d+)|"(?P<file>[0-9a-f-]+)\.[a-z]+"')
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_model(model: Any, path: str | Path, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Write a model and its metadata under a temporary name, then rename.

    Returns
    -------
    dict
        The metadata as it will be read again.

    Raises
    ------
    ModelError
        When the metadata is not plain.
    """
    try:
        head = canonical_json(dict(metadata))
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


def _canonical(model: Any) -> dict[str, bytes]:
    """Return the members of a skops file, its parts named by running numbers.

    skops names parts by their address in memory or at random, so that equal models would
    differ in every byte.
    """
    import skops.io

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


def read_metadata(path: Path, *, hint: str) -> dict[str, Any]:
    """Read the metadata of a file without building anything.

    Raises
    ------
    ModelError
        When the file is missing, damaged or not one of ours.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            metadata = json.loads(archive.read(_METADATA))
    except FileNotFoundError as error:
        raise MissingModelError("no such file", where=str(path), hint="check the path") from error
    except (KeyError, zipfile.BadZipFile, OSError, ValueError) as error:
        raise ModelError(
            "not a model written by radiofib",
            where=path.name,
            expected=f"a .skops file with {_METADATA} in it",
            hint=hint,
        ) from error
    if not isinstance(metadata, dict):
        raise ModelError("metadata is damaged", where=path.name)
    return metadata


def check_versions(
    metadata: Mapping[str, Any], path: Path, *, form: int, binding: Collection[str]
) -> None:
    """Raise when a file is of another format, or of another minor version of a package.

    Raises
    ------
    ModelError
    """
    if metadata.get("format") != form:
        raise ModelError(
            "model file of another format",
            where=path.name,
            expected=f"format {form}",
            found=str(metadata.get("format")),
            hint="train again with this version",
        )
    written, here = metadata.get("versions") or {}, environment(tuple(binding))
    other = [p for p in binding if _minor(str(written.get(p))) != _minor(here[p])]
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


def read_model(path: Path, trusted: Collection[str]) -> Any:
    """Build the model of a file; types that are neither skops' own nor `trusted` are refused.

    Raises
    ------
    ModelError
        Before anything is built, when there are other types; or when the file is damaged.
    """
    import skops.io

    try:
        untrusted = set(skops.io.get_untrusted_types(file=path)) - set(trusted)
        if untrusted:
            raise ModelError(
                "model file holds types that are not trusted",
                where=path.name,
                found=list_some(sorted(untrusted)),
                hint="use files written by radiofib from a source you trust",
            )
        return skops.io.load(path, trusted=list(trusted))
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            "model file cannot be read", where=path.name, found=f"{type(error).__name__}: {error}"
        ) from error
