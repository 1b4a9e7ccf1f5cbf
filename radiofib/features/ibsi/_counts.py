"""Several count matrices at once, of which only the cells that are not 0 are kept.

A matrix of grey levels by anything has mostly empty cells once levels are many; 70,000 levels
would make a co-occurrence matrix of 40 GB. Here a cell is one entry of flat arrays, whichever
matrix it belongs to, and features of all matrices come from sums over these arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["Counts", "Floats", "Integers", "tally"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
#: Cells of a dense table that are always affordable (32 MiB).
_AFFORDABLE = 1 << 22


def tally(codes: Integers, weights: Floats | None = None, *, size: int) -> tuple[Integers, Floats]:
    """Return the codes that occur, ascending, and the sum of their weights (default: 1 each).

    Parameters
    ----------
    codes : ndarray of int64
        Numbers from 0 to ``size - 1``.
    weights : ndarray of float64, optional
        One for each code.
    size : int
        A dense table is used where this is small, else the codes are sorted.

    Examples
    --------
    >>> codes, counts = tally(np.array([7, 3, 7]), size=8)
    >>> codes.tolist(), counts.tolist()
    ([3, 7], [1.0, 2.0])
    >>> tally(np.array([7, 3, 7]), size=1 << 60)[1].tolist()
    [1.0, 2.0]
    """
    if size <= _AFFORDABLE or size <= 2 * codes.size:
        occurs = np.bincount(codes)
        found = np.flatnonzero(occurs).astype(np.int64)
        if weights is None:
            return found, occurs[found].astype(np.float64)
        return found, _added(codes, weights, occurs.size)[found]
    if weights is None:
        found, counts = np.unique(codes, return_counts=True)
        return found, counts.astype(np.float64)
    found, place = np.unique(codes, return_inverse=True)
    return found, _added(place, weights, found.size)


def _added(where: Integers, weights: Floats, size: int) -> Floats:
    return np.asarray(np.bincount(where, weights, minlength=size), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Counts:
    """The cells of several matrices that are not 0, ordered by matrix, row and column.

    Parameters
    ----------
    matrix, row, column : ndarray of int64, shape (n,)
        Where a cell is: number of its matrix, row and column, all from 0.
    count : ndarray of float64, shape (n,)
        What it holds.
    n_voxels : ndarray of float64, shape (n_matrices,)
        Voxels behind each matrix.

    Examples
    --------
    >>> one = np.ones(3, dtype=np.int64)
    >>> counts = Counts.of(np.array([0, 1, 1]), one, 2 * one, n_voxels=np.array([1.0, 2.0]))
    >>> counts.count.tolist(), counts.merged(np.array([0, 0])).count.tolist()
    ([1.0, 2.0], [3.0])
    """

    matrix: Integers
    row: Integers
    column: Integers
    count: Floats
    n_voxels: Floats

    @classmethod
    def of(
        cls,
        matrix: Integers,
        row: Integers,
        column: Integers,
        weights: Floats | None = None,
        *,
        n_voxels: Floats,
    ) -> Counts:
        """Count observations, each of which falls into one cell."""
        rows = int(row.max(initial=0)) + 1
        columns = int(column.max(initial=0)) + 1
        codes = (matrix * rows + row) * columns + column
        found, count = tally(codes, weights, size=n_voxels.size * rows * columns)
        rest, column = np.divmod(found, columns)
        matrix, row = np.divmod(rest, rows)
        return cls(matrix, row, column, count, n_voxels)

    @property
    def n_matrices(self) -> int:
        """Number of matrices, empty ones included."""
        return self.n_voxels.size

    @cached_property
    def totals(self) -> Floats:
        """Sum of each matrix; NaN for an empty one, whose features are then NaN as well."""
        sums = self.sums(self.count)
        return np.where(sums > 0, sums, np.nan)

    @cached_property
    def p(self) -> Floats:
        """Share that each cell has in the sum of its matrix."""
        return self.count / self.totals[self.matrix]

    def sums(self, of_cells: Floats) -> Floats:
        """Return the sum over the cells of each matrix."""
        return _added(self.matrix, of_cells, self.n_matrices)

    def means(self, of_cells: Floats) -> Floats:
        """Return the mean over each matrix, cells weighted by their counts; NaN when empty."""
        return self.sums(self.p * of_cells) / np.where(np.isnan(self.totals), np.nan, 1.0)

    def spread(self, key: Integers, weights: Floats) -> tuple[Integers, Floats]:
        """Return matrix and sum of the weights of each set of cells that share matrix and key."""
        size = int(key.max(initial=0)) + 1
        found, sums = tally(self.matrix * size + key, weights, size=self.n_matrices * size)
        return found // size, sums

    def entropy(self, of: Integers | None = None) -> Floats:
        """Return ``-sum(q log2 q)`` of each matrix in bits, NaN for an empty one.

        q are the shares of the cells, or those of the numbers that cells have in `of`.
        """
        matrix, share = (self.matrix, self.p) if of is None else self.spread(of, self.p)
        total = _added(matrix, -share * np.log2(share), self.n_matrices)
        return np.where(np.isnan(self.totals), np.nan, total + 0.0)

    def non_uniformity(self, of: Integers) -> Floats:
        """Return ``sum(S^2) / N``: S the sums over cells with one number in `of`, N of all."""
        matrix, sums = self.spread(of, self.count)
        return _added(matrix, sums * sums, self.n_matrices) / self.totals

    def merged(self, into: Integers) -> Counts:
        """Add matrices up: number ``m`` goes into matrix ``into[m]``; so do their voxels."""
        n_voxels = _added(into, self.n_voxels, 0)
        return Counts.of(into[self.matrix], self.row, self.column, self.count, n_voxels=n_voxels)
