"""Stability selection: which terms are chosen again and again from half of the patients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiofib._checks import check_same_length
from radiofib.errors import UsageError
from radiofib.stats.regression._design import Scaling
from radiofib.stats.regression.cumulative import check_levels_present
from radiofib.stats.regression.elastic_net import elastic_net, largest_penalty, marginal_slopes

__all__ = ["stability_selection"]

FloatArray = NDArray[np.float64]
Codes = NDArray[np.intp]

_SHRINK = 0.8
_SMALLEST = 1e-3
#: Columns that enter the elastic net, for each term wanted: those with the steepest likelihood.
_SCREENED = 20


def stability_selection(
    X: ArrayLike | pd.DataFrame,
    y: ArrayLike,
    levels: Sequence[str],
    *,
    names: Sequence[str] | None = None,
    per_subsample: int = 10,
    pairs: int = 50,
    l1_ratio: float = 0.5,
    groups: ArrayLike | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    r"""Return how often each term is among the first that an elastic net takes up.

    Patients are parted at random into two halves, many times; on each half the penalty of a
    proportional odds (two levels: logistic) model falls until `per_subsample` terms have a
    slope. (Of many columns only those that raise the likelihood most when alone, 20 for each
    term wanted and at least 100, are looked at.) With a threshold :math:`\pi > 1/2` on the
    frequency, the expected number of terms chosen by chance is at most
    :math:`q^2 / ((2 \pi - 1) p)` (terms exchangeable under the null). A selection like this
    uses the outcome: p values of a model fitted to the same cases afterwards mean nothing.

    Parameters
    ----------
    X : array-like of shape (n, p)
        Finite; constant columns are never chosen.
    y : array-like
        Level codes.
    levels : sequence of str
    names : sequence of str, optional
        Names of the terms.
    per_subsample : int
        q, terms taken from a half.
    pairs : int
        Number of partitions; there are twice as many halves.
    l1_ratio : float
        Below 1, correlated terms enter together.
    groups : array-like, optional
        Patient of each row; a patient is in one half only.
    seed : int

    Returns
    -------
    DataFrame
        ``term, frequency, mean_slope`` (of standardised terms, over all halves), most frequent
        first, ties by the size of the slope, then in order.

    References
    ----------
    Meinshausen N, Buehlmann P. J R Stat Soc B 2010;72:417-473. Shah RD, Samworth RJ. J R Stat
    Soc B 2013;75:55-80.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(80, 6)), columns=list("abcdef"))
    >>> y = np.digitize(2 * X["c"] + rng.logistic(size=80), [-1, 1])
    >>> stability_selection(X, y, ["0", "1", "2"], per_subsample=1, pairs=5)["term"][0]
    'c'
    """
    if names is None:
        names = [str(c) for c in X.columns] if isinstance(X, pd.DataFrame) else None
    matrix = np.asarray(X, dtype=np.float64)
    codes = check_levels_present(y, levels)
    check_same_length(X=matrix, y=codes)
    labels = list(names) if names is not None else [f"x{i}" for i in range(matrix.shape[1])]
    if not np.isfinite(matrix).all():
        raise UsageError("terms must be finite", hint="keep complete cases only")
    if per_subsample < 1 or pairs < 1:
        raise UsageError(
            "per_subsample and pairs must be at least 1", found=f"{per_subsample}, {pairs}"
        )
    blocks = np.arange(len(codes)) if groups is None else np.asarray(groups)
    check_same_length(X=matrix, groups=blocks)
    _, block = np.unique(blocks.astype(str), return_inverse=True)
    rng = np.random.default_rng(seed)
    count, total = np.zeros(matrix.shape[1]), np.zeros(matrix.shape[1])
    used = 0
    for _ in range(pairs):
        order = rng.permutation(block.max() + 1)
        first = np.isin(block, order[: order.size // 2])
        for half in (first, ~first):
            slopes = _first_terms(matrix[half], codes[half], per_subsample, l1_ratio)
            if slopes is None:
                continue
            used += 1
            count += slopes != 0
            total += slopes
    if used == 0:
        raise UsageError("every half of the cases holds a single level", found=f"{len(codes)} rows")
    frame = pd.DataFrame({"term": labels, "frequency": count / used, "mean_slope": total / used})
    size = frame["mean_slope"].abs()
    return (
        frame.assign(size=size)
        .sort_values(["frequency", "size"], ascending=False, kind="stable")
        .drop(columns="size")
        .reset_index(drop=True)
    )


def _first_terms(matrix: FloatArray, codes: Codes, most: int, l1_ratio: float) -> FloatArray | None:
    """Return the slopes at the first penalty that lets `most` terms in; the rest are zero."""
    present, codes = np.unique(codes, return_inverse=True)
    if present.size < 2:
        return None
    scaled = Scaling.of(matrix).apply(matrix)
    scaled[:, np.ptp(matrix, axis=0) == 0] = 0.0
    levels = present.size
    steep = marginal_slopes(scaled, codes, levels)
    kept = np.sort(np.argsort(-steep, kind="stable")[: max(_SCREENED * most, 100)])
    scaled = scaled[:, kept]
    largest = largest_penalty(scaled, codes, levels, l1_ratio=l1_ratio)
    slopes = np.zeros(kept.size)
    start = None
    penalty = largest
    wanted = min(most, kept.size)
    while penalty > _SMALLEST * largest and np.count_nonzero(slopes) < wanted:
        penalty *= _SHRINK
        cuts, slopes, _ = elastic_net(
            scaled, codes, levels, penalty, l1_ratio=l1_ratio, start=start, tol=1e-5, max_iter=20
        )
        start = (cuts, slopes)
    weakest = np.argsort(-np.abs(slopes), kind="stable")[most:]
    found = np.zeros(matrix.shape[1])
    found[kept] = slopes
    found[kept[weakest]] = 0.0
    return found
