"""Whether there are enough patients for the features that the stager chooses from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from radiofib.report.blocks import (
    Block,
    Cell,
    Column,
    Group,
    Heading,
    Note,
    Table,
    number,
    text,
)
from radiofib.report.context import Context
from radiofib.report.format import count, estimate, shorten

__all__ = ["counts_blocks"]

MOST_MODELS = 6
MOST_TARGETS = 20
_NOTES = (
    "Needed: patients with whom overfitting is expected to shrink effects by a tenth at most, to "
    "inflate the explained variation little, and to leave the overall risk known within 0.05 "
    "(Riley 2019; all stages at once: Pate 2023), if the model explains 15 % of what can be "
    "explained, the usual guess when nothing is known.",
    "Candidates: columns left by steps that do not look at the stage, and scanner flags. What is "
    "then selected by the stage does not lower the need. Medians over folds.",
    "Events: patients on the smaller side of the question, or of the rarest stage. Expected "
    "shrinkage: 1 is no overfitting; 0.9 is asked for.",
)


def counts_blocks(context: Context) -> list[Block]:
    """Return the sample-size check of each question; nothing when the run has none."""
    frame = context.folder.table("feature_counts")
    if frame is None or not len(frame):
        return []
    models = list(dict.fromkeys(frame["model"]))
    models.sort(key=lambda m: m != context.main_model)
    groups = []
    cut = 0
    for model in models[:MOST_MODELS]:
        part = frame[frame["model"] == model]
        cut += max(0, len(part) - MOST_TARGETS)
        rows = part.head(MOST_TARGETS).to_dict(orient="records")
        title = shorten(context.model_name(model), 80) if len(models) > 1 else ""
        groups.append(Group(title, tuple(_row(context, row) for row in rows)))
    columns = (
        Column("Question"),
        Column("Patients", numeric=True),
        Column("Events", numeric=True),
        Column("Features", numeric=True),
        Column("Candidates", numeric=True),
        Column("After selection", numeric=True),
        Column("Events per candidate", numeric=True),
        Column("Needed patients", numeric=True),
        Column("Expected shrinkage", numeric=True),
    )
    notes = list(_NOTES)
    if len(models) > MOST_MODELS or cut:
        notes.append("The rest: evaluation/feature_counts.csv.")
    caption = "Patients there are, and patients needed for so many features."
    main = frame[(frame["model"] == models[0]) & (frame["target"] == context.main_target)]
    row = (main if len(main) else frame[frame["model"] == models[0]]).iloc[0]
    return [
        Heading("Enough patients for so many features?"),
        Note(_sentence(context, row.to_dict()), caution=not row["verdict"].startswith("enough")),
        Table(caption, columns, tuple(groups), tuple(notes)),
    ]


def _target(context: Context, target: str) -> str:
    return shorten(context.target_name("stages" if target == "all_stages" else target), 80)


def _sentence(context: Context, row: Mapping[Any, Any]) -> str:
    target = _target(context, str(row["target"]))
    verdict = shorten(row["verdict"], 200).rstrip(".")
    return f"{target[:1].upper()}{target[1:]}: {verdict}."


def _row(context: Context, row: Mapping[Any, Any]) -> tuple[Cell, ...]:
    whole = ("patients", "events", "features", "candidates", "selected")
    return (
        text(_target(context, str(row["target"]))),
        *(number(count(float(row[c])), float(row[c])) for c in whole),
        _decimals(row, "events_per_candidate"),
        number(count(float(row["needed_patients"])), float(row["needed_patients"])),
        _decimals(row, "expected_shrinkage"),
    )


def _decimals(row: Mapping[Any, Any], name: str) -> Cell:
    value = float(row[name])
    return number(estimate(value, 2), value)
