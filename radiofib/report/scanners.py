"""Performance on each left-out scanner, as the evaluation recorded it."""

from __future__ import annotations

import math

import pandas as pd

from radiofib.report.blocks import Cell, Column, Group, Note, Table, number, text
from radiofib.report.context import Context, read_metric
from radiofib.report.format import count, estimate_with_interval, shorten

__all__ = ["scanner_table"]

MOST_SCANNERS = 40
MOST_TARGETS = 4
#: Metric of the evaluation that holds the AUC of one left-out scanner (column ``subset``).
METRIC = "auc_scanner"


def scanner_table(context: Context) -> Table | Note | None:
    """Build the table of left-out scanners, or a note on why there is none.

    None when no scanner was left out.
    """
    metrics = context.folder.table("metrics")
    if metrics is None or "loso" not in context.settings:
        return None
    if "subset" not in metrics or METRIC not in set(metrics["metric"]):
        return Note("evaluation/metrics.csv has no results of single scanners.")
    part = metrics[
        (metrics["metric"] == METRIC)
        & (metrics["setting"] == "loso")
        & (metrics["model"] == context.main_model)
        & (metrics["unit"] == context.main_unit)
    ]
    targets = [t for t in context.targets if t in set(part["target"])][:MOST_TARGETS]
    scanners = sorted(part["subset"].unique())
    mix = _stages(context)
    levels = context.levels[:8] if mix is not None else []
    rows: list[tuple[Cell, ...]] = []
    notes: dict[str, None] = {}
    for scanner in scanners[:MOST_SCANNERS]:
        here = part[part["subset"] == scanner]
        row = [text(shorten(scanner or "not recorded", 60))]
        if mix is not None:
            sizes = [int(mix.get((scanner, level), 0)) for level in levels]
            row += [number(count(n), float(n)) for n in sizes]
        else:
            n = float(here["n"].max())
            row.append(number(count(n), n))
        for target in targets:
            found = here[here["target"] == target].to_dict(orient="records")
            row.append(_auc(found[0] if found else {}))
        rows.append(tuple(row))
        notes |= dict.fromkeys(map(context.note_text, _why_missing(here)))
    sizes_columns = (
        tuple(
            Column(shorten(context.labels[v], 20), numeric=True, group="Patients by stage")
            for v in levels
        )
        if mix is not None
        else (Column("Patients" if context.main_unit == "patient" else "Rows", numeric=True),)
    )
    columns = (
        Column("Scanner left out"),
        *sizes_columns,
        *(Column(context.target_name(t), kind="estimate", group="AUC (95 % CI)") for t in targets),
    )
    said = [f"{context.model_name(context.main_model)}, by {context.main_unit}."]
    if any("†" in c.text for row in rows for c in row):
        said.append("† Sparse: fewer than ten on one side of the comparison.")
    if any(c.text == "–" for row in rows for c in row):
        said.append("–: not defined" + (f" ({shorten('; '.join(notes), 200)})." if notes else "."))
    if len(scanners) > MOST_SCANNERS:
        said.append(f"{len(scanners) - MOST_SCANNERS} more scanners are in metrics.csv.")
    caption = "Each scanner in turn left out of training and predicted."
    return Table(caption, columns, (Group("", tuple(rows)),), tuple(said))


def _auc(row: dict[str, object]) -> Cell:
    found = read_metric(row)
    if not math.isfinite(found.value):
        return text("–")
    shown = estimate_with_interval(found.value, found.low, found.high)
    return number(shown + (" †" if found.sparse else ""), found.value)


def _why_missing(rows: pd.DataFrame) -> list[str]:
    if "note" not in rows:
        return []
    notes = rows.loc[rows["estimate"].isna(), "note"]
    return [n for note in notes for n in note.split("; ") if n.startswith("no AUC")]


def _stages(context: Context) -> pd.Series | None:
    """Count patients by left-out scanner and stage from the predictions."""
    frame = context.folder.table("predictions")
    if frame is None or not {"scanner", "setting"} <= set(frame):
        return None
    frame = frame[frame["setting"] == "loso"]
    if "model" in frame:
        frame = frame[frame["model"] == context.main_model]
    key = "patient" if "patient" in frame else "case"
    return frame.groupby(["scanner", "y_true"])[key].nunique()
