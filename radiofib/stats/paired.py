"""Paired decisions: McNemar's and Cochran's tests, and the difference of two shares."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtr, chdtrc

from radiofib._checks import check_known, check_same_length
from radiofib.errors import UsageError
from radiofib.stats.estimate import Estimate, HypothesisTest, check_binary, check_clusters
from radiofib.stats.proportions import wilson

__all__ = ["cochran_q", "discordant", "mcnemar", "mcnemar_by_patient", "paired_difference"]


def discordant(first: ArrayLike, second: ArrayLike) -> tuple[int, int, int, int]:
    """Return how often both, only the first, only the second and neither is 1.

    Parameters
    ----------
    first, second : array-like of 0 and 1
        Of the same cases, for example whether either method was right.

    Examples
    --------
    >>> discordant([1, 1, 0, 0, 1], [1, 0, 1, 0, 0])
    (1, 2, 1, 1)
    """
    a, b = check_binary(first, "first"), check_binary(second, "second")
    check_same_length(first=a, second=b)
    return int((a & b).sum()), int((a & ~b).sum()), int((~a & b).sum()), int((~a & ~b).sum())


def mcnemar(first: int, second: int, method: str = "exact") -> HypothesisTest:
    r"""Test whether two methods decide alike, from the cases on which they differ.

    ``exact``: twice the smaller binomial tail of `first` among first + second at one half.
    ``chi-square``: :math:`(b - c)^2/(b + c)`; ``corrected``: :math:`(|b - c| - 1)^2/(b + c)`.

    Parameters
    ----------
    first, second : int
        Cases in which only the first, only the second is 1 (see :func:`discordant`).
    method : {"exact", "chi-square", "corrected"}

    References
    ----------
    McNemar Q. Psychometrika 1947;12:153-157. Edwards AL. Psychometrika 1948;13:185-187.

    Examples
    --------
    >>> round(mcnemar(27, 20).p, 4), round(mcnemar(27, 20, "chi-square").p, 4)
    (0.3817, 0.3072)
    """
    check_known(method, ("exact", "chi-square", "corrected"), what="method")
    if min(first, second) < 0 or first != int(first) or second != int(second):
        raise UsageError("counts of differing cases must be whole", found=f"{first}, {second}")
    n = int(first + second)
    name = f"McNemar, {method}"
    if n == 0:
        return HypothesisTest(0.0, math.nan, 1.0, name, "the methods never differ")
    if method == "exact":
        smaller = int(min(first, second))
        p = 1.0 if 2 * smaller == n else min(1.0, 2 * float(bdtr(smaller, n, 0.5)))
        return HypothesisTest(float(smaller), math.nan, p, name)
    gap = abs(first - second) - (1.0 if method == "corrected" else 0.0)
    value = max(gap, 0.0) ** 2 / n
    note = "fewer than 25 differing cases: use the exact test" if n < 25 else ""
    return HypothesisTest(value, 1.0, float(chdtrc(1, value)), name, note)


def mcnemar_by_patient(first: ArrayLike, second: ArrayLike, clusters: ArrayLike) -> HypothesisTest:
    r"""Test whether two methods decide alike when a patient has several cases.

    .. math:: \chi^2 = \frac{\left[\sum_i (b_i - c_i)\right]^2}{\sum_i (b_i - c_i)^2}

    with b and c the cases of patient i in which only the first, only the second is 1; 1 degree of
    freedom. With one case a patient it is McNemar's test without correction.

    Parameters
    ----------
    first, second : array-like of 0 and 1
        Of the same cases, for example whether either method was right.
    clusters : array-like
        Patient of each case.

    References
    ----------
    Tests of this kind: Durkalski VL et al. Stat Med 2003, doi 10.1002/sim.1438. Yang Z et al. Biom
    J 2010, doi 10.1002/bimj.201000035.

    Examples
    --------
    >>> a, b = [1, 1, 0, 1, 1, 1], [0, 0, 1, 0, 1, 0]
    >>> round(mcnemar_by_patient(a, b, range(6)).p, 4), round(mcnemar(4, 1, "chi-square").p, 4)
    (0.1797, 0.1797)
    """
    one, two = check_binary(first, "first"), check_binary(second, "second")
    n = check_same_length(first=one, second=two)
    gap = one.astype(np.float64) - two.astype(np.float64)
    sums = np.bincount(check_clusters(clusters, n), weights=gap)
    name, square = "McNemar, clustered by patient", float(sums @ sums)
    if square == 0:
        return HypothesisTest(0.0, 1.0, 1.0, name, "the methods never differ within a patient")
    value = float(sums.sum()) ** 2 / square
    differ = int(np.count_nonzero(sums))
    note = f"only {differ} patients differ: the chi-square is rough" if differ < 25 else ""
    return HypothesisTest(value, 1.0, float(chdtrc(1, value)), name, note)


def paired_difference(
    both: int, first: int, second: int, neither: int, level: float = 0.95
) -> Estimate:
    r"""Return the difference of two paired shares with Newcombe's method 10 interval.

    .. math:: \hat d - \sqrt{dl_1^2 - 2\hat\phi\, dl_1 du_2 + du_2^2}, \quad
              \hat d + \sqrt{du_1^2 - 2\hat\phi\, du_1 dl_2 + dl_2^2}

    with dl and du the distances of Wilson's limits of each share and
    :math:`\hat\phi` the correlation of the two, corrected for continuity.

    Parameters
    ----------
    both, first, second, neither : int
        Cases, as :func:`discordant` counts them.
    level : float

    References
    ----------
    Newcombe RG. Stat Med 1998;17:2635-2650, method 10.

    Examples
    --------
    >>> e = paired_difference(36, 12, 2, 0)
    >>> round(e.value, 4), round(e.low, 4), round(e.high, 4)
    (0.2, 0.0569, 0.3404)
    """
    counts = np.array([both, first, second, neither], dtype=np.float64)
    if (counts < 0).any() or counts.sum() <= 0:
        raise UsageError("counts must not be negative, and some case is needed")
    n = counts.sum()
    one, two = wilson(both + first, n, level), wilson(both + second, n, level)
    totals = (both + first) * (second + neither) * (both + second) * (first + neither)
    phi = 0.0
    if totals > 0:
        product = float(both * neither - first * second)
        phi = (max(product - n / 2, 0.0) if product > 0 else product) / math.sqrt(totals)
    down = (one.value - one.low, two.high - two.value)
    up = (one.high - one.value, two.value - two.low)
    value = (first - second) / n
    below, above = (math.sqrt(max(0.0, a * a - 2 * phi * a * b + b * b)) for a, b in (down, up))
    return Estimate(float(value), float(value - below), float(value + above), "Newcombe method 10")


def cochran_q(decisions: ArrayLike) -> HypothesisTest:
    r"""Test whether several methods have the same share of ones on the same cases.

    .. math:: Q = \frac{(k-1)\left[k\sum_j C_j^2 - N^2\right]}{k N - \sum_i R_i^2}

    with C the totals of the k methods, R of the cases and N of all; chi-square with k - 1
    degrees of freedom. With two methods it is McNemar's test without correction.

    Parameters
    ----------
    decisions : array-like of 0 and 1, shape (n_cases, k)

    References
    ----------
    Cochran WG. Biometrika 1950;37:256-266.

    Examples
    --------
    >>> found = cochran_q([[1, 1, 0], [1, 0, 0], [1, 1, 1], [1, 1, 0], [0, 0, 0], [1, 0, 0]])
    >>> round(found.statistic, 4), round(found.p, 4)
    (6.0, 0.0498)
    """
    table = np.asarray(decisions, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] < 2 or table.size == 0:
        raise UsageError("decisions must have one column for each of two or more methods")
    check_binary(table.ravel(), "decisions")
    k = table.shape[1]
    columns, rows, total = table.sum(axis=0), table.sum(axis=1), table.sum()
    below = k * total - float((rows**2).sum())
    if below <= 0:
        return HypothesisTest(0.0, k - 1, 1.0, "Cochran's Q", "the methods never differ")
    value = (k - 1) * (k * float((columns**2).sum()) - total**2) / below
    return HypothesisTest(float(value), float(k - 1), float(chdtrc(k - 1, value)), "Cochran's Q")
