"""scikit-learn's own checks of the stagers: a check raises AssertionError when it fails."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from radiofib.staging import (
    ContinuationRatioStager,
    ElasticNetStager,
    FirthStager,
    LogisticStager,
    ProportionalOddsStager,
    RandomForestStager,
    ScannerFlags,
    XGBoostStager,
)

ALIGNED = (
    "columns in another order are put in order by name instead of being refused; missing and "
    "unknown columns are refused (tested in test_stagers.py)"
)
STAGERS = [
    RandomForestStager(n_estimators=20),
    XGBoostStager(n_estimators=20),
    LogisticStager(),
    ProportionalOddsStager(),
    ContinuationRatioStager(),
    ElasticNetStager(),
    FirthStager(),
]
ESTIMATORS = [*STAGERS, ScannerFlags()]
EXPECTED = {
    type(stager).__name__: {"check_dataframe_column_names_consistency": ALIGNED}
    for stager in STAGERS
}
UNORDERED = (
    "three classes that lie in no order, which one direction cannot part; three ordered ones are "
    "learnt (tested in test_ordinal_stagers.py)"
)
for kind in ("ProportionalOddsStager", "ContinuationRatioStager", "ElasticNetStager"):
    EXPECTED[kind]["check_classifiers_train"] = UNORDERED
SAMPLED = "trees draw rows or cut points at random: a row of weight 2 is not drawn as two rows are"
for kind in ("RandomForestStager", "XGBoostStager"):
    EXPECTED[kind]["check_sample_weight_equivalence_on_dense_data"] = SAMPLED
#: Blobs of the checks are separable, which these say.
pytestmark = pytest.mark.filterwarnings("ignore::radiofib.staging.FallbackWarning")


@parametrize_with_checks(
    ESTIMATORS, expected_failed_checks=lambda e: EXPECTED.get(type(e).__name__, {})
)
def test_scikit_learn_check(estimator, check):
    assert check(estimator) is None  # it raises where it fails


class Overwriting(LogisticStager):
    """Learning changes a parameter."""

    def fit(self, X, y):
        self.C = 2 * self.C
        return super().fit(X, y)


class Unlearnt(LogisticStager):
    """Answers before it has learnt anything."""

    def predict_proba(self, X):
        return super().predict_proba(X) if hasattr(self, "classes_") else np.full((len(X), 2), 0.5)

    def predict(self, X):
        return self.predict_proba(X).argmax(axis=1)


class Ordered(LogisticStager):
    """What it says of a row depends on where the row stands."""

    def predict_proba(self, X):
        found = super().predict_proba(X)
        found[::2] = found[::2, ::-1]
        return found


def checks_of(estimator):
    return {
        getattr(check, "func", check).__name__: check
        for _, check in estimator_checks_generator(estimator)
    }


@pytest.mark.parametrize(
    ("broken", "name"),
    [
        (Overwriting, "check_estimators_overwrite_params"),
        (Unlearnt, "check_estimators_unfitted"),
        (Ordered, "check_methods_sample_order_invariance"),
    ],
)
def test_a_broken_stager_fails_the_check(broken, name):
    checks_of(LogisticStager())[name](LogisticStager())
    with pytest.raises(AssertionError):
        checks_of(broken())[name](broken())


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_checks_are_many(estimator):
    fewest = 35 if isinstance(estimator, ScannerFlags) else 45
    assert len(checks_of(estimator)) >= fewest
