"""Properties of the fits that need no other program: scales, links, separation, bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import chdtri

from radiofib.errors import UsageError
from radiofib.stats.regression import (
    coefficients,
    firth,
    logistic,
    proportional_odds,
    separated,
    stage_probabilities,
)
from radiofib.stats.regression.cumulative import Likelihood
from radiofib.stats.regression.firth import _state, firth_solve
from radiofib.stats.regression.links import interval

LEVELS = ["s1", "s2", "s3"]


def ordered_data(n=150, seed=0, slope=1.0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 2)), columns=["a", "b"])
    latent = slope * X["a"] + rng.logistic(size=n)
    return X, np.digitize(latent, [-0.5, 1.0])


@pytest.mark.parametrize("link", ["logit", "probit"])
def test_derivatives_are_those_of_the_likelihood(link):
    X, y = ordered_data(60)
    free = X[["b"]].to_numpy()
    size = 2 + 1 + 2
    model = Likelihood(
        y, 3, X[["a"]].to_numpy(), free, np.linspace(0.5, 2, 60), link, np.full(size, 0.3)
    )
    at = np.array([-0.6, 0.9, 0.4, 0.1, 0.2])
    value, gradient, information = model(at)
    step = 1e-6 * np.eye(size)
    rise = [(model(at + s)[0] - model(at - s)[0]) / 2e-6 for s in step]
    bend = [(model(at + s)[1] - model(at - s)[1]) / 2e-6 for s in step]
    assert np.isfinite(value)
    assert gradient == pytest.approx(np.array(rise), rel=1e-6, abs=1e-6)
    assert information == pytest.approx(-np.array(bend), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("link", ["logit", "probit"])
def test_far_tails_keep_their_digits(link):
    u, low = np.array([-30.0, 31.0]), np.array([-31.0, 30.0])
    found = interval(u, low, link)
    assert found.log_p[0] == pytest.approx(found.log_p[1], rel=1e-9)
    assert np.isfinite(found.upper).all()
    assert interval(np.array([1.0]), np.array([1.0]), link).log_p[0] == -np.inf


@pytest.mark.parametrize(("scale", "shift"), [(1e-6, 3.0), (1e6, 0.0), (2.0, -80.0)])
@pytest.mark.parametrize("kind", ["ordered", "logistic", "firth"])
def test_units_change_the_slope_and_nothing_else(scale, shift, kind):
    X, y = ordered_data(40)
    moved = X.assign(a=X["a"] * scale + shift * scale)

    def fit(terms):
        if kind == "ordered":
            return proportional_odds(terms, y, LEVELS)
        return (logistic if kind == "logistic" else firth)(terms, y > 0)

    plain, other = fit(X), fit(moved)
    assert other.loglik == pytest.approx(plain.loglik, abs=1e-7)
    assert other.slopes[0] * scale == pytest.approx(plain.slopes[0], rel=1e-6)
    assert other.se[-2] * scale == pytest.approx(plain.se[-2], rel=1e-6)
    if plain.limits is not None:
        assert other.limits[1] * scale == pytest.approx(plain.limits[1], rel=1e-5)


def test_weights_count_cases():
    X, y = ordered_data(60)
    times = np.random.default_rng(1).integers(1, 4, 60)
    rows = np.repeat(np.arange(60), times)
    heavy = proportional_odds(X, y, LEVELS, weights=times)
    repeated = proportional_odds(X.iloc[rows], y[rows], LEVELS)
    assert heavy.estimates == pytest.approx(repeated.estimates, abs=1e-8)
    assert heavy.loglik == pytest.approx(repeated.loglik)
    one = firth(X, y > 0, weights=times)
    assert one.slopes == pytest.approx(firth(X.iloc[rows], y[rows] > 0).slopes, abs=1e-7)


def test_profile_limits_lose_what_they_should():
    """At a limit, refitting everything else loses half a chi-square quantile."""
    X, y = ordered_data(25, seed=3)
    outcome = (y > 0).astype(float)
    fit = firth(X, outcome)
    design = np.column_stack([np.ones(25), X])

    def loss(at):
        eta = design @ at
        p = 1 / (1 + np.exp(-eta))
        info = design.T @ (design * (p * (1 - p))[:, None])
        fitted = (outcome * eta - np.logaddexp(0, eta)).sum()
        return -(fitted + 0.5 * np.linalg.slogdet(info)[1])

    best = minimize(loss, np.zeros(3), method="BFGS", options={"gtol": 1e-9})
    assert fit.estimates == pytest.approx(best.x, abs=1e-5)
    for limit in fit.limits[1]:
        held = minimize(lambda o, c=limit: loss(np.array([o[0], c, o[1]])), fit.estimates[[0, 2]])
        assert 2 * (held.fun - best.fun) == pytest.approx(chdtri(1, 0.05), abs=1e-4)
    without = minimize(lambda o: loss(np.array([o[0], 0.0, o[1]])), np.zeros(2))
    assert 2 * (without.fun - best.fun) == pytest.approx(chdtri(1, fit.p_values[1]), abs=1e-4)


def test_separation_of_every_kind():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 40))
    assert separated(np.column_stack([a, b]), a + 2 * b > 0.1)  # only the combination parts them
    assert not separated(a[:, None], rng.random(40) > 0.5)
    flag = np.r_[np.zeros(30), np.ones(10)]
    y = np.r_[rng.integers(0, 2, 30), np.ones(10, dtype=int)]
    assert separated(np.column_stack([a, flag]), y)  # quasi: a group with one outcome
    stage = np.digitize(a, [-0.5, 0.5])
    assert separated(np.column_stack([a, b]), stage, 3)
    assert not separated(b[:, None], stage, 3)
    top = np.where(stage == 2, 1.0, 0.0)
    assert separated(top[:, None], stage, 3)


def test_separated_fits_are_finite_and_say_so():
    a = np.linspace(-2, 2, 70)
    X = pd.DataFrame({"a": a, "b": np.sin(9 * a)})
    binary = logistic(X, a > 1.7)
    assert (binary.kind, binary.separated) == ("firth", True)
    assert "separate" in coefficients(binary)["note"].iloc[1]
    ordered = proportional_odds(X, np.digitize(a, [-1, 1]), LEVELS)
    assert (ordered.ridge, ordered.separated) == (1.0, True)
    table = coefficients(ordered)
    assert table["p"].isna().all()
    assert table["note"].str.contains("ridge penalty 1").all()
    assert np.isfinite(table[["estimate", "se", "ci_low", "ci_high"]].to_numpy()).all()
    assert stage_probabilities(ordered, X).sum(axis=1) == pytest.approx(np.ones(70))


def test_ridge_of_a_separated_binary_model_is_kept_apart():
    a = np.linspace(-2, 2, 30)[:, None]
    fit = logistic(a, a[:, 0] > 0, ridge=2.0)
    assert (fit.kind, fit.ridge, fit.separated) == ("logistic", 2.0, True)


def test_five_cases():
    fit = firth([[0.0], [1.0], [2.0], [3.0], [4.0]], [0, 1, 0, 1, 1])
    assert np.isfinite(fit.estimates).all()
    assert fit.limits[1, 0] < fit.slopes[0] < fit.limits[1, 1]


def test_no_p_leaves_p_empty_with_the_reason():
    X, y = ordered_data()
    table = coefficients(proportional_odds(X, y, LEVELS), no_p="terms chosen on these cases")
    terms = table[table["kind"] == "term"]
    assert terms["p"].isna().all()
    assert terms["note"].str.contains("terms chosen on these cases").all()
    assert table.loc[table["kind"] == "threshold", "p"].notna().all()


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ({"a": [1, 2, 3, np.nan]}, [0, 1, 0, 1], r"row 4, term 'a'.*finite"),
        ({"a": [1, 2, 3, np.inf]}, [0, 1, 0, 1], "finite"),
        ({"a": [1, 2, 3, 4], "c": [5, 5, 5, 5]}, [0, 1, 0, 1], "constant.*found c"),
        ({"a": [1, 2, 3, 4], "c": [3, 5, 7, 9]}, [0, 1, 0, 1], "combinations.*found c"),
        ({"a": [1, 2, 3, 4]}, [0, 0, 0, 0], "both classes"),
        ({"a": [1, 2, 3, 4]}, [0, 1, 2, 1], "must hold 0 and 1"),
        ({"a": [1, 2, 3]}, [0, 1, 0, 1], "differ in length"),
    ],
)
@pytest.mark.parametrize("model", [logistic, firth])
def test_bad_input_is_named(model, X, y, message):
    with pytest.raises(UsageError, match=message):
        model(pd.DataFrame(X), y)


def test_a_level_without_a_case_is_named():
    with pytest.raises(UsageError, match="found s3"):
        proportional_odds([[0.0], [1.0], [2.0]], [0, 1, 0], LEVELS)


def test_second_derivatives_of_firths_likelihood():
    X, y = ordered_data(30)
    design, outcome = np.column_stack([np.ones(30), X]), (y > 0).astype(float)
    weights, at = np.linspace(0.5, 2, 30), np.array([0.2, 0.4, -0.3])
    step = 1e-6 * np.eye(3)
    bend = [
        (
            _state(design, outcome, weights, at + s).score
            - _state(design, outcome, weights, at - s).score
        )
        / 2e-6
        for s in step
    ]
    assert _state(design, outcome, weights, at).curvature == pytest.approx(
        -np.array(bend), rel=1e-5
    )


def test_a_saturated_firth_fit_is_finite():
    at, *_ = firth_solve(np.eye(3), np.array([0.0, 1.0, 1.0]))
    assert at == pytest.approx(np.log(3) * np.array([-1, 1, 1]))
