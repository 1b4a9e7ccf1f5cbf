"""Statistics of the map of local entropy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiofib.features.ultrasound._common import (
    LEAST_PIXELS,
    BoolArray,
    FloatArray,
    Found,
    nothing,
    small,
    whole_windows,
)
from radiofib.features.ultrasound._kernels import entropy_map
from radiofib.features.ultrasound.speckle import EQUAL

__all__ = ["ENTROPY_NAMES", "entropy", "grey_levels", "local_entropy"]

ENTROPY_NAMES = ("map_mean", "map_sd", "map_p10", "map_p90")
#: Half the side of a window, and levels.
REACH, LEVELS = 4, 32


def grey_levels(greys: FloatArray, mask: BoolArray, levels: int = LEVELS) -> NDArray[np.uint8]:
    """Return levels of equal width between P1 and P99 of the region, beyond them the outer ones.

    They are the same under any gain and dynamic range of a log-compressed picture.

    Examples
    --------
    >>> grey_levels(np.arange(8.0).reshape(2, 4), np.ones((2, 4), bool), levels=4)
    array([[0, 0, 1, 1],
           [2, 2, 3, 3]], dtype=uint8)
    """
    low, high = np.percentile(greys[mask], [1, 99])
    if high <= low:
        low, high = float(greys[mask].min()), float(greys[mask].max())
    scaled = np.floor((greys - low) / (high - low) * levels)
    found: NDArray[np.uint8] = np.clip(scaled, 0, levels - 1).astype(np.uint8)
    return found


def local_entropy(levels: NDArray[np.uint8], mask: BoolArray, reach: int = REACH) -> FloatArray:
    """Return ``-sum p log2 p`` of the levels in each window that lies in the region, in C order.

    Parameters
    ----------
    levels : ndarray of uint8 (rows, columns)
    mask : ndarray of bool, same shape
    reach : int
        Half the side of a window: ``2 reach + 1`` pixels.

    References
    ----------
    Tsui et al., Sci Rep 2017;7:41004, doi 10.1038/srep41004.

    Examples
    --------
    >>> levels = np.arange(9, dtype=np.uint8).reshape(3, 3) // 3
    >>> local_entropy(levels, np.ones((3, 3), bool), reach=1).round(3)
    array([1.585])
    """
    counts = np.arange(1.0, (2 * reach + 1) ** 2 + 1)
    plogp = np.concatenate([[0.0], counts * np.log2(counts)])
    return np.asarray(entropy_map(levels, whole_windows(mask, reach), reach, plogp))


def entropy(greys: FloatArray, mask: BoolArray) -> Found:
    """Measure the entropy map of a region (the arrays are cut to it).

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(40, 40))
    >>> round(entropy(noise, np.ones((40, 40), bool)).values["map_mean"])
    4
    """
    inside = greys[mask]
    if inside.size and inside.min() == inside.max():
        return nothing(ENTROPY_NAMES, EQUAL)
    side = 2 * REACH + 1
    number = int(whole_windows(mask, REACH).sum())
    if why := small(number, LEAST_PIXELS, f"the part of the region with whole {side} px windows"):
        return nothing(ENTROPY_NAMES, why)
    values = local_entropy(grey_levels(greys, mask), mask)
    low, high = np.percentile(values, [10, 90])
    numbers = (float(values.mean()), float(values.std()), float(low), float(high))
    return Found(dict(zip(ENTROPY_NAMES, numbers, strict=True)))
