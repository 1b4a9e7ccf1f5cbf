"""Image and region on another grid around the region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from radiofib.errors import EngineError, UsageError
from radiofib.preprocess.crop import Box, bounding_box, grown

__all__ = ["Grid", "resample", "resampled_size"]


@dataclass(frozen=True)
class Grid:
    """Where voxels lie.

    Parameters
    ----------
    spacing_mm : tuple of float
        Spacing along the axes of the array (z, y, x).
    origin_mm : tuple of float, optional
        Position of the first voxel (x, y, z); zeros when not given.
    direction : tuple of float, optional
        Direction cosines, row by row, as SimpleITK gives them.

    Examples
    --------
    >>> Grid((3.0, 1.0, 1.0)).spacing_mm
    (3.0, 1.0, 1.0)
    """

    spacing_mm: tuple[float, ...]
    origin_mm: tuple[float, ...] | None = None
    direction: tuple[float, ...] | None = None

    def image(self, pixels: NDArray[np.generic]) -> Any:
        """Return the pixels as a SimpleITK image on this grid."""
        found = sitk.GetImageFromArray(np.ascontiguousarray(pixels))
        found.SetSpacing(tuple(float(s) for s in reversed(self.spacing_mm)))
        if self.origin_mm is not None:
            found.SetOrigin(self.origin_mm)
        if self.direction is not None:
            found.SetDirection(self.direction)
        return found

    def cut(self, box: Box) -> Grid:
        """Return the grid of a part of an image on this grid.

        Examples
        --------
        >>> Grid((3.0, 1.0)).cut((slice(2, 4), slice(5, 6))).origin_mm
        (5.0, 6.0)
        """
        corner = self.image(np.zeros((1,) * len(box))).TransformIndexToPhysicalPoint(
            [int(part.start) for part in reversed(box)]
        )
        return Grid(self.spacing_mm, corner, self.direction)

    @staticmethod
    def of(image: Any) -> Grid:
        """Return the grid of a SimpleITK image."""
        return Grid(tuple(image.GetSpacing())[::-1], image.GetOrigin(), image.GetDirection())


def _plan(
    box: Box, shape: tuple[int, ...], grid: Grid, wanted: Sequence[float], pad: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return new spacing, first and last index on the new grid, all along x, y, z."""
    old = np.array(grid.spacing_mm[::-1])
    if len(wanted) != len(old):
        raise UsageError(
            "the new spacing has another number of axes than the image",
            expected=f"{len(old)} numbers (x, y, z)",
            found=f"{len(wanted)}",
        )
    start = np.array([part.start for part in box[::-1]])
    side = np.array([part.stop - part.start for part in box[::-1]])
    new = np.where(np.asarray(wanted) == 0, old, wanted)
    # A region of one slice keeps the distance of slices.
    new = np.where(side != 1, new, old)
    ratio = old / new
    first = np.maximum(np.floor((start - 0.5) * ratio - pad), 0)
    end = np.ceil(np.array(shape[::-1]) * ratio) - 1
    last = np.minimum(np.ceil((start + side - 0.5) * ratio + pad), end)
    return new, first, last


def resampled_size(
    mask: NDArray[np.bool_], grid: Grid, spacing: Sequence[float], *, pad: int = 5
) -> int:
    """Return the number of voxels :func:`resample` would make.

    Examples
    --------
    >>> mask = np.ones((10, 10), dtype=bool)
    >>> resampled_size(mask, Grid((1.0, 1.0)), (0.1, 0.1))
    10000
    """
    _, first, last = _plan(bounding_box(mask), mask.shape, grid, spacing, pad)
    return prod(int(n) for n in last - first + 1)


def resample(
    pixels: NDArray[np.generic],
    mask: NDArray[np.bool_],
    grid: Grid,
    spacing: Sequence[float],
    *,
    interpolator: str = "sitkBSpline",
    pad: int = 5,
    most_voxels: int = 2**31 - 1,
) -> tuple[NDArray[np.generic], NDArray[np.bool_], Grid]:
    """Return image and region on a grid of another spacing, cut to the region with some margin.

    The corner of the first voxel stays where it is, as in pyradiomics; the image keeps its
    type (whole numbers are rounded), the region is taken from the nearest voxel.

    Parameters
    ----------
    pixels, mask : ndarray of one shape
        Image and region.
    grid : Grid
        Where they lie.
    spacing : sequence of float
        New spacing in mm along x, y (and z); 0 keeps that of an axis.
    interpolator : str
        SimpleITK's name of the interpolator of the image.
    pad : int
        New voxels to keep around the region (``padDistance``).
    most_voxels : int
        Largest number of voxels to make.

    Raises
    ------
    UsageError
        When the spacing does not fit the number of axes, or there is no such interpolator.
    EngineError
        When more voxels would be made than allowed; nothing has been computed then.

    Examples
    --------
    >>> image = np.arange(64.0).reshape(8, 8)
    >>> found, region, grid = resample(image, image > 0, Grid((1.0, 1.0)), (2.0, 2.0))
    >>> found.shape, grid.spacing_mm, grid.origin_mm
    ((4, 4), (2.0, 2.0), (0.5, 0.5))
    """
    box = bounding_box(mask)
    new, first, last = _plan(box, mask.shape, grid, spacing, pad)
    old = np.array(grid.spacing_mm[::-1])
    if np.allclose(old, new):
        part = grown(box, pad, mask.shape)
        return pixels[part], mask[part], grid.cut(part)
    number = prod(int(n) for n in last - first + 1)
    if number > most_voxels:
        raise EngineError(
            "resampling would make too large an image",
            expected=f"at most {most_voxels:,} voxels",
            found=f"{number:,} at a spacing of {' x '.join(f'{s:g}' for s in new)} mm (x, y, z)",
            hint="use a larger resampledPixelSpacing",
        )
    if not interpolator.startswith("sitk") or not hasattr(sitk, interpolator):
        raise UsageError(f"unknown interpolator {interpolator!r}")
    image = grid.image(pixels)
    label = grid.image(mask.astype(np.uint32))
    corner = 0.5 * (new - old) / old + first / (old / new)
    itk = sitk.ResampleImageFilter()
    itk.SetOutputSpacing(new.tolist())
    itk.SetOutputDirection(image.GetDirection())
    itk.SetSize([int(n) for n in last - first + 1])
    itk.SetOutputOrigin(image.TransformContinuousIndexToPhysicalPoint(corner.tolist()))
    itk.SetOutputPixelType(image.GetPixelID())
    itk.SetInterpolator(getattr(sitk, interpolator))
    found = itk.Execute(image)
    itk.SetOutputPixelType(label.GetPixelID())
    itk.SetInterpolator(sitk.sitkNearestNeighbor)
    region = sitk.GetArrayFromImage(itk.Execute(label)) == 1
    return sitk.GetArrayFromImage(found), region, Grid.of(found)
