"""One door to the set: corrected, or as published."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from radiofib.features.ucl import _derivatives, _published
from radiofib.features.ucl._eigen import coherence, hessian_anisotropy
from radiofib.features.ucl._glcm import plane_contrasts
from radiofib.features.ucl._shape import shape
from radiofib.features.ucl._statistics import EQUAL, STATISTICS, Result, statistics
from radiofib.preprocess.crop import bounding_box
from radiofib.roi import Roi

__all__ = ["NAMES", "PUBLISHED_NAMES", "UclFeatures", "ucl_features"]

_SHAPE = ("vol_portion", "surface_area", "sphericity", "convex_volume", "solidity", "elongation")
_ORIENTED = ("coherence_mean", "coherence_std", "hessian_aniso_mean", "hessian_aniso_std")
_REST = (
    *_SHAPE,
    *(f"intensity_{name}" for name in STATISTICS),
    *(f"grad_{name}" for name in STATISTICS),
    *_ORIENTED,
    *(f"glcm_{p}_{name}" for p in ("xy", "xz", "yz") for name in ("contrast_mean", "anisotropy")),
)
#: The 31 features in the published order (the 32nd, the vendor, is a covariate of the cohort).
NAMES = ("volume", *_REST)
PUBLISHED_NAMES = ("volume_voxels", *_REST)
#: Scales of derivatives and of the structure tensor, in mm.
DERIVATIVE_MM, TENSOR_MM = 2.0, 4.0

_PLANE = "defined for volumes, the region lies in a 2-D image"
_NO_SCALE = "the size of a voxel is not known"
_NOT_FINITE = "an intensity of the region is NaN or infinite"
_NO_SLOPE = "no gradient anywhere in the region"


@dataclass(frozen=True)
class UclFeatures:
    """Features of the set, and why some are missing.

    Parameters
    ----------
    values : dict
        Feature name to value, in the order of :data:`NAMES` or :data:`PUBLISHED_NAMES`; NaN when
        missing.
    missing : dict
        Feature name to reason, for exactly the features that are NaN.

    Examples
    --------
    >>> UclFeatures({"volume": 8.0}).missing
    {}
    """

    values: dict[str, float]
    missing: dict[str, str] = field(default_factory=dict)


def ucl_features(roi: Roi, *, published: bool = False) -> UclFeatures:
    """Return the 31 computed features of UCL's entry to the LiFS benchmark.

    The corrected set differs from the published one in this: shape is in mm and from a surface
    without staircase (published: voxels, and a mesh one voxel too large); `vol_portion` is the
    share of the smallest oriented box (published: of the field of view, which is the scanner's);
    derivatives are Gaussian ones at 2 mm, with the structure tensor averaged over 4 mm, and see
    nothing outside the mask (published: differences between voxels, surroundings included); the
    GLCM counts all pairs inside the mask 7 mm apart in 32 levels between P1 and P99 of the region
    (published: neighbours in one whole slice, 8 bit with wrap-around); planes are named by the
    axes of the image. Intensities are taken as they are in both: normalise before, if they have
    no unit.

    Parameters
    ----------
    roi : Roi
        A 3-D region. As published, `vol_portion` and the GLCM depend on the whole array given.
    published : bool
        Whether to give the set as published, faults included.

    Returns
    -------
    UclFeatures
        Values and reasons.

    References
    ----------
    LiFS benchmark, arXiv 2605.25595.

    Examples
    --------
    >>> z, y, x = np.mgrid[-9:10, -9:10, -9:10]
    >>> roi = Roi(100.0 + x + y * z, z**2 + y**2 + x**2 < 70, (2.0, 1.0, 1.0), "t1")
    >>> found = ucl_features(roi)
    >>> len(found.values), round(found.values["sphericity"], 2), found.missing
    (31, 0.93, {})
    >>> round(ucl_features(roi, published=True).values["sphericity"], 2)
    0.85
    """
    names = PUBLISHED_NAMES if published else NAMES
    if roi.ndim == 2:
        return _missing(names, _PLANE)
    if published:
        return _finished(names, _as_published(roi))
    if not roi.spacing_known:
        return _missing(names, _NO_SCALE)
    return _finished(names, _corrected(roi))


def _corrected(roi: Roi) -> list[Result]:
    box = bounding_box(roi.mask)
    pixels, mask = roi.pixels[box], roi.mask[box]
    spacing = np.asarray(roi.spacing_mm, dtype=np.float64)
    parts = [shape(mask, spacing)]
    values = pixels[mask]
    if not np.isfinite(values).all():
        return [*parts, _nothing(NAMES[7:], _NOT_FINITE)]
    parts.append(statistics(values, "intensity"))
    if values.min() == values.max():
        return [*parts, _nothing(NAMES[14:], EQUAL)]
    gradient, hessian = _derivatives.derivatives(pixels, mask, roi.spacing_mm, DERIVATIVE_MM)
    magnitude = np.sqrt(np.sum(gradient.astype(np.float64) ** 2, axis=1))
    parts.append(statistics(magnitude, "grad"))
    tensor = _derivatives.structure_tensor(gradient, mask, roi.spacing_mm, TENSOR_MM)
    for name, field_of in (
        ("coherence", coherence(tensor)),
        ("hessian_aniso", hessian_anisotropy(hessian)),
    ):
        parts.append(_mean_and_std(name, field_of))
    return [*parts, plane_contrasts(pixels, mask, roi.spacing_mm)]


def _mean_and_std(name: str, values: np.ndarray) -> Result:
    names = f"{name}_mean", f"{name}_std"
    known = values[np.isfinite(values)]
    if known.size == 0:
        return _nothing(names, _NO_SLOPE)
    return dict(zip(names, (float(known.mean()), float(known.std())), strict=True)), {}


def _as_published(roi: Roi) -> list[Result]:
    pixels = roi.pixels.T.astype(np.float32)
    mask = roi.mask.T
    parts = [_published.shape(mask)]
    values = pixels[mask]
    if not np.isfinite(pixels).all():
        return [*parts, _nothing(PUBLISHED_NAMES[7:], "the image holds NaN or infinity")]
    parts.append(statistics(values, "intensity"))
    return [*parts, _published.derivatives(pixels, mask), _published.glcm(pixels, mask)]


def _nothing(names: tuple[str, ...], why: str) -> Result:
    return dict.fromkeys(names, float("nan")), dict.fromkeys(names, why)


def _missing(names: tuple[str, ...], why: str) -> UclFeatures:
    return UclFeatures(*_nothing(names, why))


def _finished(names: tuple[str, ...], parts: list[Result]) -> UclFeatures:
    values = {name: value for found, _ in parts for name, value in found.items()}
    reasons = {name: reason for _, why in parts for name, reason in why.items()}
    for name in names:
        if not np.isfinite(values[name]):
            values[name] = float("nan")
            reasons.setdefault(name, "not a number")
    return UclFeatures(
        {name: values[name] for name in names},
        {name: reasons[name] for name in names if name in reasons},
    )
