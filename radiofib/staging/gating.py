"""Weights of channels: by their skill, or by a gate that knows which channels a case has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

__all__ = ["confidence", "fit_gate", "gate_weights", "mixed", "skill_weights"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Codes = NDArray[np.intp]

#: Least probability that is taken the logarithm of.
_LEAST = 1e-6


def confidence(proba: FloatArray) -> FloatArray:
    """Return 1 less the entropy of probabilities relative to that of equal ones.

    Parameters
    ----------
    proba : ndarray of shape (..., n_classes)

    Returns
    -------
    ndarray of shape (...)
        0 for equal probabilities, 1 for a certain class.

    Examples
    --------
    >>> confidence(np.array([[0.5, 0.5], [1.0, 0.0]])).tolist()
    [0.0, 1.0]
    """
    logs = np.log(np.where(proba > 0, proba, 1.0))
    sure: FloatArray = 1 + (proba * logs).sum(axis=-1) / np.log(proba.shape[-1])
    return sure


def gate_weights(
    bias: FloatArray, slope: float, certainty: FloatArray, present: BoolArray
) -> FloatArray:
    r"""Return the softmax of :math:`b_c + s\,h_{ic}` over the channels that are present.

    Parameters
    ----------
    bias : ndarray of shape (n_channels,)
        b, one for each channel.
    slope : float
        s, what confidence adds.
    certainty : ndarray of shape (n, n_channels)
        h, see :func:`confidence`.
    present : ndarray of bool, shape (n, n_channels)

    Returns
    -------
    ndarray of shape (n, n_channels)
        Rows add up to 1; rows without a channel are 0.

    Examples
    --------
    >>> here = np.array([[True, True], [False, True], [False, False]])
    >>> gate_weights(np.array([np.log(3.0), 0.0]), 0.0, np.zeros((3, 2)), here).round(2).tolist()
    [[0.75, 0.25], [0.0, 1.0], [0.0, 0.0]]
    """
    height = np.where(present, bias + slope * certainty, -np.inf)
    top = np.where(present.any(axis=1), height.max(axis=1, initial=-np.inf), 0.0)
    raised = np.exp(height - top[:, None])
    total = raised.sum(axis=1, keepdims=True)
    weights: FloatArray = raised / np.where(total > 0, total, 1.0)
    return weights


def mixed(proba: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the weighted mean of the channels' probabilities, shape (n, n_classes).

    Parameters
    ----------
    proba : ndarray of shape (n, n_channels, n_classes)
    weights : ndarray of shape (n, n_channels)

    Examples
    --------
    >>> mixed(np.array([[[1.0, 0.0], [0.0, 1.0]]]), np.array([[0.75, 0.25]])).tolist()
    [[0.75, 0.25]]
    """
    mean: FloatArray = np.einsum("ncs,nc->ns", proba, weights)
    return mean


def fit_gate(
    proba: FloatArray,
    present: BoolArray,
    codes: Codes,
    weights: FloatArray | None = None,
    *,
    penalty: float = 1.0,
) -> tuple[FloatArray, float]:
    r"""Return bias and slope of the gate under which the mixture predicts best.

    Minimises :math:`-\sum_i w_i \log \sum_c g_{ic} p_{ic}(y_i) + \frac\kappa2 (|b|^2 + s^2)` with
    the weights g of :func:`gate_weights`: the weights are a convex combination of the channels a
    row has, and shrunk towards equal ones. It starts from equal weights. The penalty is a normal
    prior with variance :math:`1 / \kappa`: with 1, odds between two channels beyond :math:`e^2`
    need evidence from many rows.

    Parameters
    ----------
    proba : ndarray of shape (n, n_channels, n_classes)
        Probabilities by models that did not see the row.
    present : ndarray of bool, shape (n, n_channels)
    codes : ndarray of int, shape (n,)
        Class of each row.
    weights : ndarray of shape (n,), optional
    penalty : float
        :math:`\kappa`.

    References
    ----------
    Jacobs RA et al. Neural Comput 1991;3:79-87 (mixtures of experts with a gate).

    Examples
    --------
    >>> y = np.array([0, 1] * 50)
    >>> good, bad = np.eye(2)[y] * 0.8 + 0.1, np.full((100, 2), 0.5)
    >>> bias, slope = fit_gate(np.stack([good, bad], axis=1), np.full((100, 2), True), y)
    >>> bool(bias[0] > 0 > bias[1]), bool(slope > 0)
    (True, True)
    """
    n, channels, _ = proba.shape
    each = np.ones(n) if weights is None else weights
    certainty = confidence(proba)
    right = np.where(present, np.maximum(proba[np.arange(n), :, codes], _LEAST), 0.0)
    some = present.any(axis=1)

    def loss(theta: FloatArray) -> tuple[float, FloatArray]:
        gate = gate_weights(theta[:-1], float(theta[-1]), certainty, present)
        share = gate * right
        total = np.where(some, share.sum(axis=1), 1.0)
        value = -float(each @ np.log(total)) + penalty / 2 * float(theta @ theta)
        slack = each[:, None] * (gate - share / total[:, None])
        down = np.append(slack.sum(axis=0), float((slack * certainty).sum()))
        return value, down + penalty * theta

    with threadpool_limits(limits=1):
        found = minimize(loss, np.zeros(channels + 1), jac=True, method="L-BFGS-B")
    return found.x[:-1], float(found.x[-1])


def skill_weights(
    proba: FloatArray, present: BoolArray, codes: Codes, weights: FloatArray | None = None
) -> FloatArray:
    r"""Return a weight for each channel, in proportion to its skill.

    Skill is :math:`\max(0, 1 - L_c / H_c)` with the mean log loss L of the channel over the rows
    that have it, and the entropy H of the classes among these rows, which is the log loss of
    their shares. Weights add up to 1; equal ones where no channel has skill.

    Parameters
    ----------
    proba, present, codes, weights
        As for :func:`fit_gate`.

    Examples
    --------
    >>> y = np.array([0, 1] * 50)
    >>> good, bad = np.eye(2)[y] * 0.8 + 0.1, np.full((100, 2), 0.5)
    >>> skill_weights(np.stack([good, bad], axis=1), np.full((100, 2), True), y).tolist()
    [1.0, 0.0]
    """
    n, channels, classes = proba.shape
    each = np.ones(n) if weights is None else weights
    skill = np.zeros(channels)
    for c in range(channels):
        own = present[:, c]
        if not own.any():
            continue
        share = np.bincount(codes[own], weights=each[own], minlength=classes)
        share = share[share > 0] / share.sum()
        entropy = -float(share @ np.log(share))
        right = np.maximum(proba[own, c, codes[own]], _LEAST)
        loss = -float(each[own] @ np.log(right)) / float(each[own].sum())
        skill[c] = max(0.0, 1 - loss / entropy) if entropy > 0 else 0.0
    total = skill.sum()
    return skill / total if total > 0 else np.full(channels, 1 / channels)
