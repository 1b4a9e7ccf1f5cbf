from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage as ndi

from radiofib.slides.morphometry.depth import depth_inside

masks = hnp.arrays(bool, st.tuples(st.integers(1, 30), st.integers(1, 30)))


def expected(mask: np.ndarray) -> np.ndarray:
    return ndi.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]


@given(masks)
@settings(deadline=None, max_examples=80)
def test_depths_are_those_of_scipy_to_the_last_bit(mask: np.ndarray) -> None:
    np.testing.assert_array_equal(depth_inside(mask), expected(mask))


def test_depths_of_large_and_touching_shapes() -> None:
    y, x = np.mgrid[:200, :300]
    mask = (np.hypot(y - 90, x - 80) <= 70) | (np.hypot(y - 120, x - 190) <= 60) | (x > 250)
    mask &= (x * 7 + y * 13) % 101 > 0
    np.testing.assert_array_equal(depth_inside(mask), expected(mask))
    np.testing.assert_array_equal(depth_inside(x >= 0), expected(x >= 0))
