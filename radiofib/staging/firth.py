"""Firth's logistic regression as a stager of two stages."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from threadpoolctl import threadpool_limits

from radiofib.staging.inputs import StagerInputError
from radiofib.staging.linear import LinearStager, directions
from radiofib.stats.regression.firth import firth_solve

__all__ = ["FirthStager"]

FloatArray = NDArray[np.float64]


class FirthStager(LinearStager):
    """Firth's penalised logistic regression on standardised features and scanner flags.

    For two stages and few features: finite where they separate the stages, and less biased in
    small samples. Estimates are those of R's ``logistf``. It does not shrink enough for
    hundreds of features.

    Parameters
    ----------
    class_weight : None, "balanced" or dict
    scanner_column : str, optional
        Text column of X that names the scanner, turned into flags.
    random_state : int
        Kept for a uniform interface, the fit is not random.

    Attributes
    ----------
    classes_ : ndarray
        The two stages, sorted.
    intercept_ : float
        Log odds of the second stage where every column has its mean.
    coef_ : ndarray
        Slopes of the standardised features, then of the flags.
    imputer_, scaler_, scanner_flags_

    References
    ----------
    Firth D. Biometrika 1993;80:27-38. Heinze G, Schemper M. Stat Med 2002;21:2409-2419.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [np.nan], [9.0], [8.0], [9.0]])
    >>> stager = FirthStager().fit(X, ["s1", "s1", "s1", "s4", "s4", "s4"])
    >>> stager.predict([[0.5], [9.5]]).tolist()
    ['s1', 's4']
    """

    def __init__(
        self,
        *,
        class_weight: Any = None,
        scanner_column: str | None = None,
        random_state: Any = 0,
    ) -> None:
        self.class_weight = class_weight
        self.scanner_column = scanner_column
        self.random_state = random_state

    def _fit_terms(self, columns: FloatArray, codes: NDArray[np.intp], weights: FloatArray) -> None:
        if self.classes_.size > 2:
            raise StagerInputError(
                "Only binary classification is supported. The type of the target is multiclass",
                found=f"{self.classes_.size} stages",
                hint="use the stager 'proportional_odds', or merge stages",
            )
        with threadpool_limits(limits=1):
            self.centre_, scores, turned = directions(columns)
            size = np.sqrt((scores**2).mean(axis=0))
            design = np.column_stack([np.ones(len(scores)), scores / size])
            found = firth_solve(design, codes.astype(np.float64), weights)[0]
        self.intercept_ = float(found[0])
        self.coef_ = (found[1:] / size) @ turned

    def _terms_proba(self, columns: FloatArray) -> FloatArray:
        above = expit(self.intercept_ + (columns - self.centre_) @ self.coef_)
        return np.column_stack([1.0 - above, above])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags
