"""Curves behind the numbers: ROC, calibration, decision curves, confusion."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib import stats
from radiofib.evaluation.intervals import share
from radiofib.evaluation.rows import NOT_PROBABILITY
from radiofib.evaluation.units import Unit
from radiofib.staging import Target

__all__ = [
    "calibration_curve_rows",
    "calibration_rows",
    "confusion_rows",
    "decision_rows",
    "roc_rows",
]

FloatArray = NDArray[np.float64]
Row = dict[str, Any]
#: Points of a ROC curve; of more, that many are kept.
_MOST_POINTS = 5000


def roc_rows(unit: Unit, target: Target) -> list[Row]:
    """Return the points of the ROC curve, averaged over folds.

    At each false positive rate the true positive rates of the folds are averaged, weighted by
    their numbers of pairs; so the area under the points is the ``auc`` of the metrics. Where
    the curve rises at one rate, its foot and its top are both points. Of more than 5,000
    different rates, 5,000 are kept.
    """
    view = unit.binary(target)
    unit, positive, score = view.unit, view.positive, view.score
    if score is None:
        return []
    curves, weights = [], []
    for fold in np.unique(unit.folds):
        rows = unit.folds == fold
        pairs = int(positive[rows].sum()) * int((~positive[rows]).sum())
        if pairs:
            fpr, tpr, _ = stats.roc_curve(positive[rows], score[rows])
            curves.append((fpr, tpr))
            weights.append(pairs)
    if not curves:
        return []
    grid = np.unique(np.concatenate([fpr for fpr, _ in curves]))
    if grid.size > _MOST_POINTS:
        grid = grid[np.unique(np.linspace(0, grid.size - 1, _MOST_POINTS).round().astype(np.intp))]
    feet = np.average([_edge(c, grid, top=False) for c in curves], axis=0, weights=weights)
    tops = np.average([_edge(c, grid, top=True) for c in curves], axis=0, weights=weights)
    points: list[Row] = []
    for x, foot, top in zip(grid.tolist(), feet.tolist(), tops.tolist(), strict=True):
        points.extend({"fpr": x, "tpr": y} for y in dict.fromkeys((foot, top)))
    return points


def _edge(curve: tuple[FloatArray, FloatArray], grid: FloatArray, *, top: bool) -> FloatArray:
    """Return the lower or upper end of a curve at each rate of the grid."""
    fpr, tpr = curve
    rates, first = np.unique(fpr, return_index=True)
    last = np.append(first[1:], fpr.size) - 1
    low, high = tpr[first], tpr[last]
    place = np.searchsorted(rates, grid)
    exact = rates[np.minimum(place, rates.size - 1)] == grid
    at = np.minimum(place, rates.size - 1)
    before = np.maximum(at - 1, 0)
    width = np.where(exact, 1.0, rates[at] - rates[before])
    share = (grid - rates[before]) / width
    between = high[before] + share * (low[at] - high[before])
    return np.where(exact, high[at] if top else low[at], between)


def calibration_rows(unit: Unit, target: Target, level: float, bins: int = 10) -> list[Row]:
    """Return mean probability and observed share in groups of about equal size.

    At most `bins` groups, fewer when there are less than ten patients for each. The interval of
    the observed share is Wilson's, on the effective number of rows when patients have several.
    No groups for a score that is not a probability.
    """
    view = unit.binary(target)
    unit, positive, score = view.unit, view.positive, view.score
    if positive.size == 0 or score is None or unit.is_score:
        return []
    # Equal rows of a patient count once, so that repeats move no edge.
    _, index, inverse = np.unique(
        np.column_stack([unit.clusters, score]), axis=0, return_index=True, return_inverse=True
    )
    groups = stats.calibration_bins(score[index], max(1, min(bins, unit.n_patients // 10)))
    groups = groups[inverse.ravel()]
    rows: list[Row] = []
    for group in range(int(groups.max()) + 1):
        inside = groups == group
        n, hits = int(inside.sum()), int(positive[inside].sum())
        found = share(unit, positive, inside, level, "observed")
        rows.append(
            {
                "bin": group + 1,
                "p_mean": float(score[inside].mean()),
                "observed": hits / n,
                "ci_low": found.low,
                "ci_high": found.high,
                "n": n,
                "n_pos": hits,
            }
        )
    return rows


def calibration_curve_rows(unit: Unit, target: Target, level: float) -> list[Row]:
    """Return the smoothed observed share against the probability, with intervals by patient.

    Nothing for a score that is not a probability, or where only one side is there.
    """
    view = unit.binary(target)
    if view.score is None or view.unit.is_score or not view.both:
        return []
    columns = np.column_stack([view.unit.clusters, view.score, view.positive])
    _, rows, times = np.unique(columns, axis=0, return_index=True, return_counts=True)
    if times.max() > times.min() or times.max() == 1:
        rows = np.arange(view.positive.size)
    # Rows that are all repeated as often say no more than once each: they would move knots.
    found = stats.calibration_curve(
        view.positive[rows],
        view.score[rows],
        level=level,
        clusters=view.unit.clusters[rows],
    )
    return [
        {str(k): v for k, v in row.items()}
        for row in found[["p", "observed", "ci_low", "ci_high"]].to_dict("records")
    ]


def decision_rows(unit: Unit, target: Target, level: float) -> list[Row]:
    """Return the net benefit at thresholds .01 to .99, with intervals by patient.

    One row that says so for a score that is not a probability.
    """
    view = unit.binary(target)
    if view.score is None or view.unit.is_score:
        n_pos = int(view.positive.sum())
        return [{"n": view.positive.size, "n_pos": n_pos, "note": NOT_PROBABILITY}]
    if not view.both:
        return []
    found = stats.decision_curve(
        view.positive, view.score, level=level, clusters=view.unit.clusters
    ).drop(columns=["standardised_low", "standardised_high"])
    return [{str(k): v for k, v in row.items()} for row in found.to_dict("records")]


def confusion_rows(unit: Unit) -> list[Row]:
    """Return counts of true against most probable stage; none for a score."""
    if unit.is_score:
        return []
    k = len(unit.levels)
    counts = stats.confusion_matrix(unit.codes, np.argmax(unit.proba, axis=1), k)
    return [
        {"true": unit.levels[i], "predicted": unit.levels[j], "n": int(counts[i, j])}
        for i in range(k)
        for j in range(k)
    ]
