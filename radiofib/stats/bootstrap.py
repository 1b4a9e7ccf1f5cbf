"""Resampling patients, not rows: intervals that repeated rows cannot narrow.

A resample is a weight for each patient. Patients are drawn within strata (class, and fold when
a measure is averaged over folds); the weights are those of Rao and Wu: m - 1 patients are drawn
with replacement out of the m of a stratum and each counts m / (m - 1). Plain bootstrap weights
would make intervals too narrow by a factor sqrt((m - 1) / m), which matters with three or four
patients in a class and fold. A stratum with one patient keeps it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiofib._checks import check_1d, check_same_length
from radiofib.errors import UsageError
from radiofib.stats.estimate import Estimate, check_binary, z_value

__all__ = ["percentile_interval", "resample_weights", "weighted_pairs"]

FloatArray = NDArray[np.float64]
_CHUNK = 4_000_000


def resample_weights(
    strata: Sequence[object] | NDArray[np.generic], n_boot: int, random_state: int = 0
) -> FloatArray:
    """Return bootstrap weights of shape (n_boot, n_clusters), drawn within strata.

    Parameters
    ----------
    strata : sequence
        Stratum of each cluster (patient). Clusters are independent of each other.
    n_boot : int
        Number of resamples.
    random_state : int
        Seed; the same strata in the same order give the same weights.

    References
    ----------
    Rao JNK, Wu CFJ. J Am Stat Assoc 1988;83:231-241. Rao JNK, Wu CFJ, Yue K. Surv Methodol
    1992;18:209-217.

    Examples
    --------
    >>> w = resample_weights(["a", "a", "a", "b"], n_boot=200, random_state=1)
    >>> w.shape, bool(np.allclose(w[:, :3].sum(axis=1), 3)), bool((w[:, 3] == 1).all())
    ((200, 4), True, True)
    """
    if n_boot < 1:
        raise UsageError("number of resamples must be positive", found=str(n_boot))
    labels = np.asarray(strata)
    if labels.ndim != 1 or labels.size == 0:
        raise UsageError("strata must be a non-empty one-dimensional array")
    rng = np.random.default_rng(random_state)
    weights = np.ones((n_boot, labels.size))
    _, codes = np.unique(labels, return_inverse=True)
    row = np.arange(n_boot)[:, None]
    for code in range(codes.max() + 1):
        members = np.flatnonzero(codes == code)
        m = members.size
        if m < 2:
            continue
        drawn = rng.integers(0, m, size=(n_boot, m - 1))
        counts = np.bincount((row * m + drawn).ravel(), minlength=n_boot * m)
        weights[:, members] = counts.reshape(n_boot, m) * (m / (m - 1))
    return weights


def weighted_pairs(
    y: ArrayLike, score: ArrayLike, weights: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the weighted number of rightly ordered pairs, and of all pairs, per resample.

    Their ratio is the AUC of the resample. Sums over folds of both give the AUC averaged over
    folds with each fold weighted by its number of positive-negative pairs. Cost is linear in
    rows after one sort.

    Parameters
    ----------
    y : array-like of 0 and 1, shape (n,)
    score : array-like, shape (n,)
    weights : ndarray of shape (B, n)

    Examples
    --------
    >>> right, pairs = weighted_pairs([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], np.ones((1, 4)))
    >>> right / pairs
    array([0.75])
    """
    check_same_length(y=np.asarray(y), score=np.asarray(score), weights=weights.T)
    positive = check_binary(y).astype(np.float64)
    values = check_1d(score, "score")
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.diff(values[order], prepend=-np.inf))
    right, pairs = np.empty(len(weights)), np.empty(len(weights))
    step = max(1, _CHUNK // values.size)
    for begin in range(0, len(weights), step):
        part = weights[begin : begin + step, order]
        pos = np.add.reduceat(part * positive[order], starts, axis=1)
        neg = np.add.reduceat(part * (1 - positive[order]), starts, axis=1)
        below = np.cumsum(neg, axis=1) - neg
        right[begin : begin + step] = (pos * (below + neg / 2)).sum(axis=1)
        pairs[begin : begin + step] = pos.sum(axis=1) * neg.sum(axis=1)
    return right, pairs


def percentile_interval(
    value: float, resampled: ArrayLike, level: float = 0.95, method: str = "bootstrap"
) -> Estimate:
    """Return the percentile interval of resampled values.

    Resamples in which the measure is not defined (NaN) are left out; `note` says how many, and
    there is no interval when more than half are.

    Examples
    --------
    >>> e = percentile_interval(0.5, np.linspace(0, 1, 1001))
    >>> round(e.low, 3), round(e.high, 3)
    (0.025, 0.975)
    """
    z_value(level)
    values = np.asarray(resampled, dtype=np.float64)
    usable = values[np.isfinite(values)]
    lost = values.size - usable.size
    note = f"undefined in {lost} of {values.size} resamples" if lost else ""
    if not math.isfinite(value) or usable.size * 2 < values.size or usable.size == 0:
        return Estimate(value, math.nan, math.nan, "none", note)
    low, high = np.quantile(usable, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(value, float(low), float(high), method, note)
