"""Names of regions that may be shown, and the spacing of a segmentation with frames left out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.errors import MaskError
from radiofib.images.seg_geometry import slice_step, sparse_grid
from radiofib.images.segments import Segment, choose_segment, plain_name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Liver", "liver"),
        ("LIVER_SEGMENT-4a", ""),
        ("Segment IVb", "segment ivb"),
        ("portal vein and splenic vein", ""),
        ("Kidney (left)", "kidney left"),
        ("GTV 12", "gtv 12"),
        ("GTV 1952", ""),
        ("12", ""),
        ("iv", ""),
        ("liver Müller", ""),
        ("liver liver liver liver liver liver liver liver", ""),
        ("", ""),
        (None, ""),
        (7, ""),
    ],
)
def test_names_are_shown_when_every_word_is_a_term(name, shown):
    assert plain_name(name) == shown


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=30), st.sampled_from(["", "liver ", "GTV_"]))
def test_a_shown_name_has_nothing_but_terms(text, before):
    shown = plain_name(before + text)
    assert not shown or plain_name(shown) == shown
    assert all(c.isascii() and (c.isalnum() or c == " ") for c in shown)


def test_numbers_without_parts_are_never_chosen():
    segments = [Segment(1, "liver", 0, "frame"), Segment(4, "", 1, "frame")]
    assert choose_segment(segments, None, where="x")[0] == 4
    with pytest.raises(
        MaskError, match=r"segment 1 is empty \(found segments 1 \(liver, empty\), 4"
    ):
        choose_segment(segments, 1, where="x")
    with pytest.raises(MaskError, match=r"mask is empty.*no segment"):
        choose_segment([], None, where="x")


@pytest.mark.parametrize(
    ("along", "stated", "image_step", "step"),
    [
        ([0, 2, 4], [2.0], None, 2.0),
        ([0, 2, 4], [3.2], None, 2.0),  # the header is wrong
        ([0, 2, 4], [None, None], None, 2.0),
        ([0, 4, 8], [2.0], 2.0, 2.0),  # every other slice drawn
        ([0, 4, 8], [None], 2.0, 2.0),
        ([0, 4, 8], [3.2], 2.0, 2.0),
        ([0, 5, 10], [5.0], 1.0, 5.0),  # drawn on thicker slices than the image's
        ([0, 2, 8], [None], None, 2.0),
        ([0, 4, 10], [2.0], None, 2.0),
        ([0, 4, 10], [None], 2.0, 2.0),
        ([0], [2.5], 2.0, 2.5),
        ([0], [None], 2.0, 2.0),
        ([0], [None], None, None),
    ],
)
def test_step_between_slices(along, stated, image_step, step):
    found, notes = slice_step(np.array(along, float), stated, image_step)
    assert found == step
    assert bool(notes) == (stated == [3.2] and image_step is None)


def test_steps_that_fit_nothing():
    with pytest.raises(MaskError, match=r"multiples of 2 mm.*2 mm, 3.1 mm"):
        slice_step(np.array([0, 2, 5.1, 7.1]), [3.2])


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_frames_find_their_slices(data):
    """Any subset of slices, in any order, on any oblique grid, with rounding of the header."""
    seed = data.draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    step = data.draw(st.floats(0.5, 10))
    turn, upper = np.linalg.qr(rng.normal(size=(3, 3)))
    turn = turn * np.sign(np.diag(upper))
    row, column = turn[:, 0], turn[:, 1]
    normal = np.cross(row, column)
    present = rng.permutation(30)[: data.draw(st.integers(1, 30))]
    places = np.round(rng.uniform(-300, 300, 3) + present[:, None] * step * normal, 5)
    grid = sparse_grid(
        places, [*row, *column], stated=[None], pixel_mm=0.7, image_step=round(step, 4)
    )
    assert grid.slices == tuple(present - present.min())
    assert grid.n_slices == present.max() - present.min() + 1
    assert grid.spacing_mm == pytest.approx(step, abs=1e-4)
