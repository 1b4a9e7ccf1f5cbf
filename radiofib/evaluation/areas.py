"""Areas under the curve within folds: resampled by patient, or by each patient's influence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiofib import stats
from radiofib.evaluation.intervals import Draws
from radiofib.evaluation.units import Unit
from radiofib.stats import Estimate
from radiofib.stats.estimate import z_value

__all__ = ["Part", "area_influence", "area_interval", "area_values", "fold_pairs"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_CHUNK = 4_000_000
#: Pairs of rows that are counted one by one; beyond, rows are sorted.
_MOST_PAIRS = 400_000
#: Row weights of all resamples; beyond, an area takes DeLong's interval.
_MOST_DRAWN = 100_000_000


@dataclass(frozen=True, eq=False)
class Part:
    """One comparison of two sides in an average of areas.

    Parameters
    ----------
    rows : ndarray of int
        Positions in the unit; a row may come several times.
    positive : ndarray of bool
        Side of each of them.
    score : ndarray
        Score of each of them.
    weight : float
        Weight in the average.
    """

    rows: NDArray[np.intp]
    positive: BoolArray
    score: FloatArray
    weight: float = 1.0


def fold_pairs(unit: Unit, part: Part, draws: Draws) -> tuple[FloatArray, FloatArray]:
    """Return rightly ordered and all pairs within each fold, shape (len(weights), folds)."""
    right = np.zeros((len(draws.weights), len(unit.fold_names)))
    pairs = np.zeros_like(right)
    folds = unit.folds[part.rows]
    for fold in np.unique(folds):
        inside = folds == fold
        positive, score = part.positive[inside], part.score[inside]
        members = draws.members[part.rows[inside]]
        step = max(1, _CHUNK // members.size)
        for begin in range(0, len(right), step):
            some = slice(begin, begin + step)
            found = _weighted_pairs(positive, score, draws.weights[some], members)
            right[some, fold], pairs[some, fold] = found
    return right, pairs


def _weighted_pairs(
    positive: BoolArray, score: FloatArray, weights: FloatArray, members: NDArray[np.intp]
) -> tuple[FloatArray, FloatArray]:
    """Return what :func:`radiofib.stats.weighted_pairs` does, by products where pairs are few."""
    n_pos = int(positive.sum())
    if n_pos * (positive.size - n_pos) > _MOST_PAIRS:
        return stats.weighted_pairs(positive, score, weights[:, members])
    up, down = score[positive][:, None], score[~positive]
    wins = (up > down) + 0.5 * (up == down)
    ours, theirs = weights[:, members[positive]], weights[:, members[~positive]]
    right: FloatArray = np.einsum("bj,bj->b", ours @ wins, theirs)
    return right, ours.sum(axis=1) * theirs.sum(axis=1)


def _average(values: Sequence[FloatArray], parts: Sequence[Part]) -> FloatArray:
    weights = np.array([p.weight for p in parts])
    mean: FloatArray = np.tensordot(weights / weights.sum(), np.stack(values), axes=1)
    return mean


def area_values(unit: Unit, parts: Sequence[Part], draws: Draws) -> FloatArray:
    """Return the average area under each row of weights; a part's folds count by their pairs."""
    found = []
    for part in parts:
        right, pairs = (counts.sum(axis=1) for counts in fold_pairs(unit, part, draws))
        blank = np.full(len(pairs), np.nan)
        found.append(np.divide(right, pairs, out=blank, where=pairs > 0))
    return _average(found, parts)


def area_influence(unit: Unit, parts: Sequence[Part]) -> tuple[float, FloatArray]:
    r"""Return the average area, and each row's influence on it, shape (n,).

    An area within folds is :math:`\sum_f w_f A_f` with :math:`w_f` the share of pairs in fold
    f; a row's influence is that weight times its centred placement over the size of its class
    (:attr:`radiofib.stats.Placements.influence`). Their squares, summed within patients first,
    add up to DeLong's variance (without its factor m / (m - 1)).
    """
    total = 0.0
    influence = np.zeros(unit.codes.size)
    whole = sum(p.weight for p in parts)
    for part in parts:
        folds = unit.folds[part.rows]
        found = []
        for fold in np.unique(folds):
            inside = folds == fold
            n_pos = int(part.positive[inside].sum())
            n_neg = int(inside.sum()) - n_pos
            if n_pos and n_neg:
                place = stats.placements(part.positive[inside], part.score[inside])
                found.append((inside, place, float(n_pos) * n_neg))
        below = sum(pairs for _, _, pairs in found)
        for inside, place, pairs in found:
            weight = part.weight / whole * pairs / below
            total += weight * place.auc
            np.add.at(influence, part.rows[inside], weight * place.influence)
        if not found:
            return math.nan, influence
    return total, influence


def area_interval(
    unit: Unit,
    parts: Sequence[Part],
    draws: Draws,
    label: str,
    *,
    averaged: bool,
    loss: float = 1.0,
) -> Estimate:
    """Return an average of areas with its bootstrap interval, or DeLong's when rows are many.

    Parameters
    ----------
    unit : Unit
    parts : sequence of Part
    draws : Draws
    label : str
        What is measured.
    averaged : bool
        Whether areas are averaged over folds.
    loss : float
        The measure is ``1 - loss (1 - average)``.
    """
    rows = sum(part.rows.size for part in parts)
    if rows * len(draws.weights) <= _MOST_DRAWN or draws.n_boot == 0:
        values = 1 - loss * (1 - area_values(unit, parts, draws))
        return draws.interval(values, label, averaged=averaged)
    value, influence = area_influence(unit, parts)
    value = 1 - loss * (1 - value)
    by_patient = np.bincount(unit.clusters, weights=influence)
    half = loss * z_value(draws.level) * math.sqrt(float((by_patient**2).sum()))
    name = f"{label}; {draws.level:.0%} interval by DeLong's placements summed by patient"
    return Estimate(value, max(0.0, value - half), min(1.0, value + half), name)
