"""What readers say of slides: a table with a case in each row, checked cell by cell."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofib._checks import list_some
from radiofib.errors import TableError
from radiofib.slides.morphometry.stages import stage_number
from radiofib.slides.specs import CHANNEL, SLIDE_REGISTRY
from radiofib.table import read_frame

__all__ = ["ONE_READER", "Readings", "measure_of", "read_readings"]

#: Name of the reader of a table that names none.
ONE_READER = "reader"
#: Columns that describe a row; a stage is set against measures, not compared with one.
_DESCRIBING = ("case", "patient", "reader", "stage")
#: Of several measures of one name, the one a reader means.
_MEANT = "morphometry"


@dataclass(frozen=True, eq=False)
class Readings:
    """Readings of slides, checked.

    Parameters
    ----------
    readers : dict
        Name of each reader to a frame of numbers: rows by case, columns by key of
        :data:`~radiofib.slides.SLIDE_REGISTRY`, and ``stage`` where it is given.
    unused : tuple of str
        Columns that name no measure, each with the nearest name where there is one.
    repeated : bool
        Whether some patient has several cases.
    """

    readers: dict[str, pd.DataFrame]
    unused: tuple[str, ...] = ()
    repeated: bool = False

    @property
    def cases(self) -> set[str]:
        """All cases that some reader has read."""
        return {case for frame in self.readers.values() for case in frame.index}


def measure_of(name: str, where: str | None = None) -> str | None:
    """Return the key of the measure that a column names; None when it names none.

    Raises
    ------
    TableError
        When several measures have that name.

    Examples
    --------
    >>> measure_of("portal_tract_count"), measure_of("tract_count"), measure_of("comment")
    ('portal_tract_count', 'portal_tract_count', None)
    >>> measure_of("wsi_original_morphometry_core_length_mm"), measure_of("tissue_area_mm2")
    ('morphometry_core_length_mm', 'morphometry_tissue_area_mm2')
    """
    short = name.strip().lower().removeprefix(f"{CHANNEL}_original_")
    keys = {spec.key for spec in SLIDE_REGISTRY}
    if short in keys:
        return short
    named = [spec.key for spec in SLIDE_REGISTRY if spec.name == short]
    meant = [key for key in named if key.startswith(_MEANT)] or named
    if len(meant) > 1:
        raise TableError(
            "several measures have this name",
            where=f"{where}, column {name!r}" if where else f"column {name!r}",
            expected=list_some(meant, 8),
            hint="give the column the whole name of one of them",
        )
    return meant[0] if meant else None


def read_readings(path: str | Path) -> Readings:
    r"""Read a table of readings.

    Parameters
    ----------
    path : path
        CSV, XLSX or SAV with ``case`` (as the slides are called), one column for each measure
        (such as ``portal_tract_count`` or ``core_length_mm``), ``reader`` where there are
        several, and ``stage`` where measures are to be set against it; empty where a reader has
        no value.

    Raises
    ------
    TableError
        When the table cannot be read, has no case or no measure, a case twice for one reader, or
        a value that is no number; with row, case and column.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "readers.csv"
    ...     _ = path.write_text("case,tract_count,stage\nbx1,9,F1\nbx2,,F3\n")
    ...     found = read_readings(path)
    >>> found.readers["reader"].to_dict("list")
    {'portal_tract_count': [9.0, nan], 'stage': [1.0, 3.0]}
    """
    path = Path(path)
    frame = read_frame(path, text=("case", "reader"), keep_blank_rows=True)
    frame.columns = pd.Index([str(name).strip() for name in frame])
    if "case" not in frame:
        raise TableError(
            "no column case",
            where=path.name,
            found=list_some(frame.columns, 8),
            hint="name the column with the slides' names case",
        )
    frame = frame[frame.notna().any(axis=1)]
    columns = [str(name) for name in frame]
    measures = {n: measure_of(n, path.name) for n in columns if n not in _DESCRIBING}
    used = {name: key for name, key in measures.items() if key is not None}
    if not used and "stage" not in frame:
        raise TableError(
            "no column names a measure of slides",
            where=path.name,
            expected="such as portal_tract_count, core_length_mm, tissue_area_mm2 or stage",
            found=list_some(measures, 8),
            hint="see slides.codebook.csv for all names",
        )
    _refuse_twice(used, path.name)
    readers: dict[str, dict[str, dict[str, float]]] = {}
    for number, row in zip(frame.index, frame.to_dict("records"), strict=True):
        where = f"{path.name}, row {int(number) + 2}"
        case = _text(row["case"])
        if not case:
            raise TableError("no case is named", where=where, hint="fill the cell, or delete it")
        own = readers.setdefault(_text(row.get("reader")) or ONE_READER, {})
        if case in own:
            raise TableError(
                "a reader has read this case twice",
                where=where,
                found=case,
                hint="leave one row for each case and reader, told by a column reader",
            )
        where += f", case {case!r}"
        own[case] = {
            key: _number(row[name], f"{where}, column {name!r}") for name, key in used.items()
        }
        if "stage" in row:
            stage = stage_number(_text(row["stage"]), where)
            own[case]["stage"] = math.nan if stage is None else stage
    tables = {
        name: pd.DataFrame.from_dict(values, orient="index", dtype=np.float64)
        for name, values in readers.items()
    }
    unused = tuple(_unused(name) for name, key in measures.items() if key is None)
    repeated = "patient" in frame and bool(frame.groupby("patient")["case"].nunique().max() > 1)
    return Readings(tables, unused, repeated)


def _refuse_twice(used: Mapping[str, str], where: str) -> None:
    for key in used.values():
        names = [name for name, own in used.items() if own == key]
        if len(names) > 1:
            raise TableError(
                "two columns name the same measure",
                where=where,
                found=list_some(names),
                hint="leave one; several readers go below each other, told by a column reader",
            )


def _text(cell: Any) -> str:
    return "" if cell is None or pd.isna(cell) else str(cell).strip()


def _number(cell: Any, where: str) -> float:
    text = _text(cell)
    try:
        value = float(text or "nan")
    except ValueError:
        value = math.inf
    if math.isinf(value):
        raise TableError(
            "not a number",
            where=where,
            expected="a number with a decimal point, or an empty cell",
            found=text,
            hint="correct the cell",
        )
    return value


def _unused(name: str) -> str:
    known = [text for spec in SLIDE_REGISTRY for text in (spec.key, spec.name)]
    near = difflib.get_close_matches(name.lower(), known, 1, cutoff=0.8)
    return f"{name} (did you mean {near[0]}?)" if near else name
