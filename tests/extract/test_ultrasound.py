"""Section ``ultrasound`` of the extraction: columns, reasons, machines, kidney, instances."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from radiofib.cohort import Cohort
from radiofib.engines import ExtractionConfig
from radiofib.errors import ConfigError
from radiofib.extract import extract_features
from radiofib.extract.ultrasound import ultrasound_columns
from radiofib.registry import ULTRASOUND_FEATURES
from radiofib.simulate.ultrasound_cohort import write_ultrasound_cohort

KNOWN = {
    "compression": {"dynamic_range_db": 60, "top_db": 28},
    "frequency_mhz": 3.5,
    "flat_tgc": True,
    "pixel_mm": 0.3,
}


def config(**section: Any) -> ExtractionConfig:
    return ExtractionConfig.parse({"texture": False, "ultrasound": section}, where="test")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    folder = tmp_path_factory.mktemp("us") / "cohort"
    return Cohort.read(write_ultrasound_cohort(folder, n_patients=5, images_per_patient=1))


def test_columns_come_out_with_codebook_and_reasons(cohort: Cohort, tmp_path: Path) -> None:
    table, failures = extract_features(
        cohort, config(machines={"U1": KNOWN}), pieces_dir=tmp_path, workers=1
    )
    assert failures == []
    assert list(table.X) == [s.column("us") for s in ULTRASOUND_FEATURES]
    assert dict(zip(table.codebook["column"], table.codebook["unit"], strict=True)) == {
        s.column("us"): s.unit for s in ULTRASOUND_FEATURES
    }
    known = table.obs["scanner"] == "U1"
    assert 0 < known.sum() < len(known)
    for column in ("us_original_speckle_nakagami_m", "us_original_depth_attenuation"):
        assert table.X[column].notna().equals(known.rename(column))
    assert table.X["us_original_speckle_pseudo_nakagami_m"].notna().all()
    assert table.X["us_original_lbp_r1_9"].between(0, 1).all()
    reasons = table.missing.set_index(["case", "column"])["reason"]
    other = table.obs.loc[~known, "case"].iloc[0]
    assert "compression" in reasons[other, "us_original_speckle_nakagami_m"]
    assert reasons.str.contains("kidney_mask").sum() >= len(table.obs)


def test_pieces_follow_what_is_known_of_the_machine(cohort: Cohort, tmp_path: Path) -> None:
    said: list[str] = []

    def look(_: int, __: int, text: str) -> None:
        said.append(text.rsplit(" ", 1)[1])

    for section in ({}, {}, {"machine": {"frequency_mhz": 3.0}}):
        extract_features(cohort, config(**section), pieces_dir=tmp_path, workers=1, progress=look)
    n = len(cohort.acquisitions)
    assert said == ["done"] * n + ["kept"] * n + ["done"] * n


def picture(folder: Path) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    greys = rng.normal(100, 10, (80, 90)).clip(0, 255)
    greys[:, :45] += 50
    liver, kidney = np.zeros((2, 80, 90), np.uint8)
    liver[5:70, 3:42] = kidney[30:50, 55:80] = 1
    for name, array in (("us", greys.astype(np.uint8)), ("liver", liver), ("kidney", kidney)):
        Image.fromarray(array).save(folder / f"{name}.png")
    row = {"case": "a", "channel": "us", "image": "us.png", "mask": "liver.png"}
    return pd.DataFrame([row | {"kidney_mask": "kidney.png"}])


def test_the_kidney_is_a_column_of_the_cohort(tmp_path: Path) -> None:
    frame = picture(tmp_path)
    one, failures = extract_features(
        Cohort.from_frame(frame, root=tmp_path),
        config(features=["hepatorenal"], machine=KNOWN),
        pieces_dir=tmp_path / "p",
        workers=1,
    )
    assert failures == []
    assert one.X["us_original_hepatorenal_grey_ratio"].iloc[0] == pytest.approx(1.5, abs=0.02)
    assert one.X["us_original_hepatorenal_amplitude_ratio"].iloc[0] > 3
    Image.new("L", (7, 7), 1).save(tmp_path / "kidney.png")
    again, _ = extract_features(
        Cohort.from_frame(frame, root=tmp_path),
        config(features=["hepatorenal", "speckle"]),
        pieces_dir=tmp_path / "p",
        workers=1,
    )
    assert again.X["us_original_hepatorenal_grey_ratio"].isna().all()
    assert again.missing["reason"].str.contains("mask of the kidney cannot be used").any()


def test_patches_have_them_too_and_volumes_do_not(tmp_path: Path) -> None:
    whole = ExtractionConfig.parse(
        {
            "texture": False,
            "ultrasound": {"features": ["speckle", "laws"]},
            "instances": {"kind": "patches", "size": 20},
            "aggregate": ["mean", "sd"],
        },
        where="test",
    )
    frame = picture(tmp_path).drop(columns="kidney_mask")
    table, failures = extract_features(
        Cohort.from_frame(frame, root=tmp_path), whole, pieces_dir=tmp_path / "p", workers=1
    )
    assert failures == []
    assert table.X["us_original_avglaws_energy_e5e5"].notna().all()
    assert ultrasound_columns(whole, "us", 3) == []
    assert ultrasound_columns(whole, "t1", 2) == []


def test_a_configuration_without_the_section_stays_what_it_was() -> None:
    plain = ExtractionConfig.parse({}, where="test")
    assert "ultrasound" not in plain.canonical()
    assert "ultrasound" not in plain.model_dump(mode="json")
    assert config().canonical()["ultrasound"]["channels"] == ["us"]
    with pytest.raises(ConfigError, match="did you mean 'frequency_mhz'"):
        config(machine={"frequency_mz": 3})


@pytest.mark.external
def test_real_regions_of_interest(external_data: Path, tmp_path: Path) -> None:
    """Regions of 28 x 28 px without a scale: what they carry, and why the rest is missing."""
    root = external_data / "us" / "byra_rois"
    real = Cohort.from_card("byra_rois", root)
    few = Cohort(real.acquisitions[::50], real.scheme, root=real.root)
    table, failures = extract_features(few, config(), pieces_dir=tmp_path, workers=1)
    assert failures == []
    assert len(few.acquisitions) > 8
    given = table.X.notna().all()
    families = {c.split("_")[2] for c in given.index[given]}
    assert families >= {"speckle", "entropy", "lbp", "gabor", "laws", "fractal"}
    lost = dict(zip(table.missing["column"], table.missing["reason"], strict=True))
    assert "compression" in lost["us_original_speckle_nakagami_m"]
    assert "size of a pixel" in next(r for c, r in lost.items() if "depth" in c)
    assert any("px wide" in r for c, r in lost.items() if "gabor" in c)


def test_depth_runs_from_the_apex_that_a_picture_has_of_its_own(tmp_path: Path) -> None:
    """Cleaned pictures say it; a stated one holds where someone states it."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:120, :160]
    depth = np.hypot(y + 60.0, x - 150.0)  # the beams meet far from the middle
    grey = np.clip(200 - 0.5 * depth + rng.normal(0, 2, depth.shape), 1, 255)
    Image.fromarray(grey.astype(np.uint8)).save(tmp_path / "a.png")
    mask = np.zeros(grey.shape, np.uint8)
    mask[30:110, 10:60] = 255
    Image.fromarray(mask).save(tmp_path / "m.png")
    row = {"case": "a", "channel": "us", "image": "a.png", "mask": "m.png", "scanner": "U1"}
    slopes = {}
    for name, own, machine in (
        ("none", {}, {}),
        ("own", {"apex_y_px": -60, "apex_x_px": 150}, {}),
        ("stated", {}, {"apex_px": [-60, 150]}),
        ("both", {"apex_y_px": 0, "apex_x_px": 0}, {"apex_px": [-60, 150]}),
    ):
        cohort = Cohort.from_frame(pd.DataFrame([{**row, **own}]), root=tmp_path)
        table, failures = extract_features(
            cohort,
            config(features=["depth"], machine={"pixel_mm": 0.3, "flat_tgc": True, **machine}),
            pieces_dir=tmp_path / "pieces",
            workers=1,
        )
        assert failures == []
        slopes[name] = float(table.X["us_original_depth_grey_depth_slope"].iloc[0])
    assert slopes["own"] == slopes["stated"] == slopes["both"]
    assert slopes["own"] == pytest.approx(-0.5 / 0.03, rel=0.02)
    assert abs(slopes["none"]) < 0.9 * abs(slopes["own"])


def test_what_was_blanked_is_a_fact_for_the_controls(cohort: Cohort, tmp_path: Path) -> None:
    frame = cohort.to_frame().drop(columns="root", errors="ignore")
    frame["blanked_share"] = np.linspace(0, 0.04, len(frame))
    known = Cohort.from_frame(frame, root=cohort.root)
    table, _ = extract_features(
        known, config(features=["lbp"]), pieces_dir=tmp_path / "p", workers=1
    )
    assert table.obs["geom_us_blanked_share"].tolist() == frame["blanked_share"].tolist()
    bare, _ = extract_features(
        cohort, config(features=["lbp"]), pieces_dir=tmp_path / "p", workers=1
    )
    assert "geom_us_blanked_share" not in bare.obs
