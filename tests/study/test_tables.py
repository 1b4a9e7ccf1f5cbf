"""Training on a table: what is refused, and what the model file says of its labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from radiofib.cli.app import app
from radiofib.errors import TableError
from radiofib.staging import load_stager
from radiofib.study import predict_features, train_table
from radiofib.study.tables import output_columns
from radiofib.table import FeatureTable


def _table(labels: object, empty: bool = False) -> FeatureTable:
    X = pd.DataFrame({"f": np.arange(12) % 3 + 0.5, "g": np.full(12, np.nan)})
    obs = pd.DataFrame({"case": [f"c{i}" for i in range(12)], "kind": labels})
    return FeatureTable(X[["g"]] if empty else X, obs)


TEXTS = ["tumour", "cyst", "healthy"] * 4


def test_a_table_without_a_value_trains_nothing(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="no feature has a value"):
        train_table(_table(TEXTS, empty=True), tmp_path / "m.skops", label="kind")
    assert not list(tmp_path.iterdir())


def test_values_of_unlabelled_rows_do_not_count(tmp_path: Path) -> None:
    table = _table(["F0", "F1", None] * 4)
    table.X.loc[table.obs["kind"].notna(), "f"] = np.nan
    with pytest.raises(TableError, match=r"2 feature column\(s\), 8 labelled row"):
        train_table(table, tmp_path / "m.skops", label="kind")


@pytest.mark.parametrize(
    ("labels", "ordered", "levels"),
    [
        (TEXTS, False, ["cyst", "healthy", "tumour"]),
        (pd.Categorical(TEXTS), False, ["cyst", "healthy", "tumour"]),
        (
            pd.Categorical(TEXTS, ["healthy", "cyst", "tumour"], ordered=True),
            True,
            ["healthy", "cyst", "tumour"],
        ),
        (["F10", "F2", "F1"] * 4, True, ["f1", "f2", "f10"]),
    ],
)
def test_only_labels_with_an_order_are_ordered(
    tmp_path: Path, labels: object, ordered: bool, levels: list[str]
) -> None:
    path = tmp_path / "m.skops"
    scheme = train_table(_table(labels), path, label="kind", stager="logistic")
    _, metadata = load_stager(path)
    assert scheme.ordered is ordered
    assert list(scheme.levels) == metadata["levels"] == levels
    assert metadata["ordered"] is ordered
    assert metadata["columns"] == 1
    if not ordered:
        assert set(metadata["labels"].values()) == set(TEXTS)


def _train(folder: Path, frame: pd.DataFrame, settings: str) -> Result:
    frame.to_csv(folder / "t.csv", index=False)
    (folder / "plan.yaml").write_text(settings, encoding="utf-8")
    arguments = ["--settings", str(folder / "plan.yaml"), "--out", str(folder / "m.skops")]
    done = CliRunner().invoke(app, ["train", str(folder / "t.csv"), *arguments])
    assert done.exit_code == 0, done.output
    return done


def _plain(rows: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(rows, 2)), columns=["mean", "area"])
    frame["patient"] = [f"p{i // 2}" for i in range(rows)]
    frame["stage"] = ["F0", "F0", "F4", "F4"] * (rows // 4)
    frame["scanner"] = ["GE", "GE", "ge", "ge", "B", "B", "B", "B"] * (rows // 8)
    return frame


def test_train_says_what_it_learnt_from(tmp_path: Path) -> None:
    frame = _plain().assign(empty=np.nan)
    frame.loc[:2, "stage"] = None
    done = _train(tmp_path, frame, "name: logistic\n")
    assert "learnt from 37 rows of 19 patients, 2 features" in done.stdout
    assert "3 rows without a value in 'stage' are left out" in done.stderr
    assert "taken as different" not in done.stderr


@pytest.mark.parametrize("settings", ["scanner_flag: true", "harmonise: combat"])
def test_settings_that_read_the_scanner_tell_of_like_names(tmp_path: Path, settings: str) -> None:
    done = _train(tmp_path, _plain(), f"name: logistic\n{settings}\n")
    assert "taken as different: 'GE', 'ge'" in done.stderr


def test_columns_of_predictions_are_no_features(tmp_path: Path) -> None:
    outputs = {
        "y_true": 1.0,
        "p_f0": 0.3,
        "fold": 2.0,
        "domain": 1.0,
        "distance_p": 0.1,
        "unfamiliar": True,
        "set_low": 0.0,
        "set_high": 1.0,
        "set_for": 3.0,
        "call_f4": 1.0,
    }
    frame = _plain().assign(**outputs, p_original_glcm_contrast=np.arange(40.0), price=1.0)
    done = _train(tmp_path, frame, "name: logistic\n")
    assert "columns of predictions are no features and are left out: y_true" in done.stderr
    assert ", 4 features" in done.stdout
    _, metadata = load_stager(tmp_path / "m.skops")
    kept = ["mean", "area", "p_original_glcm_contrast", "price"]
    assert list(metadata["feature_columns"]) == kept
    assert output_columns(FeatureTable.read(tmp_path / "t.csv")) == list(outputs)


@pytest.mark.filterwarnings("error::pandas.errors.PerformanceWarning")
def test_many_empty_features_are_taken_back_at_once(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = [f"t1_f{i}" for i in range(150)]
    frame = _plain().drop(columns="scanner")
    frame = pd.concat([frame, pd.DataFrame(rng.normal(size=(40, 150)), columns=names)], axis=1)
    _train(tmp_path, frame, "name: logistic\n")
    frame[names] = np.nan
    frame.to_csv(tmp_path / "new.csv", index=False)
    found = predict_features(tmp_path / "m.skops", tmp_path / "new.csv").predictions
    assert found["p_f0"].notna().all()
