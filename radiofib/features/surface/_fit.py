"""A smooth surface through scattered points: local quadratic heights over a plane."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from radiofib.features._numba import kernel
from radiofib.features.surface._base import Points

__all__ = ["Heights", "local_heights"]

Floats = NDArray[np.float64]
#: Neighbours count within this many widths, when their normals are within 60 degrees.
REACH = 2.5
#: The penalty on terms of a quadric: noise of the edge and usual size of the coefficients.
NOISE_MM, CURVED_PER_MM = 0.1, 0.03
_CHUNK = 2000


class Heights(NamedTuple):
    """A local fit over the tangent plane of each place.

    Parameters
    ----------
    height : ndarray, shape (n,)
        Height of the fit over the place along its normal, in mm.
    slope : ndarray, shape (n,)
        Tangent of the angle between the fit and the plane.
    covered : ndarray, shape (n,)
        Whether points lie all around: enough of them, and not on one side.
    agreement : ndarray, shape (n,)
        Length of the weighted mean of the neighbours' unit normals (1 in a plane).
    """

    height: Floats
    slope: Floats
    covered: NDArray[np.bool_]
    agreement: Floats


def local_heights(
    points: Points, places: Points, width_mm: float, most: int, *, quadric: bool = False
) -> Heights:
    r"""Fit ``h = b0 + b1 u + b2 v + b3 u^2 + b4 u v + b5 v^2`` around every place.

    u and v are coordinates in the plane across the normal of the place, h is the height over it;
    weights are ``exp(-(u^2 + v^2) / (2 width^2))``. Waves of wavelength L in a plane pass with
    the gain ``(1 + s) exp(-s)``, ``s = 2 (pi width / L)^2``. Over a sphere of radius R the fit
    lies off by width^4 / R^3. With `quadric` there are the terms ``b6 u h + b7 v h + b8 h^2``
    too, and spheres, cylinders and ellipsoids are followed exactly, since all of them are zeros
    of a polynomial of second order in u, v and h; a slight penalty keeps the three terms small
    where the surface is too flat to tell them.

    Parameters
    ----------
    points : Points
        The surface.
    places : Points
        Where to fit.
    width_mm : float
        Width of the weights.
    most : int
        Most neighbours of a place; must exceed those within 2.5 widths.
    quadric : bool
        Whether to fit a quadric.

    References
    ----------
    Cleveland and Devlin, J Am Stat Assoc 1988;83:596-610, doi 10.1080/01621459.1988.10478639.

    Examples
    --------
    >>> v, u = (g.ravel() for g in np.mgrid[-9.0:10, -9.0:10])
    >>> bowl = Points(np.stack([0.01 * u**2 + 0.5, v, u], axis=1), np.tile([1.0, 0, 0], (361, 1)))
    >>> place = Points(np.zeros((1, 3)), np.array([[1.0, 0, 0]]))
    >>> local_heights(bowl, place, 3.0, 361).height.round(6)
    array([0.5])
    """
    number = len(places.at)
    height, slope = np.full(number, np.nan), np.full(number, np.nan)
    agreement = np.zeros(number)
    covered = np.zeros(number, dtype=bool)
    tree = cKDTree(points.at)
    most = min(most, len(points.at))
    # A trace of ridge keeps places with too few neighbours solvable; they are not covered.
    ridge = [1e-9] * 6 + [(NOISE_MM / (CURVED_PER_MM * width_mm**2)) ** 2] * 3 * quadric
    density = _density(tree, points, width_mm)
    for start in range(0, number, _CHUNK):
        part = slice(start, start + _CHUNK)
        at, normals = places.at[part], places.normals[part]
        far, near = tree.query(at, k=most, distance_upper_bound=REACH * width_mm)
        there = np.isfinite(far).reshape(len(at), -1)
        first, second = _tangents(normals)
        left, right, sums = _accumulate(
            points.at,
            points.normals,
            np.where(there, near.reshape(there.shape), -1),
            at,
            np.stack([normals, first, second], axis=1),
            width_mm,
            9 if quadric else 6,
        )
        total = np.maximum(sums[:, 0], 1e-300)
        agreement[part] = np.linalg.norm(sums[:, 2:], axis=1) / total
        aside = np.hypot(right[:, 9], right[:, 10]) / total
        enough = (total > 0.5 * density) & (sums[:, 1] >= 12)
        covered[part] = enough & (aside < 0.5)
        size = left.shape[1]
        fitted = np.linalg.solve(left + np.diag(ridge), right[:, :size, None])[..., 0]
        height[part] = fitted[:, 0]
        slope[part] = np.hypot(fitted[:, 1], fitted[:, 2]) / width_mm
    return Heights(height, slope, covered, agreement)


def _density(tree: cKDTree, points: Points, width_mm: float) -> float:
    """Return the sum of weights that is usual around a point."""
    some = points.at[:: max(len(points.at) // 400, 1)]
    around = tree.query_ball_point(some, width_mm, return_length=True)
    # Of 2 pi w^2 in weight, the disc of radius w holds an area of pi w^2.
    return 2.0 * float(np.median(around))


def _tangents(normals: Floats) -> tuple[Floats, Floats]:
    other = np.eye(3)[np.argmin(np.abs(normals), axis=1)]
    first = np.cross(normals, other)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    return first, np.cross(normals, first)


@kernel
def _accumulate(
    points: Any, normals: Any, near: Any, places: Any, frames: Any, width: Any, size: Any
) -> Any:
    """Sum up the normal equations of all places.

    Coordinates are in units of the width, heights in mm. Returns the left sides; the right
    sides, which hold the weighted sums of u and v in columns 9 and 10; and the sum of weights,
    number of neighbours and weighted sum of their normals.
    """
    number = len(places)
    left = np.zeros((number, size, size))
    right = np.zeros((number, 11))
    sums = np.zeros((number, 5))
    terms = np.empty(9)
    for i in range(number):
        frame = frames[i]
        for j in near[i]:
            if j < 0:
                break
            n = normals[j]
            if n[0] * frame[0, 0] + n[1] * frame[0, 1] + n[2] * frame[0, 2] <= 0.5:
                continue
            z = points[j, 0] - places[i, 0]
            y = points[j, 1] - places[i, 1]
            x = points[j, 2] - places[i, 2]
            h = z * frame[0, 0] + y * frame[0, 1] + x * frame[0, 2]
            u = (z * frame[1, 0] + y * frame[1, 1] + x * frame[1, 2]) / width
            v = (z * frame[2, 0] + y * frame[2, 1] + x * frame[2, 2]) / width
            high = h / width
            weight = np.exp(-(u * u + v * v) / 2)
            terms[0] = 1.0
            terms[1] = u
            terms[2] = v
            terms[3] = u * u
            terms[4] = u * v
            terms[5] = v * v
            terms[6] = u * high
            terms[7] = v * high
            terms[8] = high * high
            for a in range(size):
                for b in range(a + 1):
                    left[i, a, b] += weight * terms[a] * terms[b]
                right[i, a] += weight * terms[a] * h
            right[i, 9] += weight * u
            right[i, 10] += weight * v
            sums[i, 0] += weight
            sums[i, 1] += 1
            for c in range(3):
                sums[i, 2 + c] += weight * n[c]
        for a in range(size):
            for b in range(a):
                left[i, b, a] = left[i, a, b]
    return left, right, sums
