"""From a pandas column to a kind and plain values."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib._checks import list_some
from radiofib.errors import ExportError
from radiofib.export.sheet import Kind

__all__ = [
    "Typed",
    "check_text",
    "clean_frame",
    "clean_text",
    "describing_column",
    "feature_column",
    "level_text",
]

#: Kind, values as in :class:`~radiofib.export.sheet.Variable`, and levels.
Typed = tuple[Kind, NDArray[Any], tuple[str, ...]]
_LARGEST_WHOLE = 2**53


def feature_column(series: pd.Series, rows: Sequence[str]) -> Typed:
    """Return a feature as doubles; whole numbers must fit without rounding.

    Parameters
    ----------
    series : Series
        Numeric column.
    rows : sequence of str
        How each row is called in a message.

    Raises
    ------
    ExportError
        For complex numbers and for whole numbers beyond 2^53.

    Examples
    --------
    >>> feature_column(pd.Series([1, None]), ["case 'a'", "case 'b'"])
    ('double', array([ 1., nan]), ())
    """
    if pd.api.types.is_complex_dtype(series.dtype):
        raise ExportError("a feature must be a real number", where=f"column {series.name!r}")
    values = series.to_numpy(dtype=np.float64, na_value=np.nan)
    if pd.api.types.is_integer_dtype(series.dtype):
        large = [i for i, v in enumerate(series) if not pd.isna(v) and abs(v) > _LARGEST_WHOLE]
        if large:
            raise ExportError(
                "whole number too large for a double",
                where=f"column {series.name!r}, {rows[large[0]]}",
                expected="at most 2^53",
                found=str(series.iloc[large[0]]),
                hint="move an identifier out of the features",
            )
    return "double", values, ()


def describing_column(series: pd.Series, rows: Sequence[str]) -> Typed:
    """Return a column that describes rows, with the kind that all its values share.

    Objects that are all logical, whole, real, or dates get that kind; a mixture, and whole
    numbers beyond 2^53, become texts. Times are UTC; times that are all midnight are dates.

    Raises
    ------
    ExportError
        When a cell holds a list, or a text that no program can store.

    Examples
    --------
    >>> describing_column(pd.Series([True, None]), ["case 'a'", "case 'b'"])
    ('logical', array([ 1., nan]), ())
    >>> describing_column(pd.Series([1, "b"]), ["case 'a'", "case 'b'"])
    ('text', array(['1', 'b'], dtype=object), ())
    """
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        levels = tuple(level_text(level) for level in dtype.categories)
        if len(set(levels)) != len(levels):
            raise ExportError(
                "levels repeat", where=f"column {series.name!r}", found=list_some(levels)
            )
        for level in levels:
            check_text(level, f"column {series.name!r}")
        codes = series.cat.codes.to_numpy()
        values = np.where(codes < 0, np.nan, codes.astype(np.float64))
        return ("ordered" if dtype.ordered else "factor"), values, levels
    if pd.api.types.is_object_dtype(dtype) or pd.api.types.is_string_dtype(dtype):
        series = _settle(series)
        dtype = series.dtype
    if pd.api.types.is_bool_dtype(dtype):
        return "logical", series.to_numpy(dtype=np.float64, na_value=np.nan), ()
    if pd.api.types.is_integer_dtype(dtype):
        present = [int(v) for v in series if not pd.isna(v)]
        if all(abs(v) <= _LARGEST_WHOLE for v in present):
            return "integer", series.to_numpy(dtype=np.float64, na_value=np.nan), ()
    elif pd.api.types.is_float_dtype(dtype):
        return "double", series.to_numpy(dtype=np.float64, na_value=np.nan), ()
    elif pd.api.types.is_datetime64_any_dtype(dtype):
        return _moments(series)
    return "text", _texts(series, rows), ()


def _settle(series: pd.Series) -> pd.Series:
    """Give a column of Python objects the type that all its values share, if they do."""
    present = series.dropna()
    inferred = pd.api.types.infer_dtype(present, skipna=True)
    if inferred == "boolean":
        return series.astype("boolean")
    if inferred == "integer":
        if all(abs(int(v)) <= _LARGEST_WHOLE for v in present):
            return series.astype("Int64")
        return series
    if inferred in ("floating", "mixed-integer-float"):
        return series.astype("float64")
    if inferred in ("date", "datetime", "datetime64"):
        with contextlib.suppress(ValueError):  # several time zones: stays text
            return pd.to_datetime(series)
    return series


def _moments(series: pd.Series) -> Typed:
    """Return dates as days, or times as seconds, since 1970-01-01 in UTC."""
    if getattr(series.dt, "tz", None) is not None:
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    absent = series.isna().to_numpy()
    micro = series.to_numpy().astype("datetime64[us]").astype(np.int64)
    day = 86_400_000_000
    if (micro[~absent] % day == 0).all():
        return "date", np.where(absent, np.nan, micro // day), ()
    return "datetime", np.where(absent, np.nan, micro / 1e6), ()


def _texts(series: pd.Series, rows: Sequence[str]) -> NDArray[Any]:
    result = np.empty(len(series), dtype=object)
    for i, value in enumerate(series):
        if not pd.api.types.is_scalar(value):
            raise ExportError(
                "a cell must hold one value",
                where=f"column {series.name!r}, {rows[i]}",
                found=type(value).__name__,
            )
        if not pd.isna(value):
            text = str(value)
            check_text(text, f"column {series.name!r}, {rows[i]}")
            result[i] = text
    return result


def level_text(value: Any) -> str:
    """Return a level as text; whole numbers without a decimal point.

    Examples
    --------
    >>> level_text(1.0), level_text("f0"), level_text(0.5)
    ('1', 'f0', '0.5')
    """
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def check_text(text: str, where: str) -> None:
    r"""Raise for what no statistics program can store: NUL, or half of a surrogate pair.

    Examples
    --------
    >>> check_text("a\0b", "column 'case', case 3")
    Traceback (most recent call last):
    radiofib.errors.ExportError: column 'case', case 3: text holds a NUL character
    (found 'a\x00b'). Next: correct the cell.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        problem = "text is not valid Unicode"
    else:
        if "\0" not in text:
            return
        problem = "text holds a NUL character"
    raise ExportError(problem, where=where, found=ascii(text)[:80], hint="correct the cell")


def clean_text(text: str) -> str:
    r"""Return a text of our own (label, reason) with unstorable characters replaced.

    Examples
    --------
    >>> clean_text("a\0b") == "a\N{REPLACEMENT CHARACTER}b"
    True
    """
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text.encode("utf-8", "replace").decode("utf-8")


def clean_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame of clean texts, "" where nothing is.

    Examples
    --------
    >>> clean_frame(pd.DataFrame({"label": ["mean", None]}))["label"].tolist()
    ['mean', '']
    """
    return pd.DataFrame(
        {
            str(name): ["" if pd.isna(cell) else clean_text(str(cell)) for cell in frame[name]]
            for name in frame
        },
        dtype=object,
    )
