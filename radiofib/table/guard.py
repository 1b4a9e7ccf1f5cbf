"""Texts in CSV files that a spreadsheet cannot take for formulas, and the way back."""

from __future__ import annotations

import re

import pandas as pd

__all__ = ["guard", "guard_frame", "unguard", "unguard_frame"]

#: A text that a spreadsheet takes for a formula, or one that is guarded already.
_LIKE_GUARDED = re.compile(r"'*[=+\-@\t\r]")


def guard(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet could take for a formula.

    A text that looks guarded already gets another, so that :func:`unguard` returns every text
    exactly. Source: OWASP, CSV injection. Only texts are guarded, never numbers.

    Examples
    --------
    >>> guard("=cmd()"), guard("c01"), guard("'=x"), guard("'quoted'")
    ("'=cmd()", 'c01', "''=x", "'quoted'")
    """
    return f"'{text}" if _LIKE_GUARDED.match(text) else text


def unguard(text: str) -> str:
    """Take off what :func:`guard` put on; other texts stay as they are.

    Examples
    --------
    >>> unguard("'=cmd()"), unguard("c01"), unguard("''=x"), unguard("'quoted'")
    ('=cmd()', 'c01', "'=x", "'quoted'")
    """
    return text[1:] if text.startswith("'") and _LIKE_GUARDED.match(text) else text


def guard_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame to be written as CSV with column names and texts guarded, numbers as they are.

    Examples
    --------
    >>> guard_frame(pd.DataFrame({"case": ["=a", "b"], "v": [-1, 2]})).to_dict("list")
    {'case': ["'=a", 'b'], 'v': [-1, 2]}
    """
    frame = frame.rename(columns=lambda name: guard(name) if isinstance(name, str) else name)
    for place, dtype in enumerate(frame.dtypes):
        column = frame.iloc[:, place]
        if isinstance(dtype, pd.CategoricalDtype):
            column = column.astype(object)
        elif not (pd.api.types.is_object_dtype(dtype) or pd.api.types.is_string_dtype(dtype)):
            continue
        texts = [guard(v) if isinstance(v, str) else v for v in column]
        frame.isetitem(place, pd.Series(texts, index=column.index, dtype=object).to_numpy())
    return frame


def unguard_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame read from CSV with the guard taken off column names and texts.

    Examples
    --------
    >>> unguard_frame(pd.DataFrame({"case": ["'=a", "'b"], "v": [1, 2]}))["case"].tolist()
    ['=a', "'b"]
    """
    frame = frame.rename(columns=lambda name: unguard(name) if isinstance(name, str) else name)
    for place, dtype in enumerate(frame.dtypes):
        if not (pd.api.types.is_object_dtype(dtype) or pd.api.types.is_string_dtype(dtype)):
            continue
        column = frame.iloc[:, place]
        texts = [unguard(v) if isinstance(v, str) else v for v in column]
        frame.isetitem(place, pd.Series(texts, index=column.index, dtype=dtype))
    return frame
