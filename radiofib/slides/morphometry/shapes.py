"""Shape of one region of a grid: outline, calipers, convex hull, moments."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist
from skimage.measure import perimeter_crofton

__all__ = ["calipers", "eccentricity", "shape_measures"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def shape_measures(mask: Bools, um: tuple[float, float]) -> dict[str, float]:
    r"""Measure one 4-connected region.

    ``area_um2`` is cells x area of a cell, holes left out. The rest is of the outline, holes
    filled: ``perimeter_um`` by Crofton's formula in 4 directions (the staircase along cell edges
    is up to 41 % longer than the line it stands for), ``circularity`` :math:`4\pi A / P^2`
    (1 for a circle, up to a few hundredths more on a grid), ``solidity`` A / area of the convex
    hull, ``feret_max_um`` and ``feret_min_um`` (largest and smallest caliper width of the hull),
    ``eccentricity`` of the ellipse of equal second moments. ``hole_count`` and ``hole_area_um2``
    are of the gaps inside.

    Parameters
    ----------
    mask : ndarray of bool
        The region in a box of its own.
    um : tuple of float
        Width and height of a cell.

    References
    ----------
    Crofton MW. Philos Trans R Soc 1868;158:181-199. Legland D, Kieu K, Devaux MF. Image Anal
    Stereol 2007;26:83-92.

    Examples
    --------
    >>> y, x = np.mgrid[-60:61, -60:61]
    >>> disc = x**2 + y**2 <= 50**2
    >>> found = shape_measures(disc, (2.0, 2.0))
    >>> round(found["perimeter_um"] / (2 * np.pi * 100), 2), round(found["circularity"], 2)
    (1.0, 0.99)
    >>> round(found["feret_max_um"]), round(found["solidity"], 2), found["hole_count"]
    (203, 0.98, 0)
    """
    whole = np.pad(mask, 1)
    filled = ndi.binary_fill_holes(whole)
    holes = ndi.label(filled & ~whole, structure=np.ones((3, 3)))[1]
    cell = um[0] * um[1]
    area = float(np.count_nonzero(filled)) * cell
    perimeter = float(perimeter_crofton(filled, directions=4)) * math.sqrt(cell)
    hull_area, widest, narrowest = calipers(filled, um)
    return {
        "area_um2": float(np.count_nonzero(mask)) * cell,
        "perimeter_um": perimeter,
        "feret_max_um": widest,
        "feret_min_um": narrowest,
        "circularity": 4 * math.pi * area / perimeter**2,
        "solidity": area / hull_area,
        "eccentricity": eccentricity(filled, um),
        "hole_count": int(holes),
        "hole_area_um2": float(np.count_nonzero(filled & ~whole)) * cell,
    }


def calipers(mask: Bools, um: tuple[float, float]) -> tuple[float, float, float]:
    """Return area of the convex hull, largest and smallest caliper width of a mask.

    Examples
    --------
    >>> [round(v, 6) for v in calipers(np.ones((3, 4), dtype=bool), (1.0, 1.0))]
    [12.0, 5.0, 3.0]
    """
    rows, columns = np.nonzero(mask)
    # Only the first and last cell of each row can lie on the hull.
    first = np.flatnonzero(np.r_[True, rows[1:] != rows[:-1]])
    last = np.r_[first[1:], rows.size] - 1
    x = np.concatenate([columns[first], columns[first], columns[last] + 1, columns[last] + 1])
    y = np.concatenate([rows[first], rows[first] + 1, rows[last], rows[last] + 1])
    points = np.column_stack([x, y]) * np.array(um)
    hull = ConvexHull(points)
    corners = points[hull.vertices]
    edges = np.roll(corners, -1, axis=0) - corners
    across = np.column_stack([-edges[:, 1], edges[:, 0]]) / np.hypot(*edges.T)[:, None]
    narrowest = float(np.ptp(corners @ across.T, axis=0).min())
    return float(hull.volume), float(pdist(corners).max()), narrowest


def eccentricity(mask: Bools, um: tuple[float, float]) -> float:
    r"""Return :math:`\sqrt{1 - \lambda_2 / \lambda_1}` of the second moments of a mask.

    Examples
    --------
    >>> round(eccentricity(np.ones((10, 20), dtype=bool), (1.0, 1.0)), 4)
    0.866
    """
    rows, columns = np.nonzero(mask)
    points = np.column_stack([columns, rows]) * np.array(um)
    moments = np.cov(points.T, bias=True) + np.diag(np.square(um)) / 12
    small, large = np.linalg.eigvalsh(moments)
    return math.sqrt(max(0.0, 1.0 - float(small) / float(large)))
