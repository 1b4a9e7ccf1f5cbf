"""Shape of the set: in mm from the mesh half-way between voxels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiofib.features._axes import axis_eigenvalues, with_border
from radiofib.features._mesh import area_and_volume, cube_census
from radiofib.features.ibsi._box import oriented_box
from radiofib.features.ibsi._hull import convex_hull
from radiofib.features.ucl._statistics import Result

__all__ = ["inertia_ratio", "shape"]


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


def shape(mask: NDArray[np.bool_], spacing: NDArray[np.float64]) -> Result:
    """Return volume, its share of a box, area, sphericity, hull, solidity and elongation.

    With V and A of the mesh (as features ``shape``), H the volume of its convex hull, B that of
    the smallest oriented box around it::

        volume V    vol_portion V / B    surface_area A    sphericity (36 pi V^2)^(1/3) / A
        convex_volume H    solidity V / H    elongation see :func:`inertia_ratio`

    Parameters
    ----------
    mask : ndarray of bool, shape (z, y, x)
        The region, cropped.
    spacing : ndarray
        Spacing along z, y, x in mm.

    Examples
    --------
    >>> found, why = shape(np.ones((8, 8, 8), dtype=bool), np.ones(3))
    >>> round(found["elongation"], 6), round(found["vol_portion"], 2), why
    (1.0, 0.98, {})
    """
    padded = with_border(mask)
    area, volume = area_and_volume(cube_census(padded), spacing)
    hull = convex_hull(padded, spacing)
    elongation = inertia_ratio(padded, spacing)
    found = {
        "volume": volume,
        "vol_portion": volume / float(np.prod(oriented_box(hull.corners, hull.normals))),
        "surface_area": area,
        "sphericity": (36 * np.pi * volume**2) ** (1 / 3) / area,
        "convex_volume": hull.volume,
        "solidity": volume / hull.volume,
        "elongation": elongation,
    }
    return found, {} if np.isfinite(elongation) else {"elongation": "one voxel has no axes"}
