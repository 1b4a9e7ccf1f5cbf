"""Logistic regression by maximum likelihood, for calibration."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

__all__ = ["fit_logistic", "log_likelihood"]

FloatArray = NDArray[np.float64]


def fit_logistic(
    design: FloatArray,
    y: FloatArray,
    *,
    offset: FloatArray | None = None,
    groups: NDArray[np.intp] | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Return coefficients and their covariance; NaN when there is no finite maximum.

    Newton's method with halved steps. With `groups` (patients) the covariance is the sandwich
    over groups with the factor G / (G - 1).
    """
    size = design.shape[1]
    missing = np.full(size, math.nan), np.full((size, size), math.nan)
    if y.min() == y.max() or (size > 1 and np.ptp(design[:, 1]) == 0):
        return missing
    if size == 2 and _separated(design[:, 1], y):
        return missing
    shift = np.zeros(y.size) if offset is None else offset
    beta = np.zeros(size)
    value = log_likelihood(y, design @ beta + shift)
    for _ in range(200):
        fitted = expit(design @ beta + shift)
        information = design.T @ (design * (fitted * (1 - fitted))[:, None])
        try:
            step = np.linalg.solve(information, design.T @ (y - fitted))
        except np.linalg.LinAlgError:
            return missing
        scale = 1.0
        while scale > 1e-8:
            moved = log_likelihood(y, design @ (beta + scale * step) + shift)
            if moved >= value - 1e-12 * abs(value):
                break
            scale /= 2
        beta, value = beta + scale * step, moved
        if np.max(np.abs(scale * step)) < 1e-12 * (1 + np.max(np.abs(beta))):
            break
    fitted = expit(design @ beta + shift)
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
    return beta, covariance


def log_likelihood(y: FloatArray, eta: FloatArray) -> float:
    """Return the Bernoulli log-likelihood of a logit."""
    return float((y * eta - np.logaddexp(0.0, eta)).sum())


def _separated(x: FloatArray, y: FloatArray) -> bool:
    """Tell whether one threshold parts the classes, so that the slope would be infinite."""
    low, high = x[y == 0], x[y == 1]
    return bool(low.max() <= high.min() or high.max() <= low.min())
