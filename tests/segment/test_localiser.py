"""The classical localiser on simulated abdomens, and what it must refuse."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from radiofib.cohort import Acquisition
from radiofib.errors import MaskError
from radiofib.images import Image
from radiofib.segment import LocaliserSettings, MaskSettings, localise_liver, mask_for
from radiofib.simulate import MriSettings
from radiofib.simulate.mri import draw_channel, person_of, plan_cases

QUICK = LocaliserSettings(spacing_mm=5, bias_field=False)
SEED = 5


def simulated(number: int, channel: str = "ged4") -> tuple[Image, np.ndarray]:
    """Return a case of scanner B1, B1, A, ... and its liver."""
    settings = MriSettings(size=0.2)
    plan = plan_cases(settings, number + 1, SEED)[number]
    _, anatomy = person_of(plan, settings, SEED)
    volume = draw_channel(plan, anatomy, channel, settings, SEED)
    image = volume.image
    read = Image(
        sitk.GetArrayFromImage(image),
        image.GetSpacing()[::-1],
        image.GetOrigin(),
        image.GetDirection(),
    )
    return read, sitk.GetArrayFromImage(volume.liver) > 0


def dice(mask: np.ndarray, truth: np.ndarray) -> float:
    return float(2 * (mask & truth).sum() / (mask.sum() + truth.sum()))


@pytest.fixture(scope="module")
def abdomen() -> tuple[Image, np.ndarray]:
    return simulated(1)


@pytest.fixture(scope="module")
def straight(abdomen: tuple[Image, np.ndarray]) -> np.ndarray:
    return localise_liver(abdomen[0], QUICK).mask.pixels


def test_liver_is_found_and_flagged(abdomen: tuple[Image, np.ndarray]) -> None:
    image, truth = abdomen
    found = localise_liver(image, LocaliserSettings(spacing_mm=5))  # with N4
    assert dice(found.mask.pixels > 0, truth) > 0.85
    assert found.mask.origin_mm == image.origin_mm
    assert found.source == "classical localiser"
    assert "not drawn or checked by a reader" in found.notes[0]
    volume = truth.sum() * image.voxel_volume_mm3 / 1000
    assert found.facts["volume_ml"] == pytest.approx(volume, rel=0.2)
    assert not found.facts["cut_above"]


@pytest.mark.parametrize("flips", [(2,), (0, 1)])
def test_directions_are_physical(
    abdomen: tuple[Image, np.ndarray], straight: np.ndarray, flips: tuple[int, ...]
) -> None:
    image, truth = abdomen
    direction = np.array(image.direction).reshape(3, 3)
    origin = np.array(image.origin_mm)
    for axis in flips:
        column = 2 - axis
        length = (image.pixels.shape[axis] - 1) * image.spacing_mm[axis]
        origin = origin + direction[:, column] * length
        direction[:, column] *= -1
    turned = replace(
        image,
        pixels=np.flip(image.pixels, flips),
        origin_mm=tuple(origin),
        direction=tuple(direction.ravel()),
    )
    found = localise_liver(turned, QUICK).mask.pixels
    assert dice(np.flip(found, flips) > 0, straight > 0) > 0.999
    assert dice(np.flip(found, flips) > 0, truth) > 0.85


def test_cut_field_of_view_is_said(abdomen: tuple[Image, np.ndarray]) -> None:
    image, truth = abdomen
    areas = truth.sum(axis=(1, 2))
    middle = int(areas.argmax())
    part = slice(middle - 3, middle + 4)
    cut = replace(image, pixels=image.pixels[part])
    found = localise_liver(cut, QUICK)
    assert found.facts["cut_below"]
    assert found.facts["cut_above"]
    assert any("the field of view cuts it below and above" in note for note in found.notes)
    assert dice(found.mask.pixels > 0, truth[part]) > 0.85


def test_implausible_volume_is_refused(abdomen: tuple[Image, np.ndarray]) -> None:
    image, _ = abdomen
    small = QUICK.model_copy(update={"volume_ml": (3000.0, 4000.0), "cut_volume_ml": 3000.0})
    with pytest.raises(MaskError, match=r"no plausible liver \(expected 3000 to 4000 ml; found"):
        localise_liver(image, small)


def test_liver_on_the_left_is_not_taken_for_one(abdomen: tuple[Image, np.ndarray]) -> None:
    image, truth = abdomen
    mirrored = replace(image, pixels=np.flip(image.pixels, 2))  # a header that lies
    try:
        found = localise_liver(mirrored, QUICK).mask.pixels > 0
    except MaskError:
        return
    assert dice(found, np.flip(truth, 2)) < 0.5


def test_what_is_no_abdomen_is_refused() -> None:
    eye = tuple(np.eye(3).ravel())
    z, y, x = np.mgrid[:40, :40, :40]
    leg = Image(
        (((x - 20) ** 2 + (y - 20) ** 2) < 225) * np.float32(100) + z * 0,
        (4.0, 4.0, 4.0),
        (0.0, 0.0, 0.0),
        eye,
    )
    with pytest.raises(MaskError, match="shows no abdomen"):
        localise_liver(leg, QUICK)
    noise = np.random.default_rng(0).normal(100, 40, (40, 80, 90)).astype(np.float32)
    with pytest.raises(MaskError):
        localise_liver(Image(noise, (4.0,) * 3, (0.0,) * 3, eye), QUICK)
    with pytest.raises(MaskError, match="needs a volume"):
        localise_liver(Image(noise[0], (4.0,) * 2, kind="picture"), QUICK)
    with pytest.raises(MaskError, match="not numbers"):
        localise_liver(
            Image(np.where(noise > 150, np.nan, noise), (4.0,) * 3, (0.0,) * 3, eye), QUICK
        )


def test_mask_for_passes_flag_and_facts_on(abdomen: tuple[Image, np.ndarray]) -> None:
    image, _ = abdomen
    one = Acquisition("a", "a", "ged4", Path("never/read.nii.gz"))
    settings = MaskSettings(localiser=True, localiser_settings=QUICK)
    found = mask_for(one, settings, image=image)
    assert found is not None
    assert found.is_flagged
    assert found.facts["volume_ml"] > 400
    assert mask_for(replace(one, channel="t2"), settings, image=image) is None


@pytest.mark.proof
@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("channel", ["t1", "ged2", "ged4"])
def test_other_patients_and_scanners(number: int, channel: str) -> None:
    image, truth = simulated(number, channel)
    found = localise_liver(image)
    assert dice(found.mask.pixels > 0, truth) > 0.9
    again = localise_liver(image)
    assert again.mask.pixels.tobytes() == found.mask.pixels.tobytes()
    assert again.facts == found.facts
