"""Gabor, Simoncelli, Shannon and Riesz filters: plain sums and identities."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.filters.ibsi import Filter, GaborFilter, RadialWaveletFilter, RieszFilter, respond
from radiofib.filters.ibsi.radial import radial_band
from tests.filters.ibsi.direct import BOUNDARIES, convolve, images, kernel_of

ONE = (1.0, 1.0, 1.0)
PARTS = {"modulus": np.abs, "real": np.real, "imaginary": np.imag}


@settings(max_examples=40)
@given(
    pixels=images(ndim=2, low=10, high=24),
    boundary=st.sampled_from(BOUNDARIES),
    gamma=st.sampled_from([0.8, 1.0, 1.7]),
    wavelength=st.sampled_from([2.0, 3.5]),
    theta=st.sampled_from([0.0, 30.0, 225.0]),
    part=st.sampled_from(list(PARTS)),
    spacing=st.sampled_from([(1.0, 1.0), (0.8, 1.2)]),
)
def test_gabor_equals_direct_convolution(
    pixels: Any, boundary: Any, gamma: float, wavelength: float, theta: float, part: Any,
    spacing: Any,
) -> None:  # fmt: skip
    chosen = GaborFilter(
        sigma_mm=1.5, wavelength_mm=wavelength, gamma=gamma, theta_deg=theta, dimension="2d",
        boundary=boundary, response=part,
    )  # fmt: skip
    expected = PARTS[part](convolve(pixels, kernel_of(chosen, spacing), boundary))
    found = respond(pixels, spacing, chosen)
    # The plain sum stops at 6 standard deviations, where the Gaussian is 1.5e-8.
    assert np.allclose(found, expected, rtol=0, atol=2e-6 * np.abs(pixels).max())


def gabor(**more: Any) -> GaborFilter:
    return GaborFilter(sigma_mm=2, wavelength_mm=3, gamma=1.5, **more)


@pytest.mark.parametrize("pooling", ["max", "mean", "min"])
@pytest.mark.parametrize("part", list(PARTS))
def test_gabor_pools_directions(pooling: Any, part: Any) -> None:
    pixels = np.random.default_rng(0).normal(size=(20, 21))
    each = [
        respond(pixels, (1.0, 1.0), gabor(theta_deg=10 + t, dimension="2d", response=part))
        for t in range(0, 360, 45)
    ]
    expected = {"max": np.max, "mean": np.mean, "min": np.min}[pooling](each, axis=0)
    chosen = gabor(theta_deg=10, theta_step_deg=45, pooling=pooling, dimension="2d", response=part)
    assert np.allclose(respond(pixels, (1.0, 1.0), chosen), expected, atol=1e-9)


def test_gabor_pools_planes() -> None:
    pixels = np.random.default_rng(1).normal(size=(10, 12, 14))
    spacing = (2.0, 1.0, 1.5)
    planes = []
    for axis in range(3):
        step = [s for a, s in enumerate(spacing) if a != axis]
        slices = [respond(p, step, gabor(dimension="2d")) for p in np.moveaxis(pixels, axis, 0)]
        planes.append(np.stack(slices, axis=axis))
    assert np.allclose(respond(pixels, spacing, gabor()), np.mean(planes, axis=0), atol=1e-9)


def test_gabor_follows_the_wave() -> None:
    y, x = np.mgrid[:40, :40]
    wave = np.cos(2 * np.pi * (x * np.cos(0.5) + y * np.sin(0.5)) / 6)

    def strength(degrees: float) -> float:
        chosen = GaborFilter(sigma_mm=4, wavelength_mm=6, theta_deg=degrees, dimension="2d")
        return float(respond(wave, (1.0, 1.0), chosen)[20, 20])

    assert max(range(0, 180, 5), key=strength) == 30  # 0.5 rad = 28.6 degrees
    assert np.isclose(strength(28.6479), np.pi * 16, rtol=1e-3)  # half of 2 pi sigma^2
    constant = respond(np.full((40, 40), 9.0), (1.0, 1.0), gabor(dimension="2d"))
    rest = 9 * 2 * np.pi * 4 / 1.5 * np.exp(-2 * np.pi**2 * 4 / 9)  # of a continuous kernel
    assert np.allclose(constant, rest, rtol=1e-6)


FOURIER: list[Any] = [
    RadialWaveletFilter(type="simoncelli", level=1),
    RadialWaveletFilter(type="shannon", level=1),
    RadialWaveletFilter(type="simoncelli", level=2, boundary="mirror"),
    GaborFilter(sigma_mm=1.5, wavelength_mm=3, gamma=1.4, theta_step_deg=45),
    RieszFilter(orders=(1, 0, 0), steering_sigma_mm=1.5),
    RieszFilter(orders=(2, 0, 1), steering_sigma_mm=1.5, boundary="nearest"),
]


@pytest.mark.parametrize("chosen", FOURIER, ids=lambda f: f.token)
@pytest.mark.parametrize("shape", [(9, 11, 13), (10, 12, 14), (9, 10, 11)])
def test_turns_with_the_image(chosen: Filter, shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(2).normal(size=shape)
    response = respond(pixels, ONE, chosen)
    assert np.ptp(response) > 0.05
    for plane in ((0, 1), (0, 2), (1, 2)):
        turned = respond(np.rot90(pixels, axes=plane), ONE, chosen)
        assert np.allclose(turned, np.rot90(response, axes=plane), rtol=0, atol=1e-8)


@settings(max_examples=20)
@given(
    pixels=images(low=8, high=20),
    kind=st.sampled_from(["simoncelli", "shannon", "riesz"]),
    boundary=st.sampled_from(BOUNDARIES),
    dimension=st.sampled_from(["2d", "3d"]),
)
def test_linear_and_zero_mean(pixels: Any, kind: Any, boundary: Any, dimension: Any) -> None:
    common: Any = {"boundary": boundary, "dimension": dimension, "level": 1}
    if kind == "riesz":
        orders = (1, 2) if dimension == "2d" else (1, 0, 2)
        chosen: Filter = RieszFilter(orders=orders, **common)
    else:
        chosen = RadialWaveletFilter(type=kind, **common)
    other = np.random.default_rng(0).normal(size=pixels.shape)
    both = respond(2 * pixels - 3 * other, ONE, chosen)
    apart = 2 * respond(pixels, ONE, chosen) - 3 * respond(other, ONE, chosen)
    assert np.allclose(both, apart, atol=1e-10 * np.abs(pixels).max())
    flat = respond(np.full(pixels.shape, 5.0), ONE, chosen)
    if boundary != "zero":
        assert np.allclose(flat, 0.0, atol=1e-12)


def test_bands_add_up() -> None:
    """The squares of the Simoncelli bands, and the Shannon bands, share out all frequencies."""
    frequency = np.linspace(2.0**-6, 0.5, 500)[1:]
    for wavelet in ("simoncelli", "shannon"):
        squares = sum(radial_band(frequency, wavelet, level) ** 2 for level in range(1, 8))
        inside = squares[~np.isin(frequency, 2.0 ** -np.arange(8))]
        assert np.allclose(inside, 1.0, atol=1e-12)


def waves(shape: tuple[int, ...], least: float, most: float) -> Any:
    """A random image of frequencies between two shares of the Nyquist frequency."""
    pixels = np.random.default_rng(8).normal(size=shape)
    spectrum = np.fft.fftn(pixels)
    steps = np.meshgrid(*(np.fft.fftfreq(n, 1 / n) / ((n - 1) / 2) for n in shape), indexing="ij")
    norm = np.sqrt(sum(s**2 for s in steps))
    spectrum[(norm > most) | (norm < least)] = 0
    return np.fft.ifftn(spectrum).real


@pytest.mark.parametrize("shape", [(21, 23), (17, 19, 21)])
def test_responses_keep_the_energy(shape: tuple[int, ...]) -> None:
    pixels = waves(shape, 1 / 8, 1 / 2)
    dimension: Any = f"{len(shape)}d"
    levels = range(1, 4)
    found = [
        respond(pixels, ONE[: len(shape)],
                RadialWaveletFilter(type="simoncelli", level=n, dimension=dimension))
        for n in levels
    ]  # fmt: skip
    total = sum(float((r**2).sum()) for r in found)
    assert np.isclose(total, (pixels**2).sum(), rtol=1e-10)


@pytest.mark.parametrize("total", [1, 2, 3])
@pytest.mark.parametrize("shape", [(21, 23), (15, 17, 19)])
def test_riesz_keeps_the_energy(shape: tuple[int, ...], total: int) -> None:
    """The transforms of one total order hold the energy of the wavelet they transform."""
    pixels = np.random.default_rng(9).normal(size=shape)
    dimension: Any = f"{len(shape)}d"
    spacing = ONE[: len(shape)]
    plain = respond(pixels, spacing, RadialWaveletFilter(type="simoncelli", dimension=dimension))
    energy = 0.0
    for orders in product(range(total + 1), repeat=len(shape)):
        if sum(orders) == total:
            found = respond(pixels, spacing, RieszFilter(orders=orders, dimension=dimension))
            energy += float((found**2).sum())
    assert np.isclose(energy, (plain**2).sum(), rtol=1e-10)


def test_riesz_of_a_wave() -> None:
    """A cosine along x becomes a sine by the transform along x, and nothing by that along y."""
    n = 33
    x = np.arange(n)
    wave = np.tile(np.cos(2 * np.pi * 8 * x / n), (n, 1))  # half the Nyquist frequency: gain 1
    sine = np.tile(np.sin(2 * np.pi * 8 * x / n), (n, 1))
    found = respond(wave, (1.0, 1.0), RieszFilter(orders=(1, 0), dimension="2d"))
    assert np.allclose(found, sine, atol=1e-12)
    assert np.allclose(
        respond(wave, (1.0, 1.0), RieszFilter(orders=(0, 1), dimension="2d")), 0, atol=1e-12
    )
    assert np.allclose(
        respond(wave, (1.0, 1.0), RieszFilter(orders=(2, 0), dimension="2d")), -wave, atol=1e-12
    )


@pytest.mark.parametrize("total", [1, 2, 3])
@pytest.mark.parametrize("shape", [(14, 15), (9, 10, 11)])
def test_steering_turns_the_transform(shape: tuple[int, ...], total: int) -> None:
    """At every voxel the transforms of one total order keep their norm when they are turned."""
    pixels = np.random.default_rng(10).normal(size=shape)
    dimension: Any = f"{len(shape)}d"
    spacing = ONE[: len(shape)]
    norms = []
    for sigma in (None, 1.0):
        parts = [
            respond(pixels, spacing,
                    RieszFilter(orders=orders, dimension=dimension, steering_sigma_mm=sigma))
            for orders in product(range(total + 1), repeat=len(shape))
            if sum(orders) == total
        ]  # fmt: skip
        norms.append(np.sum(np.square(parts), axis=0))
    assert np.allclose(norms[0], norms[1], rtol=1e-9, atol=1e-9 * norms[0].max())


def test_steering_finds_the_direction() -> None:
    y, x = np.mgrid[:41, :41]
    wave = np.cos(2 * np.pi * (8 * x + 6 * y) / 41)
    strong = respond(
        wave, (1.0, 1.0), RieszFilter(orders=(1, 0), dimension="2d", steering_sigma_mm=4)
    )
    weak = respond(
        wave, (1.0, 1.0), RieszFilter(orders=(0, 1), dimension="2d", steering_sigma_mm=4)
    )
    assert strong.min() >= 0
    assert strong.max() > 0.9
    assert np.abs(weak).max() < 1e-9


@pytest.mark.parametrize("boundary", ["mirror", "nearest", "zero"])
def test_borders_of_the_fourier_domain(boundary: Any) -> None:
    """Padding beforehand and cutting afterwards gives the same, border by border."""
    pixels = np.random.default_rng(11).normal(5, 1, (21, 33))
    chosen = RadialWaveletFilter(type="simoncelli", dimension="2d", boundary=boundary)
    mode: Any = {"mirror": "symmetric", "nearest": "edge", "zero": "constant"}[boundary]
    padded = np.pad(pixels, 16, mode=mode)
    periodic = RadialWaveletFilter(type="simoncelli", dimension="2d")
    expected = respond(padded, (1.0, 1.0), periodic)[16:-16, 16:-16]
    assert np.allclose(respond(pixels, (1.0, 1.0), chosen), expected, atol=1e-12)
    assert not np.allclose(respond(pixels, (1.0, 1.0), periodic), expected, atol=1e-3)
