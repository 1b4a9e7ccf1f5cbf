"""The picture of what was left out: colours where they belong, the same bytes each time."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest

from radiofib.images.exclusion_overlay import (
    COLOURS,
    exclusion_overlay_png,
    render_exclusions,
)
from radiofib.images.overlay import fitted_size
from radiofib.roi import Roi


def case(shape=(6, 30, 40), direction=None):
    mask = np.zeros(shape, bool)
    mask[..., 5:25, 5:35] = True
    vessels = np.zeros(shape, bool)
    vessels[..., 10:15, 10:20] = True
    lesion = np.zeros(shape, bool)
    lesion[..., 18:22, 25:30] = True
    origin = None if direction is None else (0.0, 0.0, 0.0)
    spacing = (3.0, 1.0, 1.0)[-len(shape) :]
    pixels = np.full(shape, 100.0)
    pixels[..., ::2] = 110
    roi = Roi(pixels, mask, spacing, "ged4", origin_mm=origin, direction=direction)
    return roi, {"lesion": lesion, "vessels": vessels}


def bluish(picture):
    """Return where blue is well above red: the colour of vessels."""
    part = picture.astype(int)
    return part[..., 2] - part[..., 0] > 60


def test_same_bytes_and_no_metadata(tmp_path):
    roi, excluded = case()
    one = exclusion_overlay_png(roi, excluded, tmp_path / "a.png").read_bytes()
    assert one == exclusion_overlay_png(roi, excluded, tmp_path / "b.png").read_bytes()
    with PIL.Image.open(tmp_path / "a.png") as picture:
        assert picture.info == {}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]


@pytest.mark.parametrize("shape", [(6, 30, 40), (30, 40), (1, 30, 40)])
def test_colour_is_where_voxels_were_left_out_and_only_in_the_lower_row(shape):
    roi, excluded = case(shape)
    shown = render_exclusions(roi, excluded, side=200)
    none = render_exclusions(roi, {k: v & False for k, v in excluded.items()}, side=200)
    # the region with its margin is 26 x 36 pixels of the image; below lies the legend
    height = fitted_size((26, 36), (1.0, 1.0), 200)[0]
    rows = slice(0, 10 + 2 * height)
    differ = (shown[rows, :] != none[rows, :]).any(axis=-1)
    slices = 3 if shape[0] == 6 else 1
    upper, lower = differ[10 : 10 + height], differ[10 + height : 10 + 2 * height]
    assert not upper.any()
    per_pixel = height * 200 / (26 * 36)
    wanted = slices * (5 * 10 + 4 * 5) * per_pixel
    assert lower.sum() == pytest.approx(wanted, rel=0.15)
    assert bluish(shown[10 + height : 10 + 2 * height]).sum() == pytest.approx(
        slices * 50 * per_pixel, rel=0.15
    )


def test_left_and_right_are_turned_as_in_the_other_pictures():
    roi, excluded = case()
    plain = render_exclusions(roi, excluded)
    turned, excluded = case(direction=(-1.0, 0, 0, 0, 1, 0, 0, 0, 1))
    other = render_exclusions(turned, excluded)
    assert plain.shape == other.shape
    assert (np.flatnonzero(bluish(plain).any(axis=0)).min()) < (
        np.flatnonzero(bluish(other).any(axis=0)).min()
    )


def test_any_name_has_a_colour_of_its_own():
    roi, excluded = case()
    parts = {**excluded, "capsule": roi.mask & False, "bile_ducts": roi.mask & False}
    named = {**parts, "other": roi.mask & False, "more": roi.mask & False}
    shown = render_exclusions(roi, named)
    found = set(map(tuple, shown[-60:].reshape(-1, 3).tolist()))
    assert set(COLOURS.values()) | {(204, 121, 167), (86, 180, 233)} <= found
