"""Measures of one unit: a binary target, or the stages as they are."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib import stats
from radiofib.evaluation.units import Unit
from radiofib.staging import Target
from radiofib.stats import Estimate
from radiofib.stats.estimate import z_value

__all__ = ["Resampling", "stage_rows", "target_rows"]

FloatArray = NDArray[np.float64]
Row = dict[str, Any]

#: Fewer patients than this in a class are called sparse.
SPARSE = 10
#: One decision, or one score, for at least this share of cases is a collapse.
COLLAPSE = 0.99
#: Distance kept from probabilities 0 and 1 where a logarithm is taken.
CLIP = 1e-6


@dataclass(frozen=True)
class Resampling:
    """How intervals are made."""

    n_boot: int = 1000
    random_state: int = 0
    level: float = 0.95

    @property
    def text(self) -> str:
        """Words for the column ``method``."""
        if self.n_boot == 0:
            return "no interval"
        return (
            f"{self.level:.0%} percentile interval of {self.n_boot} bootstraps of patients "
            "within class and fold (Rao-Wu weights)"
        )


@dataclass(frozen=True)
class _Collector:
    """Rows of the metrics table for one unit and target."""

    unit: Unit
    target: str
    n_pos: int | None
    how: str
    notes: tuple[str, ...]
    rows: list[Row] = field(default_factory=list)

    def add(
        self, metric: str, found: Estimate, *, notes: Iterable[str] = (), subset: str = ""
    ) -> None:
        prefix = "mean probability per patient; " if self.unit.name == "patient" else ""
        said = [*notes, *self.notes, found.note, self.unit.note]
        self.rows.append(
            {
                "unit": self.unit.name,
                "target": self.target,
                "metric": metric,
                "estimate": found.value,
                "ci_low": found.low,
                "ci_high": found.high,
                "n": self.unit.codes.size,
                "n_pos": self.n_pos,
                "n_patients": self.unit.n_patients,
                "method": prefix + found.method,
                "note": "; ".join(dict.fromkeys(n for n in said if n)),
                "subset": subset,
            }
        )


def target_rows(unit: Unit, target: Target, how: Resampling, *, scanners: bool) -> list[Row]:
    """Return the metrics of a binary target.

    Parameters
    ----------
    unit : Unit
    target : Target
    how : Resampling
    scanners : bool
        Whether folds are scanners, so that each gets an AUC of its own.
    """
    stages = np.asarray(unit.levels)[unit.codes]
    unit = unit.subset(target.concerns(stages))
    stages = np.asarray(unit.levels)[unit.codes]
    positive = target.labels(stages)
    out = _Collector(unit, target.name, int(positive.sum()), how.text, _sparse(unit, positive))
    if positive.size == 0 or positive.all() or not positive.any():
        side = target.negative if positive.size and not positive.any() else target.positive
        reason = f"no AUC: only rows of {', '.join(sorted(side))}" if positive.size else "no rows"
        out.add("auc", _nothing(reason))
        return out.rows
    score = target.score(unit.proba, unit.levels)
    weights = unit.weights(positive.astype(np.intp), how.n_boot, how.random_state)
    _auc_rows(out, unit, positive, score, weights, how, scanners=scanners)
    _decision_rows(out, unit, positive, score, weights, how)
    _probability_rows(out, unit, positive, score, weights, how)
    return out.rows


def _nothing(reason: str) -> Estimate:
    return Estimate(math.nan, math.nan, math.nan, "none", reason)


def _sparse(unit: Unit, positive: NDArray[np.bool_]) -> tuple[str, ...]:
    counts = [np.unique(unit.clusters[side]).size for side in (positive, ~positive)]
    if min(counts) >= SPARSE:
        return ()
    return (f"sparse: {min(counts)} patients in the smaller class",)


def _auc_rows(
    out: _Collector,
    unit: Unit,
    positive: NDArray[np.bool_],
    score: FloatArray,
    weights: FloatArray,
    how: Resampling,
    *,
    scanners: bool,
) -> None:
    right, pairs = unit.fold_pairs(positive, score, weights)
    usable = np.flatnonzero(pairs[0] > 0)
    if usable.size == 0:
        out.add("auc", _nothing("no AUC: every fold holds rows of one class only"))
    else:
        total = _ratio(right.sum(axis=1), pairs.sum(axis=1))
        kind = "scanners" if scanners else "folds"
        label = "AUC"
        notes = []
        if len(unit.fold_names) > 1:
            label = f"AUC averaged over {usable.size} {kind}, weighted by pairs within each"
        if usable.size < len(unit.fold_names):
            lost = len(unit.fold_names) - usable.size
            notes.append(f"{lost} of {len(unit.fold_names)} {kind} hold one class and do not count")
        sizes = _class_patients(unit, positive)
        found = _auc_interval(total, sizes, label, how)
        out.add("auc", found, notes=[*notes, *_rank_collapse(found, score)])
    if not scanners:
        return
    each = _ratio(right, pairs)
    if usable.size > 1:
        label = f"unweighted mean of the AUC of {usable.size} scanners"
        mean = each[:, usable].mean(axis=1)
        out.add("auc_scanner_mean", _auc_interval(mean, None, label, how))
    for fold, name in enumerate(unit.fold_names):
        _scanner_row(out, unit, fold, name, positive, score, each[:, fold], how)


def _scanner_row(
    out: _Collector,
    unit: Unit,
    fold: int,
    name: str,
    positive: NDArray[np.bool_],
    score: FloatArray,
    values: FloatArray,
    how: Resampling,
) -> None:
    rows = unit.folds == fold
    part, inside = unit.subset(rows), positive[rows]
    if not rows.any():
        return
    notes = (f"scanner {name}", *_sparse(part, inside))
    one = _Collector(part, out.target, int(inside.sum()), out.how, notes, out.rows)
    if inside.all() or not inside.any():
        stages = ", ".join(part.levels[c] for c in np.unique(part.codes))
        one.add("auc_scanner", _nothing(f"no AUC: only rows of {stages}"), subset=name)
        return
    found = _auc_interval(values, _class_patients(part, inside), "AUC of one scanner", how)
    one.add("auc_scanner", found, notes=_rank_collapse(found, score[rows]), subset=name)


def _class_patients(unit: Unit, positive: NDArray[np.bool_]) -> tuple[int, int]:
    return (
        int(np.unique(unit.clusters[positive]).size),
        int(np.unique(unit.clusters[~positive]).size),
    )


def _auc_interval(
    values: FloatArray, sizes: tuple[int, int] | None, label: str, how: Resampling
) -> Estimate:
    """Return the bootstrap interval, or Newcombe's where the classes are perfectly separated."""
    value = float(values[0])
    if value in (0.0, 1.0) and sizes is not None:
        found = stats.newcombe(value, *sizes, level=how.level)
        method = f"{label}; {how.level:.0%} interval by Newcombe's method 5 on patients"
        return Estimate(value, found.low, found.high, method, "perfect separation")
    found = _bootstrap(values, label, how)
    if found.low == found.high:
        return Estimate(value, math.nan, math.nan, f"{label}; no interval", "no spread")
    return found


