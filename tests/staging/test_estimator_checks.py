"""scikit-learn's own checks of the stagers."""

from __future__ import annotations

from sklearn.utils.estimator_checks import parametrize_with_checks

from radiofib.staging import LogisticStager, RandomForestStager, ScannerFlags, XGBoostStager

ALIGNED = (
    "columns in another order are put in order by name instead of being refused; missing and "
    "unknown columns are refused (tested in test_inputs.py)"
)
EXPECTED = {
    kind: {"check_dataframe_column_names_consistency": ALIGNED}
    for kind in ("RandomForestStager", "XGBoostStager", "LogisticStager")
}


@parametrize_with_checks(
    [
        RandomForestStager(n_estimators=20),
        XGBoostStager(n_estimators=20),
        LogisticStager(),
        ScannerFlags(),
    ],
    expected_failed_checks=lambda e: EXPECTED.get(type(e).__name__, {}),
)
def test_scikit_learn_check(estimator, check):
    check(estimator)
