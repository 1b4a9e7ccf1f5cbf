"""Texture energies of Laws' 5 x 5 masks."""

from __future__ import annotations

from itertools import combinations_with_replacement

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
from radiofib.features.ultrasound._kernels import laws_sums
from radiofib.features.ultrasound.speckle import EQUAL

__all__ = ["LAWS_NAMES", "VECTORS", "laws", "laws_energy"]

#: Level, edge, spot, ripple, wave.
VECTORS = {
    "l5": (1, 4, 6, 4, 1),
    "e5": (-1, -2, 0, 2, 1),
    "s5": (-1, 0, 2, 0, -1),
    "r5": (1, -4, 6, -4, 1),
    "w5": (-1, 2, 0, -2, 1),
}
LAWS_NAMES = tuple(
    f"energy_{a}{b}" for a, b in combinations_with_replacement(VECTORS, 2) if (a, b) != ("l5", "l5")
)


def laws_energy(greys: FloatArray, mask: BoolArray) -> tuple[FloatArray, int]:
    """Return the mean absolute response to each pair of vectors, and over how many pixels.

    Shape (5, 5): the first vector along the rows (downwards), the second along the columns, in
    the order of :data:`VECTORS`. A pixel counts where the 5 x 5 pixels around it lie in the
    region.

    Parameters
    ----------
    greys : ndarray (rows, columns)
    mask : ndarray of bool, same shape

    References
    ----------
    Laws, Proc SPIE 1980;238:376-381, doi 10.1117/12.959169.

    Examples
    --------
    >>> ramp = np.arange(6.0) * np.ones((6, 1))
    >>> energy, number = laws_energy(ramp, np.ones((6, 6), bool))
    >>> energy[0, :2].tolist(), number  # L5E5 sees a slope along the columns: 16 x 8
    ([640.0, 128.0], 4)
    """
    centres = whole_windows(mask, 2)
    number = int(centres.sum())
    vectors = np.array(list(VECTORS.values()), dtype=np.float64)
    sums = laws_sums(np.where(mask, greys, 0.0), centres, vectors)
    return np.asarray(sums) / max(number, 1), number


def laws(greys: FloatArray, mask: BoolArray) -> Found:
    """Measure the Laws energies of a region (the arrays are cut to it), over its deviation."""
    inside = greys[mask]
    if inside.size and inside.min() == inside.max():
        return nothing(LAWS_NAMES, EQUAL)
    energy, number = laws_energy(greys, mask)
    if why := small(number, LEAST_PIXELS, "the part of the region with whole 5 px windows"):
        return nothing(LAWS_NAMES, why)
    scaled = (energy + energy.T) / 2 / inside.std()
    places = combinations_with_replacement(range(len(VECTORS)), 2)
    own = [float(scaled[a, b]) for a, b in places if (a, b) != (0, 0)]
    return Found(dict(zip(LAWS_NAMES, own, strict=True)))
