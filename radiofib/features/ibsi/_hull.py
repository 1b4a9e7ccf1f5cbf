"""The convex hull of a region's surface mesh, from the few mesh corners that may lie on it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from radiofib.features._diameter import _hull, _row_ends
from radiofib.features._numba import kernel

__all__ = ["Hull", "convex_hull"]


class Hull(NamedTuple):
    """A convex hull.

    Parameters
    ----------
    corners : ndarray, shape (n, 3)
        Its corners (z, y, x) in mm, from their centre.
    normals : ndarray, shape (m, 3)
        Unit normals of its faces, each plane of them once.
    volume, area : float
        In mm3 and mm2.
    """

    corners: NDArray[np.float64]
    normals: NDArray[np.float64]
    volume: float
    area: float


def convex_hull(mask: NDArray[np.uint8], spacing: NDArray[np.float64]) -> Hull:
    """Return the convex hull of the mesh of a region.

    Mesh corners lie half-way between a voxel inside and one outside, so that even a single
    voxel has a hull with a volume, an octahedron.

    Parameters
    ----------
    mask : ndarray of uint8, shape (z, y, x)
        1 inside, with one empty voxel around.
    spacing : ndarray
        Spacing along z, y, x in mm.

    Examples
    --------
    >>> mask = np.zeros((3, 3, 3), np.uint8)
    >>> mask[1, 1, 1] = 1
    >>> hull = convex_hull(mask, np.array([3.0, 1.0, 1.0]))
    >>> round(hull.volume, 6), len(hull.corners), len(hull.normals)
    (0.5, 6, 4)
    """
    points = _candidates(_row_ends(mask)) * (spacing / 2)
    points -= (points.min(axis=0) + points.max(axis=0)) / 2
    # Qhull judges flatness by the longest side, so that all sides become 1 for the corners.
    hull = ConvexHull(points / np.ptp(points, axis=0))
    corners = points[hull.vertices]
    at = points[hull.simplices]
    across = np.cross(at[:, 1] - at[:, 0], at[:, 2] - at[:, 0])
    size = np.linalg.norm(across, axis=1)
    # Seen from a point inside; the centre of the bounding box may lie outside the hull.
    solid = np.abs(np.einsum("ij,ij->i", at[:, 0] - corners.mean(axis=0), across))
    kept = size > 1e-9 * size.max()
    normals = across[kept] / size[kept, None]
    # A plane and the one opposite to it are one direction.
    normals *= np.where(_leading(normals) < 0, -1, 1)[:, None]
    _, first = np.unique(np.round(normals, 9), axis=0, return_index=True)
    return Hull(corners, normals[first], float(solid.sum() / 6), float(size.sum() / 2))


def _leading(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the first component of each vector that is not 0."""
    there = np.abs(vectors) > 1e-9
    found: NDArray[np.float64] = vectors[np.arange(len(vectors)), np.argmax(there, axis=1)]
    return found


@kernel
def _candidates(ends: Any) -> Any:
    """Return mesh corners in doubled indices that lie on the 2-D hulls of both their planes."""
    nz, ny, _ = ends.shape
    points = np.empty((2 * max(nz, ny) + 2, 2), np.int64)
    votes = np.zeros((nz, ny, 2), np.uint8)
    for z in range(nz):
        for i in range(_hull(ends[z], points)):
            y, x = points[i]
            votes[z, y, 0] |= ends[z, y, 0] == x
            votes[z, y, 1] |= ends[z, y, 1] == x
    for y in range(ny):
        for i in range(_hull(ends[:, y], points)):
            z, x = points[i]
            votes[z, y, 0] |= 2 * (ends[z, y, 0] == x)
            votes[z, y, 1] |= 2 * (ends[z, y, 1] == x)
    number = 0
    for z in range(nz):
        for y in range(ny):
            number += (votes[z, y, 0] == 3) + (
                votes[z, y, 1] == 3 and ends[z, y, 0] != ends[z, y, 1]
            )
    found = np.empty((number, 3))
    number = 0
    for z in range(nz):
        for y in range(ny):
            for side in range(2):
                if votes[z, y, side] == 3 and (side == 0 or ends[z, y, 0] != ends[z, y, 1]):
                    found[number, 0] = z
                    found[number, 1] = y
                    found[number, 2] = ends[z, y, side]
                    number += 1
    return found
