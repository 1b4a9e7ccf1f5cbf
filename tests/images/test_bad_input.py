"""What scanners, exports and hurried hands produce: each is refused or flagged, never guessed."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from radiofib.errors import ImageError, MaskError
from radiofib.images import Image, load_roi, make_roi, read_image, read_mask, write_volume
from radiofib.images.grids import Grid, boxes_overlap
from tests.images.dicoms import write_series

EYE = tuple(np.eye(3).ravel())
VOLUME = np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7)
SUFFIXES = ("nii", "nii.gz", "nrrd", "mha", "dcm", "png")
QUIET = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_zero_bytes(tmp_path, suffix):
    path = tmp_path / f"liver.{suffix}"
    path.write_bytes(b"")
    with pytest.raises(ImageError, match=r"liver.*file is empty.*0 bytes"):
        read_image(path)
    with pytest.raises(MaskError, match=r"liver.*mask: file is empty"):
        read_mask(path)
    image = write_volume(tmp_path / "image.nrrd", Image(VOLUME, (1.0,) * 3, (0.0,) * 3, EYE))
    with pytest.raises(MaskError, match=r"liver.*mask: file is empty"):
        load_roi(image, path, channel="t1")


@pytest.mark.parametrize("lost", ["s000.dcm", "s002.dcm", "s004.dcm"])
def test_empty_slice_is_not_passed_over(tmp_path, lost):
    """At either end no gap would give it away."""
    folder = write_series(tmp_path / "s", VOLUME)
    (folder / lost).write_bytes(b"")
    with pytest.raises(ImageError, match=rf"{lost}: file is empty"):
        read_image(folder)


def test_slice_that_is_something_else_is_said(tmp_path):
    folder = write_series(tmp_path / "s", VOLUME)
    (folder / "s004.dcm").write_bytes(b"<html>404</html>" * 20)
    image = read_image(folder)
    assert image.pixels.shape[0] == 4
    assert "passed over: s004.dcm, named like slices, no DICOM" in image.notes


def test_pair_of_four_dimensions_with_one_volume_each(tmp_path):
    """Image and mask with a singleton axis, as LiFS has them, in either of the two."""
    mask = (VOLUME > 90).astype(np.uint8)
    for name, array in (("image", VOLUME), ("mask", mask)):
        for dims in (3, 4):
            whole = sitk.GetImageFromArray(array)
            whole.SetSpacing((0.6, 0.7, 3.0))
            path = tmp_path / f"{name}{dims}.nii"
            sitk.WriteImage(whole, str(path))
            raw = bytearray(path.read_bytes())  # ITK itself never writes the fourth axis
            struct.pack_into("<8h", raw, 40, dims, 7, 6, 5, 1, 1, 1, 1)
            path.write_bytes(raw)
    rois = [
        load_roi(tmp_path / f"image{a}.nii", tmp_path / f"mask{b}.nii", channel="t1")
        for a in (3, 4)
        for b in (3, 4)
    ]
    for roi in rois:
        np.testing.assert_array_equal(roi.pixels, VOLUME)
        np.testing.assert_array_equal(roi.mask, mask)
        assert roi.spacing_mm == pytest.approx((3.0, 0.7, 0.6))


def _turned(rng):
    turn, upper = np.linalg.qr(rng.normal(size=(3, 3)))
    return tuple((turn * np.sign(np.diag(upper))).ravel())


@QUIET
@given(seed=st.integers(0, 10_000), suffix=st.sampled_from(["nii.gz", "nrrd", "mha"]))
def test_oblique_and_flipped_masks_name_the_same_places(tmp_path_factory, seed, suffix):
    """A mask stored flipped and with its axes swapped, on an oblique image, in any format."""
    rng = np.random.default_rng(seed)
    folder = tmp_path_factory.mktemp("oblique")
    image = Image(VOLUME, (3.0, 1.1, 0.9), tuple(rng.uniform(-99, 99, 3)), _turned(rng))
    truth = rng.random(VOLUME.shape) < 0.5
    axes = rng.permutation(3)
    flips = rng.random(3) < 0.5
    matrix = np.array(image.direction).reshape(3, 3)
    ends = np.array(VOLUME.shape[::-1]) - 1
    start = np.where(flips, ends, 0)  # index (x, y, z) of what is stored first
    origin = Grid.of(image).to_physical(start[None].astype(float))[0]
    signed = matrix * np.where(flips, -1.0, 1.0)
    array = truth[tuple(slice(None, None, -1 if f else 1) for f in flips[::-1])]
    order = [2 - a for a in axes][::-1]  # of array axes, so that stored x is axis axes[0]
    stored = Image(
        np.ascontiguousarray(array.transpose(order)).astype(np.uint8),
        tuple(np.array(image.spacing_mm)[order]),
        tuple(origin),
        tuple(signed[:, axes].ravel()),
    )
    for name, what in (("image", image), ("mask", stored)):
        found = sitk.GetImageFromArray(what.pixels)
        found.SetSpacing(what.spacing_mm[::-1])
        found.SetOrigin(what.origin_mm)
        found.SetDirection(what.direction)
        sitk.WriteImage(found, str(folder / f"{name}.{suffix}"))
    roi = load_roi(folder / f"image.{suffix}", folder / f"mask.{suffix}", channel="t1")
    np.testing.assert_array_equal(roi.mask, truth)


def _slab(origin, direction):
    return Image(np.ones((4, 40, 40), np.uint8), (2.0, 2.0, 2.0), origin, direction)


def test_fields_of_view_that_meet_only_as_boxes():
    """Two parallel oblique slabs, side by side: their bounding boxes overlap, they do not."""
    c = np.sqrt(0.5)
    tilted = (1.0, 0, 0, 0, c, -c, 0, c, c)
    normal = np.array([0.0, -c, c])
    image = _slab((0.0, 0.0, 0.0), tilted)
    mask = _slab(tuple(20 * normal), tilted)
    assert boxes_overlap(Grid.of(image), Grid.of(mask))
    with pytest.raises(
        MaskError, match=r"nothing of the mask is left.*6400 of 6400 voxels outside"
    ):
        make_roi(image, mask, channel="t1")


def test_fields_of_view_apart():
    image, mask = _slab((0.0, 0.0, 0.0), EYE), _slab((0.0, 0.0, 300.0), EYE)
    with pytest.raises(MaskError, match=r"do not overlap.*z -1 to 7.*z 299 to 307"):
        make_roi(image, mask, channel="t1")


@pytest.mark.parametrize(("shift", "verdict"), [(38.0, "noted"), (42.0, "refused")])
def test_mask_of_another_patient_half_outside(shift, verdict):
    image, mask = _slab((0.0, 0.0, 0.0), EYE), _slab((shift, 0.0, 0.0), EYE)
    if verdict == "refused":
        with pytest.raises(MaskError, match="more than half of the mask lies outside"):
            make_roi(image, mask, channel="t1")
        return
    notes = make_roi(image, mask, channel="t1").notes
    assert any("3040 of 6400 voxels of the mask" in note for note in notes)
