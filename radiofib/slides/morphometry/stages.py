"""Stages of the cases of some slides, as someone wrote them down."""

from __future__ import annotations

import csv
import io
import math
import re
from pathlib import Path

from radiofib.errors import UsageError

__all__ = ["read_stages", "stage_number"]

#: Last stage of the schemes that counts are withheld by.
_LAST = 4
_STAGE = re.compile(r"[A-Za-z]{0,2} ?([0-9]+(?:\.[0-9]+)?)")


def read_stages(path: str | Path) -> dict[str, float]:
    r"""Read the stage of each case.

    Parameters
    ----------
    path : path
        CSV with columns ``case`` (name of the slide without suffix) and ``stage``: a number, also
        behind a letter or two (``F3``, ``S 4``); empty where it is not known.

    Returns
    -------
    dict
        Case to stage, where it is known.

    Raises
    ------
    UsageError
        When the file is missing, no such table, names a case twice or holds another stage, with
        its row.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "stages.csv"
    ...     _ = path.write_text("case,stage\nbx1,F3\nbx2,\n")
    ...     read_stages(path)
    {'bx1': 3.0}
    """
    path = Path(path)
    if not path.is_file():
        raise UsageError(
            "no such file", where=str(path), expected="a CSV file", hint="check the path"
        )
    try:
        rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig")))
        lines = list(rows)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            "cannot be read",
            where=path.name,
            expected="a CSV file in UTF-8",
            found=type(error).__name__,
            hint="save it as CSV (UTF-8)",
        ) from error
    if not {"case", "stage"} <= {*(rows.fieldnames or ())}:
        raise UsageError(
            "not a table of stages",
            where=path.name,
            expected="columns case and stage",
            found=", ".join(rows.fieldnames or ()) or "an empty file",
            hint="name the columns case and stage in the first line, with commas between",
        )
    found: dict[str, float | None] = {}
    for row, line in enumerate(lines, start=2):
        case, text = (line["case"] or "").strip(), (line["stage"] or "").strip()
        where = f"{path.name}, row {row}"
        if not case or case in found:
            problem = "a case is named twice" if case else "no case is named"
            hint = "leave one row for each slide"
            raise UsageError(problem, where=where, found=case or None, hint=hint)
        found[case] = stage_number(text, where)
        if (found[case] or 0) > _LAST:
            raise UsageError(
                "not a stage of the schemes whose stage 3 is septal fibrosis",
                where=where,
                expected=f"0 to {_LAST}, as of Ludwig, Scheuer or METAVIR",
                found=text,
                hint="give the case's stage in one of them, or leave the cell empty",
            )
    return {case: stage for case, stage in found.items() if stage is not None}


def stage_number(cell: object, where: str) -> float | None:
    """Return a stage as a number: as it is, or behind a letter or two; None for an empty cell.

    Raises
    ------
    UsageError
        When it is none.

    Examples
    --------
    >>> stage_number("F3", "row 2"), stage_number(2.0, "row 3"), stage_number("", "row 4")
    (3.0, 2.0, None)
    """
    missing = cell is None or (isinstance(cell, float) and math.isnan(cell))
    text = "" if missing else str(cell).strip()
    match = _STAGE.fullmatch(text)
    if text and match is None:
        raise UsageError(
            "not a stage",
            where=where,
            expected="such as 3 or F3",
            found=text,
            hint="correct the cell, or leave it empty",
        )
    return float(match.group(1)) if match else None
