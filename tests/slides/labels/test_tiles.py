"""Tiles: none that touches tissue is left out, none is asked for nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.slides.labels.tiles import Tiling, group_tiles, tiles_on_tissue
from radiofib.slides.reader import Grid


@st.composite
def tilings(draw: st.DrawFn) -> Tiling:
    tile = draw(st.integers(1, 40))
    width, height = draw(st.integers(1, 300)), draw(st.integers(1, 200))
    return Tiling(width, height, tile, draw(st.integers(-(-tile // 2), tile)))


@given(tilings())
def test_tiles_cover_the_grid_and_no_more(tiling: Tiling) -> None:
    for count, length in ((tiling.rows, tiling.height), (tiling.columns, tiling.width)):
        last = (count - 1) * tiling.stride
        assert last + tiling.tile >= length
        assert count == 1 or last - tiling.stride + tiling.tile < length


@settings(max_examples=50)
@given(tilings(), st.integers(0, 2**32 - 1), st.sampled_from([0.25, 0.5, 1.0, 0.4]))
def test_every_tile_at_tissue_is_asked_and_no_other(tiling: Tiling, seed: int, um: float) -> None:
    rng = np.random.default_rng(seed)
    step = 8.0
    fine = Grid(tiling.width, tiling.height, um, um, um, um)
    rows, columns = (max(1, int(n * um / step)) for n in (tiling.height, tiling.width))
    coarse = Grid(columns, rows, step, step, step, step)
    mask = rng.random((rows, columns)) < 0.1
    margin = float(rng.choice([0.0, 8.0, 20.0]))
    found = tiles_on_tissue(mask, coarse, fine, tiling, margin_um=margin)
    assert found.shape == (tiling.rows, tiling.columns)
    y, x = np.nonzero(mask)
    for row in range(tiling.rows):
        for column in range(tiling.columns):
            top, left = row * tiling.stride * um - margin, column * tiling.stride * um - margin
            side = tiling.tile * um + 2 * margin
            meets = (
                (y * step < top + side - 1e-6)
                & ((y + 1) * step > top + 1e-6)
                & (x * step < left + side - 1e-6)
                & ((x + 1) * step > left + 1e-6)
            )
            # A tile beyond the last whole cell of the mask answers for that cell too.
            beyond = top >= rows * step - 1e-6 or left >= columns * step - 1e-6
            assert found[row, column] == meets.any() or beyond


@settings(max_examples=25)
@given(tilings(), st.integers(0, 2**32 - 1))
def test_groups_take_each_cell_once_and_all_tiles_that_reach_it(tiling: Tiling, seed: int) -> None:
    chosen = np.random.default_rng(seed).random((tiling.rows, tiling.columns)) < 0.2
    seen = np.zeros((tiling.height, tiling.width), dtype=int)
    asked = set()
    for group in group_tiles(chosen, tiling):
        left, top, right, bottom = group.box
        seen[top:bottom, left:right] += 1
        asked |= {*group.tiles}
        reach = group.reach(tiling)
        for row, column in np.argwhere(chosen):
            y, x = row * tiling.stride, column * tiling.stride
            inside = y < bottom and y + tiling.tile > top and x < right and x + tiling.tile > left
            assert ((row, column) in group.tiles) == inside
            if inside:
                assert reach[0] <= x
                assert reach[1] <= y
                assert reach[2] >= min(x + tiling.tile, tiling.width)
                assert reach[3] >= min(y + tiling.tile, tiling.height)
    assert seen.max(initial=0) <= 1
    assert asked == {(int(r), int(c)) for r, c in np.argwhere(chosen)}


def test_groups_without_overlap_ask_no_tile_twice() -> None:
    tiling = Tiling(10_000, 7_500, 256, 256)
    groups = group_tiles(np.ones((tiling.rows, tiling.columns), dtype=bool), tiling)
    assert sum(len(g.tiles) for g in groups) == tiling.rows * tiling.columns
    # Read whole, in pieces that begin where tiles of slide files begin.
    assert all(value % 2048 == 0 for g in groups for value in g.box[:2])


def test_a_stride_beyond_the_tile_would_lose_tissue() -> None:
    with pytest.raises(ValueError, match="stride"):
        Tiling(10, 10, 4, 5)
