"""Gabor filters: a plane wave under a Gaussian, convolved through the Fourier transform."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from radiofib.filters.ibsi._passes import PAD_MODES, Array, Pool
from radiofib.filters.ibsi.settings import GaborFilter

__all__ = ["gabor_kernel", "gabor_radius", "gabor_response"]

#: Standard deviations to which the Gaussian is followed: it has fallen to 2e-11.
_REACH = 7.0
#: Share of the largest gain that counts as none.
_NOTHING = 1e-11
#: Complex numbers held at a time.
_BATCH = 1_000_000
_PARTS: dict[str, Callable[[NDArray[np.complex128]], Array]] = {
    "modulus": np.abs,
    "real": np.real,
    "imaginary": np.imag,
}


def gabor_radius(settings: GaborFilter, spacing_mm: float) -> int:
    """Return how many voxels the kernel reaches along an axis of this spacing.

    Examples
    --------
    >>> gabor_radius(GaborFilter(sigma_mm=5, wavelength_mm=2, gamma=2), 1.0)
    35
    """
    return ceil(_REACH * settings.sigma_mm * max(1.0, 1.0 / settings.gamma) / spacing_mm)


def gabor_kernel(
    settings: GaborFilter, theta_deg: float, spacing_mm: Sequence[float]
) -> NDArray[np.complex128]:
    """Return ``exp(-(u^2 + gamma^2 v^2) / (2 sigma^2) + 2 pi i u / lambda)`` in a plane.

    u runs along the wave, v across it; the plane is indexed (y, x), theta runs from x to y.

    Examples
    --------
    >>> kernel = gabor_kernel(GaborFilter(sigma_mm=1, wavelength_mm=4), 0.0, (1.0, 1.0))
    >>> kernel.shape, complex(kernel[7, 7]), kernel[7, 8].round(3)
    ((15, 15), (1+0j), np.complex128(0.607j))
    """
    ry, rx = (gabor_radius(settings, step) for step in spacing_mm)
    y = np.arange(-ry, ry + 1.0)[:, None] * spacing_mm[0]
    x = np.arange(-rx, rx + 1.0)[None, :] * spacing_mm[1]
    theta = np.deg2rad(theta_deg)
    u = x * np.cos(theta) + y * np.sin(theta)
    v = y * np.cos(theta) - x * np.sin(theta)
    width = (u**2 + settings.gamma**2 * v**2) / (2 * settings.sigma_mm**2)
    kernel: NDArray[np.complex128] = np.exp(-width + 2j * np.pi * u / settings.wavelength_mm)
    return kernel


def gabor_response(
    pixels: Array, axes: Sequence[int], spacing_mm: Sequence[float], settings: GaborFilter
) -> Array:
    """Return the response of a volume (z, y, x), pooled over directions and planes.

    Planes are the slices, or for filters along three axes the slices across every axis.
    """
    across = (0,) if len(axes) == 2 else (0, 1, 2)
    pool = Pool(settings.pooling)
    for axis in across:
        plane = [spacing_mm[a] for a in range(3) if a != axis]
        found = _in_planes(np.moveaxis(pixels, axis, 0), plane, settings)
        pool.add(np.moveaxis(found, 0, axis))
    return pool.result()


def _in_planes(slices: Array, spacing_mm: Sequence[float], settings: GaborFilter) -> Array:
    """Return the responses of all slices, pooled over directions."""
    radii = [gabor_radius(settings, step) for step in spacing_mm]
    padding = [(0, 0), *((r, r) for r in radii)]
    ny, nx = (fft.next_fast_len(n + 2 * r) for n, r in zip(slices.shape[1:], radii, strict=True))
    in_y, in_x = (slice(2 * r, 2 * r + n) for r, n in zip(radii, slices.shape[1:], strict=True))
    bands = [
        _band(gabor_kernel(settings, theta, spacing_mm), (ny, nx)) for theta in settings.angles_deg
    ]
    part_of = _PARTS[settings.response]
    pooled = np.empty(slices.shape)
    step = max(1, _BATCH // (ny * nx))
    for begin in range(0, len(slices), step):
        part = slice(begin, begin + step)
        padded = np.pad(slices[part], padding, mode=PAD_MODES[settings.boundary])  # type: ignore[call-overload]
        spectrum = fft.fft2(padded, s=(ny, nx))
        pool = Pool(settings.pooling)
        for rows, gain in bands:
            # Only rows that hold something are transformed, then only columns that are kept.
            lines = fft.ifft(spectrum[:, rows] * gain, axis=2, overwrite_x=True)[..., in_x]
            columns = np.zeros((len(lines), ny, lines.shape[2]), dtype=np.complex128)
            columns[:, rows] = lines
            found = fft.ifft(columns, axis=1, overwrite_x=True)[:, in_y]
            pool.add(part_of(found))
        pooled[part] = pool.result()
    return pooled


def _band(
    kernel: NDArray[np.complex128], shape: tuple[int, int]
) -> tuple[NDArray[np.intp], NDArray[np.complex128]]:
    """Return the rows of the spectrum of a kernel that are not zero, and those rows."""
    spectrum = fft.fft2(kernel, s=shape)
    largest = np.abs(spectrum).max(axis=1)
    rows = np.flatnonzero(largest > _NOTHING * largest.max())
    return rows, spectrum[rows]
