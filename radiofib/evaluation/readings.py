"""What readers said: ordinal scores of cases, long or wide, checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from radiofib._checks import check_known, list_some, nearest
from radiofib.errors import Failure, TableError
from radiofib.evaluation.labels import as_text
from radiofib.staging import Target
from radiofib.table import read_frame

__all__ = ["READING_COLUMNS", "check_readings", "missing_reading", "read_readings"]

READING_COLUMNS = ("case", "reader", "reading", "target", "score")
_DESCRIPTIONS = ("case", "reader", "reading", "target", "direction", "score")
#: Columns of a wide table that are no readers.
_NO_READERS = (*_DESCRIPTIONS, "patient", "y_true", "instance", "scanner", "fold", "setting")
_DIRECTIONS = {"high": 1.0, "low": -1.0}


def read_readings(
    path: str | Path, *, targets: Sequence[Target]
) -> tuple[pd.DataFrame, list[Failure]]:
    """Read readers' scores from a CSV, XLSX, SAV or Parquet file.

    Long: ``case, reader, score``, one row for each case and reader. Wide: ``case`` and one
    column of scores for each reader. Both may have

    - ``reading``: name of the session or setting, such as ``NonContrast``;
    - ``target``: the binary question a score is about, such as ``s4_vs_s1-3``. Without it a
      score is about the stage;
    - ``direction``: ``high`` (default) when high scores speak for the positive side of the
      target (or for higher stages), ``low`` when they speak against it.

    Parameters
    ----------
    path : path
    targets : sequence of Target
        Questions that ``target`` may name.

    Returns
    -------
    readings, failures
        As :func:`check_readings`.
    """
    path = Path(path)
    return check_readings(read_frame(path), targets=targets, where=path.name)


def check_readings(
    frame: pd.DataFrame, *, targets: Sequence[Target], where: str = "readers"
) -> tuple[pd.DataFrame, list[Failure]]:
    """Return readings in long form, turned so that high speaks for the positive side.

    Returns
    -------
    readings : DataFrame
        :data:`READING_COLUMNS`; ``reading`` and ``target`` are empty when not given. Missing
        scores are left out.
    failures : list of Failure
        A missing score each, by case and reader.

    Raises
    ------
    TableError
        When a column is missing, a score is no finite number, a target is unknown, or a reader
        scored a case twice: naming file and row (the header is row 1).

    Examples
    --------
    >>> wide = pd.DataFrame({"case": ["a", "b"], "R1": [7, 2], "R2": [5, None]})
    >>> found, missing = check_readings(wide, targets=[])
    >>> found[["case", "reader", "score"]].to_numpy().tolist(), missing[0].case
    ([['a', 'R1', 7.0], ['b', 'R1', 2.0], ['a', 'R2', 5.0]], 'b')
    """
    if "case" not in frame:
        close = nearest("case", map(str, frame.columns))
        raise TableError(
            "column 'case' is missing",
            where=where,
            found=list_some(frame.columns),
            hint=f"rename {close!r}" if close else None,
        )
    table = _as_long(frame.reset_index(drop=True), where)
    for column in ("case", "reader"):
        texts = [None if pd.isna(v) or as_text(v) == "" else as_text(v) for v in table[column]]
        empty = [i for i, v in enumerate(texts) if v is None]
        if empty:
            row = table["row"].iloc[empty[0]]
            raise TableError(f"{column} is missing", where=f"{where}, row {row}")
        table[column] = pd.Series(texts, dtype=object)
    for column in ("reading", "target", "direction"):
        given = table[column] if column in table else pd.Series(None, index=table.index)
        table[column] = [("" if pd.isna(v) else as_text(v)) for v in given]
    table["target"] = _known_targets(table, targets, where)
    sign = _signs(table, where)
    scores = pd.to_numeric(table["score"], errors="coerce").to_numpy(dtype=np.float64)
    blank = np.array([pd.isna(v) or str(v).strip() == "" for v in table["score"]], dtype=np.bool_)
    wrong = np.flatnonzero(~np.isfinite(scores) & ~blank)
    if wrong.size:
        row = table.iloc[wrong[0]]
        raise TableError(
            "not a score",
            where=f"{where}, row {row['row']}, reader {row['reader']!r}",
            expected="a finite number, or nothing",
            found=f"{row['score']!r} ({wrong.size} in all)",
        )
    table["score"] = scores * sign
    _check_once(table, where)
    failures = [
        missing_reading(row["case"], row["reader"], row["reading"], row["target"])
        for row in table[blank].to_dict("records")
    ]
    return table.loc[~blank, list(READING_COLUMNS)].reset_index(drop=True), failures


def _as_long(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return one row for each case and reader, with the row of the file."""
    frame = frame.assign(row=np.arange(len(frame)) + 2)
    if "reader" in frame:
        if "score" not in frame:
            close = nearest("score", map(str, frame.columns))
            raise TableError(
                "column 'score' is missing",
                where=where,
                found=list_some(frame.columns.drop("row")),
                hint=f"rename {close!r}" if close else None,
            )
        return frame
    readers = [c for c in frame if c not in _NO_READERS and c != "row"]
    if "score" in frame and not readers:
        raise TableError(
            "no reader is named",
            where=where,
            found=list_some(frame.columns.drop("row")),
            hint="add a column 'reader'",
        )
    if not readers:
        raise TableError("no column of scores", where=where, expected="one column for each reader")
    kept = [c for c in ("case", "reading", "target", "direction", "row") if c in frame]
    parts = [frame[kept].assign(reader=str(r), score=frame[r].to_numpy()) for r in readers]
    return pd.concat(parts, ignore_index=True)


def _known_targets(table: pd.DataFrame, targets: Sequence[Target], where: str) -> list[str]:
    names = {t.name: t.name for t in targets} | {t.column: t.name for t in targets}
    found = []
    for value, row in zip(table["target"], table["row"], strict=True):
        if value and value.lower() not in names:
            place = f"{where}, row {row}, column 'target'"
            check_known(value, [t.name for t in targets], what="target", where=place,
                        error=TableError)  # fmt: skip
        found.append(names[value.lower()] if value else "")
    return found


def _signs(table: pd.DataFrame, where: str) -> np.ndarray:
    for value, row in zip(table["direction"], table["row"], strict=True):
        if value and value.lower() not in _DIRECTIONS:
            place = f"{where}, row {row}, column 'direction'"
            check_known(value, _DIRECTIONS, what="direction", where=place, error=TableError)
    return np.array([_DIRECTIONS.get(v.lower(), 1.0) for v in table["direction"]])


def _check_once(table: pd.DataFrame, where: str) -> None:
    key = ["case", "reader", "reading", "target"]
    twice = table.duplicated(key, keep=False)
    if twice.any():
        first = table[twice].iloc[0]
        same = (table[key] == first[key]).all(axis=1)
        raise TableError(
            f"reader {first['reader']!r} scored a case more than once",
            where=f"{where}, rows {list_some(table.loc[same, 'row'])}",
            found=f"case {first['case']!r}",
            hint="name the sessions in a column 'reading', or keep one score",
        )


def missing_reading(case: str, reader: str, reading: str, target: str) -> Failure:
    """Say that a reader gave no score for a case."""
    said = {"reading": reading, "target": target}
    what = ", ".join(f"{name} {value}" for name, value in said.items() if value)
    reason = f"reader {reader!r} gave no score{f' ({what})' if what else ''}: left out"
    return Failure(case, "readers", reason, error="TableError")
