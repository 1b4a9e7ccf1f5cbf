"""Nodularity of an organ's surface from intensities, and roughness of its mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from radiofib.features.surface._base import (
    SMOOTH_MM,
    Points,
    base_surface,
    thinned,
    voxel_surface,
)
from radiofib.features.surface._edge import locate_edges, noise_of
from radiofib.features.surface._fit import local_heights
from radiofib.preprocess.crop import bounding_box
from radiofib.roi import Roi

__all__ = ["NAMES", "SurfaceFeatures", "mask_roughness", "surface_features"]

Floats = NDArray[np.float64]
#: Features in the order of the table.
NAMES = ("nodularity", "nodularity_tenth_mm", "usable_share", "mask_roughness")
#: Widths in mm of the fit that takes noise off the edge and of the smooth reference.
EDGE_MM, REFERENCE_MM = 2.5, 8.0
#: Distance of the points that the two fits go through, and most neighbours within 2.5 widths.
_EDGE_CELL, _REFERENCE_CELL = 1.0, 2.5
_EDGE_MOST, _REFERENCE_MOST = 320, 480
#: Most places where the distance is measured, and least that make a mean.
PLACES, LEAST_PLACES = 4000, 100
#: Where the reference has less than this radius of curvature in mm, the organ has a border.
LEAST_RADIUS_MM = 13.0
#: Slices further apart do not show the surface between them.
MOST_SPACING_MM = 4.0

_PLANE = "defined for volumes, the region lies in a 2-D image"
_NO_SCALE = "the size of a voxel is not known"
_SMALL = "too small a surface"


@dataclass(frozen=True)
class SurfaceFeatures:
    """Features of a surface, and why some are missing.

    Parameters
    ----------
    values : dict
        Feature name to value, in the order of :data:`NAMES`; NaN when missing.
    missing : dict
        Feature name to reason, for exactly the features that are NaN.
    flags : dict
        Feature name to remark.

    Examples
    --------
    >>> SurfaceFeatures({"nodularity": 0.4}).missing
    {}
    """

    values: dict[str, float]
    missing: dict[str, str] = field(default_factory=dict)
    flags: dict[str, str] = field(default_factory=dict)


def surface_features(roi: Roi) -> SurfaceFeatures:
    r"""Return nodularity of a surface, the usable share of it, and roughness of the mask.

    Nodularity is the mean distance between the edge of the organ and a smooth surface, after
    Smith 2016. The edge is found below the voxel: around the mask's surface, smoothed by a
    Gaussian of 2 mm, a blurred step is fitted to the intensities along each normal
    (:func:`radiofib.features.surface._edge.locate_edges`); places without a clear step - too
    little contrast with the neighbour, other structures nearby - are left out, and `usable_share`
    says how much was left. Two local fits with Gaussian weights
    (:func:`radiofib.features.surface._fit.local_heights`) are laid through the edge points around
    every place: of 2.5 mm, which takes off noise, and of 8 mm, the smooth reference; the distance
    between them is taken at right angles to the reference and its absolute value averaged. So
    waves of wavelength L in a plane count with the gain .43 at L = 7 mm, .77 at 10, .88 at 12,
    .93 at 15, .68 at 20, .41 at 25, .25 at 30 and .10 at 40. Sharp borders of the organ, where
    the reference has a radius below 13 mm, are left out.

    `mask_roughness` is the mean distance between the voxel faces of the mask and the smooth
    reference through them. It measures the staircase of the voxels, hence the scanner, and is
    never a substitute of nodularity.

    Parameters
    ----------
    roi : Roi
        The organ with the image around it: at least 8 mm beyond the mask should be there.
        Intensities in any unit, since values do not depend on their scale and offset.

    Returns
    -------
    SurfaceFeatures
        ``nodularity`` and ``mask_roughness`` in mm, ``nodularity_tenth_mm`` in 0.1 mm,
        ``usable_share`` between 0 and 1.

    References
    ----------
    Smith et al., Radiology 2016;280:771-781, doi 10.1148/radiol.2016151542.

    Examples
    --------
    >>> z, y, x = np.mgrid[-40.0:41, -40.0:41, -40.0:41]
    >>> inside = np.clip(30.5 - np.sqrt(z**2 + y**2 + x**2), 0, 1)
    >>> roi = Roi(100 + 50 * inside, inside > 0.5, (1.0, 1.0, 1.0), "ged4")
    >>> found = surface_features(roi).values
    >>> found["nodularity"] < 0.05 < found["mask_roughness"], round(found["usable_share"], 1)
    (True, 1.0)
    """
    if roi.ndim == 2:
        return _nothing(_PLANE)
    if not roi.spacing_known:
        return _nothing(_NO_SCALE)
    spacing = np.asarray(roi.spacing_mm, dtype=np.float64)
    rough, why_rough = _roughness(roi.mask, spacing)
    values = dict.fromkeys(NAMES, float("nan")) | {"mask_roughness": rough}
    missing = {"mask_roughness": why_rough} if why_rough else {}
    if spacing.max() > MOST_SPACING_MM:
        why = f"voxels are {spacing.max():g} mm apart, more than {MOST_SPACING_MM:g} mm"
        return _finished(values, missing | dict.fromkeys(NAMES[:3], why))
    pixels, mask = _around(roi, spacing)
    if not np.isfinite(pixels).all():
        why = "an intensity near the region is NaN or infinite"
        return _finished(values, missing | dict.fromkeys(NAMES[:3], why))
    base = base_surface(mask, spacing)
    edges = locate_edges(pixels, base, spacing, noise_of(pixels, mask))
    values["usable_share"] = edges.usable
    mean, number = _mean_distance(edges.points, EDGE_MM)
    if number < LEAST_PLACES:
        why = (
            f"an edge was found on {edges.usable:.0%} of the surface (low contrast "
            f"{edges.low_contrast:.0%}, no clear step {edges.no_step:.0%}, outside the image "
            f"{edges.outside:.0%}): too little to measure"
        )
        return _finished(values, missing | dict.fromkeys(NAMES[:2], why))
    values |= {"nodularity": mean, "nodularity_tenth_mm": 10 * mean}
    return _finished(values, missing)


def mask_roughness(mask: NDArray[np.bool_], spacing_mm: Sequence[float]) -> float:
    """Return the mean distance between a mask's voxel faces and a smooth surface, in mm.

    It measures the staircase of the voxels; see :func:`surface_features`. NaN when the surface
    is too small to be measured.

    Parameters
    ----------
    mask : ndarray of bool, shape (z, y, x)
        The region.
    spacing_mm : sequence of float
        Spacing along z, y, x in mm.

    Examples
    --------
    >>> ball = np.sum((np.indices((61, 61, 61)) - 30) ** 2, axis=0) <= 25**2
    >>> coarse = mask_roughness(ball[::2, ::2, ::2], (2.0, 2.0, 2.0))
    >>> mask_roughness(ball, (1.0, 1.0, 1.0)) < coarse
    True
    """
    return _roughness(mask, np.asarray(spacing_mm, dtype=np.float64))[0]


def _roughness(mask: NDArray[np.bool_], spacing: Floats) -> tuple[float, str]:
    mask = mask[bounding_box(mask)]
    mean, number = _rough(np.packbits(mask).tobytes(), mask.shape, tuple(spacing))
    return (mean, "") if number >= LEAST_PLACES else (float("nan"), _SMALL)


@lru_cache(maxsize=1)
def _rough(bits: bytes, shape: tuple[int, ...], spacing: tuple[float, ...]) -> tuple[float, int]:
    """Measure a packed mask; the channels of an aligned case have one mask in common."""
    mask = np.unpackbits(np.frombuffer(bits, np.uint8), count=int(np.prod(shape))).reshape(shape)
    return _mean_distance(voxel_surface(mask.astype(np.bool_), np.array(spacing)), None)


def _around(roi: Roi, spacing: Floats) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Return the region and as much of the image around it as profiles may reach."""
    reach = np.ceil((4 * SMOOTH_MM + 2 * spacing.max()) / spacing).astype(int)
    box = tuple(
        slice(max(side.start - int(r), 0), side.stop + int(r))
        for side, r in zip(bounding_box(roi.mask), reach, strict=True)
    )
    return roi.pixels[box], roi.mask[box]


