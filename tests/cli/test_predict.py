"""The command ``predict`` says which rows it could not stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from radiofib.cli.app import app


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("predict")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(24, 3)), columns=["mean", "contrast", "area"])
    frame.insert(0, "case", [f"c{i:02d}" for i in range(24)])
    frame["stage"] = ["F0", "F4"] * 12
    frame.to_csv(folder / "train.csv", index=False)
    model = folder / "model.skops"
    made = CliRunner().invoke(
        app, ["train", str(folder / "train.csv"), "--stager", "logistic", "--out", str(model)]
    )
    assert made.exit_code == 0, made.output
    return model, frame


def _predict(model: Path, frame: pd.DataFrame, folder: Path) -> Any:
    frame.to_csv(folder / "new.csv", index=False)
    out = ["--out", str(folder / "predictions.csv")]
    return CliRunner().invoke(app, ["predict", str(model), str(folder / "new.csv"), *out])


def test_rows_without_features_are_named(
    trained: tuple[Path, pd.DataFrame], tmp_path: Path
) -> None:
    model, frame = trained
    gaps = frame.copy()
    gaps.loc[3:11, ["mean", "contrast", "area"]] = np.nan
    result = _predict(model, gaps, tmp_path)
    assert result.exit_code == 3
    assert "9 of 24 rows" in result.stderr
    assert "c03, c04, c05, c06, c07 and 4 more" in result.stderr
    written = pd.read_csv(tmp_path / "predictions.csv")
    assert written["p_f0"].isna().sum() == 9


def test_all_rows_staged(trained: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    model, frame = trained
    result = _predict(model, frame, tmp_path)
    assert result.exit_code == 0
    assert result.stderr == ""


def test_no_row_staged(trained: tuple[Path, pd.DataFrame], tmp_path: Path) -> None:
    model, frame = trained
    other = frame.head(2).assign(mean=np.nan, contrast=np.nan, area=np.nan, extra=[1.0, 2.0])
    result = _predict(model, other, tmp_path)
    assert result.exit_code == 1
    assert "2 of 2 rows" in result.stderr
