"""Regressions a statistician can read: pure functions with full tables."""

from radiofib.stats.regression.additive import Additive, additive, spline_knots
from radiofib.stats.regression.cumulative import (
    FALLBACK_RIDGE,
    cumulative_probabilities,
    proportional_odds,
    stage_probabilities,
)
from radiofib.stats.regression.diagnostics import influence, variance_inflation
from radiofib.stats.regression.elastic_net import elastic_net, largest_penalty
from radiofib.stats.regression.firth import firth
from radiofib.stats.regression.fit import COEFFICIENT_COLUMNS, Fit, coefficients, thresholds
from radiofib.stats.regression.indices import fit_indices
from radiofib.stats.regression.logistic import logistic, positive_probability
from radiofib.stats.regression.mixed import RandomIntercept, random_intercept
from radiofib.stats.regression.nomogram import points_table, total_points
from radiofib.stats.regression.proportionality import (
    TEST_COLUMNS,
    partial_proportional_odds,
    proportionality,
)
from radiofib.stats.regression.sample_size import expected_shrinkage, minimum_sample_size
from radiofib.stats.regression.separation import separated
from radiofib.stats.regression.stability import stability_selection

__all__ = [
    "COEFFICIENT_COLUMNS",
    "FALLBACK_RIDGE",
    "TEST_COLUMNS",
    "Additive",
    "Fit",
    "RandomIntercept",
    "additive",
    "coefficients",
    "cumulative_probabilities",
    "elastic_net",
    "expected_shrinkage",
    "firth",
    "fit_indices",
    "influence",
    "largest_penalty",
    "logistic",
    "minimum_sample_size",
    "partial_proportional_odds",
    "points_table",
    "positive_probability",
    "proportional_odds",
    "proportionality",
    "random_intercept",
    "separated",
    "spline_knots",
    "stability_selection",
    "stage_probabilities",
    "thresholds",
    "total_points",
    "variance_inflation",
]