def _rank_collapse(found: Estimate, score: FloatArray) -> list[str]:
    commonest = np.unique(score, return_counts=True)[1].max() / score.size
    if commonest >= COLLAPSE or float(np.ptp(score)) < 1e-9:
        return ["rank collapse: scores are (nearly) constant"]
    if found.low <= 0.5 <= found.high:
        return ["rank collapse: the interval covers 0.5"]
    return []


def _decision_rows(
    out: _Collector,
    unit: Unit,
    positive: NDArray[np.bool_],
    score: FloatArray,
    weights: FloatArray,
    how: Resampling,
) -> None:
    decided = score >= 0.5
    cells = (2 * positive + decided)[:, None] == np.arange(4)
    counts = unit.totals(cells.astype(np.float64), weights).reshape(-1, 2, 2)
    here = counts[0]
    share = max(float(decided.mean()), 1 - float(decided.mean()))
    collapse = []
    if share >= COLLAPSE:
        word = "positive" if decided.mean() > 0.5 else "negative"
        collapse.append(f"decision collapse: {word} predicted for {share:.1%}")
    shares = {
        "accuracy": (stats.accuracy, np.trace(here), here.sum()),
        "sensitivity": (stats.sensitivity, here[1, 1], here[1].sum()),
        "specificity": (stats.specificity, here[0, 0], here[0].sum()),
    }
    for name, (measure, hits, among) in shares.items():
        found = _share(unit, measure(counts), float(hits), float(among), how)
        out.add(name, found, notes=collapse)
    for name, measure in (("balanced_accuracy", stats.balanced_accuracy), ("mcc", stats.mcc)):
        found = _bootstrap(measure(counts), "threshold 0.5", how)
        out.add(name, found, notes=collapse)


def _share(
    unit: Unit, values: FloatArray, hits: float, among: float, how: Resampling, label: str = ""
) -> Estimate:
    """Return a proportion: Wilson when rows are patients, otherwise the bootstrap."""
    label = label or "threshold 0.5"
    if not unit.clustered:
        found = stats.wilson(hits, among, how.level)
        method = f"{label}; {how.level:.0%} Wilson interval"
        return Estimate(found.value, found.low, found.high, method, found.note)
    if values[0] in (0.0, 1.0):
        # The bootstrap has no spread here: as many independent cases as patients.
        patients = float(unit.n_patients) * among / unit.codes.size
        found = stats.wilson(float(values[0]) * patients, patients, how.level)
        method = f"{label}; {how.level:.0%} Wilson interval on the number of patients"
        return Estimate(found.value, found.low, found.high, method)
    return _bootstrap(values, label, how)


