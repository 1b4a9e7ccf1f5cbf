"""Intervals for a proportion."""

from __future__ import annotations

import math

from scipy.special import betaincinv

from radiofib.errors import UsageError
from radiofib.stats.estimate import Estimate, z_value

__all__ = ["clopper_pearson", "wilson"]


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
