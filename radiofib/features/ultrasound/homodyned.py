"""Homodyned-K distribution: its log-moments, and the XU estimator that inverts them.

With intensity ``I = R^2`` the estimator matches ``X = E[I log I] / E[I] - E[log I]`` and
``U = E[log I] - log E[I]``, which do not depend on the scale of R. Given the gamma weight w of
the diffuse power the amplitude is Rician, where both have a closed form; what is left is one
integral over ``t = log w``, done by the trapezoid rule after a double-exponential change of
variable. Source: Destrempes, Poree and Cloutier, SIAM J Imaging Sci 2013;6:1499-1530,
doi 10.1137/120875727.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares
from scipy.special import exp1, gammaln

from radiofib.features.ultrasound._common import FloatArray

__all__ = ["HomodynedK", "homodyned_k", "xu_moments"]

#: Where parameters are looked for.
K_MOST, ALPHA_LEAST, ALPHA_MOST = 10.0, 0.05, 100.0
_GAMMA = 0.5772156649015329
_NODES = np.arange(-7.0, 7.5, 0.04)


class HomodynedK(NamedTuple):
    """Parameters, and a remark when they lie at a border of where they are looked for.

    Examples
    --------
    >>> HomodynedK(1.0, 2.0, "").alpha
    2.0
    """

    k: float
    alpha: float
    remark: str


def xu_moments(k: FloatArray | float, alpha: FloatArray | float) -> tuple[FloatArray, FloatArray]:
    """Return X and U of a homodyned-K distribution.

    Parameters
    ----------
    k : float or ndarray
        Ratio of coherent to diffuse amplitude ``s / sigma``, >= 0.
    alpha : float or ndarray of the same shape
        Clustering of scatterers, > 0.

    Returns
    -------
    X, U : ndarray
        See the head of this module.

    Examples
    --------
    >>> x, u = xu_moments(0.0, 100.0)  # nearly Rayleigh: X = 1, U = -0.577
    >>> round(float(x), 2), round(float(u), 2)
    (1.01, -0.58)
    """
    k, alpha = np.broadcast_arrays(np.asarray(k, float), np.asarray(alpha, float))
    kappa, shape = (k**2 / 2)[..., None], alpha[..., None]
    t = _NODES - np.exp(-_NODES)
    log_density = shape * np.log(shape) - gammaln(shape) + shape * (t - np.exp(t))
    weight = np.exp(log_density) * (1 + np.exp(-_NODES))
    weight /= weight.sum(axis=-1, keepdims=True)
    # Intensity in units of E[I]: diffuse part w / (1 + kappa), coherent part kappa / (1 + kappa).
    diffuse, log_diffuse = np.exp(t) / (1 + kappa), t - np.log1p(kappa)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        ratio = np.exp(np.minimum(np.log(kappa) - t, 600.0))
        rician = np.where(ratio < 1e-9, ratio - _GAMMA, np.log(ratio) + exp1(ratio))
    u = (weight * (log_diffuse + rician)).sum(axis=-1)
    own = (1 + ratio) * (log_diffuse + rician) + 2 - np.exp(-ratio)
    return (weight * diffuse * own).sum(axis=-1) - u, u


def homodyned_k(amplitude: FloatArray) -> HomodynedK:
    """Estimate k and alpha from amplitudes by the XU estimator.

    Parameters
    ----------
    amplitude : ndarray
        Echo amplitudes, > 0.

    Returns
    -------
    HomodynedK
        ``k = s / sigma`` (0 to 10) and alpha (0.05 to 100). Speckle that is fully developed has
        no finite alpha: the estimate then lies at the border and the remark says so.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> w = rng.gamma(2.0, 0.5, 100_000)
    >>> x, y = rng.standard_normal((2, 100_000)) * np.sqrt(w)
    >>> found = homodyned_k(np.hypot(1 + x, y))
    >>> round(found.k), round(found.alpha), found.remark
    (1, 2, '')
    """
    power = np.asarray(amplitude, dtype=np.float64) ** 2
    logs = np.log(power)
    mean = float(power.mean())
    target = np.array(
        [float((power * logs).mean()) / mean - logs.mean(), logs.mean() - np.log(mean)]
    )

    def misfit(p: FloatArray) -> FloatArray:
        found: FloatArray = np.array(xu_moments(p[0], np.exp(p[1]))) - target
        return found

    k, log_alpha, x, u = _table()
    start = np.argmin((x - target[0]) ** 2 + (u - target[1]) ** 2)
    low, high = [0.0, np.log(ALPHA_LEAST)], [K_MOST, np.log(ALPHA_MOST)]
    first = np.clip([k[start], log_alpha[start]], np.add(low, 1e-3), np.subtract(high, 1e-3))
    best = least_squares(misfit, first, bounds=(low, high), xtol=1e-10, ftol=1e-12, gtol=1e-12)
    k_found, log_found = (float(p) for p in best.x)
    remark = _remark(k_found, log_found, float(best.cost))
    return HomodynedK(k_found, float(np.exp(log_found)), remark)


def _remark(k: float, log_alpha: float, cost: float) -> str:
    if log_alpha > np.log(ALPHA_MOST) - 0.01:
        return f"alpha is at its upper border of {ALPHA_MOST:g}: as good as fully developed"
    if log_alpha < np.log(ALPHA_LEAST) + 0.01:
        return f"alpha is at its lower border of {ALPHA_LEAST:g}"
    if k > K_MOST - 0.01:
        return f"k is at its upper border of {K_MOST:g}"
    if cost > 1e-8:
        return "no homodyned-K distribution has these moments; the nearest one is given"
    return ""


@lru_cache(maxsize=1)
def _table() -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return k, log alpha, X and U on a grid to start from."""
    k, log_alpha = (
        a.ravel()
        for a in np.meshgrid(
            np.linspace(0, K_MOST, 41), np.linspace(np.log(ALPHA_LEAST), np.log(ALPHA_MOST), 40)
        )
    )
    return k, log_alpha, *xu_moments(k, np.exp(log_alpha))
