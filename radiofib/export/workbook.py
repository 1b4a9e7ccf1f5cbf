"""The codebook as an Excel workbook, for readers who do not open CSV files."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font

from radiofib.export.sheet import Sheet

__all__ = ["write_workbook"]

_MOST_CHARACTERS = 32_767
_STAMP = datetime(2000, 1, 1)
_MODIFIED = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*")


def write_workbook(sheet: Sheet, path: Path) -> None:
    """Write ``codebook`` and ``missing`` as two sheets of text; equal tables, equal bytes.

    Every cell is stored as text, so none is run as a formula and none needs an apostrophe.
    """
    book = Workbook()
    book.properties.creator = "radiofib"
    book.properties.created = _STAMP
    for title, frame in (("codebook", sheet.codebook), ("missing", sheet.missing)):
        page = book.active if title == "codebook" else book.create_sheet()
        page.title = title
        _fill(page, frame)
    buffer = io.BytesIO()
    book.save(buffer)
    path.write_bytes(_without_times(buffer.getvalue()))


def _fill(page: Any, frame: pd.DataFrame) -> None:
    for number, row in enumerate([tuple(frame.columns), *frame.itertuples(index=False)], start=1):
        for column, text in enumerate(row, start=1):
            if text:
                clean = ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", str(text))
                cell = page.cell(number, column)
                cell.value = clean[:_MOST_CHARACTERS]
                cell.data_type = "s"
                if number == 1:
                    cell.font = Font(bold=True)
    page.freeze_panes = "B2"


def _without_times(content: bytes) -> bytes:
    """Return the workbook with fixed times inside its zip entries and properties."""
    result = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as source,
        zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for entry in source.infolist():
            data = source.read(entry)
            if entry.filename == "docProps/core.xml":
                data = _MODIFIED.sub(rb"\g<1>2000-01-01T00:00:00Z", data)
            fixed = zipfile.ZipInfo(entry.filename, date_time=(2000, 1, 1, 0, 0, 0))
            fixed.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(fixed, data)
    return result.getvalue()
