"""Areas under the curve for ordered stages: by pairs of stages, and summed over pairs."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiofib._checks import check_1d, check_same_length, list_some
from radiofib.errors import UsageError
from radiofib.stats.auc_intervals import SPARSE, auc_interval
from radiofib.stats.estimate import Estimate, check_clusters, check_codes, z_value
from radiofib.stats.influence import influence_covariance
from radiofib.stats.roc import placements

__all__ = ["obuchowski", "ordinal_c_index", "pairwise_auc", "standardised_auc"]

FloatArray = NDArray[np.float64]


def pairwise_auc(
    y: ArrayLike,
    score: ArrayLike,
    n_levels: int,
    level: float = 0.95,
    clusters: ArrayLike | None = None,
) -> pd.DataFrame:
    """Return the AUC of each pair of stages, the higher one positive.

    Parameters
    ----------
    y : array-like of int
        Stage codes 0..n_levels-1.
    score : array-like
        Higher means a higher stage.
    n_levels : int
    level : float
    clusters : array-like, optional
        Patient of each case.

    Returns
    -------
    DataFrame
        ``lower, higher, auc, ci_low, ci_high, n_lower, n_higher, method, note``, the interval
        by the rule of :func:`auc_interval`; NaN where a stage does not occur.

    Examples
    --------
    >>> frame = pairwise_auc([0, 0, 1, 1, 2, 2], [1, 3, 2, 4, 5, 6], 3)
    >>> frame[["lower", "higher", "auc"]].values.tolist()
    [[0.0, 1.0, 0.75], [0.0, 2.0, 1.0], [1.0, 2.0, 1.0]]
    """
    codes, values = _coded(y, score, n_levels)
    patients = None if clusters is None else check_clusters(clusters, codes.size)
    sizes = np.bincount(codes, minlength=n_levels)
    rows = []
    for low in range(n_levels):
        for high in range(low + 1, n_levels):
            if min(sizes[low], sizes[high]) == 0:
                found = Estimate(math.nan, math.nan, math.nan, "none", "a stage does not occur")
            else:
                take = (codes == low) | (codes == high)
                part = None if patients is None else patients[take]
                found = auc_interval(codes[take] == high, values[take], level, part)
            rows.append(
                {
                    "lower": low,
                    "higher": high,
                    "auc": found.value,
                    "ci_low": found.low,
                    "ci_high": found.high,
                    "n_lower": int(sizes[low]),
                    "n_higher": int(sizes[high]),
                    "method": found.method,
                    "note": found.note,
                }
            )
    return pd.DataFrame(rows)


def obuchowski(
    y: ArrayLike,
    score: ArrayLike,
    n_levels: int,
    *,
    penalty: str | ArrayLike = "linear",
    mix: ArrayLike | None = None,
    level: float = 0.95,
    clusters: ArrayLike | None = None,
) -> Estimate:
    r"""Return Obuchowski's measure of a score against an ordinal reference.

    .. math:: \theta = 1 - \sum_{i<j} w_{ij} L_{ij} (1 - \theta_{ij}), \quad
              w_{ij} = \frac{q_i q_j}{\sum_{k<l} q_k q_l}

    with :math:`\theta_{ij}` the AUC of stage j against stage i, q the shares of the stages and
    L the penalty of confusing the two. The interval is normal, from the placements of each
    case in every pair, the weights held fixed.

    Parameters
    ----------
    y : array-like of int
        Stage codes 0..n_levels-1.
    score : array-like
    n_levels : int
    penalty : {"linear", "none"} or array-like of shape (k, k)
        ``linear``: ``(j - i) / (k - 1)``; ``none``: 1 for every pair, so that the measure is
        the probability of ordering two patients of different stages rightly.
    mix : array-like of shape (k,), optional
        Shares of the stages to standardise to; those of the sample by default. Any positive
        scale will do.
    level : float
    clusters : array-like, optional
        Patient of each case.

    References
    ----------
    Obuchowski NA. Acad Radiol 2005;12:1198-1204. Lambert J, Halfon P, Penaranda G et al. Clin
    Chem 2008;54:1372-1378 (in staging of fibrosis).

    Examples
    --------
    >>> e = obuchowski([0, 0, 1, 1, 2, 2], [1, 3, 2, 4, 5, 6], 3)
    >>> round(e.value, 4), e.method
    (0.9583, "Obuchowski's measure, penalty linear, stages of the sample")
    """
    codes, values = _coded(y, score, n_levels)
    if isinstance(penalty, str):
        if penalty not in ("linear", "none"):
            raise UsageError(f"unknown penalty {penalty!r}", expected="linear, none or a matrix")
        steps = np.abs(np.subtract.outer(np.arange(n_levels), np.arange(n_levels)))
        loss = steps / (n_levels - 1) if penalty == "linear" else (steps > 0).astype(np.float64)
    else:
        loss = np.asarray(penalty, dtype=np.float64)
        if loss.shape != (n_levels, n_levels) or not ((loss >= 0) & (loss <= 1)).all():
            raise UsageError(
                "penalties must be between 0 and 1, one for each pair of stages",
                found=str(loss.shape),
            )
    named = penalty if isinstance(penalty, str) else "given"
    whose = "the sample" if mix is None else "a stated mix"
    shares = _shares(codes, n_levels, mix)
    weights = np.triu(np.outer(shares, shares), 1)
    method = f"Obuchowski's measure, penalty {named}, stages of {whose}"
    return _weighted(codes, values, weights, loss, level, clusters, method)


def ordinal_c_index(
    y: ArrayLike,
    score: ArrayLike,
    n_levels: int,
    level: float = 0.95,
    clusters: ArrayLike | None = None,
) -> Estimate:
    """Return the probability of ordering two patients of different stages rightly.

    Ties of the score count one half: the concordance index of an ordinal outcome, equal to
    ``(1 + Dxy) / 2`` with Somers' Dxy, and to :func:`obuchowski` without penalty.

    References
    ----------
    Harrell FE et al. Stat Med 1996;15:361-387.

    Examples
    --------
    >>> round(ordinal_c_index([0, 0, 1, 1, 2, 2], [1, 3, 2, 4, 5, 6], 3).value, 4)
    0.9167
    """
    found = obuchowski(y, score, n_levels, penalty="none", level=level, clusters=clusters)
    return Estimate(found.value, found.low, found.high, "ordinal c-index, placements", found.note)


def standardised_auc(
    y: ArrayLike,
    score: ArrayLike,
    n_levels: int,
    positive: Iterable[int],
    mix: ArrayLike,
    *,
    negative: Iterable[int] | None = None,
    level: float = 0.95,
    clusters: ArrayLike | None = None,
) -> Estimate:
    r"""Return the AUC of a binary target as it would be in another mix of stages.

    .. math:: \frac{\sum_{i \in N, j \in P} q_i q_j \theta_{ij}}{\sum_{i \in N, j \in P} q_i q_j}

    An AUC is higher where extreme stages are frequent, so cohorts compare only at one mix. With
    the shares of the sample itself it is the ordinary AUC.

    Parameters
    ----------
    y : array-like of int
        Stage codes 0..n_levels-1.
    score : array-like
        Higher means "more likely positive".
    n_levels : int
    positive : iterable of int
        Codes of the positive stages.
    mix : array-like of shape (k,)
        Shares of the stages to standardise to; any positive scale.
    negative : iterable of int, optional
        Codes of the negative stages; all others by default.
    level : float
    clusters : array-like, optional
        Patient of each case.

    Raises
    ------
    UsageError
        When a stage that the mix needs does not occur in the sample.

    References
    ----------
    Poynard T, Halfon P, Castera L et al. Clin Chem 2007;53:1615-1622.

    Examples
    --------
    >>> y, score = [0, 0, 1, 1, 2, 2], [1, 3, 2, 4, 5, 6]
    >>> standardised_auc(y, score, 3, [1, 2], [2, 2, 2]).value
    0.875
    >>> standardised_auc(y, score, 3, [1, 2], [0.5, 0.1, 0.4]).value
    0.95
    """
    codes, values = _coded(y, score, n_levels)
    yes = np.isin(np.arange(n_levels), list(positive))
    no = ~yes if negative is None else np.isin(np.arange(n_levels), list(negative))
    if not yes.any() or not no.any() or (yes & no).any():
        raise UsageError("positive and negative stages must be apart and not empty")
    shares = _shares(codes, n_levels, mix)
    weights = np.outer(shares * no, shares * yes)
    ones = np.ones((n_levels, n_levels))
    method = "AUC standardised to a stage mix, placements"
    return _weighted(codes, values, weights, ones, level, clusters, method)


def _coded(y: ArrayLike, score: ArrayLike, n_levels: int) -> tuple[NDArray[np.intp], FloatArray]:
    if n_levels < 2:
        raise UsageError("at least two stages are needed", found=str(n_levels))
    codes, values = check_codes(y, n_levels), check_1d(score, "score")
    check_same_length(y=codes, score=values)
    return codes, values


def _shares(codes: NDArray[np.intp], n_levels: int, mix: ArrayLike | None) -> FloatArray:
    counts = np.bincount(codes, minlength=n_levels).astype(np.float64)
    if mix is None:
        return np.asarray(counts / counts.sum())
    shares = check_1d(mix, "mix")
    if shares.size != n_levels or (shares < 0).any() or shares.sum() <= 0:
        raise UsageError(
            "the mix must give each stage a share of 0 or more",
            expected=f"{n_levels} numbers",
            found=list_some(shares),
        )
    absent = np.flatnonzero((shares > 0) & (counts == 0))
    if absent.size:
        raise UsageError(
            "the mix needs stages that do not occur in the sample",
            found=f"no case of level {list_some(absent)}",
            hint="give those stages no share, and say so with the result",
        )
    return np.asarray(shares / shares.sum())


def _weighted(
    codes: NDArray[np.intp],
    score: FloatArray,
    weights: FloatArray,
    loss: FloatArray,
    level: float,
    clusters: ArrayLike | None,
    method: str,
) -> Estimate:
    """Return 1 - sum of weight x loss x (1 - AUC of stage column against stage row)."""
    z = z_value(level)
    if weights.sum() <= 0:
        raise UsageError("at least two different stages must occur")
    weights = weights / weights.sum()
    total, influence = 1.0, np.zeros(codes.size)
    for low, high in np.argwhere(weights > 0).tolist():
        rows = np.flatnonzero((codes == low) | (codes == high))
        place = placements(codes[rows] == high, score[rows])
        cost = float(weights[low, high] * loss[low, high])
        total -= cost * (1 - place.auc)
        influence[rows] += cost * place.influence
    used = np.unique(np.argwhere(weights > 0))
    sizes = np.bincount(codes)[used]
    note = f"sparse: {sizes.min()} cases in the smallest stage" if sizes.min() < SPARSE else ""
    # Rows of stages that do not count have no influence, but would be counted as patients.
    keep = np.isin(codes, used)
    patients = None if clusters is None else check_clusters(clusters, codes.size)[keep]
    variance = float(influence_covariance(influence[keep][:, None], codes[keep], patients)[0, 0])
    if not variance > 0 or np.ptp(score) == 0:
        reason = "all scores are equal" if np.ptp(score) == 0 else "no spread"
        said = "; ".join(n for n in (reason, note) if n)
        return Estimate(total, math.nan, math.nan, method, said)
    half = z * math.sqrt(variance)
    return Estimate(total, max(0.0, total - half), min(1.0, total + half), method, note)
