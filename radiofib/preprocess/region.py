"""Which voxels count: narrowing a region by intensity, and whether enough is left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import MaskError, UsageError
from radiofib.preprocess.crop import bounding_box

__all__ = ["resegment", "why_unusable"]


def resegment(
    pixels: NDArray[np.generic],
    mask: NDArray[np.bool_],
    limits: Sequence[float],
    *,
    mode: Literal["absolute", "relative", "sigma"] = "absolute",
) -> NDArray[np.bool_]:
    """Return the region without voxels outside an intensity range.

    Parameters
    ----------
    pixels, mask : ndarray of one shape
        Image and region.
    limits : sequence of one or two floats
        Least, and greatest, intensity that stays, in any order: as they are, as shares of the
        greatest intensity, or in standard deviations from the mean of the region.
    mode : {"absolute", "relative", "sigma"}
        How the limits are meant.

    Raises
    ------
    UsageError
        When there are not one or two limits, or the mode is unknown.
    MaskError
        When no more than one voxel is left.

    Examples
    --------
    >>> pixels = np.arange(6.0)
    >>> resegment(pixels, pixels > 0, [2, 4]).nonzero()[0]
    array([2, 3, 4])
    """
    if len(limits) not in (1, 2):
        raise UsageError("resegmentation needs one or two limits", found=f"{len(limits)} limits")
    ordered = sorted(limits)
    values: NDArray[Any] = pixels[mask]
    if mode == "relative":
        ordered = [values.max() * limit for limit in ordered]
    elif mode == "sigma":
        mean, deviation = np.mean(values), np.std(values)
        ordered = [float(mean + deviation * limit) for limit in ordered]
    elif mode != "absolute":
        raise UsageError("unknown mode of resegmentation", found=repr(mode))
    stays = values >= ordered[0]
    if len(ordered) == 2:
        stays &= values <= ordered[1]
    left = int(np.count_nonzero(stays))
    if left <= 1:
        raise MaskError(
            "resegmentation leaves too little of the region",
            expected="at least 2 voxels",
            found=f"{left} of {len(values)} between the limits",
            hint="widen resegmentRange",
        )
    found = np.zeros(mask.shape, dtype=bool)
    found[mask] = stays
    return found


def why_unusable(
    mask: NDArray[np.bool_], *, least_dimensions: int = 2, least_size: int | None = None
) -> str | None:
    """Return why a region is too small for features, or None.

    Parameters
    ----------
    mask : ndarray of bool
        The region.
    least_dimensions : int
        Number of axes along which it must be longer than one voxel (``minimumROIDimensions``).
    least_size : int, optional
        It must have more voxels than that (``minimumROISize``).

    Examples
    --------
    >>> why_unusable(np.ones((1, 1, 4), dtype=bool))
    'the region extends along 1 axis, at least 2 are required'
    >>> why_unusable(np.ones((3, 4), dtype=bool), least_size=12)
    'the region has 12 voxels, more than 12 are required'
    >>> why_unusable(np.ones((3, 4), dtype=bool)) is None
    True
    """
    sides = [part.stop - part.start for part in bounding_box(mask)]
    long = sum(side > 1 for side in sides)
    if long == 0:
        return "the region is a single voxel"
    if long < least_dimensions:
        axes = "axis" if long == 1 else "axes"
        return f"the region extends along {long} {axes}, at least {least_dimensions} are required"
    number = int(np.count_nonzero(mask))
    if least_size is not None and number <= least_size:
        return f"the region has {number} voxels, more than {least_size} are required"
    return None
