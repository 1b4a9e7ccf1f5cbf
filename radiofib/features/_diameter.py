"""Largest distances between corners of the surface mesh, exact and without comparing all pairs.

Mesh corners lie half-way between a voxel inside and a neighbour outside, so with doubled
indices they are whole numbers. The two ends of a largest distance are corners of the convex
hull. A corner of the hull is the first or the last mesh corner of its row, and a corner of the
2-D hull of its axial, its coronal and its sagittal plane. What is left after these tests,
some hundreds of points of a liver, is compared pair by pair.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.features._numba import kernel

__all__ = ["diameters_2d", "diameters_3d"]


@kernel
def _row_ends(mask: Any) -> Any:
    """Return first and last mesh corner (doubled x) of every doubled row (z, y), or -1."""
    nz, ny, nx = mask.shape
    ends = np.full((2 * nz - 1, 2 * ny - 1, 2), -1, np.int32)
    for z in range(nz):
        for y in range(ny):
            row = mask[z, y]
            first = 0
            while first < nx and row[first] == 0:
                first += 1
            if first < nx:
                last = nx - 1
                while row[last] == 0:
                    last -= 1
                ends[2 * z, 2 * y, 0] = 2 * first - 1
                ends[2 * z, 2 * y, 1] = 2 * last + 1
    for z in range(nz):
        for y in range(ny):
            here = ends[2 * z, 2 * y, 0] >= 0
            for step in range(2):
                dz, dy = step, 1 - step
                if z + dz >= nz or y + dy >= ny:
                    continue
                if not here and ends[2 * (z + dz), 2 * (y + dy), 0] < 0:
                    continue
                one = mask[z, y]
                two = mask[z + dz, y + dy]
                first = 0
                while first < nx and one[first] == two[first]:
                    first += 1
                if first < nx:
                    last = nx - 1
                    while one[last] == two[last]:
                        last -= 1
                    ends[2 * z + dz, 2 * y + dy, 0] = 2 * first
                    ends[2 * z + dz, 2 * y + dy, 1] = 2 * last
    return ends


@kernel
def _hull(ends: Any, points: Any) -> int:
    """Write the hull corners of a plane into `points` and return how many there are.

    `ends` holds first and last position of each line of the plane, or -1.
    """
    top = 0
    for side in range(2):
        start = top
        for line in range(ends.shape[0]):
            at = ends[line, side]
            if at < 0:
                continue
            while top - start >= 2:
                a0, a1 = points[top - 2, 0], points[top - 2, 1]
                b0, b1 = points[top - 1, 0], points[top - 1, 1]
                turn = (b0 - a0) * (at - a1) - (b1 - a1) * (line - a0)
                if (turn <= 0) if side == 0 else (turn >= 0):
                    top -= 1
                else:
                    break
            points[top, 0] = line
            points[top, 1] = at
            top += 1
    return top


@kernel
def _plane(points: Any, count: int, scale_line: float, scale_at: float, least: float) -> float:
    """Return the largest squared distance between points, at least `least`."""
    lowest, highest = points[0, 1], points[0, 1]
    first, last = points[0, 0], points[0, 0]
    for i in range(count):
        lowest, highest = min(lowest, points[i, 1]), max(highest, points[i, 1])
        first, last = min(first, points[i, 0]), max(last, points[i, 0])
    reach = (0.5 * last * scale_line - 0.5 * first * scale_line) ** 2
    reach += (0.5 * highest * scale_at - 0.5 * lowest * scale_at) ** 2
    if reach * (1 + 1e-12) < least:
        return least
    for i in range(count):
        u = 0.5 * points[i, 0] * scale_line
        v = 0.5 * points[i, 1] * scale_at
        for j in range(i):
            du = u - 0.5 * points[j, 0] * scale_line
            dv = v - 0.5 * points[j, 1] * scale_at
            least = max(least, du * du + dv * dv)
    return least


@kernel
def _diameters(ends: Any, across: Any, spacing: Any) -> Any:
    """Return largest squared distances in axial, coronal and sagittal planes and in space.

    `ends` is indexed (z, y) and holds x, `across` is indexed (z, x) and holds y.
    """
    nz, ny, _ = ends.shape
    nx = across.shape[1]
    best = np.zeros(4)
    points = np.empty((2 * max(nz, ny, nx) + 2, 2), np.int64)
    votes = np.zeros((nz, ny, 2), np.uint8)
    for z in range(nz):
        count = _hull(ends[z], points)
        if count:
            best[0] = _plane(points, count, spacing[1], spacing[2], best[0])
        for i in range(count):
            y, x = points[i]
            votes[z, y, 0 if ends[z, y, 0] == x else 1] |= 1
            if ends[z, y, 1] == x:
                votes[z, y, 1] |= 1
    for y in range(ny):
        count = _hull(ends[:, y], points)
        if count:
            best[1] = _plane(points, count, spacing[0], spacing[2], best[1])
        for i in range(count):
            z, x = points[i]
            votes[z, y, 0 if ends[z, y, 0] == x else 1] |= 2
            if ends[z, y, 1] == x:
                votes[z, y, 1] |= 2
    sagittal = np.zeros((nz, nx, 2), np.bool_)
    for x in range(nx):
        count = _hull(across[:, x], points)
        if count:
            best[2] = _plane(points, count, spacing[0], spacing[1], best[2])
        for i in range(count):
            z, y = points[i]
            sagittal[z, x, 0] |= across[z, x, 0] == y
            sagittal[z, x, 1] |= across[z, x, 1] == y
    kept = 0
    for z in range(nz):
        for y in range(ny):
            for side in range(2):
                if votes[z, y, side] == 3:
                    kept += 1
    corners = np.empty((3, kept))
    kept = 0
    for z in range(nz):
        for y in range(ny):
            for side in range(2):
                if votes[z, y, side] != 3:
                    continue
                x = ends[z, y, side]
                if (across[z, x, 0] == y and sagittal[z, x, 0]) or (
                    across[z, x, 1] == y and sagittal[z, x, 1]
                ):
                    corners[0, kept] = 0.5 * z * spacing[0]
                    corners[1, kept] = 0.5 * y * spacing[1]
                    corners[2, kept] = 0.5 * x * spacing[2]
                    kept += 1
    for i in range(kept):
        far = 0.0
        for j in range(i):
            d0 = corners[0, i] - corners[0, j]
            d1 = corners[1, i] - corners[1, j]
            d2 = corners[2, i] - corners[2, j]
            far = max(far, d0 * d0 + d1 * d1 + d2 * d2)
        best[3] = max(best[3], far)
    return best


@kernel
def _turned(mask: Any) -> Any:
    """Return the mask with y and x exchanged, copied block by block."""
    nz, ny, nx = mask.shape
    out = np.empty((nz, nx, ny), np.uint8)
    for z in range(nz):
        for y0 in range(0, ny, 32):
            for x0 in range(0, nx, 32):
                for y in range(y0, min(y0 + 32, ny)):
                    for x in range(x0, min(x0 + 32, nx)):
                        out[z, x, y] = mask[z, y, x]
    return out


def diameters_3d(
    mask: NDArray[np.uint8], spacing: NDArray[np.float64]
) -> tuple[float, float, float, float]:
    """Return the largest diameters in axial, coronal and sagittal planes, and in space.

    Parameters
    ----------
    mask : ndarray of uint8, shape (z, y, x)
        1 inside, with one empty voxel around.
    spacing : ndarray
        Spacing along z, y, x.

    Examples
    --------
    >>> mask = np.zeros((3, 3, 6), np.uint8)
    >>> mask[1, 1, 1:5] = 1
    >>> diameters_3d(mask, np.ones(3))
    (4.0, 4.0, 1.0, 4.0)
    """
    squared = _diameters(_row_ends(mask), _row_ends(_turned(mask)), spacing)
    axial, coronal, sagittal, space = (float(d) for d in np.sqrt(squared))
    return axial, coronal, sagittal, space


def diameters_2d(mask: NDArray[np.uint8], spacing: NDArray[np.float64]) -> float:
    """Return the largest distance between corners of the outline.

    Parameters
    ----------
    mask : ndarray of uint8, shape (y, x)
        1 inside, with one empty pixel around.
    spacing : ndarray
        Spacing along y, x.

    Examples
    --------
    >>> mask = np.zeros((3, 6), np.uint8)
    >>> mask[1, 1:5] = 1
    >>> diameters_2d(mask, np.ones(2))
    4.0
    """
    ends = _row_ends(mask[None])[0]
    points = np.empty((2 * ends.shape[0], 2), np.int64)
    count = _hull(ends, points)
    largest = _plane(points, count, float(spacing[0]), float(spacing[1]), 0.0) if count else 0.0
    return float(np.sqrt(largest))
