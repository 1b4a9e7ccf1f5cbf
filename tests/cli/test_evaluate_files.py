"""The command ``evaluate`` on other people's predictions, scores and readers, file to files."""

from __future__ import annotations

import contextlib
import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from radiofib.cli.app import app
from radiofib.errors import TableError, UsageError
from tests.evaluation.test_readers import LEVELS, make_cases, make_readings

FILES = (
    *("metrics", "roc", "calibration", "confusion", "decision_curves", "calibration_curve"),
    *("thresholds", "comparisons"),
)


def _run(*arguments: object, status: int = 0) -> str:
    done = CliRunner().invoke(app, ["evaluate", *(str(a) for a in arguments)])
    assert done.exit_code == status, done.output
    return done.output


def _separated(path: Path) -> Path:
    p = np.linspace(0.1, 0.9, 70)
    frame = pd.DataFrame({"case": range(70), "y_true": [0] * 5 + [1] * 65, "p": p})
    frame.to_csv(path, index=False)
    return path


def test_a_separated_file_names_its_interval(tmp_path: Path) -> None:
    _run(_separated(tmp_path / "p.csv"), "--out", tmp_path / "e", "--n-boot", 200)
    assert {p.stem for p in (tmp_path / "e").iterdir()} == set(FILES)
    metrics = pd.read_csv(tmp_path / "e" / "metrics.csv")
    row = metrics[(metrics["metric"] == "auc") & (metrics["unit"] == "patient")].iloc[0]
    assert (row["estimate"], row["ci_high"]) == (1.0, 1.0)
    assert row["ci_low"] == pytest.approx(0.795, abs=0.0005)
    assert "Newcombe's method 5" in row["method"]
    curve = pd.read_csv(tmp_path / "e" / "decision_curves.csv")
    assert list(curve.columns) == [
        "model", "setting", "unit", "target", "threshold", "net_benefit", "ci_low", "ci_high",
        "treat_all", "standardised", "n", "n_pos", "note",
    ]  # fmt: skip


def test_train_and_prevalence_are_used(tmp_path: Path) -> None:
    frame, _ = make_cases(models=1)
    frame.to_csv(tmp_path / "p.csv", index=False)
    make_cases(models=1, seed=4)[0].to_csv(tmp_path / "t.csv", index=False)
    given = ["--train", tmp_path / "t.csv", "--n-boot", 0, "--out", tmp_path / "e"]
    _run(tmp_path / "p.csv", *given, "--prevalence", "s4_vs_s1-3=0.2")
    cuts = pd.read_csv(tmp_path / "e" / "thresholds.csv")
    assert cuts["note"].str.contains("chosen on 120 training rows").all()
    metrics = pd.read_csv(tmp_path / "e" / "metrics.csv")
    assert "ppv_at_prevalence_0.2" in set(metrics.query("target == 's4_vs_s1-3'")["metric"])
    for text, message in (("0.2", "needs its target"), ("s4=0.2", "unknown target"),
                          ("s4_vs_s1-3=x", "must be a number")):  # fmt: skip
        arguments = ["evaluate", tmp_path / "p.csv", *given, "--prevalence", text]
        done = CliRunner().invoke(app, [str(a) for a in arguments])
        assert isinstance(done.exception, UsageError)
        assert message in str(done.exception)


def test_readers_beside_models(tmp_path: Path) -> None:
    frame, codes = make_cases(models=3)
    frame.to_csv(tmp_path / "p.csv", index=False)
    readings = make_readings(codes)
    readings.to_csv(tmp_path / "r.csv", index=False)
    out = tmp_path / "e"
    _run(tmp_path / "p.csv", "--out", out, "--readers", tmp_path / "r.csv", "--n-boot", 50)
    names = ("readers", "reader_auc", "reader_agreement", "reader_mrmc", "reader_failures")
    assert {p.stem for p in out.iterdir()} == {*FILES, *names}
    table = pd.read_csv(out / "readers.csv", keep_default_na=False)
    assert len(table) == 2 * 3 * 2
    assert set(table["arrow"]) <= {"↑", "↓", ""}
    readings.loc[0, "score"] = None
    readings.to_csv(tmp_path / "r.csv", index=False)
    said = _run(
        tmp_path / "p.csv", "--out", out, "--readers", tmp_path / "r.csv", "--n-boot", 0, status=3
    )
    assert "reader 'R1' gave no score" in said
    assert "reader_failures.csv" in said
    again = tmp_path / "again"
    _run(tmp_path / "p.csv", "--out", again, "--n-boot", 50)
    assert {p.stem for p in again.iterdir()} == set(FILES)


