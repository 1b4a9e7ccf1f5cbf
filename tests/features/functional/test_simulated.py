"""Relative enhancement on simulated scanners whose truth is known.

Two questions. Is the index right: on a scanner without bias field, offset and bent intensities
it must give the patient's uptake but for noise and vessels in the mask. And what limits it on
scanners as they are: there every series has a bias field of its own, whose mean over the liver
enters (1 + enhancement) as a factor, with a SD of its logarithm of just under gamma x bias x
sqrt(2), as two series make an enhancement and the field varies little across the liver.
"""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from radiofib.features.functional import ChannelInput, FunctionalSettings, measure_case
from radiofib.roi import Roi
from radiofib.simulate.mri import MriSettings, Volume, draw_channel, person_of, plan_cases
from radiofib.simulate.mri_scanner import MRI_SCANNERS

RE = "ged4_original_functional_relative_enhancement"
LSR = "ged4_original_functional_liver_spleen_ratio"
SETTINGS = FunctionalSettings(groups=("enhancement", "spleen"), commensurable="declared")
SEED = 4


def _array(image: sitk.Image) -> NDArray[np.generic]:
    array: NDArray[np.generic] = sitk.GetArrayFromImage(image)
    return array


def _input(name: str, volume: Volume) -> ChannelInput:
    liver, spleen, lesion = (
        _array(m).astype(bool) for m in (volume.liver, volume.spleen, volume.lesion)
    )
    spacing = volume.image.GetSpacing()[::-1]
    roi = Roi(_array(volume.image), liver & ~lesion, spacing, name)
    return ChannelInput(roi, raw=True, tissues={"spleen": spleen, "liver": liver})


def _measure(settings: MriSettings, number: int, seed: int = SEED) -> NDArray[np.float64]:
    """Return measured enhancement, liver to spleen ratio, and the truth of each case."""
    rows = []
    for plan in plan_cases(settings, number, seed):
        if plan.missing & {"t1", "ged4"}:
            continue
        _, anatomy = person_of(plan, settings, seed)
        channels = {
            name: _input(name, draw_channel(plan, anatomy, name, settings, seed))
            for name in ("t1", "ged4")
        }
        found = measure_case(channels, settings=SETTINGS)
        rows.append((found.values[RE], found.values[LSR], anatomy.uptake))
    return np.array(rows)


def _only(name: str, **changes: object) -> MriSettings:
    [scanner] = [s for s in MRI_SCANNERS if s.name == name]
    return MriSettings(size=0.25, scanners=(scanner.model_copy(update=changes),))


def test_a_plain_scanner_gives_the_truth() -> None:
    measured = _measure(_only("A", bias=0.0), 6)
    assert np.abs(measured[:, 0] - measured[:, 2]).max() < 0.05
    assert np.corrcoef(measured[:, 0], measured[:, 2])[0, 1] > 0.98


@pytest.mark.proof
@pytest.mark.parametrize("name", ["A", "B1", "C"])
def test_without_bias_field_enhancement_follows_the_truth(name: str) -> None:
    measured = _measure(_only(name, bias=0.0), 24)
    assert len(measured) >= 20
    assert np.corrcoef(measured[:, 0], measured[:, 2])[0, 1] > 0.95


@pytest.mark.proof
@pytest.mark.parametrize("name", ["A", "B1", "C"])
def test_what_is_wrong_on_scanners_as_they_are_is_the_bias_field(name: str) -> None:
    settings = _only(name)
    [scanner] = settings.scanners
    measured = _measure(settings, 40)
    residual = np.log1p(measured[:, 0]) - scanner.gamma * np.log1p(measured[:, 2])
    predicted = scanner.gamma * scanner.bias * np.sqrt(2)
    assert 0.6 * predicted < residual.std(ddof=1) < 1.1 * predicted


@pytest.mark.proof
def test_random_scales_spoil_enhancement_but_not_ratios_inside_an_image() -> None:
    """What the rule is for: on one patient and scanner, scales of series alone."""
    plain = _measure(_only("B2", series_scale_sd=0.0, missing={}), 20)
    spoilt = _measure(_only("B2", series_scale_sd=0.2, missing={}), 20)
    np.testing.assert_allclose(plain[:, 1], spoilt[:, 1], rtol=1e-3)
    assert np.abs(plain[:, 0] - spoilt[:, 0]).max() > 0.2
