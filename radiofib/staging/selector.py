"""What the steps that keep some columns share: which ones stayed, and why the others left."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib.staging.inputs import StagerInputError
from radiofib.staging.steps import Step

__all__ = ["Choice", "Selector", "patient_means", "stage_codes"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """Which columns stay.

    Parameters
    ----------
    kept : ndarray of bool, shape (n_features,)
    value : ndarray of float, shape (n_features,)
        What each column was judged by; NaN where it could not be.
    reason : list of str
        Why a column leaves; empty for one that stays.
    """

    kept: NDArray[np.bool_]
    value: FloatArray
    reason: list[str]


class Selector(Step):
    """Base of the steps that keep some columns as they are and drop the others.

    A subclass stores its parameters in ``__init__`` and defines ``_choose``.

    Attributes
    ----------
    kept_ : ndarray of int
        Positions of the columns that stay, ascending.
    value_ : ndarray of float
        What each column was judged by.
    reason_ : ndarray of str
        Why each column leaves; empty for one that stays.
    """

    @abstractmethod
    def _choose(self, frame: pd.DataFrame, y: NDArray[Any] | None, context: pd.DataFrame) -> Choice:
        """Decide which columns stay."""

    def _learn(self, frame: pd.DataFrame, y: NDArray[Any] | None, context: pd.DataFrame) -> None:
        choice = self._choose(frame, y, context)
        if not choice.kept.any():
            reasons, counts = np.unique(np.array(choice.reason, dtype=str), return_counts=True)
            raise StagerInputError(
                f"{type(self).__name__} leaves no feature",
                expected="at least one column that stays",
                found=f"{counts.max()} of {frame.shape[1]}: {reasons[counts.argmax()]}",
                hint="lower the threshold, or leave this step out",
            )
        self.kept_ = np.flatnonzero(choice.kept)
        self.value_ = choice.value
        self.reason_ = np.array(choice.reason, dtype=str)

    def _apply(self, frame: pd.DataFrame, context: pd.DataFrame) -> pd.DataFrame:  # noqa: ARG002
        return frame.iloc[:, self.kept_]

    def _names_out(self) -> list[str]:
        names = self._names_in()
        return [names[i] for i in self.kept_.tolist()]

    def table(self) -> pd.DataFrame:
        """Return what became of each column.

        Returns
        -------
        DataFrame
            ``column, kept, value, reason``, in the order of the columns.
        """
        kept = np.zeros(len(self.reason_), dtype=np.bool_)
        kept[self.kept_] = True
        return pd.DataFrame(
            {
                "column": self._names_in(),
                "kept": kept,
                "value": self.value_,
                "reason": self.reason_.astype(object),
            }
        )


def stage_codes(y: NDArray[Any] | None, step: str) -> tuple[NDArray[np.intp], int]:
    """Return the number of each row's stage among the sorted stages, and how many there are.

    Raises
    ------
    StagerInputError
        When there are no stages, or only one.

    Examples
    --------
    >>> stage_codes(np.array(["s4", "s1", "s4"]), "a step")
    (array([1, 0, 1]), 2)
    """
    if y is None:
        raise StagerInputError(
            f"{step} requires y to be passed, but the target y is None",
            hint="give the stages of the training rows",
        )
    stages, codes = np.unique(y, return_inverse=True)
    if stages.size < 2:
        raise StagerInputError(
            f"{step} needs at least two stages, y has 1 class",
            found=f"{stages[0]!r} in all {len(codes)} rows",
        )
    return codes.astype(np.intp), int(stages.size)


def patient_means(
    values: FloatArray, codes: NDArray[np.intp], patients: NDArray[Any] | None
) -> tuple[FloatArray, NDArray[np.intp]]:
    """Return one row for each patient and stage: the mean of the values that are there.

    Ten images of a patient then say as much as one.

    Examples
    --------
    >>> patient_means(np.array([[1.0], [3.0], [5.0]]), np.array([0, 0, 1]), np.array(list("aab")))
    (array([[2.],
           [5.]]), array([0, 1]))
    """
    if patients is None:
        return values, codes
    number = np.unique(patients.astype(str), return_inverse=True)[1]
    both, unit = np.unique(np.column_stack([number, codes]), axis=0, return_inverse=True)
    unit = unit.reshape(-1)
    if len(both) == len(values):
        return values, codes
    order = np.argsort(unit, kind="stable")
    starts = np.searchsorted(unit[order], np.arange(len(both)))
    present = ~np.isnan(values[order])
    total = np.add.reduceat(np.where(present, values[order], 0.0), starts, axis=0)
    count = np.add.reduceat(present.astype(np.float64), starts, axis=0)
    mean = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return mean, both[:, 1].astype(np.intp)
