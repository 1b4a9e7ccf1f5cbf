"""Bad input, small images, holes, and images cut around a region."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.errors import EngineError
from radiofib.filters.ibsi import (
    Filter,
    GaborFilter,
    LawsFilter,
    LogFilter,
    MeanFilter,
    RadialWaveletFilter,
    RieszFilter,
    WaveletFilter,
    respond,
    support,
)
from tests.filters.ibsi.direct import one_pass

ONE = (1.0, 1.0, 1.0)
LARGER: list[Filter] = [
    LawsFilter(kernel="L5E3S5", energy_distance=2, pooling="max"),
    LawsFilter(kernel="L5E3", energy_distance=3, dimension="2d", boundary="zero"),
    WaveletFilter(family="db2", bands="LHL", level=2, pooling="mean", boundary="nearest"),
    WaveletFilter(family="haar", bands="HH", level=3, dimension="2d"),
    GaborFilter(sigma_mm=1, wavelength_mm=2, theta_step_deg=90),
    GaborFilter(sigma_mm=1, wavelength_mm=2, theta_deg=30, dimension="2d", boundary="zero"),
    LogFilter(sigma_mm=1.5),
]


def check_cut(chosen: Filter, spacing: tuple[float, ...], low: list[int]) -> None:
    pixels = np.random.default_rng(1).normal(50, 30, (28, 30, 26))
    reach = support(chosen, spacing)
    assert reach is not None
    whole = respond(pixels, spacing, chosen)
    high = [min(n, a + 3) for a, n in zip(low, pixels.shape, strict=True)]
    begin = [max(0, a - r) for a, r in zip(low, reach, strict=True)]
    around = tuple(slice(b, e + r) for b, e, r in zip(begin, high, reach, strict=True))
    inside = tuple(slice(a - b, e - b) for a, b, e in zip(low, begin, high, strict=True))
    region = tuple(slice(a, e) for a, e in zip(low, high, strict=True))
    found = respond(pixels[around], spacing, chosen)[inside]
    assert np.allclose(found, whole[region], rtol=0, atol=1e-7)


@settings(max_examples=40)
@given(
    chosen=one_pass(),
    low=st.tuples(st.integers(0, 27), st.integers(0, 29), st.integers(0, 25)),
)
def test_cut_around_a_region(chosen: Filter, low: tuple[int, ...]) -> None:
    if chosen.boundary == "periodic":
        assert support(chosen, ONE) is None
    else:
        check_cut(chosen, ONE, list(low))


@pytest.mark.parametrize("low", [[0, 0, 0], [12, 13, 11], [25, 27, 23]])
@pytest.mark.parametrize("chosen", LARGER, ids=lambda f: f.token)
def test_cut_around_a_region_with_passes(chosen: Filter, low: list[int]) -> None:
    check_cut(chosen, (1.0, 1.0, 1.0), low)
    check_cut(chosen, (2.0, 1.0, 1.0), low)


def test_support_is_no_larger_than_needed() -> None:
    assert support(WaveletFilter(family="db3", bands="LLH", level=2), ONE) == (9, 9, 9)
    assert support(LogFilter(sigma_mm=3), (3.0, 1.0, 1.5)) == (4, 12, 8)
    assert support(LawsFilter(kernel="L3E5S3"), ONE) == (1, 2, 1)
    assert support(LawsFilter(kernel="L3E5S3", pooling="max"), ONE) == (2, 2, 2)
    assert support(LawsFilter(kernel="L5E3", dimension="2d"), (1.0, 1.0)) == (1, 2)
    assert support(GaborFilter(sigma_mm=2, wavelength_mm=2, gamma=0.5), ONE) == (28, 28, 28)
    assert support(RieszFilter(orders=(1, 0, 0)), ONE) is None
    assert support(MeanFilter(size=3, boundary="periodic"), ONE) is None


ANY = [
    *LARGER,
    MeanFilter(size=3),
    RadialWaveletFilter(type="simoncelli"),
    RieszFilter(orders=(1, 0, 0)),
]


@pytest.mark.parametrize("chosen", [f for f in ANY if f.axes == 3], ids=lambda f: f.token)
def test_one_slice_and_pictures(chosen: Filter) -> None:
    with pytest.raises(EngineError, match=r"needs 3 axes.*1 x 40 x 41 voxels.*dimension"):
        respond(np.ones((1, 40, 41)), ONE, chosen)
    with pytest.raises(EngineError, match=r"needs 3 axes.*40 x 41 voxels"):
        respond(np.ones((40, 41)), (1.0, 1.0), chosen)


@pytest.mark.parametrize(
    ("chosen", "shape", "needed"),
    [
        (MeanFilter(size=15), (7, 30, 30), "8 x 8 x 8"),
        (LogFilter(sigma_mm=3), (30, 12, 30), "13 x 13 x 13"),
        (LawsFilter(kernel="L5E5", energy_distance=7, dimension="2d"), (7, 30), "8 x 8"),
        (WaveletFilter(family="db3", bands="LLH", level=2), (30, 30, 6), "7 x 7 x 7"),
        (RadialWaveletFilter(type="shannon", level=3), (15, 16, 16), "16 x 16 x 16"),
        (RieszFilter(orders=(1, 0), level=2, dimension="2d"), (3, 8, 7), "1 x 8 x 8"),
    ],
)
def test_images_smaller_than_the_filter(
    chosen: Filter, shape: tuple[int, ...], needed: str
) -> None:
    found = " x ".join(map(str, shape))
    with pytest.raises(EngineError, match=f"at least {needed} voxels; found {found} voxels"):
        respond(np.ones(shape), ONE[: len(shape)], chosen)
    enough = tuple(max(n, int(m)) for n, m in zip(shape, needed.split(" x "), strict=True))
    assert np.isfinite(respond(np.ones(enough), ONE[: len(shape)], chosen)).all()


@settings(max_examples=30)
@given(
    chosen=st.one_of(one_pass(), st.sampled_from(LARGER[:4])),
    place=st.tuples(st.integers(0, 27), st.integers(0, 29), st.integers(0, 25)),
    value=st.sampled_from([np.nan, np.inf, -np.inf]),
)
def test_holes_spread_as_far_as_the_filter(
    chosen: Filter, place: tuple[int, ...], value: float
) -> None:
    pixels = np.random.default_rng(2).normal(50, 30, (28, 30, 26))
    whole = respond(pixels, ONE, chosen)
    pixels[place] = value
    found = respond(pixels, ONE, chosen)
    missing = np.isnan(found)
    assert missing[place]
    assert np.array_equal(found[~missing], whole[~missing])
    if chosen.boundary != "periodic":
        reach = support(chosen, ONE)
        assert reach is not None
        far = np.argwhere(missing) - place
        assert (np.abs(far) <= reach).all()


def test_holes_in_gabor() -> None:
    chosen = GaborFilter(sigma_mm=1, wavelength_mm=3, dimension="2d")
    pixels = np.random.default_rng(3).normal(size=(2, 30, 30))
    whole = respond(pixels, ONE, chosen)
    pixels[0, 0, 0] = np.nan
    found = respond(pixels, ONE, chosen)
    assert np.isnan(found[0, :8, :8]).all()
    found[0, :8, :8] = whole[0, :8, :8]
    assert np.allclose(found, whole, atol=1e-9)


def test_holes_in_the_fourier_domain() -> None:
    pixels = np.ones((12, 12))
    pixels[3, 4] = np.nan
    with pytest.raises(EngineError, match=r"sim1s spreads.*1 voxels that are NaN"):
        respond(pixels, (1.0, 1.0), RadialWaveletFilter(type="simoncelli", dimension="2d"))


def test_slices_do_not_touch() -> None:
    pixels = np.random.default_rng(4).normal(size=(3, 40, 42))
    for chosen in (
        *[f for f in LARGER if f.axes == 2],
        RadialWaveletFilter(type="simoncelli", dimension="2d"),
        RieszFilter(orders=(1, 1), dimension="2d", steering_sigma_mm=2),
    ):
        volume = respond(pixels, (3.0, 1.0, 1.0), chosen)
        for i, picture in enumerate(pixels):
            alone = respond(picture, (1.0, 1.0), chosen)
            assert alone.shape == picture.shape
            assert np.allclose(volume[i], alone, rtol=0, atol=1e-11)


def test_whole_numbers_and_input_kept() -> None:
    pixels = np.random.default_rng(5).integers(0, 255, (20, 20, 20)).astype(np.uint8)
    before = pixels.copy()
    for chosen in ANY:
        found = respond(pixels, ONE, chosen)
        assert found.dtype == np.float64
        assert np.array_equal(found, respond(pixels.astype(float), ONE, chosen))
        assert np.array_equal(pixels, before)


@pytest.mark.parametrize(
    ("shape", "spacing", "message"),
    [
        ((5,), (1.0,), "two or three axes"),
        ((2, 3, 4, 5), (1.0,) * 4, "two or three axes"),
        ((0, 5, 5), ONE, "two or three axes"),
        ((5, 5, 5), (1.0, 1.0), "3 positive numbers"),
        ((5, 5, 5), (1.0, 1.0, 0.0), "3 positive numbers"),
        ((5, 5, 5), (1.0, 1.0, np.nan), "3 positive numbers"),
        ((5, 5, 5), (1.0, np.inf, 1.0), "3 positive numbers"),
    ],
)
def test_what_is_no_image(shape: Any, spacing: Any, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        respond(np.ones(shape), spacing, MeanFilter(size=3))


def test_log_too_narrow() -> None:
    with pytest.raises(EngineError, match=r"0.625 mm or more.*sigma 0.5 mm at a spacing of 5 mm"):
        respond(np.ones((9, 9, 9)), (5.0, 1.0, 1.0), LogFilter(sigma_mm=0.5))
    by_slice = LogFilter(sigma_mm=0.5, dimension="2d")
    assert respond(np.ones((9, 9, 9)), (5.0, 1.0, 1.0), by_slice).shape == (9, 9, 9)


class UnknownFilter(Filter):
    def _short(self) -> str:
        return "unknown"

    def _words(self) -> str:
        return "unknown"


def test_not_a_filter() -> None:
    with pytest.raises(EngineError, match="not a filter"):
        respond(np.ones((9, 9, 9)), ONE, UnknownFilter())
    with pytest.raises(TypeError, match="abstract"):
        Filter()
