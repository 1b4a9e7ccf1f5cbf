"""Prediction sets of held-out cases: whose scores they are from, and what is said of them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from radiofib.errors import TableError, UsageError
from radiofib.evaluation import cross_validate
from radiofib.evaluation.conformal import (
    COVERAGE_COLUMNS,
    SET_COLUMNS,
    TOO_LOW,
    PredictionSets,
    prediction_sets,
)
from radiofib.simulate.cohorts import TableSettings, simulate_table
from radiofib.staging import make_stager
from radiofib.stats.conformal import conformal_quantile, stage_scores
from tests.evaluation import uncertainty_plan as plan
from tests.evaluation.made_predictions import LEVELS, made_predictions

FAIR = plan.Judge()
TWO = {"A": plan.EASY, "B": plan.HARD}


def _sets(frame: pd.DataFrame, **settings: object) -> PredictionSets:
    return prediction_sets(frame, levels=LEVELS, **settings)  # type: ignore[arg-type]


def _true_scores(frame: pd.DataFrame) -> np.ndarray:
    scores = stage_scores(frame[[f"p_{v}" for v in LEVELS]].to_numpy())
    return scores[np.arange(len(frame)), [LEVELS.index(v) for v in frame["y_true"]]]


@pytest.fixture(scope="module")
def both() -> pd.DataFrame:
    return made_predictions(TWO, unseen={"A": plan.EASY, "B": plan.harder(plan.HARD)})


def test_thresholds_are_those_of_the_patients_that_are_named(both: pd.DataFrame) -> None:
    found = _sets(both).sets.set_index(["calibration", "setting", "case"])["threshold"]
    cv, loso = (both[both["setting"] == s] for s in ("cv", "loso"))
    for fold in cv["fold"].unique():
        case = cv.loc[cv["fold"] == fold, "case"].iloc[0]
        others = cv[cv["fold"] != fold]
        assert found["other folds", "cv", case] == conformal_quantile(_true_scores(others), 0.1)
        scanner = cv.loc[cv["case"] == case, "scanner"].iloc[0]
        own = others[others["scanner"] == scanner]
        assert found["same scanner", "cv", case] == conformal_quantile(_true_scores(own), 0.1)
    for scanner, other in (("A", "B"), ("B", "A")):
        case = f"{scanner}000_0"
        for way, frame in (("training scanners", cv), ("other unseen scanners", loso)):
            limit = conformal_quantile(_true_scores(frame[frame["scanner"] == other]), 0.1)
            assert found[way, "loso", case] == limit


def test_nothing_of_a_fold_moves_its_own_threshold(both: pd.DataFrame) -> None:
    first = _sets(both).sets
    spoilt = both.copy()
    mine = (spoilt["fold"] == "2") | ((spoilt["setting"] == "loso") & (spoilt["scanner"] == "A"))
    spoilt.loc[mine, "y_true"] = "s1"
    spoilt.loc[mine, [f"p_{v}" for v in LEVELS]] = [0.05, 0.05, 0.2, 0.7]
    second = _sets(spoilt).sets
    keys = ["calibration", "setting", "case"]
    merged = first.merge(second, on=keys, suffixes=("", "_2"))
    cv = (merged["setting"] == "cv") & (merged["fold"] == "2")
    # The left-out A is calibrated on B alone, in cross-validation or left out itself.
    unseen = (merged["calibration"] == "other unseen scanners") & (merged["scanner"] == "A")
    assert cv.any()
    assert unseen.any()
    for rows in (cv, unseen):
        assert (merged["threshold"] == merged["threshold_2"])[rows].all()
    assert not (merged["threshold"] == merged["threshold_2"])[~cv & ~unseen].all()


def test_coverage_counts_cases_and_names_what_is_too_low(both: pd.DataFrame) -> None:
    found = _sets(both)
    assert list(found.coverage.columns) == list(COVERAGE_COLUMNS)
    assert list(found.sets.columns) == list(SET_COLUMNS)
    table = found.coverage.set_index(["setting", "calibration", "group", "subset"])
    for (setting, way, scanner), part in found.sets.groupby(["setting", "calibration", "scanner"]):
        row = table.loc[(setting, way, "scanner", scanner)]
        assert row["coverage"] == pytest.approx(part["covered"].mean())
        assert row["mean_size"] == pytest.approx(part["size"].mean())
        assert row["singletons"] == pytest.approx((part["size"] == 1).mean())
        assert row["n"] == len(part)
        assert row["ci_low"] < row["coverage"] < row["ci_high"] or row["coverage"] in (0, 1)
        assert (row["verdict"] == TOO_LOW) == (row["ci_high"] < 0.9)
    # Calibrated on the easy scanner, the hard one is missed; calibrated on it, all sets are long.
    assert table.loc[("loso", "training scanners", "scanner", "B"), "verdict"] == TOO_LOW
    assert set(found.coverage["unit"]) == {"patient"}


def test_sets_hold_their_ends_and_all_between(both: pd.DataFrame) -> None:
    sets = _sets(both).sets
    place = {v: k for k, v in enumerate(LEVELS)}
    low, high = sets["low"].map(place), sets["high"].map(place)
    assert (high - low + 1 == sets["size"]).all()
    inside = sets["y_true"].map(place).between(low, high)
    assert (inside == sets["covered"]).all()
    assert [len(s.split("|")) for s in sets["stages"]] == sets["size"].tolist()


def test_too_few_of_a_scanner_take_the_threshold_of_all_and_say_so() -> None:
    few = made_predictions({"A": FAIR}, 40)
    frame = pd.concat([few, made_predictions({"B": FAIR}, 10)], ignore_index=True)
    found = _sets(frame)
    own = found.sets[found.sets["calibration"] == "same scanner"].set_index("case")
    every = found.sets[found.sets["calibration"] == "other folds"].set_index("case")
    b = own["scanner"] == "B"
    assert own.loc[b, "fallback"].all()
    assert not own.loc[~b, "fallback"].any()
    assert (own.loc[b, "threshold"] == every.loc[own.index[b], "threshold"]).all()
    row = found.coverage[found.coverage["calibration"] == "same scanner"].iloc[0]
    assert row["note"] == "threshold of all for B: fewer than 9 patients"
    assert row["fallback"] == pytest.approx(0.2)


def test_too_few_in_all_give_every_stage_and_say_so() -> None:
    found = _sets(made_predictions({"A": FAIR}, 10))
    assert (found.sets["size"] == 4).all()
    assert found.coverage.loc[0, "coverage"] == 1
    assert "every set holds all stages" in found.coverage.loc[0, "note"]
    assert math.isinf(found.sets["threshold"].iloc[0])


def test_repeated_rows_change_no_set_and_narrow_no_interval() -> None:
    frame = made_predictions(TWO, 40, rows=2)
    frame.attrs["radiofib: repeats were warned about"] = True
    once, tenfold = _sets(frame), _sets(pd.concat([frame] * 10, ignore_index=True))
    by_patient = (once.coverage["unit"] == "patient").to_numpy()
    for column in ("coverage", "ci_low", "ci_high", "mean_size"):
        a, b = once.coverage[column].to_numpy(), tenfold.coverage[column].to_numpy()
        np.testing.assert_allclose(a[by_patient], b[by_patient])
        # By row, effective numbers are cut at the number of rows, which are ten times as many.
        assert np.abs(a - b).max() < 0.02
    shown = ["unit", "calibration", "patient", "case", "stages"]
    left = once.sets[shown].drop_duplicates().sort_values(shown)
    right = tenfold.sets[shown].drop_duplicates().sort_values(shown)
    assert left.to_numpy().tolist() == right.to_numpy().tolist()
    assert set(once.coverage["unit"]) == {"row", "patient"}


def test_order_of_rows_does_not_matter(both: pd.DataFrame) -> None:
    shuffled = both.sample(frac=1, random_state=3).reset_index(drop=True)
    first, second = _sets(both), _sets(shuffled)
    keys = ["setting", "calibration", "case"]
    pd.testing.assert_frame_equal(
        first.sets.sort_values(keys).reset_index(drop=True),
        second.sets.sort_values(keys).reset_index(drop=True),
    )


def test_a_patient_of_two_scanners_does_not_calibrate_for_themself() -> None:
    frame = made_predictions({"A": FAIR, "B": FAIR}, 30, unseen={"A": FAIR, "B": FAIR})
    twin = (frame["patient"] == "B007") & (frame["setting"] == "cv")
    shared = frame.copy()
    shared.loc[shared["patient"] == "B007", "patient"] = "A000"
    spoilt = shared.copy()
    spoilt.loc[twin, [f"p_{v}" for v in LEVELS]] = [0.97, 0.01, 0.01, 0.01]
    spoilt.loc[twin, "y_true"] = "s4"
    spoilt.loc[spoilt["patient"] == "A000", "y_true"] = "s4"
    found = []
    for changed in (shared, spoilt):
        sets = _sets(changed).sets
        found.append(sets[(sets["calibration"] == "training scanners") & (sets["scanner"] == "A")])
    a, b = found
    assert a["threshold"].tolist() == b["threshold"].tolist()


def test_stages_without_an_order_may_have_gaps() -> None:
    frame = made_predictions({"A": plan.Judge(skill=0.5)}, 100)
    turned = frame.rename(columns={"p_s2": "p_s3", "p_s3": "p_s4", "p_s4": "p_s2"})
    turned["y_true"] = frame["y_true"].map({"s1": "s1", "s2": "s3", "s3": "s4", "s4": "s2"})
    found = _sets(turned.assign(ordered=False))
    assert set(found.sets["low"]) == {""}
    places = [[LEVELS.index(v) for v in s.split("|")] for s in found.sets["stages"]]
    assert any(max(p) - min(p) + 1 > len(p) for p in places)
    assert found.coverage.loc[0, "coverage"] >= 0.85


def test_given_calibration_predictions_are_what_is_calibrated_on() -> None:
    frame = made_predictions({"A": FAIR}, 50).assign(setting="given", fold="1")
    other = made_predictions({"A": FAIR}, 30, seed=5).assign(setting="x", fold="1")
    found = _sets(frame, calibration=other)
    assert set(found.sets["calibration"]) == {"given"}
    assert found.sets["threshold"].iloc[0] == conformal_quantile(_true_scores(other), 0.1)
    assert _sets(frame).coverage.empty


def test_scores_that_are_no_probabilities_have_no_sets() -> None:
    frame = made_predictions({"A": FAIR}, 30)
    scored = frame.drop(columns=[f"p_{v}" for v in LEVELS]).assign(score=1.0)
    found = _sets(scored)
    assert found.sets.empty
    assert found.coverage.empty
    assert list(found.coverage.columns) == list(COVERAGE_COLUMNS)


def test_rows_without_a_scanner_are_no_group_of_their_own() -> None:
    frame = made_predictions(TWO, 40)
    frame.loc[frame["patient"].str.endswith("1"), "scanner"] = None
    found = _sets(frame)
    scanners = found.coverage[found.coverage["group"] == "scanner"]["subset"]
    assert set(scanners) == {"A", "B"}
    own = found.sets[found.sets["calibration"] == "same scanner"]
    assert own.loc[own["scanner"] == "", "fallback"].all()


def test_impossible_settings_are_refused() -> None:
    frame = made_predictions({"A": FAIR}, 30)
    with pytest.raises(UsageError, match="between 0 and 1"):
        _sets(frame, alpha=1.5)
    with pytest.raises(UsageError, match="tails"):
        _sets(frame, score="tail")
    with pytest.raises(TableError, match="probability columns"):
        prediction_sets(frame, levels=("s1", "s2"))


def _chain(settings: TableSettings, seed: int) -> pd.DataFrame:
    """Return the coverage of a stager on a table, inside and outside its scanners."""
    table = simulate_table(plan.CHAIN_PATIENTS, seed=seed, settings=settings).table
    parts = [
        cross_validate(table, make_stager("logistic"), setting=s, random_state=seed)[0]
        for s in ("cv", "loso")
    ]
    return _sets(pd.concat(parts, ignore_index=True), alpha=plan.CHAIN_ALPHA).coverage


@pytest.mark.slow
def test_an_unseen_scanner_that_is_different_is_undercovered_and_the_table_says_so() -> None:
    inside, outside, same, said, wider = [], [], [], 0, []
    for seed in plan.CHAIN_SEEDS:
        found = _chain(plan.CHAIN_SHIFTED, seed)
        every = found[found["group"] == "all"].set_index("calibration")["coverage"]
        inside.append(every["other folds"])
        outside.append(every["training scanners"])
        wider.append(every["other unseen scanners"])
        scanners = found[(found["group"] == "scanner")]
        scanners = scanners[scanners["calibration"] == "training scanners"]
        said += bool((scanners["verdict"] == TOO_LOW).any())
        every = _chain(plan.CHAIN_SAME, seed).query("group == 'all'").set_index("calibration")
        same.append(every.loc["training scanners", "coverage"])
    assert np.mean(inside) >= plan.CHAIN_INSIDE
    assert np.mean(same) >= plan.CHAIN_SAME_OUTSIDE
    assert np.mean(outside) <= plan.CHAIN_OUTSIDE
    assert said >= plan.CHAIN_SAID
    # Thresholds from scanners that were left out in turn are nearer to what was promised.
    assert np.mean(outside) < np.mean(wider)
