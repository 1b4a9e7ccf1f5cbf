"""Scanner flags: one-hot columns with an honest "none of the known"."""

from __future__ import annotations

import math
import re
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from radiofib.errors import UsageError

__all__ = ["ScannerFlags"]


class ScannerFlags(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """One column of 0 and 1 for each scanner seen in training.

    A scanner that was not seen, or is missing (None, NaN, empty text), is zero in every column:
    "none of the known". It is never given the code of another scanner, nor one of its own.

    Attributes
    ----------
    categories_ : list of ndarray
        Known values of each input column, sorted.

    Examples
    --------
    >>> flags = ScannerFlags().fit([["a"], ["b"], ["a"]])
    >>> flags.transform([["b"], ["new"], [None]]).tolist()
    [[0.0, 1.0], [0.0, 0.0], [0.0, 0.0]]
    >>> flags.get_feature_names_out(["scanner"]).tolist()
    ['scanner_is_a', 'scanner_is_b']
    """

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002
        """Learn which scanners there are.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_columns)
            Names (text) or numbers, such as the field strength.
        y : ignored
        """
        values = self._validate(X, reset=True)
        self.categories_ = []
        for column in values.T:
            known = {v for v in column if not _is_missing(v)}
            ordered = sorted(known, key=lambda v: (isinstance(v, str), v))
            texts = all(isinstance(v, str) for v in ordered)
            self.categories_.append(np.array(ordered, dtype=str if texts and ordered else object))
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the flags, shape (n_rows, number of known scanners)."""
        check_is_fitted(self)
        values = self._validate(X, reset=False)
        parts = [np.zeros((len(values), 0))]
        for column, known in zip(values.T, self.categories_, strict=True):
            place = {v: i for i, v in enumerate(known.tolist())}
            flags = np.zeros((len(values), len(known)))
            for row, value in enumerate(column):
                index = None if _is_missing(value) else place.get(value)
                if index is not None:
                    flags[row, index] = 1.0
            parts.append(flags)
        return np.hstack(parts)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return ``<column>_is_<scanner>`` for each flag, lower case and unique."""
        check_is_fitted(self)
        if input_features is None:
            default = [f"x{i}" for i in range(self.n_features_in_)]
            input_features = getattr(self, "feature_names_in_", default)
        names: list[str] = []
        for column, known in zip(input_features, self.categories_, strict=True):
            for value in known.tolist():
                simple = re.sub(r"[^a-z0-9]+", "_", f"{column}_is_{value}".lower()).strip("_")
                copies = sum(n == simple or n.startswith(f"{simple}__") for n in names)
                names.append(f"{simple}__{copies + 1}" if copies else simple)
        return np.array(names, dtype=object)

    def _validate(self, X: ArrayLike, *, reset: bool) -> NDArray[np.object_]:
        raw = validate_data(self, X, reset=reset, dtype=None, ensure_all_finite=False)
        values = np.asarray(raw, dtype=object)
        infinite = [v for v in values.ravel() if isinstance(v, float) and math.isinf(v)]
        if infinite:
            raise _InfiniteFlagError("a scanner column holds infinity (inf)")
        return values

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        return tags


class _InfiniteFlagError(UsageError, ValueError):
    """Also a ValueError, as scikit-learn's callers expect."""


def _is_missing(value: object) -> bool:
    if value is None or (isinstance(value, str) and value.strip() == ""):
        return True
    # NaN, NaT and pandas' NA differ from themselves (NA does so without a truth value).
    try:
        return bool(value != value)
    except TypeError:
        return True
