"""How many features a model chooses from, against how many patients there are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib._checks import list_some
from radiofib.errors import RadiofibError, TableError
from radiofib.evaluation.apply import describe_rows
from radiofib.evaluation.labels import labels_as_text
from radiofib.evaluation.linked import copy_groups
from radiofib.evaluation.splits import Split, check_no_leak, patient_folds
from radiofib.staging import check_levels, stager_frame, targets_for
from radiofib.staging.base import BaseStager
from radiofib.staging.chain import ChainStager, train_step
from radiofib.staging.inputs import to_numbers
from radiofib.staging.rows import Rows
from radiofib.staging.stagers import LogisticStager
from radiofib.staging.steps import Step
from radiofib.stats.explained import UNKNOWN_NAGELKERKE, largest_r2
from radiofib.stats.sample_size import (
    binary_sample_size,
    expected_shrinkage,
    most_parameters,
    multinomial_sample_size,
)
from radiofib.table import FeatureTable

__all__ = ["FEATURE_COUNT_COLUMNS", "Columns", "columns_of", "feature_counts"]

FEATURE_COUNT_COLUMNS = (
    "target",
    "patients",
    "events",
    "features",
    "candidates",
    "selected",
    "selected_least",
    "selected_most",
    "folds",
    "events_per_candidate",
    "needed_patients",
    "supported_candidates",
    "expected_shrinkage",
    "method",
    "verdict",
)
#: The row about all stages at once.
ALL_STAGES = "all_stages"


@dataclass(frozen=True)
class Columns:
    """Columns on their way through a stager.

    Parameters
    ----------
    features : int
        In the table.
    candidates : int
        Left after the steps that do not look at the stage: what the stage can choose from.
    selected : int
        That reach a learner.
    """

    features: int
    candidates: int
    selected: int


def feature_counts(
    table: FeatureTable,
    stager: BaseStager,
    *,
    folds: int = 5,
    random_state: int = 0,
    label: str = "stage",
    splits: Sequence[Split] | None = None,
    nagelkerke: float = UNKNOWN_NAGELKERKE,
) -> pd.DataFrame:
    """Return what a sample-size check says of each question, beside the counts it rests on.

    The steps of the stager are learnt on the training rows of each fold, its learner is not.
    Candidate parameters are the columns left by steps that do not look at the stage (constant,
    correlated, not repeating, components) and the scanner flags: selection by the stage spends
    what it saves. Patients count, not rows; a patient whose rows differ in stage counts as the
    commonest of them (the last of equals).

    Parameters
    ----------
    table : FeatureTable
    stager : BaseStager
        Untrained.
    folds, random_state, label, splits
        As for :func:`cross_validate`.
    nagelkerke : float
        Nagelkerke R2 to expect on new patients; 0.15 is Riley's suggestion when nothing is
        known.

    Returns
    -------
    DataFrame
        One row for each question (:func:`targets_for`), and with three or more stages one for
        all of them: ``target, patients, events`` (patients on the smaller side, or of the rarest
        stage), ``features, candidates, selected`` (medians over folds), ``selected_least,
        selected_most, folds`` (in which the steps could be learnt), ``events_per_candidate,
        needed_patients`` (Riley 2019; all stages: Pate 2023), ``supported_candidates`` (that so
        many patients are enough for), ``expected_shrinkage, method, verdict``.

    Raises
    ------
    TableError
        When there is no such label, or no row has a stage.
    SplitError
        When patients cannot be divided as asked.

    References
    ----------
    Riley RD et al. Stat Med 2019;38:1276-1296. Pate A et al. Stat Methods Med Res
    2023;32:555-571. Harrell FE. Regression Modeling Strategies, 2nd ed, section 4.7 (reduction
    without the outcome).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> obs = pd.DataFrame({"case": [f"c{i}" for i in range(40)],
    ...                     "stage": pd.Categorical(["s1", "s4"] * 20, ordered=True)})
    >>> X = pd.DataFrame(rng.normal(size=(40, 30))).rename(columns=lambda i: f"us_f{i}")
    >>> counts = feature_counts(FeatureTable(X, obs), LogisticStager())
    >>> counts[["target", "patients", "events", "candidates", "needed_patients"]].values.tolist()
    [['s4_vs_s1', 40, 20, 30.0, 2247]]
    >>> counts["verdict"][0]
    'too few patients: 40 for 30 candidate parameters, 2247 needed (or no candidate at all)'
    """
    if label not in table.obs:
        raise TableError(f"no column {label!r} for the stage", found=list_some(table.obs.columns))
    described = describe_rows(table, label=label)
    levels = check_levels(labels_as_text(table.obs[label])[1])
    rows = np.flatnonzero(described["y_true"].notna().to_numpy())
    if rows.size == 0:
        raise TableError("no row has a stage", where=f"column {label!r}")
    patients = described["patient"].to_numpy()[rows].astype(str)
    stages = described["y_true"].to_numpy()[rows].astype(str)
    copies = copy_groups(table.obs)
    if splits is None:
        splits = patient_folds(
            patients,
            stages,
            folds=folds,
            random_state=random_state,
            copies=None if copies is None else copies[rows],
        )
        trains = [split.train for split in splits]
    else:
        place = {int(row): k for k, row in enumerate(rows)}
        trains = [
            np.array([place[r] for r in split.train.tolist() if r in place], dtype=np.intp)
            for split in splits
        ]
        check_no_leak(
            splits,
            described["patient"].to_numpy(),
            copies=copies,
            cases=described["case"].to_numpy(),
        )
    whole = _rows(table, stager, rows, stages)
    found = [_counted(stager, whole.take(train)) for train in trains]
    counts = [each for each in found if each is not None]
    stage_of = _patient_stages(patients, stages)
    ordered = bool(getattr(table.obs[label].dtype, "ordered", False)) or len(levels) == 2
    lines = []
    for target in targets_for(levels, ordered=ordered):
        here = stage_of[target.concerns(stage_of)]
        up = int(target.labels(here).sum())
        lines.append(_line(target.name, [len(here) - up, up], counts, nagelkerke))
    if len(levels) > 2:
        sizes = [int((stage_of == level).sum()) for level in levels]
        lines.append(_line(ALL_STAGES, sizes, counts, nagelkerke, names=levels))
    features = table.X.shape[1]
    frame = pd.DataFrame(lines).assign(features=features)
    whole_numbers = {"needed_patients": "Int64", "supported_candidates": "Int64"}
    frame = frame.astype(whole_numbers)
    return frame[list(FEATURE_COUNT_COLUMNS)]


def columns_of(stager: BaseStager, rows: Rows) -> Columns:
    """Return how many columns come through the steps of a stager, learnt on these rows.

    Of stagers made of several, the one that sees most columns counts.

    Examples
    --------
    >>> rows = Rows(pd.DataFrame({"a": [1.0, 2, 3], "b": [5.0, 5, 5]}),
    ...             np.array(["s1", "s1", "s4"]), pd.DataFrame(index=range(3)))
    >>> from radiofib.staging.selection import NearConstant
    >>> columns_of(ChainStager(steps=[NearConstant()]), rows)
    Columns(features=2, candidates=1, selected=1)
    """
    width = rows.X.shape[1]
    if not isinstance(stager, ChainStager):
        inner = [
            columns_of(part, rows)
            for value in stager.get_params(deep=False).values()
            for part in (value if isinstance(value, list | tuple) else [value])
            if isinstance(part, BaseStager)
        ]
        if not inner:
            return Columns(width, width, width)
        return Columns(width, max(c.candidates for c in inner), max(c.selected for c in inner))
    blind, candidates = True, width
    for step in stager.steps:
        fitted, rows = train_step(step, rows)
        if isinstance(fitted, Step):
            blind = blind and not fitted.__sklearn_tags__().target_tags.required
            candidates = rows.X.shape[1] if blind else candidates
    rest = columns_of(stager.stager or LogisticStager(), rows)
    return Columns(width, rest.candidates if blind else candidates, rest.selected)


def _rows(
    table: FeatureTable, stager: BaseStager, rows: NDArray[np.intp], stages: NDArray[np.str_]
) -> Rows:
    frame = stager_frame(table, stager.context_columns).iloc[rows].reset_index(drop=True)
    context = frame[list(stager.context_columns)]
    return Rows(to_numbers(frame.drop(columns=list(stager.context_columns))), stages, context)


def _counted(stager: BaseStager, rows: Rows) -> Columns | None:
    """Return the columns of one fold, with the flags; None when its steps cannot be learnt."""
    flags = 0
    if stager.scanner_column is not None:
        flags = int(rows.context[stager.scanner_column].dropna().nunique())
    try:
        found = columns_of(stager, rows)
    except (RadiofibError, ValueError, ArithmeticError):
        return None
    return Columns(found.features, found.candidates + flags, found.selected)


def _patient_stages(patients: NDArray[np.str_], stages: NDArray[np.str_]) -> NDArray[np.str_]:
    """Return one stage for each patient."""
    frame = pd.DataFrame({"patient": patients, "stage": stages})
    size = frame.value_counts().reset_index(name="n").sort_values(["n", "stage"])
    last = size.drop_duplicates("patient", keep="last").sort_values("patient")
    return last["stage"].to_numpy(dtype=str)


def _line(
    name: str,
    sizes: Sequence[int],
    counts: Sequence[Columns],
    nagelkerke: float,
    names: Sequence[str] | None = None,
) -> dict[str, object]:
    """Return one row of the table."""
    n, events = sum(sizes), min(sizes)
    candidates = float(np.median([c.candidates for c in counts])) if counts else math.nan
    selected = [c.selected for c in counts]
    line: dict[str, object] = {
        "target": name,
        "patients": n,
        "events": events,
        "candidates": candidates,
        "selected": float(np.median(selected)) if counts else math.nan,
        "selected_least": min(selected, default=0),
        "selected_most": max(selected, default=0),
        "folds": len(counts),
        "events_per_candidate": events / candidates if candidates else math.nan,
        "needed_patients": None,
        "supported_candidates": None,
        "expected_shrinkage": math.nan,
        "method": "Riley 2019" if names is None else "Pate 2023",
    }
    if not counts:
        return line | {"verdict": "the steps could not be learnt in any fold"}
    if events == 0:
        return line | {"verdict": "a side of the question has no patient"}
    parameters = max(1, round(candidates))
    shares = [size / n for size in sizes]
    if names is None:
        r2 = nagelkerke * largest_r2(shares)
        needed = binary_sample_size(parameters, shares[1], r2=r2)
        supported = most_parameters(n, shares, r2=r2)
        shrinkage = expected_shrinkage(n, parameters, r2)
    else:
        pairs = _pairs(sizes, nagelkerke)
        needed = multinomial_sample_size(
            parameters,
            shares,
            names=names,
            r2=[r2 for _, _, r2 in pairs],
            overall_nagelkerke=nagelkerke,
        )
        supported = min(most_parameters(both, split, r2=r2) for both, split, r2 in pairs)
        shrinkage = min(expected_shrinkage(both, parameters, r2) for both, _, r2 in pairs)
    least = int(needed["n"].iloc[-1])
    line |= {
        "needed_patients": least,
        "supported_candidates": supported,
        "expected_shrinkage": shrinkage,
    }
    return line | {"verdict": _verdict(n, parameters, least, supported)}


def _pairs(sizes: Sequence[int], nagelkerke: float) -> list[tuple[int, list[float], float]]:
    """Return patients, shares and R2 of each pair of stages."""
    found = []
    for k in range(len(sizes)):
        for r in range(k + 1, len(sizes)):
            both = sizes[k] + sizes[r]
            split = [sizes[k] / both, sizes[r] / both]
            found.append((both, split, nagelkerke * largest_r2(split)))
    return found


def _verdict(n: int, parameters: int, needed: int, supported: int) -> str:
    what = f"{n} for {parameters} candidate parameter{'s' if parameters != 1 else ''}"
    if n >= needed:
        return f"enough patients: {what}, {needed} needed"
    fewer = f"or {supported} candidates" if supported > 1 else "or one candidate"
    if supported == 0:
        fewer = "or no candidate at all"
    return f"too few patients: {what}, {needed} needed ({fewer})"
