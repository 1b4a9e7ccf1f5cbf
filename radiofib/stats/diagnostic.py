"""Measures of a two by two table with intervals: what a positive or negative call means."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from radiofib._checks import check_known
from radiofib.errors import UsageError
from radiofib.stats.classification import balanced_accuracy, mcc
from radiofib.stats.estimate import Estimate, z_value
from radiofib.stats.proportions import clopper_pearson, wilson

__all__ = [
    "balanced_accuracy_interval",
    "diagnostic_table",
    "likelihood_ratio",
    "mcc_interval",
    "predictive_values",
]


def _check(part: float, whole: float, what: str) -> None:
    if whole < 0 or not 0 <= part <= whole:
        raise UsageError(
            f"{what} must lie between 0 and their number of cases", found=f"{part:g} of {whole:g}"
        )


def likelihood_ratio(
    called_pos: float, n_pos: float, called_neg: float, n_neg: float, level: float = 0.95
) -> Estimate:
    r"""Return the ratio of the shares of positives and of negatives with a result.

    .. math:: LR = \frac{a/m}{b/n}, \quad
              \ln LR \pm z \sqrt{\frac{1}{a} - \frac{1}{m} + \frac{1}{b} - \frac{1}{n}}

    With the positive calls it is the positive likelihood ratio, with the negative calls the
    negative one. When a count is zero the interval has a half added to every count.

    Parameters
    ----------
    called_pos, n_pos : float
        Positives with the result, of all positives.
    called_neg, n_neg : float
        Negatives with the result, of all negatives.
    level : float

    References
    ----------
    Simel DL, Samsa GP, Matchar DB. J Clin Epidemiol 1991;44:763-770.

    Examples
    --------
    >>> e = likelihood_ratio(86, 96, 6, 24)
    >>> round(e.value, 4), round(e.low, 4), round(e.high, 4)
    (3.5833, 1.786, 7.1893)
    """
    _check(called_pos, n_pos, "positives with the result")
    _check(called_neg, n_neg, "negatives with the result")
    method = "likelihood ratio, log method"
    if n_pos == 0 or n_neg == 0:
        return Estimate(math.nan, math.nan, math.nan, method, "a class is empty")
    top, below = called_pos / n_pos, called_neg / n_neg
    value = top / below if below > 0 else (math.inf if top > 0 else math.nan)
    add = 0.5 if min(called_pos, called_neg) == 0 else 0.0
    a, m, b, n = called_pos + add, n_pos + 2 * add, called_neg + add, n_neg + 2 * add
    centre = math.log(a / m) - math.log(b / n)
    half = z_value(level) * math.sqrt(max(0.0, 1 / a - 1 / m + 1 / b - 1 / n))
    note = "a count is zero: 0.5 added for the interval" if add else ""
    low, high = math.exp(centre - half), math.exp(centre + half)
    return Estimate(value, min(low, value), max(high, value), method, note)


def predictive_values(
    tp: float, n_pos: float, tn: float, n_neg: float, prevalence: float, level: float = 0.95
) -> tuple[Estimate, Estimate]:
    r"""Return PPV and NPV at a stated prevalence.

    .. math:: PPV = \frac{\pi Se}{\pi Se + (1-\pi)(1-Sp)}, \quad
              NPV = \frac{(1-\pi) Sp}{(1-\pi) Sp + \pi (1-Se)}

    The interval is on the logit scale, where the prevalence, taken as known, is a shift:
    ``logit(PPV) = logit(pi) + ln(Se / (1 - Sp))``. When a count is zero the interval has a half
    added to every count.

    Parameters
    ----------
    tp, n_pos : float
        Positives called positive, of all positives.
    tn, n_neg : float
        Negatives called negative, of all negatives.
    prevalence : float
        Between 0 and 1.
    level : float

    References
    ----------
    Mercaldo ND, Lau KF, Zhou XH. Stat Med 2007;26:2170-2183.

    Examples
    --------
    >>> ppv, npv = predictive_values(86, 96, 18, 24, prevalence=0.2)
    >>> round(ppv.value, 4), round(ppv.low, 4), round(npv.value, 4), round(npv.low, 4)
    (0.4725, 0.3087, 0.9664, 0.9388)
    """
    _check(tp, n_pos, "true positives")
    _check(tn, n_neg, "true negatives")
    if not 0 < prevalence < 1:
        raise UsageError("a prevalence must lie between 0 and 1", found=f"{prevalence:g}")
    shift = float(logit(prevalence))
    results = []
    for ratio, sign in (
        (likelihood_ratio(tp, n_pos, n_neg - tn, n_neg, level), 1.0),
        (likelihood_ratio(n_pos - tp, n_pos, tn, n_neg, level), -1.0),
    ):
        method = f"at prevalence {prevalence:g}, logit method"
        with np.errstate(divide="ignore"):
            at = [float(expit(sign * (shift + np.log(v)))) for v in (ratio.low, ratio.high)]
            value = float(expit(sign * (shift + np.log(ratio.value))))
        results.append(Estimate(value, min(at), max(at), method, ratio.note))
    return results[0], results[1]


def mcc_interval(confusion: ArrayLike, level: float = 0.95) -> Estimate:
    r"""Return the Matthews correlation coefficient of a two by two table with its interval.

    The coefficient is the phi coefficient. Its large-sample variance under multinomial sampling
    (not the 1 / (n - 3) of normal variables) is

    .. math:: V = \frac{1}{n}\left[1 - \phi^2 + \phi\left(1 + \frac{\phi^2}{2}\right) uv
              - \frac{3}{4}\phi^2 (u^2 + v^2)\right], \quad
              u = \frac{t_0 - t_1}{\sqrt{t_0 t_1}}, \; v = \frac{p_0 - p_1}{\sqrt{p_0 p_1}}

    with t and p the true and predicted shares. The interval is on Fisher's scale:
    :math:`\tanh(\tanh^{-1}\phi \pm z \sqrt V / (1 - \phi^2))`.

    Parameters
    ----------
    confusion : array-like of shape (2, 2)
        True class in rows, predicted in columns.
    level : float

    References
    ----------
    Bishop YM, Fienberg SE, Holland PW. Discrete Multivariate Analysis, MIT Press 1975, section
    11.3.

    Examples
    --------
    >>> e = mcc_interval([[18, 6], [10, 86]])
    >>> round(e.value, 4), round(e.low, 4), round(e.high, 4)
    (0.6108, 0.4103, 0.755)
    """
    counts = _two_by_two(confusion)
    value = float(mcc(counts))
    method = "phi, Fisher's transformation"
    if not math.isfinite(value) or abs(value) >= 1 - 1e-12:
        note = "no interval: perfect agreement" if math.isfinite(value) else "not defined"
        return Estimate(value, math.nan, math.nan, method, note)
    n = float(counts.sum())
    (t0, t1), (p0, p1) = counts.sum(axis=1) / n, counts.sum(axis=0) / n
    u, v = (t0 - t1) / math.sqrt(t0 * t1), (p0 - p1) / math.sqrt(p0 * p1)
    square = value**2
    spread = 1 - square + value * (1 + square / 2) * u * v - 0.75 * square * (u**2 + v**2)
    half = z_value(level) * math.sqrt(max(0.0, spread) / n) / (1 - square)
    centre = math.atanh(value)
    return Estimate(value, math.tanh(centre - half), math.tanh(centre + half), method)


def balanced_accuracy_interval(confusion: ArrayLike, level: float = 0.95) -> Estimate:
    r"""Return the balanced accuracy of a k by k table with a normal interval.

    .. math:: \frac{1}{k}\sum_i \hat p_i \pm z \frac{1}{k}
              \sqrt{\sum_i \frac{\tilde p_i (1-\tilde p_i)}{n_i}}

    with :math:`\hat p_i` the share found of level i. In the error two successes and two failures
    are added to every level (Agresti and Caffo), so that it does not vanish at 0 and 1.

    References
    ----------
    Agresti A, Caffo B. Am Stat 2000;54:280-288.

    Examples
    --------
    >>> e = balanced_accuracy_interval([[18, 6], [10, 86]])
    >>> round(e.value, 4), round(e.low, 4), round(e.high, 4)
    (0.8229, 0.7334, 0.9124)
    """
    counts = np.asarray(confusion, dtype=np.float64)
    value = float(balanced_accuracy(counts))
    sizes = counts.sum(axis=1)
    occurs = sizes > 0
    found, sizes = np.diag(counts)[occurs] + 2, sizes[occurs] + 4
    share = found / sizes
    error = math.sqrt(float((share * (1 - share) / sizes).sum())) / int(occurs.sum())
    half = z_value(level) * error
    low, high = max(0.0, value - half), min(1.0, value + half)
    return Estimate(value, low, high, "mean of shares, Agresti-Caffo")


def _two_by_two(confusion: ArrayLike) -> np.ndarray:
    counts = np.asarray(confusion, dtype=np.float64)
    if counts.shape != (2, 2) or (counts < 0).any() or not np.isfinite(counts).all():
        raise UsageError("a two by two table of counts is needed", found=str(counts.shape))
    return counts


def diagnostic_table(
    confusion: ArrayLike,
    *,
    prevalence: float | None = None,
    interval: str = "wilson",
    level: float = 0.95,
) -> pd.DataFrame:
    """Return all measures of a two by two table with intervals.

    Parameters
    ----------
    confusion : array-like of shape (2, 2)
        True class in rows, predicted in columns; class 1 is positive.
    prevalence : float, optional
        Where predictive values should hold, besides the cases at hand.
    interval : {"wilson", "exact"}
        Of the proportions.
    level : float

    Returns
    -------
    DataFrame
        ``metric, estimate, ci_low, ci_high, n, method, note`` for accuracy, sensitivity,
        specificity, PPV, NPV, balanced accuracy, MCC, and the two likelihood ratios.

    Examples
    --------
    >>> frame = diagnostic_table([[18, 6], [10, 86]])
    >>> frame[["metric", "estimate", "ci_low"]].round(3).head(3).values.tolist()
    [['accuracy', 0.867, 0.794], ['sensitivity', 0.896, 0.819], ['specificity', 0.75, 0.551]]
    """
    counts = _two_by_two(confusion)
    check_known(interval, ("wilson", "exact"), what="interval")
    share = wilson if interval == "wilson" else clopper_pearson
    (tn, fp), (fn, tp) = counts.tolist()
    n_pos, n_neg = fn + tp, tn + fp
    n = n_pos + n_neg
    rows = [
        ("accuracy", share(tp + tn, n, level), n),
        ("sensitivity", share(tp, n_pos, level), n_pos),
        ("specificity", share(tn, n_neg, level), n_neg),
        ("ppv", share(tp, tp + fp, level), tp + fp),
        ("npv", share(tn, tn + fn, level), tn + fn),
        ("balanced_accuracy", balanced_accuracy_interval(counts, level), n),
        ("mcc", mcc_interval(counts, level), n),
        ("positive_likelihood_ratio", likelihood_ratio(tp, n_pos, fp, n_neg, level), n),
        ("negative_likelihood_ratio", likelihood_ratio(fn, n_pos, tn, n_neg, level), n),
    ]
    if prevalence is not None:
        ppv, npv = predictive_values(tp, n_pos, tn, n_neg, prevalence, level)
        rows += [
            (f"ppv_at_prevalence_{prevalence:g}", ppv, n),
            (f"npv_at_prevalence_{prevalence:g}", npv, n),
        ]
    return pd.DataFrame(
        {
            "metric": name,
            "estimate": e.value,
            "ci_low": e.low,
            "ci_high": e.high,
            "n": int(count),
            "method": e.method,
            "note": e.note,
        }
        for name, e, count in rows
    )
