"""Non-separable wavelets and their Riesz transforms, in the Fourier domain.

Frequencies are N evenly spaced numbers from -1 to 1 along an axis of N voxels, 1 the Nyquist
frequency, as the reference values of IBSI were made. Where N is even these lie half a step
beside those of the discrete Fourier transform; the filter is then the mean over both sides, so
that it is real and the same in all right-angle directions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import factorial, prod, sqrt

import numpy as np
from scipy import fft, ndimage

from radiofib.filters.ibsi._passes import PAD_MODES, SCIPY_MODES, Array
from radiofib.filters.ibsi.settings import RadialWaveletFilter, RieszFilter

__all__ = ["radial_band", "radial_response", "riesz_response"]

#: Voxels of padding at level 1, doubled at every level, for borders that are not periodic.
_PADDING = 16

Gain = Callable[[Sequence[Array]], Array]


def radial_band(frequency: Array, wavelet: str, level: int) -> Array:
    """Return the gain of a wavelet at radial frequencies (1 = Nyquist).

    With ``t = 2^(level - 1) frequency``: Simoncelli ``cos(pi / 2 log2(2 t))`` for
    ``1/4 <= t <= 1``, Shannon 1 for ``1/2 <= t <= 1``, else 0.

    Examples
    --------
    >>> radial_band(np.array([0.0, 0.25, 0.5, 1.0, 1.1]), "simoncelli", 1).round(6)
    array([0., 0., 1., 0., 0.])
    >>> radial_band(np.array([0.25, 0.5, 0.51]), "shannon", 2)
    array([1., 1., 0.])
    """
    t = frequency * 2.0 ** (level - 1)
    inside = (t >= (0.25 if wavelet == "simoncelli" else 0.5)) & (t <= 1)
    if wavelet == "shannon":
        return inside.astype(np.float64)
    gain = np.zeros_like(t)
    gain[inside] = np.cos(np.pi / 2 * np.log2(2 * t[inside]))
    return gain


def radial_response(pixels: Array, axes: Sequence[int], settings: RadialWaveletFilter) -> Array:
    """Return the response of a Simoncelli or Shannon wavelet."""

    def gain(frequencies: Sequence[Array]) -> Array:
        return radial_band(_norm(frequencies), settings.type, settings.level)

    return _filtered(pixels, axes, settings.boundary, settings.level, [(gain, 0)])[0]


def riesz_response(
    pixels: Array, axes: Sequence[int], spacing_mm: Sequence[float], settings: RieszFilter
) -> Array:
    """Return the Riesz transform of a wavelet response, steered where asked.

    The transform of order l multiplies frequencies by
    ``(-i)^L sqrt(L! / prod l!) prod nu^l / |nu|^L``, ``L = sum l``.
    """
    orders = settings.orders[::-1]  # x, y, z -> z, y, x
    total = sum(orders)
    factor = sqrt(factorial(total) / prod(map(factorial, orders)))

    def transforms(wanted: Sequence[tuple[int, ...]]) -> list[Array]:
        gains = [(_monomial(o, settings), sum(o)) for o in wanted]
        return _filtered(pixels, axes, settings.boundary, settings.level, gains)

    if settings.steering_sigma_mm is None:
        return factor * transforms([orders])[0]
    first = transforms([_unit(i, len(axes)) for i in range(len(axes))])
    widths = [settings.steering_sigma_mm / spacing_mm[a] for a in axes]
    directions = _directions(first, axes, widths, settings.boundary)
    # (u . nu)^l for every direction u, multiplied out into monomials of nu.
    polynomial: dict[tuple[int, ...], Array | float] = {(0,) * len(axes): 1.0}
    # Orders go by falling eigenvalue: the first given (x) to the strongest direction.
    for direction, order in zip(directions, settings.orders, strict=True):
        for _ in range(order):
            polynomial = _times_linear(polynomial, direction)
    parts = transforms(list(polynomial))
    found = np.zeros_like(pixels)
    for part, weight in zip(parts, polynomial.values(), strict=True):
        found += part * weight
    return factor * found


def _unit(i: int, n: int) -> tuple[int, ...]:
    return tuple(int(i == j) for j in range(n))


def _norm(frequencies: Sequence[Array]) -> Array:
    squares: Array = sum((f**2 for f in frequencies), start=np.zeros(()))
    return np.sqrt(squares)


def _monomial(orders: tuple[int, ...], settings: RieszFilter) -> Gain:
    def gain(frequencies: Sequence[Array]) -> Array:
        norm = _norm(frequencies)
        found = radial_band(norm, settings.wavelet, settings.level)
        norm[norm == 0] = 1.0
        found /= norm ** sum(orders)
        for frequency, order in zip(frequencies, orders, strict=True):
            found *= frequency**order
        return found

    return gain


def _filtered(
    pixels: Array,
    axes: Sequence[int],
    boundary: str,
    level: int,
    gains: Sequence[tuple[Gain, int]],
) -> list[Array]:
    """Multiply the spectrum by real gains, each times ``(-i)^order``."""
    inner: tuple[slice, ...] = (slice(None),) * pixels.ndim
    padded = pixels
    if boundary != "periodic":
        width = _PADDING * 2 ** (level - 1)
        padding = [(width, width) if a in axes else (0, 0) for a in range(pixels.ndim)]
        inner = tuple(slice(a, a + n) for (a, _), n in zip(padding, pixels.shape, strict=True))
        padded = np.pad(pixels, padding, mode=PAD_MODES[boundary])  # type: ignore[call-overload]
    shape = [padded.shape[a] for a in axes]
    spectrum = fft.rfftn(padded, axes=axes)
    found = []
    for gain, order in gains:
        product_ = spectrum * _on_grid(gain, shape)
        if order % 4:
            product_ *= (-1j) ** (order % 4)
        found.append(fft.irfftn(product_, s=shape, axes=axes, overwrite_x=True)[inner])
    return found


def _on_grid(gain: Gain, shape: Sequence[int]) -> Array:
    """Return a gain at the frequencies of a real transform, the mean over half steps."""
    lines = []
    for i, n in enumerate(shape):
        steps = np.arange(n // 2 + 1.0) if i == len(shape) - 1 else fft.fftfreq(n, 1 / n)
        shifts = (0.5, -0.5) if n % 2 == 0 else (0.0,)
        sides = [(steps + s) / ((n - 1) / 2) for s in shifts]
        if n % 2 == 0:  # the last frequency stands for both ends
            sides[0][np.abs(steps) == n // 2] = 1.0
            sides[1][np.abs(steps) == n // 2] = -1.0
        around = [1] * len(shape)
        around[i] = -1
        lines.append([side.reshape(around) for side in sides])
    found = [gain(chosen) for chosen in product(*lines)]
    total: Array = sum(found[1:], start=found[0])
    return total / len(found)


def _directions(
    first: Sequence[Array], axes: Sequence[int], widths: Sequence[float], boundary: str
) -> list[list[Array]]:
    """Return unit vectors (one array per axis) by falling eigenvalue of the structure tensor.

    Their sign is such that the derivative along them is not negative.
    """
    n = len(first)
    sigma = [0.0] * first[0].ndim
    for axis, width in zip(axes, widths, strict=True):
        sigma[axis] = width
    tensor = np.empty((*first[0].shape, n, n))
    for i in range(n):
        for j in range(i, n):
            smooth = ndimage.gaussian_filter(first[i] * first[j], sigma, mode=SCIPY_MODES[boundary])
            tensor[..., i, j] = tensor[..., j, i] = smooth
    for part in tensor:  # slice by slice, in place
        part[...] = np.linalg.eigh(part)[1][..., ::-1]
    found = []
    for k in range(n):
        vector = [tensor[..., i, k] for i in range(n)]
        slope = sum((f * v for f, v in zip(first, vector, strict=True)), start=np.zeros(()))
        sign = np.where(slope < 0, -1.0, 1.0)
        found.append([component * sign for component in vector])
    return found


def _times_linear(
    polynomial: dict[tuple[int, ...], Array | float], direction: Sequence[Array]
) -> dict[tuple[int, ...], Array | float]:
    found: dict[tuple[int, ...], Array | float] = {}
    for powers, weight in polynomial.items():
        for i, component in enumerate(direction):
            raised = tuple(p + int(i == j) for j, p in enumerate(powers))
            found[raised] = found.get(raised, 0.0) + weight * component
    return found
