"""DICOM folders and files: order, spacing, slopes, and everything that is refused."""

from __future__ import annotations

import io
import random

import numpy as np
import PIL.Image
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)

from radiofib.errors import ImageError
from radiofib.images import read_image
from radiofib.images.sniff import file_format
from tests.images.dicoms import leaks, reread, write_dicom, write_enhanced, write_series

VOLUME = np.arange(5 * 3 * 4, dtype=np.uint16).reshape(5, 3, 4)
QUIET = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def test_series_uses_positions_not_names_or_thickness(tmp_path):
    folder = write_series(tmp_path / "s", VOLUME, names=[f"{9 - z}.dcm" for z in range(5)])
    image = read_image(folder)
    np.testing.assert_array_equal(image.pixels, VOLUME)
    assert image.pixels.dtype == np.uint16
    assert image.spacing_mm == (2.0, 1.5, 0.75)
    assert image.origin_mm == (-10.0, 20.0, -30.0)
    assert image.direction == (1, 0, 0, 0, 1, 0, 0, 0, 1)
    assert image.kind == "volume"
    assert image.spacing_known
    assert any("3.2 mm is not used" in note for note in image.notes)


def test_series_equals_simpleitks_own_series_reader(tmp_path):
    folder = write_series(tmp_path / "s", VOLUME, kind="CT", RescaleSlope=1, RescaleIntercept=-1024)
    image = read_image(folder)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
    theirs = reader.Execute()
    pixels = sitk.GetArrayFromImage(theirs)
    np.testing.assert_array_equal(image.pixels, pixels)
    assert image.pixels.dtype == pixels.dtype
    assert image.spacing_mm[::-1] == pytest.approx(theirs.GetSpacing())
    assert image.origin_mm == pytest.approx(theirs.GetOrigin())
    assert image.direction == pytest.approx(theirs.GetDirection())


@QUIET
@given(data=st.data())
def test_any_file_order_and_direction_is_the_same_physical_volume(tmp_path_factory, data):
    """Voxel by voxel: same value at the same place, however the slices are named or stacked."""
    n = data.draw(st.integers(2, 6))
    angle = data.draw(st.floats(-0.6, 0.6))
    orientation = (np.cos(angle), np.sin(angle), 0.0, 0.0, 0.0, -1.0)
    step = data.draw(st.floats(0.5, 9.0))
    reverse = data.draw(st.booleans())
    seed = data.draw(st.integers(0, 10_000))
    volume = np.random.default_rng(seed).integers(0, 4000, (n, 3, 4)).astype(np.int16)
    names = [f"{i:02}" for i in range(n)]
    random.Random(seed).shuffle(names)
    folder = tmp_path_factory.mktemp("series")
    signed = -step if reverse else step
    write_series(folder, volume, step=signed, orientation=orientation, names=names)
    image = read_image(folder)
    assert image.spacing_mm[0] == pytest.approx(step, abs=1e-6)
    matrix = np.array(image.direction).reshape(3, 3)
    assert np.linalg.det(matrix) == pytest.approx(1)
    normal = np.cross(orientation[:3], orientation[3:])
    for z in range(n):
        k = n - 1 - z if reverse else z
        np.testing.assert_array_equal(image.pixels[k], volume[z])
        place = np.array(image.origin_mm) + matrix @ np.array([0, 0, k * image.spacing_mm[0]])
        truth = np.array([-10.0, 20.0, -30.0]) + z * signed * normal
        np.testing.assert_allclose(place, truth, atol=1e-5)


@QUIET
@given(
    slopes=st.lists(st.sampled_from([0.25, 1.0, 2.0, 3.7509765625, 641.5]), min_size=2, max_size=5),
    intercept=st.sampled_from([0, -1024, 12.5]),
)
def test_each_slice_has_its_own_rescale_slope(tmp_path_factory, slopes, intercept):
    folder = tmp_path_factory.mktemp("slopes")
    volume = VOLUME[: len(slopes)]
    write_series(folder, volume, RescaleSlope=lambda z: slopes[z], RescaleIntercept=intercept)
    image = read_image(folder)
    truth = volume * np.array(slopes)[:, None, None] + intercept
    np.testing.assert_allclose(image.pixels, truth, rtol=1e-12)
    assert any("slope differs" in n for n in image.notes) == (len(set(slopes)) > 1)


