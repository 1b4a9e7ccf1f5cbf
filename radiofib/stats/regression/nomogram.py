"""Points for each term, total points to probability: a model that can be used on paper."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from radiofib.errors import UsageError
from radiofib.stats.regression._design import check_terms
from radiofib.stats.regression.fit import Fit
from radiofib.stats.regression.links import cumulative

__all__ = ["nice_values", "points_table", "total_points"]

FloatArray = NDArray[np.float64]


def nice_values(low: float, high: float, most: int = 8) -> FloatArray:
    """Return round numbers, evenly spaced, that cover low to high.

    Steps are 1, 2, 2.5 or 5 times a power of ten.

    Examples
    --------
    >>> nice_values(0.3, 9.2).tolist()
    [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    """
    if not (math.isfinite(low) and math.isfinite(high)) or low >= high:
        raise UsageError("a range needs two different ends", found=f"{low:g} to {high:g}")
    base = 10.0 ** math.floor(math.log10((high - low) / most))
    for factor in (1.0, 2.0, 2.5, 5.0, 10.0, 20.0, 25.0):
        step = factor * base
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first <= most:
            break
    digits = max(0, 2 - math.floor(math.log10(step)))
    return np.array([round(k * step, digits) for k in range(first, last + 1)])


def points_table(fit: Fit, X: ArrayLike | pd.DataFrame) -> pd.DataFrame:
    r"""Return points at round values of each term.

    A term with slope b contributes :math:`b x`. Its least contribution over the range of the
    cases (widened to round values) gives 0 points, and points are proportional to the
    contribution above it, such that the term with the widest contribution spans 0 to 100. Terms
    of 0 and 1 have these two values.

    Parameters
    ----------
    fit : Fit
        A logistic, Firth or proportional odds model.
    X : array-like
        Terms of the cases, for their ranges.

    Returns
    -------
    DataFrame
        ``term, value, points``.

    References
    ----------
    Harrell FE. Regression Modeling Strategies, 2nd ed, section 5.3.

    Examples
    --------
    >>> fit = Fit("logistic", "logit", ("intercept",), ("age", "male"), np.array([-2.0]),
    ...           np.array([0.05, 1.0]), np.eye(3), 0.0, 0.0, 9)
    >>> table = points_table(fit, [[20.0, 0.0], [60.0, 1.0], [50.0, 0.0]])
    >>> table.groupby("term")["points"].max().to_dict()
    {'age': 100.0, 'male': 50.0}
    """
    values = _values(fit, X)
    floor, widest = _scale(fit, values)
    frames = [
        pd.DataFrame(
            {
                "term": term,
                "value": values[j],
                "points": 100.0 * (fit.slopes[j] * values[j] - floor[j]) / widest,
            }
        )
        for j, term in enumerate(fit.terms)
    ]
    return pd.concat(frames, ignore_index=True)


def total_points(fit: Fit, X: ArrayLike | pd.DataFrame) -> pd.DataFrame:
    """Return the probability that belongs to a sum of points.

    Parameters
    ----------
    fit, X
        As for :func:`points_table`.

    Returns
    -------
    DataFrame
        ``cut, total, probability``: of class 1 for a binary model (``cut`` is ``intercept``), of
        a level above the cut for an ordered one.

    Examples
    --------
    >>> fit = Fit("logistic", "logit", ("intercept",), ("age", "male"), np.array([-2.0]),
    ...           np.array([0.05, 1.0]), np.eye(3), 0.0, 0.0, 9)
    >>> table = total_points(fit, [[20.0, 0.0], [60.0, 1.0], [50.0, 0.0]])
    >>> table.iloc[[0, -1]].round(3).values.tolist()
    [['intercept', 0.0, 0.269], ['intercept', 150.0, 0.881]]
    """
    values = _values(fit, X)
    floor, widest = _scale(fit, values)
    most = 100.0 * sum(
        abs(b) * (v[-1] - v[0]) / widest for b, v in zip(fit.slopes, values, strict=True)
    )
    totals = nice_values(0.0, most, 20)
    totals = np.append(totals[totals < most - 1e-9], most)
    linear = floor.sum() + totals * widest / 100.0
    frames = []
    for cut, value in zip(fit.cuts, fit.cut_values, strict=True):
        if fit.kind == "proportional_odds":
            chance = 1.0 - cumulative(value - linear, fit.link)
        else:
            chance = expit(value + linear)
        frames.append(pd.DataFrame({"cut": cut, "total": totals, "probability": chance}))
    return pd.concat(frames, ignore_index=True)


def _values(fit: Fit, X: ArrayLike | pd.DataFrame) -> list[FloatArray]:
    if not fit.terms or not np.any(fit.slopes):
        raise UsageError("a nomogram needs a term with a slope", found=fit.kind)
    matrix, _ = check_terms(X, fit.terms)
    return [
        np.array([0.0, 1.0])
        if set(np.unique(column)) <= {0.0, 1.0}
        else nice_values(float(column.min()), float(column.max()))
        for column in matrix.T
    ]


def _scale(fit: Fit, values: list[FloatArray]) -> tuple[FloatArray, float]:
    """Return the least contribution of each term and the widest span of any."""
    ends = [np.sort(b * np.array([v[0], v[-1]])) for b, v in zip(fit.slopes, values, strict=True)]
    return np.array([e[0] for e in ends]), float(max(e[1] - e[0] for e in ends))
