from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import trapezoid
from sklearn.metrics import roc_auc_score

from radiofib import stats
from radiofib.errors import UsageError


@st.composite
def scored(draw, least=2, most=40):
    """Labels with both classes, and scores with ties."""
    n = draw(st.integers(least, most))
    y = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n).filter(lambda v: 0 < sum(v) < n))
    score = draw(st.lists(st.integers(-5, 5), min_size=n, max_size=n))
    return np.array(y), np.array(score, dtype=float)


@given(scored())
def test_auc_equals_scikit_learn(case):
    y, score = case
    assert stats.auc(y, score) == pytest.approx(roc_auc_score(y, score), abs=1e-12)


@given(scored())
def test_area_under_curve_points_is_the_auc(case):
    y, score = case
    fpr, tpr, threshold = stats.roc_curve(y, score)
    assert trapezoid(tpr, fpr) == pytest.approx(stats.auc(y, score), abs=1e-12)
    assert (np.diff(threshold) < 0).all()


@given(scored(least=4))
def test_intervals_hold_the_auc(case):
    y, score = case
    for interval in (stats.auc_interval, stats.delong):
        found = interval(y, score)
        if not math.isnan(found.low):
            assert 0 <= found.low <= found.value <= found.high <= 1


@given(scored())
def test_turning_scores_mirrors_the_interval(case):
    y, score = case
    up, down = stats.auc_interval(y, score), stats.auc_interval(y, -score)
    assert up.value == pytest.approx(1 - down.value)
    if not math.isnan(up.low):
        assert up.low == pytest.approx(1 - down.high, abs=1e-9)


def test_variance_equals_its_definition():
    rng = np.random.default_rng(3)
    pos, neg = rng.normal(1, 1, 9).round(1), rng.normal(0, 1, 7).round(1)
    wins = (pos[:, None] > neg) + 0.5 * (pos[:, None] == neg)
    variance = wins.mean(1).var(ddof=1) / 9 + wins.mean(0).var(ddof=1) / 7
    found = stats.delong([1] * 9 + [0] * 7, np.concatenate([pos, neg]), level=0.5)
    assert found.value == pytest.approx(wins.mean())
    assert found.high - found.value == pytest.approx(0.6744897501960817 * math.sqrt(variance))


def test_perfect_separation_takes_newcombe():
    y = [0] * 5 + [1] * 65
    found = stats.auc_interval(y, np.arange(70))
    assert found.method == "Newcombe method 5"
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(0.795, abs=0.0005)
    assert found.note.startswith("sparse: 5 ")
    collapsed = stats.delong(y, np.arange(70))
    assert (collapsed.low, collapsed.high) == (1.0, 1.0)
    assert math.isnan(stats.logit_delong(y, np.arange(70)).low)


def test_newcombe_solves_its_equation():
    found = stats.newcombe(0.8, 30, 20)
    for theta in (found.low, found.high):
        n = 24
        spread = (
            theta
            * (1 - theta)
            / 600
            * (1 + n * (1 - theta) / (2 - theta) + n * theta / (1 + theta))
        )
        assert (0.8 - theta) ** 2 == pytest.approx(3.841458820694124 * spread, rel=1e-8)


def test_rule_of_intervals():
    y = np.repeat([0, 1], 40)
    score = np.concatenate([np.arange(40), np.arange(40) + 10])
    assert stats.auc_interval(y, score).method == "DeLong"
    few = np.concatenate([np.arange(35), np.arange(40, 80)])
    sparse = stats.auc_interval(y[few][30:], score[few][30:])
    assert sparse.method == "logit DeLong"
    assert "sparse" in sparse.note
    equal = stats.auc_interval(y, np.ones(80))
    assert (equal.value, equal.method) == (0.5, "none")
    assert math.isnan(equal.low)


def test_paired_test_of_a_score_with_itself():
    y, score = [0, 0, 1, 1], [1, 3, 2, 4]
    same = stats.delong_paired(y, score, score)
    assert (same.difference, same.z, same.p) == (0.0, 0.0, 1.0)
    turned = stats.delong_paired([0] * 5 + [1] * 5, range(10), [5, 1, 7, 2, 8, 3, 6, 4, 9, 0])
    back = stats.delong_paired([0] * 5 + [1] * 5, [5, 1, 7, 2, 8, 3, 6, 4, 9, 0], range(10))
    assert turned.z == -back.z
    assert turned.p == back.p


@given(st.integers(0, 2**32 - 1))
def test_multiclass_equals_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    y = np.concatenate([[0, 1, 2, 3], rng.integers(0, 4, 30)])
    proba = rng.dirichlet(np.ones(4), y.size)
    for ours, theirs in (
        ("macro", {"multi_class": "ovr", "average": "macro"}),
        ("weighted", {"multi_class": "ovr", "average": "weighted"}),
        ("micro", {"multi_class": "ovr", "average": "micro"}),
        ("hand_till", {"multi_class": "ovo", "average": "macro"}),
    ):
        expected = roc_auc_score(y, proba, **theirs)
        assert stats.multiclass_auc(y, proba, ours) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("y", "score", "message"),
    [
        ([1, 1], [0.1, 0.2], "both classes"),
        ([0, 2], [0.1, 0.2], "must hold 0 and 1"),
        ([0, 1], [0.1, math.nan], "finite"),
        ([0, 1], [0.1], "differ in length"),
        ([], [], "non-empty"),
    ],
)
def test_unusable_input_is_refused(y, score, message):
    with pytest.raises(UsageError, match=message):
        stats.auc(y, score)


def test_unknown_average_is_refused():
    with pytest.raises(UsageError, match="unknown average"):
        stats.multiclass_auc([0, 1], [[1, 0], [0, 1]], "makro")
    with pytest.raises(UsageError, match="at least two classes"):
        stats.multiclass_auc([0, 0], [[1, 0], [0, 1]])