def test_folder_with_other_files_and_objects(tmp_path):
    folder = write_series(tmp_path / "s", VOLUME)
    (folder / "notes.txt").write_text("not DICOM")
    (folder / ".DS_Store").write_bytes(b"")
    write_dicom(folder / "liver.dcm", kind="SEG", SeriesInstanceUID="1.2.3.9")
    image = read_image(folder)
    np.testing.assert_array_equal(image.pixels, VOLUME)
    assert "passed over: 1 SEG object" in image.notes


def test_one_file_is_a_volume_of_one_slice(tmp_path):
    folder = write_series(tmp_path / "s", VOLUME, SpacingBetweenSlices=2.5)
    image = read_image(folder / "s001.dcm")
    assert image.pixels.shape == (1, 3, 4)
    np.testing.assert_array_equal(image.pixels[0], VOLUME[1])
    assert image.spacing_mm == (2.5, 1.5, 0.75)
    assert image.origin_mm == (-10.0, 20.0, -28.0)


def test_file_without_preamble_or_suffix(tmp_path):
    folder = write_series(tmp_path / "s", VOLUME[:1])
    whole = (folder / "s000.dcm").read_bytes()
    bare = tmp_path / "IM_0001"
    bare.write_bytes(whole[132:])
    assert file_format(bare) == "DICOM"
    np.testing.assert_array_equal(read_image(bare).pixels, VOLUME[:1])


def test_enhanced_multiframe(tmp_path):
    path = write_enhanced(
        tmp_path / "e.dcm", VOLUME, order=[3, 0, 4, 1, 2], slopes=[1.0, 2.0, 0.5, 1.0, 3.0]
    )
    image = read_image(path)
    truth = VOLUME * np.array([1.0, 2.0, 0.5, 1.0, 3.0])[:, None, None]
    np.testing.assert_array_equal(image.pixels, truth)
    assert image.spacing_mm == (2.0, 1.5, 0.75)
    assert image.origin_mm == (-10.0, 20.0, -30.0)
    folder = tmp_path / "only"
    folder.mkdir()
    path.rename(folder / "e.dcm")
    np.testing.assert_array_equal(read_image(folder).pixels, truth)


def test_ultrasound_frame_is_a_calibrated_picture(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 255, (6, 5, 3)).astype(np.uint8)
    region = Dataset()
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX, region.PhysicalDeltaY = 0.02, 0.03
    path = write_dicom(
        tmp_path / "us.dcm", rgb, kind="US", SequenceOfUltrasoundRegions=Sequence([region])
    )
    image = read_image(path)
    luma = rgb.astype(float) @ [299, 587, 114] / 1000
    np.testing.assert_array_equal(image.pixels, luma)
    assert image.kind == "picture"
    assert image.spacing_known
    assert image.spacing_mm == pytest.approx((0.3, 0.2))
    assert image.origin_mm is None


def test_ultrasound_frame_without_calibration(tmp_path):
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    image = read_image(write_dicom(tmp_path / "us.dcm", grey, kind="US"))
    np.testing.assert_array_equal(image.pixels, grey)
    assert image.pixels.dtype == np.float64
    assert not image.spacing_known


def test_palette_ultrasound(tmp_path):
    table = np.array([0, 10, 20, 30], dtype=np.uint16) * 257
    more = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour in ("Red", "Green", "Blue"):
        more[f"{colour}PaletteColorLookupTableDescriptor"] = [4, 0, 16]
        more[f"{colour}PaletteColorLookupTableData"] = table.tobytes()
    index = np.array([[0, 1], [2, 3]], dtype=np.uint8)
    image = read_image(write_dicom(tmp_path / "p.dcm", index, kind="US", **more))
    np.testing.assert_array_equal(image.pixels, table[index])


def _jpeg(array, **options):
    stream = io.BytesIO()
    PIL.Image.fromarray(array).save(stream, format="JPEG", **options)
    return stream.getvalue()


@pytest.mark.parametrize("colour", [False, True])
def test_jpeg_ultrasound(tmp_path, colour):
    shape = (24, 32, 3) if colour else (24, 32)
    array = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    data = _jpeg(array, quality=95)
    path = write_dicom(tmp_path / "us.dcm", array, kind="US")
    ds = reread(path)
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    ds.PhotometricInterpretation = "YBR_FULL_422" if colour else "MONOCHROME2"
    ds.PixelData = encapsulate([data])
    ds["PixelData"].VR = "OB"
    ds.save_as(path)
    image = read_image(path)
    with PIL.Image.open(io.BytesIO(data)) as picture:
        truth = np.asarray(picture).astype(float)
    truth = truth @ [0.299, 0.587, 0.114] if colour else truth
    assert np.abs(image.pixels - truth).max() <= 2  # two JPEG decoders
    assert image.kind == "picture"


