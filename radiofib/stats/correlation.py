"""Correlations with intervals: Pearson, Spearman, Kendall."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtr, stdtr

from radiofib._checks import check_1d, check_same_length
from radiofib.stats.estimate import z_value

__all__ = ["correlations"]


def correlations(x: ArrayLike, y: ArrayLike, level: float = 0.95) -> pd.DataFrame:
    r"""Return Pearson's, Spearman's and Kendall's correlation with intervals and tests.

    Intervals are on Fisher's scale, :math:`\tanh(\tanh^{-1} r \pm z\,s)`, with

    - Pearson: :math:`s = 1/\sqrt{n-3}`; test by t with n - 2 degrees of freedom;
    - Spearman: :math:`s = \sqrt{(1 + r^2/2)/(n-3)}` (Bonett and Wright 2000); the same t test;
    - Kendall's tau-b: :math:`s = \sqrt{0.437/(n-4)}` (Fieller 1957); normal test with the
      variance of ties.

    Parameters
    ----------
    x, y : array-like
        One pair for each patient.
    level : float

    Returns
    -------
    DataFrame
        ``method, estimate, ci_low, ci_high, statistic, p, n, note``.

    References
    ----------
    Fisher RA. Metron 1921;1:3-32. Bonett DG, Wright TA. Psychometrika 2000;65:23-28. Fieller
    EC, Hartley HO, Pearson ES. Biometrika 1957;44:470-481. Kendall MG. Rank Correlation Methods,
    4th ed., Griffin 1970, chapter 4.

    Examples
    --------
    >>> frame = correlations([1, 2, 3, 4, 5, 6], [1, 3, 2, 4, 6, 5])
    >>> frame[["method", "estimate", "ci_low"]].round(3).values.tolist()
    [['pearson', 0.886, 0.264], ['spearman', 0.886, 0.066], ['kendall_tau_b', 0.733, 0.02]]
    """
    from scipy.stats import kendalltau, rankdata

    a, b = check_1d(x, "x"), check_1d(y, "y")
    n = check_same_length(x=a, y=b)
    z = z_value(level)
    names = ("pearson", "spearman", "kendall_tau_b")
    rows = []
    for name in names:
        value = spread = statistic = p = math.nan
        note = ""
        if n < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
            note = "not defined: no spread" if n >= 3 else "not defined: fewer than 3 cases"
        elif name == "kendall_tau_b":
            value = float(kendalltau(a, b, method="asymptotic").statistic)
            statistic = _kendall_z(a, b)
            p = float(2 * ndtr(-abs(statistic)))
            spread = math.sqrt(0.437 / (n - 4)) if n > 4 else math.nan
        else:
            first, second = (a, b) if name == "pearson" else (rankdata(a), rankdata(b))
            first, second = first - first.mean(), second - second.mean()
            value = float(first @ second / math.sqrt(float(first @ first) * float(second @ second)))
            value = min(1.0, max(-1.0, value))
            left = 1 - value**2
            statistic = value * math.sqrt((n - 2) / left) if left > 0 else math.inf * value
            p = float(2 * stdtr(n - 2, -abs(statistic)))
            widen = 1.0 if name == "pearson" else 1 + value**2 / 2
            spread = math.sqrt(widen / (n - 3)) if n > 3 else math.nan
        if abs(value) > 1 - 1e-12:
            value = math.copysign(1.0, value)
        low = high = math.nan
        if math.isfinite(value) and abs(value) < 1 and math.isfinite(spread):
            centre = math.atanh(value)
            low, high = math.tanh(centre - z * spread), math.tanh(centre + z * spread)
        elif not note:
            note = "no interval: perfect" if abs(value) == 1 else "no interval: too few cases"
        rows.append(
            {
                "method": name,
                "estimate": value,
                "ci_low": low,
                "ci_high": high,
                "statistic": statistic,
                "p": p,
                "n": n,
                "note": note,
            }
        )
    return pd.DataFrame(rows)


def _kendall_z(a: np.ndarray, b: np.ndarray) -> float:
    """Return Kendall's S over its standard deviation under independence, ties counted."""
    from scipy.stats import kendalltau

    n = a.size
    ties = [np.unique(v, return_counts=True)[1].astype(np.float64) for v in (a, b)]
    pairs = [float((t * (t - 1)).sum()) for t in ties]
    total = n * (n - 1.0)
    score = float(kendalltau(a, b, method="asymptotic").statistic)
    score *= math.sqrt((total - pairs[0]) * (total - pairs[1])) / 2
    spread = total * (2 * n + 5) - sum(float((t * (t - 1) * (2 * t + 5)).sum()) for t in ties)
    spread = spread / 18 + pairs[0] * pairs[1] / (2 * total)
    if n > 2:
        triples = [float((t * (t - 1) * (t - 2)).sum()) for t in ties]
        spread += triples[0] * triples[1] / (9 * total * (n - 2))
    return score / math.sqrt(spread)
