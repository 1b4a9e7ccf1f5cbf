"""The maximal correlation coefficient of co-occurrence matrices."""

from __future__ import annotations

import numpy as np

from radiofib.features._sums import EPS, Floats

__all__ = ["maximal_correlations"]


def maximal_correlations(p: Floats, px: Floats, py: Floats) -> Floats:
    """Return the maximal correlation coefficient of each direction.

    The square root of the second largest eigenvalue of
    ``Q(i, j) = sum over k of p(i, k) p(j, k) / (px(i) py(k) + eps)``; 1 when there is one level.

    Parameters
    ----------
    p : ndarray of shape (n, n, n_directions)
        Co-occurrence probabilities.
    px, py : ndarray of shape (n, n_directions)
        Row and column sums.

    Examples
    --------
    >>> p = np.array([[0.3, 0.2], [0.2, 0.3]])[:, :, None]
    >>> maximal_correlations(p, p.sum(axis=1), p.sum(axis=0)).round(6).tolist()
    [0.2]
    """
    if np.isnan(p).any():
        return np.full(p.shape[2], np.nan)
    if p.shape[0] < 2:
        return np.ones(max(p.shape[2], 1))
    q = np.zeros_like(p)
    for k in range(p.shape[0]):
        q += p[:, None, k] * p[None, :, k] / (px[:, None] * py[None, None, k] + EPS)
    eigenvalues = np.linalg.eigvals(q.transpose(2, 0, 1))
    eigenvalues.sort()
    return np.asarray(np.sqrt(eigenvalues[:, -2]).real)
