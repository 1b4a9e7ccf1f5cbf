"""Correlations of many columns, each over the rows in which both have values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

__all__ = ["FEWEST_SHARED", "PairwiseColumns", "column_ranks"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

#: Columns that share fewer rows than this (or than all rows) count as uncorrelated.
FEWEST_SHARED = 10
#: Spread, relative to its size, below which a column counts as constant.
_FLAT = 1e-10
#: Pairs of patterns of missing values are worked through one after the other where each has on
#: average at least so many correlations.
_WORTH = 500


def column_ranks(values: FloatArray) -> FloatArray:
    """Return midranks within each column; NaN stays NaN.

    Examples
    --------
    >>> column_ranks(np.array([[5.0], [np.nan], [2.0], [5.0]])).ravel().tolist()
    [2.5, nan, 1.0, 2.5]
    """
    missing = np.isnan(values)
    # Infinity comes last, so that the ranks of the others are those without it.
    ranks: FloatArray = rankdata(np.where(missing, np.inf, values), axis=0).astype(np.float64)
    ranks[missing] = np.nan
    return ranks


class PairwiseColumns:
    r"""Columns made ready for correlations over the rows that two of them share.

    With :math:`m` marking the values that are there and the columns centred, scaled and 0 where
    missing,

    .. math:: r_{ab} = \frac{n S_{ab} - S_a S_b}
              {\sqrt{(n S_{aa} - S_a^2)(n S_{bb} - S_b^2)}}, \quad n = \sum m_a m_b, \;
              S_a = \sum a\, m_b, \; S_{aa} = \sum a^2 m_b, \; S_{ab} = \sum a b .

    These sums are matrix products; those with masks are taken once for each different pattern
    of missing values, of which there are few where whole channels are missing.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
        NaN where missing. For rank correlation give :func:`column_ranks`: ranks are then those
        among all values of a column, also where the other column misses some.

    Examples
    --------
    >>> table = np.column_stack([np.arange(12.0), np.arange(12.0) ** 2])
    >>> table[:2, 0] = np.nan
    >>> PairwiseColumns(table).block(np.array([0]), np.arange(2)).round(3).tolist()
    [[1.0, 0.982]]
    """

    def __init__(self, values: FloatArray) -> None:
        present = ~np.isnan(values)
        count = np.maximum(present.sum(axis=0), 1)
        centred = np.where(present, values, 0.0)
        size = np.abs(centred).max(axis=0, initial=0.0)
        centred -= centred.sum(axis=0) / count
        centred[~present] = 0.0
        spread = np.sqrt((centred**2).sum(axis=0) / count)
        flat = spread <= _FLAT * size
        self.columns = centred / np.where(flat, 1.0, spread)
        self.columns[:, flat] = 0.0
        self.complete = bool(present.all())
        packed = np.packbits(present, axis=0).T
        _, first, pattern = np.unique(packed, axis=0, return_index=True, return_inverse=True)
        self.pattern: IndexArray = pattern.reshape(-1).astype(np.intp)
        self.masks: FloatArray = present[:, first].astype(np.float64)
        self.fewest = min(FEWEST_SHARED, len(values))
        self._squares: FloatArray | None = None
        self._by_pattern: dict[int, tuple[FloatArray, FloatArray]] = {}

    @property
    def n_columns(self) -> int:
        """Number of columns."""
        return int(self.columns.shape[1])

    def block(self, rows: IndexArray, columns: IndexArray) -> FloatArray:
        """Return the correlations of some columns with others, of shape (rows, columns)."""
        if self.complete:
            found: FloatArray = self.columns[:, rows].T @ self.columns[:, columns]
            found /= len(self.columns)
            return found.clip(-1.0, 1.0, out=found)
        above, left = _groups(self.pattern[rows])
        beside, right = _groups(self.pattern[columns])
        if len(left) * len(right) * _WORTH > len(rows) * len(columns):
            return self._each(rows, columns, (above, left), (beside, right))
        found = np.empty((len(rows), len(columns)))
        for pattern, places in zip(above.tolist(), left, strict=True):
            for other, across in zip(beside.tolist(), right, strict=True):
                found[np.ix_(places, across)] = self._rectangle(
                    rows[places], columns[across], self.masks[:, pattern], self.masks[:, other]
                )
        return found

    def _rectangle(
        self, rows: IndexArray, columns: IndexArray, mask: FloatArray, other: FloatArray
    ) -> FloatArray:
        """Return the correlations of columns of one pattern with those of another."""
        n = float(mask @ other)
        left, right = self.columns[:, rows], self.columns[:, columns]
        shift_l, scale_l = _moments(n, other @ left, other @ left**2, self.fewest)
        shift_r, scale_r = _moments(n, mask @ right, mask @ right**2, self.fewest)
        found: FloatArray = (left * scale_l).T @ (right * scale_r)
        found -= np.outer(shift_l * scale_l, shift_r * scale_r)
        return found.clip(-1.0, 1.0, out=found)

    def _each(
        self,
        rows: IndexArray,
        columns: IndexArray,
        above: tuple[IndexArray, list[IndexArray]],
        beside: tuple[IndexArray, list[IndexArray]],
    ) -> FloatArray:
        """Return the correlations where (nearly) every column misses other values."""
        left, right = self.columns[:, rows], self.columns[:, columns]
        mask_l, mask_r = self.masks[:, above[0]], self.masks[:, beside[0]]
        of_l, of_r = _places(above[1], len(rows)), _places(beside[1], len(columns))
        n = (mask_l.T @ mask_r)[of_l]
        shift_l, scale_l = _moments(n, left.T @ mask_r, (left**2).T @ mask_r, self.fewest)
        n = (mask_r.T @ mask_l)[of_r]
        shift_r, scale_r = _moments(n, right.T @ mask_l, (right**2).T @ mask_l, self.fewest)
        found: FloatArray = left.T @ right
        found -= shift_l[:, of_r] * shift_r[:, of_l].T
        found *= scale_l[:, of_r]
        found *= scale_r[:, of_l].T
        return found.clip(-1.0, 1.0, out=found)

    def one(self, column: int) -> FloatArray:
        """Return the correlations of one column with all; sums with masks are remembered."""
        this = self.columns[:, column]
        found: FloatArray = this @ self.columns
        if self.complete:
            found /= len(this)
            return found.clip(-1.0, 1.0, out=found)
        pattern = int(self.pattern[column])
        mask = self.masks[:, pattern]
        n = mask @ self.masks
        if pattern not in self._by_pattern:
            if self._squares is None:
                self._squares = self.columns**2
            self._by_pattern[pattern] = _moments(
                n[self.pattern], mask @ self.columns, mask @ self._squares, self.fewest
            )
        shift, scale = self._by_pattern[pattern]
        own_shift, own_scale = _moments(n, this @ self.masks, this**2 @ self.masks, self.fewest)
        found -= shift * own_shift[self.pattern]
        found *= scale * own_scale[self.pattern]
        return found.clip(-1.0, 1.0, out=found)


def _moments(
    n: FloatArray | float, total: FloatArray, square: FloatArray, fewest: int
) -> tuple[FloatArray, FloatArray]:
    """Return the sum over root n, and one over the root of the sum of squares about the mean.

    The latter is 0 where too few rows are shared, or nothing varies in them.
    """
    shift: FloatArray = total / np.sqrt(np.maximum(n, 1.0))
    left = square - shift**2
    # n is what is left of a column that is spread over the shared rows as over all.
    fine = (np.asarray(n) >= fewest) & (left > _FLAT * n)
    scale: FloatArray = np.where(fine, 1.0 / np.sqrt(np.where(fine, left, 1.0)), 0.0)
    return shift, scale


def _groups(pattern: IndexArray) -> tuple[IndexArray, list[IndexArray]]:
    """Return the patterns that occur, and the places of each."""
    order = np.argsort(pattern, kind="stable")
    starts = np.flatnonzero(np.diff(pattern[order])) + 1
    parts = np.split(order, starts)
    return pattern[order[np.concatenate([[0], starts])]], parts


def _places(parts: list[IndexArray], n: int) -> IndexArray:
    """Return for each place the number of the part that holds it."""
    found = np.empty(n, dtype=np.intp)
    for number, part in enumerate(parts):
        found[part] = number
    return found
