"""Shape of the set: in mm, from a surface without the staircase of the voxels."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from skimage.measure import marching_cubes

from radiofib.features._axes import axis_eigenvalues, with_border
from radiofib.features.ibsi._box import oriented_box
from radiofib.features.surface._base import smoothed
from radiofib.features.ucl._statistics import Result

__all__ = ["inertia_ratio", "mesh_measures", "shape"]

_THIN = "too small or thin for a surface: nothing is left after a Gaussian of 2 mm"
#: Corners of the hull that lie outermost in these directions stand for it when boxes are tried;
#: the set is the same after flips and exchanges of axes.
_DIRECTIONS = np.array([d for d in product(range(-3, 4), repeat=3) if any(d)]) * 1.0


def inertia_ratio(mask: NDArray[np.uint8], spacing: NDArray[np.float64]) -> float:
    """Return ``sqrt((l2 + l3) / (l1 + l2))``, the root of least over greatest moment of inertia.

    l1 >= l2 >= l3 are the eigenvalues of the covariance of the voxel centres; a moment of inertia
    is the sum of two of them. NaN for a single voxel.

    Examples
    --------
    >>> round(inertia_ratio(np.ones((1, 1, 9), np.uint8), np.ones(3)), 6)
    0.0
    """
    least, middle, most = np.real(axis_eigenvalues(mask, spacing)[1])
    if most + middle <= 0:
        return float("nan")
    return float(np.sqrt(max(least + middle, 0.0) / (most + middle)))


def mesh_measures(field: NDArray[np.floating], spacing: NDArray[np.float64]) -> tuple[float, ...]:
    """Return volume, area, hull volume and box volume of the surface where a field is 0.5.

    Parameters
    ----------
    field : ndarray, shape (z, y, x)
        Below 0.5 at all borders.
    spacing : ndarray
        Spacing along z, y, x.

    Examples
    --------
    >>> field = np.zeros((3, 3, 3))
    >>> field[1, 1, 1] = 1
    >>> [round(value, 6) for value in mesh_measures(field, np.ones(3))]
    [0.166667, 1.732051, 0.166667, 0.296296]
    """
    corners, faces, _, _ = marching_cubes(field, 0.5, spacing=tuple(spacing))
    corners = corners.astype(np.float64) - corners.mean(axis=0, dtype=np.float64)
    a, b, c = np.moveaxis(corners[faces], 1, 0)
    across = np.cross(b - a, c - a)
    volume = abs(float(np.einsum("ij,ij->", a, across))) / 6
    hull = ConvexHull(corners)
    edges = corners[hull.vertices]
    outermost = np.unique(np.argmax(edges @ _DIRECTIONS.T, axis=0))
    box = float(np.prod(oriented_box(edges[outermost], np.empty((0, 3)))))
    return volume, float(np.linalg.norm(across, axis=1).sum()) / 2, float(hull.volume), box


def shape(mask: NDArray[np.bool_], spacing: NDArray[np.float64]) -> Result:
    """Return volume, its share of a box, area, sphericity, hull, solidity and elongation.

    The surface is that of the mask after a Gaussian of 2 mm (at least 0.8 voxels), which takes
    the staircase of the voxels off: on the voxels themselves area depends on the grid. With V and
    A of this surface, H the volume of its convex hull, B that of the smallest oriented box around
    it, N voxels of volume v::

        volume N v    vol_portion V / B    surface_area A    sphericity (36 pi V^2)^(1/3) / A
        convex_volume H    solidity V / H    elongation see :func:`inertia_ratio`

    Parameters
    ----------
    mask : ndarray of bool, shape (z, y, x)
        The region, cropped.
    spacing : ndarray
        Spacing along z, y, x in mm.

    Examples
    --------
    >>> ball = np.sum((np.indices((21, 21, 21)) - 10) ** 2, axis=0) <= 100
    >>> found, why = shape(ball, np.ones(3))
    >>> round(found["elongation"], 6), round(found["sphericity"], 2), why
    (1.0, 1.0, {})
    """
    padded = with_border(mask)
    found = {"volume": float(np.count_nonzero(mask)) * float(np.prod(spacing))}
    found["elongation"] = inertia_ratio(padded, spacing)
    why = {} if np.isfinite(found["elongation"]) else {"elongation": "one voxel has no axes"}
    soft, _ = smoothed(mask, spacing)
    names = ("vol_portion", "surface_area", "sphericity", "convex_volume", "solidity")
    if soft.max() <= 0.5:
        return found | dict.fromkeys(names, float("nan")), why | dict.fromkeys(names, _THIN)
    volume, area, hull, box = mesh_measures(soft, spacing)
    sphericity = (36 * np.pi * volume**2) ** (1 / 3) / area
    values = (volume / box, area, sphericity, hull, volume / hull)
    return found | dict(zip(names, values, strict=True)), why
