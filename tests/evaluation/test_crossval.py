from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radiofib.errors import SplitError, TableError, UsageError
from radiofib.evaluation import control_tables, cross_validate, evaluate, predict_table
from radiofib.staging import make_stager, targets_for
from radiofib.table import FeatureTable
from tests.evaluation.conftest import LEVELS, make_table

LOGISTIC = make_stager("logistic", C=1.0)
COLUMNS = [
    *("case", "patient", "instance", "y_true", "p_s1", "p_s2", "p_s3", "p_s4"),
    *("scanner", "domain", "setting", "fold", "model"),
]


def _obs(table, **columns):
    return replace(table, obs=table.obs.assign(**columns))


def test_every_row_is_predicted_once_in_table_order(table):
    predictions, failures = cross_validate(table, LOGISTIC, model_name="lr")
    assert failures == []
    assert list(predictions.columns) == COLUMNS
    assert predictions["case"].tolist() == table.obs["case"].tolist()
    assert predictions["instance"].tolist() == table.obs["instance"].tolist()
    assert predictions["y_true"].tolist() == table.obs["stage"].astype(str).tolist()
    assert predictions[[f"p_{s}" for s in LEVELS]].sum(axis=1).to_numpy() == pytest.approx(1)
    assert set(predictions["fold"]) == {"1", "2", "3", "4", "5"}
    assert len(predictions[["patient", "fold"]].drop_duplicates()) == 48
    assert set(predictions["domain"]) == {"in_scanner"}
    assert set(predictions["model"]) == {"lr"}


def test_same_call_same_predictions_and_row_order_is_no_matter(table):
    first, _ = cross_validate(table, LOGISTIC)
    again, _ = cross_validate(table, LOGISTIC)
    pd.testing.assert_frame_equal(first, again)
    order = np.random.default_rng(0).permutation(table.n_rows)
    moved, _ = cross_validate(table.subset(order), LOGISTIC)
    assert (moved["fold"].to_numpy() == first["fold"].to_numpy()[order]).all()
    assert moved["p_s1"].to_numpy() == pytest.approx(first["p_s1"].to_numpy()[order], abs=1e-6)


def test_the_stager_given_is_not_trained(table):
    stager = make_stager("logistic")
    cross_validate(table, stager)
    assert not hasattr(stager, "classes_")


def test_leave_one_scanner_out(table):
    stager = make_stager("logistic", scanner_column="scanner")
    predictions, failures = cross_validate(table, stager, setting="loso")
    assert failures == []
    assert (predictions["fold"] == predictions["scanner"]).all()
    assert set(predictions["domain"]) == {"unseen_scanner"}
    assert len(predictions) == table.n_rows


def test_a_rare_scanner_is_unseen_within_cv(table):
    scanners = table.obs["scanner"].where(table.obs["patient"] != "p000", "rare")
    predictions, _ = cross_validate(_obs(table, scanner=scanners), LOGISTIC)
    unseen = predictions["domain"] == "unseen_scanner"
    assert set(predictions.loc[unseen, "patient"]) == {"p000"}


def test_unknown_scanners_are_listed_and_left_out_of_loso(table):
    scanners = table.obs["scanner"].where(table.obs["patient"] != "p003", None)
    predictions, failures = cross_validate(_obs(table, scanner=scanners), LOGISTIC, setting="loso")
    assert "p003" not in set(predictions["patient"])
    assert [(f.case, f.instance) for f in failures] == [("c003", "i0"), ("c003", "i1")]
    assert "no scanner in column 'scanner'" in failures[0].reason
    within, none = cross_validate(_obs(table, scanner=scanners), LOGISTIC)
    assert none == []
    assert within.loc[within["patient"] == "p003", "domain"].isna().all()


def test_rows_without_stage_are_listed_and_the_others_go_on(table):
    stage = table.obs["stage"].where(table.obs["patient"] != "p005")
    predictions, failures = cross_validate(_obs(table, stage=stage), LOGISTIC)
    assert len(predictions) == table.n_rows - 2
    assert {f.case for f in failures} == {"c005"}
    assert failures[0].reason.startswith("no stage in column 'stage': left out. Next: fill in")


