"""SAS transport ``.xpt`` files (version 8), through pyreadstat."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat

from radiofib.export.names import cut_bytes
from radiofib.export.sheet import Sheet, Variable, require_short_texts

__all__ = ["write_xpt"]

_LABEL_BYTES = 256
_TEXT_BYTES = 200
#: Numbers are IBM hexadecimal floats there: 56 bits of fraction, but a narrower exponent.
_MOST, _LEAST = 1e70, 1e-70
#: Days from SAS's epoch, 1960-01-01, to 1970-01-01.
_EPOCH_DAYS = 3_653
_DAY = 86_400.0
_RECORD = 80
_OBSERVATIONS = b"HEADER RECORD*******OBSV8"


def write_xpt(sheet: Sheet, path: Path) -> None:
    """Write a SAS transport file of version 8; SAS reads it with ``%xpt2loc``, R with haven.

    Names are the codebook's aliases of at most 31 characters. The format has no value labels:
    ordered categories are their integer codes, with the meaning in the variable label; plain
    categories are texts. Negative zero becomes zero.

    Raises
    ------
    ExportError
        For infinity, a magnitude beyond 1e70 or below 1e-70, or a text beyond 200 bytes.
    """
    sheet.require_range("SAS transport", most=_MOST, least=_LEAST)
    require_short_texts(sheet, "SAS transport", _TEXT_BYTES)
    formats = {"date": "DATE9", "datetime": "DATETIME20"}
    pyreadstat.write_xport(
        pd.DataFrame({v.alias: _values(v) for v in sheet.variables}),
        str(path),
        table_name="FEATURES",
        file_format_version=8,
        column_labels={v.alias: _label(v) for v in sheet.variables},
        variable_format={v.alias: formats[v.kind] for v in sheet.variables if v.kind in formats},
    )
    _require_whole(path, sheet.n_rows)


def _require_whole(path: Path, rows: int) -> None:
    """Compare the file with the size it must have: on a full disk the writer stops silently."""
    content = path.read_bytes()
    size, marker = len(content), content.find(_OBSERVATIONS)
    due = 0
    if marker >= 0:
        _, metadata = pyreadstat.read_xport(str(path), metadataonly=True)
        width = sum(metadata.variable_storage_width.values())
        due = marker + _RECORD + -(-rows * width // _RECORD) * _RECORD
    if size != due:
        raise OSError(errno.ENOSPC, f"the file ends after {size} bytes instead of {due}")


def _label(variable: Variable) -> str:
    meaning = ""
    if variable.kind == "ordered":
        pairs = zip(variable.codes, variable.level_labels, strict=True)
        meaning = f" ({', '.join(f'{code} = {text}' for code, text in pairs)})"
    room = max(_LABEL_BYTES - len(meaning.encode("utf-8")), _LABEL_BYTES // 4)
    return cut_bytes(cut_bytes(variable.label, room) + meaning, _LABEL_BYTES)


def _values(variable: Variable) -> list[str] | np.ndarray:
    if variable.kind in ("text", "factor"):
        return variable.texts()
    if variable.kind == "date":
        return variable.data + _EPOCH_DAYS
    if variable.kind == "datetime":
        return variable.data + _EPOCH_DAYS * _DAY
    return variable.coded()
