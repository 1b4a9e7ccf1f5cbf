"""What a score adds to a model that is there already."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc

from radiofib._checks import check_1d, check_same_length
from radiofib.errors import UsageError
from radiofib.stats.estimate import (
    Estimate,
    check_binary,
    check_clusters,
    check_codes,
    check_probabilities,
    z_value,
)
from radiofib.stats.regression.cumulative import null_loglik, solve
from radiofib.stats.regression.separation import separated

__all__ = ["NOT_GIVEN", "AddedTest", "added_likelihood_ratio", "brier_difference"]

FloatArray = NDArray[np.float64]
#: Measures that are left out on purpose, and why.
NOT_GIVEN = {
    "net reclassification improvement": "it rises with noise and with bad calibration alone "
    "(Pepe MS et al. Stat Biosci 2015;7:282-295; Hilden J, Gerds TA. Stat Med 2014;33:3405-3414)",
    "integrated discrimination improvement": "no proper scoring rule: a model gains by lying, and "
    "its test is not valid (Hilden J, Gerds TA. Stat Med 2014;33:3405-3414; Kerr KF et al. Am J "
    "Epidemiol 2011;174:364-374)",
}


@dataclass(frozen=True)
class AddedTest:
    """Whether a score adds to the terms of a base model.

    Parameters
    ----------
    statistic : float
        Likelihood ratio, halved when the score is from folds of the same cases.
    slope : float
        Change of the log odds by one standard deviation of the score, the base terms held;
        negative when it points the wrong way.
    p : float
        Of a chi-square with one degree of freedom; NaN where there is no test.
    n : int
    method, note : str
    """

    statistic: float
    slope: float
    p: float
    n: int
    method: str
    note: str = ""

    def adds(self, alpha: float = 0.05) -> bool:
        """Return whether the score adds: p below alpha, and the slope in the right direction."""
        return bool(self.p < alpha and self.slope > 0)


def added_likelihood_ratio(
    base: ArrayLike,
    score: ArrayLike,
    y: ArrayLike,
    n_levels: int = 2,
    *,
    folds: ArrayLike | None = None,
) -> AddedTest:
    r"""Test whether a score tells the outcome beyond the terms of a base model.

    Two proportional odds models (logistic with two levels) are fitted by maximum likelihood,
    one with the base terms alone and one with the score beside them:

    .. math:: LR = 2 (\ell_{base + score} - \ell_{base})

    The base terms are fitted to the very cases that judge, which is to their advantage. The
    score must not be: it is one that models predicted for cases they had not seen. Where these
    models were trained on the other cases of the same table (``folds``), the score is centred
    within each fold, and ``LR / 2`` is compared with the chi-square of one degree of freedom.
    For in cross-validation each pair of cases of different folds counts twice, once with either
    of them as the unseen one: for a score linear in the outcomes, such as that of ridge
    regression, the sum :math:`\sum_i y_i s_i` is :math:`2 \sum_{i<j} y_i y_j K_{ij}`, and its
    variance without any effect is twice what independent cases would have. Other learners keep
    near to it. The usual test would claim too often (Höfling and Tibshirani).

    Parameters
    ----------
    base : array-like of shape (n, p)
        Terms of the base model, complete; constant and repeated columns do no harm, none at all
        is a base without terms.
    score : array-like of shape (n,)
        Higher for higher levels.
    y : array-like
        Level codes 0 ... n_levels - 1, each present.
    n_levels : int
    folds : array-like of shape (n,), optional
        Fold in which a case was predicted; left out when the score was made on other cases.

    References
    ----------
    Höfling H, Tibshirani R. Ann Appl Stat 2008;2:643-664 (pre-validated scores). Pepe MS et al.
    Stat Med 2013;32:1467-1482 (why to test in the model and not by the AUC).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> age, score = rng.normal(size=(2, 200))
    >>> y = age + score + rng.logistic(size=200) > 0
    >>> found = added_likelihood_ratio(age[:, None], score, y)
    >>> found.adds(), added_likelihood_ratio(age[:, None], rng.normal(size=200), y).adds()
    (True, False)
    """
    codes = check_codes(y, n_levels)
    values = check_1d(score, "score").astype(np.float64)
    terms = np.asarray(base, dtype=np.float64).reshape(len(values), -1)
    n = check_same_length(base=terms, score=values, y=codes)
    method = "likelihood ratio test"
    if folds is not None:
        values = _within(values, np.asarray(folds))
        method = "half the likelihood ratio, score from folds and centred within them"
    nan = math.nan
    if np.unique(codes).size < n_levels:
        return AddedTest(nan, nan, nan, n, "none", "a stage has no case")
    spread = float(values.std(ddof=1)) if n > 1 else 0.0
    if not spread > 1e-12:
        return AddedTest(0.0, 0.0, 1.0, n, method, "all scores are equal")
    columns = _independent(terms)
    wide = np.column_stack([columns, values / spread])
    if wide.shape[1] + n_levels >= n or separated(wide, codes, n_levels):
        return AddedTest(nan, nan, nan, n, "none", "terms separate the stages: no likelihood ratio")
    least = null_loglik(codes, n_levels, np.ones(n))
    if columns.shape[1]:
        least = solve(codes, n_levels, columns)[2]
    at, _, most, converged = solve(codes, n_levels, wide)
    if not converged:
        return AddedTest(nan, nan, nan, n, "none", "the model did not converge")
    ratio = max(0.0, 2 * (most - least)) / (1.0 if folds is None else 2.0)
    return AddedTest(ratio, float(at[-1]), float(chdtrc(1, ratio)), n, method)


def _within(values: FloatArray, folds: NDArray[np.generic]) -> FloatArray:
    """Return values less the mean of their fold."""
    check_same_length(score=values, folds=folds)
    codes = np.unique(folds.astype(str), return_inverse=True)[1]
    means = np.bincount(codes, weights=values) / np.bincount(codes)
    result: FloatArray = values - means[codes]
    return result


def _independent(terms: FloatArray) -> FloatArray:
    """Return uncorrelated columns of variance 1 that say the same as the terms."""
    if terms.shape[1] == 0:
        return terms
    if not np.isfinite(terms).all():
        row, column = np.argwhere(~np.isfinite(terms))[0]
        raise UsageError(
            "base terms must be finite",
            where=f"row {row + 1}, column {column + 1}",
            hint="fill in what is missing, and say so",
        )
    centred = terms - terms.mean(axis=0)
    spread = centred.std(axis=0)
    varies = spread > 1e-12 * np.maximum(np.abs(terms).max(axis=0), 1e-300)
    left, size, _ = np.linalg.svd(centred[:, varies] / spread[varies], full_matrices=False)
    kept = size > 1e-9 * max(float(size.max(initial=0.0)), 1e-300) * max(terms.shape)
    result: FloatArray = left[:, kept] * math.sqrt(len(terms))
    return result


def brier_difference(
    y: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
) -> Estimate:
    r"""Return the difference of two Brier scores on the same cases, with its interval.

    .. math:: \frac1n \sum_i \left[(p_{1i} - y_i)^2 - (p_{2i} - y_i)^2\right]

    It is a mean over cases, and so is its interval; by patient when `clusters` is given.
    Negative where the first is better.

    Parameters
    ----------
    y : array-like of 0 and 1
    first, second : array-like
        Probabilities of class 1.
    clusters : array-like, optional
        Patient of each case.
    level : float

    References
    ----------
    Redelmeier DA et al. J Clin Epidemiol 1991;44:1141-1146.

    Examples
    --------
    >>> e = brier_difference([0, 1, 1, 0], [0.1, 0.8, 0.9, 0.3], [0.4, 0.6, 0.5, 0.4])
    >>> round(e.value, 4), e.high < 0
    (-0.145, True)
    """
    positive = check_binary(y).astype(np.float64)
    one, two = check_probabilities(first, "first"), check_probabilities(second, "second")
    n = check_same_length(y=positive, first=one, second=two)
    gain = (one - positive) ** 2 - (two - positive) ** 2
    value = float(gain.mean())
    sums: FloatArray = gain - value
    name = "normal, mean over cases"
    if clusters is not None:
        by_patient = np.bincount(check_clusters(clusters, n), weights=sums)
        sums, name = by_patient.astype(np.float64), "normal, mean over patients"
    if sums.size < 2:
        return Estimate(value, math.nan, math.nan, "none", "one patient: no interval")
    error = math.sqrt(float(sums @ sums) * sums.size / (sums.size - 1)) / n
    half = z_value(level) * error
    return Estimate(value, value - half, value + half, name)
