"""What looks wrong in cases that were measured all the same: equal doubts are one line."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from radiofib.report.blocks import (
    Block,
    Column,
    Group,
    Heading,
    Note,
    Paragraph,
    Table,
    number,
    text,
)
from radiofib.report.context import Context
from radiofib.report.format import count, pluralise, shorten
from radiofib.report.reasons import general_reason, shared_reason
from radiofib.table import unguard_frame

__all__ = ["DoubtKind", "doubt_blocks", "doubt_kinds"]

MOST_KINDS = 30
#: Cases that a line names.
NAMED = 3


class DoubtKind(NamedTuple):
    """Doubts that are one but for numbers and names.

    Parameters
    ----------
    text : str
        What is doubted; of several texts what they share, … for what differs.
    example : str
        The first text as it is, with its numbers: that of the first case.
    number : int
        How many doubts.
    channels, cases : tuple of str
        Whose, each once; a doubt about the run as a whole has none.
    """

    text: str
    example: str
    number: int
    channels: tuple[str, ...]
    cases: tuple[str, ...]

    @property
    def examples(self) -> str:
        """The first few cases, and how many more."""
        more = len(self.cases) - NAMED
        return ", ".join(self.cases[:NAMED]) + (f" and {count(more)} more" if more > 0 else "")


def doubt_kinds(frame: pd.DataFrame) -> list[DoubtKind]:
    """Return the doubts of a table, equal ones as one, in the order in which they come first.

    Parameters
    ----------
    frame : DataFrame
        ``case, channel, doubt``, text, empty where there is none.

    Examples
    --------
    >>> frame = pd.DataFrame({"case": ["a", "b", "c"], "channel": ["us", "us", ""],
    ...                       "doubt": ["8% is text", "9% is text", "swapped"]})
    >>> for kind in doubt_kinds(frame):
    ...     print(kind.number, kind.text, kind.examples)
    2 …% is text a, b
    1 swapped c
    """
    names = frozenset(frame["case"]) - {""}
    general = frame["doubt"].map(lambda doubt: general_reason(doubt, names))
    kinds = []
    for _, part in frame.groupby(general, sort=False):
        texts = list(dict.fromkeys(part["doubt"]))
        told = texts[0] if len(texts) == 1 else shared_reason(texts, names)
        once = (tuple(c for c in dict.fromkeys(part[name]) if c) for name in ("channel", "case"))
        kinds.append(DoubtKind(told, texts[0], len(part), *once))
    return kinds


def doubt_blocks(context: Context) -> list[Block]:
    """Return the doubts that a run recorded; nothing is said when there is none."""
    path = context.folder.root / "doubts.csv"
    if not path.is_file():
        return []
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        kinds = doubt_kinds(unguard_frame(frame))
    except (ValueError, KeyError, pd.errors.ParserError):
        return [Heading("Doubts"), Note("doubts.csv is not readable as a table of doubts.")]
    if not kinds:
        return [Heading("Doubts"), Paragraph("doubts.csv lists none.")]
    # What is about the run as a whole stands first: it is one line, and easily overlooked.
    kinds.sort(key=lambda kind: bool(kind.cases))
    rows = tuple(
        (
            text(shorten(kind.text, 400)),
            text(shorten(", ".join(kind.channels), 40)),
            number(count(kind.number), float(kind.number)),
            text(shorten(kind.examples or "the run as a whole", 120)),
        )
        for kind in kinds[:MOST_KINDS]
    )
    columns = (
        Column("Doubt (… stands for what differs)", kind="prose"),
        Column("Channel"),
        Column("Number", numeric=True),
        Column("Cases"),
    )
    left = len(kinds) - MOST_KINDS
    more = [f"{pluralise(left, 'more kind')} not shown."] if left > 0 else []
    said = (
        f"{pluralise(len(frame), 'doubt')} of {pluralise(len(kinds), 'kind')}: cases that were "
        "measured all the same, and that a person should look at."
    )
    table = Table("Doubts by kind.", columns, (Group("", rows),), (*more, "All are in doubts.csv."))
    return [Heading("Doubts"), Paragraph(said), table]
