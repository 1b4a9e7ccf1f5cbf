"""Where samples are taken, and the end phase that starts a few mm apart share."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from radiofib.preprocess.register import RegistrationSettings, register_pair
from radiofib.preprocess.register.geometry import apply, linear
from radiofib.preprocess.register.pair import _swap
from radiofib.preprocess.register.prepare import Prepared
from radiofib.preprocess.register.search import region_of, sharpen, sharpest
from radiofib.simulate.pairs import PairSettings, draw_pair, misplacement, moved_header

SETTINGS = RegistrationSettings(levels=(8.0,), samples=5000)


def rough(seed, size=(40, 36, 24)):
    """Blobs and their absolute values, each in its own noise."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(3, *size[::-1])).astype(np.float32)
    values = sitk.GetArrayFromImage(
        sitk.SmoothingRecursiveGaussian(sitk.GetImageFromArray(noise[0]), 3.0)
    )
    values = values / values.std()
    images = [
        sitk.GetImageFromArray(v)
        for v in (values + 0.3 * noise[1], np.abs(values) + 0.3 * noise[2])
    ]
    for image in images:
        image.SetSpacing((2.0, 2.0, 3.0))
    return images


def test_starts_a_few_mm_apart_end_in_one_place():
    one, other = (Prepared((i, i), None, i) for i in rough(3))
    centre = np.array([39.0, 35.0, 34.5])
    points = centre + np.random.default_rng(0).uniform(-25, 25, (50, 3))
    ends = []
    for shift in ((2.0, 0, 0), (0, -2.0, 1.0), (-1.0, 1.0, -2.0)):
        begin = linear(np.eye(3), np.array(shift), "rigid", centre)
        ends.append(apply(sharpen(one, other, begin, SETTINGS, 0, seed=0), points))
    middle = np.median(ends, axis=0)
    apart = [float(np.linalg.norm(end - middle, axis=1).mean()) for end in ends]
    assert max(apart) < 0.3
    assert float(np.linalg.norm(middle - points, axis=1).mean()) < 1.0


def test_the_best_of_several_ends_is_kept():
    one, other = (Prepared((i, i), None, i) for i in rough(3))
    centre = np.array([39.0, 35.0, 34.5])
    near, far = (
        linear(np.eye(3), np.array(s), "rigid", centre) for s in ((1.0, 0.0, 0.0), (0.0, 30.0, 0.0))
    )
    (best,) = sharpest(one, other, [far, near], SETTINGS, seed=0)
    assert np.linalg.norm(np.array(best.TransformPoint(centre.tolist())) - centre) < 1.0
    assert sharpest(one, other, [], SETTINGS, seed=0) == []


def grid(size, spacing):
    image = sitk.Image(size, sitk.sitkFloat32)
    image.SetSpacing(spacing)
    return image


@pytest.mark.parametrize(
    ("fixed", "moving", "swapped"),
    [
        (((40, 40, 20), (1, 1, 3)), ((40, 40, 10), (1, 1, 6)), True),
        (((40, 40, 10), (1, 1, 6)), ((20, 20, 20), (1, 1, 3)), False),
        (((40, 40, 20), (1, 1, 3)), ((20, 20, 20), (1, 1, 3)), True),
        (((20, 20, 20), (1, 1, 3)), ((40, 40, 20), (1, 1, 3)), False),
        (((40, 40, 20), (1, 1, 3)), ((38, 40, 20), (1, 1, 3)), False),
    ],
)
def test_thick_slices_are_compared_and_of_equal_ones_the_smaller_field(fixed, moving, swapped):
    assert _swap(grid(*fixed), grid(*moving)) is swapped


def test_without_masks_samples_are_taken_where_the_other_image_is():
    large, small = grid((40, 40, 20), (4, 4, 4)), grid((10, 40, 20), (4, 4, 4))
    sides = [Prepared((i,), None, i) for i in (large, small)]
    region = region_of(*sides, sitk.Transform(3, sitk.sitkIdentity), 12.0)
    inside = sitk.GetArrayFromImage(region)
    assert inside[:, :, :11].all()
    assert not inside[:, :, 12:].any()
    assert region_of(*sides[::-1], sitk.Transform(3, sitk.sitkIdentity), 12.0) is None


def test_a_slab_within_the_other_field_of_view_can_be_good():
    pair = draw_pair(1, 4, "slab", PairSettings(size=0.4))
    found = register_pair(pair.fixed, pair.moving)
    assert found.overlap < 0.5
    assert pair.error_mm(found.transform).mean() < 1.5
    assert found.verdict == "good"


@pytest.mark.external
def test_a_real_ct_and_mr_settle_in_one_place_whatever_the_start(external_data):
    folder = external_data / "mri" / "ibsi_sts" / "STS_002"
    fixed, moving = (
        sitk.ReadImage(str(folder / name), sitk.sitkFloat32)
        for name in ("CT_image.nii.gz", "MR_T1_image.nii.gz")
    )
    middle = fixed.TransformContinuousIndexToPhysicalPoint([n / 2 for n in fixed.GetSize()])
    points = np.array(middle) + np.random.default_rng(1).uniform(-30, 30, (40, 3))
    ends = []
    for seed in (1, 2):
        by = misplacement(np.random.default_rng(seed), 10, 20, middle)
        found = register_pair(fixed, moved_header(moving, by))
        ends.append(apply(by.GetInverse(), apply(found.transform, points)))
    assert float(np.linalg.norm(ends[0] - ends[1], axis=1).mean()) < 1.5