def test_a_fold_that_cannot_be_trained_is_a_failure(table):
    # Scanner B and C hold one stage between them: leaving A out leaves one class.
    keep = (table.obs["scanner"] == "A") | (table.obs["stage"] == "s4")
    small = table.subset(keep.to_numpy())
    predictions, failures = cross_validate(small, LOGISTIC, setting="loso")
    assert [f.step for f in failures] == ["train"]
    assert "scanner 'A'" in failures[0].reason
    assert "1 class" in failures[0].reason
    assert set(predictions["fold"]) == {"B", "C"}


def test_no_training_rows_is_a_failure():
    table = make_table(n_patients=12)
    table = _obs(table, scanner=["A", "B"] * 12)
    predictions, failures = cross_validate(table, LOGISTIC, setting="loso")
    assert len(predictions) == 0
    assert list(predictions.columns) == COLUMNS
    assert len(failures) == 2
    assert "no training rows are left" in failures[0].reason


def test_a_stage_absent_from_training_has_probability_zero(table):
    scanners = np.where(table.obs["stage"] == "s2", "B", "A")
    extra = table.obs["patient"].isin(["p000", "p003"])
    scanners = np.where(extra, "B", scanners)
    predictions, failures = cross_validate(_obs(table, scanner=scanners), LOGISTIC, setting="loso")
    assert failures == []
    assert (predictions.loc[predictions["fold"] == "B", "p_s2"] == 0).all()
    metrics = evaluate(predictions, levels=LEVELS, n_boot=0).metrics
    note = metrics.query("target == 'stages' and metric == 'accuracy'")["note"].iloc[0]
    assert "s2 has probability 0 throughout fold B" in note


def test_without_patients_each_case_is_one():
    table = make_table(rows=1)
    bare = replace(table, obs=table.obs.drop(columns=["patient", "scanner", "instance"]))
    predictions, _ = cross_validate(bare, LOGISTIC)
    assert (predictions["patient"] == predictions["case"]).all()
    assert "instance" not in predictions
    assert predictions["domain"].isna().all()


def test_numeric_labels_of_another_table():
    table = make_table(rows=1)
    codes = table.obs["stage"].cat.codes.astype(float)
    predictions, _ = cross_validate(_obs(table, stage=codes), LOGISTIC)
    assert [c for c in predictions if c.startswith("p_")] == ["p_0", "p_1", "p_2", "p_3"]
    assert set(predictions["y_true"]) == {"0", "1", "2", "3"}


def test_what_cannot_be_done_is_said(table):
    with pytest.raises(SplitError, match="too few patients for 20 folds"):
        cross_validate(table, LOGISTIC, folds=20)
    with pytest.raises(UsageError, match=r"unknown setting 'lso'.*did you mean 'loso'"):
        cross_validate(table, LOGISTIC, setting="lso")
    with pytest.raises(TableError, match="no column 'steatosis' for the stage"):
        cross_validate(table, LOGISTIC, label="steatosis")
    with pytest.raises(TableError, match="no column 'machine' for the scanner"):
        cross_validate(table, make_stager("logistic", scanner_column="machine"))
    X = table.X.copy()
    X.iloc[7, 2] = np.inf
    with pytest.raises(TableError, match=r"case 'c003', column 'us_original_firstorder_f2'"):
        cross_validate(replace(table, X=X), LOGISTIC)
    with pytest.raises(TableError, match="no row has a stage"):
        cross_validate(_obs(table, stage=pd.Categorical([None] * 96, ["s1", "s2"])), LOGISTIC)


@pytest.mark.parametrize("name", ["random_forest", "xgboost", "logistic"])
def test_permuted_labels_are_chance(name):
    params = {"n_estimators": 40} if name != "logistic" else {}
    areas = []
    for seed in range(6):
        table = make_table(n_patients=60, effect=0.0, seed=seed, levels=("f0", "f1"), features=20)
        predictions, _ = cross_validate(table, make_stager(name, **params), random_state=seed)
        metrics = evaluate(predictions, levels=("f0", "f1"), n_boot=0).metrics
        areas.append(metrics.query("metric == 'auc' and unit == 'row'")["estimate"].iloc[0])
    assert np.mean(areas) == pytest.approx(0.5, abs=0.08)


