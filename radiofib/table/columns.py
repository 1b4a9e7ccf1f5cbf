"""Which columns of somebody else's table are features, and which describe rows."""

from __future__ import annotations

import math
import numbers
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofib.errors import TableError
from radiofib.table.reading import read_frame

__all__ = [
    "NAME_COLUMNS",
    "OBS_COLUMNS",
    "is_nameless",
    "kind_of_column",
    "names_of",
    "numbers_of",
    "whole_names",
]

#: Columns that describe a row and are never features.
OBS_COLUMNS = (
    "case",
    "patient",
    "instance",
    "stage",
    "scanner",
    "vendor",
    "field_t",
    "site",
    "split",
    "reference_method",
    "interval_days",
    "hbp_minutes",
    "quality",
    "mask_source",
    "mpp_x_um",
    "mpp_y_um",
    "mpp_source",
    "tissue_px_um",
    "segmentation_source",
    "segmentation_maker",
)

#: Those that hold names, which stay names when they are written as numbers.
NAME_COLUMNS = ("case", "patient", "scanner", "vendor", "site")

_IDENTIFIER = re.compile(
    r"id|pid|uid|(case|patient|subject|sample|image|row|record|study|series|exam)id|case|patient"
)
_INDEX = re.compile(
    r"|#|n|i|index|idx|no|nr|num|number|sn|row|rows|rownames?|record|obs|level0"
    r"|(row|case|patient|subject|sample|image|record|serial)(no|nr|num|number|index|idx)"
)
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?inf(inity)?", re.I)
_CODE = re.compile(r"0[0-9]+")
#: A whole number as programs write it when another cell of its column is empty.
_WHOLE = re.compile(r"(0|[1-9][0-9]*)\.0+")
#: Decimal commas, and groups of thousands.
_COMMA = re.compile(
    r"[+-]?([0-9]*,[0-9]+(e[+-]?[0-9]+)?|[0-9]{1,3}([., '][0-9]{3})+([.,][0-9]+)?)", re.I
)
#: What programs write for a missing number (but "NA" and "NaN", which reading knows).
_ABSENT = re.compile(r"#.*|n\.?/?a\.?|nan|<na>|null|none|nil|missing|unknown|-+|\.+|\?+|", re.I)


def is_nameless(column: str) -> bool:
    """Tell whether a column has no name of its own (pandas writes ``Unnamed: 3``)."""
    return not column.strip() or re.fullmatch(r"Unnamed: [0-9]+", column) is not None


def names_of(column: pd.Series, name: str | None = None) -> pd.Series:
    """Return a column that names something with its numbers as text: ``1`` and ``1.0`` as ``1``.

    One empty cell makes floats of a column of whole numbers, so that the same scanner would
    have two names. Text stays text, missing stays missing. Columns that measure something, such
    as the field strength, are returned as they are.

    Parameters
    ----------
    column : Series
    name : str, optional
        What it is called, by default its own name: one of :data:`NAME_COLUMNS` or any other
        that is not in :data:`OBS_COLUMNS` holds names.

    Examples
    --------
    >>> names_of(pd.Series([1.0, 2.5, "B 1.0"], dtype=object, name="scanner")).tolist()
    ['1', '2.5', 'B 1.0']
    >>> names_of(pd.Series([1.5, 3.0], name="field_t")).tolist()
    [1.5, 3.0]
    """
    name = str(column.name) if name is None else name
    if name in OBS_COLUMNS and name not in NAME_COLUMNS:
        return column
    values = column.tolist()
    if not any(_is_plain_number(v) for v in values):
        return column
    texts = [_name_of(v) if _is_plain_number(v) else v for v in values]
    return pd.Series(texts, index=column.index, name=column.name, dtype=object)


def whole_names(column: pd.Series) -> pd.Series:
    """Return :func:`names_of` a column of a file, whose texts ``1.0`` lose their point as well.

    Examples
    --------
    >>> whole_names(pd.Series(["1.0", "007", "1.50", "B 1.0"], name="scanner")).tolist()
    ['1', '007', '1.50', 'B 1.0']
    """
    named = names_of(column)
    values = named.tolist()
    if not any(isinstance(v, str) and _WHOLE.fullmatch(v.strip()) for v in values):
        return named
    texts = [
        v.strip().partition(".")[0] if isinstance(v, str) and _WHOLE.fullmatch(v.strip()) else v
        for v in values
    ]
    return pd.Series(texts, index=column.index, name=column.name, dtype=object)


