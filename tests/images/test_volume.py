"""NIfTI, NRRD and MetaImage: exact round trips, and what ITK would let through silently."""

from __future__ import annotations

import gzip
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.errors import ImageError
from radiofib.images import hash_source, read_image

FORMATS = ("nii", "nii.gz", "nrrd", "mha", "mhd", "nhdr")
VOLUME = np.arange(3 * 4 * 5, dtype=np.int16).reshape(3, 4, 5)


def write(path: Path, array: np.ndarray, spacing=(1.0, 2.0, 3.0), **geometry) -> Path:
    image = sitk.GetImageFromArray(array, isVector=geometry.pop("vector", False))
    if array.ndim == 3 and image.GetDimension() == 3:
        image.SetSpacing(spacing)
        image.SetOrigin(geometry.get("origin", (-5.0, 6.0, 7.5)))
        image.SetDirection(geometry.get("direction", tuple(np.eye(3).ravel())))
    sitk.WriteImage(image, str(path))
    return path


@st.composite
def rotations(draw):
    """Random right- or left-handed orthonormal matrices, row-major."""
    quaternion = np.array(draw(st.tuples(*[st.floats(-1, 1)] * 4)))
    if np.linalg.norm(quaternion) < 0.1:
        quaternion = np.array([1.0, 0, 0, 0])
    w, x, y, z = quaternion / np.linalg.norm(quaternion)
    matrix = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    flips = np.diag(draw(st.tuples(*[st.sampled_from([-1.0, 1.0])] * 3)))
    return matrix @ flips


@settings(max_examples=40, deadline=None)
@given(
    suffix=st.sampled_from(FORMATS),
    dtype=st.sampled_from([np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64]),
    shape=st.tuples(*[st.integers(1, 5)] * 3),
    spacing=st.tuples(*[st.floats(0.1, 12.0)] * 3),
    origin=st.tuples(*[st.floats(-500, 500)] * 3),
    direction=rotations(),
    seed=st.integers(0, 1000),
)
def test_round_trip(tmp_path_factory, suffix, dtype, shape, spacing, origin, direction, seed):
    array = (np.random.default_rng(seed).random(shape) * 200).astype(dtype)
    path = tmp_path_factory.mktemp("v") / f"a.{suffix}"
    write(path, array, spacing, origin=origin, direction=tuple(direction.ravel()))
    image = read_image(path)
    assert image.pixels.dtype == dtype
    np.testing.assert_array_equal(image.pixels, array)
    corner = np.array(shape[::-1], dtype=float) - 1
    matrix = np.array(image.direction).reshape(3, 3) * image.spacing_mm[::-1]
    truth = np.array(origin) + direction * spacing @ corner
    # NIfTI keeps its geometry in single precision.
    tolerance = 1e-3 if suffix.startswith("nii") else 1e-9
    np.testing.assert_allclose(image.origin_mm, origin, atol=tolerance)
    np.testing.assert_allclose(np.array(image.origin_mm) + matrix @ corner, truth, atol=tolerance)
    assert image.spacing_known
    assert image.kind == "volume"


@pytest.mark.parametrize("suffix", FORMATS)
def test_values_and_geometry_are_simpleitks(tmp_path, suffix):
    path = write(tmp_path / f"a.{suffix}", VOLUME)
    image, theirs = read_image(path), sitk.ReadImage(str(path))
    np.testing.assert_array_equal(image.pixels, sitk.GetArrayFromImage(theirs))
    assert image.spacing_mm == theirs.GetSpacing()[::-1]
    assert image.origin_mm == theirs.GetOrigin()
    assert image.direction == theirs.GetDirection()


