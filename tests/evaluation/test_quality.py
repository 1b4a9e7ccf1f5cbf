"""Quality control by scanner: what is far, what drifts, and which rows it is measured against."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofib.evaluation import cross_validate
from radiofib.evaluation.quality import (
    DRIFT,
    NO_NAME,
    QUALITY_COLUMNS,
    UNFAMILIAR,
    fold_distances,
    measure_distance,
    quality_table,
    quality_words,
)
from radiofib.simulate.cohorts import simulate_table
from radiofib.staging import make_stager
from radiofib.staging.distance import LIMIT, TrainingDistance
from radiofib.table import FeatureTable
from tests.evaluation import uncertainty_plan as plan


@pytest.fixture(scope="module")
def table() -> FeatureTable:
    return simulate_table(120, seed=7, settings=plan.distance_settings(1.0, missing=0.2)).table


@pytest.fixture(scope="module")
def predictions(table: FeatureTable) -> pd.DataFrame:
    parts = [
        cross_validate(table, make_stager("random_forest", n_estimators=5), setting=s)[0]
        for s in ("cv", "loso")
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def distances(table: FeatureTable, predictions: pd.DataFrame) -> pd.DataFrame:
    return fold_distances(table, predictions)


def test_left_out_scanners_are_unfamiliar_and_known_ones_are_not(distances: pd.DataFrame) -> None:
    share = distances.groupby(["setting", "scanner"])["unfamiliar"].mean()
    assert (share["loso"] > 0.8).all()
    assert share["cv"].mean() < 0.12
    assert len(distances) == 2 * 120


def test_distances_are_to_the_training_rows_of_the_fold(
    table: FeatureTable, predictions: pd.DataFrame, distances: pd.DataFrame
) -> None:
    keys = ["setting", "fold", "case"]
    assert (
        distances.set_index(keys)
        .index.sort_values()
        .equals(predictions.set_index(keys).index.sort_values())
    )
    train = table.subset((table.obs["scanner"] != "A").to_numpy())
    by_hand = TrainingDistance(patient_column="patient").fit(
        train.X, context=train.obs[["patient"]].astype(str)
    )
    test = table.subset((table.obs["scanner"] == "A").to_numpy())
    expected = measure_distance(by_hand, test)["distance_p"].to_numpy()
    own = distances[(distances["setting"] == "loso") & (distances["fold"] == "A")]
    found = own.set_index("case").loc[test.obs["case"].astype(str), "distance_p"].to_numpy()
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_instances_of_a_case_are_told_apart() -> None:
    made = simulate_table(60, seed=1, settings=plan.distance_settings(0.5, rows_per_patient=2))
    obs = made.table.obs.assign(case=made.table.obs["patient"])
    obs["instance"] = obs.groupby("case").cumcount().astype(str)
    table = FeatureTable(made.table.X, obs)
    found = cross_validate(table, make_stager("random_forest", n_estimators=3), folds=3)[0]
    distances = fold_distances(table, found)
    assert distances.set_index(["case", "instance"]).index.is_unique
    assert len(distances) == 120


def _cases(n: int, scanner: str, far: int, score: float = 1.0, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    p = np.where(np.arange(n) < far, 0.01, 0.6)
    return pd.DataFrame(
        {
            "patient": [f"{scanner}{i}" for i in range(n)],
            "scanner": scanner,
            "distance_p": p,
            "unfamiliar": p <= LIMIT,
            "unfamiliar_channel": np.where(p <= LIMIT, "t1", ""),
            "score": score + rng.normal(size=n),
            "missing": np.arange(n) < 2,
        }
    )


def test_a_scanner_is_named_when_more_are_far_than_chance_explains() -> None:
    cases = pd.concat(
        [_cases(60, "A", 3), _cases(60, "B", 9), _cases(1, "C", 1), _cases(2, "D", 1)],
        ignore_index=True,
    )
    table = quality_table(cases, known=["A", "B"]).set_index("scanner")
    assert list(table.reset_index().columns) == list(QUALITY_COLUMNS)
    assert table["verdict"].to_dict() == {"A": "", "B": UNFAMILIAR, "C": UNFAMILIAR, "D": ""}
    assert table["known"].to_dict() == {"A": True, "B": True, "C": False, "D": False}
    assert table.loc["B", "unfamiliar"] == 0.15
    assert table.loc["B", "ci_low"] < 0.15 < table.loc["B", "ci_high"]
    assert table.loc["B", "channel"] == "t1"
    assert table.loc["A", "missing"] == pytest.approx(2 / 60)
    words = quality_words(table.reset_index())
    assert "9 of 60 (15 %) of scanner B, most in t1" in words
    assert "1 of 1 (100 %) of scanner C (not in training)" in words
    assert "scanner A" not in words
    assert quality_words(table.reset_index().iloc[:1]) == ""


def test_scores_that_moved_are_named_and_others_are_not() -> None:
    training = np.random.default_rng(9).normal(1.0, 1.0, 200)
    cases = pd.concat([_cases(60, "A", 0), _cases(60, "B", 0, 2.0)], ignore_index=True)
    table = quality_table(cases, training_scores=training).set_index("scanner")
    assert table["verdict"].to_dict() == {"A": "", "B": DRIFT}
    assert table.loc["B", "score"] - table.loc["B", "score_training"] == pytest.approx(1, abs=0.4)
    assert quality_table(cases)["drift"].isna().all()


def test_rows_of_one_patient_count_once_for_the_verdict() -> None:
    one = pd.concat([_cases(1, "A", 1).assign(patient="p")] * 30 + [_cases(20, "A", 0)])
    table = quality_table(one.reset_index(drop=True))
    assert table.loc[0, "unfamiliar"] == pytest.approx(0.6)
    assert table.loc[0, "verdict"] == ""


def test_rows_without_scanner_or_features_have_their_place() -> None:
    cases = _cases(20, "A", 0)
    cases["scanner"] = None
    cases.loc[:4, "distance_p"] = np.nan
    table = quality_table(cases)
    assert table["scanner"].tolist() == [NO_NAME]
    assert table.loc[0, "note"] == "5 rows without features"
    assert "unnamed scanners" in quality_words(table.assign(verdict=UNFAMILIAR))
    none = quality_table(cases.assign(distance_p=np.nan))
    assert none["unfamiliar"].isna().all()
    assert none["verdict"].tolist() == [""]


@pytest.mark.slow
def test_an_unseen_scanner_is_warned_of_and_one_like_the_others_is_not() -> None:
    warned = {0.5: 0, 0.0: 0}
    for shift in warned:
        for seed in plan.DISTANCE_SEEDS:
            made = simulate_table(
                plan.DISTANCE_PATIENTS, seed=seed, settings=plan.distance_settings(shift)
            ).table
            train = made.subset((made.obs["scanner"] != "C").to_numpy())
            new = made.subset((made.obs["scanner"] == "C").to_numpy())
            distance = TrainingDistance(patient_column="patient").fit(
                train.X, context=train.obs[["patient"]].astype(str)
            )
            found = measure_distance(distance, new)
            cases = new.obs[["patient", "scanner"]].assign(score=0.0, missing=False)
            cases = pd.concat([cases.reset_index(drop=True), found], axis=1)
            warned[shift] += bool(quality_words(quality_table(cases, known=plan.KNOWN)))
    assert warned[0.5] >= plan.WARNED
    assert warned[0.0] <= plan.WARNED_FOR_NOTHING
