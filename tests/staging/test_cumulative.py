"""Questions in order: answered one by one, made to agree, the same as the stages they ask for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.utils.estimator_checks import parametrize_with_checks

from radiofib.staging import (
    FirthStager,
    LogisticStager,
    RandomForestStager,
    StagerInputError,
    XGBoostStager,
    targets_for,
)
from radiofib.staging.boosting import OrdinalXGBoostStager
from radiofib.staging.chain import ChainStager
from radiofib.staging.cumulative import CumulativeStager, agreeing, stage_shares
from tests.staging.ordered import (
    STAGES,
    assert_awkward_tables_are_learnt,
    assert_stored_without_foreign_types,
    assert_within_limits,
    ordered_case,
)

#: Blobs of the checks are separable, which these say.
pytestmark = pytest.mark.filterwarnings("ignore::radiofib.staging.FallbackWarning")
EXPECTED = {"check_dataframe_column_names_consistency": "columns are put in order by name"}


@parametrize_with_checks(
    [CumulativeStager(LogisticStager(C=1.0))], expected_failed_checks=lambda _: EXPECTED
)
def test_scikit_learn_check(estimator, check):
    assert check(estimator) is None


@pytest.fixture(scope="module")
def case():
    found = ordered_case(1, 160)
    scanner = np.where(np.arange(160) % 3 == 0, "A", "B")
    return found.X.assign(scanner=scanner), found.y


def test_limits_on_simulated_stages():
    assert_within_limits(CumulativeStager(), calibrated=True)


def test_awkward_tables():
    assert_awkward_tables_are_learnt(CumulativeStager(RandomForestStager(5)))
    assert_awkward_tables_are_learnt(CumulativeStager(XGBoostStager(10)))


def test_stored_and_the_same_again(case):
    X, y = case
    own = {"radiofib.staging.cumulative.CumulativeStager"}
    first, again = (
        CumulativeStager(XGBoostStager(20, scanner_column="scanner")).fit(X, y) for _ in range(2)
    )
    assert (first.predict_proba(X) == again.predict_proba(X)).all()
    assert_stored_without_foreign_types(first, X, own)


@pytest.mark.parametrize(
    "inner",
    [LogisticStager(scanner_column="scanner"), XGBoostStager(40, scanner_column="scanner")],
    ids=["logistic", "xgboost"],
)
def test_targets_agree_with_stages_and_with_models_of_their_own(case, inner):
    """S4 against S1-3 and S1 against S2-4: from the stages, or each from a model of its own."""
    X, y = case
    together = CumulativeStager(inner).fit(X, y).predict_proba(X)
    own = np.column_stack(
        [inner.fit(X, (y > stage).astype(int)).predict_proba(X)[:, 1] for stage in STAGES[:-1]]
    )
    agreed = agreeing(own)
    s4, s1 = targets_for(list(STAGES))
    assert s4.score(together, list(STAGES)) == pytest.approx(agreed[:, 2], abs=1e-12)
    assert s1.score(together, list(STAGES)) == pytest.approx(1 - agreed[:, 0], abs=1e-12)
    # Where three models do not contradict each other, theirs are the very answers.
    fine = (np.diff(own, axis=1) <= 0).all(axis=1)
    assert fine.mean() > 0.5
    assert s4.score(together, list(STAGES))[fine] == pytest.approx(own[fine, 2], abs=1e-12)
    assert s1.score(together, list(STAGES))[fine] == pytest.approx(1 - own[fine, 0], abs=1e-12)
    both = s4.score(together, list(STAGES)) + s1.score(together, list(STAGES))
    assert both.max() <= 1 + 1e-12


def test_boosted_questions_are_the_ordinal_booster(case):
    X, y = case
    one = OrdinalXGBoostStager(30, scanner_column="scanner").fit(X, y).predict_proba(X)
    inner = XGBoostStager(30, scanner_column="scanner")
    assert CumulativeStager(inner).fit(X, y).predict_proba(X) == pytest.approx(one, abs=1e-12)


def test_two_stages_are_the_stager_itself(case):
    X, y = case
    two = np.where(y == "s4", "s4", "s1")
    inner = FirthStager(scanner_column="scanner")
    found = CumulativeStager(inner).fit(X, two).predict_proba(X)
    assert found == pytest.approx(inner.fit(X, two).predict_proba(X), abs=1e-12)


def test_a_stager_of_two_stages_alone_learns_four(case):
    X, y = case
    stager = CumulativeStager(ChainStager(FirthStager())).fit(X.drop(columns="scanner"), y)
    proba = stager.predict_proba(X.drop(columns="scanner"))
    assert proba.shape == (160, 4)
    assert (proba.argmax(axis=1) == np.searchsorted(STAGES, y)).mean() > 0.5


def test_context_is_handed_on(case):
    X, y = case
    stager = CumulativeStager(LogisticStager(scanner_column="scanner"), patient_column="patient")
    assert stager.context_columns == ("patient", "scanner")
    X = X.assign(patient=[f"p{i}" for i in range(len(X))])
    assert stager.fit(X, y).predict_proba(X).shape == (160, 4)
    with pytest.raises(StagerInputError, match="'scanner'"):
        stager.predict(X.drop(columns="scanner"))


def test_weights_by_stage_have_no_place_inside(case):
    X, y = case
    X = X.drop(columns="scanner")
    for inner in (
        LogisticStager(class_weight={"s4": 3.0}),
        ChainStager(LogisticStager(class_weight={"s4": 3.0})),
    ):
        with pytest.raises(StagerInputError, match=r"class_weight.*'s4'.*sample_weight"):
            CumulativeStager(inner).fit(X, y)
    for weight in ("balanced", {0: 1.0, 1: 2.0}):
        CumulativeStager(LogisticStager(class_weight=weight)).fit(X, y)


answers = hnp.arrays(np.float64, (5, 4), elements=st.floats(0, 1))


@given(answers)
def test_agreeing_answers_are_in_order_and_no_worse(beyond):
    found = agreeing(beyond)
    assert (np.diff(found, axis=1) <= 0).all()
    assert found.sum(axis=1) == pytest.approx(beyond.sum(axis=1))
    assert (agreeing(found) == found).all()
    shares = stage_shares(found)
    assert (shares >= 0).all()
    assert shares.sum(axis=1) == pytest.approx(np.ones(5))
    for stage in range(5):
        happened = (np.arange(4) < stage).astype(float)
        before, after = (((b - happened) ** 2).sum(axis=1) for b in (beyond, found))
        assert (after <= before + 1e-12).all()


@given(answers, hnp.arrays(np.float64, (5, 4), elements=st.floats(0, 1)))
def test_an_order_between_rows_survives(beyond, share):
    higher = beyond + share * (1 - beyond)
    assert (agreeing(higher) >= agreeing(beyond)).all()


def test_labels_may_have_any_order_of_rows():
    X = pd.DataFrame({"t1_f": np.arange(12.0)})
    y = np.repeat(["b", "a", "c"], 4)
    stager = CumulativeStager(LogisticStager(C=1.0)).fit(X, y)
    assert stager.classes_.tolist() == ["a", "b", "c"]
    assert len(stager.stagers_) == 2
