"""Intensity statistics of IBSI 1: the family `stat`."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from radiofib.errors import UsageError
from radiofib.features.ibsi._moments import (
    NOT_FINITE,
    Result,
    finished,
    shape_of,
    spread_of,
    undefined,
)

__all__ = ["NAMES", "compute"]

NAMES = (
    *("mean", "var", "skew", "kurt", "median", "min", "p10", "p90", "max", "iqr", "range"),
    *("mad", "rmad", "medad", "cov", "qcod", "energy", "rms"),
)


def compute(values: ArrayLike) -> Result:
    """Return the intensity statistics of a region.

    With N intensities X of mean m, median M and percentiles P by linear interpolation::

        mean m    var mean((X - m)^2)    min, max, median    range max - min
        skew mean((X - m)^3) / var^1.5   kurt mean((X - m)^4) / var^2 - 3
        p10, p90  iqr P75 - P25          qcod (P75 - P25) / (P75 + P25)
        mad mean(|X - m|)                medad mean(|X - M|)
        rmad mean(|R - mean(R)|), R = X within [P10, P90]
        cov sqrt(var) / m                energy sum(X^2)    rms sqrt(energy / N)

    Parameters
    ----------
    values : array_like
        Intensities within the intensity mask, at least one.

    Returns
    -------
    dict, dict
        Values by name (NaN where not defined), and the reason for every NaN.

    Raises
    ------
    UsageError
        When there are no intensities.

    References
    ----------
    IBSI reference manual, doi 10.48550/arXiv.1612.07003, intensity-based statistics (UHIW).

    Examples
    --------
    >>> found, why = compute([1.0, 2.0, 3.0, 6.0])
    >>> found["mean"], found["median"], found["energy"], why
    (3.0, 2.5, 50.0, {})
    >>> compute([0.0, 0.0])[1]["cov"]
    'the mean is 0'
    """
    x = np.asarray(values, dtype=np.float64).ravel()
    if x.size == 0:
        raise UsageError("there are no intensities")
    if not (np.isfinite(x.min()) and np.isfinite(x.max())):
        return undefined(NAMES, NOT_FINITE)
    with np.errstate(over="ignore", invalid="ignore"):
        shape, why = shape_of(x)
        spread, more = spread_of(x)
        energy = float(np.sum(x**2))
        found = shape | spread | {"energy": energy, "rms": float(np.sqrt(energy / len(x)))}
    return finished(NAMES, found, why | more)
