"""Variances of estimates whose errors are sums over independent patients."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiofib.stats.estimate import check_clusters

__all__ = ["influence_covariance"]

FloatArray = NDArray[np.float64]


def influence_covariance(
    influence: FloatArray, classes: ArrayLike, clusters: ArrayLike | None = None
) -> FloatArray:
    r"""Return the covariance of estimates whose errors are sums over independent patients.

    .. math:: \sum_c \frac{I_c}{I_c - 1} \sum_i a_{ci} a_{ci}^T
              + \frac{I}{I - 1} \sum_{c \ne d} \sum_i a_{ci} a_{di}^T

    with :math:`a_{ci}` the sum of the influences of patient i in class c.

    Parameters
    ----------
    influence : ndarray of shape (n, k)
        Share of each case in the error of each of k estimates.
    classes : array-like, shape (n,)
        Class of each case.
    clusters : array-like, optional
        Patient of each case; each case is a patient by default.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 4.0, 5.0])
    >>> found = influence_covariance(((x - x.mean()) / 4)[:, None], [0, 0, 0, 0])
    >>> bool(np.isclose(found[0, 0], x.var(ddof=1) / 4))
    True
    """
    codes = np.unique(np.asarray(classes), return_inverse=True)[1]
    kinds = range(int(codes.max()) + 1)
    if clusters is None:
        parts = [influence[codes == c] for c in kinds]
        return _total([_corrected(len(a)) * (a.T @ a) for a in parts])
    patients = check_clusters(clusters, codes.size)
    count = int(patients.max()) + 1
    sums = [_sums(influence, patients, codes == c, count) for c in kinds]
    sizes = [np.unique(patients[codes == c]).size for c in kinds]
    within = [a.T @ a for a in sums]
    whole = _total(sums)
    between = whole.T @ whole - _total(within)
    total = _total([_corrected(n) * w for n, w in zip(sizes, within, strict=True)])
    return total + _corrected(count) * between if count > 1 else total


def _total(parts: list[FloatArray]) -> FloatArray:
    return np.asarray(np.sum(parts, axis=0), dtype=np.float64)


def _corrected(count: int) -> float:
    return count / (count - 1) if count > 1 else math.nan


def _sums(
    influence: FloatArray, codes: NDArray[np.intp], rows: NDArray[np.bool_], count: int
) -> FloatArray:
    columns = [np.bincount(codes[rows], weights=c[rows], minlength=count) for c in influence.T]
    return np.column_stack(columns)