@pytest.mark.parametrize("size", [1, 8])  # SimpleITK fails on the small one
def test_run_length_series(tmp_path, size):
    volume = np.repeat(np.repeat(VOLUME, size, 1), size, 2)
    folder = write_series(tmp_path / "s", volume, RescaleSlope=2, RescaleIntercept=-7)
    for path in folder.iterdir():
        ds = reread(path)
        ds.compress(RLELossless)
        ds.save_as(path)
    np.testing.assert_array_equal(read_image(folder).pixels, volume.astype(int) * 2 - 7)


def test_inverted_grey_is_turned_and_noted(tmp_path):
    folder = write_series(tmp_path / "s", VOLUME, PhotometricInterpretation="MONOCHROME1")
    image = read_image(folder)
    np.testing.assert_array_equal(image.pixels, 65535 - VOLUME)
    assert any("MONOCHROME1" in note for note in image.notes)


def refused(path, *words):
    with pytest.raises(ImageError) as caught:
        read_image(path)
    text = str(caught.value)
    for word in words:
        assert word in text
    assert str(path) in text or path.name in text
    return text


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


def test_uneven_steps(tmp_path):
    places = [0.0, 2.0, 4.0, 6.7, 8.0]
    folder = write_series(tmp_path / "s", VOLUME, ImagePositionPatient=lambda z: [0, 0, places[z]])
    refused(folder, "not evenly spaced", "2.7 mm")


def test_small_jitter_is_accepted_and_noted(tmp_path):
    places = [0.0, 1.3, 2.5, 3.8, 5.0]
    folder = write_series(tmp_path / "s", VOLUME, ImagePositionPatient=lambda z: [0, 0, places[z]])
    image = read_image(folder)
    assert image.spacing_mm[0] == 1.25
    assert any("vary by up to 0.05 mm" in note for note in image.notes)


def test_gantry_tilt(tmp_path):
    folder = write_series(
        tmp_path / "s", VOLUME, ImagePositionPatient=lambda z: [0, z * 0.5, z * 2.0]
    )
    refused(folder, "tilted gantry", "dcm2niix")


def test_mixed_series_are_listed(tmp_path):
    folder = write_series(tmp_path / "s", VOLUME)
    write_series(folder, VOLUME[:2, :2], names=["x1", "x2"], SeriesInstanceUID="1.2.3.5", kind="CT")
    text = refused(folder, "several DICOM series", "5 MR slice(s) of 3x4", "2 CT slice(s) of 2x4")
    assert "1.2.3.5" not in text


def test_localiser_in_the_series(tmp_path):
    folder = write_series(tmp_path / "s", VOLUME)
    write_series(folder, VOLUME[:1], names=["loc"], orientation=(0, 1, 0, 0, 0, -1))
    refused(folder, "not parallel", "2 orientations")


def test_mixed_matrix(tmp_path):
    folder = write_series(tmp_path / "s", VOLUME)
    write_series(folder, VOLUME[:1, :2], names=["loc"], origin=(0, 0, 99.0))
    refused(folder, "different matrix sizes", "2x4", "3x4")


def test_series_without_positions(tmp_path):
    folder = write_series(tmp_path / "s", VOLUME, ImagePositionPatient=None)
    refused(folder, "do not state their position", "5 of 5")


def test_bad_orientation(tmp_path):
    folder = write_series(tmp_path / "s", VOLUME)
    for path in folder.iterdir():
        write_dicom(
            path, VOLUME[0], ImageOrientationPatient=[1, 0, 0, 0.5, 0.5, 0],
            ImagePositionPatient=[0, 0, 0],
        )  # fmt: skip
    refused(folder, "right angles")


def test_film_of_frames(tmp_path):
    path = write_dicom(tmp_path / "cine.dcm", VOLUME.astype(np.uint8), kind="US")
    refused(path, "film", "5 frames")


def test_segmentation_object_is_no_image(tmp_path):
    path = write_dicom(tmp_path / "seg.dcm", kind="SEG")
    refused(path, "holds no image", "a SEG object", "as the mask")
    refused(tmp_path, "holds no DICOM image", "1 SEG object")


