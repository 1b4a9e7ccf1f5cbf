"""Cut-offs chosen on other cases than those they are measured on, or said to be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiofib import stats
from radiofib.evaluation.intervals import effective_share, share
from radiofib.evaluation.rows import Row
from radiofib.evaluation.units import BinaryView, Unit
from radiofib.staging import Target
from radiofib.stats import Estimate

__all__ = ["THRESHOLD_COLUMNS", "predictive_estimates", "threshold_rows"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

THRESHOLD_COLUMNS = (
    *("rule", "threshold", "metric", "estimate", "ci_low", "ci_high"),
    *("n", "method", "note"),
)
RULES = {
    "youden": "largest Youden index",
    "sensitivity": "sensitivity 0.9",
    "specificity": "specificity 0.9",
    "dual": "rule out at sensitivity 0.9, rule in at specificity 0.9",
}


_ONE_SIDED = "the training rows of a fold hold one class only"


@dataclass(frozen=True, eq=False)
class _Cuts:
    """Cut-offs of each row: below `low` negative, from `high` positive, between undecided."""

    low: FloatArray
    high: FloatArray
    note: str


def threshold_rows(
    unit: Unit,
    target: Target,
    *,
    level: float = 0.95,
    training: Unit | Mapping[str, Unit] | None = None,
    asked: bool = False,
    prevalence: float | None = None,
) -> list[Row]:
    """Return what cut-offs achieve, for each rule of choosing them.

    Rules are those of :func:`radiofib.stats.choose_cutoffs` at 0.9. Cut-offs are chosen on
    training predictions when they are given, for each fold on its own when there is one set for
    each; else, when there are folds, for each fold on the predictions of the other folds; else
    on the rows themselves, and the note says that this is optimistic. ``threshold`` is the
    cut-off, the median over folds when each has its own.

    Parameters
    ----------
    unit : Unit
    target : Target
    level : float
    training : Unit, or mapping of fold to Unit, optional
        Training predictions of the same model.
    asked : bool
        Whether training predictions were given, for this model or another.
    prevalence : float, optional
        Predictive values are also given for this share of positives.

    Returns
    -------
    list of dict
        :data:`THRESHOLD_COLUMNS`.
    """
    view = unit.binary(target)
    if view.score is None or not view.both:
        return []
    trained: BinaryView | dict[str, BinaryView] | None = None
    if isinstance(training, Mapping):
        trained = {fold: part.binary(target) for fold, part in training.items()}
    elif training is not None:
        trained = training.binary(target)
    rows: list[Row] = []
    for rule, words in RULES.items():
        cuts = _choose(view, rule, trained, asked=asked)
        if isinstance(cuts, str):
            rows.append({"rule": words, "method": "none", "note": cuts, "n": view.positive.size})
        else:
            measured = _measure(view, cuts, level, prevalence, dual=rule == "dual")
            rows += [{"rule": words, **row} for row in measured]
    return rows


def _choose(
    view: BinaryView,
    rule: str,
    trained: BinaryView | Mapping[str, BinaryView] | None,
    *,
    asked: bool,
) -> _Cuts | str:
    """Return the cut-offs of each row, or why there are none."""
    assert view.score is not None
    size = view.positive.size
    if isinstance(trained, Mapping):
        return _choose_by_fold(view, rule, trained)
    if asked:
        if trained is None or trained.score is None or not trained.both:
            return "no training predictions of both sides from this model"
        cut = stats.choose_cutoffs(trained.positive, trained.score, rule)
        note = f"chosen on {trained.positive.size} training rows"
        return _Cuts(np.full(size, cut.low), np.full(size, cut.high), _joined(note, cut.note))
    if np.unique(view.unit.folds).size < 2:
        cut = stats.choose_cutoffs(view.positive, view.score, rule)
        note = "chosen on these very rows: optimistic"
        return _Cuts(np.full(size, cut.low), np.full(size, cut.high), _joined(note, cut.note))
    return _choose_by_fold(view, rule, None)


def _choose_by_fold(
    view: BinaryView, rule: str, trained: Mapping[str, BinaryView] | None
) -> _Cuts | str:
    """Choose for each fold on the training rows it has, else on the rows of the other folds."""
    assert view.score is not None
    size, folds = view.positive.size, np.unique(view.unit.folds)
    low, high = np.empty(size), np.empty(size)
    lows, highs, notes = [], [], []
    for fold in folds:
        inside = view.unit.folds == fold
        if trained is None:
            positive, score = view.positive[~inside], view.score[~inside]
        else:
            part = trained.get(view.unit.fold_names[fold])
            if part is None or part.score is None:
                return f"no training predictions for fold {view.unit.fold_names[fold]}"
            positive, score = part.positive, part.score
        if positive.all() or not positive.any():
            return "the other folds hold one class only" if trained is None else _ONE_SIDED
        cut = stats.choose_cutoffs(positive, score, rule)
        low[inside], high[inside] = cut.low, cut.high
        lows.append(cut.low)
        highs.append(cut.high)
        notes.append(cut.note)
    where = "the others" if trained is None else "training rows, predicted from inner folds"
    each = f"each of {folds.size} folds" if folds.size > 1 else "the fold"
    said = [f"chosen for {each} on {where}", *dict.fromkeys(notes)]
    spans = {"cut-offs": lows} if lows == highs else {"lower": lows, "upper": highs}
    said += [f"{name} {min(v):.4g} to {max(v):.4g}" for name, v in spans.items()]
    return _Cuts(low, high, "; ".join(s for s in said if s))


def _joined(*parts: str) -> str:
    return "; ".join(p for p in parts if p)


def _measure(
    view: BinaryView, cuts: _Cuts, level: float, prevalence: float | None, *, dual: bool
) -> list[Row]:
    assert view.score is not None
    unit, positive = view.unit, view.positive
    out, inside = view.score < cuts.low, view.score >= cuts.high
    low, high = float(np.median(cuts.low)), float(np.median(cuts.high))
    everyone = np.ones(positive.size, dtype=np.bool_)
    decided = out | inside
    found: list[tuple[str, float, BoolArray, BoolArray]] = [
        ("sensitivity", low, ~out, positive),
        ("specificity", high, ~inside, ~positive),
        ("ppv", high, positive, inside),
        ("npv", low, ~positive, out),
    ]
    if dual:
        found.append(("undecided", math.nan, ~decided, everyone))
        found.append(("accuracy_of_decided", math.nan, inside == positive, decided))
    else:
        found.append(("accuracy", high, inside == positive, everyone))
    rows = [
        _row(name, cut, share(unit, hits, among, level, "cut-off"), int(among.sum()))
        for name, cut, hits, among in found
    ]
    if prevalence is not None:
        upper, _ = predictive_estimates(view, inside, prevalence, level)
        _, lower = predictive_estimates(view, ~out, prevalence, level)
        for name, cut, value in (("ppv", high, upper), ("npv", low, lower)):
            rows.append(_row(f"{name}_at_prevalence_{prevalence:g}", cut, value, positive.size))
    for row in rows:
        # A turned score is called positive from below: the cut-off as the score itself has it.
        row["threshold"] = -row["threshold"] if view.turned else row["threshold"]
        turned = "positive at or below the cut-off" if view.turned else ""
        row["note"] = _joined(cuts.note, turned, row["note"])
    return rows


def _row(metric: str, threshold: float, found: Estimate, n: int) -> Row:
    return {
        "threshold": threshold,
        "metric": metric,
        "estimate": found.value,
        "ci_low": found.low,
        "ci_high": found.high,
        "n": n,
        "method": found.method,
        "note": found.note,
    }


def predictive_estimates(
    view: BinaryView, called: BoolArray, prevalence: float, level: float
) -> tuple[Estimate, Estimate]:
    """Return PPV and NPV where a share `prevalence` is positive, by the logit method.

    On the effective numbers of positive and of negative rows when patients have several, see
    :func:`radiofib.evaluation.intervals.share` and :func:`radiofib.stats.predictive_values`.
    """
    found, n_pos = effective_share(view.unit, called, view.positive)
    right, n_neg = effective_share(view.unit, ~called, ~view.positive)
    return stats.predictive_values(found * n_pos, n_pos, right * n_neg, n_neg, prevalence, level)
