"""Measures of one unit about a binary target."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from radiofib import stats
from radiofib.evaluation.areas import Part, area_interval, fold_pairs
from radiofib.evaluation.intervals import SPARSE, Draws, Resampling, draw, nothing, share
from radiofib.evaluation.rows import COLLAPSE, Collector, Row, rank_collapse, sparse_notes
from radiofib.evaluation.thresholds import predictive_estimates
from radiofib.evaluation.units import BinaryView, Unit
from radiofib.staging import Target
from radiofib.stats import Estimate
from radiofib.stats.estimate import z_value

__all__ = ["CLIP", "target_rows"]

FloatArray = NDArray[np.float64]

#: Distance kept from probabilities 0 and 1 where a logarithm is taken.
CLIP = 1e-6
_DECISIONS = (
    *("accuracy", "sensitivity", "specificity", "ppv", "npv"),
    *("balanced_accuracy", "mcc"),
)
_PROBABILITIES = ("brier", "log_loss", "calibration_slope", "calibration_in_the_large")


def target_rows(
    unit: Unit,
    target: Target,
    how: Resampling,
    *,
    scanners: bool,
    prevalence: float | None = None,
) -> list[Row]:
    """Return the metrics of a binary target.

    Parameters
    ----------
    unit : Unit
    target : Target
    how : Resampling
    scanners : bool
        Whether folds are scanners, so that each gets an AUC of its own.
    prevalence : float, optional
        Predictive values are also given for this share of positives.
    """
    view = unit.binary(target)
    unit, positive = view.unit, view.positive
    out = Collector(unit, target.name, int(positive.sum()), sparse_notes(view))
    if not view.both:
        side = target.negative if positive.size and not positive.any() else target.positive
        reason = f"no AUC: only rows of {', '.join(sorted(side))}" if positive.size else "no rows"
        out.add("auc", nothing(reason))
        return out.rows
    if view.score is None:
        reason = f"refused: a single score cannot tell the sides of {target.name} apart"
        out.refuse(["auc"], reason)
        return out.rows
    draws = draw(unit, positive.astype(np.intp), how)
    _auc_rows(out, view, view.score, draws, scanners=scanners)
    if unit.is_score:
        out.refuse([*_DECISIONS, *_PROBABILITIES])
        return out.rows
    _decision_rows(out, view, view.score, draws)
    if prevalence is not None:
        values = predictive_estimates(view, view.score >= 0.5, prevalence, how.level)
        for name, found in zip(("ppv", "npv"), values, strict=True):
            labelled = replace(found, method=f"threshold 0.5; {found.method}")
            out.add(f"{name}_at_prevalence_{prevalence:g}", labelled)
    _probability_rows(out, view, view.score, draws)
    return out.rows


def _whole(unit: Unit, positive: NDArray[np.bool_], score: FloatArray) -> Part:
    return Part(np.arange(unit.codes.size), positive, score)


def _auc_rows(
    out: Collector, view: BinaryView, score: FloatArray, draws: Draws, *, scanners: bool
) -> None:
    unit, positive = view.unit, view.positive
    sides = [set(unit.folds[positive == side].tolist()) for side in (False, True)]
    usable = np.array(sorted(sides[0] & sides[1]), dtype=np.intp)
    several = len(unit.fold_names) > 1
    if usable.size == 0:
        out.add("auc", nothing("no AUC: every fold holds rows of one class only"))
    else:
        kind = "scanners" if scanners else "folds"
        label, notes = "AUC", []
        if several:
            label = f"AUC averaged over {usable.size} {kind}, weighted by pairs within each"
        if usable.size < len(unit.fold_names):
            lost = len(unit.fold_names) - usable.size
            notes.append(f"{lost} of {len(unit.fold_names)} {kind} hold one class and do not count")
        found = _auc_interval(view, score, draws, label, averaged=several)
        out.add("auc", found, notes=[*notes, *rank_collapse(found, score)])
    if not scanners:
        return
    if usable.size > 1:
        right, pairs = fold_pairs(unit, _whole(unit, positive, score), draws)
        each = np.divide(right, pairs, out=np.full(right.shape, np.nan), where=pairs > 0)
        label = f"unweighted mean of the AUC of {usable.size} scanners"
        mean = each[:, usable].mean(axis=1)
        out.add("auc_scanner_mean", draws.interval(mean, label, averaged=True))
    for fold, name in enumerate(unit.fold_names):
        rows = unit.folds == fold
        if rows.any():
            part = BinaryView(unit.subset(rows), positive[rows], score[rows])
            _scanner_row(out, part, score[rows], name, draws, rows)


def _scanner_row(
    out: Collector,
    view: BinaryView,
    score: FloatArray,
    name: str,
    draws: Draws,
    rows: NDArray[np.bool_],
) -> None:
    notes = (f"scanner {name}", *sparse_notes(view))
    one = Collector(view.unit, out.target, int(view.positive.sum()), notes, out.rows)
    if not view.both:
        stages = ", ".join(view.unit.levels[c] for c in np.unique(view.unit.codes))
        one.add("auc_scanner", nothing(f"no AUC: only rows of {stages}"), subset=name)
        return
    inside = Draws(
        draws.weights, draws.members[rows], draws.n_boot, draws.groups, draws.level, draws.what,
        draws.why_not,
    )  # fmt: skip
    found = _auc_interval(view, score, inside, "AUC of one scanner", averaged=False)
    one.add("auc_scanner", found, notes=rank_collapse(found, score), subset=name)


def _auc_interval(
    view: BinaryView, score: FloatArray, draws: Draws, label: str, *, averaged: bool
) -> Estimate:
    """Return the interval that holds: by class sizes, by DeLong's logit, or by resampling.

    Newcombe's method 5 at perfect separation; DeLong on the logit scale when a class has less
    than ten patients and there is one fold; else the bootstrap.
    """
    unit = view.unit
    part = _whole(unit, view.positive, score)
    plain = Draws(
        draws.weights[:1], draws.members, 0, draws.groups[:0], draws.level, draws.what, ""
    )
    value = area_interval(unit, [part], plain, label, averaged=averaged).value
    if value in (0.0, 1.0):
        found = stats.newcombe(value, *view.class_patients, level=draws.level)
        method = f"{label}; {draws.level:.0%} interval by Newcombe's method 5 on patients"
        return Estimate(value, found.low, found.high, method, "perfect separation")
    if draws.n_boot and np.ptp(score) == 0:
        return Estimate(value, math.nan, math.nan, f"{label}; no interval", "no spread")
    if draws.n_boot and not averaged and min(view.class_patients) < SPARSE:
        found = stats.logit_delong(view.positive, score, draws.level, unit.clusters)
        if math.isfinite(found.low):
            method = f"{label}; {draws.level:.0%} interval, {found.method}"
            return Estimate(found.value, found.low, found.high, method)
    found = area_interval(unit, [part], draws, label, averaged=averaged)
    if found.low == found.high:
        return Estimate(value, math.nan, math.nan, f"{label}; no interval", "no spread")
    return found


def _decision_rows(out: Collector, view: BinaryView, score: FloatArray, draws: Draws) -> None:
    unit, positive = view.unit, view.positive
    decided = score >= 0.5
    cells = (2 * positive + decided)[:, None] == np.arange(4)
    counts = draws.totals(cells.astype(np.float64)).reshape(-1, 2, 2)
    many = max(float(decided.mean()), 1 - float(decided.mean()))
    collapse = []
    if many >= COLLAPSE:
        word = "positive" if decided.mean() > 0.5 else "negative"
        collapse.append(f"decision collapse: {word} predicted for {many:.1%}")
    label = "threshold 0.5"
    everyone = np.ones(positive.size, dtype=np.bool_)
    right = decided == positive
    among = (everyone, positive, ~positive, decided, ~decided)
    for name, rows in zip(_DECISIONS, among, strict=False):
        out.add(name, share(unit, right, rows, draws.level, label), notes=collapse)
    for name, measure in (("balanced_accuracy", stats.balanced_accuracy), ("mcc", stats.mcc)):
        out.add(name, draws.interval(measure(counts), label), notes=collapse)


def _probability_rows(out: Collector, view: BinaryView, score: FloatArray, draws: Draws) -> None:
    unit, positive = view.unit, view.positive
    columns = np.column_stack(
        [
            np.ones(positive.size),
            stats.brier_score(positive, score),
            stats.log_loss(positive, score, CLIP),
        ]
    )
    sums = draws.totals(columns)
    clipped = int(np.count_nonzero((score < CLIP) | (score > 1 - CLIP)))
    moved = [f"{clipped} probabilities moved to {CLIP:g} from 0 or 1"] if clipped else []
    out.add("brier", draws.interval(sums[:, 1] / sums[:, 0], "mean squared error"))
    out.add("log_loss", draws.interval(sums[:, 2] / sums[:, 0], "natural log"), notes=moved)
    # The sandwich also without repeats: a cohort and its rows repeated get one answer.
    fit = stats.calibration(positive, score, clusters=unit.clusters, clip=CLIP)
    for name, value, se in (
        ("calibration_slope", fit.slope, fit.slope_se),
        ("calibration_in_the_large", fit.in_the_large, fit.in_the_large_se),
    ):
        half = z_value(draws.level) * se
        method = f"logistic recalibration; {draws.level:.0%} Wald interval, sandwich over patients"
        note = "" if math.isfinite(value) else "not defined: constant or separated probabilities"
        out.add(name, Estimate(value, value - half, value + half, method, note), notes=moved)
