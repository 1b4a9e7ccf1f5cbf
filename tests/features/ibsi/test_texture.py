"""IBSI's texture families against the manual written out plainly, and on regions that go wrong."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.errors import ConfigError, EngineError
from radiofib.features.ibsi import TEXTURE_FAMILIES, IbsiTexture, texture
from radiofib.features.ibsi import _kernels as kernels
from radiofib.features.ibsi._region import Region, city_block
from radiofib.registry import IBSI_FEATURES, natural_scale
from tests._examples import examples
from tests.features.ibsi import plain
from tests.features.upstream_matrices import regions

SPECS = {spec.key: spec for spec in IBSI_FEATURES}
ALL = [(family, how) for family, hows in TEXTURE_FAMILIES.items() for how in hows]


def values(levels: np.ndarray, n: int = 0, mask: np.ndarray | None = None) -> dict[str, float]:
    """All families under all aggregations; every NaN has a reason and nothing else has one."""
    found = IbsiTexture(levels, n or int(levels.max()), mask)
    out = {}
    for family, how in ALL:
        one, reasons = found.compute(family, how)
        assert {name for name, value in one.items() if math.isnan(value)} == set(reasons)
        assert all(reasons.values())
        out.update({f"{family}_{name}_{how}": value for name, value in one.items()})
    return out


def assert_same(
    ours: dict[str, float],
    other: dict[str, float],
    rtol: float = 1e-9,
    scales: dict[str, float] | None = None,
) -> None:
    assert ours.keys() == other.keys()
    for name, value in ours.items():
        # The root in the second information correlation magnifies rounding next to 0.
        atol = 1e-6 if "info_corr2" in name else rtol * (scales or {}).get(name, 1.0)
        atol = max(atol, 1e-9)
        np.testing.assert_allclose(value, other[name], rtol=rtol, atol=atol, err_msg=name)


def smooth(shape: tuple[int, ...], top: int, seed: int = 5) -> np.ndarray:
    field = np.random.default_rng(seed).standard_normal(shape)
    for axis in range(len(shape)):
        field = field + np.roll(field, 1, axis)
    field = (field - field.min()) / np.ptp(field)
    return np.minimum((field * top).astype(np.int64) + 1, top)


@settings(max_examples=examples(30))
@given(
    levels=regions(sides=5),
    stretch=st.sampled_from([1, 1, 3, 1000]),
    above=st.integers(0, 3),
    around=st.sampled_from([0.0, 0.5, 1.0]),
    seed=st.integers(0, 99),
)
def test_equal_to_the_manual_on_random_regions(
    levels: np.ndarray, stretch: int, above: int, around: float, seed: int
) -> None:
    levels = np.pad(levels, 1) * stretch
    n_levels = int(levels.max()) + above
    mask = (levels > 0) | (np.random.default_rng(seed).random(levels.shape) < around)
    found = IbsiTexture(levels, n_levels, mask)
    for family, how in ALL:
        ours, _ = found.compute(family, how)
        theirs = plain.texture(levels, n_levels, family, how, mask)
        assert list(ours) == list(theirs)
        sizes = {"levels": float(levels.max()), "voxels": float(np.count_nonzero(levels))}
        scales = {
            name: natural_scale(SPECS[f"{family}_{name}_{how}"], grey=1.0, mm=1.0, **sizes)
            for name in ours
        }
        assert_same(ours, theirs, scales=scales)


@settings(max_examples=60)
@given(levels=regions(), stretch=st.sampled_from([1, 500]))
def test_totals(levels: np.ndarray, stretch: int) -> None:
    region = Region(levels * stretch)
    n = int(np.count_nonzero(levels))
    cube = (levels if levels.ndim == 3 else levels[None]) > 0
    for near in (region.in_plane, region.in_space):
        pairs, runs = near.pairs(), near.runs()
        assert near.n_voxels.sum() == n
        in_runs = runs.sums(runs.count * runs.column).reshape(-1, near.n_planes)
        assert (in_runs == near.n_voxels).all()
        for a, offset in enumerate(near.offsets[:, -3:]):
            one = np.pad(cube, 1)
            together = int((one & np.roll(one, -offset, (0, 1, 2))).sum())
            in_direction = pairs.matrix // near.n_planes == a
            assert pairs.count[in_direction].sum() == together
        _, _, sizes, of_voxel = near.zones
        assert sizes.sum() == n
        assert np.bincount(of_voxel).tolist() == sizes.tolist()
        assert (near.around[2] <= near.around[0]).all()


@settings(max_examples=15)
@given(levels=regions(sides=5), turn=st.integers(0, 2), seed=st.integers(0, 99))
def test_place_and_orientation_do_not_matter(levels: np.ndarray, turn: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference = values(levels)
    plane = (-2, -1)
    turned = [np.rot90(levels, axes=plane), np.flip(levels, -1), np.swapaxes(levels, *plane)][turn]
    assert_same(values(np.ascontiguousarray(turned)), reference, rtol=1e-11)
    moved = np.pad(levels, [tuple(rng.integers(0, 4, 2)) for _ in levels.shape])
    assert repr(values(moved)) == repr(reference)
    if levels.ndim == 3:
        swapped = values(np.ascontiguousarray(np.moveaxis(levels, 0, turn)))
        in_space = {name for name in reference if name.endswith(("3d", "3d_avg", "3d_comb"))}
        assert_same(
            {name: swapped[name] for name in in_space},
            {name: reference[name] for name in in_space},
            rtol=1e-11,
        )


def test_adding_a_level_changes_no_difference() -> None:
    levels = smooth((5, 9, 8), 6)
    before, after = values(levels, 12), values(levels + 5, 12)
    same = ("contrast", "diff_", "inv_", "corr_", "clust_", "entr", "_var", "glnu", "perc")
    names = [n for n in before if n.startswith("cm") and any(part in n for part in same)]
    names += [n for n in before if n.startswith("ngt_c") and "complexity" not in n]
    names += [n for n in before if n.endswith(("rl_entr_3d_avg", "gl_var_3d", "z_perc_2d"))]
    names = [n for n in names if "auto_corr" not in n]
    assert len(names) > 80
    assert_same({n: after[n] for n in names}, {n: before[n] for n in names}, rtol=1e-10)
    assert after["cm_joint_avg_3d_comb"] == pytest.approx(before["cm_joint_avg_3d_comb"] + 5)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.uint64])
def test_the_type_of_the_levels_does_not_matter(dtype: Any) -> None:
    levels = smooth((4, 9, 8), 9)
    assert values(levels.astype(dtype)) == values(levels)


def test_ranked_levels_are_counted_alike() -> None:
    levels = smooth((4, 9, 8), 9)
    few, many = values(levels * 28), values(levels * 29)  # bytes up to 255, ranks beyond
    kept = [n for n in few if "entr" in n or "zs" in n or "perc" in n or "joint_max" in n]
    assert len(kept) > 40
    assert {n: few[n] for n in kept} == {n: many[n] for n in kept}


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 1)])
def test_one_voxel(shape: tuple[int, ...]) -> None:
    found = values(np.full(shape, 3), 4)
    assert {n for n, v in found.items() if math.isnan(v)} == {
        n for n in found if n.startswith(("cm", "ngt"))
    }
    for name in ("rlm_sre_3d_avg", "rlm_r_perc_2d_comb", "szm_z_perc_3d", "dzm_lde_2d"):
        assert found[name] == 1
    assert found["ngl_hgce_2_5d"] == 9
    assert found["rlm_rl_entr_3d_comb"] == found["ngl_dc_entr_2d"] == 0
    reasons = [texture(np.full(shape, 3), 4, f, h)[1] for f, h in (("cm", "2d_avg"), ("ngt", "3d"))]
    assert set(reasons[0].values()) == {"no two voxels of the region are neighbours"}
    assert set(reasons[1].values()) == {"no voxel of the region has a neighbour"}


def test_voxels_that_do_not_touch() -> None:
    levels = np.zeros((3, 3, 5), dtype=int)
    levels[0, 0, 0], levels[2, 2, 4] = 1, 2
    found = values(levels)
    assert math.isnan(found["cm_contrast_3d_comb"])
    assert math.isnan(found["ngt_complexity_2_5d"])
    assert found["szm_z_perc_3d"] == found["ngl_lde_3d"] == 1


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_one_line(axis: int) -> None:
    levels = np.moveaxis(np.array([1, 1, 2, 2, 2, 4]).reshape(6, 1, 1), 0, axis)
    found = values(levels)
    # One direction of 13 sees the line; pairs exist in no other, runs of 1 in all others.
    assert found["cm_joint_max_3d_avg"] == pytest.approx(0.4)
    assert found["rlm_r_perc_3d_avg"] == pytest.approx((3 / 6 + 12) / 13)
    assert math.isnan(found["cm_joint_max_2d_avg"]) == (axis == 0)
    assert found["szm_zs_entr_3d"] == pytest.approx(math.log2(3))


def test_a_picture_is_one_slice() -> None:
    levels = smooth((14, 17), 8)
    levels[0, :4] = 0
    picture, volume = values(levels), values(levels[None])
    assert picture == volume
    for family, flat, merged in (("cm", "2d_comb", "2_5d_comb"), ("szm", "2d", "2_5d")):
        one, other = (texture(levels, 8, family, how)[0] for how in (flat, merged))
        assert one == other
    # Without a neighbour across slices pairs are those of the plane, and so are zones.
    assert_same(texture(levels, 8, "cm", "3d_comb")[0], texture(levels, 8, "cm", "2d_comb")[0])
    assert_same(texture(levels, 8, "szm", "3d")[0], texture(levels, 8, "szm", "2d")[0])


def test_one_level() -> None:
    levels = np.full((3, 4, 5), 7)
    found = IbsiTexture(levels, 9)
    for how in TEXTURE_FAMILIES["cm"]:
        pairs, reasons = found.compute("cm", how)
        assert set(reasons) == {"corr", "info_corr1"}
        assert "one grey level" in reasons["corr"]
        assert pairs["joint_max"] == pairs["energy"] == pairs["inv_diff_norm"] == 1
        assert pairs["joint_avg"] == 7
        exact = ("joint_entr", "joint_var", "diff_entr", "sum_entr", "clust_prom", "info_corr2")
        assert [math.copysign(1, pairs[n]) * pairs[n] for n in exact] == [0] * len(exact)
    for how in TEXTURE_FAMILIES["ngt"]:
        tones, reasons = found.compute("ngt", how)
        assert set(reasons) == {"coarseness", "contrast", "busyness", "strength"}
        assert tones["complexity"] == 0
    assert found.compute("szm", "3d")[0]["lze"] == 60**2


def test_undefined_tone_differences_say_why() -> None:
    apart = np.array([[1, 1, 0, 5, 5]])
    found, reasons = texture(apart, 5, "ngt", "2d")
    assert found["contrast"] == found["busyness"] == found["complexity"] == 0
    assert set(reasons) == {"coarseness", "strength"}
    assert "equals the mean" in reasons["strength"]
    even = np.array([[1, 1, 2]])  # level times number is 2 for both
    found, reasons = texture(even, 2, "ngt", "3d")
    assert set(reasons) == {"busyness"}
    assert "the same for all" in reasons["busyness"]


def test_slices_for_which_a_feature_is_undefined_are_left_out() -> None:
    levels = np.ones((3, 6, 6), dtype=int)
    levels[1] = smooth((6, 6), 5)
    levels[2, 1:] = 0
    levels[2, 0, 1:] = 0  # a single pixel
    alone = texture(levels[1], 5, "cm", "2d_comb")[0]
    found = texture(levels, 5, "cm", "2d_comb")[0]
    assert found["corr"] == alone["corr"]
    assert found["contrast"] == pytest.approx(alone["contrast"] / 2)


def test_distance_is_measured_from_the_mask_and_the_edge_of_the_image() -> None:
    levels = np.ones((5, 5, 5), dtype=int)
    levels[2, 2, 2] = 2
    whole = texture(levels, 2, "dzm", "3d")[0]
    assert whole["lde"] == pytest.approx((1 + 9) / 2)
    planes = texture(levels, 2, "dzm", "2d")[0]
    assert planes["lde"] == pytest.approx((4 * 1 + (1 + 9) / 2) / 5)
    core = np.zeros_like(levels)
    core[2, 2, 2] = 2
    assert texture(core, 2, "dzm", "3d")[0]["lde"] == 1
    assert texture(core, 2, "dzm", "3d", np.ones((5, 5, 5), dtype=bool))[0]["lde"] == 9
    with pytest.raises(EngineError, match="does not hold the whole region"):
        texture(levels, 2, "dzm", "3d", core > 0)
    with pytest.raises(EngineError, match="124 voxels outside"):
        texture(levels, 2, "dzm", "2_5d", core > 0)
    with pytest.raises(EngineError, match="125 voxels outside"):
        texture(levels, 2, "dzm", "3d", np.zeros((5, 5, 5), dtype=bool))


@settings(max_examples=50)
@given(levels=regions(), border=st.integers(0, 1))
def test_city_block_distance_is_that_of_iterated_erosion(levels: np.ndarray, border: int) -> None:
    mask = np.pad(levels if levels.ndim == 3 else levels[None], border) > 0
    for in_plane, axes in ((True, (1, 2)), (False, (0, 1, 2))):
        reference = plain.distances(mask, in_plane=in_plane)
        np.testing.assert_array_equal(city_block(mask, axes=axes), reference)


def test_many_levels_take_memory_by_the_voxel() -> None:
    rng = np.random.default_rng(3)
    levels = rng.integers(1, 70_001, (12, 30, 30))
    levels[0, 0, 0] = 70_000
    tracemalloc.start()
    found = values(levels)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 120e6  # one matrix of levels by levels would take 39 GB
    assert found["szm_z_perc_3d"] > 0.99
    assert 0.99 < found["cm_inv_diff_norm_3d_comb"] / 0.77 < 1.01  # sum of (1 - k) 2 / (1 + k)
    assert not any(math.isnan(value) for value in found.values())


def test_a_long_run_among_many_levels() -> None:
    levels = np.arange(1, 4001).reshape(2, 2000)
    levels[1] = 70_000
    found, _ = texture(levels, 70_000, "rlm", "2d_comb")
    assert found["lre"] > 2000**2 / (4 * 4000)
    assert texture(levels, 70_000, "szm", "3d")[0]["lze"] == pytest.approx((2000 + 2000**2) / 2001)


def test_no_voxel_at_all() -> None:
    found = IbsiTexture(np.zeros((2, 3, 4), dtype=int), 5)
    for family, how in ALL:
        one, reasons = found.compute(family, how)
        assert all(math.isnan(value) for value in one.values())
        assert set(reasons) == set(one)
        assert set(reasons.values()) == {"the region holds no voxel"}


def test_what_is_asked_for_must_exist() -> None:
    found = IbsiTexture(np.ones((2, 2), dtype=int), 1)
    with pytest.raises(ConfigError, match="unknown texture family of IBSI 'glcm'"):
        found.compute("glcm", "3d_avg")
    with pytest.raises(ConfigError, match=r"unknown aggregation '3D_avg'.*did you mean '3d_avg'"):
        found.compute("cm", "3D_avg")


@pytest.mark.parametrize(
    ("levels", "n_levels", "mask", "problem"),
    [
        (np.ones((2, 2)), 1, None, "integers"),
        (np.ones(4, dtype=int), 1, None, "2-D or 3-D"),
        (np.array([[1, -1]]), 1, None, "0 outside"),
        (np.array([[1, 4]]), 3, None, "levels up to 3; found 4"),
        (np.array([[1, 4]]), 4, np.ones((2, 1), dtype=bool), "another shape"),
    ],
)
def test_unusable_levels(levels: Any, n_levels: int, mask: Any, problem: str) -> None:
    with pytest.raises(EngineError, match=problem):
        IbsiTexture(levels, n_levels, mask)


def test_no_kernel_is_compiled_for_more_than_two_types() -> None:
    values(smooth((3, 4, 5), 4))
    values(smooth((3, 4, 5), 4) * 1000)
    for name in kernels.__all__:
        assert 1 <= len(getattr(kernels, name).signatures) <= 2, name
