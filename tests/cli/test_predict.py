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


@pytest.fixture(scope="module")
def harmonised(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """A model that refuses scanners it was not trained on, and what it was trained on."""
    folder = tmp_path_factory.mktemp("harmonised")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(48, 3)), columns=["mean", "contrast", "area"])
    frame.insert(0, "case", [f"c{i:02d}" for i in range(48)])
    frame["stage"] = ["F0", "F4"] * 24
    frame["scanner"] = ["A", "A", "B", "B"] * 12
    frame.to_csv(folder / "train.csv", index=False)
    settings = folder / "plan.yaml"
    settings.write_text("name: logistic\nharmonise: combat\n", encoding="utf-8")
    model = folder / "model.skops"
    arguments = ["--settings", str(settings), "--out", str(model)]
    made = CliRunner().invoke(app, ["train", str(folder / "train.csv"), *arguments])
    assert made.exit_code == 0, made.output
    return model, frame


def _written(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "predictions.csv")


def test_a_row_with_infinity_costs_only_itself(
    trained: tuple[Path, pd.DataFrame], tmp_path: Path
) -> None:
    model, frame = trained
    assert _predict(model, frame, tmp_path).exit_code == 0
    before = _written(tmp_path)
    bad = frame.copy()
    bad.loc[3, "contrast"] = np.inf
    bad.loc[5, ["mean", "contrast", "area"]] = np.nan
    result = _predict(model, bad, tmp_path)
    assert result.exit_code == 3, result.output
    assert "infinite or too large (column 'contrast'), so their" in result.stderr
    assert "empty: c03" in result.stderr
    assert "1 of 24 rows have none of the model's features" in result.stderr
    after = _written(tmp_path)
    assert after["p_f0"].isna().to_numpy().nonzero()[0].tolist() == [3, 5]
    assert after["unfamiliar"].isna().to_numpy().nonzero()[0].tolist() == [3, 5]
    rest = after["p_f0"].notna()
    pd.testing.assert_frame_equal(
        after.loc[rest, ["p_f0", "p_f4"]], before.loc[rest, ["p_f0", "p_f4"]]
    )


def test_refused_scanners_cost_only_their_rows(
    harmonised: tuple[Path, pd.DataFrame], tmp_path: Path
) -> None:
    model, frame = harmonised
    assert _predict(model, frame, tmp_path).exit_code == 0
    before = _written(tmp_path)
    other = frame.copy()
    other.loc[[3, 7], "scanner"] = "Z"
    other.loc[9, "scanner"] = None
    result = _predict(model, other, tmp_path)
    assert result.exit_code == 3, result.output
    assert "2 of 48 rows are refused by the model (scanner 'Z' was not seen" in result.stderr
    assert "1 of 48 rows are refused by the model (the scanner is missing)" in result.stderr
    assert "scanners that were not in training: 'Z' (2 rows)" in result.stderr
    after = _written(tmp_path)
    rest = after["p_f0"].notna()
    assert (~rest).to_numpy().nonzero()[0].tolist() == [3, 7, 9]
    assert after["distance_p"].notna().all()
    np.testing.assert_allclose(after.loc[rest, "p_f0"], before.loc[rest, "p_f0"], rtol=1e-12)


def test_scanners_that_are_all_refused_are_an_error(
    harmonised: tuple[Path, pd.DataFrame], tmp_path: Path
) -> None:
    model, frame = harmonised
    result = _predict(model, frame.assign(scanner="Z"), tmp_path)
    assert result.exit_code == 1
    assert not (tmp_path / "predictions.csv").exists()


def test_a_label_of_another_scheme_is_noted(
    trained: tuple[Path, pd.DataFrame], tmp_path: Path
) -> None:
    model, frame = trained
    other = frame.copy()
    other.loc[2, "stage"] = "F9"
    result = _predict(model, other, tmp_path)
    assert result.exit_code == 0, result.output
    assert "1 label(s) in 'stage' are none of the model's (F0, F4)" in result.stderr
    assert "'F9'" in result.stderr
    after = _written(tmp_path)
    assert after["y_true"].isna().to_numpy().nonzero()[0].tolist() == [2]
    assert after["p_f0"].notna().all()


def test_numeric_scanners_are_known_beside_an_empty_cell(
    harmonised: tuple[Path, pd.DataFrame], tmp_path: Path
) -> None:
    _, frame = harmonised
    numbers = frame.assign(scanner=frame["scanner"].map({"A": 1, "B": 2}))
    numbers.to_csv(tmp_path / "train.csv", index=False)
    model = tmp_path / "m.skops"
    arguments = ["--scanner", "scanner", "--stager", "logistic", "--out", str(model)]
    made = CliRunner().invoke(app, ["train", str(tmp_path / "train.csv"), *arguments])
    assert made.exit_code == 0, made.output
    gap = numbers.astype({"scanner": float})
    gap.loc[0, "scanner"] = np.nan
    result = _predict(model, gap, tmp_path)
    assert result.exit_code == 0, result.output
    assert _written(tmp_path)["domain"].tolist()[1:] == ["in_scanner"] * 47


def test_the_reason_of_a_single_row_is_a_sentence(
    trained: tuple[Path, pd.DataFrame], tmp_path: Path
) -> None:
    model, frame = trained
    bad = frame.copy()
    bad.loc[3, "contrast"] = 1e300
    result = _predict(model, bad, tmp_path)
    assert result.exit_code == 3
    assert result.stderr == (
        "1 of 24 rows hold a number that is infinite or too large (column 'contrast'), so their "
        "probabilities are empty: c03\n"
    )
