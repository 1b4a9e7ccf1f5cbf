"""Stagers of ordered stages: the same as the regressions, honest about what was fitted."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_blobs

from radiofib.errors import ModelError
from radiofib.staging import (
    ContinuationRatioStager,
    ElasticNetStager,
    FallbackWarning,
    FirthStager,
    ProportionalOddsStager,
)
from radiofib.stats.regression import (
    firth,
    logistic,
    positive_probability,
    proportional_odds,
    stage_probabilities,
)

ORDERED = [ProportionalOddsStager(), ContinuationRatioStager(), ElasticNetStager()]
by_name = pytest.mark.parametrize("stager", ORDERED, ids=lambda s: type(s).__name__)


def data(n=150, p=4, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    return X, np.digitize(X[:, 0] - X[:, 1] + rng.logistic(size=n), [-1.0, 1.0])


def test_proportional_odds_is_the_regression():
    X, y = data()
    fit = proportional_odds(X, y, ["0", "1", "2"])
    stager = ProportionalOddsStager().fit(X, y)
    assert stager.predict_proba(X) == pytest.approx(stage_probabilities(fit, X), abs=1e-9)
    assert stager.coef_ / stager.scaler_.scale_ == pytest.approx(fit.slopes, abs=1e-8)
    assert (stager.fallback_, stager.ridge_) == ("", 0.0)


@pytest.mark.external
def test_proportional_odds_equals_clm(external_data):
    import json

    r = json.loads((external_data / "stats/r_oracle_A.json").read_text(encoding="utf-8"))
    frame = pd.read_csv(external_data / "stats/predA_n120.csv")
    stager = ProportionalOddsStager().fit(frame[["score_a", "score_b"]], frame["stage"])
    found = stager.predict_proba(frame[["score_a", "score_b"]].head(5))
    assert found == pytest.approx(np.array(r["A_n120"]["po"]["pred_prob_first5"]), abs=1e-8)


def test_continuation_ratio_is_a_logistic_regression_of_steps():
    X, y = data()
    rows = np.r_[np.arange(len(y)), np.flatnonzero(y > 0)]
    step = np.r_[np.zeros(len(y)), np.ones((y > 0).sum())]
    fit = logistic(np.column_stack([step, X[rows]]), y[rows] > step)
    first = positive_probability(fit, np.column_stack([np.zeros(len(y)), X]))
    second = positive_probability(fit, np.column_stack([np.ones(len(y)), X]))
    expected = np.column_stack([1 - first, first * (1 - second), first * second])
    assert ContinuationRatioStager().fit(X, y).predict_proba(X) == pytest.approx(expected, abs=1e-8)


def test_two_stages_are_logistic_regression():
    X, y = data()
    truth = positive_probability(logistic(X, y > 0), X)
    for stager in (ProportionalOddsStager(), ContinuationRatioStager()):
        assert stager.fit(X, y > 0).predict_proba(X)[:, 1] == pytest.approx(truth, abs=1e-8)
    small = positive_probability(firth(X, y > 0), X)
    assert FirthStager().fit(X, y > 0).predict_proba(X)[:, 1] == pytest.approx(small, abs=1e-7)


@by_name
def test_ordered_blobs_are_learnt(stager):
    X, y = make_blobs(n_samples=300, centers=[[0, 0], [3, 3], [6, 6]], random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FallbackWarning)
        assert stager.fit(X, y).score(X, y) > 0.9


@by_name
def test_probabilities_sum_to_one_far_outside_the_training_range(stager):
    X, y = data()
    far = np.array([[1e6, -1e6, 0, 0], [-1e6, 1e6, 0, 0], [0, 0, 1e30, 0]])
    proba = stager.fit(X, y).predict_proba(far)
    assert proba.sum(axis=1) == pytest.approx(np.ones(3))
    assert ((proba >= 0) & (proba <= 1)).all()
    assert proba[:2].argmax(axis=1).tolist() == [2, 0]


@pytest.mark.parametrize("kind", [ProportionalOddsStager, ContinuationRatioStager])
def test_separable_data_fall_back_to_a_ridge_and_say_so(kind):
    X = np.linspace(-2, 2, 60)[:, None]
    y = np.digitize(X[:, 0], [-1, 1])
    with pytest.warns(FallbackWarning, match="separate the stages; ridge penalty 1"):
        stager = kind().fit(X, y)
    assert stager.fallback_ == "the features separate the stages"
    assert np.isfinite(stager.coef_).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asked = kind(ridge=5.0).fit(X, y)
    assert (asked.fallback_, asked.ridge_) == ("", 5.0)
    assert abs(asked.coef_[0]) < abs(stager.coef_[0])
    wide = np.random.default_rng(0).normal(size=(30, 200))
    with pytest.warns(FallbackWarning, match="29\\) as 30 rows"):
        assert kind().fit(wide, y[::2]).ridge_ == 29


@pytest.mark.parametrize("kind", [ProportionalOddsStager, ContinuationRatioStager])
def test_doubled_columns_share_a_slope(kind):
    X, y = data()
    one, two = kind().fit(X, y), kind().fit(np.hstack([X, X[:, :1]]), y)
    assert two.predict_proba(np.hstack([X, X[:, :1]])) == pytest.approx(one.predict_proba(X))
    assert two.coef_[0] == pytest.approx(two.coef_[4])
    # The ridge penalty of columns is that of their directions: more columns than rows or not.
    wide = np.hstack([X[:40]] * 20)
    both = kind(ridge=3.0).fit(wide, y[:40]), kind(ridge=3.0 / 20).fit(X[:40], y[:40])
    assert both[0].predict_proba(wide) == pytest.approx(both[1].predict_proba(X[:40]), abs=1e-7)


def test_an_unseen_scanner_has_the_mean_effect():
    X, y = data()
    frame = pd.DataFrame(X).rename(columns=str).assign(scanner=["A", "B", "C"] * 50)
    stager = ProportionalOddsStager(scanner_column="scanner").fit(frame, y)
    assert stager.coef_[-3:].sum() == pytest.approx(0, abs=1e-9)
    links = [
        np.log(p[0] / (1 - p[0]))
        for p in stager.predict_proba(
            pd.concat([frame.head(1)] * 4).assign(scanner=["A", "B", "C", "new"])
        )
    ]
    assert links[3] == pytest.approx(np.mean(links[:3]))


def test_elastic_net_keeps_few_features():
    X, y = data(p=60)
    coarse, fine = (ElasticNetStager(share=s).fit(X, y) for s in (0.6, 0.1))
    assert set(np.flatnonzero(coarse.coef_)) <= {0, 1}
    assert (coarse.coef_ != 0).sum() < (fine.coef_ != 0).sum() < 60
    assert not ElasticNetStager(share=1.0).fit(X, y).coef_.any()
    with pytest.raises(ModelError, match="share"):
        ElasticNetStager(share=0.0).fit(X, y)


def test_wrong_settings():
    X, y = data()
    with pytest.raises(ModelError, match=r"multiclass.*proportional_odds"):
        FirthStager().fit(X, y)
    with pytest.raises(ModelError, match="ridge"):
        ProportionalOddsStager(ridge=-1.0).fit(X, y)
