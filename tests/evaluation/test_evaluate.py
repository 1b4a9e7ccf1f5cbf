from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid
from sklearn import metrics as theirs

from radiofib import stats
from radiofib.errors import TableError, UsageError
from radiofib.evaluation import METRIC_COLUMNS, evaluate
from radiofib.staging import Target

LEVELS = ("s1", "s2", "s3", "s4")
BINARY = ("f0", "f1")


def make_predictions(*, n=120, rows=1, seed=0, levels=LEVELS, folds=4, scanners=None, sharp=1.0):
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % len(levels)
    logits = rng.normal(size=(n, len(levels)))
    logits[np.arange(n), codes] += sharp
    proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    frame = pd.DataFrame({"case": [f"c{i:03d}" for i in range(n)]})
    frame["patient"] = frame["case"]
    frame["y_true"] = np.array(levels)[codes]
    for k, level in enumerate(levels):
        frame[f"p_{level}"] = proba[:, k]
    frame["scanner"] = scanners if scanners is not None else "A"
    frame["setting"] = "cv" if scanners is None else "loso"
    frame["fold"] = [str(i // len(levels) % folds) for i in range(n)]
    if scanners is not None:
        frame["fold"] = frame["scanner"]
    frame["model"] = "m"
    if rows > 1:
        frame = frame.loc[frame.index.repeat(rows)].reset_index(drop=True)
        frame.insert(2, "instance", [f"i{k % rows}" for k in range(len(frame))])
    return frame


def pick(metrics, metric, unit="patient", target=None, subset=""):
    rows = metrics[
        (metrics["metric"] == metric) & (metrics["unit"] == unit) & (metrics["subset"] == subset)
    ]
    if target is not None:
        rows = rows[rows["target"] == target]
    assert len(rows) == 1
    return rows.iloc[0]


def test_table_is_tidy_and_complete():
    found = evaluate(make_predictions(), levels=LEVELS, n_boot=100).metrics
    assert tuple(found.columns) == METRIC_COLUMNS
    assert not found.duplicated(["model", "setting", "unit", "target", "metric", "subset"]).any()
    assert set(found["target"]) == {"s4_vs_s1-3", "s1_vs_s2-4", "stages"}
    assert found["method"].str.len().gt(0).all()
    inside = found.dropna(subset=["ci_low"])
    assert (inside["ci_low"] <= inside["estimate"]).all()
    assert (inside["estimate"] <= inside["ci_high"]).all()
    assert len(inside) == len(found)


def test_numbers_equal_scikit_learn_in_one_fold():
    frame = make_predictions(folds=1)
    found = evaluate(frame, levels=LEVELS, n_boot=0).metrics
    y = frame["y_true"].to_numpy()
    p4 = frame["p_s4"].to_numpy()
    target = "s4_vs_s1-3"
    expected = {
        "auc": theirs.roc_auc_score(y == "s4", p4),
        "accuracy": theirs.accuracy_score(y == "s4", p4 >= 0.5),
        "sensitivity": theirs.recall_score(y == "s4", p4 >= 0.5),
        "specificity": theirs.recall_score(y != "s4", p4 < 0.5),
        "balanced_accuracy": theirs.balanced_accuracy_score(y == "s4", p4 >= 0.5),
        "mcc": theirs.matthews_corrcoef(y == "s4", p4 >= 0.5),
        "brier": theirs.brier_score_loss(y == "s4", p4),
        "log_loss": theirs.log_loss(y == "s4", p4),
    }
    for metric, value in expected.items():
        assert pick(found, metric, target=target)["estimate"] == pytest.approx(value), metric
    proba = frame[[f"p_{s}" for s in LEVELS]].to_numpy()
    guess = np.array(LEVELS)[proba.argmax(axis=1)]
    codes = {s: i for i, s in enumerate(LEVELS)}
    stages = {
        "accuracy": theirs.accuracy_score(y, guess),
        "quadratic_weighted_kappa": theirs.cohen_kappa_score(y, guess, weights="quadratic"),
        "mean_absolute_stage_error": np.mean(
            [abs(codes[a] - codes[b]) for a, b in zip(y, guess, strict=True)]
        ),
        "macro_auc": theirs.roc_auc_score(y, proba, multi_class="ovr"),
        "log_loss": theirs.log_loss(y, proba),
    }
    for metric, value in stages.items():
        assert pick(found, metric, target="stages")["estimate"] == pytest.approx(value), metric


def test_auc_is_averaged_within_folds():
    frame = make_predictions(levels=BINARY, folds=3, n=60)
    # Shifting all scores of one fold changes nothing within it.
    shifted = frame.copy()
    rows = shifted["fold"] == "0"
    shifted.loc[rows, "p_f1"] = shifted.loc[rows, "p_f1"] / 10
    shifted["p_f0"] = 1 - shifted["p_f1"]
    a = pick(evaluate(frame, levels=BINARY, n_boot=200).metrics, "auc")
    b = pick(evaluate(shifted, levels=BINARY, n_boot=200).metrics, "auc")
    assert b[["estimate", "ci_low", "ci_high"]].to_list() == pytest.approx(
        a[["estimate", "ci_low", "ci_high"]].to_list()
    )
    parts = [
        (stats.auc(part["y_true"] == "f1", part["p_f1"]), len(part))
        for _, part in frame.groupby("fold")
    ]
    mean = np.average([v for v, _ in parts], weights=[n * n for _, n in parts])
    assert a["estimate"] == pytest.approx(mean)
    assert "averaged over 3 folds, weighted by pairs" in a["method"]
    assert "bootstraps of patients within class and fold" in a["method"]


def test_patient_unit_takes_the_mean_score():
    frame = make_predictions(n=40, rows=3, levels=BINARY)
    rng = np.random.default_rng(1)
    frame["p_f1"] = rng.random(len(frame))
    frame["p_f0"] = 1 - frame["p_f1"]
    found = evaluate(frame, levels=BINARY, n_boot=0).metrics
    mean = frame.groupby(["fold", "patient"], as_index=False).agg(
        p=("p_f1", "mean"), y=("y_true", "first")
    )
    expected = theirs.brier_score_loss(mean["y"] == "f1", mean["p"])
    row = pick(found, "brier")
    assert row["estimate"] == pytest.approx(expected)
    assert (row["n"], row["n_patients"], row["n_pos"]) == (40, 40, 20)
    rows = pick(found, "brier", unit="row")
    assert (rows["n"], rows["n_patients"], rows["n_pos"]) == (120, 40, 60)
    assert row["method"].startswith("mean probability per patient; ")


@pytest.mark.parametrize("unit", ["row", "patient"])
def test_rows_repeated_ten_times_leave_bootstraps_as_wide(unit):
    once = evaluate(make_predictions(n=80), levels=LEVELS, n_boot=300).metrics
    tenfold = evaluate(make_predictions(n=80, rows=10), levels=LEVELS, n_boot=300).metrics
    for target in ("s4_vs_s1-3", "stages"):
        names = ["balanced_accuracy", "mcc", "brier", "log_loss"]
        names += ["macro_auc"] if target == "stages" else ["auc"]
        for name in names:
            a, b = (pick(m, name, unit, target) for m in (once, tenfold))
            limits = ["estimate", "ci_low", "ci_high"]
            assert b[limits].to_list() == pytest.approx(a[limits].to_list(), rel=1e-9), name
    for name in ("accuracy", "sensitivity", "specificity", "calibration_slope"):
        a, b = (pick(m, name, unit, "s4_vs_s1-3") for m in (once, tenfold))
        ratio = (b["ci_high"] - b["ci_low"]) / (a["ci_high"] - a["ci_low"])
        assert ratio == pytest.approx(1, abs=0.02 if unit == "patient" else 0.3), name


def test_order_of_rows_and_repeats_do_not_matter():
    frame = make_predictions(n=60, rows=2)
    shuffled = frame.sample(frac=1, random_state=3).reset_index(drop=True)
    first, again = (evaluate(f, levels=LEVELS, n_boot=100) for f in (frame, shuffled))
    pd.testing.assert_frame_equal(first.metrics, again.metrics, check_exact=True)
    for name, curve in first.curves.items():
        pd.testing.assert_frame_equal(curve, again.curves[name], check_exact=True)
    other = evaluate(frame, levels=LEVELS, n_boot=100, random_state=1).metrics
    assert not np.array_equal(other["ci_low"], first.metrics["ci_low"])


@settings(max_examples=15)
@given(st.integers(0, 10_000), st.integers(1, 4))
def test_roc_points_have_the_area_of_the_table(seed, folds):
    frame = make_predictions(n=40, seed=seed, levels=BINARY, folds=folds)
    frame["p_f1"] = frame["p_f1"].round(1)
    frame["p_f0"] = 1 - frame["p_f1"]
    found = evaluate(frame, levels=BINARY, n_boot=0)
    curve = found.curves["roc"].query("unit == 'row'")
    area = trapezoid(curve["tpr"], curve["fpr"])
    assert area == pytest.approx(pick(found.metrics, "auc", "row")["estimate"], abs=1e-12)
    assert (np.diff(curve["fpr"]) >= 0).all()
    assert (np.diff(curve["tpr"]) >= -1e-12).all()


def test_equal_resamples_give_no_interval_instead_of_one_without_width():
    p = np.r_[np.full(5, 0.1), np.full(65, 0.9)]
    rows = pd.DataFrame({"case": [str(i) for i in range(70)], "y_true": ["no"] * 5 + ["yes"] * 65})
    rows = rows.assign(p_no=1 - p, p_yes=p)
    found = evaluate(rows, levels=["no", "yes"], n_boot=50).metrics
    for metric in ("balanced_accuracy", "mcc"):
        row = found[(found["metric"] == metric) & (found["unit"] == "patient")].iloc[0]
        assert row["estimate"] == 1
        assert np.isnan(row["ci_low"])
        assert "no spread" in row["note"]


def test_perfect_separation_takes_newcombe_and_says_so():
    y = ["f0"] * 5 + ["f1"] * 65
    p = np.linspace(0.1, 0.9, 70)
    frame = pd.DataFrame({"case": range(70), "y_true": y, "p_f0": 1 - p, "p_f1": p})
    row = pick(evaluate(frame, levels=BINARY, n_boot=200).metrics, "auc")
    assert (row["estimate"], row["ci_high"]) == (1.0, 1.0)
    assert row["ci_low"] == pytest.approx(0.795, abs=0.0005)
    assert "Newcombe's method 5" in row["method"]
    assert "perfect separation" in row["note"]
    assert "sparse: 5 patients in the smaller class" in row["note"]


@pytest.mark.parametrize(("few", "said"), [(9, True), (10, False)])
def test_a_small_stage_makes_all_stages_sparse(few: int, said: bool):
    rng = np.random.default_rng(0)
    y = np.repeat(["f0", "f1", "f2"], [few, 30, 30])
    p = rng.dirichlet(np.ones(3), len(y))
    rows = pd.DataFrame({"case": range(len(y)), "patient": range(len(y)), "y_true": y})
    rows = rows.assign(**{f"p_f{k}": p[:, k] for k in range(3)})
    twice = pd.concat([rows, rows.assign(case=rows["case"] + 100)])  # rows are no patients
    for frame in (rows, twice):
        found = evaluate(frame, levels=("f0", "f1", "f2"), n_boot=100).metrics
        for name in ("macro_auc", "micro_auc"):
            notes = found.loc[found["metric"] == name, "note"]
            assert len(notes)
            stated = notes.str.contains(f"sparse: {few} patients in the smallest stage")
            assert stated.all() if said else not stated.any()


def test_collapse_is_named():
    rng = np.random.default_rng(0)
    p = np.clip(0.9 + 0.02 * rng.normal(size=80), 0.8, 1.0)
    frame = pd.DataFrame({"case": range(80), "y_true": list(BINARY) * 40, "p_f1": p, "p_f0": 1 - p})
    found = evaluate(frame, levels=BINARY, n_boot=200).metrics
    assert "decision collapse: positive predicted for 100.0%" in pick(found, "accuracy")["note"]
    assert "rank collapse: the interval covers 0.5" in pick(found, "auc")["note"]
    frame[["p_f0", "p_f1"]] = 0.5
    constant = evaluate(frame, levels=BINARY, n_boot=200).metrics
    row = pick(constant, "auc")
    assert row["estimate"] == 0.5
    assert np.isnan(row["ci_low"])
    assert "rank collapse: scores are (nearly) constant" in row["note"]
    assert np.isnan(pick(constant, "calibration_slope")["estimate"])
    assert np.isnan(pick(constant, "mcc")["estimate"])
    stages = make_predictions()
    stages[[f"p_{s}" for s in LEVELS]] = [0.1, 0.1, 0.1, 0.7]
    note = pick(evaluate(stages, levels=LEVELS, n_boot=50).metrics, "accuracy", target="stages")
    assert "decision collapse: s4 predicted for 100.0%" in note["note"]


def test_each_scanner_has_its_auc():
    scanners = np.array(["A", "B", "C"])[np.arange(120) // 4 % 3]
    frame = make_predictions(scanners=scanners)
    frame = frame[(frame["scanner"] != "C") | (frame["y_true"] == "s4")]
    found = evaluate(frame, levels=LEVELS, n_boot=200).metrics
    target = "s4_vs_s1-3"
    each = {}
    for name in ("A", "B"):
        part = frame[frame["scanner"] == name]
        row = pick(found, "auc_scanner", target=target, subset=name)
        each[name] = stats.auc(part["y_true"] == "s4", part["p_s4"])
        assert row["estimate"] == pytest.approx(each[name])
        assert row["n"] == 40
        assert row["note"].count(f"scanner {name}") == 1
    lost = pick(found, "auc_scanner", target=target, subset="C")
    assert np.isnan(lost["estimate"])
    assert "no AUC: only rows of s4" in lost["note"]
    mean = pick(found, "auc_scanner_mean", target=target)
    assert mean["estimate"] == pytest.approx(np.mean(list(each.values())))
    overall = pick(found, "auc", target=target)
    assert "averaged over 2 scanners" in overall["method"]
    assert "1 of 3 scanners hold one class" in overall["note"]


def test_a_target_without_cases_has_no_auc():
    frame = make_predictions()
    frame = frame[frame["y_true"] != "s4"]
    row = pick(evaluate(frame, levels=LEVELS, n_boot=50).metrics, "auc", target="s4_vs_s1-3")
    assert np.isnan(row["estimate"])
    assert "only rows of s1, s2, s3" in row["note"]


def test_own_targets_and_left_out_levels():
    extreme = Target("s4_vs_s1", frozenset({"s4"}), frozenset({"s1"}))
    found = evaluate(make_predictions(), levels=LEVELS, targets=[extreme], n_boot=50).metrics
    assert pick(found, "auc", target="s4_vs_s1")["n"] == 60


def test_several_models_and_settings_stand_side_by_side():
    a, b = make_predictions(), make_predictions(seed=1).assign(model="other")
    found = evaluate(pd.concat([a, b]), levels=LEVELS, n_boot=50)
    assert found.metrics["model"].drop_duplicates().tolist() == ["m", "other"]
    alone = evaluate(b, levels=LEVELS, n_boot=50).metrics
    together = found.metrics[found.metrics["model"] == "other"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, together)


def test_patients_of_several_stages_are_noted():
    frame = make_predictions(n=40, rows=2, levels=BINARY)
    frame.loc[0, "y_true"] = "f1"
    found = evaluate(frame, levels=BINARY, n_boot=50).metrics
    assert "1 patients have rows of several stages" in pick(found, "auc")["note"]
    assert pick(found, "auc")["n_pos"] == 21


def test_rows_without_stage_are_left_out_and_noted():
    frame = make_predictions(n=40, levels=BINARY)
    frame.loc[3, "y_true"] = None
    row = pick(evaluate(frame, levels=BINARY, n_boot=50).metrics, "auc")
    assert row["n"] == 39
    assert "1 rows without a true stage left out" in row["note"]
    with pytest.raises(TableError, match="no row has a true stage"):
        evaluate(frame.assign(y_true=None), levels=BINARY)


def test_curves_and_files(tmp_path):
    found = evaluate(make_predictions(), levels=LEVELS, n_boot=100)
    confusion = found.curves["confusion"].query("unit == 'row'")
    assert confusion["n"].sum() == 120
    assert len(confusion) == 16
    bins = found.curves["calibration"].query("unit == 'row' and target == 's4_vs_s1-3'")
    assert bins["n"].sum() == 120
    assert bins["n_pos"].sum() == 30
    assert (bins["ci_low"] <= bins["observed"]).all()
    paths = found.write(tmp_path / "evaluation")
    names = [f"{name}.csv" for name in ("metrics", *found.curves)]
    assert [p.name for p in paths] == names
    assert sorted(p.name for p in (tmp_path / "evaluation").iterdir()) == sorted(names)
    again = found.write(tmp_path / "again")
    assert [p.read_bytes() for p in paths] == [p.read_bytes() for p in again]
    back = pd.read_csv(paths[0], keep_default_na=False, na_values=[""])
    assert back["estimate"].tolist() == found.metrics["estimate"].tolist()


def test_unordered_levels_have_no_ordinal_measures():
    levels = ("aih", "pbc", "psc")
    found = evaluate(make_predictions(levels=levels), levels=levels, ordered=False, n_boot=20)
    metrics = set(found.metrics["metric"])
    assert "macro_auc" in metrics
    assert not metrics & {"quadratic_weighted_kappa", "mean_absolute_stage_error"}


def test_unusable_calls_are_refused():
    with pytest.raises(UsageError, match="must not be negative"):
        evaluate(make_predictions(), levels=LEVELS, n_boot=-1)
    with pytest.raises(TableError, match="do not fit the stage levels"):
        evaluate(make_predictions(), levels=BINARY)
