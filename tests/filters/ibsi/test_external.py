"""Response maps and feature values that IBSI 2 gives, doi 10.48550/arXiv.2006.05470."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from benchmarks._ibsi_2 import FILTERS, MAPS
from radiofib.filters.ibsi import FilterSettings, respond, support
from tests.filters.ibsi.phantom import Region, phantom, read, statistics

pytestmark = pytest.mark.external
ADAPTER: TypeAdapter[Any] = TypeAdapter(FilterSettings)

#: Largest difference allowed, as a share of the range of the map. IBSI allows 0.01.
MAP_TOLERANCE = 1e-3
CONFIGURATIONS = [f"{number}.{letter}" for number in FILTERS for letter in "AB"]
#: Rows without a value in the reference: IBSI found no consensus.
BLANK = {("8.B", "stat_qcod")}


def test_every_map_is_tested(external_data: Path) -> None:
    folder = external_data / "ibsi" / "ibsi_2_reference" / "maps"
    given = {path.name.removesuffix("-ValidCRM.nii.gz") for path in folder.glob("*.nii.gz")}
    assert given == set(MAPS)


@pytest.mark.parametrize("test", MAPS)
def test_response_map(
    external_data: Path, test: str, record_property: Callable[[str, object], None]
) -> None:
    name, given = MAPS[test]
    folder = external_data / "ibsi"
    image, spacing = read(
        folder / "ibsi_2_digital_phantom" / "nifti" / name / "image" / f"{name}.nii.gz"
    )
    expected, _ = read(folder / "ibsi_2_reference" / "maps" / f"{test}-ValidCRM.nii.gz")
    found = respond(image, spacing, ADAPTER.validate_python(given))
    share = float(np.abs(found - expected).max() / np.ptp(expected))
    record_property("largest difference as share of the range", share)
    assert share <= MAP_TOLERANCE


def reference(external_data: Path) -> dict[tuple[str, str], tuple[float, float]]:
    path = external_data / "ibsi" / "ibsi_2_reference" / "reference_values.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert len(rows) == 18 * 18
    blank = {(r["filter_id"], r["feature_tag"]) for r in rows if not r["consensus_value"]}
    assert blank == BLANK
    return {
        (r["filter_id"], r["feature_tag"]): (float(r["consensus_value"]), float(r["tolerance"]))
        for r in rows
        if r["consensus_value"]
    }


@pytest.fixture(scope="module")
def regions(external_data: Path) -> dict[str, Region]:
    folder = external_data / "ibsi" / "ibsi_1_ct_radiomics_phantom"
    return {letter: phantom(folder, letter) for letter in "AB"}


def response_inside(region: Region, configuration: str) -> Any:
    """Values of the response in the region; the image is cut to what the filter reaches."""
    number, letter = configuration.split(".")
    filter_ = FILTERS[number]
    if filter_ is None:
        return region.pixels[region.intensity_mask]
    dimension = {"dimension": "2d" if letter == "A" else "3d"}
    chosen = ADAPTER.validate_python(filter_[0] | filter_["AB".index(letter) + 1] | dimension)
    pixels, mask = region.pixels, region.intensity_mask
    reach = support(chosen, region.spacing_mm)
    if reach is not None:
        box = tuple(
            slice(max(0, int(where.min()) - r), int(where.max()) + r + 1)
            for where, r in zip(np.nonzero(mask), reach, strict=True)
        )
        pixels, mask = pixels[box], mask[box]
    return respond(pixels, region.spacing_mm, chosen)[mask]


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_feature_values(
    external_data: Path,
    regions: dict[str, Region],
    configuration: str,
    record_property: Callable[[str, object], None],
) -> None:
    found = statistics(response_inside(regions[configuration[-1]], configuration))
    checked, outside = 0, []
    for (name, tag), (value, tolerance) in reference(external_data).items():
        if name == configuration:
            checked += 1
            record_property(tag, (abs(found[tag] - value) / tolerance, found[tag]))
            if abs(found[tag] - value) > tolerance:
                outside.append(f"{tag} {found[tag]:g}, expected {value:g} +- {tolerance:g}")
    assert checked == len(found) - sum(name == configuration for name, _ in BLANK)
    assert not outside


def test_wrong_settings_fall_outside(external_data: Path, regions: dict[str, Region]) -> None:
    """The comparison can fail: a wavelet of another family, axes of the bands exchanged."""
    region, values = regions["A"], reference(external_data)
    wrong = {"type": "wavelet", "family": "db2", "bands": "LH", "pooling": "mean"}
    chosen = ADAPTER.validate_python(wrong | {"dimension": "2d"})
    response = respond(region.pixels, region.spacing_mm, chosen)
    found = statistics(response[region.intensity_mask])
    value, tolerance = values["6.A", "stat_var"]
    assert abs(found["stat_var"] - value) > tolerance
    image, spacing = read(
        external_data / "ibsi/ibsi_2_digital_phantom/nifti/sphere/image/sphere.nii.gz"
    )
    expected, _ = read(external_data / "ibsi/ibsi_2_reference/maps/6_a_1-ValidCRM.nii.gz")
    other = ADAPTER.validate_python(MAPS["6_a_1"][1] | {"bands": "LHH"})
    share = np.abs(respond(image, spacing, other) - expected).max() / np.ptp(expected)
    assert share > 0.01
