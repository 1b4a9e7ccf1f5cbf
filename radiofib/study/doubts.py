"""What looks wrong in cases that were measured all the same: as a file, and on the screen."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from radiofib.extract.doubts import Doubt, doubts_of
from radiofib.report.doubts import DoubtKind, doubt_kinds
from radiofib.study.folder import RunFolder
from radiofib.study.foresee import StudyWarning
from radiofib.table import FeatureTable

__all__ = ["doubt_frame", "screen_doubts", "tell_doubts", "write_doubts"]

#: Kinds of doubt that are said on the screen; the file has all.
MOST_TOLD = 5


def screen_doubts(record: pd.DataFrame | None) -> list[Doubt]:
    """Return what the cleaning of ultrasound screens doubts, each doubt of an image on its own.

    Parameters
    ----------
    record : DataFrame or None
        As :func:`radiofib.prepare.clean_ultrasound` returns it; None when nothing was cleaned.

    Examples
    --------
    >>> record = pd.DataFrame({"case": ["a", "b"], "instance": "", "channel": "us",
    ...                        "doubt": ["names?; 9% was taken for text", ""]})
    >>> [(d.case, d.doubt) for d in screen_doubts(record)]
    [('a', 'names?'), ('a', '9% was taken for text')]
    """
    if record is None:
        return []
    rows = record.loc[record["doubt"] != "", list(Doubt._fields)]
    return [
        Doubt(case, instance, channel, one)
        for case, instance, channel, doubt in rows.itertuples(index=False)
        for one in doubt.split("; ")
    ]


def doubt_frame(doubts: Sequence[Doubt]) -> pd.DataFrame:
    """Return doubts as a table of text: ``case, instance, channel, doubt``."""
    return pd.DataFrame(list(doubts), columns=list(Doubt._fields), dtype="str")


def write_doubts(
    folder: RunFolder,
    table: FeatureTable,
    name: str = "doubts.csv",
    *,
    more: Sequence[Doubt] = (),
) -> pd.DataFrame:
    """Write what looks wrong in the cases of a table as CSV, and return it; no file without any.

    `more` are doubts that the table does not hold.
    """
    found = pd.concat([doubts_of(table), doubt_frame(more)], ignore_index=True)
    if len(found):
        folder.write_frame(name, found)
    else:
        folder.discard(name)
    return found


def tell_doubts(doubts: pd.DataFrame, where: Path) -> None:
    """Warn of the first kinds of doubt, one line each, and say how many doubts there are.

    Parameters
    ----------
    doubts : DataFrame
        ``case, instance, channel, doubt``.
    where : path
        File that has all.
    """
    # What is about the run as a whole is one line, and stands first.
    kinds = sorted(doubt_kinds(doubts), key=lambda kind: bool(kind.cases))
    for kind in kinds[:MOST_TOLD]:
        warnings.warn(_line(kind), StudyWarning, stacklevel=3)
    left = len(kinds) - MOST_TOLD
    if left > 0 or any(kind.cases for kind in kinds):
        more = f" ({left} more kinds)" if left > 1 else " (1 more kind)" if left == 1 else ""
        warnings.warn(f"{len(doubts)} to look at{more}: see {where}", StudyWarning, stacklevel=3)


def _line(kind: DoubtKind) -> str:
    if not kind.cases:
        return kind.text
    channels = ", ".join(kind.channels)
    told = f"{channels}: {kind.example}" if channels else kind.example
    if len(kind.cases) == 1:
        return f"{told} (case {kind.examples})"
    if kind.text == kind.example:
        return f"{told} (cases {kind.examples})"
    # Numbers are what a person judges by: those of one case are said, not dots for those of all.
    first, others = kind.cases[0], kind._replace(cases=kind.cases[1:])
    return f"{told} (case {first}; likewise, with other figures, {others.examples})"
