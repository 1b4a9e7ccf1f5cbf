"""Morphology of IBSI 1: the family `morph`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import MaskError
from radiofib.features._axes import axis_eigenvalues
from radiofib.features._diameter import diameters_2d, diameters_3d
from radiofib.features._mesh import area_and_volume, cube_census
from radiofib.features.ibsi import _ellipsoid, spatial
from radiofib.features.ibsi._box import oriented_box
from radiofib.features.ibsi._hull import convex_hull
from radiofib.features.ibsi._moments import NOT_FINITE, Result, finished
from radiofib.preprocess.crop import bounding_box

__all__ = ["NAMES", "PLANE_NAMES", "compute"]

NAMES = (
    *("volume", "vol_approx", "area_mesh", "av", "comp_1", "comp_2", "sph_dispr", "sphericity"),
    *("asphericity", "com", "diam", "pca_maj_axis", "pca_min_axis", "pca_least_axis"),
    *("pca_elongation", "pca_flatness", "vol_dens_aabb", "area_dens_aabb", "vol_dens_ombb"),
    *("area_dens_ombb", "vol_dens_aee", "area_dens_aee", "vol_dens_mvee", "area_dens_mvee"),
    *("vol_dens_conv_hull", "area_dens_conv_hull", "integ_int", "moran_i", "geary_c"),
)
#: Those that have a meaning in a plane.
PLANE_NAMES = (
    *("com", "diam", "pca_maj_axis", "pca_min_axis", "pca_elongation", "moran_i", "geary_c"),
)
_PLANE = "defined for volumes, the region lies in a 2-D image"


def compute(
    pixels: NDArray[np.generic],
    intensity_mask: NDArray[np.bool_],
    morphology_mask: NDArray[np.bool_],
    spacing_mm: Sequence[float],
) -> Result:
    """Return the morphological features of a region.

    With V and A the volume and area of the mesh of the morphological mask (marching cubes,
    half-way between voxels), l1 >= l2 >= l3 the eigenvalues of the covariance (over N - 1) of its
    N voxel centres, X the intensities in the intensity mask::

        volume V        vol_approx N times a voxel      area_mesh A        av A / V
        comp_1 V / sqrt(pi A^3)    comp_2 36 pi V^2 / A^3    sph_dispr A / (36 pi V^2)^(1/3)
        sphericity 1 / sph_dispr   asphericity sph_dispr - 1
        com distance of the mean voxel centre and the mean weighted by X
        diam largest distance of two mesh corners
        pca_maj_axis, pca_min_axis, pca_least_axis 4 sqrt(l1), 4 sqrt(l2), 4 sqrt(l3)
        pca_elongation sqrt(l2 / l1)       pca_flatness sqrt(l3 / l1)
        vol_dens_*, area_dens_* V and A over those of: the box along the axes (aabb), the
        oriented box of least volume (ombb), the ellipsoid with half-axes 2 sqrt(l) (aee), the
        ellipsoid of least volume around the mesh (mvee), the convex hull of the mesh; areas of
        ellipsoids by the series of the manual
        integ_int V mean(X)        moran_i, geary_c see :mod:`radiofib.features.ibsi.spatial`

    Parameters
    ----------
    pixels : ndarray of shape (z, y, x) or (y, x)
        Image.
    intensity_mask, morphology_mask : ndarray of bool
        The region with and without resegmentation.
    spacing_mm : sequence of float
        Spacing along the axes of the arrays in mm.

    Returns
    -------
    dict, dict
        Values by name (NaN where not defined), and the reason for every NaN. In a 2-D image
        com, diam, the axes and the autocorrelations are those in the plane and the others NaN.

    Raises
    ------
    MaskError
        When one of the masks is empty.

    References
    ----------
    IBSI reference manual, doi 10.48550/arXiv.1612.07003, morphological features (HCUG).

    Examples
    --------
    >>> box = np.ones((2, 3, 4), dtype=bool)
    >>> found, why = compute(np.ones((2, 3, 4)), box, box, (2.0, 1.0, 1.0))
    >>> found["vol_approx"], round(found["volume"], 3), found["com"], sorted(why)
    (48.0, 40.333, 0.0, ['geary_c', 'moran_i'])
    """
    if not (intensity_mask.any() and morphology_mask.any()):
        raise MaskError("the region is empty")
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    box = bounding_box(intensity_mask | morphology_mask)
    pixels = pixels[box]
    intensity_mask, morphology_mask = intensity_mask[box], morphology_mask[box]
    found, why = spatial.compute(pixels, intensity_mask, spacing_mm)
    found["com"], why_not = _centres_apart(pixels, intensity_mask, morphology_mask, spacing)
    if why_not:
        why["com"] = why_not
    padded = np.pad(morphology_mask[bounding_box(morphology_mask)].astype(np.uint8), 1)
    axes, more = _axes(padded, spacing)
    found |= axes
    why |= more
    if morphology_mask.ndim == 2:
        found["diam"] = diameters_2d(padded, spacing)
        for name in NAMES:
            if name not in PLANE_NAMES:
                found[name], why[name] = float("nan"), _PLANE
        return finished(NAMES, found, why)
    solid, more = _solid(padded, spacing, axes)
    found |= solid
    why |= more
    mean = float(pixels[intensity_mask].mean(dtype=np.float64))
    found["integ_int"] = found["volume"] * mean
    if not np.isfinite(mean):
        why["integ_int"] = NOT_FINITE
    return finished(NAMES, found, why)


def _centres_apart(
    pixels: NDArray[np.generic],
    intensity_mask: NDArray[np.bool_],
    morphology_mask: NDArray[np.bool_],
    spacing: NDArray[np.float64],
) -> tuple[float, str]:
    values = pixels[intensity_mask].astype(np.float64)
    total = values.sum()
    if not np.isfinite(total):
        return float("nan"), NOT_FINITE
    if total == 0:
        return float("nan"), "the intensities add up to 0"
    if values.min() == values.max():  # one weight for all, without its rounding
        values, total = np.ones(len(values)), float(len(values))
    apart = [
        values @ weighted / total - plain.mean()
        for weighted, plain in zip(
            np.nonzero(intensity_mask), np.nonzero(morphology_mask), strict=True
        )
    ]
    return float(np.linalg.norm(apart * spacing)), ""


def _axes(padded: NDArray[np.uint8], spacing: NDArray[np.float64]) -> Result:
    names = ("pca_maj_axis", "pca_min_axis", "pca_least_axis")[: padded.ndim]
    ratios = {"pca_elongation": 1, "pca_flatness": 2}
    used = (*names, *list(ratios)[: padded.ndim - 1])
    number, eigenvalues = axis_eigenvalues(padded, spacing)
    if number == 1:
        return dict.fromkeys(used, float("nan")), dict.fromkeys(used, "one voxel has no axes")
    # IBSI's reference values divide by N - 1.
    values = np.real(eigenvalues)[::-1].astype(np.float64) * (number / (number - 1))
    # A region in a plane or a line has an eigenvalue of 0, whatever rounding leaves of it.
    values = np.where(values > 1e-12 * values[0], values, 0.0)
    found = {name: 4 * float(np.sqrt(v)) for name, v in zip(names, values, strict=True)}
    found |= {name: float(np.sqrt(values[ratios[name]] / values[0])) for name in used[len(names) :]}
    return found, {}


def _solid(
    padded: NDArray[np.uint8], spacing: NDArray[np.float64], axes: dict[str, float]
) -> Result:
    """Return what needs the mesh of a volume."""
    area, volume = area_and_volume(cube_census(padded), spacing)
    volume = abs(volume)
    hull = convex_hull(padded, spacing)
    ball = (36 * np.pi * volume**2) ** (1 / 3)
    found = {
        "volume": volume,
        "vol_approx": float(np.count_nonzero(padded) * np.prod(spacing)),
        "area_mesh": area,
        "av": area / volume,
        "comp_1": volume / (np.sqrt(np.pi) * area**1.5),
        "comp_2": 36 * np.pi * volume**2 / area**3,
        "sph_dispr": area / ball,
        "sphericity": ball / area,
        "asphericity": area / ball - 1,
        "diam": diameters_3d(padded, spacing)[3],
        "vol_dens_conv_hull": volume / hull.volume,
        "area_dens_conv_hull": area / hull.area,
    }
    around = {
        "aabb": (np.array(padded.shape) - 2) * spacing,
        "ombb": oriented_box(hull.corners, hull.normals),
    }
    for name, (a, b, c) in around.items():
        found[f"vol_dens_{name}"] = volume / (a * b * c)
        found[f"area_dens_{name}"] = area / (2 * (a * b + a * c + b * c))
    a, b, c = _ellipsoid.enclosing(hull.corners)
    found["vol_dens_mvee"] = volume / _ellipsoid.volume(a, b, c)
    found["area_dens_mvee"] = area / _ellipsoid.area(a, b, c)
    a, b, c = (axes[f"pca_{name}_axis"] / 2 for name in ("maj", "min", "least"))
    why = {}
    found["vol_dens_aee"] = found["area_dens_aee"] = float("nan")
    if c > 0:
        found["vol_dens_aee"] = volume / _ellipsoid.volume(a, b, c)
    else:
        why["vol_dens_aee"] = "the voxel centres lie in a plane: their ellipsoid has no volume"
    if b > 0:
        found["area_dens_aee"] = area / _ellipsoid.area(a, b, c)
    else:
        why["area_dens_aee"] = "the voxel centres lie on a line: their ellipsoid has no area"
    return {name: float(value) for name, value in found.items()}, why
