"""Thresholds that a stager takes along: for its prediction sets, and for when it abstains."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib.evaluation.abstain import AbstainRule, choose_for
from radiofib.evaluation.conformal_cases import Cases, cases_of, commonest
from radiofib.evaluation.predictions import check_predictions
from radiofib.evaluation.units import patient_unit, row_unit
from radiofib.staging import Target, targets_for
from radiofib.stats.conformal import set_ends, set_members, smallest_calibration, stage_scores

__all__ = ["KNOWN", "SAME", "UNSEEN", "Thresholds", "add_sets", "learn_thresholds"]

FloatArray = NDArray[np.float64]

#: Places for which a threshold may hold.
SAME, KNOWN, UNSEEN = "same scanner", "training scanners", "unseen scanner"


@dataclass(frozen=True)
class Thresholds:
    """Thresholds of prediction sets and cut-offs of an abstaining rule, by where a case is from.

    Parameters
    ----------
    levels : tuple of str
    ordered : bool
    alpha : float
    score : str
        Of :data:`radiofib.stats.conformal.SCORES`.
    rule : str
        The abstaining rule in words.
    sets : mapping of str to (float or None, int)
        Place -> threshold (None: every stage) and patients it is from: ``training scanners``,
        ``unseen scanner``, and ``same scanner <name>`` for each scanner with enough of them.
    cuts : mapping of str to mapping
        Target -> place -> lower and upper cut-off (None: nobody).
    """

    levels: tuple[str, ...]
    ordered: bool
    alpha: float
    score: str
    rule: str
    sets: Mapping[str, tuple[float | None, int]]
    cuts: Mapping[str, Mapping[str, tuple[float | None, float | None]]]


def learn_thresholds(
    predictions: pd.DataFrame,
    *,
    levels: Sequence[str],
    ordered: bool,
    alpha: float = 0.1,
    score: str = "greedy",
    rule: AbstainRule | None = None,
) -> Thresholds:
    """Learn thresholds from predictions of patients that the models had not seen.

    Parameters
    ----------
    predictions : DataFrame
        Of one model: setting ``cv`` for cases of the training scanners, ``loso`` for cases of
        other ones; without ``cv``, any setting.
    levels : sequence of str
    ordered : bool
    alpha, score, rule
        As :func:`radiofib.evaluation.conformal.prediction_sets` and
        :func:`radiofib.evaluation.abstain.abstain_table` take them.

    Notes
    -----
    The stager that answers is trained on all patients, those that the thresholds are from were
    predicted by others trained on most: what is promised of new patients of the training
    scanners holds nearly. For an unseen scanner nothing is promised; thresholds from scanners
    that were left out in turn are the nearest there is.
    """
    frame = check_predictions(predictions, levels=levels)
    kind = score if ordered else "sorted"
    found = {str(s): part for s, part in frame.groupby("setting", sort=False)}
    inside = found.get("cv")
    if inside is None:
        inside = next((part for s, part in found.items() if s != "loso"), None)
    sets: dict[str, tuple[float | None, int]] = {}
    cuts: dict[str, dict[str, tuple[float | None, float | None]]] = {}
    asked = rule or AbstainRule()
    questions = targets_for(levels, ordered=ordered)
    for place, part in ((KNOWN, inside), (UNSEEN, found.get("loso"))):
        if part is None:
            continue
        _, cases = cases_of(part, levels, kind)
        sets[place] = _threshold(cases, alpha)
        unit = patient_unit(row_unit(part, levels))
        for target in questions:
            cut = choose_for(unit.binary(target), asked)
            if cut is not None:
                cuts.setdefault(target.name, {})[place] = _finite(cut.low), _finite(cut.high)
        if place == KNOWN:
            sets |= _by_scanner(cases, alpha)
    return Thresholds(tuple(levels), ordered, alpha, kind, asked.name, sets, cuts)


def _threshold(cases: Cases, alpha: float) -> tuple[float | None, int]:
    limit, count = cases.threshold(alpha)
    return _finite(limit), count


def _by_scanner(cases: Cases, alpha: float) -> dict[str, tuple[float | None, int]]:
    scanners = cases.frame["scanner"].to_numpy(dtype=str)
    names = [n for n in np.unique(scanners).tolist() if n]
    found = {f"{SAME} {n}": _threshold(cases.take(scanners == n), alpha) for n in names}
    least = smallest_calibration(alpha)
    return {name: value for name, value in found.items() if value[1] >= least and len(names) > 1}


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def add_sets(said: pd.DataFrame, known: Thresholds, scanners: Sequence[str]) -> pd.DataFrame:
    """Add set and call of its patient to each row of predictions.

    Parameters
    ----------
    said : DataFrame
        As :func:`radiofib.evaluation.predict_table` returns; its order is kept.
    known : Thresholds
    scanners : sequence of str
        Scanners in training; none when they are not known.

    Returns
    -------
    DataFrame
        With ``set_low, set_high`` (``set_stages`` for stages without an order), ``set_for``,
        where the threshold is from, and ``call_<target>``: ``rule_out``, ``grey`` or
        ``rule_in``. They are those of the patient's mean probabilities, the same in all of its
        rows; missing where probabilities are.
    """
    columns = [f"p_{v}" for v in known.levels]
    owner = said["patient"].astype(str)
    usable = said[columns].notna().all(axis=1)
    mean = said[usable].groupby(owner[usable])[columns].mean()
    patients, codes = np.unique(owner.to_numpy(dtype=str), return_inverse=True)
    named = commonest(said["scanner"].fillna("").to_numpy(dtype=str), codes)
    where = pd.Series(named, index=patients).loc[mean.index]
    place = [_place(name, known, scanners) for name in where]
    members = _members(mean.to_numpy(dtype=np.float64), known, place)
    low, high = set_ends(members)
    stages = np.array(known.levels, dtype=object)
    per_patient = pd.DataFrame(index=mean.index)
    if known.ordered:
        per_patient["set_low"], per_patient["set_high"] = stages[low], stages[high]
    else:
        per_patient["set_stages"] = ["|".join(stages[row]) for row in members]
    per_patient["set_for"] = [p.split(f"{SAME} ")[0] or SAME for p in place]
    for target in targets_for(known.levels, ordered=known.ordered):
        if target.name in known.cuts:
            per_patient[f"call_{target.column}"] = _calls(mean, target, known, place)
    added = per_patient.reindex(owner).reset_index(drop=True)
    return pd.concat([said, added.astype(object).where(added.notna(), None)], axis=1)


def _place(scanner: str, known: Thresholds, scanners: Sequence[str]) -> str:
    """Return which thresholds a case of this scanner has."""
    if f"{SAME} {scanner}" in known.sets:
        return f"{SAME} {scanner}"
    # Without any name of a scanner in training, all cases are from where training cases were.
    return KNOWN if scanner in scanners or not scanners else UNSEEN


def _members(proba: FloatArray, known: Thresholds, place: Sequence[str]) -> NDArray[np.bool_]:
    """Return the stages in the set of each patient."""
    limits = []
    for name in place:
        limit, _ = known.sets.get(name) or known.sets.get(KNOWN) or (None, 0)
        limits.append(math.inf if limit is None else limit)
    total = proba.sum(axis=1, keepdims=True)
    return set_members(stage_scores(proba / total, known.score), np.array(limits))


def _calls(
    mean: pd.DataFrame, target: Target, known: Thresholds, place: Sequence[str]
) -> list[str]:
    """Return what the abstaining rule says of each patient."""
    score = target.score(mean.to_numpy(dtype=np.float64), known.levels)
    by_place = known.cuts[target.name]
    calls = []
    for value, name in zip(score, place, strict=True):
        cuts = by_place.get(UNSEEN if name == UNSEEN else KNOWN)
        low, high = cuts or next(iter(by_place.values()))
        out, into = low is not None and value < low, high is not None and value >= high
        calls.append("rule_out" if out else "rule_in" if into else "grey")
    return calls
