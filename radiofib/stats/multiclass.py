"""Areas under the curve over several classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from radiofib._checks import check_same_length
from radiofib.errors import UsageError
from radiofib.stats.estimate import check_codes
from radiofib.stats.roc import auc

__all__ = ["multiclass_auc"]


def multiclass_auc(y: ArrayLike, proba: ArrayLike, average: str = "macro") -> float:
    """Return an AUC over several classes.

    Parameters
    ----------
    y : array-like of int
        Level codes 0..k-1.
    proba : array-like of shape (n, k)
        One score for each level.
    average : {"macro", "weighted", "micro", "hand_till"}
        Mean over one-versus-rest, that mean weighted by class size, all one-versus-rest
        decisions pooled, or the mean over pairs of classes. Absent classes are left out of
        the means.

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
    scores = np.asarray(proba, dtype=np.float64)
    if scores.ndim != 2:
        raise UsageError("proba must have one column for each level", found=str(scores.shape))
    codes = check_codes(y, scores.shape[1])
    check_same_length(y=codes, proba=scores)
    present = np.unique(codes)
    if present.size < 2:
        raise UsageError("at least two classes must occur", found=f"{present.size}")
    if average == "micro":
        onehot = codes[:, None] == np.arange(scores.shape[1])
        return auc(onehot.ravel(), scores.ravel())
    if average in ("macro", "weighted"):
        each = np.array([auc(codes == k, scores[:, k]) for k in present])
        sizes = np.bincount(codes)[present] if average == "weighted" else None
        return float(np.average(each, weights=sizes))
    if average == "hand_till":
        pairs = []
        for position, a in enumerate(present):
            for b in present[position + 1 :]:
                rows = (codes == a) | (codes == b)
                forward = auc(codes[rows] == a, scores[rows, a])
                backward = auc(codes[rows] == b, scores[rows, b])
                pairs.append((forward + backward) / 2)
        return float(np.mean(pairs))
    raise UsageError(f"unknown average {average!r}", expected="macro, weighted, micro or hand_till")
