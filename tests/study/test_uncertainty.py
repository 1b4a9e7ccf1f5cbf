"""A run says how sure its stager is; predictions of new cases say so too, and where not to rely."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from radiofib.cli.app import app
from radiofib.datacard import make_scheme
from radiofib.simulate.cohorts import TableScanner, TableSettings, simulate_table
from radiofib.study import RunFolder, StudyConfig
from radiofib.study.model import evaluate_step, train_step
from radiofib.study.uncertainty import uncertainty_step
from radiofib.table import FeatureTable

LEVELS = ("s1", "s2", "s3", "s4")
SCHEME = make_scheme("lifs", LEVELS, None, True)
SETTINGS = TableSettings(
    features_per_channel=12,
    shift_sd=1.0,
    scanners=tuple(TableScanner(name=name) for name in ("A", "B1", "B2", "C")),
)
STUDY: dict[str, Any] = {
    "title": "A study",
    "cohort": "cohort.csv",
    "stager": {"name": "logistic"},
    "evaluation": {"folds": 4, "n_boot": 100, "controls": False},
}
FILES = ("conformal", "prediction_sets", "abstain", "distance", "quality")


def _quiet(step: str, done: int, total: int) -> None:
    """Report nothing."""


@pytest.fixture(scope="module")
def cohort() -> FeatureTable:
    return simulate_table(160, seed=2, settings=SETTINGS).table


@pytest.fixture(scope="module")
def known(cohort: FeatureTable) -> FeatureTable:
    return cohort.subset((cohort.obs["scanner"] != "C").to_numpy())


def _run(folder: RunFolder, table: FeatureTable, study: StudyConfig) -> list[Any]:
    failures = train_step(study, table, SCHEME, folder, "hash", _quiet)
    failures += evaluate_step(study, table, SCHEME, folder, "hash", _quiet)
    return failures + uncertainty_step(study, table, SCHEME, folder, "hash", _quiet)


@pytest.fixture(scope="module")
def run(known: FeatureTable, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    assert _run(folder, known, StudyConfig(**STUDY)) == []
    return folder


def test_the_step_writes_its_tables_once(run: RunFolder, known: FeatureTable) -> None:
    paths = [run.root / f"evaluation/{name}.csv" for name in FILES]
    paths.append(run.root / "model_uncertainty.npz")
    before = [p.stat().st_mtime_ns for p in paths]
    assert _run(run, known, StudyConfig(**STUDY)) == []
    assert [p.stat().st_mtime_ns for p in paths] == before
    coverage = pd.read_csv(paths[0])
    assert set(coverage["model"]) == {"logistic"}
    assert set(zip(coverage["setting"], coverage["calibration"], strict=True)) == {
        ("cv", "other folds"),
        ("cv", "same scanner"),
        ("loso", "training scanners"),
        ("loso", "other unseen scanners"),
    }
    quality = pd.read_csv(paths[4]).set_index(["setting", "scanner"])
    assert quality.loc["cv", "known"].all()
    assert not quality.loc["loso", "known"].any()
    assert (quality.loc["loso", "unfamiliar"] > 0.5).all()


@pytest.fixture
def copy(run: RunFolder, tmp_path: Path) -> RunFolder:
    """Return a copy of the run to spoil."""
    shutil.copytree(run.root, tmp_path / "run")
    return RunFolder(tmp_path / "run")


def test_switched_off_it_leaves_nothing(known: FeatureTable, copy: RunFolder) -> None:
    assert (copy.root / "model_uncertainty.npz").is_file()
    off = StudyConfig(**STUDY, uncertainty=None)
    assert uncertainty_step(off, known, SCHEME, copy, "hash", _quiet) == []
    left = {p.name for p in copy.root.rglob("*") if p.is_file()}
    assert not left & {f"{name}.csv" for name in FILES}
    assert "model_uncertainty.npz" not in left
    assert "model.skops" in left


def test_channel_sets_have_a_companion_each(known: FeatureTable, tmp_path: Path) -> None:
    sets = {"All": ["t1", "t2"], "Plain": ["t1"]}
    settings = STUDY | {"evaluation": {**STUDY["evaluation"], "settings": ["cv"], "folds": 2}}
    folder = RunFolder(tmp_path)
    assert _run(folder, known, StudyConfig(**settings, channel_sets=sets)) == []
    found = {p.name for p in tmp_path.glob("*.npz")}
    assert found == {"model_uncertainty.npz", "model_plain_uncertainty.npz"}
    distance = pd.read_csv(tmp_path / "evaluation/distance.csv")
    assert set(distance["model"]) == {"logistic [All]", "logistic [Plain]"}
    # Predictions of no stager of this study: its distance can be told all the same.
    one = StudyConfig(**settings)
    assert uncertainty_step(one, known, SCHEME, folder, "hash", _quiet) == []
    assert {p.name for p in tmp_path.glob("*.npz")} == {"model_uncertainty.npz"}
    assert pd.read_csv(tmp_path / "evaluation/conformal.csv").empty


def test_unusable_predictions_are_a_failure_of_the_step_alone(
    known: FeatureTable, copy: RunFolder
) -> None:
    (copy.root / "predictions.csv").write_text("case,y_true\n", encoding="utf-8")
    failed = uncertainty_step(StudyConfig(**STUDY), known, SCHEME, copy, "hash", _quiet)
    assert [f.step for f in failed] == ["uncertainty"]
    assert not (copy.root / "model_uncertainty.npz").exists()
    assert (copy.root / "model.skops").is_file()


def _predict(model: Path, table: FeatureTable, folder: Path, *more: str) -> Any:
    frame = pd.concat([table.obs[["case", "patient", "stage", "scanner"]], table.X], axis=1)
    frame.to_csv(folder / "new.csv", index=False)
    out = ["--out", str(folder / "predictions.csv"), *more]
    return CliRunner().invoke(app, ["predict", str(model), str(folder / "new.csv"), *out])


def test_predict_names_the_scanner_that_is_unlike_training(
    run: RunFolder, cohort: FeatureTable, tmp_path: Path
) -> None:
    result = _predict(
        run.root / "model.skops", cohort, tmp_path, "--quality", str(tmp_path / "quality.csv")
    )
    assert result.exit_code == 0, result.output
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1
    assert "of scanner C (not in training)" in lines[0]
    assert "scanner A" not in lines[0]
    written = pd.read_csv(tmp_path / "predictions.csv")
    unknown = written["scanner"] == "C"
    assert set(written.loc[unknown, "set_for"]) == {"unseen scanner"}
    assert set(written.loc[~unknown, "set_for"]) == {"same scanner"}
    assert written.loc[unknown, "unfamiliar"].mean() > 0.5
    quality = pd.read_csv(tmp_path / "quality.csv").set_index("scanner")
    assert quality.loc["C", "verdict"].startswith("unfamiliar")
    assert quality["score_training"].notna().all()


def test_what_predict_adds_does_not_hinder_evaluate(
    run: RunFolder, cohort: FeatureTable, tmp_path: Path
) -> None:
    assert _predict(run.root / "model.skops", cohort, tmp_path).exit_code == 0
    path = tmp_path / "predictions.csv"
    bare = pd.read_csv(path)
    bare = bare[[c for c in bare if not c.startswith(("distance", "unfamiliar", "set_", "call_"))]]
    bare.to_csv(tmp_path / "bare.csv", index=False)
    assert bare.shape[1] < pd.read_csv(path).shape[1]
    for name in ("predictions", "bare"):
        made = CliRunner().invoke(
            app,
            [
                *("evaluate", str(tmp_path / f"{name}.csv"), "--out", str(tmp_path / name)),
                *("--n-boot", "50"),
            ],
        )
        assert made.exit_code == 0, made.output
    first, second = (
        (tmp_path / name / "metrics.csv").read_bytes() for name in ("predictions", "bare")
    )
    assert first == second


def test_a_trained_model_alone_still_warns(cohort: FeatureTable, tmp_path: Path) -> None:
    frame = pd.concat([cohort.obs[["case", "patient", "stage", "scanner"]], cohort.X], axis=1)
    frame[frame["scanner"] != "C"].to_csv(tmp_path / "train.csv", index=False)
    model = tmp_path / "model.skops"
    made = CliRunner().invoke(
        app, ["train", str(tmp_path / "train.csv"), "--stager", "logistic", "--out", str(model)]
    )
    assert made.exit_code == 0, made.output
    result = _predict(model, cohort, tmp_path)
    assert "of scanner C (not in training)" in result.stderr
    written = pd.read_csv(tmp_path / "predictions.csv")
    assert "distance_p" in written
    assert "set_low" not in written
    # A companion of another model costs its columns, and is warned of.
    model.with_name("model_uncertainty.npz").write_bytes(b"nothing")
    result = _predict(model, cohort, tmp_path)
    assert result.exit_code == 0
    assert "no statement of certainty: model_uncertainty.npz: cannot be read" in result.stderr
    assert "distance_p" not in pd.read_csv(tmp_path / "predictions.csv")
    model.with_name("model_uncertainty.npz").unlink()
    assert _predict(model, cohort, tmp_path).stderr == ""


def test_one_patient_trains_without_a_companion(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(12, 2)), columns=["mean", "contrast"])
    frame.insert(0, "patient", "p")
    frame.insert(0, "case", [f"c{i}" for i in range(12)])
    frame["stage"] = ["F0", "F4"] * 6
    frame.to_csv(tmp_path / "train.csv", index=False)
    model = tmp_path / "model.skops"
    made = CliRunner().invoke(
        app, ["train", str(tmp_path / "train.csv"), "--stager", "logistic", "--out", str(model)]
    )
    assert made.exit_code == 0, made.output
    assert not (tmp_path / "model_uncertainty.npz").exists()
