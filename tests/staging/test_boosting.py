"""Boosted trees: one binning for all questions, monotone features, the focal loss."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.utils.estimator_checks import parametrize_with_checks

from radiofib.staging import StagerInputError, XGBoostStager
from radiofib.staging._boosted import tree_settings
from radiofib.staging._focal import balanced_weights, focal_loss, focal_steps
from radiofib.staging.boosting import FocalXGBoostStager, OrdinalXGBoostStager
from tests.staging.ordered import (
    assert_awkward_tables_are_learnt,
    assert_stored_without_foreign_types,
    assert_within_limits,
    ordered_case,
)

F0, F1 = "t1_original_firstorder_f0", "t1_original_firstorder_f1"
ALIGNED = "columns in another order are put in order by name; other columns are refused"
SAMPLED = "trees draw rows at random: a row of weight 2 is not drawn as two rows are"
EXPECTED = {
    "check_dataframe_column_names_consistency": ALIGNED,
    "check_sample_weight_equivalence_on_dense_data": SAMPLED,
}


@parametrize_with_checks(
    [OrdinalXGBoostStager(15), FocalXGBoostStager(15)],
    expected_failed_checks=lambda _: EXPECTED,
)
def test_scikit_learn_check(estimator, check):
    assert check(estimator) is None


@pytest.fixture(scope="module")
def case():
    found = ordered_case(0, 150)
    scanner = np.where(np.arange(150) % 3 == 0, "A", "B")
    return found.X.assign(scanner=scanner), found.y


@pytest.mark.parametrize(
    ("stager", "calibrated"),
    [(OrdinalXGBoostStager(), True), (FocalXGBoostStager(), False)],
    ids=["ordinal", "focal"],
)
def test_limits_on_simulated_stages(stager, calibrated):
    assert_within_limits(stager, calibrated=calibrated)


@pytest.mark.parametrize("stager", [OrdinalXGBoostStager(20), FocalXGBoostStager(20)])
def test_awkward_tables(stager):
    assert_awkward_tables_are_learnt(stager)


@pytest.mark.parametrize("kind", [OrdinalXGBoostStager, FocalXGBoostStager])
def test_stored_as_bytes_and_the_same_again(kind, case):
    X, y = case
    first, again = (kind(20, scanner_column="scanner").fit(X, y) for _ in range(2))
    assert (first.predict_proba(X) == again.predict_proba(X)).all()
    module = f"radiofib.staging.boosting.{kind.__name__}"
    assert_stored_without_foreign_types(first, X, {module})
    state = first.__getstate__()
    stored = state.get("boosters_", [state.get("booster_")])
    assert all(isinstance(each, bytes) for each in stored)


@pytest.mark.parametrize("weighed", [False, True])
def test_one_binning_gives_the_models_of_separate_ones(case, weighed):
    X, y = case
    X = X.drop(columns="scanner")
    weights = np.random.default_rng(1).uniform(0.5, 2, len(y)) if weighed else None
    stager = OrdinalXGBoostStager(30).fit(X, y, sample_weight=weights)
    chosen = tree_settings(stager) | {"objective": "binary:logistic"}
    for k, stage in enumerate(["s1", "s2", "s3"]):
        rows = xgboost.DMatrix(X.to_numpy(), label=y > stage, weight=weights, nthread=1)
        alone = xgboost.train(chosen, rows, num_boost_round=30)
        assert bytes(stager.boosters_[k].save_raw("ubj")) == bytes(alone.save_raw("ubj"))


def test_two_stages_are_the_binary_booster(case):
    X, y = case
    two = np.where(y == "s4", "s4", "s1")
    ordinal = OrdinalXGBoostStager(30, scanner_column="scanner").fit(X, two)
    plain = XGBoostStager(30, scanner_column="scanner").fit(X, two)
    assert ordinal.predict_proba(X) == pytest.approx(plain.predict_proba(X), abs=1e-12)


def test_class_weights_move_probabilities_in_every_question(case):
    X, y = case
    plain = OrdinalXGBoostStager(20, scanner_column="scanner").fit(X, y)
    heavy = OrdinalXGBoostStager(20, class_weight={"s4": 9.0}, scanner_column="scanner").fit(X, y)
    assert heavy.predict_proba(X)[:, -1].mean() > plain.predict_proba(X)[:, -1].mean() + 0.1
    assert heavy.predict_proba(X)[:, 0].mean() < plain.predict_proba(X)[:, 0].mean()


@settings(max_examples=30, deadline=None)
@given(
    row=hnp.arrays(np.float64, 12, elements=st.floats(-3, 3)),
    moved=st.floats(0, 4),
)
def test_the_stage_never_falls_with_a_feature_that_must_rise(row, moved):
    stager = _rising()
    higher = row.copy()
    higher[0] += moved
    higher[1] -= moved
    names = stager.feature_names_in_
    both = stager.predict_proba(pd.DataFrame([row, higher], columns=names))
    beyond = 1 - np.cumsum(both, axis=1)
    assert (beyond[1] >= beyond[0] - 1e-12).all()


_KEPT: list[OrdinalXGBoostStager] = []


def _rising() -> OrdinalXGBoostStager:
    if not _KEPT:
        train = ordered_case(3, 120)
        # Against the truth, so that only the constraint can hold it.
        stager = OrdinalXGBoostStager(40, colsample_bytree=1.0, monotone={F0: 1, F1: -1})
        _KEPT.append(stager.fit(train.X.assign(**{F0: -train.X[F0]}), train.y))
    return _KEPT[0]


def test_without_the_constraint_it_does_fall():
    train = ordered_case(3, 120)
    X = train.X.assign(**{F0: -train.X[F0]})
    stager = OrdinalXGBoostStager(40, colsample_bytree=1.0).fit(X, train.y)
    line = pd.DataFrame(np.zeros((2, 12)), columns=X.columns).assign(**{F0: [-2.0, 2.0]})
    proba = stager.predict_proba(line)
    assert proba[1, 0] > 1.5 * proba[0, 0]


def test_monotone_two_stages(case):
    X, y = case
    two = np.where(y == "s4", "s4", "s1")
    stager = XGBoostStager(40, monotone={F0: -1}, scanner_column="scanner").fit(X, two)
    line = X.iloc[[0] * 9].reset_index(drop=True).assign(**{F0: np.linspace(-3, 3, 9)})
    assert (np.diff(stager.predict_proba(line)[:, 1]) <= 0).all()
    free = XGBoostStager(40, scanner_column="scanner").fit(X, two).predict_proba(line)[:, 1]
    assert np.diff(free).max() > 0


def test_monotone_is_refused_where_it_means_nothing(case):
    X, y = case
    two = np.where(y == "s4", "s4", "s1")
    with pytest.raises(StagerInputError, match=r"no single meaning.*4 stages.*xgboost_ordinal"):
        XGBoostStager(5, monotone={F0: 1}, scanner_column="scanner").fit(X, y)
    for kind in (XGBoostStager, OrdinalXGBoostStager):
        wrong = kind(5, monotone={"t1_original_firstorder_fO": 1}, scanner_column="scanner")
        with pytest.raises(StagerInputError, match=r"monotone column 't1.*fO'.*did you mean"):
            wrong.fit(X, two)
        with pytest.raises(StagerInputError, match=rf"column '{F0}'.*\+1.*found 2"):
            kind(5, monotone={F0: 2}, scanner_column="scanner").fit(X, two)
        with pytest.raises(StagerInputError, match="a mapping"):
            kind(5, monotone=[1, -1], scanner_column="scanner").fit(X, two)
        with pytest.raises(StagerInputError, match="unknown monotone column 'scanner'"):
            kind(5, monotone={"scanner": 1}, scanner_column="scanner").fit(X, two)


def test_columns_without_names_are_numbered(case):
    X, y = case
    matrix = X.drop(columns="scanner").to_numpy()
    stager = OrdinalXGBoostStager(20, monotone={"x0": -1}).fit(matrix, y)
    line = np.zeros((9, 12))
    line[:, 0] = np.linspace(-3, 3, 9)
    assert (np.diff(stager.predict_proba(line)[:, 0]) >= -1e-12).all()


def test_a_state_from_before_there_were_constraints(case):
    X, y = case
    X = X.drop(columns="scanner")
    stager = XGBoostStager(5).fit(X, y)
    state = stager.__getstate__()
    del state["monotone"]
    again = XGBoostStager.__new__(XGBoostStager)
    again.__setstate__(state)
    assert again.get_params()["monotone"] is None
    assert (again.predict_proba(X) == stager.predict_proba(X)).all()


margins = hnp.arrays(np.float64, (1, 4), elements=st.floats(-6, 6))
gammas = st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 5.0])


def _numerical(function, at, step):
    found = []
    for j in range(at.shape[1]):
        moved = np.zeros_like(at)
        moved[0, j] = step
        found.append((function(at + moved) - function(at - moved)) / (2 * step))
    return np.array(found)


@settings(max_examples=100, deadline=None)
@given(margins, st.integers(0, 3), gammas)
def test_focal_gradient_is_the_numerical_one(at, true, gamma):
    code = np.array([true])
    slope, _ = focal_steps(at, code, gamma)
    due = _numerical(lambda z: focal_loss(z, code, gamma)[0], at, 1e-5)
    assert slope[0] == pytest.approx(due, rel=1e-5, abs=1e-8)


@settings(max_examples=100, deadline=None)
@given(margins, st.integers(0, 3), gammas)
def test_second_derivatives_are_below_the_bound(at, true, gamma):
    code = np.array([true])
    _, bound = focal_steps(at, code, gamma)
    second = _numerical(lambda z: focal_steps(z, code, gamma)[0][0], at, 1e-5)
    assert (bound > 0).all()
    left = np.diag(bound[0]) - (second + second.T) / 2
    assert np.linalg.eigvalsh(left).min() > -1e-7 * max(1.0, np.abs(second).max())


@settings(max_examples=50, deadline=None)
@given(margins, st.integers(0, 3))
def test_the_bound_is_no_looser_than_softmax_needs(at, true):
    code = np.array([true])
    shares = np.exp(at) / np.exp(at).sum()
    assert focal_steps(at, code, 0.0)[1] == pytest.approx(2 * shares * (1 - shares), rel=1e-9)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_steps_stay_finite_where_a_stage_is_certain(gamma):
    at = np.array([[800.0, 0.0, -800.0]] * 3)
    for part in focal_steps(at, np.arange(3), gamma):
        assert np.isfinite(part).all()
    slope, _ = focal_steps(at, np.arange(3), gamma)
    assert slope[2, 2] < -0.99


def test_focal_loss_of_one_half():
    assert focal_loss(np.zeros((1, 2)), np.array([0]), 2.0)[0] == pytest.approx(np.log(2) / 4)


def _softmax_boosting(stager, X, y, weights=None):
    """Boost with XGBoost's own objective, from the start that the focal stager takes."""
    codes = np.searchsorted(stager.classes_, y)
    start = np.tile(stager.start_, (len(X), 1))
    rows = xgboost.DMatrix(X.to_numpy(), label=codes, weight=weights, base_margin=start, nthread=1)
    chosen = tree_settings(stager) | {"objective": "multi:softprob", "num_class": 4}
    return xgboost.train(chosen, rows, num_boost_round=stager.n_estimators).predict(rows)


