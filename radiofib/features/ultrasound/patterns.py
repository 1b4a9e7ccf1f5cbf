"""Histograms of local binary patterns, rotation-invariant and uniform."""

from __future__ import annotations

import numpy as np

from radiofib.features.ultrasound._common import (
    LEAST_PIXELS,
    BoolArray,
    FloatArray,
    Found,
    nothing,
    small,
    whole_windows,
)
from radiofib.features.ultrasound.speckle import EQUAL
from radiofib.filters.lbp2d import binary_pattern_2d

__all__ = ["LBP_NAMES", "LBP_RADII", "binary_patterns", "pattern_histogram"]

#: Radii of the circle in pixels, each with eight samples.
LBP_RADII = (1, 2)
_SAMPLES = 8
_BINS = _SAMPLES + 2
LBP_NAMES = tuple(f"r{radius}_{k}" for radius in LBP_RADII for k in range(_BINS))


def pattern_histogram(greys: FloatArray, mask: BoolArray, radius: int) -> tuple[FloatArray, int]:
    """Return the shares of the ten patterns, and of how many pixels.

    A pattern counts where all pixels it looks at lie in the region: 0 to 8 brighter neighbours
    in one run, or 9 for all other patterns.

    Parameters
    ----------
    greys : ndarray (rows, columns)
    mask : ndarray of bool, same shape
    radius : int
        In pixels.

    References
    ----------
    Ojala, Pietikainen and Maenpaa, IEEE Trans Pattern Anal Mach Intell 2002;24:971-987,
    doi 10.1109/TPAMI.2002.1017623.

    Examples
    --------
    >>> ramp = np.arange(25.0).reshape(5, 5)
    >>> shares, number = pattern_histogram(ramp, np.ones((5, 5), bool), 1)
    >>> shares.round(2).tolist(), number
    ([0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0], 9)
    """
    centres = whole_windows(mask, radius)
    number = int(centres.sum())
    if number == 0:
        return np.zeros(_BINS), 0
    whole = np.where(mask, greys, 0.0)
    if np.array_equal(whole, np.floor(whole)) and np.abs(whole).max() < 2**31:
        whole = whole.astype(np.int32)  # equal greys stay equal under interpolation
    box = tuple(slice(0, n) for n in greys.shape)
    patterns = binary_pattern_2d(whole, box, radius=radius, samples=_SAMPLES)[centres]
    counts = np.bincount(patterns.astype(np.intp), minlength=_BINS)
    return counts / number, number


def binary_patterns(greys: FloatArray, mask: BoolArray) -> Found:
    """Measure the patterns of a region (the arrays are cut to it)."""
    found = Found()
    inside = greys[mask]
    if inside.size and inside.min() == inside.max():
        return nothing(LBP_NAMES, EQUAL)
    for radius in LBP_RADII:
        names = [n for n in LBP_NAMES if n.startswith(f"r{radius}_")]
        shares, number = pattern_histogram(greys, mask, radius)
        where = f"the part of the region with whole patterns of radius {radius}"
        if why := small(number, LEAST_PIXELS, where):
            found.without(names, why)
            continue
        found.values |= dict(zip(names, map(float, shares), strict=True))
    return found
