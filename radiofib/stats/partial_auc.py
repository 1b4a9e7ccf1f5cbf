"""Partial area under the ROC curve, at specificities or sensitivities that matter."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiofib._checks import check_1d, check_same_length
from radiofib.errors import UsageError
from radiofib.stats.bca import bootstrap
from radiofib.stats.estimate import Estimate, check_binary

__all__ = ["partial_auc"]

FloatArray = NDArray[np.float64]


def partial_auc(
    y: ArrayLike,
    score: ArrayLike,
    low: float = 0.8,
    high: float = 1.0,
    *,
    focus: str = "specificity",
    standardised: bool = True,
    n_boot: int = 2000,
    kind: str = "bca",
    level: float = 0.95,
    clusters: ArrayLike | None = None,
    random_state: int = 0,
) -> Estimate:
    r"""Return the area under the ROC curve between two specificities or two sensitivities.

    The curve is joined by straight lines. Standardised by McClish, 0.5 is chance and 1 perfect:

    .. math:: \frac{1}{2}\left(1 + \frac{A - A_{min}}{A_{max} - A_{min}}\right), \quad
              A_{max} = h - l, \quad A_{min} = \frac{(1-l)^2 - (1-h)^2}{2}

    Parameters
    ----------
    y : array-like of 0 and 1
    score : array-like
    low, high : float
        Limits, between 0 and 1.
    focus : {"specificity", "sensitivity"}
        What the limits are. For sensitivity the area lies under specificity as a function of
        sensitivity.
    standardised : bool
        Whether to standardise.
    n_boot : int
        Resamples of patients within classes; 0 for no interval.
    kind : {"bca", "percentile"}
    level : float
    clusters : array-like, optional
        Patient of each case.
    random_state : int
        Seed.

    References
    ----------
    McClish DK. Med Decis Making 1989;9:190-195. Robin X et al. BMC Bioinformatics 2011;12:77.

    Examples
    --------
    >>> y, score = [0, 0, 0, 0, 1, 1, 1, 1], [1, 2, 3, 6, 4, 5, 7, 8]
    >>> partial_auc(y, score, 0.5, 1.0, n_boot=0, standardised=False).value
    0.375
    >>> round(partial_auc(y, score, 0.5, 1.0, n_boot=0).value, 4)
    0.8333
    """
    if not 0 <= low < high <= 1:
        raise UsageError("limits must be ordered and between 0 and 1", found=f"{low:g}, {high:g}")
    if focus not in ("specificity", "sensitivity"):
        raise UsageError(f"unknown focus {focus!r}", expected="specificity or sensitivity")
    check_same_length(y=np.asarray(y), score=np.asarray(score))
    positive, values = check_binary(y, both=True), check_1d(score, "score")
    if focus == "sensitivity":
        # Turned around: the share of positives not found is the false positive rate.
        positive, values = ~positive, -values
    order = np.argsort(-values, kind="stable")
    starts = np.flatnonzero(np.diff(-values[order], prepend=-np.inf))
    hit = positive[order]
    least = ((1 - low) ** 2 - (1 - high) ** 2) / 2

    def area(weights: FloatArray) -> FloatArray:
        part = weights[:, order]
        fpr, tpr = _rates(part * ~hit, starts), _rates(part * hit, starts)
        found = _below(fpr, tpr, 1 - low) - _below(fpr, tpr, 1 - high)
        if standardised:
            found = (1 + (found - least) / (high - low - least)) / 2
        return found

    name = f"partial AUC, {focus} {low:g} to {high:g}"
    name += ", standardised (McClish)" if standardised else ""
    if n_boot == 0:
        value = float(area(np.ones((1, values.size)))[0])
        return Estimate(value, math.nan, math.nan, name)
    found = bootstrap(
        area,
        positive,
        clusters,
        n_boot=n_boot,
        kind=kind,
        level=level,
        random_state=random_state,
    )
    return Estimate(found.value, found.low, found.high, f"{name}; {found.method}", found.note)


def _rates(weights: FloatArray, starts: NDArray[np.intp]) -> FloatArray:
    steps = np.cumsum(np.add.reduceat(weights, starts, axis=1), axis=1)
    return np.pad(steps / steps[:, -1:], ((0, 0), (1, 0)))


def _below(fpr: FloatArray, tpr: FloatArray, limit: float) -> FloatArray:
    """Return the area under each curve from 0 to a false positive rate."""
    left, right = np.minimum(fpr[:, :-1], limit), np.minimum(fpr[:, 1:], limit)
    width, run = right - left, fpr[:, 1:] - fpr[:, :-1]
    share = np.divide(width, run, out=np.zeros_like(width), where=run > 0)
    area: FloatArray = (width * (tpr[:, :-1] + share * np.diff(tpr, axis=1) / 2)).sum(axis=1)
    return area
