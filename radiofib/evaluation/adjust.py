"""Several tests at once: p values that hold for all of them together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["holm", "max_statistic"]

FloatArray = NDArray[np.float64]


def holm(p: Sequence[float] | FloatArray) -> FloatArray:
    """Return p values adjusted by Holm's step-down method; NaN stays NaN and does not count.

    The i-th smallest of m is multiplied by m - i + 1, then made monotone and cut at 1.

    References
    ----------
    Holm S. Scand J Stat 1979;6:65-70.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03, float("nan")]).tolist()
    [0.03, 0.06, 0.06, nan]
    """
    values = np.asarray(p, dtype=np.float64)
    result = np.full(values.shape, np.nan)
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known], kind="stable")]
    steps = np.arange(len(order), 0, -1)
    result[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * steps))
    return result


def max_statistic(z: ArrayLike, null: ArrayLike) -> FloatArray:
    """Return p values adjusted by the single-step maximum of resampled statistics.

    ``p_i = (1 + #{b : max_j |z*_bj| >= |z_i|}) / (B + 1)``. Where tests are correlated, as those
    of several methods on the same cases are, this is sharper than Holm.

    Parameters
    ----------
    z : array-like of shape (m,)
        Statistics.
    null : array-like of shape (B, m)
        The same statistics under the null, centred, resampled together.

    References
    ----------
    Westfall PH, Young SS. Resampling-Based Multiple Testing. Wiley 1993, section 2.3.

    Examples
    --------
    >>> max_statistic([3.0, 0.0], [[0.5, -1.0], [2.0, 0.1], [-4.0, 1.0]]).tolist()
    [0.5, 1.0]
    """
    found = np.abs(np.asarray(z, dtype=np.float64))
    largest = np.abs(np.asarray(null, dtype=np.float64)).max(axis=1)
    reached = (largest[:, None] >= found[None, :]).sum(axis=0)
    result: FloatArray = (1 + reached) / (len(largest) + 1)
    return result
