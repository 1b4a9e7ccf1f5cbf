"""To SimpleITK and back, and to files: the same pixels in the same place, and no other word."""

from __future__ import annotations

import gzip
import tracemalloc

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from radiofib.errors import ImageError
from radiofib.images import Image, as_sitk, from_sitk, read_image, write_volume
from radiofib.provenance import hash_bytes

QUIET = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
TYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"]


def _image(rng, kind="i2", shape=(3, 4, 5)):
    turn, upper = np.linalg.qr(rng.normal(size=(3, 3)))
    turn = turn * np.sign(np.diag(upper))
    return Image(
        rng.integers(0, 100, shape).astype(kind),
        tuple(float(s) for s in rng.uniform(0.3, 9, 3)),
        tuple(float(o) for o in rng.uniform(-300, 300, 3)),
        tuple(float(d) for d in turn.ravel()),
        spacing_known=False,
        source_hash="abc",
        notes=("said",),
        frame_of_reference="def",
    )


@QUIET
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(TYPES))
def test_there_and_back(seed, kind):
    image = _image(np.random.default_rng(seed), kind)
    again = from_sitk(as_sitk(image), like=image)
    np.testing.assert_array_equal(again.pixels, image.pixels)
    assert again.pixels.dtype == image.pixels.dtype
    for name in ("spacing_mm", "origin_mm", "direction", "spacing_known", "source_hash", "kind",
                 "notes", "frame_of_reference"):  # fmt: skip
        assert getattr(again, name) == getattr(image, name)
    alone = from_sitk(as_sitk(image))
    assert (alone.kind, alone.source_hash, alone.notes) == ("volume", "", ())


def test_picture_stays_a_picture():
    picture = Image(np.arange(6.0).reshape(2, 3), (0.5, 0.25), kind="picture")
    found = as_sitk(picture)
    assert found.GetSize() == (3, 2)
    assert found.GetSpacing() == (0.25, 0.5)
    again = from_sitk(sitk.Add(found, 1), like=picture)
    np.testing.assert_array_equal(again.pixels, picture.pixels + 1)
    assert (again.kind, again.origin_mm, again.spacing_mm) == ("picture", None, (0.5, 0.25))


def test_truth_values_half_floats_and_cosines_of_no_meaning():
    direction = (1.0, 1e-300, 0.0, 0.0, 1.0, 0.0, -1e-14, 0.0, 1.0)
    mask = Image(np.ones((2, 2, 2), bool), (1.0,) * 3, (0.0,) * 3, direction)
    assert as_sitk(mask).GetPixelID() == sitk.sitkUInt8
    assert as_sitk(mask).GetDirection() == (1, 0, 0, 0, 1, 0, 0, 0, 1)
    half = Image(np.full((2, 2, 2), 1.5, np.float16), (1.0,) * 3, (0.0,) * 3, direction)
    assert as_sitk(half).GetPixelID() == sitk.sitkFloat32


def test_changes_do_not_reach_the_other():
    image = _image(np.random.default_rng(0))
    before = image.pixels.copy()
    found = as_sitk(image)
    found[0, 0, 0] = 77
    again = from_sitk(found)
    found[1, 1, 1] = 78
    np.testing.assert_array_equal(image.pixels, before)
    assert again.pixels[0, 0, 0] == 77
    assert again.pixels[1, 1, 1] == before[1, 1, 1]
    assert again.pixels.flags.writeable


def test_pixels_are_copied_once():
    image = Image(np.zeros((64, 256, 256), np.int16), (1.0,) * 3, (0.0,) * 3,
                  tuple(np.eye(3).ravel()))  # fmt: skip
    found = as_sitk(image)
    tracemalloc.start()
    try:
        as_sitk(image)  # ITK's own buffer is not traced: Python must not copy at all
        assert tracemalloc.get_traced_memory()[1] < 0.1 * image.pixels.nbytes
        tracemalloc.reset_peak()
        from_sitk(found)
        assert tracemalloc.get_traced_memory()[1] < 1.1 * image.pixels.nbytes
    finally:
        tracemalloc.stop()


def test_colour_and_time_are_refused():
    with pytest.raises(ImageError, match="3 values"):
        from_sitk(sitk.Image([2, 2, 2], sitk.sitkVectorUInt8, 3))
    with pytest.raises(ImageError, match="4 axes"):
        from_sitk(sitk.Image([2, 2, 2, 2], sitk.sitkUInt8))


