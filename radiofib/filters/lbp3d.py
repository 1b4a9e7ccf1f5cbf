"""Local binary patterns on a sphere, made invariant to rotation by spherical harmonics."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.ndimage import map_coordinates
from scipy.stats import kurtosis

from radiofib.preprocess.crop import Box, grown

__all__ = ["binary_pattern_3d", "icosphere"]

#: Voxels around the region for the cubic spline, whose weights decay by 0.27 a voxel.
_SPLINE = 30
_CHUNK = 4_000


def icosphere(subdivisions: int, radius: float) -> NDArray[np.float64]:
    """Return the corners of an icosahedron whose faces are cut in four, on a sphere.

    Examples
    --------
    >>> [len(icosphere(n, 1.0)) for n in range(3)]
    [12, 42, 162]
    """
    golden = (1 + sqrt(5)) / 2
    corners = [
        point
        for a in (-1.0, 1.0)
        for b in (-golden, golden)
        for point in ((a, b, 0.0), (0.0, a, b), (b, 0.0, a))
    ]
    points = np.array(corners) / sqrt(1 + golden**2)
    near = np.linalg.norm(points[:, None] - points[None], axis=2) < 1.1
    faces = [
        f for f in combinations(range(12), 3) if all(near[a, b] for a, b in combinations(f, 2))
    ]
    for _ in range(subdivisions):
        middle: dict[tuple[int, int], int] = {}
        found, smaller = list(points), []
        for a, b, c in faces:
            new = []
            for edge in ((a, b), (b, c), (a, c)):
                key = (min(edge), max(edge))
                if key not in middle:
                    middle[key] = len(found)
                    point = points[key[0]] + points[key[1]]
                    found.append(point / np.linalg.norm(point))
                new.append(middle[key])
            ab, bc, ac = new
            smaller += [(a, ab, ac), (b, ab, bc), (c, bc, ac), (ab, bc, ac)]
        points, faces = np.array(found), smaller
    return points * radius


def _harmonics(
    points: NDArray[np.float64], radius: float, levels: int
) -> tuple[NDArray[np.complex128], NDArray[np.intp]]:
    """Return spherical harmonics at the points, shape (points, orders), and their degrees.

    The angles are exchanged (the polar angle is given as azimuth), as in pyradiomics.
    """
    azimuth = np.arccos(np.clip(points[:, 2] / radius, -1, 1))
    polar = np.arctan2(points[:, 1], points[:, 0])
    of = [(degree, order) for degree in range(levels) for order in range(-degree, degree + 1)]
    columns = [_harmonic(degree, order, polar, azimuth) for degree, order in of]
    return np.column_stack(columns), np.array([degree for degree, _ in of])


def _harmonic(
    degree: int, order: int, polar: NDArray[np.float64], azimuth: NDArray[np.float64]
) -> NDArray[np.complex128]:
    """Call SciPy's spherical harmonic, under the name and for the angles its version takes."""
    if hasattr(special, "sph_harm_y"):  # 1.15 and later: polar angles from 0 on
        return np.asarray(special.sph_harm_y(degree, order, np.abs(polar), azimuth))
    return np.asarray(special.sph_harm(order, degree, azimuth, polar))


def binary_pattern_3d(
    pixels: NDArray[np.generic],
    mask: NDArray[np.bool_],
    box: Box,
    *,
    levels: int = 2,
    radius: float = 1.0,
    subdivision: int = 1,
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Yield the rotation-invariant binary patterns of the voxels of a region.

    Intensities on a sphere around a voxel (cubic spline; in the type of the image) are
    compared with its own; the pattern is projected on spherical harmonics, and the strength of
    each degree is one image. The last image is the kurtosis of the intensities on the sphere.

    Parameters
    ----------
    pixels, mask : ndarray, 3-D
        The whole image and region.
    box : tuple of slice
        Bounding box of the region.
    levels : int
        Number of degrees.
    radius : float
        Radius of the sphere in voxels.
    subdivision : int
        How often the faces of the icosahedron are cut.

    Yields
    ------
    tuple
        ``lbp-3D-m1``, ``lbp-3D-m2``, ..., ``lbp-3D-k`` with values inside the region, else 0.

    References
    ----------
    Banerjee et al., ACCV 2012 Workshops, LNCS 7728, doi 10.1007/978-3-642-37410-4_3.

    Examples
    --------
    >>> image = np.random.default_rng(0).normal(size=(5, 5, 5))
    >>> mask = np.zeros((5, 5, 5), dtype=bool)
    >>> mask[2, 2, 2] = True
    >>> [name for name, _ in binary_pattern_3d(image, mask, (slice(2, 3),) * 3)]
    ['lbp-3D-m1', 'lbp-3D-m2', 'lbp-3D-k']
    """
    around = grown(box, _SPLINE + ceil(radius), pixels.shape)
    part = np.ascontiguousarray(pixels[around])
    where = np.argwhere(mask[around])
    points = icosphere(subdivision, radius)
    harmonics, degrees = _harmonics(points, radius, levels)
    found = np.empty((levels + 1, len(where)))
    for begin in range(0, len(where), _CHUNK):
        chunk = where[begin : begin + _CHUNK]
        spheres = (chunk[:, None, :] + points[None]).reshape(-1, 3).T
        values = map_coordinates(part, spheres, order=3).reshape(len(chunk), len(points))
        centre = part[tuple(chunk.T)]
        pattern = (values >= centre[:, None]).astype(np.float64)
        here = slice(begin, begin + len(chunk))
        # Sums run in pyradiomics' order and not through BLAS: the first image depends on the
        # number of neighbours above the centre alone, and equal numbers must give equal values.
        weights = np.sum(pattern[:, :, None] * harmonics, axis=1)
        parts = [
            np.sum(weights[:, None, degrees == n] * harmonics[:, degrees == n], axis=2)
            for n in range(levels)
        ]
        rebuilt = np.stack(parts, axis=2)
        found[:levels, here] = np.sqrt(np.sum(rebuilt**2, axis=1)).real.T
        with np.errstate(all="ignore"):
            found[levels, here] = kurtosis(values, axis=1)
    inside = mask[box]
    for number, name in enumerate([*(f"m{i + 1}" for i in range(levels)), "k"]):
        image = np.zeros(inside.shape)
        image[inside] = found[number]
        yield f"lbp-3D-{name}", image
