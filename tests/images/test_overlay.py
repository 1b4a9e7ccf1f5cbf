"""Example pictures: which slice, which window, which way up, and the same bytes each time."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest

from radiofib.images import overlay_png
from radiofib.images.overlay import render_overlay
from radiofib.roi import Roi

AMBER = (255, 176, 0)


def roi(shape=(5, 20, 30), spacing=(3.0, 1.0, 1.0), inside=None, direction=None, pixels=None):
    mask = np.zeros(shape, bool)
    mask[inside if inside else (slice(1, 4), slice(5, 15), slice(5, 20))] = True
    if pixels is None:
        pixels = np.random.default_rng(0).normal(100, 10, shape)
    origin = None if direction is None else (0.0, 0.0, 0.0)
    return Roi(pixels, mask, spacing, "t1", origin_mm=origin, direction=direction)


def amber(picture):
    return (picture == AMBER).all(axis=-1)


def test_same_bytes_no_metadata_no_leftovers(tmp_path):
    one = overlay_png(roi(), tmp_path / "a.png").read_bytes()
    two = overlay_png(roi(), tmp_path / "b.png").read_bytes()
    assert one == two
    with PIL.Image.open(tmp_path / "a.png") as picture:
        assert picture.info == {}
        assert picture.mode == "RGB"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]
    chunks = [kind for kind in (b"tEXt", b"iTXt", b"zTXt", b"tIME", b"eXIf") if kind in one]
    assert chunks == []


def test_failed_write_leaves_nothing(tmp_path, monkeypatch):
    def fail(*args, **keywords):
        raise OSError("disk full")

    monkeypatch.setattr(PIL.Image.Image, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        overlay_png(roi(), tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_widest_slice_and_the_middle_of_equals():
    pixels = np.zeros((5, 20, 30))
    for z in range(5):
        pixels[z, 10, 8 + z] = 100  # a bright point tells which slice is shown
    shown = render_overlay(roi(pixels=pixels), percentiles=(0, 100), longest_side=30)
    assert np.argwhere(shown[..., 2] == 255).tolist() == [[10, 10]]  # 2 of the equal 1, 2, 3
    wide = np.zeros(pixels.shape, bool)
    wide[1:4, 5:15, 5:20] = True
    wide[3, 0, 0] = True
    shown = render_overlay(
        Roi(pixels, wide, (3.0, 1.0, 1.0), "t1"), percentiles=(0, 100), longest_side=30
    )
    assert np.argwhere(shown[..., 2] == 255).tolist() == [[10, 11]]


def test_outline_is_the_inner_border_at_native_size():
    picture = render_overlay(roi(), longest_side=30)
    expected = np.zeros((20, 30), bool)
    expected[5:15, 5:20] = True
    expected[6:14, 6:19] = False
    np.testing.assert_array_equal(amber(picture), expected)


@pytest.mark.parametrize(
    ("shape", "spacing", "size"),
    [
        ((28, 28), (1.0, 1.0), (280, 280)),
        ((5, 20, 30), (3.0, 2.0, 1.0), (260, 195)),
        ((2, 900, 600), (1.0, 1.0, 1.0), (512, 341)),
        ((2, 4, 700), (1.0, 1.0, 1.0), (3, 512)),
    ],
)
def test_size_and_proportion(shape, spacing, size):
    picture = render_overlay(roi(shape, spacing, inside=(0,) * len(shape)))
    assert abs(picture.shape[0] - size[0]) <= 20
    assert picture.shape[0] / picture.shape[1] == pytest.approx(
        shape[-2] * spacing[-2] / (shape[-1] * spacing[-1]), rel=0.05, abs=0.01
    )
    assert max(picture.shape[:2]) <= 512


@pytest.mark.parametrize(
    ("direction", "rows", "columns"),
    [
        ((1, 0, 0, 0, 1, 0, 0, 0, 1), False, False),
        ((-1, 0, 0, 0, -1, 0, 0, 0, 1), True, True),
        ((1, 0, 0, 0, -1, 0, 0, 0, 1), True, False),
        # coronal: rows along z upwards are turned so that the head is up
        ((1, 0, 0, 0, 0, 1, 0, 1, 0), True, False),
        ((1, 0, 0, 0, 0, 1, 0, -1, 0), False, False),
    ],
)
def test_patient_is_upright(direction, rows, columns):
    plain = render_overlay(roi(), longest_side=64)
    turned = render_overlay(roi(direction=tuple(map(float, direction))), longest_side=64)
    if rows:
        turned = turned[::-1]
    if columns:
        turned = turned[:, ::-1]
    difference = np.abs(turned.astype(int) - plain.astype(int))
    assert np.median(difference) <= 1
    assert (amber(turned) == amber(plain)).mean() > 0.95


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, 1e300])
def test_constant_and_bad_values_draw(tmp_path, value):
    pixels = np.full((5, 20, 30), value)
    assert overlay_png(roi(pixels=pixels), tmp_path / "a.png").stat().st_size > 0


def test_region_at_the_border_and_one_voxel():
    full = render_overlay(roi((28, 28), (1.0, 1.0), inside=(slice(None), slice(None))))
    assert amber(full)[0].all()
    assert amber(full)[:, -1].all()
    one = render_overlay(roi((28, 28), (1.0, 1.0), inside=(3, 4)))
    assert amber(one).any()
