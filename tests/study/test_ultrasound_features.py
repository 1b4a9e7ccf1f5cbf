"""A study of ultrasound features, with copies of pictures among its cases."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from radiofib.study import StudyConfig, run_study
from radiofib.table import FeatureTable
from tests.study.builders import write_pictures, write_study

STUDY = """\
title: Ultrasound features
cohort: cohort.csv
scheme: metavir
extraction:
  texture: false
  ultrasound:
    features: [speckle, lbp, laws]
    machines:
      alpha: {compression: {dynamic_range_db: 60}}
stager: {name: logistic}
evaluation: {settings: [cv], folds: 3, n_boot: 100, controls: false}
uncertainty: null
export: [csv]
examples: 0
seed: 5
"""


@pytest.mark.slow
def test_features_and_copies_reach_table_audit_and_report(tmp_path: Path) -> None:
    frame = write_pictures(tmp_path, n_patients=16, images=1)
    for number, (stage, patient) in enumerate((("F0", "q1"), ("F4", "q2"), ("F4", "q3"))):
        (tmp_path / f"images/again{number}.png").write_bytes(
            (tmp_path / "images/p00_0.png").read_bytes()
        )
        row = frame.iloc[0].to_dict() | {"case": f"again{number}", "patient": patient}
        row |= {"image": f"images/again{number}.png", "stage": stage}
        frame = pd.concat([frame, pd.DataFrame([row])], ignore_index=True)
    study = StudyConfig.from_yaml(write_study(tmp_path, frame, STUDY))
    result = run_study(study, root=tmp_path, out=tmp_path / "run", workers=1)
    table = FeatureTable.from_parquet(tmp_path / "run/features/features.parquet")
    assert {c.split("_")[2] for c in table.X} == {"speckle", "lbp", "laws"}
    known = table.X["us_original_speckle_nakagami_m"].notna()
    assert known.equals((table.obs["scanner"] == "alpha").rename(known.name))
    codebook = pd.read_csv(tmp_path / "run/export/codebook.csv").set_index("column")
    assert codebook.loc["us_original_speckle_nakagami_m", "label"].endswith("Nakagami m")
    folds = pd.read_csv(tmp_path / "run/predictions.csv").merge(
        table.obs[["case", "image_group"]], on="case"
    )
    assert folds.groupby("image_group")["fold"].nunique().tolist() == [1]
    counts = json.loads((tmp_path / "run/run.json").read_text())["copies"]
    assert (counts["same_file"], counts["across_stages"]) == (3, 1)
    verdicts = pd.read_csv(tmp_path / "run/audit/verdicts.csv").set_index("check")
    assert verdicts.loc["exact_duplicates", "verdict"] == "found"
    assert verdicts.loc["duplicates_across_stages", "verdict"] == "found"
    doubts = pd.read_csv(tmp_path / "run/doubts.csv")
    assert {"again1", "again2"} <= set(doubts["case"])
    report = result.report.read_text(encoding="utf-8")
    assert "Copies of pictures" in report
    assert "1 group" in report
