"""Grids for computing: turned to an orientation, at a spacing, over the same box."""

from __future__ import annotations

from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from radiofib.images.grids import Grid

__all__ = ["on_grid", "oriented_grid", "to_itk"]

_LPS = {
    "L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "S": (0, 0, 1),
    "I": (0, 0, -1),
}  # fmt: skip


def oriented_grid(grid: Grid, orientation: str, spacing_mm: tuple[float, float, float]) -> Grid:
    """Return a grid over the same box whose axes x, y, z grow to the directions named.

    Each new axis is the image's own axis nearest to the wanted direction, flipped where it must
    be: an oblique image stays oblique. The new voxels' outer edges share the corner of the
    image's; lengths are rounded to whole voxels, at least one.

    Parameters
    ----------
    grid : Grid
        Of a volume.
    orientation : str
        Three letters such as ``LPS``: where x, y and z grow to.
    spacing_mm : tuple of float
        New voxel size along the new x, y, z.

    Examples
    --------
    >>> flipped = Grid((4, 3, 2), (1.0, 2.0, 3.0), (3.0, 0.0, 0.0),
    ...                (-1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0))
    >>> found = oriented_grid(flipped, "LPS", (2.0, 2.0, 3.0))
    >>> found.size, found.origin_mm
    ((2, 3, 2), (0.5, 0.0, 0.0))
    """
    axes = np.array(grid.direction).reshape(3, 3)
    wanted = np.array([_LPS[letter] for letter in orientation], dtype=np.float64)
    order = _nearest_axes(axes, wanted)
    columns, sizes = [], []
    corner = grid.to_physical(np.full((1, 3), -0.5))[0]
    for letter, (old, sign) in enumerate(order):
        length = grid.size[old] * grid.spacing_mm[old]
        if sign < 0:
            corner = corner + axes[:, old] * length
        columns.append(sign * axes[:, old])
        sizes.append(max(1, round(length / spacing_mm[letter])))
    direction = np.stack(columns, axis=1)
    origin = corner + direction @ (np.array(spacing_mm) / 2)
    return Grid(
        (sizes[0], sizes[1], sizes[2]),
        tuple(float(s) for s in spacing_mm),
        tuple(float(v) + 0.0 for v in origin),
        tuple(float(v) + 0.0 for v in direction.ravel()),
    )


def _nearest_axes(axes: NDArray[np.float64], wanted: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return for each wanted direction the image axis and its sign, each axis used once."""
    cosines = wanted @ axes
    left, chosen = [0, 1, 2], {}
    for row in np.argsort(-np.abs(cosines).max(axis=1), kind="stable"):
        best = max(left, key=lambda c: abs(cosines[row, c]))
        left.remove(best)
        chosen[int(row)] = (best, 1 if cosines[row, best] >= 0 else -1)
    return [chosen[row] for row in range(3)]


def to_itk(array: NDArray[np.generic], grid: Grid) -> Any:
    """Return an array (z, y, x) on a grid as a SimpleITK image."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(array))
    image.SetSpacing(grid.spacing_mm)
    image.SetOrigin(grid.origin_mm)
    # ITK's inverse fails on numbers near 1e-300.
    image.SetDirection(tuple(0.0 if abs(d) < 1e-12 else d for d in grid.direction))
    return image


def on_grid(
    image: Any, target: Grid, interpolator: int, *, outside: float = 0.0, edge: bool = False
) -> Any:
    """Return an image on another grid in physical space.

    Parameters
    ----------
    image : sitk.Image
        What to resample.
    target : Grid
        Where to.
    interpolator : int
        SimpleITK's.
    outside : float
        Value outside the image's voxels.
    edge : bool
        Take the nearest voxel there instead (half a voxel at the edges, after rounding).
    """
    itk = sitk.ResampleImageFilter()
    itk.SetNumberOfThreads(1)
    itk.SetSize([int(n) for n in target.size])
    itk.SetOutputSpacing(target.spacing_mm)
    itk.SetOutputOrigin(target.origin_mm)
    itk.SetOutputDirection([0.0 if abs(d) < 1e-12 else d for d in target.direction])
    itk.SetInterpolator(interpolator)
    itk.SetDefaultPixelValue(outside)
    itk.SetUseNearestNeighborExtrapolator(edge)
    return itk.Execute(image)
