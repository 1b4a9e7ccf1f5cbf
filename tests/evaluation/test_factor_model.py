"""The mixed model over factors: against statsmodels, and how often its intervals are right."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from radiofib.errors import UsageError
from radiofib.evaluation.factor_model import factor_columns, fit_factor_model

FACTORS = {"a": ["x", "y"], "b": ["p", "q", "r"]}
LEVELS = {"a": ["x"] * 3 + ["y"] * 3, "b": ["p", "q", "r"] * 2}


def simulate(rng: np.random.Generator, folds: int, *, slope: float = 0.03) -> np.ndarray:
    """Scores in which the effect of each level differs from fold to fold."""
    columns, _ = factor_columns(FACTORS, LEVELS)
    beta = np.array([0.7, 0.05, -0.02, 0.04])
    random = rng.normal(0, [0.05, slope, slope, slope], size=(folds, 4))
    return columns @ (beta + random).T + rng.normal(0, 0.01, (6, folds))


def test_estimates_and_errors_are_those_of_statsmodels() -> None:
    scores = simulate(np.random.default_rng(0), 40)
    model = fit_factor_model(FACTORS, LEVELS, scores)
    long = pd.DataFrame(
        [
            (LEVELS["a"][r], LEVELS["b"][r], k, scores[r, k])
            for r in range(6)
            for k in range(scores.shape[1])
        ],
        columns=["a", "b", "fold", "y"],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = smf.mixedlm("y ~ a + b", long, groups="fold", re_formula="~ a + b").fit(
            reml=True, method=["lbfgs", "powell"]
        )
    for term, name in zip(model.terms, ("a[T.y]", "b[T.q]", "b[T.r]"), strict=True):
        assert term.estimate == pytest.approx(found.params[name], abs=1e-6)
        assert term.se == pytest.approx(found.bse[name], rel=5e-3)
    assert model.method == "mixed model: factors fixed, fold and effect by fold random"
    assert model.folds == 40


def test_intervals_cover_and_those_that_forget_the_folds_do_not() -> None:
    rng = np.random.default_rng(1)
    others = [f"c{k}" for k in range(16)]
    factors = {"a": ["x", "y"], "c": others}
    levels = {"a": ["x"] * 16 + ["y"] * 16, "c": others * 2}
    second = np.repeat([0.0, 1.0], 16)[:, None]
    right = naive = 0
    for _ in range(400):
        effect = 0.05 + rng.normal(0, 0.03, 5)
        scores = rng.normal(0, 0.05, 5) + second * effect + rng.normal(0, 0.02, (32, 5))
        term = fit_factor_model(factors, levels, scores).terms[0]
        right += term.low <= 0.05 <= term.high
        # A random intercept of the fold alone: what is left is taken for independent.
        rest = scores - scores.mean(axis=0) - (second - 0.5) * term.estimate
        naive += abs(term.estimate - 0.05) <= 1.96 * rest.std(ddof=6) * np.sqrt(4 / rest.size)
    assert 0.92 <= right / 400 <= 0.98
    assert naive / 400 < 0.6


def test_overlapping_training_sets_widen_the_interval() -> None:
    scores = simulate(np.random.default_rng(2), 5)
    plain = fit_factor_model(FACTORS, LEVELS, scores).terms[0]
    wider = fit_factor_model(FACTORS, LEVELS, scores, overlap=0.25).terms[0]
    assert wider.estimate == plain.estimate
    assert wider.se == pytest.approx(plain.se * np.sqrt((1 / 5 + 0.25) * 5))
    by_hand = stats.t.interval(0.95, 4, loc=wider.estimate, scale=wider.se)
    assert (wider.low, wider.high) == pytest.approx(by_hand)


def test_levels_that_cannot_be_told_apart_have_no_estimate() -> None:
    levels = {"a": ["x", "y", "x", "y"], "b": ["p", "q", "p", "q"]}
    model = fit_factor_model({"a": ["x", "y"], "b": ["p", "q"]}, levels, np.ones((4, 3)))
    assert all(np.isnan(t.estimate) and "cannot be told" in t.note for t in model.terms)
    assert "singular" in model.method
    half = {"a": ["x", "y", "x", "y", "x"], "b": ["p", "q", "p", "q", "r"]}
    scores = np.random.default_rng(0).normal(size=(5, 3))
    found = fit_factor_model(FACTORS, half, scores)
    assert [np.isfinite(t.estimate) for t in found.terms] == [False, False, True]


def test_few_folds_and_no_spread_have_no_interval() -> None:
    one = fit_factor_model(FACTORS, LEVELS, simulate(np.random.default_rng(0), 1))
    assert one.method == "one fold: no interval"
    assert all(np.isfinite(t.estimate) and np.isnan(t.low) for t in one.terms)
    none = fit_factor_model(FACTORS, LEVELS, np.full((6, 3), np.nan))
    assert none.folds == 0
    assert all(np.isnan(t.estimate) for t in none.terms)
    same = np.tile(np.array([0.5, 0.6, 0.5, 0.5, 0.6, 0.5])[:, None], 4)
    still = fit_factor_model(FACTORS, LEVELS, same)
    assert [t.note for t in still.terms] == [
        "changes no score",
        "no spread between folds: no interval",
        "changes no score",
    ]
    assert (still.terms[0].low, still.terms[0].p) == (0.0, 1.0)


def test_no_combination_at_all_is_no_crash() -> None:
    found = fit_factor_model(FACTORS, {"a": [], "b": []}, np.zeros((0, 0)))
    assert all(np.isnan(t.estimate) for t in found.terms)


def test_scores_must_fit_the_combinations() -> None:
    with pytest.raises(UsageError, match="6 rows"):
        fit_factor_model(FACTORS, LEVELS, np.zeros((5, 2)))


@settings(max_examples=30, deadline=None)
@given(shift=st.floats(-1, 1), seed=st.integers(0, 100))
def test_what_all_combinations_of_a_fold_share_changes_nothing(shift: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = simulate(rng, 4)
    moved = fit_factor_model(FACTORS, LEVELS, scores + shift * rng.normal(size=4)).terms
    for before, after in zip(fit_factor_model(FACTORS, LEVELS, scores).terms, moved, strict=True):
        assert after.estimate == pytest.approx(before.estimate, abs=1e-12)
        assert after.se == pytest.approx(before.se, abs=1e-12)


def test_main_effects_that_explain_all_and_interactions_that_explain_none() -> None:
    columns, _ = factor_columns(FACTORS, LEVELS)
    additive = columns @ np.array([[0.5, 0.1, 0.2, 0.3], [0.6, 0.0, 0.1, 0.2]]).T
    assert fit_factor_model(FACTORS, LEVELS, additive).explained == pytest.approx(1.0)
    crossed = np.array([1.0, -1.0, 0.0, -1.0, 1.0, 0.0])[:, None] * np.ones((1, 2))
    assert fit_factor_model(FACTORS, LEVELS, crossed).explained == pytest.approx(0.0, abs=1e-9)
