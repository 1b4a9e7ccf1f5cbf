"""How well a fitted model describes its own cases: what R's lrm prints beside the table."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc

from radiofib._checks import check_same_length
from radiofib.stats.estimate import check_codes
from radiofib.stats.regression.cumulative import cumulative_probabilities
from radiofib.stats.regression.fit import Fit
from radiofib.stats.regression.logistic import positive_probability

__all__ = ["fit_indices"]

FloatArray = NDArray[np.float64]

#: rms puts probabilities into bins of this width before it counts concordant pairs.
_BINS = 5000


def fit_indices(fit: Fit, X: ArrayLike, y: ArrayLike) -> pd.DataFrame:
    """Return the likelihood ratio test and the indices of R's ``lrm``, on the training cases.

    They are apparent values: on new cases a model does worse. For ordered outcomes, Brier score
    and ``gp`` are about the middle cut, and pairs are counted on its probabilities in bins of
    1/5000, as ``rms`` does.

    Parameters
    ----------
    fit : Fit
        A model without weights.
    X, y : array-like
        What it was fitted to.

    Returns
    -------
    DataFrame
        ``index, value``: n, likelihood_ratio, df, p, c, dxy, gamma, tau_a, r2 (Nagelkerke),
        r2_n and r2_n_adjusted (Cox-Snell, and with the degrees of freedom taken off), r2_m and
        r2_m_adjusted (the same with the effective size m = n - sum(n_k^3) / n^2), brier, g, gr,
        gp (Gini's mean difference of linear predictor, its exponential, of probability), aic.

    References
    ----------
    Harrell FE. Regression Modeling Strategies, 2nd ed, section 10.8. Nagelkerke NJD. Biometrika
    1991;78:691-692.

    Examples
    --------
    >>> from radiofib.stats.regression import logistic
    >>> x = [[0.0], [1.0], [2.0], [3.0], [4.0]]
    >>> table = fit_indices(logistic(x, [0, 1, 0, 1, 1]), x, [0, 1, 0, 1, 1])
    >>> dict(table.round(4).values)["c"]
    0.8333
    """
    matrix = np.asarray(X, dtype=np.float64)
    ordered = fit.kind == "proportional_odds"
    levels = len(fit.cuts) + 1 if ordered else 2
    codes = check_codes(y, levels)
    n = check_same_length(X=matrix, y=codes)
    middle = levels // 2  # number of the middle cut, from 1
    if ordered:
        above = 1.0 - cumulative_probabilities(fit, matrix)[:, middle - 1]
    else:
        above = positive_probability(fit, matrix)
    counts = np.bincount(codes, minlength=levels)
    effective = n - float((counts.astype(np.float64) ** 3).sum()) / n**2
    df = len(fit.terms)
    gain = max(fit.likelihood_ratio, 0.0)
    more, fewer, tied = _pairs(np.floor(above * _BINS).astype(np.intp), codes, levels)
    all_pairs = more + fewer + tied
    g = _mean_difference(matrix @ fit.slopes)
    values = {
        "n": float(n),
        "likelihood_ratio": fit.likelihood_ratio,
        "df": float(df),
        "p": float(chdtrc(df, gain)) if df else math.nan,
        "c": (more + tied / 2) / all_pairs,
        "dxy": (more - fewer) / all_pairs,
        "gamma": (more - fewer) / (more + fewer) if more + fewer else math.nan,
        "tau_a": (more - fewer) / (n * (n - 1) / 2),
        "r2": (1 - math.exp(-gain / n)) / (1 - math.exp(2 * fit.loglik_null / n)),
        "r2_n": 1 - math.exp(-gain / n),
        "r2_n_adjusted": 1 - math.exp(-max(gain - df, 0.0) / n),
        "r2_m": 1 - math.exp(-gain / effective),
        "r2_m_adjusted": 1 - math.exp(-max(gain - df, 0.0) / effective),
        "brier": float(((above - (codes >= middle)) ** 2).mean()),
        "g": g,
        "gr": math.exp(min(g, 700.0)),
        "gp": _mean_difference(above),
        "aic": fit.aic,
    }
    return pd.DataFrame({"index": list(values), "value": list(values.values())})


def _pairs(score: NDArray[np.intp], codes: NDArray[np.intp], levels: int) -> tuple[int, int, int]:
    """Return pairs of different levels that the score orders rightly, wrongly, and not at all."""
    table = np.zeros((_BINS + 1, levels), dtype=np.int64)
    np.add.at(table, (score, codes), 1)
    below = np.cumsum(table, axis=0) - table
    more = fewer = tied = 0
    for high in range(1, levels):
        for low in range(high):
            right = int(table[:, high] @ below[:, low])
            same = int(table[:, high] @ table[:, low])
            more, tied = more + right, tied + same
            fewer += int(table[:, high].sum() * table[:, low].sum()) - right - same
    return more, fewer, tied


def _mean_difference(values: FloatArray) -> float:
    """Return Gini's mean difference: the mean of |a - b| over pairs."""
    n = values.size
    if n < 2:
        return math.nan
    rank = np.arange(1, n + 1)
    return float(2.0 * ((2 * rank - n - 1) @ np.sort(values)) / (n * (n - 1)))
