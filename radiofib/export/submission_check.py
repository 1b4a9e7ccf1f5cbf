"""A strict check of the file that the CARE-Liver challenge asks for: each fault with its place."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from radiofib._checks import nearest
from radiofib.errors import TableError

__all__ = ["HEADER", "SETTINGS", "SubmissionProblem", "check_submission"]

#: First line of the file.
HEADER = ("Case", "Setting", "Subtask1_prob_S4", "Subtask2_prob_S1")
#: Setting -> the channels it may use.
SETTINGS: dict[str, tuple[str, ...]] = {
    "Contrast": ("t1", "t2", "dwi", "ged1", "ged2", "ged3", "ged4"),
    "NonContrast": ("t1", "t2", "dwi"),
}
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True)
class SubmissionProblem:
    """One thing that is wrong with a submission.

    Parameters
    ----------
    problem : str
        What is wrong.
    row : int, optional
        Line of the file, the header being row 1; none for the file as a whole.
    column : str
        Column, "" for the row as a whole.

    Examples
    --------
    >>> print(SubmissionProblem("not a probability: '1.2'", 7, "Subtask1_prob_S4"))
    row 7, column 'Subtask1_prob_S4': not a probability: '1.2'
    """

    problem: str
    row: int | None = None
    column: str = ""

    def __str__(self) -> str:
        place = [f"row {self.row}"] if self.row is not None else []
        place += [f"column {self.column!r}"] if self.column else []
        return ": ".join([*([", ".join(place)] if place else []), self.problem])


def check_submission(path: str | Path, cases: Iterable[str]) -> list[SubmissionProblem]:
    r"""Return everything that is wrong with a submission; an empty list means valid.

    The file must be plain UTF-8 without a byte order mark, separated by commas, with the exact
    header, each case once for each setting, no other case, and numbers from 0 to 1.

    Parameters
    ----------
    path : path
        The file.
    cases : iterable of str
        Cases that must be there.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "LiFS_pred.csv"
    ...     lines = [",".join(HEADER), "0930-A,Contrast,1.2,0.1", "0930-A,Noncontrast,.5,0.1"]
    ...     _ = path.write_text("\n".join(lines))
    ...     for problem in check_submission(path, ["0930-A"]):
    ...         print(problem)
    row 2, column 'Subtask1_prob_S4': not from 0 to 1: '1.2'
    row 3, column 'Setting': unknown setting 'Noncontrast', did you mean 'NonContrast'?
    no row for case '0930-A' in setting NonContrast
    """
    wanted = list(dict.fromkeys(cases))
    problems: list[SubmissionProblem] = []
    rows = _read(Path(path), problems)
    if rows is None:
        return problems
    seen: dict[tuple[str, str], int] = {}
    known = set(wanted)
    for number, cells in rows:
        if len(cells) != len(HEADER):
            text = f"{len(cells)} cells instead of {len(HEADER)}: {_shown(','.join(cells))}"
            problems.append(SubmissionProblem(text, number))
            continue
        case, setting, *chances = cells
        if case not in known:
            problems.append(SubmissionProblem(_unknown("case", case, wanted), number, HEADER[0]))
        if setting not in SETTINGS:
            text = _unknown("setting", setting, SETTINGS)
            problems.append(SubmissionProblem(text, number, HEADER[1]))
        for column, text in zip(HEADER[2:], chances, strict=True):
            wrong = _why_no_chance(text)
            if wrong:
                problems.append(SubmissionProblem(wrong, number, column))
        if case in known and setting in SETTINGS:
            first = seen.setdefault((case, setting), number)
            if first != number:
                text = f"case {case!r} in setting {setting} again, first in row {first}"
                problems.append(SubmissionProblem(text, number))
    problems += [
        SubmissionProblem(f"no row for case {case!r} in setting {setting}")
        for case in wanted
        for setting in SETTINGS
        if (case, setting) not in seen
    ]
    return problems


def _read(path: Path, problems: list[SubmissionProblem]) -> list[tuple[int, list[str]]] | None:
    """Return the data rows with their numbers, or None when the file cannot be divided."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise TableError("no such file", where=str(path), hint="check the path") from None
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        problems.append(SubmissionProblem("the file is UTF-16: save it as UTF-8", 1))
        return None
    if raw.startswith(codecs.BOM_UTF8):
        text = "the file begins with a byte order mark: save it as UTF-8 without one"
        problems.append(SubmissionProblem(text, 1))
        raw = raw[len(codecs.BOM_UTF8) :]
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        row = raw.count(b"\n", 0, error.start) + 1
        problems.append(SubmissionProblem("the file is not UTF-8 text", row))
        return None
    if not text.strip():
        problems.append(SubmissionProblem("the file is empty"))
        return None
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        lines = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        problems.append(SubmissionProblem(f"not comma-separated text: {error}"))
        return None
    header = tuple(lines[0][1])
    if header != HEADER:
        problems.append(SubmissionProblem(_why_no_header(lines[0][1]), 1))
        if sorted(header) != sorted(HEADER):
            return None
        # Only the order is wrong: the rest is still worth a look.
        order = [header.index(name) for name in HEADER]
        return [(n, [r[k] for k in order] if len(r) == len(order) else r) for n, r in lines[1:]]
    return lines[1:]


def _why_no_header(cells: list[str]) -> str:
    expected = ",".join(HEADER)
    line = ",".join(cells)
    if len(cells) == 1:
        for mark, name in ((";", "semicolons"), ("\t", "tabs")):
            if mark in line:
                return f"the columns are separated by {name} instead of commas"
    if sorted(cells) == sorted(HEADER):
        return f"the columns are in another order: {line} instead of {expected}"
    return f"the header is {_shown(line)} instead of {expected}"


def _why_no_chance(text: str) -> str:
    """Return why a cell is not a probability, or "" when it is one."""
    plain = text.strip()
    if not plain:
        return "the cell is empty"
    if plain.endswith("%"):
        return f"a percentage instead of a number from 0 to 1: {_shown(text)}"
    if "," in plain:
        return f"a decimal comma instead of a point: {_shown(text)}"
    if not _NUMBER.fullmatch(text):
        return f"not a number: {_shown(text)}"
    return "" if 0 <= float(text) <= 1 else f"not from 0 to 1: {_shown(text)}"


def _unknown(what: str, text: str, known: Iterable[str]) -> str:
    close = nearest(text, known)
    return f"unknown {what} {_shown(text)}" + (f", did you mean {close!r}?" if close else "")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:79]}…")