@QUIET
@given(
    seed=st.integers(0, 10_000),
    kind=st.sampled_from(TYPES),
    ending=st.sampled_from(["nii.gz", "nii", "nrrd"]),
)
def test_written_files_are_read_as_they_were_and_have_the_same_bytes(
    tmp_path_factory, seed, kind, ending
):
    image = _image(np.random.default_rng(seed), kind)
    folder = tmp_path_factory.mktemp("write")
    path = write_volume(folder / f"a.b.{ending}", image)
    again = read_image(path)
    np.testing.assert_array_equal(again.pixels, image.pixels)
    assert again.pixels.dtype == image.pixels.dtype
    loose = {"rel": 2e-6, "abs": 1e-4 if ending != "nrrd" else 1e-12}  # single precision in NIfTI
    assert again.spacing_mm == pytest.approx(image.spacing_mm, **loose)
    assert again.origin_mm == pytest.approx(image.origin_mm, **loose)
    assert again.direction == pytest.approx(image.direction, **loose)
    first = path.read_bytes()
    other = write_volume(folder / f"other name.{ending}", image)
    assert write_volume(path, image).read_bytes() == first == other.read_bytes()
    assert sorted(p.name for p in folder.iterdir()) == sorted([path.name, other.name])


@pytest.mark.parametrize("ending", ["nii.gz", "nii", "nrrd"])
def test_nothing_but_geometry_in_the_header(tmp_path, ending):
    found = as_sitk(_image(np.random.default_rng(1)))
    found.SetMetaData("0010|0010", "Quixotica^Dulcinea")
    found.SetMetaData("descrip", "liver of Dulcinea")
    found.SetMetaData("intent_name", "Dulcinea")
    data = write_volume(tmp_path / f"x.{ending}", found).read_bytes()
    assert found.GetMetaData("descrip") == "liver of Dulcinea"  # the caller's image is as it was
    if ending == "nrrd":
        header = data.split(b"\n\n")[0].decode().splitlines()
        fields = {line.split(":")[0] for line in header[1:] if not line.startswith("#")}
        assert fields == {"type", "dimension", "space", "sizes", "space directions", "kinds",
                          "endian", "encoding", "space origin"}  # fmt: skip
        return
    raw = gzip.decompress(data) if ending == "nii.gz" else data
    assert raw[4:40].strip(b"\0r") == b""  # data_type, db_name and the rest of ANALYZE
    assert raw[148:252].strip(b"\0") == b""  # descrip, aux_file
    assert raw[328:344].strip(b"\0") == b""  # intent_name
    assert b"Dulcinea" not in raw
    if ending == "nii.gz":
        assert data[3] == 0  # no name in the gzip header
        assert data[4:8] == b"\0" * 4  # no time


def test_bytes_do_not_depend_on_the_day(tmp_path):
    """The digest of one small file, so that a change of ITK or of time shows."""
    image = Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), (2.0, 1.0, 0.5), (1.0, 2.0, 3.0),
                  tuple(np.eye(3).ravel()))  # fmt: skip
    data = write_volume(tmp_path / "x.nii", image).read_bytes()
    assert len(data) == 352 + 48
    assert hash_bytes(data[352:]) == hash_bytes(image.pixels.tobytes())
    assert hash_bytes(data) == hash_bytes(write_volume(tmp_path / "y.nii", image).read_bytes())


def test_what_cannot_be_written(tmp_path):
    image = _image(np.random.default_rng(0))
    with pytest.raises(ImageError, match=r"\.nii\.gz, \.nii, \.nrrd"):
        write_volume(tmp_path / "x.mha", image)
    with pytest.raises(ImageError, match="cannot be written") as caught:
        write_volume(tmp_path / "nowhere" / "x.nii", image)
    assert str(tmp_path) not in str(caught.value)
    kept = write_volume(tmp_path / "x.nii", image).read_bytes()
    (tmp_path / "x.nii.gz").mkdir()
    with pytest.raises(ImageError, match="cannot be written"):
        write_volume(tmp_path / "x.nii.gz", image)
    assert (tmp_path / "x.nii").read_bytes() == kept
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.nii", "x.nii.gz"]
