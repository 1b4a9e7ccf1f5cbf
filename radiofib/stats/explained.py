"""Explained variation of a binary or multinomial outcome: what there is, what there may be."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri

from radiofib.errors import UsageError

__all__ = ["UNKNOWN_NAGELKERKE", "check_reach", "largest_r2", "r2_from_c_statistic"]

#: Nagelkerke R2 to expect when nothing is known, as Riley suggests.
UNKNOWN_NAGELKERKE = 0.15
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(200)


def largest_r2(shares: Sequence[float]) -> float:
    r"""Return the largest Cox-Snell R2 that an outcome allows: :math:`1 - \prod_k p_k^{2 p_k}`.

    Parameters
    ----------
    shares : sequence of float
        Share of each class; ``[1 - prevalence, prevalence]`` for a binary outcome.

    Raises
    ------
    UsageError
        When a share is not positive, or they do not sum to one.

    References
    ----------
    Riley RD et al. Stat Med 2019;38:1276-1296.

    Examples
    --------
    >>> round(largest_r2([0.5, 0.5]), 3), round(largest_r2([0.95, 0.05]), 3)
    (0.75, 0.328)
    """
    p = np.asarray(shares, dtype=np.float64)
    if p.size < 2 or p.min() <= 0 or abs(p.sum() - 1.0) > 1e-6:
        raise UsageError(
            "class shares must be positive and sum to one", found=str([float(v) for v in p])
        )
    return float(1.0 - np.exp(2.0 * (p * np.log(p)).sum()))


def r2_from_c_statistic(c_statistic: float, prevalence: float) -> float:
    r"""Return the Cox-Snell R2 that goes with a C statistic (AUC).

    The linear predictor is taken for normal in cases and controls, with the same spread and
    means :math:`\mu = \sqrt 2\, \Phi^{-1}(C)` apart. The true model is then logistic with slope
    :math:`\mu`, and

    .. math:: R^2_{CS} = 1 - \exp(2\, [H_{null} - H]), \quad H = E \ln P(y | x)

    is an integral, taken here by Gauss-Hermite quadrature in place of the published simulation
    of a million cases.

    Parameters
    ----------
    c_statistic : float
        Between 0.5 and 1, both excluded.
    prevalence : float

    References
    ----------
    Riley RD, Van Calster B, Collins GS. Stat Med 2021;40:859-864.

    Examples
    --------
    >>> round(r2_from_c_statistic(0.81, 0.77), 3)
    0.212
    """
    if not (0.5 < c_statistic < 1 and 0 < prevalence < 1):
        raise UsageError(
            "C statistic must lie between 0.5 and 1, and prevalence between 0 and 1",
            found=f"{c_statistic:g} and {prevalence:g}",
        )
    mu = math.sqrt(2.0) * float(ndtri(c_statistic))
    prior = math.log(prevalence / (1.0 - prevalence))
    weight = _WEIGHTS / _WEIGHTS.sum()

    def mean_log(sign: float, centre: float) -> float:
        eta = prior + mu * (centre + _NODES) - mu**2 / 2
        return float(-(weight * np.logaddexp(0.0, -sign * eta)).sum())

    model = prevalence * mean_log(1.0, mu) + (1.0 - prevalence) * mean_log(-1.0, 0.0)
    null = prevalence * math.log(prevalence) + (1.0 - prevalence) * math.log(1.0 - prevalence)
    return 1.0 - math.exp(2.0 * (null - model))


def check_reach(r2: float, largest: float) -> None:
    """Raise when a Cox-Snell R2 is out of reach for the shares of the classes.

    Examples
    --------
    >>> check_reach(0.1, 0.75)
    """
    if not 0 < r2 < largest:
        raise UsageError(
            "the expected Cox-Snell R2 is out of reach",
            expected=f"above 0 and below {largest:.4f}, the most these class shares allow",
            found=f"{r2:g}",
        )
