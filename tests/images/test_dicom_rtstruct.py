"""RTSTRUCT as masks: contours in space, filled on the image's grid."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.measure
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from radiofib.errors import MaskError
from radiofib.images import Image, load_roi, read_image, read_mask
from radiofib.images.contours import polygon_area
from radiofib.images.grids import Grid
from tests.images.dicom_objects import write_rtstruct
from tests.images.dicoms import leaks, reread, write_series
from tests.images.test_contours import star

QUIET = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
SHAPE = (5, 40, 50)
FLAT = Image(
    np.ones(SHAPE, np.int16), (3.0, 1.5, 0.75), (-10.0, 20.0, -30.0), tuple(np.eye(3).ravel())
)


def to_mm(image, z, points):
    """Turn (x, y) in pixels on slice z into positions."""
    points = np.asarray(points, dtype=float)
    index = np.column_stack([points, np.full(len(points), float(z))])
    return Grid.of(image).to_physical(index)


def box(x0, y0, x1, y1):
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=float)


def oblique(rng):
    """Return an image of random direction: a rotation about any axis, perhaps mirrored."""
    turn, upper = np.linalg.qr(rng.normal(size=(3, 3)))
    turn = turn * np.sign(np.diag(upper))
    spacing = tuple(float(s) for s in rng.uniform(0.6, 4.0, 3))
    origin = tuple(float(o) for o in rng.uniform(-200, 200, 3))
    return Image(np.ones(SHAPE, np.int16), spacing, origin, tuple(turn.ravel()))


def outlines(mask):
    """Return the outlines (x, y) of a region half way between pixels inside and outside."""
    padded = np.pad(mask, 1).astype(float)
    return [line[:-1, ::-1] - 1 for line in skimage.measure.find_contours(padded, 0.5)]


@QUIET
@given(seed=st.integers(0, 10_000), share=st.sampled_from([0.02, 0.3, 0.7, 1.0]))
def test_outlines_of_a_mask_give_the_mask(tmp_path_factory, seed, share):
    """On any oblique grid; random masks are full of holes, islands and corners."""
    rng = np.random.default_rng(seed)
    image = oblique(rng)
    mask = np.zeros(SHAPE, bool)
    mask[:, 3:13, 4:15] = rng.random((5, 10, 11)) < share
    mask[1, 3, 4] = True
    contours = [to_mm(image, z, line) for z in range(len(mask)) for line in outlines(mask[z])]
    contours = [contours[i] for i in rng.permutation(len(contours))]
    path = write_rtstruct(tmp_path_factory.mktemp("rt") / "mask.nii.gz", {7: contours})
    found = read_mask(path, 7, on=image)
    np.testing.assert_array_equal(found.pixels, mask)
    assert (found.spacing_mm, found.origin_mm) == (image.spacing_mm, image.origin_mm)
    assert all("no contour although" in note for note in found.notes)


@QUIET
@given(seed=st.integers(0, 10_000), corners=st.integers(3, 9))
def test_volume_is_area_times_thickness(tmp_path_factory, seed, corners):
    rng = np.random.default_rng(seed)
    image = oblique(rng)
    z, y, x = image.spacing_mm
    lines = [star(rng, corners, np.array([25.0, 20.0]), 18) for _ in range(SHAPE[0])]
    path = write_rtstruct(
        tmp_path_factory.mktemp("rt") / "rt", {1: [to_mm(image, k, p) for k, p in enumerate(lines)]}
    )
    found = read_mask(path, on=image)
    edges = sum(np.linalg.norm(p - np.roll(p, 1, axis=0), axis=1).sum() for p in lines)
    truth = sum(polygon_area(p) for p in lines) * x * y * z
    count = int(found.pixels.sum())
    assert abs(count * x * y * z - truth) <= (np.sqrt(2) * edges + 20) * x * y * z


def test_hole_keyhole_and_two_regions(tmp_path):
    outer, inner = box(4.5, 4.5, 24.5, 24.5), box(9.5, 9.5, 19.5, 19.5)
    keyhole = np.concatenate([outer, outer[:1], inner[::-1], inner[-1:]])
    path = write_rtstruct(
        tmp_path / "rt",
        {
            1: [to_mm(FLAT, 2, outer), to_mm(FLAT, 2, inner)],
            2: [to_mm(FLAT, 3, keyhole)],
            5: [
                to_mm(FLAT, 4, box(30.5, 1.5, 33.5, 3.5)),
                to_mm(FLAT, 4, box(40.5, 1.5, 41.5, 3.5)),
            ],
        },
    )
    counts = {n: int(read_mask(path, n, on=FLAT).pixels.sum()) for n in (1, 2, 5)}
    assert counts == {1: 300, 2: 300, 5: 8}
    whole = read_mask(path, on=FLAT).pixels
    assert {n: int((whole == n).sum()) for n in (1, 2, 5)} == counts
    assert whole.dtype == np.uint8


def test_roi_is_cut_from_a_dicom_series(tmp_path):
    volume = np.arange(np.prod(SHAPE), dtype=np.int32).reshape(SHAPE).astype(np.uint16)
    folder = write_series(tmp_path / "image", volume, FrameOfReferenceUID="1.2.826.0.77")
    image = read_image(folder)
    contours = [to_mm(image, z, box(2.5, 3.5, 9.5, 8.5)) for z in (1, 2)]
    path = write_rtstruct(tmp_path / "rt", {3: contours}, frame="1.2.826.0.77")
    roi = load_roi(folder, path, channel="t1")
    truth = np.zeros(SHAPE, bool)
    truth[1:3, 4:9, 3:10] = True
    np.testing.assert_array_equal(roi.mask, truth)
    assert "mask: segment 3 (liver, 2 contours), the only one" in roi.notes
    assert not any("resampled" in note or "reference" in note for note in roi.notes)
    other = write_rtstruct(tmp_path / "other", {3: contours}, frame="1.2.826.0.78")
    notes = load_roi(folder, other, channel="t1").notes
    assert any("another frame of reference" in note for note in notes)
    assert load_roi(folder, path, mask_label=3, channel="t1").source_hash != roi.source_hash


def test_roi_0_is_legal_when_it_is_the_only_one(tmp_path):
    write_series(tmp_path / "image", np.ones(SHAPE, np.uint16))
    image = read_image(tmp_path / "image")
    path = write_rtstruct(tmp_path / "rt", {0: [to_mm(image, 1, box(1.5, 1.5, 3.5, 3.5))]})
    assert load_roi(tmp_path / "image", path, channel="t1").n_voxels == 4
    with pytest.raises(MaskError, match="numbered from 1"):
        read_mask(path, on=image)


def test_needs_the_volume_it_was_drawn_on(tmp_path):
    path = write_rtstruct(tmp_path / "rt", {1: [to_mm(FLAT, 1, box(1, 1, 5, 5))]})
    with pytest.raises(MaskError, match=r"no grid of its own.*no image.*on=image"):
        read_mask(path)
    picture = Image(np.ones((9, 9)), (1.0, 1.0), kind="picture")
    with pytest.raises(MaskError, match=r"a picture of 2 axes"):
        read_mask(path, on=picture)


def test_what_is_listed_when_the_choice_is_open(tmp_path):
    square = [to_mm(FLAT, 1, box(1, 1, 5, 5))]
    path = write_rtstruct(
        tmp_path / "rt",
        {2: square, 3: [], 4: square * 3},
        names={2: "GTV-1", 3: "Left kidney", 4: "Quixotica"},
    )
    with pytest.raises(MaskError) as caught:
        read_mask(path, 9, on=FLAT)
    assert "2 (gtv 1, 1 contour), 3 (left kidney, empty), 4 (3 contours)" in str(caught.value)
    assert leaks(str(caught.value)) == []
    with pytest.raises(MaskError, match="segment 3 is empty"):
        read_mask(path, 3, on=FLAT)


def test_contours_that_cross_the_slices(tmp_path):
    tilted = to_mm(FLAT, 1, box(2, 2, 9, 9))
    tilted[:2, 2] += 2.0
    path = write_rtstruct(tmp_path / "rt", {1: [tilted]})
    with pytest.raises(MaskError, match=r"do not lie in the slices.*ROI 1 that spans 0.667 slices"):
        read_mask(path, on=FLAT)


def test_contours_between_slices_go_to_the_nearest(tmp_path):
    """Contours every 1 mm on slices every 3 mm: each slice takes the one nearest its middle."""
    planes = {-0.3: 4, 0.0: 6, 0.34: 8, 0.66: 10, 1.05: 12}
    contours = [to_mm(FLAT, k, box(0.5, 0.5, n + 0.5, 2.5)) for k, n in planes.items()]
    found = read_mask(write_rtstruct(tmp_path / "rt", {1: contours}), on=FLAT)
    assert found.pixels.sum(axis=(1, 2)).tolist() == [12, 24, 0, 0, 0]
    off = read_mask(
        write_rtstruct(tmp_path / "rt", {1: [to_mm(FLAT, 1.2, box(1, 1, 5, 5))]}), on=FLAT
    )
    assert any("0.6 mm beside the slices" in note for note in off.notes)


def test_slices_without_contours_are_background_and_said(tmp_path):
    contours = [to_mm(FLAT, z, box(0.5, 0.5, 4.5, 4.5)) for z in (0, 2, 4)]
    found = read_mask(write_rtstruct(tmp_path / "rt", {1: contours}), on=FLAT)
    assert found.pixels.sum(axis=(1, 2)).tolist() == [16, 0, 16, 0, 16]
    assert any("2 slices have no contour although" in note for note in found.notes)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (box(-20.5, 0.5, 4.5, 8.5), "more than half"),
        (box(100, 100, 120, 120), "more than half"),
        (box(-4.5, 0.5, 15.5, 8.5), None),
    ],
)
def test_contours_outside_the_image(tmp_path, part, words):
    path = write_rtstruct(tmp_path / "rt", {1: [to_mm(FLAT, 1, part)]})
    if words:
        with pytest.raises(MaskError, match=words) as caught:
            read_mask(path, on=FLAT)
        assert "x -10.375 to 27.125" in str(caught.value)
        return
    found = read_mask(path, on=FLAT)
    assert found.pixels.sum() == 16 * 8
    assert "0.2 of the contours' area lies outside the image" in found.notes


def test_contours_above_the_image(tmp_path):
    above = [to_mm(FLAT, z, box(1, 1, 9, 9)) for z in (3, 4, 5, 6)]
    found = read_mask(write_rtstruct(tmp_path / "rt", {1: above}), on=FLAT)
    assert "0.5 of the contours' area lies outside the image" in found.notes
    with pytest.raises(MaskError, match="more than half"):
        read_mask(write_rtstruct(tmp_path / "rt", {1: above[1:]}), on=FLAT)


def test_too_small_for_a_voxel(tmp_path):
    path = write_rtstruct(tmp_path / "rt", {1: [to_mm(FLAT, 1, box(1.2, 1.2, 1.8, 1.8))]})
    with pytest.raises(MaskError, match="no voxel centre"):
        read_mask(path, on=FLAT)


def test_points_and_open_lines_are_passed_over(tmp_path):
    path = write_rtstruct(tmp_path / "rt", {1: [to_mm(FLAT, 1, box(1, 1, 9, 9))] * 2})
    ds = reread(path)
    ds.ROIContourSequence[0].ContourSequence[1].ContourGeometricType = "OPEN_PLANAR"
    ds.save_as(path)
    found = read_mask(path, on=FLAT)
    assert found.pixels.sum() == 64
    assert "passed over: 1 point(s) or open contour(s)" in found.notes


def test_closing_point_given_twice_and_spaces(tmp_path):
    square = box(1.5, 1.5, 9.5, 9.5)
    closed = np.concatenate([square, square[:1]])
    path = write_rtstruct(tmp_path / "rt", {1: [to_mm(FLAT, 1, closed)]}, decimals=1)
    assert read_mask(path, on=FLAT).pixels.sum() == 64


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_damaged_files_give_a_mask_or_a_mask_error(tmp_path_factory, data):
    path = write_rtstruct(
        tmp_path_factory.mktemp("fuzz") / "a", {1: [to_mm(FLAT, 1, box(1, 1, 9, 9))]}
    )
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        raw[data.draw(st.integers(132, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.integers(1, len(raw)))])
    try:
        text = repr(read_mask(path, on=FLAT))
    except MaskError as error:
        text = str(error)
    assert leaks(text) in ([], ["liver"])
