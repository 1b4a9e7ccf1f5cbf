"""From image and mask to a region: same grid, other grid, elsewhere, and bad voxels."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest
import SimpleITK as sitk
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from radiofib.errors import ConfigError, ImageError, MaskError
from radiofib.images import load_roi, make_roi, read_image
from radiofib.images.grids import Grid, carry_mask, count_outside, displacement
from radiofib.images.image import Image
from tests.images.dicoms import write_series
from tests.images.test_volume import rotations

RNG = np.random.default_rng(0)


def write(path, array, spacing=(1.0, 1.0, 2.0), origin=(0.0, 0.0, 0.0), direction=None):
    image = sitk.GetImageFromArray(np.asarray(array))
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    image.SetDirection(
        tuple(np.asarray(np.eye(3) if direction is None else direction, dtype=float).ravel())
    )
    sitk.WriteImage(image, str(path))
    return path


@pytest.fixture
def pair(tmp_path):
    pixels = RNG.normal(100, 20, (5, 6, 7)).astype(np.float32)
    mask = np.zeros(pixels.shape, np.uint8)
    mask[1:4, 2:5, 1:6] = 1
    return write(tmp_path / "i.nii.gz", pixels), write(tmp_path / "m.nii.gz", mask), pixels, mask


def test_same_grid(pair):
    image, mask, pixels, labels = pair
    roi = load_roi(image, mask, channel="GED4")
    assert roi.channel == "ged4"
    assert roi.pixels.dtype == np.float32
    np.testing.assert_array_equal(roi.pixels, pixels)
    np.testing.assert_array_equal(roi.mask, labels == 1)
    assert roi.spacing_mm == (2.0, 1.0, 1.0)
    assert roi.notes == ()


def test_hash_depends_on_image_mask_and_label(pair, tmp_path):
    image, mask, pixels, labels = pair
    first = load_roi(image, mask, channel="t1").source_hash
    assert load_roi(image, mask, channel="t1").source_hash == first
    assert load_roi(image, mask, mask_label=1, channel="t1").source_hash != first
    other = write(tmp_path / "m2.nii.gz", np.flip(labels, 1))
    assert load_roi(image, other, channel="t1").source_hash != first
    moved = write(tmp_path / "i2.nii.gz", pixels + 1)
    assert load_roi(moved, mask, channel="t1").source_hash != first


@pytest.mark.parametrize(("shift", "note"), [(1e-5, False), (0.02, True)])
def test_header_rounding_is_accepted(pair, tmp_path, shift, note):
    image, _, _, labels = pair
    near = write(tmp_path / "near.nii.gz", labels, origin=(shift, 0, -shift))
    roi = load_roi(image, near, channel="t1")
    np.testing.assert_array_equal(roi.mask, labels == 1)
    assert any("taken as the same grid" in n for n in roi.notes) == note


def test_flipped_mask_is_carried_in_space_not_overlaid(pair, tmp_path):
    image, _, _, labels = pair
    flipped = write(
        tmp_path / "f.nii.gz", labels[:, ::-1], origin=(0, 5, 0), direction=np.diag([1, -1, 1])
    )
    roi = load_roi(image, flipped, channel="t1")
    np.testing.assert_array_equal(roi.mask, labels == 1)
    (note,) = roi.notes
    assert "resampled to the image grid" in note
    assert "0.09 ml before, 0.09 ml after" in note


def test_finer_mask(pair, tmp_path):
    image, _, _, labels = pair
    fine = np.repeat(np.repeat(np.repeat(labels, 2, 0), 3, 1), 3, 2)
    third = 1 / 3
    path = write(
        tmp_path / "fine.mha", fine, spacing=(third, third, 1.0), origin=(-third, -third, -0.5)
    )
    np.testing.assert_array_equal(load_roi(image, path, channel="t1").mask, labels == 1)


@pytest.mark.parametrize(("shift", "kept"), [(1.0, 6), (3.0, 4)])
def test_mask_partly_outside_is_noted(pair, tmp_path, shift, kept):
    image, _, _, _ = pair
    path = write(tmp_path / "m.mha", np.ones((5, 6, 7), np.uint8), origin=(shift, 0.0, 0.0))
    roi = load_roi(image, path, channel="t1")
    assert roi.n_voxels == 5 * 6 * kept
    outside = 5 * 6 * (7 - kept)
    assert f"{outside} of 210 voxels of the mask 'm.mha' lie outside the image" in roi.notes


def test_one_voxel_outside_is_noted(pair, tmp_path):
    image, _, _, _ = pair
    labels = np.zeros((5, 6, 9), np.uint8)
    labels[2, 2, 2:8] = 1
    roi = load_roi(image, write(tmp_path / "m.mha", labels), channel="t1")
    assert roi.n_voxels == 5
    assert "1 of 6 voxels of the mask 'm.mha' lie outside the image" in roi.notes


def test_mask_mostly_outside_fails(pair, tmp_path):
    image, _, _, _ = pair
    path = write(tmp_path / "m.mha", np.ones((5, 6, 7), np.uint8), origin=(4.0, 0.0, 0.0))
    with pytest.raises(MaskError) as caught:
        load_roi(image, path, channel="t1")
    text = str(caught.value)
    assert "more than half of the mask lies outside the image" in text
    assert "m.mha" in text
    assert "120 of 210 voxels outside" in text


def test_elsewhere_names_both_extents(pair, tmp_path):
    image, _, _, labels = pair
    far = write(tmp_path / "far.mha", labels, origin=(500.0, 0.0, 0.0))
    with pytest.raises(MaskError) as caught:
        load_roi(image, far, channel="t1")
    text = str(caught.value)
    assert "do not overlap" in text
    assert "x -0.5 to 6.5, y -0.5 to 5.5, z -1 to 9 mm" in text
    assert "x 499.5 to 506.5, y -0.5 to 5.5, z -1 to 9 mm" in text
    assert "copy the header" in text
    assert "far.mha" in text


def test_label_outside_the_field_of_view(pair, tmp_path):
    image, _, _, _ = pair
    labels = np.zeros((5, 6, 20), np.uint8)
    labels[:, :, 15:] = 1
    path = write(tmp_path / "m.mha", labels)
    with pytest.raises(
        MaskError, match=r"nothing of the mask is left .*150 of 150 voxels outside \(0\.3 ml"
    ):
        load_roi(image, path, channel="t1")


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(*[st.integers(2, 6)] * 3),
    spacing=st.tuples(*[st.floats(0.3, 9.0)] * 3),
    origin=st.tuples(*[st.floats(-300, 300)] * 3),
    direction=rotations(),
    seed=st.integers(0, 999),
)
def test_carrying_a_mask_to_its_own_grid_changes_nothing(shape, spacing, origin, direction, seed):
    region = np.random.default_rng(seed).random(shape) < 0.4
    grid = Grid(shape[::-1], spacing, origin, tuple(direction.ravel()))
    np.testing.assert_array_equal(carry_mask(region, grid, grid), region)
    assert displacement(grid, grid) == 0.0


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(*[st.integers(2, 6)] * 3),
    spacing=st.tuples(*[st.floats(0.3, 9.0)] * 3),
    direction=rotations(),
    axes=st.permutations([0, 1, 2]),
    flips=st.tuples(*[st.booleans()] * 3),
    seed=st.integers(0, 999),
)
def test_reordered_mask_arrays_mean_the_same_region(shape, spacing, direction, axes, flips, seed):
    """The same voxels stored with other axis order and direction come back in place."""
    region = np.random.default_rng(seed).random(shape) < 0.4
    assume(region.any())
    target = Grid(shape[::-1], spacing, (7.0, -3.0, 11.0), tuple(direction.ravel()))
    stored = np.transpose(region, [2 - a for a in axes[::-1]])
    columns = [direction[:, a] for a in axes]
    sizes, steps = [target.size[a] for a in axes], [spacing[a] for a in axes]
    start = np.array(target.origin_mm)
    for i in range(3):
        if flips[i]:
            stored = np.flip(stored, 2 - i)
            start = start + columns[i] * steps[i] * (sizes[i] - 1)
            columns[i] = -columns[i]
    source = Grid(
        tuple(sizes), tuple(steps), tuple(start), tuple(np.stack(columns, axis=1).ravel())
    )
    np.testing.assert_array_equal(carry_mask(stored, source, target), region)
    assert count_outside(stored, source, target) == 0


def test_displacement_of_other_sizes_is_undefined():
    grid = Grid((2, 2), (1.0, 1.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))
    assert displacement(grid, Grid((3, 2), (1.0, 1.0), (0.0, 0.0), grid.direction)) is None


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_not_numbers(pair, tmp_path, bad):
    _, mask, pixels, _ = pair
    outside = pixels.copy()
    outside[0, 0, 0] = bad
    roi = load_roi(write(tmp_path / "o.mha", outside), mask, channel="t1")
    assert roi.notes == ("1 voxels outside the region were NaN or infinite: set to 0",)
    assert roi.pixels[0, 0, 0] == 0
    assert roi.pixels.dtype == np.float32
    np.testing.assert_array_equal(roi.values, pixels[roi.mask])
    inside = pixels.copy()
    inside[2, 3, 4] = inside[3, 4, 5] = bad
    path = write(tmp_path / "in.mha", inside)
    with pytest.raises(ImageError) as caught:
        load_roi(path, mask, channel="t1")
    text = str(caught.value)
    assert "2 of 45 voxels NaN or infinite" in text
    assert "(z, y, x) = (2, 3, 4)" in text
    assert np.isnan(read_image(path).pixels).any() == np.isnan(bad)


def test_one_voxel_and_constant_regions_pass(pair, tmp_path):
    image, _, pixels, _ = pair
    one = np.zeros(pixels.shape, np.uint8)
    one[2, 2, 2] = 1
    assert load_roi(image, write(tmp_path / "one.mha", one), channel="t1").n_voxels == 1
    flat = write(tmp_path / "flat.mha", np.full(pixels.shape, 7, np.int16))
    assert np.ptp(load_roi(flat, pair[1], channel="t1").values) == 0


def test_volume_needs_a_mask(pair):
    with pytest.raises(MaskError, match=r"a volume needs a mask .*7 x 6 x 5"):
        load_roi(pair[0], channel="t1")


def test_whole_picture_and_masked_picture(tmp_path):
    grey = RNG.integers(0, 255, (8, 9)).astype(np.uint8)
    PIL.Image.fromarray(grey).save(tmp_path / "us.png")
    whole = load_roi(tmp_path / "us.png", channel="us")
    assert whole.mask.all()
    assert not whole.spacing_known
    inside = np.zeros(grey.shape, np.uint8)
    inside[2:5, 3:8] = 255
    PIL.Image.fromarray(inside).save(tmp_path / "m.png")
    for label in (None, 1, 255):
        roi = load_roi(tmp_path / "us.png", tmp_path / "m.png", mask_label=label, channel="us")
        np.testing.assert_array_equal(roi.mask, inside > 0)


def test_picture_with_a_volume_mask_of_one_slice(tmp_path):
    grey = RNG.integers(0, 255, (8, 9)).astype(np.uint8)
    PIL.Image.fromarray(grey).save(tmp_path / "us.png")
    labels = np.zeros((1, 8, 9), np.uint8)
    labels[0, 2:5, 3:8] = 1
    mask = write(tmp_path / "m.nii.gz", labels)
    roi = load_roi(tmp_path / "us.png", mask, channel="us")
    np.testing.assert_array_equal(roi.mask, labels[0] == 1)
    assert "mask and image differ in axes of length one" in roi.notes


def test_volume_of_one_slice_with_a_picture_mask(tmp_path):
    pixels = RNG.normal(size=(1, 8, 9))
    image = write(tmp_path / "i.mha", pixels)
    labels = np.zeros((8, 9), np.uint8)
    labels[2:5, 3:8] = 255
    PIL.Image.fromarray(labels).save(tmp_path / "m.png")
    roi = load_roi(image, tmp_path / "m.png", channel="us")
    assert roi.mask.shape == (1, 8, 9)
    np.testing.assert_array_equal(roi.mask[0], labels > 0)


@pytest.mark.parametrize(
    ("shape", "words"),
    [((9, 8), "transpose it"), ((4, 4), "must have its size")],
)
def test_mask_picture_of_another_size(tmp_path, shape, words):
    PIL.Image.fromarray(np.zeros((8, 9), np.uint8)).save(tmp_path / "us.png")
    PIL.Image.fromarray(np.full(shape, 255, np.uint8)).save(tmp_path / "m.png")
    with pytest.raises(MaskError, match=words):
        load_roi(tmp_path / "us.png", tmp_path / "m.png", channel="us")


def test_volume_with_a_flat_mask(pair, tmp_path):
    PIL.Image.fromarray(np.full((6, 7), 255, np.uint8)).save(tmp_path / "m.png")
    with pytest.raises(MaskError, match=r"number of axes .*expected a mask of 7 x 6 x 5"):
        load_roi(pair[0], tmp_path / "m.png", channel="t1")


def test_two_dimensional_volumes_on_two_grids():
    spacing, direction = (1.0, 1.0), (1.0, 0.0, 0.0, 1.0)
    image = Image(np.zeros((4, 5)), spacing, (0.0, 0.0), direction)
    mask = Image(np.ones((2, 2), np.uint8), spacing, (3.0, 1.0), direction)
    roi = make_roi(image, mask, channel="us")
    assert np.argwhere(roi.mask).tolist() == [[1, 3], [1, 4], [2, 3], [2, 4]]


def test_dicom_series_with_a_nifti_mask_stored_upside_down(tmp_path):
    volume = RNG.integers(0, 900, (5, 6, 7)).astype(np.uint16)
    folder = write_series(tmp_path / "s", volume, names=[f"{9 - z}" for z in range(5)])
    labels = np.zeros(volume.shape, np.uint8)
    labels[0:2, 1:4, 2:6] = 5
    labels[4, 0, 0] = 2
    mask = write(
        tmp_path / "m.nii.gz", labels[::-1], spacing=(0.75, 1.5, 2.0), origin=(-10, 20, -22),
        direction=np.diag([1, 1, -1]),
    )  # fmt: skip
    roi = load_roi(folder, mask, mask_label=5, channel="ct")
    np.testing.assert_array_equal(roi.mask, labels == 5)
    np.testing.assert_array_equal(roi.values, volume[labels == 5])


def test_channel_name_is_checked(pair):
    with pytest.raises(ConfigError, match="channel name"):
        load_roi(pair[0], pair[1], channel="DWI_800")


@pytest.mark.parametrize(
    ("keywords", "word"),
    [
        ({"pixels": np.zeros((2, 2, 2, 2))}, "2 or 3 axes"),
        ({"pixels": np.zeros((0, 2))}, "at least one pixel"),
        ({"spacing_mm": (1.0,)}, "one positive number"),
        ({"spacing_mm": (1.0, 0.0)}, "one positive number"),
        ({"origin_mm": (0.0, 0.0)}, "given together"),
        ({"origin_mm": (0.0,), "direction": (1.0,)}, "do not fit"),
        ({"kind": "volume"}, "needs an origin"),
    ],
)
def test_image_parts_must_fit(keywords, word):
    parts = {"pixels": np.zeros((2, 2)), "spacing_mm": (1.0, 1.0), "kind": "picture"} | keywords
    with pytest.raises(ImageError, match=word):
        Image(**parts)