def test_an_input_is_not_overwritten(tmp_path: Path) -> None:
    frame, codes = make_cases(models=1)
    frame.to_csv(tmp_path / "p.csv", index=False)
    make_readings(codes).to_csv(tmp_path / "readers.csv", index=False)
    before = (tmp_path / "readers.csv").read_bytes()
    arguments = ["evaluate", tmp_path / "p.csv", "--out", tmp_path, "--readers",
                 tmp_path / "readers.csv", "--n-boot", 0]  # fmt: skip
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    assert isinstance(done.exception, UsageError)
    assert "would overwrite an input" in str(done.exception)
    assert (tmp_path / "readers.csv").read_bytes() == before
    assert {p.name for p in tmp_path.iterdir()} == {"p.csv", "readers.csv"}


def test_repeats_without_patients_are_noted(tmp_path: Path) -> None:
    frame = pd.read_csv(_separated(tmp_path / "p.csv"))
    pd.concat([frame] * 3).to_csv(tmp_path / "p.csv", index=False)
    said = _run(tmp_path / "p.csv", "--out", tmp_path / "e", "--n-boot", 0)
    assert said.count("note: p.csv: 70 case(s) have several rows of one model") == 1
    assert "each case is taken for one patient" in said.replace("\n", " ")


def test_scores_and_too_large_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, codes = make_cases(models=1)
    scores = make_readings(codes, readers=1).drop(columns=["reader", "target", "reading"])
    scores["y_true"] = np.array(LEVELS)[codes]
    scores.to_csv(tmp_path / "s.csv", index=False)
    said = _run(tmp_path / "s.csv", "--out", tmp_path / "e", "--n-boot", 50)
    assert "stages in order: s1 < s2 < s3 < s4" in said
    metrics = pd.read_csv(tmp_path / "e" / "metrics.csv")
    assert metrics.query("metric == 'brier'")["note"].str.contains("not a probability").all()
    monkeypatch.setattr("radiofib.evaluation.predictions._free_memory", lambda: 1000)
    done = CliRunner().invoke(
        app, ["evaluate", str(tmp_path / "s.csv"), "--out", str(tmp_path / "e")]
    )
    assert isinstance(done.exception, TableError)
    assert "too large for the free memory" in str(done.exception)


def test_the_files_shown_in_readme_are_understood(tmp_path: Path, repository: Path) -> None:
    text = (repository / "README.md").read_text(encoding="utf-8")
    section = text.split("## Other people's predictions, and readers")[1].split("\n## ")[0]
    shown = re.findall(r"```csv\n(.*?)```", section, re.DOTALL)
    columns = [block.splitlines()[0].split(",") for block in shown]
    frame, codes = make_cases(models=2)
    frame = frame.assign(patient=frame["case"])
    frame[columns[0]].to_csv(tmp_path / "predictions.csv", index=False)
    frame[columns[0]].to_csv(tmp_path / "train.csv", index=False)
    long = make_readings(codes, target="s4_vs_s1-3", reading="NonContrast")
    wide = long.pivot_table(index="case", columns="reader", values="score").reset_index()
    command = re.findall(r"^radiofib (evaluate .*)$", section, re.MULTILINE)
    assert len(command) == 1
    for table, names in zip((long, wide), columns[1:], strict=True):
        table[names].to_csv(tmp_path / "readers.csv", index=False)
        with contextlib.chdir(tmp_path):
            done = CliRunner().invoke(app, [*shlex.split(command[0]), "--n-boot", "0"])
        assert done.exit_code == 0, done.output
    files = {p.name for p in (tmp_path / "evaluation").iterdir()}
    assert files <= set(re.findall(r"`(\w+\.csv)`", section))
