"""An ablation that starts from images, and one in the folder of a run."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from radiofib.study import StudyConfig, ablate_study, run_study
from radiofib.study.folder import verify_run
from tests.study.builders import STUDY, write_pictures, write_study

pytestmark = pytest.mark.slow

ABLATE = """\
ablate:
  folds: 3
  settings: [cv]
  main: f4_vs_f0
  factors:
    families:
      first order: {families: [firstorder]}
      texture: {families: [glcm]}
    learner:
      logistic:
      boosted: {name: xgboost, params: {n_estimators: 10}}
"""


def test_images_are_measured_once_for_run_and_ablation(tmp_path: Path) -> None:
    text = STUDY.replace("main: f4_vs_f0-f3\n", "") + ABLATE
    path = write_study(tmp_path, write_pictures(tmp_path, n_patients=16), text)
    study = StudyConfig.from_yaml(path)
    told: list[tuple[str, int, int]] = []
    done = ablate_study(
        study,
        root=tmp_path,
        out=tmp_path / "out",
        workers=1,
        progress=lambda *step: told.append(step),
    )
    assert (done.n_runs, done.failures) == (4, ())
    assert ("features", 32, 32) in told
    assert told[-1] == ("ablate", 12, 12)
    order = pd.read_csv(done.out / "ablation" / "order.csv")
    assert set(order["factor"]) == {"families", "learner"}
    pieces = sorted((done.out / "features" / "pieces").iterdir())
    before = [p.stat().st_mtime_ns for p in pieces]
    table = (done.out / "features" / "features.parquet").read_bytes()
    # A run into the same folder finds the features; its manifest lists both.
    run_study(study, root=tmp_path, out=tmp_path / "out", workers=1)
    assert sorted((done.out / "features" / "pieces").iterdir()) == pieces
    assert [p.stat().st_mtime_ns for p in pieces] == before
    assert (done.out / "features" / "features.parquet").read_bytes() == table
    files = verify_run(done.out)
    assert (files["status"] == "ok").all()
    assert {"report.html", "ablation.html", "ablation/effects.csv"} <= set(files["file"])
