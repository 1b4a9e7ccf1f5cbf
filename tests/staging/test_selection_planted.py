"""Selection finds what was planted, and little where nothing was.

Simulators and thresholds were committed before the methods had been run on them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofib.staging.relevance import RelevanceFilter
from radiofib.staging.stability import StabilityFilter

SEEDS = range(10)
#: Seeds of 10 in which everything planted has to be found.
FOUND = 9


def _cohort(seed, *, groups, per_group, effect, planted=4, n=240):
    """Columns in groups that correlate at 0.8; the first groups rise with the stage."""
    rng = np.random.default_rng(seed)
    stage = rng.permutation(np.arange(n) % 4)
    group = rng.normal(size=(n, groups))
    group[:, :planted] += effect * (stage - 1.5)[:, None]
    of = np.repeat(np.arange(groups), per_group)
    X = group[:, of]
    if per_group > 1:
        X = X + 0.5 * rng.normal(size=X.shape)
    order = rng.permutation(len(of))
    frame = pd.DataFrame(X[:, order], columns=[f"us_g{of[j]}_f{j}" for j in order])
    return frame, stage, of[order]


def test_mrmr_takes_one_of_each_group_before_it_takes_noise():
    found, noise = 0, 0
    for seed in SEEDS:
        X, stage, of = _cohort(seed, groups=20, per_group=10, effect=0.8)
        kept = of[RelevanceFilter(8).fit(X, stage).kept_]
        found += set(range(4)) <= set(kept.tolist())
        noise += bool((kept >= 4).any())
    assert found >= FOUND
    assert noise <= len(SEEDS) - FOUND


@pytest.mark.slow
def test_stability_finds_the_planted_columns_and_few_others():
    found, false = 0, []
    for seed in SEEDS:
        X, stage, of = _cohort(100 + seed, groups=100, per_group=1, effect=0.5)
        kept = of[StabilityFilter(0.7, per_half=8, pairs=10).fit(X, stage).kept_]
        found += set(range(4)) <= set(kept.tolist())
        false.append(int((kept >= 4).sum()))
    assert found >= FOUND
    assert np.mean(false) <= 8**2 / ((2 * 0.7 - 1) * 100)


@pytest.mark.slow
def test_stability_keeps_to_its_bound_where_nothing_is_planted():
    false = []
    for seed in SEEDS:
        X, stage, _ = _cohort(200 + seed, groups=100, per_group=1, effect=0.0)
        step = StabilityFilter(0.7, per_half=8, pairs=10).fit(X, stage)
        false.append(int((step.value_ >= 0.7).sum()))
    assert np.mean(false) <= 8**2 / ((2 * 0.7 - 1) * 100)
