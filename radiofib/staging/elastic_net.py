"""Proportional odds with an elastic net penalty as a stager: few features, stated order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from radiofib.staging.inputs import StagerInputError
from radiofib.staging.linear import LinearStager
from radiofib.stats.regression import elastic_net, largest_penalty
from radiofib.stats.regression.cumulative import level_probabilities
from radiofib.stats.regression.links import cumulative

__all__ = ["ElasticNetStager"]

FloatArray = NDArray[np.float64]


class ElasticNetStager(LinearStager):
    r"""Proportional odds with an elastic net penalty on standardised features and flags.

    The penalty is a share of the smallest one at which every slope is zero, so that one setting
    serves tables of any size. With two stages it is an elastic net logistic regression.

    Parameters
    ----------
    share : float
        Penalty over the largest useful one, above 0 up to 1; a smaller share keeps more
        features.
    l1_ratio : float
        1 is the lasso; below, correlated features enter together.
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
        Slopes of the standardised features, then of the flags; most are 0.
    penalty_ : float
        Lambda as glmnet counts it.
    imputer_, scaler_, scanner_flags_

    References
    ----------
    Zou H, Hastie T. J R Stat Soc B 2005;67:301-320. Friedman J et al. J Stat Softw 2010;33:1-22.

    Examples
    --------
    >>> X = np.array([[0.0, 1], [3.0, 0], [np.nan, 1], [9.0, 0], [8.0, 1], [9.5, 0]])
    >>> stager = ElasticNetStager(share=0.5).fit(X, ["s1"] * 3 + ["s4"] * 3)
    >>> stager.predict([[0.0, 0], [9.5, 0]]).tolist(), int((stager.coef_ != 0).sum())
    (['s1', 's4'], 1)
    """

    def __init__(
        self,
        share: float = 0.2,
        *,
        l1_ratio: float = 0.5,
        class_weight: Any = None,
        scanner_column: str | None = None,
        random_state: Any = 0,
    ) -> None:
        self.share = share
        self.l1_ratio = l1_ratio
        self.class_weight = class_weight
        self.scanner_column = scanner_column
        self.random_state = random_state

    def _fit_terms(self, columns: FloatArray, codes: NDArray[np.intp], weights: FloatArray) -> None:
        if not (0 < self.share <= 1 and 0 < self.l1_ratio <= 1):
            raise StagerInputError(
                "share and l1_ratio must lie above 0, up to 1",
                found=f"{self.share} and {self.l1_ratio}",
            )
        levels = int(self.classes_.size)
        self.centre_ = columns.mean(axis=0)
        centred = columns - self.centre_
        with threadpool_limits(limits=1):
            largest = largest_penalty(
                centred, codes, levels, l1_ratio=self.l1_ratio, weights=weights
            )
            self.penalty_ = self.share * largest
            self.thresholds_, self.coef_, _ = elastic_net(
                centred,
                codes,
                levels,
                self.penalty_,
                l1_ratio=self.l1_ratio,
                weights=weights,
                exact=True,
            )

    def _terms_proba(self, columns: FloatArray) -> FloatArray:
        eta = (columns - self.centre_) @ self.coef_
        return level_probabilities(cumulative(self.thresholds_ - eta[:, None], "logit"))
