"""Regressions a statistician can read: pure functions with full tables."""

from radiofib.stats.regression.cumulative import (
    FALLBACK_RIDGE,
    cumulative_probabilities,
    proportional_odds,
    stage_probabilities,
)
from radiofib.stats.regression.firth import firth
from radiofib.stats.regression.fit import COEFFICIENT_COLUMNS, Fit, coefficients, thresholds
from radiofib.stats.regression.logistic import logistic, positive_probability
from radiofib.stats.regression.separation import separated

__all__ = [
    "COEFFICIENT_COLUMNS",
    "FALLBACK_RIDGE",
    "Fit",
    "coefficients",
    "cumulative_probabilities",
    "firth",
    "logistic",
    "positive_probability",
    "proportional_odds",
    "separated",
    "stage_probabilities",
    "thresholds",
]
