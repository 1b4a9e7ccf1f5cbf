"""A stager with parts around it, from the study file to the report."""

from __future__ import annotations

import pandas as pd
import pytest
from typer.testing import CliRunner

from radiofib.cli.app import app
from radiofib.study import StudyConfig, run_study
from tests.study.builders import STUDY, write_pictures, write_study

PLAN = """\
stager:
  name: logistic
  scanner_flag: true
  harmonise: {name: scale, params: {unseen: pass, min_rows: 2}}
  missing: median
  select: [near_constant, {name: correlation, params: {threshold: 0.95}}]
  balance: class_weight
  recalibrate: {name: logistic, params: {folds: 2}}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("plan")
    text = STUDY.replace("stager: {name: logistic}\n", PLAN)
    study = write_study(root, write_pictures(root, n_patients=16), text)
    return run_study(StudyConfig.from_yaml(study), root=root, out=root / "run", workers=1)


def test_a_corrected_stager_is_shown_before_and_after(run):
    predictions = pd.read_csv(run.out / "predictions.csv")
    models = set(predictions["model"])
    assert {"logistic", "logistic (uncalibrated)"} <= models
    assert not any("control" in m and "uncalibrated" in m for m in models)
    both = predictions[predictions["model"].str.startswith("logistic")]
    after, before = (
        both[both["model"] == m]["p_f4"].to_numpy() for m in sorted(set(both["model"]))
    )
    assert len(after) == len(before)
    assert (after != before).any()
    assert "logistic (uncalibrated)" in run.report.read_text(encoding="utf-8")


def test_no_step_failed_and_the_model_knows_its_context(run):
    assert [f for f in run.failures if f.step == "train"] == []
    new = CliRunner().invoke(
        app,
        [
            "predict",
            str(run.out / "model.skops"),
            str(run.out / "features/features.parquet"),
            "--out",
            str(run.out.parent / "again.csv"),
        ],
    )
    assert new.exit_code == 0, new.output
    again = pd.read_csv(run.out.parent / "again.csv")
    assert set(again["domain"]) == {"in_scanner"}


def test_train_takes_the_same_section(run):
    settings = run.out.parent / "stager.yaml"
    settings.write_text("\n".join(line[2:] for line in PLAN.splitlines()[1:]), encoding="utf-8")
    features = str(run.out / "features/features.parquet")
    out = run.out.parent / "model.skops"
    command = ["train", features, "--settings", str(settings), "--out", str(out)]
    made = CliRunner().invoke(app, command)
    assert made.exit_code == 0, made.output
    assert out.is_file()
    both = CliRunner().invoke(app, [*command, "--stager", "logistic"])
    assert "not both" in str(both.exception)
    settings.write_text("name: logistic\nharmonize: combat\n", encoding="utf-8")
    wrong = CliRunner().invoke(app, command)
    assert wrong.exit_code != 0
    assert "did you mean 'harmonise'" in str(wrong.exception or wrong.output)