@pytest.mark.parametrize("suffix", ["nii.gz", "nrrd", "mha"])
def test_singleton_fourth_axis_is_dropped(tmp_path, suffix):
    four = sitk.JoinSeries(sitk.GetImageFromArray(VOLUME))
    sitk.WriteImage(four, str(tmp_path / f"a.{suffix}"))
    image = read_image(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(image.pixels, VOLUME)
    assert image.direction == tuple(np.eye(3).ravel())


@pytest.mark.parametrize("suffix", ["nii.gz", "nrrd", "mha"])
def test_real_fourth_axis_is_refused(tmp_path, suffix):
    one = sitk.GetImageFromArray(VOLUME)
    sitk.WriteImage(sitk.JoinSeries([one, one]), str(tmp_path / f"a.{suffix}"))
    with pytest.raises(ImageError, match=r"more than three axes .*5 x 4 x 3 x 2, so 2 volumes"):
        read_image(tmp_path / f"a.{suffix}")


@pytest.mark.parametrize("suffix", ["nii.gz", "nrrd", "mha"])
def test_colour_volume_is_refused(tmp_path, suffix):
    path = write(tmp_path / f"a.{suffix}", np.zeros((3, 4, 5, 3), np.uint8), vector=True)
    with pytest.raises(ImageError, match="several values per voxel"):
        read_image(path)


def test_two_dimensional_volume(tmp_path):
    plane = np.arange(12, dtype=np.float32).reshape(3, 4)
    sitk.WriteImage(sitk.GetImageFromArray(plane), str(tmp_path / "a.mha"))
    image = read_image(tmp_path / "a.mha")
    np.testing.assert_array_equal(image.pixels, plane)
    assert len(image.direction) == 4


@pytest.mark.parametrize("suffix", ["nii", "nii.gz", "nrrd", "mha"])
@pytest.mark.parametrize("keep", [0.2, 0.5, 0.8, 0.95])
def test_truncated_files_are_refused(tmp_path, suffix, keep):
    noise = np.random.default_rng(0).integers(0, 9999, (10, 20, 20)).astype(np.int16)
    path = write(tmp_path / f"a.{suffix}", noise)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(ImageError, match=r"a\..*(damaged|cut short)"):
        read_image(path)


@pytest.mark.parametrize("size", [1, 40, 200, 347])
def test_headers_cut_short(tmp_path, size):
    path = write(tmp_path / "a.nii", VOLUME)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ImageError):
        read_image(path)


def test_flipped_bit_in_gzip(tmp_path):
    path = write(tmp_path / "a.nii.gz", VOLUME)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(ImageError, match="damaged"):
        read_image(path)


def test_itk_would_fill_a_truncated_nifti_with_zeros(tmp_path):
    """The reason for our own length check; when this fails, the check can go."""
    path = write(tmp_path / "a.nii", VOLUME + 1)
    path.write_bytes(path.read_bytes()[:-40])
    assert (sitk.GetArrayFromImage(sitk.ReadImage(str(path))) == 0).any()
    with pytest.raises(ImageError, match=r"cut short \(expected 472 bytes; found 432\)"):
        read_image(path)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_that_are_not_numbers_are_kept(tmp_path, suffix, dtype):
    """ITK turns them into zeros in a NIfTI file; every format must show them."""
    array = VOLUME.astype(dtype)
    array[0, 1, 2], array[2, 3, 4], array[1, 0, 0] = np.nan, np.inf, -np.inf
    image = read_image(write(tmp_path / f"a.{suffix}", array))
    np.testing.assert_array_equal(image.pixels, array)
    assert image.pixels.dtype == dtype


def test_values_that_are_not_numbers_in_a_large_big_endian_file(tmp_path):
    array = np.zeros((9, 400, 400), np.float32)
    array[8, 399, 399] = array[0, 0, 0] = array[7, 0, 3] = np.nan
    path = write(tmp_path / "a.nii", array)
    data = bytearray(path.read_bytes())
    voxels = np.frombuffer(bytes(data[352:]), "<f4").astype(">f4").tobytes()
    swapped = bytearray(352)
    for at, count, kind in (
        (0, 1, "i"), (40, 8, "h"), (70, 2, "h"), (76, 8, "f"), (108, 3, "f"), (252, 2, "h"),
        (256, 18, "f"),
    ):  # fmt: skip
        struct.pack_into(
            f">{count}{kind}", swapped, at, *struct.unpack_from(f"<{count}{kind}", data, at)
        )
    swapped[344:348] = b"n+1\0"
    path.write_bytes(bytes(swapped) + voxels)
    np.testing.assert_array_equal(read_image(path).pixels, array)


