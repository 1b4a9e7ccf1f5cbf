"""Probability of an interval of a latent variable, and its derivatives.

An ordered outcome falls between two cuts: ``P = F(u) - F(l)``. Both links are written so that
neither tail loses digits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, log_ndtr, ndtr

from radiofib._checks import check_known

__all__ = ["LINKS", "Interval", "cumulative", "interval"]

FloatArray = NDArray[np.float64]

LINKS = ("logit", "probit")


@dataclass(frozen=True)
class Interval:
    """Log probability of each case and its derivatives by the upper and the lower cut.

    Parameters
    ----------
    log_p : ndarray
        Natural logarithm of the probability; ``-inf`` where the cuts are not in order.
    upper, lower : ndarray
        First derivatives by u and l; 0 for an infinite cut.
    upper2, lower2, both : ndarray
        Second derivatives by u and u, l and l, u and l.
    """

    log_p: FloatArray
    upper: FloatArray
    lower: FloatArray
    upper2: FloatArray
    lower2: FloatArray
    both: FloatArray


def cumulative(eta: FloatArray, link: str) -> FloatArray:
    """Return F(eta), the probability below a cut."""
    value: FloatArray = expit(eta) if link == "logit" else ndtr(eta)
    return value


def interval(u: FloatArray, lower: FloatArray, link: str) -> Interval:
    """Return the log probability of falling between `lower` and `u`, with derivatives.

    Parameters
    ----------
    u, lower : ndarray
        Cuts less the linear predictor; `u` may be inf, `lower` -inf.
    link : {"logit", "probit"}
        F is the logistic or the normal distribution.

    Examples
    --------
    >>> found = interval(np.array([0.0]), np.array([-np.inf]), "logit")
    >>> float(np.exp(found.log_p[0])), float(found.upper[0])
    (0.5, 0.5)
    """
    check_known(link, LINKS, what="link")
    return _logit(u, lower) if link == "logit" else _probit(u, lower)


def _logit(u: FloatArray, lower: FloatArray) -> Interval:
    # F(u) - F(l) = F(u) F(-l) (1 - exp(l - u)): a product, so nothing cancels.
    gap = u - lower
    ordered = gap > 0
    safe = np.where(ordered, gap, 1.0)
    with np.errstate(over="ignore"):
        ratio = np.where(np.isfinite(safe), 1.0 / np.expm1(safe), 0.0)
    log_gap = np.log(-np.expm1(-safe))
    log_p = log_expit(u) + log_expit(-lower) + log_gap
    curve = -ratio * (1.0 + ratio)
    has_u, has_l = np.isfinite(u), np.isfinite(lower)
    pu, pl = expit(u), expit(lower)
    return Interval(
        np.where(ordered, log_p, -np.inf),
        np.where(has_u, 1.0 - pu + ratio, 0.0),
        np.where(has_l, -pl - ratio, 0.0),
        np.where(has_u, -pu * (1.0 - pu) + curve, 0.0),
        np.where(has_l, -pl * (1.0 - pl) + curve, 0.0),
        np.where(has_u & has_l, -curve, 0.0),
    )


def _probit(u: FloatArray, lower: FloatArray) -> Interval:
    # In the upper tail the mirrored interval keeps its digits.
    flip = lower > 0
    high, low = np.where(flip, -lower, u), np.where(flip, -u, lower)
    log_high, log_low = log_ndtr(high), log_ndtr(low)
    ordered = u > lower
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        log_p = np.where(ordered, log_high + np.log1p(-np.exp(log_low - log_high)), -np.inf)
        has_u, has_l = np.isfinite(u), np.isfinite(lower)
        at_u, at_l = np.where(has_u, u, 0.0), np.where(has_l, lower, 0.0)
        half = 0.5 * np.log(2.0 * np.pi)
        ru = np.where(has_u & ordered, np.exp(-0.5 * at_u**2 - half - log_p), 0.0)
        rl = np.where(has_l & ordered, np.exp(-0.5 * at_l**2 - half - log_p), 0.0)
    return Interval(
        log_p,
        ru,
        -rl,
        -at_u * ru - ru**2,
        at_l * rl - rl**2,
        ru * rl,
    )
