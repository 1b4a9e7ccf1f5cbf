"""Polygons to pixels: area, holes, keyholes, and an independent point-in-polygon test."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as MplPath

from radiofib.images.contours import fill_contours, polygon_area

FEW = settings(max_examples=25, deadline=None)


def star(rng, corners, centre, largest):
    """Return a star-shaped polygon: corners at ascending angles below 180 degrees apart."""
    angles = (np.arange(corners) + 0.4 * rng.random(corners)) / corners * 2 * np.pi
    radii = largest * (0.2 + 0.8 * rng.random(corners))
    return centre + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)


@FEW
@given(seed=st.integers(0, 10_000), corners=st.integers(3, 12), size=st.integers(5, 60))
def test_pixels_are_those_whose_centres_lie_inside(seed, corners, size):
    """Against matplotlib; only centres within 1e-9 of an edge may differ."""
    rng = np.random.default_rng(seed)
    polygon = star(rng, corners, size * rng.random(2), 0.7 * size)
    found = fill_contours([polygon], (size, size + 3))
    y, x = np.mgrid[:size, : size + 3]
    centres = np.stack([x.ravel(), y.ravel()], axis=1)
    closed = MplPath(np.concatenate([polygon, polygon[:1]]), closed=True)
    np.testing.assert_array_equal(found.ravel(), closed.contains_points(centres))


@FEW
@given(seed=st.integers(0, 10_000), corners=st.integers(3, 12))
def test_count_approaches_the_area(seed, corners):
    """|pixels - area| is below the pixels an outline can touch: length x sqrt(2) + 4."""
    rng = np.random.default_rng(seed)
    polygon = star(rng, corners, np.array([60.0, 60.0]) + rng.random(2), 50)
    area = polygon_area(polygon)
    length = np.linalg.norm(polygon - np.roll(polygon, 1, axis=0), axis=1).sum()
    count = np.count_nonzero(fill_contours([polygon], (120, 120)))
    assert abs(count - area) <= np.sqrt(2) * length + 4
    # and over shifts below a pixel the error averages out
    shifts = rng.random((30, 2))
    counts = [np.count_nonzero(fill_contours([polygon + s], (122, 122))) for s in shifts]
    assert np.mean(counts) == pytest.approx(area, abs=4 * np.std(counts) / np.sqrt(30) + 1)


@pytest.mark.parametrize("shift", [0.1, 0.25, 0.5])
def test_circle(shift):
    turn = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    circle = 50 + shift + 40 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    count = np.count_nonzero(fill_contours([circle], (100, 100)))
    assert count == pytest.approx(np.pi * 40**2, rel=0.002)


def test_holes_islands_and_keyholes_are_the_same():
    outer = np.array([[0.5, 0.5], [8.5, 0.5], [8.5, 8.5], [0.5, 8.5]])
    inner = np.array([[2.5, 2.5], [6.5, 2.5], [6.5, 6.5], [2.5, 6.5]])
    island = np.array([[3.5, 3.5], [5.5, 3.5], [5.5, 5.5], [3.5, 5.5]])
    ring = fill_contours([outer, inner], (10, 10))
    assert ring.sum() == 64 - 16
    np.testing.assert_array_equal(fill_contours([inner[::-1], outer], (10, 10)), ring)
    # one line round the outside, in along a cut, round the hole, and back along the same cut
    keyhole = np.concatenate([outer, outer[:1], inner[::-1], inner[-1:]])
    np.testing.assert_array_equal(fill_contours([keyhole], (10, 10)), ring)
    assert fill_contours([outer, inner, island], (10, 10)).sum() == 64 - 16 + 4


@FEW
@given(seed=st.integers(0, 10_000), cut=st.floats(1, 38))
def test_neighbours_share_no_pixel_and_leave_none_out(seed, cut):
    """Two halves of a polygon cut along a row or column, also one through pixel centres."""
    rng = np.random.default_rng(seed)
    whole = np.array([[0.0, 0.0], [39.0, 0.0], [39.0, 39.0], [0.0, 39.0]]) + rng.integers(0, 2)
    for place in (cut, round(cut)):
        for axis in (0, 1):
            low, high = whole.copy(), whole.copy()
            low[:, axis] = np.minimum(low[:, axis], place)
            high[:, axis] = np.maximum(high[:, axis], place)
            one, two = fill_contours([low], (41, 41)), fill_contours([high], (41, 41))
            assert not (one & two).any()
            np.testing.assert_array_equal(one | two, fill_contours([whole], (41, 41)))


def test_vertices_far_outside_the_picture():
    big = np.array([[-1e6, -1e6], [1e6, -1e6], [1e6, 1e6], [-1e6, 1e6]])
    assert fill_contours([big], (3, 4)).all()
    assert not fill_contours([big + 2e6 + 9], (3, 4)).any()
    right = big + np.array([2.0 + 1e6, 0.0])
    assert fill_contours([right], (3, 4)).tolist() == [[False, False, True, True]] * 3


def test_nothing_to_fill():
    assert fill_contours([], (2, 3)).tolist() == [[False] * 3] * 2
    line = np.array([[0.0, 1.0], [5.0, 1.0], [2.0, 1.0]])
    assert not fill_contours([line], (4, 6)).any()
    assert polygon_area(line) == 0.0
