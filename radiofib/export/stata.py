"""Stata ``.dta`` files (format 118, Unicode), through pyreadstat.

Not through pandas: its writer renames columns that only Mata reserves, ``case`` among them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pyreadstat

from radiofib.errors import ExportError
from radiofib.export.names import cut_bytes
from radiofib.export.sheet import Sheet, Variable, require_short_texts

__all__ = ["write_dta"]

_VARIABLE_LABEL_CHARACTERS = 80
_VALUE_LABEL_BYTES = 32_000
_TEXT_BYTES = 2_045
#: Above this Stata keeps its missing values.
_MOST = 8.988e307
#: Days and milliseconds from Stata's epoch, 1960-01-01, to 1970-01-01.
_EPOCH_DAYS = 3_653
_EPOCH_MS = _EPOCH_DAYS * 86_400_000
_FORMATS = {"double": "%18.0g", "integer": "%17.0f", "date": "%td", "datetime": "%tc"}
_STAMP = re.compile(rb"<timestamp>\x11.{17}</timestamp>")
_FIXED_STAMP = b"<timestamp>\x1101 Jan 2000 00:00</timestamp>"


def write_dta(sheet: Sheet, path: Path) -> None:
    """Write a ``.dta`` file with variable labels and value labels; equal tables, equal bytes.

    Names are the codebook's aliases of at most 31 characters. The time stamp is fixed.

    Raises
    ------
    ExportError
        For infinity, a number beyond Stata's doubles, or a text beyond 2,045 bytes.
    """
    sheet.require_range("Stata", most=_MOST)
    require_short_texts(sheet, "Stata", _TEXT_BYTES)
    named = {v.alias: v for v in sheet.variables}
    pyreadstat.write_dta(
        pd.DataFrame({name: _values(v) for name, v in named.items()}),
        str(path),
        version=14,
        file_label="radiofib feature table",
        column_labels={n: _label(v) for n, v in named.items()},
        variable_value_labels={n: labels for n, v in named.items() if (labels := _labels(v))},
        variable_format={n: _FORMATS[v.kind] for n, v in named.items() if v.kind in _FORMATS},
    )
    _fix_stamp(path)


def _fix_stamp(path: Path) -> None:
    with path.open("r+b") as stream:
        head = stream.read(1_024)
        fixed, count = _STAMP.subn(_FIXED_STAMP, head, count=1)
        if count != 1:
            raise ExportError("the Stata file has no time stamp where one is due")
        stream.seek(0)
        stream.write(fixed)


def _values(variable: Variable) -> Any:
    if variable.kind == "text":
        return variable.texts()
    if variable.kind == "date":
        return variable.data + _EPOCH_DAYS
    if variable.kind == "datetime":
        return (variable.data * 1e3).round() + _EPOCH_MS
    return variable.coded()


def _label(variable: Variable) -> str:
    label = " ".join(variable.label.split())[:_VARIABLE_LABEL_CHARACTERS]
    return cut_bytes(label, 4 * _VARIABLE_LABEL_CHARACTERS)


def _labels(variable: Variable) -> dict[int | float, str]:
    if variable.kind == "logical":
        return {0: "no", 1: "yes"}
    labels = (cut_bytes(label, _VALUE_LABEL_BYTES) for label in variable.level_labels)
    return dict[int | float, str](zip(variable.codes, labels, strict=True))
