"""Second moments of the voxel centres: eigenvalues for axis lengths and elongation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.features._numba import kernel

__all__ = ["axis_eigenvalues", "with_border"]


@kernel
def _moments(mask: Any) -> Any:
    """Return N and the sums of z, y, x, zz, yy, xx, zy, zx, yx over voxels inside."""
    nz, ny, nx = mask.shape
    sums = np.zeros(10, np.int64)
    for z in range(nz):
        for y in range(ny):
            row = mask[z, y]
            number = np.int64(0)
            along = np.int64(0)
            square = np.int64(0)
            for x in range(nx):
                inside = np.int64(row[x])
                number += inside
                along += inside * x
                square += inside * x * x
            if number == 0:
                continue
            sums[0] += number
            sums[1] += number * z
            sums[2] += number * y
            sums[3] += along
            sums[4] += number * z * z
            sums[5] += number * y * y
            sums[6] += square
            sums[7] += number * z * y
            sums[8] += along * z
            sums[9] += along * y
    return sums


def with_border(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the mask as numbers, 1 inside, with one empty voxel around.

    Examples
    --------
    >>> with_border(np.ones((1, 2), dtype=bool)).tolist()
    [[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    """
    found = np.zeros([size + 2 for size in mask.shape], dtype=np.uint8)
    found[(slice(1, -1),) * mask.ndim] = mask
    return found


def axis_eigenvalues(
    mask: NDArray[np.uint8], spacing: NDArray[np.float64]
) -> tuple[int, NDArray[np.inexact]]:
    """Return the number of voxels and the eigenvalues of their covariance, ascending.

    The covariance divides by N, in squared units of the spacing. Sums are whole numbers, so
    the covariance is exact. For voxels in one plane or line the least eigenvalue is zero and
    what a computer finds is rounding: there the centred coordinates are multiplied in floating
    point, as pyradiomics does, so that both give the same number.

    Parameters
    ----------
    mask : ndarray of uint8, shape (z, y, x) or (y, x)
        1 inside.
    spacing : ndarray
        Spacing along the axes of the mask.

    Examples
    --------
    >>> axis_eigenvalues(np.ones((1, 2, 3), np.uint8), np.ones(3))[0]
    6
    """
    ndim = mask.ndim
    sums = [int(s) for s in _moments(mask if ndim == 3 else mask[None])]
    number, first = sums[0], sums[1:4]
    pairs = {(0, 0): 4, (1, 1): 5, (2, 2): 6, (0, 1): 7, (0, 2): 8, (1, 2): 9}
    axes = range(3 - ndim, 3)
    whole = [
        [number * sums[pairs[min(a, b), max(a, b)]] - first[a] * first[b] for b in axes]
        for a in axes
    ]
    if _determinant(whole) == 0:
        return number, _in_floating_point(mask, spacing)
    covariance = np.array([[value / number**2 for value in row] for row in whole])
    return number, np.linalg.eigvalsh(covariance * np.outer(spacing, spacing))


def _determinant(m: list[list[int]]) -> int:
    if len(m) == 2:
        return m[0][0] * m[1][1] - m[0][1] * m[1][0]
    return (
        m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
        - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
        + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
    )


def _in_floating_point(
    mask: NDArray[np.uint8], spacing: NDArray[np.float64]
) -> NDArray[np.inexact]:
    points = np.argwhere(mask) * spacing[None, :]
    points -= np.mean(points, axis=0)
    points /= np.sqrt(len(points))
    values = np.linalg.eigvals(np.dot(points.T.copy(), points))
    values[(values < 0) & (values > -1e-10)] = 0
    return np.sort(values)
