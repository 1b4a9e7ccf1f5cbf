r"""Prediction sets, p values and cut-offs that hold for finite numbers of exchangeable patients.

A score says how strange a stage would be for a case. From the scores of n calibration patients,
whose stage is known, follows a threshold; the stages of a new case below it are its prediction
set. When calibration patients and new patient are exchangeable (drawn alike, in any order),

.. math:: P(Y_{n+1} \in C(X_{n+1})) \ge 1 - \alpha

whatever the stager and the law of the data. This is an average over calibration sets and
patients: it holds neither for each stage nor for each scanner by itself, and for a scanner that
no calibration patient is from it does not hold at all.

References
----------
Vovk V, Gammerman A, Shafer G. Algorithmic Learning in a Random World. Springer 2005. Angelopoulos
AN, Bates S. Found Trends Mach Learn 2023;16:494-591.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv

from radiofib._checks import check_1d, check_known, check_same_length
from radiofib.errors import UsageError
from radiofib.stats.estimate import check_clusters

__all__ = [
    "SCORES",
    "conformal_p",
    "conformal_quantile",
    "coverage_spread",
    "cross_conformal_sets",
    "cross_guarantee",
    "set_ends",
    "set_members",
    "smallest_calibration",
    "stage_scores",
]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

#: score -> how sets grow
SCORES = {
    "greedy": "from the most probable stage to the more probable neighbour",
    "tails": "cutting off what lies below and above, no more than the same share on each side",
    "sorted": "from the most probable stage to the next most probable, whatever its place",
}
#: Ranks are whole numbers: what rounding may add to them.
_ROUNDING = 1e-9


def stage_scores(proba: ArrayLike, score: str = "greedy") -> FloatArray:
    r"""Return how strange each stage would be for each case.

    Parameters
    ----------
    proba : array-like of shape (n, k)
        Probability of each stage, stages in order.
    score : {"greedy", "tails", "sorted"}
        ``greedy``: an interval of stages grows from the most probable one, each time by the more
        probable of its two neighbours (the higher of equals); the score of a stage is the
        probability inside before it joins. The most probable stage has 0, so no set is empty.
        ``tails``: the larger of :math:`P(Y < y)` and :math:`P(Y > y)`.
        ``sorted``: as ``greedy`` for stages without an order: the probability of all more
        probable stages (of equals, those that come first).

    Returns
    -------
    ndarray of shape (n, k)
        Stages with a score of at most any threshold lie side by side, but for ``sorted``.

    References
    ----------
    Lu C, Angelopoulos AN, Pomerantz S. Improving trustworthiness of AI disease severity rating
    in medical imaging with ordinal conformal prediction sets. MICCAI 2022:545-554 (greedy).
    Romano Y, Sesia M, Candes E. NeurIPS 2020;33:3581-3591 (sorted).

    Examples
    --------
    >>> p = [[0.1, 0.2, 0.4, 0.3]]
    >>> stage_scores(p).round(6).tolist()
    [[0.9, 0.7, 0.0, 0.4]]
    >>> stage_scores(p, "tails").round(6).tolist()
    [[0.9, 0.7, 0.3, 0.7]]
    """
    check_known(score, SCORES, what="score")
    p = _check_rows(proba)
    if score == "tails":
        total = p.cumsum(axis=1)
        outside: FloatArray = np.maximum(total - p, total[:, -1:] - total).clip(0.0, 1.0)
        return outside
    if score == "sorted":
        order = np.argsort(-p, axis=1, kind="stable")
        sizes = np.take_along_axis(p, order, axis=1)
        found = np.empty_like(p)
        np.put_along_axis(found, order, sizes.cumsum(axis=1) - sizes, axis=1)
        return found.clip(0.0, 1.0)
    return _greedy(p)


def _greedy(p: FloatArray) -> FloatArray:
    """Return the probability inside the growing interval when each stage joins."""
    n, k = p.shape
    rows = np.arange(n)
    # A border of -1 on each side is less probable than any stage.
    walled = np.pad(p, ((0, 0), (1, 1)), constant_values=-1.0)
    low = high = np.argmax(p, axis=1)
    inside = p[rows, low]
    found = np.zeros_like(p)
    for _ in range(k - 1):
        below, above = walled[rows, low], walled[rows, high + 2]
        up = above >= below
        new = np.where(up, high + 1, low - 1)
        found[rows, new] = inside
        inside = inside + p[rows, new]
        low, high = np.where(up, low, new), np.where(up, new, high)
    return found.clip(0.0, 1.0)


def _check_rows(proba: ArrayLike) -> FloatArray:
    p = np.asarray(proba, dtype=np.float64)
    if p.ndim != 2 or p.shape[1] < 2:
        raise UsageError("proba must have one column for each stage", found=str(p.shape))
    if not (np.isfinite(p).all() and (p >= 0).all()):
        raise UsageError("probabilities must be finite and not negative")
    off = np.flatnonzero(np.abs(p.sum(axis=1) - 1) > 1e-6)
    if off.size:
        raise UsageError(
            "probabilities do not sum to one",
            found=f"{p[off[0]].sum():.6g} in row {off[0]} ({off.size} rows)",
        )
    return p


def conformal_quantile(scores: ArrayLike, alpha: float, clusters: ArrayLike | None = None) -> float:
    r"""Return the threshold below which a new score lies with probability 1 - alpha.

    The score of rank :math:`\lceil (n + 1)(1 - \alpha) \rceil` of n, infinite when there is no
    such rank (see :func:`smallest_calibration`). With several rows of a patient, a row of one of
    K patients counts :math:`1 / ((K + 1) n_i)`, and the threshold is the smallest score up to
    which the rows weigh :math:`1 - \alpha`: it then holds for one row, drawn at random, of a
    new patient. Rows repeated within patients leave it as it is.

    Parameters
    ----------
    scores : array-like of shape (n,)
        Scores of the calibration rows at their true stage.
    alpha : float
        Share of misses that is allowed.
    clusters : array-like, optional
        Patient of each row.

    References
    ----------
    Lee Y, Barber RF, Willett R. Distribution-free inference with hierarchical data.
    arXiv:2306.06342 (2023). Dunn R, Wasserman L, Ramdas A. J Am Stat Assoc 2023;118:2491-2502.

    Examples
    --------
    >>> conformal_quantile([0.5, 0.1, 0.3, 0.2, 0.4, 0.6, 0.9, 0.7, 0.8], 0.1)
    0.9
    >>> conformal_quantile([0.1, 0.2, 0.3], 0.1)
    inf
    >>> conformal_quantile([0.1, 0.3, 0.2, 0.2], 0.5, ["a", "b", "c", "c"])
    0.2
    """
    values = check_1d(scores, "scores")
    _check_share(alpha)
    order = np.argsort(values, kind="stable")
    if clusters is None:
        rank = math.ceil((values.size + 1) * (1 - alpha) - _ROUNDING)
        return float(values[order[rank - 1]]) if rank <= values.size else math.inf
    weights, patients = _patient_weights(clusters, values.size)
    reached = np.cumsum(weights[order]) >= (patients + 1) * (1 - alpha) - _ROUNDING
    return float(values[order[np.argmax(reached)]]) if reached.any() else math.inf


def _patient_weights(clusters: ArrayLike, n: int) -> tuple[FloatArray, int]:
    """Return 1 / (rows of the patient) for each row, and the number of patients."""
    codes = check_clusters(clusters, n)
    sizes = np.bincount(codes)
    return 1.0 / sizes[codes], sizes.size


def _check_share(alpha: float) -> None:
    if not 0 < alpha < 1:
        raise UsageError("alpha must lie between 0 and 1", found=f"{alpha:g}")


def smallest_calibration(alpha: float) -> int:
    r"""Return how many calibration patients a set needs to leave any stage out.

    :math:`\lceil 1 / \alpha \rceil - 1`: with fewer, only the set of all stages is sure to hold
    the true one with probability 1 - alpha.

    Examples
    --------
    >>> smallest_calibration(0.1), smallest_calibration(0.05), smallest_calibration(0.3)
    (9, 19, 3)
    """
    _check_share(alpha)
    return math.ceil(1 / alpha - _ROUNDING) - 1


def set_members(scores: ArrayLike, threshold: float | ArrayLike) -> BoolArray:
    """Tell which stages are in the set of each case.

    Parameters
    ----------
    scores : array-like of shape (n, k)
        As :func:`stage_scores` returns them.
    threshold : float or array-like of shape (n,)
        One for all cases, or one for each.

    Returns
    -------
    ndarray of bool, shape (n, k)
        Stages with a score of at most the threshold, and in any case the least strange one
        (the first of equals): no set is empty.

    Examples
    --------
    >>> set_members([[0.9, 0.7, 0.0, 0.4], [0.0, 0.5, 0.6, 0.9]], [0.5, 2.0]).astype(int).tolist()
    [[0, 0, 1, 1], [1, 1, 1, 1]]
    """
    values = np.asarray(scores, dtype=np.float64)
    limit = np.asarray(threshold, dtype=np.float64).reshape(-1, 1)
    members: BoolArray = values <= limit
    members[np.arange(len(values)), np.argmin(values, axis=1)] = True
    return members


def set_ends(members: ArrayLike) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the lowest and the highest stage of each set.

    Examples
    --------
    >>> [ends.tolist() for ends in set_ends([[False, True, True, False]])]
    [[1], [2]]
    """
    inside = np.asarray(members, dtype=np.bool_)
    return np.argmax(inside, axis=1), inside.shape[1] - 1 - np.argmax(inside[:, ::-1], axis=1)


