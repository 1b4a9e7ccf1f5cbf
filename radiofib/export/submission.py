"""The file that the CARE-Liver challenge asks for.

Format: CARE-Liver 2025 (LiQA), ``LiFS_pred.csv`` with the header
``Case,Setting,Subtask1_prob_S4,Subtask2_prob_S1``, each case once for each setting,
probabilities from 0 to 1.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from radiofib._checks import check_no_duplicates, list_some
from radiofib.errors import ExportError, TableError
from radiofib.export.submission_check import HEADER, SETTINGS, check_submission
from radiofib.table import read_frame

__all__ = ["by_setting", "read_cases", "write_submission"]

#: Column of the file -> column of a prediction table.
_SOURCES = {"Subtask1_prob_S4": "p_s4", "Subtask2_prob_S1": "p_s1"}
#: Columns that may name the setting of a row of predictions.
_SETTING_COLUMNS = ("channels", "setting")


def write_submission(
    predictions: Mapping[str, pd.DataFrame], out: str | Path, cases: Sequence[str]
) -> Path:
    """Write ``LiFS_pred.csv`` and check it before it takes its name.

    Rows stand in the order of `cases`, Contrast before NonContrast; P(S4) and P(S1) are written
    as the shortest text that reads back to the same number, so equal predictions give equal
    bytes.

    Parameters
    ----------
    predictions : mapping
        ``Contrast`` and ``NonContrast``, each a table with ``case``, ``p_s1`` and ``p_s4``,
        one row for each case.
    out : path
        File to write.
    cases : sequence of str
        Every case to submit.

    Raises
    ------
    ExportError
        When a setting, column or case is missing, a case is given twice, or a number is no
        probability: naming setting and case.

    Examples
    --------
    >>> import tempfile
    >>> one = pd.DataFrame({"case": ["0930-A"], "p_s1": [0.25], "p_s4": [0.5]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_submission({"Contrast": one, "NonContrast": one}, folder + "/a.csv",
    ...                             ["0930-A"])
    ...     print(path.read_text().strip())
    Case,Setting,Subtask1_prob_S4,Subtask2_prob_S1
    0930-A,Contrast,0.5,0.25
    0930-A,NonContrast,0.5,0.25
    """
    _check_cases(cases)
    wrong = sorted(set(predictions) ^ set(SETTINGS))
    if wrong:
        raise ExportError(
            "a submission holds both settings",
            expected=" and ".join(SETTINGS),
            found=list_some(predictions) or "none",
        )
    numbers = {s: _chances(predictions[s], s, cases) for s in SETTINGS}
    path = Path(out)
    temporary = path.with_name(f".{path.name}.part")
    with temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(HEADER)
        for case in cases:
            for setting in SETTINGS:
                writer.writerow([case, setting, *map(repr, numbers[setting][case])])
    problems = check_submission(temporary, cases)
    if problems:
        temporary.unlink()
        raise ExportError(
            "the submission would not be valid", where=path.name, found=str(problems[0])
        )
    temporary.replace(path)
    return path


def by_setting(predictions: pd.DataFrame, *, where: str = "predictions") -> dict[str, pd.DataFrame]:
    """Divide predictions by the column that names their setting.

    The column is ``channels`` (as studies write it) or ``setting``; it holds ``Contrast`` and
    ``NonContrast``.

    Raises
    ------
    TableError
        When no column does.

    Examples
    --------
    >>> rows = pd.DataFrame({"case": ["a", "a"], "channels": ["Contrast", "NonContrast"]})
    >>> {name: len(part) for name, part in by_setting(rows).items()}
    {'Contrast': 1, 'NonContrast': 1}
    """
    for column in _SETTING_COLUMNS:
        if column in predictions:
            names = predictions[column].astype(str)
            if set(names) <= set(SETTINGS):
                return {s: predictions[names == s] for s in SETTINGS if (names == s).any()}
    found = [c for c in _SETTING_COLUMNS if c in predictions]
    raise TableError(
        "the predictions do not say which setting they are for",
        where=where,
        expected=f"a column 'channels' with {' or '.join(SETTINGS)}",
        found=f"column {found[0]!r} with {list_some(dict.fromkeys(predictions[found[0]]), 4)}"
        if found
        else list_some(predictions.columns),
        hint="name the setting of the file: Contrast=FILE or NonContrast=FILE",
    )


def read_cases(path: str | Path, *, split: str | None = None) -> tuple[str, ...]:
    """Return the cases that a table names, each once, in its order.

    Parameters
    ----------
    path : path
        The challenge's ``info.csv`` (column ``Case``), or any table with a column ``case``.
    split : str, optional
        Only the cases of that split (column ``split``).

    Raises
    ------
    TableError
        When the table has no such column, or no case is left.
    """
    path = Path(path)
    frame = read_frame(path, text=("Case",))
    column = next((c for c in ("case", "Case") if c in frame), None)
    if column is None:
        raise TableError(
            "no column names the cases",
            where=path.name,
            expected="'Case' or 'case'",
            found=list_some(frame.columns),
        )
    if split is not None:
        if "split" not in frame:
            raise TableError("no column 'split'", where=path.name, found=list_some(frame.columns))
        known = list(dict.fromkeys(frame["split"].dropna().astype(str)))
        frame = frame[frame["split"].astype(str) == split]
        if frame.empty:
            raise TableError(
                f"no case is in split {split!r}", where=path.name, expected=list_some(known)
            )
    cases = tuple(dict.fromkeys(str(v).strip() for v in frame[column].dropna()))
    if not cases:
        raise TableError("the table names no case", where=path.name)
    return cases


def _check_cases(cases: Sequence[str]) -> None:
    if not cases:
        raise ExportError("there is no case to submit", hint="name the cases of the split")
    check_no_duplicates(list(cases), what="case", error=ExportError)


def _chances(
    frame: pd.DataFrame, setting: str, cases: Sequence[str]
) -> dict[str, tuple[float, ...]]:
    """Return P(S4) and P(S1) of every case."""
    absent = [c for c in ("case", *_SOURCES.values()) if c not in frame]
    if absent:
        raise ExportError(
            f"predictions lack {list_some(absent)}",
            where=f"setting {setting}",
            expected="case, p_s1 and p_s4",
            found=list_some(frame.columns),
            hint="predict the stages S1 to S4 of the scheme 'lifs'",
        )
    names = frame["case"].astype(str)
    repeated = names[names.duplicated()]
    if len(repeated):
        raise ExportError(
            "a case is predicted more than once",
            where=f"setting {setting}",
            found=list_some(dict.fromkeys(repeated), 4),
            hint="give one model's predictions, one row for each case",
        )
    rows: dict[str, dict[Any, Any]] = {
        str(row["case"]): row for row in frame.to_dict(orient="records")
    }
    missing = [c for c in cases if c not in rows]
    if missing:
        raise ExportError(
            f"{len(missing)} of {len(cases)} cases are not predicted",
            where=f"setting {setting}",
            found=list_some(missing, 4),
        )
    found: dict[str, tuple[float, ...]] = {}
    for case in cases:
        numbers = tuple(float(rows[case][source]) for source in _SOURCES.values())
        if not all(math.isfinite(v) and 0 <= v <= 1 for v in numbers):
            raise ExportError(
                "not a probability",
                where=f"setting {setting}, case {case!r}",
                expected="numbers from 0 to 1",
                found=list_some(numbers),
            )
        found[case] = numbers
    return found
