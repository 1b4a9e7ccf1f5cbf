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
#: Neighbours count within this many widths, when their normals are within 72 degrees.
REACH = 2.5
_CHUNK = 2000


class Heights(NamedTuple):
    """A local fit around each place.

    Parameters
    ----------
    height : ndarray, shape (n,)
        Height of the fit over the place along `normals`, in mm.
    slope : ndarray, shape (n,)
        Tangent of the angle between the fit and the plane across `normals`.
    covered : ndarray, shape (n,)
        Whether points lie all around: enough of them, and not on one side.
    curvature : ndarray, shape (n,)
        Greatest absolute principal curvature of the fit, per mm.
    normals : ndarray, shape (n, 3)
        Along which heights are measured.
    """

    height: Floats
    slope: Floats
    covered: NDArray[np.bool_]
    curvature: Floats
    normals: Floats


class _Sums(NamedTuple):
    """Normal equations of all places: left sides, right sides, and sums over neighbours."""

    left: Floats
    right: Floats
    others: Floats


def local_heights(
    points: Points, places: Points, width_mm: float, most: int, *, reference: bool = False
) -> Heights:
    r"""Fit ``h = b0 + b1 u + b2 v + b3 u^2 + b4 u v + b5 v^2`` around every place.

    u and v are coordinates in the plane across the normal of the place, h is the height over it;
    weights are ``exp(-(u^2 + v^2) / (2 width^2))``. Waves of wavelength L in a plane pass with
    the gain ``(1 + s) exp(-s)``, ``s = 2 (pi width / L)^2``, more where the weights' end at 2.5
    widths cuts them. Over a sphere of radius R the fit
    lies off by width^4 / R^3.

    A `reference` is rid of that: its normal is the mean of the neighbours' normals, and with the
    first fit's height q over b0 and its mean curvature m, the fourth order of a sphere, ``m q^2 /
    2``, is taken off the heights before a second fit. (Terms of higher order fitted to the points
    themselves would follow the bumps that the reference is to be compared with.)

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
    reference : bool
        Whether to fit a reference.

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
    tree = cKDTree(points.at)
    most = min(most, len(points.at))
    density = _density(tree, points, width_mm)
    found = Heights(
        np.zeros(number),
        np.zeros(number),
        np.zeros(number, dtype=bool),
        np.zeros(number),
        places.normals.copy(),
    )
    for start in range(0, number, _CHUNK):
        part = slice(start, start + _CHUNK)
        at, normals = places.at[part], places.normals[part]
        far, near = tree.query(at, k=most, distance_upper_bound=REACH * width_mm)
        near = np.where(np.isfinite(far), near, -1).reshape(len(at), -1)
        bent = np.zeros((len(at), 5))
        if reference:
            mean = _sums(points, near, at, normals, width_mm, bent).others[:, 2:]
            size = np.linalg.norm(mean, axis=1, keepdims=True)
            normals = np.where(size > 0, mean / np.maximum(size, 1e-12), normals)
        sums = _sums(points, near, at, normals, width_mm, bent)
        fitted = _solve(sums)
        _keep(found, part, normals, fitted, sums, density, width_mm)
        if reference:
            sums = _sums(points, near, at, normals, width_mm, fitted[:, 1:6])
            fitted = _solve(sums)
            found.height[part] = fitted[:, 0]
            found.slope[part] = np.hypot(fitted[:, 1], fitted[:, 2]) / width_mm
    return found


def _keep(
    found: Heights,
    part: slice,
    normals: Floats,
    fitted: Floats,
    sums: _Sums,
    density: float,
    width_mm: float,
) -> None:
    total = np.maximum(sums.others[:, 0], 1e-300)
    aside = np.hypot(sums.right[:, 6], sums.right[:, 7]) / total
    found.covered[part] = (total > 0.5 * density) & (sums.others[:, 1] >= 12) & (aside < 0.5)
    found.normals[part] = normals
    found.height[part] = fitted[:, 0]
    found.slope[part] = np.hypot(fitted[:, 1], fitted[:, 2]) / width_mm
    a, b, c = fitted[:, 3], fitted[:, 4], fitted[:, 5]
    found.curvature[part] = (np.abs(a + c) + np.hypot(a - c, b)) / width_mm**2


def _sums(
    points: Points,
    near: NDArray[np.int64],
    at: Floats,
    normals: Floats,
    width_mm: float,
    bent: Floats,
) -> _Sums:
    frames = np.stack([normals, *_tangents(normals)], axis=1)
    return _Sums(*_accumulate(points.at, points.normals, near, at, frames, width_mm, bent))


def _solve(sums: _Sums) -> Floats:
    # A trace of ridge keeps places with too few neighbours solvable; they are not covered.
    found = np.linalg.solve(sums.left + 1e-9 * np.eye(6), sums.right[:, :6, None])
    return np.asarray(found[..., 0])


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
    points: Any, normals: Any, near: Any, places: Any, frames: Any, width: Any, bent: Any
) -> Any:
    """Sum up the normal equations of all places.

    Coordinates are in units of the width, heights in mm. Returns the left sides; the right
    sides, which hold the weighted sums of u and v in columns 6 and 7; and the sum of weights,
    number of neighbours and weighted sum of their normals. `bent` holds b1 to b5 of q.
    """
    number = len(places)
    left = np.zeros((number, 6, 6))
    right = np.zeros((number, 8))
    sums = np.zeros((number, 5))
    terms = np.empty(6)
    for i in range(number):
        frame = frames[i]
        for j in near[i]:
            if j < 0:
                break
            n = normals[j]
            if n[0] * frame[0, 0] + n[1] * frame[0, 1] + n[2] * frame[0, 2] <= 0.3:
                continue
            z = points[j, 0] - places[i, 0]
            y = points[j, 1] - places[i, 1]
            x = points[j, 2] - places[i, 2]
            h = z * frame[0, 0] + y * frame[0, 1] + x * frame[0, 2]
            u = (z * frame[1, 0] + y * frame[1, 1] + x * frame[1, 2]) / width
            v = (z * frame[2, 0] + y * frame[2, 1] + x * frame[2, 2]) / width
            weight = np.exp(-(u * u + v * v) / 2)
            high = 0.0
            terms[0] = 1.0
            terms[1] = u
            terms[2] = v
            terms[3] = u * u
            terms[4] = u * v
            terms[5] = v * v
            for a in range(5):
                high += bent[i, a] * terms[a + 1]
            # The fourth order of a sphere of this mean curvature.
            h -= (bent[i, 2] + bent[i, 4]) / 2 * (high / width) ** 2
            for a in range(6):
                for b in range(a + 1):
                    left[i, a, b] += weight * terms[a] * terms[b]
                right[i, a] += weight * terms[a] * h
            right[i, 6] += weight * u
            right[i, 7] += weight * v
            sums[i, 0] += weight
            sums[i, 1] += 1
            for c in range(3):
                sums[i, 2 + c] += weight * n[c]
        for a in range(6):
            for b in range(a):
                left[i, b, a] = left[i, a, b]
    return left, right, sums
