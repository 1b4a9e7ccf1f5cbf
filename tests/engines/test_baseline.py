"""Upstream's baseline values on brain1 and breast1, and pyradiomics called directly.

A value agrees with the baseline when |ours - baseline| <= 1e-6 max(|baseline|, 1e-6), and with
pyradiomics itself when |ours - theirs| <= 1e-12 max(|theirs|, 1e-12) through the pyradiomics
engine and <= 1e-9 max(|theirs|, 1e-9) natively.
"""

from __future__ import annotations

import ast
import csv
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import SimpleITK as sitk

from radiofib.engines import ExtractionConfig, default_config, get_engine, promised_columns
from radiofib.images import load_roi
from radiofib.registry import parse_column

pytestmark = pytest.mark.external
radiomics = pytest.importorskip("radiomics")

EXCEPTIONS = Path(__file__).parent.parent / "reference" / "pyradiomics_baseline_exceptions.csv"
FAMILIES = ("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
CASES = ("brain1", "breast1")


@cache
def pair(folder: Path, case: str) -> tuple[Any, Any]:
    image, mask = (folder / f"{case}_{kind}.nrrd" for kind in ("image", "label"))
    return sitk.ReadImage(str(image)), sitk.ReadImage(str(mask))


def direct(image: Any, mask: Any, family: str, settings: dict[str, Any]) -> dict[str, float]:
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    radiomics.setVerbosity(60)
    extractor = RadiomicsFeatureExtractor(**settings)
    extractor.disableAllFeatures()
    extractor.enableFeatureClassByName(family)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = extractor.execute(image, mask)
    return {n: float(v) for n, v in found.items() if not n.startswith("diagnostics")}


def close(value: float, reference: float, tolerance: float) -> bool:
    return abs(value - reference) <= tolerance * max(abs(reference), tolerance)


def columns_of(path: Path) -> list[tuple[str, dict[str, str]]]:
    rows = list(csv.reader(path.open()))
    names = rows[0][1:]
    return [
        (name, {row[0]: row[i + 1] for row in rows[1:]})
        for i, name in enumerate(names)
        if name.split("_")[0] in CASES
    ]


def exceptions() -> dict[tuple[str, str], tuple[float, float]]:
    with EXCEPTIONS.open() as stream:
        return {
            (row["case"], row["feature"]): (float(row["value"]), float(row["upstream_today"]))
            for row in csv.DictReader(stream)
        }


@pytest.mark.parametrize(("engine_name", "equal"), [("pyradiomics", 1e-12), ("native", 1e-9)])
@pytest.mark.parametrize("family", FAMILIES)
def test_baseline(external_data: Path, family: str, engine_name: str, equal: float) -> None:
    folder = external_data / "pyradiomics"
    engine = get_engine(engine_name)
    known = {k: v for k, v in exceptions().items() if f"_{family}_" in k[1]}
    seen: dict[tuple[str, str], tuple[float, float]] = {}
    compared = 0
    for name, baseline in columns_of(folder / "baseline" / f"baseline_{family}.csv"):
        case = name.split("_")[0]
        settings = ast.literal_eval(baseline["diagnostics_Configuration_Settings"])
        images = ast.literal_eval(baseline["diagnostics_Configuration_EnabledImageTypes"])
        config = ExtractionConfig.parse(
            {"setting": settings, "imageType": images, "featureClass": {family: None}}, where=name
        )
        roi = load_roi(
            folder / f"{case}_image.nrrd",
            folder / f"{case}_label.nrrd",
            mask_label=config.settings.label,
            channel=case,
        )
        found = engine.extract(roi, config)
        assert not found.missing, name
        theirs = direct(*pair(folder, case), family, settings)
        for column, value in found.values.items():
            feature = parse_column(column).pyradiomics_name
            assert close(value, theirs.pop(feature), equal), (name, feature)
            if not close(value, float(baseline[feature]), 1e-6):
                seen[name, feature] = (float(baseline[feature]), value)
            compared += 1
        assert not theirs, name
    assert compared >= 2 * 2 * 5
    assert set(seen) == set(known)
    for key, (reference, today) in seen.items():
        assert reference == known[key][0]
        assert today == pytest.approx(known[key][1], rel=1e-9)


def test_tables_hold_all_eight_settings(external_data: Path) -> None:
    found = set()
    for family in FAMILIES:
        path = external_data / "pyradiomics" / "baseline" / f"baseline_{family}.csv"
        found |= {name.removeprefix("brain1") for name, _ in columns_of(path) if "brain1" in name}
    assert found == {
        "",
        "_2d",
        "_FBN",
        "_combined",
        "_flatRegion",
        "_normalization",
        "_resampling",
        "_resegmentation",
    }


def test_abdominal_mr_liver(external_data: Path) -> None:
    folder = external_data / "mri" / "totalsegmentator"
    roi = load_roi(
        folder / "example_mr_sm.nii.gz",
        folder / "example_seg_mr.nii.gz",
        mask_label=5,
        channel="mr",
    )
    found = get_engine("pyradiomics").extract(roi, default_config("mri"))
    assert not found.missing
    mean = found.values["mr_original_firstorder_mean"]
    variance = found.values["mr_original_firstorder_variance"]
    assert (round(mean, 4), round(variance**0.5, 4)) == (95.1803, 23.5353)


@pytest.mark.parametrize("patient", ["STS_002", "STS_003"])
@pytest.mark.parametrize("channel", ["CT", "MR_T1"])
def test_tumours_on_their_own_grids(external_data: Path, patient: str, channel: str) -> None:
    folder = external_data / "mri" / "ibsi_sts" / patient
    image, mask = (folder / f"{channel}_{kind}.nii.gz" for kind in ("image", "mask"))
    config = ExtractionConfig.parse({"setting": {"binCount": 32}}, where="test")
    found = get_engine("pyradiomics").extract(load_roi(image, mask, channel="x"), config)
    assert not found.missing
    assert len(found.values) == 107


def test_ultrasound_regions(external_data: Path) -> None:
    files = sorted((external_data / "us" / "byra_rois" / "rois").glob("*.jpg"))[::110]
    engine = get_engine("pyradiomics")
    config = default_config("ultrasound")
    for path in files:
        found = engine.extract(load_roi(path, channel="us"), config)
        assert not found.missing
        assert list(found.values) == promised_columns(config, "us", 2)
