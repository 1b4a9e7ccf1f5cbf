"""The sliding window: every voxel covered, seams without a trace."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.errors import ModelError
from radiofib.segment.windows import blend_weights, slide, window_starts


@given(st.integers(1, 80), st.integers(1, 40), st.floats(0, 0.95))
@settings(max_examples=60)
def test_windows_cover_an_axis_and_overlap_enough(n: int, window: int, overlap: float) -> None:
    length = max(n, window)
    starts = window_starts(length, window, overlap)
    assert starts[0] == 0
    assert starts[-1] == length - window
    steps = np.diff(starts)
    assert (steps > 0).all()
    # Rounding to whole voxels may take one voxel off the overlap.
    assert (steps <= max(1, window * (1 - overlap)) + 1).all()


@given(st.tuples(*[st.integers(1, 11)] * 3), st.tuples(*[st.integers(1, 8)] * 3))
@settings(max_examples=30)
def test_local_model_gives_the_same_as_on_the_whole(shape, window) -> None:
    volume = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    found = slide(volume, window, lambda part: np.stack([part**2, -part]), overlap=0.5)
    assert found.shape == (2, *shape)
    np.testing.assert_allclose(found, np.stack([volume**2, -volume]), rtol=1e-5, atol=1e-6)


def test_middle_of_a_window_outweighs_its_border() -> None:
    weights = blend_weights((16, 16, 16))
    assert weights.max() == 1
    assert 0 < weights.min() < 1e-9
    # The advantage of the middle along one axis is the same at the border of the others.
    assert weights[8, 8, 8] / weights[8, 8, 0] > 100
    assert weights[0, 0, 8] / weights[0, 0, 0] == pytest.approx(weights[8, 8, 8] / weights[8, 8, 0])

    # A model that is wrong along the border of its window: blending all but hides it.
    def wrong(part: np.ndarray) -> np.ndarray:
        made = part.copy()
        made[:, :, [0, -1]] += 1
        return made[None]

    flat = np.zeros((16, 16, 64), dtype=np.float32)
    found = slide(flat, (16, 16, 16), wrong, overlap=0.5)[0]
    assert found[:, :, 1:-1].max() < 0.02
    assert found[0, 0, 0] == pytest.approx(1)  # seen by one window alone


def test_padding_is_outside_and_cut_back() -> None:
    seen = []

    def keep(part: np.ndarray) -> np.ndarray:
        seen.append(part.copy())
        return part[None]

    volume = np.ones((2, 3, 5), dtype=np.float32)
    found = slide(volume, (4, 4, 4), keep, pad_value=-7)
    np.testing.assert_allclose(found[0], volume)
    assert {part.shape for part in seen} == {(4, 4, 4)}
    assert seen[0][0, 0, 0] == -7


def test_output_of_another_size_is_refused() -> None:
    with pytest.raises(ModelError, match="another size than its input"):
        slide(np.zeros((8, 8, 8), np.float32), (4, 4, 4), lambda part: part[None, ::2, ::2, ::2])
