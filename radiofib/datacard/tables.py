"""Small CSV files that lie beside images: labels and lists of cases."""

from __future__ import annotations

import csv
from pathlib import Path

from radiofib._checks import check_no_duplicates, check_regular, list_some
from radiofib.errors import DataCardError

__all__ = ["read_rows"]


def read_rows(path: Path, *, columns: tuple[str, ...] = ()) -> list[dict[str, str]]:
    """Return the rows of a CSV file (comma, semicolon or tab) as text; blank rows are left out.

    Parameters
    ----------
    path : Path
        The file, UTF-8.
    columns : tuple of str
        Columns that must be there.

    Raises
    ------
    DataCardError
        When the file cannot be read or lacks a column.
    """
    check_regular(path, error=DataCardError, where=path.name)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            head = stream.readline()
            stream.seek(0)
            rows = list(csv.reader(stream, delimiter=max(",;\t", key=head.count), strict=True))
    except FileNotFoundError as error:
        raise DataCardError("no such file", where=path.name, hint="check the root") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataCardError("not a readable CSV file", where=path.name, found=str(error)) from error
    header = [name.strip() for name in rows[0]] if rows else []
    check_no_duplicates(header, what="column", where=path.name, error=DataCardError)
    lacking = [c for c in columns if c not in header]
    if lacking:
        raise DataCardError(
            "table lacks a column",
            where=path.name,
            expected=list_some(lacking),
            found=list_some(header, 20) or "no columns",
        )
    filled = ([cell.strip() for cell in row] for row in rows[1:])
    return [dict(zip(header, row, strict=False)) for row in filled if any(row)]