def test_sheared_axes_are_explained(tmp_path):
    path = write(tmp_path / "a.nii", VOLUME)
    data = bytearray(path.read_bytes())
    struct.pack_into("<2h", data, 252, 0, 1)
    struct.pack_into("<12f", data, 280, 1, 0.3, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0)
    path.write_bytes(data)
    with pytest.raises(ImageError, match="not at right angles"):
        read_image(path)


def test_unstated_orientation_and_spacing_are_noted(tmp_path):
    path = write(tmp_path / "a.nii", VOLUME)
    data = bytearray(path.read_bytes())
    struct.pack_into("<2h", data, 252, 0, 0)
    struct.pack_into("<8f", data, 76, *[0.0] * 8)
    path.write_bytes(data)
    image = read_image(path)
    assert not image.spacing_known
    assert image.spacing_mm == (1.0, 1.0, 1.0)
    assert len(image.notes) == 2


@pytest.mark.parametrize("size", [np.nan, np.inf])
def test_a_voxel_size_that_is_no_number_is_not_stated(tmp_path, size):
    path = write(tmp_path / "a.nii", VOLUME)
    data = bytearray(path.read_bytes())
    struct.pack_into("<f", data, 80, size)
    path.write_bytes(data)
    assert not read_image(path).spacing_known


@pytest.mark.parametrize(
    ("sizes", "known"), [("1 2 3", True), ("nan 2 3", False), ("1 2 NaN", False)]
)
def test_nrrd_with_unknown_sizes(tmp_path, sizes, known):
    path = tmp_path / "a.nrrd"
    head = f"NRRD0004\ntype: short\ndimension: 3\nsizes: 5 4 3\nspacings: {sizes}\n"
    path.write_bytes(f"{head}endian: little\nencoding: raw\n\n".encode() + VOLUME.tobytes())
    assert read_image(path).spacing_known is known


def test_nrrd_and_metaimage_without_spacing(tmp_path):
    raw = VOLUME.tobytes()
    nrrd = tmp_path / "a.nrrd"
    nrrd.write_bytes(
        b"NRRD0004\ntype: short\ndimension: 3\nsizes: 5 4 3\nendian: little\nencoding: raw\n\n"
        + raw
    )
    meta = tmp_path / "a.mha"
    meta.write_bytes(
        b"ObjectType = Image\nNDims = 3\nDimSize = 5 4 3\nElementType = MET_SHORT\n"
        b"ElementDataFile = LOCAL\n" + raw
    )
    for path in (nrrd, meta):
        image = read_image(path)
        np.testing.assert_array_equal(image.pixels, VOLUME)
        assert not image.spacing_known
        assert image.notes == ("the header does not state the voxel size: 1 mm assumed",)


@pytest.mark.parametrize(("suffix", "word"), [("dat", "rename"), ("nii.gz", None)])
def test_name_of_another_format(tmp_path, suffix, word):
    """NIfTI needs its suffix in ITK; an unpacked file called .gz is no trouble."""
    path = write(tmp_path / "a.nii", VOLUME)
    other = tmp_path / f"b.{suffix}"
    shutil.copy(path, other)
    if word is None:
        np.testing.assert_array_equal(read_image(other).pixels, VOLUME)
    else:
        with pytest.raises(ImageError, match=word):
            read_image(other)


def test_gzip_without_its_suffix(tmp_path):
    path = tmp_path / "a.nii"
    path.write_bytes(gzip.compress(write(path, VOLUME).read_bytes()))
    with pytest.raises(ImageError, match=r"rename it to a\.nii\.gz"):
        read_image(path)


@pytest.mark.parametrize("suffix", ["nrrd", "mha"])
def test_content_counts_where_itk_allows_it(tmp_path, suffix):
    path = write(tmp_path / f"a.{suffix}", VOLUME)
    other = tmp_path / "b.img"
    shutil.copy(path, other)
    np.testing.assert_array_equal(read_image(other).pixels, VOLUME)


