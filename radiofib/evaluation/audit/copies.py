"""Rows that share values with another: whole copies, and rows drawn from one image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["FEWEST_COLUMNS", "exact_pairs", "robust", "shared_values", "telling"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
#: Values this near, in robust standard deviations, are the same number written twice.
_SAME = 1e-6
#: Share of shared columns that must be equal in an exact copy: an age may have been corrected.
_EQUAL = 0.9
#: A column tells rows apart when at least this share of its values are different.
_TELLING = 0.9
#: Fewer telling columns than this prove nothing.
FEWEST_COLUMNS = 3
#: Columns in which two rows must share a value of their own.
_FEWEST_SHARED = 5
#: Rows after a row, in the order of the hash, that it is compared with.
_AHEAD = 3


def robust(X: FloatArray) -> FloatArray:
    """Return columns in robust standard deviations, constant ones left out; NaN stays NaN.

    The centre is the median, the scale the interquartile range over 1.349, or the standard
    deviation where the former vanishes.

    Examples
    --------
    >>> robust(np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]])).round(3).tolist()
    [[-1.349], [0.0], [1.349]]
    """
    X = X[:, ~np.isnan(X).all(axis=0)]
    if X.shape[1] == 0:
        return X
    low, middle, high = np.nanquantile(X, [0.25, 0.5, 0.75], axis=0)
    scale, spread = (high - low) / 1.349, np.nanstd(X, axis=0)
    scale = np.where(scale > 1e-12 * np.abs(middle), scale, spread)
    useful = np.isfinite(scale) & (scale > 1e-12 * np.abs(middle))
    result: FloatArray = (X[:, useful] - middle[useful]) / scale[useful]
    return result


def exact_pairs(X: FloatArray) -> tuple[IntArray, IntArray, int]:
    """Return copies of rows, how many columns agree in each, and of how many.

    Each pair is a row and a later one that repeats it; five equal rows are four pairs.

    Rows are hashed by two random projections of their robustly standardised values, sorted, and
    neighbours in that order compared value by value; so files that differ in the last digits
    still match, and the cost is that of sorting. Rows agree when nine in ten of the columns that
    both have are equal. Columns in which values repeat (grades, counts) prove nothing: only
    those count in which nine in ten values of different rows differ, and there must be three of
    them, else no pair is returned and the last number is 0.

    Parameters
    ----------
    X : ndarray of shape (n, p)

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(20, 6))
    >>> X[7] = X[3] * (1 + 1e-9)
    >>> pairs, equal, columns = exact_pairs(X)
    >>> pairs.tolist(), equal.tolist(), columns
    ([[3, 7]], [6], 6)
    """
    Z = robust(X)
    Z = Z[:, telling(Z)]
    if Z.shape[1] < FEWEST_COLUMNS or len(Z) < 2:
        return np.empty((0, 2), dtype=np.intp), np.empty(0, dtype=np.intp), 0
    # Blocks of columns, so that one column that differs does not hide the others.
    parts = np.array_split(np.arange(Z.shape[1]), min(12, Z.shape[1]))
    candidates = set().union(*(_candidates(Z[:, part], k) for k, part in enumerate(parts)))
    first = np.arange(len(Z))
    for i, j in sorted(candidates):
        if first[i] != first[j] and _equal(Z[i], Z[j]):
            first[first == first[j]] = first[i]
    copies = np.flatnonzero(first != np.arange(len(Z)))
    pairs = np.column_stack([first[copies], copies]).astype(np.intp)
    counts = [int((np.abs(Z[i] - Z[j]) <= _SAME).sum()) for i, j in pairs]
    return pairs, np.array(counts, dtype=np.intp), Z.shape[1]


def _equal(one: FloatArray, two: FloatArray) -> bool:
    shared = ~np.isnan(one) & ~np.isnan(two)
    equal = int((np.abs(one[shared] - two[shared]) <= _SAME).sum())
    enough = shared.sum() >= max(FEWEST_COLUMNS, 0.5 * len(shared))
    return bool(enough and equal >= _EQUAL * shared.sum())


def telling(Z: FloatArray) -> NDArray[np.bool_]:
    """Tell which columns hold mostly different values among rows that are not all the same."""
    if Z.shape[1] == 0:
        return np.zeros(0, dtype=np.bool_)
    filled = np.round(np.where(np.isnan(Z), np.inf, Z), 6)
    distinct = np.unique(filled, axis=0)
    result = np.zeros(Z.shape[1], dtype=np.bool_)
    for k, column in enumerate(distinct.T):
        known = column[np.isfinite(column)]
        result[k] = known.size > 1 and np.unique(known).size >= _TELLING * known.size
    return result


def _candidates(Z: FloatArray, number: int) -> set[tuple[int, int]]:
    """Return pairs whose two projections agree; only rows with all values of the block."""
    whole = np.flatnonzero(~np.isnan(Z).any(axis=1))
    if whole.size < 2:
        return set()
    rng = np.random.default_rng(number)
    weights = rng.standard_normal((Z.shape[1], 2))
    hashed = Z[whole] @ weights
    near = _SAME * np.abs(weights).sum(axis=0)
    order = np.argsort(hashed[:, 0], kind="stable")
    found: set[tuple[int, int]] = set()
    for place, row in enumerate(order.tolist()):
        for other in order[place + 1 : place + 1 + _AHEAD].tolist():
            if hashed[other, 0] - hashed[row, 0] > near[0]:
                break
            if abs(hashed[other, 1] - hashed[row, 1]) <= near[1]:
                i, j = sorted((int(whole[row]), int(whole[other])))
                found.add((i, j))
    return found


def shared_values(X: FloatArray, owner: IntArray) -> tuple[IntArray, IntArray]:
    """Return pairs of rows of different patients that share values no one else has.

    Two contours drawn on one image differ in most features and yet share extremes of the image
    and of its filtered maps to the last digit. A pair counts when it shares values in at least
    five columns and one in a hundred. Columns of whole numbers and columns whose values repeat
    are left out: there, equal values are chance.

    Returns
    -------
    pairs : ndarray of int, shape (m, 2)
    counts : ndarray of int, shape (m,)
        Columns in which they share a value.

    Examples
    --------
    >>> X = np.random.default_rng(2).normal(size=(30, 40))
    >>> X[5, :8] = X[2, :8]
    >>> pairs, counts = shared_values(X, np.arange(30))
    >>> pairs.tolist(), counts.tolist()
    ([[2, 5]], [8])
    """
    whole = ((np.floor(X) == X) | np.isnan(X)).all(axis=0)
    Z = robust(X[:, ~whole])
    Z = Z[:, telling(Z)]
    found: dict[tuple[int, int], int] = {}
    for column in Z.T:
        order = np.argsort(column, kind="stable")[: int((~np.isnan(column)).sum())]
        gaps = np.diff(column[order])
        same = gaps <= 1e-9 * np.maximum(1.0, np.abs(column[order[1:]]))
        # Three rows and more with one value share a limit, such as zero.
        alone = same & ~np.r_[False, same[:-1]] & ~np.r_[same[1:], False]
        for place in np.flatnonzero(alone):
            i, j = sorted((int(order[place]), int(order[place + 1])))
            if owner[i] != owner[j]:
                found[i, j] = found.get((i, j), 0) + 1
    least = max(_FEWEST_SHARED, 0.01 * Z.shape[1])
    keys = sorted(key for key, count in found.items() if count >= least)
    counts = np.array([found[key] for key in keys], dtype=np.intp)
    return np.array(keys, dtype=np.intp).reshape(-1, 2), counts
