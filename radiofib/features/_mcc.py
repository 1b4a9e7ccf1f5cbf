"""The maximal correlation coefficient of co-occurrence matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.features._sums import EPS, Floats

__all__ = ["maximal_correlations"]

#: Squared correlation below which rounding decides the ninth digit.
_WEAK = 1e-6


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
    by_direction = p.transpose(2, 0, 1)
    weights = 1 / (px.T[:, :, None] * py.T[:, None, :] + EPS)
    second = _second(by_direction * weights @ by_direction.transpose(0, 2, 1))
    # Close to independence the root magnifies rounding: sum there in pyradiomics' order.
    weak = (second.real < _WEAK) | (second.imag != 0)
    if weak.any():
        second = second.astype(np.complex128)
        second[weak] = _second(_sum_in_order(p[:, :, weak], px[:, weak], py[:, weak]))
        if not second.imag.any():
            second = second.real
    return np.asarray(np.sqrt(second).real)


def _sum_in_order(p: Floats, px: Floats, py: Floats) -> Floats:
    q = np.zeros_like(p)
    for k in range(p.shape[0]):
        q += p[:, None, k] * p[None, :, k] / (px[:, None] * py[None, None, k] + EPS)
    return q.transpose(2, 0, 1)


def _second(q: Floats) -> NDArray[Any]:
    """Return the second largest eigenvalue of each matrix, complex where rounding made it so."""
    eigenvalues = np.linalg.eigvals(q)
    eigenvalues.sort()
    return np.asarray(eigenvalues[:, -2])
