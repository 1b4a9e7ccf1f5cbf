"""Calibration of binary probabilities: recalibration, groups and tests."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, logit, ndtr

from radiofib._checks import check_same_length
from radiofib.errors import UsageError
from radiofib.stats._logistic import fit_logistic
from radiofib.stats.estimate import (
    HypothesisTest,
    check_binary,
    check_clusters,
    check_probabilities,
)
from radiofib.stats.proportions import wilson

__all__ = [
    "Calibration",
    "calibration",
    "calibration_bins",
    "calibration_groups",
    "expected_calibration_error",
    "hosmer_lemeshow",
    "spiegelhalter",
]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """Logistic recalibration of probabilities.

    Parameters
    ----------
    slope, slope_se : float
        Slope b in ``logit P(y=1) = a + b logit(p)``; 1 is right, below 1 too extreme.
    intercept, intercept_se : float
        Intercept a of that model.
    in_the_large, in_the_large_se : float
        Intercept with the slope held at 1; 0 is right, above 0 probabilities are too low.
    clipped : int
        Probabilities of (nearly) 0 or 1 that had to be moved.
    """

    slope: float
    slope_se: float
    intercept: float
    intercept_se: float
    in_the_large: float
    in_the_large_se: float
    clipped: int


def calibration(
    y: ArrayLike,
    p: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    clip: float = 1e-15,
) -> Calibration:
    """Fit calibration slope, intercept and calibration-in-the-large by maximum likelihood.

    Parameters
    ----------
    y : array-like of 0 and 1
    p : array-like
        Probabilities of class 1.
    clusters : array-like, optional
        Patient of each row. Standard errors are then the sandwich over patients with the
        factor G / (G - 1) for G patients; without it they are the model's own, as R's glm
        prints them.
    clip : float
        Distance kept from 0 and 1, where the logit is infinite.

    Returns
    -------
    Calibration
        With NaN where an estimate does not exist: all probabilities equal, one class absent,
        or the classes separated by the probability.

    References
    ----------
    Cox DR. Biometrika 1958;45:562-565. Van Calster B et al. BMC Med 2019;17:230.

    Examples
    --------
    >>> c = calibration([0, 0, 0, 1, 0, 1, 1, 1], [0.2, 0.3, 0.4, 0.3, 0.6, 0.7, 0.8, 0.6])
    >>> round(c.slope, 4), round(c.in_the_large, 4)
    (1.5575, 0.0599)
    """
    outcome, chance = check_binary(y).astype(np.float64), check_probabilities(p)
    n = check_same_length(y=outcome, p=chance)
    inside = np.clip(chance, clip, 1 - clip)
    groups = None if clusters is None else check_clusters(clusters, n)
    x = logit(inside)
    ones = np.ones((n, 1))
    beta, covariance = fit_logistic(np.column_stack([ones, x]), outcome, groups=groups)
    large, large_covariance = fit_logistic(ones, outcome, offset=x, groups=groups)
    se, large_se = np.sqrt(np.diag(covariance)), np.sqrt(np.diag(large_covariance))
    return Calibration(
        float(beta[1]),
        float(se[1]),
        float(beta[0]),
        float(se[0]),
        float(large[0]),
        float(large_se[0]),
        int(np.count_nonzero(inside != chance)),
    )


def calibration_bins(p: ArrayLike, bins: int = 10) -> NDArray[np.intp]:
    """Assign each probability to one of at most `bins` groups of about equal size.

    Groups are cut at quantiles; equal probabilities stay together, so there can be fewer.

    Examples
    --------
    >>> calibration_bins([0.1, 0.2, 0.3, 0.4], bins=2).tolist()
    [0, 0, 1, 1]
    >>> calibration_bins([0.5, 0.5, 0.5], bins=10).tolist()
    [0, 0, 0]
    """
    values = check_probabilities(p)
    if bins < 1:
        raise UsageError("number of bins must be positive", found=str(bins))
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
    raw = np.searchsorted(edges, values, side="left")
    _, groups = np.unique(raw, return_inverse=True)
    return groups


def calibration_groups(
    y: ArrayLike, p: ArrayLike, bins: int = 10, kind: str = "quantile", level: float = 0.95
) -> pd.DataFrame:
    """Return observed against predicted in groups of probabilities.

    Parameters
    ----------
    y : array-like of 0 and 1
    p : array-like
        Probability of class 1.
    bins : int
        Most groups.
    kind : {"quantile", "width"}
        Groups of about equal size (see :func:`calibration_bins`) or of equal width; groups are
        closed on the right, and empty ones left out.
    level : float
        Of Wilson's interval of the observed share; it presumes independent cases.

    Returns
    -------
    DataFrame
        ``group, p_low, p_high, n, n_pos, expected, p_mean, observed, ci_low, ci_high``.

    Examples
    --------
    >>> found = calibration_groups([0, 0, 1, 1], [0.1, 0.3, 0.6, 0.8], bins=2)
    >>> found[["group", "n", "n_pos", "expected", "p_mean", "observed"]]
       group  n  n_pos  expected  p_mean  observed
    0      1  2      0       0.4     0.2       0.0
    1      2  2      2       1.4     0.7       1.0
    """
    positive, chance = check_binary(y), check_probabilities(p)
    check_same_length(y=positive, p=chance)
    if kind == "quantile":
        codes = calibration_bins(chance, bins)
    elif kind == "width":
        if bins < 1:
            raise UsageError("number of bins must be positive", found=str(bins))
        cuts = np.linspace(0, 1, bins + 1)[1:-1]
        codes = np.unique(np.searchsorted(cuts, chance, side="left"), return_inverse=True)[1]
    else:
        raise UsageError(f"unknown kind {kind!r}", expected="quantile or width")
    sizes = np.bincount(codes)
    hits = np.bincount(codes[positive], minlength=sizes.size)
    expected = np.bincount(codes, weights=chance)
    low, high = np.full(sizes.size, np.inf), np.full(sizes.size, -np.inf)
    np.minimum.at(low, codes, chance)
    np.maximum.at(high, codes, chance)
    found = [wilson(int(h), int(n), level) for h, n in zip(hits, sizes, strict=True)]
    return pd.DataFrame(
        {
            "group": np.arange(1, sizes.size + 1),
            "p_low": low,
            "p_high": high,
            "n": sizes,
            "n_pos": hits,
            "expected": expected,
            "p_mean": expected / sizes,
            "observed": hits / sizes,
            "ci_low": [f.low for f in found],
            "ci_high": [f.high for f in found],
        }
    )


def expected_calibration_error(
    y: ArrayLike, p: ArrayLike, bins: int = 10, kind: str = "quantile"
) -> float:
    """Return the mean over cases of the distance between a group's share and its probability.

    ``sum_g n_g / n |observed_g - p_mean_g|``. It is above 0 by chance even when calibration is
    perfect, the more so the fewer cases are in a group, and has no interval for that reason.

    Parameters
    ----------
    y, p, bins, kind
        As in :func:`calibration_groups`.

    References
    ----------
    Naeini MP et al. AAAI 2015:2901-2907.

    Examples
    --------
    >>> round(expected_calibration_error([0, 0, 1, 1], [0.1, 0.3, 0.6, 0.8], bins=2), 3)
    0.25
    """
    found = calibration_groups(y, p, bins, kind)
    gap = (found["observed"] - found["p_mean"]).abs()
    return float((gap * found["n"]).sum() / found["n"].sum())


def hosmer_lemeshow(
    y: ArrayLike, p: ArrayLike, groups: int = 10, *, fitted: bool = False
) -> HypothesisTest:
    r"""Test calibration by Hosmer and Lemeshow's chi-square.

    .. math:: \sum_g \frac{(O_g - E_g)^2}{E_g (1 - E_g / n_g)}

    over groups of about equal size cut at quantiles. A large p does not show good calibration:
    the test is weak in small samples and rejects everything in large ones.

    Parameters
    ----------
    y : array-like of 0 and 1
    p : array-like
        Probability of class 1.
    groups : int
        Number of groups.
    fitted : bool
        Whether the model was fitted on these very cases: then there are groups - 2 degrees of
        freedom, otherwise as many as groups.

    References
    ----------
    Hosmer DW, Lemeshow S. Commun Stat Theory Methods 1980;9:1043-1069.

    Examples
    --------
    >>> found = hosmer_lemeshow([0, 1, 0, 1, 1, 1], [0.1, 0.3, 0.4, 0.6, 0.8, 0.9], groups=3)
    >>> round(found.statistic, 4), found.df, round(found.p, 4)
    (1.4779, 3.0, 0.6874)
    """
    found = calibration_groups(y, p, groups)
    n, expected = found["n"].to_numpy(), found["expected"].to_numpy()
    spread = expected * (1 - expected / n)
    method = f"Hosmer-Lemeshow, {len(found)} groups"
    df = float(len(found) - 2 if fitted else len(found))
    if (spread <= 0).any() or df < 1:
        reason = "too few groups" if df < 1 else "a group has only probabilities of 0 or 1"
        return HypothesisTest(math.nan, df, math.nan, method, reason)
    statistic = float(((found["n_pos"].to_numpy() - expected) ** 2 / spread).sum())
    note = "expected counts below 5" if min(expected.min(), (n - expected).min()) < 5 else ""
    return HypothesisTest(statistic, df, float(chdtrc(df, statistic)), method, note)


def spiegelhalter(y: ArrayLike, p: ArrayLike) -> HypothesisTest:
    r"""Test whether the Brier score is what the probabilities promise.

    .. math:: z = \frac{\sum (y - p)(1 - 2p)}{\sqrt{\sum (1 - 2p)^2 p (1 - p)}}

    References
    ----------
    Spiegelhalter DJ. Stat Med 1986;5:421-433.

    Examples
    --------
    >>> found = spiegelhalter([0, 1, 0, 1], [0.2, 0.7, 0.4, 0.9])
    >>> round(found.statistic, 4), round(found.p, 4)
    (-1.005, 0.3149)
    """
    outcome, chance = check_binary(y).astype(np.float64), check_probabilities(p)
    check_same_length(y=outcome, p=chance)
    spread = float(((1 - 2 * chance) ** 2 * chance * (1 - chance)).sum())
    if spread <= 0:
        reason = "not defined: all probabilities are 0, 0.5 or 1"
        return HypothesisTest(math.nan, math.inf, math.nan, "Spiegelhalter z", reason)
    statistic = float(((outcome - chance) * (1 - 2 * chance)).sum()) / math.sqrt(spread)
    return HypothesisTest(statistic, math.inf, float(2 * ndtr(-abs(statistic))), "Spiegelhalter z")
