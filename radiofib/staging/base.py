"""What all stagers share: input, labels, scanner flags and the order of the classes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from radiofib._checks import check_known
from radiofib.staging.flags import ScannerFlags
from radiofib.staging.inputs import LARGEST, StagerInputError, align_columns, to_numbers

__all__ = ["BaseStager"]

FloatArray = NDArray[np.float64]


class BaseStager(ClassifierMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """Base of the stagers; a subclass learns from a matrix of numbers and class codes.

    A subclass stores its parameters in ``__init__`` (among them ``scanner_column`` and
    ``random_state``) and defines ``_fit_learner`` and ``_learner_proba``.
    """

    scanner_column: str | None

    def fit(self, X: pd.DataFrame | ArrayLike, y: ArrayLike) -> Self:
        """Learn from features and stages.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_features)
            Numbers, NaN where missing; a DataFrame may also hold the text column named by
            ``scanner_column``.
        y : array-like
            One stage for each row.

        Raises
        ------
        StagerInputError
            When a feature is text, infinite, or there is only one class.
        """
        features, flags = self._split(X, reset=True)
        checked, labels = validate_data(
            self, features, y, reset=True, dtype=np.float64, ensure_all_finite="allow-nan"
        )
        check_classification_targets(labels)
        labels = _plain_labels(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if self.classes_.size < 2:
            raise StagerInputError(
                "y has 1 class, nothing can be learnt",
                found=f"{self.classes_[0]!r} in all {labels.size} rows",
                hint="train on rows of at least two stages",
            )
        self._fit_learner(_within_range(checked), _rows(flags, checked), codes)
        return self

    def predict_proba(self, X: pd.DataFrame | ArrayLike) -> FloatArray:
        """Return the probability of each class, columns in the order of ``classes_``.

        The columns of a DataFrame are found by name, in any order; missing and unknown ones
        are refused.
        """
        check_is_fitted(self)
        features, flags = self._split(X, reset=False)
        checked = validate_data(
            self, features, reset=False, dtype=np.float64, ensure_all_finite="allow-nan"
        )
        proba = self._learner_proba(_within_range(checked), _rows(flags, checked))
        normed: FloatArray = proba / proba.sum(axis=1, keepdims=True)
        return normed

    def predict(self, X: pd.DataFrame | ArrayLike) -> NDArray[Any]:
        """Return the most probable class of each row (the first of equals)."""
        check_is_fitted(self)
        chosen: NDArray[Any] = self.classes_[np.argmax(self.predict_proba(X), axis=1)]
        return chosen

    @abstractmethod
    def _fit_learner(
        self, features: FloatArray, flags: FloatArray, codes: NDArray[np.intp]
    ) -> None:
        """Learn from features, NaN where missing, scanner flags and numbers of classes."""

    @abstractmethod
    def _learner_proba(self, features: FloatArray, flags: FloatArray) -> FloatArray:
        """Return the score of each class; rows need not add up to 1."""

    def _split(self, X: Any, *, reset: bool) -> tuple[Any, FloatArray | None]:
        """Return the numeric features (frames aligned by name) and the scanner flags."""
        if not isinstance(X, pd.DataFrame):
            if self.scanner_column is not None:
                raise StagerInputError(
                    f"the scanner column {self.scanner_column!r} can only be found in a DataFrame",
                    found=type(X).__name__,
                )
            return X, None
        flags = None
        if self.scanner_column is not None:
            check_known(
                self.scanner_column,
                [str(c) for c in X.columns],
                what="scanner column",
                error=StagerInputError,
            )
            scanners = X[[self.scanner_column]].astype(object)
            X = X.drop(columns=self.scanner_column)
            if reset:
                self.scanner_flags_ = ScannerFlags().fit(scanners)
            flags = self.scanner_flags_.transform(scanners)
        if not reset and hasattr(self, "feature_names_in_"):
            X = align_columns(X, self.feature_names_in_)
        return to_numbers(X), flags

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _plain_labels(labels: NDArray[Any]) -> NDArray[Any]:
    """Store text labels as text, not as objects: they sort, compare and store the same."""
    if labels.dtype == object and all(isinstance(v, str) for v in labels):
        return labels.astype(str)
    return labels


def _rows(flags: FloatArray | None, features: FloatArray) -> FloatArray:
    return np.zeros((len(features), 0)) if flags is None else flags


def _within_range(features: FloatArray) -> FloatArray:
    largest = np.nanmax(np.abs(features)) if np.any(~np.isnan(features)) else 0.0
    if largest > LARGEST:
        raise StagerInputError(
            "feature values are too large for single precision", found=f"{largest:g}"
        )
    return features
