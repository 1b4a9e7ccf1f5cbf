"""Interpolation along the axes of a grid, one after the other, on a part of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from radiofib.preprocess.crop import Box
from radiofib.preprocess.ibsi.grid import GridAxis

__all__ = ["Interpolation", "interpolate"]

Interpolation = Literal["nearest", "linear", "cubic"]

#: Copies of the outermost voxel put around the image before a spline is fitted.
_PADDING = 12
#: The weight of a voxel in a cubic spline falls by 0.268 with each voxel of distance; beyond
#: this many it is less than the rounding of a number.
_REACH = 32


def interpolate(
    pixels: NDArray[np.generic],
    axes: Sequence[GridAxis],
    method: Interpolation,
    box: Box | None = None,
) -> NDArray[np.float64]:
    """Return the image on another grid.

    Outside the centres of the outermost voxels the image goes on with their intensity.
    Linear interpolation of a constant is that constant to the last bit, and an axis whose
    spacing stays is left as it is.

    Parameters
    ----------
    pixels : ndarray
        The image on its own grid.
    axes : sequence of GridAxis
        Old and new grid along each axis.
    method : {"nearest", "linear", "cubic"}
        ``linear`` is trilinear (bilinear where one axis stays); ``cubic`` is the tricubic
        spline: the cubic B-spline that goes through all voxels.
    box : tuple of slice, optional
        The part of the new grid to compute; all of it when not given.

    References
    ----------
    IBSI reference manual, doi 10.48550/arXiv.1612.07003, interpolation (VTM2).

    Examples
    --------
    >>> from radiofib.preprocess.ibsi import aligned_axis
    >>> interpolate(np.array([0.0, 3.0, 6.0]), [aligned_axis(3, 1.0, 0.5)], "linear")
    array([0.  , 0.75, 2.25, 3.75, 5.25, 6.  ])
    """
    part = box or tuple(slice(0, axis.new_size) for axis in axes)
    places = [axis.positions(p) for axis, p in zip(axes, part, strict=True)]
    if any(len(place) == 0 for place in places):
        return np.zeros([len(place) for place in places])
    used = [_used(axis, place, method) for axis, place in zip(axes, places, strict=True)]
    found = pixels[tuple(used)].astype(np.float64)
    # First the axes that lose most voxels: what follows has less to do.
    for at in sorted(range(len(axes)), key=lambda i: -axes[i].step):
        axis, start = axes[at], used[at].start
        if axis.same:
            continue
        if method == "cubic":
            pads = (start == 0, used[at].stop == axis.size)
            found = _cubic(found, at, places[at] - start, pads)
        else:
            inside = np.clip(places[at], 0, axis.size - 1) - start
            found = _near(found, at, inside, method)
    return np.ascontiguousarray(found)


def _used(axis: GridAxis, places: NDArray[np.float64], method: str) -> slice:
    """Return the part of the original axis that has a say."""
    if axis.same:
        return slice(round(places[0]), round(places[-1]) + 1)
    reach = _REACH if method == "cubic" else 0
    first = min(max(int(np.floor(places[0])) - reach, 0), axis.size - 1)
    return slice(first, min(int(np.floor(places[-1])) + 2 + reach, axis.size))


def _near(
    pixels: NDArray[np.float64], axis: int, positions: NDArray[np.float64], method: str
) -> NDArray[np.float64]:
    """Take the nearest voxel, or a straight line between the two around a position."""
    last = pixels.shape[axis] - 1
    if method == "nearest":
        index = np.minimum(np.floor(positions + 0.5), last).astype(np.intp)
        nearest: NDArray[np.float64] = np.take(pixels, index, axis=axis)
        return nearest
    low = np.floor(positions).astype(np.intp)
    share = (positions - low).reshape([-1 if i == axis else 1 for i in range(pixels.ndim)])
    before = np.take(pixels, low, axis=axis)
    rise: NDArray[np.float64] = np.take(pixels, np.minimum(low + 1, last), axis=axis)
    rise -= before
    rise *= share
    rise += before
    return rise


def _cubic(
    pixels: NDArray[np.float64],
    axis: int,
    positions: NDArray[np.float64],
    ends: tuple[bool, bool],
) -> NDArray[np.float64]:
    """Evaluate the cubic spline through all voxels; `ends` tells where the image itself ends."""
    pads = (_PADDING * ends[0], _PADDING * ends[1])
    known = np.pad(pixels, [pads if i == axis else (0, 0) for i in range(pixels.ndim)], mode="edge")
    known = ndimage.spline_filter1d(known, order=3, axis=axis, mode="mirror")
    place = positions + pads[0]
    low = np.floor(place).astype(np.intp)
    t = place - low
    weights = (
        (1 - t) ** 3 / 6,
        (4 - 6 * t**2 + 3 * t**3) / 6,
        (1 + 3 * t + 3 * t**2 - 3 * t**3) / 6,
        t**3 / 6,
    )
    shape = [-1 if i == axis else 1 for i in range(known.ndim)]
    found = np.take(known, low - 1, axis=axis) * weights[0].reshape(shape)
    for k in (1, 2, 3):
        found += np.take(known, low - 1 + k, axis=axis) * weights[k].reshape(shape)
    return found
