from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit, logit
from sklearn import metrics

from radiofib import stats
from radiofib.errors import UsageError


@pytest.fixture
def cohort():
    rng = np.random.default_rng(7)
    p = rng.uniform(0.05, 0.95, 200)
    y = (rng.random(200) < expit(0.3 + 0.8 * logit(p))).astype(int)
    return y, p, np.repeat(np.arange(50), 4)


def test_scores_equal_scikit_learn(cohort):
    y, p, _ = cohort
    both = np.column_stack([1 - p, p])
    assert stats.brier_score(y, p).mean() == pytest.approx(metrics.brier_score_loss(y, p))
    assert stats.brier_score(y, both).mean() == pytest.approx(2 * metrics.brier_score_loss(y, p))
    assert stats.log_loss(y, p).mean() == pytest.approx(metrics.log_loss(y, p))
    assert stats.log_loss(y, both).mean() == pytest.approx(metrics.log_loss(y, p))
    assert stats.ranked_probability_score(y, both) == pytest.approx(stats.brier_score(y, p))


def test_constant_prevalence_has_no_skill(cohort):
    y, _, _ = cohort
    assert stats.brier_scaled(y, np.full(y.size, y.mean())) == pytest.approx(0, abs=1e-12)


def test_calibration_equals_statsmodels(cohort):
    y, p, groups = cohort
    design = sm.add_constant(logit(p))
    model = sm.GLM(y, design, family=sm.families.Binomial())
    plain, robust = (
        model.fit(tol=1e-14),
        model.fit(
            tol=1e-14, cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False}
        ),
    )
    large = sm.GLM(y, np.ones(y.size), family=sm.families.Binomial(), offset=logit(p)).fit(
        tol=1e-14
    )
    found = stats.calibration(y, p)
    assert [found.intercept, found.slope] == pytest.approx(plain.params, abs=1e-9)
    assert [found.intercept_se, found.slope_se] == pytest.approx(plain.bse, abs=1e-8)
    assert found.in_the_large == pytest.approx(large.params[0], abs=1e-9)
    assert found.in_the_large_se == pytest.approx(large.bse[0], abs=1e-8)
    clustered = stats.calibration(y, p, clusters=groups)
    assert clustered.slope_se == pytest.approx(robust.bse[1] * np.sqrt(50 / 49), abs=1e-8)


def test_repeated_rows_do_not_narrow_a_clustered_error(cohort):
    y, p, _ = cohort
    once = stats.calibration(y, p, clusters=np.arange(y.size))
    tenfold = stats.calibration(
        np.tile(y, 10), np.tile(p, 10), clusters=np.tile(np.arange(y.size), 10)
    )
    assert tenfold.slope_se == pytest.approx(once.slope_se, rel=1e-9)


@pytest.mark.parametrize(
    ("y", "p"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]),
        ([0, 0, 1, 1], [0.9, 0.8, 0.2, 0.1]),
        ([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5]),
        ([1, 1, 1], [0.2, 0.5, 0.7]),
    ],
    ids=["separated", "separated-backwards", "constant", "one-class"],
)
def test_no_slope_where_there_is_none(y, p):
    assert np.isnan(stats.calibration(y, p).slope)


def test_certainties_are_counted_and_survive():
    y = [0, 1, 0, 1, 1, 0]
    found = stats.calibration(y, [0.0, 1.0, 1.0, 0.4, 0.6, 0.3], clip=1e-6)
    assert found.clipped == 3
    assert np.isfinite(found.slope)
    assert np.isfinite(stats.log_loss(y, [0.0, 1.0, 1.0, 0.4, 0.6, 0.3])).all()


def test_bins_hold_about_the_same_number():
    rng = np.random.default_rng(0)
    groups = stats.calibration_bins(rng.random(103), 10)
    sizes = np.bincount(groups)
    assert sizes.size == 10
    assert np.ptp(sizes) <= 1


def test_impossible_probabilities_are_refused():
    with pytest.raises(UsageError, match="must hold probabilities"):
        stats.brier_score([0, 1], [4, 7])
    with pytest.raises(UsageError, match="sum to one"):
        stats.brier_score([0, 1], [[0.5, 0.4], [0.5, 0.5]])
    with pytest.raises(UsageError, match="bins must be positive"):
        stats.calibration_bins([0.5], 0)
