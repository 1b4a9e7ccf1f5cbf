"""Intervals of an AUC: by sizes alone, and the one that holds for the data."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from radiofib.errors import UsageError
from radiofib.stats.delong import delong, logit_delong
from radiofib.stats.estimate import Estimate, check_clusters, z_value
from radiofib.stats.roc import placements

__all__ = ["SPARSE", "auc_interval", "hanley_mcneil", "newcombe"]

#: Below this number of cases (patients, if given) in a class, an interval is called sparse.
SPARSE = 10


def newcombe(value: float, n_pos: int, n_neg: int, level: float = 0.95) -> Estimate:
    r"""Return Newcombe's method 5 interval of an AUC, which holds at 0 and 1 too.

    The limits solve :math:`(\hat\theta - \theta)^2 = z^2 V(\theta)` with

    .. math:: V(\theta) = \frac{\theta(1-\theta)}{mn}\left[1 + N\frac{1-\theta}{2-\theta}
              + N\frac{\theta}{1+\theta}\right], \quad N = (m+n)/2 - 1

    Only the AUC and the two class sizes enter. It presumes independent cases.

    References
    ----------
    Newcombe RG. Stat Med 2006;25:559-573, method 5.

    Examples
    --------
    >>> e = newcombe(1.0, 65, 5)
    >>> round(e.low, 3), e.high
    (0.795, 1.0)
    """
    _check_area(value, n_pos, n_neg)
    z = z_value(level)
    weight = (n_pos + n_neg) / 2 - 1

    def gap(theta: float) -> float:
        spread = theta * (1 - theta) / (n_pos * n_neg)
        spread *= 1 + weight * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return (value - theta) ** 2 - z * z * spread

    # gap is negative beside the estimate and positive (or zero) at 0 and 1.
    edge = 1e-12
    low = 0.0 if value <= edge else float(brentq(gap, 0.0, value - edge, xtol=1e-14))
    high = 1.0 if value >= 1 - edge else float(brentq(gap, value + edge, 1.0, xtol=1e-14))
    return Estimate(value, low, high, "Newcombe method 5")


def hanley_mcneil(value: float, n_pos: int, n_neg: int, level: float = 0.95) -> Estimate:
    r"""Return Hanley and McNeil's interval of an AUC, from the value and the class sizes.

    .. math:: V = \frac{A(1-A) + (m-1)(Q_1 - A^2) + (n-1)(Q_2 - A^2)}{mn}, \quad
              Q_1 = \frac{A}{2-A}, \; Q_2 = \frac{2A^2}{1+A}

    It presumes exponential scores; for published values of which nothing else is known.

    References
    ----------
    Hanley JA, McNeil BJ. Radiology 1982;143:29-36.

    Examples
    --------
    >>> e = hanley_mcneil(0.9, 30, 40)
    >>> round(e.low, 4), round(e.high, 4)
    (0.8202, 0.9798)
    """
    _check_area(value, n_pos, n_neg)
    q1, q2 = value / (2 - value), 2 * value**2 / (1 + value)
    spread = value * (1 - value) + (n_pos - 1) * (q1 - value**2) + (n_neg - 1) * (q2 - value**2)
    half = z_value(level) * math.sqrt(max(spread, 0.0) / (n_pos * n_neg))
    note = "no width at 0 and 1" if value in (0.0, 1.0) else ""
    low, high = max(0.0, value - half), min(1.0, value + half)
    return Estimate(value, low, high, "Hanley-McNeil", note)


def _check_area(value: float, n_pos: int, n_neg: int) -> None:
    if not 0 <= value <= 1 or n_pos < 1 or n_neg < 1:
        raise UsageError(
            "an AUC between 0 and 1 and at least one case in each class are needed",
            found=f"AUC {value:g}, {n_pos} positive, {n_neg} negative",
        )


def auc_interval(
    y: ArrayLike, score: ArrayLike, level: float = 0.95, clusters: ArrayLike | None = None
) -> Estimate:
    """Return the AUC with the interval that holds for these data, named in `method`.

    Newcombe's method 5 at perfect separation (AUC 0 or 1), DeLong on the logit scale when a
    class has fewer than 10 patients (`note` says "sparse"), otherwise DeLong. When all scores
    are equal the AUC is one half and there is no interval.

    Parameters
    ----------
    y : array-like of 0 and 1
    score : array-like
    level : float
    clusters : array-like, optional
        Patient of each case; then patients are counted, and their cases are not independent.

    Examples
    --------
    >>> e = auc_interval([0] * 5 + [1] * 65, range(70))
    >>> e.method, round(e.low, 3)
    ('Newcombe method 5', 0.795)
    """
    place = placements(y, score)
    sizes, word = (place.n_pos, place.n_neg), "cases"
    if clusters is not None:
        codes, word = check_clusters(clusters, place.values.size), "patients"
        sides = (codes[place.positive], codes[~place.positive])
        sizes = (np.unique(sides[0]).size, np.unique(sides[1]).size)
    sparse = min(sizes) < SPARSE
    note = f"sparse: {min(sizes)} {word} in the smaller class" if sparse else ""
    if np.ptp(np.asarray(score, dtype=np.float64)) == 0:
        return Estimate(place.auc, math.nan, math.nan, "none", "all scores are equal")
    if place.auc in (0.0, 1.0) or min(sizes) < 2:
        found = newcombe(place.auc, *sizes, level)
        method = found.method if clusters is None else f"{found.method} on patients"
        return Estimate(found.value, found.low, found.high, method, note)
    found = (logit_delong if sparse else delong)(y, score, level, clusters)
    return Estimate(found.value, found.low, found.high, found.method, note)