def coverage_spread(n: int, alpha: float, level: float = 0.95) -> tuple[float, float]:
    r"""Return between which bounds the true coverage of one set of thresholds lies.

    1 - alpha is the mean over calibration sets; that of a single one follows, for scores without
    ties, Beta(n + 1 - l, l) with :math:`l = \lfloor (n + 1) \alpha \rfloor`. The bounds hold
    `level` of it, the same share beyond each.

    References
    ----------
    Vovk V. Conditional validity of inductive conformal predictors. Mach Learn 2013;92:349-376.

    Examples
    --------
    >>> [round(v, 3) for v in coverage_spread(100, 0.1)]
    [0.836, 0.951]
    >>> coverage_spread(5, 0.1)
    (1.0, 1.0)
    """
    _check_share(alpha)
    missed = math.floor((n + 1) * alpha + _ROUNDING)
    if missed < 1:
        return 1.0, 1.0
    tail = (1 - level) / 2
    low, high = (float(betaincinv(n + 1 - missed, missed, q)) for q in (tail, 1 - tail))
    return low, high


def cross_conformal_sets(
    scores: ArrayLike, folds: ArrayLike, new_scores: ArrayLike, alpha: float
) -> BoolArray:
    r"""Return prediction sets from the models of a cross-validation (CV+).

    Stage y is in the set of x unless too few calibration cases are as strange:

    .. math:: 1 + \#\{i : S_i \ge s_{-f(i)}(x, y)\} > \alpha (n + 1)

    where case i and the new one are both scored by the model that was trained without the fold
    f(i) of case i. Stages between two of the set join it, so that sets have no gaps.

    Parameters
    ----------
    scores : array-like of shape (n,)
        Out-of-fold score of each case at its true stage; one case for each patient.
    folds : array-like of int, shape (n,)
        Fold of each case, 0 to K - 1.
    new_scores : array-like of shape (m, K, k)
        Score of each stage of each new case under the model trained without each fold.
    alpha : float

    Returns
    -------
    ndarray of bool, shape (m, k)
        Coverage is at least :func:`cross_guarantee`, about 1 - 2 alpha; near 1 - alpha in
        practice.

    References
    ----------
    Barber RF, Candes EJ, Ramdas A, Tibshirani RJ. Ann Stat 2021;49:486-507. Romano Y, Sesia M,
    Candes E. NeurIPS 2020;33:3581-3591, theorem 3. Vovk V. Ann Math Artif Intell 2015;74:9-28.

    Examples
    --------
    >>> new = np.array([[[0.0, 0.5, 0.9], [0.0, 0.4, 0.8]]])
    >>> cross_conformal_sets([0.1, 0.2, 0.45, 0.0], [0, 0, 1, 1], new, 0.25).tolist()
    [[True, True, False]]
    """
    values = check_1d(scores, "scores")
    _check_share(alpha)
    new = np.asarray(new_scores, dtype=np.float64)
    codes = np.asarray(folds, dtype=np.intp)
    check_same_length(scores=values, folds=codes)
    if new.ndim != 3 or codes.min() < 0 or codes.max() >= new.shape[1]:
        raise UsageError(
            "new_scores must have an entry for each new case, fold and stage",
            expected=f"folds 0 to {codes.max()}",
            found=f"shape {new.shape}",
        )
    as_strange = np.zeros((new.shape[0], new.shape[2]), dtype=np.intp)
    for fold in np.unique(codes):
        own = np.sort(values[codes == fold])
        as_strange += own.size - np.searchsorted(own, new[:, fold], side="left")
    members: BoolArray = as_strange + 1 > alpha * (values.size + 1) + _ROUNDING
    members[np.arange(len(members)), np.argmax(as_strange, axis=1)] = True
    low, high = set_ends(members)
    stages = np.arange(new.shape[2])
    filled: BoolArray = (stages >= low[:, None]) & (stages <= high[:, None])
    return filled


