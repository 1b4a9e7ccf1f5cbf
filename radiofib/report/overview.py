"""The overview of a page that shows several runs: the headline of each, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from radiofib.report.blocks import (
    Block,
    Cell,
    Column,
    Group,
    Note,
    Paragraph,
    Section,
    Table,
    number,
    text,
)
from radiofib.report.context import Context
from radiofib.report.folder import RunFolder
from radiofib.report.format import NO_GEOMETRY, count, estimate_with_interval, shorten

__all__ = ["overview_section"]


def overview_section(folder: RunFolder, parts: Sequence[tuple[str, Context]]) -> Section:
    """Build the overview: one line for each run.

    Parameters
    ----------
    folder : RunFolder
        The folder that holds the runs.
    parts : sequence of (name, Context)
        The runs that could be read.
    """
    blocks: list[Block] = []
    if folder.text("description"):
        blocks.append(Paragraph(shorten(folder.text("description"), 1200), lead=True))
    blocks += [Note(shorten(note, 400)) for note in folder.strings("notes")[:20]]
    if parts:
        blocks.append(_table(parts))
    return Section("headlines", "Headlines", tuple(blocks))


def _table(parts: Sequence[tuple[str, Context]]) -> Table:
    columns = (
        Column("Part"),
        Column("Patients", numeric=True),
        Column("Stager"),
        Column("Comparison"),
        Column("Known scanners", kind="estimate", group="AUC by patient (95 % CI)"),
        Column("Unseen scanners", kind="estimate", group="AUC by patient (95 % CI)"),
        Column("Image size only", kind="estimate", group="AUC by patient (95 % CI)"),
    )
    rows = []
    for name, context in parts:
        patients = context.folder.mapping("counts").get("patients")
        rows.append(
            (
                text(shorten(context.folder.text("title") or name, 60)),
                number(count(patients), float(patients))
                if isinstance(patients, int)
                else text("\u2013"),
                text(shorten(context.model_name(context.main_model), 40)),
                text(shorten(context.target_name(context.main_target), 60)),
                _auc(context, context.main_model, "cv"),
                _auc(context, context.main_model, "loso"),
                _auc(context, "control_geometry", "cv"),
            )
        )
    notes = ["The last column is a negative control: a model that never sees the image."]
    if any("control_geometry" not in context.models for _, context in parts):
        notes.append(f"\u2013: {NO_GEOMETRY}.")
    caption = "The headline of each part; intervals and methods are in its own chapter."
    return Table(caption, columns, (Group("", tuple(rows)),), tuple(notes), sortable=False)


def _auc(context: Context, model: str, setting: str) -> Cell:
    found = context.auc(model, setting, context.main_unit, context.main_target)
    if found is None or found.value != found.value:
        return text("\u2013")
    return number(estimate_with_interval(found.value, found.low, found.high, 2), found.value)
