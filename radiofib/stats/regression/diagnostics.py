"""Collinear terms and influential cases."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiofib._checks import check_same_length
from radiofib.errors import UsageError
from radiofib.stats.estimate import check_codes
from radiofib.stats.regression._design import check_terms, check_weights
from radiofib.stats.regression.cumulative import Likelihood
from radiofib.stats.regression.fit import Fit

__all__ = ["influence", "variance_inflation"]

FloatArray = NDArray[np.float64]


def variance_inflation(fit: Fit, X: ArrayLike | pd.DataFrame) -> pd.DataFrame:
    r"""Return how much the variance of each slope grows because terms go together.

    ``vif`` is the diagonal of the inverse of the slopes' correlation matrix, which weighs cases
    as the fit does (R's ``rms::vif``); ``vif_terms`` is :math:`1 / (1 - R_j^2)` of each term on
    the others (the textbook's, R's ``car::vif`` of a linear model). Above 5 to 10, slopes of the
    terms concerned cannot be told apart.

    Parameters
    ----------
    fit : Fit
    X : array-like
        The terms it was fitted to.

    Returns
    -------
    DataFrame
        ``term, vif, vif_terms``; 1 for terms that have nothing in common.

    References
    ----------
    Davis CE et al. Commun Stat Simul 1986;15:461-476. Belsley DA, Kuh E, Welsch RE. Regression
    Diagnostics, 1980.

    Examples
    --------
    >>> from radiofib.stats.regression import logistic
    >>> X = pd.DataFrame({"a": [0.0, 1, 2, 3, 4, 5], "b": [1.0, 0, 1, 0, 1, 0]})
    >>> fit = logistic(X, [0, 1, 0, 0, 1, 1])
    >>> variance_inflation(fit, X)["vif_terms"].round(3).tolist()
    [1.094, 1.094]
    """
    matrix, _ = check_terms(X, fit.terms)
    slopes = fit.covariance[len(fit.cuts) :, len(fit.cuts) :]
    frame = {"term": list(fit.terms), "vif": _inverse_diagonal(slopes)}
    spread = np.atleast_2d(np.cov(matrix, rowvar=False))
    return pd.DataFrame({**frame, "vif_terms": _inverse_diagonal(spread)})


def _inverse_diagonal(covariance: FloatArray) -> FloatArray:
    if covariance.size == 0:
        return np.empty(0)
    size = np.sqrt(np.diag(covariance))
    diagonal: FloatArray = np.diag(np.linalg.inv(covariance / np.outer(size, size)))
    return diagonal


def influence(
    fit: Fit,
    X: ArrayLike | pd.DataFrame,
    y: ArrayLike,
    *,
    weights: ArrayLike | None = None,
) -> pd.DataFrame:
    r"""Return leverage, Cook's distance and change of each coefficient by leaving a case out.

    With the score :math:`s_i` of a case and the covariance C of the estimates, leverage is
    :math:`h_i = \mathrm{tr}(C J_i)` (its share of the information), and leaving the case out
    moves the estimates by about :math:`-C s_i / (1 - h_i)`. Cook's distance is
    :math:`s_i^\top C s_i / (q (1 - h_i)^2)` for q parameters: for a binary model R's
    ``cooks.distance`` and ``hatvalues``. (R's own ``dfbeta`` of a glm puts the deviance residual
    in place of the score's residual, and so differs somewhat.)

    Parameters
    ----------
    fit : Fit
        A logistic, Firth or proportional odds model.
    X, y : array-like
        What it was fitted to.
    weights : array-like, optional

    Returns
    -------
    DataFrame
        One row for each case, in order: ``leverage, cook, dfbeta_<cut or term>`` with
        dfbeta = estimate with all cases - estimate without this one.

    References
    ----------
    Pregibon D. Ann Stat 1981;9:705-724.

    Examples
    --------
    >>> from radiofib.stats.regression import logistic
    >>> x = [[0.0], [1.0], [2.0], [3.0], [4.0]]
    >>> table = influence(logistic(x, [0, 1, 0, 1, 1]), x, [0, 1, 0, 1, 1])
    >>> float(table["leverage"].sum().round(6)), int(table["cook"].argmax())
    (2.0, 1)
    """
    matrix, _ = check_terms(X, fit.terms)
    ordered = fit.kind == "proportional_odds"
    if not ordered and fit.kind not in ("logistic", "firth"):
        raise UsageError("influence is for logistic and proportional odds models", found=fit.kind)
    levels = len(fit.cuts) + 1 if ordered else 2
    codes = check_codes(y, levels)
    n = check_same_length(X=matrix, y=codes)
    w = check_weights(weights, n)
    size = fit.estimates.size
    # A binary model is an ordered one of two levels with the intercept's sign turned.
    sign = np.ones(size)
    if not ordered:
        sign[0] = -1.0
    model = Likelihood(codes, levels, matrix, np.empty((n, 0)), w, fit.link, np.zeros(size))
    at, covariance = sign * fit.estimates, fit.covariance * np.outer(sign, sign)
    score = model.scores(at)[1] * w[:, None]
    leverage = model.leverage(at, covariance)
    moved = score @ covariance / (1.0 - leverage)[:, None]
    cook = (score * (score @ covariance)).sum(axis=1) / (size * (1.0 - leverage) ** 2)
    names = [f"dfbeta_{name}" for name in (*fit.cuts, *fit.terms)]
    frame = pd.DataFrame({"leverage": leverage, "cook": cook})
    return pd.concat([frame, pd.DataFrame(moved * sign, columns=names)], axis=1)