@pytest.mark.parametrize("suffix", ["mhd", "nhdr"])
def test_hash_covers_detached_data(tmp_path, suffix):
    path = write(tmp_path / f"a.{suffix}", VOLUME)
    before = read_image(path).source_hash
    data = next(p for p in tmp_path.iterdir() if p != path)
    changed = bytearray(data.read_bytes())
    if suffix == "mhd":
        changed[4] ^= 1
        data.write_bytes(changed)
    else:
        write(path, VOLUME + 1)
    assert read_image(path).source_hash != before
    data.unlink()
    with pytest.raises(ImageError, match="data file named by the header is missing"):
        read_image(path)


@pytest.mark.parametrize(
    "line", ["ElementDataFile = LIST\n%s\n%s\n", "ElementDataFile = s%%d.raw 0 1 1\n"]
)
def test_hash_covers_lists_and_patterns(tmp_path, line):
    for number in range(2):
        (tmp_path / f"s{number}.raw").write_bytes(bytes([number] * 4))
    header = tmp_path / "a.mhd"
    names = ("s0.raw", "s1.raw") if "LIST" in line else ()
    header.write_text("ObjectType = Image\nNDims = 3\n" + line % names)
    before = hash_source(header)
    assert hash_source(header) == before
    (tmp_path / "s1.raw").write_bytes(b"\x09" * 4)
    assert hash_source(header) != before


def test_hash_of_what_is_not_there(tmp_path):
    with pytest.raises(ImageError, match="no such file or folder"):
        hash_source(tmp_path / "none.nii")


def test_analyze_pair(tmp_path):
    path = tmp_path / "a.hdr"
    sitk.WriteImage(sitk.GetImageFromArray(VOLUME), str(path))
    image = read_image(path)
    np.testing.assert_array_equal(image.pixels, VOLUME)
    before = image.source_hash
    data = tmp_path / "a.img"
    data.write_bytes(b"\x07" + data.read_bytes()[1:])
    assert read_image(path).source_hash != before
    data.write_bytes(data.read_bytes()[:-3])
    with pytest.raises(ImageError, match=r"a\.img: NIfTI file is cut short"):
        read_image(path)
    data.unlink()
    with pytest.raises(ImageError, match=r"\.img file of the pair is missing"):
        read_image(path)


def test_single_file_without_its_mark(tmp_path):
    path = write(tmp_path / "a.nii", VOLUME)
    path.write_bytes(path.read_bytes()[:344] + b"\0\0\0\0")
    with pytest.raises(ImageError, match=r"damaged .*n\+1"):
        read_image(path)


@pytest.mark.parametrize("order", ["<", ">"])
def test_nifti_2_is_named(tmp_path, order):
    head = bytearray(544)
    struct.pack_into(f"{order}i", head, 0, 540)
    head[4:12] = b"n+2\0\r\n\x1a\n"
    path = tmp_path / "a.nii"
    path.write_bytes(bytes(head) + VOLUME.tobytes())
    with pytest.raises(ImageError, match="NIfTI-2 is not supported"):
        read_image(path)


def test_messages_are_the_same_in_every_run(tmp_path):
    path = write(tmp_path / "a.nii", VOLUME)
    data = bytearray(path.read_bytes())
    struct.pack_into("<h", data, 70, 9999)
    path.write_bytes(data)
    texts = set()
    for _ in range(3):
        with pytest.raises(ImageError) as caught:
            read_image(path)
        texts.add(str(caught.value))
    (text,) = texts
    assert "0x" not in text


@pytest.mark.parametrize("keep", [0.6, 0.95])
def test_large_gzip_cut_short(tmp_path, keep):
    noise = np.random.default_rng(0).integers(0, 9999, (40, 60, 60)).astype(np.int16)
    path = write(tmp_path / "a.nii.gz", noise)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(ImageError, match=r"gzip file is damaged .*data that break off"):
        read_image(path)
