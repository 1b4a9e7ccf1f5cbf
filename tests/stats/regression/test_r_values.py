"""Regressions against R's values (clm, lrm, glm, brglm2) on the shared predictions."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from radiofib.stats.regression import (
    coefficients,
    firth,
    fit_indices,
    logistic,
    proportional_odds,
    proportionality,
    stage_probabilities,
    thresholds,
)

pytestmark = pytest.mark.external
CLOSE = {"abs": 1e-8, "rel": 0}
LEVELS = ["1", "2", "3", "4"]


@pytest.fixture(scope="module")
def r(external_data):
    path = external_data / "stats" / "r_oracle_A.json"
    return json.loads(path.read_text(encoding="utf-8"))["A_n120"]


@pytest.fixture(scope="module")
def data(external_data):
    frame = pd.read_csv(external_data / "stats" / "predA_n120.csv")
    return frame.rename(columns={"score_a": "za", "score_b": "zb"})


@pytest.fixture(scope="module")
def fit(data):
    return proportional_odds(data[["za", "zb"]], data["stage"] - 1, LEVELS)


def test_proportional_odds_equals_clm(fit, r):
    row = r["po"]["clm"]
    assert [*fit.cuts, *fit.terms] == row["names"]
    assert fit.estimates == pytest.approx(row["coef"], **CLOSE)
    assert fit.se == pytest.approx(row["se"], **CLOSE)
    assert [fit.loglik, fit.aic] == pytest.approx([row["loglik"], row["aic"]], **CLOSE)
    table = coefficients(fit)
    assert table["z"].to_numpy() == pytest.approx(row["z"], **CLOSE)
    assert table["p"].to_numpy() == pytest.approx(row["p"], abs=1e-10)
    information = np.linalg.inv(fit.covariance)
    assert np.linalg.cond(information) == pytest.approx(row["cond_H"], rel=1e-8)


def test_probabilities_equal_clm(fit, data, r):
    found = stage_probabilities(fit, data[["za", "zb"]].head(5))
    assert found == pytest.approx(np.array(r["po"]["pred_prob_first5"]), **CLOSE)


def test_probit_link_equals_clm(data, r):
    fit = proportional_odds(data[["za", "zb"]], data["stage"] - 1, LEVELS, link="probit")
    assert fit.estimates == pytest.approx(r["po"]["clm_probit"]["coef"], **CLOSE)
    assert fit.se == pytest.approx(r["po"]["clm_probit"]["se"], **CLOSE)


def test_both_signs_of_the_thresholds(fit, r):
    row = r["po"]["lrm"]
    table = thresholds(fit, LEVELS)
    assert table["alpha_name"].tolist() == row["names"][:3]
    assert table["alpha"].to_numpy() == pytest.approx(row["coef"][:3], **CLOSE)
    assert table["se"].to_numpy() == pytest.approx(row["se"][:3], **CLOSE)
    assert fit.slopes == pytest.approx(row["coef"][3:], **CLOSE)
    assert fit.likelihood_ratio == pytest.approx(row["stats"]["Model L.R."], **CLOSE)


def test_logistic_and_firth_equal_glm_and_brglm2(data, r):
    plain = logistic(data[["za"]], data["sig"])
    assert plain.estimates == pytest.approx(r["firth"]["glm_coef"], **CLOSE)
    assert plain.se == pytest.approx(r["firth"]["glm_se"], abs=1e-6)
    small = firth(data[["za"]], data["sig"])
    assert small.estimates == pytest.approx(r["firth"]["firth_coef"], **CLOSE)
    assert small.se == pytest.approx(r["firth"]["firth_se"], **CLOSE)


def test_indices_equal_lrm(fit, data, r):
    row = r["po"]["lrm"]["stats"]
    table = fit_indices(fit, data[["za", "zb"]], data["stage"] - 1).set_index("index")["value"]
    theirs = {
        "n": "Obs",
        "likelihood_ratio": "Model L.R.",
        "df": "d.f.",
        "p": "P",
        "c": "C",
        "dxy": "Dxy",
        "gamma": "Gamma",
        "tau_a": "Tau-a",
        "r2": "R2",
        "r2_n": "R2(120)",
        "r2_n_adjusted": "R2(2,120)",
        "r2_m": "R2(112.1)",
        "r2_m_adjusted": "R2(2,112.1)",
        "brier": "Brier",
        "g": "g",
        "gr": "gr",
        "gp": "gp",
    }
    assert set(row) - set(theirs.values()) == {"Max Deriv"}
    expected = {ours: row[name] for ours, name in theirs.items()}
    assert table[list(theirs)].to_dict() == pytest.approx(expected, **CLOSE)


def test_proportionality_equals_nominal_test(data, r):
    row = r["po"]["nominal_test"]
    table = proportionality(data[["za", "zb"]], data["stage"] - 1, LEVELS)
    single = table[(table["test"] == "likelihood ratio") & (table["term"] != "")]
    assert single["term"].tolist() == row["terms"]
    assert single["statistic"].to_numpy() == pytest.approx(row["LRT"], **CLOSE)
    assert single["p"].to_numpy() == pytest.approx(row["p"], **CLOSE)
