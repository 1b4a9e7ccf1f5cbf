"""The intensity histogram of IBSI 1: the family `ih`."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiofib.errors import UsageError
from radiofib.features.ibsi._moments import Result, finished, shape_of, spread_of

__all__ = ["NAMES", "compute"]

NAMES = (
    *("mean", "var", "skew", "kurt", "median", "min", "p10", "p90", "max", "mode", "iqr", "range"),
    *("mad", "rmad", "medad", "cov", "qcod", "entropy", "uniformity"),
    *("max_grad", "max_grad_g", "min_grad", "min_grad_g"),
)

#: Greatest level for which every level has a place in memory.
_DENSE = 2**20


def compute(levels: ArrayLike) -> Result:
    """Return the features of the histogram of grey levels.

    The statistics are those of :func:`radiofib.features.ibsi.intensity.compute` on grey levels.
    With n_i voxels of level i = 1, ..., Ng, the greatest that occurs, and p_i = n_i / N::

        mode the level with the greatest n_i; of several, the one nearest the mean
        entropy -sum(p_i log2(p_i))      uniformity sum(p_i^2)
        max_grad max(H'), min_grad min(H') and the first level they are found at, with
        H'_1 = n_2 - n_1, H'_i = (n_i+1 - n_i-1) / 2, H'_Ng = n_Ng - n_Ng-1

    Parameters
    ----------
    levels : array_like of int
        Grey levels within the intensity mask, 1 or more, at least one.

    Returns
    -------
    dict, dict
        Values by name (NaN where not defined), and the reason for every NaN.

    Raises
    ------
    UsageError
        When there are no levels, or some are less than 1.

    References
    ----------
    IBSI reference manual, doi 10.48550/arXiv.1612.07003, intensity histogram (ZVCW).

    Examples
    --------
    >>> found, why = compute([1, 1, 1, 4])
    >>> found["mode"], found["uniformity"], found["max_grad_g"], found["min_grad"], why
    (1.0, 0.625, 4.0, -3.0, {})
    """
    x = np.asarray(levels).ravel()
    if x.size == 0 or x.min() < 1:
        raise UsageError("grey levels must be whole numbers from 1 on, at least one")
    present, counts = _counted(x.astype(np.int64))
    shape, why = shape_of(present.astype(np.float64), counts)
    spread, more = spread_of(present.astype(np.float64), counts)
    found = shape | spread
    shares = counts / len(x)
    modes = present[counts == counts.max()]
    found["mode"] = float(modes[np.argmin(np.abs(modes - found["mean"]))])
    found["entropy"] = float(-np.sum(shares * np.log2(shares)) + 0.0)
    found["uniformity"] = float(np.sum(shares**2))
    if present[-1] > 1:
        found |= _gradients(present, counts)
    else:
        for name in ("max_grad", "max_grad_g", "min_grad", "min_grad_g"):
            found[name] = float("nan")
            more[name] = "the histogram has one level alone and no gradient"
    return finished(NAMES, found, why | more)


def _counted(x: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return levels that occur, ascending, and how many voxels have each."""
    if x.max() > _DENSE:
        present, counts = np.unique(x, return_counts=True)
        return present, counts.astype(np.int64)
    all_counts = np.bincount(x)
    present = np.flatnonzero(all_counts)
    return present.astype(np.int64), all_counts[present].astype(np.int64)


def _gradients(present: NDArray[np.int64], counts: NDArray[np.int64]) -> dict[str, float]:
    """Return extremes of the gradient from levels that occur, however far apart they are."""
    last = int(present[-1])
    # The gradient is 0 or found beside a level that occurs; level 1 and zeros have a say too.
    near = np.unique(np.concatenate([present + step for step in (-2, -1, 0, 1, 2)] + [[1, last]]))
    near = near[(near >= 1) & (near <= last)]

    def number(level: NDArray[np.int64]) -> NDArray[np.float64]:
        at = np.minimum(np.searchsorted(present, level), len(present) - 1)
        return np.where(present[at] == level, counts[at], 0).astype(np.float64)

    low, high = np.maximum(near - 1, 1), np.minimum(near + 1, last)
    slope = (number(high) - number(low)) / (high - low)
    top, bottom = int(np.argmax(slope)), int(np.argmin(slope))
    return {
        "max_grad": float(slope[top]),
        "max_grad_g": float(near[top]),
        "min_grad": float(slope[bottom]),
        "min_grad_g": float(near[bottom]),
    }
