"""Firth's logistic regression: finite under separation, less biased in small samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import chdtrc, expit, log_expit, ndtri

from radiofib._checks import check_known, check_same_length
from radiofib.errors import UsageError
from radiofib.stats.estimate import check_binary, z_value
from radiofib.stats.regression._design import Scaling, check_terms, check_weights
from radiofib.stats.regression.fit import Fit
from radiofib.stats.regression.separation import separated

__all__ = ["firth", "firth_solve"]

FloatArray = NDArray[np.float64]

INTERVALS = ("profile", "wald")

#: Up to this many cases steps use exact second derivatives, which need a matrix of case by case.
_EXACT = 1500


@dataclass(frozen=True)
class _State:
    at: FloatArray
    value: float  # penalised log-likelihood
    loglik: float
    score: FloatArray
    information: FloatArray  # Fisher's
    curvature: FloatArray  # negative second derivatives, exact where they can be used


def _state(design: FloatArray, y: FloatArray, w: FloatArray, at: FloatArray) -> _State:
    eta = design @ at
    chance = expit(eta)
    spread = w * chance * (1.0 - chance)
    information = design.T @ (design * spread[:, None])
    loglik = float(w @ (y * log_expit(eta) + (1.0 - y) * log_expit(-eta)))
    try:
        factor = cho_factor(information)
    except np.linalg.LinAlgError:
        return _State(at, -np.inf, loglik, np.zeros(at.size), information, np.eye(at.size))
    half_log_det = float(np.log(np.diag(factor[0])).sum())
    turned = cho_solve(factor, design.T)
    hat = spread * (design * turned.T).sum(axis=1)
    score = design.T @ (w * (y - chance) + hat * (0.5 - chance))
    weight = spread + hat * chance * (1.0 - chance)
    curvature = design.T @ (design * weight[:, None])
    if len(y) <= _EXACT:
        exact = curvature - _tilt(design, turned, spread, hat, chance)
        if np.linalg.eigvalsh(exact).min() > 1e-3 * np.linalg.eigvalsh(curvature).min():
            curvature = exact
    return _State(at, loglik + half_log_det, loglik, score, information, curvature)


def _tilt(
    design: FloatArray, turned: FloatArray, spread: FloatArray, hat: FloatArray, chance: FloatArray
) -> FloatArray:
    """Return what the change of the hat values adds to the derivative of the score."""
    lean = 1.0 - 2.0 * chance
    shared = (design @ turned) ** 2
    change = design * (hat * lean)[:, None]
    change -= spread[:, None] * (shared @ (design * (spread * lean)[:, None]))
    found: FloatArray = design.T @ (change * (0.5 - chance)[:, None])
    return 0.5 * (found + found.T)


def firth_solve(
    design: FloatArray,
    y: FloatArray,
    weights: FloatArray | None = None,
    *,
    fixed: tuple[int, float] | None = None,
    start: FloatArray | None = None,
    tol: float = 1e-14,
    max_iter: int = 500,
) -> tuple[FloatArray, FloatArray, float, float]:
    """Maximise the penalised likelihood over the columns of a design as they are.

    Parameters
    ----------
    design : ndarray of shape (n, q)
        With a column of ones where an intercept is wanted; of full rank.
    y : ndarray of 0 and 1
    weights : ndarray, optional
    fixed : (int, float), optional
        A coefficient held at a value, for profiles.
    start : ndarray, optional
        Where to begin.
    tol : float
        Squared distance to the maximum, in standard errors, from which one last step is taken.
    max_iter : int
        Most steps.

    Returns
    -------
    coefficients : ndarray
    information : ndarray
        Fisher information there.
    penalised, loglik : float
        Log-likelihood with and without ``log|I| / 2``.

    Examples
    --------
    >>> design = np.column_stack([np.ones(4), [0.0, 1.0, 2.0, 3.0]])
    >>> firth_solve(design, np.array([0.0, 0.0, 1.0, 1.0]))[0].round(4).tolist()
    [-1.9649, 1.3099]
    """
    w = np.ones(len(y)) if weights is None else weights
    at = np.zeros(design.shape[1]) if start is None else start.copy()
    open_ = np.ones(at.size, dtype=bool)
    if fixed is not None:
        at[fixed[0]] = fixed[1]
        open_[fixed[0]] = False
    now = _state(design, y, w, at)
    for _ in range(max_iter if open_.any() else 0):
        step = np.zeros(at.size)
        part = now.curvature[np.ix_(open_, open_)]
        step[open_] = np.linalg.solve(part, now.score[open_])
        # What is left to gain is the squared distance to the maximum, in standard errors.
        if float(step @ now.score) <= tol:
            now = _state(design, y, w, now.at + step)
            break
        # Fisher scoring may overstep where few cases decide.
        scale = min(1.0, 5.0 / max(float(np.max(np.abs(step))), 1e-300))
        while scale > 1e-10:
            tried = _state(design, y, w, now.at + scale * step)
            if tried.value >= now.value - 1e-12 * (1.0 + abs(now.value)):
                break
            scale /= 2
        else:
            break
        now = tried
    return now.at, now.information, now.value, now.loglik


def firth(
    X: ArrayLike | pd.DataFrame,
    y: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    weights: ArrayLike | None = None,
    interval: str = "profile",
    level: float = 0.95,
    fallback: bool = False,
) -> Fit:
    r"""Fit a logistic regression by Firth's penalised likelihood.

    .. math:: \ell^*(b) = \ell(b) + \tfrac12 \log |I(b)|

    whose score adds :math:`\sum_i h_i (1/2 - p_i) x_i` with the hat values h. Estimates equal
    those of R's ``logistf`` and ``brglm2`` (``AS_mean``), standard errors are the inverse Fisher
    information at the estimate. As in logistf, intervals and p come from the profile of the
    penalised likelihood, or are Wald's.

    Parameters
    ----------
    X : array-like of shape (n, n_terms) or DataFrame
        Terms; complete cases.
    y : array-like of 0 and 1
        Both present.
    names : sequence of str, optional
        Names of the terms.
    weights : array-like, optional
        Weight of each case.
    interval : {"profile", "wald"}
    level : float
        Confidence level of profile limits.
    fallback : bool
        Whether it stands in for maximum likelihood; the note then says so.

    Returns
    -------
    Fit
        A profile limit that does not exist is infinite.

    References
    ----------
    Firth D. Biometrika 1993;80:27-38. Heinze G, Schemper M. Stat Med 2002;21:2409-2419.

    Examples
    --------
    >>> fit = firth([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1], names=["x"])
    >>> fit.slopes.round(3).tolist(), fit.separated
    ([1.31], True)
    """
    check_known(interval, INTERVALS, what="interval")
    z_value(level)
    matrix, terms = check_terms(X, names)
    outcome = check_binary(y, both=True).astype(np.float64)
    n = check_same_length(X=matrix, y=outcome)
    w = check_weights(weights, n)
    if len(terms) + 1 > n:
        raise UsageError(
            "more parameters than cases", found=f"{len(terms) + 1} and {n}", hint="use fewer terms"
        )
    scaling = Scaling.of(matrix)
    design = np.column_stack([np.ones(n), scaling.apply(matrix)])
    at, information, _, loglik = firth_solve(design, outcome, w)
    back = np.diag(np.concatenate([[1.0], 1.0 / scaling.scale]))
    back[0, 1:] = -scaling.centre / scaling.scale
    limits = p_values = None
    if interval == "profile":
        slopes = _profiles(design, outcome, w, at, range(1, at.size), level)
        # The intercept belongs to terms of 0, so its profile needs terms that are not centred.
        design[:, 1:] = matrix / scaling.scale
        raw = at.copy()
        raw[0] -= float(at[1:] @ (scaling.centre / scaling.scale))
        rows = np.vstack([_profiles(design, outcome, w, raw, range(1), level), slopes])
        limits = rows[:, :2] / np.concatenate([[1.0], scaling.scale])[:, None]
        p_values = rows[:, 2]
    apart = separated(matrix, outcome.astype(np.intp))
    note = "Firth's penalised likelihood"
    if fallback:
        note = f"terms separate the classes: no maximum likelihood estimate; {note}"
    share = float(w @ outcome / w.sum())
    null = float(w.sum() * (share * np.log(share) + (1 - share) * np.log(1 - share)))
    values = back @ at
    return Fit(
        "firth",
        "logit",
        ("intercept",),
        terms,
        values[:1],
        values[1:],
        back @ np.linalg.inv(information) @ back.T,
        loglik,
        null,
        n,
        separated=apart,
        interval="profile penalised likelihood" if interval == "profile" else "Wald",
        limits=limits,
        p_values=p_values,
        note=note,
    )


def _profiles(
    design: FloatArray, y: FloatArray, w: FloatArray, at: FloatArray, which: range, level: float
) -> FloatArray:
    """Return limits and p of coefficients by the profile of the penalised likelihood."""
    peak = _state(design, y, w, at)
    covariance = np.linalg.inv(peak.information)
    found = []
    for j in which:
        profile = _Profile(design, y, w, at, covariance[:, j] / covariance[j, j], peak.value, j)
        z, se = float(ndtri(0.5 + level / 2)), float(np.sqrt(covariance[j, j]))
        low, high = (profile.limit(sign * se, z) for sign in (-1.0, 1.0))
        found.append((low, high, chdtrc(1.0, profile.root_loss(0.0) ** 2)))
    return np.array(found).reshape(-1, 3)


@dataclass
class _Profile:
    """Loss of penalised likelihood when one coefficient is held at a value."""

    design: FloatArray
    y: FloatArray
    w: FloatArray
    at: FloatArray
    along: FloatArray  # how the others follow when it moves, near the maximum
    best: float
    j: int

    def root_loss(self, value: float) -> float:
        """Root of twice the loss: nearly a straight line, so roots of it are found quickly."""
        start = self.at + self.along * (value - self.at[self.j])
        # The value at the maximum is flat, so that it needs fewer digits than the estimates.
        held = firth_solve(
            self.design, self.y, self.w, fixed=(self.j, value), start=start, tol=1e-10
        )
        return float(np.sqrt(np.clip(2.0 * (self.best - held[2]), 0.0, 1e9)))

    def limit(self, stride: float, z: float) -> float:
        """Return where the root of the loss reaches `z`, going in strides; inf when nowhere."""
        from scipy.optimize import brentq

        near = float(self.at[self.j])
        far = near + 2.0 * stride
        for _ in range(12):
            if self.root_loss(far) > z:
                found: float = brentq(
                    lambda v: self.root_loss(v) - z, near, far, xtol=1e-9 * abs(stride)
                )
                return found
            near, far = far, far + 2.0 * (far - float(self.at[self.j]))
        return float(np.copysign(np.inf, stride))
