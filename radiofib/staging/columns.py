"""Means, medians and deviations of columns from the values that are there; directions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["column_deviations", "column_means", "column_medians", "principal_directions"]

FloatArray = NDArray[np.float64]


def column_means(values: FloatArray, empty: float = np.nan) -> FloatArray:
    """Return the mean of each column's values.

    Parameters
    ----------
    values : ndarray of shape (n, p)
        NaN where missing.
    empty : float
        For a column without any value.

    Examples
    --------
    >>> column_means(np.array([[1.0, np.nan], [4.0, np.nan]]), 0.0).tolist()
    [2.5, 0.0]
    """
    seen = ~np.isnan(values)
    if seen.all() and len(values):
        return values.mean(axis=0)  # type: ignore[no-any-return]
    count = seen.sum(axis=0)
    means = np.where(seen, values, 0.0).sum(axis=0) / np.maximum(count, 1)
    return np.where(count > 0, means, empty)


def column_medians(values: FloatArray, empty: float = np.nan) -> FloatArray:
    """Return the median of each column's values.

    Parameters
    ----------
    values : ndarray of shape (n, p)
        NaN where missing.
    empty : float
        For a column without any value.

    Examples
    --------
    >>> column_medians(np.array([[1.0, np.nan], [4.0, np.nan], [np.nan, np.nan]]), 0.0).tolist()
    [2.5, 0.0]
    """
    count = (~np.isnan(values)).sum(axis=0)
    if not count.any():
        return np.full(values.shape[1], empty)
    # Sorting whole columns in one piece is several times faster than numpy's nanmedian.
    ordered = np.sort(np.ascontiguousarray(values.T), axis=1)
    column = np.arange(count.size)
    low, high = np.maximum((count - 1) // 2, 0), np.minimum(count // 2, len(values) - 1)
    middle = ordered[column, low] / 2 + ordered[column, high] / 2
    return np.where(count > 0, middle, empty)


def column_deviations(values: FloatArray, centre: FloatArray) -> FloatArray:
    """Return the root mean square distance of each column's values from a centre.

    It is 0 for a constant column, whose mean rounding may have moved, and NaN without a value.

    Examples
    --------
    >>> column_deviations(np.array([[1.0, 0.1], [3.0, 0.1], [np.nan, 0.1]]), np.array([2.0, 0.1]))
    array([1., 0.])
    """
    found = np.sqrt(column_means((values - centre) ** 2))
    # What rounding leaves of a constant column.
    return np.where(found <= 1e-14 * np.abs(centre), 0.0, found)


def principal_directions(centred: FloatArray, most: int) -> FloatArray:
    """Return the directions of the largest variance, the largest first.

    Parameters
    ----------
    centred : ndarray of shape (n, p)
        Columns of mean 0, complete.
    most : int
        Most directions; fewer when the rows differ in fewer.

    Returns
    -------
    ndarray of shape (p, k)
        Of length 1 and at right angles; the largest entry of each is positive.

    Examples
    --------
    >>> principal_directions(np.array([[-1.0, -2.0], [1.0, 2.0]]), 2).round(3).tolist()
    [[0.447], [0.894]]
    """
    n, p = centred.shape
    if n < 2:
        return np.zeros((p, 0))
    wide = p > n
    sizes, turned = np.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
    kept = sizes > 1e-10 * max(float(sizes.max(initial=0.0)), 1e-300)
    found = turned[:, kept][:, ::-1][:, :most]
    if wide:
        found = centred.T @ (found / np.sqrt(sizes[kept][::-1][:most]))
    # The sign of a direction is arbitrary; fix it, or two machines could differ.
    top = found[np.abs(found).argmax(axis=0), np.arange(found.shape[1])]
    signed: FloatArray = found * np.where(top < 0, -1.0, 1.0)
    return signed