@pytest.mark.parametrize("weighed", [False, True])
def test_without_focus_it_is_plain_softmax_boosting(case, weighed):
    X, y = case
    X = X.drop(columns="scanner")
    weights = np.random.default_rng(2).uniform(0.5, 2, len(y)) if weighed else None
    focal = FocalXGBoostStager(60, gamma=0.0, beta=None).fit(X, y, sample_weight=weights)
    found = focal.predict_proba(X)
    assert found == pytest.approx(_softmax_boosting(focal, X, y, weights), abs=1e-5)
    if tuple(map(int, xgboost.__version__.split(".")[:2])) >= (3, 1):
        # Since 3.1 XGBoost takes that start by itself.
        plain = XGBoostStager(60).fit(X, y, sample_weight=weights)
        assert found == pytest.approx(plain.predict_proba(X), abs=1e-5)


def test_balanced_weights_are_those_of_the_paper():
    counts = np.array([97.0, 64.0, 32.0, 167.0])
    due = (1 - 0.999) / (1 - 0.999**counts)
    due *= 4 / due.sum()
    assert balanced_weights(counts, 0.999) == pytest.approx(due, rel=1e-10)
    assert balanced_weights(counts, 0.0).tolist() == [1.0] * 4
    assert balanced_weights(counts, None).tolist() == [1.0] * 4
    inverse = 1 / counts * 4 / (1 / counts).sum()
    assert balanced_weights(counts, 1.0) == pytest.approx(inverse)
    assert balanced_weights(counts, 1 - 1e-9) == pytest.approx(inverse, rel=1e-5)


