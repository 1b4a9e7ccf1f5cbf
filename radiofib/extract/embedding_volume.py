"""A volume brought to what the card of a network of volumes says."""

from __future__ import annotations

from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from radiofib.deep.card import Preprocessing
from radiofib.deep.intensity import normalised
from radiofib.errors import ImageError
from radiofib.images.grids import Grid
from radiofib.roi import Roi
from radiofib.segment.grids import on_grid, oriented_grid, to_itk

__all__ = ["volume_input"]


def volume_input(roi: Roi, how: Preprocessing) -> NDArray[Any]:
    """Return the image of a region as a network of volumes must be given it: (1, z, y, x).

    Intensities are normalised as the card says, over what is shown; the image is turned to the
    card's orientation and resampled to its spacing over the same box, and then brought to its
    size: ``stretch`` resamples the box once more onto that size; ``crop`` takes the middle and
    fills up what is short; ``pad`` fills up on both sides and refuses what is larger; ``none``
    takes that size alone. It is filled up with the smallest value, and what cannot be divided
    evenly lies at the end.

    Parameters
    ----------
    roi : Roi
        A volume that lies in space; its mask is not looked at.
    how : Preprocessing
        From a card of kind ``volume``.

    Raises
    ------
    ImageError
        When the image is no volume with a known voxel size, has values that are not finite, or
        does not fit a size that may not be changed.
    """
    if roi.ndim != 3 or not roi.spacing_known or roi.origin_mm is None or roi.direction is None:
        raise ImageError(
            "the network takes volumes with a known voxel size",
            found=f"{roi.ndim} axes, voxel size {'known' if roi.spacing_known else 'unknown'}",
        )
    if roi.pixels.dtype.kind == "f" and not np.isfinite(roi.pixels).all():
        raise ImageError("the image has values that are not numbers")
    assert how.normalisation is not None
    assert how.spacing_mm is not None
    assert how.orientation is not None
    size = tuple(reversed(roi.pixels.shape))
    grid = Grid(size, tuple(reversed(roi.spacing_mm)), roi.origin_mm, roi.direction)
    target = oriented_grid(grid, how.orientation, how.spacing_mm)
    if how.resize == "stretch" and how.size is not None:
        target = _stretched(target, how.size)
    rule = sitk.sitkNearestNeighbor if how.interpolation == "nearest" else sitk.sitkLinear
    given = to_itk(normalised(roi.pixels, how.normalisation), grid)
    array: NDArray[np.float32] = sitk.GetArrayFromImage(on_grid(given, target, rule, edge=True))
    if how.size is not None:
        for axis, length in enumerate(how.size):
            array = _fitted(array, axis, length, how.resize)
    values = (array - how.mean[0]) / how.sd[0]
    return np.ascontiguousarray(values[None].astype(how.dtype))


def _stretched(grid: Grid, size: tuple[int, ...]) -> Grid:
    """Return a grid over the same box with `size` (z, y, x) voxels."""
    voxels = tuple(reversed(size))
    spacing = tuple(s * n / m for s, n, m in zip(grid.spacing_mm, grid.size, voxels, strict=True))
    corner = grid.to_physical(np.full((1, 3), -0.5))[0]
    matrix = np.array(grid.direction).reshape(3, 3)
    origin = corner + matrix @ (np.array(spacing) / 2)
    return Grid(voxels, spacing, tuple(float(v) for v in origin), grid.direction)


def _fitted(array: NDArray[np.float32], axis: int, length: int, rule: str) -> NDArray[np.float32]:
    """Bring one axis to a length: cut or fill up both ends."""
    have = array.shape[axis]
    if have == length:
        return array
    if rule == "none" or (rule == "pad" and have > length):
        raise ImageError(
            "the volume has another size than the network takes",
            expected=f"{length}{' or fewer' if rule == 'pad' else ''} voxels along axis {axis}",
            found=str(have),
            hint="use 'region: box', or a network whose card allows resizing",
        )
    if have > length:
        start = (have - length) // 2
        return np.take(array, range(start, start + length), axis=axis)
    before = (length - have) // 2
    widths = [(0, 0)] * array.ndim
    widths[axis] = (before, length - have - before)
    return np.pad(array, widths, constant_values=float(array.min()))
