from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage as ndi

from radiofib.slides.morphometry.extremes import running_maximum, running_minimum

shapes = st.tuples(st.integers(1, 30), st.integers(1, 30))


@given(hnp.arrays(np.float32, shapes, elements=st.floats(-9, 9, width=32)), st.integers(0, 9))
@settings(deadline=None, max_examples=80)
def test_extremes_are_those_of_scipy(picture: np.ndarray, half: int) -> None:
    side = 2 * half + 1
    for ours, theirs, beyond in (
        (running_minimum, ndi.minimum_filter, np.inf),
        (running_maximum, ndi.maximum_filter, -np.inf),
    ):
        expected = theirs(picture, side, mode="constant", cval=beyond)
        np.testing.assert_array_equal(ours(picture, side), expected)
        if half < min(picture.shape):
            np.testing.assert_array_equal(ours(picture, side), theirs(picture, side))


@pytest.mark.parametrize("side", [1, 3, 5])
def test_of_masks_they_are_erosion_and_dilation(side: int) -> None:
    mask = np.random.default_rng(0).random((40, 50)) < 0.6
    square = np.ones((side, side), dtype=bool)
    eroded, dilated = running_minimum(mask, side), running_maximum(mask, side)
    assert eroded.dtype == dilated.dtype == np.bool_
    np.testing.assert_array_equal(eroded, ndi.binary_erosion(mask, square, border_value=1))
    np.testing.assert_array_equal(dilated, ndi.binary_dilation(mask, square))
