from __future__ import annotations

import numpy as np
import pytest

from radiofib.errors import UsageError
from radiofib.simulate.audits import (
    LIFS_MIX,
    PLANTED,
    AuditPlants,
    PlantedCopies,
    simulate_audit_table,
)


def test_a_clean_table_has_nothing_planted_and_its_decoys():
    made = simulate_audit_table(120, seed=3)
    assert not made.wrong
    assert not made.follows
    assert not made.copies
    counts = made.table.obs.groupby("scanner")["stage"].value_counts()
    assert counts.max() - counts.min() <= 1
    voxels = made.table.X["ged4_original_shape_voxel_number"]
    assert (voxels % 1 == 0).all()
    assert made.table.X.filter(like="dwi_").isna().any(axis=1).mean() == pytest.approx(
        0.05, abs=0.04
    )
    # Numbers were given out in an order that says nothing of the stage.
    codes = made.table.obs["stage"].cat.codes
    assert abs(np.corrcoef(np.arange(120), codes)[0, 1]) < 0.25


def test_what_is_planted_is_there():
    made = simulate_audit_table(360, seed=5, plants=PLANTED)
    table, cases = made.table, made.table.obs.set_index("case")
    mix = table.obs.groupby("scanner")["stage"].value_counts().unstack()
    assert {s: tuple(row) for s, row in zip(mix.index, mix.to_numpy(), strict=True)} == LIFS_MIX
    rows = table.X.set_index(table.obs["case"]).drop(columns="case_number")
    exact = [(a, b) for a, b, same in made.copies if same]
    assert len(exact) == 8
    assert all(rows.loc[a].equals(rows.loc[b].rename(a)) for a, b in exact)
    assert sum(cases.loc[a, "split"] != cases.loc[b, "split"] for a, b in exact) >= 3
    assert sum(cases.loc[a, "stage"] != cases.loc[b, "stage"] for a, b in exact) == 2
    for a, b in [(a, b) for a, b, same in made.copies if not same]:
        gap = (rows.loc[a] - rows.loc[b]).abs()
        assert 0 < np.nanmedian(gap) < 0.2
    top = table.obs["stage"] == "s4"
    gone = table.X["dwi_original_sim_f001"].isna() & (table.obs["scanner"] == "B1")
    assert gone[~top].sum() > 15
    assert gone[top].sum() <= 4
    numbers = table.X["case_number"].groupby(table.obs["stage"], observed=True).agg(["min", "max"])
    assert (numbers["min"].to_numpy()[1:] > numbers["max"].to_numpy()[:-1]).all()


def test_a_seed_gives_one_table_and_torn_patients_are_in_both_splits():
    plants = AuditPlants(split_patients=3)
    a, b = (simulate_audit_table(40, seed=2, plants=plants, rows_per_patient=2) for _ in range(2))
    assert a.table.X.equals(b.table.X)
    assert a.table.obs.equals(b.table.obs)
    assert (a.table.obs.groupby("patient")["split"].nunique() == 2).sum() == 3
    assert a.wrong == {"patients_across_splits"}
    with pytest.raises(UsageError, match="cannot be torn apart"):
        simulate_audit_table(40, plants=plants)
    with pytest.raises(UsageError, match="too few rows for the copies"):
        simulate_audit_table(6, plants=AuditPlants(copies=(PlantedCopies(pairs=9),)))