def cross_guarantee(n: int, folds: int, alpha: float) -> float:
    r"""Return the coverage that CV+ is sure to have, at least.

    .. math:: 1 - 2\alpha - \min\left(\frac{2 (1 - 1/K)}{n/K + 1}, \frac{1 - K/n}{K + 1}\right)

    Examples
    --------
    >>> round(cross_guarantee(100, 5, 0.1), 3), cross_guarantee(100, 100, 0.1)
    (0.724, 0.8)
    """
    _check_share(alpha)
    less = min(2 * (1 - 1 / folds) / (n / folds + 1), (1 - folds / n) / (folds + 1))
    return max(0.0, 1 - 2 * alpha - less)


def conformal_p(
    reference: ArrayLike, values: ArrayLike, clusters: ArrayLike | None = None
) -> FloatArray:
    r"""Return how often a case like those of the reference is at least as strange.

    .. math:: p = \frac{1 + \#\{i : R_i \ge v\}}{n + 1}

    For a new case exchangeable with the reference, p is at most t with probability at most t.
    With several rows of a patient, each counts one over their number, n is the number of
    patients, and p holds for one row, drawn at random, of a new patient.

    Parameters
    ----------
    reference : array-like of shape (n,)
        Strangeness of the reference, higher for stranger.
    values : array-like of shape (m,)
        That of the new cases.
    clusters : array-like, optional
        Patient of each row of the reference.

    References
    ----------
    Vovk V, Gammerman A, Shafer G. Algorithmic Learning in a Random World. Springer 2005. Bates S,
    Candes E, Lei L, Romano Y, Sesia M. Ann Stat 2023;51:149-178.

    Examples
    --------
    >>> conformal_p([1, 2, 3, 4], [0, 3, 9]).tolist()
    [1.0, 0.6, 0.2]
    >>> conformal_p([1, 1, 3, 4], [2], ["a", "a", "b", "c"]).tolist()
    [0.75]
    """
    known, new = check_1d(reference, "reference"), np.asarray(values, dtype=np.float64)
    names = np.arange(known.size) if clusters is None else clusters
    weights, patients = _patient_weights(names, known.size)
    order = np.argsort(known, kind="stable")
    # Weight of the reference from each place on; nothing beyond its end.
    beyond = np.append(np.cumsum(weights[order][::-1])[::-1], 0.0)
    place = np.searchsorted(known[order], new, side="left")
    found: FloatArray = np.minimum((1.0 + beyond[place]) / (patients + 1), 1.0)
    return np.where(np.isnan(new), np.nan, found)
