r"""Probabilities as log-odds, and the map that makes them calibrated.

For stages 0 ... K - 1 the map is

.. math:: \log\frac{p'_k}{p'_0} = a_k + b \log\frac{q_k}{q_0}, \quad k = 1, \dots, K - 1,

with K - 1 intercepts and one slope: for two stages the intercept and slope of Cox's logistic
recalibration, for several a multinomial one (Van Hoorde) with a common slope, known in machine
learning as temperature scaling with bias correction. It keeps the probabilities positive and
adding up to 1, its intercepts' likelihood equations make the mean probability of every stage
equal to its share, and with K parameters it is stable where vector scaling (2K - 1) or matrix
scaling (K (K - 1)) is not.

Why intercepts undo weights and synthetic rows: a learner that is given stage k with
:math:`w_k` times its share learns :math:`q_k \propto w_k \pi_k f_k(x)`, so that
:math:`\log(p_k / p_0) = \log(q_k / q_0) - \log(w_k / w_0)`: a shift that does not depend on x
(King and Zeng; Elkan).

References
----------
Cox DR. Biometrika 1958;45:562-565. Platt J. Advances in Large Margin Classifiers 1999:61-74.
King G, Zeng L. Polit Anal 2001;9:137-163. Elkan C. IJCAI 2001:973-978. Van Hoorde K et al. Stat
Med 2014;33:2585-2596. Guo C et al. ICML 2017:1321-1330. Alexandari A et al. ICML 2020:222-232.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiofib.stats.regression._newton import maximise

__all__ = ["LEAST_SLOPE", "fit_scaling", "log_ratios", "scaled", "softened"]

FloatArray = NDArray[np.float64]
Codes = NDArray[np.intp]

#: A slope is held at this, so that a correction never turns the ranks round.
LEAST_SLOPE = 0.01


def softened(proba: FloatArray, n: int) -> FloatArray:
    """Return probabilities that are not 0 or 1: ``(n p + 1 / K) / (n + 1)``.

    As if one more case, spread evenly over the K stages, stood beside the n a model learnt
    from: no model is surer than its cases. For two stages no rank is lost.

    Examples
    --------
    >>> softened(np.array([[0.0, 1.0], [0.5, 0.5]]), 9).tolist()
    [[0.05, 0.95], [0.5, 0.5]]
    """
    soft: FloatArray = (n * proba + 1.0 / proba.shape[1]) / (n + 1.0)
    return soft


def log_ratios(proba: FloatArray, n: int) -> FloatArray:
    """Return ``log(q_k / q_0)`` of :func:`softened` probabilities q, k = 1 ... K - 1.

    Parameters
    ----------
    proba : ndarray of shape (n_rows, K)
    n : int
        Cases (patients) the model learnt from.

    Returns
    -------
    ndarray of shape (n_rows, K - 1)

    References
    ----------
    Aitchison J. J R Stat Soc B 1982;44:139-177 (additive log-ratio).

    Examples
    --------
    >>> log_ratios(np.array([[0.5, 0.5]]), 10).tolist()
    [[0.0]]
    """
    soft = softened(proba, n)
    ratios: FloatArray = np.log(soft[:, 1:] / soft[:, :1])
    return ratios


def scaled(ratios: FloatArray, intercepts: FloatArray, slope: float) -> FloatArray:
    """Return the probabilities of ``a_k + b r_k``.

    Examples
    --------
    >>> scaled(np.array([[0.0, 0.0]]), np.log([2.0, 3.0]), 1.0).round(6).tolist()
    [[0.166667, 0.333333, 0.5]]
    """
    score = np.column_stack([np.zeros(len(ratios)), intercepts + slope * ratios])
    odds = np.exp(score - score.max(axis=1, keepdims=True))
    proba: FloatArray = odds / odds.sum(axis=1, keepdims=True)
    return proba


def fit_scaling(
    ratios: FloatArray,
    codes: Codes,
    weights: FloatArray,
    *,
    slope: float | None = None,
    prior: float = 1.0,
) -> tuple[FloatArray, float]:
    """Fit intercepts and slope by penalised maximum likelihood.

    The penalty ``prior / 2 (b - 1)^2`` (a normal prior about "no correction") is worth little
    against some hundred cases, and keeps the slope finite where the log-odds part the stages.
    Intercepts are free.

    Parameters
    ----------
    ratios : ndarray of shape (n, K - 1)
        Log-odds against stage 0 of cases the model did not learn from.
    codes : ndarray of int, shape (n,)
        Stages 0 ... K - 1, each of them present.
    weights : ndarray of shape (n,)
        How much a case counts; their sum is weighed against the prior.
    slope : float, optional
        Given: only the intercepts are fitted.
    prior : float

    Returns
    -------
    intercepts : ndarray of shape (K - 1,)
    slope : float
        At least :data:`LEAST_SLOPE`.

    Examples
    --------
    >>> ratios, codes = np.zeros((4, 1)), np.array([0, 0, 0, 1])
    >>> intercepts, slope = fit_scaling(ratios, codes, np.ones(4))
    >>> round(float(np.exp(intercepts[0])), 6), slope
    (0.333333, 1.0)
    """
    cuts = ratios.shape[1]
    happened = codes[:, None] == np.arange(1, cuts + 1)
    fixed = slope is not None

    def objective(at: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        steep = float(slope) if slope is not None else float(at[-1])
        proba = scaled(ratios, at[:cuts], steep)
        log_p = np.log(np.maximum(proba[np.arange(len(codes)), codes], 1e-300))
        rest, above = happened - proba[:, 1:], proba[:, 1:]
        gradient = weights @ rest
        information = np.diag(weights @ above) - above.T @ (above * weights[:, None])
        value = float(weights @ log_p)
        if fixed:
            return value, gradient, information
        value -= prior / 2 * (steep - 1.0) ** 2
        along = (above * ratios).sum(axis=1)
        spread = above * (ratios - along[:, None])
        gradient = np.r_[gradient, weights @ (rest * ratios).sum(axis=1) - prior * (steep - 1.0)]
        cross = weights @ spread
        own = weights @ (spread * ratios).sum(axis=1) + prior
        joint = np.block([[information, cross[:, None]], [cross[None, :], np.array([[own]])]])
        return value, gradient, joint

    start = np.zeros(cuts) if fixed else np.r_[np.zeros(cuts), 1.0]
    found = maximise(objective, start).at
    steep = float(slope) if slope is not None else float(found[-1])
    if steep < LEAST_SLOPE:
        return fit_scaling(ratios, codes, weights, slope=LEAST_SLOPE)
    return found[:cuts], steep
