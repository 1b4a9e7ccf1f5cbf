"""Values computed by R (pROC, rms, irr, multiROC ...) on the shared predictions."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from radiofib import stats

pytestmark = pytest.mark.external
CLOSE = {"abs": 1e-8, "rel": 0}


@pytest.fixture(scope="module")
def oracle(external_data):
    path = external_data / "stats" / "r_oracle_A.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def r(oracle):
    return oracle["A_n120"]


@pytest.fixture(scope="module")
def data(external_data):
    return pd.read_csv(external_data / "stats" / "predA_n120.csv")


def test_auc_and_intervals(r, data):
    for key, row in r["auc"].items():
        truth, score = key.split("_", 1)
        plain = stats.delong(data[truth], data[score])
        logit = stats.logit_delong(data[truth], data[score])
        found = [plain.value, plain.low, plain.high, logit.low, logit.high]
        names = ["auc", "delong_ci_lo", "delong_ci_hi", "logit_delong_ci_lo", "logit_delong_ci_hi"]
        assert found == pytest.approx([row[n] for n in names], **CLOSE)


def test_bootstrap_interval_is_near(r, data):
    for key, row in r["auc"].items():
        truth, score = key.split("_", 1)
        weights = stats.resample_weights(data[truth].to_numpy(), 4000, 0)
        right, pairs = stats.weighted_pairs(data[truth], data[score], weights)
        found = stats.percentile_interval(row["auc"], right / pairs)
        limits = [row["boot_strat10k_ci_lo"], row["boot_strat10k_ci_hi"]]
        assert [found.low, found.high] == pytest.approx(limits, abs=0.01)


def test_paired(r, data):
    for truth, row in r["paired"].items():
        found = stats.delong_paired(data[truth], data["score_a"], data["score_b"])
        ours = [found.difference, found.covariance, found.z, found.p, found.low, found.high]
        names = ["diff", "cov", "z", "p", "ci_diff_lo", "ci_diff_hi"]
        assert ours == pytest.approx([row[n] for n in names], **CLOSE)


@pytest.mark.parametrize("model", ["a", "b"])
def test_several_classes(r, data, model):
    row = r[f"multi_{model}"]
    y = data["stage"].to_numpy() - 1
    proba = data[[f"{model}_p{k}" for k in range(1, 5)]].to_numpy()
    ours = {
        "macro_ovr": stats.multiclass_auc(y, proba, "macro"),
        "weighted_ovr": stats.multiclass_auc(y, proba, "weighted"),
        "micro": stats.multiclass_auc(y, proba, "micro"),
        "hand_till_ovo_macro": stats.multiclass_auc(y, proba, "hand_till"),
        "brier_multiclass_sum": stats.brier_score(y, proba).mean(),
        "rps_normalised_Km1": stats.ranked_probability_score(y, proba).mean(),
        "logloss": stats.log_loss(y, proba).mean(),
    }
    assert ours == pytest.approx({k: row[k] for k in ours}, **CLOSE)
    each = [stats.auc(y == k, proba[:, k]) for k in range(4)]
    assert each == pytest.approx(row["ovr_auc"], **CLOSE)


@pytest.mark.parametrize("key", ["sig_a", "sig_b", "cirr_a", "cirr_b"])
def test_probabilities(r, data, key):
    truth, model = key.split("_")
    y, p = data[truth], data[f"p_{truth}_{model}"]
    fit = stats.calibration(y, p)
    ours = {
        "brier": stats.brier_score(y, p).mean(),
        "brier_scaled": stats.brier_scaled(y, p),
        "logloss": stats.log_loss(y, p).mean(),
        "cal_slope": fit.slope,
        "cal_slope_se": fit.slope_se,
        "cal_intercept_joint": fit.intercept,
        "cal_intercept_joint_se": fit.intercept_se,
        "citl_offset": fit.in_the_large,
        "citl_offset_se": fit.in_the_large_se,
    }
    assert ours == pytest.approx({k: r["cal"][key][k] for k in ours}, **CLOSE)


def test_kappa(r, data):
    for key, row in r["kappa"].items():
        first, second = key.split("_vs_")
        counts = stats.confusion_matrix(data[first] - 1, data[second] - 1, 4)
        ours = [float(stats.weighted_kappa(counts, w)) for w in ("none", "linear", "quadratic")]
        theirs = [row[w]["kappa"] for w in ("unweighted", "linear", "quadratic")]
        assert ours == pytest.approx(theirs, **CLOSE)


@pytest.mark.parametrize("key", ["sig_a", "cirr_a"])
def test_decisions(r, data, key):
    truth, model = key.split("_")
    row = r["ops"][key]
    counts = stats.confusion_matrix(data[truth], (data[f"p_{truth}_{model}"] >= 0.5) * 1, 2)
    assert counts.tolist() == [[row["TN"], row["FP"]], [row["FN"], row["TP"]]]
    for name, hits, among in (
        ("sens_wilson", row["TP"], row["TP"] + row["FN"]),
        ("spec_wilson", row["TN"], row["TN"] + row["FP"]),
        ("ppv_wilson", row["TP"], row["TP"] + row["FP"]),
        ("npv_wilson", row["TN"], row["TN"] + row["FN"]),
        ("acc_wilson", row["TP"] + row["TN"], 120),
    ):
        found = stats.wilson(hits, among)
        assert [found.value, found.low, found.high] == pytest.approx(row[name], **CLOSE)
    exact = stats.clopper_pearson(row["TP"] + row["TN"], 120)
    assert [exact.low, exact.high] == pytest.approx(row["acc_clopper"], **CLOSE)
    assert float(stats.mcc(counts)) == pytest.approx(row["mcc"], **CLOSE)
    youden = float(stats.sensitivity(counts) + stats.specificity(counts) - 1)
    assert youden == pytest.approx(row["youden"], **CLOSE)


def test_degenerate_scores(oracle, external_data):
    data = pd.read_csv(external_data / "stats" / "degenerate_n70.csv")
    row = oracle["degenerate"]
    for name in ("perfect", "const"):
        found = stats.delong(data["y"], data[name])
        assert found.value == row[f"{name}_auc"]
        assert [found.low, found.value, found.high] == row[f"{name}_ci"]
    ours = stats.auc_interval(data["y"], data["perfect"])
    assert ours.method == "Newcombe method 5"
    assert ours.low == pytest.approx(0.795, abs=0.0005)
    assert np.isnan(stats.auc_interval(data["y"], data["const"]).low)


def test_hanley_mcneil(r):
    for row in r["auc"].values():
        found = stats.hanley_mcneil(row["auc"], row["n_pos"], row["n_neg"], level=0.5)
        half = 0.674489750196082 * np.sqrt(row["hanley_mcneil_var"])
        assert found.high - found.value == pytest.approx(min(half, 1 - row["auc"]), **CLOSE)


@pytest.mark.parametrize("key", ["sig_a", "sig_b", "cirr_a", "cirr_b"])
def test_calibration(r, data, key):
    truth, model = key.split("_")
    y, p, row = data[truth], data[f"p_{truth}_{model}"], r["cal"][key]
    score = stats.spiegelhalter(y, p)
    chi = stats.hosmer_lemeshow(y, p, fitted=True)
    ours = {
        "EO": None,
        "spiegelhalter_z": score.statistic,
        "spiegelhalter_p": score.p,
        "hl_chisq": chi.statistic,
        "hl_df": chi.df,
        "hl_p": chi.p,
    }
    frame = stats.calibration_errors(y, p).set_index("metric")["estimate"]
    ours["EO"] = frame["EO"]
    assert ours == pytest.approx({k: row[k] for k in ours}, **CLOSE)
    groups = stats.calibration_groups(y, p)
    counts = groups[["n", "n_pos"]].to_numpy(dtype=float)
    assert np.column_stack([counts[:, 0] - counts[:, 1], counts[:, 1]]).tolist() == row["hl_obs"]
    expected = np.column_stack([groups["n"] - groups["expected"], groups["expected"]])
    assert expected == pytest.approx(np.array(row["hl_exp"]), **CLOSE)
    names = ["R2", "D", "D:Chi-sq", "U", "U:Chi-sq", "U:p", "Q", "Emax", "E90", "Eavg"]
    theirs = [row["val_prob"][n] for n in names]
    assert [frame[n] for n in names] == pytest.approx(theirs, abs=1e-8)


@pytest.mark.parametrize("key", ["sig_a", "cirr_a"])
def test_decision_curves(r, data, key):
    truth, model = key.split("_")
    row = r["dca"][key]
    curve = stats.decision_curve(data[truth], data[f"p_{truth}_{model}"], row["thresholds"])
    assert curve["net_benefit"].to_numpy() == pytest.approx(row["formula_nb_ge"], **CLOSE)
    assert curve["net_benefit"].to_numpy() == pytest.approx(row["dcurves_nb"], **CLOSE)
    assert curve["treat_all"].to_numpy() == pytest.approx(row["dcurves_nb_all"], **CLOSE)


def test_table_of_every_key(external_data, repository, tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            "benchmarks/r_agreement.py",
            "--data",
            str(external_data / "stats"),
            "--out",
            str(tmp_path),
        ],
        cwd=repository,
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "different" in done.stdout, done.stderr
    table = (tmp_path / "r_agreement.md").read_text(encoding="utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in table if line.count(" | ") == 6]
    assert len(rows) == 798
    bad = {row[0]: row[-1] for row in rows[1:] if row[-1] != "equal"}
    if importlib.util.find_spec("radiofib.stats.regression"):
        assert not bad
        assert done.returncode == 0
    else:
        assert set(bad.values()) <= {"not computed"}
        assert all(name.startswith(("`po.", "`firth.")) for name in bad)
