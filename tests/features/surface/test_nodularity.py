"""Surface nodularity: nothing on a smooth organ, the right amount on a bumpy one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.features.surface import NAMES, mask_roughness, surface_features
from radiofib.registry import LIVER_FEATURES
from radiofib.roi import Roi
from tests.features.surface.phantoms import Bumpy

SMOOTH = Bumpy()
LIVER = Bumpy((45.0, 60.0, 75.0))
SHIFT = (0.3, 0.2, 0.1)
#: What a smooth ellipsoid may show, in mm.
MOST = 0.05
#: Measured over expected for waves along two axes (0.7 times as long as `wave_mm`).
RECOVERED = (0.80, 1.15)


def test_names_are_those_of_the_registry() -> None:
    assert tuple(s.name for s in LIVER_FEATURES if s.family == "surface") == NAMES
    assert tuple(surface_features(SMOOTH.roi((2.0, 2.0, 2.0))).values) == NAMES


@pytest.mark.parametrize(
    ("spacing", "contrast", "noise"),
    [
        ((1.0, 1.0, 1.0), 100.0, 0.0),
        ((1.0, 1.0, 1.0), -150.0, 15.0),
        ((1.5, 1.5, 1.5), 40.0, 2.0),
        ((2.0, 2.0, 2.0), 100.0, 3.0),
        ((2.5, 1.0, 1.0), 100.0, 5.0),
    ],
)
def test_a_smooth_ellipsoid_is_smooth(
    spacing: tuple[float, ...], contrast: float, noise: float
) -> None:
    found = surface_features(SMOOTH.roi(spacing, contrast=contrast, noise=noise, shift=SHIFT))
    assert found.values["nodularity"] < MOST
    assert found.values["nodularity_tenth_mm"] == 10 * found.values["nodularity"]
    assert found.values["usable_share"] > 0.97
    assert found.values["mask_roughness"] > 3 * found.values["nodularity"]
    assert found.missing == {}


@pytest.mark.proof
@pytest.mark.parametrize("half", [(25.0, 30.0, 40.0), (45.0, 60.0, 75.0), (30.0, 30.0, 30.0)])
@pytest.mark.parametrize("spacing", [(0.5,) * 3, (1.0,) * 3, (1.5,) * 3, (2.0,) * 3, (2.5, 1, 1)])
@pytest.mark.parametrize(("contrast", "noise"), [(100, 0), (100, 5), (-30, 1.5)])
def test_smooth_ellipsoids(
    half: tuple[float, float, float], spacing: tuple[float, ...], contrast: float, noise: float
) -> None:
    if spacing[0] == 0.5 and half[0] == 45:
        pytest.skip("a large array that shows nothing new")
    if spacing[0] == 2.0 and half[0] < 45:
        noise *= 0.6  # 3 % of the contrast: few voxels, and curvature adds its part
    roi = Bumpy(half).roi(spacing, contrast=contrast, noise=noise, shift=SHIFT, seed=1)
    assert surface_features(roi).values["nodularity"] < MOST


@pytest.mark.proof
@pytest.mark.parametrize("spacing", [(1.0,) * 3, (1.5,) * 3, (2.0,) * 3, (2.5, 1.0, 1.0)])
@pytest.mark.parametrize("wave", [20.0, 30.0])
def test_bumps_are_recovered_and_grow(wave: float, spacing: tuple[float, ...]) -> None:
    before = MOST
    for sd in (0.3, 0.6, 1.2, 2.0):
        bumpy = Bumpy((45.0, 60.0, 75.0), sd, wave)
        expected = bumpy.expected()
        found = surface_features(bumpy.roi(spacing, noise=3, shift=SHIFT)).values["nodularity"]
        assert RECOVERED[0] * expected < found < RECOVERED[1] * expected + 0.02, expected
        assert found > before
        before = found


def test_bumps_of_a_small_ellipsoid() -> None:
    found = [
        surface_features(Bumpy(sd_mm=sd, wave_mm=20).roi((1.5,) * 3, noise=3)).values["nodularity"]
        for sd in (0.0, 0.3, 0.6)
    ]
    expected = Bumpy(sd_mm=0.6, wave_mm=20).expected(number=8000, places=100)
    assert found[0] < found[1] < found[2]
    assert RECOVERED[0] * expected < found[2] < RECOVERED[1] * expected


BUMPY = Bumpy((25.0, 28.0, 32.0), sd_mm=0.6, wave_mm=20)


@pytest.mark.parametrize("shift", [(0.5, 0.5, 0.5), (-0.4, 0.3, 0.9)])
def test_the_place_of_the_grid_does_not_matter(shift: tuple[float, ...]) -> None:
    found = [
        surface_features(BUMPY.roi((1.5,) * 3, shift=s)).values["nodularity"]
        for s in ((0, 0, 0), shift)
    ]
    assert found[1] == pytest.approx(found[0], rel=0.04)


@settings(max_examples=2)
@given(st.permutations([0, 1, 2]), st.sets(st.integers(0, 2)))
def test_orientation_does_not_matter(order: list[int], flipped: set[int]) -> None:
    roi = BUMPY.roi((2.0, 1.5, 1.5))
    turned = Roi(
        np.flip(roi.pixels, tuple(flipped)).transpose(order),
        np.flip(roi.mask, tuple(flipped)).transpose(order),
        tuple(roi.spacing_mm[a] for a in order),
        roi.channel,
    )
    before, after = (surface_features(r).values for r in (roi, turned))
    for name in ("nodularity", "mask_roughness"):
        assert after[name] == pytest.approx(before[name], rel=0.04), name


def test_scale_and_offset_of_intensities_do_not_matter() -> None:
    roi = SMOOTH.roi((1.5,) * 3, noise=4)
    before = surface_features(roi).values
    for scale, offset in ((0.001, 0.0), (-20.0, 1e4)):
        moved = replace(roi, pixels=(roi.pixels.astype(np.float64) * scale + offset))
        after = surface_features(moved).values
        assert after["nodularity"] == pytest.approx(before["nodularity"], rel=0.02)
        assert after["usable_share"] == pytest.approx(before["usable_share"], abs=0.002)


def test_the_mask_need_not_be_exact() -> None:
    roi = BUMPY.roi((1.5,) * 3)
    before = surface_features(roi).values["nodularity"]
    smooth_mask = Bumpy(BUMPY.half).coverage((1.5,) * 3) > 0.5
    after = surface_features(replace(roi, mask=smooth_mask)).values["nodularity"]
    assert after == pytest.approx(before, rel=0.1)


def test_a_neighbour_of_equal_intensity_is_left_out() -> None:
    roi = SMOOTH.roi((1.5,) * 3, noise=4)
    pixels = roi.pixels.copy()
    half = pixels.shape[2] // 2
    noise = np.random.default_rng(5).normal(300, 4, pixels[:, :, :half].shape)
    pixels[:, :, :half] = noise
    found = surface_features(replace(roi, pixels=pixels))
    assert 0.4 < found.values["usable_share"] < 0.6
    assert found.values["nodularity"] < MOST


def test_without_any_edge_it_is_missing_and_roughness_stays() -> None:
    roi = SMOOTH.roi((1.5,) * 3)
    noise = np.random.default_rng(6).normal(300, 4, roi.pixels.shape)
    found = surface_features(replace(roi, pixels=noise))
    assert set(found.missing) == {"nodularity", "nodularity_tenth_mm"}
    assert "low contrast" in found.missing["nodularity"]
    assert found.values["usable_share"] < 0.05
    assert found.values["mask_roughness"] == mask_roughness(roi.mask, roi.spacing_mm)
    assert "staircase" in found.flags["mask_roughness"]


def test_an_image_cut_at_the_mask_says_so() -> None:
    roi = SMOOTH.roi((2.0,) * 3)
    inside = np.nonzero(roi.mask)
    box = tuple(slice(i.min(), i.max() + 1) for i in inside)
    found = surface_features(replace(roi, pixels=roi.pixels[box], mask=roi.mask[box]))
    whole = surface_features(roi)
    assert found.values["usable_share"] < 0.95 * whole.values["usable_share"]


@pytest.mark.parametrize(
    ("roi", "why"),
    [
        (Roi(np.eye(9), np.eye(9) > 0, (1, 1), "us"), "2-D"),
        (replace(SMOOTH.roi((2.0,) * 3), spacing_known=False), "not known"),
        (SMOOTH.roi((5.0, 2.0, 2.0)), "5 mm apart"),
        (Roi(np.eye(9)[None] + np.zeros((9, 1, 1)), np.eye(9)[None] * np.ones((9, 1, 1)) > 0,
             (1, 1, 1), "t1"), "too little"),
        (Roi(np.full((40,) * 3, np.nan), np.ones((40,) * 3, dtype=bool), (1, 1, 1), "t1"), "NaN"),
    ],
)  # fmt: skip
def test_reasons(roi: Roi, why: str) -> None:
    found = surface_features(roi)
    missing = {n for n, v in found.values.items() if not np.isfinite(v)}
    assert missing == set(found.missing)
    assert why in found.missing["nodularity"]


def test_roughness_follows_the_voxels_and_not_the_organ() -> None:
    fine, coarse = (mask_roughness(SMOOTH.coverage((s,) * 3) > 0.5, (s,) * 3) for s in (1.0, 2.0))
    assert coarse > 1.7 * fine > 1.7 * MOST
