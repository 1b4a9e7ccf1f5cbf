"""DICOM folders and files: order, spacing, slopes, and everything that is refused."""

from __future__ import annotations

import io
import random
import re

import numpy as np
import PIL.Image
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import JPEGBaseline8Bit, RLELossless

from radiofib.errors import ImageError
from radiofib.images import read_image
from radiofib.images.sniff import file_format, hash_source
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
    np.testing.assert_array_equal(image.pixels, table[index] // 257)  # 8 bits, stored in 16


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


def test_one_of_several_series_is_read_by_its_name(tmp_path):
    folder = write_series(tmp_path / "s", VOLUME)
    alone = read_image(folder)
    write_series(folder, VOLUME[:2, :2], names=["x1", "x2"], SeriesInstanceUID="1.2.3.5", kind="CT")
    text = refused(folder, "several DICOM series")
    first, second = re.findall(r"#([0-9a-f]{8}):", text)
    shapes = {n: read_image(tmp_path / f"s#{n}").pixels.shape for n in (first, second)}
    assert sorted(shapes.values()) == [(2, 2, 4), VOLUME.shape]
    whole = next(n for n, shape in shapes.items() if shape == VOLUME.shape)
    named = read_image(tmp_path / f"s#{whole}")
    np.testing.assert_array_equal(named.pixels, alone.pixels)
    hashes = {hash_source(tmp_path / f"s#{n}") for n in (first, second)} | {hash_source(folder)}
    assert len(hashes) == 3
    with pytest.raises(ImageError, match=f"no series #00000000.*{first}.*{second}") as caught:
        read_image(tmp_path / "s#00000000")
    assert "1.2.3" not in str(caught.value)


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


def test_slice_without_thickness(tmp_path):
    image = read_image(write_series(tmp_path / "s", VOLUME[:1], SliceThickness=None))
    assert image.spacing_mm == (1.0, 1.5, 0.75)
    assert not image.spacing_known
    assert image.notes == ("one slice of unstated thickness: 1 mm assumed",)


def test_multiframe_without_all_positions(tmp_path):
    path = write_enhanced(tmp_path / "e", VOLUME, order=[0, 1, 2, 3, 4], slopes=[1.0] * 5)
    ds = reread(path)
    del ds.PerFrameFunctionalGroupsSequence[2].PlanePositionSequence
    ds.save_as(path)
    refused(path, "does not place each of its frames", "found 4")
    del ds.PerFrameFunctionalGroupsSequence[2]
    ds.save_as(path)
    refused(path, "does not place each of its frames")


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
