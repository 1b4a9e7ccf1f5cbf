"""First-order statistics of the intensities in a region, as in pyradiomics' class `firstorder`."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiofib.features._sums import Floats, Terms, sums

__all__ = ["compute"]

_EPSILON = np.spacing(1)


def compute(
    values: ArrayLike,
    counts: ArrayLike,
    spacing_mm: Sequence[float],
    *,
    voxel_array_shift: float = 0,
) -> dict[str, float]:
    """Return all first-order features of a region.

    With intensities X (N of them, mean m), c the shift, and p the shares of the grey levels
    that occur, eps = 2.2e-16::

        energy sum((X + c)^2)                      total_energy energy times voxel volume
        root_mean_squared sqrt(energy / N)         mean m    minimum    maximum    range
        median, percentile_10, percentile_90       interquartile_range P75 - P25
        mean_absolute_deviation mean(|X - m|)      variance mean((X - m)^2)
        robust_mean_absolute_deviation the same on X within [P10, P90]
        standard_deviation sqrt(variance)
        skewness mean((X - m)^3) / variance^1.5    kurtosis mean((X - m)^4) / variance^2
        entropy -sum(p log2(p + eps))              uniformity sum(p^2)

    Percentiles interpolate linearly between the sorted intensities. Skewness and kurtosis are 0
    when the variance is 0; kurtosis is not reduced by 3.

    Parameters
    ----------
    values : array_like
        Intensities of the region, finite, at least one.
    counts : array_like
        Number of voxels of each grey level after discretisation; zeros do not matter.
    spacing_mm : sequence of float
        Spacing along each axis in mm.
    voxel_array_shift : float
        Added to the intensities for the energies and the root mean square.

    Returns
    -------
    dict
        Feature name to value.

    References
    ----------
    Zwanenburg et al., Radiology 2020;295:328-338; van Griethuysen et al., Cancer Res
    2017;77:e104-e107.

    Examples
    --------
    >>> found = compute([1.0, 2.0, 3.0, 6.0], [3, 1], (1.0, 2.0, 2.0))
    >>> found["mean"], found["median"], found["variance"], found["total_energy"]
    (3.0, 2.5, 3.5, 200.0)
    >>> round(found["entropy"], 6), found["uniformity"]
    (0.811278, 0.625)
    """
    x = np.asarray(values).ravel()
    ordered = np.sort(x)
    number = len(x)

    def at(place: int) -> np.float64:
        return np.float64(ordered[place])

    total, energy = sums(x, _totals(voxel_array_shift))
    mean = total / number
    second, third, fourth, absolute = sums(x, _deviations(mean)) / number
    low, q25, q75, high = (_quantile(ordered, q) for q in (0.1, 0.25, 0.75, 0.9))
    flat = second == 0
    found = {
        "energy": energy,
        "total_energy": energy * prod(float(s) for s in reversed(spacing_mm)),
        "minimum": at(0),
        "percentile_10": low,
        "percentile_90": high,
        "maximum": at(-1),
        "mean": mean,
        "median": (at((number - 1) // 2) + at(number // 2)) / 2,
        "interquartile_range": q75 - q25,
        "range": at(-1) - at(0),
        "mean_absolute_deviation": absolute,
        "robust_mean_absolute_deviation": _robust(ordered, low, high),
        "root_mean_squared": np.sqrt(energy / number),
        "standard_deviation": np.sqrt(second),
        "skewness": 0.0 if flat else third / second**1.5,
        "kurtosis": 0.0 if flat else fourth / second**2,
        "variance": second,
        **_histogram(np.asarray(counts)),
    }
    return {name: float(value) for name, value in found.items()}


def _totals(shift: float) -> Terms:
    def terms(x: Floats) -> tuple[Floats, ...]:
        return x, np.square(x + shift if shift else x)

    return terms


def _deviations(mean: np.float64) -> Terms:
    def terms(x: Floats) -> tuple[Floats, ...]:
        apart = x - mean
        squares = apart * apart
        return squares, squares * apart, np.square(squares), np.abs(apart)

    return terms


def _quantile(ordered: NDArray[np.generic], share: float) -> np.float64:
    """Interpolate as ``numpy.percentile`` does, from values already sorted."""
    position = share * (len(ordered) - 1)
    before = int(position)
    a = np.float64(ordered[before])
    b = np.float64(ordered[min(before + 1, len(ordered) - 1)])
    part = position - before
    return a + (b - a) * part if part < 0.5 else b - (b - a) * (1 - part)


def _robust(ordered: NDArray[np.generic], low: np.float64, high: np.float64) -> np.float64:
    # Differences and not values are compared, so that rounding is the same as in pyradiomics.
    first = bisect_left(ordered, 0.0, key=lambda value: float(value) - low)
    last = bisect_right(ordered, 0.0, key=lambda value: float(value) - high)
    inner = ordered[first:last]
    if len(inner) == 0:
        return np.float64(np.nan)
    mean = sums(inner, lambda x: (x,))[0] / len(inner)
    return np.float64(sums(inner, lambda x: (np.abs(x - mean),))[0] / len(inner))


def _histogram(counts: NDArray[np.integer]) -> dict[str, np.float64]:
    counts = counts[counts > 0]
    shares = counts / counts.sum()
    return {
        "entropy": -np.sum(shares * np.log2(shares + _EPSILON)),
        "uniformity": np.sum(np.square(shares)),
    }
