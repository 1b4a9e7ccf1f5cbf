"""Shuffled labels reach nothing, and repeating rows gains nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofib.evaluation import cross_validate, evaluate
from radiofib.staging import make_stager
from radiofib.table import FeatureTable
from tests.evaluation.conftest import make_table

STAGERS = {
    "logistic": {},
    "random_forest": {"n_estimators": 40},
    "xgboost": {"n_estimators": 20},
}


def _auc(table, name, **params):
    predictions, failures = cross_validate(
        table, make_stager(name, **params), folds=4, random_state=0
    )
    assert not failures
    return predictions


def _measure(predictions, levels=("s1", "s4"), n_boot=400):
    metrics = evaluate(predictions, levels=levels, n_boot=n_boot).metrics
    return metrics.set_index(["unit", "metric"])


def _repeat(table, times):
    rows = np.tile(np.arange(table.n_rows), times)
    ten = table.subset(rows)
    instance = [f"{i}-{k}" for k, i in enumerate(ten.obs.get("instance", ten.obs["case"]))]
    obs = ten.obs.assign(instance=instance)
    return FeatureTable(ten.X, obs)


def test_ten_times_the_rows_are_the_same_model_and_the_same_interval():
    table = make_table(n_patients=60, rows=1, effect=1.0, levels=("s1", "s4"))
    # Ten rows for one weigh ten times against the penalty, so it is made ten times as strong.
    once = _measure(_auc(table, "logistic", C=0.01))
    often = _measure(_auc(_repeat(table, 10), "logistic", C=0.001))
    columns = ["estimate", "ci_low", "ci_high"]
    for unit, n in (("patient", 60), ("row", 600)):
        found = often.loc[(unit, "auc"), [*columns, "n", "n_patients"]].astype(float).tolist()
        assert found[3:] == [n, 60]
        wanted = once.loc[(unit, "auc"), columns].astype(float).tolist()
        assert found[:3] == pytest.approx(wanted, abs=1e-6)


def test_ten_times_the_rows_are_no_gain():
    gains = []
    for seed in range(4):
        table = make_table(n_patients=60, rows=1, effect=1.5, seed=seed, levels=("s1", "s4"))
        once, often = (
            _measure(_auc(t, "xgboost", n_estimators=20), n_boot=200)
            for t in (table, _repeat(table, 10))
        )
        same = ("patient", "auc")
        gains.append(float(often.loc[same, "estimate"] - once.loc[same, "estimate"]))
        wide = [float(m.loc[same, "ci_high"] - m.loc[same, "ci_low"]) for m in (once, often)]
        assert wide[1] > 0.6 * wide[0]
    assert np.mean(gains) < 2 * np.std(gains, ddof=1) / np.sqrt(len(gains)) + 0.02


def test_ten_copies_of_the_predictions_leave_estimate_and_interval_as_they_are():
    table = make_table(n_patients=40, rows=2, effect=0.5, levels=("s1", "s4"))
    predictions = _auc(table, "logistic")
    ten = pd.concat([predictions] * 10, ignore_index=True)
    ten["instance"] = [f"{i}-{k}" for k, i in enumerate(ten["instance"])]
    once, often = _measure(predictions), _measure(ten)
    columns = ["estimate", "ci_low", "ci_high"]
    for unit in ("row", "patient"):
        found = often.loc[(unit, "auc"), columns].astype(float)
        assert found.tolist() == pytest.approx(once.loc[(unit, "auc"), columns].tolist(), abs=1e-9)


def _shuffled(seed, name, params, rows=2):
    """Return the fold-averaged AUC after shuffling stages between patients."""
    table = make_table(n_patients=60, rows=rows, effect=2.0, seed=seed, levels=("s1", "s4"))
    rng = np.random.default_rng(seed)
    stage = table.obs.drop_duplicates("patient").set_index("patient")["stage"]
    mixed = dict(zip(stage.index, rng.permutation(stage.astype(str)), strict=True))
    obs = table.obs.assign(
        stage=pd.Categorical(table.obs["patient"].map(mixed), ["s1", "s4"], ordered=True)
    )
    found = _measure(_auc(FeatureTable(table.X, obs), name, **params), n_boot=0)
    return float(found.loc[("patient", "auc"), "estimate"])


def _bounds(n=60, folds=4, seed=0):
    """Simulate the fold-averaged AUC of scores that know nothing: limits for fifty tests at once.

    Dependence between folds widens the null; the factor was simulated with a linear learner
    (see the audit's shuffles) and is rounded up.
    """
    rng = np.random.default_rng(seed)
    size = n // folds
    each = np.empty(4000)
    for b in range(4000):
        right = pairs = 0.0
        for _ in range(folds):
            y = rng.permutation(np.arange(size) % 2)
            s = rng.normal(size=size)
            right += (s[y == 1][:, None] > s[y == 0]).sum()
            pairs += y.sum() * (size - y.sum())
        each[b] = right / pairs
    spread = 1.5 * each.std()
    return 0.5 - 4 * spread, 0.5 + 4 * spread


@pytest.mark.proof
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", STAGERS)
def test_labels_shuffled_fifty_times_reach_nothing(name):
    low, high = _bounds()
    found = np.array([_shuffled(seed, name, STAGERS[name]) for seed in range(50)])
    assert low < found.min()
    assert found.max() < high
    assert abs(found.mean() - 0.5) < 3 * found.std(ddof=1) / np.sqrt(50) + 0.01
