"""Control of many comparisons: adjusted p values and the max-statistic."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiofib._checks import check_known
from radiofib.errors import UsageError

__all__ = ["adjust_p", "max_statistic"]

FloatArray = NDArray[np.float64]
METHODS = ("holm", "bonferroni", "benjamini-hochberg", "none")


def adjust_p(p: ArrayLike, method: str = "holm") -> FloatArray:
    r"""Return p values adjusted for the number of comparisons.

    With the m values in ascending order: ``bonferroni`` :math:`m p_i`; ``holm``
    :math:`\max_{j \le i} (m - j + 1) p_j`, which holds the family-wise error at least as well
    and rejects more; ``benjamini-hochberg`` :math:`\min_{j \ge i} m p_j / j`, which holds the
    share of false discoveries. All are cut at 1. NaN stays NaN and is not counted.

    Parameters
    ----------
    p : array-like
    method : {"holm", "bonferroni", "benjamini-hochberg", "none"}

    References
    ----------
    Holm S. Scand J Stat 1979;6:65-70. Benjamini Y, Hochberg Y. J R Stat Soc B 1995;57:289-300.

    Examples
    --------
    >>> adjust_p([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    >>> adjust_p([0.01, 0.04, 0.03], "benjamini-hochberg").round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    check_known(method, METHODS, what="adjustment")
    values = np.asarray(p, dtype=np.float64)
    known = ~np.isnan(values)
    if values.ndim != 1 or (values[known] < 0).any() or (values[known] > 1).any():
        raise UsageError("p values must be a list of numbers between 0 and 1 (or NaN)")
    given = values[known]
    count = given.size
    order = np.argsort(given, kind="stable")
    ranked, place = given[order], np.arange(1, count + 1)
    if method == "holm":
        ranked = np.maximum.accumulate((count - place + 1) * ranked)
    elif method == "bonferroni":
        ranked = count * ranked
    elif method == "benjamini-hochberg":
        ranked = np.minimum.accumulate((count / place * ranked)[::-1])[::-1]
    found = np.empty(count)
    found[order] = np.minimum(ranked, 1.0)
    result = np.full(values.shape, math.nan)
    result[known] = found
    return result


def max_statistic(observed: ArrayLike, null: ArrayLike) -> FloatArray:
    r"""Return p values adjusted by the distribution of the largest statistic (single step).

    .. math:: p_i = \frac{1 + \#\{b : \max_j |T^*_{bj}| \ge |T_i|\}}{B + 1}

    It uses how the comparisons depend on each other, which Bonferroni cannot. Statistics should
    be on one scale (z values), and `null` drawn under the hypothesis, for example bootstrapped
    z values minus the observed ones, or permutations.

    Parameters
    ----------
    observed : array-like of shape (k,)
    null : array-like of shape (B, k)
        Statistics of all comparisons in each resample; comparisons with NaN are left out.

    References
    ----------
    Westfall PH, Young SS. Resampling-Based Multiple Testing, Wiley 1993, section 2.3.

    Examples
    --------
    >>> null = np.random.default_rng(0).normal(size=(9999, 3))
    >>> max_statistic([0.5, 2.0, 4.0], null).round(2).tolist()
    [0.95, 0.13, 0.0]
    """
    values = np.abs(np.asarray(observed, dtype=np.float64))
    drawn = np.abs(np.asarray(null, dtype=np.float64))
    if drawn.ndim != 2 or values.ndim != 1 or drawn.shape[1] != values.size or not drawn.size:
        raise UsageError(
            "resamples must have one column for each comparison",
            expected=f"{values.size} columns",
            found=str(drawn.shape),
        )
    use = np.isfinite(values) & np.isfinite(drawn).any(axis=0)
    result = np.full(values.shape, math.nan)
    if not use.any():
        return result
    # NaN in a resample: that comparison is not defined there and cannot be the largest.
    largest = np.where(np.isfinite(drawn[:, use]), drawn[:, use], -np.inf).max(axis=1)
    reached = (largest[:, None] >= values[use] - 1e-12).sum(axis=0)
    result[use] = (1 + reached) / (len(drawn) + 1)
    return result
