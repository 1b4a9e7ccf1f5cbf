"""Stagers on disk: ``.skops`` files, never pickle, with metadata that says what they need."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radiofib._skops import check_versions, read_metadata, read_model, write_model
from radiofib.errors import ModelError
from radiofib.provenance import environment
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
_VERSIONS = ("radiofib", "scikit-learn", "xgboost", "numpy")
#: Packages whose other minor version may read the same file as another model.
_BINDING = ("radiofib", "scikit-learn")


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
    return write_model(model, path, dict(metadata or {}) | _describe(model))


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
    metadata = read_metadata(path, hint="train with: radiofib train")
    check_versions(metadata, path, form=_FORMAT, binding=_BINDING)
    model = read_model(path, TRUSTED_TYPES)
    if not isinstance(model, BaseStager):
        raise ModelError("file holds no stager", where=path.name, found=type(model).__name__)
    return model, metadata
