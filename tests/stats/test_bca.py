from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import bootstrap

from radiofib import stats
from radiofib.errors import UsageError


def test_equals_scipy_on_the_same_skewed_sample():
    x = np.random.default_rng(1).lognormal(size=60)
    ours = stats.bootstrap(lambda w: w @ x / w.sum(axis=1), np.zeros(60), n_boot=20_000)
    theirs = bootstrap(
        (x,), np.mean, method="BCa", n_resamples=20_000, rng=np.random.default_rng(2)
    ).confidence_interval
    width = theirs.high - theirs.low
    # Rao-Wu weights widen by sqrt(60 / 59), 0.8 %.
    assert [ours.low, ours.high] == pytest.approx([theirs.low, theirs.high], abs=0.04 * width)
    jackknife = (x.sum() - x) / 59
    skew = ((jackknife.mean() - jackknife) ** 3).sum()
    spread = ((jackknife.mean() - jackknife) ** 2).sum()
    assert stats.acceleration(jackknife) == pytest.approx(skew / (6 * spread**1.5))


def test_repeated_rows_of_a_patient_change_nothing():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [30, 25])
    score = rng.normal(size=55) + y

    def area(labels, values):
        def statistic(weights):
            right, pairs = stats.weighted_pairs(labels, values, weights)
            return right / pairs

        return statistic

    once = stats.bootstrap(area(y, score), y, n_boot=400)
    many = np.tile(np.arange(55), 10)
    again = stats.bootstrap(area(y[many], score[many]), y[many], many, n_boot=400)
    assert (again.low, again.high) == pytest.approx((once.low, once.high), abs=1e-12)
    assert once.low < once.value < once.high


def test_groups_of_patients_give_nearly_the_same_acceleration():
    x = np.random.default_rng(3).exponential(size=3000)
    values = []
    for most in (3000, 500):
        weights, groups = stats.jackknife_weights(np.zeros(3000), most)
        values.append(stats.acceleration(weights @ x / 3000, groups))
    assert values[1] == pytest.approx(values[0], rel=0.25)


def test_never_at_perfect_separation_nor_without_spread():
    y, score = np.repeat([0, 1], [5, 65]), np.arange(70.0)

    def area(weights):
        right, pairs = stats.weighted_pairs(y, score, weights)
        return right / pairs

    found = stats.bootstrap(area, y, n_boot=200)
    assert (found.value, found.method) == (1.0, "none")
    assert math.isnan(found.low)
    assert "no spread" in found.note
    beside = stats.bca_interval(0.0, [1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
    assert "one side" in beside.note
    assert math.isnan(stats.bca_interval(math.nan, [1.0, 2.0], [1.0, 2.0]).low)
    assert math.isnan(stats.bca_interval(1.0, [math.nan] * 3 + [1.0], [1.0, 2.0]).low)


def test_strata_of_patients():
    strata = stats.patient_strata([0, 0, 1, 1, 0], ["b", "a", "b", "c", "a"])
    assert strata == ["0", "0+1", "1"]
    weights, groups = stats.jackknife_weights(["x", "y", "y"])
    assert groups.tolist() == [1, 1]
    assert weights.tolist() == [[1, 0, 2], [1, 2, 0]]
    with pytest.raises(UsageError, match="do not fit in memory"):
        stats.bootstrap(lambda w: w.sum(axis=1), np.arange(5) % 2, n_boot=100_000_000)
    with pytest.raises(UsageError, match="unknown bootstrap"):
        stats.bootstrap(lambda w: w.sum(axis=1), [0, 1], kind="BCA")
