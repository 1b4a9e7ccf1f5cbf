"""Stagers with a correction of their probabilities."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from radiofib.simulate.imbalanced import ImbalanceSettings, simulate_imbalanced
from radiofib.staging import ChainStager, LogisticStager, StagerInputError
from radiofib.staging.imbalance import ClassWeights
from radiofib.staging.out_of_fold import inner_dealing, out_of_fold
from radiofib.staging.recalibrate import METHODS, RecalibratedStager
from radiofib.staging.rows import Rows
from radiofib.staging.scaling import LEAST_SLOPE, fit_scaling, log_ratios, scaled, softened
from radiofib.stats import calibration
from tests.staging.leaks import Memory

EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": "inner folds are dealt by row",
    "check_dataframe_column_names_consistency": "columns are put in order by name",
}
THREE = ImbalanceSettings(stages=("s1", "s2", "s4"), mix=(6, 3, 1))


@parametrize_with_checks(
    [RecalibratedStager(LogisticStager(), folds=2)], expected_failed_checks=lambda _: EXPECTED
)
def test_scikit_learn_check(estimator, check):
    assert check(estimator) is None


def made(n=400, seed=0, settings=None):
    table = simulate_imbalanced(n, seed=seed, settings=settings).table
    return table.X, table.obs["stage"].astype(str).to_numpy(), table.obs["patient"].to_numpy()


def weighted(C=0.1):
    return ChainStager(LogisticStager(C=C), [ClassWeights()])


def test_scaling_is_the_maximum_of_its_penalised_likelihood():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, 200)
    ratios = rng.normal(size=(200, 2)) + (codes[:, None] == [1, 2])
    weights = rng.uniform(0.5, 2, 200)

    def loss(at, prior=1.0):
        proba = scaled(ratios, at[:2], at[2])
        return prior / 2 * (at[2] - 1) ** 2 - weights @ np.log(proba[np.arange(200), codes])

    found = minimize(loss, [0, 0, 1], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-9,
                                                                     "maxiter": 4000})  # fmt: skip
    intercepts, slope = fit_scaling(ratios, codes, weights)
    assert [*intercepts, slope] == pytest.approx(found.x, abs=1e-5)
    # The mean probability of every stage is its share, whatever the penalty does to the slope.
    mean = weights @ scaled(ratios, intercepts, slope) / weights.sum()
    assert mean == pytest.approx(np.bincount(codes, weights=weights) / weights.sum(), abs=1e-9)


def test_two_stages_without_a_prior_are_coxs_recalibration():
    rng = np.random.default_rng(2)
    p = rng.beta(1, 3, 300).clip(0.01, 0.99)
    y = rng.uniform(size=300) < p**1.5
    ratios = np.log(p / (1 - p))[:, None]
    cox = calibration(y, p)
    intercepts, slope = fit_scaling(ratios, y.astype(int), np.ones(300), prior=0.0)
    assert [*intercepts, slope] == pytest.approx([cox.intercept, cox.slope], abs=1e-9)
    alone, _ = fit_scaling(ratios, y.astype(int), np.ones(300), slope=1.0)
    assert alone == pytest.approx([cox.in_the_large], abs=1e-9)


def test_intercepts_undo_weights_exactly():
    rng = np.random.default_rng(1)
    true = rng.dirichlet([4, 2, 1], 40000)
    codes = (rng.uniform(size=(40000, 1)) > np.cumsum(true, axis=1)).sum(axis=1)
    given = true * [1.0, 2.0, 6.0]
    given /= given.sum(axis=1, keepdims=True)
    intercepts, slope = fit_scaling(np.log(given[:, 1:] / given[:, :1]), codes, np.ones(40000),
                                    slope=1.0)  # fmt: skip
    assert intercepts == pytest.approx(-np.log([2.0, 6.0]), abs=0.06)
    assert slope == 1.0
    back = fit_scaling(2 * np.log(true[:, 1:] / true[:, :1]), codes, np.ones(40000))
    assert back[1] == pytest.approx(0.5, abs=0.02)


def test_the_slope_is_finite_where_the_log_odds_part_the_stages_and_never_turns_ranks():
    ratios, codes = np.array([[-2.0], [-1.0], [1.0], [2.0]]), np.array([0, 0, 1, 1])
    _, slope = fit_scaling(ratios, codes, np.ones(4))
    assert 1 < slope < 5
    intercepts, slope = fit_scaling(np.tile(-ratios, (50, 1)), np.tile(codes, 50), np.ones(200))
    assert slope == LEAST_SLOPE
    assert intercepts == pytest.approx([0.0], abs=1e-6)


@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=30),
    st.integers(1, 1000),
    st.floats(-4, 4),
    st.floats(LEAST_SLOPE, 4),
)
def test_ranks_of_two_stages_stay(values, n, intercept, slope):
    p = np.array(sorted(values))
    proba = np.column_stack([1 - p, p])
    soft = softened(proba, n)
    assert ((soft > 0) & (soft < 1)).all()
    assert np.allclose(soft.sum(axis=1), 1)
    after = scaled(log_ratios(proba, n), np.array([intercept]), slope)
    assert (np.diff(after[:, 1]) >= 0).all()
    apart = np.diff(p) > 1e-6
    assert (np.diff(after[:, 1])[apart] > 0).all() or slope * np.ptp(p) < 1e-4


@pytest.mark.parametrize("settings", [None, THREE], ids=["two", "three"])
@pytest.mark.parametrize("method", ["logistic", "intercept"])
def test_shares_are_right_after_weights(method, settings):
    X, y, _ = made(settings=settings)
    fitted = RecalibratedStager(weighted(), method).fit(X, y)
    share = np.array([(y == s).mean() for s in fitted.classes_])
    before, after = fitted.uncalibrated_proba(X), fitted.predict_proba(X)
    assert np.abs(before.mean(axis=0) - share).max() > 0.1
    assert np.abs(after.mean(axis=0) - share).max() < 0.03
    if settings is None:
        rare = y == "s4"
        assert roc_auc_score(rare, after[:, 1]) == roc_auc_score(rare, before[:, 1])
    assert (fitted.slope_ == 1.0) == (method == "intercept")


def test_the_map_is_learnt_from_predictions_of_patients_that_were_not_learnt_from():
    X, y, patients = made(200, settings=ImbalanceSettings(rows_per_patient=2))
    X = X.assign(patient=patients)
    shares = [(y == "s1").mean(), (y == "s4").mean()]
    fitted = RecalibratedStager(Memory("patient"), patient_column="patient").fit(X, y)
    # Out of fold the memory knows nothing, so that its certainty is taken away ...
    assert fitted.uncalibrated_proba(X).max() == 1.0
    assert fitted.predict_proba(X).mean(axis=0) == pytest.approx(shares, abs=0.15)
    # ... while folds that deal the rows of a patient apart would believe it.
    leaking = RecalibratedStager(Memory("patient")).fit(X, y)
    assert leaking.slope_ > 1.0


def test_uncalibrated_probabilities_are_those_of_the_stager_alone():
    X, y, patients = made(200)
    X = X.assign(patient=patients, scanner=np.tile(["A", "B"], 100))
    inside = LogisticStager(scanner_column="scanner")
    fitted = RecalibratedStager(inside, folds=3, patient_column="patient").fit(X, y)
    alone = clone(inside).fit(X.drop(columns="patient"), y)
    expected = alone.predict_proba(X.drop(columns="patient"))
    assert (fitted.uncalibrated_proba(X[X.columns[::-1]]) == expected).all()
    with pytest.raises(StagerInputError, match="feature names"):
        fitted.uncalibrated_proba(X.drop(columns=X.columns[0]))
    array = RecalibratedStager(folds=2).fit(X.iloc[:, :5].to_numpy(), y)
    assert array.uncalibrated_proba(X.iloc[:, :5].to_numpy()).shape == (200, 2)


def test_the_map_is_what_the_parts_say():
    X, y, _ = made(150)
    fitted = RecalibratedStager(weighted(), folds=4, random_state=2).fit(X, y)
    rows = Rows(X, y, pd.DataFrame(index=range(150)))
    apart = out_of_fold(weighted(), rows, inner_dealing(rows, None, 4, 2), fitted.classes_)
    codes = (y == "s4").astype(int)
    intercepts, slope = fit_scaling(log_ratios(apart, 150), codes, np.ones(150))
    assert fitted.intercepts_ == pytest.approx(intercepts)
    assert fitted.slope_ == pytest.approx(slope)


def test_isotonic_follows_any_rising_curve_and_refuses_few_patients():
    X, y, patients = made(800, settings=ImbalanceSettings(stages=("s1", "s2", "s4"), mix=(4, 3, 3)))
    fitted = RecalibratedStager(weighted(), "isotonic").fit(X, y)
    proba = fitted.predict_proba(X)
    assert ((proba > 0) & (proba < 1)).all()
    assert np.allclose(proba.sum(axis=1), 1)
    assert [(y == s).mean() for s in fitted.classes_] == pytest.approx(proba.mean(axis=0), abs=0.03)
    for scores, chances in zip(fitted.scores_, fitted.chances_, strict=True):
        assert (np.diff(scores) >= 0).all()
        assert (np.diff(chances) >= 0).all()
    X, y, patients = made(190)
    with pytest.raises(StagerInputError, match=r"190 patients.*'logistic'"):
        RecalibratedStager(weighted(), "isotonic").fit(X, y)
    X, y, patients = made(150, settings=ImbalanceSettings(rows_per_patient=2, mix=(1, 1)))
    with pytest.raises(StagerInputError, match="150 patients"):
        RecalibratedStager(weighted(), "isotonic", patient_column="patient").fit(
            X.assign(patient=patients), y
        )


def test_repeated_rows_of_patients_give_the_same_map():
    X, y, patients = made(120, settings=ImbalanceSettings(mix=(1, 1)))
    table = X.assign(patient=patients)
    often = pd.concat([table] * 4, ignore_index=True)
    # Four rows for one weigh four times against the penalty, so it is made four times as strong.
    maps = [
        RecalibratedStager(LogisticStager(C=c), patient_column="patient").fit(t, labels)
        for c, t, labels in ((0.04, table, y), (0.01, often, np.tile(y, 4)))
    ]
    assert maps[0].n_patients_ == maps[1].n_patients_ == 120
    # The folds are dealt anew, which moves the map a little.
    assert maps[0].slope_ == pytest.approx(maps[1].slope_, rel=0.35)
    assert maps[0].intercepts_ == pytest.approx(maps[1].intercepts_, abs=0.3)


def test_what_is_not_understood_is_refused():
    X, y, _ = made(60, settings=ImbalanceSettings(mix=(1, 1)))
    with pytest.raises(StagerInputError, match="did you mean 'logistic'"):
        RecalibratedStager(method="logistics").fit(X, y)
    with pytest.raises(StagerInputError, match="two or more"):
        RecalibratedStager(folds=1).fit(X, y)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_table_gives_the_same_model_and_it_can_be_stored(method, tmp_path):
    X, y, patients = made(240, settings=ImbalanceSettings(mix=(1, 1), effect=0.3))
    X = X.assign(patient=patients)
    make = RecalibratedStager(weighted(), method, 3, patient_column="patient")
    first, second = (clone(make).fit(X, y) for _ in range(2))
    expected = first.predict_proba(X)
    assert (second.predict_proba(X) == expected).all()
    path = tmp_path / "m.skops"
    skops.io.dump(first, path)
    unknown = skops.io.get_untrusted_types(file=path)
    assert all(t.startswith("radiofib.staging.") or t == "numpy.dtype" for t in unknown), unknown
    loaded = skops.io.load(path, trusted=unknown)
    assert (loaded.predict_proba(X) == expected).all()
    assert (loaded.uncalibrated_proba(X) == first.uncalibrated_proba(X)).all()
