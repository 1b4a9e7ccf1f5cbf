from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib import stats
from radiofib.errors import UsageError


def cohort(seed, n=200):
    rng = np.random.default_rng(seed)
    p = rng.beta(2, 3, n)
    return (rng.random(n) < p).astype(int), p


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.floats(0.02, 0.98))
def test_net_benefit_is_its_formula(seed, cut):
    y, p = cohort(seed, 50)
    tp, fp = np.sum((p >= cut) & (y == 1)), np.sum((p >= cut) & (y == 0))
    row = stats.decision_curve(y, p, [cut]).iloc[0]
    assert row["net_benefit"] == pytest.approx(tp / 50 - fp / 50 * cut / (1 - cut))
    everybody = stats.net_benefit(y, np.ones(50), cut)
    assert row["treat_all"] == pytest.approx(everybody.value)
    against = stats.net_benefit_difference(y, p, thresholds=[cut]).iloc[0]
    assert against["difference"] == pytest.approx(row["net_benefit"] - row["treat_all"])
    assert (row["n"], row["n_pos"]) == (50, y.sum())


def test_intervals_equal_a_bootstrap():
    y, p = cohort(0)
    found = stats.decision_curve(y, p, [0.3]).iloc[0]
    treated = p >= 0.3

    def benefit(w):
        return (w @ (treated & (y == 1)) - w @ (treated & (y == 0)) * 3 / 7) / w.sum(axis=1)

    def standard(w):
        return benefit(w) / (w @ y / w.sum(axis=1))

    for statistic, low, high in (
        (benefit, "ci_low", "ci_high"),
        (standard, "standardised_low", "standardised_high"),
    ):
        drawn = stats.bootstrap(statistic, np.zeros(200), kind="percentile", n_boot=4000)
        assert found[high] - found[low] == pytest.approx(drawn.width, rel=0.06)


def test_repeated_rows_of_a_patient_change_nothing():
    y, p = cohort(1, 80)
    many = np.tile(np.arange(80), 10)
    for function in (stats.decision_curve, stats.net_benefit_difference):
        once = function(y, p, thresholds=[0.2, 0.5])
        again = function(y[many], p[many], thresholds=[0.2, 0.5], clusters=many)
        for column in ("ci_low", "ci_high"):
            assert again[column].to_numpy() == pytest.approx(once[column].to_numpy(), abs=1e-12)


def test_notes_on_what_cannot_be_judged():
    nobody = stats.net_benefit([0, 1], [0.1, 0.2], 0.5)
    assert (nobody.value, nobody.note) == (0.0, "nobody is treated")
    assert math.isnan(nobody.low)
    negative = stats.decision_curve([0, 0], [0.1, 0.9], [0.5]).iloc[0]
    assert math.isnan(negative["standardised"])
    assert "no positive case" in negative["note"]
    assert "decisions" in stats.net_benefit([0, 1], [0, 1], 0.5).note


@pytest.mark.parametrize(
    ("p", "thresholds", "message"),
    [
        ([4, 7], None, "needs probabilities"),
        ([0.2, math.nan], None, "finite"),
        ([0.2, 0.3], [0.0], "between 0 and 1"),
        ([0.2, 0.3], [1.0], "between 0 and 1"),
        ([0.2], None, "differ in length"),
    ],
)
def test_unusable_input_is_refused(p, thresholds, message):
    with pytest.raises(UsageError, match=message):
        stats.decision_curve([0, 1], p, thresholds)