def _mean_distance(points: Points, edge_mm: float | None) -> tuple[float, int]:
    """Return the mean distance between points and their smooth reference, and of how many.

    With `edge_mm` the points are first smoothed over that width, else taken as they are.
    """
    rest = thinned(points, _REFERENCE_CELL)
    if len(rest.at) < LEAST_PLACES:
        return float("nan"), 0
    places = rest if edge_mm else points
    places = Points(*(a[:: -(-len(places.at) // PLACES)] for a in places))
    reference = local_heights(rest, places, REFERENCE_MM, _REFERENCE_MOST, reference=True)
    good = reference.covered & (reference.curvature <= 1 / LEAST_RADIUS_MM)
    places = Points(places.at, reference.normals)
    edge: Floats = np.zeros(len(places.at))
    if edge_mm:
        near = local_heights(thinned(points, _EDGE_CELL), places, edge_mm, _EDGE_MOST)
        good &= near.covered
        edge = near.height
    distance = np.abs(edge - reference.height) / np.sqrt(1 + reference.slope**2)
    number = int(good.sum())
    return (float(distance[good].mean()) if number else float("nan")), number


def _nothing(why: str) -> SurfaceFeatures:
    return SurfaceFeatures(dict.fromkeys(NAMES, float("nan")), dict.fromkeys(NAMES, why))


def _finished(values: dict[str, float], missing: dict[str, str]) -> SurfaceFeatures:
    flags = {}
    if "mask_roughness" not in missing:
        flags["mask_roughness"] = "measures the staircase of the voxels, hence the scanner"
    return SurfaceFeatures(values, {n: missing[n] for n in NAMES if n in missing}, flags)