def test_signal_is_found():
    predictions, _ = cross_validate(make_table(effect=2.0), LOGISTIC)
    metrics = evaluate(predictions, levels=LEVELS, n_boot=0).metrics
    assert (metrics.query("metric == 'auc'")["estimate"] > 0.85).all()


def test_repeated_rows_gain_nothing():
    once = make_table(n_patients=40, rows=1, effect=0.7, levels=("f0", "f1"))
    tenfold = once.subset(np.repeat(np.arange(once.n_rows), 10))
    tenfold = _obs(tenfold, instance=[f"i{k}" for k in np.tile(np.arange(10), once.n_rows)])
    # The penalty of the logistic weighs rows: a tenth of it on ten times the rows is the same.
    few, _ = cross_validate(once, make_stager("logistic", C=1.0, tol=1e-10))
    many, _ = cross_validate(tenfold, make_stager("logistic", C=0.1, tol=1e-10))
    assert many["p_f1"].to_numpy()[::10] == pytest.approx(few["p_f1"].to_numpy(), abs=1e-6)
    key = ["unit", "target", "metric"]
    a = evaluate(few, levels=("f0", "f1")).metrics.set_index(key)
    b = evaluate(many, levels=("f0", "f1")).metrics.set_index(key)
    for metric in ("auc", "brier", "log_loss", "balanced_accuracy", "mcc"):
        for unit in ("row", "patient"):
            here = (unit, "f1_vs_f0", metric)
            limits = ["estimate", "ci_low", "ci_high"]
            assert b.loc[here, limits].to_list() == pytest.approx(
                a.loc[here, limits].to_list(), abs=1e-5
            )
    for metric in a.loc["patient"].index.get_level_values("metric"):
        here = ("patient", "f1_vs_f0", metric)
        width = a.loc[here, "ci_high"] - a.loc[here, "ci_low"]
        assert b.loc[here, "ci_high"] - b.loc[here, "ci_low"] == pytest.approx(width, rel=0.02)
    wide = a.loc[("row", "f1_vs_f0", "calibration_slope")]
    repeated = b.loc[("row", "f1_vs_f0", "calibration_slope")]
    assert repeated["ci_high"] - repeated["ci_low"] > 0.8 * (wide["ci_high"] - wide["ci_low"])


def test_predictions_of_a_trained_model(table):
    stager = make_stager("logistic", scanner_column="scanner", C=1.0)
    train = table.subset((table.obs["scanner"] != "C").to_numpy())
    X = train.X.assign(scanner=train.obs["scanner"].to_numpy())
    stager.fit(X, train.obs["stage"].astype(str))
    found = predict_table(stager, table, levels=("s0", *LEVELS), setting="site")
    assert (found["p_s0"] == 0).all()
    assert found["domain"].eq("unseen_scanner").equals(table.obs["scanner"].eq("C"))
    assert set(found["setting"]) == {"site"}
    unlabelled = replace(table, obs=table.obs.drop(columns="stage"))
    assert predict_table(stager, unlabelled, levels=LEVELS)["y_true"].isna().all()
    with pytest.raises(TableError, match=r"outside the levels.*found s4"):
        predict_table(stager, table, levels=("s1", "s2", "s3"))


