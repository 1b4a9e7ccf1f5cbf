"""Intervals for a proportion."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv

from radiofib._checks import check_known
from radiofib.errors import UsageError
from radiofib.stats.estimate import Estimate, check_binary, check_clusters, z_value

__all__ = ["clopper_pearson", "effective_size", "proportion", "wilson"]


def _check(successes: float, n: float) -> None:
    if n < 0 or not 0 <= successes <= n:
        raise UsageError(
            "successes must lie between 0 and the number of cases",
            found=f"{successes:g} of {n:g}",
        )


def wilson(successes: float, n: float, level: float = 0.95) -> Estimate:
    r"""Return a proportion with Wilson's score interval.

    .. math:: \frac{p + z^2/2n \pm z\sqrt{p(1-p)/n + z^2/4n^2}}{1 + z^2/n}

    Parameters
    ----------
    successes, n : float
        Number of successes among `n` independent cases.
    level : float
        Confidence level.

    References
    ----------
    Wilson EB. J Am Stat Assoc 1927;22:209-212. Newcombe RG. Stat Med 1998;17:857-872, method 3.

    Examples
    --------
    >>> e = wilson(81, 263)
    >>> round(e.low, 4), round(e.high, 4)
    (0.2553, 0.3662)
    """
    _check(successes, n)
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, "Wilson", "no case")
    z = z_value(level)
    p = successes / n
    centre = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = 0.0 if successes == 0 else max(0.0, (centre - half) / scale)
    high = 1.0 if successes == n else min(1.0, (centre + half) / scale)
    return Estimate(p, low, high, "Wilson")


def clopper_pearson(successes: float, n: float, level: float = 0.95) -> Estimate:
    """Return a proportion with the exact (Clopper-Pearson) interval.

    The limits are the beta quantiles B(a/2; x, n-x+1) and B(1-a/2; x+1, n-x).

    References
    ----------
    Clopper CJ, Pearson ES. Biometrika 1934;26:404-413.

    Examples
    --------
    >>> e = clopper_pearson(0, 10)
    >>> e.low, round(e.high, 4)
    (0.0, 0.3085)
    """
    _check(successes, n)
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, "Clopper-Pearson", "no case")
    z_value(level)
    tail = (1 - level) / 2
    x = successes
    low = 0.0 if x == 0 else float(betaincinv(x, n - x + 1, tail))
    high = 1.0 if x == n else float(betaincinv(x + 1, n - x, 1 - tail))
    return Estimate(x / n, low, high, "Clopper-Pearson")


def effective_size(successes: ArrayLike, clusters: ArrayLike | None = None) -> float:
    r"""Return the number of independent cases that would give a proportion the same variance.

    .. math:: n^* = 1 + \frac{\hat p (1 - \hat p)}{V}, \quad
              V = \frac{G}{G-1} \sum_{i=1}^{G} \left(\frac{x_i - n_i \hat p}{n}\right)^2

    with x successes of n cases in each of G patients, never above the number of cases; at 0 and
    1 it is the number of patients.

    Parameters
    ----------
    successes : array-like of 0 and 1
        One entry for each case; may be empty.
    clusters : array-like, optional
        Patient of each case; then, without it, the number of cases.

    References
    ----------
    Korn EL, Graubard BI. Surv Methodol 1998;24:193-201. Rao JNK, Scott AJ. Biometrics
    1992;48:577-585.

    Examples
    --------
    >>> round(effective_size([1, 0, 1, 1] * 10, [1, 2, 3, 4] * 10), 9)
    4.0
    """
    if np.size(successes) == 0:
        return 0.0
    right = check_binary(successes, "successes")
    hits, n = int(right.sum()), right.size
    if clusters is None:
        return float(n)
    codes = check_clusters(clusters, n)
    sizes = np.bincount(codes).astype(np.float64)
    if hits in (0, n) or sizes.size < 2:
        return float(sizes.size)
    p = hits / n
    left = np.bincount(codes, weights=right) - p * sizes
    variance = sizes.size / (sizes.size - 1) * float(left @ left) / n**2
    return min(float(n), 1 + p * (1 - p) / variance) if variance > 0 else float(n)


def proportion(
    successes: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    interval: str = "wilson",
    level: float = 0.95,
) -> Estimate:
    """Return a proportion of cases, its interval by patient when a patient has several.

    The interval is that of :func:`effective_size` independent cases: the plain one when each
    patient has one case, and left as it is by rows repeated within patients.

    Parameters
    ----------
    successes : array-like of 0 and 1
        One entry for each case; may be empty.
    clusters : array-like, optional
        Patient of each case.
    interval : {"wilson", "exact"}
    level : float

    Examples
    --------
    >>> once, tenfold = [1, 1, 1, 0, 1, 0], [1, 1, 1, 0, 1, 0] * 10
    >>> a, b = proportion(once), proportion(tenfold, [1, 2, 3, 4, 5, 6] * 10)
    >>> round(a.low, 6) == round(b.low, 6), b.method
    (True, 'Wilson, clustered by patient')
    """
    check_known(interval, ("wilson", "exact"), what="interval")
    size = effective_size(successes, clusters)
    value = float(check_binary(successes, "successes").mean()) if size else 0.0
    found = (wilson if interval == "wilson" else clopper_pearson)(value * size, size, level)
    method = found.method if clusters is None else f"{found.method}, clustered by patient"
    return Estimate(found.value, found.low, found.high, method, found.note)
