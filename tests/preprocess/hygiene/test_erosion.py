"""Erosion by a distance in mm against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.errors import MaskError
from radiofib.preprocess.hygiene import eroded


def brute(mask, spacing, distance):
    """Keep a voxel when every voxel outside is further away than the distance."""
    out = mask.copy()
    outside = np.argwhere(~mask) * np.array(spacing)
    for place in np.argwhere(mask):
        if len(outside) and distance > 0:
            gaps = np.sqrt(((outside - place * np.array(spacing)) ** 2).sum(axis=1))
            out[tuple(place)] = gaps.min() > distance
    return out


@settings(max_examples=80)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([(7, 8), (4, 6, 7), (1, 6, 6), (3, 1, 9)]),
    st.sampled_from([(3.5, 0.594, 0.594), (1.0, 1.0, 1.0), (7.2, 1.19, 0.8)]),
    st.floats(0, 12),
    st.floats(0.5, 1),
)
def test_as_brute_force(seed, shape, spacing, distance, fill):
    spacing = spacing[-len(shape) :]
    mask = np.random.default_rng(seed).random(shape) < fill
    if not mask.any():
        return
    found = eroded(mask, spacing, distance)
    # a distance exactly at the limit is decided by rounding: leave such draws out
    for near in (distance * (1 - 1e-9), distance * (1 + 1e-9)):
        if (brute(mask, spacing, near) != brute(mask, spacing, distance)).any():
            return
    assert (found == brute(mask, spacing, distance)).all()


def test_slices_that_are_thick_are_not_taken_by_a_short_distance():
    mask = np.zeros((5, 20, 20), dtype=bool)
    mask[1:4, 3:17, 3:17] = True
    found = eroded(mask, (7.0, 1.0, 1.0), 3.0)
    wanted = np.zeros_like(mask)
    wanted[1:4, 6:14, 6:14] = True
    assert (found == wanted).all()
    deeper = eroded(mask, (7.0, 1.0, 1.0), 7.0)  # now the outer slices go as well
    assert deeper[[1, 3]].sum() == 0
    assert deeper[2].sum() == 0  # 14 wide: 7 from both sides
    assert eroded(mask, (7.0, 1.0, 1.0), 6.5)[1:4, 9:11, 9:11].all()


def test_the_border_of_the_image_is_no_capsule():
    mask = np.zeros((6, 10, 10), dtype=bool)
    mask[:4, :, 2:] = True
    found = eroded(mask, (1.0, 1.0, 1.0), 1.0)
    wanted = np.zeros_like(mask)
    wanted[:3, :, 3:] = True
    assert (found == wanted).all()
    whole = np.ones((3, 4, 5), dtype=bool)
    assert eroded(whole, (1.0, 1.0, 1.0), 5.0).all()


def test_nothing_is_shared_with_the_input_and_empty_is_refused():
    mask = np.ones((3, 3), dtype=bool)
    found = eroded(mask, (1.0, 1.0), 0.0)
    found[0, 0] = False
    assert mask.all()
    with pytest.raises(MaskError, match="empty"):
        eroded(mask & False, (1.0, 1.0), 1.0)
