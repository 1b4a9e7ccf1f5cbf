"""Flexible calibration curves, and how far they are from the diagonal."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, expit, logit

from radiofib._checks import check_same_length
from radiofib.errors import UsageError
from radiofib.stats._logistic import fit_logistic, log_likelihood
from radiofib.stats.estimate import check_binary, check_clusters, check_probabilities, z_value
from radiofib.stats.smooth import lowess, restricted_spline

__all__ = ["calibration_curve", "calibration_errors"]

FloatArray = NDArray[np.float64]
#: Quantiles of the knots of a restricted cubic spline (Harrell 2015, table 2.3).
_KNOTS = {3: (0.1, 0.5, 0.9), 4: (0.05, 0.35, 0.65, 0.95), 5: (0.05, 0.275, 0.5, 0.725, 0.95)}
#: Distance kept from 0 and 1 on the logit scale.
_CLIP = 1e-10


def calibration_curve(
    y: ArrayLike,
    p: ArrayLike,
    *,
    method: str = "spline",
    knots: int = 4,
    points: int = 101,
    level: float = 0.95,
    clusters: ArrayLike | None = None,
) -> pd.DataFrame:
    """Return the smoothed observed share against the probability.

    Parameters
    ----------
    y : array-like of 0 and 1
    p : array-like
        Probability of class 1.
    method : {"spline", "lowess"}
        ``spline``: logistic regression on a restricted cubic spline of logit(p), with pointwise
        Wald intervals. ``lowess``: :func:`lowess`, without intervals. Where the spline has no
        finite fit or too few different probabilities, fewer knots and then lowess are used.
    knots : {3, 4, 5}
        Knots at Harrell's quantiles of logit(p).
    points : int
        Number of points, equally spaced from the smallest to the largest probability.
    level : float
    clusters : array-like, optional
        Patient of each case: intervals from the sandwich over patients.

    Returns
    -------
    DataFrame
        ``p, observed, ci_low, ci_high, method``.

    References
    ----------
    Austin PC, Steyerberg EW. Stat Med 2014;33:517-535. Van Calster B et al. J Clin Epidemiol
    2016;74:167-176.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> p = rng.uniform(size=400)
    >>> curve = calibration_curve(rng.random(400) < p, p, points=3)
    >>> bool(((curve["observed"] - curve["p"]).abs() < 0.1).all()), curve["method"].iloc[0]
    (True, 'logistic spline, 4 knots')
    """
    positive, chance = check_binary(y), check_probabilities(p)
    n = check_same_length(y=positive, p=chance)
    codes = None if clusters is None else check_clusters(clusters, n)
    if method not in ("spline", "lowess") or knots not in _KNOTS or points < 1:
        raise UsageError(
            "unknown calibration curve",
            expected="spline with 3, 4 or 5 knots, or lowess, at one point or more",
            found=f"{method}, {knots} knots, {points} points",
        )
    grid = np.linspace(chance.min(), chance.max(), points)
    for count in range(knots, 2, -1) if method == "spline" else ():
        found = _spline(positive.astype(np.float64), chance, grid, count, level, codes)
        if found is not None:
            return found
    fitted = lowess(chance, positive)
    place, first = np.unique(chance, return_index=True)
    observed = np.clip(np.interp(grid, place, fitted[first]), 0.0, 1.0)
    blank = np.full(points, math.nan)
    name = "lowess, share 2/3"
    return pd.DataFrame(
        {"p": grid, "observed": observed, "ci_low": blank, "ci_high": blank, "method": name}
    )


def _spline(
    y: FloatArray,
    p: FloatArray,
    grid: FloatArray,
    knots: int,
    level: float,
    codes: NDArray[np.intp] | None,
) -> pd.DataFrame | None:
    x = logit(np.clip(p, _CLIP, 1 - _CLIP))
    at = np.quantile(x, _KNOTS[knots])
    if np.unique(at).size < knots:
        return None
    design = np.column_stack([np.ones(x.size), restricted_spline(x, at)])
    beta, covariance = fit_logistic(design, y, groups=codes)
    if not np.isfinite(beta).all():
        return None
    wanted = restricted_spline(logit(np.clip(grid, _CLIP, 1 - _CLIP)), at)
    wanted = np.column_stack([np.ones(grid.size), wanted])
    centre = wanted @ beta
    variance = np.einsum("ij,jk,ik->i", wanted, covariance, wanted)
    # Few clusters can leave a covariance that is not positive: there is no interval then.
    half = z_value(level) * np.sqrt(np.where(variance > 0, variance, np.nan))
    return pd.DataFrame(
        {
            "p": grid,
            "observed": expit(centre),
            "ci_low": expit(centre - half),
            "ci_high": expit(centre + half),
            "method": f"logistic spline, {knots} knots",
        }
    )


def calibration_errors(y: ArrayLike, p: ArrayLike) -> pd.DataFrame:
    r"""Return distances from perfect calibration and the likelihood ratios of recalibration.

    As R's ``rms::val.prob`` prints them, which is where the names are from.

    Returns
    -------
    DataFrame
        ``metric, estimate`` with these metrics: ``Emax``, ``E90`` and ``Eavg``, the largest,
        90 % quantile and mean distance between the probabilities and their :func:`lowess`
        curve (Eavg is also called the integrated calibration index); ``EO``, expected over
        observed events; ``D``, ``D:Chi-sq``, ``D:p``, the likelihood ratio of the
        probabilities against the prevalence, ``D = (LR - 1) / n``, with 1 degree of freedom;
        ``U``, ``U:Chi-sq``, ``U:p``, that of the recalibrated against the given
        probabilities, ``U = (LR - 2) / n``, 2 degrees of freedom; ``Q = D - U``; ``R2``,
        Nagelkerke's of the given probabilities. Probabilities of 0 and 1 are left out of the
        likelihoods.

    References
    ----------
    Harrell FE. Regression Modeling Strategies, 2nd ed., Springer 2015, section 10.8. Austin PC,
    Steyerberg EW. Stat Med 2019;38:4051-4065.

    Examples
    --------
    >>> found = calibration_errors([0, 0, 0, 1, 0, 1, 1, 1], [.2, .3, .4, .3, .6, .7, .8, .6])
    >>> found.set_index("metric")["estimate"][["EO", "R2"]].round(3).to_dict()
    {'EO': 0.975, 'R2': 0.356}
    """
    outcome = check_binary(y, both=True).astype(np.float64)
    chance = check_probabilities(p)
    check_same_length(y=outcome, p=chance)
    distance = np.abs(chance - lowess(chance, outcome))
    inside = (chance > 0) & (chance < 1)
    x, used = logit(chance[inside]), outcome[inside]
    n = used.size
    given = math.nan
    fitted = null = math.nan
    if n and 0 < used.mean() < 1:
        given = -2 * log_likelihood(used, x)
        null = -2 * log_likelihood(used, np.full(n, float(logit(used.mean()))))
        design = np.column_stack([np.ones(n), x])
        beta, _ = fit_logistic(design, used)
        fitted = -2 * log_likelihood(used, design @ beta) if np.isfinite(beta).all() else math.nan
    gain, loss = null - given, given - fitted
    nagelkerke = (1 - math.exp(-gain / n)) / (1 - math.exp(-null / n)) if n else math.nan
    values = {
        "Emax": float(distance.max()),
        "E90": float(np.quantile(distance, 0.9)),
        "Eavg": float(distance.mean()),
        "EO": float(chance.sum() / outcome.sum()),
        "D": (gain - 1) / n if n else math.nan,
        "D:Chi-sq": gain,
        "D:p": float(chdtrc(1, gain)) if gain >= 0 else 1.0,
        "U": (loss - 2) / n if n else math.nan,
        "U:Chi-sq": loss,
        "U:p": float(chdtrc(2, loss)),
        "Q": (gain - loss + 1) / n if n else math.nan,
        "R2": nagelkerke,
    }
    return pd.DataFrame({"metric": list(values), "estimate": list(values.values())})
