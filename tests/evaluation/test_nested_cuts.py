"""Cut-offs that no tested row had a say in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofib.errors import TableError
from radiofib.evaluation import cross_validate
from radiofib.evaluation.nested_cuts import NESTED_COLUMNS, nested_thresholds
from radiofib.evaluation.predictions import check_predictions
from radiofib.evaluation.splits import Split, leave_one_scanner_out, patient_folds
from radiofib.evaluation.thresholds import threshold_rows
from radiofib.evaluation.units import row_unit
from radiofib.staging import LogisticStager, targets_for
from radiofib.stats import choose_cutoffs
from radiofib.table import FeatureTable
from tests.evaluation import recalibration_claims as claims
from tests.evaluation.conftest import make_table

TWO = ("s1", "s4")
BEST = "largest Youden index"


def youden(rows):
    found = pd.DataFrame(rows)
    found = found[(found["rule"] == BEST) & found["metric"].isin(["sensitivity", "specificity"])]
    if "unit" in found:
        found = found[found["unit"] == "row"]
    return float(found["estimate"].sum() - 1)


def shuffled(seed):
    """Return the Youden index of nested and of naive cut-offs after shuffling the stages."""
    table = make_table(n_patients=60, rows=1, effect=2.0, seed=seed, levels=TWO)
    mixed = np.random.default_rng(seed).permutation(table.obs["stage"].to_numpy())
    obs = table.obs.assign(stage=pd.Categorical(mixed, TWO, ordered=True))
    table = FeatureTable(table.X, obs)
    stager = LogisticStager(C=1.0)
    nested, failures = nested_thresholds(table, stager, folds=3, inner_folds=3, random_state=seed)
    assert not failures
    predictions, _ = cross_validate(table, stager, folds=3, random_state=seed)
    unit = row_unit(check_predictions(predictions.assign(fold="1"), levels=TWO), TWO)
    naive = threshold_rows(unit, targets_for(TWO)[0])
    assert "optimistic" in naive[0]["note"]
    return youden(nested), youden(naive)


def null(seeds):
    found = np.array([shuffled(seed) for seed in seeds])
    return found.mean(axis=0), found.std(axis=0, ddof=1) / np.sqrt(len(found))


def test_shuffled_stages_have_no_youden_index_by_nested_cut_offs_and_one_by_naive_ones():
    mean, error = null(range(10))
    assert abs(mean[0]) < claims.NULL_ERRORS * error[0]
    assert mean[1] > claims.NAIVE_YOUDEN


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_a_hundred_shuffles_have_none():
    mean, error = null(range(100, 200))
    assert abs(mean[0]) < claims.NULL_ERRORS * error[0], (mean, error)
    assert mean[1] > claims.NAIVE_YOUDEN


def test_cut_offs_are_those_of_inner_folds_of_the_training_rows():
    table = make_table(n_patients=60, rows=2, effect=1.0, levels=TWO)
    patients, stages = table.obs["patient"].to_numpy(), table.obs["stage"].astype(str).to_numpy()
    splits = patient_folds(patients, stages, folds=3, random_state=0)
    stager = LogisticStager()
    found, _ = nested_thresholds(table, stager, splits=splits, inner_folds=4, random_state=0)
    assert list(found) == list(NESTED_COLUMNS)
    assert set(found["unit"]) == {"row", "patient"}
    hits = 0
    for split in splits:
        inner, _ = cross_validate(table.subset(split.train), stager, folds=4, random_state=0)
        cut = choose_cutoffs(inner["y_true"] == "s4", inner["p_s4"], "youden").high
        test, _ = cross_validate(table, stager, splits=[split])
        called = (test["p_s4"] >= cut) & (test["y_true"] == "s4")
        hits += int(called.sum())
    row = found[(found["unit"] == "row") & (found["rule"] == BEST)].iloc[0]
    assert row["metric"] == "sensitivity"
    assert row["estimate"] == pytest.approx(hits / int((stages == "s4").sum()))
    assert row["note"].startswith("chosen for each of 3 folds on training rows, predicted from")


def test_one_test_set_scanners_left_out_and_unknown_stages():
    table = make_table(n_patients=48, rows=1, effect=1.5)
    obs = table.obs.assign(stage=table.obs["stage"].astype(object))
    obs.loc[[0, 5], "stage"] = None
    table = FeatureTable(table.X, obs)
    one = [Split("test", np.arange(32), np.arange(32, 48))]
    found, failures = nested_thresholds(table, LogisticStager(), splits=one, setting="external")
    assert set(found["setting"]) == {"external"}
    assert set(found["target"]) == {"s4_vs_s1-3", "s1_vs_s2-4"}
    assert found["note"].str.startswith("chosen for the fold on training rows").all()
    assert len(failures) == 2
    splits, _ = leave_one_scanner_out(obs["patient"], obs["scanner"])
    found, _ = nested_thresholds(table, LogisticStager(), splits=splits, setting="loso")
    assert found["note"].str.contains("each of 3 folds on training rows").all()
    with pytest.raises(TableError, match="no column 'grade'"):
        nested_thresholds(table, LogisticStager(), label="grade")


def test_what_cannot_be_folded_again_is_said():
    table = make_table(n_patients=12, rows=1, effect=1.5, levels=TWO)
    split = Split("test", np.array([0, 2, 4, 6, 1]), np.array([3, 5, 8, 10]))
    found, failures = nested_thresholds(table, LogisticStager(), splits=[split])
    assert (found["method"] == "none").all()
    assert (found["note"] == "no training predictions for fold test").all()
    assert "too few patients" in failures[0].reason
