"""Every reference value of IBSI 1 for our families, and for each stage of the processing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radiofib.registry._ibsi_intensity import IBSI_INTENSITY
from tests.features.ibsi.intensity_phantoms import (
    CONFIGURATIONS,
    FAMILIES,
    agrees,
    features,
    prepared,
    reference,
    reports,
    source,
)

#: Rows without a reference value: IBSI has not agreed on one.
BLANK = {
    *("morph_vol_dens_ombb", "morph_area_dens_ombb"),
    *("morph_vol_dens_mvee", "morph_area_dens_mvee"),
    "ivh_auc",
}
CHEST = [name for name in CONFIGURATIONS if name != "dig_phantom"]


def is_report(tag: str) -> bool:
    return tag.endswith(("_img", "_roi"))


def ours(tag: str) -> bool:
    return tag.split("_", 1)[0] in FAMILIES and not is_report(tag)


def test_rule_of_comparison() -> None:
    assert agrees(2.15, "2.15", "0")
    assert agrees(2.1499, "2.15", "0")
    assert not agrees(2.144, "2.15", "0")
    assert agrees(22.0, "22", "0")
    assert not agrees(22.6, "22", "0")
    assert agrees(105.0, "100", "5")
    assert not agrees(105.1, "100", "5")
    assert not agrees(float("nan"), "1", "1")


@pytest.mark.external
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_features(external_data: Path, name: str) -> None:
    expected = {t: row for t, row in reference(external_data, name).items() if ours(t)}
    found = features(external_data, name)
    assert list(found) == [spec.key for spec in IBSI_INTENSITY]
    assert set(found) == set(expected)
    assert {t for t, (value, _) in expected.items() if value == ""} == BLANK
    assert all(np.isfinite(found[tag]) for tag in BLANK)
    compared = {t: row for t, row in expected.items() if t not in BLANK}
    assert len(compared) == 74
    wrong = {t: (found[t], *row) for t, row in compared.items() if not agrees(found[t], *row)}
    assert wrong == {}


@pytest.mark.external
@pytest.mark.parametrize("name", CHEST)
def test_stages(external_data: Path, name: str) -> None:
    expected = {t: row for t, row in reference(external_data, name).items() if is_report(t)}
    found = reports(external_data, name)
    assert set(found) == set(expected)
    assert len(found) == 60
    wrong = {t: (found[t], *row) for t, row in expected.items() if not agrees(found[t], *row)}
    assert wrong == {}


@pytest.mark.external
@pytest.mark.parametrize("name", CHEST)
def test_part_of_the_image_is_enough(external_data: Path, name: str) -> None:
    part, whole = (prepared(external_data, name, whole=w) for w in (False, True))
    assert part.pixels.size < whole.pixels.size / 2
    box = tuple(slice(o, o + n) for o, n in zip(part.offset, part.pixels.shape, strict=True))
    assert np.array_equal(part.pixels, whole.pixels[box])
    assert np.array_equal(part.intensity_mask, whole.intensity_mask[box])
    assert np.array_equal(part.morphology_mask, whole.morphology_mask[box])
    assert whole.morphology_mask.sum() == part.morphology_mask.sum()


@pytest.mark.external
def test_phantoms_are_those_of_the_reference(external_data: Path) -> None:
    pixels, mask, spacing = source(external_data, "dig_phantom")
    assert pixels.shape == (4, 4, 5)
    assert mask.sum() == 74
    assert spacing == (2.0, 2.0, 2.0)
