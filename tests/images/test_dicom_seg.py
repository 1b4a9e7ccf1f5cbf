"""DICOM SEG as masks: every kind, any order of frames, any place, and what is refused."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import RLELossless

from radiofib.errors import MaskError
from radiofib.images import Image, load_roi, read_image, read_mask
from radiofib.images.grids import Grid, carry_mask
from tests.images.dicom_objects import write_seg
from tests.images.dicoms import leaks, reread, write_dicom, write_series

QUIET = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
VOLUME = np.arange(5 * 6 * 7, dtype=np.uint16).reshape(5, 6, 7)


def _blob(seed=0, share=0.4, shape=VOLUME.shape):
    mask = np.random.default_rng(seed).random(shape) < share
    mask[2, 2, 2] = True
    return mask


@QUIET
@given(data=st.data())
def test_any_segmentation_returns_the_masks_it_was_made_from(tmp_path_factory, data):
    """Random masks, direction, frame order, kind and header; rows x columns no multiple of 8."""
    seed = data.draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    n = data.draw(st.integers(2, 6))
    shape = (n, *data.draw(st.tuples(st.integers(2, 6), st.integers(2, 6))))
    kind = data.draw(st.sampled_from(["BINARY", "FRACTIONAL", "LABELMAP"]))
    numbers = data.draw(st.lists(st.integers(1, 40), min_size=1, max_size=3, unique=True))
    share = data.draw(st.sampled_from([0.05, 0.5, 0.95]))
    truth = {k: rng.random(shape) < share for k in numbers}
    taken = np.zeros(shape, bool)
    for mask in truth.values():  # a label map holds one number a voxel
        mask &= ~taken if kind == "LABELMAP" else True
        taken |= mask
    angle = data.draw(st.floats(-0.6, 0.6))
    place = {
        "step": data.draw(st.floats(0.7, 9.0)),
        "orientation": (np.cos(angle), np.sin(angle), 0.0, 0.0, 0.0, -1.0),
    }
    folder = tmp_path_factory.mktemp("seg")
    image = read_image(write_series(folder / "image", np.ones(shape, np.int16), **place))
    stored = {k: m * 150 for k, m in truth.items()} if kind == "FRACTIONAL" else truth
    frames = len(numbers) * n
    path = write_seg(
        folder / "mask.png", stored, kind=kind, order=rng.permutation(frames), **place,
        keep_empty=data.draw(st.booleans()),
        between=data.draw(st.sampled_from([None, place["step"], 3.2])),
        thickness=data.draw(st.sampled_from([None, place["step"], 3.2])),
    )  # fmt: skip
    for number, mask in truth.items():
        if not mask.any():
            continue
        found = read_mask(path, number, on=image)
        np.testing.assert_array_equal(found.pixels, mask)
        assert (found.spacing_mm, found.origin_mm) == (image.spacing_mm, image.origin_mm)
        roi = load_roi(folder / "image", path, mask_label=number, channel="t1")
        np.testing.assert_array_equal(roi.mask, mask)


@pytest.mark.parametrize("between", [None, 2.0, 3.2])
def test_missing_frames_are_background(tmp_path, between):
    mask = _blob()
    mask[1] = mask[3] = False
    path = write_seg(tmp_path / "seg", {1: mask}, between=between, thickness=2.0)
    image = read_image(write_series(tmp_path / "image", VOLUME))
    np.testing.assert_array_equal(read_mask(path, on=image).pixels, mask)


def test_without_the_image_the_grid_is_that_of_the_frames(tmp_path):
    mask = _blob()
    mask[0] = mask[2] = False
    found = read_mask(write_seg(tmp_path / "seg", {1: mask}, thickness=None))
    np.testing.assert_array_equal(found.pixels, mask[1:])
    assert found.spacing_mm == (2.0, 1.5, 0.75)
    assert found.origin_mm == (-10.0, 20.0, -28.0)
    assert found.pixels.dtype == np.uint8


def test_several_segments_are_a_label_map(tmp_path):
    one = _blob(1)
    two = _blob(2) & ~one
    path = write_seg(tmp_path / "seg", {2: one, 7: two})
    np.testing.assert_array_equal(read_mask(path).pixels, one * 2 + two * 7)
    np.testing.assert_array_equal(read_mask(path, 7).pixels, two)


def test_overlapping_segments_are_read_one_by_one(tmp_path):
    one, two = np.ones((2, *VOLUME.shape), bool)
    path = write_seg(tmp_path / "seg", {1: one, 2: two})
    with pytest.raises(MaskError, match=r"overlap.*210 voxels of segment 2 also in 1"):
        read_mask(path)
    np.testing.assert_array_equal(read_mask(path, 2).pixels, two)
    write_series(tmp_path / "image", VOLUME)
    roi = load_roi(tmp_path / "image", path, channel="t1")  # 1, as for any mask
    assert roi.n_voxels == VOLUME.size
    assert "mask: segment 1, of 1 (liver, 5 frames), 2 (liver, 5 frames)" in roi.notes


def test_fractions_are_cut_at_half(tmp_path):
    values = np.zeros(VOLUME.shape, np.uint8)
    values[1, 0, :4] = 99, 100, 101, 200  # of 200
    image = read_image(write_series(tmp_path / "image", VOLUME))
    found = read_mask(write_seg(tmp_path / "seg", {1: values}, kind="FRACTIONAL"), on=image)
    assert found.pixels[1, 0, :4].tolist() == [0, 1, 1, 1]
    assert (
        found.notes[0] == "fractional segmentation (probability) cut at half of its largest value"
    )


def test_run_length_coded_fractions(tmp_path):
    values = _blob() * np.uint8(180)
    path = write_seg(tmp_path / "seg", {1: values}, kind="FRACTIONAL", thickness=2.0)
    ds = reread(path)
    ds.compress(RLELossless)
    ds.save_as(path)
    image = read_image(write_series(tmp_path / "image", VOLUME))
    np.testing.assert_array_equal(read_mask(path, on=image).pixels, values > 0)


def test_segmentation_stored_from_the_other_end(tmp_path):
    """Feet first against head first: placed by position, never by frame number."""
    mask = _blob()
    flipped = write_seg(
        tmp_path / "seg", {1: mask[::-1, ::-1]}, orientation=(1, 0, 0, 0, -1, 0),
        origin=(-10.0, 20.0 + 5 * 1.5, -30.0 + 4 * 2.0),
    )  # fmt: skip
    roi = load_roi(write_series(tmp_path / "image", VOLUME), flipped, channel="t1")
    np.testing.assert_array_equal(roi.mask, mask)
    assert any("resampled" in note for note in roi.notes)


def test_segmentation_on_another_grid_is_carried(tmp_path):
    fine = np.zeros((5, 12, 14), bool)
    fine[1:4, 2:8, 4:10] = True
    path = write_seg(
        tmp_path / "seg", {1: fine}, spacing=(0.75, 0.375), origin=(-10.1875, 19.625, -30.0)
    )
    image = read_image(write_series(tmp_path / "image", VOLUME))
    found = read_mask(path, on=image)
    assert found.spacing_mm == (2.0, 0.75, 0.375)
    roi = load_roi(tmp_path / "image", path, channel="t1")
    mine, its = Grid.of(image), Grid.of(found)
    np.testing.assert_array_equal(roi.mask, carry_mask(found.pixels.astype(bool), its, mine))
    assert roi.n_voxels == 3 * 3 * 3


def test_frames_beyond_the_image_are_counted(tmp_path):
    mask = np.zeros(VOLUME.shape, bool)
    mask[:, 2, 2] = True
    write_series(tmp_path / "image", VOLUME[:4])
    roi = load_roi(tmp_path / "image", write_seg(tmp_path / "seg", {1: mask}), channel="t1")
    assert roi.n_voxels == 4
    assert any("1 of 5 voxels of the mask 'seg' lie outside" in note for note in roi.notes)


def test_segmentation_of_another_patient(tmp_path):
    write_series(tmp_path / "image", VOLUME)
    far = write_seg(tmp_path / "seg", {1: _blob()}, origin=(400.0, 20.0, -30.0))
    with pytest.raises(MaskError, match="do not overlap"):
        load_roi(tmp_path / "image", far, channel="t1")


def test_another_frame_of_reference_is_noted(tmp_path):
    write_series(tmp_path / "image", VOLUME, FrameOfReferenceUID="1.2.826.0.77")
    same = write_seg(tmp_path / "same", {1: _blob()}, frame="1.2.826.0.77")
    other = write_seg(tmp_path / "other", {1: _blob()}, frame="1.2.826.0.78")
    notes = {p: load_roi(tmp_path / "image", p, channel="t1").notes for p in (same, other)}
    assert not any("frame of reference" in note for note in notes[same])
    assert any("another frame of reference" in note for note in notes[other])
    assert "1.2.826" not in str(notes)


def test_the_one_segmentation_in_a_folder(tmp_path):
    mask = _blob()
    folder = write_series(tmp_path / "study", VOLUME)
    seg = write_seg(folder / "liver", {1: mask})
    np.testing.assert_array_equal(load_roi(folder, folder, channel="t1").mask, mask)
    shutil.copy(seg, folder / "again")
    with pytest.raises(MaskError, match=r"several segmentation objects.*again, liver"):
        read_mask(folder)


def test_choice_of_a_segment_and_what_is_listed(tmp_path):
    write_series(tmp_path / "image", VOLUME)
    names = {3: "Left Kidney", 4: "spleen_2", 5: "Dulcinea's lesion"}
    path = write_seg(tmp_path / "seg", {n: _blob(n) for n in names}, names=names, keep_empty=True)
    with pytest.raises(MaskError) as caught:
        load_roi(tmp_path / "image", path, channel="t1")
    listed = "3 (left kidney, 5 frames), 4 (spleen 2, 5 frames), 5 (5 frames)"
    assert listed in str(caught.value)
    assert "mask_label" in str(caught.value)
    with pytest.raises(MaskError, match="no segment 6") as caught:
        load_roi(tmp_path / "image", path, mask_label=6, channel="t1")
    assert listed in str(caught.value)
    assert leaks(str(caught.value)) == []
    with pytest.raises(MaskError, match="label 0 is the background"):
        read_mask(path, 0)


def test_segments_without_frames(tmp_path):
    nothing = np.zeros(VOLUME.shape, bool)
    path = write_seg(tmp_path / "seg", {1: nothing, 2: _blob()})
    with pytest.raises(MaskError, match=r"segment 1 is empty.*1 \(liver, empty\), 2 \(liver, 5"):
        read_mask(path, 1)
    roi = load_roi(write_series(tmp_path / "image", VOLUME), path, channel="t1")
    np.testing.assert_array_equal(roi.mask, _blob())
    empty = write_seg(tmp_path / "empty", {1: nothing}, keep_empty=True)
    with pytest.raises(MaskError, match="empty"):
        load_roi(tmp_path / "image", empty, channel="t1")


def test_frame_stored_twice(tmp_path):
    path = write_seg(tmp_path / "seg", {1: _blob()}, repeat=[0, 3])
    image = read_image(write_series(tmp_path / "image", VOLUME))
    found = read_mask(path, on=image)
    np.testing.assert_array_equal(found.pixels, _blob())
    assert "2 frame(s) stored twice, the same: one of each is used" in found.notes
    ds = reread(path)
    data = bytearray(ds.PixelData)
    data[0] ^= 1
    ds.PixelData = bytes(data)
    ds.save_as(path)
    with pytest.raises(MaskError, match=r"different frames.*frames 1, 6 of segment 1"):
        read_mask(path)


def test_segmentation_of_a_picture(tmp_path):
    mask = _blob()[:1]
    frame = write_dicom(tmp_path / "us", VOLUME[0].astype(np.uint8), kind="US")
    path = write_seg(tmp_path / "seg", {1: mask}, placed=False)
    roi = load_roi(frame, path, channel="us")
    np.testing.assert_array_equal(roi.mask, mask[0])
    several = write_seg(tmp_path / "many", {1: _blob()}, placed=False)
    with pytest.raises(MaskError, match="do not state their position"):
        read_mask(several)


def _without(path, *names):
    ds = reread(path)
    for name in names:
        del ds[name]
    ds.save_as(path)
    return path


BROKEN = {
    "no pixels": lambda p: _without(write_seg(p, {1: _blob()}), "PixelData"),
    "no frames": lambda p: _without(write_seg(p, {1: _blob()}), "PerFrameFunctionalGroupsSequence"),
    "no matrix": lambda p: _without(write_seg(p, {1: _blob()}), "Rows"),
    "no pixel size": lambda p: _without(
        write_seg(p, {1: _blob()}), "SharedFunctionalGroupsSequence"
    ),
    "pixels cut": lambda p: _cut(write_seg(p, {1: _blob()}), -12),
    "header cut": lambda p: _cut(write_seg(p, {1: _blob()}), 900),
}


def _cut(path, size):
    path.write_bytes(path.read_bytes()[:size])
    return path


@pytest.mark.parametrize("name", BROKEN)
def test_damaged_segmentations(tmp_path, name):
    path = BROKEN[name](tmp_path / "seg")
    with pytest.raises(MaskError) as caught:
        read_mask(path)
    assert str(path) in str(caught.value)
    assert leaks(str(caught.value)) == []


def test_frames_on_uneven_slices(tmp_path):
    path = write_seg(tmp_path / "seg", {1: _blob()}, between=None, thickness=None)
    ds = reread(path)
    for group, z in zip(ds.PerFrameFunctionalGroupsSequence, [0, 2, 5, 7.3, 9], strict=True):
        group.PlanePositionSequence[0].ImagePositionPatient = [0, 0, z]
    ds.save_as(path)
    with pytest.raises(MaskError, match=r"not on evenly spaced slices.*multiples of 1.7 mm"):
        read_mask(path)
    for group in ds.PerFrameFunctionalGroupsSequence[1:2]:
        group.PlanePositionSequence[0].ImagePositionPatient = [3, 0, 2]
    ds.save_as(path)
    with pytest.raises(MaskError, match="displaced sideways"):
        read_mask(path)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_damaged_files_give_a_mask_or_a_mask_error(tmp_path_factory, data):
    """Bytes changed or cut anywhere: never another exception, never a patient field."""
    path = write_seg(tmp_path_factory.mktemp("fuzz") / "a", {1: _blob()[:2]})
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        raw[data.draw(st.integers(132, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.integers(1, len(raw)))])
    try:
        text = repr(read_mask(path))
    except MaskError as error:
        text = str(error)
    assert leaks(text) == []


def test_mask_on_an_image_in_memory(tmp_path):
    """`on` matters to a SEG only by its grid: other masks come back as they are."""
    image = Image(VOLUME, (2.0, 1.5, 0.75), (-10.0, 20.0, -30.0), tuple(np.eye(3).ravel()))
    path = write_seg(tmp_path / "seg", {1: _blob()[:3]})
    assert read_mask(path, on=image).pixels.shape == VOLUME.shape
    assert read_mask(path).pixels.shape == (3, 6, 7)
