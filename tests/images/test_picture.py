"""Pictures by content: colour, palette, alpha, depth, and damaged files."""

from __future__ import annotations

import contextlib

import numpy as np
import PIL.Image
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from radiofib.errors import ImageError
from radiofib.images import read_image
from radiofib.images.picture import luma

GREY = np.arange(20, dtype=np.uint8).reshape(4, 5) * 12
RGB = np.random.default_rng(1).integers(0, 256, (4, 5, 3)).astype(np.uint8)


def save(path, array, **options):
    PIL.Image.fromarray(array).save(path, **options)
    return path


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF"])
@pytest.mark.parametrize("suffix", [".jpg", "", ".nii.gz"])
def test_grey_by_content_not_by_suffix(tmp_path, kind, suffix):
    image = read_image(save(tmp_path / f"a{suffix}", GREY, format=kind))
    np.testing.assert_array_equal(image.pixels, GREY)
    assert image.pixels.dtype == np.float64
    assert image.kind == "picture"
    assert not image.spacing_known
    assert image.notes in ((), ("palette resolved to its colours",))


def test_jpeg(tmp_path):
    flat = np.full((16, 16), 130, dtype=np.uint8)
    image = read_image(save(tmp_path / "a.png", flat, format="JPEG"))
    np.testing.assert_array_equal(image.pixels, flat)


def test_resolution_in_the_file_is_not_tissue(tmp_path):
    assert not read_image(save(tmp_path / "a.png", GREY, dpi=(72, 72))).spacing_known


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_colour_is_601_luma_without_rounding(tmp_path, kind):
    image = read_image(save(tmp_path / "a", RGB, format=kind))
    truth = RGB.astype(float) @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(image.pixels, truth, rtol=1e-14)
    assert image.notes == ("colour turned to grey by ITU-R BT.601 luma",)


@settings(max_examples=30, deadline=None)
@given(arrays(np.uint16, (3, 3)))
def test_luma_of_grey_is_the_grey_itself(grey):
    np.testing.assert_array_equal(luma(np.repeat(grey[..., None], 3, axis=-1)), grey)


def test_grey_saved_as_colour_needs_no_note(tmp_path):
    image = read_image(save(tmp_path / "a.png", np.repeat(GREY[..., None], 3, axis=-1)))
    np.testing.assert_array_equal(image.pixels, GREY)
    assert image.notes == ()


def test_palette(tmp_path):
    picture = PIL.Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8)).convert("P")
    picture.putpalette([10, 10, 10, 200, 0, 0, 0, 0, 50])
    picture.save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    red, blue = 200 * 0.299, 50 * 0.114
    np.testing.assert_allclose(image.pixels, [[10, red], [blue, red]])
    assert "palette resolved to its colours" in image.notes


def test_alpha_on_black(tmp_path):
    rgba = np.dstack([RGB, np.full(GREY.shape, 255, np.uint8)])
    opaque = read_image(save(tmp_path / "a.png", rgba))
    assert "transparent" not in " ".join(opaque.notes)
    rgba[0, 0, 3] = 0
    image = read_image(save(tmp_path / "b.png", rgba))
    assert image.pixels[0, 0] == 0
    np.testing.assert_array_equal(image.pixels[1:], opaque.pixels[1:])
    assert "transparent pixels laid on black" in image.notes


def test_palette_with_transparency(tmp_path):
    picture = PIL.Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    picture.putpalette([90, 90, 90, 200, 200, 200])
    picture.save(tmp_path / "a.png", transparency=0)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").pixels, [[0, 200]])


@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_sixteen_bit_grey(tmp_path, kind):
    deep = GREY.astype(np.uint16) * 257 + 3
    np.testing.assert_array_equal(read_image(save(tmp_path / f"a.{kind}", deep)).pixels, deep)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bit_colour_keeps_its_depth(tmp_path, suffix):
    deep = np.random.default_rng(0).integers(0, 65535, (4, 5, 3)).astype(np.uint16)
    sitk.WriteImage(sitk.GetImageFromArray(deep, isVector=True), str(tmp_path / f"a.{suffix}"))
    image = read_image(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(image.pixels, luma(deep))


def test_sixteen_bit_grey_with_alpha(tmp_path):
    deep = np.dstack([GREY.astype(np.uint16) * 257 + 3, np.full(GREY.shape, 65535, np.uint16)])
    sitk.WriteImage(sitk.GetImageFromArray(deep, isVector=True), str(tmp_path / "a.png"))
    image = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(image.pixels, GREY)
    assert image.notes == ("16-bit grey with transparency read at 8 bits",)


def test_float_and_one_bit(tmp_path):
    real = GREY.astype(np.float32) / 7
    np.testing.assert_array_equal(read_image(save(tmp_path / "a.tif", real)).pixels, real)
    PIL.Image.fromarray(GREY > 100).save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_image(tmp_path / "b.png").pixels, 255.0 * (GREY > 100))


def test_several_pages(tmp_path):
    frames = [PIL.Image.fromarray(GREY + i) for i in range(3)]
    for name in ("a.tif", "a.gif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        with pytest.raises(ImageError, match=r"several pages or frames .*found 3"):
            read_image(tmp_path / name)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF", "GIF"])
@pytest.mark.parametrize("keep", [0.02, 0.5, 0.9])
def test_truncated(tmp_path, kind, keep):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    path = save(tmp_path / "a.x", noise, format=kind)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(ImageError, match=r"a\.x"):
        read_image(path)


def test_decompression_bomb(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png", np.zeros((50, 50), np.uint8))
    for limit in (2000, 1000):  # a warning for Pillow, then an error
        monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(ImageError, match=f"too large .*at most {limit} pixels"):
            read_image(path)


def test_text_called_png(tmp_path):
    path = tmp_path / "a.png"
    path.write_text("case,stage\n")
    with pytest.raises(ImageError, match=r"not an image .*expected NIfTI.*found a text file"):
        read_image(path)


def test_noise_called_png(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(bytes(range(256)) * 4)
    with pytest.raises(ImageError, match="found unknown content"):
        read_image(path)


def test_empty_missing_unreadable(tmp_path):
    (tmp_path / "zero.png").touch()
    with pytest.raises(ImageError, match=r"zero\.png: file is empty \(found 0 bytes\)"):
        read_image(tmp_path / "zero.png")
    with pytest.raises(ImageError, match="no such file"):
        read_image(tmp_path / "gone.png")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff",
    b"BM", b"II*\x00", b"GIF89a", b"NRRD0004\n", b"\x1f\x8b\x08", b"NDims = 3\n",
    b"\0" * 128 + b"DICM", b"\x5c\x01\0\0" + b"\0" * 344]))  # fmt: skip
def test_any_bytes_give_an_image_or_an_image_error(tmp_path_factory, noise, magic):
    path = tmp_path_factory.mktemp("fuzz") / "a.bin"
    path.write_bytes(magic + noise)
    with contextlib.suppress(ImageError):
        assert read_image(path).pixels.size > 0
