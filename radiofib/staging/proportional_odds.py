"""Proportional odds as a stager."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from radiofib.staging.linear import (
    LinearStager,
    directions,
    penalty_or_fallback,
)
from radiofib.stats.regression.cumulative import level_probabilities, solve
from radiofib.stats.regression.links import cumulative

__all__ = ["ProportionalOddsStager"]

FloatArray = NDArray[np.float64]


class ProportionalOddsStager(LinearStager):
    r"""Proportional odds regression on standardised features and scanner flags.

    :math:`\mathrm{logit}\, P(y \le k) = \theta_k - x b`: one slope for each feature, whatever
    the cut. Without a penalty it is the maximum likelihood fit of R's ``clm``. Where that does
    not exist (the features separate the stages, or there are as many of them as cases) a ridge
    penalty takes over, a warning says so, and ``fallback_`` holds the reason. Its size is then
    the number of independent columns, a normal prior under which the linear predictor of
    uncorrelated features has variance 1.

    Parameters
    ----------
    ridge : float
        Penalty ``ridge / 2 x sum of squares`` of the slopes.
    class_weight : None, "balanced" or dict
    scanner_column : str, optional
        Text column of X that names the scanner, turned into flags.
    random_state : int
        Kept for a uniform interface, the fit is not random.

    Attributes
    ----------
    classes_ : ndarray
        Stages, sorted.
    thresholds_ : ndarray of shape (n_classes - 1,)
        theta, where every column has its mean.
    coef_ : ndarray
        Slopes of the standardised features, then of the flags.
    ridge_ : float
        Penalty that was used.
    fallback_ : str
        Why it is not the one asked for; empty when it is.
    imputer_, scaler_, scanner_flags_

    References
    ----------
    McCullagh P. J R Stat Soc B 1980;42:109-142.

    Examples
    --------
    >>> X = np.array([[0.0], [3.0], [np.nan], [2.0], [5.0], [4.0], [3.5], [9.0], [8.0]])
    >>> stager = ProportionalOddsStager().fit(X, ["s1"] * 3 + ["s2"] * 3 + ["s4"] * 3)
    >>> stager.predict([[0.0], [9.5]]).tolist(), stager.fallback_
    (['s1', 's4'], '')
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

    def _fit_terms(self, columns: FloatArray, codes: NDArray[np.intp], weights: FloatArray) -> None:
        levels = int(self.classes_.size)
        with threadpool_limits(limits=1):
            self.centre_, scores, turned = directions(columns)
            self.ridge_, self.fallback_ = penalty_or_fallback(
                self.ridge, scores, (scores, codes, levels)
            )
            found = solve(codes, levels, scores, weights=weights, ridge=self.ridge_)[0]
        self.thresholds_ = found[: levels - 1]
        self.coef_ = found[levels - 1 :] @ turned

    def _terms_proba(self, columns: FloatArray) -> FloatArray:
        eta = (columns - self.centre_) @ self.coef_
        return level_probabilities(cumulative(self.thresholds_ - eta[:, None], "logit"))
