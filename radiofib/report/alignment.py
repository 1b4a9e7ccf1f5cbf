"""How well the channels of each case were aligned, and pictures to judge it by."""

from __future__ import annotations

import math

import pandas as pd

from radiofib.report.blocks import (
    Block,
    Cell,
    Column,
    Gallery,
    Group,
    Note,
    Paragraph,
    Section,
    Table,
    number,
    text,
)
from radiofib.report.context import Context
from radiofib.report.format import count, pluralise, shorten
from radiofib.report.pictures import BUDGET, pictures

__all__ = ["alignment_section"]

MOST_LISTED = 15
MOST_PICTURES = 6
_VERDICTS = ("good", "look", "failed")


def alignment_section(context: Context) -> Section | None:
    """Build the section on registration; None when the run aligned nothing."""
    frame = context.folder.table("registration")
    if frame is None or not len(frame):
        return None
    to = ", ".join(sorted(set(frame["to"])))
    counts = frame["verdict"].value_counts()
    said = ", ".join(
        f"{int(counts.get(v, 0))} {words}"
        for v, words in zip(_VERDICTS, ("good", "to be looked at", "failed"), strict=True)
    )
    blocks: list[Block] = [
        Paragraph(
            f"{pluralise(len(frame), 'channel')} aligned to {to}: {said}. The verdict rests on "
            "mutual information before and after, on going there and back, on overlapping masks "
            "and fields of view; it does not replace a look at the pictures."
        ),
        _by_channel(frame),
        *_doubtful(frame),
        *_pictures(context, frame),
    ]
    return Section("alignment", "Alignment of channels", tuple(blocks))


def _by_channel(frame: pd.DataFrame) -> Table:
    rows = tuple(_channel_row(str(c), part) for c, part in frame.groupby("channel", sort=True))
    columns = (
        Column("Channel"),
        Column("Pairs", numeric=True),
        *(Column(v.capitalize(), numeric=True) for v in _VERDICTS),
        Column("Dice of masks, before", numeric=True),
        Column("after", numeric=True),
        Column("There and back (mm)", numeric=True),
        Column("Moved (mm)", numeric=True),
        Column("Turned (degrees)", numeric=True),
    )
    return Table(
        "Registration by channel (medians; Dice where both channels have a mask).",
        columns,
        (Group("", rows),),
        ("Each pair is a row of registration.csv.",),
    )


def _channel_row(channel: str, part: pd.DataFrame) -> tuple[Cell, ...]:
    def median(name: str, digits: int) -> Cell:
        value = float(part[name].median()) if name in part else math.nan
        return number("–" if math.isnan(value) else f"{value:.{digits}f}", value)

    return (
        text(channel),
        number(count(len(part)), float(len(part))),
        *(
            number(count(n), float(n))
            for n in (int((part["verdict"] == v).sum()) for v in _VERDICTS)
        ),
        median("dice_before", 2),
        median("dice_after", 2),
        median("inverse_consistency_mm", 2),
        median("shift_mm", 1),
        median("rotation_deg", 1),
    )


def _doubtful(frame: pd.DataFrame) -> list[Block]:
    doubtful = frame[frame["verdict"] != "good"]
    if not len(doubtful):
        return []
    ordered = doubtful.sort_values("verdict", kind="stable")  # failed before look
    rows = tuple(
        (
            text(shorten(row["case"], 60)),
            text(row["channel"]),
            text(row["verdict"]),
            text(shorten(row["reasons"] or "no reason given", 300)),
        )
        for row in ordered.head(MOST_LISTED).to_dict(orient="records")
    )
    more = len(doubtful) - MOST_LISTED
    notes = (f"{pluralise(more, 'more pair')} in registration.csv.",) if more > 0 else ()
    columns = (Column("Case"), Column("Channel"), Column("Verdict"), Column("Why", kind="prose"))
    return [Table("Pairs that are not good.", columns, (Group("", rows),), notes)]


def _pictures(context: Context, frame: pd.DataFrame) -> list[Block]:
    rank = frame["verdict"].map({"failed": 0, "look": 1, "good": 2}).fillna(3)
    ordered = frame.assign(rank=rank).sort_values("rank", kind="stable")
    home = context.folder.root / "registration"
    wanted = [
        (
            home / row["picture"],
            f"{shorten(row['case'], 40)} · {row['channel']} on {row['to']}: {row['verdict']}",
            f"Checkerboard of {row['channel']} and {row['to']}, verdict {row['verdict']}",
        )
        for row in ordered.to_dict(orient="records")
        if row.get("picture") and ".." not in row["picture"].split("/")
    ]
    made, broken = pictures(wanted, most=MOST_PICTURES, budget=int(BUDGET * context.share / 3))
    blocks: list[Block] = []
    if made:
        blocks.append(
            Gallery(
                "Checkerboards: fields of the reference and of the aligned channel in turn; edges "
                "must go on from field to field. Doubtful pairs first.",
                made,
            )
        )
    blocks += [Note(f"Not shown: {b}") for b in broken[:5]]
    return blocks
