"""Whom the stager would leave undecided: rule-out and rule-in cut-offs, and the grey zone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from radiofib.report.blocks import (
    Block,
    Cell,
    Column,
    Figure,
    Group,
    Heading,
    Paragraph,
    Table,
    number,
    text,
)
from radiofib.report.certainty_rows import interval_of, main_rows, settings_of
from radiofib.report.context import Context
from radiofib.report.format import estimate, shorten
from radiofib.report.shares import Whole, parts_panel

__all__ = ["undecided_blocks"]

MOST_TARGETS = 6
_RATES = ("sensitivity", "npv", "specificity", "ppv")
_SHARES = ("ruled_out", "grey_zone", "ruled_in")


def undecided_blocks(context: Context) -> list[Block]:
    """Return the part on abstaining; nothing when the run chose no cut-offs."""
    frame = main_rows(context, "abstain")
    if frame is None:
        return []
    whole = frame[(frame["group"] == "all") & frame["metric"].isin([*_RATES, *_SHARES])]
    whole = whole[whole["estimate"].notna()]
    if not len(whole):
        return []
    targets = context.in_order(whole["target"])[:MOST_TARGETS]
    settings = settings_of(whole)[:3]
    bars: list[Whole] = []
    groups: list[Group] = []
    for target in targets:
        rows = []
        for setting in settings:
            part = whole[(whole["target"] == target) & (whole["setting"] == setting)]
            if not len(part):
                continue
            found = {str(r["metric"]): r for r in part.to_dict(orient="records")}
            name = f"{context.target_title(target)}, {context.setting_name(setting)}"
            if all(s in found for s in _SHARES):
                shares = tuple(float(found[s]["estimate"]) for s in _SHARES)
                bars.append(Whole(shorten(name, 90), shares))
            rows.append(_abstain_row(context, setting, part, found))
        groups.append(Group(context.target_title(target), tuple(rows)))
    rule = shorten(str(whole["rule"].iloc[0]), 120)
    named = ["ruled out", "grey zone: left open", "ruled in"]
    drawn = parts_panel(f"{context.prefix}grey", bars, named, title="Grey zone", shades=(1, 3, 2))
    return [
        Heading("Whom it would leave undecided"),
        Paragraph(
            "Instead of answering about everybody, the stager can leave patients between two "
            "cut-offs open: below the lower one the stage asked about (the one named first) is "
            "ruled out, from the upper one on it is ruled in, and between lies the grey zone. "
            f"Asked for: {rule}. The cut-offs were chosen on some patients and measured on "
            "others. A stager is useful this way when the grey zone is small and the wanted rates "
            f"are kept{', on unseen scanners too' if 'loso' in settings else ''}."
        ),
        Figure("Patients ruled out, left open and ruled in.", (drawn,), wide=True),
        _abstain_table(whole, groups),
    ]


def _abstain_row(
    context: Context, setting: str, part: pd.DataFrame, found: dict[str, dict[Any, Any]]
) -> tuple[Cell, ...]:
    low, high = part["low"].iloc[0], part["high"].iloc[0]
    cells = [text(context.setting_name(setting).capitalize())]
    cells += [number(estimate(float(v)), float(v)) for v in (low, high)]
    for metric in (*_RATES, "grey_zone"):
        row = found.get(metric)
        cells.append(
            text("–")
            if row is None
            else Cell(interval_of(row, "estimate"), sort=float(row["estimate"]))
        )
    return tuple(cells)


def _abstain_table(whole: pd.DataFrame, groups: Sequence[Group]) -> Table:
    columns = (
        Column("Patients"),
        Column("Lower", numeric=True, group="Cut-off"),
        Column("Upper", numeric=True, group="Cut-off"),
        Column("Sensitivity", kind="estimate", group="Ruling out"),
        Column("NPV", kind="estimate", group="Ruling out"),
        Column("Specificity", kind="estimate", group="Ruling in"),
        Column("PPV", kind="estimate", group="Ruling in"),
        Column("Left open", kind="estimate"),
    )
    notes = [
        "With 95 % confidence interval. Sensitivity: share of those with the stage asked about who "
        "are not ruled out; specificity: share of the others who are not ruled in. NPV and PPV: "
        "share of those ruled out, or in, of whom that is right, at this cohort's mix of stages.",
        "Cut-offs are the median over folds; – where nobody could be ruled out or in.",
    ]
    said = whole["note"].str.split("; ").explode()
    notes += [
        f"{shorten(n, 200)}." for n in dict.fromkeys(said) if "needed" in n or "decided" in n
    ][:4]
    return Table("Rule-out and rule-in cut-offs, by patient.", columns, tuple(groups), tuple(notes))
