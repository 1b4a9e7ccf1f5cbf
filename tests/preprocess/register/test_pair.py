"""Registration of simulated channels: the transform found, the verdict, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from radiofib.errors import ImageError, MaskError
from radiofib.preprocess.register import RegistrationSettings, register_pair
from radiofib.preprocess.register.geometry import distance_mm
from radiofib.preprocess.register.prepare import positions
from radiofib.simulate._random import child_rng
from radiofib.simulate.mri_anatomy import LiverLaw, draw_anatomy
from radiofib.simulate.mri_scanner import MRI_SCANNERS, make_grid, render

SIZE = 0.4


def draw(seed, scanner, channel, motion):
    anatomy = draw_anatomy(1.0, LiverLaw(), np.random.default_rng(seed))
    rng = child_rng(seed, channel)
    grid = make_grid(scanner, channel, SIZE, np.array([0.0, 0.0, 8.0]))
    drawn = render(anatomy, scanner, channel, grid, motion, 1.0, rng)
    return grid.image(drawn.pixels), grid.image(drawn.liver.astype(np.uint8))


@pytest.fixture(scope="module")
def case():
    truth = sitk.Euler3DTransform()
    truth.SetParameters((0.08, -0.05, 0.1, 9.0, -7.0, 11.0))
    fixed, fixed_mask = draw(5, MRI_SCANNERS[0], "ged4", sitk.Euler3DTransform())
    moving, moving_mask = draw(5, MRI_SCANNERS[3], "t2", truth)
    inside = sitk.GetArrayFromImage(fixed_mask) > 0
    points = positions(fixed_mask, inside)[::20]
    return fixed, fixed_mask, moving, moving_mask, truth, points


def test_recovers_the_transform_without_masks(case):
    fixed, _, moving, _, truth, points = case
    found = register_pair(fixed, moving)
    assert distance_mm(found.transform, truth, points) < 2.0
    assert found.verdict == "good"
    assert found.reasons == ()
    assert found.metric_after > found.metric_before
    assert found.dice_before is None
    assert found.dice_after is None


def test_masks_of_both_give_dice(case):
    fixed, fixed_mask, moving, moving_mask, truth, points = case
    found = register_pair(fixed, moving, fixed_mask=fixed_mask, moving_mask=moving_mask)
    assert distance_mm(found.transform, truth, points) < 2.5
    assert found.dice_after > 0.9 > found.dice_before


@pytest.mark.parametrize("side", ["fixed_mask", "moving_mask"])
def test_one_mask_is_enough(case, side):
    fixed, fixed_mask, moving, moving_mask, truth, points = case
    mask = {"fixed_mask": fixed_mask, "moving_mask": moving_mask}[side]
    found = register_pair(fixed, moving, **{side: mask})
    assert distance_mm(found.transform, truth, points) < 2.5


def test_same_seed_same_bytes_whatever_the_threads(case):
    fixed, _, moving, _, _, _ = case
    quick = RegistrationSettings(levels=(8.0, 4.0), samples=5000, more_starts=0)
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    results = []
    try:
        for threads in (1, 4):
            sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
            found = register_pair(fixed, moving, quick, seed=3)
            results.append((found.transform.GetParameters(), found.inverse_consistency_mm))
            assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == threads
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
    assert results[0] == results[1]
    other = register_pair(fixed, moving, quick, seed=4)
    assert other.transform.GetParameters() != results[0][0]


def test_fields_of_view_that_do_not_meet_fail_with_a_reason(case):
    fixed, _, moving, _, _, _ = case
    away = sitk.Image(moving)
    away.SetOrigin((5000.0, 0.0, 0.0))
    found = register_pair(fixed, away)
    assert found.verdict == "failed"
    assert found.reasons == ("the fields of view do not overlap",)


def test_a_constant_image_fails_with_a_reason(case):
    fixed = case[0]
    found = register_pair(fixed, fixed * 0)
    assert found.verdict == "failed"
    assert "moving image has one value everywhere" in found.reasons[0]


def test_an_empty_mask_is_refused(case):
    fixed, fixed_mask, moving, _, _, _ = case
    with pytest.raises(MaskError, match="the fixed mask is empty"):
        register_pair(fixed, moving, fixed_mask=fixed_mask * 0)


def test_a_plane_is_refused():
    plane = sitk.Image([8, 8], sitk.sitkFloat32)
    with pytest.raises(ImageError, match="three axes"):
        register_pair(plane, plane)
