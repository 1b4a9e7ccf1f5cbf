"""What knowing the scanner is worth on a scanner that was not seen, and where it is nothing."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
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
_COMBAT, _SCALED = partial(ComBatHarmoniser, "scanner"), partial(ScannerScaler, "scanner")
_FLAGS = ContextFlags(("scanner",), weight=20)
#: setting -> steps; "blind" is given no scanner.
SETTINGS = {
    "blind": (),
    "flags": (ContextFlags(("scanner",)),),
    "flags20": (_FLAGS,),
    "combat_pass": (_COMBAT(unseen="pass"),),
    "combat_own": (_COMBAT(unseen="own"),),
    "scaled_own": (_SCALED(unseen="own"),),
    "combat_pass_flags20": (_COMBAT(unseen="pass"), _FLAGS),
    "combat_own_flags20": (_COMBAT(unseen="own"), _FLAGS),
    "scaled_own_flags20": (_SCALED(unseen="own"), _FLAGS),
}


@dataclass(frozen=True)
class Round:
    """Patients of a cohort, first seed of the twenty (of the other cohorts: 100 more), settings."""

    n: int
    seed: int
    settings: dict[str, tuple[str, ...]]


_FIRST = ("flags", "combat_pass", "combat_own", "scaled_own")
#: The first round had settings that gained less than its 360 patients can show; the second has
#: the patients of LiFS, and for linear models flags that are hardly penalised.
ROUNDS = {
    "first": Round(360, 0, {"logistic": _FIRST, "random_forest": _FIRST}),
    "second": Round(
        600,
        200,
        {
            "logistic": (
                "flags20",
                "combat_pass_flags20",
                "combat_own_flags20",
                "scaled_own_flags20",
            ),
            "random_forest": ("flags20", "combat_pass", "combat_own", "scaled_own"),
        },
    ),
}


@cache
def cohort_table(cohort, seed, n):
    return simulate_table(n, seed=seed, settings=SCANNER_COHORTS[cohort]).table


def area(cohort, seed, learner, setting, n):
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


def gains(cohort, learner, settings, seeds, n):
    """Return the gain of each setting over the blind one, for each seed."""
    rows = []
    for seed in seeds:
        blind = area(cohort, seed, learner, "blind", n)
        rows.append([area(cohort, seed, learner, name, n) - blind for name in settings])
    return dict(zip(settings, np.array(rows).T, strict=True))


def interval(gain):
    """Return the ends of the paired t interval, 95 % for eight comparisons at once."""
    half = t.ppf(1 - 0.05 / 16, len(gain) - 1) * gain.std(ddof=1) / np.sqrt(len(gain))
    return gain.mean() - half, gain.mean() + half


def claims(*wanted):
    with CLAIMS.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return [r for r in rows if (r["round"], r["cohort"], r["learner"]) == wanted]


def round_intervals(name, cohort, learner):
    """Return the interval of each setting's gain in one cohort of a round."""
    given = ROUNDS[name]
    first = given.seed + 100 * cohort.startswith("other")
    seeds = range(first, first + 20)
    found = gains(cohort, learner, given.settings[learner], seeds, given.n)
    return {setting: interval(gain) for setting, gain in found.items()}


@pytest.mark.proof
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("cohort", SCANNER_COHORTS)
@pytest.mark.parametrize("name", ROUNDS)
def test_the_claims_are_met_over_twenty_seeds_or_known_not_to_be(name, cohort, learner):
    found = round_intervals(name, cohort, learner)
    wanted = claims(name, cohort, learner)
    assert wanted
    for row in wanted:
        value = float(row["value"])
        if row["setting"] != "all":
            met = found[row["setting"]][0] > value
        else:
            ends = found.values()
            met = all(low <= 0 <= high and max(-low, high) < value for low, high in ends)
        assert met == (row["met"] == "yes"), (row, found)


@pytest.mark.parametrize("setting", [name for name in SETTINGS if name not in ("blind", "flags")])
def test_a_feature_that_tells_scanners_apart_is_left_alone(setting):
    """One feature knows the stage, one the scanner, and the scanner goes with the stage."""
    gain = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        scanner = np.repeat(["A", "B", "C"], 200)
        late = rng.random(600) < np.select([scanner == "A", scanner == "B"], [0.2, 0.8], 0.5)
        X = pd.DataFrame(rng.normal(size=(600, 3)), columns=["t1_a", "t1_b", "t1_c"])
        X["t1_a"] += 0.8 * late
        X["t1_b"] += np.select([scanner == "A", scanner == "B"], [0.0, 2.0], 1.0)
        frame, y, old = X.assign(scanner=scanner), np.where(late, "s4", "s1"), scanner != "C"
        found = {}
        for name in ("blind", setting):
            chain = ChainStager(LogisticStager(), SETTINGS[name])
            given = frame if chain.context_columns else X
            proba = chain.fit(given[old], y[old]).predict_proba(given[~old])[:, 1]
            found[name] = roc_auc_score(late[~old], proba)
        gain.append(found[setting] - found["blind"])
    assert np.mean(gain) > 0.03


def test_two_cohorts_differ_little_where_the_scanner_is_a_name():
    settings = ("flags20", "combat_pass_flags20", "scaled_own_flags20")
    found = gains("plain", "logistic", settings, range(2), 180)
    assert max(abs(gain.mean()) for gain in found.values()) < 0.03