def test_beta_is_a_class_weight(case):
    X, y = case
    X = X.drop(columns="scanner")
    focal = FocalXGBoostStager(40, gamma=0.0, beta=0.99).fit(X, y)
    assert np.ptp(focal.class_weights_) > 0.1
    weights = focal.class_weights_[np.searchsorted(focal.classes_, y)]
    assert focal.predict_proba(X) == pytest.approx(
        _softmax_boosting(focal, X, y, weights), abs=1e-5
    )


def test_focus_takes_probabilities_to_the_middle(case):
    X, y = case
    best = [
        FocalXGBoostStager(60, gamma=gamma, beta=None, scanner_column="scanner")
        .fit(X, y)
        .predict_proba(X)
        .max(axis=1)
        .mean()
        for gamma in (0.0, 2.0)
    ]
    assert best[1] < best[0] - 0.02


@pytest.mark.parametrize("wrong", [{"gamma": -1.0}, {"beta": 1.5}, {"beta": -0.1}])
def test_settings_of_the_focal_loss(case, wrong):
    X, y = case
    with pytest.raises(StagerInputError, match="gamma must not be negative, and beta"):
        FocalXGBoostStager(5, scanner_column="scanner", **wrong).fit(X, y)


def test_a_model_with_monotone_features_is_exported(case, tmp_path):
    from radiofib.export import export_model

    X, y = case
    two = np.where(y == "s4", "s4", "s1")
    stager = XGBoostStager(10, monotone={F0: -1}, scanner_column="scanner").fit(X, two)
    # It runs what it writes and compares it with the stager.
    written = {path.name for path in export_model(stager, tmp_path, formats="xgboost,r")}
    assert "model.json" in written
