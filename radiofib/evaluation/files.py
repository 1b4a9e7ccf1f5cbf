"""Tables of results as CSV files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from radiofib.table import guard_frame

__all__ = ["write_tables"]


def write_tables(folder: str | Path, tables: Mapping[str, pd.DataFrame]) -> list[Path]:
    """Write each table as ``<name>.csv``, whole or not at all, texts no formulas.

    Parameters
    ----------
    folder : path
        Made when absent.
    tables : mapping of name to DataFrame

    Returns
    -------
    list of Path

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as out:
    ...     [path] = write_tables(out, {"a": pd.DataFrame({"case": ["=x"], "v": [-1]})})
    ...     text = path.read_text()
    >>> text.splitlines()
    ['case,v', "'=x,-1"]
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, frame in tables.items():
        path = folder / f"{name}.csv"
        temporary = path.with_name(f".{path.name}.part")
        text = guard_frame(frame).to_csv(index=False, lineterminator="\n")
        temporary.write_text(text, encoding="utf-8", newline="\n")
        temporary.replace(path)
        written.append(path)
    return written
