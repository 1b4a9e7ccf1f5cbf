from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage as ndi

from radiofib.errors import UsageError
from radiofib.slides.polygons import Polygon, trace_polygons

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=9))


def drawn(polygons: list[Polygon], shape: tuple[int, int]) -> np.ndarray:
    """Fill polygons by the even-odd rule along each pixel row."""
    count = np.zeros((shape[0], shape[1] + 1), dtype=int)
    for ring in (r for p in polygons for r in p.rings):
        for (x0, y0), (x1, y1) in itertools.pairwise(ring):
            if x0 == x1:
                count[min(y0, y1) : max(y0, y1), x0] += 1
    return (np.cumsum(count, axis=1) % 2 == 1)[:, :-1]


def points(ring: np.ndarray) -> list[tuple[int, int]]:
    return [tuple(p) for p in ring[:-1].tolist()]


@given(masks)
def test_polygons_are_the_mask_again(mask: np.ndarray) -> None:
    polygons = trace_polygons(mask)
    assert sum(p.area for p in polygons) == mask.sum()
    np.testing.assert_array_equal(drawn(polygons, mask.shape), mask)


@given(masks)
def test_one_polygon_for_each_component_with_all_its_holes(mask: np.ndarray) -> None:
    labels, count = ndi.label(mask)
    polygons = trace_polygons(mask)
    assert len(polygons) == count
    for number, polygon in enumerate(polygons, start=1):
        x, y = polygon.exterior[0]
        assert labels[y, x] == number
        piece = np.pad(labels == number, 1)
        assert polygon.area == piece.sum()
        # Background pieces joined by edges: one is outside, each other one is a hole.
        assert len(polygon.holes) == ndi.label(~piece)[1] - 1


@given(masks)
def test_rings_are_simple_and_touch_in_single_points_only(mask: np.ndarray) -> None:
    for polygon in trace_polygons(mask):
        for ring in polygon.rings:
            corners = points(ring)
            assert len(set(corners)) == len(corners) >= 4
            np.testing.assert_array_equal(ring[0], ring[-1])
            steps = np.diff(ring, axis=0)
            assert (np.count_nonzero(steps, axis=1) == 1).all()
            # Turns at every corner: no spare points on straight runs.
            turns = steps[:, 0] != 0
            assert (turns != np.roll(turns, 1)).all()
        rings = [set(points(r)) for r in polygon.rings]
        for i, one in enumerate(rings):
            assert all(len(one & other) <= 1 for other in rings[i + 1 :])
        assert all(p.area < 0 for p in map(Polygon, polygon.holes))


def test_diagonal_neighbours_are_two_polygons_and_a_pinched_ring_is_shell_and_hole() -> None:
    apart = trace_polygons(np.array([[1, 0], [0, 1]], dtype=bool))
    assert [p.area for p in apart] == [1, 1]
    pinched = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0]], dtype=bool)
    [polygon] = trace_polygons(pinched)
    assert polygon.area == 7
    assert [points(h) for h in polygon.holes] == [[(2, 1), (1, 1), (1, 2), (2, 2)]]


def test_nothing_gives_nothing_and_other_arrays_are_refused() -> None:
    assert trace_polygons(np.zeros((3, 4), dtype=bool)) == []
    assert trace_polygons(np.zeros((0, 4), dtype=bool)) == []
    with pytest.raises(UsageError, match="two-dimensional boolean"):
        trace_polygons(np.zeros((3, 4)))


@pytest.mark.parametrize("strip", [1, 64, 1 << 23])
def test_a_large_mask_does_not_depend_on_how_it_is_cut(
    strip: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    mask = ndi.gaussian_filter(rng.random((150, 130)), 1.5) > 0.5
    expected = trace_polygons(mask)
    monkeypatch.setattr("radiofib.slides.polygons._STRIP_PIXELS", strip)
    for one, other in zip(trace_polygons(mask), expected, strict=True):
        for a, b in zip(one.rings, other.rings, strict=True):
            np.testing.assert_array_equal(a, b)


@given(masks, st.integers(1, 40), st.integers(1, 40))
def test_scaling_multiplies_the_area(mask: np.ndarray, x: int, y: int) -> None:
    polygons = trace_polygons(mask)
    assert sum(p.scaled(x, y).area for p in polygons) == mask.sum() * x * y


@settings(deadline=None)
@given(masks, st.floats(0.02, 40), st.floats(0.02, 40))
def test_any_scale_keeps_the_shape_and_lies_on_the_grid_of_a_hundredth(
    mask: np.ndarray, x: float, y: float
) -> None:
    polygons = trace_polygons(mask)
    for polygon, scaled in zip(polygons, (p.scaled(x, y) for p in polygons), strict=True):
        for ring, moved in zip(polygon.rings, scaled.rings, strict=True):
            np.testing.assert_array_equal(moved, np.round(moved, 2))
            assert (np.abs(moved - ring * (x, y)) <= 0.005 + 1e-9).all()
            # Edges keep their direction and never vanish: nothing new touches.
            np.testing.assert_array_equal(
                np.sign(np.diff(moved, axis=0)), np.sign(np.diff(ring, axis=0))
            )
        assert all(p.area < 0 for p in map(Polygon, scaled.holes))


#: um per pixel of level 0 and um per pixel of the labels.
SCALES = [(0.2526, 1.0), (0.3, 1.0), (0.499, 1.0), (0.121, 2.0)]


@pytest.mark.parametrize(("mpp", "um"), SCALES)
def test_area_at_any_pixel_size_is_that_of_the_pixels_within_1e_5(mpp: float, um: float) -> None:
    step = um / mpp
    noise = ndi.gaussian_filter(np.random.default_rng(3).random((900, 900)), 1.0)
    mask = noise > np.quantile(noise, 0.5)
    area = sum(p.scaled(step, step).area for p in trace_polygons(mask))
    assert area / (mask.sum() * step**2) == pytest.approx(1, abs=1e-5)


def test_area_is_exact_far_from_the_corner_and_in_hundredths() -> None:
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]])
    far = Polygon(square + 2_000_000)
    assert far.area == 1
    assert far.scaled(3.33, 3.33).area == 3.33**2 == 11.0889
    assert Polygon(square[::-1]).area == -1


def test_scales_at_which_edges_would_fall_together_are_refused() -> None:
    with pytest.raises(UsageError, match="scaled so far down"):
        trace_polygons(np.ones((1, 1), dtype=bool))[0].scaled(4, 0.01)
