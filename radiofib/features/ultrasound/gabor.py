"""Energies of Gabor filters, corrected for the border of the region."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft as sfft

from radiofib.features.ultrasound._common import (
    LEAST_PIXELS,
    BoolArray,
    FloatArray,
    Found,
    nothing,
    small,
)
from radiofib.features.ultrasound.speckle import EQUAL

__all__ = ["ANGLES", "GABOR_NAMES", "WAVELENGTHS", "gabor", "gabor_energy", "gabor_kernel"]

#: Wavelengths in pixels, and directions of the wave in degrees from the columns' axis.
WAVELENGTHS, ANGLES = (4, 8, 16), (0, 45, 90, 135)
GABOR_NAMES = tuple(
    name
    for w in WAVELENGTHS
    for name in (*(f"energy_l{w}_a{a}" for a in ANGLES), f"anisotropy_l{w}")
)
#: Deviation of the envelope over the wavelength, for a bandwidth of one octave.
_SIGMA = math.sqrt(math.log(2) / 2) * 3 / math.pi
#: Where less of the kernel's power than this sees the region, its response says nothing.
_LEAST_SEEN = 0.25


def gabor_kernel(wavelength: float, angle: float) -> NDArray[np.complex128]:
    """Return ``exp(-(x^2 + y^2) / (2 s^2)) exp(2 pi i (x cos a + y sin a) / l) / (2 pi s^2)``.

    The envelope is round, ``s = 0.562 l`` (a bandwidth of one octave), cut at 3 s.

    Parameters
    ----------
    wavelength : float
        l in pixels.
    angle : float
        a in degrees; 0 is a wave along a row.

    References
    ----------
    Jain and Farrokhnia, Pattern Recognit 1991;24:1167-1186,
    doi 10.1016/0031-3203(91)90143-S.

    Examples
    --------
    >>> kernel = gabor_kernel(4, 0)
    >>> kernel.shape, bool(abs(kernel.sum()) < 0.005)
    ((15, 15), True)
    """
    sigma = _SIGMA * wavelength
    reach = math.ceil(3 * sigma)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    turned = x * math.cos(math.radians(angle)) + y * math.sin(math.radians(angle))
    envelope = np.exp(-(x**2 + y**2) / (2 * sigma**2)) / (2 * math.pi * sigma**2)
    return np.asarray(envelope * np.exp(2j * math.pi * turned / wavelength))


@lru_cache(maxsize=32)
def _spectra(
    wavelength: int, angle: int | None, shape: tuple[int, int]
) -> tuple[NDArray[np.complex128], ...]:
    """Return the spectra of a kernel's real and imaginary part, or of its power."""
    kernel = gabor_kernel(wavelength, angle or 0)
    parts = (np.abs(kernel) ** 2,) if angle is None else (kernel.real, kernel.imag)
    return tuple(sfft.rfft2(part, shape) for part in parts)


def gabor_energy(greys: FloatArray, mask: BoolArray) -> dict[tuple[int, int], float]:
    """Return the energy of each wavelength and angle, 1 for white noise.

    With ``Y = X - mean(X)`` in the region and 0 outside, M the mask, g the kernel and ``*``
    convolution, the energy is the mean over the region of ``|g * Y|^2 / (|g|^2 * M)``, over
    the variance of X. The denominator is the part of the kernel that saw the region, so that
    neither its shape nor what lies outside counts; where that is less than a quarter, the pixel
    is left out.

    Parameters
    ----------
    greys : ndarray (rows, columns)
    mask : ndarray of bool, same shape

    Examples
    --------
    >>> wave = np.cos(2 * np.pi * np.arange(64) / 8) * np.ones((64, 1))
    >>> energy = gabor_energy(wave, np.ones((64, 64), bool))
    >>> energy[8, 0] > 20 * energy[8, 90]
    True
    """
    inside = greys[mask]
    centred = np.where(mask, greys - inside.mean(), 0.0)
    variance = float(inside.var())
    found: dict[tuple[int, int], float] = {}
    for wavelength in WAVELENGTHS:
        reach = len(gabor_kernel(wavelength, 0)) // 2
        shape = tuple(sfft.next_fast_len(n + 2 * reach, real=True) for n in greys.shape)
        part = tuple(slice(reach, reach + n) for n in greys.shape)
        spectrum, seen_by = sfft.rfft2(centred, shape), sfft.rfft2(mask.astype(float), shape)
        (power,) = _spectra(wavelength, None, shape)
        seen = sfft.irfft2(seen_by * power, shape)[part][mask]
        enough = seen >= _LEAST_SEEN * float((np.abs(gabor_kernel(wavelength, 0)) ** 2).sum())
        for angle in ANGLES:
            squared = sum(
                sfft.irfft2(spectrum * kernel, shape)[part][mask] ** 2
                for kernel in _spectra(wavelength, angle, shape)
            )
            ratio = squared[enough] / seen[enough]
            found[wavelength, angle] = float(ratio.mean()) / variance if ratio.size else math.nan
    return found


def gabor(greys: FloatArray, mask: BoolArray) -> Found:
    """Measure the Gabor energies of a region (the arrays are cut to it).

    A wavelength needs a region of at least two waves in both directions.
    """
    inside = greys[mask]
    if why := small(inside.size, LEAST_PIXELS):
        return nothing(GABOR_NAMES, why)
    if inside.min() == inside.max():
        return nothing(GABOR_NAMES, EQUAL)
    energies = gabor_energy(greys, mask)
    found = Found()
    for wavelength in WAVELENGTHS:
        names = [f"energy_l{wavelength}_a{a}" for a in ANGLES]
        own = [energies[wavelength, a] for a in ANGLES]
        last = f"anisotropy_l{wavelength}"
        if min(greys.shape) < 2 * wavelength:
            why = f"the region is {min(greys.shape)} px wide, {2 * wavelength} are needed"
            found.without([*names, last], why)
            continue
        found.values |= dict(zip(names, own, strict=True))
        found.values[last] = (max(own) - min(own)) / (max(own) + min(own))
    return found
