"""Section liver of a configuration, from files to the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from radiofib.cohort import Cohort
from radiofib.engines import ExtractionConfig
from radiofib.errors import ConfigError
from radiofib.extract import extract_features
from radiofib.extract.functional import looks_normalised
from radiofib.extract.landmarks import write_landmarks
from radiofib.table import FeatureTable

SHAPE = (12, 40, 44)
LIVER, SPLEEN = np.s_[3:9, 8:28, 5:24], np.s_[3:9, 8:28, 28:40]
LEVELS = {"t1": (500, 400), "ged4": (900, 450)}


def save(path: Path, array: np.ndarray) -> str:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((2.0, 2.0, 3.0))
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path))
    return str(path)


def case(folder: Path, name: str, *, scale: float = 1.0, zscore: bool = False) -> list[dict]:
    """Write T1 and GED4 of one patient, liver and spleen of known intensity."""
    rng = np.random.default_rng(len(name))
    rows = []
    mask = np.zeros(SHAPE, np.uint8)
    mask[LIVER] = 1
    spleen = np.zeros(SHAPE, np.uint8)
    spleen[SPLEEN] = 1
    for channel, (liver, organ) in LEVELS.items():
        pixels = np.abs(rng.normal(60, 5, SHAPE))
        # Noise that cancels: the means over the organs are exact.
        wave = np.where(np.indices(SHAPE).sum(axis=0) % 2, 10.0, -10.0)
        pixels[LIVER] = liver + wave[LIVER]
        pixels[SPLEEN] = organ
        pixels *= scale
        if zscore:
            pixels = (pixels - pixels.mean()) / pixels.std()
        rows.append(
            {
                "case": name,
                "channel": channel,
                "image": save(folder / name / f"{channel}.nii.gz", pixels.astype(np.float32)),
                "mask": save(folder / name / "liver.nii.gz", mask),
                "spleen_mask": save(folder / name / "spleen.nii.gz", spleen),
                "registration": "reference" if channel == "ged4" else "good",
            }
        )
    return rows


def extract(folder: Path, rows: list[dict], liver: dict[str, Any], **more: Any) -> FeatureTable:
    config = ExtractionConfig.parse(
        {
            "featureClass": {"firstorder": ["Mean"], "glcm": ["Contrast"]},
            "setting": {"binCount": 8},
            "liver": liver,
            **more,
        },
        where="test",
    )
    cohort = Cohort.from_frame(pd.DataFrame(rows), root=folder)
    table, failures = extract_features(cohort, config, pieces_dir=folder / "pieces", workers=1)
    assert not failures
    return table


FUNCTIONAL = {"functional": {"commensurable": "declared", "groups": ["enhancement", "spleen"]}}


def test_indices_stand_beside_texture(tmp_path: Path) -> None:
    rows = [*case(tmp_path, "a"), *case(tmp_path, "b", zscore=True)]
    table = extract(tmp_path, rows, FUNCTIONAL)
    a, b = (table.X.iloc[i] for i in range(2))
    prefix = "ged4_original_functional_"
    assert a[f"{prefix}relative_enhancement"] == pytest.approx((900 - 500) / 500)
    assert a[f"{prefix}liver_spleen_ratio"] == pytest.approx(900 / 450)
    assert np.isnan(b[f"{prefix}relative_enhancement"])
    why = table.missing[table.missing["case"] == "b"].set_index("column")["reason"]
    assert "normalised" in why[f"{prefix}relative_enhancement"]
    assert "normalised" in why[f"{prefix}liver_spleen_ratio"]
    assert table.codebook["alias"].is_unique
    assert list(table.codebook["column"]) == list(table.X)
    assert table.obs["case"].tolist() == ["a", "b"]


def test_a_declared_normalisation_is_believed(tmp_path: Path) -> None:
    rows = [{**row, "intensities": "normalised"} for row in case(tmp_path, "a")]
    table = extract(tmp_path, rows, FUNCTIONAL)
    assert table.X.filter(like="_functional_").isna().all(axis=None)


def test_a_channel_on_its_native_grid_has_no_enhancement(tmp_path: Path) -> None:
    rows = case(tmp_path, "a")
    rows[0]["registration"] = "native: the images have nothing in common"
    table = extract(tmp_path, rows, FUNCTIONAL)
    column = "ged4_original_functional_relative_enhancement"
    assert table.X[column].isna().all()
    assert "nothing in common" in table.missing.set_index("column")["reason"][column]
    assert table.X["ged4_original_functional_liver_spleen_ratio"].notna().all()


def test_texture_is_measured_after_preprocessing_and_indices_before(tmp_path: Path) -> None:
    zscore = {"preprocessing": {"normalise": {"method": "zscore", "inside": "region"}}}
    table = extract(tmp_path, case(tmp_path, "a"), {**zscore, **FUNCTIONAL})
    assert table.X["ged4_original_firstorder_mean"][0] == pytest.approx(0, abs=1e-5)
    enhancement = table.X["ged4_original_functional_relative_enhancement"][0]
    assert enhancement == pytest.approx(0.8)
    assert any("z-score" in n for n in table.provenance["notes"])


def test_changes_of_texture_between_phases(tmp_path: Path) -> None:
    liver = {**FUNCTIONAL, "delta": True}
    table = extract(tmp_path, case(tmp_path, "a"), liver)
    assert table.X["ged4_original_dfirstorder_mean"][0] == pytest.approx(0.8)
    zscore = {"preprocessing": {"normalise": {"method": "zscore", "inside": "body"}}}
    table = extract(tmp_path, case(tmp_path, "a"), {**zscore, **liver})
    assert table.X["ged4_original_dfirstorder_mean"].isna().all()
    with pytest.raises(ConfigError, match="delta needs 'functional'"):
        ExtractionConfig.parse({"liver": {"delta": True}}, where="test")


def test_the_region_is_cleaned_for_texture_and_whole_for_the_surface(tmp_path: Path) -> None:
    lesion = np.zeros(SHAPE, np.uint8)
    lesion[4:6, 10:14, 8:12] = 1
    rows = case(tmp_path, "a")
    for row in rows:
        row["lesion_mask"] = save(tmp_path / "a/lesion.nii.gz", lesion)
    liver = {"hygiene": {"erode_mm": 2.5}, "features": ["surface", "ucl"]}
    table = extract(tmp_path, rows, liver)
    notes = " ".join(table.provenance["notes"])
    assert "lesion" in notes
    assert table.X["t1_original_ucl_volume"][0] == pytest.approx(6 * 20 * 19 * 12, rel=0.05)
    assert table.X["t1_original_firstorder_mean"][0] == pytest.approx(500, rel=0.01)
    assert table.X["t1_original_surface_mask_roughness"].notna().all()


def test_finished_cases_are_kept_and_a_changed_spleen_is_not(tmp_path: Path) -> None:
    rows = case(tmp_path, "a")
    first = extract(tmp_path, rows, FUNCTIONAL)
    second = extract(tmp_path, rows, FUNCTIONAL)
    assert first.X.equals(second.X)
    assert first.provenance == second.provenance
    moved = np.zeros(SHAPE, np.uint8)
    moved[0:2, 0:6, 0:6] = 1
    save(tmp_path / "a/spleen.nii.gz", moved)
    third = extract(tmp_path, rows, FUNCTIONAL)
    column = "ged4_original_functional_liver_spleen_ratio"
    assert third.X[column][0] > 5 > first.X[column][0]


def test_landmarks_are_learned_stored_and_needed(tmp_path: Path) -> None:
    nyul = {"preprocessing": {"normalise": {"method": "nyul", "inside": "body"}}}
    train = [*case(tmp_path, "a"), *case(tmp_path, "b", scale=3.0)]
    test = case(tmp_path, "test", scale=20.0)
    config = ExtractionConfig.parse({"liver": nyul}, where="test")
    assert config.liver is not None
    cohort = Cohort.from_frame(pd.DataFrame(train), root=tmp_path)
    written = write_landmarks(cohort.acquisitions, config.liver, tmp_path / "marks")
    assert sorted(p.name for p in written) == ["ged4.json", "t1.json"]
    table = extract(tmp_path, [*train, *test], {**nyul, "landmarks": str(tmp_path / "marks")})
    means = table.X["ged4_original_firstorder_mean"].to_numpy()
    # One scale for all: a gain of 3 or 20 is gone.
    assert np.ptp(means) < 0.02 * abs(means).max()
    with_other_place = {**nyul, "landmarks": str(tmp_path / "elsewhere")}
    cohort = Cohort.from_frame(pd.DataFrame(train), root=tmp_path)
    lost = ExtractionConfig.parse({"liver": with_other_place}, where="test")
    _, failures = extract_features(cohort, lost, pieces_dir=tmp_path / "p2", workers=1)
    assert len(failures) == 4
    assert "elsewhere/t1.json" in failures[0].reason


def test_where_landmarks_lie_is_no_part_of_the_result() -> None:
    nyul = {"preprocessing": {"normalise": {"method": "nyul"}}}
    one, other = (
        ExtractionConfig.parse({"liver": {**nyul, "landmarks": place}}, where="test")
        for place in ("here", "there")
    )
    assert one.digest == other.digest
    assert one.digest != ExtractionConfig.parse({}, where="test").digest


def test_overshoot_at_edges_is_not_taken_for_normalisation() -> None:
    rng = np.random.default_rng(0)
    image = np.abs(rng.normal(0, 3, 10_000))
    image[:3000] += 500
    assert not looks_normalised(image)
    image[3000:3600] = -4  # 6 % of the voxels, but small
    assert not looks_normalised(image)
    assert looks_normalised((image - image.mean()) / image.std())
