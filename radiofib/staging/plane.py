"""Directions in which training cases vary together; how far a case lies along and off them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["NORMAL_IQR", "Plane"]

FloatArray = NDArray[np.float64]

#: Interquartile range of a normal variable of standard deviation 1.
NORMAL_IQR = 1.3489795
#: Deviation from which on a value counts by its logarithm.
_KNEE = 3.0
#: Decimals of a distance: what is beyond depends on how many rows are multiplied at once.
_DECIMALS = 9


@dataclass(frozen=True, eq=False)
class Plane:
    r"""Robustly scaled columns and the directions in which they vary together.

    A value x of a column becomes :math:`z = (x - m) / s`, m the median and s the interquartile
    range over 1.35 (the standard deviation where that is 0), and beyond c = 3 on either side
    :math:`\pm c (1 + \log(|z| / c))`, so that heavy tails rule neither directions nor distances.
    Missing values are 0. With the leading directions P of the centred z, and their variances,

    .. math:: T^2 = \sum_j t_j^2 / \lambda_j, \quad t = P (z - \bar z), \qquad
              Q = \lVert (z - \bar z) - P^\top t \rVert^2

    Parameters
    ----------
    median, scale, mean : ndarray of shape (p,)
        Scale 0 for a column that is constant in training; it is left out.
    components : ndarray of shape (k, p)
    variances : ndarray of shape (k,)
    """

    median: FloatArray
    scale: FloatArray
    mean: FloatArray
    components: FloatArray
    variances: FloatArray

    @classmethod
    def learn(cls, values: FloatArray, share: float, most: int) -> Plane:
        """Learn from rows; as many directions as hold a share of the variance, at most `most`."""
        low, median, high = _quartiles(values)
        scale = (high - low) / NORMAL_IQR
        # A range lost in the rounding of the values is none.
        least = 1e-9 * np.maximum(np.abs(median), np.finfo(np.float64).tiny)
        scale = np.where(scale > least, scale, np.nanstd(values, axis=0))
        scale = np.where(scale > least, scale, 0.0)
        blank = cls(median, scale, np.zeros(median.size), np.zeros((0, median.size)), np.zeros(0))
        z = blank.scaled(values)
        mean = z.mean(axis=0)
        components, variances = _directions(z - mean, share, min(most, max(1, len(z) // 5)))
        return cls(median, scale, mean, components, variances)

    def scaled(self, values: FloatArray) -> FloatArray:
        """Return scaled values, 0 where missing."""
        varies = self.scale > 0
        z = np.zeros(values.shape)
        part = (values[:, varies] - self.median[varies]) / self.scale[varies]
        part = np.where(np.isnan(part), 0.0, part)
        far = np.maximum(np.abs(part), _KNEE)
        z[:, varies] = np.clip(part, -_KNEE, _KNEE) + np.sign(part) * _KNEE * np.log(far / _KNEE)
        return z

    def distances(self, values: FloatArray) -> FloatArray:
        r"""Return :math:`\log(1 + T^2)` and :math:`\log(1 + Q)`, shape (n, 2).

        Q of the observed columns stands for all of them, in proportion.
        """
        z = self.scaled(values) - self.mean
        seen = ~np.isnan(values)
        z = np.where(seen, z, 0.0)
        t = z @ self.components.T
        q = (np.where(seen, z - t @ self.components, 0.0) ** 2).sum(axis=1)
        q *= values.shape[1] / np.maximum(seen.sum(axis=1), 1)
        found: FloatArray = np.log1p(np.column_stack([(t**2 / self.variances).sum(axis=1), q]))
        return found.round(_DECIMALS)


def _quartiles(values: FloatArray) -> FloatArray:
    """Return the quartiles of each column over its values, shape (3, p); 0 where it has none.

    numpy's own go column by column where anything is missing.
    """
    ranked = np.sort(values, axis=0)  # NaN come last
    counts = (~np.isnan(values)).sum(axis=0)
    found = np.zeros((3, values.shape[1]))
    for place, share in enumerate((0.25, 0.5, 0.75)):
        at = share * np.maximum(counts - 1, 0)
        below = np.floor(at).astype(np.intp)
        above = np.minimum(below + 1, np.maximum(counts - 1, 0))
        columns = np.arange(values.shape[1])
        low, high = ranked[below, columns], ranked[above, columns]
        found[place] = np.where(counts > 0, low + (at - below) * (high - low), 0.0)
    return found


def _directions(z: FloatArray, share: float, most: int) -> tuple[FloatArray, FloatArray]:
    """Return leading directions of centred rows, and their variances."""
    n, p = z.shape
    if p > n:
        variances, left = np.linalg.eigh(z @ z.T / max(n - 1, 1))
    else:
        variances, left = np.linalg.eigh(z.T @ z / max(n - 1, 1))
    variances, left = variances[::-1].clip(0.0), left[:, ::-1]
    total = float(variances.sum())
    real = int((variances > 1e-9 * total).sum()) if total > 0 else 0
    if real == 0:
        return np.zeros((0, p)), np.zeros(0)
    wanted = int(np.searchsorted(np.cumsum(variances), share * total)) + 1
    k = min(wanted, most, real)
    kept = left[:, :k]
    if p > n:
        kept = z.T @ kept / np.sqrt(variances[:k] * max(n - 1, 1))
    return np.ascontiguousarray(kept.T), variances[:k].copy()
