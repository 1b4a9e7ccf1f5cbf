"""First against last stage, cut-offs for the others: learnt in order, from held-out scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.estimator_checks import parametrize_with_checks

from radiofib.staging import FallbackWarning, LogisticStager, StagerInputError, XGBoostStager
from radiofib.staging.base import BaseStager
from radiofib.staging.extreme import ExtremeStager, deal_extremes, ordered_cutoffs
from radiofib.stats.regression import proportional_odds
from tests.staging.ordered import (
    STAGES,
    assert_awkward_tables_are_learnt,
    assert_stored_without_foreign_types,
    assert_within_limits,
    ordered_case,
)

EXPECTED = {
    "check_dataframe_column_names_consistency": "columns are put in order by name",
    "check_classifiers_train": "three classes that lie in no order, which one score cannot part; "
    "ordered ones are learnt",
    "check_sample_weight_equivalence_on_dense_data": "inner folds are dealt by row (or patient): "
    "a row that is there twice may be on both sides, one of weight 2 may not",
}


@pytest.mark.filterwarnings("ignore::radiofib.staging.FallbackWarning")
@parametrize_with_checks([ExtremeStager(folds=2)], expected_failed_checks=lambda _: EXPECTED)
def test_scikit_learn_check(estimator, check):
    assert check(estimator) is None


@pytest.fixture(scope="module")
def case():
    found = ordered_case(2, 160)
    scanner = np.where(np.arange(160) % 3 == 0, "A", "B")
    return found.X.assign(scanner=scanner), found.y


@pytest.mark.parametrize("inner", [LogisticStager(), XGBoostStager()], ids=["logistic", "xgboost"])
def test_limits_on_simulated_stages(inner):
    assert_within_limits(ExtremeStager(inner), calibrated=True)


@pytest.mark.filterwarnings("ignore::radiofib.staging.FallbackWarning")
def test_awkward_tables():
    assert_awkward_tables_are_learnt(ExtremeStager(XGBoostStager(5), folds=2))
    assert_awkward_tables_are_learnt(ExtremeStager(folds=2))


def test_stored_and_the_same_again(case):
    X, y = case
    own = {"radiofib.staging.extreme.ExtremeStager"}
    first, again = (
        ExtremeStager(XGBoostStager(20, scanner_column="scanner"), folds=3).fit(X, y)
        for _ in range(2)
    )
    assert (first.predict_proba(X) == again.predict_proba(X)).all()
    assert_stored_without_foreign_types(first, X, own)
    assert isinstance(first.slope_, float)


def test_cutoffs_and_probabilities_are_in_the_order_of_the_score(case):
    X, y = case
    stager = ExtremeStager(LogisticStager(scanner_column="scanner")).fit(X, y)
    assert stager.fallback_ == ""
    assert stager.slope_ > 0
    assert (np.diff(stager.cutoffs_) > 0).all()
    proba = stager.predict_proba(X)
    assert proba.sum(axis=1) == pytest.approx(np.ones(160), abs=1e-12)
    score = stager.stager_.predict_proba(X)[:, 1]
    order = np.argsort(score)
    beyond = 1 - np.cumsum(proba, axis=1)[:, :-1]
    assert (np.diff(beyond[order], axis=0) >= -1e-12).all()
    # A score at a cut-off is as likely beyond it as not.
    log_odds = np.log(score / (1 - score))
    for k, cut in enumerate(stager.cutoffs_):
        assert ((beyond[:, k] > 0.5) == (log_odds > cut)).all()


class Watched(LogisticStager):
    """Writes down the numbers and stages of the rows that it learns from, and that it scores."""

    LOG: list[tuple[str, list[int], list[str]]] = []  # noqa: RUF012

    def fit(self, X, y, sample_weight=None):
        self.LOG.append(("fit", X["t1_id"].astype(int).tolist(), list(y)))
        return super().fit(X, y, sample_weight)

    def predict_proba(self, X):
        self.LOG.append(("score", X["t1_id"].astype(int).tolist(), []))
        return super().predict_proba(X)


@pytest.mark.filterwarnings("ignore::radiofib.staging.FallbackWarning")
def test_scores_for_cutoffs_are_of_patients_the_inner_stager_did_not_see(case):
    X = case[0]
    patient = np.arange(160) // 2
    rng = np.random.default_rng(0)
    stage = rng.choice(STAGES, 80)[patient]
    X = X.drop(columns="scanner").assign(t1_id=np.arange(160.0))
    X = X.assign(patient=[f"p{i}" for i in patient])
    Watched.LOG.clear()
    ExtremeStager(Watched(), patient_column="patient").fit(X, stage)
    log = list(Watched.LOG)
    fits = [entry for entry in log if entry[0] == "fit"]
    assert len(fits) == 6
    assert all(set(stages) == {"s1", "s4"} for _, _, stages in fits)
    assert sorted(fits[0][1]) == np.flatnonzero((stage == "s1") | (stage == "s4")).tolist()
    scored: list[int] = []
    for fit, score in zip(log[1::2], log[2::2], strict=True):
        assert (fit[0], score[0]) == ("fit", "score")
        assert not set(patient[fit[1]]) & set(patient[score[1]])
        scored += score[1]
    assert sorted(scored) == list(range(160))


@pytest.mark.filterwarnings("ignore::radiofib.staging.FallbackWarning")
def test_noise_is_not_taken_for_signal():
    """Scores of rows that were learnt from would tell noise apart; held-out ones do not."""
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(120, 60)), rng.permutation(np.repeat(STAGES, 30))
    stager = ExtremeStager(LogisticStager(C=10.0)).fit(X, y)
    seen = stager.stager_.predict_proba(pd.DataFrame(X, columns=[f"x{i}" for i in range(60)]))[
        np.isin(y, ["s1", "s4"])
    ]
    assert seen.max(axis=1).mean() > 0.95
    assert np.abs(stager.predict_proba(X) - 0.25).mean() < 0.08


def test_cutoffs_are_those_of_the_regression():
    rng = np.random.default_rng(0)
    score = rng.normal(3, 2, 200)
    codes = np.digitize(score + 2 * rng.logistic(size=200), [1.0, 3.0, 5.0])
    theta, slope, note = ordered_cutoffs(score, codes, 4)
    fit = proportional_odds(score[:, None], codes, ["0", "1", "2", "3"])
    assert note == ""
    assert slope == pytest.approx(fit.slopes[0], abs=1e-8)
    assert theta == pytest.approx(fit.cut_values, abs=1e-7)
    weight = rng.integers(1, 4, 200)
    many = np.repeat(np.arange(200), weight)
    twice = ordered_cutoffs(score[many], codes[many], 4)
    once = ordered_cutoffs(score, codes, 4, weight.astype(float))
    assert once[0] == pytest.approx(twice[0], abs=1e-9)
    assert once[1] == pytest.approx(twice[1], abs=1e-9)


@pytest.mark.parametrize("score", [-np.arange(12.0), np.full(12, 2.0)], ids=["falls", "constant"])
def test_a_score_that_says_nothing_leaves_the_training_mix(score):
    codes = np.repeat([0, 1, 2], [6, 4, 2])
    with pytest.warns(FallbackWarning, match="does not rise with the score"):
        theta, slope, note = ordered_cutoffs(score, codes, 3)
    assert slope > 0
    assert "next to nothing" in note
    share = 1 / (1 + np.exp(-(theta - slope * score[:, None])))
    assert np.abs(share - [6 / 12, 10 / 12]).max() < 0.002


def test_a_score_that_separates_has_a_penalty_and_says_so():
    codes = np.repeat([0, 1, 2], 5)
    with pytest.warns(FallbackWarning, match="separates the stages"):
        theta, slope, note = ordered_cutoffs(np.arange(15.0), codes, 3)
    assert note.startswith("the score separates")
    assert 0 < slope < 10
    assert 4 < theta[0] / slope < 5
    assert 9 < theta[1] / slope < 10


def test_one_patient_of_an_extreme_stage(case):
    X, y = case
    X = X.drop(columns="scanner")
    alone = np.where(y == "s4", "s3", y)
    alone[0] = "s4"
    with pytest.raises(StagerInputError, match="stage s4 has one training patient"):
        ExtremeStager().fit(X, alone)
    two = np.where(np.arange(160) == 0, "s4", "s1")
    with pytest.warns(FallbackWarning, match="log-odds as they are"):
        stager = ExtremeStager().fit(X, two)
    due = LogisticStager().fit(X, two).predict_proba(X)
    assert stager.predict_proba(X) == pytest.approx(due, abs=1e-9)


def test_one_patient_of_a_middle_stage_is_no_obstacle(case):
    X, y = case
    y = np.where(y == "s2", "s3", y)
    y[5] = "s2"
    stager = ExtremeStager().fit(X.drop(columns="scanner"), y)
    assert (np.diff(stager.cutoffs_) > 0).all()


def test_class_weights_reach_the_inner_stager(case):
    X, y = case
    X = X.drop(columns="scanner")
    plain = ExtremeStager().fit(X, y).stager_.predict_proba(X)[:, 1]
    heavy = ExtremeStager(LogisticStager(class_weight={"s4": 20.0})).fit(X, y)
    assert heavy.stager_.predict_proba(X)[:, 1].mean() > plain.mean() + 0.1


def test_folds_are_at_least_two(case):
    X, y = case
    with pytest.raises(StagerInputError, match="at least 2"):
        ExtremeStager(folds=1).fit(X.drop(columns="scanner"), y)


class Certain(BaseStager):
    """Is sure of everything: log-odds must stay finite."""

    def __init__(self, scanner_column=None, random_state=0):
        self.scanner_column = scanner_column
        self.random_state = random_state

    def _fit_learner(self, features, flags, codes, weights):
        self.cut_ = float(np.nanmedian(features[:, 0]))

    def _learner_proba(self, features, flags):
        last = (np.nan_to_num(features[:, 0]) > self.cut_).astype(float)
        return np.column_stack([1 - last, last])


def test_probabilities_of_0_and_1_have_finite_odds(case):
    X, y = case
    proba = ExtremeStager(Certain()).fit(X.drop(columns="scanner"), y)
    assert np.isfinite(proba.predict_proba(X.drop(columns="scanner"))).all()


@st.composite
def patients(draw):
    count = draw(st.integers(4, 14))
    rows = draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, 3)), min_size=8))
    extra = [(0, 0), (1, 0), (2, 3), (3, 3)]
    return np.array([*extra, *((p, 3 * (p > 1) if p < 4 else s) for p, s in rows)])


@settings(max_examples=40, deadline=None)
@given(patients(), st.integers(2, 6), st.integers(0, 9))
def test_every_training_part_holds_both_extremes_and_no_patient_twice(drawn, folds, seed):
    patient, codes = drawn[:, 0].astype(str), drawn[:, 1]
    fold = deal_extremes(codes, 3, patient, folds, seed)
    assert fold.min() == 0
    assert 1 <= fold.max() < folds
    for name in set(patient):
        assert len(set(fold[patient == name])) == 1
    for number in range(fold.max() + 1):
        assert {0, 3} <= set(codes[fold != number].tolist())


def test_middle_stages_are_spread_over_the_folds():
    codes = np.repeat([0, 1, 2, 3], 20)
    fold = deal_extremes(codes, 3, None, 5, 0)
    table = pd.crosstab(codes, fold)
    assert (table.to_numpy() == 4).all()
