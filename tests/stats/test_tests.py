"""Paired decisions, multiple comparisons, correlations, trends and permutations."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, false_discovery_control, kendalltau, pearsonr, spearmanr
from statsmodels.stats.contingency_tables import cochrans_q, mcnemar
from statsmodels.stats.multitest import multipletests

from radiofib import stats
from radiofib.errors import UsageError


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_equals_statsmodels(b, c):
    table = [[3, b], [c, 4]]
    for ours, options in (
        ("exact", {"exact": True}),
        ("chi-square", {"exact": False, "correction": False}),
        ("corrected", {"exact": False, "correction": True}),
    ):
        found = stats.mcnemar(b, c, ours)
        if b + c == 0 or (ours == "corrected" and b == c):
            assert found.p == 1
        else:
            assert found.p == pytest.approx(mcnemar(table, **options).pvalue, abs=1e-12)
    if b + c:
        assert stats.mcnemar(b, c).p == pytest.approx(binomtest(b, b + c).pvalue, abs=1e-12)


def test_mcnemar_by_patient():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2, (2, 80))
    _, first, second, _ = stats.discordant(a, b)
    plain = stats.mcnemar(first, second, "chi-square")
    one = stats.mcnemar_by_patient(a, b, np.arange(80))
    many = np.tile(np.arange(80), 10)
    ten = stats.mcnemar_by_patient(a[many], b[many], many)
    assert (one.p, ten.p) == pytest.approx((plain.p, plain.p))
    assert stats.mcnemar_by_patient(a, a, np.arange(80)).p == 1


def test_difference_of_paired_shares():
    # Newcombe RG. Stat Med 1998;17:2635-2650, table III: method 10.
    found = stats.paired_difference(36, 12, 2, 0)
    assert (found.low, found.high) == pytest.approx((0.0569, 0.3404), abs=5e-5)
    one = stats.paired_difference(0, 29, 0, 1)
    assert 0.5 < one.low < one.value < one.high <= 1
    assert stats.paired_difference(5, 0, 0, 5).value == 0
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2, (2, 50))
    counts = stats.discordant(a, b)
    assert sum(counts) == 50
    assert stats.paired_difference(*counts).value == pytest.approx(a.mean() - b.mean())


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_cochran_equals_statsmodels(seed):
    table = np.random.default_rng(seed).integers(0, 2, (20, 3))
    theirs = cochrans_q(table)
    found = stats.cochran_q(table)
    assert found.statistic == pytest.approx(theirs.statistic)
    assert found.p == pytest.approx(theirs.pvalue)
    both, first, second, _ = stats.discordant(table[:, 0], table[:, 1])
    two = stats.cochran_q(table[:, :2])
    assert two.p == pytest.approx(stats.mcnemar(first, second, "chi-square").p)
    assert both >= 0


@pytest.mark.parametrize("n", [1, 4, 20])
def test_adjusted_p_equal_statsmodels(n):
    p = np.random.default_rng(n).uniform(size=n).round(2).tolist()
    for method in ("holm", "bonferroni"):
        assert stats.adjust_p(p, method) == pytest.approx(multipletests(p, method=method)[1])
    assert stats.adjust_p(p, "benjamini-hochberg") == pytest.approx(false_discovery_control(p))
    assert stats.adjust_p(p, "none").tolist() == p
    gap = stats.adjust_p([*p, math.nan])
    assert gap[:-1] == pytest.approx(stats.adjust_p(p))
    assert math.isnan(gap[-1])


def test_max_statistic_uses_the_dependence():
    rng = np.random.default_rng(0)
    alone = rng.normal(size=(5000, 1))
    same = np.repeat(alone, 5, axis=1)
    single = stats.max_statistic([2.0], alone)[0]
    assert stats.max_statistic([2.0] * 5, same) == pytest.approx(single)
    apart = stats.max_statistic([2.0] * 5, rng.normal(size=(5000, 5)))[0]
    assert apart == pytest.approx(1 - (1 - 0.0455) ** 5, abs=0.02)
    with_gap = stats.max_statistic([2.0, math.nan], np.column_stack([alone, alone * math.nan]))
    assert with_gap[0] == pytest.approx(single)
    assert math.isnan(with_gap[1])
    with pytest.raises(UsageError, match="one column for each"):
        stats.max_statistic([1.0, 2.0], alone)
    with pytest.raises(UsageError, match="between 0 and 1"):
        stats.adjust_p([0.2, 1.2])


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_correlations_equal_scipy(seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 9, 25).astype(float)
    y = x + rng.integers(0, 9, 25)
    frame = stats.correlations(x, y).set_index("method")
    for name, theirs in (
        ("pearson", pearsonr(x, y)),
        ("spearman", spearmanr(x, y)),
        ("kendall_tau_b", kendalltau(x, y, method="asymptotic")),
    ):
        assert frame.loc[name, "estimate"] == pytest.approx(theirs.statistic)
        assert frame.loc[name, "p"] == pytest.approx(theirs.pvalue, abs=1e-9)
    limits = pearsonr(x, y).confidence_interval()
    assert frame.loc["pearson", ["ci_low", "ci_high"]].tolist() == pytest.approx(list(limits))


def test_correlations_that_are_not_defined():
    flat = stats.correlations([1, 2, 3, 4], [5, 5, 5, 5])
    assert flat["note"].eq("not defined: no spread").all()
    line = stats.correlations([1, 2, 3, 4, 5], [2, 4, 6, 8, 10])
    assert line["estimate"].tolist() == pytest.approx([1, 1, 1])
    assert line["ci_low"].isna().all()


def test_jonckheere_by_enumeration():
    sizes, values = (2, 2, 2), np.array([1.0, 2, 3, 4, 5, 6])
    codes = np.repeat([0, 1, 2], sizes)
    everything = np.array(
        [
            stats.jonckheere(codes, values[list(order)], 3, method="normal").statistic
            for order in itertools.permutations(range(6))
        ]
    )
    observed = values[[1, 0, 2, 3, 5, 4]]
    found = stats.jonckheere(codes, observed, 3)
    extreme = np.mean(everything >= found.statistic)
    assert found.p == pytest.approx(min(1, 2 * extreme), abs=1e-12)
    rising = stats.jonckheere(codes, observed, 3, alternative="increasing")
    assert rising.p == pytest.approx(extreme, abs=1e-12)
    falling = stats.jonckheere(codes, -observed, 3, alternative="decreasing")
    assert falling.p == pytest.approx(rising.p)


def test_jonckheere_with_ties_has_the_variance_of_permutations():
    codes = np.repeat([0, 1, 2], [1, 2, 3])
    values = np.array([1.0, 1, 2, 2, 2, 3])
    drawn = np.array(
        [
            stats.jonckheere(codes, values[list(order)], 3).statistic
            for order in itertools.permutations(range(6))
        ]
    )
    found = stats.jonckheere(codes, values, 3)
    z = (found.statistic - drawn.mean()) / drawn.std()
    assert found.note == f"z = {z:.4f}; ties"
    with pytest.raises(UsageError, match="without ties"):
        stats.jonckheere(codes, values, 3, method="exact")
    assert "equal" in stats.jonckheere(codes, np.ones(6), 3).note
    with pytest.raises(UsageError, match="two stages"):
        stats.jonckheere([1, 1], [1, 2], 3)


def test_exact_and_normal_meet_at_sixty_cases():
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2, 3], 15)
    values = rng.normal(size=60) + 0.2 * codes
    exact = stats.jonckheere(codes, values, 4, method="exact")
    normal = stats.jonckheere(codes, values, 4, method="normal")
    assert exact.p == pytest.approx(normal.p, rel=0.2)


def test_trend_of_shares():
    rng = np.random.default_rng(0)
    stage = rng.integers(0, 4, 300)
    event = (rng.random(300) < 0.2 + 0.1 * stage).astype(int)
    found = stats.cochran_armitage(event, stage, 4)
    # The score test of a logistic regression on the stage: n r^2 of the two variables.
    assert found.statistic**2 == pytest.approx(300 * np.corrcoef(event, stage)[0, 1] ** 2)
    moved = stats.cochran_armitage(event, stage, 4, scores=[10, 30, 50, 70])
    assert moved.statistic == pytest.approx(found.statistic)
    assert "one outcome" in stats.cochran_armitage([1, 1], [0, 1], 2).note
    assert "one stage" in stats.cochran_armitage([1, 0], [1, 1], 2).note


@settings(max_examples=10)
@given(st.integers(0, 10_000))
def test_repeated_rows_keep_the_p_of_permutations(seed):
    rng = np.random.default_rng(seed)
    y = np.concatenate([[0, 1], rng.integers(0, 2, 20)])
    a, b = rng.normal(size=(2, 22)) + 0.5 * y
    many = np.tile(np.arange(22), 4)
    options = {"n_permutations": 199}
    one = stats.permutation_labels(y, a, **options)
    four = stats.permutation_labels(y[many], a[many], clusters=many, **options)
    assert four.statistic == pytest.approx(one.statistic)
    assert four.p == one.p
    one = stats.permutation_paired(y, a, b, **options)
    four = stats.permutation_paired(y[many], a[many], b[many], clusters=many, **options)
    assert four.statistic == pytest.approx(one.statistic)
    assert four.p == one.p


def test_permutations_agree_with_other_tests():
    rng = np.random.default_rng(3)
    y = np.repeat([0, 1], 60)
    signal = rng.normal(size=120) + y
    a, b = signal + 0.5 * rng.normal(size=120), signal + 1.2 * rng.normal(size=120)
    ours = stats.permutation_paired(y, a, b, n_permutations=1999)
    assert ours.p == pytest.approx(stats.delong_paired(y, a, b).p, abs=0.03)
    assert stats.permutation_paired(y, a, 2 * a, n_permutations=99).p == 1
    scanner = np.tile([0, 1], 60)
    blind = stats.permutation_labels(y, scanner, strata=scanner, n_permutations=99)
    assert blind.p == 1
    flat = stats.permutation_labels(y, np.ones(120), n_permutations=99)
    assert (flat.statistic, flat.p, flat.note) == (0.5, 1, "all scores are equal")
    with pytest.raises(UsageError, match="one label"):
        stats.permutation_labels([0, 1, 1], [1, 2, 3], clusters=["a", "a", "b"])
    with pytest.raises(UsageError, match="must be positive"):
        stats.permutation_labels([0, 1], [1, 2], n_permutations=0)
