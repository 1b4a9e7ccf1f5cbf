from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.errors import UsageError
from radiofib.simulate.cohorts import (
    Shortcuts,
    TableScanner,
    TableSettings,
    simulate_table,
)
from radiofib.simulate.laws import StageLaw
from radiofib.table import FeatureTable

ONE_SCANNER = (TableScanner(name="A"),)


def test_effects_come_back_from_a_regression_on_the_trait():
    law = TableSettings(scanners=ONE_SCANNER, shift_sd=0, scale_sd=0)
    made = simulate_table(4000, seed=2, settings=law)
    design = np.column_stack([np.ones(4000), made.trait])
    slopes = np.linalg.lstsq(design, made.table.X.to_numpy(), rcond=None)[0][1]
    assert np.abs(slopes - made.effects.to_numpy()).max() < 4.5 / np.sqrt(4000)
    assert (made.effects != 0).sum() == 4 * 5


def test_within_a_stage_everything_but_the_trait_has_unit_variance():
    law = TableSettings(scanners=ONE_SCANNER, shift_sd=0, scale_sd=0)
    made = simulate_table(3000, seed=1, settings=law)
    rest = made.table.X.to_numpy() - np.outer(made.trait, made.effects)
    assert rest.var(axis=0).mean() == pytest.approx(1.0, abs=0.03)
    correlation = np.corrcoef(rest[:, :25].T)[np.triu_indices(25, 1)]
    assert correlation.mean() == pytest.approx(0.25, abs=0.05)


def test_scanner_shifts_are_those_in_the_truth():
    made = simulate_table(3000, seed=1, settings=TableSettings(scale_sd=0, effect=0))
    means = made.table.X.groupby(made.table.obs["scanner"].to_numpy()).mean()
    assert np.abs(means - made.shifts.loc[means.index]).max(axis=None) < 0.2
    assert made.shifts.to_numpy().std() == pytest.approx(0.5, abs=0.1)


def test_ceiling_is_the_auc_of_the_trait():
    made = simulate_table(3000, seed=4)
    high = made.table.obs["stage"].cat.codes.to_numpy() == 3
    wins = (made.trait[high][:, None] > made.trait[~high][None, :]).mean()
    assert wins == pytest.approx(made.auc_ceiling["s4_or_higher"], abs=0.02)


def test_null_cohort_has_nothing_to_find():
    made = simulate_table(2000, seed=3, settings=TableSettings(stage_law=StageLaw(step=0)))
    assert set(made.auc_ceiling.values()) == {0.5}
    codes = made.table.obs["stage"].cat.codes.to_numpy().astype(float)
    assert abs(np.corrcoef(codes, made.trait)[0, 1]) < 4 / np.sqrt(2000)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 30), st.integers(0, 5), st.integers(1, 3))
def test_patients_do_not_depend_on_cohort_size(n, seed, rows):
    law = TableSettings(features_per_channel=3, rows_per_patient=rows)
    few = simulate_table(n, seed=seed, settings=law)
    many = simulate_table(40, seed=seed, settings=law)
    pd.testing.assert_frame_equal(few.table.X, many.table.X.head(n * rows))
    pd.testing.assert_frame_equal(few.table.obs, many.table.obs.head(n * rows))


def test_rows_of_a_patient_correlate_by_what_they_share():
    law = TableSettings(
        scanners=ONE_SCANNER, shift_sd=0, scale_sd=0, effect=0, common=0, rows_per_patient=2
    )
    X = simulate_table(3000, settings=law).table.X.to_numpy()
    first, second = X[::2].ravel(), X[1::2].ravel()
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(0.5, abs=0.02)


def test_missing_blocks_are_whole_explained_and_at_the_asked_rate():
    scanners = (
        TableScanner(name="A", missing={"dwi": (0.25, 0.25, 0.25, 0.0)}),
        TableScanner(name="B"),
    )
    made = simulate_table(320, settings=TableSettings(scanners=scanners))
    table = made.table
    gone = table.X.filter(like="dwi_").isna()
    assert (gone.all(axis=1) == gone.any(axis=1)).all()
    assert not table.X.drop(columns=gone.columns).isna().any(axis=None)
    count = gone.all(axis=1).groupby([table.obs["scanner"], table.obs["stage"]], observed=True)
    assert count.sum().loc["A"].tolist() == [10, 10, 10, 0]
    assert count.sum().loc["B"].sum() == 0
    assert len(table.missing) == 30 * 25
    assert set(table.missing["reason"]) == {"channel was not taken"}


def test_planted_shortcuts_are_there_and_named():
    plants = Shortcuts(geometry=2.0, id_column=True, duplicates=3)
    made = simulate_table(80, settings=TableSettings(shortcuts=plants))
    table = made.table
    assert len(made.duplicates) == 3
    by_case = table.X.drop(columns="case_number").set_index(table.obs["case"])
    for copy, source in made.duplicates:
        assert (by_case.loc[copy] == by_case.loc[source]).all()
        assert copy != source
    order = table.obs.assign(number=table.X["case_number"]).sort_values("number")
    assert order["stage"].cat.codes.is_monotonic_increasing
    one = table.obs[table.obs["scanner"] == "A"]
    assert np.corrcoef(one["geom_matrix"], one["stage"].cat.codes)[0, 1] > 0.8
    clean = simulate_table(80).table
    assert "case_number" not in clean.X
    assert not clean.X.round(9).duplicated().any()


def test_table_survives_parquet(tmp_path):
    made = simulate_table(12, settings=TableSettings(features_per_channel=2))
    made.table.to_parquet(tmp_path / "t.parquet")
    back = FeatureTable.from_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(back.X, made.table.X)
    assert list(back.codebook["column"]) == list(back.X.columns)


def test_wrong_requests_are_refused():
    with pytest.raises(UsageError, match="at least one"):
        simulate_table(0)
    with pytest.raises(UsageError, match="one number for each stage"):
        simulate_table(
            4, settings=TableSettings(scanners=(TableScanner(name="A", stage_weights=(1,)),))
        )
    odd = TableScanner(name="A", missing={"ct": (0, 0, 0, 0)})
    with pytest.raises(UsageError, match="unknown channel"):
        simulate_table(4, settings=TableSettings(scanners=(odd,)))
