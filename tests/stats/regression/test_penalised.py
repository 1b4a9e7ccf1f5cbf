"""Elastic net and stability selection: optimality, known answers, honest noise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from radiofib.errors import UsageError
from radiofib.stats.regression import elastic_net, largest_penalty, stability_selection
from radiofib.stats.regression.links import interval


def case(n=120, p=12, seed=0, levels=3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    latent = X[:, 0] - X[:, 1] + rng.logistic(size=n)
    return X, np.digitize(latent, np.linspace(-1, 1, levels - 1))


@pytest.mark.parametrize("levels", [2, 4])
def test_the_solution_meets_the_conditions_of_a_minimum(levels):
    X, y = case(levels=levels)
    w = np.random.default_rng(1).uniform(0.5, 2, len(y))
    cuts, slopes, _ = elastic_net(X, y, levels, 0.04, l1_ratio=0.6, weights=w, tol=1e-12)
    edges = np.r_[-np.inf, cuts, np.inf]
    found = interval(edges[y + 1] - X @ slopes, edges[y] - X @ slopes, "logit")
    gradient = X.T @ (w / w.mean() * (found.upper + found.lower)) / len(y)
    rest = gradient + 0.04 * 0.4 * slopes
    chosen = slopes != 0
    assert 2 <= chosen.sum() < 12
    assert rest[chosen] == pytest.approx(-0.04 * 0.6 * np.sign(slopes[chosen]), abs=1e-5)
    assert (np.abs(rest[~chosen]) <= 0.04 * 0.6 + 1e-6).all()


def test_binary_equals_scikit_learn():
    X, y = case(levels=2)
    cuts, slopes, _ = elastic_net(X, y, 2, 0.03, l1_ratio=0.5, tol=1e-12)
    other = LogisticRegression(
        C=1 / (0.03 * len(y)), l1_ratio=0.5, solver="saga", tol=1e-9, max_iter=20000
    ).fit(X, y)
    assert slopes == pytest.approx(other.coef_[0], abs=1e-5)
    assert -cuts[0] == pytest.approx(other.intercept_[0], abs=1e-5)


@pytest.mark.parametrize(("levels", "p", "l1_ratio"), [(2, 12, 0.5), (4, 12, 1.0), (4, 200, 0.5)])
def test_exact_is_the_minimum_and_the_same_for_weights_as_for_copies(levels, p, l1_ratio):
    X, y = case(p=p, levels=levels)
    X -= X.mean(axis=0)
    weights = np.random.default_rng(2).integers(1, 4, len(y))
    penalty = 0.2 * largest_penalty(X, y, levels, l1_ratio=l1_ratio)
    once = elastic_net(
        X, y, levels, penalty, l1_ratio=l1_ratio, weights=weights.astype(float), exact=True
    )
    many = np.repeat(np.arange(len(y)), weights)
    twice = elastic_net(X[many], y[many], levels, penalty, l1_ratio=l1_ratio, exact=True)
    assert 2 <= np.count_nonzero(once[1]) < p
    assert once[0] == pytest.approx(twice[0], abs=1e-9)
    assert once[1] == pytest.approx(twice[1], abs=1e-9)
    loose = elastic_net(
        X, y, levels, penalty, l1_ratio=l1_ratio, weights=weights.astype(float), tol=1e-14
    )
    assert once[1] == pytest.approx(loose[1], abs=1e-3)
    cuts, slopes, _ = once
    edges = np.r_[-np.inf, cuts, np.inf]
    found = interval(edges[y + 1] - X @ slopes, edges[y] - X @ slopes, "logit")
    gradient = X.T @ (weights / weights.mean() * (found.upper + found.lower)) / len(y)
    rest = gradient + penalty * (1 - l1_ratio) * slopes
    chosen = slopes != 0
    pull = penalty * l1_ratio
    assert rest[chosen] == pytest.approx(-pull * np.sign(slopes[chosen]), abs=1e-9)
    assert (np.abs(rest[~chosen]) <= pull * (1 + 1e-9)).all()


def test_the_largest_penalty_is_the_edge():
    X, y = case()
    edge = largest_penalty(X, y, 3, l1_ratio=0.7)
    assert not elastic_net(X, y, 3, edge * 1.001, l1_ratio=0.7)[1].any()
    assert elastic_net(X, y, 3, edge * 0.98, l1_ratio=0.7)[1].any()


def test_stability_finds_signal_and_spreads_noise():
    X, y = case(n=200, p=30)
    table = stability_selection(X, y, ["0", "1", "2"], per_subsample=3, pairs=10)
    assert set(table["term"].head(2)) == {"x0", "x1"}
    assert (table["frequency"].head(2) > 0.9).all()
    assert table["frequency"].sum() == pytest.approx(3)
    noise = stability_selection(
        X, np.random.default_rng(5).permutation(y), ["0", "1", "2"], per_subsample=3, pairs=10
    )
    # Expected number above the threshold by chance: 9 / ((2 x .9 - 1) x 30) = .375.
    assert (noise["frequency"] > 0.9).sum() <= 2


def test_repeated_patients_stay_in_one_half():
    """Copies of a patient in both halves would make noise look stable."""
    X, y = case(n=40, p=20, seed=3)
    many = np.repeat(np.arange(40), 5)
    grouped = stability_selection(
        X[many], y[many], ["0", "1", "2"], per_subsample=2, pairs=10, groups=many
    )
    single = stability_selection(X, y, ["0", "1", "2"], per_subsample=2, pairs=10)
    assert set(grouped["term"].head(2)) == set(single["term"].head(2))
    assert grouped["frequency"].max() <= single["frequency"].max() + 0.1


def test_same_seed_same_table_and_constant_columns_never():
    X, y = case(n=60)
    X[:, 3] = 7.0
    a = stability_selection(X, y, ["0", "1", "2"], per_subsample=2, pairs=2, seed=4)
    pd.testing.assert_frame_equal(
        a, stability_selection(X, y, ["0", "1", "2"], per_subsample=2, pairs=2, seed=4)
    )
    assert a.set_index("term").loc["x3", "frequency"] == 0


def test_fewer_columns_than_wanted_from_separable_halves():
    x = np.linspace(-1, 1, 12)[:, None]
    table = stability_selection(x, x[:, 0] > 0, ["0", "1"], per_subsample=5, pairs=3)
    assert table["frequency"].tolist() == [1.0]


def test_bad_settings():
    X, y = case()
    with pytest.raises(UsageError, match="l1_ratio"):
        elastic_net(X, y, 3, 0.1, l1_ratio=0.0)
    with pytest.raises(UsageError, match="finite"):
        stability_selection(np.where(X > 2, np.nan, X), y, ["0", "1", "2"])
    with pytest.raises(UsageError, match="at least 1"):
        stability_selection(X, y, ["0", "1", "2"], pairs=0)
