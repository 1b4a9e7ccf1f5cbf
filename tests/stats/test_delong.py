from __future__ import annotations

import math
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib import stats
from radiofib.errors import UsageError


def cases(seed, n=40, k=2):
    rng = np.random.default_rng(seed)
    y = np.concatenate([[0, 0, 1, 1], rng.integers(0, 2, n)])
    return y, [(rng.normal(size=y.size) + y).round(1) for _ in range(k)]


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_covariance_equals_its_definition(seed):
    y, scores = cases(seed)
    wins = [
        (s[y == 1][:, None] > s[y == 0]) + 0.5 * (s[y == 1][:, None] == s[y == 0]) for s in scores
    ]
    m, n = wins[0].shape
    expected = np.cov([w.mean(1) for w in wins]) / m + np.cov([w.mean(0) for w in wins]) / n
    found = stats.auc_covariance([stats.placements(y, s) for s in scores])
    assert found == pytest.approx(expected, abs=1e-14)
    assert [stats.auc(y, s) for s in scores] == pytest.approx([w.mean() for w in wins], abs=1e-15)


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_repeated_rows_of_a_patient_change_nothing(seed):
    y, (a, b) = cases(seed)
    tenfold = np.tile(np.arange(y.size), 10)
    once = stats.delong_paired(y, a, b)
    again = stats.delong_paired(np.tile(y, 10), np.tile(a, 10), np.tile(b, 10), clusters=tenfold)
    for name in ("difference", "low", "high", "p", "covariance"):
        assert getattr(again, name) == pytest.approx(getattr(once, name), abs=1e-12)
    one = stats.auc_interval(y, a)
    ten = stats.auc_interval(np.tile(y, 10), np.tile(a, 10), clusters=tenfold)
    assert (ten.low, ten.high) == pytest.approx((one.low, one.high), abs=1e-12, nan_ok=True)
    unpaired = stats.delong_unpaired(y, a, y, b)
    repeated = stats.delong_unpaired(
        np.tile(y, 10), np.tile(a, 10), np.tile(y, 10), np.tile(b, 10), clusters=(tenfold, tenfold)
    )
    assert repeated.df == pytest.approx(unpaired.df)
    assert repeated.p == pytest.approx(unpaired.p)


def test_patients_with_both_classes_are_clustered_too():
    # Sums over patients of all pairs of cases, written out (Obuchowski 1997, equation 4).
    y = np.array([0, 1, 0, 1, 1, 0, 1, 0, 0, 1])
    score = np.array([1.0, 2, 3, 3, 5, 2, 4, 1, 4, 2])
    patients = np.array(list("aabbbccdde"))
    m = n = 5
    area = stats.auc(y, score)
    beats = [np.mean(s > score[y == 0]) + np.mean(s == score[y == 0]) / 2 for s in score]
    beaten = [np.mean(score[y == 1] > s) + np.mean(score[y == 1] == s) / 2 for s in score]
    ten, one, both = 0.0, 0.0, 0.0
    for patient in "abcde":
        rows = [i for i in range(10) if patients[i] == patient]
        up = sum(beats[i] - area for i in rows if y[i] == 1)
        down = sum(beaten[i] - area for i in rows if y[i] == 0)
        ten, one, both = ten + up**2, one + down**2, both + up * down
    i10 = len({p for p, c in zip(patients, y, strict=True) if c == 1})
    i01 = len({p for p, c in zip(patients, y, strict=True) if c == 0})
    expected = i10 / (i10 - 1) * ten / m**2 + i01 / (i01 - 1) * one / n**2
    expected += 2 * 5 / 4 * both / (m * n)
    found = stats.auc_covariance([stats.placements(y, score)], patients)
    assert found[0, 0] == pytest.approx(expected, abs=1e-15)


def test_several_scores_at_once():
    y, scores = cases(4, 60, 4)
    pair = stats.delong_several(y, scores[:2])
    paired = stats.delong_paired(y, *scores[:2])
    assert (pair.statistic, pair.p) == pytest.approx((paired.z**2, paired.p))
    every = stats.delong_several(y, scores)
    assert every.df == 3
    # Whatever the contrasts, the statistic is the same.
    matrix = stats.auc_covariance([stats.placements(y, s) for s in scores])
    areas = np.array([stats.auc(y, s) for s in scores])
    steps = np.diff(np.eye(4), axis=0)
    gap = steps @ areas
    assert every.statistic == pytest.approx(gap @ np.linalg.solve(steps @ matrix @ steps.T, gap))
    copied = stats.delong_several(y, [*scores, scores[0]])
    assert copied.df == 3
    assert copied.statistic == pytest.approx(every.statistic)
    same = stats.delong_several(y, [scores[0]] * 3)
    assert (same.p, same.note) == (1, "equal ranks")
    with pytest.raises(UsageError, match="two scores or more"):
        stats.delong_several(y, scores[:1])


def test_level_of_the_test_of_several_scores():
    rng = np.random.default_rng(0)
    y, hits = np.repeat([0, 1], 50), 0
    for _ in range(300):
        signal = rng.normal(size=100) + y
        hits += stats.delong_several(y, signal + rng.normal(size=(4, 100))).p < 0.05
    assert 0.02 < hits / 300 < 0.09


def test_a_million_cases_take_less_than_two_seconds():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 1_000_000)
    a, b = rng.normal(size=(2, y.size)) + y
    begin = time.process_time()
    found = stats.delong_paired(y, a, b)
    assert time.process_time() - begin < 2
    assert found.low < found.difference < found.high


def test_equal_ranks_are_no_difference_and_no_spread_has_no_test():
    y, (a, _) = cases(0)
    same = stats.delong_paired(y, a, 3 * a + 1)
    assert (same.difference, same.z, same.p, same.note) == (0, 0, 1, "equal ranks")
    apart = stats.delong_paired([0, 0, 1, 1], [1, 2, 3, 4], [4, 3, 2, 1])
    assert math.isnan(apart.p)
    assert apart.note == "no spread"
    both = stats.delong_paired([0, 0, 1, 1], [1, 2, 3, 4], [1, 2, 4, 5])
    assert (both.difference, both.note) == (0, "no spread")
    assert math.isnan(both.low)
    flat = stats.delong_unpaired([0, 0, 1, 1], [1, 1, 1, 1], [0, 0, 1, 1], [1, 1, 1, 1])
    assert math.isnan(flat.p)
    one = stats.delong_paired([0, 0, 1, 1], [1, 2, 3, 4], [1, 3, 2, 4])
    assert "perfect separation" in one.note


def test_too_few_patients_are_refused():
    with pytest.raises(UsageError, match="two patients in each class"):
        stats.delong_paired([0, 1, 1], [1, 2, 3], [3, 2, 1])
    with pytest.raises(UsageError, match="two patients in each class"):
        stats.delong_paired([0, 0, 1, 1], range(4), range(4), clusters=["a", "a", "b", "c"])
    for missing in (None, math.nan, pd.NA):
        with pytest.raises(UsageError, match=r"every case needs a patient.*position 1"):
            stats.delong([0, 1], [1, 2], clusters=pd.Series(["a", missing], dtype=object))
    with pytest.raises(UsageError, match="arrays differ in length"):
        stats.delong([0, 1], [1, 2], clusters=["a"])
