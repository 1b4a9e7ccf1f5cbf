"""Masks in the air around the patient."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.images import Image, make_roi
from radiofib.images.body import share_outside_body


def patient(seed=0, shape=(6, 90, 120), organ=15.0):
    """Return a trunk: bright skin and muscle, a dark liver, and noise in the air (Rayleigh)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[1], : shape[2]]
    trunk = ((y - 45) / 30) ** 2 + ((x - 60) / 45) ** 2 < 1
    liver = ((y - 42) / 15) ** 2 + ((x - 45) / 18) ** 2 < 1
    plane = np.where(liver, organ, np.where(trunk, 100.0, 0.0))
    noise = rng.normal(0, 4, (2, *shape))
    return np.hypot(plane + noise[0], noise[1]), np.broadcast_to(liver, shape).copy()


def notes_of(pixels, mask):
    place = ((2.0, 1.0, 1.0), (0.0,) * 3, tuple(np.eye(3).ravel()))
    return make_roi(Image(pixels, *place), Image(mask.astype(np.uint8), *place), channel="t1").notes


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), organ=st.floats(0, 300), law=st.sampled_from(["mr", "ct"]))
def test_the_right_mask_is_never_flagged(seed, organ, law):
    """Dark, equal and bright organs, in units of a scanner or Hounsfield."""
    pixels, liver = patient(seed, organ=organ)
    if law == "ct":
        pixels = np.round(pixels * 10 - 1000).astype(np.int16)
    assert share_outside_body(pixels, liver) < 0.02
    assert notes_of(pixels, liver) == ()


@pytest.mark.parametrize(("shift", "share"), [((35, -35), 0.9), ((-35, 60), 0.7)])
def test_a_mask_in_the_air_is_flagged(shift, share):
    pixels, liver = patient()
    moved = np.roll(liver, shift, axis=(1, 2))
    found = share_outside_body(pixels, moved)
    assert found > share
    assert any(
        "outside the body: check that it belongs" in note for note in notes_of(pixels, moved)
    )


def test_a_mask_half_in_the_air_is_measured():
    pixels, _ = patient()
    mask = np.zeros(pixels.shape, bool)
    mask[:, 40:50, :] = True
    trunk = 2 * 45 * np.sqrt(1 - (np.arange(40, 50) - 45) ** 2 / 900)
    assert share_outside_body(pixels, mask) == pytest.approx(1 - trunk.mean() / 120, abs=0.02)


def test_two_legs_and_a_table():
    """Objects apart from the largest belong to the body when they are not specks."""
    pixels = np.zeros((2, 64, 128))
    pixels[:, 10:50, 10:50] = 80
    pixels[:, 15:45, 80:110] = 80
    mask = np.zeros(pixels.shape, bool)
    mask[:, 20:30, 85:95] = True
    assert share_outside_body(pixels, mask) == 0


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan])
def test_nothing_is_said_without_contrast(value):
    pixels = np.full((2, 40, 40), value)
    mask = np.ones(pixels.shape, bool)
    assert share_outside_body(pixels, mask) is None


def test_cut_outs_and_pictures_are_left_alone():
    pixels, liver = patient()
    assert share_outside_body(pixels[:, :31, :31], liver[:, :31, :31] | True) is None
    assert share_outside_body(pixels[0], liver[0]) is None
    assert share_outside_body(pixels[:, :50, :60], np.zeros((6, 50, 60), bool)) is None


def test_small_regions_are_seen_although_slices_are_thinned_out():
    pixels = np.zeros((3, 400, 400), np.float32)
    pixels[:, 100:300, 100:300] = 50
    mask = np.zeros(pixels.shape, bool)
    mask[1, 21, 23] = True
    assert share_outside_body(pixels, mask) == 1.0
