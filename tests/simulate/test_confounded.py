"""What the cohorts for scanners and lost blocks are meant to be, they are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofib.simulate.cohorts import simulate_table
from radiofib.simulate.confounded import BLOCK_COHORTS, SCANNER_COHORTS


@pytest.mark.parametrize("name", SCANNER_COHORTS)
def test_scanner_and_stage_go_together_only_where_they_should(name):
    made = simulate_table(360, seed=1, settings=SCANNER_COHORTS[name])
    obs = made.table.obs
    mix = pd.crosstab(obs["scanner"], obs["stage"], normalize="index")
    plain = name.endswith("plain")
    assert (np.ptp(mix["s4"]) < 0.02) == plain
    # Every scanner has both ends, or nothing could be measured where it is left out.
    assert pd.crosstab(obs["scanner"], obs["stage"]).min(axis=None) >= 9
    assert (made.shifts == 0).all(axis=None) == plain
    means = made.table.X.groupby(obs["scanner"]).mean()
    assert (np.ptp(means.to_numpy(), axis=0).mean() < 0.5) == plain
    assert (SCANNER_COHORTS[name].stage_law.step == 0) == (name == "nothing")


def test_blocks_are_missing_at_random():
    for settings in BLOCK_COHORTS.values():
        table = simulate_table(400, seed=2, settings=settings).table
        gone = table.X.isna().T.groupby(lambda c: c.split("_")[0]).all().T
        assert gone.mean().to_dict() == pytest.approx(
            {"dwi": 0.2, "ged4": 0.0, "t1": 0.1, "t2": 0.0}, abs=0.02
        )
        by_stage = gone["dwi"].groupby(table.obs["stage"], observed=True).mean()
        assert np.ptp(by_stage) < 0.05
