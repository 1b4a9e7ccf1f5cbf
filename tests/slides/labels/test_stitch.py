"""Tiles become one picture of labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.slides.labels.stitch import (
    blend_window,
    blended_labels,
    most_likely,
    stitched_labels,
    upsample,
)
from radiofib.slides.labels.tiles import Tiling, group_tiles


@pytest.mark.parametrize(("length", "side"), [(16, 64), (64, 256), (7, 10), (5, 5), (1, 4)])
def test_logits_are_enlarged_as_torch_does(length: int, side: int) -> None:
    torch = pytest.importorskip("torch")
    logits = np.random.default_rng(side).normal(size=(3, length, length)).astype(np.float32)
    wanted = torch.nn.functional.interpolate(
        torch.from_numpy(logits)[None], size=(side, side), mode="bilinear", align_corners=False
    )[0].numpy()
    found = upsample(logits, side)
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)
    assert found.dtype == np.float32


def test_enlarged_logits_by_hand() -> None:
    # Cells of 4 lie at -0.25, 0.25, 0.75, 1.25 of 2; what is beyond the border is the border.
    found = upsample(np.array([[[0, 8], [4, 12]]], np.float32), 4)
    assert found[0].tolist() == [
        [0.0, 2.0, 6.0, 8.0],
        [1.0, 3.0, 7.0, 9.0],
        [3.0, 5.0, 9.0, 11.0],
        [4.0, 6.0, 10.0, 12.0],
    ]


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_the_first_of_the_largest_wins(seed: int, classes: int) -> None:
    logits = np.random.default_rng(seed).integers(-2, 3, (classes, 5, 7)).astype(np.float32)
    np.testing.assert_array_equal(most_likely(logits), logits.argmax(axis=0))


def _cut(whole: np.ndarray, tiling: Tiling, row: int, column: int) -> np.ndarray:
    """Return a tile of a picture (classes, y, x) that is longer than the grid."""
    y, x = row * tiling.stride, column * tiling.stride
    return whole[:, y : y + tiling.tile, x : x + tiling.tile]


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(2, 9), st.integers(0, 4))
def test_tiles_of_one_picture_give_that_picture(seed: int, tile: int, shared: int) -> None:
    rng = np.random.default_rng(seed)
    stride = max(tile - shared, -(-tile // 2))
    tiling = Tiling(int(rng.integers(1, 60)), int(rng.integers(1, 60)), tile, stride)
    chosen = rng.random((tiling.rows, tiling.columns)) < 0.5
    whole = rng.integers(-9, 9, (3, 80, 80)).astype(np.float32)
    labels = np.zeros((tiling.height, tiling.width), np.uint8)
    wanted = np.zeros_like(labels)
    for row, column in np.argwhere(chosen):
        box = (
            slice(row * stride, row * stride + tile),
            slice(column * stride, column * stride + tile),
        )
        wanted[box] = whole.argmax(axis=0)[: tiling.height, : tiling.width][box]
    for group in group_tiles(chosen, tiling):
        left, top, right, bottom = group.box
        parts = [_cut(whole, tiling, *at) for at in group.tiles]
        if stride == tile:
            found = stitched_labels(group, tiling, [most_likely(p) for p in parts])
        else:
            found = blended_labels(group, tiling, parts)
        labels[top:bottom, left:right] = found
    np.testing.assert_array_equal(labels, wanted)


def test_where_tiles_disagree_the_nearer_middle_wins() -> None:
    tiling = Tiling(12, 8, 8, 4)
    [group] = group_tiles(np.ones((1, 2), dtype=bool), tiling)
    one, two = (np.zeros((3, 8, 8), np.float32) for _ in range(2))
    one[1], two[2] = 1, 1
    labels = blended_labels(group, tiling, [one, two])
    assert labels[0].tolist() == [1] * 6 + [2] * 6


def test_windows_of_neighbours_add_up() -> None:
    window = blend_window(8)
    along = window[4]
    np.testing.assert_allclose((along[:4] + along[4:]) / (along[0] + along[4]), 1, rtol=1e-6)
    assert window.min() > 0
