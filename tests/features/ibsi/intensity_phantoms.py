"""The phantoms of IBSI 1, the settings of their configurations, and the rule of comparison."""

from __future__ import annotations

import csv
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import SimpleITK as sitk

from radiofib.features.ibsi import (
    histogram,
    intensity,
    local_intensity,
    morphology,
    volume_histogram,
)
from radiofib.preprocess.ibsi import (
    IbsiRegion,
    diagnostics,
    fixed_bin_number,
    fixed_bin_size,
    prepare_ibsi,
)

FAMILIES = ("morph", "loc", "stat", "ih", "ivh")
E_VALUES = Path(__file__).parents[2] / "reference" / "ibsi_1_chest_config_e.csv"


class Configuration(NamedTuple):
    """Settings of one configuration: processing, bins, intensity-volume histogram."""

    processing: dict[str, Any]
    bin_width: float | None = None
    bin_number: int | None = None
    volume: dict[str, Any] = {}  # noqa: RUF012 - never changed


CT = (-1000.0, 400.0)
SOFT = (-500.0, 400.0)
CONFIGURATIONS = {
    "dig_phantom": Configuration({}),
    "chest_config_a": Configuration({"dimension": "2d", "resegment_range": SOFT}, 25.0),
    "chest_config_b": Configuration(
        {"dimension": "2d", "spacing_out": 2.0, "resegment_range": SOFT}, None, 32
    ),
    "chest_config_c": Configuration(
        {"spacing_out": 2.0, "resegment_range": CT},
        25.0,
        volume={"method": "fixed_bin_size", "bin_width": 2.5},
    ),
    "chest_config_d": Configuration({"spacing_out": 2.0, "resegment_sigma": 3.0}, None, 32),
    "chest_config_e": Configuration(
        {
            "spacing_out": 2.0,
            "image_interpolation": "cubic",
            "resegment_range": CT,
            "resegment_sigma": 3.0,
        },
        None,
        32,
        {"method": "fixed_bin_number", "bin_number": 1000},
    ),
}


@cache
def source(data: Path, name: str) -> tuple[Any, Any, tuple[float, ...]]:
    """Image, mask and spacing of the phantom of a configuration."""
    phantom = "digital" if name == "dig_phantom" else "ct_radiomics"
    folder = data / "ibsi" / f"ibsi_1_{phantom}_phantom" / "nifti"
    image = sitk.ReadImage(str(folder / "image" / "phantom.nii.gz"))
    mask = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "mask" / "mask.nii.gz"))) == 1
    return sitk.GetArrayFromImage(image), mask, image.GetSpacing()[::-1]


@cache
def prepared(data: Path, name: str, *, whole: bool) -> IbsiRegion:
    """The region of a configuration, as it is used or with the whole image."""
    kept = {"margin_mm": None} if whole else {}
    return prepare_ibsi(*source(data, name), **CONFIGURATIONS[name].processing, **kept)


def features(data: Path, name: str) -> dict[str, float]:
    """Every feature of our families under its IBSI tag."""
    region = prepared(data, name, whole=False)
    bins = CONFIGURATIONS[name]
    low = region.resegment_range[0] if region.resegment_range else None
    if bins.bin_width is not None:
        levels = fixed_bin_size(region.values, bins.bin_width, low)
    elif bins.bin_number is not None:
        levels = fixed_bin_number(region.values, bins.bin_number)
    else:
        levels = region.values.astype(np.int64)
    masks = (region.intensity_mask, region.morphology_mask)
    results = {
        "morph": morphology.compute(region.pixels, *masks, region.spacing_mm),
        "loc": local_intensity.compute(region.pixels, masks[0], region.spacing_mm),
        "stat": intensity.compute(region.values),
        "ih": histogram.compute(levels),
        "ivh": volume_histogram.compute(
            region.values, limits=region.resegment_range, **bins.volume
        ),
    }
    assert all(why == {} for _, why in results.values())
    return {f"{f}_{name}": v for f, (found, _) in results.items() for name, v in found.items()}


def reports(data: Path, name: str) -> dict[str, float]:
    """Sizes, counts and intensities at each stage, under IBSI's tags."""
    return diagnostics(*source(data, name), prepared(data, name, whole=True))


def reference(data: Path, name: str) -> dict[str, tuple[str, str]]:
    """Value and tolerance of every tag, as they are written."""
    if name == "chest_config_e":
        with E_VALUES.open(encoding="utf-8") as file:
            return {r["tag"]: (r["value"], r["tolerance"]) for r in csv.DictReader(file)}
    path = data / "ibsi" / "ibsi_1_reference_values" / f"ibsi_1_{name}.csv"
    with path.open(encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter=";")
        return {r["tag"].lower(): (r["reference value"], r["tolerance"]) for r in rows}


def agrees(value: float, expected: str, tolerance: str) -> bool:
    """Within the tolerance, its end included; where it is 0, equal in all digits given.

    With tolerance 0 the value must round to the reference: it may be off by half a unit of the
    last digit given.
    """
    number = Decimal(expected)
    allowed = Decimal(tolerance) or Decimal(5).scaleb(int(number.as_tuple().exponent) - 1)
    return bool(np.isfinite(value)) and abs(Decimal(value) - number) <= allowed
