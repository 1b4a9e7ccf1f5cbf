r"""Focal loss of a softmax: value, gradient, and a positive bound of its second derivatives.

Of a row whose stage t has the probability p_t, :math:`L = -(1 - p_t)^\gamma \log p_t`: rows that
are already told well count less. With :math:`q = 1 - p_t`, margins z and
:math:`\partial p_t / \partial z_j = p_t (\delta_{tj} - p_j)`,

.. math:: \frac{\partial L}{\partial z_j} = A (p_j - \delta_{tj}), \qquad
          A = q^\gamma - \gamma p_t q^{\gamma - 1} \log p_t \ge 0

.. math:: \frac{\partial^2 L}{\partial z_i \partial z_j}
          = A (p_j \delta_{ij} - p_i p_j) + C v_i v_j, \qquad v = p - e_t

.. math:: C = -p_t \frac{dA}{dp_t}
          = \gamma p_t q^{\gamma - 1} (2 + \log p_t) - \gamma (\gamma - 1) p_t^2 q^{\gamma - 2}
            \log p_t

C is negative where p_t is small: focal loss is not convex, and boosting needs positive second
derivatives. For a symmetric matrix M, :math:`|x^T M x| \le \sum_i x_i^2 \sum_j |M_{ij}|`
(Gershgorin), which with :math:`\sum_{j \ne i} p_j = 1 - p_i` and :math:`\sum_j |v_j| = 2q` gives
the bound :math:`2 A p_j (1 - p_j) + 2 \max(C, 0) q |v_j|`. At gamma = 0 it is
:math:`2 p_j (1 - p_j)`, what XGBoost itself takes for softmax.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["balanced_weights", "focal_loss", "focal_steps"]

FloatArray = NDArray[np.float64]
Codes = NDArray[np.intp]

#: A smaller chance of being wrong makes no difference to a sum in double precision.
_SMALLEST = 1e-16


def focal_loss(margins: FloatArray, codes: Codes, gamma: float) -> FloatArray:
    r"""Return :math:`-(1 - p_t)^\gamma \log p_t` of each row.

    Parameters
    ----------
    margins : ndarray of shape (n, n_stages)
        Before the softmax.
    codes : ndarray of int, shape (n,)
        True stages.
    gamma : float
        0 for the log loss.

    References
    ----------
    Lin TY et al. ICCV 2017:2999-3007.

    Examples
    --------
    >>> focal_loss(np.zeros((1, 2)), np.array([1]), 2.0).round(4).tolist()
    [0.1733]
    """
    _, log_p, wrong = _true_stage(margins, codes)
    loss: FloatArray = -(wrong**gamma) * log_p
    return loss


def focal_steps(margins: FloatArray, codes: Codes, gamma: float) -> tuple[FloatArray, FloatArray]:
    """Return gradient and bound of the second derivatives of :func:`focal_loss` by margin.

    Parameters
    ----------
    margins : ndarray of shape (n, n_stages)
    codes : ndarray of int, shape (n,)
    gamma : float

    Returns
    -------
    gradient, bound : ndarray of shape (n, n_stages)
        The matrix of second derivatives of a row is at most ``diag(bound)``, and that is above 0.

    Examples
    --------
    >>> [v.tolist() for v in focal_steps(np.zeros((1, 2)), np.array([1]), 0.0)]
    [[[0.5, -0.5]], [[0.5, 0.5]]]
    """
    shares, log_p, wrong = _true_stage(margins, codes)
    rows = np.arange(len(codes))
    away = shares.copy()
    away[rows, codes] = -wrong
    spread = 2.0 * shares * (1.0 - shares)
    if gamma == 0.0:
        return away, np.maximum(spread, _SMALLEST)
    right = np.exp(log_p)
    kept = np.maximum(wrong, _SMALLEST)
    slope = kept**gamma - gamma * right * kept ** (gamma - 1.0) * log_p
    curve = gamma * right * kept ** (gamma - 1.0) * (2.0 + log_p)
    curve -= gamma * (gamma - 1.0) * right**2 * kept ** (gamma - 2.0) * log_p
    convex = 2.0 * np.maximum(curve, 0.0) * wrong
    bound = slope[:, None] * spread + convex[:, None] * np.abs(away)
    return slope[:, None] * away, np.maximum(bound, _SMALLEST)


def _true_stage(margins: FloatArray, codes: Codes) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return all probabilities, the log of the true stage's, and the chance of another."""
    rows = np.arange(len(codes))
    moved = margins - margins.max(axis=1, keepdims=True)
    shares = np.exp(moved)
    total = shares.sum(axis=1, keepdims=True)
    log_p = moved[rows, codes] - np.log(total[:, 0])
    shares /= total
    # Added up from the others, so that it stays exact where the true stage is almost certain.
    others = shares.copy()
    others[rows, codes] = 0.0
    return shares, log_p, others.sum(axis=1)


def balanced_weights(counts: FloatArray, beta: float | None) -> FloatArray:
    r"""Return the weight of each stage by its effective number of rows.

    :math:`w_k \propto (1 - \beta) / (1 - \beta^{n_k})`, with a mean of 1 over the stages. Between
    beta = 0 (all the same) and beta = 1 (the limit, inverse counts).

    Parameters
    ----------
    counts : ndarray of shape (n_stages,)
        Rows of each stage, or the sum of their weights; above 0.
    beta : float or None
        None for no weights.

    References
    ----------
    Cui Y et al. CVPR 2019:9268-9277.

    Examples
    --------
    >>> balanced_weights(np.array([100.0, 10.0]), 0.999).round(3).tolist()
    [0.189, 1.811]
    """
    if beta is None:
        return np.ones(len(counts))
    if beta == 0.0:
        effective = np.ones(len(counts))
    elif beta == 1.0:
        effective = np.asarray(counts, dtype=np.float64)
    else:
        effective = -np.expm1(counts * np.log(beta))
    weights = 1.0 / effective
    scaled: FloatArray = weights * (len(weights) / weights.sum())
    return scaled
