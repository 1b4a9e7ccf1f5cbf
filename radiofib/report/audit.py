"""What the audit of shortcuts and leaks found, worst first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from radiofib.report.blocks import (
    Block,
    Cell,
    Column,
    Group,
    Heading,
    Paragraph,
    Table,
    number,
    text,
)
from radiofib.report.context import Context
from radiofib.report.format import count, estimate_with_interval, pluralise, shorten

__all__ = ["audit_blocks", "audit_findings"]

MOST_CHECKS = 60
#: Verdicts in the order in which a reader should meet them.
_VERDICTS = {
    "found": "found",
    "not identifiable": "not identifiable with these data",
    "not tested": "not tested",
    "clear": "clear",
}


def _ordered(context: Context) -> pd.DataFrame | None:
    frame = context.folder.table("audit")
    if frame is None or not len(frame):
        return None
    rank = {verdict: i for i, verdict in enumerate(_VERDICTS)}
    place = frame["verdict"].map(rank).fillna(0.5)  # an unknown verdict is read early
    return frame.assign(place=place).sort_values("place", kind="stable")


def audit_findings(context: Context, most: int = 3) -> list[str]:
    """Return what the audit found, a sentence each, for the summary."""
    frame = _ordered(context)
    if frame is None:
        return []
    found = frame[frame["verdict"] == "found"]
    said = [
        f"Audit, {_check(row)}: {shorten(row['finding'], 260).rstrip('.')}."
        for row in found.head(most).to_dict(orient="records")
    ]
    if len(found) > most:
        said.append(f"The audit found {len(found) - most} more: see data quality.")
    return said


def audit_blocks(context: Context) -> list[Block]:
    """Return the verdicts of the audit; nothing when the run was not audited."""
    frame = _ordered(context)
    if frame is None:
        return []
    counts = frame["verdict"].value_counts()
    tally = [f"{int(counts[v])} {words}" for v, words in _VERDICTS.items() if v in counts]
    others = int(sum(n for v, n in counts.items() if v not in _VERDICTS))
    tally += [f"{others} of another verdict"] if others else []
    rows = tuple(_row(row) for row in frame.head(MOST_CHECKS).to_dict(orient="records"))
    columns = (
        Column("Check"),
        Column("Verdict"),
        Column("Finding", kind="prose"),
        Column("Statistic (95 % CI)", kind="estimate"),
        Column("n", numeric=True),
        Column("Evidence"),
    )
    notes = ["A check that is clear was looked for and not found: that does not prove absence."]
    if len(frame) > MOST_CHECKS:
        notes.append(f"{len(frame) - MOST_CHECKS} more checks: audit/verdicts.csv.")
    return [
        Heading("Audit of shortcuts and leaks"),
        Paragraph(f"{pluralise(len(frame), 'check')}: {', '.join(tally)}."),
        Table("Verdicts of the audit.", columns, (Group("", rows),), tuple(notes)),
    ]


def _row(row: Mapping[Any, Any]) -> tuple[Cell, ...]:
    value, low, high, n = (float(row[c]) for c in ("statistic", "ci_low", "ci_high", "n"))
    verdict = str(row["verdict"])
    return (
        text(_check(row)),
        Cell(shorten(verdict, 30), strong=verdict == "found"),
        text(shorten(row["finding"], 300)),
        number(estimate_with_interval(value, low, high), value),
        number(count(n if math.isfinite(n) else None), n),
        text(shorten(row["evidence"], 160)),
    )


def _check(row: Mapping[Any, Any]) -> str:
    return shorten(str(row["check"]).replace("_", " "), 60)