def test_modality_lookup_table(tmp_path):
    item = Dataset()
    item.LUTDescriptor, item.ModalityLUTType, item.LUTData = [2, 0, 16], "US", b"\1\0\2\0"
    folder = write_series(tmp_path / "s", VOLUME, ModalityLUTSequence=Sequence([item]))
    refused(folder, "ModalityLUTSequence")


def test_colour_slices(tmp_path):
    rgb = np.zeros((2, 3, 4, 3), dtype=np.uint8)
    folder = write_series(tmp_path / "s", rgb)
    refused(folder, "in colour")


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.97])
def test_truncated_slice(tmp_path, keep):
    big = np.zeros((2, 40, 40), dtype=np.uint16)
    folder = write_series(tmp_path / "s", big)
    path = folder / "s001.dcm"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    refused(folder, "damaged or cut short", "s001.dcm")


def test_slice_cut_in_its_header_is_not_passed_over(tmp_path):
    folder = write_series(tmp_path / "s", VOLUME)
    path = folder / "s004.dcm"
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"Toboso")])
    refused(folder, "damaged or cut short", "s004.dcm")


def test_directory_file_and_raw_data_are_passed_over(tmp_path):
    folder = write_series(tmp_path / "s", VOLUME)
    write_dicom(folder / "raw", SOPClassUID="1.2.840.10008.5.1.4.1.1.66")
    np.testing.assert_array_equal(read_image(folder).pixels, VOLUME)


def test_empty_folder_and_folder_of_other_files(tmp_path):
    refused(tmp_path, "holds no DICOM image", "an empty folder")
    (tmp_path / "a.txt").write_text("x")
    refused(tmp_path, "1 file(s) .txt")


def test_hash_follows_content(tmp_path):
    one = read_image(write_series(tmp_path / "a", VOLUME, SOPInstanceUID="1.2.9"))
    two = read_image(tmp_path / "a")
    other = read_image(write_series(tmp_path / "b", VOLUME + 1))
    assert one.source_hash == two.source_hash
    assert one.source_hash != other.source_hash


def test_slice_without_pixel_size_or_thickness(tmp_path):
    folder = write_series(tmp_path / "s", VOLUME[:1], PixelSpacing=None, SliceThickness=None)
    image = read_image(folder)
    assert image.spacing_mm == (1.0, 1.0, 1.0)
    assert not image.spacing_known
    assert len(image.notes) == 2
    image = read_image(write_series(tmp_path / "t", VOLUME, PixelSpacing=None))
    assert image.spacing_mm == (2.0, 1.0, 1.0)
    assert not image.spacing_known


def test_several_multiframe_files(tmp_path):
    for name in ("a", "b"):
        write_enhanced(tmp_path / "s" / name, VOLUME, order=[0, 1, 2, 3, 4], slopes=[1.0] * 5)
    refused(tmp_path / "s", "several multi-frame files")


def test_multiframe_without_all_positions(tmp_path):
    path = write_enhanced(tmp_path / "e", VOLUME, order=[0, 1, 2, 3, 4], slopes=[1.0] * 5)
    ds = reread(path)
    del ds.PerFrameFunctionalGroupsSequence[2].PlanePositionSequence
    ds.save_as(path)
    refused(path, "does not place each of its frames", "found 4")
    del ds.PerFrameFunctionalGroupsSequence[2]
    ds.save_as(path)
    refused(path, "does not place each of its frames")


def test_multiframe_with_two_stacks(tmp_path):
    path = write_enhanced(tmp_path / "e", VOLUME, order=[0, 1, 2, 1, 2], slopes=[1.0] * 5)
    refused(path, "5 slices at 3 positions")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_files_give_an_image_or_an_image_error(tmp_path_factory, data):
    """Bytes changed or cut anywhere: never another exception, never a patient field."""
    folder = tmp_path_factory.mktemp("fuzz")
    path = write_dicom(
        folder / "a", VOLUME[0], ImagePositionPatient=[0, 0, 0], PixelSpacing=[1, 1],
        ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
    )  # fmt: skip
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        raw[data.draw(st.integers(132, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.integers(1, len(raw)))])
    try:
        image = read_image(path)
    except ImageError as error:
        text = str(error)
    else:
        text = repr(image)
    assert leaks(text) == []
