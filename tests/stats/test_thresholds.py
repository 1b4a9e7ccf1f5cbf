from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats.contingency import odds_ratio, relative_risk

from radiofib import stats
from radiofib.errors import UsageError


def cohort(seed, n=100):
    rng = np.random.default_rng(seed)
    y = np.concatenate([[0, 1], rng.integers(0, 2, n)])
    return y, (rng.normal(size=y.size) + y).round(1)


def rates(y, score, cut):
    called = score >= cut
    return called[y == 1].mean(), 1 - called[y == 0].mean()


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.floats(0.5, 1), st.floats(0.5, 1))
def test_chosen_cutoffs_are_the_best_of_all(seed, wanted_se, wanted_sp):
    y, score = cohort(seed, 40)
    grid = np.concatenate([[-np.inf], np.unique(score) + 0.05, [np.inf]])
    each = np.array([rates(y, score, c) for c in grid])
    best = stats.choose_cutoffs(y, score, "youden")
    assert sum(rates(y, score, best.high)) == pytest.approx(each.sum(axis=1).max())
    out = stats.choose_cutoffs(y, score, "sensitivity", sensitivity=wanted_se)
    se, sp = rates(y, score, out.low)
    assert se >= wanted_se - 1e-9
    assert sp == pytest.approx(each[each[:, 0] >= wanted_se - 1e-9, 1].max())
    into = stats.choose_cutoffs(y, score, "specificity", specificity=wanted_sp)
    se, sp = rates(y, score, into.high)
    assert sp >= wanted_sp - 1e-9
    assert se == pytest.approx(each[each[:, 1] >= wanted_sp - 1e-9, 0].max())
    both = stats.choose_cutoffs(y, score, "dual", sensitivity=wanted_se, specificity=wanted_sp)
    if both.note:
        assert both.low == both.high
        assert rates(y, score, both.low)[0] >= wanted_se - 1e-9
        assert rates(y, score, both.high)[1] >= wanted_sp - 1e-9
    else:
        assert (both.low, both.high) == (out.low, into.high)


def test_two_cutoffs_leave_some_undecided():
    y, score = cohort(0, 300)
    cut = stats.choose_cutoffs(y, score, "dual", sensitivity=0.95, specificity=0.95)
    test_y, test_score = cohort(1, 200)
    frame = stats.apply_cutoffs(test_y, test_score, cut, prevalence=0.1).set_index("metric")
    between = (test_score >= cut.low) & (test_score < cut.high)
    assert frame.loc["undecided", "estimate"] == pytest.approx(between.mean())
    decided = frame.loc["accuracy_of_decided"]
    right = (test_score >= cut.high) == (test_y == 1)
    assert decided["estimate"] == pytest.approx(right[~between].mean())
    assert decided["n"] == (~between).sum()
    assert frame.loc["npv_at_prevalence_0.1", "estimate"] > frame.loc["npv", "estimate"]
    assert frame.loc["ppv_at_prevalence_0.1", "estimate"] < frame.loc["ppv", "estimate"]
    assert frame["rule"].str.contains("chosen on 302 cases").all()
    exact = stats.apply_cutoffs(test_y, test_score, cut, interval="exact").set_index("metric")
    assert exact.loc["sensitivity", "method"] == "Clopper-Pearson"


def test_repeated_rows_of_a_patient_change_nothing():
    y, score = cohort(2, 150)
    many = np.tile(np.arange(y.size), 10)
    for rule in ("youden", "dual"):
        cut = stats.choose_cutoffs(y, score, rule, sensitivity=0.95, specificity=0.95)
        once = stats.apply_cutoffs(y, score, cut, prevalence=0.2)
        again = stats.apply_cutoffs(y[many], score[many], cut, prevalence=0.2, clusters=many)
        for column in ("estimate", "ci_low", "ci_high"):
            assert again[column].to_numpy() == pytest.approx(once[column].to_numpy())
        narrow = stats.apply_cutoffs(y[many], score[many], cut)
        assert narrow["ci_low"].iloc[0] > once["ci_low"].iloc[0]


