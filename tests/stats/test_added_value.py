"""Added value: the likelihood ratio is that of two models, and is not misled by folds."""

from __future__ import annotations

import numpy as np
import pytest

from radiofib.errors import UsageError
from radiofib.stats.added_value import (
    NOT_GIVEN,
    AddedTest,
    added_likelihood_ratio,
    brier_difference,
)
from radiofib.stats.regression import proportional_odds


def _data(
    n: int = 150, levels: int = 3, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    base, score = rng.normal(size=(n, 2)), rng.normal(size=n)
    latent = base[:, 0] + 0.5 * score + rng.logistic(size=n)
    y = np.searchsorted(np.quantile(latent, np.arange(1, levels) / levels), latent)
    return base, score, y


@pytest.mark.parametrize("levels", [2, 3, 4])
def test_it_is_the_gain_of_two_fits(levels: int) -> None:
    base, score, y = _data(levels=levels)
    names = [f"s{k}" for k in range(levels)]
    least = proportional_odds(base, y, names).loglik
    most = proportional_odds(np.column_stack([base, score]), y, names)
    found = added_likelihood_ratio(base, score, y, levels)
    assert found.statistic == pytest.approx(2 * (most.loglik - least), rel=1e-6)
    assert found.slope == pytest.approx(most.slopes[-1] * score.std(ddof=1), rel=1e-4)
    half = added_likelihood_ratio(base, score, y, levels, folds=np.zeros(len(y)))
    assert half.statistic == pytest.approx(found.statistic / 2, rel=1e-6)
    assert half.p > found.p


def test_units_constants_and_repeats_of_the_base_change_nothing() -> None:
    base, score, y = _data()
    plain = added_likelihood_ratio(base, score, y, 3)
    odd = np.column_stack([base * [1e6, 1e-6] + 5, base[:, 0], np.ones(len(y))])
    assert added_likelihood_ratio(odd, score, y, 3).statistic == pytest.approx(
        plain.statistic, rel=1e-6
    )
    assert added_likelihood_ratio(base, 7 * score - 3, y, 3).slope == pytest.approx(plain.slope)


def test_without_base_terms_it_is_the_score_alone() -> None:
    _, score, y = _data(levels=2)
    fit = proportional_odds(score[:, None], y, ["a", "b"])
    found = added_likelihood_ratio(np.empty((len(y), 0)), score, y)
    assert found.statistic == pytest.approx(fit.likelihood_ratio, rel=1e-6)


def test_a_score_that_points_the_wrong_way_adds_nothing() -> None:
    base, score, y = _data(n=400)
    assert added_likelihood_ratio(base, score, y, 3).adds()
    wrong = added_likelihood_ratio(base, -score, y, 3)
    assert wrong.p < 0.05
    assert not wrong.adds()


def test_where_there_is_no_test_the_reason_is_said() -> None:
    base, score, y = _data(n=40, levels=2)
    apart = added_likelihood_ratio(base, y + 0.01 * score, y)
    assert np.isnan(apart.p)
    assert "separate" in apart.note
    assert not apart.adds()
    assert added_likelihood_ratio(base, np.ones(40), y).note == "all scores are equal"
    assert added_likelihood_ratio(base, score, np.zeros(40)).note == "a stage has no case"
    assert np.isnan(added_likelihood_ratio(np.eye(40), score, y).p)
    base[3, 1] = np.nan
    with pytest.raises(UsageError, match="row 4, column 2"):
        added_likelihood_ratio(base, score, y)


def test_means_of_folds_carry_nothing() -> None:
    base, score, y = _data(levels=2)
    folds = np.arange(len(y)) % 5
    plain = added_likelihood_ratio(base, score, y, folds=folds)
    moved = added_likelihood_ratio(base, score + 10 * folds, y, folds=folds)
    assert moved.statistic == pytest.approx(plain.statistic, rel=1e-6)


def _ridge_scores(X: np.ndarray, y: np.ndarray, folds: np.ndarray) -> np.ndarray:
    score = np.empty(len(y))
    for fold in np.unique(folds):
        train = folds != fold
        centred = y[train] - y[train].mean()
        inner = X[train] @ X[train].T + len(y) * np.eye(train.sum())
        score[~train] = X[~train] @ X[train].T @ np.linalg.solve(inner, centred)
    return score


@pytest.mark.slow
def test_halving_keeps_the_level_where_features_are_noise() -> None:
    claims, naive = [], []
    for seed in range(400):
        rng = np.random.default_rng([7, seed])
        base, X = rng.normal(size=(120, 2)), rng.normal(size=(120, 40))
        y = (base[:, 0] + rng.logistic(size=120) > 0).astype(int)
        folds = rng.permutation(120) % 5
        score = _ridge_scores(X, y, folds)
        claims.append(added_likelihood_ratio(base, score, y, folds=folds).p < 0.05)
        naive.append(added_likelihood_ratio(base, score, y).p < 0.05)
    # Upper limit of a rate of .05 in 400; without halving twice that is exceeded.
    assert np.mean(claims) < 0.075
    assert np.mean(naive) > 0.1


def test_brier_difference_is_a_mean_over_patients() -> None:
    rng = np.random.default_rng(1)
    y, a, b = rng.random(60) < 0.4, rng.random(60), rng.random(60)
    once = brier_difference(y, a, b)
    gain = (a - y) ** 2 - (b - y) ** 2
    assert once.value == pytest.approx(gain.mean())
    assert once.width == pytest.approx(2 * 1.959964 * gain.std(ddof=1) / 60**0.5, rel=1e-5)
    times = [np.tile(v, 10) for v in (y, a, b)]
    often = brier_difference(*times, clusters=np.tile(np.arange(60), 10))
    assert (often.value, often.low, often.high) == pytest.approx((once.value, once.low, once.high))
    assert brier_difference(y, b, a).value == pytest.approx(-once.value)


def test_a_claim_needs_p_and_direction() -> None:
    assert AddedTest(9.0, 0.5, 0.003, 50, "").adds()
    assert not AddedTest(9.0, 0.5, 0.003, 50, "").adds(alpha=0.001)
    assert not AddedTest(np.nan, np.nan, np.nan, 50, "").adds()
    assert all("20" in why for why in NOT_GIVEN.values())