def _is_plain_number(value: Any) -> bool:
    """Tell whether a value is a finite number; infinity is left for others to refuse."""
    known = isinstance(value, int | float | np.integer | np.floating)
    return known and not isinstance(value, bool) and math.isfinite(value)


def _name_of(value: Any) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)


def kind_of_column(column: pd.Series, label: str) -> str:
    """Return what a column of somebody else's table is: text, or a feature, or why neither."""
    name = str(column.name)
    if name in OBS_COLUMNS or name == label:
        return "description"
    if name.startswith("geom_"):
        return "fact of the image file"
    plain = re.sub(r"[\W_]+", "", name.casefold().replace("#", "no"))
    if is_nameless(name) or _IDENTIFIER.fullmatch(plain):
        return "identifier"
    if not column.notna().any():
        return "without a number"
    if not pd.api.types.is_numeric_dtype(column):
        return "text"
    return "row number" if _INDEX.fullmatch(plain) and _counts(column) else "feature"


def _counts(column: pd.Series) -> bool:
    """Tell whether a column is 0, 1, 2 ... or 1, 2, 3 ..."""
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    steps = np.arange(len(values))
    return bool(np.array_equal(values, steps) or np.array_equal(values, steps + 1))


def numbers_of(column: pd.Series, path: Path) -> pd.Series | None:
    """Return a text column as numbers when each cell is one, or None when it is a covariate.

    Raises
    ------
    TableError
        When at least half of the cells are numbers and others are not, so that a feature would
        be lost. Cells such as ``#DIV/0!`` and ``n/a`` do not count in that, and a column
        of codes such as ``007`` is text.
    """
    if not (pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column)):
        return None
    if isinstance(column.dtype, pd.CategoricalDtype):
        return None
    cells = column[column.notna()]
    plain = np.array([_is_number(v) for v in cells], dtype=bool)
    texts = [v.strip() if isinstance(v, str) else "" for v in cells]
    comma = np.array([_COMMA.fullmatch(t) is not None for t in texts], dtype=bool)
    absent = np.array(
        [isinstance(v, str) and _ABSENT.fullmatch(v.strip()) is not None for v in cells], dtype=bool
    )
    if plain.all():
        return column.map(float, na_action="ignore").astype(np.float64)
    numeric = int((plain | comma).sum())
    codes = all(p or _CODE.fullmatch(t) for p, t in zip(plain, texts, strict=True))
    if numeric == 0 or codes or 2 * numeric < int((~absent).sum()):
        return None
    first = int(np.flatnonzero(~plain)[0])
    position = int(np.flatnonzero(column.notna())[first])
    raise TableError(
        "column mixes numbers and text",
        where=f"{path.name}, {_place(column, position, path)}, column {column.name!r}",
        expected="a number with a decimal point, or nothing",
        found=f"{str(cells.iloc[first])[:60]!r} ({int((~plain).sum())} such cell(s) in all)",
        hint="correct the cells, or empty those without a value; a covariate needs words instead "
        "of numbers",
    )


def _is_number(value: object) -> bool:
    if isinstance(value, str):
        text = value.strip()
        return _NUMBER.fullmatch(text) is not None and _CODE.fullmatch(text) is None
    return isinstance(value, numbers.Real | Decimal) and not isinstance(value, bool)


def _place(column: pd.Series, position: int, path: Path) -> str:
    """Return the row of a cell as a person sees it in the file, whose blank lines count."""
    if path.suffix.lower() in (".csv", ".tsv", ".txt"):
        whole = read_frame(path, text=(str(column.name),), keep_blank_rows=True)
        cells = whole[str(column.name)].fillna("").str.strip()
        position = int(np.flatnonzero(cells == str(column.iloc[position]).strip())[0])
    elif path.suffix.lower() != ".xlsx":
        return f"row {position + 1}"
    return f"row {position + 2}"
