"""Explainable boosting: the same as interpret's own answers, kept without its objects."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from radiofib.errors import MissingExtraError
from radiofib.staging import StagerInputError
from radiofib.staging.additive import ExplainableBoostingStager, additive_margins
from tests.staging.ordered import (
    assert_awkward_tables_are_learnt,
    assert_stored_without_foreign_types,
    assert_within_limits,
    ordered_case,
)

pytest.importorskip("interpret")
SMALL = {"outer_bags": 2, "max_rounds": 40}
EXPECTED = {
    "check_dataframe_column_names_consistency": "columns are put in order by name",
    "check_sample_weight_equivalence_on_dense_data": "rows to stop by are drawn at random: a row "
    "of weight 2 is not drawn as two rows are",
}


@parametrize_with_checks(
    [ExplainableBoostingStager(1, max_rounds=60, learning_rate=0.1)],
    expected_failed_checks=lambda _: EXPECTED,
)
def test_scikit_learn_check(estimator, check):
    assert check(estimator) is None


@pytest.fixture(scope="module")
def case():
    found = ordered_case(3, 150, missing=0.1)
    # Few different values, so that some are equal to a cut.
    X = found.X.round(1)
    X["t1_same"], X["t1_empty"] = 3.0, np.nan
    return X.assign(scanner=np.where(np.arange(150) % 3 == 0, "A", "B")), found.y


def test_limits_on_simulated_stages():
    assert_within_limits(ExplainableBoostingStager(4), calibrated=True)


def test_awkward_tables():
    stager = ExplainableBoostingStager(1, interactions=2, max_bins=16, max_rounds=20)
    assert_awkward_tables_are_learnt(stager)


@pytest.mark.parametrize("interactions", [0, 3])
@pytest.mark.parametrize("stages", [2, 4])
def test_answers_are_those_of_interpret(case, interactions, stages):
    X, y = case
    numbers = X.drop(columns="scanner")
    codes = np.searchsorted(["s1", "s2", "s3", "s4"], y)
    codes = (codes > 1).astype(np.intp) if stages == 2 else codes
    stager = ExplainableBoostingStager(interactions=interactions, max_bins=16, **SMALL)
    matrix = numbers.to_numpy()
    stager.fit(matrix, codes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = stager._boosted(matrix, codes, None)
        far = np.vstack([matrix, 5 * matrix, np.full((1, matrix.shape[1]), np.nan)])
        at_cuts = np.tile(np.nanmedian(matrix[:, :12], axis=0), (20, 1))
        for column in range(12):
            at_cuts[:, column] = np.resize(stager.cuts_[column][0], 20)
        far = np.vstack([far, np.hstack([at_cuts, np.full((20, 2), 3.0)])])
        due = theirs.predict_proba(far)
    assert stager.predict_proba(far) == pytest.approx(due, abs=1e-12)
    assert max(term.size for term in stager.terms_) == (2 if interactions else 1)


def test_kept_as_arrays_and_the_same_again(case):
    X, y = case
    first, again = (
        ExplainableBoostingStager(scanner_column="scanner", **SMALL).fit(X, y) for _ in range(2)
    )
    assert (first.predict_proba(X) == again.predict_proba(X)).all()
    own = {"radiofib.staging.additive.ExplainableBoostingStager"}
    assert_stored_without_foreign_types(first, X, own)
    # 14 features, then two flags.
    assert sorted(int(term[0]) for term in first.terms_) == list(range(16))
    for cuts, values in zip(first.cuts_, first.scores_, strict=True):
        assert values.shape == (len(cuts[0]) + 2, 4)


def test_one_thread(case, monkeypatch):
    import interpret.glassbox as glassbox

    asked = {}
    real = glassbox.ExplainableBoostingClassifier

    def noted(**settings):
        asked.update(settings)
        return real(**settings)

    monkeypatch.setattr(glassbox, "ExplainableBoostingClassifier", noted)
    X, y = case
    ExplainableBoostingStager(scanner_column="scanner", **SMALL).fit(X, y)
    assert asked["n_jobs"] == 1
    assert asked["feature_types"] == ["continuous"] * 16


def test_weights_move_probabilities(case):
    X, y = case
    X = X.drop(columns="scanner")
    plain = ExplainableBoostingStager(**SMALL).fit(X, y).predict_proba(X)[:, -1].mean()
    for weighed in (
        ExplainableBoostingStager(class_weight={"s4": 9.0}, **SMALL).fit(X, y),
        ExplainableBoostingStager(**SMALL).fit(X, y, np.where(y == "s4", 9.0, 1.0)),
    ):
        assert weighed.predict_proba(X)[:, -1].mean() > plain + 0.1


def test_without_the_extra_it_says_how_to_install_it_and_still_predicts(case, monkeypatch):
    X, y = case
    learnt = ExplainableBoostingStager(scanner_column="scanner", **SMALL).fit(X, y)
    monkeypatch.setitem(sys.modules, "interpret", None)
    monkeypatch.setitem(sys.modules, "interpret.glassbox", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'radiofib\[models\]'"):
        ExplainableBoostingStager(scanner_column="scanner").fit(X, y)
    assert learnt.predict_proba(X).shape == (150, 4)


def test_a_missing_value_is_a_step_of_its_own():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 1))
    y = np.where(np.arange(200) % 4 == 0, "s4", "s1")
    x[y == "s4"] = np.where(rng.random((50, 1)) < 0.8, np.nan, x[y == "s4"])
    stager = ExplainableBoostingStager(2).fit(x, y)
    proba = stager.predict_proba([[np.nan], [0.0]])
    assert proba[0, 1] > 0.8 > 0.3 > proba[1, 1]


def test_margins_of_pairs_and_of_several_stages():
    term, cuts = np.array([1, 0]), [np.array([0.0]), np.array([])]
    values = np.arange(3 * 2 * 2.0).reshape(3, 2, 2)
    found = additive_margins(
        np.array([[7.0, -1.0], [np.nan, 0.0]]), [term], [cuts], [values], np.array([10.0, 20.0])
    )
    assert found.tolist() == [[16.0, 27.0], [18.0, 29.0]]


def test_interactions_are_not_negative(case):
    X, y = case
    with pytest.raises(StagerInputError, match="interactions"):
        ExplainableBoostingStager(interactions=-1, scanner_column="scanner").fit(X, y)
