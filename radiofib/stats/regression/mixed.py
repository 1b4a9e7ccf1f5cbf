"""Logistic and proportional odds models with a random intercept, such as the scanner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, logsumexp

from radiofib._checks import check_same_length
from radiofib.errors import UsageError
from radiofib.stats.regression._design import Scaling, check_terms
from radiofib.stats.regression.cumulative import (
    check_levels_present,
    null_loglik,
    proportional_odds,
    solve,
    unscale,
)
from radiofib.stats.regression.fit import Fit
from radiofib.stats.regression.links import Interval, interval

__all__ = ["RandomIntercept", "random_intercept"]

FloatArray = NDArray[np.float64]

_NODES = 25


@dataclass(frozen=True)
class RandomIntercept:
    """A model whose linear predictor has a normal deviation for each group.

    Parameters
    ----------
    fit : Fit
        Coefficients *within* a group: conditional on its deviation.
    sd : float
        Standard deviation of the groups' deviations, on the scale of the linear predictor.
    groups : tuple of str
    deviations : ndarray
        Most probable deviation of each group.
    statistic, p : float
        Likelihood ratio against no deviation; p is halved, since 0 is the edge of what is
        possible.
    note : str
        What a reader should know before trusting it.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> group = np.repeat(["a", "b", "c", "d"], 30)
    >>> x = rng.normal(size=(120, 1))
    >>> y = (x[:, 0] + np.repeat([-1, 0, 0, 1], 30) + rng.logistic(size=120) > 0).astype(int)
    >>> random_intercept(x, y, ["no", "yes"], group).sd > 0
    True
    """

    fit: Fit
    sd: float
    groups: tuple[str, ...]
    deviations: FloatArray
    statistic: float
    p: float
    note: str


@dataclass(frozen=True)
class _Marginal:
    """Log-likelihood with the deviations integrated out by adaptive quadrature."""

    scaled: FloatArray
    codes: NDArray[np.intp]
    n_levels: int
    group: NDArray[np.intp]
    n_groups: int
    nodes: FloatArray
    log_weights: FloatArray

    def cases(self, cuts: FloatArray, eta: FloatArray) -> Interval:
        edges = np.concatenate([[-np.inf], cuts, [np.inf]])
        return interval(edges[self.codes + 1] - eta, edges[self.codes] - eta, "logit")

    def modes(self, cuts: FloatArray, eta: FloatArray, sd: float) -> tuple[FloatArray, FloatArray]:
        """Return the most probable standardised deviation of each group and its width."""
        u = np.zeros(self.n_groups)
        for _ in range(50):
            found = self.cases(cuts, eta + sd * u[self.group])
            slope = np.bincount(self.group, -(found.upper + found.lower), self.n_groups)
            bend = np.bincount(
                self.group, -(found.upper2 + found.lower2 + 2 * found.both), self.n_groups
            )
            step = (sd * slope - u) / (sd**2 * bend + 1.0)
            u = u + np.clip(step, -2.0, 2.0)
            if np.max(np.abs(step)) < 1e-10:
                break
        return u, 1.0 / np.sqrt(sd**2 * bend + 1.0)

    def __call__(self, parameters: FloatArray) -> float:
        """Return the log-likelihood; the last parameter is the logarithm of the deviation."""
        cuts = parameters[: self.n_levels - 1]
        if np.any(np.diff(cuts) <= 0):
            return -np.inf
        eta = self.scaled @ parameters[self.n_levels - 1 : -1]
        sd = float(np.exp(parameters[-1]))
        mode, width = self.modes(cuts, eta, sd)
        u = mode[:, None] + np.sqrt(2.0) * width[:, None] * self.nodes
        joint = np.empty_like(u)
        for q in range(self.nodes.size):
            log_p = self.cases(cuts, eta + sd * u[self.group, q]).log_p
            joint[:, q] = np.bincount(self.group, log_p, self.n_groups)
        density = joint - 0.5 * u**2 - 0.5 * np.log(2.0 * np.pi)
        total = logsumexp(density + self.log_weights + self.nodes**2, axis=1)
        return float((total + np.log(np.sqrt(2.0) * width)).sum())


def random_intercept(
    X: ArrayLike | pd.DataFrame,
    y: ArrayLike,
    levels: Sequence[str],
    groups: ArrayLike,
    *,
    names: Sequence[str] | None = None,
) -> RandomIntercept:
    r"""Fit a proportional odds (two levels: logistic) model with a random intercept.

    .. math:: \mathrm{logit}\, P(y \le k) = \theta_k - x b - \sigma u_g, \quad u_g \sim N(0, 1)

    by maximum likelihood with adaptive Gauss-Hermite quadrature of 25 nodes: R's
    ``lme4::glmer(nAGQ = 25)`` and ``ordinal::clmm(nAGQ = 25)``. It can take account of scanners
    that differ in their level of risk, and say how much. It cannot tell scanner from stage where
    a scanner has one stage only, takes no slope by scanner, and knows little about the spread
    when there are fewer than about five groups; standard errors of slopes take the spread as
    estimated.

    Parameters
    ----------
    X, y, levels, names
        As for :func:`~radiofib.stats.regression.proportional_odds`.
    groups : array-like
        Scanner (or centre) of each case; at least two.

    Returns
    -------
    RandomIntercept

    Raises
    ------
    UsageError
        When there are fewer than two groups or the terms separate the levels.

    References
    ----------
    Hedeker D, Gibbons RD. Biometrics 1994;50:933-944. Self SG, Liang KY. J Am Stat Assoc
    1987;82:605-610.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> group = np.repeat(["a", "b", "c", "d"], 30)
    >>> x = rng.normal(size=(120, 1))
    >>> y = (x[:, 0] + np.repeat([-1, 0, 0, 1], 30) + rng.logistic(size=120) > 0).astype(int)
    >>> model = random_intercept(x, y, ["no", "yes"], group)
    >>> model.groups, model.fit.kind
    (('a', 'b', 'c', 'd'), 'logistic')
    """
    from scipy.optimize import minimize

    matrix, terms = check_terms(X, names)
    codes = check_levels_present(y, levels)
    labels, group = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    check_same_length(X=matrix, y=codes, groups=group)
    if labels.size < 2:
        raise UsageError("a random intercept needs at least two groups", found=f"{labels.size}")
    plain = proportional_odds(matrix, codes, levels, names=terms)
    if plain.separated:
        raise UsageError(
            "terms separate the levels, so that a mixed model has no estimate",
            hint="use the scanner as a covariate of a penalised model",
        )
    scaling = Scaling.of(matrix)
    scaled = scaling.apply(matrix)
    nodes, weights = np.polynomial.hermite.hermgauss(_NODES)
    model = _Marginal(scaled, codes, len(levels), group, labels.size, nodes, np.log(weights))
    at = np.append(solve(codes, len(levels), scaled)[0], np.log(0.5))
    found = minimize(
        lambda p: -max(model(p), -1e10),
        at,
        method="L-BFGS-B",
        bounds=[(None, None)] * (at.size - 1) + [(-7.0, 3.0)],
        options={"ftol": 1e-13, "gtol": 1e-7, "maxiter": 500},
    )
    best: FloatArray = np.asarray(found.x, dtype=np.float64)
    sd = float(np.exp(best[-1]))
    inverse = np.linalg.inv(_information(model, best, sd < 1e-2))
    covariance = np.asarray(inverse[: at.size - 1, : at.size - 1], dtype=np.float64)
    cuts = len(levels) - 1
    values, covariance = unscale(best[:-1], covariance, scaling, cuts)
    mode, _ = model.modes(best[:cuts], scaled @ best[cuts:-1], sd)
    statistic = max(2.0 * (float(-found.fun) - plain.loglik), 0.0)
    kind, names_of_cuts = "proportional_odds", plain.cuts
    if cuts == 1:
        # A binary model is printed with its intercept, which is the cut with the other sign.
        sign = np.r_[-1.0, np.ones(values.size - 1)]
        values, covariance = sign * values, covariance * np.outer(sign, sign)
        kind, names_of_cuts = "logistic", ("intercept",)
    note = f"random intercept of {labels.size} groups, SD {sd:.3g}"
    if labels.size < 5:
        note += "; fewer than 5 groups say little about the SD"
    if sd < 1e-2:
        note += "; the groups do not differ: the SD is at its lower bound"
    fit = Fit(
        kind,
        "logit",
        names_of_cuts,
        terms,
        values[:cuts],
        values[cuts:],
        covariance,
        float(-found.fun),
        null_loglik(codes, len(levels), np.ones(len(codes))),
        len(codes),
        note=note,
    )
    p = float(chdtrc(1.0, statistic)) / 2.0 if statistic > 0 else 1.0
    return RandomIntercept(fit, sd, tuple(str(v) for v in labels), sd * mode, statistic, p, note)


def _information(model: _Marginal, best: FloatArray, flat: bool) -> FloatArray:
    """Return negative second differences; the spread is left out where it is at its bound."""
    size = best.size
    step = np.full(size, 1e-3)
    last = size - 1 if flat else size
    information = np.eye(size)
    for i in range(last):
        for j in range(i, last):
            a, b = np.zeros(size), np.zeros(size)
            a[i], b[j] = step[i], step[j]
            second = model(best + a + b) - model(best + a - b) - model(best - a + b)
            second = (second + model(best - a - b)) / (4.0 * step[i] * step[j])
            information[i, j] = information[j, i] = -second
    return information
