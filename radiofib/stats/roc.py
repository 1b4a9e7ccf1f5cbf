"""Area under the ROC curve and its analytic intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import rankdata

from radiofib._checks import check_1d, check_same_length
from radiofib.errors import UsageError
from radiofib.stats.estimate import Estimate, check_binary, check_codes, z_value

__all__ = [
    "PairedAuc",
    "auc",
    "auc_interval",
    "delong",
    "delong_paired",
    "logit_delong",
    "multiclass_auc",
    "newcombe",
    "roc_curve",
]

#: Below this number of cases in a class, an interval is called sparse.
SPARSE = 10


def _placements(
    y: ArrayLike, score: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return each case's placement among the other class (V10, V01) and the AUC."""
    check_same_length(y=np.asarray(y), score=np.asarray(score))
    positive = check_binary(y, both=True)
    values = check_1d(score, "score")
    m, n = int(positive.sum()), int((~positive).sum())
    ranks = rankdata(values)
    pos, neg = ranks[positive], ranks[~positive]
    v10 = (pos - rankdata(values[positive])) / n
    v01 = 1.0 - (neg - rankdata(values[~positive])) / m
    return v10, v01, float((pos.sum() - m * (m + 1) / 2) / (m * n))


def auc(y: ArrayLike, score: ArrayLike) -> float:
    """Return the area under the ROC curve, ties counting one half.

    The probability that a random positive case scores above a random negative one,
    ``(R - m(m+1)/2) / (mn)`` with R the sum of the midranks of the m positives. A higher
    score always means "more likely positive": the direction is never turned.

    Parameters
    ----------
    y : array-like of 0 and 1
    score : array-like
        Any finite number; not necessarily a probability.

    References
    ----------
    Hanley JA, McNeil BJ. Radiology 1982;143:29-36.

    Examples
    --------
    >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    return _placements(y, score)[2]


def roc_curve(
    y: ArrayLike, score: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return false positive rate, true positive rate and threshold of the ROC curve.

    A case is called positive when its score is at least the threshold; the first point is
    (0, 0) with threshold infinity. One point for each different score, highest first.

    Examples
    --------
    >>> fpr, tpr, threshold = roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> fpr.tolist(), tpr.tolist()
    ([0.0, 0.0, 0.5, 0.5, 1.0], [0.0, 0.5, 0.5, 1.0, 1.0])
    """
    check_same_length(y=np.asarray(y), score=np.asarray(score))
    positive = check_binary(y, both=True)
    values = check_1d(score, "score")
    levels, index = np.unique(-values, return_inverse=True)
    pos = np.bincount(index[positive], minlength=levels.size)
    neg = np.bincount(index[~positive], minlength=levels.size)
    tpr = np.concatenate([[0.0], np.cumsum(pos) / positive.sum()])
    fpr = np.concatenate([[0.0], np.cumsum(neg) / (~positive).sum()])
    return fpr, tpr, np.concatenate([[np.inf], -levels])


def _variance(v10: NDArray[np.float64], v01: NDArray[np.float64]) -> float:
    if min(v10.size, v01.size) < 2:
        return math.nan
    return float(v10.var(ddof=1) / v10.size + v01.var(ddof=1) / v01.size)


def delong(y: ArrayLike, score: ArrayLike, level: float = 0.95) -> Estimate:
    r"""Return the AUC with DeLong's interval, cut at 0 and 1.

    .. math:: \widehat{var} = S_{10}/m + S_{01}/n

    with :math:`S` the sample variances of the placement values. The interval shrinks to a
    point at perfect separation: use :func:`auc_interval`, which knows.

    References
    ----------
    DeLong ER et al. Biometrics 1988;44:837-845. Sun X, Xu W. IEEE Signal Process Lett
    2014;21:1389-1393 (ranks instead of pairs).

    Examples
    --------
    >>> e = delong([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6])
    >>> round(e.value, 4), round(e.low, 4), e.high
    (0.8889, 0.5809, 1.0)
    """
    v10, v01, value = _placements(y, score)
    half = z_value(level) * math.sqrt(_variance(v10, v01))
    return Estimate(value, max(0.0, value - half), min(1.0, value + half), "DeLong")


def logit_delong(y: ArrayLike, score: ArrayLike, level: float = 0.95) -> Estimate:
    """Return the AUC with DeLong's interval on the logit scale, which stays inside 0 to 1.

    ``logit(A) +- z sd / (A (1 - A))``, transformed back; undefined (NaN) at A = 0 or 1.

    References
    ----------
    Pepe MS. The Statistical Evaluation of Medical Tests, Oxford 2003, section 5.2.3.

    Examples
    --------
    >>> e = logit_delong([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6])
    >>> round(e.low, 4), round(e.high, 4)
    (0.2614, 0.9945)
    """
    v10, v01, value = _placements(y, score)
    if value in (0.0, 1.0):
        return Estimate(value, math.nan, math.nan, "logit DeLong", "undefined at 0 and 1")
    centre = math.log(value / (1 - value))
    half = z_value(level) * math.sqrt(_variance(v10, v01)) / (value * (1 - value))
    low, high = (1 / (1 + math.exp(-(centre + side * half))) for side in (-1, 1))
    return Estimate(value, low, high, "logit DeLong")


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
    if not 0 <= value <= 1 or n_pos < 1 or n_neg < 1:
        raise UsageError(
            "an AUC between 0 and 1 and at least one case in each class are needed",
            found=f"AUC {value:g}, {n_pos} positive, {n_neg} negative",
        )
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


