"""Liver against renal cortex at one depth."""

from __future__ import annotations

from typing import Literal

import numpy as np

from radiofib.features.ultrasound._common import BoolArray, FloatArray, Found, nothing, small
from radiofib.features.ultrasound.depth import depths_cm
from radiofib.features.ultrasound.settings import LogCompression
from radiofib.features.ultrasound.speckle import amplitudes

__all__ = ["HEPATORENAL_NAMES", "hepatorenal"]

HEPATORENAL_NAMES = ("amplitude_ratio", "grey_ratio")
#: Pixels that each side needs.
LEAST = 50
NO_KIDNEY = "needs a region of the renal cortex (column 'kidney_mask')"
#: Why the ratio of greys is not what it is often taken for.
GREYS = "a ratio of log-compressed greys changes with gain and dynamic range"


def hepatorenal(
    pixels: FloatArray,
    liver: BoolArray,
    kidney: BoolArray | None,
    *,
    compression: LogCompression | Literal["linear"] | None,
    apex_px: tuple[float, float] | None = None,
) -> Found:
    """Compare the echoes of liver and renal cortex at the same depth.

    Of the liver only pixels within the depths of the cortex count, and of the cortex those
    within the depths of the liver. `amplitude_ratio` is the ratio of mean amplitudes, which no
    gain changes; `grey_ratio` that of mean greys, as it is published.

    Parameters
    ----------
    pixels : ndarray (rows, columns)
        The whole picture.
    liver, kidney : ndarray of bool, same shape
        Regions in liver and cortex; None when there is none.
    compression
        The law of the greys.
    apex_px : tuple of float, optional
        Where beams meet.

    Examples
    --------
    >>> picture = np.full((20, 20), 50.0)
    >>> picture[:, :10] = 75.0
    >>> liver, kidney = np.zeros((2, 20, 20), bool)
    >>> liver[:, :10] = kidney[5:, 12:] = True
    >>> found = hepatorenal(picture, liver, kidney, compression=None)
    >>> found.values["grey_ratio"], found.missing["amplitude_ratio"][:19]
    (1.5, 'needs the amplitude')
    """
    if kidney is None:
        return nothing(HEPATORENAL_NAMES, NO_KIDNEY)
    if kidney.shape != liver.shape:
        return nothing(HEPATORENAL_NAMES, "the mask of the kidney has another shape")
    if (liver & kidney).any():
        return nothing(HEPATORENAL_NAMES, "the regions of liver and kidney overlap")
    both = []
    spans = []
    for mask in (liver, kidney):
        at = np.full(mask.shape, np.nan)
        if mask.any():
            at[mask] = depths_cm(mask, (1.0, 1.0), apex_px)
        both.append(at)
        spans.append((np.nanmin(at), np.nanmax(at)) if mask.any() else (np.inf, -np.inf))
    low, high = max(s[0] for s in spans), min(s[1] for s in spans)
    sides = [pixels[(at >= low) & (at <= high)].astype(np.float64) for at in both]
    for side, what in zip(sides, ("the liver", "the renal cortex"), strict=True):
        if why := small(side.size, LEAST, f"{what} at the depth of the other"):
            return nothing(HEPATORENAL_NAMES, why)
    found = Found()
    means = [float(side.mean()) for side in sides]
    if means[1] > 0 and min(side.min() for side in sides) >= 0:
        found.values["grey_ratio"] = means[0] / means[1]
        if compression != "linear":
            found.flags["grey_ratio"] = GREYS
    else:
        found.without(("grey_ratio",), "a ratio of greys needs them above 0")
    levels = []
    for side in sides:
        level, why, remark = amplitudes(side, compression)
        if level is None:
            return found.without(("amplitude_ratio",), why)
        levels.append(float(level.mean()))
        if remark:
            found.flags["amplitude_ratio"] = remark
    if levels[1] <= 0:
        return found.without(("amplitude_ratio",), "the renal cortex has no echo")
    found.values["amplitude_ratio"] = levels[0] / levels[1]
    return found
