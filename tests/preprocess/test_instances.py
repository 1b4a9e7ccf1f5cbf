"""Regions cut into slices, windows and patches."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from radiofib.errors import MaskError
from radiofib.preprocess.instance_settings import InstanceSettings
from radiofib.preprocess.instances import (
    Cut,
    cut_region,
    instance_ndim,
    slice_axis,
    steps_mm,
)
from radiofib.roi import Roi

_SETTINGS: TypeAdapter[Any] = TypeAdapter(InstanceSettings)


def settings(kind: str, **values: Any) -> Any:
    return _SETTINGS.validate_python({"kind": kind, **values})


def roi_of(mask: np.ndarray, spacing: tuple[float, ...] = (4.0, 1.0, 1.0), **more: Any) -> Roi:
    pixels = np.arange(mask.size, dtype=np.float64).reshape(mask.shape)
    return Roi(pixels, mask, spacing, "t1", **more)


def random_mask(seed: int, shape: tuple[int, ...] = (6, 11, 13), share: float = 0.6) -> np.ndarray:
    mask = np.random.default_rng(seed).random(shape) < share
    mask[(slice(1, 3),) * len(shape)] = True
    return mask


def covered(cuts: tuple[Cut, ...], shape: tuple[int, ...]) -> np.ndarray:
    count = np.zeros(shape, dtype=int)
    for cut in cuts:
        count[cut.box] += 1
    return count


def test_whole_region_is_one_instance_without_a_name() -> None:
    roi = roi_of(random_mask(0))
    [cut] = cut_region(roi, settings("whole"))
    assert cut.name == ""
    assert np.array_equal(cut.of(roi).mask, roi.mask)


@given(seed=st.integers(0, 2**31), least=st.integers(1, 90), axis=st.sampled_from("xyz"))
def test_slices_are_those_with_enough_pixels(seed: int, least: int, axis: str) -> None:
    roi = roi_of(random_mask(seed))
    number = "zyx".index(axis)
    counts = [int(np.take(roi.mask, k, axis=number).sum()) for k in range(roi.mask.shape[number])]
    expected = [k for k, n in enumerate(counts) if n >= least]
    wanted = settings("slices", axis=axis, min_pixels=least)
    if not expected:
        with pytest.raises(MaskError, match="no instance of kind 'slices'"):
            cut_region(roi, wanted)
        return
    cuts = cut_region(roi, wanted)
    assert [cut.name for cut in cuts] == [f"{axis}{k:03d}" for k in expected]
    for cut, k in zip(cuts, expected, strict=True):
        part = cut.of(roi)
        assert np.array_equal(part.pixels, np.take(roi.pixels, k, axis=number))
        assert np.array_equal(part.mask, np.take(roi.mask, k, axis=number))
        assert part.spacing_mm == tuple(s for a, s in enumerate(roi.spacing_mm) if a != number)


@pytest.mark.parametrize(
    ("spacing", "axis"),
    [
        ((7.0, 1.0, 1.0), 0),
        ((1.0, 7.0, 1.0), 1),
        ((1.0, 1.0, 7.0), 2),
        ((1.0, 1.0, 1.0), 0),
        ((1.0, 1.004, 1.0), 0),
        ((3.5, 0.594, 0.594), 0),
    ],
)
def test_slices_follow_the_axis_of_acquisition(spacing: tuple[float, ...], axis: int) -> None:
    assert slice_axis(spacing) == axis
    cuts = cut_region(roi_of(random_mask(1), spacing), settings("slices", min_pixels=1))
    assert {cut.flat for cut in cuts} == {axis}


@pytest.mark.parametrize(("n", "expected"), [(1, "3"), (2, "23"), (3, "234"), (4, "1234")])
def test_middle_slices_lie_around_the_middle_of_the_region(n: int, expected: str) -> None:
    mask = np.zeros((9, 8, 8), dtype=bool)
    mask[1:6, 1:5, 1:5] = True
    cuts = cut_region(roi_of(mask), settings("middle_slices", n=n, min_pixels=16))
    assert [cut.name for cut in cuts] == [f"z00{k}" for k in expected]


def test_fewer_slices_than_asked_for_are_all() -> None:
    mask = np.zeros((9, 8, 8), dtype=bool)
    mask[2:4, 1:5, 1:5] = True
    cuts = cut_region(roi_of(mask), settings("middle_slices", min_pixels=16))
    assert [cut.name for cut in cuts] == ["z002", "z003"]


@given(
    seed=st.integers(0, 2**31),
    size=st.integers(1, 14),
    stride=st.integers(1, 14),
)
def test_windows_cover_the_region_and_stay_in_the_image(seed: int, size: int, stride: int) -> None:
    roi = roi_of(random_mask(seed))
    stride = min(stride, size)
    cuts = cut_region(roi, settings("windows", size=size, stride=stride, min_share=1e-9))
    count = covered(cuts, roi.mask.shape)
    assert (count[roi.mask] > 0).all()
    for cut in cuts:
        for part, n in zip(cut.box, roi.mask.shape, strict=True):
            assert 0 <= part.start < part.stop <= n
            assert part.stop - part.start == min(size, n)
        part = cut.of(roi)
        assert part.pixels is roi.pixels
        inside = np.zeros_like(roi.mask)
        inside[cut.box] = True
        assert np.array_equal(part.mask, roi.mask & inside)
    assert len({cut.name for cut in cuts}) == len(cuts)


def test_windows_need_their_share_of_the_region() -> None:
    mask = np.zeros((4, 8, 8), dtype=bool)
    mask[:, :, :3] = True
    wanted = {share: settings("windows", size=4, min_share=share) for share in (0.2, 0.5)}
    names = {s: [c.name for c in cut_region(roi_of(mask), w)] for s, w in wanted.items()}
    assert names[0.2] == [f"z000y00{y}x00{x}" for y in "024" for x in "02"]
    assert names[0.5] == [f"z000y00{y}x000" for y in "024"]
    with pytest.raises(MaskError):
        cut_region(roi_of(mask), settings("windows", size=4, min_share=0.9))


def test_a_region_smaller_than_its_window_has_that_window() -> None:
    mask = np.zeros((4, 20, 20), dtype=bool)
    mask[1:3, 9:11, 9:11] = True
    cuts = cut_region(roi_of(mask), settings("windows", size=16, min_share=1))
    assert all(np.array_equal(cut.of(roi_of(mask)).mask, mask) for cut in cuts)
    assert len(cuts) >= 1


def test_windows_in_mm_follow_the_voxels() -> None:
    roi = roi_of(np.ones((10, 40, 20), dtype=bool), (4.0, 1.0, 2.0))
    cuts = cut_region(roi, settings("windows", size=20, unit="mm"))
    sizes = {tuple(part.stop - part.start for part in cut.box) for cut in cuts}
    assert sizes == {(5, 20, 10)}
    assert steps_mm(roi, settings("windows", size=20, unit="mm")) == (8.0, 10.0, 10.0)
    own = settings("windows", size=(10, 20, 40), unit="mm", stride=(10, 20, 40))
    assert {tuple(p.stop - p.start for p in c.box) for c in cut_region(roi, own)} == {(10, 20, 5)}


@hypothesis_settings(max_examples=40)
@given(seed=st.integers(0, 2**31), size=st.integers(2, 5), share=st.sampled_from([0.3, 0.75, 1.0]))
def test_patches_are_all_places_with_enough_region(seed: int, size: int, share: float) -> None:
    roi = roi_of(random_mask(seed, share=0.8))
    found = set()
    wanted = settings("patches", size=size, min_share=share)
    expected = {
        (k, i, j)
        for k, i, j in product(
            range(6), range(0, 11 - size + 1, size), range(0, 13 - size + 1, size)
        )
        if roi.mask[k, i : i + size, j : j + size].sum() >= share * size**2 - 1e-9
    }
    if not expected:
        with pytest.raises(MaskError):
            cut_region(roi, wanted)
        return
    cuts = cut_region(roi, wanted)
    for cut in cuts:
        found.add(tuple(part.start for part in cut.box))
        part = cut.of(roi)
        assert part.pixels.shape == (11, 13)
        assert part.n_voxels >= share * size**2 - 1e-9
    assert found == expected
    assert covered(cuts, roi.mask.shape).max() == 1
    assert [cut.name for cut in cuts] == sorted(cut.name for cut in cuts)


def test_patches_along_another_axis_and_of_two_sides() -> None:
    roi = roi_of(np.ones((6, 10, 8), dtype=bool))
    cuts = cut_region(roi, settings("patches", size=(5, 3), axis="y"))
    assert {cut.flat for cut in cuts} == {1}
    assert {tuple(p.stop - p.start for p in cut.box) for cut in cuts} == {(3, 1, 5)}
    assert {cut.of(roi).pixels.shape for cut in cuts} == {(6, 8)}


def test_most_keeps_as_many_and_the_same_places_in_a_slightly_other_region() -> None:
    mask = np.zeros((12, 60, 60), dtype=bool)
    mask[:, 4:50, 4:50] = True
    other = mask.copy()
    other[:, 44:, :] = False  # another channel covers a little less
    wanted = settings("patches", size=4, most=100)
    places = [{c.name for c in cut_region(roi_of(m), wanted)} for m in (mask, other)]
    full = {c.name for c in cut_region(roi_of(mask), settings("patches", size=4))}
    assert [len(p) for p in places] == [100, 100]
    assert places[0] < full
    assert len(places[0] & places[1]) >= 80
    slices = {name[:4] for name in places[0]}
    assert len(slices) == 12  # spread over the region
    again = {c.name for c in cut_region(roi_of(mask), wanted)}
    assert again == places[0]


def test_most_of_slices_is_spread_and_sorted() -> None:
    roi = roi_of(np.ones((30, 9, 9), dtype=bool))
    names = [c.name for c in cut_region(roi, settings("slices", most=10))]
    assert len(names) == 10
    assert names == sorted(names)


def test_a_picture_is_its_own_slice_and_has_windows_and_patches() -> None:
    roi = roi_of(np.ones((12, 12), dtype=bool), (1.0, 1.0))
    [cut] = cut_region(roi, settings("slices"))
    assert np.array_equal(cut.of(roi).mask, roi.mask)
    assert len(cut_region(roi, settings("windows", size=6))) == 9
    assert len(cut_region(roi, settings("patches", size=6))) == 4
    assert cut.position_mm(roi) is None


def test_places_in_space_follow_spacing_origin_and_direction() -> None:
    turned = (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0)
    roi = roi_of(
        np.ones((4, 6, 8), bool), (5.0, 2.0, 1.0), origin_mm=(10, 20, 30), direction=turned
    )
    cuts = cut_region(roi, settings("slices", min_pixels=1))
    assert cuts[3].position_mm(roi) == pytest.approx((10 - 3.5, 20 - 5.0, 30 + 15.0))


@pytest.mark.parametrize(
    ("kind", "values", "ndim"),
    [
        ("whole", {}, 3),
        ("windows", {"size": 3}, 3),
        ("slices", {}, 2),
        ("middle_slices", {}, 2),
        ("patches", {"size": 3}, 2),
    ],
)
def test_axes_of_an_instance(kind: str, values: dict[str, Any], ndim: int) -> None:
    roi = roi_of(np.ones((5, 9, 9), dtype=bool))
    cut = cut_region(roi, settings(kind, **values))[0]
    assert instance_ndim(settings(kind, **values), 3) == cut.of(roi).ndim == ndim


def test_sizes_that_do_not_fit_the_image_are_refused() -> None:
    roi = roi_of(np.ones((5, 9, 9), dtype=bool))
    with pytest.raises(MaskError, match="another number of axes"):
        cut_region(roi, settings("windows", size=(3, 3)))
    with pytest.raises(MaskError, match="another number of axes"):
        cut_region(roi, settings("patches", size=(3, 3, 3)))
    with pytest.raises(MaskError, match="no instance of kind 'patches'"):
        cut_region(roi, settings("patches", size=10))
