from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import somersd

from radiofib import stats
from radiofib.errors import UsageError


def cohort(seed, n=80, k=4):
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(k), np.arange(k), rng.integers(0, k, n)])
    return y, (rng.normal(size=y.size) + 0.6 * y).round(1)


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_c_index_is_somers_d_of_all_pairs(seed):
    y, score = cohort(seed, 40)
    found = stats.ordinal_c_index(y, score, 4)
    assert 2 * found.value - 1 == pytest.approx(somersd(y, score).statistic, abs=1e-12)
    same = stats.obuchowski(y, score, 4, penalty=np.ones((4, 4)))
    assert same.value == pytest.approx(found.value, abs=1e-15)


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_two_stages_are_the_ordinary_auc(seed):
    y, score = cohort(seed, 30, 2)
    auc = stats.delong(y, score)
    for found in (
        stats.obuchowski(y, score, 2),
        stats.ordinal_c_index(y, score, 2),
        stats.standardised_auc(y, score, 2, [1], [0.3, 0.7]),
    ):
        assert found.value == pytest.approx(auc.value)
        assert (found.low, found.high) == pytest.approx((auc.low, auc.high), nan_ok=True)


def test_mix_of_the_sample_gives_the_auc_of_the_sample():
    y, score = cohort(1)
    mix = np.bincount(y)
    assert stats.standardised_auc(y, score, 4, [3], mix).value == pytest.approx(
        stats.auc(y == 3, score)
    )
    extreme = stats.standardised_auc(y, score, 4, [3], [1, 0, 0, 1])
    pairs = stats.pairwise_auc(y, score, 4)
    row = pairs[(pairs["lower"] == 0) & (pairs["higher"] == 3)].iloc[0]
    assert extreme.value == pytest.approx(row["auc"])
    assert extreme.low == pytest.approx(row["ci_low"])
    only = stats.standardised_auc(y, score, 4, [3], [1, 1, 1, 1], negative=[0])
    assert only.value == pytest.approx(row["auc"])


def test_interval_covers_and_equals_a_bootstrap():
    y, score = cohort(2, 200)
    found = stats.obuchowski(y, score, 4)
    weights = np.triu(np.outer(np.bincount(y), np.bincount(y)), 1).astype(float)
    loss = np.abs(np.subtract.outer(np.arange(4), np.arange(4))) / 3
    weights *= loss / np.triu(weights, 1).sum()

    def measure(w):
        total = np.ones(len(w))
        for i, j in np.argwhere(weights > 0):
            rows = (y == i) | (y == j)
            right, pairs = stats.weighted_pairs(y[rows] == j, score[rows], w[:, rows])
            total -= weights[i, j] * (1 - right / pairs)
        return total

    drawn = stats.bootstrap(measure, y, kind="percentile", n_boot=1500)
    assert found.value == pytest.approx(drawn.value)
    assert found.high - found.low == pytest.approx(drawn.width, rel=0.08)


def test_repeated_rows_of_a_patient_change_nothing():
    y, score = cohort(3, 60)
    many = np.tile(np.arange(y.size), 10)
    for function, extra in (
        (stats.obuchowski, {}),
        (stats.ordinal_c_index, {}),
        (stats.standardised_auc, {"positive": [2, 3], "mix": [1, 2, 3, 4]}),
    ):
        once = function(y, score, 4, **extra)
        again = function(y[many], score[many], 4, clusters=many, **extra)
        assert (again.low, again.high) == pytest.approx((once.low, once.high), abs=1e-12)


@pytest.mark.parametrize("average", ["macro", "weighted", "micro", "hand_till"])
def test_several_classes_equal_a_bootstrap_and_keep_repeated_patients(average):
    rng = np.random.default_rng(4)
    y = np.repeat([0, 1, 2], [50, 40, 60])
    proba = rng.dirichlet([1, 1, 1], 150) + 0.3 * (y[:, None] == [0, 1, 2])
    found = stats.multiclass_auc_interval(y, proba, average)
    assert found.value == stats.multiclass_auc(y, proba, average)
    drawn = [
        stats.multiclass_auc(y[rows], proba[rows], average)
        for rows in rng.integers(0, 150, (400, 150))
    ]
    assert found.high - found.value == pytest.approx(1.96 * np.std(drawn), rel=0.12)
    many = np.tile(np.arange(150), 3)
    again = stats.multiclass_auc_interval(y[many], proba[many], average, clusters=many)
    assert (again.low, again.high) == pytest.approx((found.low, found.high), abs=1e-12)


def test_two_classes_are_delong_in_every_average():
    rng = np.random.default_rng(5)
    y = np.repeat([0, 1], 60)
    p = rng.uniform(size=120) * 0.5 + 0.3 * y
    found = stats.delong(y, p)
    proba = np.column_stack([1 - p, p])
    for average in ("macro", "hand_till"):
        ours = stats.multiclass_auc_interval(y, proba, average)
        assert ours.value == pytest.approx(found.value)
        # One stratum: the factor is n / (n - 1), not that of the class.
        assert ours.width == pytest.approx(found.width, rel=0.01)


def test_what_cannot_be_judged():
    perfect = stats.obuchowski([0, 0, 1, 1, 2, 2], range(6), 3)
    assert perfect.value == 1
    assert math.isnan(perfect.low)
    assert "no spread" in perfect.note
    constant = stats.obuchowski([0, 0, 1, 1], [1, 1, 1, 1], 2)
    assert (constant.value, math.isnan(constant.low)) == (0.5, True)
    absent = stats.pairwise_auc([0, 0, 2, 2], [1, 2, 3, 4], 3)
    assert absent["auc"].isna().tolist() == [True, False, True]
    with pytest.raises(UsageError, match="do not occur in the sample"):
        stats.standardised_auc([0, 0, 2, 2], [1, 2, 3, 4], 3, [2], [1, 1, 1])
    with pytest.raises(UsageError, match="must be apart"):
        stats.standardised_auc([0, 1], [1, 2], 2, [1], [1, 1], negative=[1])
    with pytest.raises(UsageError, match="two different stages"):
        stats.obuchowski([1, 1, 1], [1, 2, 3], 3)
    with pytest.raises(UsageError, match="unknown penalty"):
        stats.obuchowski([0, 1], [1, 2], 2, penalty="square")
    sure = stats.multiclass_auc_interval([0, 0, 1, 1], np.eye(2)[[0, 0, 1, 1]])
    assert math.isnan(sure.low)
