"""Weights by the certainty of a quick stager."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from radiofib.staging import ChainStager, LogisticStager, Rows, StagerInputError
from radiofib.staging.curriculum import (
    MEASURES,
    UncertaintyWeights,
    curriculum_weights,
    uncertainty,
)
from tests.staging.leaks import Memory


def made(n=120, flipped=0, seed=0):
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % 3
    X = pd.DataFrame(rng.normal(size=(n, 3)) + 1.5 * codes[:, None], columns=list("abc"))
    y = np.array(["s1", "s2", "s4"])[codes]
    y[:flipped] = np.where(y[:flipped] == "s1", "s4", "s1")
    context = pd.DataFrame(
        {
            "patient": [f"p{i // 6}-{c}" for i, c in enumerate(codes)],
            "scanner": ["A", "B"] * (n // 2),
        }
    )
    return Rows(X, y, context)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 2), st.floats(0.1, 5)), min_size=1),
    st.floats(0, 20),
)
def test_stages_keep_their_weight_and_no_row_is_dropped(found, strength):
    doubt, codes, before = (np.array(v) for v in zip(*found, strict=True))
    after = curriculum_weights(doubt, codes, strength, before)
    assert (after > 0).all()
    for stage in set(codes.tolist()):
        assert after[codes == stage].sum() == pytest.approx(before[codes == stage].sum())
        inside = codes == stage
        order = np.argsort(doubt[inside], kind="stable")
        relative = (after / before)[inside][order]
        assert (np.diff(relative) <= 1e-12 * relative.max()).all()


def test_the_strength_is_the_log_ratio_of_the_most_and_the_least_certain():
    found = curriculum_weights(np.array([0.0, 0.5, 1.0]), np.zeros(3, dtype=int), 2.0)
    assert found.mean() == pytest.approx(1)
    assert np.log(found / found[0]) == pytest.approx([0, -1, -2])
    same = curriculum_weights(np.array([0.0, 1.0]), np.array([0, 0]), 0.0, np.array([1.0, 3.0]))
    assert same.tolist() == [1.0, 3.0]


@given(st.integers(2, 5), st.integers(0, 10))
def test_uncertainty_lies_between_0_and_1(k, seed):
    proba = np.random.default_rng(seed).dirichlet(np.ones(k) * 0.3, 20)
    found = uncertainty(proba)
    assert ((found >= 0) & (found <= 1)).all()
    assert uncertainty(np.full((1, k), 1 / k)) == pytest.approx([1.0])
    assert uncertainty(np.eye(k)) == pytest.approx(np.zeros(k))
    codes = proba.argmax(axis=1)
    assert uncertainty(proba, codes) == pytest.approx(1 - proba.max(axis=1))


def test_wrong_labels_weigh_less_by_true_class_than_right_ones():
    rows = made(flipped=12)
    quick = LogisticStager(C=1.0)
    found = UncertaintyWeights(quick, "true_class", strength=3.0).train_rows(rows).weight
    for stage in ("s1", "s4"):
        inside = rows.y == stage
        wrong = inside & (np.arange(120) < 12)
        assert found[wrong].mean() < 0.6 * found[inside & ~wrong].mean()
    plain = UncertaintyWeights(quick).train_rows(rows)
    assert plain.weight.mean() == pytest.approx(1)
    assert plain.weight.min() > 0.3
    assert plain.X is rows.X
    # Between two stages a row is less certain than in a corner.
    middle = UncertaintyWeights(quick, strength=3.0).train_rows(made()).weight
    rows = made()
    low = rows.y == "s1"
    far = rows.X.mean(axis=1).to_numpy() < -0.3
    assert middle[low & far].mean() > 1.2 * middle[low & ~far].mean()


def test_a_patient_is_predicted_by_a_stager_that_did_not_see_them():
    rows = made()
    # Predictions of unknown patients are even: nothing to weigh by.
    apart = UncertaintyWeights(Memory("patient"), "true_class", patient_column="patient")
    assert apart.context_columns == ("patient",)
    assert apart.train_rows(rows).weight == pytest.approx(np.ones(120))
    rows = made(flipped=12)
    leaking = UncertaintyWeights(Memory("patient"), "true_class").train_rows(rows)
    assert np.ptp(leaking.weight) > 0.1


def test_it_works_in_a_chain_and_starts_from_the_weights_there_are():
    rows = made(flipped=12)
    step = UncertaintyWeights(
        LogisticStager(C=1.0, scanner_column="scanner"),
        "true_class",
        strength=3.0,
        patient_column="patient",
    )
    assert step.context_columns == ("patient", "scanner")
    assert clone(step).get_params(deep=False).keys() == step.get_params(deep=False).keys()
    chain = ChainStager(LogisticStager(C=1.0), [step])
    X = pd.concat([rows.X, rows.context], axis=1)
    first, second = (clone(chain).fit(X, rows.y).predict_proba(X) for _ in range(2))
    assert (first == second).all()
    plain = ChainStager(LogisticStager(C=1.0)).fit(rows.X, rows.y).predict_proba(rows.X)
    assert np.abs(first - plain).max() > 0.01
    heavy = Rows(rows.X, rows.y, rows.context, np.where(rows.y == "s4", 2.0, 1.0))
    found = step.train_rows(heavy).weight
    assert found[rows.y == "s4"].mean() == pytest.approx(2.0)


def test_what_is_not_understood_is_refused():
    rows = made()
    with pytest.raises(StagerInputError, match="did you mean 'entropy'"):
        UncertaintyWeights(measure="entropie").train_rows(rows)
    with pytest.raises(StagerInputError, match="between 0 and 20"):
        UncertaintyWeights(strength=-1.0).train_rows(rows)
    with pytest.raises(StagerInputError, match="two or more"):
        UncertaintyWeights(folds=1).train_rows(rows)
    with pytest.raises(StagerInputError, match="one training patient"):
        UncertaintyWeights().train_rows(Rows(rows.X, np.r_[["s0"], rows.y[1:]], rows.context))
    assert set(MEASURES) == {"entropy", "true_class"}
