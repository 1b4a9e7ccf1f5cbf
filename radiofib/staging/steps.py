"""Steps between a table and a stager: learnt on the training rows, then applied to any."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from radiofib.staging.inputs import (
    StagerInputError,
    align_columns,
    checked_numbers,
    to_numbers,
)
from radiofib.staging.rows import Rows

__all__ = ["RowStep", "Step"]


class Step(TransformerMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """Base of the steps that turn features into features.

    A subclass stores its parameters in ``__init__`` and defines ``_learn`` and ``_apply``. A
    DataFrame comes back as one, an array as an array.
    """

    @property
    def context_columns(self) -> tuple[str, ...]:
        """Columns that the step reads from the context: of the scanner, of the patient ..."""
        found = (getattr(self, f"{role}_column", None) for role in ("scanner", "patient"))
        return tuple(name for name in found if name is not None)

    def fit(
        self,
        X: pd.DataFrame | ArrayLike,
        y: ArrayLike | None = None,
        *,
        context: pd.DataFrame | None = None,
    ) -> Self:
        """Learn from training rows.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_features)
            Numbers, NaN where missing.
        y : array-like, optional
            Stages; only selection looks at them.
        context : DataFrame, optional
            Where the rows are from; its rows are those of X, by position.
        """
        frame = self._checked(X, reset=True)
        self._learn(frame, None if y is None else np.asarray(y), self._context(context, len(frame)))
        return self

    def transform(self, X: pd.DataFrame | ArrayLike, *, context: pd.DataFrame | None = None) -> Any:
        """Return the features after the step; rows stay the same."""
        check_is_fitted(self)
        frame = self._checked(X, reset=False)
        found = self._apply(frame, self._context(context, len(frame)))
        if isinstance(X, pd.DataFrame):
            found.index = X.index
            return found
        return found.to_numpy()

    def fit_transform(
        self,
        X: pd.DataFrame | ArrayLike,
        y: ArrayLike | None = None,
        *,
        context: pd.DataFrame | None = None,
    ) -> Any:
        """Learn from training rows and return them after the step."""
        return self.fit(X, y, context=context).transform(X, context=context)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Return the names of the columns that come out."""
        check_is_fitted(self)
        names: NDArray[np.object_] = np.array(self._names_out(), dtype=object)
        return names

    @abstractmethod
    def _learn(self, frame: pd.DataFrame, y: NDArray[Any] | None, context: pd.DataFrame) -> None:
        """Learn from features (NaN where missing), stages and context."""

    @abstractmethod
    def _apply(self, frame: pd.DataFrame, context: pd.DataFrame) -> pd.DataFrame:
        """Return the features after the step."""

    def _names_out(self) -> list[str]:
        """Return the names that come out; those that went in unless a subclass says otherwise."""
        return list(self._names_in())

    def _names_in(self) -> list[str]:
        named = getattr(self, "feature_names_in_", None)
        if named is None:
            return [f"x{i}" for i in range(self.n_features_in_)]
        return [str(name) for name in named]

    def _checked(self, X: Any, *, reset: bool) -> pd.DataFrame:
        if isinstance(X, pd.DataFrame):
            if not reset and hasattr(self, "feature_names_in_"):
                X = align_columns(X, self.feature_names_in_)
            X = to_numbers(X)
        values = checked_numbers(self, X, reset=reset)
        return pd.DataFrame(values, columns=self._names_in())

    def _context(self, context: pd.DataFrame | None, n_rows: int) -> pd.DataFrame:
        wanted = list(self.context_columns)
        given = pd.DataFrame(index=range(n_rows)) if context is None else context
        missing = [name for name in wanted if name not in given]
        if missing or len(given) != n_rows:
            raise StagerInputError(
                f"{type(self).__name__} needs the column {missing[0]!r} of every row"
                if missing
                else "context and features have different numbers of rows",
                expected=f"{n_rows} rows",
                found=f"{len(given)} rows with the columns {[str(c) for c in given]}",
            )
        return given[wanted].reset_index(drop=True)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class RowStep(BaseEstimator, ABC):  # type: ignore[misc]
    """Base of the steps that change the training rows alone: add, drop or weigh them.

    Rows that are predicted pass such a step unchanged.
    """

    @property
    def context_columns(self) -> tuple[str, ...]:
        """Columns that the step reads from the context."""
        found = (getattr(self, f"{role}_column", None) for role in ("scanner", "patient"))
        return tuple(name for name in found if name is not None)

    @abstractmethod
    def train_rows(self, rows: Rows) -> Rows:
        """Return the rows that the stager is to learn from."""
