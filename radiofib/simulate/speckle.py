"""Envelopes and surfaces whose statistics are known, to measure what features make of them.

Nakagami and homodyned-K envelopes are drawn pixel by pixel from their compound form; attenuated
speckle is a convolved field with the spatial correlation of a machine; fractional Brownian
surfaces are exact, so that their dimension is known and not only approached.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft as sfft

from radiofib.errors import UsageError
from radiofib.simulate.ultrasound import speckle_envelope

__all__ = [
    "attenuated_speckle",
    "fractal_surface",
    "homodyned_k_envelope",
    "nakagami_envelope",
    "to_greys",
]

FloatArray = NDArray[np.float64]


def nakagami_envelope(
    shape: tuple[int, int], rng: np.random.Generator, *, m: float, omega: float = 1.0
) -> FloatArray:
    """Return independent Nakagami amplitudes: ``R^2`` is gamma of shape m and mean omega.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    rng : Generator
    m : float
        Shape, above 0; 1 is Rayleigh.
    omega : float
        ``E[R^2]``, in squared units of the amplitude.

    References
    ----------
    Nakagami, in Statistical Methods in Radio Wave Propagation, Pergamon 1960, 3-36.

    Examples
    --------
    >>> power = nakagami_envelope((300, 300), np.random.default_rng(0), m=0.5, omega=4.0) ** 2
    >>> round(float(power.mean()), 1), round(float(power.mean() ** 2 / power.var()), 1)
    (4.0, 0.5)
    """
    _positive(m=m, omega=omega)
    return np.sqrt(rng.gamma(m, omega / m, shape))


def homodyned_k_envelope(
    shape: tuple[int, int],
    rng: np.random.Generator,
    *,
    k: float,
    alpha: float,
    power: float = 1.0,
) -> FloatArray:
    """Return independent homodyned-K amplitudes: ``R = |s + sigma sqrt(w) (X + i Y)|``.

    X and Y are standard normal and w is gamma of shape alpha and mean 1, so the diffuse power is
    ``2 sigma^2`` and the coherent power ``s^2 = k^2 sigma^2``.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    rng : Generator
    k : float
        Ratio of coherent to diffuse amplitude ``s / sigma``, 0 or more.
    alpha : float
        Clustering of scatterers, above 0; large is fully developed speckle.
    power : float
        ``E[R^2] = s^2 + 2 sigma^2``.

    References
    ----------
    Hruska and Oelze, IEEE Trans Ultrason Ferroelectr Freq Control 2009;56:2471-2481,
    doi 10.1109/TUFFC.2009.1334; Destrempes and Cloutier, Ultrasound Med Biol 2010;36:1037-1051.

    Examples
    --------
    >>> power = homodyned_k_envelope((300, 300), np.random.default_rng(0), k=1.0, alpha=2.0) ** 2
    >>> round(float(power.mean()), 1)
    1.0
    """
    _positive(alpha=alpha, power=power)
    if not (np.isfinite(k) and k >= 0):
        raise UsageError("k must be a number of 0 or more", found=str(k))
    sigma = np.sqrt(power / (k**2 + 2))
    spread = sigma * np.sqrt(rng.gamma(alpha, 1 / alpha, shape))
    real = k * sigma + spread * rng.standard_normal(shape)
    return np.asarray(np.hypot(real, spread * rng.standard_normal(shape)))


def attenuated_speckle(
    shape: tuple[int, int],
    rng: np.random.Generator,
    *,
    attenuation: float,
    frequency_mhz: float,
    pixel_mm: float,
    sigma_px: tuple[float, float] = (1.0, 2.0),
) -> FloatArray:
    """Return fully developed speckle whose power falls with depth under a flat TGC.

    The power at depth d is ``10^(-2 attenuation f d / 10)``: in and back.

    Parameters
    ----------
    shape : tuple of int
        Rows (depth, from 0) and columns.
    rng : Generator
    attenuation : float
        dB / (cm MHz).
    frequency_mhz, pixel_mm : float
        Centre frequency and side of a pixel.
    sigma_px : tuple of float
        Axial and lateral standard deviation of the point-spread function in pixels.

    Examples
    --------
    >>> r = attenuated_speckle((300, 300), np.random.default_rng(0), attenuation=0.5,
    ...                        frequency_mhz=3.5, pixel_mm=0.2)
    >>> upper, lower = (10 * np.log10((half**2).mean()) for half in np.vsplit(r, 2))
    >>> bool(abs(upper - lower - 2 * 0.5 * 3.5 * 3) < 0.5)
    True
    """
    _positive(frequency_mhz=frequency_mhz, pixel_mm=pixel_mm)
    depth_cm = np.arange(shape[0]) * pixel_mm / 10
    decibel = -2 * attenuation * frequency_mhz * depth_cm
    power = np.broadcast_to(10 ** (decibel / 10)[:, None], shape)
    return speckle_envelope(np.array(power), *sigma_px, rng)


def fractal_surface(
    shape: tuple[int, int], rng: np.random.Generator, *, dimension: float
) -> FloatArray:
    """Return a fractional Brownian surface of known dimension, by Stein's exact method.

    ``E[(Z(p) - Z(q))^2] = 2 |p - q|^(2 H)`` for all p and q, with the Hurst exponent
    ``H = 3 - dimension`` and distances in units of the longer diagonal. A stationary field
    with covariance ``c0 - r^(2H) + c2 r^2`` (r <= 1) is made by circulant embedding; a random
    plane puts back the quadratic term.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    rng : Generator
    dimension : float
        Between 2 (smooth) and 3, both excluded.

    References
    ----------
    Stein, J Comput Graph Stat 2002;11:587-599, doi 10.1198/106186002466.

    Examples
    --------
    >>> z = fractal_surface((200, 200), np.random.default_rng(0), dimension=2.5)
    >>> ratio = np.abs(z[8:] - z[:-8]).mean() / np.abs(z[1:] - z[:-1]).mean()
    >>> round(float(np.log(ratio) / np.log(8)), 1)
    0.5
    """
    if not 2 < dimension < 3:
        raise UsageError("the dimension of a surface", expected="2 to 3", found=str(dimension))
    power = 2 * (3 - dimension)
    reach = 1.0 if power <= 1.5 else 2.0
    c0, c2, beta = _constants(power, reach)
    step = 1 / float(np.hypot(shape[0] - 1, shape[1] - 1))
    size = [sfft.next_fast_len(int(np.ceil(2 * reach / step)) + n) for n in shape]
    lags = [np.minimum(np.arange(n), n - np.arange(n)) * step for n in size]
    r = np.hypot(lags[0][:, None], lags[1][None, :])
    covariance = np.where(r <= 1, c0 - r**power + c2 * r**2, 0.0)
    if reach > 1:
        outer = (r > 1) & (r < reach)
        covariance[outer] = beta * (reach - r[outer]) ** 3 / r[outer]
    eigenvalues = sfft.fft2(covariance).real
    if eigenvalues.min() < -1e-8 * eigenvalues.max():
        raise UsageError("no exact surface of this size and dimension", found=str(dimension))
    noise = rng.standard_normal(size) + 1j * rng.standard_normal(size)
    weight = np.sqrt(np.maximum(eigenvalues, 0) / r.size)
    field = sfft.fft2(weight * noise).real[: shape[0], : shape[1]]
    y, x = np.mgrid[: shape[0], : shape[1]] * step
    slope = rng.standard_normal(2) * np.sqrt(2 * c2)
    surface: FloatArray = field - field[0, 0] + slope[0] * y + slope[1] * x
    return surface


def _constants(power: float, reach: float) -> tuple[float, float, float]:
    """Return Stein's c0, c2 and beta."""
    if reach == 1:
        return 1 - power / 2, power / 2, 0.0
    beta = power * (2 - power) / (3 * reach * (reach**2 - 1))
    c2 = (power - beta * (reach - 1) ** 2 * (reach + 2)) / 2
    return beta * (reach - 1) ** 3 + 1 - c2, c2, beta


def to_greys(surface: FloatArray) -> NDArray[np.uint8]:
    """Return a surface as greys from 0 to 255.

    Examples
    --------
    >>> to_greys(np.array([[-1.0, 0.0, 1.0]]))
    array([[  0, 128, 255]], dtype=uint8)
    """
    low, high = float(surface.min()), float(surface.max())
    scale = 255 / (high - low) if high > low else 0.0
    greys: NDArray[np.uint8] = np.rint((surface - low) * scale).astype(np.uint8)
    return greys


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not (np.isfinite(value) and value > 0):
            raise UsageError(f"{name} must be a number above 0", found=str(value))
