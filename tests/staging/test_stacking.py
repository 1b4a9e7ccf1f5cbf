"""Stacked and voting stagers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from radiofib.staging import (
    ChainStager,
    LogisticStager,
    ProportionalOddsStager,
    RandomForestStager,
    StagerInputError,
)
from radiofib.staging.rows import inner_folds
from radiofib.staging.stacking import StackingStager, VotingStager
from tests.staging.leaks import Memory

EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": "inner folds are dealt by row",
    "check_dataframe_column_names_consistency": "columns are put in order by name",
}


@parametrize_with_checks(
    [StackingStager([LogisticStager()], folds=2), VotingStager(LogisticStager(), 2)],
    expected_failed_checks=lambda _: EXPECTED,
)
def test_scikit_learn_check(estimator, check):
    assert check(estimator) is None


@pytest.fixture
def staged():
    rng = np.random.default_rng(0)
    codes = np.arange(120) % 3
    X = pd.DataFrame(rng.normal(size=(120, 4)), columns=list("abcd"))
    X["a"] += codes
    X["scanner"] = np.tile(["A", "B"], 60)
    X["patient"] = [f"p{i // 6}-{c}" for i, c in enumerate(codes)]
    return X, np.array(["s1", "s2", "s4"])[codes]


def test_the_final_stager_sees_log_odds_of_members_that_did_not_see_the_patient(staged):
    X, y = staged
    X = X.drop(columns="scanner")
    stack = StackingStager([Memory("patient")], folds=4, patient_column="patient").fit(X, y)
    # A member that knows its patients by heart says nothing of others: even odds, no slope.
    assert np.abs(stack.final_.regression_.coef_).max() < 1e-6
    assert np.allclose(stack.predict_proba(X), 1 / 3, atol=1e-6)
    # Dealt by row, the same rows would give the stage away.
    leaking = StackingStager([Memory("patient")], folds=4).fit(X, y)
    assert (leaking.predict(X) == y).all()


def test_a_good_member_beside_a_useless_one_is_kept(staged):
    X, y = staged
    good = LogisticStager(C=1.0, scanner_column="scanner")
    X = X.drop(columns="patient")
    alone = clone(good).fit(X, y)
    stack = StackingStager([good, Memory("scanner")], folds=5).fit(X, y)
    assert stack.context_columns == ("scanner",)
    assert stack.final_.feature_names_in_.tolist() == [
        *("stager1_s2", "stager1_s4", "stager2_s2", "stager2_s4"),
    ]
    assert (stack.predict(X) == y).mean() > (alone.predict(X) == y).mean() - 0.05
    own = np.abs(stack.final_.regression_.coef_)
    assert own[:, :2].max() > 2 * own[:, 2:].max()


def test_a_final_stager_that_is_given_is_used(staged):
    X, y = staged
    X = X[list("abcd")]
    stack = StackingStager([LogisticStager()], ProportionalOddsStager(ridge=1.0)).fit(X, y)
    assert isinstance(stack.final_, ProportionalOddsStager)
    assert np.allclose(stack.predict_proba(X).sum(axis=1), 1)


def test_a_voting_stager_is_the_mean_of_models_without_a_fold_each(staged):
    X, y = staged
    vote = VotingStager(
        LogisticStager(scanner_column="scanner"), 4, patient_column="patient", random_state=3
    ).fit(X, y)
    names = X["patient"].to_numpy(dtype=str)
    inside = X.drop(columns="patient")
    each = [
        LogisticStager(scanner_column="scanner").fit(inside.iloc[train], y[train])
        for train, _ in inner_folds(y, names, 4, 3)
    ]
    mean = np.mean([m.predict_proba(inside) for m in each], axis=0)
    assert np.abs(vote.predict_proba(X) - mean).max() < 1e-12
    assert len(vote.stagers_) == 4


def test_several_stagers_vote_once_or_in_every_fold(staged):
    X, y = staged
    X = X[list("abcd")]
    members = [LogisticStager(), LogisticStager(C=1.0)]
    once = VotingStager(stagers=members, folds=None).fit(X, y)
    mean = np.mean([clone(m).fit(X, y).predict_proba(X) for m in members], axis=0)
    assert np.abs(once.predict_proba(X) - mean).max() < 1e-12
    assert len(VotingStager(stagers=members, folds=3).fit(X, y).stagers_) == 6
    assert len(VotingStager(members[0], None, stagers=members).fit(X, y).stagers_) == 3


@pytest.mark.parametrize("kind", [StackingStager, VotingStager])
def test_weights_reach_the_members(kind, staged):
    X, y = staged
    X = X[list("abcd")]
    heavy = kind(folds=3, **({"stagers": [LogisticStager()]}))
    plain = clone(heavy).fit(X, y).predict_proba(X)[:, 2].mean()
    weighed = heavy.fit(X, y, sample_weight=np.where(y == "s4", 5.0, 1.0))
    assert weighed.predict_proba(X)[:, 2].mean() > plain + 0.1


@pytest.mark.parametrize("kind", [StackingStager, VotingStager])
def test_what_cannot_be_folded_is_refused(kind, staged):
    X, y = staged
    X = X[list("abcd")]
    with pytest.raises(StagerInputError, match="two or more"):
        kind(folds=1).fit(X, y)
    with pytest.raises(StagerInputError, match="one training patient"):
        kind(folds=3).fit(X, np.where(np.arange(120) == 0, "s0", y))


@pytest.mark.parametrize("kind", [StackingStager, VotingStager])
def test_the_same_table_gives_the_same_model_and_it_can_be_stored(kind, staged, tmp_path):
    X, y = staged
    members = [
        ChainStager(LogisticStager(scanner_column="scanner")),
        RandomForestStager(n_estimators=5),
    ]
    make = kind(stagers=members, folds=2, patient_column="patient", scanner_column="scanner")
    first, second = (clone(make).fit(X, y) for _ in range(2))
    expected = first.predict_proba(X)
    assert (expected == second.predict_proba(X[X.columns[::-1]])).all()
    assert first.known_scanners == {"A", "B"}
    path = tmp_path / "m.skops"
    skops.io.dump(first, path)
    unknown = skops.io.get_untrusted_types(file=path)
    assert all(t.startswith("radiofib.staging.") or t in BUILT_IN for t in unknown), unknown
    assert (skops.io.load(path, trusted=unknown).predict_proba(X) == expected).all()


#: Types of a forest, which the project trusts in model files.
BUILT_IN = ("numpy.dtype", "sklearn.tree._tree.Tree")
