"""What stagers made of other stagers share: rows with their context, handed on."""

from __future__ import annotations

from abc import abstractmethod
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from radiofib.staging.base import BaseStager
from radiofib.staging.rows import Rows, placed

__all__ = ["MetaStager", "fit_on", "proba_of"]

FloatArray = NDArray[np.float64]


class MetaStager(BaseStager):
    """Base of the stagers that hand rows on to steps and to other stagers.

    A subclass stores its parameters in ``__init__`` (among them ``scanner_column``,
    ``patient_column`` and ``random_state``), names what it holds in ``_parts`` and defines
    ``_fit_rows`` and ``_rows_proba``.

    Attributes
    ----------
    known_scanners_ : list of str
        Only with a scanner column: scanners of the training rows.
    """

    patient_column: str | None

    @property
    def context_columns(self) -> tuple[str, ...]:
        """Columns of X that this stager, its steps or its stagers read as context."""
        own = [self.scanner_column, self.patient_column]
        names = [name for name in own if name is not None]
        for part in self._parts():
            names += part.context_columns
        return tuple(dict.fromkeys(names))

    @property
    def known_scanners(self) -> frozenset[str] | None:
        """Scanners seen in training; None for a stager that was not told."""
        known = getattr(self, "known_scanners_", None)
        return None if known is None else frozenset(known)

    def _parts(self) -> list[Any]:
        """Return the steps and stagers it was made of (those given, not the fitted copies)."""
        return []

    @abstractmethod
    def _fit_rows(self, rows: Rows) -> None:
        """Learn from training rows; ``classes_`` is set already."""

    @abstractmethod
    def _rows_proba(self, X: pd.DataFrame, context: pd.DataFrame) -> FloatArray:
        """Return the score of each class of ``classes_``."""

    def _learn(
        self,
        features: FloatArray,
        context: pd.DataFrame | None,
        codes: NDArray[np.intp],
        weights: FloatArray | None,
    ) -> None:
        given = self._table(features, context)
        if self.scanner_column is not None:
            names = given[1][self.scanner_column]
            self.known_scanners_ = sorted({str(n) for n in names if not pd.isna(n)} - {""})
        self._fit_rows(Rows(given[0], self.classes_[codes], given[1], weights))

    def _proba(self, features: FloatArray, context: pd.DataFrame | None) -> FloatArray:
        return self._rows_proba(*self._table(features, context))

    def _in_range(self, features: FloatArray) -> FloatArray:
        # The steps and stagers that rows are handed to look themselves.
        return features

    def _table(
        self, features: FloatArray, context: pd.DataFrame | None
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        named = getattr(self, "feature_names_in_", None)
        names = _numbered(features.shape[1]) if named is None else pd.Index(named, dtype=object)
        empty = pd.DataFrame(index=range(len(features)))
        return pd.DataFrame(
            features, columns=names, copy=False
        ), empty if context is None else context

    def _patients(self, rows: Rows) -> NDArray[Any] | None:
        """Return the patient of each row; None when every row is its own."""
        if self.patient_column is None:
            return None
        patients: NDArray[Any] = rows.context[self.patient_column].to_numpy(dtype=str)
        return patients


@lru_cache(maxsize=8)
def _numbered(n: int) -> pd.Index:
    """Return the names of the columns of an array."""
    return pd.Index([f"x{i}" for i in range(n)], dtype=object)


def fit_on(stager: BaseStager, rows: Rows) -> BaseStager:
    """Return a copy of the stager that has learnt from these rows."""
    fitted: BaseStager = clone(stager).fit_handed(rows.X, rows.y, rows.context, rows.weight)
    return fitted


def proba_of(
    stager: BaseStager, X: pd.DataFrame, context: pd.DataFrame, classes: NDArray[Any]
) -> FloatArray:
    """Return the probabilities of a fitted stager, one column for each of `classes`."""
    return placed(stager.proba_handed(X, context), stager.classes_, classes)
