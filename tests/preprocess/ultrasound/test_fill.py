"""What was blanked inside an image is filled with echo from beside it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage as ndi

from radiofib.preprocess.ultrasound import fill_blanked


@settings(deadline=None, max_examples=60)
@given(
    hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=8, max_side=30)),
    st.integers(0, 1000),
)
def test_echo_stays_and_what_is_filled_is_echo(valid: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pixels = np.where(valid, rng.integers(1, 2**16, valid.shape), 0).astype(np.uint16)
    inside = rng.random(valid.shape) < 0.7
    filled = fill_blanked(pixels, valid, inside)
    assert filled.dtype == pixels.dtype
    np.testing.assert_array_equal(filled[valid], pixels[valid])
    np.testing.assert_array_equal(filled[~valid & ~inside], 0)
    new = filled[~valid & inside]
    assert {*new.tolist()} <= {*pixels[valid].tolist(), 0}
    if ndi.binary_erosion(valid, np.ones((3, 3)), iterations=2, border_value=1).any():
        assert (new > 0).all()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_hole_cannot_be_told_from_its_surroundings(seed: int) -> None:
    """Brightness, contrast and grain, on tissue that darkens with depth."""
    rng = np.random.default_rng(seed)
    speckle = ndi.gaussian_filter(rng.rayleigh(1.0, (200, 260)), (1.0, 1.6))
    picture = np.clip(speckle * np.linspace(130, 60, 200)[:, None], 1, 255).astype(np.uint8)
    valid = np.ones(picture.shape, bool)
    for x in range(60, 150, 14):  # a line of letters
        valid[90:104, x : x + 9] = False
    filled = fill_blanked(np.where(valid, picture, 0), valid, np.ones_like(valid)).astype(float)
    hole, beside = filled[~valid], filled[90:104][valid[90:104]]
    assert hole.mean() == pytest.approx(beside.mean(), rel=0.05)
    assert hole.std() == pytest.approx(beside.std(), rel=0.15)
    step = np.abs(np.diff(filled, axis=1))
    grain = step[90:104][~valid[90:104, 1:] & ~valid[90:104, :-1]].mean()
    assert grain == pytest.approx(step[90:104, 160:].mean(), rel=0.25)


def test_letters_soft_borders_are_not_spread() -> None:
    picture = np.full((60, 90), 50, np.uint8)
    valid = np.ones(picture.shape, bool)
    valid[20:30, 30:40] = False
    picture[18:32, 28:42] = 255  # two pixels of glow around what was blanked
    filled = fill_blanked(picture, valid, np.ones_like(valid))
    assert (filled[~valid] == 50).all()


def test_nothing_to_fill_with() -> None:
    picture = np.zeros((20, 20), np.uint8)
    nothing = np.zeros(picture.shape, bool)
    assert not fill_blanked(picture, nothing, ~nothing).any()
