"""Stages without an order keep none when the run's own files are used again."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from typer.testing import CliRunner

from radiofib.cli.app import app
from tests.study.builders import write_pictures, write_study

STUDY = """\
title: Causes
cohort: cohort.csv
extraction:
  image_types: {Original: {}}
  feature_classes: {firstorder: }
  settings: {binCount: 16, force2D: true}
stager: {name: logistic}
evaluation: {settings: [cv], folds: 2, n_boot: 100, controls: false}
"""


def _do(*arguments: object) -> None:
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    assert done.exit_code == 0, done.output


def test_run_files_are_evaluated_as_the_run_did(tmp_path: Path) -> None:
    frame = write_pictures(tmp_path, n_patients=12, images=1)
    frame["stage"] = ["viral", "alcohol", "immune"] * 4
    study = write_study(tmp_path, frame, STUDY)
    run = tmp_path / "run"
    _do("run", study, "--root", tmp_path, "--out", run, "--workers", 1)
    _do("evaluate", run / "predictions.csv", "--out", tmp_path / "again", "--n-boot", 100)
    first = pd.read_csv(run / "evaluation" / "metrics.csv")
    again = pd.read_csv(tmp_path / "again" / "metrics.csv")
    pd.testing.assert_frame_equal(again, first)
    assert "viral_vs_rest" in set(first["target"])
    predictions = tmp_path / "predictions.csv"
    _do("predict", run / "model.skops", run / "features/features.parquet", "--out", predictions)
    written = pd.read_csv(predictions)
    assert set(written["model"]) == {"logistic"}
    assert not written["ordered"].any()
