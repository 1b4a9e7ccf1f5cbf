"""The figures behind the verdict."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from radiofib.errors import ConfigError
from radiofib.preprocess.register import RegistrationSettings
from radiofib.preprocess.register.quality import judge, mutual_information, residual_mm, vertex

FINE = {"residual": 0.5, "inverse_mm": 0.5, "overlap": 0.9, "dice_after": 0.95, "gained": 0.2}


def test_mutual_information_by_hand():
    a = np.array([0, 0, 0, 1])
    b = np.array([0, 0, 1, 1])
    by_hand = 0.5 * np.log(0.5 / (0.75 * 0.5)) + 0.25 * np.log(0.25 / (0.75 * 0.5))
    by_hand += 0.25 * np.log(0.25 / (0.25 * 0.5))
    assert mutual_information(a, b, 2) == pytest.approx(by_hand, abs=1e-12)


def test_vertex_of_a_known_parabola():
    def height(x):
        return 3 - 2 * (x - 0.3) ** 2

    assert vertex(height(-1), height(0), height(1)) == pytest.approx(0.3)


@pytest.mark.parametrize(("shift", "least", "most"), [(0, 0, 0.3), (2, 1.5, 2.5), (5, 4, 14)])
def test_residual_is_the_shift_that_is_left(shift, least, most):
    rng = np.random.default_rng(0)
    rough = rng.normal(size=(48, 48, 48)).astype(np.float32)
    image = sitk.SmoothingRecursiveGaussian(sitk.GetImageFromArray(rough), 3.0)
    image.SetSpacing((2.0, 2.0, 2.0))
    move = sitk.TranslationTransform(3, (float(shift), 0.0, 0.0))
    left = residual_mm(image, image, move, np.ones((48, 48, 48), bool), 16)
    assert least <= left <= most


def test_residual_of_images_that_have_nothing_in_common_is_large():
    images = []
    for seed in (1, 2):
        rough = np.random.default_rng(seed).normal(size=(48, 48, 48)).astype(np.float32)
        image = sitk.SmoothingRecursiveGaussian(sitk.GetImageFromArray(rough), 3.0)
        image.SetSpacing((2.0, 2.0, 2.0))
        images.append(image)
    still = sitk.Transform(3, sitk.sitkIdentity)
    assert residual_mm(*images, still, np.ones((48, 48, 48), bool), 16) > 5
    nowhere = np.zeros((48, 48, 48), bool)
    assert np.isnan(residual_mm(*images, still, nowhere, 16))


@pytest.mark.parametrize(
    ("fault", "verdict", "reason"),
    [
        ({}, "good", None),
        ({"residual": 3.0}, "look", "parts of the body"),
        ({"residual": 9.0}, "failed", "parts of the body"),
        ({"residual": float("nan")}, "failed", "parts of the body"),
        ({"inverse_mm": 8.0}, "look", "there and back"),
        ({"overlap": 0.3}, "look", "covered"),
        ({"overlap": 0.1}, "failed", "covered"),
        ({"dice_after": 0.8}, "look", "another patient"),
        ({"dice_after": 0.1}, "failed", "another patient"),
        ({"dice_after": None}, "good", None),
        ({"gained": -0.05}, "look", "less than before"),
    ],
)
def test_verdicts(fault, verdict, reason):
    said, reasons = judge(RegistrationSettings(), **{**FINE, **fault})
    assert said == verdict
    assert len(reasons) == (reason is not None)
    assert reason is None or reason in reasons[0]


def test_a_misspelt_setting_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'levels'"):
        RegistrationSettings.parse({"level": [4.0]}, where="study.yaml")
