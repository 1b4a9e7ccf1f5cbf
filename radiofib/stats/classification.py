"""Measures of decisions, each a function of the confusion matrix.

A confusion matrix has true levels in rows and predicted levels in columns. Every function
accepts leading axes, so that a whole bootstrap (shape ``(B, k, k)``) is one call; counts may be
fractional. A measure that is not defined is NaN.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiofib._checks import check_same_length
from radiofib.errors import UsageError
from radiofib.stats.estimate import check_codes

__all__ = [
    "accuracy",
    "balanced_accuracy",
    "confusion_matrix",
    "disagreement_weights",
    "mcc",
    "mean_absolute_stage_error",
    "sensitivity",
    "specificity",
    "weighted_kappa",
]

FloatArray = NDArray[np.float64]


def _matrix(confusion: ArrayLike) -> FloatArray:
    matrix = np.asarray(confusion, dtype=np.float64)
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2]:
        raise UsageError("a confusion matrix must be square", found=str(matrix.shape))
    return matrix


def _divide(above: FloatArray, below: FloatArray) -> FloatArray:
    """Divide, giving NaN where the denominator is zero."""
    blank = np.full(np.broadcast(above, below).shape, np.nan)
    result: FloatArray = np.divide(above, below, out=blank, where=below != 0)
    return result[()]


def confusion_matrix(y: ArrayLike, predicted: ArrayLike, n_levels: int) -> NDArray[np.intp]:
    """Count cases by true and predicted level code.

    Examples
    --------
    >>> confusion_matrix([0, 0, 1], [0, 1, 1], 2)
    array([[1, 1],
           [0, 1]])
    """
    true = check_codes(y, n_levels)
    guess = check_codes(predicted, n_levels, "predicted")
    check_same_length(y=true, predicted=guess)
    counts = np.bincount(true * n_levels + guess, minlength=n_levels**2)
    return counts.reshape(n_levels, n_levels)


def accuracy(confusion: ArrayLike) -> FloatArray:
    """Return the share of correct decisions, ``trace / n``.

    Examples
    --------
    >>> float(accuracy([[3, 1], [1, 5]]))
    0.8
    """
    matrix = _matrix(confusion)
    return _divide(np.trace(matrix, axis1=-2, axis2=-1), matrix.sum((-2, -1)))


def sensitivity(confusion: ArrayLike) -> FloatArray:
    """Return TP / (TP + FN) of a two by two matrix whose level 1 is positive.

    Examples
    --------
    >>> float(sensitivity([[3, 1], [1, 4]]))
    0.8
    """
    matrix = _matrix(confusion)
    return _divide(matrix[..., 1, 1], matrix[..., 1, :].sum(-1))


def specificity(confusion: ArrayLike) -> FloatArray:
    """Return TN / (TN + FP) of a two by two matrix whose level 1 is positive.

    Examples
    --------
    >>> float(specificity([[3, 1], [1, 4]]))
    0.75
    """
    matrix = _matrix(confusion)
    return _divide(matrix[..., 0, 0], matrix[..., 0, :].sum(-1))


def balanced_accuracy(confusion: ArrayLike) -> FloatArray:
    """Return the mean over levels that occur of the share found.

    Examples
    --------
    >>> float(balanced_accuracy([[3, 1], [1, 4]]))
    0.775
    """
    matrix = _matrix(confusion)
    recall = _divide(np.diagonal(matrix, axis1=-2, axis2=-1), matrix.sum(-1))
    occurs = ~np.isnan(recall)
    return _divide(np.where(occurs, recall, 0.0).sum(-1), occurs.sum(-1).astype(np.float64))


def mcc(confusion: ArrayLike) -> FloatArray:
    r"""Return the Matthews correlation coefficient for two or more levels.

    .. math:: \frac{c s - \sum_k t_k p_k}{\sqrt{(s^2 - \sum p_k^2)(s^2 - \sum t_k^2)}}

    with s cases, c of them correct, and t, p the true and predicted totals. NaN when only one
    level occurs or is predicted.

    References
    ----------
    Matthews BW. Biochim Biophys Acta 1975;405:442-451. Gorodkin J. Comput Biol Chem
    2004;28:367-374.

    Examples
    --------
    >>> round(float(mcc([[18, 6], [10, 86]])), 6)
    0.610786
    """
    matrix = _matrix(confusion)
    true, predicted = matrix.sum(-1), matrix.sum(-2)
    total = matrix.sum((-2, -1))
    correct = np.trace(matrix, axis1=-2, axis2=-1)
    above = correct * total - (true * predicted).sum(-1)
    spread = (total**2 - (predicted**2).sum(-1)) * (total**2 - (true**2).sum(-1))
    return _divide(above, np.sqrt(np.maximum(spread, 0.0)))


def disagreement_weights(
    n_levels: int, weights: str = "quadratic", values: ArrayLike | None = None
) -> FloatArray:
    """Return what it costs to confuse two levels, see :func:`weighted_kappa`.

    Examples
    --------
    >>> disagreement_weights(3, "linear", [5, 6, 12]).tolist()
    [[0.0, 1.0, 7.0], [1.0, 0.0, 6.0], [7.0, 6.0, 0.0]]
    """
    level = np.arange(n_levels, dtype=np.float64) if values is None else np.asarray(values, float)
    if level.shape != (n_levels,) or not np.isfinite(level).all():
        raise UsageError("one value for each level is needed", found=str(level.shape))
    distance: FloatArray = np.abs(level[:, None] - level)
    if weights == "none":
        return (distance > 0).astype(np.float64)
    if weights == "quadratic":
        return distance**2
    if weights != "linear":
        raise UsageError(f"unknown weights {weights!r}", expected="quadratic, linear or none")
    return distance


def weighted_kappa(
    confusion: ArrayLike, weights: str = "quadratic", values: ArrayLike | None = None
) -> FloatArray:
    r"""Return Cohen's weighted kappa.

    .. math:: 1 - \frac{\sum w_{ij} o_{ij}}{\sum w_{ij} e_{ij}}

    with disagreement weights :math:`w_{ij}` of 0 or 1 (``none``), :math:`|v_i - v_j|`
    (``linear``) or :math:`(v_i - v_j)^2` (``quadratic``).

    Parameters
    ----------
    confusion : array-like of shape (..., k, k)
    weights : {"quadratic", "linear", "none"}
    values : array-like of shape (k,), optional
        What the levels measure; by default 0..k-1. Give the counts themselves when levels are
        counts, because distance by position would be wrong.

    References
    ----------
    Cohen J. Psychol Bull 1968;70:213-220.

    Examples
    --------
    >>> round(float(weighted_kappa([[10, 2, 0], [1, 8, 3], [0, 2, 9]])), 4)
    0.8263
    """
    matrix = _matrix(confusion)
    distance = disagreement_weights(matrix.shape[-1], weights, values)
    chance = matrix.sum(-1)[..., :, None] * matrix.sum(-2)[..., None, :]
    observed = (distance * matrix).sum((-2, -1)) * matrix.sum((-2, -1))
    return 1.0 - _divide(observed, (distance * chance).sum((-2, -1)))


def mean_absolute_stage_error(confusion: ArrayLike) -> FloatArray:
    """Return the mean distance between true and predicted level, in levels.

    Examples
    --------
    >>> float(mean_absolute_stage_error([[1, 0, 1], [0, 2, 0], [0, 0, 0]]))
    0.5
    """
    matrix = _matrix(confusion)
    level = np.arange(matrix.shape[-1])
    distance = np.abs(level[:, None] - level)
    return _divide((distance * matrix).sum((-2, -1)), matrix.sum((-2, -1)))
