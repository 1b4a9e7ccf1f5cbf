"""Tables from files, as they are: text stays text, numbers keep every bit."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from radiofib._checks import check_no_duplicates, check_regular
from radiofib.errors import TableError
from radiofib.table.guard import unguard_frame

__all__ = ["open_parquet", "read_frame"]

# Before 3.1 the parser of pandas is off by an ulp unless told otherwise.
_EXACT: dict[str, Any] = (
    {"float_precision": "round_trip"}
    if tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1)
    else {}
)
_NA = ["", "NA", "NaN", "nan"]
_TEXT_COLUMNS = ("case", "patient", "instance", "scanner")


def open_parquet(path: Path) -> pa.Table:
    """Read a Parquet file with its metadata, or say which file cannot be read."""
    try:
        return pq.read_table(path)
    except FileNotFoundError as error:
        raise TableError("no such file", where=str(path), hint="check the path") from error
    except (pa.ArrowInvalid, OSError) as error:
        found = str(error)
        raise TableError("not a readable Parquet file", where=path.name, found=found) from error


def read_frame(
    path: str | Path, *, text: Sequence[str] = (), keep_blank_rows: bool = False
) -> pd.DataFrame:
    """Read a CSV (comma, semicolon or tab), XLSX, SAV or Parquet file as a frame.

    Text stays text: a case called ``007`` keeps its zeros, an empty cell is missing, and
    nothing is taken for a date. The apostrophe that keeps spreadsheets from running ``=1+1`` in
    an exported CSV is taken off again. SAV value labels are applied as ordered categories.

    Parameters
    ----------
    path : path
        The table.
    text : sequence of str
        Further columns of a CSV or XLSX file to keep as text; ``case``, ``patient``,
        ``instance`` and ``scanner`` always are.
    keep_blank_rows : bool
        Keep the blank lines of a CSV file as empty rows, so that positions stay those a person
        sees in the file.

    Raises
    ------
    TableError
        When the file is missing, of another kind, empty or unreadable, or two columns of a
        CSV or XLSX file have one name.
    """
    path = Path(path)
    readers = {
        ".csv": _read_csv,
        ".tsv": _read_csv,
        ".txt": _read_csv,
        ".xlsx": _read_xlsx,
        ".sav": _read_sav,
        ".zsav": _read_sav,
        ".parquet": _read_parquet,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise TableError(
            "unknown kind of table",
            where=path.name,
            expected=", ".join(readers),
            found=path.suffix or "no suffix",
        )
    check_regular(path, error=TableError)
    if not path.is_file():
        raise TableError("no such file", where=str(path), hint="check the path")
    try:
        frame = reader(path, dict.fromkeys((*_TEXT_COLUMNS, *text), str), keep_blank_rows)
    except TableError:
        raise
    except Exception as error:
        raise TableError(
            "table cannot be read", where=path.name, found=f"{type(error).__name__}: {error}"
        ) from error
    if len(frame) == 0:
        raise TableError("table has no rows", where=path.name)
    return frame


def _read_parquet(path: Path, _text: dict[str, type], _keep: bool) -> pd.DataFrame:
    return pd.DataFrame(open_parquet(path).to_pandas())


def _read_csv(path: Path, text_columns: dict[str, type], keep: bool) -> pd.DataFrame:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        text = stream.read()
    head = text.split("\n", 1)[0]
    separator = max(",;\t", key=head.count)
    frame: pd.DataFrame = pd.read_csv(
        io.StringIO(_without_surplus(text, separator, path.name), newline=""),
        sep=separator,
        **_EXACT,
        dtype=text_columns,
        index_col=False,
        skip_blank_lines=not keep,
        keep_default_na=False,
        na_values=_NA,
    )
    return unguard_frame(frame)


def _without_surplus(text: str, separator: str, name: str) -> str:
    """Return a CSV text whose rows are no longer than its header; refuse cells that say more.

    pandas would take the first cells of a longer row for an index and shift the others.
    """
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    header = next((r for r in rows if any(r)), [])
    _check_header(header, name)
    width = len(header)
    if all(len(r) <= width for r in rows):
        return text
    for number, row in enumerate(rows, start=1):
        if any(cell.strip() for cell in row[width:]):
            raise TableError(
                f"row {number} has {len(row)} cells, header has {width}",
                where=name,
                hint="name every column, put cells that hold a separator in quotes, and write "
                "decimals with a point",
            )
    short = io.StringIO(newline="")
    csv.writer(short, delimiter=separator).writerows(r[:width] for r in rows)
    return short.getvalue()


def _check_header(header: Sequence[object], name: str) -> None:
    """Refuse columns of one name, which pandas would take apart as ``x`` and ``x.1``."""
    names = [str(c) for c in header if c is not None and str(c).strip()]
    check_no_duplicates(names, what="column", where=f"{name}, header", error=TableError)


def _read_xlsx(path: Path, text_columns: dict[str, type], _keep: bool) -> pd.DataFrame:
    head = pd.read_excel(path, header=None, nrows=1, dtype=object, engine="openpyxl")
    _check_header([c for c in head.to_numpy().ravel() if pd.notna(c)], path.name)
    frame: pd.DataFrame = pd.read_excel(
        path, dtype=text_columns, engine="openpyxl", keep_default_na=False, na_values=_NA
    )
    return frame


def _read_sav(path: Path, _text: dict[str, type], _keep: bool) -> pd.DataFrame:
    import pyreadstat

    frame, metadata = pyreadstat.read_sav(str(path))
    for name, labels in metadata.variable_value_labels.items():
        # Not through pyreadstat, which fails on a missing value. A number without a label stays
        # a number, and so do its neighbours: the labels then only name special codes.
        if frame[name].dropna().isin(list(labels)).all():
            levels = dict.fromkeys(labels[code] for code in sorted(labels))
            named = frame[name].map(labels)
            frame[name] = pd.Categorical(named, categories=list(levels), ordered=True)
    return pd.DataFrame(frame)
