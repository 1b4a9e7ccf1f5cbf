"""What knowing the scanner is worth on a scanner that was not seen, and where it is nothing."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t
from sklearn.metrics import roc_auc_score

from radiofib.evaluation import cross_validate
from radiofib.simulate.cohorts import simulate_table
from radiofib.simulate.confounded import SCANNER_COHORTS
from radiofib.staging.chain import ChainStager
from radiofib.staging.context import ContextFlags
from radiofib.staging.harmonise import ComBatHarmoniser, ScannerScaler
from radiofib.staging.stagers import LogisticStager, RandomForestStager

CLAIMS = Path(__file__).parent.parent / "reference" / "scanner_aware_claims.csv"
LEARNERS = {
    "logistic": LogisticStager(),
    "random_forest": RandomForestStager(n_estimators=100),
}
#: setting -> steps; "blind" is given no scanner.
SETTINGS = {
    "blind": (),
    "flags": (ContextFlags(("scanner",)),),
    "combat_pass": (ComBatHarmoniser("scanner", unseen="pass"),),
    "combat_own": (ComBatHarmoniser("scanner", unseen="own"),),
    "scaled_own": (ScannerScaler("scanner", kind="zscore", unseen="own"),),
}
AWARE = [name for name in SETTINGS if name != "blind"]
SEEDS = {"other_confounded": 100, "other_plain": 100}
N = 360


@cache
def cohort_table(cohort, seed, n):
    return simulate_table(n, seed=seed, settings=SCANNER_COHORTS[cohort]).table


def area(cohort, seed, learner, setting, n=N):
    """Return the AUC within the scanner left out: mean of S4 and S1 against the rest, of four."""
    table = cohort_table(cohort, seed, n)
    stager = ChainStager(LEARNERS[learner], SETTINGS[setting])
    found, failures = cross_validate(table, stager, setting="loso")
    assert not failures
    each = [
        roc_auc_score(rows["y_true"] == stage, rows[f"p_{stage}"])
        for _, rows in found.groupby("fold")
        for stage in ("s1", "s4")
    ]
    return float(np.mean(each))


def gains(cohort, seeds, learner, n=N):
    """Return the gain of each setting over the blind one, for each seed."""
    first = SEEDS.get(cohort, 0)
    rows = []
    for seed in range(first, first + seeds):
        blind = area(cohort, seed, learner, "blind", n)
        rows.append([area(cohort, seed, learner, name, n) - blind for name in AWARE])
    return dict(zip(AWARE, np.array(rows).T, strict=True))


def interval(gain):
    """Return the ends of the paired t interval, 95 % for all eight comparisons at once."""
    level = 1 - 0.05 / (2 * len(AWARE) * len(LEARNERS))
    half = t.ppf(level, len(gain) - 1) * gain.std(ddof=1) / np.sqrt(len(gain))
    return gain.mean() - half, gain.mean() + half


def claims():
    with CLAIMS.open(encoding="utf-8") as stream:
        return [
            (r["cohort"], r["learner"], r["setting"], float(r["value"]))
            for r in csv.DictReader(stream)
        ]


@pytest.mark.proof
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("cohort", SCANNER_COHORTS)
def test_the_claims_hold_over_twenty_seeds(cohort, learner):
    found = {name: interval(gain) for name, gain in gains(cohort, 20, learner).items()}
    wanted = [(s, v) for c, m, s, v in claims() if (c, m) == (cohort, learner)]
    assert wanted
    for setting, value in wanted:
        if setting != "all":
            assert found[setting][0] > value, (setting, found)
            continue
        for name, (low, high) in found.items():
            assert low <= 0 <= high, (name, found)
            assert max(-low, high) < value, (name, found)


def test_three_cohorts_gain_where_the_scanner_confounds():
    found = gains("confounded", 3, "logistic", 180)
    for setting in ("combat_pass", "combat_own", "scaled_own"):
        assert found[setting].mean() > 0


def test_two_cohorts_differ_little_where_the_scanner_is_a_name():
    found = gains("plain", 2, "logistic", 180)
    assert max(abs(gain.mean()) for gain in found.values()) < 0.03
