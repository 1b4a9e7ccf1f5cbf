"""No chain of settings learns from shuffled stages, and none gains from repeated rows."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from radiofib.evaluation import cross_validate, evaluate
from radiofib.staging.chain import ChainStager
from radiofib.staging.clusters import CorrelationClusters
from radiofib.staging.reduce import PartialLeastSquares, PrincipalComponents
from radiofib.staging.relevance import RelevanceFilter
from radiofib.staging.selection import NearConstant, ReliabilityFilter
from radiofib.staging.stability import StabilityFilter
from radiofib.staging.stagers import LogisticStager, RandomForestStager
from radiofib.table import FeatureTable
from tests.evaluation._covering import covering_array, uncovered
from tests.evaluation._leaks import (
    FACTORS,
    FOLDS,
    LEVELS,
    SIZES,
    available,
    build,
    cohort,
    fold_averaged_auc,
    limits,
    null_statistics,
    reached,
)
from tests.evaluation.conftest import make_table

SEEDS = range(50)
REFERENCE = pd.read_csv(Path(__file__).parents[1] / "reference" / "leak_limits.csv")
SPREAD = float(REFERENCE.set_index("quantity").loc["spread", "value"])


# The array


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, 4), min_size=2, max_size=5), st.integers(0, 3)
)  # fmt: skip
def test_every_pair_of_levels_is_in_the_array(sizes, seed):
    factors = {f"f{i}": [f"l{k}" for k in range(size)] for i, size in enumerate(sizes)}
    rows = covering_array(factors, seed=seed)
    assert not uncovered(rows, factors)
    assert all(row[name] in factors[name] for row in rows for name in factors)
    least = max(a * b for a, b in combinations(sizes, 2))
    assert least <= len(rows) <= 2 * least
    assert rows == covering_array(factors, seed=seed)
    # Without any of its rows an array of the least size would not do.
    if len(rows) == least:
        assert all(uncovered(rows[:k] + rows[k + 1 :], factors) for k in range(len(rows)))


def test_one_factor_is_one_row_for_each_level():
    assert covering_array({"a": ["x", "y"]}) == [{"a": "x"}, {"a": "y"}]


def test_every_level_is_there():
    assert available()[1] == []


def test_every_row_can_be_built():
    factors, gone = available()
    assert set(factors) == set(FACTORS)
    rows = covering_array(factors)
    for row in rows:
        stager = build(row)
        assert "patient" in stager.context_columns
        clone(stager)
    assert len(rows) + len(gone) > 20


# Cohorts and what is measured on them


def test_stages_are_shuffled_between_patients_not_rows():
    table = cohort(3)
    each = table.obs.groupby("patient", observed=True)["stage"].nunique()
    assert (each == 1).all()
    counts = table.obs.drop_duplicates("patient")["stage"].value_counts()
    assert counts[list(LEVELS)].tolist() == list(SIZES)
    assert table.X.isna().to_numpy().mean() == pytest.approx(0.1, abs=0.05)


def test_what_is_measured_is_the_auc_by_patient_within_folds():
    rng = np.random.default_rng(0)
    table = cohort(4)
    predictions, _ = cross_validate(table, LogisticStager(), folds=FOLDS)
    measured = []
    for _, part in predictions.groupby("fold"):
        merged = part.assign(
            y_true=np.where(part["y_true"] == "s4", "s4", "s1"),
            p_s1=part["p_s1"] + part["p_s2"],
        ).drop(columns="p_s2")
        metrics = evaluate(merged, levels=("s1", "s4"), n_boot=0).metrics
        measured.append(metrics.set_index(["unit", "metric"]).loc[("patient", "auc"), "estimate"])
        merged = part.assign(
            y_true=np.where(part["y_true"] == "s1", "s1", "s4"),
            p_s4=part["p_s4"] + part["p_s2"],
        ).drop(columns="p_s2")
        metrics = evaluate(merged, levels=("s1", "s4"), n_boot=0).metrics
        measured.append(metrics.set_index(["unit", "metric"]).loc[("patient", "auc"), "estimate"])
    assert fold_averaged_auc(predictions) == pytest.approx(np.mean(measured), abs=1e-9)
    truth = pd.get_dummies(predictions["y_true"])[list(LEVELS)].to_numpy(dtype=float)
    columns = [f"p_{level}" for level in LEVELS]
    assert fold_averaged_auc(predictions.assign(**dict(zip(columns, truth.T, strict=True)))) == 1
    flat = predictions.assign(p_s1=0.5, p_s2=0.25, p_s4=0.25)
    assert fold_averaged_auc(flat) == 0.5
    assert fold_averaged_auc(predictions.iloc[rng.permutation(len(predictions))]) == (
        pytest.approx(fold_averaged_auc(predictions), abs=1e-12)
    )


def test_limits_are_those_that_were_written_down():
    found = {
        f"{what} limit of {n} settings": value
        for n in (30, 36, 42, 49)
        for what, value in zip(("run", "mean"), limits(SPREAD, n, len(SEEDS)), strict=True)
    }
    for row in REFERENCE[REFERENCE["quantity"] != "spread"].to_dict("records"):
        assert found[row["quantity"]] == pytest.approx(row["value"], abs=row["tolerance"])


def test_the_null_distribution_is_centred_and_wide_as_written_down():
    null = null_statistics(12, 300)
    tolerance = float(REFERENCE.set_index("quantity").loc["spread", "tolerance"])
    assert null.std() == pytest.approx(SPREAD, abs=tolerance)
    assert null.mean() == pytest.approx(0.5, abs=4 * SPREAD / np.sqrt(null.size))


# Shuffled stages


@pytest.mark.slow
def test_every_row_trains_in_every_fold():
    table = cohort(1000)
    for row in covering_array(available()[0]):
        assert 0 <= reached(build(row), table, 0) <= 1


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_shuffled_stages_reach_nothing_with_any_pair_of_settings():
    rows = covering_array(available()[0])
    found = np.empty((len(rows), len(SEEDS)))
    for k, seed in enumerate(SEEDS):
        table = cohort(seed)
        found[:, k] = [reached(build(row), table, seed) for row in rows]
    run, mean = limits(SPREAD, len(rows), len(SEEDS))
    away, together = np.abs(found - 0.5), np.abs(found.mean(axis=1) - 0.5)
    worst = np.unravel_index(away.argmax(), away.shape)
    assert away.max() < run, f"{found[worst]:.3f} with {rows[worst[0]]}, seed {worst[1]}"
    assert together.max() < mean, (
        f"{found[together.argmax()].mean():.3f} with {rows[together.argmax()]}"
    )


def _chosen_outside(seed, noise=0):
    """Select on all rows, stages of test patients included, before the folds are made."""
    table = cohort(seed)
    if noise:
        rng = np.random.default_rng(seed)
        more = rng.normal(size=(sum(SIZES), noise)).repeat(2, axis=0)
        columns = [f"t1_noise_glcm_f{i}" for i in range(noise)]
        table = FeatureTable(table.X.join(pd.DataFrame(more, columns=columns)), table.obs)
    step = RelevanceFilter(8, patient_column="patient")
    context = table.obs[["patient"]].astype(str)
    chosen = step.fit_transform(table.X, table.obs["stage"].astype(str), context=context)
    return reached(LogisticStager(), FeatureTable(chosen, table.obs), seed)


def _chosen_from_many(seed):
    """Do the same among as many columns as radiomics has."""
    return _chosen_outside(seed, noise=1000)


def _parted_by_row(seed):
    """Let one row of a patient train what the other is tested on."""
    table = cohort(seed)
    rows = FeatureTable(table.X, table.obs.assign(patient=[f"r{i}" for i in range(table.n_rows)]))
    stager = RandomForestStager(n_estimators=25, random_state=seed)
    predictions, _ = cross_validate(rows, stager, folds=FOLDS, random_state=seed)
    return fold_averaged_auc(predictions)


@pytest.mark.slow
@pytest.mark.parametrize("leak", [_chosen_outside, _chosen_from_many, _parted_by_row])
def test_a_leak_breaks_the_same_limits(leak):
    run, mean = limits(SPREAD, 36, len(SEEDS))
    found = np.array([leak(seed) for seed in SEEDS])
    assert found.mean() - 0.5 > mean
    # With 18 patients of a stage a single run tells only a gross leak from chance.
    if leak is _chosen_from_many:
        assert found.max() - 0.5 > run


# Repeated rows


REPEATABLE = {
    "unsupervised": lambda: [NearConstant(), CorrelationClusters(0.6)],
    "known": lambda: [
        ReliabilityFilter(0.5, known={f"us_original_firstorder_f{i}": 0.9 for i in range(5)})
    ],
    "mrmr": lambda: [RelevanceFilter(3, patient_column="patient")],
    "mrmr by rows": lambda: [RelevanceFilter(3, relevance="rank", scheme="difference")],
    "stability": lambda: [
        StabilityFilter(0.6, per_half=2, pairs=4, at_least=2, patient_column="patient")
    ],
    "pca": lambda: [PrincipalComponents(3)],
    "pls": lambda: [PartialLeastSquares(2)],
}  # fmt: skip


def _repeat(table, times):
    ten = table.subset(np.tile(np.arange(table.n_rows), times))
    instance = [f"{i}-{k}" for k, i in enumerate(ten.obs["instance"])]
    return FeatureTable(ten.X, ten.obs.assign(instance=instance))


def _measured(table, stager):
    predictions, failures = cross_validate(table, stager, folds=4)
    assert not failures
    metrics = evaluate(predictions, levels=("s1", "s4"), n_boot=100).metrics
    return metrics.set_index(["unit", "metric"])


@pytest.mark.parametrize("name", REPEATABLE)
def test_ten_times_the_rows_are_no_gain_and_no_narrower_interval_through(name):
    table = make_table(n_patients=60, rows=1, effect=1.0, levels=("s1", "s4"))
    # Ten rows for one weigh ten times against the penalty, so it is made ten times as strong.
    chains = [
        ChainStager(LogisticStager(C=c), REPEATABLE[name](), patient_column="patient")
        for c in (0.01, 0.001)
    ]
    once, often = _measured(table, chains[0]), _measured(_repeat(table, 10), chains[1])
    columns = ["estimate", "ci_low", "ci_high"]
    for unit in ("patient", "row"):
        found = often.loc[(unit, "auc"), columns].astype(float).tolist()
        assert found == pytest.approx(
            once.loc[(unit, "auc"), columns].astype(float).tolist(), abs=1e-6
        )
    assert often.loc[("patient", "auc"), "n_patients"] == 60
