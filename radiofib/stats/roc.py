"""The ROC curve, the area under it, and each case's share in that area."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiofib._checks import check_1d, check_same_length
from radiofib.stats.estimate import check_binary

__all__ = ["Placements", "auc", "placements", "roc_curve"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Placements:
    """Each case's placement among the other class, and their mean, the AUC.

    Parameters
    ----------
    positive : ndarray of bool, shape (n,)
    values : ndarray, shape (n,)
        For a positive case the share of negatives it outranks, for a negative case the share of
        positives that outrank it; ties count one half.
    auc : float
    """

    positive: NDArray[np.bool_]
    values: FloatArray
    auc: float

    @property
    def n_pos(self) -> int:
        """Number of positive cases."""
        return int(self.positive.sum())

    @property
    def n_neg(self) -> int:
        """Number of negative cases."""
        return self.positive.size - self.n_pos

    @property
    def influence(self) -> FloatArray:
        """Each case's share in the error of the AUC: centred placement / size of its class."""
        sizes = np.where(self.positive, self.n_pos, self.n_neg)
        return (self.values - self.auc) / sizes


def placements(y: ArrayLike, score: ArrayLike) -> Placements:
    """Return the placement of each case; one sort, then linear in the cases.

    Parameters
    ----------
    y : array-like of 0 and 1
    score : array-like
        Any finite number, higher meaning "more likely positive".

    References
    ----------
    DeLong ER et al. Biometrics 1988;44:837-845. Pepe MS, Cai T. Biometrics 2004;60:528-535.

    Examples
    --------
    >>> found = placements([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> found.values.tolist(), found.auc
    ([1.0, 0.5, 0.5, 1.0], 0.75)
    """
    check_same_length(y=np.asarray(y), score=np.asarray(score))
    positive = check_binary(y, both=True)
    values = check_1d(score, "score")
    order = np.argsort(values)
    ordered = values[order]
    first = np.ones(values.size, dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    starts = np.flatnonzero(first)
    pos = np.add.reduceat(positive[order].astype(np.int64), starts)
    neg = np.diff(starts, append=values.size) - pos
    m, n = int(pos.sum()), int(neg.sum())
    # Twice the number of wins, so that ties stay whole numbers and the sum is exact.
    beaten = 2 * (np.cumsum(neg) - neg) + neg
    beaten_by = 2 * (m - np.cumsum(pos)) + pos
    place = np.empty(values.size)
    group = np.cumsum(first) - 1
    place[order] = np.where(
        positive[order], (beaten / (2 * n))[group], (beaten_by / (2 * m))[group]
    )
    return Placements(positive, place, int((pos * beaten).sum()) / (2 * m * n))


def auc(y: ArrayLike, score: ArrayLike) -> float:
    """Return the area under the ROC curve, ties counting one half.

    The probability that a random positive case scores above a random negative one. A higher
    score always means "more likely positive": the direction is never turned.

    Parameters
    ----------
    y : array-like of 0 and 1
    score : array-like
        Any finite number; not necessarily a probability.

    References
    ----------
    Hanley JA, McNeil BJ. Radiology 1982;143:29-36.

    Examples
    --------
    >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    return placements(y, score).auc


def roc_curve(y: ArrayLike, score: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return false positive rate, true positive rate and threshold of the ROC curve.

    A case is called positive when its score is at least the threshold; the first point is
    (0, 0) with threshold infinity. One point for each different score, highest first.

    Examples
    --------
    >>> fpr, tpr, threshold = roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> fpr.tolist(), tpr.tolist()
    ([0.0, 0.0, 0.5, 0.5, 1.0], [0.0, 0.5, 0.5, 1.0, 1.0])
    """
    check_same_length(y=np.asarray(y), score=np.asarray(score))
    positive = check_binary(y, both=True)
    values = check_1d(score, "score")
    levels, index = np.unique(-values, return_inverse=True)
    pos = np.bincount(index[positive], minlength=levels.size)
    neg = np.bincount(index[~positive], minlength=levels.size)
    tpr = np.concatenate([[0.0], np.cumsum(pos) / positive.sum()])
    fpr = np.concatenate([[0.0], np.cumsum(neg) / (~positive).sum()])
    return fpr, tpr, np.concatenate([[np.inf], -levels])
