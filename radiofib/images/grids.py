"""Where the voxels of an image lie in space, and how to carry a mask to another grid."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from radiofib.images.image import Image

__all__ = ["Grid", "boxes_overlap", "carry_mask", "count_outside", "displacement"]


@dataclass(frozen=True)
class Grid:
    """A regular grid in space, all in the order (x, y, z).

    Parameters
    ----------
    size : tuple of int
        Number of voxels along each axis.
    spacing_mm, origin_mm : tuple of float
        Voxel size and centre of the first voxel.
    direction : tuple of float
        Row-major direction cosines.

    Examples
    --------
    >>> grid = Grid((3, 2), (1.0, 2.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))
    >>> grid.extent()
    array([[-0.5,  2.5],
           [-1. ,  3. ]])
    """

    size: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    origin_mm: tuple[float, ...]
    direction: tuple[float, ...]

    @classmethod
    def of(cls, image: Image) -> Grid | None:
        """Return the grid of an image, or None for a picture, which lies nowhere."""
        if image.origin_mm is None or image.direction is None:
            return None
        size = tuple(reversed(image.pixels.shape))
        return cls(size, tuple(reversed(image.spacing_mm)), image.origin_mm, image.direction)

    def to_physical(self, index: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn indices (n, axes) in the order x, y, z into positions in mm.

        ``p = origin + D (spacing * index)``.
        """
        matrix = np.array(self.direction).reshape(len(self.size), -1) * np.array(self.spacing_mm)
        return np.asarray(index @ matrix.T + np.array(self.origin_mm))

    def corners(self, margin: float = 0.0) -> NDArray[np.float64]:
        """Return the positions of the corner voxels' centres, moved out by `margin` voxels."""
        ends = [(-margin, n - 1 + margin) for n in self.size]
        return self.to_physical(np.array(list(product(*ends)), dtype=np.float64))

    def extent(self) -> NDArray[np.float64]:
        """Return the smallest and largest coordinate on each axis, voxel edges included."""
        corners = self.corners(margin=0.5)
        return np.stack([corners.min(axis=0), corners.max(axis=0)], axis=1) + 0.0

    def describe(self) -> str:
        """Return the extent in words.

        Examples
        --------
        >>> Grid((3, 2), (1.0, 2.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0)).describe()
        'x -0.5 to 2.5, y -1 to 3 mm'
        """
        ends = self.extent()
        names = "xyz"[: len(ends)]
        parts = (f"{n} {a:.5g} to {b:.5g}" for n, (a, b) in zip(names, ends, strict=True))
        return ", ".join(parts) + " mm"


def displacement(one: Grid, other: Grid) -> float | None:
    """Return the largest distance in voxels between equal indices of two grids.

    None when the grids have different sizes. The unit is the smallest voxel side of `one`; the
    maximum over a grid is at a corner, because the difference of two affine maps is affine.

    Examples
    --------
    >>> a = Grid((3, 2), (1.0, 2.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))
    >>> displacement(a, Grid((3, 2), (1.0, 2.0), (0.25, 0.0), (1.0, 0.0, 0.0, 1.0)))
    0.25
    """
    if one.size != other.size:
        return None
    away = np.linalg.norm(one.corners() - other.corners(), axis=1).max()
    return float(away / min(one.spacing_mm))


def boxes_overlap(one: Grid, other: Grid) -> bool:
    """Tell whether the bounding boxes of two grids share more than a face.

    Examples
    --------
    >>> a = Grid((3, 2), (1.0, 2.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))
    >>> boxes_overlap(a, Grid((3, 2), (1.0, 2.0), (9.0, 0.0), (1.0, 0.0, 0.0, 1.0)))
    False
    """
    a, b = one.extent(), other.extent()
    return bool((np.minimum(a[:, 1], b[:, 1]) - np.maximum(a[:, 0], b[:, 0]) > 1e-6).all())


def count_outside(region: NDArray[np.bool_], source: Grid, target: Grid) -> int:
    """Count the voxels of a region whose centres lie outside another grid, edges included.

    Parameters
    ----------
    region : ndarray of bool
        On `source`, (z, y, x) or (y, x).
    source, target : Grid
        Of the same number of axes.

    Examples
    --------
    >>> row = Grid((4, 1), (1.0, 1.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))
    >>> count_outside(np.ones((1, 4), bool), row, Grid((2, 1), (1.0, 1.0), (0.0, 0.0),
    ...                                                (1.0, 0.0, 0.0, 1.0)))
    2
    """
    matrix = np.array(target.direction).reshape(len(target.size), -1) * np.array(target.spacing_mm)
    ends = np.concatenate([np.zeros((1, len(source.size))), np.eye(len(source.size))])
    mapped = np.linalg.solve(matrix, (source.to_physical(ends) - np.array(target.origin_mm)).T).T
    start, steps = mapped[0], mapped[1:] - mapped[0]  # of the first voxel; for one along x, y, z
    # Half a voxel beyond the centre is the edge; a thousandth more is rounding in a header.
    low, high = -0.501, np.array(target.size) - 0.499
    outside = 0
    planes = region if region.ndim == 3 else region[None]
    for z, plane in enumerate(planes):  # plane by plane: positions take 24 bytes a voxel
        y, x = np.nonzero(plane)
        index = start + np.outer(x, steps[0]) + np.outer(y, steps[1])
        if region.ndim == 3:
            index += z * steps[2]
        outside += int(np.count_nonzero(((index < low) | (index > high)).any(axis=1)))
    return outside


def _clean(direction: tuple[float, ...]) -> tuple[float, ...]:
    """Set cosines of no meaning to zero: ITK's inverse fails on numbers near 1e-300."""
    return tuple(0.0 if abs(cosine) < 1e-12 else cosine for cosine in direction)


def carry_mask(region: NDArray[np.bool_], source: Grid, target: Grid) -> NDArray[np.bool_]:
    """Carry a region to another grid by the nearest voxel in physical space.

    A target voxel is inside when the source voxel nearest to its centre is; what lies outside
    the source grid is outside the region.

    Parameters
    ----------
    region : ndarray of bool
        On `source`, (z, y, x) or (y, x).
    source, target : Grid
        Of the same number of axes.

    Examples
    --------
    >>> fine = Grid((4, 1), (1.0, 1.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))
    >>> flipped = Grid((4, 1), (1.0, 1.0), (3.0, 0.0), (-1.0, 0.0, 0.0, 1.0))
    >>> carry_mask(np.array([[True, False, False, False]]), fine, flipped)
    array([[False, False, False,  True]])
    """
    image = sitk.GetImageFromArray(region.astype(np.uint8))
    image.SetSpacing(source.spacing_mm)
    image.SetOrigin(source.origin_mm)
    image.SetDirection(_clean(source.direction))
    carried = sitk.Resample(
        image,
        target.size,
        sitk.Transform(len(target.size), sitk.sitkIdentity),
        sitk.sitkNearestNeighbor,
        target.origin_mm,
        target.spacing_mm,
        _clean(target.direction),
        0.0,
        sitk.sitkUInt8,
    )
    inside: NDArray[np.bool_] = sitk.GetArrayFromImage(carried).astype(np.bool_)
    return inside