def _probability_rows(
    out: _Collector,
    unit: Unit,
    positive: NDArray[np.bool_],
    score: FloatArray,
    weights: FloatArray,
    how: Resampling,
) -> None:
    columns = np.column_stack(
        [
            np.ones(positive.size),
            stats.brier_score(positive, score),
            stats.log_loss(positive, score, CLIP),
        ]
    )
    sums = unit.totals(columns, weights)
    clipped = int(np.count_nonzero((score < CLIP) | (score > 1 - CLIP)))
    moved = [f"{clipped} probabilities moved to {CLIP:g} from 0 or 1"] if clipped else []
    out.add("brier", _bootstrap(sums[:, 1] / sums[:, 0], "mean squared error", how))
    out.add("log_loss", _bootstrap(sums[:, 2] / sums[:, 0], "natural log", how), notes=moved)
    groups = unit.clusters if unit.clustered else None
    fit = stats.calibration(positive, score, clusters=groups, clip=CLIP)
    error = "sandwich over patients" if unit.clustered else "model-based error"
    for name, value, se in (
        ("calibration_slope", fit.slope, fit.slope_se),
        ("calibration_in_the_large", fit.in_the_large, fit.in_the_large_se),
    ):
        half = z_value(how.level) * se
        method = f"logistic recalibration; {how.level:.0%} Wald interval, {error}"
        note = "" if math.isfinite(value) else "not defined: constant or separated probabilities"
        out.add(name, Estimate(value, value - half, value + half, method, note), notes=moved)


def stage_rows(unit: Unit, how: Resampling, *, ordered: bool) -> list[Row]:
    """Return the metrics of all stages together; decisions are the most probable stage."""
    out = _Collector(unit, "stages", None, how.text, _absent(unit))
    k = len(unit.levels)
    weights = unit.weights(unit.codes, how.n_boot, how.random_state)
    decided = np.argmax(unit.proba, axis=1)
    cells = (unit.codes * k + decided)[:, None] == np.arange(k * k)
    counts = unit.totals(cells.astype(np.float64), weights).reshape(-1, k, k)
    share = float(np.bincount(decided).max() / decided.size)
    collapse = []
    if share >= COLLAPSE:
        level = unit.levels[int(np.bincount(decided).argmax())]
        collapse.append(f"decision collapse: {level} predicted for {share:.1%}")
    label = "most probable stage"
    hits, among = float(np.trace(counts[0])), float(counts[0].sum())
    found = _share(unit, stats.accuracy(counts), hits, among, how, label)
    out.add("accuracy", found, notes=collapse)
    measures: dict[str, Any] = {"balanced_accuracy": stats.balanced_accuracy, "mcc": stats.mcc}
    if ordered:
        measures["quadratic_weighted_kappa"] = stats.weighted_kappa
        measures["mean_absolute_stage_error"] = stats.mean_absolute_stage_error
    for name, measure in measures.items():
        out.add(name, _bootstrap(measure(counts), label, how), notes=collapse)
    _macro_auc(out, unit, weights, how)
    parts = {
        "brier": stats.brier_score(unit.codes, unit.proba),
        "log_loss": stats.log_loss(unit.codes, unit.proba, CLIP),
    }
    if ordered:
        parts["ranked_probability_score"] = stats.ranked_probability_score(unit.codes, unit.proba)
    sums = unit.totals(np.column_stack([np.ones(unit.codes.size), *parts.values()]), weights)
    words = {"brier": "sum over stages of squared errors", "log_loss": f"clipped at {CLIP:g}"}
    for place, name in enumerate(parts, start=1):
        value = sums[:, place] / sums[:, 0]
        out.add(name, _bootstrap(value, words.get(name, "cumulative probabilities"), how))
    return out.rows


def _absent(unit: Unit) -> tuple[str, ...]:
    """Say which stages were never given a chance in a fold that has them."""
    found: list[str] = []
    for fold, name in enumerate(unit.fold_names):
        rows = unit.folds == fold
        found.extend(
            f"{unit.levels[code]} has probability 0 throughout fold {name}"
            for code in np.unique(unit.codes[rows])
            if (unit.proba[rows, code] == 0).all()
        )
    return tuple(found)


def _macro_auc(out: _Collector, unit: Unit, weights: FloatArray, how: Resampling) -> None:
    each = []
    for code in np.unique(unit.codes):
        right, pairs = unit.fold_pairs(unit.codes == code, unit.proba[:, code], weights)
        if pairs[0].sum() > 0:
            each.append(_ratio(right.sum(axis=1), pairs.sum(axis=1)))
    if not each:
        out.add("macro_auc", _nothing("no AUC: every fold holds one stage only"))
        return
    label = f"mean over {len(each)} stages of one-versus-rest AUC, weighted by pairs within folds"
    out.add("macro_auc", _auc_interval(np.mean(each, axis=0), None, label, how))


def _bootstrap(values: FloatArray, label: str, how: Resampling) -> Estimate:
    value = float(values[0])
    method = f"{label}; {how.text}"
    if how.n_boot == 0:
        return Estimate(value, math.nan, math.nan, method)
    if not math.isfinite(value):
        return Estimate(value, math.nan, math.nan, f"{label}; no interval", "not defined")
    return stats.percentile_interval(value, values[1:], how.level, method)


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    blank = np.full(above.shape, np.nan)
    result: FloatArray = np.divide(above, below, out=blank, where=below > 0)
    return result
