"""Measures of predicted probabilities: how sharp, and how true."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from radiofib._checks import check_same_length
from radiofib.errors import UsageError
from radiofib.stats.estimate import check_binary, check_codes, check_probabilities

__all__ = [
    "Calibration",
    "brier_scaled",
    "brier_score",
    "calibration",
    "calibration_bins",
    "log_loss",
    "ranked_probability_score",
]

FloatArray = NDArray[np.float64]


def _levels(y: ArrayLike, proba: ArrayLike) -> tuple[NDArray[np.intp], FloatArray]:
    matrix = np.asarray(proba, dtype=np.float64)
    if matrix.ndim != 2:
        raise UsageError("proba must have one column for each level", found=str(matrix.shape))
    check_probabilities(matrix.ravel(), "proba")
    codes = check_codes(y, matrix.shape[1])
    check_same_length(y=codes, proba=matrix)
    off = np.abs(matrix.sum(axis=1) - 1)
    if off.max() > 1e-6:
        raise UsageError(
            "probabilities must sum to one",
            found=f"{matrix[off.argmax()].sum():.6g} in row {off.argmax()}",
        )
    return codes, matrix


def brier_score(y: ArrayLike, p: ArrayLike) -> FloatArray:
    """Return each case's squared distance between outcome and probability.

    Its mean is the Brier score. For two classes `p` is the probability of class 1 and the
    score ``(y - p)^2``; with one column for each level it is ``sum_k (1[y = k] - p_k)^2``,
    which is twice as large for two levels.

    References
    ----------
    Brier GW. Mon Weather Rev 1950;78:1-3.

    Examples
    --------
    >>> brier_score([0, 1], [0.5, 1.0]).tolist(), brier_score([0], [[0.5, 0.5]]).tolist()
    ([0.25, 0.0], [0.5])
    """
    if np.ndim(p) == 2:
        codes, matrix = _levels(y, p)
        onehot = codes[:, None] == np.arange(matrix.shape[1])
        squared: FloatArray = ((onehot - matrix) ** 2).sum(axis=1)
        return squared
    outcome, chance = check_binary(y).astype(np.float64), check_probabilities(p)
    check_same_length(y=outcome, p=chance)
    return (outcome - chance) ** 2


def brier_scaled(y: ArrayLike, p: ArrayLike) -> float:
    """Return 1 - Brier / Brier of the constant prevalence: 1 perfect, 0 no use, < 0 harmful.

    References
    ----------
    Steyerberg EW et al. Epidemiology 2010;21:128-138.

    Examples
    --------
    >>> brier_scaled([0, 1], [0.0, 1.0])
    1.0
    """
    prevalence = float(check_binary(y, both=True).mean())
    return float(1 - brier_score(y, p).mean() / (prevalence * (1 - prevalence)))


def log_loss(y: ArrayLike, p: ArrayLike, clip: float = 1e-15) -> FloatArray:
    """Return each case's negative log probability of what happened.

    Its mean is the log-loss (natural logarithm). Probabilities are moved at least `clip` away
    from 0 and 1, or one wrong certainty would be infinite.

    Examples
    --------
    >>> log_loss([1], [0.5]).round(6).tolist()
    [0.693147]
    """
    if np.ndim(p) == 2:
        codes, matrix = _levels(y, p)
        happened = matrix[np.arange(codes.size), codes]
    else:
        outcome, chance = check_binary(y), check_probabilities(p)
        check_same_length(y=outcome, p=chance)
        happened = np.where(outcome, chance, 1 - chance)
    return -np.log(np.clip(happened, clip, 1 - clip))


def ranked_probability_score(y: ArrayLike, proba: ArrayLike) -> FloatArray:
    """Return each case's ranked probability score, between 0 and 1.

    ``sum_k (F_k - 1[y <= k])^2 / (K - 1)`` with F the cumulative probabilities of K ordered
    levels: a probability one level off costs less than three levels off.

    References
    ----------
    Epstein ES. J Appl Meteorol 1969;8:985-987.

    Examples
    --------
    >>> ranked_probability_score([0, 0], [[0, 1, 0], [0, 0, 1]]).tolist()
    [0.5, 1.0]
    """
    codes, matrix = _levels(y, proba)
    cumulative = np.cumsum(matrix, axis=1)[:, :-1]
    reached = codes[:, None] <= np.arange(matrix.shape[1] - 1)
    score: FloatArray = ((cumulative - reached) ** 2).sum(axis=1) / (matrix.shape[1] - 1)
    return score


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
    groups = None
    if clusters is not None:
        _, groups = np.unique(np.asarray(clusters), return_inverse=True)
        check_same_length(y=outcome, clusters=groups)
    x = logit(inside)
    ones = np.ones((n, 1))
    beta, se = _logistic(np.column_stack([ones, x]), outcome, np.zeros(n), groups)
    large, large_se = _logistic(ones, outcome, x, groups)
    return Calibration(
        float(beta[1]),
        float(se[1]),
        float(beta[0]),
        float(se[0]),
        float(large[0]),
        float(large_se[0]),
        int(np.count_nonzero(inside != chance)),
    )


def _logistic(
    design: FloatArray, y: FloatArray, offset: FloatArray, groups: NDArray[np.intp] | None
) -> tuple[FloatArray, FloatArray]:
    """Fit a logistic regression by Newton's method; NaN when there is no finite maximum."""
    size = design.shape[1]
    missing = np.full(size, math.nan), np.full(size, math.nan)
    if y.min() == y.max() or (size > 1 and np.ptp(design[:, 1]) == 0):
        return missing
    if size > 1 and _separated(design[:, 1], y):
        return missing
    beta = np.zeros(size)
    value = _likelihood(design, y, offset, beta)
    for _ in range(200):
        fitted = expit(design @ beta + offset)
        information = design.T @ (design * (fitted * (1 - fitted))[:, None])
        try:
            step = np.linalg.solve(information, design.T @ (y - fitted))
        except np.linalg.LinAlgError:
            return missing
        scale = 1.0
        while scale > 1e-8:
            moved = _likelihood(design, y, offset, beta + scale * step)
            if moved >= value - 1e-12 * abs(value):
                break
            scale /= 2
        beta, value = beta + scale * step, moved
        if np.max(np.abs(scale * step)) < 1e-12 * (1 + np.max(np.abs(beta))):
            break
    fitted = expit(design @ beta + offset)
    information = design.T @ (design * (fitted * (1 - fitted))[:, None])
    if not np.all(np.isfinite(beta)) or np.linalg.cond(information) > 1e15:
        return missing
    covariance = np.linalg.inv(information)
    if groups is not None:
        count = int(groups.max()) + 1
        scores = np.zeros((count, size))
        np.add.at(scores, groups, design * (y - fitted)[:, None])
        factor = count / (count - 1) if count > 1 else math.nan
        covariance = factor * covariance @ (scores.T @ scores) @ covariance
    return beta, np.sqrt(np.maximum(np.diag(covariance), 0.0))


def _likelihood(design: FloatArray, y: FloatArray, offset: FloatArray, beta: FloatArray) -> float:
    eta = design @ beta + offset
    return float((y * eta - np.logaddexp(0.0, eta)).sum())


def _separated(x: FloatArray, y: FloatArray) -> bool:
    """Tell whether one threshold parts the classes, so that the slope would be infinite."""
    low, high = x[y == 0], x[y == 1]
    return bool(low.max() <= high.min() or high.max() <= low.min())


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
