"""Cases that all readers and all models scored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib.errors import Failure
from radiofib.evaluation.readings import missing_reading
from radiofib.evaluation.units import row_unit
from radiofib.staging import Target

__all__ = ["ReaderCohort", "case_table", "reader_cohorts", "turned_scores"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ReaderCohort:
    """Cases that all readers of one reading and all models scored, for one target.

    Scores are higher for "more likely positive".
    """

    reading: str
    setting: str
    target: Target
    cases: NDArray[np.str_]
    positive: NDArray[np.bool_]
    clusters: NDArray[np.intp]
    folds: NDArray[np.intp]
    readers: dict[str, FloatArray]
    models: dict[str, FloatArray]
    note: str


def reader_cohorts(
    frame: pd.DataFrame,
    readings: pd.DataFrame,
    levels: tuple[str, ...],
    targets: Sequence[Target],
    failures: list[Failure],
) -> Iterator[ReaderCohort]:
    """Yield the shared cohort of each reading, setting and target; add to `failures`."""
    settings = list(dict.fromkeys(frame["setting"]))
    models = list(dict.fromkeys(frame["model"]))
    for reading in dict.fromkeys(readings["reading"]):
        said = readings[readings["reading"] == reading]
        lower = reading.lower()
        named = [s for s in settings if str(s).lower() == lower]
        inside = [m for m in models if str(m).lower().endswith(f"[{lower}]")]
        for setting in named or settings:
            part = frame[(frame["setting"] == setting) & frame["model"].isin(inside or models)]
            if part.empty:
                continue
            for target in targets:
                mine = said[said["target"].isin([target.name, ""])]
                cohort = _cohort(part, mine, levels, target, reading, str(setting), failures)
                if cohort is not None:
                    yield cohort


def _cohort(
    frame: pd.DataFrame,
    readings: pd.DataFrame,
    levels: tuple[str, ...],
    target: Target,
    reading: str,
    setting: str,
    failures: list[Failure],
) -> ReaderCohort | None:
    """Return the shared cohort of one reading, setting and target; None when nobody read it."""
    # A score about this target goes before one about the stage.
    readings = readings.sort_values("target", ascending=False, kind="stable")
    readings = readings.drop_duplicates(["case", "reader"])
    found = {str(m): case_table(p, levels, target) for m, p in frame.groupby("model", sort=False)}
    tables = {model: t for model, t in found.items() if t is not None}
    scores = {}
    for reader, part in readings.groupby("reader", sort=False):
        turned = turned_scores(part, levels, target)
        if turned is not None:
            scores[str(reader)] = turned
    if not tables or not scores:
        return None
    first = next(iter(tables.values()))
    asked = set(first.index)
    shared = sorted(
        asked.intersection(*(t.index for t in tables.values()), *(s.index for s in scores.values()))
    )
    for reader, score in scores.items():
        about = readings.loc[readings["reader"] == reader, "target"].iloc[0]
        failures += [
            missing_reading(case, reader, reading, about)
            for case in sorted(asked - set(score.index))
        ]
    lost = len(asked) - len(shared)
    note = f"{lost} cases left out that not every reader and model scored" if lost else ""
    folds = pd.DataFrame({m: t["fold"] for m, t in tables.items()}).loc[shared]
    cells = folds.astype(str).agg("|".join, axis=1).to_numpy(dtype=str)
    kept = first.loc[shared]
    return ReaderCohort(
        reading,
        setting,
        target,
        np.array(shared, dtype=str),
        kept["positive"].to_numpy(dtype=np.bool_),
        np.unique(kept["patient"].to_numpy(dtype=str), return_inverse=True)[1],
        np.unique(cells, return_inverse=True)[1],
        {r: s.loc[shared].to_numpy(dtype=np.float64) for r, s in scores.items()},
        {m: t.loc[shared, "score"].to_numpy(dtype=np.float64) for m, t in tables.items()},
        note,
    )


def case_table(frame: pd.DataFrame, levels: tuple[str, ...], target: Target) -> pd.DataFrame | None:
    """Return side, patient, fold and mean score of each case a target is about."""
    known = frame[frame["y_true"].isin(target.positive | target.negative)]
    if known.empty:
        return None
    keys = ["case", "patient", "fold", "y_true"]
    columns = [c for c in ("score", *(f"p_{n}" for n in levels)) if c in known]
    mean = known.groupby("case", sort=True)[columns].mean()
    first = known.groupby("case", sort=True)[keys[1:]].first()
    table = pd.concat([first, mean], axis=1).reset_index()
    # Sorted by case alone, so that the unit keeps this order.
    unit = row_unit(table.assign(fold="1", patient=table["case"]), levels)
    view = unit.binary(target)
    if view.score is None:
        return None
    return table.assign(positive=view.positive, score=view.score).set_index("case")[
        ["positive", "patient", "fold", "score"]
    ]


def turned_scores(part: pd.DataFrame, levels: tuple[str, ...], target: Target) -> pd.Series | None:
    """Return a reader's scores by case, high for the positive side; None when they cannot tell."""
    place = {name: i for i, name in enumerate(levels)}
    up = [place[n] for n in target.positive]
    down = [place[n] for n in target.negative]
    about = part["target"].eq(target.name).to_numpy()
    sign = 1.0 if min(up) > max(down) else -1.0 if max(up) < min(down) else 0.0
    if sign == 0.0 and not about.all():
        part, about = part[about], about[about]
        if part.empty:
            return None
    values = part["score"].to_numpy() * np.where(about, 1.0, sign)
    return pd.Series(values, index=part["case"].to_numpy())
