"""Scores of predicted probabilities; calibration is in its own modules."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiofib._checks import check_same_length
from radiofib.errors import UsageError
from radiofib.stats.estimate import check_binary, check_codes, check_probabilities

__all__ = [
    "brier_scaled",
    "brier_score",
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
