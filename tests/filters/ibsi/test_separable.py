"""Separable filters against plain sums, PyWavelets, and what must hold for them."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import pywt
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.filters.ibsi import Filter, LawsFilter, LogFilter, MeanFilter, WaveletFilter, respond
from radiofib.filters.ibsi._passes import rotations
from tests.filters.ibsi.direct import BOUNDARIES, convolve, images, kernel_of, one_pass, turns

ONE = (1.0, 1.0, 1.0)


@settings(max_examples=60)
@given(pixels=images(), chosen=one_pass(), step=st.sampled_from([1.0, 1.25]))
def test_equals_direct_convolution(pixels: Any, chosen: Filter, step: float) -> None:
    """Every filter and every border against the sum over the whole kernel of a padded image."""
    spacing = (step,) * 3
    expected = convolve(pixels, kernel_of(chosen, spacing), chosen.boundary)
    found = respond(pixels, spacing, chosen)
    assert found.dtype == np.float64
    assert np.allclose(found, expected, rtol=0, atol=1e-11 * np.abs(pixels).max())


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_borders_differ_and_pass_through(boundary: str) -> None:
    line = np.array([[1.0, 2.0, 4.0, 8.0]] * 4)
    found = respond(line, (1.0, 1.0), MeanFilter(size=3, dimension="2d", boundary=boundary))  # type: ignore[arg-type]
    outside = {"mirror": 1.0, "nearest": 1.0, "zero": 0.0, "periodic": 8.0}[boundary]
    assert np.isclose(found[1, 0], (outside + 1 + 2) / 3)
    wide = respond(line, (1.0, 1.0), MeanFilter(size=5, dimension="2d", boundary=boundary))  # type: ignore[arg-type]
    second = {"mirror": 2.0, "nearest": 1.0, "zero": 0.0, "periodic": 4.0}[boundary]
    share = 3 / 5 if boundary == "zero" else 1.0  # two of five rows are outside at row 0
    assert np.isclose(wide[0, 0], share * (second + outside + 1 + 2 + 4) / 5)


@settings(max_examples=30)
@given(pixels=images(), chosen=one_pass(), a=st.floats(-3, 3), b=st.floats(-3, 3))
def test_linear(pixels: Any, chosen: Filter, a: float, b: float) -> None:
    other = np.random.default_rng(0).normal(size=pixels.shape)
    both = respond(a * pixels + b * other, ONE, chosen)
    apart = a * respond(pixels, ONE, chosen) + b * respond(other, ONE, chosen)
    assert np.allclose(both, apart, rtol=0, atol=1e-10 * np.abs(pixels).max())


POOLED: list[Any] = [
    {"type": "laws", "kernel": "L5E5S3"},
    {"type": "laws", "kernel": "E5E5W5"},
    {"type": "laws", "kernel": "L3S5", "dimension": "2d"},
    {"type": "laws", "kernel": "E3L5", "dimension": "2d"},
    {"type": "wavelet", "family": "db2", "bands": "LLH"},
    {"type": "wavelet", "family": "haar", "bands": "LHL", "level": 2},
    {"type": "wavelet", "family": "db2", "bands": "LH", "level": 2, "dimension": "2d"},
]


def made(given_: Any, **more: Any) -> Filter:
    model = {"laws": LawsFilter, "wavelet": WaveletFilter}[given_["type"]]
    return model.model_validate(given_ | more)  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("pooling", ["max", "mean", "min"])
@pytest.mark.parametrize("given_", POOLED)
def test_pools_all_rotations(given_: Any, pooling: str, boundary: str) -> None:
    """Turning the kernel is turning the image, filtering, and turning back."""
    pixels = np.random.default_rng(3).normal(50, 30, (9, 10, 11))
    plain = made(given_, boundary=boundary)
    if plain.axes == 2:
        found = np.array([np.rot90(respond(np.rot90(pixels, k, (1, 2)), ONE, plain), -k, (1, 2))
                          for k in range(4)])  # fmt: skip
    else:
        found = np.array([back(respond(there(pixels), ONE, plain)) for there, back in turns(3)])
    expected = {"max": np.max, "mean": np.mean, "min": np.min}[pooling](found, axis=0)
    ours = respond(pixels, ONE, made(given_, boundary=boundary, pooling=pooling))
    assert np.allclose(ours, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("given_", POOLED[:6:2])
def test_invariant_under_rotation(given_: Any) -> None:
    pixels = np.random.default_rng(4).normal(50, 30, (9, 10, 11))
    chosen = made(given_, pooling="max")
    response = respond(pixels, ONE, chosen)
    axes = ((1, 2),) if chosen.axes == 2 else ((0, 1), (0, 2), (1, 2))
    for plane in axes:
        turned = respond(np.rot90(pixels, axes=plane), ONE, chosen)
        assert np.allclose(turned, np.rot90(response, axes=plane), rtol=0, atol=1e-10)
    # Without pooling it is not: the test above can fail.
    plain = made(given_)
    turned = respond(np.rot90(pixels, axes=plane), ONE, plain)
    assert not np.allclose(turned, np.rot90(respond(pixels, ONE, plain), axes=plane), atol=1.0)


@pytest.mark.parametrize("ndim", [2, 3])
def test_rotations_form_a_group(ndim: int) -> None:
    assert len(set(rotations(ndim))) == {2: 4, 3: 24}[ndim]
    assert (tuple(range(ndim)), (1,) * ndim) in set(rotations(ndim))


def test_energy_is_the_mean_of_the_absolute_response() -> None:
    pixels = np.random.default_rng(5).normal(size=(12, 13))
    options: Any = {"kernel": "E5S3", "dimension": "2d", "pooling": "max", "boundary": "nearest"}
    response = respond(pixels, (1.0, 1.0), LawsFilter(**options))
    expected = convolve(np.abs(response), np.full((7, 7), 1 / 49), "nearest")
    found = respond(pixels, (1.0, 1.0), LawsFilter(energy_distance=3, **options))
    assert np.allclose(found, expected, atol=1e-13)


@given(chosen=one_pass())
@settings(max_examples=30)
def test_constant_images(chosen: Filter) -> None:
    """Zero-mean filters give 0; the sampled LoG has a small rest."""
    chosen = chosen.model_copy(update={"boundary": "mirror"})
    found = respond(np.full((9, 9, 9), 7.0), ONE, chosen)
    total = kernel_of(chosen, ONE).sum()
    assert np.allclose(found, 7.0 * total, atol=1e-12)
    if isinstance(chosen, MeanFilter):
        assert np.allclose(found, 7.0)
    elif isinstance(chosen, LawsFilter) and any(c in chosen.kernel for c in "ESWR"):
        assert np.allclose(found, 0.0, atol=1e-12)
    elif isinstance(chosen, WaveletFilter):
        high = "H" in chosen.bands
        expected = 0.0 if high else 7.0 * 2 ** (chosen.axes / 2)
        assert np.allclose(found, expected, atol=1e-10)  # the taps are tabulated
    elif isinstance(chosen, LogFilter):
        sampled = LogFilter(sigma_mm=chosen.sigma_mm, truncate=6, dimension="2d")
        assert abs(kernel_of(sampled, ONE).sum()) < 1e-3


def test_log_in_other_voxels() -> None:
    """Voxels of 2 x 1 mm: the Laplacian per squared millimetre of a parabola."""
    y, x = np.mgrid[-20:21, -40:41].astype(float)
    parabola = 3 * (2 * y) ** 2 - x**2  # in mm
    found = respond(parabola, (2.0, 1.0), LogFilter(sigma_mm=3, truncate=6, dimension="2d"))
    assert np.isclose(found[20, 40], 2 * 3 - 2, rtol=1e-3)


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("family", ["haar", "db2", "db3", "coif1"])
def test_wavelet_equals_pywt(family: str, level: int) -> None:
    """PyWavelets' stationary transform of every band, up to its shift of the origin."""
    pixels = np.random.default_rng(6).normal(size=(48, 64))
    theirs = pywt.swt2(pixels, family, level=level, trim_approx=False)[0]
    bands = {"LL": theirs[0], "HL": theirs[1][1], "LH": theirs[1][0], "HH": theirs[1][2]}
    shifts = set()
    for name, expected in bands.items():  # ours by x, y; theirs details (y high, x high, both)
        chosen = WaveletFilter(
            family=family, bands=name, level=level, dimension="2d", boundary="periodic"
        )
        ours = respond(pixels, (1.0, 1.0), chosen)
        cross = np.fft.ifft2(np.fft.fft2(ours) * np.conj(np.fft.fft2(expected))).real
        shift = np.unravel_index(np.argmax(cross), cross.shape)
        assert np.allclose(ours, np.roll(expected, shift, (0, 1)), atol=1e-10)
        shifts.add(tuple(int(s) for s in shift))
    assert len(shifts) == 1


@pytest.mark.parametrize("family", ["haar", "db3", "coif1"])
def test_wavelet_bands_keep_the_energy(family: str) -> None:
    pixels = np.random.default_rng(7).normal(size=(8, 10, 9))
    total = 0.0
    for letters in product("LH", repeat=3):
        chosen = WaveletFilter(family=family, bands="".join(letters), boundary="periodic")
        total += float((respond(pixels, ONE, chosen) ** 2).sum())
    assert np.isclose(total, 8 * (pixels**2).sum(), rtol=1e-9)


def test_letters_go_by_x_y_z() -> None:
    pixels = np.zeros((9, 9, 9))
    pixels[4, 4, :] = 1.0  # a line along x
    along_x = respond(pixels, ONE, LawsFilter(kernel="E5L5L5"))
    assert np.abs(along_x[:, :, 4]).max() < 1e-12
    assert np.abs(respond(pixels, ONE, LawsFilter(kernel="L5L5E5"))[:, :, 4]).max() > 0.1
