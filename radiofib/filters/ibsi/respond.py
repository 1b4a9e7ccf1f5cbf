"""One door to all filters of IBSI 2."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from radiofib.errors import EngineError
from radiofib.filters.ibsi._passes import SCIPY_MODES, Array, reach_of
from radiofib.filters.ibsi.gabor import gabor_radius, gabor_response
from radiofib.filters.ibsi.kernels import (
    check_sigma,
    laws_response,
    log_response,
    log_taps,
    mean_response,
    wavelet_chains,
    wavelet_response,
)
from radiofib.filters.ibsi.radial import radial_response, riesz_response
from radiofib.filters.ibsi.settings import (
    Filter,
    GaborFilter,
    LawsFilter,
    LogFilter,
    MeanFilter,
    RadialWaveletFilter,
    RieszFilter,
    WaveletFilter,
)

__all__ = ["respond", "support"]


def respond(
    pixels: ArrayLike, spacing_mm: Sequence[float], settings: Filter
) -> NDArray[np.float64]:
    """Return the response of an image to a filter.

    Parameters
    ----------
    pixels : array_like, (z, y, x) or (y, x)
        The image. Where it holds NaN or infinity, the response is NaN as far as the filter
        reaches from there.
    spacing_mm : sequence of float
        Spacing along the axes of `pixels`.
    settings : FilterSettings
        Which filter.

    Returns
    -------
    ndarray of float64
        The response, of the shape of `pixels`, in the units of the image (Laplacian of
        Gaussian: per squared voxel).

    Raises
    ------
    EngineError
        When the image has not the axes the filter needs, or is smaller than the filter, or
        holds NaN or infinity and the filter reaches the whole image.

    References
    ----------
    IBSI reference manual on convolutional filters, doi 10.48550/arXiv.2006.05470.

    Examples
    --------
    >>> image = np.zeros((7, 7))
    >>> image[3, 3] = 9.0
    >>> respond(image, (1.0, 1.0), MeanFilter(size=3, dimension="2d"))[1:4, 2]
    array([0., 1., 1.])
    """
    image = np.asarray(pixels, dtype=np.float64)
    spacing = _check_image(image, spacing_mm, settings)
    volume = image if image.ndim == 3 else image[None]
    bad = ~np.isfinite(volume)
    holes = bool(bad.any())
    if holes:
        if not _has_end(settings):
            raise EngineError(
                f"the filter {settings.token} spreads every voxel over the whole image",
                expected="finite intensities",
                found=f"{np.count_nonzero(bad)} voxels that are NaN or infinite",
                hint="fill them before filtering, or use a filter with an end",
            )
        volume = np.where(bad, 0.0, volume)
    found = _respond(volume, spacing, settings)
    if holes:
        reach = [sum(part) for part in zip(*_passes(settings, spacing), strict=True)]
        size = [2 * r + 1 for r in reach]
        mode = SCIPY_MODES[settings.boundary]
        found[ndimage.maximum_filter(bad, size=size, mode=mode, cval=0)] = np.nan
    return found.reshape(image.shape)


def support(settings: Filter, spacing_mm: Sequence[float]) -> tuple[int, ...] | None:
    """Return how many voxels around a voxel its response depends on, along every axis.

    An image cut this far around a region, or at its own border, gives the same response
    inside the region, up to rounding.

    Parameters
    ----------
    settings : FilterSettings
        Which filter.
    spacing_mm : sequence of float
        Spacing along the axes of the image, two or three.

    Returns
    -------
    tuple of int or None
        None for filters that need the whole image: those of the Fourier domain, and those
        with a periodic border.

    Examples
    --------
    >>> support(LawsFilter(kernel="L5E5E5", energy_distance=7), (1.0, 1.0, 1.0))
    (9, 9, 9)
    >>> support(MeanFilter(size=5, dimension="2d"), (3.0, 1.0, 1.0))
    (0, 2, 2)
    >>> support(RadialWaveletFilter(type="simoncelli"), (1.0, 1.0, 1.0)) is None
    True
    """
    if settings.boundary == "periodic" or not _has_end(settings):
        return None
    full = (1.0, *spacing_mm) if len(spacing_mm) == 2 else tuple(spacing_mm)
    reach = tuple(sum(part) for part in zip(*_passes(settings, full), strict=True))
    return reach[-len(spacing_mm) :]


def _respond(volume: Array, spacing: Sequence[float], settings: Filter) -> Array:
    axes = range(3 - settings.axes, 3)
    match settings:
        case MeanFilter():
            return mean_response(volume, axes, settings)
        case LogFilter():
            return log_response(volume, axes, spacing, settings)
        case LawsFilter():
            return laws_response(volume, axes, settings)
        case GaborFilter():
            return gabor_response(volume, axes, spacing, settings)
        case WaveletFilter():
            return wavelet_response(volume, axes, settings)
        case RadialWaveletFilter():
            return radial_response(volume, axes, settings)
    assert isinstance(settings, RieszFilter)
    return riesz_response(volume, axes, spacing, settings)


def _has_end(settings: Filter) -> bool:
    return not isinstance(settings, RadialWaveletFilter | RieszFilter)


def _passes(settings: Filter, spacing: Sequence[float]) -> list[tuple[int, ...]]:
    """Return the reach of every pass along z, y and x."""
    inside = [a >= 3 - settings.axes for a in range(3)]

    def same(*reaches: int) -> list[tuple[int, ...]]:
        return [tuple(r if flag else 0 for flag in inside) for r in reaches]

    match settings:
        case MeanFilter():
            return same(settings.size // 2)
        case LawsFilter():
            width = max(int(digit) for digit in settings.kernel[1::2])
            if settings.pooling is None:  # every axis has its own kernel
                widths = [int(digit) // 2 for digit in settings.kernel[::-2]]
                first = [tuple([0] * (3 - len(widths)) + widths)]
            else:
                first = same(width // 2)
            return first + same(*filter(None, [settings.energy_distance]))
        case WaveletFilter():
            return same(*(reach_of(taps) for taps in wavelet_chains(settings)[0]))
        case LogFilter():
            taps = [log_taps(settings.sigma_mm / s, settings.truncate)[0] for s in spacing]
            pairs = zip(taps, inside, strict=True)
            return [tuple(reach_of(t) if flag else 0 for t, flag in pairs)]
        case GaborFilter():
            radii = (gabor_radius(settings, s) for s in spacing)
            return [tuple(r if f else 0 for r, f in zip(radii, inside, strict=True))]
    raise EngineError("not a filter", found=type(settings).__name__)


def _check_image(image: Array, spacing_mm: Sequence[float], settings: Filter) -> list[float]:
    """Raise when the image does not suit the filter; return the spacing along z, y and x."""
    shape = image.shape
    sizes = " x ".join(map(str, shape))
    if image.ndim not in (2, 3) or image.size == 0:
        raise EngineError("filters need an image with two or three axes", found=sizes or "a number")
    spacing = [float(s) for s in spacing_mm]
    if len(spacing) != image.ndim or not all(0 < s < float("inf") for s in spacing):
        raise EngineError(
            "the spacing does not suit the image",
            expected=f"{image.ndim} positive numbers, in mm",
            found=", ".join(f"{s:g}" for s in spacing) or "none",
        )
    axes = range(image.ndim - settings.axes, image.ndim)
    if settings.axes > image.ndim or min(shape[a] for a in axes) < 2:
        raise EngineError(
            f"the filter {settings.token} needs {settings.axes} axes of at least 2 voxels",
            found=f"an image of {sizes} voxels",
            hint='set dimension to "2d"' if settings.axes == 3 else None,
        )
    if image.ndim == 2:
        spacing = [1.0, *spacing]
    if isinstance(settings, LogFilter):
        check_sigma(settings, spacing, range(3 - settings.axes, 3))
    _check_size(shape, spacing, settings)
    return spacing


def _check_size(shape: Sequence[int], spacing: Sequence[float], settings: Filter) -> None:
    """Raise when what lies outside would be made of more than the image holds."""
    if isinstance(settings, GaborFilter):  # the Gaussian fades, most of its reach is near zero
        return
    if not isinstance(settings, RadialWaveletFilter | RieszFilter):
        reach = [max(part) for part in zip(*_passes(settings, spacing), strict=True)]
        needed = [r + 1 for r in reach[-len(shape) :]]
    else:  # one wave of the middle of the band
        needed = [2 ** (settings.level + 1)] * settings.axes
        needed = [1] * (len(shape) - settings.axes) + needed
    if any(n < least for n, least in zip(shape, needed, strict=True)):
        raise EngineError(
            f"the image is smaller than the filter {settings.token}",
            expected=f"at least {' x '.join(map(str, needed))} voxels",
            found=f"{' x '.join(map(str, shape))} voxels",
            hint="use a smaller filter, or filter by slice where slices are few",
        )
