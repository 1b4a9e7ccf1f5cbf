from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from radiofib import stats
from radiofib.errors import UsageError


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(0, 1000))
def test_every_stratum_keeps_its_size(strata, seed):
    weights = stats.resample_weights(strata, 20, seed)
    assert weights.shape == (20, len(strata))
    assert (weights >= 0).all()
    for stratum in set(strata):
        members = np.array(strata) == stratum
        assert weights[:, members].sum(axis=1) == pytest.approx(np.full(20, members.sum()))
    assert (weights == stats.resample_weights(strata, 20, seed)).all()


def test_variance_of_a_mean_is_unbiased_in_small_strata():
    rng = np.random.default_rng(0)
    strata = np.repeat(np.arange(40), 3)
    x = rng.normal(size=120)
    means = stats.resample_weights(strata, 4000, 1) @ x / 120
    expected = sum(x[strata == s].var(ddof=1) * 3 for s in range(40)) / 120**2
    assert means.var() == pytest.approx(expected, rel=0.1)


@given(st.integers(0, 10_000))
def test_weights_mean_what_repeated_rows_mean(seed):
    rng = np.random.default_rng(seed)
    y = np.concatenate([[0, 1], rng.integers(0, 2, 15)])
    score = rng.integers(0, 6, y.size).astype(float)
    weights = rng.integers(0, 4, (3, y.size)).astype(float)
    weights[:, :2] += 1
    right, pairs = stats.weighted_pairs(y, score, weights)
    for row in range(3):
        repeats = weights[row].astype(int)
        expected = stats.auc(np.repeat(y, repeats), np.repeat(score, repeats))
        assert right[row] / pairs[row] == pytest.approx(expected, abs=1e-12)


def test_two_thousand_resamples_of_six_hundred_cases_are_quick():
    rng = np.random.default_rng(0)
    y, score = rng.integers(0, 2, 600), rng.normal(size=600)
    begin = time.process_time()
    right, _ = stats.weighted_pairs(y, score, stats.resample_weights(y, 2000, 0))
    assert right.size == 2000
    assert time.process_time() - begin < 5


def test_percentile_interval_says_what_it_left_out():
    values = np.concatenate([np.linspace(0, 1, 99), [math.nan]])
    found = stats.percentile_interval(0.5, values)
    assert found.note == "undefined in 1 of 100 resamples"
    assert found.low < 0.1
    lost = stats.percentile_interval(0.5, [0.5, math.nan, math.nan])
    assert lost.method == "none"
    assert math.isnan(lost.low)


def test_no_resamples_are_refused():
    with pytest.raises(UsageError, match="must be positive"):
        stats.resample_weights([0, 1], 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_pos", "n_neg", "area"), [(38, 17, 0.8), (100, 50, 0.8), (12, 10, 0.75)]
)
def test_interval_covers_the_truth_with_few_patients_in_a_fold(n_pos, n_neg, area):
    shift = math.sqrt(2) * norm.ppf(area)
    y = np.r_[np.ones(n_pos), np.zeros(n_neg)]
    fold = np.r_[np.arange(n_pos) % 5, np.arange(n_neg) % 5]
    hits = []
    for seed in range(400):
        score = np.random.default_rng(seed).normal(size=y.size) + shift * y
        weights = np.vstack([np.ones(y.size), stats.resample_weights(2 * fold + y, 400, seed)])
        sums = np.zeros((2, 401))
        for k in range(5):
            rows = fold == k
            sums += stats.weighted_pairs(y[rows], score[rows], weights[:, rows])
        value = sums[0] / sums[1]
        found = stats.percentile_interval(value[0], value[1:])
        hits.append(found.low <= area <= found.high)
    assert 0.92 <= np.mean(hits) <= 0.985
