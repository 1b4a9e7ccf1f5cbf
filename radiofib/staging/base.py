"""What all stagers share: input, labels, scanner flags and the order of the classes."""

from __future__ import annotations

from abc import ABC
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    check_X_y,
    validate_data,
)

from radiofib._checks import check_known
from radiofib.staging.flags import ScannerFlags
from radiofib.staging.inputs import (
    StagerInputError,
    align_columns,
    checked_numbers,
    to_numbers,
    within_range,
)

__all__ = ["BaseStager"]

FloatArray = NDArray[np.float64]


class BaseStager(ClassifierMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """Base of the stagers; a subclass learns from a matrix of numbers and class codes.

    A subclass stores its parameters in ``__init__`` (among them ``scanner_column`` and
    ``random_state``) and defines ``_fit_learner`` and ``_learner_proba``, or, where it passes
    the context on to other stagers, ``_learn`` and ``_proba``.
    """

    scanner_column: str | None

    @property
    def context_columns(self) -> tuple[str, ...]:
        """Columns of X that say where a row is from and are no features."""
        return () if self.scanner_column is None else (self.scanner_column,)

    @property
    def known_scanners(self) -> frozenset[str] | None:
        """Scanners seen in training; None for a stager that was not told."""
        flags = getattr(self, "scanner_flags_", None)
        return None if flags is None else frozenset(flags.categories_[0].tolist())

    def fit(
        self,
        X: pd.DataFrame | ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Learn from features and stages.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_features)
            Numbers, NaN where missing; a DataFrame may also hold the text columns named by
            ``context_columns``.
        y : array-like
            One stage for each row.
        sample_weight : array-like, optional
            How much each row counts; one of weight 0 is as if it were not there.

        Raises
        ------
        StagerInputError
            When a feature is text, infinite, or there is only one class.
        """
        features, context = self._split(X, reset=True)
        if isinstance(features, pd.DataFrame):
            checked = checked_numbers(self, features, reset=True)
            _, labels = check_X_y(checked, y, dtype=None, ensure_all_finite=False, estimator=self)
        else:
            checked, labels = validate_data(
                self, features, y, reset=True, dtype=np.float64, ensure_all_finite="allow-nan"
            )
        check_classification_targets(labels)
        self._learn_stages(checked, context, labels, sample_weight)
        return self

    def fit_handed(
        self,
        X: pd.DataFrame,
        y: NDArray[Any],
        context: pd.DataFrame,
        sample_weight: FloatArray | None = None,
    ) -> Self:
        """Learn from rows that a step or a stager made of others hands on.

        The same as :meth:`fit` on the columns side by side, without scikit-learn's look at every
        name and type, which were looked at before.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_features)
            Floats, NaN where missing; names are text.
        y : ndarray of shape (n_rows,)
            Stages.
        context : DataFrame
            Has at least the columns named by ``context_columns``.
        sample_weight : ndarray, optional
            As in :meth:`fit`.
        """
        wanted = list(self.context_columns)
        values = X.to_numpy()
        own_fit = type(self).fit is not BaseStager.fit
        if own_fit or values.dtype != np.float64 or not values.size:
            return self.fit(pd.concat([X, context[wanted]], axis=1), y, sample_weight)
        names: Any = X.columns.to_numpy(dtype=object)
        self.feature_names_in_ = names
        self.n_features_in_ = values.shape[1]
        self._learn_stages(values, _context(context, wanted), y, sample_weight)
        return self

    def _learn_stages(
        self,
        checked: FloatArray,
        context: pd.DataFrame | None,
        labels: NDArray[Any],
        sample_weight: ArrayLike | None,
    ) -> None:
        """Give the stages numbers, leave out rows without weight, and learn."""
        labels = _plain_labels(labels)
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(
                sample_weight, checked, dtype=np.float64, ensure_non_negative=True
            )
            counts = weights > 0
            checked, labels, weights = checked[counts], labels[counts], weights[counts]
            context = None if context is None else context[counts].reset_index(drop=True)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if self.classes_.size < 2:
            raise StagerInputError(
                "y has 1 class, nothing can be learnt",
                found=f"{str(self.classes_[0])!r} in all {labels.size} rows",
                hint="train on rows of at least two stages",
            )
        self._learn(self._in_range(checked), context, codes, weights)

    def predict_proba(self, X: pd.DataFrame | ArrayLike) -> FloatArray:
        """Return the probability of each class, columns in the order of ``classes_``.

        The columns of a DataFrame are found by name, in any order; missing and unknown ones
        are refused.
        """
        check_is_fitted(self)
        features, context = self._split(X, reset=False)
        checked = checked_numbers(self, features, reset=False)
        return self._shares(checked, context)

    def proba_handed(self, X: pd.DataFrame, context: pd.DataFrame) -> FloatArray:
        """Return the probabilities of rows handed on, as :meth:`fit_handed` takes them."""
        wanted = list(self.context_columns)
        values = X.to_numpy()
        names = getattr(self, "feature_names_in_", None)
        if (
            type(self).predict_proba is not BaseStager.predict_proba
            or values.dtype != np.float64
            or not values.size
            or names is None
            or not np.array_equal(X.columns.to_numpy(dtype=object), names)
        ):
            return self.predict_proba(pd.concat([X, context[wanted]], axis=1))
        return self._shares(values, _context(context, wanted))

    def _shares(self, checked: FloatArray, context: pd.DataFrame | None) -> FloatArray:
        proba = self._proba(self._in_range(checked), context)
        normed: FloatArray = proba / proba.sum(axis=1, keepdims=True)
        return normed

    def predict(self, X: pd.DataFrame | ArrayLike) -> NDArray[Any]:
        """Return the most probable class of each row (the first of equals)."""
        check_is_fitted(self)
        chosen: NDArray[Any] = self.classes_[np.argmax(self.predict_proba(X), axis=1)]
        return chosen

    def _learn(
        self,
        features: FloatArray,
        context: pd.DataFrame | None,
        codes: NDArray[np.intp],
        weights: FloatArray | None,
    ) -> None:
        """Learn from features, NaN where missing, context, numbers of classes and weights."""
        if context is not None and self.scanner_column is not None:
            self.scanner_flags_ = ScannerFlags().fit(context[[self.scanner_column]])
        self._fit_learner(features, self._flags(features, context), codes, weights)

    def _proba(self, features: FloatArray, context: pd.DataFrame | None) -> FloatArray:
        """Return the score of each class; rows need not add up to 1."""
        return self._learner_proba(features, self._flags(features, context))

    def _flags(self, features: FloatArray, context: pd.DataFrame | None) -> FloatArray:
        if context is None or self.scanner_column is None:
            return np.zeros((len(features), 0))
        flags: FloatArray = self.scanner_flags_.transform(context[[self.scanner_column]])
        return flags

    def _fit_learner(
        self,
        features: FloatArray,
        flags: FloatArray,
        codes: NDArray[np.intp],
        weights: FloatArray | None,
    ) -> None:
        """Learn from features, NaN where missing, scanner flags, numbers of classes, weights."""
        raise NotImplementedError

    def _learner_proba(self, features: FloatArray, flags: FloatArray) -> FloatArray:
        """Return the score of each class; rows need not add up to 1."""
        raise NotImplementedError

    def _in_range(self, features: FloatArray) -> FloatArray:
        if not within_range(features):
            raise StagerInputError(
                "feature values are too large for single precision",
                found=f"{np.nanmax(np.abs(features)):g}",
            )
        return features

    def _split(self, X: Any, *, reset: bool) -> tuple[Any, pd.DataFrame | None]:
        """Return the numeric features (frames aligned by name) and the context."""
        wanted = list(self.context_columns)
        if not isinstance(X, pd.DataFrame):
            if wanted:
                raise StagerInputError(
                    f"the column {wanted[0]!r} can only be found in a DataFrame",
                    found=type(X).__name__,
                )
            return X, None
        context = None
        if wanted:
            for name in wanted:
                check_known(
                    name,
                    [str(c) for c in X.columns],
                    what="scanner column" if name == self.scanner_column else "context column",
                    error=StagerInputError,
                )
            context = _context(X, wanted)
            X = X.drop(columns=wanted)
        if not reset and hasattr(self, "feature_names_in_"):
            X = align_columns(X, self.feature_names_in_)
        return to_numbers(X), context

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _context(frame: pd.DataFrame, wanted: list[str]) -> pd.DataFrame | None:
    """Return the columns that say where a row is from; None where none is wanted."""
    return frame[wanted].astype(object).reset_index(drop=True) if wanted else None


def _plain_labels(labels: NDArray[Any]) -> NDArray[Any]:
    """Store text labels as text, not as objects: they sort, compare and store the same."""
    if labels.dtype == object and all(isinstance(v, str) for v in labels):
        return labels.astype(str)
    return labels
