"""Matrices of terms: checked, named, and put on one scale for a stable fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import qr

from radiofib._checks import check_1d, check_no_duplicates, check_same_length, list_some
from radiofib.errors import UsageError

__all__ = ["Scaling", "check_terms", "check_weights", "dependent_columns"]

FloatArray = NDArray[np.float64]

#: Share of a standardised column that must not be a combination of others.
_RANK_TOLERANCE = 1e-9


def check_terms(
    X: ArrayLike | pd.DataFrame, names: Sequence[str] | None = None
) -> tuple[FloatArray, tuple[str, ...]]:
    """Return the terms as a finite matrix with names, refusing what no model can use.

    Raises
    ------
    UsageError
        When a value is missing or infinite, a name repeats, or a column is constant or a linear
        combination of others.
    """
    if names is None:
        names = [str(c) for c in X.columns] if isinstance(X, pd.DataFrame) else None
    matrix = np.asarray(X, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] == 0:
        raise UsageError(
            "terms must be a matrix, one row for each case and one column for each term",
            found=str(matrix.shape),
        )
    labels = tuple(names) if names is not None else tuple(f"x{i}" for i in range(matrix.shape[1]))
    if len(labels) != matrix.shape[1]:
        raise UsageError("one name for each term", found=f"{len(labels)} for {matrix.shape[1]}")
    check_no_duplicates(labels, what="term")
    bad = np.argwhere(~np.isfinite(matrix))
    if bad.size:
        row, column = bad[0]
        raise UsageError(
            "terms must be finite",
            where=f"row {row + 1}, term {labels[column]!r}",
            found=f"{matrix[row, column]} ({len(bad)} cells in all)",
            hint="keep complete cases only",
        )
    wrong = dependent_columns(matrix)
    if wrong:
        raise UsageError(
            "terms are constant or linear combinations of others",
            found=list_some(labels[i] for i in wrong),
            hint="leave these terms out",
        )
    return matrix, labels


def check_weights(weights: ArrayLike | None, n: int) -> FloatArray:
    """Return one positive weight for each case; ones when none are given."""
    if weights is None:
        return np.ones(n)
    values = check_1d(weights, "weights")
    check_same_length(weights=values, cases=np.empty(n))
    if values.min() <= 0:
        raise UsageError("weights must be positive", found=f"{values.min():g}")
    return values


def dependent_columns(matrix: FloatArray) -> list[int]:
    """Return the columns that, with an intercept, add nothing to those before them.

    Examples
    --------
    >>> x = np.array([0.0, 1.0, 2.0, 5.0])
    >>> dependent_columns(np.column_stack([x, np.ones(4), 3 * x + 1]))
    [1, 2]
    """
    if matrix.shape[1] == 0:
        return []
    centred = matrix - matrix.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    size = np.maximum(np.abs(matrix).max(axis=0), np.finfo(np.float64).tiny)
    flat = length <= _RANK_TOLERANCE * size
    unit = centred / np.where(flat, 1.0, length)
    unit[:, flat] = 0.0
    r = np.atleast_2d(qr(unit, mode="r")[0])
    left = np.zeros(matrix.shape[1])
    count = min(r.shape)
    left[:count] = np.abs(np.diag(r))[:count]
    return [int(i) for i in np.flatnonzero(left <= _RANK_TOLERANCE)]


@dataclass(frozen=True)
class Scaling:
    """Centre and scale of each column; fits run on ``(x - centre) / scale``.

    Parameters
    ----------
    centre, scale : ndarray of shape (n_terms,)
        Mean and standard deviation (n - 1); a scale is never 0.

    Examples
    --------
    >>> Scaling.of(np.array([[1.0], [3.0]])).apply(np.array([[2.0]])).tolist()
    [[0.0]]
    """

    centre: FloatArray
    scale: FloatArray

    @classmethod
    def of(cls, matrix: FloatArray) -> Scaling:
        """Learn from the columns of `matrix`."""
        spread = matrix.std(axis=0, ddof=1) if len(matrix) > 1 else np.ones(matrix.shape[1])
        return cls(matrix.mean(axis=0), np.where(spread > 0, spread, 1.0))

    def apply(self, matrix: FloatArray) -> FloatArray:
        """Return the standardised columns."""
        return (matrix - self.centre) / self.scale
