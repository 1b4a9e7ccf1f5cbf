"""Vessels and bile ducts inside the liver: by intensity against parenchyma, or by form as well."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from radiofib.errors import ImageError
from radiofib.preprocess.crop import bounding_box, grown
from radiofib.preprocess.hygiene.settings import VesselSettings

__all__ = ["find_vessels", "robust_centre", "tube_response"]

#: Median absolute deviation of a standard normal variable.
_MAD = 0.6744897501960817


def find_vessels(
    pixels: NDArray[np.generic],
    mask: NDArray[np.bool_],
    spacing_mm: tuple[float, ...],
    settings: VesselSettings | None = None,
) -> NDArray[np.bool_]:
    """Return the voxels of the mask that are vessels (or ducts).

    ``threshold``: with g the Gaussian mean over the mask at `smooth_mm` and b that at
    `background_mm`, ``d = g - b``; a vessel is where d lies beyond `k` robust deviations from
    its median. It is done twice, the second time with b and the statistics from what the first
    left. ``vesselness``: where, at one scale at least, :func:`tube_response` of ``x - b``, 0
    outside the mask, exceeds `least_response` times what chance makes of it.

    Groups (connected through faces, edges or corners) below `least_ml` are left in.

    Parameters
    ----------
    pixels, mask : ndarray of one shape
        Image and region; outside the region nothing is looked at.
    spacing_mm : tuple of float
        Voxel size in the order of the axes.
    settings : VesselSettings, optional
        Method and thresholds.

    Raises
    ------
    ImageError
        When the image has only one intensity in the region.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> pixels = rng.normal(100, 3, (8, 40, 40)); pixels[:, 18:22, 18:22] += 60
    >>> found = find_vessels(pixels, np.ones(pixels.shape, dtype=bool), (2.0, 1.0, 1.0))
    >>> bool(found[:, 18:22, 18:22].mean() > 0.8), bool(found[:, :12].any())
    (True, False)
    """
    settings = settings or VesselSettings()
    box = grown(bounding_box(mask), 1, mask.shape)
    inside, values = mask[box], pixels[box].astype(np.float32)
    if settings.method == "threshold":
        found = _by_threshold(values, inside, spacing_mm, settings)
    else:
        found = _by_form(values, inside, spacing_mm, settings)
    out = np.zeros(mask.shape, dtype=bool)
    voxel_ml = float(np.prod(spacing_mm)) / 1000 * (1.0 if mask.ndim == 3 else spacing_mm[0])
    out[box] = _large(found, settings.least_ml / voxel_ml)
    return out


def robust_centre(values: NDArray[np.floating]) -> tuple[float, float]:
    """Return median and robust deviation ``median|x - median| / 0.6745``.

    Raises
    ------
    ImageError
        When the deviation is 0.

    Examples
    --------
    >>> centre, deviation = robust_centre(np.array([1.0, 2, 3, 4, 100]))
    >>> centre, round(deviation, 4)
    (3.0, 1.4826)
    """
    centre = float(np.median(values))
    deviation = float(np.median(np.abs(values - centre))) / _MAD
    if not deviation > 0:
        raise ImageError(
            "vessels cannot be told from parenchyma: half the region has the same intensity",
            found=f"{values.size} voxels, median {centre:g}",
            hint="leave vessels out (null), or check the image",
        )
    return centre, deviation


def tube_response(
    pixels: NDArray[np.floating],
    where: NDArray[np.bool_],
    spacing_mm: tuple[float, ...],
    scale_mm: float,
) -> tuple[NDArray[np.float32], float]:
    """Return how much voxels lie in a bright tube, and how much chance alone makes of it.

    The Hessian of the image smoothed by a Gaussian of t mm, times t^2, has eigenvalues
    ``e1 <= e2 <= e3``; a bright tube has two strongly negative ones. The response is
    ``sqrt(e1 e2)`` where both are negative, else 0 (``-e1`` in 2-D). Derivatives are per mm, so
    that voxels need not be cubes. It has the unit of the intensities.

    In noise and in texture without direction e2 lies evenly about 0; its robust deviation is
    the measure of chance (in 2-D that of the trace, for there e1 has no such mean).

    Parameters
    ----------
    pixels : ndarray of shape (z, y, x) or (y, x)
        The image; use its negative for dark tubes.
    where : ndarray of bool
        Voxels that are asked for, n of them.
    spacing_mm : tuple of float
        Voxel size in the order of the axes.
    scale_mm : float
        Deviation of the Gaussian, t.

    Returns
    -------
    tuple of ndarray of shape (n,) and float
        Responses in the order of ``pixels[where]``, and the deviation.

    References
    ----------
    Sato et al., Med Image Anal 1998;2:143; the geometric mean is that of scikit-image's `sato`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> pixels = rng.normal(0, 0.01, (9, 9, 9)).astype(np.float32); pixels[:, 4, 4] += 1
    >>> middle = np.zeros(pixels.shape, dtype=bool); middle[4] = True
    >>> response, chance = tube_response(pixels, middle, (1.0, 1.0, 1.0), 1.0)
    >>> [int(i) for i in np.unravel_index(response.argmax(), (9, 9))], chance > 0
    ([4, 4], True)
    """
    ndim, number = pixels.ndim, int(np.count_nonzero(where))
    sigma = [scale_mm / s for s in spacing_mm]
    hessian = np.empty((number, ndim, ndim), dtype=np.float32)
    for i in range(ndim):
        for j in range(i, ndim):
            order = [int(a == i) + int(a == j) for a in range(ndim)]
            part = ndimage.gaussian_filter(pixels, sigma, order, mode="nearest", truncate=4.0)
            # t^2 for comparable scales, spacing for derivatives per mm
            part = part[where] * np.float32(scale_mm**2 / (spacing_mm[i] * spacing_mm[j]))
            hessian[:, i, j] = hessian[:, j, i] = part
    values = np.linalg.eigvalsh(hessian)
    low = np.minimum(values[:, : ndim - 1], 0)
    if ndim == 2:
        return -low[:, 0], robust_centre(values.sum(axis=1))[1]
    return np.sqrt(low[:, 0] * low[:, 1]), robust_centre(values[:, 1])[1]


def _by_threshold(
    values: NDArray[np.float32],
    inside: NDArray[np.bool_],
    spacing_mm: tuple[float, ...],
    settings: VesselSettings,
) -> NDArray[np.bool_]:
    smooth = _mean_over(values, inside, spacing_mm, settings.smooth_mm)
    found = np.zeros(inside.shape, dtype=bool)
    for _ in range(2):
        calm = inside & ~found
        difference = smooth - _slow(values, calm, spacing_mm, settings.background_mm)
        centre, deviation = robust_centre(difference[calm])
        found = inside & _beyond((difference - centre) / deviation, settings)
    return found


def _by_form(
    values: NDArray[np.float32],
    inside: NDArray[np.bool_],
    spacing_mm: tuple[float, ...],
    settings: VesselSettings,
) -> NDArray[np.bool_]:
    # Outside, the organ's background goes on: its edge must not answer as a tube.
    back = _slow(values, inside, spacing_mm, settings.background_mm)
    held = np.where(inside, values - back, np.float32(0)).astype(np.float32)
    found = np.zeros(inside.shape, dtype=bool)
    for sign, name in ((1, "bright"), (-1, "dark")):
        for scale in settings.scales_mm if settings.polarity in (name, "both") else ():
            response, chance = tube_response(sign * held, inside, spacing_mm, scale)
            found[inside] |= response > settings.least_response * chance
    return found


def _beyond(z: NDArray[np.floating], settings: VesselSettings) -> NDArray[np.bool_]:
    if settings.polarity == "both":
        return np.asarray(np.abs(z) > settings.k)
    return np.asarray((z if settings.polarity == "bright" else -z) > settings.k)


def _mean_over(
    values: NDArray[np.float32],
    inside: NDArray[np.bool_],
    spacing_mm: tuple[float, ...],
    width_mm: float,
) -> NDArray[np.float32]:
    """Return the Gaussian mean of the voxels inside: smoothed image over smoothed mask."""
    if width_mm == 0:
        return values
    sigma = [width_mm / s for s in spacing_mm]
    weight = inside.astype(np.float32)
    top = ndimage.gaussian_filter(values * weight, sigma, mode="constant", truncate=3.0)
    bottom = ndimage.gaussian_filter(weight, sigma, mode="constant", truncate=3.0)
    return np.asarray(top / np.maximum(bottom, np.float32(1e-6)), dtype=np.float32)


def _slow(
    values: NDArray[np.float32],
    inside: NDArray[np.bool_],
    spacing_mm: tuple[float, ...],
    width_mm: float,
) -> NDArray[np.float32]:
    """Return :func:`_mean_over` for a wide Gaussian, computed on a coarse copy of the grid."""
    axes = list(zip(spacing_mm, inside.shape, strict=True))
    factors = [max(1, min(int(width_mm / 4 / s), n)) for s, n in axes]
    steps = list(zip(axes, factors, strict=True))
    pad = [(0, -n % f) for (_, n), f in steps]
    blocks = [part for (_, n), f in steps for part in (-(-n // f), f)]
    means = tuple(range(1, 2 * inside.ndim, 2))
    weight, total = (
        np.pad(a, pad).reshape(blocks).mean(axis=means, dtype=np.float64)
        for a in (inside.astype(np.float32), values * inside)
    )
    sigma = [width_mm / s / f for (s, _), f in steps]
    top, bottom = (ndimage.gaussian_filter(a, sigma, mode="constant") for a in (total, weight))
    coarse = top / np.maximum(bottom, 1e-9)
    at = np.meshgrid(*((np.arange(n) + 0.5) / f - 0.5 for (_, n), f in steps), indexing="ij")
    fine = ndimage.map_coordinates(coarse, at, order=1, mode="nearest", output=np.float32)
    return np.asarray(fine)


def _large(mask: NDArray[np.bool_], least: float) -> NDArray[np.bool_]:
    """Keep connected groups of at least that many voxels."""
    groups, _ = ndimage.label(mask, structure=np.ones((3,) * mask.ndim))
    sizes = np.bincount(groups.ravel())
    keep = sizes >= least
    keep[0] = False
    return np.asarray(keep[groups])
