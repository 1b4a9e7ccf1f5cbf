"""The separable filters of IBSI 2: mean, Laplacian of Gaussian, Laws, wavelets."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor

import numpy as np
import pywt

from radiofib.errors import EngineError
from radiofib.filters.ibsi._passes import Array, along, filter_separable
from radiofib.filters.ibsi.settings import LawsFilter, LogFilter, MeanFilter, WaveletFilter

__all__ = ["dilated", "laws_response", "laws_taps", "log_response", "log_taps", "mean_response"]

_LAWS = {
    "L5": (1, 4, 6, 4, 1),
    "E5": (-1, -2, 0, 2, 1),
    "S5": (-1, 0, 2, 0, -1),
    "W5": (-1, 2, 0, -2, 1),
    "R5": (1, -4, 6, -4, 1),
    "L3": (1, 2, 1),
    "E3": (-1, 0, 1),
    "S3": (-1, 2, -1),
}


def mean_response(pixels: Array, axes: Sequence[int], settings: MeanFilter) -> Array:
    """Return the mean of the neighbourhood, ``1 / M^D`` for every of its voxels."""
    return _mean(pixels, axes, settings.size, settings.boundary)


def _mean(pixels: Array, axes: Sequence[int], size: int, boundary: str) -> Array:
    for axis in axes:
        pixels = along(pixels, np.full(size, 1.0 / size), axis, boundary)
    return pixels


def log_taps(sigma: float, truncate: float) -> tuple[Array, Array]:
    """Return the sampled Gaussian and its second derivative, sigma in voxels.

    ``G(k) = exp(-k^2 / 2 sigma^2) / (sqrt(2 pi) sigma)`` and
    ``G''(k) = (k^2 / sigma^4 - 1 / sigma^2) G(k)``.

    Examples
    --------
    >>> smooth, curved = log_taps(1.0, 4.0)
    >>> len(smooth), round(float(smooth.sum()), 3), bool(abs(curved.sum()) < 1e-2)
    (9, 1.0, True)
    """
    radius = floor(truncate * sigma + 0.5)
    k = np.arange(-radius, radius + 1.0)
    smooth = np.exp(-(k**2) / (2 * sigma**2)) / (np.sqrt(2 * np.pi) * sigma)
    return smooth, (k**2 / sigma**4 - 1 / sigma**2) * smooth


def log_response(
    pixels: Array, axes: Sequence[int], spacing_mm: Sequence[float], settings: LogFilter
) -> Array:
    """Return the Laplacian of Gaussian: the sum over axes of the second derivatives.

    The kernel is a sum of products of lines, so it is exact to convolve line by line. With
    voxels of one size derivatives are per voxel, as IBSI has it; else per the least spacing.
    """
    finest = min(spacing_mm[a] for a in axes)
    smoothed, curved = pixels, np.zeros_like(pixels)
    for i, axis in enumerate(axes):
        smooth, second = log_taps(settings.sigma_mm / spacing_mm[axis], settings.truncate)
        second = second * (finest / spacing_mm[axis]) ** 2
        before = along(curved, smooth, axis, settings.boundary) if i else 0.0
        curved = before + along(smoothed, second, axis, settings.boundary)
        if i < len(axes) - 1:
            smoothed = along(smoothed, smooth, axis, settings.boundary)
    return curved


def laws_taps(name: str) -> Array:
    """Return one of Laws' kernels, scaled to a sum of squares of 1.

    Examples
    --------
    >>> laws_taps("S3").round(3)
    array([-0.408,  0.816, -0.408])
    """
    taps: Array = np.array(_LAWS[name], dtype=np.float64)
    taps /= np.sqrt(np.sum(taps**2))
    return taps


def laws_response(pixels: Array, axes: Sequence[int], settings: LawsFilter) -> Array:
    """Return the response to Laws' kernels, or its energy."""
    names = [settings.kernel[i : i + 2] for i in range(0, len(settings.kernel), 2)]
    chains = [(laws_taps(name),) for name in reversed(names)]  # x, y, z -> z, y, x
    found = filter_separable(pixels, chains, axes, settings.boundary, settings.pooling)
    if settings.energy_distance is None:
        return found
    return _mean(np.abs(found), axes, 2 * settings.energy_distance + 1, settings.boundary)


def dilated(taps: Array, level: int) -> Array:
    """Return the taps of a level: 2^(level - 1) - 1 zeros between them (a trous).

    Examples
    --------
    >>> dilated(np.array([1.0, 2.0]), 2)
    array([1., 0., 2., 0., 0.])
    """
    odd = taps if len(taps) % 2 else np.append(taps, 0.0)
    step = 2 ** (level - 1)
    found = np.zeros((len(odd) - 1) * step + 1)
    found[::step] = odd
    return found


def wavelet_chains(settings: WaveletFilter) -> list[list[Array]]:
    """Return the taps of every axis (z, y, x): low passes of the levels before, then the band."""
    wavelet = pywt.Wavelet(settings.family)
    taps = {"L": np.array(wavelet.dec_lo), "H": np.array(wavelet.dec_hi)}
    low = [dilated(taps["L"], level) for level in range(1, settings.level)]
    return [[*low, dilated(taps[b], settings.level)] for b in reversed(settings.bands)]


def wavelet_response(pixels: Array, axes: Sequence[int], settings: WaveletFilter) -> Array:
    """Return the response of one band of the stationary wavelet decomposition."""
    chains = wavelet_chains(settings)
    return filter_separable(pixels, chains, axes, settings.boundary, settings.pooling)


def check_sigma(settings: LogFilter, spacing_mm: Sequence[float], axes: Sequence[int]) -> None:
    """Raise when a kernel would be a single voxel.

    Raises
    ------
    EngineError
        When sigma is too small for the spacing.
    """
    coarsest = max(spacing_mm[a] for a in axes)
    if floor(settings.truncate * settings.sigma_mm / coarsest + 0.5) < 1:
        raise EngineError(
            "the Laplacian of Gaussian reaches no neighbouring voxel",
            expected=f"a sigma of {coarsest / (2 * settings.truncate):g} mm or more",
            found=f"sigma {settings.sigma_mm:g} mm at a spacing of {coarsest:g} mm",
            hint="give a larger sigma_mm, or resample the image",
        )
