"""Trends over ordered stages: Jonckheere-Terpstra and Cochran-Armitage."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr
from scipy.stats import rankdata

from radiofib._checks import check_1d, check_known, check_same_length
from radiofib.errors import UsageError
from radiofib.stats.estimate import HypothesisTest, check_binary, check_codes

__all__ = ["cochran_armitage", "jonckheere"]

SIDES = ("two-sided", "increasing", "decreasing")
#: Most cases for the exact distribution of Jonckheere's statistic.
EXACT = 60


def jonckheere(
    y: ArrayLike,
    values: ArrayLike,
    n_levels: int,
    *,
    method: str = "auto",
    alternative: str = "two-sided",
) -> HypothesisTest:
    r"""Test whether values rise (or fall) with the stage, by Jonckheere and Terpstra.

    .. math:: J = \sum_{i<j} U_{ij}, \quad E = \frac{N^2 - \sum n_i^2}{4}

    with :math:`U_{ij}` the number of pairs in which the higher stage has the higher value, ties
    counting one half. The exact distribution is that of the inversions of a multiset and needs
    values without ties; the normal one has the variance of ties in values and stages.

    Parameters
    ----------
    y : array-like of int
        Stage codes 0..n_levels-1.
    values : array-like
    n_levels : int
    method : {"auto", "exact", "normal"}
        ``auto``: exact without ties and for at most 60 cases.
    alternative : {"two-sided", "increasing", "decreasing"}

    References
    ----------
    Jonckheere AR. Biometrika 1954;41:133-145. Terpstra TJ. Indag Math 1952;14:327-333.
    Hollander M, Wolfe DA, Chicken E. Nonparametric Statistical Methods, 3rd ed., Wiley 2014,
    section 6.2.

    Examples
    --------
    >>> found = jonckheere([0, 0, 0, 1, 1, 1, 2, 2, 2], [1, 4, 2, 3, 6, 5, 7, 9, 8], 3)
    >>> found.statistic, round(found.p, 5), found.method
    (26.0, 0.00357, 'Jonckheere-Terpstra, exact, two-sided')
    """
    check_known(method, ("auto", "exact", "normal"), what="method")
    check_known(alternative, SIDES, what="alternative")
    codes, scores = check_codes(y, n_levels), check_1d(values, "values")
    n = check_same_length(y=codes, values=scores)
    sizes = np.bincount(codes, minlength=n_levels)
    if (sizes > 0).sum() < 2:
        raise UsageError("at least two stages must occur", found=f"{(sizes > 0).sum()}")
    statistic, below = 0.0, np.zeros(0)
    for code in range(n_levels):
        part = scores[codes == code]
        ranks = rankdata(np.concatenate([below, part]))[below.size :]
        statistic += float(ranks.sum()) - part.size * (part.size + 1) / 2
        below = np.concatenate([below, part])
    ties = np.unique(scores, return_counts=True)[1].astype(np.float64)
    tied = bool((ties > 1).any())
    if method == "exact" and tied:
        raise UsageError("the exact distribution needs values without ties", hint="use normal")
    if method == "exact" or (method == "auto" and not tied and n <= EXACT):
        below_p, above_p = _exact_tails(sizes[sizes > 0], round(statistic))
        how, note = "exact", ""
    else:
        mean = (n**2 - float((sizes**2).sum())) / 4
        spread = _tied_variance(n, sizes.astype(np.float64), ties)
        if spread <= 0:
            name = f"Jonckheere-Terpstra, normal, {alternative}"
            return HypothesisTest(statistic, math.nan, math.nan, name, "all values are equal")
        z = (statistic - mean) / math.sqrt(spread)
        below_p, above_p = float(ndtr(z)), float(ndtr(-z))
        how, note = "normal", f"z = {z:.4f}" + ("; ties" if tied else "")
    p = {
        "increasing": above_p,
        "decreasing": below_p,
        "two-sided": min(1.0, 2 * min(below_p, above_p)),
    }[alternative]
    return HypothesisTest(
        statistic, math.nan, p, f"Jonckheere-Terpstra, {how}, {alternative}", note
    )


def _exact_tails(sizes: np.ndarray, statistic: int) -> tuple[float, float]:
    """Return P(J <= j) and P(J >= j) from the Gaussian multinomial coefficient."""
    counts = [1]
    total = 0
    for size in sizes.tolist():
        total += size
        # Multiply by [total choose size]_q, one factor (1 - q^a) / (1 - q^b) at a time.
        for k in range(1, size + 1):
            counts = _times(counts, total - size + k)
            counts = _divided(counts, k)
    number = sum(counts)
    lower = sum(counts[: statistic + 1])
    upper = number - sum(counts[:statistic])
    return lower / number, upper / number


def _times(counts: list[int], power: int) -> list[int]:
    """Multiply a polynomial by 1 - q^power."""
    longer = counts + [0] * power
    for place, value in enumerate(counts):
        longer[place + power] -= value
    return longer


def _divided(counts: list[int], power: int) -> list[int]:
    """Divide a polynomial by 1 - q^power, of which it is a multiple."""
    quotient = list(counts)
    for place in range(power, len(quotient)):
        quotient[place] += quotient[place - power]
    return quotient[: len(quotient) - power]


def _tied_variance(n: int, sizes: np.ndarray, ties: np.ndarray) -> float:
    def third(v: np.ndarray) -> float:
        return float((v * (v - 1) * (2 * v + 5)).sum())

    def pairs(v: np.ndarray) -> float:
        return float((v * (v - 1)).sum())

    def triples(v: np.ndarray) -> float:
        return float((v * (v - 1) * (v - 2)).sum())

    spread = (n * (n - 1.0) * (2 * n + 5) - third(sizes) - third(ties)) / 72
    spread += pairs(sizes) * pairs(ties) / (8 * n * (n - 1.0))
    if n > 2:
        spread += triples(sizes) * triples(ties) / (36 * n * (n - 1.0) * (n - 2))
    return spread


def cochran_armitage(
    outcome: ArrayLike,
    y: ArrayLike,
    n_levels: int,
    *,
    scores: ArrayLike | None = None,
    alternative: str = "two-sided",
) -> HypothesisTest:
    r"""Test whether the share of an outcome rises (or falls) linearly with the stage.

    .. math:: z = \frac{\sum_i t_i (r_i - n_i \bar p)}
              {\sqrt{\bar p (1-\bar p)\left[\sum_i n_i t_i^2 - (\sum_i n_i t_i)^2/N\right]}}

    with r events of n cases in stage i of score t. The square of z is R's ``prop.trend.test``.

    Parameters
    ----------
    outcome : array-like of 0 and 1
    y : array-like of int
        Stage codes 0..n_levels-1.
    n_levels : int
    scores : array-like of shape (n_levels,), optional
        Scores of the stages; 0..n_levels-1 by default.
    alternative : {"two-sided", "increasing", "decreasing"}

    References
    ----------
    Cochran WG. Biometrics 1954;10:417-451. Armitage P. Biometrics 1955;11:375-386.

    Examples
    --------
    >>> stage = [0] * 10 + [1] * 10 + [2] * 10
    >>> event = [1] * 2 + [0] * 8 + [1] * 4 + [0] * 6 + [1] * 8 + [0] * 2
    >>> found = cochran_armitage(event, stage, 3)
    >>> round(found.statistic, 4), round(found.p, 5)
    (2.6893, 0.00716)
    """
    check_known(alternative, SIDES, what="alternative")
    events, codes = check_binary(outcome, "outcome"), check_codes(y, n_levels)
    n = check_same_length(outcome=events, y=codes)
    steps = np.arange(n_levels, dtype=np.float64) if scores is None else check_1d(scores, "scores")
    if steps.size != n_levels:
        raise UsageError("one score for each stage is needed", found=str(steps.size))
    t, share = steps[codes], float(events.mean())
    spread = share * (1 - share) * float(((t - t.mean()) ** 2).sum())
    name = f"Cochran-Armitage, {alternative}"
    if spread <= 0:
        reason = "one outcome only" if share in (0.0, 1.0) else "one stage only"
        return HypothesisTest(math.nan, math.inf, math.nan, name, reason)
    z = float((t * (events - share)).sum()) / math.sqrt(spread)
    p = {"increasing": ndtr(-z), "decreasing": ndtr(z), "two-sided": 2 * ndtr(-abs(z))}
    note = "fewer than 20 cases: the normal distribution is rough" if n < 20 else ""
    return HypothesisTest(z, math.inf, float(p[alternative]), name, note)
