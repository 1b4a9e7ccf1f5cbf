"""Features against patients: what is counted, fold by fold, and what is said of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofib.errors import TableError
from radiofib.evaluation.feature_counts import (
    ALL_STAGES,
    FEATURE_COUNT_COLUMNS,
    columns_of,
    feature_counts,
)
from radiofib.evaluation.splits import Split
from radiofib.staging.chain import ChainStager
from radiofib.staging.clusters import CorrelationClusters
from radiofib.staging.meta import MetaStager
from radiofib.staging.reduce import PartialLeastSquares, PrincipalComponents
from radiofib.staging.relevance import RelevanceFilter
from radiofib.staging.rows import Rows
from radiofib.staging.selection import NearConstant
from radiofib.staging.stagers import LogisticStager
from radiofib.stats.explained import largest_r2
from radiofib.stats.sample_size import (
    binary_sample_size,
    expected_shrinkage,
    multinomial_sample_size,
)
from radiofib.table import FeatureTable
from tests.evaluation.conftest import make_table


@pytest.fixture
def padded():
    """48 patients of four stages with two rows each; six features, four twins, two constants."""
    table = make_table()
    X = table.X.assign(**{f"us_original_glcm_t{i}": -2 * table.X.iloc[:, i] for i in range(4)})
    return FeatureTable(X.assign(us_original_glcm_c0=1.0, us_original_glcm_c1=np.nan), table.obs)


def test_candidates_are_what_steps_without_the_stage_leave(padded):
    steps = [NearConstant(), CorrelationClusters(0.95), RelevanceFilter(3)]
    counts = feature_counts(padded, ChainStager(steps=steps), folds=4)
    assert tuple(counts.columns) == FEATURE_COUNT_COLUMNS
    assert counts["target"].tolist() == ["s4_vs_s1-3", "s1_vs_s2-4", ALL_STAGES]
    assert (counts["features"] == 12).all()
    assert (counts["candidates"] == 6).all()
    for column in ("selected", "selected_least", "selected_most"):
        assert (counts[column] == 3).all()
    assert (counts["folds"] == 4).all()
    assert counts["patients"].tolist() == [48, 48, 48]
    assert counts["events"].tolist() == [12, 12, 12]
    assert (counts["events_per_candidate"] == 2.0).all()


def test_selection_by_the_stage_spends_what_it_saves(padded):
    plain = feature_counts(padded, LogisticStager(), folds=4)
    chosen = feature_counts(padded, ChainStager(steps=[RelevanceFilter(2)]), folds=4)
    assert (plain["candidates"] == 12).all()
    pd.testing.assert_frame_equal(
        chosen.drop(columns=["selected", "selected_least", "selected_most"]),
        plain.drop(columns=["selected", "selected_least", "selected_most"]),
    )
    assert (chosen["selected"] == 2).all()
    # What comes after a step that has looked at the stage cannot give candidates back.
    late = ChainStager(steps=[RelevanceFilter(8), PrincipalComponents(2)])
    assert (feature_counts(padded, late, folds=4)["candidates"] == 12).all()
    early = ChainStager(steps=[PrincipalComponents(2), PartialLeastSquares(1)])
    assert feature_counts(padded, early, folds=4)[["candidates", "selected"]].values.tolist() == (
        [[2.0, 1.0]] * 3
    )


def test_numbers_are_those_of_the_sample_size_functions(padded):
    counts = feature_counts(padded, LogisticStager(), folds=4).set_index("target")
    r2 = 0.15 * largest_r2([0.75, 0.25])
    first = counts.loc["s4_vs_s1-3"]
    assert first["needed_patients"] == binary_sample_size(12, 0.25)["n"].iloc[-1]
    assert first["expected_shrinkage"] == pytest.approx(expected_shrinkage(48, 12, r2))
    everything = counts.loc[ALL_STAGES]
    assert everything["needed_patients"] == multinomial_sample_size(12, [0.25] * 4)["n"].iloc[-1]
    pair = expected_shrinkage(24, 12, 0.15 * 0.75)
    assert everything["expected_shrinkage"] == pytest.approx(pair)
    assert everything["method"] == "Pate 2023"
    better = feature_counts(padded, LogisticStager(), folds=4, nagelkerke=0.6)
    assert (better["needed_patients"].to_numpy() < counts["needed_patients"].to_numpy()).all()


def test_verdicts_are_plain():
    table = make_table(n_patients=600, rows=1, features=2, levels=("s1", "s4"))
    few = feature_counts(table, LogisticStager())
    assert few["verdict"].tolist() == [
        "enough patients: 600 for 2 candidate parameters, 385 needed"
    ]
    flagged = feature_counts(table, LogisticStager(scanner_column="scanner"))
    assert flagged["candidates"].tolist() == [5.0]
    small = feature_counts(make_table(n_patients=40, rows=1, levels=("s1", "s4")), LogisticStager())
    assert small["verdict"][0].startswith("too few patients: 40 for 6 candidate parameters")
    assert small["verdict"][0].endswith("(or no candidate at all)")


def test_repeated_rows_are_no_patients(padded):
    ten = padded.subset(np.tile(np.arange(padded.n_rows), 10))
    once = feature_counts(padded, ChainStager(steps=[NearConstant()]), folds=4)
    pd.testing.assert_frame_equal(
        feature_counts(ten, ChainStager(steps=[NearConstant()]), folds=4), once
    )


def test_rows_without_a_stage_and_given_splits(padded):
    stage = padded.obs["stage"].copy()
    stage.iloc[:8] = np.nan
    table = FeatureTable(padded.X, padded.obs.assign(stage=stage))
    assert (feature_counts(table, LogisticStager(), folds=4)["patients"] == 44).all()
    half = np.arange(48, 96)
    splits = [Split("x", half, np.arange(40))]
    counts = feature_counts(table, ChainStager(steps=[NearConstant()]), splits=splits)
    assert (counts["folds"] == 1).all()
    assert (counts["candidates"] == 10).all()
    with pytest.raises(TableError, match="no column 'grade'"):
        feature_counts(table, LogisticStager(), label="grade")
    nothing = FeatureTable(padded.X, padded.obs.assign(stage=stage.where(stage.isna())))
    with pytest.raises(TableError, match="no row has a stage"):
        feature_counts(nothing, LogisticStager())


def test_steps_that_cannot_be_learnt_are_said(padded):
    empty = FeatureTable(padded.X[["us_original_glcm_c0"]], padded.obs)
    counts = feature_counts(empty, ChainStager(steps=[NearConstant()]), folds=4)
    assert counts["verdict"].tolist() == ["the steps could not be learnt in any fold"] * 3
    assert counts["candidates"].isna().all()


class Pair(MetaStager):
    """Two stagers, of which nothing is learnt here."""

    def __init__(self, stagers=(), scanner_column=None, patient_column=None, random_state=0):
        self.stagers = stagers
        self.scanner_column = scanner_column
        self.patient_column = patient_column
        self.random_state = random_state

    def _fit_rows(self, rows):
        raise NotImplementedError

    def _rows_proba(self, X, context):
        raise NotImplementedError


def test_of_several_stagers_the_widest_counts(padded):
    rows = Rows(
        padded.X.reset_index(drop=True),
        padded.obs["stage"].astype(str).to_numpy(),
        pd.DataFrame(index=range(96)),
    )
    narrow = ChainStager(steps=[RelevanceFilter(2)])
    wide = ChainStager(ChainStager(steps=[RelevanceFilter(5)]), [NearConstant()])
    found = columns_of(Pair([narrow, wide]), rows)
    assert (found.features, found.candidates, found.selected) == (12, 12, 5)
    assert columns_of(wide, rows).candidates == 10
