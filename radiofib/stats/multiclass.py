"""Areas under the curve over several classes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiofib._checks import check_known, check_same_length
from radiofib.errors import UsageError
from radiofib.stats.auc_intervals import SPARSE
from radiofib.stats.estimate import Estimate, check_clusters, check_codes, z_value
from radiofib.stats.influence import influence_covariance
from radiofib.stats.roc import placements, roc_curve

__all__ = ["multiclass_auc", "multiclass_auc_interval"]

FloatArray = NDArray[np.float64]
AVERAGES = ("macro", "weighted", "micro", "hand_till", "macro_curve")


def multiclass_auc(y: ArrayLike, proba: ArrayLike, average: str = "macro") -> float:
    """Return an AUC over several classes.

    Parameters
    ----------
    y : array-like of int
        Level codes 0..k-1.
    proba : array-like of shape (n, k)
        One score for each level.
    average : {"macro", "weighted", "micro", "hand_till", "macro_curve"}
        Mean over one-versus-rest, that mean weighted by class size, all one-versus-rest
        decisions pooled, the mean over pairs of classes, or the area under the mean of the
        one-versus-rest curves as R's multiROC has it (a vertical step of a curve counts at half
        its height there, so it is not quite the macro AUC). Absent classes are left out of the
        means.

    References
    ----------
    Hand DJ, Till RJ. Mach Learn 2001;45:171-186. Fawcett T. Pattern Recognit Lett
    2006;27:861-874.

    Examples
    --------
    >>> proba = [[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7], [0.5, 0.3, 0.2]]
    >>> multiclass_auc([0, 1, 2, 1], proba), multiclass_auc([0, 1, 2, 1], proba, "hand_till")
    (1.0, 1.0)
    """
    codes, scores, present = _checked(y, proba, average)
    if average == "macro_curve":
        return _mean_curve_area(codes, scores, present)
    return _parts(codes, scores, present, average)[0]


def multiclass_auc_interval(
    y: ArrayLike,
    proba: ArrayLike,
    average: str = "macro",
    level: float = 0.95,
    clusters: ArrayLike | None = None,
) -> Estimate:
    """Return an AUC over several classes with a normal interval.

    The error of the average is a sum over cases of their placements in every one-versus-rest
    (or one-versus-one) comparison, so its variance is DeLong's with these sums in place of
    placements. For ``weighted`` the shares of the classes vary too.

    Parameters
    ----------
    y : array-like of int
        Level codes 0..k-1.
    proba : array-like of shape (n, k)
        One score for each level.
    average : {"macro", "weighted", "micro", "hand_till"}
        See :func:`multiclass_auc`.
    level : float
    clusters : array-like, optional
        Patient of each case.

    Returns
    -------
    Estimate
        Without an interval at perfect separation or when scores have no spread. `note` says
        when a class has fewer than 10 cases.

    References
    ----------
    DeLong ER et al. Biometrics 1988;44:837-845. Obuchowski NA. Biometrics 1997;53:567-578.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1, 2], 40)
    >>> proba = rng.dirichlet([1, 1, 1], 120) + 0.3 * (y[:, None] == [0, 1, 2])
    >>> e = multiclass_auc_interval(y, proba)
    >>> round(e.value, 3), round(e.low, 3), round(e.high, 3)
    (0.798, 0.747, 0.85)
    """
    codes, scores, present = _checked(y, proba, average)
    if average == "macro_curve":
        raise UsageError("the mean curve has no interval", hint="use macro")
    z = z_value(level)
    value, influence = _parts(codes, scores, present, average)
    patients = np.arange(codes.size) if clusters is None else check_clusters(clusters, codes.size)
    method = f"{average} AUC, DeLong over all comparisons"
    smallest = int(np.bincount(codes)[present].min())
    note = f"sparse: {smallest} cases in the smallest class" if smallest < SPARSE else ""
    # One stratum: the mean influence of a class need not be zero in one-versus-rest.
    stratum = np.zeros(codes.size, dtype=np.intp)
    variance = float(influence_covariance(influence[:, None], stratum, patients)[0, 0])
    if not variance > 0 or value in (0.0, 1.0):
        said = "; ".join(n for n in ("no spread", note) if n)
        return Estimate(value, math.nan, math.nan, method, said)
    half = z * math.sqrt(variance)
    return Estimate(value, max(0.0, value - half), min(1.0, value + half), method, note)


def _checked(
    y: ArrayLike, proba: ArrayLike, average: str
) -> tuple[NDArray[np.intp], FloatArray, NDArray[np.intp]]:
    check_known(average, AVERAGES, what="average")
    scores = np.asarray(proba, dtype=np.float64)
    if scores.ndim != 2:
        raise UsageError("proba must have one column for each level", found=str(scores.shape))
    codes = check_codes(y, scores.shape[1])
    check_same_length(y=codes, proba=scores)
    present = np.unique(codes)
    if present.size < 2:
        raise UsageError("at least two classes must occur", found=f"{present.size}")
    return codes, scores, present


def _parts(
    codes: NDArray[np.intp], scores: FloatArray, present: NDArray[np.intp], average: str
) -> tuple[float, FloatArray]:
    """Return an average AUC and the share of each case in its error."""
    influence = np.zeros(codes.size)
    if average == "micro":
        wanted = codes[:, None] == np.arange(scores.shape[1])
        place = placements(wanted.ravel(), scores.ravel())
        return place.auc, place.influence.reshape(scores.shape).sum(axis=1)
    if average == "hand_till":
        pairs = [(a, b) for a in present for b in present if a != b]
        total = 0.0
        for a, b in pairs:
            rows = np.flatnonzero((codes == a) | (codes == b))
            place = placements(codes[rows] == a, scores[rows, a])
            total += place.auc
            influence[rows] += place.influence / len(pairs)
        return total / len(pairs), influence
    shares = np.full(present.size, 1 / present.size)
    if average == "weighted":
        shares = np.bincount(codes)[present] / codes.size
    found = [placements(codes == k, scores[:, k]) for k in present]
    value = float(sum(s * f.auc for s, f in zip(shares, found, strict=True)))
    for k, share, place in zip(present, shares, found, strict=True):
        influence += share * place.influence
        if average == "weighted":
            influence += ((codes == k) - share) * place.auc / codes.size
    return value, influence


def _mean_curve_area(
    codes: NDArray[np.intp], scores: FloatArray, present: NDArray[np.intp]
) -> float:
    curves = [roc_curve(codes == k, scores[:, k])[:2] for k in present]
    grid = np.unique(np.concatenate([fpr for fpr, _ in curves]))
    height = np.zeros(grid.size)
    for fpr, tpr in curves:
        at, group = np.unique(fpr, return_inverse=True)
        height += np.interp(grid, at, np.bincount(group, weights=tpr) / np.bincount(group))
    mean = height / len(curves)
    return float((np.diff(grid) * (mean[1:] + mean[:-1]) / 2).sum())
