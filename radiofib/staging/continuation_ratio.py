"""Continuation ratio as a stager: does a liver stop at this stage, given that it came so far."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from threadpoolctl import threadpool_limits

from radiofib.staging.linear import (
    LinearStager,
    directions,
    penalty_or_fallback,
)
from radiofib.stats.regression.cumulative import solve

__all__ = ["ContinuationRatioStager"]

FloatArray = NDArray[np.float64]
Codes = NDArray[np.intp]


class ContinuationRatioStager(LinearStager):
    r"""Continuation ratio regression on standardised features and scanner flags.

    :math:`\mathrm{logit}\, P(y = k \mid y \ge k) = \theta_k - x b`: fibrosis as a series of
    steps, each taken or not, with one slope for each feature. The likelihood is that of a
    logistic regression on the steps of all cases. Where it has no maximum, a ridge penalty takes
    over as in :class:`ProportionalOddsStager`, with a warning and the reason in ``fallback_``.

    Parameters
    ----------
    ridge : float
        Penalty ``ridge / 2 x sum of squares`` of the slopes.
    class_weight : None, "balanced" or dict
        Weight of a case in all its steps.
    scanner_column : str, optional
        Text column of X that names the scanner, turned into flags.
    random_state : int
        Kept for a uniform interface, the fit is not random.

    Attributes
    ----------
    classes_ : ndarray
        Stages, sorted.
    thresholds_ : ndarray of shape (n_classes - 1,)
        theta of each step, where every column has its mean.
    coef_ : ndarray
        Slopes of the standardised features, then of the flags.
    ridge_ : float
        Penalty that was used.
    fallback_ : str
        Why it is not the one asked for; empty when it is.
    imputer_, scaler_, scanner_flags_

    References
    ----------
    Fienberg SE. The Analysis of Cross-Classified Categorical Data, 2nd ed, 1980. Harrell FE.
    Regression Modeling Strategies, 2nd ed, section 13.4.

    Examples
    --------
    >>> X = np.array([[0.0], [3.0], [np.nan], [2.0], [5.0], [4.0], [3.5], [9.0], [8.0]])
    >>> stager = ContinuationRatioStager().fit(X, ["s1"] * 3 + ["s2"] * 3 + ["s4"] * 3)
    >>> stager.predict([[0.0], [9.5]]).tolist()
    ['s1', 's4']
    """

    def __init__(
        self,
        ridge: float = 0.0,
        *,
        class_weight: Any = None,
        scanner_column: str | None = None,
        random_state: Any = 0,
    ) -> None:
        self.ridge = ridge
        self.class_weight = class_weight
        self.scanner_column = scanner_column
        self.random_state = random_state

    def _fit_terms(self, columns: FloatArray, codes: Codes, weights: FloatArray) -> None:
        steps = int(self.classes_.size) - 1
        with threadpool_limits(limits=1):
            self.centre_, scores, turned = directions(columns)
            rows, step, gone_on = _steps(codes, steps)
            # The first step has the cut; each later one a column for its own.
            own = (step[:, None] == np.arange(1, steps)).astype(np.float64)
            stacked = np.hstack([own, scores[rows]])
            self.ridge_, self.fallback_ = penalty_or_fallback(
                self.ridge, scores, (stacked, gone_on, 2)
            )
            penalty = np.r_[np.zeros(steps - 1), np.full(scores.shape[1], self.ridge_)]
            found = solve(gone_on, 2, stacked, weights=weights[rows], ridge=penalty)[0]
        self.thresholds_ = found[0] - np.r_[0.0, found[1:steps]]
        self.coef_ = found[steps:] @ turned

    def _terms_proba(self, columns: FloatArray) -> FloatArray:
        eta = (columns - self.centre_) @ self.coef_
        stop = expit(self.thresholds_ - eta[:, None])
        so_far = np.cumprod(1.0 - stop, axis=1)
        reached = np.hstack([np.ones((len(eta), 1)), so_far])
        proba: FloatArray = reached * np.hstack([stop, np.ones((len(eta), 1))])
        return proba


def _steps(codes: Codes, steps: int) -> tuple[Codes, Codes, Codes]:
    """Return case, step and whether it went on, for every step that a case came to.

    Examples
    --------
    >>> [v.tolist() for v in _steps(np.array([0, 2]), 2)]
    [[0, 1, 1], [0, 0, 1], [0, 1, 1]]
    """
    count = np.minimum(codes + 1, steps)
    rows = np.repeat(np.arange(len(codes)), count)
    step = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    return rows, step, (codes[rows] > step).astype(np.intp)
