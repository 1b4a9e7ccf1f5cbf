"""Moments and quantiles that intensities and grey levels share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["EQUAL", "NOT_FINITE", "Result", "finished", "shape_of", "spread_of", "undefined"]

#: Values by name, and why those that are NaN are not defined.
Result = tuple[dict[str, float], dict[str, str]]
Counts = NDArray[np.int64] | None

EQUAL = "all intensities of the region are equal"
NOT_FINITE = "an intensity of the region is NaN or infinite"
_CONVENTION = f"{EQUAL}, for which IBSI sets 0 by convention"
_SHARES = (0.10, 0.25, 0.50, 0.75, 0.90)


def _mean(x: NDArray[np.float64], counts: Counts) -> float:
    return float(x.mean() if counts is None else (x @ counts) / counts.sum())


def shape_of(x: NDArray[np.float64], counts: Counts = None) -> Result:
    """Return mean, variance, skewness, excess kurtosis and coefficient of variation.

    Parameters
    ----------
    x : ndarray
        Values of the voxels, or different values.
    counts : ndarray, optional
        How many voxels have each of the different values.
    """
    mean = _mean(x, counts)
    apart = x - mean
    squares = apart * apart
    # Equal intensities have no spread, whatever rounding leaves of it.
    second = 0.0 if x.min() == x.max() else _mean(squares, counts)
    found = {"mean": mean, "var": second}
    why: dict[str, str] = {}
    if second > 0:
        found["skew"] = _mean(squares * apart, counts) / second**1.5
        found["kurt"] = _mean(squares * squares, counts) / second**2 - 3
    else:
        found["skew"] = found["kurt"] = float("nan")
        why["skew"] = why["kurt"] = _CONVENTION
    found["cov"] = float("nan")
    if mean != 0:
        found["cov"] = second**0.5 / mean
    else:
        why["cov"] = "the mean is 0"
    return found, why


def spread_of(x: NDArray[np.float64], counts: Counts = None) -> Result:
    """Return extremes, quantiles and deviations, quantiles interpolated linearly.

    Parameters
    ----------
    x : ndarray
        Values of the voxels, or different values in ascending order.
    counts : ndarray, optional
        How many voxels have each of the different values.
    """
    p10, p25, p50, p75, p90 = _quantiles(x, counts)
    least, greatest = float(x.min()), float(x.max())
    inside = (x >= p10) & (x <= p90)
    inner, of_inner = x[inside], None if counts is None else counts[inside]
    found = {
        "median": p50,
        "min": least,
        "p10": p10,
        "p90": p90,
        "max": greatest,
        "iqr": p75 - p25,
        "range": greatest - least,
        "mad": _mean(np.abs(x - _mean(x, counts)), counts),
        "rmad": float("nan"),
        "medad": _mean(np.abs(x - p50), counts),
        "qcod": float("nan"),
    }
    why = {}
    if len(inner):
        found["rmad"] = _mean(np.abs(inner - _mean(inner, of_inner)), of_inner)
    else:
        why["rmad"] = "no intensity lies between the 10th and the 90th percentile"
    if p75 + p25 != 0:
        found["qcod"] = (p75 - p25) / (p75 + p25)
    else:
        why["qcod"] = "the 25th and the 75th percentile add up to 0"
    return found, why


def _quantiles(x: NDArray[np.float64], counts: Counts) -> list[float]:
    if counts is None:
        return [float(q) for q in np.quantile(x, _SHARES)]
    up_to = np.cumsum(counts)
    places = np.array(_SHARES) * (up_to[-1] - 1)
    low = np.floor(places)
    before = x[np.searchsorted(up_to, low, side="right")]
    after = x[np.searchsorted(up_to, np.ceil(places), side="right")]
    return [float(q) for q in before + (after - before) * (places - low)]


def finished(names: tuple[str, ...], found: dict[str, float], why: dict[str, str]) -> Result:
    """Return values in the order of the registry, and reasons of what is not finite.

    Examples
    --------
    >>> finished(("a", "b"), {"b": float("inf"), "a": 1.0}, {})
    ({'a': 1.0, 'b': nan}, {'b': 'the value is too large for a number'})
    """
    reasons = dict(why)
    values = {}
    for name in names:
        value = found[name]
        if not np.isfinite(value):
            reasons.setdefault(name, "the value is too large for a number")
            value = float("nan")
        values[name] = value
    return values, {name: reasons[name] for name in names if name in reasons}


def undefined(names: tuple[str, ...], reason: str) -> Result:
    """Return no value for any name, for one reason.

    Examples
    --------
    >>> undefined(("a", "b"), "one voxel has no pairs")[1]
    {'a': 'one voxel has no pairs', 'b': 'one voxel has no pairs'}
    """
    return dict.fromkeys(names, float("nan")), dict.fromkeys(names, reason)
