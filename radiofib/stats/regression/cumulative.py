"""Cumulative link models: proportional odds, and partial proportional odds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit, ndtri

from radiofib._checks import check_known, check_same_length, list_some
from radiofib.errors import UsageError
from radiofib.stats.estimate import check_codes
from radiofib.stats.regression._design import Scaling, check_terms, check_weights
from radiofib.stats.regression._newton import maximise
from radiofib.stats.regression.fit import Fit
from radiofib.stats.regression.links import LINKS, Interval, cumulative, interval
from radiofib.stats.regression.separation import separated

__all__ = [
    "FALLBACK_RIDGE",
    "Likelihood",
    "check_levels_present",
    "cumulative_probabilities",
    "level_probabilities",
    "null_loglik",
    "proportional_odds",
    "solve",
    "stage_probabilities",
    "unscale",
]

FloatArray = NDArray[np.float64]
Codes = NDArray[np.intp]

#: Penalty used where maximum likelihood has no solution: a normal prior of variance 1 on the
#: slope of each standardised term, so that one standard deviation seldom changes the odds more
#: than sevenfold.
FALLBACK_RIDGE = 1.0


@dataclass(frozen=True)
class Likelihood:
    """Log-likelihood of a cumulative link model as a function of cuts and slopes.

    The parameters are K - 1 cuts, the slopes of `common`, then for each column of `free` one
    slope for each cut. The cut k of a case is ``theta_k - common b - free g_k``.

    Parameters
    ----------
    codes : ndarray of int
        Levels 0 ... K - 1.
    n_levels : int
        K.
    common : ndarray of shape (n, q)
        Terms with one slope.
    free : ndarray of shape (n, r)
        Terms with one slope for each cut.
    weights : ndarray
    link : {"logit", "probit"}
    penalty : ndarray
        Ridge penalty of each parameter.

    Examples
    --------
    >>> empty = np.empty((4, 0))
    >>> model = Likelihood(np.array([0, 0, 1, 1]), 2, empty, empty, np.ones(4), "logit",
    ...                    np.zeros(1))
    >>> round(model(np.zeros(1))[0], 6)
    -2.772589
    """

    codes: Codes
    n_levels: int
    common: FloatArray
    free: FloatArray
    weights: FloatArray
    link: str
    penalty: FloatArray

    def designs(self) -> tuple[FloatArray, FloatArray]:
        """Return the rows that make the upper and the lower cut of each case."""
        cuts = self.n_levels - 1
        upper, lower = (
            self._design(np.minimum(self.codes, cuts - 1)),
            self._design(np.maximum(self.codes - 1, 0)),
        )
        upper[self.codes == cuts] = 0.0
        lower[self.codes == 0] = 0.0
        return upper, lower

    def _design(self, cut: Codes) -> FloatArray:
        n, cuts = len(self.codes), self.n_levels - 1
        place = np.zeros((n, cuts))
        place[np.arange(n), cut] = 1.0
        by_cut = [-place * column[:, None] for column in self.free.T]
        return np.hstack([place, -self.common, *by_cut])

    def scores(self, parameters: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return log probability and gradient of each case, without weights and penalty."""
        upper, lower = self.designs()
        found = self._interval(upper, lower, parameters)
        return found.log_p, upper * found.upper[:, None] + lower * found.lower[:, None]

    def leverage(self, parameters: FloatArray, covariance: FloatArray) -> FloatArray:
        """Return the share of each case in the information: trace(covariance x its own)."""
        upper, lower = self.designs()
        found = self._interval(upper, lower, parameters)
        turned_u, turned_l = upper @ covariance, lower @ covariance
        share: FloatArray = -self.weights * (
            found.upper2 * (turned_u * upper).sum(axis=1)
            + found.lower2 * (turned_l * lower).sum(axis=1)
            + 2.0 * found.both * (turned_u * lower).sum(axis=1)
        )
        return share

    def expected_information(self, parameters: FloatArray) -> FloatArray:
        """Return Fisher's information: the mean over the outcomes that could have been."""
        total = np.zeros((parameters.size, parameters.size))
        for level in range(self.n_levels):
            other = replace(self, codes=np.full(len(self.codes), level))
            log_p, each = other.scores(parameters)
            total += each.T @ (each * (self.weights * np.exp(log_p))[:, None])
        return total

    def _interval(self, upper: FloatArray, lower: FloatArray, at: FloatArray) -> Interval:
        u, low = upper @ at, lower @ at
        u[self.codes == self.n_levels - 1] = np.inf
        low[self.codes == 0] = -np.inf
        return interval(u, low, self.link)

    def __call__(self, parameters: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return penalised log-likelihood, gradient and negative second derivatives."""
        return self.evaluate(parameters, *self.designs())

    def evaluate(
        self, parameters: FloatArray, upper: FloatArray, lower: FloatArray
    ) -> tuple[float, FloatArray, FloatArray]:
        """Do the same with designs made before."""
        found = self._interval(upper, lower, parameters)
        if not np.all(np.isfinite(found.log_p)):
            size = parameters.size
            return -np.inf, np.zeros(size), np.eye(size)
        w = self.weights
        value = float(w @ found.log_p) - 0.5 * float(self.penalty @ parameters**2)
        gradient = upper.T @ (w * found.upper) + lower.T @ (w * found.lower)
        cross = upper.T @ (lower * (w * found.both)[:, None])
        second = (
            upper.T @ (upper * (w * found.upper2)[:, None])
            + lower.T @ (lower * (w * found.lower2)[:, None])
            + cross
            + cross.T
        )
        information = -second + np.diag(self.penalty)
        return value, gradient - self.penalty * parameters, information


def solve(
    codes: Codes,
    n_levels: int,
    common: FloatArray,
    *,
    free: FloatArray | None = None,
    weights: FloatArray | None = None,
    link: str = "logit",
    ridge: float | FloatArray = 0.0,
) -> tuple[FloatArray, FloatArray, float, bool]:
    """Fit cuts and slopes of columns as they are; the machine behind the models with names.

    `ridge` is one penalty for all slopes, or one for each.

    Returns
    -------
    parameters : ndarray
        Cuts, common slopes, free slopes by column and cut.
    covariance : ndarray
        Inverse of the (penalised) observed information.
    loglik : float
        Without the penalty.
    converged : bool

    Examples
    --------
    >>> found = solve(np.array([0, 1, 0, 1, 1]), 2, np.array([[0.0], [1], [2], [3], [4]]))
    >>> found[0].round(3).tolist()
    [1.558, 1.09]
    """
    free = np.empty((len(codes), 0)) if free is None else free
    w = np.ones(len(codes)) if weights is None else weights
    cuts = n_levels - 1
    size = cuts + common.shape[1] + cuts * free.shape[1]
    penalty = np.zeros(size)
    penalty[cuts:] = ridge
    model = Likelihood(codes, n_levels, common, free, w, link, penalty)
    share = np.cumsum(np.bincount(codes, w, n_levels))[:-1] / w.sum()
    start = np.zeros(size)
    start[:cuts] = logit(share) if link == "logit" else ndtri(share)
    designs = model.designs()
    best = maximise(lambda at: model.evaluate(at, *designs), start)
    plain = best.value + 0.5 * float(penalty @ best.at**2)
    try:
        covariance = np.asarray(np.linalg.inv(best.information), dtype=np.float64)
    except np.linalg.LinAlgError:
        covariance = np.full((size, size), np.nan)
    return best.at, covariance, plain, best.converged


def proportional_odds(
    X: ArrayLike | pd.DataFrame,
    y: ArrayLike,
    levels: Sequence[str],
    *,
    names: Sequence[str] | None = None,
    weights: ArrayLike | None = None,
    link: str = "logit",
    ridge: float = 0.0,
) -> Fit:
    r"""Fit a proportional odds (cumulative link) model by maximum likelihood.

    .. math:: \mathrm{logit}\, P(y \le k) = \theta_k - x b, \quad k = 1, \ldots, K - 1

    A positive slope makes high levels more likely. Estimates, standard errors (observed
    information) and log-likelihood are those of R's ``ordinal::clm`` and ``rms::lrm``. Where
    the terms separate the levels, a ridge penalty of :data:`FALLBACK_RIDGE` on standardised
    terms takes over and the fit says so.

    Parameters
    ----------
    X : array-like of shape (n, n_terms) or DataFrame
        Terms; complete cases.
    y : array-like
        Level codes 0 ... K - 1, each level present.
    levels : sequence of str
        Names of the K levels in order.
    names : sequence of str, optional
        Names of the terms; those of the frame when left out.
    weights : array-like, optional
        Weight of each case.
    link : {"logit", "probit"}
    ridge : float
        Penalty ``ridge / 2 x sum of squares`` of the slopes of standardised terms.

    Returns
    -------
    Fit

    Raises
    ------
    UsageError
        When a level has no case, a term is constant or a combination of others, or the
        iterations do not converge.

    References
    ----------
    McCullagh P. J R Stat Soc B 1980;42:109-142.

    Examples
    --------
    >>> x = [[0.1], [0.9], [0.4], [1.2], [2.2], [1.1], [2.5], [3.0], [1.9]]
    >>> fit = proportional_odds(x, [0, 0, 0, 1, 1, 1, 2, 2, 2], ["s1", "s2", "s3"], ridge=1.0)
    >>> fit.cuts, fit.slopes.round(3).tolist()
    (('s1|s2', 's2|s3'), [1.621])
    >>> proportional_odds(x, [0, 0, 0, 1, 1, 1, 1, 1, 1], ["s1", "s2"]).separated
    True
    """
    check_known(link, LINKS, what="link")
    matrix, terms = check_terms(X, names)
    codes = check_levels_present(y, levels)
    n = check_same_length(X=matrix, y=codes)
    if ridge < 0:
        raise UsageError("ridge must not be negative", found=f"{ridge:g}")
    w = check_weights(weights, n)
    apart = separated(matrix, codes, len(levels))
    penalty = ridge if ridge > 0 or not apart else FALLBACK_RIDGE
    scaling = Scaling.of(matrix)
    at, covariance, loglik, converged = solve(
        codes, len(levels), scaling.apply(matrix), weights=w, link=link, ridge=penalty
    )
    if not converged:
        raise UsageError(
            "the proportional odds model did not converge",
            found=f"{n} cases, {len(terms)} terms",
            hint="use fewer terms or a ridge penalty",
        )
    values, covariance = unscale(at, covariance, scaling, len(levels) - 1)
    note = ""
    if apart and ridge == 0:
        note = (
            "terms separate the levels: no maximum likelihood estimate; ridge penalty "
            f"{FALLBACK_RIDGE:g} on standardised terms"
        )
    cuts = tuple(f"{a}|{b}" for a, b in pairwise(levels))
    null = null_loglik(codes, len(levels), w)
    return Fit(
        "proportional_odds",
        link,
        cuts,
        terms,
        values[: len(cuts)],
        values[len(cuts) :],
        covariance,
        loglik,
        null,
        n,
        ridge=penalty,
        separated=apart,
        note=note,
    )


def check_levels_present(y: ArrayLike, levels: Sequence[str]) -> Codes:
    """Return the codes when every level has a case."""
    if len(levels) < 2:
        raise UsageError("at least two levels are needed", found=list_some(levels) or "none")
    codes = check_codes(y, len(levels))
    counts = np.bincount(codes, minlength=len(levels))
    if counts.min() == 0:
        raise UsageError(
            "a level has no case",
            found=list_some(lev for lev, c in zip(levels, counts, strict=True) if c == 0),
            hint="leave the level out",
        )
    return codes


def null_loglik(codes: Codes, n_levels: int, weights: FloatArray) -> float:
    """Return the log-likelihood of a model without terms: each level has its share."""
    counts = np.bincount(codes, weights, n_levels)
    return float((counts * np.log(counts / counts.sum())).sum())


def unscale(
    at: FloatArray, covariance: FloatArray, scaling: Scaling, cuts: int
) -> tuple[FloatArray, FloatArray]:
    """Return cuts and slopes for the terms as given: b = b_s / s and theta = theta_s + m b."""
    back = np.eye(at.size)
    slopes = np.arange(cuts, at.size)
    back[slopes, slopes] = 1.0 / scaling.scale
    back[:cuts, cuts:] = scaling.centre / scaling.scale
    return back @ at, back @ covariance @ back.T


def cumulative_probabilities(fit: Fit, X: ArrayLike) -> FloatArray:
    """Return P(y <= k) for each case and each cut of an ordered model.

    Examples
    --------
    >>> fit = Fit("proportional_odds", "logit", ("a|b",), ("x",), np.array([0.0]),
    ...           np.array([1.0]), np.eye(2), 0.0, 0.0, 9)
    >>> cumulative_probabilities(fit, [[0.0]]).tolist()
    [[0.5]]
    """
    matrix = np.asarray(X, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[1] != len(fit.terms):
        raise UsageError(
            "X must have one column for each term",
            expected=list_some(fit.terms),
            found=str(matrix.shape),
        )
    return cumulative(fit.cut_values[None, :] - (matrix @ fit.slopes)[:, None], fit.link)


def stage_probabilities(fit: Fit, X: ArrayLike) -> FloatArray:
    """Return the probability of each level; rows sum to one.

    Examples
    --------
    >>> fit = Fit("proportional_odds", "logit", ("a|b",), ("x",), np.array([0.0]),
    ...           np.array([1.0]), np.eye(2), 0.0, 0.0, 9)
    >>> stage_probabilities(fit, [[0.0]]).tolist()
    [[0.5, 0.5]]
    """
    if fit.kind != "proportional_odds":
        raise UsageError("only an ordered model has level probabilities", found=fit.kind)
    return level_probabilities(cumulative_probabilities(fit, X))


def level_probabilities(below: FloatArray) -> FloatArray:
    """Return the probability of each level from those of being at or below each cut.

    Examples
    --------
    >>> level_probabilities(np.array([[0.25, 0.75]])).tolist()
    [[0.25, 0.5, 0.25]]
    """
    n = len(below)
    edges = np.hstack([np.zeros((n, 1)), below, np.ones((n, 1))])
    return np.diff(edges, axis=1)
