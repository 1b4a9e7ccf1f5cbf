"""The command ``evaluate`` says which order of stages it takes, or takes the one given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from radiofib.cli.app import app
from radiofib.errors import TableError


def test_levels_are_said_or_given(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"case": range(8), "y_true": ["no", "yes"] * 4, "p": [0.1, 0.9, 0.4, 0.3] * 2}
    )
    binary, named = tmp_path / "binary.csv", tmp_path / "named.csv"
    frame.to_csv(binary, index=False)
    frame.assign(p_yes=frame["p"], p_no=1 - frame["p"]).drop(columns="p").to_csv(named, index=False)
    tail = ["--out", str(tmp_path / "out"), "--n-boot", "0"]
    given = CliRunner().invoke(app, ["evaluate", str(binary), *tail, "--levels", "no,yes"])
    assert given.exit_code == 0, given.output
    assert "stages in order" not in given.output
    said = CliRunner().invoke(app, ["evaluate", str(named), *tail])
    assert said.exit_code == 0, said.output
    assert "stages in order: yes < no\n" in said.output


def _run(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_stages_without_an_order_stay_so_from_train_to_evaluate(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(45, 3)), columns=["mean", "contrast", "area"])
    frame["stage"] = ["viral", "alcohol", "immune"] * 15
    frame.to_csv(tmp_path / "t.csv", index=False)
    model, predictions = tmp_path / "m.skops", tmp_path / "p.csv"
    _run("train", tmp_path / "t.csv", "--stager", "logistic", "--out", model)
    _run("predict", model, tmp_path / "t.csv", "--out", predictions)
    said = _run("evaluate", predictions, "--out", tmp_path / "e", "--n-boot", 0)
    assert "stages without an order: alcohol, immune, viral" in said
    metrics = pd.read_csv(tmp_path / "e" / "metrics.csv")
    assert set(metrics["target"]) == {
        "alcohol_vs_rest", "immune_vs_rest", "viral_vs_rest", "stages",
    }  # fmt: skip
    assert "quadratic_weighted_kappa" not in set(metrics["metric"])
    _run("evaluate", predictions, "--ordered", "--out", tmp_path / "o", "--n-boot", 0)
    ordered = pd.read_csv(tmp_path / "o" / "metrics.csv")
    assert "quadratic_weighted_kappa" in set(ordered["metric"])


@pytest.mark.parametrize("answers", [["false", "true"], ["maybe", "maybe"]])
def test_unclear_order_is_refused(tmp_path: Path, answers: list[str]) -> None:
    frame = pd.DataFrame({"case": ["a", "b"], "y_true": ["0", "1"], "p": [0.1, 0.9]})
    frame.assign(ordered=answers).to_csv(tmp_path / "p.csv", index=False)
    done = CliRunner().invoke(
        app, ["evaluate", str(tmp_path / "p.csv"), "--out", str(tmp_path / "e")]
    )
    assert isinstance(done.exception, TableError)
    assert "column 'ordered'" in str(done.exception)
