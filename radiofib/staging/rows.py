"""Rows of a table on their way through a chain of steps: features, stages, context, weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from radiofib.staging.inputs import StagerInputError

__all__ = ["Rows", "block_of", "inner_folds", "placed"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Training rows: what a step may look at, and what it may change.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_features)
        Features as floats, NaN where missing, index 0 to n_rows - 1.
    y : ndarray of shape (n_rows,)
        Stages.
    context : DataFrame
        Where a row is from (scanner, vendor, patient ...); no features.
    weight : ndarray of shape (n_rows,), optional
        How much a row counts; None when all count the same.

    Examples
    --------
    >>> rows = Rows(pd.DataFrame({"f": [1.0, 2.0]}), np.array(["s1", "s4"]),
    ...             pd.DataFrame({"scanner": ["a", "b"]}))
    >>> rows.take(np.array([1, 1])).frame.to_dict("list")
    {'f': [2.0, 2.0], 'scanner': ['b', 'b']}
    """

    X: pd.DataFrame
    y: NDArray[Any]
    context: pd.DataFrame
    weight: FloatArray | None = None

    @property
    def frame(self) -> pd.DataFrame:
        """Features and context side by side, as a stager takes them."""
        return self.X if self.context.shape[1] == 0 else pd.concat([self.X, self.context], axis=1)

    def take(self, index: NDArray[Any]) -> Self:
        """Return the rows at these positions, in this order, as often as they are named."""
        return replace(
            self,
            X=self.X.iloc[index].reset_index(drop=True),
            y=self.y[index],
            context=self.context.iloc[index].reset_index(drop=True),
            weight=None if self.weight is None else self.weight[index],
        )


def block_of(column: str) -> str:
    """Return the channel of a feature column: the text before its first underscore.

    Examples
    --------
    >>> block_of("ged4_wllh_glszm_zone_percentage")
    'ged4'
    """
    return str(column).partition("_")[0]


def inner_folds(
    y: NDArray[Any], patients: NDArray[Any] | None, folds: int, random_state: int = 0
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Deal training rows into folds once more: by patient, each stage evenly.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        Stages.
    patients : ndarray of shape (n_rows,), optional
        No patient is on both sides; None when every row is a patient of its own.
    folds : int
        Most folds; fewer when a stage has fewer patients.
    random_state : int
        Seed of the dealing.

    Yields
    ------
    train, test : ndarray of int

    Raises
    ------
    StagerInputError
        When a stage has one patient only.

    Examples
    --------
    >>> y = np.array(["s1", "s1", "s4", "s4"])
    >>> [len(test) for _, test in inner_folds(y, np.array(list("abcd")), 5)]
    [2, 2]
    """
    groups = np.arange(len(y)).astype(str) if patients is None else np.asarray(patients, dtype=str)
    holders = {stage: len(set(groups[y == stage])) for stage in np.unique(y).tolist()}
    fewest = min(holders, key=lambda stage: (holders[stage], str(stage)))
    if holders[fewest] < 2:
        raise StagerInputError(
            f"stage {str(fewest)!r} has one training patient: no inner folds can be made",
            expected="two patients of each stage",
            hint="leave that stage out, join stages, or use a setting without inner folds",
        )
    dealer = StratifiedGroupKFold(
        min(folds, holders[fewest]), shuffle=True, random_state=random_state
    )
    yield from dealer.split(np.zeros((len(y), 1)), y, groups)


def placed(proba: FloatArray, seen: NDArray[Any], classes: NDArray[Any]) -> FloatArray:
    """Return probabilities in the columns of `classes`; 0 for a class that was not seen.

    Examples
    --------
    >>> placed(np.array([[0.2, 0.8]]), np.array(["a", "c"]), np.array(["a", "b", "c"])).tolist()
    [[0.2, 0.0, 0.8]]
    """
    wide = np.zeros((len(proba), len(classes)))
    wide[:, np.searchsorted(classes, seen)] = proba
    return wide