class TestControls:
    def test_each_control_is_blind_to_the_features(self, table):
        X = table.X.copy()
        X.iloc[:10, 1] = np.nan
        X.iloc[:10, 2] = np.nan
        X.iloc[5:20, 3] = np.nan
        geometry = {"geom_us_width": np.arange(96), "geom_us_kind": "png", "geom_us_dpi": 72}
        full = _obs(replace(table, X=X), **geometry)
        controls = control_tables(full)
        assert list(controls) == ["geometry", "scanner", "missingness"]
        assert controls["geometry"].X.columns.tolist() == ["geom_us_width"]
        assert controls["scanner"].X.sum(axis=1).eq(1).all()
        assert controls["missingness"].X.columns.tolist() == [
            "missing_us_original_firstorder_f1",
            "missing_us_original_firstorder_f3",
        ]
        for control in controls.values():
            predictions, failures = cross_validate(control, LOGISTIC)
            assert failures == []
            assert predictions["fold"].equals(cross_validate(table, LOGISTIC)[0]["fold"])

    def test_a_control_without_variation_is_absent(self, table):
        flat = _obs(table, scanner="A", geom_us_width=5.0)
        assert control_tables(flat) == {}

    def test_file_size_is_no_geometry(self, table):
        sizes = np.arange(table.n_rows) * 1.0
        flat = _obs(table, scanner="A", geom_us_width=5.0, geom_us_bytes=sizes)
        assert control_tables(flat) == {}
        wide = _obs(table, scanner="A", geom_us_width=sizes, geom_us_bytes=sizes)
        assert control_tables(wide)["geometry"].X.columns.tolist() == ["geom_us_width"]

    def test_geometry_shortcut_is_seen(self, table):
        codes = table.obs["stage"].cat.codes.to_numpy()
        shortcut = _obs(table, geom_us_width=codes * 10.0)
        predictions, _ = cross_validate(control_tables(shortcut)["geometry"], LOGISTIC)
        metrics = evaluate(
            predictions, levels=LEVELS, n_boot=0, targets=targets_for(LEVELS)[:1]
        ).metrics
        assert metrics.query("metric == 'auc'")["estimate"].min() == 1.0


@pytest.mark.slow
def test_a_forest_on_a_real_size_is_quick_on_one_core():
    table = make_table(n_patients=55, rows=10, levels=("f0", "f1"), features=500)
    begin = time.process_time()
    predictions, _ = cross_validate(table, make_stager("random_forest"))
    evaluate(predictions, levels=("f0", "f1"), n_boot=2000)
    assert time.process_time() - begin < 30


@pytest.mark.slow
@pytest.mark.parametrize("name", ["random_forest", "xgboost", "logistic"])
def test_number_of_threads_allowed_changes_no_bit(name):
    code = (
        "import hashlib\n"
        "from radiofib.evaluation import cross_validate\n"
        "from radiofib.staging import make_stager\n"
        "from tests.evaluation.conftest import make_table\n"
        "table = make_table(n_patients=60, rows=5, features=300)\n"
        f"found, _ = cross_validate(table, make_stager({name!r}), folds=2)\n"
        "print(hashlib.sha256(found.to_csv().encode()).hexdigest())\n"
    )
    root = Path(__file__).resolve().parents[2]
    hashes = set()
    for threads in ("1", "4"):
        limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=root,
            env={**os.environ, **limits, "PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            check=True,
        )
        hashes.add(done.stdout.strip())
    assert len(hashes) == 1


@pytest.mark.external
@pytest.mark.parametrize(
    ("name", "published"),
    [("WORC-Liver", 0.70), ("HCC-TACE-Seg", 0.41), ("Colorectal-Liver-Metastases", 0.58)],
)
def test_real_tables_give_no_more_than_they_hold(external_data, name, published):
    frame = pd.read_csv(external_data / "tabular" / "radmlbench" / f"{name}.gz", compression="gzip")
    X = frame.drop(columns=["ID", "Target"]).astype(float)
    obs = pd.DataFrame({"case": frame["ID"].astype(str), "stage": frame["Target"]})
    predictions, failures = cross_validate(FeatureTable(X, obs), make_stager("logistic"))
    assert failures == []
    metrics = evaluate(predictions, levels=("0", "1")).metrics
    row = metrics.query("metric == 'auc' and unit == 'patient'").iloc[0]
    assert row["ci_low"] < published < row["ci_high"]
    if name == "HCC-TACE-Seg":
        assert row["ci_low"] < 0.5 < row["ci_high"]
        assert "rank collapse" in row["note"]
