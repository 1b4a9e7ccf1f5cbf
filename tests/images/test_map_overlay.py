"""Pictures of feature maps: colours where there are values, a bar with their numbers."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest

from radiofib.images.map_overlay import _colours, map_overlay_png, render_map
from radiofib.roi import Roi

AMBER = (255, 176, 0)


def example(shape=(3, 24, 30)):
    mask = np.zeros(shape, bool)
    mask[1, 5:15, 5:20] = True
    pixels = np.random.default_rng(0).normal(100, 10, shape)
    values = np.where(mask, np.broadcast_to(np.arange(shape[2], dtype=float), shape), np.nan)
    return Roi(pixels, mask, (3.0, 1.0, 1.0), "t1"), values


def count(picture, colour):
    return int((picture == colour).all(axis=-1).sum())


def test_least_and_greatest_value_have_the_ends_of_the_scale():
    roi, values = example()
    shown = render_map(roi, values, title="mean", unit="grey")
    low, high = _colours()[0], _colours()[-1]
    assert count(shown, low) > 500
    assert count(shown, high) > 500
    assert count(shown, AMBER) > 100
    columns = [np.flatnonzero((shown[60:200, :300] == c).all(axis=-1).any(axis=0)).mean()
               for c in (low, high)]  # fmt: skip
    assert columns[0] < columns[1]


def test_voxels_without_a_value_have_no_colour_and_are_counted():
    roi, values = example()
    values[1, 5:15, 5:12] = np.nan
    some = render_map(roi, values, title="mean")
    values[roi.mask] = np.nan
    none = render_map(roi, values, title="mean")
    full = render_map(*example(), title="mean")
    middle = _colours()[128]
    assert some.shape[0] > full.shape[0]  # one more line says so
    inside = none[:, :300]
    spread = inside.max(axis=-1).astype(int) - inside.min(axis=-1)
    grey = spread == 0
    assert np.all(grey | (inside == AMBER).all(axis=-1))
    assert count(none, middle) == 0


def test_one_value_has_the_middle_colour():
    roi, values = example()
    values[roi.mask] = 7.0
    shown = render_map(roi, values, title="mean")
    assert count(shown, _colours()[128]) > 1000


@pytest.mark.parametrize("title", ["mean", "a very long label of a feature " * 4])
def test_texts_fit(title):
    shown = render_map(*example(), title=title, subtitle=title)
    assert np.all(shown[:, -3:] == 255)


def test_same_bytes_and_pictures_without_spacing(tmp_path):
    mask = np.zeros((9, 9), bool)
    mask[0:3, 0:2] = True
    pixels = np.arange(81.0).reshape(9, 9)
    roi = Roi(pixels, mask, (1.0, 1.0), "us", spacing_known=False)
    one = map_overlay_png(roi, pixels, tmp_path / "a.png", title="x").read_bytes()
    two = map_overlay_png(roi, pixels, tmp_path / "b.png", title="x").read_bytes()
    assert one == two
    with PIL.Image.open(tmp_path / "a.png") as picture:
        assert picture.mode == "RGB"
        assert picture.info == {}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]