def test_alike_cases_of_a_patient_count_less():
    rng = np.random.default_rng(0)
    of_patient = rng.random(60) < 0.7
    cases = np.repeat(of_patient, 5) ^ (rng.random(300) < 0.1)
    patients = np.repeat(np.arange(60), 5)
    size = stats.effective_size(cases, patients)
    assert 60 < size < 150
    shuffled = stats.effective_size(cases, rng.permutation(patients))
    assert shuffled > 230
    all_right = stats.proportion(np.ones(300), patients)
    assert all_right.low == pytest.approx(stats.wilson(60, 60).low)
    assert stats.proportion([]).note == "no case"


def test_neighbouring_doubles_are_parted():
    low = 0.1
    high = np.nextafter(low, 1)
    cut = stats.choose_cutoffs([0, 0, 1, 1], [low, low, high, high])
    assert (cut.low, cut.high) == (high, high)
    huge = stats.choose_cutoffs([0, 1], [1.5e308, 1.7e308])
    assert np.isfinite(huge.high)


def test_one_class_and_nobody_called():
    cut = stats.choose_cutoffs([0, 0, 1, 1], [1, 2, 3, 4])
    frame = stats.apply_cutoffs([0, 0, 0], [1, 2, 2], cut).set_index("metric")
    assert frame.loc["specificity", "estimate"] == 1
    assert math.isnan(frame.loc["sensitivity", "estimate"])
    assert frame.loc["ppv", "note"] == "no case"
    assert "empty" in frame.loc["positive_likelihood_ratio", "note"]
    constant = stats.choose_cutoffs([0, 1], [1, 1])
    assert math.isinf(constant.high)
    with pytest.raises(UsageError, match="unknown rule"):
        stats.choose_cutoffs([0, 1], [1, 2], "yuden")
    with pytest.raises(UsageError, match="sensitivity must lie"):
        stats.choose_cutoffs([0, 1], [1, 2], "dual", sensitivity=1.2)


def test_predictive_values_at_the_prevalence_at_hand():
    ppv, npv = stats.predictive_values(86, 96, 18, 24, 96 / 120)
    assert ppv.value == pytest.approx(86 / 92)
    assert npv.value == pytest.approx(18 / 28)
    zero, _ = stats.predictive_values(10, 10, 20, 20, 0.3)
    assert zero.value == 1
    assert 0.5 < zero.low < 1
    assert zero.note.startswith("a count is zero")
    with pytest.raises(UsageError, match="prevalence"):
        stats.predictive_values(1, 2, 1, 2, 0)


def test_likelihood_ratio_is_a_relative_risk():
    ours = stats.likelihood_ratio(86, 96, 6, 24)
    theirs = relative_risk(86, 96, 6, 24)
    interval = theirs.confidence_interval()
    assert ours.value == pytest.approx(theirs.relative_risk)
    assert (ours.low, ours.high) == pytest.approx((interval.low, interval.high))
    assert stats.likelihood_ratio(5, 5, 0, 5).value == math.inf


def test_interval_of_mcc_covers():
    rng = np.random.default_rng(0)
    cells = np.array([0.4, 0.1, 0.15, 0.35])
    truth = float(stats.mcc(cells.reshape(2, 2)))
    hits = 0
    for counts in rng.multinomial(80, cells, size=1500):
        found = stats.mcc_interval(counts.reshape(2, 2))
        hits += found.low <= truth <= found.high
    assert 0.93 < hits / 1500 < 0.97
    assert "perfect" in stats.mcc_interval([[5, 0], [0, 5]]).note
    assert "not defined" in stats.mcc_interval([[5, 0], [5, 0]]).note


def test_table_has_every_measure():
    counts = [[18, 6], [10, 86]]
    frame = stats.diagnostic_table(counts, prevalence=0.2).set_index("metric")
    plus, minus = (
        frame.loc[f"{sign}_likelihood_ratio", "estimate"] for sign in ("positive", "negative")
    )
    assert plus / minus == pytest.approx(odds_ratio(counts, kind="sample").statistic)
    inside = (frame["ci_low"] <= frame["estimate"]) & (frame["estimate"] <= frame["ci_high"])
    assert inside.all()
    with pytest.raises(UsageError, match="two by two"):
        stats.diagnostic_table([[1, 2, 3]])
