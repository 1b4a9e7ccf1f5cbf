"""Moran's I, Geary's C and local intensity against all pairs and all voxels, one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from radiofib.errors import MaskError
from radiofib.features.ibsi import local_intensity, spatial
from radiofib.preprocess.ibsi import PEAK_RADIUS_MM
from tests.features.upstream import SPACINGS, masks

SEEDS = st.integers(0, 2**32 - 1)
LINE = np.ones((1, 1, 9), dtype=bool)
VOXEL = np.ones((1, 1, 1), dtype=bool)


def all_pairs(pixels: Any, mask: Any, spacing: Any) -> tuple[float, float]:
    where = np.argwhere(mask) * np.array(spacing)
    x = pixels[mask].astype(float)
    apart = np.sqrt(((where[:, None] - where[None]) ** 2).sum(axis=-1))
    w = np.divide(1, apart, out=np.zeros_like(apart), where=apart > 0)
    d = x - x.mean()
    n, spread = len(x), np.sum(d**2)
    moran = n / w.sum() * np.sum(w * np.outer(d, d)) / spread
    geary = (n - 1) / (2 * w.sum()) * np.sum(w * (x[:, None] - x[None]) ** 2) / spread
    return moran, geary


def check_pairs(pixels: Any, mask: Any, spacing: Any) -> None:
    found, why = spatial.compute(pixels, mask, spacing)
    if mask.sum() == 1 or np.ptp(pixels[mask]) == 0:
        assert set(why) == {"moran_i", "geary_c"}
        assert all(np.isnan(value) for value in found.values())
        return
    assert why == {}
    moran, geary = all_pairs(pixels, mask, spacing)
    assert found["moran_i"] == pytest.approx(moran, rel=1e-9, abs=1e-9)
    assert found["geary_c"] == pytest.approx(geary, rel=1e-9, abs=1e-9)


@settings(max_examples=80)
@given(masks(longest=7), st.tuples(SPACINGS, SPACINGS, SPACINGS), SEEDS, st.booleans())
@example(VOXEL, (1.0, 1.0, 1.0), 0, False)
@example(LINE, (10.0, 1.0, 1.0), 0, True)
def test_all_pairs(mask: Any, spacing: Any, seed: int, whole: bool) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(-3, 4, mask.shape) if whole else rng.normal(1000, 5, mask.shape)
    check_pairs(pixels, mask, spacing)


@settings(max_examples=40)
@given(masks(ndim=2, longest=12), st.tuples(SPACINGS, SPACINGS), SEEDS)
def test_all_pairs_of_a_plane(mask: Any, spacing: Any, seed: int) -> None:
    check_pairs(np.random.default_rng(seed).normal(size=mask.shape), mask, spacing)


def blob(shape: tuple[int, ...], seed: int) -> Any:
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2)
    return noise > np.quantile(noise, 0.6)


def test_two_thousand_voxels_in_blocks_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = blob((10, 21, 25), 1)
    pixels = np.random.default_rng(2).normal(size=mask.shape).cumsum(axis=2)
    check_pairs(pixels, mask, (5.0, 0.5, 0.5))
    whole = spatial.compute(pixels, mask, (5.0, 0.5, 0.5))[0]
    for rows, size in ((1, 1), (40_000, 150_000), (150_000, 40_000), (10**9, 150_000)):
        monkeypatch.setattr(spatial, "_ROWS", rows)
        monkeypatch.setattr(spatial, "_BLOCK", size)
        found = spatial.compute(pixels, mask, (5.0, 0.5, 0.5))[0]
        assert found == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("scale", [1e-200, 1e160])
def test_units_do_not_matter(scale: float) -> None:
    pixels = np.random.default_rng(3).normal(size=(3, 4, 5))
    mask = np.ones(pixels.shape, dtype=bool)
    near = spatial.compute(pixels, mask, (1.0, 1.0, 1.0))[0]
    assert spatial.compute(pixels * scale, mask, (0.1, 0.1, 0.1))[0] == pytest.approx(near)


def test_neighbours_alike_and_opposite() -> None:
    index = np.indices((1, 1, 40))[2]
    mask = np.ones((1, 1, 40), dtype=bool)
    halves = spatial.compute(index >= 20, mask, (1.0, 1.0, 1.0))[0]
    turns = spatial.compute(index % 2, mask, (1.0, 1.0, 1.0))[0]
    assert halves["moran_i"] > 0.2 > -0.1 > turns["moran_i"]
    assert halves["geary_c"] < 1 < turns["geary_c"]


def all_voxels(pixels: Any, mask: Any, spacing: Any) -> tuple[float, float]:
    known = np.isfinite(pixels)
    where = np.argwhere(known) * np.array(spacing)
    values = pixels[known]
    means = {}
    for centre in np.argwhere(mask & known):
        far = ((where - centre * np.array(spacing)) ** 2).sum(axis=1)
        means[tuple(centre)] = values[far <= PEAK_RADIUS_MM**2].mean()
    top = pixels[mask & known].max()
    return max(m for c, m in means.items() if pixels[c] == top), max(means.values())


@settings(max_examples=60)
@given(masks(longest=8), st.tuples(SPACINGS, SPACINGS, SPACINGS), SEEDS, st.booleans())
@example(VOXEL, (1.0, 1.0, 1.0), 0, False)
@example(LINE, (10.0, 1.0, 1.0), 0, True)
def test_means_of_spheres(mask: Any, spacing: Any, seed: int, holes: bool) -> None:
    rng = np.random.default_rng(seed)
    padded = np.pad(mask, [(0, 2), (3, 0), (1, 1)])
    pixels = rng.integers(-5, 5, padded.shape).astype(float)
    if holes:
        pixels[rng.random(pixels.shape) < 0.1] = np.nan
        pixels[padded & (rng.random(pixels.shape) < 0.9)] = 2.0
    found, why = local_intensity.compute(pixels, padded, spacing)
    if not np.isfinite(pixels[padded]).any():
        assert set(why) == set(local_intensity.NAMES)
        return
    assert why == {}
    peaks = all_voxels(pixels, padded, spacing)
    assert tuple(found.values()) == pytest.approx(peaks, rel=1e-12, abs=1e-12)


@settings(max_examples=30)
@given(masks(ndim=2, longest=20), st.tuples(SPACINGS, SPACINGS), SEEDS)
def test_means_of_disks(mask: Any, spacing: Any, seed: int) -> None:
    pixels = np.random.default_rng(seed).normal(size=mask.shape)
    found, _ = local_intensity.compute(pixels, mask, spacing)
    peaks = all_voxels(pixels, mask, spacing)
    assert tuple(found.values()) == pytest.approx(peaks, rel=1e-12, abs=1e-12)


def test_brightest_of_several() -> None:
    pixels = np.zeros((1, 1, 70))
    pixels[0, 0, [10, 50, 52]] = 9
    found, _ = local_intensity.compute(pixels, pixels > -1, (1.0, 1.0, 1.0))
    assert found["peak_loc"] == pytest.approx(18 / 13)
    assert found["peak_glob"] == pytest.approx(18 / 13)


def test_sphere_is_a_cubic_centimetre() -> None:
    rows = local_intensity.sphere_rows((0.2, 0.2, 0.2), (200, 200, 200))
    assert np.sum(2 * rows[:, 2] + 1) * 0.2**3 == pytest.approx(1000, rel=2e-3)


def test_empty_region() -> None:
    nothing = np.zeros((2, 2, 2), dtype=bool)
    for family in (spatial, local_intensity):
        with pytest.raises(MaskError):
            family.compute(nothing, nothing, (1.0, 1.0, 1.0))
