"""Binary logistic regression by maximum likelihood."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from radiofib._checks import check_same_length, list_some
from radiofib.errors import UsageError
from radiofib.stats.estimate import check_binary
from radiofib.stats.regression.cumulative import proportional_odds
from radiofib.stats.regression.firth import firth
from radiofib.stats.regression.fit import Fit
from radiofib.stats.regression.separation import separated

__all__ = ["logistic", "positive_probability"]

FloatArray = NDArray[np.float64]


def logistic(
    X: ArrayLike | pd.DataFrame,
    y: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    weights: ArrayLike | None = None,
    ridge: float = 0.0,
) -> Fit:
    r"""Fit a logistic regression: :math:`\mathrm{logit}\, P(y = 1) = a + x b`.

    The estimates are those of R's ``glm(family = binomial)`` run to convergence. Where the terms
    separate the classes and no ridge penalty is asked for, Firth's penalised likelihood takes
    over (:func:`firth`) and the fit says so.

    Parameters
    ----------
    X : array-like of shape (n, n_terms) or DataFrame
        Terms; complete cases.
    y : array-like of 0 and 1
        Both present.
    names : sequence of str, optional
        Names of the terms; those of the frame when left out.
    weights : array-like, optional
        Weight of each case.
    ridge : float
        Penalty ``ridge / 2 x sum of squares`` of the slopes of standardised terms.

    Returns
    -------
    Fit

    Raises
    ------
    UsageError
        When a class is absent, or a term is constant or a combination of others.

    References
    ----------
    McCullagh P, Nelder JA. Generalized Linear Models, 2nd ed, chapter 4.

    Examples
    --------
    >>> fit = logistic([[0.0], [1.0], [2.0], [3.0], [4.0]], [0, 1, 0, 1, 1], names=["x"])
    >>> fit.estimates.round(3).tolist()
    [-1.558, 1.09]
    >>> logistic([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]).kind
    'firth'
    """
    flags = check_binary(y, both=True)
    matrix = np.asarray(X, dtype=np.float64)
    if ridge == 0 and matrix.ndim == 2 and np.isfinite(matrix).all():
        check_same_length(X=matrix, y=flags)
        if separated(matrix, flags):
            return firth(X, y, names=names, weights=weights, fallback=True)
    # Two ordered levels: logit P(y <= 0) = theta - x b, so the intercept is -theta.
    fit = proportional_odds(X, flags, ["0", "1"], names=names, weights=weights, ridge=ridge)
    sign = np.ones(fit.estimates.size)
    sign[0] = -1.0
    return Fit(
        "logistic",
        "logit",
        ("intercept",),
        fit.terms,
        -fit.cut_values,
        fit.slopes,
        fit.covariance * np.outer(sign, sign),
        fit.loglik,
        fit.loglik_null,
        fit.n,
        ridge=fit.ridge,
        separated=fit.separated,
        note=fit.note,
    )


def positive_probability(fit: Fit, X: ArrayLike) -> FloatArray:
    """Return P(y = 1) of a binary model for each row of X.

    Examples
    --------
    >>> fit = logistic([[0.0], [1.0], [2.0], [3.0], [4.0]], [0, 1, 0, 1, 1], names=["x"])
    >>> positive_probability(fit, [[2.0]]).round(3).tolist()
    [0.651]
    """
    matrix = np.asarray(X, dtype=np.float64)
    if len(fit.cuts) != 1 or matrix.ndim != 2 or matrix.shape[1] != len(fit.terms):
        raise UsageError(
            "a binary model and one column for each term are needed",
            expected=list_some(fit.terms),
            found=f"{fit.kind}, {matrix.shape}",
        )
    chance: FloatArray = expit(fit.cut_values[0] + matrix @ fit.slopes)
    return chance
