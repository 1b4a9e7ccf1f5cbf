"""Labels of stages as text: the same whether they were numbers, categories or words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

__all__ = ["as_text", "label_texts", "labels_as_text"]


def labels_as_text(labels: pd.Series) -> tuple[pd.Series, tuple[str, ...]]:
    """Return labels as text (None where missing) and their levels in order.

    The levels are the categories of a categorical column, otherwise the sorted values; whole
    numbers lose their decimal point.

    Examples
    --------
    >>> labels_as_text(pd.Series([2.0, 1.0, None]))[1]
    ('1', '2')
    """
    if isinstance(labels.dtype, pd.CategoricalDtype):
        levels = tuple(as_text(v) for v in labels.cat.categories)
    elif pd.api.types.is_numeric_dtype(labels):
        levels = tuple(as_text(v) for v in sorted(labels.dropna().unique()))
    else:
        levels = tuple(sorted({as_text(v) for v in labels.dropna()}))
    return pd.Series(label_texts(labels), index=labels.index, dtype=object), levels


def label_texts(column: pd.Series) -> np.ndarray:
    """Return values as text, None where missing; each different value is turned once.

    Examples
    --------
    >>> label_texts(pd.Series([1.0, None, 1.0])).tolist()
    ['1', None, '1']
    """
    codes, different = pd.factorize(column)
    texts = np.array([*(as_text(v) for v in different), None], dtype=object)
    found: np.ndarray = texts[codes]
    return found


def as_text(value: Any) -> str:
    """Return a label as text; whole numbers lose their decimal point.

    Examples
    --------
    >>> as_text(2.0), as_text(" F4 ")
    ('2', 'F4')
    """
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()
