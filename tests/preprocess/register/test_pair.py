"""Registration of simulated channels: the transform found, the verdict, what is refused."""

from __future__ import annotations

import pytest
import SimpleITK as sitk

from radiofib.errors import ImageError, MaskError
from radiofib.preprocess.register import RegistrationSettings, register_pair
from radiofib.preprocess.register.geometry import distance_mm
from radiofib.simulate.pairs import PairSettings, draw_pair

QUICK = RegistrationSettings(levels=(8.0, 4.0), samples=5000, more_starts=0)


@pytest.fixture(scope="module")
def case():
    pair = draw_pair(1, 5, settings=PairSettings(size=0.35, motion_deg=7, motion_mm=12))
    masks = pair.fixed_mask, pair.moving_mask
    return pair.fixed, masks[0], pair.moving, masks[1], pair.truth, pair.points


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


def test_a_mask_of_another_patient_is_a_reason(case):
    fixed, fixed_mask, moving, moving_mask, _, _ = case
    large = sitk.BinaryDilate(moving_mask, [4, 4, 1])
    small = sitk.BinaryErode(moving_mask, [4, 4, 1])
    for wrong in (large, small):
        found = register_pair(fixed, moving, QUICK, fixed_mask=fixed_mask, moving_mask=wrong)
        assert found.verdict != "good"
        assert any("another patient" in reason for reason in found.reasons)


def test_affine_finds_a_stretch(case):
    fixed = case[0]
    stretch = sitk.AffineTransform(3)
    stretch.SetMatrix((1.04, 0.02, 0, 0, 0.97, 0, 0, 0, 1.03))
    stretch.SetTranslation((4, -3, 5))
    moving = sitk.Resample(fixed, fixed, stretch.GetInverse())
    affine = QUICK.model_copy(update={"transform": "affine"})
    found = register_pair(fixed, moving, affine)
    rigid = register_pair(fixed, moving, QUICK)
    left = [distance_mm(r.transform, stretch, case[5]) for r in (found, rigid)]
    assert left[0] < 1.0 < left[1]
    assert isinstance(found.transform, sitk.AffineTransform)


def test_same_seed_same_bytes_whatever_the_threads(case):
    fixed, _, moving, _, _, _ = case
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    results = []
    try:
        for threads in (1, 4):
            sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
            found = register_pair(fixed, moving, QUICK, seed=3)
            results.append((found.transform.GetParameters(), found.inverse_consistency_mm))
            assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == threads
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
    assert results[0] == results[1]
    other = register_pair(fixed, moving, QUICK, seed=4)
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
