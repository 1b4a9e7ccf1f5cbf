"""Models against models, and readers against models, with paired differences."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from radiofib.report.blocks import (
    Block,
    Cell,
    Column,
    Group,
    Heading,
    Paragraph,
    Section,
    Table,
    number,
    text,
)
from radiofib.report.context import Context
from radiofib.report.format import count, estimate, estimate_with_interval, p_value, shorten

__all__ = ["comparisons_section"]

MOST_ROWS = 40
_PAIRED = (
    Column("Difference (95 % CI)", kind="estimate"),
    Column("p", numeric=True),
    Column("Adjusted p", numeric=True),
)


def comparisons_section(context: Context) -> Section | None:
    """Build the section on comparisons; None when nothing was compared."""
    blocks = [*_models(context), *_readers(context)]
    return Section("comparisons", "Comparisons", tuple(blocks)) if blocks else None


def _rows(context: Context, name: str) -> tuple[pd.DataFrame | None, str]:
    """Return the rows of a table in the main unit, or in the only unit there is."""
    frame = context.folder.table(name)
    if frame is None or not len(frame):
        return None, ""
    units = list(dict.fromkeys(frame["unit"]))
    unit = context.main_unit if context.main_unit in units else str(units[0])
    return frame[frame["unit"] == unit], unit


def _models(context: Context) -> list[Block]:
    frame, unit = _rows(context, "comparisons")
    if frame is None:
        return []
    columns = (
        Column("First model"),
        Column("Second model"),
        Column("First", numeric=True, group="AUC"),
        Column("Second", numeric=True, group="AUC"),
        *_PAIRED,
    )
    groups = [
        Group(
            _title(context, target, setting, part),
            tuple(
                (
                    text(shorten(context.model_name(row["model_a"]), 60)),
                    text(shorten(context.model_name(row["model_b"]), 60)),
                    number(estimate(row["auc_a"]), row["auc_a"]),
                    number(estimate(row["auc_b"]), row["auc_b"]),
                    *_paired(row),
                )
                for row in part.head(MOST_ROWS).to_dict(orient="records")
            ),
        )
        for target, setting, part in _parts(context, frame)
    ]
    caption = f"Models compared on the same cases, by {unit}: first minus second."
    notes = _notes(frame, "evaluation/comparisons.csv")
    return [Heading("Models"), Table(caption, columns, tuple(groups), notes)]


def _readers(context: Context) -> list[Block]:
    frame, unit = _rows(context, "readers")
    if frame is None:
        return []
    noted = bool((frame["note"] != "").any())
    columns = (
        Column("Reader"),
        Column("Model"),
        Column("Reader", numeric=True, group="AUC"),
        Column("Model", numeric=True, group="AUC"),
        Column("Arrow"),
        *_PAIRED,
        *([Column("Note", kind="prose")] if noted else []),
    )
    groups = [
        Group(
            _title(context, target, setting, part),
            tuple(
                (
                    text(shorten(row["reader"], 60)),
                    text(shorten(context.model_name(row["model"]), 60)),
                    number(estimate(row["auc_reader"]), row["auc_reader"]),
                    number(estimate(row["auc_model"]), row["auc_model"]),
                    Cell(shorten(row["arrow"], 12), strong=True),
                    *_paired(row),
                    *([text(shorten(row["note"], 160))] if noted else []),
                )
                for row in part.head(MOST_ROWS).to_dict(orient="records")
            ),
        )
        for target, setting, part in _parts(context, frame)
    ]
    said = (
        "Each reader is compared with each model on the cases both have read; readers are never "
        "averaged. Arrows mark differences with an unadjusted p below 0.05: up where the reader is "
        "above the model, down where below; the adjusted p stands in the last column."
    )
    caption = f"Readers and models on the same cases, by {unit}."
    notes = _notes(frame.drop(columns="note"), "evaluation/readers.csv")
    return [Heading("Readers"), Paragraph(said), Table(caption, columns, tuple(groups), notes)]


def _parts(context: Context, frame: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """Divide a table by target and setting, each in its order."""
    known = [s for s in context.settings if s in set(frame["setting"])]
    settings = list(dict.fromkeys([*known, *frame["setting"]]))[:4]
    divided = [
        (t, s, frame[(frame["target"] == t) & (frame["setting"] == s)])
        for t in context.in_order(frame["target"])[:12]
        for s in settings
    ]
    return [part for part in divided if len(part[2])]


def _title(context: Context, target: str, setting: str, part: pd.DataFrame) -> str:
    sizes = part[["n", "n_pos"]].drop_duplicates()
    title = f"{context.target_title(target)}, {context.setting_name(setting)}"
    if len(sizes) != 1 or sizes.isna().any(axis=None):
        return title
    n, n_pos = sizes.iloc[0]
    return f"{title} ({count(n_pos)} of {count(n)})"


def _paired(row: dict[Any, Any]) -> tuple[Cell, ...]:
    value, low, high = (float(row[c]) for c in ("difference", "ci_low", "ci_high"))
    known = math.isfinite(low) and math.isfinite(high)
    shown = (
        estimate_with_interval(value, low, high) if known else f"{estimate(value)} (no interval)"
    )
    return (
        number(shown if math.isfinite(value) else "–", value),
        *(number(p_value(row[c]), float(row[c])) for c in ("p", "p_adjusted")),
    )


def _notes(frame: pd.DataFrame, name: str) -> tuple[str, ...]:
    """Say how the numbers were made: each adjustment, method and note once."""
    notes = []
    for column, word in (("adjustment", "Adjustment"), ("method", "Method"), ("note", "Note")):
        found = [v for v in dict.fromkeys(frame.get(column, ())) if v]
        if found:
            notes.append(f"{word}: {shorten('; '.join(found[:4]), 400)}.")
    if frame.groupby(["target", "setting"]).size().max() > MOST_ROWS:
        notes.append(f"At most {MOST_ROWS} rows of a target are shown; all are in {name}.")
    return tuple(notes)
