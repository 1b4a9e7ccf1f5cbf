"""Outlines as cells: what was traced comes back to the cell; damage is mended or refused."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from matplotlib.path import Path as Outline

from radiofib.errors import SlideError
from radiofib.slides.polygons import trace_polygons
from radiofib.slides.qupath import rasterise
from radiofib.slides.qupath.geojson import Annotation, to_geojson
from radiofib.slides.qupath.rasterise import cover, paint
from radiofib.slides.qupath.read import Drawn, parse_geojson
from radiofib.slides.reader import Grid

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=9))


def grid_of(shape: tuple[int, int], step_x: float = 1.0, step_y: float = 1.0) -> Grid:
    return Grid(shape[1], shape[0], step_x, step_y, step_x, step_y)


def drawn(*parts: list[list[tuple[float, float]]]) -> Drawn:
    rings = tuple(tuple(np.array([*r, r[0]], dtype=float) for r in part) for part in parts)
    return Drawn(3, "annotation", "Tissue", None, "", rings, "s.geojson, feature 3")


@settings(max_examples=60, deadline=None)
@given(masks, st.floats(0.05, 40), st.floats(0.05, 40))
def test_what_radiofib_wrote_comes_back_to_the_cell(mask: np.ndarray, x: float, y: float) -> None:
    grid = grid_of(mask.shape, x, y)
    notes = [Annotation(p.scaled(x, y), "", "Tissue", (0, 0, 0)) for p in trace_polygons(mask)]
    back = parse_geojson(to_geojson(notes, key="k").encode(), "s.geojson")
    covers = [cover(one, grid) for one in back]
    np.testing.assert_array_equal(paint(covers, grid), mask)
    assert not any(c.mended for c in covers)
    assert sum(c.cells for c in covers) == mask.sum()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 30))
def test_a_cell_is_inside_when_its_centre_is(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0, 2 * np.pi, n))
    polygon = 60 + (rng.uniform(6, 54, n) * np.array([np.cos(angle), np.sin(angle)])).T
    grid = Grid(40, 36, 3.0, 10 / 3, 1.0, 1.0)
    found = paint([cover(drawn([list(map(tuple, polygon))]), grid)], grid)
    x, y = (np.arange(40) + 0.5) * 3, (np.arange(36) + 0.5) * 10 / 3
    centres = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    expected = Outline(np.vstack([polygon, polygon[:1]]), closed=True).contains_points(centres)
    np.testing.assert_array_equal(found.ravel(), expected)


@settings(max_examples=30, deadline=None)
@given(masks, st.integers(1, 9))
def test_objects_side_by_side_share_no_cell_and_leave_no_gap(mask: np.ndarray, side: int) -> None:
    # Cells of a coarser grid whose centres lie on the outlines: each goes to one side.
    both = [trace_polygons(mask), trace_polygons(~mask)]
    grid = Grid(-(-mask.shape[1] // side), -(-mask.shape[0] // side), 2 * side, 2 * side, 1.0, 1.0)
    halves = []
    for polygons in both:
        notes = [Annotation(p.scaled(2, 2), "", "T", (0, 0, 0)) for p in polygons]
        back = parse_geojson(to_geojson(notes, key="k").encode(), "s.geojson")
        halves.append(sum(paint([cover(one, grid)], grid).astype(int) for one in back))
    rows = (np.arange(grid.height) + 0.5) * side < mask.shape[0]
    columns = (np.arange(grid.width) + 0.5) * side < mask.shape[1]
    assert ((halves[0] + halves[1])[np.ix_(rows, columns)] == 1).all()


SQUARE = [(2.0, 2.0), (18.0, 2.0), (18.0, 18.0), (2.0, 18.0)]
HOLE = [(5.0, 5.0), (15.0, 5.0), (15.0, 15.0), (5.0, 15.0)]
ISLAND = [(8.0, 8.0), (12.0, 8.0), (12.0, 12.0), (8.0, 12.0)]


@pytest.mark.parametrize("turn", [1, -1])
def test_holes_and_islands_in_holes_whatever_way_round(turn: int) -> None:
    grid = grid_of((20, 20))
    found = cover(drawn([SQUARE[::turn], HOLE], [ISLAND[::turn]]), grid)
    assert found.cells == 16 * 16 - 10 * 10 + 4 * 4
    assert not found.mended


def test_a_crossing_ring_is_mended_both_lobes_are_inside_and_nothing_twice() -> None:
    eight = [(0.0, 0.0), (8.0, 8.0), (8.0, 0.0), (0.0, 8.0)]
    found = cover(drawn([eight]), grid_of((8, 8)))
    assert found.mended
    assert found.mask[4, 0] or found.mask[4, 7]
    assert found.mask[:, 0].sum() > 5
    assert found.mask[:, 7].sum() > 5
    loop = [(0.0, 0.0), (8.0, 0.0), (8.0, 8.0), (0.0, 8.0)]
    twice = [*loop, *[(x / 2, y / 2) for x, y in loop]]
    found = cover(drawn([twice]), grid_of((8, 8)))
    assert (found.mended, found.cells) == (True, 64)


def test_rings_that_touch_are_taken_as_they_are() -> None:
    touching = [(2.0, 2.0), (10.0, 2.0), (10.0, 10.0), (2.0, 10.0)]
    found = cover(drawn([SQUARE, touching]), grid_of((20, 20)))
    assert (found.mended, found.cells) == (False, 16 * 16 - 8 * 8)


def test_what_reaches_beyond_the_slide_is_cut_off_and_what_is_beyond_refused() -> None:
    grid = grid_of((10, 10), 2.0, 2.0)
    assert cover(drawn([SQUARE]), grid).cells == 64
    assert cover(drawn([[(x - 10, y + 8) for x, y in SQUARE]]), grid).cells == 4 * 5
    with pytest.raises(SlideError, match=r"s\.geojson, feature 3: .*outside.*20 x 20.*x 102, y 2"):
        cover(drawn([[(x + 100, y) for x, y in SQUARE]]), grid)
    with pytest.raises(SlideError, match="outside the slide"):
        cover(drawn([[(x, y - 100) for x, y in SQUARE]]), grid)


def test_too_small_for_any_centre_and_without_area_are_no_cells() -> None:
    grid = grid_of((5, 5), 4.0, 4.0)
    assert cover(drawn([[(1.0, 1.0), (1.5, 1.0), (1.5, 1.5)]]), grid).cells == 0
    assert cover(drawn(), grid).cells == 0
    # In the last, incomplete cells of the slide.
    assert cover(drawn([[(20.5, 1.0), (21.5, 1.0), (21.5, 9.0)]]), grid).cells == 0


def test_strips_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    points = [tuple(p) for p in rng.uniform(0, 40, (60, 2))]
    grid = grid_of((40, 40))
    whole = cover(drawn([points]), grid)
    monkeypatch.setattr(rasterise, "_STRIP_CELLS", 50)
    np.testing.assert_array_equal(cover(drawn([points]), grid).mask, whole.mask)


def test_many_small_holes_each_take_their_own_box_only() -> None:
    mask = np.ones((1200, 1200), dtype=bool)
    mask[2:-2:24, 2:-2:24] = False
    [polygon] = trace_polygons(mask)
    text = to_geojson([Annotation(polygon, "", "Tissue", (0, 0, 0))], key="k")
    [one] = parse_geojson(text.encode(), "s")
    grid = grid_of(mask.shape)
    begin = time.perf_counter()
    np.testing.assert_array_equal(paint([cover(one, grid)], grid), mask)
    # On the whole grid each would take a hundredth of a second, 25 s together.
    assert len(polygon.holes) == 50 * 50
    assert time.perf_counter() - begin < 5
