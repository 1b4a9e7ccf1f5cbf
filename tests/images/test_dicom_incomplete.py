"""DICOM files that lack an element: a series UID, the pixel size, or the pixels."""

from __future__ import annotations

import re

import numpy as np
import pytest

from radiofib.images import read_image
from tests.images.dicoms import leaks, reread, write_dicom, write_enhanced, write_series
from tests.images.test_dicom import VOLUME, refused


@pytest.mark.parametrize("lacking", [None, ""])
@pytest.mark.parametrize("first", [True, False])
def test_slices_without_a_uid_are_a_series_of_their_own(tmp_path, lacking, first):
    def uid(z):
        return lacking if (z < 3) == first else "1.2.3.4"

    folder = write_series(tmp_path / "s", VOLUME, SeriesInstanceUID=uid)
    n = 3 if first else 2
    text = refused(
        folder, "several DICOM series", "found 2", f"#no-uid: {n} MR slice(s)", "without a Series"
    )
    (named,) = re.findall(r"#([0-9a-f]{8}):", text)
    whole = [read_image(tmp_path / f"s#{name}") for name in ("no-uid", named)]
    assert [len(image.pixels) for image in whole] == [n, 5 - n]
    assert not any("passed over" in note for image in whole for note in image.notes)


def test_folder_without_any_uid_is_one_series(tmp_path):
    folder = write_series(tmp_path / "s", VOLUME, SeriesInstanceUID=lambda z: None if z % 2 else "")
    np.testing.assert_array_equal(read_image(folder).pixels, VOLUME)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, "no such element"),
        ("", "an empty element"),
        ([0, 1.5], "found 0 and 1.5"),
        ([1.5, -0.75], "found 1.5 and -0.75"),
        ("1.5", "no two numbers"),
    ],
)
def test_pixel_size_is_never_assumed(tmp_path, value, found):
    folder = write_series(tmp_path / "all", VOLUME, PixelSpacing=value)
    words = ("s000.dcm", "PixelSpacing (tag 0028,0030)", "above 0, in mm", found, "Next: export")
    refused(folder, *words)
    refused(folder / "s000.dcm", *words)
    one = write_series(
        tmp_path / "one", VOLUME, PixelSpacing=lambda z: value if z == 3 else [1.5, 0.75]
    )
    refused(one, "s003.dcm", "does not state the pixel size", found)


def test_pixel_size_of_every_frame(tmp_path):
    path = write_enhanced(tmp_path / "e", VOLUME, order=[0, 1, 2, 3, 4], slopes=[1.0] * 5)
    ds = reread(path)
    measures = ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
    for item in ds.PerFrameFunctionalGroupsSequence:
        item.PixelMeasuresSequence = measures
    other = reread(path).SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
    ds.PerFrameFunctionalGroupsSequence[2].PixelMeasuresSequence = other
    other[0].PixelSpacing = [3, 3]
    ds.save_as(path)
    refused(path, "different pixel sizes", "(3.0, 3.0)")
    del other[0].PixelSpacing
    ds.save_as(path)
    refused(path, "does not state the pixel size", "1 of 5 frames without")
    del measures[0].PixelSpacing
    ds.save_as(path)
    refused(path, "does not state the pixel size", "5 of 5 frames without")


def test_placed_ultrasound_frame_without_calibration_stays_in_pixels(tmp_path):
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    place = {"ImagePositionPatient": [0, 0, 0], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}
    image = read_image(write_dicom(tmp_path / "us.dcm", grey, kind="US", **place))
    assert image.kind == "picture"
    assert not image.spacing_known
    np.testing.assert_array_equal(image.pixels, grey)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_slice_without_pixels(tmp_path, photometric):
    folder = write_series(tmp_path / "s", VOLUME, PhotometricInterpretation=photometric)
    path = folder / "s002.dcm"
    ds = reread(path)
    ds.PixelData = b""
    ds.save_as(path)
    refused(folder, "s002.dcm", "holds no pixel data", "tag 7FE0,0010", "an empty element")
    del ds.PixelData
    ds.save_as(path)
    text = refused(folder, "s002.dcm", "holds no pixel data", "no such element", "Next: export")
    assert "Error" not in text
    assert leaks(text) == []


def test_frames_without_pixels(tmp_path):
    enhanced = write_enhanced(tmp_path / "e", VOLUME, order=[0, 1, 2, 3, 4], slopes=[1.0] * 5)
    colour = write_dicom(tmp_path / "us", np.zeros((3, 4, 3), np.uint8), kind="US")
    for path in (enhanced, colour):
        ds = reread(path)
        del ds.PixelData
        ds.save_as(path)
        refused(path, "holds no pixel data", "tag 7FE0,0010")


def test_cut_file_says_so_without_a_class_of_the_language(tmp_path):
    folder = write_series(tmp_path / "s", np.zeros((2, 40, 40), np.uint16))
    path = folder / "s001.dcm"
    whole = path.read_bytes()
    start = whole.index(b"\xe0\x7f\x10\x00")
    for end in (start + 8, start + 20, len(whole) - 1):  # in the element's head, in the pixels
        path.write_bytes(whole[:end])
        text = refused(folder, "s001.dcm", "damaged or cut short")
        assert re.search(r"error|Error|Exception", text) is None


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_fewer_pixels_than_the_matrix_has(tmp_path, photometric):
    """The element is whole and too short: the rest must not come from the memory."""
    folder = write_series(tmp_path / "s", VOLUME, PhotometricInterpretation=photometric)
    ds = reread(folder / "s002.dcm")
    ds.PixelData = ds.PixelData[:12]
    ds.save_as(folder / "s002.dcm")
    refused(folder, "s002.dcm", "damaged or cut short", "12 of 24 bytes of pixels")


@pytest.mark.filterwarnings("ignore:The value length")
def test_modality_that_swallowed_other_elements_is_not_quoted(tmp_path):
    path = write_dicom(tmp_path / "a", kind="SEG", Modality="MR LO Toboso General")
    assert leaks(refused(path, "holds no image", "a DICOM object")) == []
