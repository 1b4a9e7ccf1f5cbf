"""Three co-occurrence features where rounding decides: summed in pyradiomics' own order.

Where the levels of two neighbours are independent of one another, the second information measure
is the root of a difference of equal numbers, the maximal correlation coefficient the root of an
eigenvalue that is zero, and a correlation may be a quotient of two zeros. What pyradiomics
returns there is rounding noise of up to 1e-8, or NaN, which it leaves out of the mean over
directions. To return the same, these few matrices are taken through the same sums.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.features._sums import EPS, plog

__all__ = ["correlations", "information_measures", "maximal_correlations", "normalised", "ranked"]

Floats = NDArray[np.float64]


def normalised(
    counts: NDArray[Any], *, symmetrical: bool = True, weights: Floats | None = None
) -> Floats:
    """Return probabilities from counts of pairs.

    Parameters
    ----------
    counts : ndarray of shape (n_levels, n_levels, n_matrices, n_directions)
        Counts; one direction, or all of them with weights.
    symmetrical : bool
        Count each pair both ways.
    weights : ndarray of shape (n_directions,), optional
        Merge the directions.

    Returns
    -------
    ndarray of shape (n_levels, n_levels, n_matrices)

    Examples
    --------
    >>> normalised(np.array([[1, 1], [0, 2]])[:, :, None, None])[:, :, 0].tolist()
    [[0.25, 0.125], [0.125, 0.5]]
    """
    pairs = counts.astype(np.float64)
    if symmetrical:
        pairs = pairs + pairs.transpose(1, 0, 2, 3)
    one = pairs[..., 0] if weights is None else np.sum(pairs * weights, axis=3)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(one / np.sum(one, axis=(0, 1)))


def ranked(levels: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the rank of each level among those of its row, and the levels of each row.

    Parameters
    ----------
    levels : ndarray of shape (n, n_window)
        Grey levels, 0 for what does not count.

    Returns
    -------
    ndarray of shape (n, n_window), ndarray of shape (n_ranks, n)
        Ranks from 0, -1 for what does not count; levels, 0 where a row has no more.

    Examples
    --------
    >>> rank, grey = ranked(np.array([[7, 0, 2, 7], [3, 3, 3, 3]], dtype=np.int32))
    >>> rank.tolist(), grey.tolist()
    ([[1, -1, 0, 1], [0, 0, 0, 0]], [[2, 3], [7, 0]])
    """
    order = np.argsort(levels, axis=1, kind="stable")
    ascending = np.take_along_axis(levels, order, axis=1)
    new = ascending > 0
    new[:, 1:] &= ascending[:, 1:] != ascending[:, :-1]
    place = np.cumsum(new, axis=1) - 1
    grey = np.zeros((int(place.max(initial=0)) + 1, len(levels)), np.int32)
    row, column = np.nonzero(new)
    grey[place[row, column], row] = ascending[row, column]
    rank = np.empty_like(place)
    np.put_along_axis(rank, order, np.where(ascending > 0, place, -1), axis=1)
    return rank, grey


def correlations(p: Floats, grey_levels: NDArray[np.integer]) -> Floats:
    """Return the correlation of each matrix, 1 where a deviation is exactly 0.

    Parameters
    ----------
    p : ndarray of shape (n_levels, n_levels, n_matrices)
        Probabilities.
    grey_levels : ndarray of shape (n_levels, n_matrices)
        Grey levels of the rows and columns of each matrix.

    Examples
    --------
    >>> correlations(np.array([[0.5, 0], [0, 0.5]])[:, :, None], np.array([[1], [3]])).round(9)
    array([1.])
    """
    levels = grey_levels.astype(np.float64)
    i, j = levels[:, None], levels[None]
    ux = np.sum(i * p, axis=(0, 1), keepdims=True)
    uy = np.sum(j * p, axis=(0, 1), keepdims=True)
    sx = np.sum(p * (i - ux) ** 2, axis=(0, 1)) ** 0.5
    sy = np.sum(p * (j - uy) ** 2, axis=(0, 1)) ** 0.5
    found = np.sum(p * (i - ux) * (j - uy), axis=(0, 1)) / (sx * sy + EPS)
    found[sx * sy == 0] = 1
    return np.asarray(found)


def information_measures(p: Floats) -> Floats:
    """Return the second information measure of each matrix; NaN where rounding makes it so.

    Examples
    --------
    >>> information_measures(np.full((2, 2, 2), 0.25))
    array([0., 0.])
    """
    product = p.sum(axis=1, keepdims=True) * p.sum(axis=0, keepdims=True)
    joint = -np.sum(plog(p), axis=(0, 1))
    independent = -np.sum(plog(product), axis=(0, 1))
    with np.errstate(invalid="ignore"):
        found = (1 - np.e ** (-2 * (independent - joint))) ** 0.5
    found[independent == joint] = 0
    return np.asarray(found)


def maximal_correlations(p: Floats, *, roots_of_negatives: bool = False) -> Floats:
    """Return the maximal correlation coefficient of each matrix.

    Where a region has three levels and more, numpy finds complex eigenvalues somewhere in its
    map, so that all are complex and the real part of the root of a negative one is 0. With two
    levels it never does, and with `roots_of_negatives` the root is NaN.

    Examples
    --------
    >>> maximal_correlations(np.array([[0.3, 0.2], [0.2, 0.3]])[:, :, None]).round(9)
    array([0.2])
    """
    px, py = p.sum(axis=1), p.sum(axis=0)
    bad = np.isnan(px).any(axis=0)
    q = np.zeros_like(p)
    for k in range(p.shape[0]):
        q += p[:, None, k] * p[None, :, k] / (px[:, None] * py[None, None, k] + EPS)
    q[:, :, bad] = 0
    eigenvalues = np.linalg.eigvals(q.transpose(2, 0, 1))
    eigenvalues.sort(axis=1)
    second = eigenvalues[:, -2]
    if not roots_of_negatives:
        second = second.astype(np.complex128)
    with np.errstate(invalid="ignore"):
        found = np.asarray(np.sqrt(second).real)
    found[bad] = np.nan
    return found
