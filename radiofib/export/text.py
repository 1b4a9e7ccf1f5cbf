"""CSV files that keep every double, and cannot run as formulas when a spreadsheet opens them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from radiofib.export.sheet import Sheet, Variable
from radiofib.table import guard

__all__ = ["GUARD_NOTE", "write_codebook", "write_features", "write_frame"]

_SPECIAL = re.compile(r'[,;"\t\r\n]|^\s|\s$')
GUARD_NOTE = (
    "{count} of the texts begin with = + - @, tab or carriage return; in CSV files a leading "
    "apostrophe keeps spreadsheets from running them as formulas; radiofib takes it off when it "
    "reads the file. The other formats hold the text as it is."
)


def write_features(sheet: Sheet, path: Path) -> None:
    """Write the table as UTF-8 CSV: doubles as their shortest exact text, missing empty.

    Whole numbers have no decimal point, logicals are ``TRUE`` and ``FALSE``, dates
    ``2026-01-31`` and times ``2026-01-31T10:00:00Z``.
    """
    cells = [_cells(variable) for variable in sheet.variables]
    header = [_safe(variable.name) for variable in sheet.variables]
    _write(path, header, zip(*cells, strict=True))


def write_codebook(sheet: Sheet, path: Path) -> None:
    """Write the codebook; its last column says where texts were guarded."""
    write_frame(codebook_with_notes(sheet), path)


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame of texts, each guarded."""
    rows = ([_safe(str(cell)) for cell in row] for row in frame.itertuples(index=False))
    _write(path, [_safe(str(column)) for column in frame.columns], rows)


def codebook_with_notes(sheet: Sheet) -> pd.DataFrame:
    """Return the codebook with a column that says which texts are guarded in CSV."""
    notes = []
    for variable in sheet.variables:
        texts = variable.levels if variable.has_levels else ()
        shown = variable.texts() if variable.kind == "text" else texts
        count = sum(guard(text) != text for text in shown)
        notes.append(GUARD_NOTE.format(count=count) if count else "")
    return sheet.codebook.assign(note=notes)


def _cells(variable: Variable) -> list[str]:
    values = variable.data
    if variable.kind == "text":
        return [_safe(text) for text in variable.texts()]
    absent = np.isnan(values)
    if variable.has_levels:
        levels = [_safe(level) for level in variable.levels]
        return ["" if gone else levels[int(v)] for v, gone in zip(values, absent, strict=True)]
    numbers: Sequence[float] = values.tolist()
    if variable.kind == "double":
        return ["" if v != v else repr(v) for v in numbers]
    if variable.kind == "integer":
        return ["" if v != v else str(int(v)) for v in numbers]
    if variable.kind == "logical":
        return ["" if v != v else ("TRUE" if v else "FALSE") for v in numbers]
    if variable.kind == "date":
        days = np.where(absent, 0, values).astype("datetime64[D]")
        return ["" if gone else str(day) for day, gone in zip(days, absent, strict=True)]
    micro = np.rint(np.where(absent, 0, values) * 1e6).astype("datetime64[us]")
    return ["" if gone else _moment(m) for m, gone in zip(micro, absent, strict=True)]


def _moment(micro: np.datetime64) -> str:
    text = str(micro)
    return f"{text.removesuffix('.000000')}Z"


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    lines = [",".join(header), *(",".join(row) for row in rows)]
    path.write_bytes(("\n".join(lines) + "\n").encode("utf-8"))


def _safe(text: str) -> str:
    """Guard and quote a text; Python's csv module leaves a lone carriage return bare."""
    text = guard(text)
    if _SPECIAL.search(text):
        return '"' + text.replace('"', '""') + '"'
    return text
