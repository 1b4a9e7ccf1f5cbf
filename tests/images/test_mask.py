"""Masks: whole labels, the choice of one, and mask pictures."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from radiofib.errors import MaskError
from radiofib.images import read_mask
from radiofib.images.image import Image
from radiofib.images.mask import labels_present, select_label


def volume(array):
    return Image(np.asarray(array), (1.0,) * 3, (0.0,) * 3, tuple(np.eye(3).ravel()))


def picture(array):
    return Image(np.asarray(array), (1.0, 1.0), kind="picture", spacing_known=False)


def write(path, array):
    sitk.WriteImage(sitk.GetImageFromArray(np.asarray(array)), str(path))
    return path


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([np.uint8, np.int16, np.int32, np.uint32, np.int64]).flatmap(
        lambda t: arrays(t, (3, 4), elements=st.integers(0, 120))
    )
)
def test_labels_present_are_those_of_unique(labels):
    assert labels_present(labels) == [v for v in np.unique(labels).tolist() if v]


def test_negative_and_huge_labels():
    assert labels_present(np.array([-3, 0, 9, 10**6])) == [-3, 9, 10**6]


@pytest.mark.parametrize(
    ("labels", "chosen", "note"),
    [
        ([0, 1], 1, None),
        ([0, 5], 5, "mask label 5, the only one"),
        ([0, 1, 2], 1, "mask label 1, of 1, 2"),
        ([1, 1], 1, None),
    ],
)
def test_default_label(labels, chosen, note):
    array = np.array(labels).reshape(1, 1, -1)
    region, notes = select_label(volume(array), None)
    np.testing.assert_array_equal(region, array == chosen)
    assert notes == ([note] if note else [])


@pytest.mark.parametrize(
    ("labels", "label", "words"),
    [
        ([0, 2, 3], None, ["several labels", "labels 2, 3", "mask_label"]),
        ([0, 2, 3], 5, ["label 5 is not in the mask", "labels 2, 3"]),
        ([0, 2], 1, ["label 1 is not in the mask", "labels 2"]),
        ([0, 0], None, ["mask is empty", "only zeros in 1 x 1 x 2"]),
        ([0, 0], 1, ["mask is empty"]),
        ([0, 1], 0, ["background"]),
    ],
)
def test_label_that_cannot_be_chosen(labels, label, words):
    with pytest.raises(MaskError) as caught:
        select_label(volume(np.array(labels).reshape(1, 1, -1)), label, where="liver.nii")
    assert str(caught.value).startswith("liver.nii: ")
    for word in words:
        assert word in str(caught.value)


def test_black_and_white_picture_has_no_label_numbers():
    region, notes = select_label(picture([[0, 255]]), 1)
    assert region.tolist() == [[False, True]]
    assert notes == ["black-and-white mask: value 255 is inside"]
    with pytest.raises(MaskError, match="label 1 is not in the mask"):
        select_label(picture([[0, 255, 7]]), 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float_masks_that_are_whole(tmp_path, dtype):
    labels = np.array([[[0, 1], [2, 5]]], dtype=dtype)
    mask = read_mask(write(tmp_path / "m.nii.gz", labels))
    assert mask.pixels.dtype == np.int32
    np.testing.assert_array_equal(mask.pixels, labels)


def test_float_masks_with_rounding_of_a_scale_slope(tmp_path):
    labels = np.array([[[0, 1.00003], [4.99996, 2]]], dtype=np.float32)
    assert read_mask(write(tmp_path / "m.nii.gz", labels)).pixels.tolist() == [[[0, 1], [5, 2]]]


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (0.5, "1 voxels such as 0.5"),
        (np.nan, "such as nan"),
        (np.inf, "such as inf"),
        (3e9, "too large"),
    ],
)
def test_float_masks_that_are_not(tmp_path, value, word):
    labels = np.array([[[0, 1], [value, 0]]], dtype=np.float32)
    with pytest.raises(MaskError, match=word):
        read_mask(write(tmp_path / "m.nii.gz", labels))


def test_multi_channel_mask(tmp_path):
    image = sitk.GetImageFromArray(np.zeros((2, 3, 4, 2), np.uint8), isVector=True)
    sitk.WriteImage(image, str(tmp_path / "m.nrrd"))
    with pytest.raises(MaskError, match="mask: image has several values per voxel"):
        read_mask(tmp_path / "m.nrrd")


def test_asked_label_becomes_one(tmp_path):
    path = write(tmp_path / "m.mha", np.array([[[0, 3], [5, 3]]], np.uint8))
    mask = read_mask(path, 3)
    assert mask.pixels.tolist() == [[[0, 1], [0, 1]]]
    with pytest.raises(MaskError, match=r"m\.mha: label 4 .*labels 3, 5"):
        read_mask(path, 4)


@pytest.mark.parametrize("mode", ["L", "1", "RGB", "RGBA", "P"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_mask_pictures(tmp_path, mode, kind):
    inside = np.zeros((6, 7), bool)
    inside[2:4, 3:6] = True
    PIL.Image.fromarray(inside).convert("L").convert(mode).save(tmp_path / "m", format=kind)
    region, _ = select_label(read_mask(tmp_path / "m"), None)
    np.testing.assert_array_equal(region, inside)


def test_coloured_palette_counts_by_index(tmp_path):
    indices = np.array([[0, 1], [2, 2]], np.uint8)
    mask = PIL.Image.fromarray(indices).convert("P")
    mask.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    mask.save(tmp_path / "m.png")
    read = read_mask(tmp_path / "m.png")
    np.testing.assert_array_equal(read.pixels, indices)
    assert read.notes == ("mask labels are the indices of its colour palette",)


def test_jpeg_mask_is_sharpened(tmp_path):
    inside = np.zeros((64, 64), bool)
    inside[10:40, 20:50] = True
    PIL.Image.fromarray(inside).convert("L").save(tmp_path / "m.jpg", quality=90)
    region, _ = select_label(read_mask(tmp_path / "m.jpg"), None)
    np.testing.assert_array_equal(region, inside)


def test_jpeg_mask_of_many_greys(tmp_path):
    ramp = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1))
    PIL.Image.fromarray(ramp).save(tmp_path / "m.jpg")
    with pytest.raises(MaskError, match="not black and white"):
        read_mask(tmp_path / "m.jpg")


@pytest.mark.parametrize(("channels", "word"), [(3, "colours"), (4, "transparency")])
def test_coloured_or_transparent_mask(tmp_path, channels, word):
    values = np.zeros((3, 4, channels), np.uint8)
    values[0, 0, 0] = 255
    values[0, 0, -1] = 255
    PIL.Image.fromarray(values).save(tmp_path / "m.png")
    with pytest.raises(MaskError, match=f"mask picture has {word}"):
        read_mask(tmp_path / "m.png")


def test_unreadable_mask_is_a_mask_error(tmp_path):
    with pytest.raises(MaskError, match=r"none\.nii: mask: no such file"):
        read_mask(tmp_path / "none.nii")
    (tmp_path / "m.png").touch()
    with pytest.raises(MaskError, match="mask: file is empty"):
        read_mask(tmp_path / "m.png")