def auc_interval(y: ArrayLike, score: ArrayLike, level: float = 0.95) -> Estimate:
    """Return the AUC with the interval that holds for these data, named in `method`.

    Newcombe's method 5 at perfect separation (AUC 0 or 1), DeLong on the logit scale when a
    class has fewer than 10 cases (`note` says "sparse"), otherwise DeLong. When all scores are
    equal the AUC is one half and there is no interval.

    Examples
    --------
    >>> e = auc_interval([0] * 5 + [1] * 65, range(70))
    >>> e.method, round(e.low, 3)
    ('Newcombe method 5', 0.795)
    """
    v10, v01, value = _placements(y, score)
    sparse = min(v10.size, v01.size) < SPARSE
    note = f"sparse: {min(v10.size, v01.size)} cases in the smaller class" if sparse else ""
    if np.ptp(np.asarray(score, dtype=np.float64)) == 0:
        return Estimate(value, math.nan, math.nan, "none", "all scores are equal")
    if value in (0.0, 1.0) or min(v10.size, v01.size) < 2:
        found = newcombe(value, v10.size, v01.size, level)
        return Estimate(found.value, found.low, found.high, found.method, note)
    found = logit_delong(y, score, level) if sparse else delong(y, score, level)
    return Estimate(found.value, found.low, found.high, found.method, note)


@dataclass(frozen=True)
class PairedAuc:
    """Difference of two AUCs on the same cases.

    Parameters
    ----------
    difference, low, high : float
        First minus second AUC, and its interval.
    z, p : float
        DeLong's statistic and its two-sided p value.
    covariance : float
        Covariance of the two AUCs.
    """

    difference: float
    low: float
    high: float
    z: float
    p: float
    covariance: float


def delong_paired(
    y: ArrayLike, first: ArrayLike, second: ArrayLike, level: float = 0.95
) -> PairedAuc:
    """Compare two scores of the same cases by DeLong's test.

    ``z = (A1 - A2) / sqrt(V1 + V2 - 2 Cov)``.

    References
    ----------
    DeLong ER et al. Biometrics 1988;44:837-845.

    Examples
    --------
    >>> r = delong_paired([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6], [1, 5, 2, 3, 4, 6])
    >>> round(r.difference, 4), round(r.p, 4)
    (0.1111, 0.7237)
    """
    a10, a01, a = _placements(y, first)
    b10, b01, b = _placements(y, second)
    if min(a10.size, a01.size) < 2:
        raise UsageError(
            "DeLong's test needs two cases in each class",
            found=f"{a10.size} positive, {a01.size} negative",
        )
    covariance = float(np.cov(a10, b10)[0, 1] / a10.size + np.cov(a01, b01)[0, 1] / a01.size)
    variance = _variance(a10, a01) + _variance(b10, b01) - 2 * covariance
    deviation = math.sqrt(max(variance, 0.0))
    difference = a - b
    half = z_value(level) * deviation
    z = difference / deviation if deviation > 0 else (0.0 if difference == 0 else math.inf)
    z = math.copysign(z, difference) if difference else 0.0
    p = float(2 * ndtr(-abs(z)))
    return PairedAuc(difference, difference - half, difference + half, z, p, covariance)


def multiclass_auc(y: ArrayLike, proba: ArrayLike, average: str = "macro") -> float:
    """Return an AUC over several classes.

    Parameters
    ----------
    y : array-like of int
        Level codes 0..k-1.
    proba : array-like of shape (n, k)
        One score for each level.
    average : {"macro", "weighted", "micro", "hand_till"}
        Mean over one-versus-rest, that mean weighted by class size, all one-versus-rest
        decisions pooled, or the mean over pairs of classes. Absent classes are left out of
        the means.

    References
    ----------
    Hand DJ, Till RJ. Mach Learn 2001;45:171-186. Fawcett T. Pattern Recognit Lett
    2006;27:861-874.

    Examples
    --------
    >>> proba = [[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7], [0.5, 0.3, 0.2]]
    >>> multiclass_auc([0, 1, 2, 1], proba), multiclass_auc([0, 1, 2, 1], proba, "hand_till")
    (1.0, 1.0)
    """
    scores = np.asarray(proba, dtype=np.float64)
    if scores.ndim != 2:
        raise UsageError("proba must have one column for each level", found=str(scores.shape))
    codes = check_codes(y, scores.shape[1])
    check_same_length(y=codes, proba=scores)
    present = np.unique(codes)
    if present.size < 2:
        raise UsageError("at least two classes must occur", found=f"{present.size}")
    if average == "micro":
        onehot = codes[:, None] == np.arange(scores.shape[1])
        return auc(onehot.ravel(), scores.ravel())
    if average in ("macro", "weighted"):
        each = np.array([auc(codes == k, scores[:, k]) for k in present])
        sizes = np.bincount(codes)[present] if average == "weighted" else None
        return float(np.average(each, weights=sizes))
    if average == "hand_till":
        pairs = []
        for position, a in enumerate(present):
            for b in present[position + 1 :]:
                rows = (codes == a) | (codes == b)
                forward = auc(codes[rows] == a, scores[rows, a])
                backward = auc(codes[rows] == b, scores[rows, b])
                pairs.append((forward + backward) / 2)
        return float(np.mean(pairs))
    raise UsageError(f"unknown average {average!r}", expected="macro, weighted, micro or hand_till")
