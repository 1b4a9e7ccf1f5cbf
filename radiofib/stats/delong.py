"""DeLong's variance of an AUC, and tests of the difference of two AUCs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, ndtr, stdtr, stdtrit

from radiofib.errors import UsageError
from radiofib.stats.estimate import Estimate, HypothesisTest, check_clusters, z_value
from radiofib.stats.influence import influence_covariance
from radiofib.stats.roc import Placements, placements

__all__ = [
    "AucDifference",
    "auc_covariance",
    "delong",
    "delong_paired",
    "delong_several",
    "delong_unpaired",
    "logit_delong",
]

FloatArray = NDArray[np.float64]


def auc_covariance(scores: list[Placements], clusters: ArrayLike | None = None) -> FloatArray:
    r"""Return DeLong's covariance matrix of the AUCs of several scores of the same cases.

    .. math:: \widehat{cov}(A_r, A_s) = S_{10}^{rs}/m + S_{01}^{rs}/n

    with :math:`S` the sample covariances of the placements in either class. With `clusters` the
    placements are summed within patients first (Obuchowski 1997):

    .. math:: \frac{I_{10}}{I_{10}-1}\sum_i a_{ri}a_{si} + \frac{I_{01}}{I_{01}-1}\sum_i
              b_{ri}b_{si} + \frac{I}{I-1}\sum_i (a_{ri}b_{si} + b_{ri}a_{si})

    a and b being a patient's centred placements over class size, and I the numbers of patients
    with a positive case, with a negative case, and in all.

    Parameters
    ----------
    scores : list of Placements
        All of the same cases.
    clusters : array-like, optional
        Patient of each case.

    Returns
    -------
    ndarray of shape (k, k)
        NaN when a class has fewer than two patients.

    References
    ----------
    DeLong ER et al. Biometrics 1988;44:837-845. Sun X, Xu W. IEEE Signal Process Lett
    2014;21:1389-1393. Obuchowski NA. Biometrics 1997;53:567-578.

    Examples
    --------
    >>> place = placements([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6])
    >>> auc_covariance([place]).round(6).tolist()
    [[0.024691]]
    >>> twice = placements([0, 0, 0, 1, 1, 1] * 2, [1, 2, 4, 3, 5, 6] * 2)
    >>> auc_covariance([twice], [1, 2, 3, 4, 5, 6] * 2).round(6).tolist()
    [[0.024691]]
    """
    influence = np.column_stack([s.influence for s in scores])
    return influence_covariance(influence, scores[0].positive, clusters)


def delong(
    y: ArrayLike, score: ArrayLike, level: float = 0.95, clusters: ArrayLike | None = None
) -> Estimate:
    """Return the AUC with DeLong's interval, cut at 0 and 1.

    ``A +- z sqrt(var)`` with the variance of :func:`auc_covariance`. The interval shrinks to a
    point at perfect separation: use :func:`auc_interval`, which knows.

    Parameters
    ----------
    y : array-like of 0 and 1
    score : array-like
    level : float
    clusters : array-like, optional
        Patient of each case, when a patient has several.

    Examples
    --------
    >>> e = delong([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6])
    >>> round(e.value, 4), round(e.low, 4), e.high
    (0.8889, 0.5809, 1.0)
    """
    place = placements(y, score)
    half = z_value(level) * math.sqrt(float(auc_covariance([place], clusters)[0, 0]))
    low, high = max(0.0, place.auc - half), min(1.0, place.auc + half)
    return Estimate(place.auc, low, high, _named("DeLong", clusters))


def logit_delong(
    y: ArrayLike, score: ArrayLike, level: float = 0.95, clusters: ArrayLike | None = None
) -> Estimate:
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
    place = placements(y, score)
    value, method = place.auc, _named("logit DeLong", clusters)
    if value in (0.0, 1.0):
        return Estimate(value, math.nan, math.nan, method, "undefined at 0 and 1")
    deviation = math.sqrt(float(auc_covariance([place], clusters)[0, 0]))
    centre = math.log(value / (1 - value))
    half = z_value(level) * deviation / (value * (1 - value))
    low, high = (1 / (1 + math.exp(-(centre + side * half))) for side in (-1, 1))
    return Estimate(value, low, high, method)


def _named(method: str, clusters: object) -> str:
    return method if clusters is None else f"{method}, clustered by patient"


@dataclass(frozen=True)
class AucDifference:
    """Difference of two AUCs, its interval and its test.

    Parameters
    ----------
    first, second : float
        The two AUCs.
    difference, low, high : float
        First minus second AUC, and its interval.
    statistic, df : float
        z (with infinite degrees of freedom) or Welch's t.
    p : float
        Two-sided p value.
    covariance : float
        Covariance of the two AUCs; 0 when they are of different cases.
    method : str
        Name of the test.
    note : str
        What a reader should know before trusting it.
    """

    first: float
    second: float
    difference: float
    low: float
    high: float
    statistic: float
    df: float
    p: float
    covariance: float
    method: str
    note: str = ""

    @property
    def z(self) -> float:
        """The statistic under its name in the paired test."""
        return self.statistic


def delong_paired(
    y: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    level: float = 0.95,
    clusters: ArrayLike | None = None,
) -> AucDifference:
    """Compare two scores of the same cases by DeLong's test.

    ``z = (A1 - A2) / sqrt(V1 + V2 - 2 Cov)``, the interval ``A1 - A2 +- z_level sqrt(...)``.

    Parameters
    ----------
    y : array-like of 0 and 1
    first, second : array-like
        Scores of the same cases.
    level : float
    clusters : array-like, optional
        Patient of each case, when a patient has several.

    Raises
    ------
    UsageError
        When a class has fewer than two patients.

    References
    ----------
    DeLong ER et al. Biometrics 1988;44:837-845. Obuchowski NA. Biometrics 1997;53:567-578.

    Examples
    --------
    >>> r = delong_paired([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6], [1, 5, 2, 3, 4, 6])
    >>> round(r.difference, 4), round(r.p, 4)
    (0.1111, 0.7237)
    """
    a, b = placements(y, first), placements(y, second)
    matrix = auc_covariance([a, b], clusters)
    _check_spread(matrix, a, "DeLong's test")
    variance = float(matrix[0, 0] + matrix[1, 1] - 2 * matrix[0, 1])
    # Equal scores leave rounding errors of the terms, not a variance.
    if variance < 1e-14 * float(matrix[0, 0] + matrix[1, 1]):
        variance = 0.0
    method = _named("DeLong, paired", clusters)
    return _difference(a.auc, b.auc, variance, math.inf, float(matrix[0, 1]), level, method)


def delong_several(
    y: ArrayLike, scores: Sequence[ArrayLike] | FloatArray, clusters: ArrayLike | None = None
) -> HypothesisTest:
    r"""Test whether several scores of the same cases all have one AUC.

    .. math:: \chi^2 = (L A)^T (L \Sigma L^T)^{+} (L A)

    with A the AUCs, :math:`\Sigma` their covariance and L the differences from the mean; as many
    degrees of freedom as :math:`L \Sigma L^T` has rank, k - 1 for k scores none of which ranks
    the cases as a mixture of others does.

    Parameters
    ----------
    y : array-like of 0 and 1
    scores : sequence of k array-like
    clusters : array-like, optional
        Patient of each case, when a patient has several.

    References
    ----------
    DeLong ER et al. Biometrics 1988;44:837-845.

    Examples
    --------
    >>> y, a = [0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6]
    >>> found = delong_several(y, [a, [1, 5, 2, 3, 4, 6], [2, 1, 3, 6, 4, 5]])
    >>> round(found.statistic, 4), found.df, round(found.p, 4)
    (1.5385, 2.0, 0.4634)
    """
    found = [placements(y, score) for score in scores]
    if len(found) < 2:
        raise UsageError("two scores or more are needed", found=str(len(found)))
    matrix = auc_covariance(found, clusters)
    _check_spread(matrix, found[0], "DeLong's test")
    count = len(found)
    contrast = np.eye(count) - 1 / count
    gap = contrast @ np.array([f.auc for f in found])
    spread = contrast @ matrix @ contrast
    method = _named("DeLong, several scores", clusters)
    values, vectors = np.linalg.eigh(spread)
    use = values > 1e-10 * float(np.trace(matrix))
    if not use.any():
        same = bool(np.abs(gap).max() < 1e-12)
        note = "equal ranks" if same else "no spread"
        return HypothesisTest(
            0.0 if same else math.nan, 0.0, 1.0 if same else math.nan, method, note
        )
    statistic = float((((gap @ vectors[:, use]) ** 2) / values[use]).sum())
    df = float(use.sum())
    note = "perfect separation: too narrow" if any(f.auc in (0.0, 1.0) for f in found) else ""
    return HypothesisTest(statistic, df, float(chdtrc(df, statistic)), method, note)


def delong_unpaired(
    y_first: ArrayLike,
    first: ArrayLike,
    y_second: ArrayLike,
    second: ArrayLike,
    level: float = 0.95,
    clusters: tuple[ArrayLike, ArrayLike] | None = None,
) -> AucDifference:
    r"""Compare the AUCs of two independent groups of cases by a Welch t test.

    .. math:: t = \frac{A_1 - A_2}{\sqrt{V_1 + V_2}}, \quad
              df = \frac{(V_1 + V_2)^2}{V_1^2/(n_1 - 1) + V_2^2/(n_2 - 1)}

    with DeLong's variances V and n cases (patients, with `clusters`) in a group. The interval
    uses the same t. This is the unpaired test of R's pROC.

    Parameters
    ----------
    y_first, first : array-like
        Labels and scores of the first group.
    y_second, second : array-like
        Labels and scores of the second group. No patient may be in both.
    level : float
    clusters : pair of array-like, optional
        Patient of each case in either group, when a patient has several.

    References
    ----------
    DeLong ER et al. Biometrics 1988;44:837-845. Robin X et al. BMC Bioinformatics 2011;12:77.

    Examples
    --------
    >>> r = delong_unpaired([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6], [0, 0, 1, 1], [1, 3, 2, 4])
    >>> round(r.difference, 4), round(r.df, 3), round(r.p, 4)
    (0.1389, 4.204, 0.7369)
    """
    who = (None, None) if clusters is None else clusters
    groups = ((y_first, first, who[0]), (y_second, second, who[1]))
    found, variances, sizes = [], [], []
    for labels, score, patients in groups:
        place = placements(labels, score)
        matrix = auc_covariance([place], patients)
        _check_spread(matrix, place, "DeLong's test")
        found.append(place.auc)
        variances.append(float(matrix[0, 0]))
        size = place.values.size
        sizes.append(size if patients is None else int(check_clusters(patients, size).max()) + 1)
    variance = sum(variances)
    below = sum(v**2 / (n - 1) for v, n in zip(variances, sizes, strict=True))
    df = variance**2 / below if below > 0 else math.nan
    method = _named("DeLong, unpaired (Welch t)", clusters)
    return _difference(found[0], found[1], variance, df, 0.0, level, method)


def _check_spread(matrix: FloatArray, place: Placements, what: str) -> None:
    if not np.isfinite(matrix).all():
        raise UsageError(
            f"{what} needs two patients in each class",
            found=f"{place.n_pos} positive and {place.n_neg} negative cases",
        )


def _difference(
    first: float,
    second: float,
    variance: float,
    df: float,
    covariance: float,
    level: float,
    method: str,
) -> AucDifference:
    """Return the test of a difference with this variance and t or normal reference."""
    difference, nan = first - second, math.nan
    perfect = bool({first, second} & {0.0, 1.0})
    if variance <= 0:
        # Equal ranks of the same cases are no difference; anything else without spread is unknown.
        same = difference == 0 and math.isinf(df) and not perfect
        limit, p = (0.0, 1.0) if same else (nan, nan)
        note = "equal ranks" if same else "no spread"
        statistic = 0.0 if same else nan
        return AucDifference(
            first, second, difference, limit, limit, statistic, df, p, covariance, method, note
        )
    deviation = math.sqrt(variance)
    statistic = difference / deviation
    if math.isinf(df):
        quantile, p = z_value(level), float(2 * ndtr(-abs(statistic)))
    else:
        z_value(level)
        quantile = float(stdtrit(df, 0.5 + level / 2))
        p = float(2 * stdtr(df, -abs(statistic)))
    low, high = difference - quantile * deviation, difference + quantile * deviation
    return AucDifference(
        first,
        second,
        difference,
        low,
        high,
        statistic,
        df,
        p,
        covariance,
        method,
        "perfect separation: too narrow" if perfect else "",
    )
