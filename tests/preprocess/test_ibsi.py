"""Grid, interpolation, masks and grey levels of IBSI 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from radiofib.errors import EngineError, MaskError, UsageError
from radiofib.preprocess.ibsi import (
    PEAK_RADIUS_MM,
    aligned_axis,
    diagnostics,
    fixed_bin_number,
    fixed_bin_size,
    interpolate,
    prepare_ibsi,
)

SPACINGS = st.floats(0.1, 10)
SIZES = st.integers(1, 40)
METHODS = ("nearest", "linear", "cubic")


def ball(shape: tuple[int, ...], radius: float = 0.6) -> Any:
    place = np.indices(shape) / ((np.array(shape).reshape(-1, *[1] * len(shape)) - 1) / 2) - 1
    return (place**2).sum(axis=0) <= radius**2


@given(SIZES, SPACINGS, SPACINGS)
def test_centres_are_aligned(size: int, old: float, new: float) -> None:
    axis = aligned_axis(size, old, new)
    places = axis.positions()
    assert places.mean() == pytest.approx((size - 1) / 2, abs=1e-6)
    assert np.allclose(np.diff(places), new / old, atol=1e-6)
    # The new grid covers the old one and no more than it must.
    assert axis.new_size * axis.new_spacing >= size * old * (1 - 1e-3) - 1e-3
    assert (axis.new_size - 1) * axis.new_spacing < size * old
    assert places.min() > -0.5 - 1e-3


@pytest.mark.parametrize(("size", "old", "new", "expected"), [(4, 3, 2, 6), (10, 0.3, 0.1, 30)])
def test_sizes(size: int, old: float, new: float, expected: int) -> None:
    assert aligned_axis(size, old, new).new_size == expected


def test_spacing_of_a_header_is_single_precision() -> None:
    assert aligned_axis(512, float(np.float32(0.1)), 0.2).new_size == 256
    assert aligned_axis(512, float(np.float32(0.1)), 0.1).same


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from(METHODS), st.integers(0, 99))
def test_same_spacing_is_identity(ny: int, nx: int, method: Any, seed: int) -> None:
    pixels = np.random.default_rng(seed).normal(size=(ny, nx))
    axes = [aligned_axis(ny, 0.7, 0.7), aligned_axis(nx, 1.3, None)]
    assert np.array_equal(interpolate(pixels, axes, method), pixels)


@settings(max_examples=60)
@given(SIZES, SPACINGS, SPACINGS, st.floats(-3000, 3000), st.sampled_from(METHODS))
def test_constant_stays_constant(
    size: int, old: float, new: float, value: float, method: Any
) -> None:
    pixels = np.full((size, 3), value)
    found = interpolate(pixels, [aligned_axis(size, old, new), aligned_axis(3, 1, 0.4)], method)
    if method == "cubic":
        assert np.allclose(found, value, rtol=1e-12, atol=1e-12)
    else:
        assert (found == value).all()


@settings(max_examples=60)
@given(
    st.tuples(*[st.integers(1, 12)] * 3),
    st.tuples(*[st.floats(0.3, 4)] * 3),
    st.integers(0, 2**32 - 1),
    st.sampled_from(METHODS[1:]),
)
@example((1, 1, 1), (0.3, 1.0, 4.0), 0, "cubic")
def test_equals_scipy_on_all_points(
    shape: tuple[int, ...], new: tuple[float, ...], seed: int, method: Any
) -> None:
    pixels = np.random.default_rng(seed).normal(0, 100, shape)
    axes = [aligned_axis(n, 1.0, s) for n, s in zip(shape, new, strict=True)]
    points = np.meshgrid(*[axis.positions() for axis in axes], indexing="ij")
    order = 1 if method == "linear" else 3
    expected = map_coordinates(pixels, points, order=order, mode="nearest")
    assert np.allclose(interpolate(pixels, axes, method), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_part_equals_whole(method: Any) -> None:
    pixels = np.random.default_rng(1).normal(0, 100, (90, 80, 12))
    axes = [aligned_axis(90, 1, 0.7), aligned_axis(80, 1, 1.9), aligned_axis(12, 5, 2)]
    box = (slice(60, 75), slice(3, 9), slice(0, 30))
    whole, part = interpolate(pixels, axes, method), interpolate(pixels, axes, method, box)
    if method == "cubic":
        assert np.allclose(part, whole[box], rtol=0, atol=1e-10)
    else:
        assert np.array_equal(part, whole[box])


def test_spline_goes_through_the_voxels() -> None:
    pixels = np.random.default_rng(2).normal(size=(21,))
    found = interpolate(pixels, [aligned_axis(21, 1.0, 1 / 3)], "cubic")
    assert np.allclose(found[1::3], pixels, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("spacing", [(10.0, 1.0, 1.0), (1.0, 1.0, 10.0)])
def test_cut_equals_whole_image(method: Any, spacing: tuple[float, ...]) -> None:
    shape = (12, 60, 60) if spacing[0] == 10 else (60, 60, 12)
    pixels = np.random.default_rng(3).integers(-1000, 1000, shape)
    mask = ball(shape)
    options: dict[str, Any] = {"spacing_out": 2.0, "image_interpolation": method}
    part = prepare_ibsi(pixels, mask, spacing, **options)
    whole = prepare_ibsi(pixels, mask, spacing, margin_mm=None, **options)
    assert whole.pixels.shape == whole.grid_shape == part.grid_shape
    box = tuple(slice(o, o + n) for o, n in zip(part.offset, part.pixels.shape, strict=True))
    assert np.array_equal(part.pixels, whole.pixels[box])
    assert np.array_equal(part.morphology_mask, whole.morphology_mask[box])
    assert part.morphology_mask.sum() == whole.morphology_mask.sum()
    assert part.start == pytest.approx(
        tuple(s + o * 2.0 / d for s, o, d in zip(whole.start, part.offset, spacing, strict=True))
    )
    # Around the region is as much of the image as local intensity looks at.
    places = np.argwhere(part.morphology_mask)
    for axis in range(3):
        below = places[:, axis].min() * 2.0
        assert below >= PEAK_RADIUS_MM or part.offset[axis] == 0


def test_slices_are_left_alone_in_2d() -> None:
    pixels = np.arange(3 * 8 * 8).reshape(3, 8, 8)
    mask = np.ones(pixels.shape, dtype=bool)
    found = prepare_ibsi(pixels, mask, (5.0, 1.0, 1.0), spacing_out=2.0, dimension="2d")
    assert found.spacing_mm == (5.0, 2.0, 2.0)
    for z in range(3):
        plane = prepare_ibsi(pixels[z], mask[z], (1.0, 1.0), spacing_out=2.0)
        assert np.array_equal(found.pixels[z], plane.pixels)
    kept = prepare_ibsi(pixels, mask, (5.0, 1.0, 1.0), spacing_out=(None, 0, 2.0))
    assert kept.grid_shape == (3, 8, 4)


def test_rounding_follows_interpolation_alone() -> None:
    pixels = np.array([[0.2, 1.4], [3.6, 2.5]])
    mask = np.ones((2, 2), dtype=bool)
    assert np.array_equal(prepare_ibsi(pixels, mask, (1.0, 1.0)).pixels, pixels)
    found = prepare_ibsi(pixels, mask, (1.0, 1.0), spacing_out=0.5)
    assert np.array_equal(found.pixels, np.rint(found.pixels))
    exact = prepare_ibsi(pixels, mask, (1.0, 1.0), spacing_out=0.5, round_intensities=False)
    assert not np.array_equal(exact.pixels, found.pixels)
    assert np.abs(exact.pixels - found.pixels).max() <= 0.5


@pytest.mark.parametrize(("threshold", "left"), [(0.2, 3), (0.25, 3), (0.5, 2), (0.51, 1)])
def test_share_of_a_voxel(threshold: float, left: int) -> None:
    mask = np.array([[True, True, True, False, False, False, False, False, False, False]])
    axes = [aligned_axis(1, 1.0, None), aligned_axis(10, 1.0, 2.0)]
    assert list(interpolate(mask, axes, "linear")[0]) == [1, 0.5, 0, 0, 0]
    pixels = np.zeros(mask.shape)
    options: dict[str, Any] = {"partial_volume": threshold}
    found = prepare_ibsi(pixels, mask, (1.0, 1.0), spacing_out=(None, 2.0), **options)
    assert found.morphology_mask.sum() == min(left, 2)
    # Both at once: shares 1, 1/2 and 1/4 along both axes.
    square = np.zeros((10, 10), dtype=bool)
    square[:3, :3] = True
    found = prepare_ibsi(np.zeros((10, 10)), square, (1.0, 1.0), spacing_out=2.0, **options)
    assert found.morphology_mask.sum() == {3: 4, 2: 3, 1: 1}[left]


def test_half_is_half_for_any_spacing() -> None:
    # The new voxel lies half-way between an inner and an outer one, whatever the rounding.
    mask = np.array([[True, True, True, False, False, False]])
    for spacing in (0.1, 0.3, 0.7, 1.1, 1 / 3):
        found = prepare_ibsi(
            np.zeros(mask.shape), mask, (1.0, spacing), spacing_out=(None, 2 * spacing)
        )
        assert found.morphology_mask.sum() == 2


def test_resegmentation_keeps_the_ends_and_the_morphology() -> None:
    pixels = np.arange(10.0)[None]
    mask = np.ones((1, 10), dtype=bool)
    for limits, left in (((2, 5), 4), ((None, 5), 6), ((2, np.inf), 8), (None, 10)):
        found = prepare_ibsi(pixels, mask, (1.0, 1.0), resegment_range=limits)
        assert len(found.values) == left
        assert found.morphology_mask.sum() == 10
    assert prepare_ibsi(pixels, mask, (1.0, 1.0), resegment_range=(2, np.inf)).resegment_range == (
        2.0,
        None,
    )


def test_both_ranges_come_from_the_whole_region() -> None:
    x = np.array([0.0] * 20 + [10.0] * 3 + [100.0])
    mask = np.ones((1, 24), dtype=bool)
    options: dict[str, Any] = {"resegment_range": (0, 50), "resegment_sigma": 2.0}
    both = prepare_ibsi(x[None], mask, (1.0, 1.0), **options)
    # After the range alone 2 standard deviations would end below 10.
    assert x[:23].mean() + 2 * x[:23].std() < 10
    assert sorted(set(both.values)) == [0, 10]
    sigma = prepare_ibsi(x[None], mask, (1.0, 1.0), resegment_sigma=2.0)
    spread = x.mean() + 2 * x.std()
    assert np.array_equal(np.sort(sigma.values), np.sort(x[x <= spread]))


def test_nothing_left_after_resegmentation() -> None:
    pixels, mask = np.zeros((2, 2, 2)), np.ones((2, 2, 2), dtype=bool)
    with pytest.raises(MaskError, match=r"0 of 8 between 5 and 9"):
        prepare_ibsi(pixels, mask, (1.0, 1.0, 1.0), resegment_range=(5, 9))


def test_nothing_left_after_interpolation() -> None:
    mask = np.zeros((9, 9), dtype=bool)
    mask[1, 1] = True
    with pytest.raises(MaskError, match="after interpolation"):
        prepare_ibsi(np.zeros((9, 9)), mask, (1.0, 1.0), spacing_out=4.5)
    with pytest.raises(MaskError, match="region is empty"):
        prepare_ibsi(np.zeros((9, 9)), np.zeros((9, 9), dtype=bool), (1.0, 1.0))


@pytest.mark.parametrize("region", ["voxel", "line", "slice", "border"])
def test_small_regions(region: str) -> None:
    mask = np.zeros((6, 20, 20), dtype=bool)
    parts: dict[str, Any] = {
        "voxel": np.s_[3, 4, 5],
        "line": np.s_[3, 4, 2:9],
        "slice": np.s_[3],
        "border": np.s_[:, :2],
    }
    mask[parts[region]] = True
    pixels = np.arange(mask.size).reshape(mask.shape)
    same = prepare_ibsi(pixels, mask, (10.0, 1.0, 1.0))
    assert np.array_equal(same.values, pixels[mask])
    options: dict[str, Any] = {"spacing_out": (5.0, 0.5, 0.5)}
    finer = prepare_ibsi(pixels, mask, (10.0, 1.0, 1.0), mask_interpolation="nearest", **options)
    assert finer.morphology_mask.sum() == 8 * mask.sum()
    if region == "voxel":  # a share of 3/4 along each axis is less than half in space
        with pytest.raises(MaskError, match=r"at most 0\.422"):
            prepare_ibsi(pixels, mask, (10.0, 1.0, 1.0), **options)


def test_too_large_an_image_is_never_made() -> None:
    mask = np.ones((50, 50, 50), dtype=bool)
    options: dict[str, Any] = {"spacing_out": 0.1, "most_voxels": 10**6}
    with pytest.raises(EngineError, match=r"at most 1,000,000 voxels; found 125,000,000 .*GiB"):
        prepare_ibsi(np.zeros(mask.shape), mask, (1.0, 1.0, 1.0), **options)
    with pytest.raises(EngineError, match="GiB of memory"):
        prepare_ibsi(np.zeros(mask.shape), mask, (1.0, 1.0, 1.0), spacing_out=1e-4)
    # A small region of it fits.
    corner = np.zeros(mask.shape, dtype=bool)
    corner[:2, :2, :2] = True
    options["margin_mm"] = 0.0
    found = prepare_ibsi(np.zeros(mask.shape), corner, (1.0, 1.0, 1.0), **options)
    assert found.grid_shape == (500, 500, 500)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"image_interpolation": "spline"}, "unknown interpolation"),
        ({"mask_interpolation": "cubic"}, "unknown interpolation"),
        ({"dimension": "2.5d"}, "unknown dimension"),
        ({"partial_volume": 0.0}, "partial volume"),
        ({"spacing_out": -1.0}, "must be positive"),
        ({"spacing_out": (1.0, 2.0)}, "another number of axes"),
        ({"resegment_range": (1.0,)}, "two limits"),
        ({"resegment_range": (3.0, 1.0)}, "range of resegmentation is empty"),
        ({"spacing_mm": (0.0, 1.0, 1.0)}, "one positive number"),
        ({"mask": np.ones((2, 2), dtype=bool)}, "of one shape"),
    ],
)
def test_settings_that_do_not_fit(options: dict[str, Any], problem: str) -> None:
    given_: dict[str, Any] = {
        "pixels": np.zeros((2, 2, 2)),
        "mask": np.ones((2, 2, 2), dtype=bool),
        "spacing_mm": (1.0, 1.0, 1.0),
    }
    with pytest.raises(UsageError, match=problem):
        prepare_ibsi(**(given_ | options))


def test_reports_of_a_part_do_not_pretend_to_know_the_image() -> None:
    mask = ball((20, 20, 20), 0.3)
    pixels = np.arange(8000).reshape(mask.shape)
    spacing = (3.0, 3.0, 3.0)
    part = diagnostics(pixels, mask, spacing, prepare_ibsi(pixels, mask, spacing))
    whole = diagnostics(pixels, mask, spacing, prepare_ibsi(pixels, mask, spacing, margin_mm=None))
    unknown = {name for name, value in part.items() if np.isnan(value)}
    assert unknown == {f"{which}_int_interp_img" for which in ("mean", "min", "max")}
    assert {n: v for n, v in whole.items() if n not in unknown} == {
        n: v for n, v in part.items() if n not in unknown
    }
    flat = diagnostics(
        pixels[0], mask[10], spacing[1:], prepare_ibsi(pixels[0], mask[10], spacing[1:])
    )
    assert not any("_z_" in name for name in flat)


VALUES = st.lists(st.floats(-1e5, 1e5), min_size=1, max_size=30)
WIDTHS = st.sampled_from([0.1, 0.3, 1.0, 2.5, 25.0])


@given(VALUES, WIDTHS, st.floats(-2e5, -1e5))
def test_bins_of_one_size(values: list[float], width: float, low: float) -> None:
    for lower in (None, low):
        levels = fixed_bin_size(values, width, lower)
        start = min(values) if lower is None else lower
        assert levels.min() >= 1
        if lower is None:
            assert levels.min() == 1
        order = np.argsort(values)
        assert (np.diff(levels[order]) >= 0).all()
        edges = start + (levels - 1) * width
        assert (edges <= values).all()
        assert (values < start + levels * width).all()


@given(VALUES, st.sampled_from([1, 2, 8, 32, 1000]))
def test_number_of_bins(values: list[float], number: int) -> None:
    levels = fixed_bin_number(values, number)
    assert levels.min() == 1
    assert levels.max() == (number if min(values) < max(values) else 1)
    assert (np.diff(levels[np.argsort(values)]) >= 0).all()


@given(st.integers(-1000, 1000), WIDTHS, st.integers(1, 5000))
def test_an_edge_opens_the_next_bin(start: int, width: float, count: int) -> None:
    edge = start + count * width
    below = np.nextafter(edge, -np.inf)
    assert list(fixed_bin_size([edge, below], width, start)) == [count + 1, count]


@given(st.integers(1, 400), st.integers(-1000, 1000), st.integers(1, 9))
def test_whole_numbers_at_the_edges_of_a_number_of_bins(number: int, low: int, step: int) -> None:
    edges = low + step * np.arange(number + 1)
    expected = [*range(1, number + 1), number]
    assert list(fixed_bin_number(edges, number)) == expected
    wide = np.array([0.0, 1e-3]) + np.array([-1.0, 1.0]) * 1.7e308
    assert list(fixed_bin_number(wide, number)) == [1, number]


@pytest.mark.parametrize(
    ("call", "error", "problem"),
    [
        (lambda: fixed_bin_size([], 1.0), UsageError, "no intensities"),
        (lambda: fixed_bin_size([np.inf], 1.0), UsageError, "finite"),
        (lambda: fixed_bin_size([1.0], 0.0), UsageError, "positive"),
        (lambda: fixed_bin_size([1.0], 1.0, 2.0), UsageError, "below the first bin"),
        (lambda: fixed_bin_size([0.0, 1e9], 1e-6), EngineError, "too many grey levels"),
        (lambda: fixed_bin_number([np.nan], 4), UsageError, "finite"),
        (lambda: fixed_bin_number([1.0], 0), UsageError, "positive"),
    ],
)
def test_bins_that_cannot_be(call: Any, error: type[Exception], problem: str) -> None:
    with pytest.raises(error, match=problem):
        call()
