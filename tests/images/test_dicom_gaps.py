"""DICOM series with slices missing or stored twice, and what the header says of their values."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from radiofib.images import read_image
from tests.images.dicoms import reread, write_enhanced, write_series
from tests.images.test_dicom import VOLUME, refused


def test_missing_slice_is_found_and_placed(tmp_path):
    folder = write_series(tmp_path / "s", VOLUME, skip=(2,))
    refused(folder, "1 slice is missing", "a slice every 2 mm", "between -28 mm and -24 mm")


def test_missing_slices_two_gaps(tmp_path):
    volume = np.repeat(VOLUME, 2, axis=0)
    folder = write_series(tmp_path / "s", volume, skip=(2, 6, 7))
    refused(folder, "3 slices are missing")


def test_double_positions_are_named(tmp_path):
    folder = write_series(tmp_path / "s", VOLUME)
    write_series(folder, VOLUME[:2] + 1, names=["echo2a", "echo2b"])
    refused(folder, "several slices lie at one position", "7 slices at 5 positions", "-30 mm")


def test_copies_are_left_out_and_said(tmp_path):
    folder = write_series(tmp_path / "s", VOLUME)
    write_series(folder, VOLUME[1:3], names=["copy1", "copy2"], origin=(-10.0, 20.0, -28.0))
    image = read_image(folder)
    np.testing.assert_array_equal(image.pixels, VOLUME)
    assert "2 copies of slices left out, at -28 mm, -26 mm along the normal" in image.notes


def test_copy_with_another_slope_is_another_slice(tmp_path):
    folder = write_series(tmp_path / "s", VOLUME)
    write_series(folder, VOLUME[:1], names=["scaled"], RescaleSlope=2)
    refused(folder, "several slices lie at one position", "-30 mm")


def test_copy_does_not_hide_a_second_echo(tmp_path):
    folder = write_series(tmp_path / "s", VOLUME)
    write_series(folder, VOLUME[:1] + 5, names=["echo"])
    write_series(folder, VOLUME[:1], names=["copy"])
    refused(folder, "several slices lie at one position", "6 slices at 5 positions")


def test_every_slice_twice(tmp_path):
    folder = write_series(tmp_path / "s", VOLUME)
    write_series(folder, VOLUME, names=[f"copy{z}" for z in range(5)])
    image = read_image(folder)
    np.testing.assert_array_equal(image.pixels, VOLUME)
    assert image.spacing_mm[0] == 2.0


def _mapping(slope, intercept):
    item = Dataset()
    item.RealWorldValueSlope, item.RealWorldValueIntercept = slope, intercept
    item.RealWorldValueFirstValueMapped, item.RealWorldValueLastValueMapped = 0, 4095
    return Sequence([item])


def test_real_world_values_are_noted_not_applied(tmp_path):
    folder = write_series(
        tmp_path / "s", VOLUME, RescaleSlope=2, RealWorldValueMappingSequence=_mapping(0.5, 3.0)
    )
    image = read_image(folder)
    np.testing.assert_array_equal(image.pixels, VOLUME * 2)
    said = "a real world value mapping (slope 0.5, intercept 3) is stated and not applied"
    assert said in image.notes
    path = write_enhanced(tmp_path / "e", VOLUME, order=[0, 1, 2, 3, 4], slopes=[2.0] * 5)
    ds = reread(path)
    shared = ds.SharedFunctionalGroupsSequence[0]
    shared.RealWorldValueMappingSequence = _mapping(0.5, 3.0)
    ds.save_as(path)
    image = read_image(path)
    np.testing.assert_array_equal(image.pixels, VOLUME * 2)
    assert said in image.notes


def test_real_world_values_that_are_the_rescale_law_need_no_note(tmp_path):
    folder = write_series(
        tmp_path / "s", VOLUME, RescaleSlope=2, RealWorldValueMappingSequence=_mapping(2.0, 0.0)
    )
    assert not any("real world" in note for note in read_image(folder).notes)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize("other_block", [False, True])
def test_private_scale_slope_of_philips_is_noted(tmp_path, syntax, other_block):
    folder = write_series(tmp_path / "s", VOLUME, RescaleSlope=2)
    for z, path in enumerate(sorted(folder.iterdir())):
        ds = reread(path)
        if other_block:
            ds.private_block(0x2005, "Some Other DD 009", create=True).add_new(0x0E, "FL", 99.0)
        block = ds.private_block(0x2005, "Philips MR Imaging DD 001", create=True)
        block.add_new(0x0E, "FL", 0.25 if z else 0.5)
        ds.file_meta.TransferSyntaxUID = syntax
        ds.save_as(path, implicit_vr=syntax.is_implicit_VR, little_endian=True)
    image = read_image(folder)
    np.testing.assert_array_equal(image.pixels, VOLUME * 2)
    assert any("(2005,100E) of 0.25 to 0.5 is stated" in note for note in image.notes)


@pytest.mark.parametrize("skip", [(1,), (1, 3), (1, 2), (2, 3), (3,)])
def test_gaps_are_found_when_few_slices_are_left(tmp_path, skip):
    volume = np.repeat(VOLUME, 2, axis=0)[:6]
    folder = write_series(tmp_path / "s", volume, skip=skip)
    left = [z for z in range(6) if z not in skip]
    if len(set(np.diff(left))) == 1:  # every other slice left: an even series
        assert read_image(folder).spacing_mm[0] == 2.0 * np.diff(left)[0]
        return
    gap = next(z for z in range(1, 6) if z in skip)
    before = max(z for z in left if z < gap)
    after = min(z for z in left if z > gap)
    refused(
        folder, "missing from the series", f"between {-30 + 2 * before} mm and {-30 + 2 * after} mm"
    )


def test_several_multiframe_files(tmp_path):
    for name in ("a", "b"):
        write_enhanced(tmp_path / "s" / name, VOLUME, order=[0, 1, 2, 3, 4], slopes=[1.0] * 5)
    refused(tmp_path / "s", "several multi-frame files")


def test_multiframe_with_two_stacks(tmp_path):
    path = write_enhanced(tmp_path / "e", VOLUME, order=[0, 1, 2, 1, 2], slopes=[1.0] * 5)
    refused(path, "5 slices at 3 positions")
