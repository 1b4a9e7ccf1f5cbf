"""Where to look for the edge: a smooth surface near the mask's own, with outward normals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import marching_cubes

__all__ = ["Points", "base_surface", "smoothed", "thinned", "voxel_surface"]

Floats = NDArray[np.float64]
#: Width (mm) of the Gaussian that takes the staircase off a mask, and its least width in voxels.
SMOOTH_MM, SMOOTH_VOXELS = 2.0, 0.8


class Points(NamedTuple):
    """Points of a surface.

    Parameters
    ----------
    at : ndarray, shape (n, 3)
        Positions (z, y, x) in mm, from the centre of the first voxel.
    normals : ndarray, shape (n, 3)
        Unit normals, outward.
    """

    at: Floats
    normals: Floats


def smoothed(mask: NDArray[np.bool_], spacing: Floats) -> tuple[NDArray[np.float32], int]:
    """Return the mask after a Gaussian, and the number of empty voxels put around it.

    The Gaussian has a width of 2 mm, at least 0.8 voxels along each axis.

    Examples
    --------
    >>> soft, margin = smoothed(np.ones((9, 9, 9), dtype=bool), np.ones(3))
    >>> soft.shape, margin
    ((19, 19, 19), 5)
    """
    width = np.maximum(SMOOTH_MM / spacing, SMOOTH_VOXELS)
    margin = int(np.ceil(2 * width.max())) + 1
    padded = np.pad(mask.astype(np.float32), margin)
    soft: NDArray[np.float32] = ndimage.gaussian_filter(padded, width, truncate=3.0)
    return soft, margin


def _normals(soft: NDArray[np.float32], at: Floats, spacing: Floats) -> Floats:
    """Return the downhill direction of a field at points (in voxels of the field)."""
    box = []
    for axis in range(3):
        step = np.zeros((3, 1))
        step[axis] = 0.5
        ahead, behind = (
            ndimage.map_coordinates(soft, at.T + s * step, order=1, mode="nearest")
            for s in (1.0, -1.0)
        )
        box.append((behind - ahead) / spacing[axis])
    normals = np.stack(box, axis=1).astype(np.float64)
    size = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.asarray(normals / np.maximum(size, 1e-12))


def base_surface(mask: NDArray[np.bool_], spacing: Floats) -> Points:
    """Return points of the smoothed mask's surface.

    Parameters
    ----------
    mask : ndarray of bool, shape (z, y, x)
        The region.
    spacing : ndarray
        Spacing along z, y, x in mm.

    Examples
    --------
    >>> ball = np.sum((np.indices((21, 21, 21)) - 10) ** 2, axis=0) <= 64
    >>> found = base_surface(ball, np.ones(3))
    >>> bool(np.all(np.sum((found.at - 10) * found.normals, axis=1) > 5))
    True
    """
    soft, margin = smoothed(mask, spacing)
    if soft.max() <= 0.5:
        return Points(np.empty((0, 3)), np.empty((0, 3)))
    corners = marching_cubes(soft, 0.5, allow_degenerate=False)[0].astype(np.float64)
    return Points((corners - margin) * spacing, _normals(soft, corners, spacing))


def voxel_surface(mask: NDArray[np.bool_], spacing: Floats) -> Points:
    """Return the points half-way between voxels inside and outside, with smoothed normals.

    Examples
    --------
    >>> float(voxel_surface(np.ones((9, 9, 9), dtype=bool), np.ones(3)).at.min())
    -0.5
    """
    soft, margin = smoothed(mask, spacing)
    padded = np.pad(mask, margin)
    found = []
    for axis in range(3):
        before, after = (
            np.take(padded, range(start, padded.shape[axis] - 1 + start), axis) for start in (0, 1)
        )
        between = np.argwhere(before != after).astype(np.float64)
        between[:, axis] += 0.5
        found.append(between)
    at = np.concatenate(found)
    return Points((at - margin) * spacing, _normals(soft, at, spacing))


def thinned(points: Points, cell_mm: float) -> Points:
    """Return the means of points over the cells of a cubic grid.

    Cells where normals disagree (two sides of a thin part) are left out.

    Examples
    --------
    >>> at = np.array([[0.1, 0.1, 0.1], [0.3, 0.3, 0.3], [5.0, 0.0, 0.0]])
    >>> thinned(Points(at, np.tile([1.0, 0.0, 0.0], (3, 1))), 2.0).at.round(2).tolist()
    [[0.2, 0.2, 0.2], [5.0, 0.0, 0.0]]
    """
    if len(points.at) == 0:
        return points
    cell = np.floor(points.at / cell_mm).astype(np.int64)
    cell -= cell.min(axis=0)
    size = cell.max(axis=0) + 1
    key = (cell[:, 0] * size[1] + cell[:, 1]) * size[2] + cell[:, 2]
    _, of, number = np.unique(key, return_inverse=True, return_counts=True)
    mean = [
        np.stack([np.bincount(of, values[:, a]) / number for a in range(3)], axis=1)
        for values in points
    ]
    size_of = np.linalg.norm(mean[1], axis=1)
    kept = size_of > 0.8
    return Points(mean[0][kept], mean[1][kept] / size_of[kept, None])
