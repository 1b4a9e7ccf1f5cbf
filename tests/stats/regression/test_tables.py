"""Sample size, nomogram, proportionality, influence and splits: what must hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofib.errors import UsageError
from radiofib.stats.regression import (
    additive,
    expected_shrinkage,
    influence,
    logistic,
    minimum_sample_size,
    partial_proportional_odds,
    points_table,
    positive_probability,
    proportional_odds,
    proportionality,
    random_intercept,
    spline_knots,
    stage_probabilities,
    total_points,
)
from radiofib.stats.regression.nomogram import nice_values
from tests.stats.regression.test_fits import LEVELS, ordered_data


def test_sample_size_of_the_published_example():
    """Riley et al. 2019, Chagas disease: 24 parameters, R2 0.288, prevalence 0.174."""
    table = minimum_sample_size(24, [0.826, 0.174], r2=0.288).set_index("criterion")
    assert table["n"].tolist() == [623, 662, 221, 662]
    assert table.loc["largest", "events"] == 116


def test_sample_size_when_nothing_is_known():
    few, many = (minimum_sample_size(p, [0.2, 0.3, 0.3, 0.2])["n"].iloc[-1] for p in (10, 40))
    assert many == pytest.approx(4 * few, rel=0.01)
    assert expected_shrinkage(int(many), 40, 0.1) > expected_shrinkage(int(few), 40, 0.1)
    with pytest.raises(UsageError, match="sum to one"):
        minimum_sample_size(3, [0.5, 0.2])
    with pytest.raises(UsageError, match="out of reach"):
        minimum_sample_size(3, [0.95, 0.05], r2=0.6)


def test_points_add_up_to_the_model():
    X, y = ordered_data()
    X["b"] = -3 * X["b"] + 100
    for fit in (proportional_odds(X, y, LEVELS), logistic(X, y > 0)):
        points = points_table(fit, X)
        assert points["points"].min() == 0
        assert points["points"].max() == pytest.approx(100)
        case = X.iloc[0]
        mine = sum(
            np.interp(case[t], *points[points["term"] == t][["value", "points"]].to_numpy().T)
            for t in fit.terms
        )
        totals = total_points(fit, X)
        last = totals[totals["cut"] == fit.cuts[-1]]
        if fit.kind == "logistic":
            truth = positive_probability(fit, X.head(1))[0]
        else:
            truth = stage_probabilities(fit, X.head(1))[0, -1]
        chance = np.interp(mine, last["total"], last["probability"])
        assert chance == pytest.approx(truth, abs=0.01)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3.7, 12.2), (1e-7, 3e-7), (5e4, 9.1e6)])
def test_nice_values_cover_the_range(low, high):
    values = nice_values(low, high)
    assert values[0] <= low
    assert values[-1] >= high
    assert 3 <= len(values) <= 9
    assert np.diff(values) == pytest.approx(np.diff(values)[0])


def test_influence_is_what_leaving_a_case_out_does():
    X, y = ordered_data(120)
    fit = proportional_odds(X, y, LEVELS)
    table = influence(fit, X, y)
    worst = int(table["cook"].argmax())
    keep = np.arange(120) != worst
    without = proportional_odds(X[keep], y[keep], LEVELS)
    moved = fit.estimates - without.estimates
    assert table.filter(like="dfbeta").iloc[worst].to_numpy() == pytest.approx(moved, abs=0.02)
    assert table["leverage"].sum() == pytest.approx(4, rel=0.02)


def test_rejection_rates_of_proportional_data_are_nominal():
    """On data that are proportional, about one in twenty is rejected by each test."""
    rejected = {"likelihood ratio": 0, "score": 0, "Brant": 0}
    for seed in range(60):
        X, y = ordered_data(150, seed=seed)
        table = proportionality(X, y, LEVELS)
        for row in table[table["term"] == ""].itertuples():
            rejected[row.test] += row.p < 0.05
    # 60 x 0.05 = 3; 9 or more has a chance of 0.4 %.
    assert all(count <= 8 for count in rejected.values()), rejected


def test_a_term_that_is_not_proportional_is_found():
    rng = np.random.default_rng(0)
    a = rng.normal(size=600)
    first, second = (2 * a + rng.logistic(size=600) > 0), (rng.random(600) > 0.5)
    y = np.where(first, 1 + second, 0)  # a matters for the first cut much more
    table = proportionality(a[:, None], y, LEVELS, names=["a"])
    assert (table["p"] < 1e-6).all()
    fit = partial_proportional_odds(a[:, None], y, LEVELS, ["a"], names=["a"])
    assert fit.slopes[0] > fit.slopes[1] + 0.5
    assert fit.terms == ("a[s1|s2]", "a[s2|s3]")


def test_brants_test_says_when_its_covariance_is_none():
    """Few cases and close cuts: the separate fits have no covariance that joins them."""
    found = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(36, 4))
        y = np.digitize(X[:, 0] + rng.logistic(size=36), [-1.2, -0.4, 0.4, 1.2])
        table = proportionality(X, y, list("abcde"))
        found.append(table[table["test"] == "Brant"])
    frame = pd.concat(found)
    assert (frame["statistic"].dropna() >= 0).all()
    unsound = frame[frame["note"].str.contains("not positive definite")]
    assert len(unsound) > 0
    assert unsound["p"].isna().all()


def test_two_levels_or_separation_have_no_test():
    X, y = ordered_data()
    assert proportionality(X, y > 0, ["a", "b"]).empty
    a = np.linspace(-1, 1, 60)[:, None]
    table = proportionality(a, np.digitize(a[:, 0], [-0.5, 0.5]), LEVELS)
    assert table["p"].isna().all()
    assert table["note"].str.contains("separate").all()


def test_splines_and_random_intercepts_refuse_what_they_cannot_do():
    X, y = ordered_data()
    with pytest.raises(UsageError, match="too few different values"):
        spline_knots(np.r_[np.zeros(50), np.ones(50)])
    with pytest.raises(UsageError, match="unknown term"):
        additive(X, y, LEVELS, bent=["z"])
    with pytest.raises(UsageError, match="at least two groups"):
        random_intercept(X, y, LEVELS, np.repeat("m", len(y)))


def test_equal_scanners_have_no_spread():
    X, y = ordered_data(90)
    model = random_intercept(X, y, LEVELS, np.resize(["a", "b", "c"], 90))
    assert model.sd < 0.3
    assert model.p > 0.2
    assert "fewer than 5 groups" in model.note
    plain = proportional_odds(X, y, LEVELS)
    assert model.fit.slopes == pytest.approx(plain.slopes, abs=0.1)


def test_curves_are_zero_at_the_median():
    X, y = ordered_data(200)
    model = additive(pd.DataFrame(X), y, LEVELS, bent=["a"], knots=3)
    at = np.interp(X["a"].median(), model.curves["value"], model.curves["effect"])
    assert at == pytest.approx(0, abs=0.02)
    assert (model.curves["ci_low"] <= model.curves["effect"]).all()
