"""Curves behind the numbers: ROC, calibration, confusion."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib import stats
from radiofib.evaluation.measures import Resampling
from radiofib.evaluation.units import Unit
from radiofib.staging import Target

__all__ = ["calibration_rows", "confusion_rows", "roc_rows"]

FloatArray = NDArray[np.float64]
Row = dict[str, Any]


def roc_rows(unit: Unit, target: Target) -> list[Row]:
    """Return the points of the ROC curve, averaged over folds.

    At each false positive rate the true positive rates of the folds are averaged, weighted by
    their numbers of pairs; so the area under the points is the ``auc`` of the metrics. Where
    the curve rises at one rate, its foot and its top are both points.
    """
    unit, positive, score = _binary(unit, target)
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


def calibration_rows(unit: Unit, target: Target, how: Resampling, bins: int = 10) -> list[Row]:
    """Return mean probability and observed share in groups of about equal size.

    At most `bins` groups, fewer when there are less than ten rows for each. The interval of
    the observed share is Wilson's when rows are patients, otherwise the patients' bootstrap.
    """
    unit, positive, score = _binary(unit, target)
    if positive.size == 0:
        return []
    groups = stats.calibration_bins(score, max(1, min(bins, positive.size // 10)))
    classes = positive.astype(np.intp)
    weights = unit.weights(classes, how.n_boot if unit.clustered else 0, how.random_state)
    rows: list[Row] = []
    for group in range(int(groups.max()) + 1):
        inside = groups == group
        n, hits = int(inside.sum()), int(positive[inside].sum())
        if unit.clustered and how.n_boot:
            columns = np.column_stack([inside, inside & positive]).astype(np.float64)
            sums = unit.totals(columns, weights)
            some = sums[:, 0] > 0
            share = np.divide(sums[:, 1], sums[:, 0], out=np.full(len(sums), np.nan), where=some)
            found = stats.percentile_interval(hits / n, share[1:], how.level)
        else:
            found = stats.wilson(hits, n, how.level)
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


def confusion_rows(unit: Unit) -> list[Row]:
    """Return counts of true against most probable stage."""
    k = len(unit.levels)
    counts = stats.confusion_matrix(unit.codes, np.argmax(unit.proba, axis=1), k)
    return [
        {"true": unit.levels[i], "predicted": unit.levels[j], "n": int(counts[i, j])}
        for i in range(k)
        for j in range(k)
    ]


def _binary(unit: Unit, target: Target) -> tuple[Unit, NDArray[np.bool_], FloatArray]:
    stages = np.asarray(unit.levels)[unit.codes]
    unit = unit.subset(target.concerns(stages))
    positive = target.labels(np.asarray(unit.levels)[unit.codes])
    return unit, positive, target.score(unit.proba, unit.levels)
