"""Scores that are no probabilities, comparisons of models, thresholds, predictive values."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from radiofib import stats
from radiofib.errors import TableError, UsageError
from radiofib.evaluation import (
    PredictionsWarning,
    check_predictions,
    evaluate,
    prediction_levels,
    read_predictions,
)
from radiofib.evaluation.paired import area_covariance, paired_areas
from radiofib.staging import Target
from tests.evaluation.test_evaluate import BINARY, LEVELS, make_predictions, pick

S4, S1 = "s4_vs_s1-3", "s1_vs_s2-4"


def make_scores(n=120, seed=0, levels=LEVELS):
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % len(levels)
    score = np.clip(np.round(1 + 2 * codes + rng.normal(size=n)), 1, 7)
    return pd.DataFrame(
        {"case": [f"c{i:03d}" for i in range(n)], "y_true": np.array(levels)[codes], "score": score}
    )


def test_a_score_has_an_area_and_the_rest_is_refused(tmp_path):
    frame = make_scores()
    frame.to_csv(tmp_path / "scores.csv", index=False)
    read = read_predictions(tmp_path / "scores.csv")
    assert prediction_levels(read) == LEVELS
    found = evaluate(read, levels=LEVELS, n_boot=200)
    codes = np.array([LEVELS.index(s) for s in frame["y_true"]])
    area = pick(found.metrics, "auc", target=S4)
    assert area["estimate"] == pytest.approx(stats.auc(codes == 3, frame["score"]))
    assert area["method"].startswith("mean score per patient; AUC")
    low = pick(found.metrics, "auc", target=S1)
    assert low["estimate"] == pytest.approx(stats.auc(codes == 0, -frame["score"]))
    whole = stats.obuchowski(codes, frame["score"], 4)
    assert pick(found.metrics, "obuchowski")["estimate"] == pytest.approx(whole.value)
    for metric in ("brier", "calibration_slope", "accuracy"):
        row = pick(found.metrics, metric, target=S4)
        assert np.isnan(row["estimate"])
        assert "the score is not a probability" in row["note"]
    assert found.curves["calibration"].empty
    assert found.curves["calibration_curve"].empty
    assert found.curves["confusion"].empty
    curves = found.curves["decision_curves"]
    assert curves["note"].str.contains("not a probability").all()
    assert curves["net_benefit"].isna().all()
    assert set(found.curves["roc"]["target"]) == {S4, S1}
    cuts = found.curves["thresholds"].query("unit == 'row' and rule == 'largest Youden index'")
    turned = cuts[cuts["target"] == S1].iloc[0]
    assert 1 < turned["threshold"] < 7
    assert "positive at or below the cut-off" in turned["note"]


def test_probabilities_and_scores_side_by_side():
    readings = make_scores().assign(model="R1", setting="cv")
    readings["patient"] = readings["case"]
    both = pd.concat([make_predictions(folds=1), readings])
    found = evaluate(both, levels=LEVELS, n_boot=100)
    area = found.metrics.query("metric == 'auc' and unit == 'row'").set_index(["model", "target"])
    row = found.curves["comparisons"].query("unit == 'row' and target == @S4").iloc[0]
    assert (row["model_a"], row["model_b"]) == ("m", "R1")
    assert row["auc_a"] == pytest.approx(area.loc[("m", S4), "estimate"])
    assert row["auc_b"] == pytest.approx(area.loc[("R1", S4), "estimate"])
    mixed = make_predictions().assign(score=np.nan)
    mixed.loc[0, "score"] = 3.0
    mixed.loc[0, [f"p_{s}" for s in LEVELS]] = np.nan
    with pytest.raises(TableError, match="some rows of a model have probabilities, others a score"):
        check_predictions(mixed)


@pytest.mark.parametrize("value", ["high", np.inf])
def test_what_is_no_score_is_named(value):
    frame = make_scores().astype({"score": object})
    frame.loc[4, "score"] = value
    with pytest.raises(TableError, match=r"row 6, column 'score': not a score"):
        check_predictions(frame)


def test_a_score_in_p_is_told_where_it_belongs(tmp_path):
    frame = make_scores(levels=BINARY).rename(columns={"score": "p"})
    frame.to_csv(tmp_path / "p.csv", index=False)
    with pytest.raises(TableError, match="goes into a column 'score'"):
        read_predictions(tmp_path / "p.csv", levels=BINARY)


def test_a_single_score_cannot_tell_unordered_sides():
    levels = ("aih", "pbc", "psc")
    found = evaluate(make_scores(levels=levels), levels=levels, ordered=False, n_boot=20).metrics
    row = pick(found, "auc", target="pbc_vs_rest")
    assert np.isnan(row["estimate"])
    assert "cannot tell the sides" in row["note"]
    assert pick(found, "auc", target="psc_vs_rest")["estimate"] > 0.5


def test_repeated_cases_are_warned_about_without_patients():
    frame = make_predictions(n=40, levels=BINARY).drop(columns=["patient", "scanner"])
    tenfold = pd.concat([frame] * 10, ignore_index=True)
    with pytest.warns(PredictionsWarning, match="40 case.* each case is taken for one patient"):
        checked = check_predictions(tenfold)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = evaluate(checked, levels=BINARY, n_boot=200).metrics
        check_predictions(frame)
    once = evaluate(frame, levels=BINARY, n_boot=200).metrics
    np.testing.assert_allclose(found["ci_high"], once["ci_high"], rtol=1e-9)
    with pytest.warns(PredictionsWarning, match="repeats do not narrow them"):
        check_predictions(tenfold.assign(patient=tenfold["case"]))
    twice = pd.concat([frame, frame.assign(instance="b")])
    with pytest.warns(PredictionsWarning, match="no column 'patient'"):
        check_predictions(twice)


@pytest.mark.parametrize(("seed", "folds"), [(0, 1), (1, 4)])
def test_repeats_leave_every_interval_and_names_change_nothing(seed, folds):
    """Rows ten times with `patient`, other patient names, another order: within 2 %."""
    models = [make_predictions(n=48, folds=folds, seed=seed + k).assign(model=f"m{k}")
              for k in (0, 1)]  # fmt: skip
    frame = pd.concat(models, ignore_index=True)
    plain = evaluate(frame, levels=LEVELS, n_boot=60)
    many = pd.concat([pd.concat([m] * 10).sample(frac=1, random_state=seed) for m in models])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PredictionsWarning)
        tenfold = evaluate(many, levels=LEVELS, n_boot=60)
    tables = {"metrics": plain.metrics, **plain.curves}
    again = {"metrics": tenfold.metrics, **tenfold.curves}
    for name, table in tables.items():
        if "ci_low" not in table:
            continue
        widths = [(t["ci_high"] - t["ci_low"]).to_numpy(dtype=float) for t in (table, again[name])]
        np.testing.assert_allclose(widths[1], widths[0], rtol=0.02, atol=1e-9, err_msg=name)
    renamed = frame.assign(patient="p" + frame["patient"])
    other = evaluate(renamed, levels=LEVELS, n_boot=60)
    pd.testing.assert_frame_equal(other.metrics, plain.metrics)


def test_averages_over_stages_equal_their_definitions():
    frame = make_predictions(folds=1)
    found = evaluate(frame, levels=LEVELS, n_boot=50).metrics
    codes = np.array([LEVELS.index(s) for s in frame["y_true"]])
    proba = frame[[f"p_{s}" for s in LEVELS]].to_numpy()
    expected = {
        "macro_auc": stats.multiclass_auc(codes, proba, "macro"),
        "micro_auc": stats.multiclass_auc(codes, proba, "micro"),
        "hand_till_auc": stats.multiclass_auc(codes, proba, "hand_till"),
        "obuchowski": stats.obuchowski(codes, proba @ np.arange(4), 4).value,
        "ordinal_c_index": stats.ordinal_c_index(codes, proba @ np.arange(4), 4).value,
    }
    for metric, value in expected.items():
        assert pick(found, metric)["estimate"] == pytest.approx(value, abs=1e-12), metric


def test_the_interval_is_named_and_bca_only_where_it_holds():
    one = evaluate(make_predictions(n=120, folds=1), levels=LEVELS, n_boot=200).metrics
    assert (
        "BCa interval of 200 bootstraps of patients within class"
        in pick(one, "auc", target=S4)["method"]
    )
    folds = evaluate(make_predictions(n=400, folds=4), levels=LEVELS, n_boot=200).metrics
    assert "percentile interval" in pick(folds, "auc", target=S4)["method"]
    assert "BCa interval" in pick(folds, "brier", target=S4)["method"]
    few = evaluate(make_predictions(n=60, folds=4), levels=LEVELS, n_boot=200).metrics
    method = pick(few, "brier", target=S4)["method"]
    assert "percentile interval" in method
    assert "no BCa: 3 patients in the smallest class and fold" in method
    sparse = evaluate(make_predictions(n=32, folds=1), levels=LEVELS, n_boot=200).metrics
    assert "logit DeLong" in pick(sparse, "auc", target=S4)["method"]


def test_bca_equals_the_plain_definition():
    frame = make_predictions(n=80, folds=1, levels=BINARY, rows=2)
    row = pick(evaluate(frame, levels=BINARY, n_boot=300).metrics, "brier", unit="row")
    y = (frame["y_true"] == "f1").to_numpy()
    squared = (y - frame["p_f1"].to_numpy()) ** 2
    wanted = stats.bootstrap(
        lambda w: w @ squared / w.sum(axis=1), y, frame["patient"].to_numpy(str), n_boot=300
    )
    assert row[["estimate", "ci_low", "ci_high"]].tolist() == pytest.approx(
        [wanted.value, wanted.low, wanted.high]
    )


def test_thresholds_are_never_silently_chosen_on_the_test_rows():
    frame = make_predictions(n=200, folds=1, levels=BINARY)
    same = evaluate(frame, levels=BINARY, n_boot=0).curves["thresholds"]
    assert same["note"].str.contains("chosen on these very rows: optimistic").all()
    folds = evaluate(make_predictions(n=200, levels=BINARY), levels=BINARY, n_boot=0)
    assert folds.curves["thresholds"]["note"].str.contains("each of 4 folds on the others").all()
    train = make_predictions(n=150, folds=1, seed=3, levels=BINARY)
    found = evaluate(frame, levels=BINARY, n_boot=0, train=train).curves["thresholds"]
    assert found["note"].str.contains("chosen on 150 training rows").all()
    y, p = (train["y_true"] == "f1").to_numpy(), train["p_f1"].to_numpy()
    cut = stats.choose_cutoffs(y, p, "youden")
    wanted = stats.apply_cutoffs(frame["y_true"] == "f1", frame["p_f1"], cut).set_index("metric")
    part = found.query("unit == 'row' and rule == 'largest Youden index'").set_index("metric")
    for metric in ("sensitivity", "specificity", "ppv", "npv", "accuracy"):
        for column in ("threshold", "estimate", "ci_low", "ci_high", "n"):
            assert part.loc[metric, column] == pytest.approx(wanted.loc[metric, column])
    other = evaluate(frame, levels=BINARY, n_boot=0, train=train.assign(model="x"))
    assert other.curves["thresholds"]["note"].str.contains("no training predictions").all()


def test_predictive_values_at_a_prevalence():
    frame = make_predictions(n=200, folds=1, levels=BINARY)
    target = "f1_vs_f0"
    found = evaluate(frame, levels=BINARY, n_boot=0, prevalence={target: 0.2})
    y, called = frame["y_true"] == "f1", frame["p_f1"] >= 0.5
    ppv, npv = stats.predictive_values(
        (y & called).sum(), y.sum(), (~y & ~called).sum(), (~y).sum(), 0.2
    )
    for name, wanted in (("ppv", ppv), ("npv", npv)):
        row = pick(found.metrics, f"{name}_at_prevalence_0.2")
        assert row[["estimate", "ci_low", "ci_high"]].tolist() == pytest.approx(
            [wanted.value, wanted.low, wanted.high]
        )
    assert "ppv_at_prevalence_0.2" in set(found.curves["thresholds"]["metric"])
    for given_, message in (
        ({"f9": 0.2}, "unknown target 'f9'"),
        ({target: 2.0}, "between 0 and 1"),
    ):
        with pytest.raises(UsageError, match=message):
            evaluate(frame, levels=BINARY, n_boot=0, prevalence=given_)


def test_paired_test_is_delongs_and_knows_folds_and_patients():
    rng = np.random.default_rng(0)
    y = rng.random(90) < 0.4
    a, b = rng.normal(size=90) + y, rng.normal(size=90) + 0.5 * y
    patients = np.arange(90)
    one, wanted = paired_areas(y, a, b, patients), stats.delong_paired(y, a, b)
    assert (one.difference, one.low, one.z, one.p) == pytest.approx(
        (wanted.difference, wanted.low, wanted.z, wanted.p)
    )
    many = paired_areas(np.tile(y, 10), np.tile(a, 10), np.tile(b, 10), np.tile(patients, 10))
    assert (many.low, many.high) == pytest.approx((one.low, one.high))
    folds = np.arange(90) % 3
    shift = np.array([0.0, 5.0, -5.0])[folds]
    inside, moved = (paired_areas(y, a + s, b, patients, folds) for s in (0.0, shift))
    assert moved == inside
    assert "within 3 folds" in inside.method
    # One patient in a class and fold: the folds share a variance.
    rare = np.zeros(90, dtype=bool)
    rare[[0, 1, 2, 3]] = True
    found = paired_areas(rare, a, b, patients, folds)
    assert np.isfinite(found.p)
    assert "variance over all folds together" in found.note
    for first, second, note in ((a, a, "equal ranks"), (y * 1.0, y * 2.0, "equal ranks")):
        assert note in paired_areas(y, first, second, patients).note
    nothing = paired_areas(np.ones(90, dtype=bool), a, b, patients)
    assert np.isnan(nothing.p)
    assert np.isnan(area_covariance(y, [a], np.zeros(90, dtype=int)).matrix).all()


def test_comparisons_are_aligned_by_case_and_adjusted():
    frames = [make_predictions(n=100, folds=2, seed=k).assign(model=f"m{k}") for k in range(3)]
    frames[1] = frames[1].iloc[10:].sample(frac=1, random_state=0)
    found = evaluate(pd.concat(frames), levels=LEVELS, n_boot=0).curves["comparisons"]
    part = found.query("unit == 'row' and target == @S4")
    assert part["n"].tolist() == [90, 100, 90]
    assert "10 rows of one model only left out" in part["note"].iloc[0]
    np.testing.assert_allclose(part["p_adjusted"], stats.adjust_p(part["p"].to_numpy(), "holm"))
    assert set(part["adjustment"]) == {"Holm over 3"}
    alone = pd.concat([frames[0], frames[2].assign(case="x" + frames[2]["case"])])
    apart = evaluate(alone, levels=LEVELS, n_boot=0).curves["comparisons"]
    assert set(apart["note"]) == {"no case in common"}


def test_many_patients_are_drawn_in_blocks(monkeypatch):
    from radiofib.evaluation import areas, intervals

    frame = make_predictions(n=600, folds=1, levels=BINARY)
    usual = evaluate(frame, levels=BINARY, n_boot=400).metrics
    monkeypatch.setattr(intervals, "_MOST_WEIGHTS", 400 * 150)
    monkeypatch.setattr(areas, "_MOST_DRAWN", 1000)
    found = evaluate(frame, levels=BINARY, n_boot=400).metrics
    assert "blocks of patients" in pick(found, "brier")["method"]
    assert "DeLong's placements" in pick(found, "auc")["method"]
    for name in ("auc", "brier", "mcc"):
        a, b = (pick(m, name) for m in (usual, found))
        assert b["estimate"] == pytest.approx(a["estimate"])
        assert b["ci_high"] - b["ci_low"] == pytest.approx(a["ci_high"] - a["ci_low"], rel=0.25)


def test_own_target_that_leaves_out_levels():
    extreme = Target("s4_vs_s1", frozenset({"s4"}), frozenset({"s1"}))
    found = evaluate(make_scores(), levels=LEVELS, targets=[extreme], n_boot=50).metrics
    assert pick(found, "auc", target="s4_vs_s1")["n"] == 60
