"""SPSS ``.sav`` files: labels, measures, formats wide enough to show a double, no lost bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat

from radiofib.export.names import cut_bytes, cut_unique
from radiofib.export.sheet import Sheet, Variable, require_short_texts

__all__ = ["write_sav"]

_VARIABLE_LABEL_BYTES = 256
_VALUE_LABEL_BYTES = 120
_TEXT_BYTES = 32_767
#: SPSS keeps the largest double and its neighbours for "highest", "lowest" and "missing".
_MOST = float(np.nextafter(np.nextafter(np.finfo(np.float64).max, 0), 0))
_WIDE = "E20.12"
#: Days from SPSS's epoch, 1582-10-14, to 1970-01-01.
_EPOCH_DAYS = 141_428
_DAY = 86_400.0


def write_sav(sheet: Sheet, path: Path) -> None:
    """Write a ``.sav`` file that SPSS, PSPP and haven open without a warning.

    Ordered and plain categories become integer codes with value labels, logicals 0 and 1,
    dates and times real SPSS dates, missing numbers system missing, missing texts blank.

    Raises
    ------
    ExportError
        For infinity, a number SPSS reserves, or a text beyond 32,767 bytes.
    """
    sheet.require_range("SPSS", most=_MOST)
    require_short_texts(sheet, "SPSS", _TEXT_BYTES)
    named = {v.sav_name: v for v in sheet.variables}
    pyreadstat.write_sav(
        pd.DataFrame({name: _values(v) for name, v in named.items()}),
        str(path),
        file_label="radiofib feature table",
        column_labels={n: cut_bytes(v.label, _VARIABLE_LABEL_BYTES) for n, v in named.items()},
        variable_value_labels={n: labels for n, v in named.items() if (labels := _labels(v))},
        variable_measure={n: v.measure for n, v in named.items()},
        variable_format={n: form for n, v in named.items() if (form := _format(v))},
    )


def _values(variable: Variable) -> list[str] | np.ndarray:
    if variable.kind == "text":
        return variable.texts()
    if variable.kind == "date":
        return (variable.data + _EPOCH_DAYS) * _DAY
    if variable.kind == "datetime":
        return variable.data + _EPOCH_DAYS * _DAY
    return variable.coded()


def _labels(variable: Variable) -> dict[int | float, str]:
    if variable.kind == "logical":
        return {0: "no", 1: "yes"}
    cut = cut_unique(variable.level_labels, _VALUE_LABEL_BYTES)
    return dict[int | float, str](zip(variable.codes, cut, strict=True))


def _format(variable: Variable) -> str | None:
    if variable.kind == "text":
        return None
    if variable.kind == "double":
        return _WIDE if variable.role == "feature" else _narrow(variable)
    fixed = {"logical": "F1.0", "integer": "F17.0", "date": "DATE11", "datetime": "DATETIME23.2"}
    return fixed.get(variable.kind, "F5.0")


def _narrow(variable: Variable) -> str:
    """Return the narrowest format that shows every value of a covariate exactly."""
    values = variable.data[~np.isnan(variable.data)]
    for decimals in range(7):
        if (np.abs(values) < 1e8).all() and (np.round(values, decimals) == values).all():
            return f"F16.{decimals}"
    return _WIDE
