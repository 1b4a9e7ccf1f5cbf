"""Rows that are nearer to another than neighbours ever are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiofib.evaluation.audit.copies import FEWEST_COLUMNS, robust, telling

__all__ = ["ALPHA", "Neighbours", "near_pairs"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
#: Chance, over the whole table, that an innocent pair is called a near copy.
ALPHA = 0.001
_NEIGHBOURS = 10
#: Rows that are compared column by column with each row.
_COMPARED = 40
#: Share of the columns, those that differ most, that a distance leaves out.
_TRIM = 0.1
_CHUNK = 8_000_000


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Nearest rows of other patients, and how surprising the nearest of them is.

    Parameters
    ----------
    pairs : ndarray of int, shape (m, 2)
        Rows and their nearest, where the chance is below the limit; each pair once.
    distance, usual : ndarray, shape (m,)
        Distance of the pair, and median distance of nearest neighbours.
    p : ndarray, shape (m,)
        Chance of so near a neighbour at this place, corrected for the number of rows.
    dimension : float
        Number of directions in which the rows spread; NaN when it cannot be told.
    """

    pairs: IntArray
    distance: FloatArray
    usual: FloatArray
    p: FloatArray
    dimension: float


def near_pairs(X: FloatArray, owner: IntArray, alpha: float = ALPHA) -> Neighbours:
    r"""Return rows of different patients that are nearer than neighbours ever are.

    Columns become robust standard scores with their tails drawn in (``arsinh``); columns whose
    values repeat are left out as in :func:`exact_pairs`. A distance is the root mean square over
    the columns that both rows have, the tenth with the largest differences left out, so that one
    column that was changed does not hide a copy. Let r be the ratio of the distance to the
    nearest row and to the k-th nearest. Where rows lie evenly in D directions, :math:`r^D` is
    the smallest of k - 1 uniform numbers, so

    .. math:: P(r) = 1 - (1 - r^D)^{k-1}

    D is the number for which half of the rows lie on either side of P = 1/2; a few copies do
    not move it. Copies are the pairs with n P below `alpha`, n being the number of rows. The
    ratio is local: crowded and lonely places of the table are judged by their own.

    Parameters
    ----------
    X : ndarray of shape (n, p)
    owner : ndarray of int
        Patient of each row; rows of one patient are not compared.
    alpha : float
        Chance of any false pair in the whole table.

    References
    ----------
    Facco E et al. Sci Rep 2017;7:12140 (ratios of neighbour distances and dimension).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> X = rng.normal(size=(80, 8))
    >>> X[9] = X[4] + 0.01 * rng.normal(size=8)
    >>> near_pairs(X, np.arange(80)).pairs.tolist()
    [[4, 9]]
    """
    nothing = np.empty((0, 2), dtype=np.intp)
    blank = np.empty(0)
    Z = _scores(X)
    n = len(Z)
    k = min(_NEIGHBOURS, (n - 1) // 3)
    if Z.shape[1] < FEWEST_COLUMNS or k < 3:
        return Neighbours(nothing, blank, blank, blank, np.nan)
    nearest, first, kth = _nearest(Z, owner, k)
    usable = np.isfinite(first) & np.isfinite(kth) & (kth > 0)
    ratio = np.where(usable, first / np.where(usable, kth, 1.0), 1.0)
    apart = ratio[usable & (first > 0)]
    if apart.size < 12:
        return Neighbours(nothing, blank, blank, blank, np.nan)
    middle = min(float(np.median(apart)), 1 - 1e-9)
    dimension = float(np.log(1 - 0.5 ** (1 / (k - 1))) / np.log(middle))
    chance = np.where(
        usable, -np.expm1((k - 1) * np.log1p(-(ratio**dimension).clip(0, 1 - 1e-15))), 1.0
    )
    chance = np.minimum(1.0, chance * usable.sum())
    usual = float(np.median(first[usable]))
    found: dict[tuple[int, int], tuple[float, float]] = {}
    for i in np.flatnonzero(chance < alpha):
        a, b = sorted((int(i), int(nearest[i])))
        known = found.get((a, b), (np.inf, 1.0))
        found[a, b] = (float(first[i]), min(known[1], float(chance[i])))
    keys = sorted(found)
    return Neighbours(
        np.array(keys, dtype=np.intp).reshape(-1, 2),
        np.array([found[key][0] for key in keys]),
        np.full(len(keys), usual),
        np.array([found[key][1] for key in keys]),
        dimension,
    )


def _scores(X: FloatArray) -> FloatArray:
    """Return robust standard scores with long tails drawn in: ``arsinh``; small gaps stay small."""
    Z = robust(X)
    return np.arcsinh(Z[:, telling(Z)])


def _nearest(Z: FloatArray, owner: IntArray, k: int) -> tuple[IntArray, FloatArray, FloatArray]:
    """Return the nearest row of another patient, its distance, and that of the k-th nearest.

    Plain distances choose the rows that are then compared column by column.
    """
    known = ~np.isnan(Z)
    filled, there = np.where(known, Z, 0.0), known.astype(np.float64)
    squares = filled**2
    n, width = Z.shape
    most = min(n - 1, _COMPARED)
    nearest = np.zeros(n, dtype=np.intp)
    first, kth = np.full(n, np.inf), np.full(n, np.inf)
    step = max(1, _CHUNK // n)
    for begin in range(0, n, step):
        part = slice(begin, begin + step)
        shared = there[part] @ there.T
        total = squares[part] @ there.T + there[part] @ squares.T - 2 * filled[part] @ filled.T
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = np.maximum(total, 0.0) / shared
        distance[(shared < 0.5 * width) | (owner[part, None] == owner[None, :])] = np.inf
        chosen = np.argpartition(distance, most - 1, axis=1)[:, :most]
        usable = np.isfinite(np.take_along_axis(distance, chosen, axis=1))
        for row, others in enumerate(chosen):
            i = begin + row
            rows = others[usable[row]]
            if rows.size == 0:
                continue
            close = _trimmed(Z[rows] - Z[i])
            place = int(np.lexsort((rows, close))[0])
            nearest[i], first[i] = rows[place], close[place]
            if rows.size >= k:
                kth[i] = np.partition(close, k - 1)[k - 1]
    first[first < 1e-9] = 0.0
    return nearest, first, kth


def _trimmed(differences: FloatArray) -> FloatArray:
    """Return the root mean square of each row's differences without the largest tenth."""
    squared = np.sort(differences**2, axis=1)
    count = (~np.isnan(squared)).sum(axis=1)
    kept = np.ceil((1 - _TRIM) * count).astype(np.intp)
    total = np.cumsum(np.nan_to_num(squared), axis=1)
    result: FloatArray = np.sqrt(total[np.arange(len(squared)), kept - 1] / kept)
    return result
