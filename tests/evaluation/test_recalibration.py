"""Calibration before and after a correction, on rows that were not learnt from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofib.errors import UsageError
from radiofib.evaluation import cross_validate, predict_table
from radiofib.evaluation.recalibration import (
    CALIBRATION_METRICS,
    calibration_before_after,
    cross_validate_both,
    predict_both,
)
from radiofib.simulate.imbalanced import ImbalanceSettings, simulate_imbalanced
from radiofib.staging import ChainStager, LogisticStager, RandomForestStager
from radiofib.staging.imbalance import BagStager, ClassWeights, SmoteRows
from radiofib.staging.recalibrate import RecalibratedStager
from radiofib.stats import calibration
from radiofib.table import FeatureTable
from tests.evaluation import recalibration_claims as claims

LEVELS = ("s1", "s4")


def stager(learner, balance):
    """Return a recalibrated stager that knows the patients."""
    base = {
        "logistic": LogisticStager(C=0.1),
        "forest": RandomForestStager(100, min_samples_leaf=5),
    }[learner]
    inside = {
        "weights": ChainStager(base, [ClassWeights()]),
        "smote": ChainStager(base, [SmoteRows()]),
        "bags": BagStager(base, 5),
    }[balance]
    return RecalibratedStager(inside, folds=claims.INNER, patient_column="patient")


def measure(seed, learner, balance, settings, n_patients=claims.PATIENTS):
    """Return estimates and interval ends of one cohort, by model and metric."""
    table = simulate_imbalanced(n_patients, seed=seed, settings=settings).table
    predictions, failures = cross_validate_both(
        table, stager(learner, balance), folds=claims.OUTER, random_state=seed, model_name="m"
    )
    assert not failures
    found = calibration_before_after(predictions, levels=LEVELS, n_boot=0)
    return found[found["unit"] == "row"].set_index(["model", "metric"])


def summary(found):
    """Return what is claimed, of the measures of several cohorts."""
    large = "calibration_in_the_large"
    before = pd.DataFrame([f.loc[("m (uncalibrated)", large)] for f in found])
    off = before["estimate"].abs() > claims.OFF_BEFORE
    off &= (before["ci_low"] > 0) | (before["ci_high"] < 0)
    after = np.array([f.loc[("m", large), "estimate"] for f in found])
    brier = np.array([[f.loc[(m, "brier"), "estimate"] for m in ("m (uncalibrated)", "m")]
                      for f in found])  # fmt: skip
    slope = np.array([f.loc[("m", "calibration_slope"), "estimate"] for f in found])
    return {
        "before": float(before["estimate"].mean()),
        "off": int(off.sum()),
        "after": float(after.mean()),
        "worst": float(np.abs(after).max()),
        "within": int((np.abs(after) <= claims.WITHIN).sum()),
        "brier": brier.mean(axis=0).tolist(),
        "brier_falls": int((brier[:, 1] < brier[:, 0]).sum()),
        "slope": float(np.median(slope)),
    }


@pytest.mark.parametrize("balance", ["weights", "smote"])
def test_weights_and_synthetic_rows_are_off_before_and_right_after(balance):
    found = measure(0, "logistic", balance, claims.COHORT)
    assert {m for m, _ in found.index} == {"m (uncalibrated)", "m"}
    assert sorted(m for _, m in found.index) == sorted([*CALIBRATION_METRICS] * 2)
    result = summary([found])
    assert result["off"] == 1
    assert result["within"] == 1
    assert result["brier_falls"] == 1


@pytest.mark.proof
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("learner", ["logistic", "forest"])
@pytest.mark.parametrize("balance", ["weights", "smote"])
def test_twenty_cohorts_are_off_before_and_right_after(learner, balance):
    result = summary([measure(s, learner, balance, claims.COHORT) for s in claims.SEEDS])
    assert result["off"] == len(claims.SEEDS), result
    assert result["within"] >= claims.LEAST_SEEDS, result
    assert result["brier_falls"] >= claims.LEAST_SEEDS, result
    assert claims.SLOPE[0] < result["slope"] < claims.SLOPE[1], result


@pytest.mark.proof
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("settings", [claims.NO_EFFECT, claims.OTHER], ids=["none", "other"])
@pytest.mark.parametrize("balance", ["weights", "smote"])
def test_cohorts_of_someone_else_are_off_before_and_right_after(balance, settings):
    result = summary([measure(s, "logistic", balance, settings) for s in claims.SEEDS])
    assert result["off"] == len(claims.SEEDS), result
    assert result["within"] >= claims.LEAST_SEEDS, result


def new_patients(seed, learner, balance):
    """Return calibration-in-the-large on patients of another draw, before and after."""
    cohort = simulate_imbalanced(claims.PATIENTS, seed=seed).table
    fresh = simulate_imbalanced(claims.NEW_PATIENTS, seed=1000 + seed).table
    fitted = stager(learner, balance)
    X = cohort.X.assign(patient=cohort.obs["patient"].to_numpy())
    fitted.fit(X, cohort.obs["stage"].astype(str).to_numpy())
    both = predict_both(fitted, fresh, levels=LEVELS)
    return [
        calibration((rows["y_true"] == "s4").to_numpy(), rows["p_s4"], clip=1e-6).in_the_large
        for _, rows in both.groupby("model", sort=False)
    ]


@pytest.mark.proof
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("learner", ["logistic", "forest"])
@pytest.mark.parametrize("balance", ["weights", "smote"])
def test_new_patients_are_right_on_average(learner, balance):
    found = np.array([new_patients(seed, learner, balance) for seed in claims.SEEDS])
    before, after = found.mean(axis=0)
    assert abs(before) > claims.OFF_BEFORE
    assert abs(after) <= claims.WITHIN, (after, found[:, 1].std(ddof=1))


def test_both_predictions_are_of_one_model():
    table = simulate_imbalanced(120, seed=1, settings=ImbalanceSettings(mix=(0.7, 0.3))).table
    obs = table.obs.assign(scanner=np.tile(["A", "B", "C"], 40))
    obs["stage"] = obs["stage"].astype(object)
    obs.loc[3, "stage"] = None
    table = FeatureTable(table.X, obs)
    inside = LogisticStager(class_weight="balanced", scanner_column="scanner")
    make = RecalibratedStager(inside, folds=3, patient_column="patient", scanner_column="scanner")
    both, failures = cross_validate_both(table, make, setting="loso", model_name="m")
    assert len(failures) == 1
    before, after = both.iloc[:119], both.iloc[119:].reset_index(drop=True)
    assert set(before["model"]) == {"m (uncalibrated)"}
    expected, _ = cross_validate(table, make, setting="loso", model_name="m")
    pd.testing.assert_frame_equal(after, expected)
    plain, _ = cross_validate(table, inside, setting="loso", model_name="m (uncalibrated)")
    pd.testing.assert_frame_equal(before, plain)


def test_a_trained_model_is_shown_before_and_after_on_new_rows():
    table = simulate_imbalanced(200, seed=2).table
    X = table.X.assign(patient=table.obs["patient"].to_numpy())
    fitted = stager("logistic", "weights").fit(X, table.obs["stage"].astype(str).to_numpy())
    fresh = simulate_imbalanced(60, seed=3).table
    both = predict_both(fitted, fresh, levels=LEVELS, model_name="m")
    assert both["model"].tolist() == ["m (uncalibrated)"] * 60 + ["m"] * 60
    expected = predict_table(fitted, fresh, levels=LEVELS, model_name="m")
    pd.testing.assert_frame_equal(both.iloc[60:].reset_index(drop=True), expected)
    assert both["p_s4"].iloc[:60].mean() > 2 * both["p_s4"].iloc[60:].mean()


def test_intervals_count_patients():
    law = ImbalanceSettings(mix=(0.7, 0.3))
    table = simulate_imbalanced(150, seed=1, settings=law).table
    both, _ = cross_validate_both(table, stager("logistic", "weights"), folds=3)
    four = pd.concat([both.assign(instance=f"i{k}") for k in range(4)], ignore_index=True)
    once, often = (calibration_before_after(p, levels=LEVELS, n_boot=100) for p in (both, four))
    assert once["model"].tolist() == ["model (uncalibrated)"] * 6 + ["model"] * 6
    assert sorted(set(once["metric"])) == sorted(CALIBRATION_METRICS)
    columns = ["estimate", "ci_low", "ci_high"]
    assert often[columns].to_numpy() == pytest.approx(once[columns].to_numpy(), abs=1e-9)
    assert (once["ci_low"] < once["estimate"]).all()


def test_a_stager_without_a_correction_is_refused():
    table = simulate_imbalanced(60, seed=2).table
    with pytest.raises(UsageError, match="put it into a RecalibratedStager"):
        cross_validate_both(table, LogisticStager())
    plain, _ = cross_validate(table, LogisticStager(), folds=2)
    with pytest.raises(UsageError, match=r"'<name> \(uncalibrated\)'"):
        calibration_before_after(plain, levels=LEVELS)
