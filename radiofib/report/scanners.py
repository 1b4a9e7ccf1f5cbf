"""Performance on each left-out scanner."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from radiofib.report.blocks import Cell, Column, Group, Note, Table, number, text
from radiofib.report.context import AUC_NAMES, Context
from radiofib.report.format import count, estimate, estimate_with_interval, shorten, target_levels

__all__ = ["scanner_table"]

MOST_SCANNERS = 40


def scanner_table(context: Context) -> Table | Note | None:
    """Build the table of left-out scanners, or a note on why there is none.

    Intervals come from the metrics table when it has rows for single scanners. Otherwise the AUC
    is computed from the predictions (mean score per patient) and shown without an interval.
    """
    if "loso" not in context.settings:
        return None
    predictions = context.folder.table("predictions")
    if predictions is None or not {"scanner", "setting"} <= set(predictions):
        reason = context.folder.why_not("predictions") or "predictions.csv names no scanner."
        return Note(f"{reason} Results of single scanners are left out.")
    frame = predictions[predictions["setting"] == "loso"]
    if "model" in frame:
        frame = frame[frame["model"] == context.main_model]
    if not len(frame):
        return Note("predictions.csv holds no prediction on an unseen scanner.")
    recorded = _recorded(context)
    sides = target_levels(context.main_target, context.levels)
    rows = []
    scanners = sorted(frame["scanner"].unique())
    for scanner in scanners[:MOST_SCANNERS]:
        part = frame[frame["scanner"] == scanner]
        by_patient = part.groupby("patient" if "patient" in part else "case")["y_true"].first()
        stages = [
            number(count(n), float(n))
            for n in (int((by_patient == level).sum()) for level in context.levels[:8])
        ]
        if scanner in recorded:
            shown = recorded[scanner]
        else:
            value = _patient_auc(part, sides)
            shown = number(estimate(value), value)
        rows.append(
            (
                text(shorten(scanner or "not recorded", 60)),
                number(count(len(part)), float(len(part))),
                number(count(len(by_patient)), float(len(by_patient))),
                *stages,
                shown,
            )
        )
    target = context.target_name(context.main_target)
    columns = (
        Column("Scanner left out"),
        Column("Rows", numeric=True),
        Column("Patients", numeric=True),
        *(
            Column(shorten(context.labels[level], 20), numeric=True, group="Patients by stage")
            for level in context.levels[:8]
        ),
        Column("AUC", numeric=True),
    )
    notes = [f"{target}, {context.model_name(context.main_model)}, by patient."]
    if recorded:
        notes.append("95 % confidence interval in brackets.")
    else:
        notes.append("Estimates alone: metrics.csv has no intervals for single scanners.")
    if any(row[-1].text == "–" for row in rows):
        notes.append("–: only one side of the comparison occurs on that scanner.")
    if len(scanners) > MOST_SCANNERS:
        notes.append(f"{len(scanners) - MOST_SCANNERS} more scanners are in predictions.csv.")
    caption = "Each scanner in turn left out of training and predicted."
    return Table(caption, columns, (Group("", tuple(rows)),), tuple(notes))


def _recorded(context: Context) -> dict[str, Cell]:
    metrics = context.folder.table("metrics")
    if metrics is None or "scanner" not in metrics:
        return {}
    part = metrics[
        (metrics["setting"] == "loso")
        & (metrics["model"] == context.main_model)
        & (metrics["unit"] == context.main_unit)
        & (metrics["target"] == context.main_target)
        & metrics["metric"].isin(AUC_NAMES)
        & ~metrics["scanner"].isin(["", "all"])
    ]
    found = {}
    for row in part.to_dict(orient="records"):
        ends = (float(row.get("ci_low", math.nan)), float(row.get("ci_high", math.nan)))
        shown = estimate_with_interval(float(row["estimate"]), *ends)
        found[str(row["scanner"])] = number(shown, float(row["estimate"]))
    return found


def _patient_auc(part: pd.DataFrame, sides: tuple[list[str], list[str]] | None) -> float:
    """Return the AUC of mean scores per patient, NaN when a side is empty or unknown."""
    if sides is None or not all(f"p_{level}" in part for level in sides[0]):
        return math.nan
    positive, negative = sides
    part = part[part["y_true"].isin([*positive, *negative])]
    scores = sum(pd.to_numeric(part[f"p_{level}"], errors="coerce") for level in positive)
    key = part["patient" if "patient" in part else "case"]
    score = pd.Series(scores, index=part.index).groupby(key).mean()
    truth = part["y_true"].isin(positive).groupby(key).max()
    y, s = truth.to_numpy(dtype=bool), score.to_numpy(dtype=float)
    m, n = int(y.sum()), int((~y).sum())
    if m == 0 or n == 0 or not np.isfinite(s).all():
        return math.nan
    return float((rankdata(s)[y].sum() - m * (m + 1) / 2) / (m * n))
