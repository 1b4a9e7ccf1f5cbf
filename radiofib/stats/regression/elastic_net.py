"""Proportional odds (and binary logistic) regression with an elastic net penalty."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from radiofib.errors import UsageError
from radiofib.stats.regression._newton import maximise
from radiofib.stats.regression.cumulative import Likelihood
from radiofib.stats.regression.links import Interval, interval

__all__ = ["elastic_net", "largest_penalty", "marginal_slopes"]

FloatArray = NDArray[np.float64]
Codes = NDArray[np.intp]


def largest_penalty(
    scaled: FloatArray,
    codes: Codes,
    n_levels: int,
    *,
    l1_ratio: float = 0.5,
    weights: FloatArray | None = None,
) -> float:
    """Return the smallest penalty at which every slope is zero.

    Examples
    --------
    >>> round(largest_penalty(np.array([[-1.0], [0.0], [1.0]]), np.array([0, 0, 1]), 2), 4)
    0.6667
    """
    slopes = marginal_slopes(scaled, codes, n_levels, weights=weights)
    return float(slopes.max(initial=0.0) / l1_ratio)


def marginal_slopes(
    scaled: FloatArray, codes: Codes, n_levels: int, *, weights: FloatArray | None = None
) -> FloatArray:
    """Return how steeply the mean log-likelihood rises with each slope, from no slopes at all.

    Examples
    --------
    >>> marginal_slopes(np.array([[-1.0], [0.0], [1.0]]), np.array([0, 0, 1]), 2).round(4).tolist()
    [0.3333]
    """
    w = _weights(weights, len(codes))
    gradient, _ = _working(_null_cuts(codes, n_levels, w), np.zeros(len(codes)), codes)
    steep: FloatArray = np.abs(scaled.T @ (w * gradient)) / w.sum()
    return steep


def elastic_net(
    scaled: FloatArray,
    codes: Codes,
    n_levels: int,
    penalty: float,
    *,
    l1_ratio: float = 0.5,
    weights: FloatArray | None = None,
    start: tuple[FloatArray, FloatArray] | None = None,
    tol: float = 1e-8,
    max_iter: int = 200,
    exact: bool = False,
) -> tuple[FloatArray, FloatArray, int]:
    r"""Minimise the penalised negative log-likelihood of ordered outcomes.

    .. math:: -\frac{1}{n} \sum_i w_i \log P(y_i) + \lambda \left( \alpha \|b\|_1
              + \frac{1 - \alpha}{2} \|b\|_2^2 \right)

    with the weights' mean at 1, as glmnet writes it. Rounds of weighted least squares with
    coordinate descent for the slopes and Newton's method for the cuts, both halved where they
    would overstep. Once the same terms stay in, `exact` solves for them and the cuts together by
    Newton's method, and is done when no sign turns and no other term would enter.

    Parameters
    ----------
    scaled : ndarray of shape (n, p)
        Terms, centred and scaled.
    codes : ndarray of int
        Levels 0 ... n_levels - 1, each present.
    n_levels : int
        2 for a binary logistic model.
    penalty : float
        Lambda.
    l1_ratio : float
        Alpha, above 0 up to 1 (lasso).
    weights : ndarray, optional
    start : (cuts, slopes), optional
        Where to begin: the solution of a neighbouring penalty.
    tol : float
        Relative change of the objective that counts as none.
    max_iter : int
        Most rounds.
    exact : bool
        Go on to the minimum itself: the same data written in another way (a weight of 2 for a
        row that is there twice) then gives the same slopes to nine digits or so.

    Returns
    -------
    cuts : ndarray of shape (n_levels - 1,)
        theta in ``logit P(y <= k) = theta_k - x b``.
    slopes : ndarray of shape (p,)
    rounds : int

    References
    ----------
    Friedman J, Hastie T, Tibshirani R. J Stat Softw 2010;33:1-22.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 9)[:, None]
    >>> codes = np.array([0, 0, 0, 1, 0, 1, 1, 1, 1])
    >>> cuts, slopes, _ = elastic_net(x, codes, 2, 0.05)
    >>> slopes.round(2).tolist()
    [2.09]
    """
    from sklearn.linear_model import ElasticNet

    if not 0 < l1_ratio <= 1 or penalty < 0:
        raise UsageError(
            "the elastic net needs a penalty of at least 0 and an l1_ratio above 0 up to 1",
            found=f"{penalty:g} and {l1_ratio:g}",
        )
    w = _weights(weights, len(codes))
    n = float(len(codes))
    cuts, slopes = start or (_null_cuts(codes, n_levels, w), np.zeros(scaled.shape[1]))
    learner = ElasticNet(
        alpha=penalty,
        l1_ratio=l1_ratio,
        fit_intercept=False,
        warm_start=True,
        copy_X=False,
        max_iter=2000,
        tol=1e-6,
    )
    matrix = np.asfortranarray(scaled)

    def objective(cut: FloatArray, slope: FloatArray, eta: FloatArray) -> float:
        log_p = _interval(cut, eta, codes).log_p
        size = l1_ratio * np.abs(slope).sum() + 0.5 * (1 - l1_ratio) * float(slope @ slope)
        return float(-(w @ log_p) / n + penalty * size)

    eta = scaled @ slopes
    now = objective(cuts, slopes, eta)
    rounds = 0
    kept = tried = np.full(scaled.shape[1], np.nan)
    for rounds in range(1, max_iter + 1):
        gradient, curve = _working(cuts, eta, codes)
        curve = np.maximum(curve, 1e-6)
        root = np.sqrt(w * curve)
        learner.coef_ = slopes.copy()
        with warnings.catch_warnings():
            # A round that stops early is taken up by the next.
            warnings.simplefilter("ignore")
            learner.fit(matrix * root[:, None], root * (eta + gradient / curve))
        direction = np.asarray(learner.coef_, dtype=np.float64) - slopes
        turned = scaled @ direction
        scale, before = 1.0, now
        while scale > 1e-8:
            value = objective(cuts, slopes + scale * direction, eta + scale * turned)
            if value <= now:
                slopes, eta, now = slopes + scale * direction, eta + scale * turned, value
                break
            scale /= 2
        cuts = _best_cuts(cuts, eta, codes, n_levels, w)
        now = objective(cuts, slopes, eta)
        settled = before - now <= tol * (1.0 + abs(now))
        signs = np.sign(slopes)
        if exact and (settled or np.array_equal(signs, kept)) and not np.array_equal(signs, tried):
            found = _minimum(scaled, codes, cuts, slopes, penalty, l1_ratio, w)
            if found is not None:
                return *found, rounds
            tried = signs
        kept = signs
        if settled and (not exact or before - now <= 1e-14 * (1.0 + abs(now))):
            break
    return cuts, slopes, rounds


def _minimum(
    scaled: FloatArray,
    codes: Codes,
    cuts: FloatArray,
    slopes: FloatArray,
    penalty: float,
    l1_ratio: float,
    w: FloatArray,
) -> tuple[FloatArray, FloatArray] | None:
    """Return the minimum if its terms and their signs are those of `slopes`, else None."""
    n, size = len(codes), cuts.size
    inside = np.flatnonzero(slopes)
    signs = np.sign(slopes[inside])
    ridge = np.r_[np.zeros(size), np.full(inside.size, n * penalty * (1 - l1_ratio))]
    pull = np.r_[np.zeros(size), n * penalty * l1_ratio * signs]
    model = Likelihood(codes, size + 1, scaled[:, inside], np.empty((n, 0)), w, "logit", ridge)
    designs = model.designs()

    def penalised(at: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        value, gradient, information = model.evaluate(at, *designs)
        return value - float(pull @ at), gradient - pull, information

    found = maximise(penalised, np.r_[cuts, slopes[inside]])
    if not found.converged or np.any(np.sign(found.at[size:]) != signs):
        return None
    whole = np.zeros(slopes.size)
    whole[inside] = found.at[size:]
    gradient, _ = _working(found.at[:size], scaled @ whole, codes)
    steep = np.abs(scaled.T @ (w * gradient)) / n
    steep[inside] = 0.0
    if steep.max(initial=0.0) > penalty * l1_ratio * (1 + 1e-9):
        return None
    return found.at[:size], whole


def _weights(weights: FloatArray | None, n: int) -> FloatArray:
    return np.ones(n) if weights is None else weights * (n / weights.sum())


def _null_cuts(codes: Codes, n_levels: int, w: FloatArray) -> FloatArray:
    share = np.cumsum(np.bincount(codes, w, n_levels))[:-1] / w.sum()
    cuts: FloatArray = logit(share)
    return cuts


def _interval(cuts: FloatArray, eta: FloatArray, codes: Codes) -> Interval:
    edges = np.concatenate([[-np.inf], cuts, [np.inf]])
    return interval(edges[codes + 1] - eta, edges[codes] - eta, "logit")


def _working(cuts: FloatArray, eta: FloatArray, codes: Codes) -> tuple[FloatArray, FloatArray]:
    """Return slope and curvature of each log probability by the linear predictor."""
    found = _interval(cuts, eta, codes)
    return -(found.upper + found.lower), -(found.upper2 + found.lower2 + 2.0 * found.both)


def _best_cuts(
    cuts: FloatArray, eta: FloatArray, codes: Codes, n_levels: int, w: FloatArray
) -> FloatArray:
    size = cuts.size
    model = Likelihood(
        codes, n_levels, eta[:, None], np.empty((len(codes), 0)), w, "logit", np.zeros(size + 1)
    )
    designs = model.designs()

    def held(at: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        value, gradient, information = model.evaluate(np.append(at, 1.0), *designs)
        return value, gradient[:size], information[:size, :size]

    return maximise(held, cuts).at
