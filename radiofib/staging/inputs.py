"""What goes into a stager: checked, aligned by name, scanner apart from numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_array, validate_data

from radiofib._checks import check_no_duplicates, list_some
from radiofib.errors import ModelError, TableError
from radiofib.table import FeatureTable
from radiofib.table.columns import names_of

__all__ = [
    "LARGEST",
    "StagerInputError",
    "align_columns",
    "checked_numbers",
    "stager_frame",
    "to_numbers",
    "within_range",
]

#: Trees compare in single precision: a larger number would become infinite there.
LARGEST = float(np.finfo(np.float32).max)


class StagerInputError(ModelError, ValueError):
    """A table that a stager cannot take; also a ValueError, as scikit-learn's callers expect."""


def stager_frame(table: FeatureTable, context: str | Sequence[str] | None = None) -> pd.DataFrame:
    """Return the features of a table, with the context columns appended that are asked for.

    Parameters
    ----------
    table : FeatureTable
    context : str or sequence of str, optional
        Columns of ``obs`` that a stager reads: its ``context_columns``. Where there is no
        ``patient``, each case is one. Whole numbers that name something become text without
        a point (:func:`radiofib.table.columns.names_of`).

    Raises
    ------
    TableError
        When the table has no such column.

    Examples
    --------
    >>> table = FeatureTable(pd.DataFrame({"f": [1.0]}),
    ...                      pd.DataFrame({"case": ["a"], "scanner": ["b1"]}))
    >>> stager_frame(table, ("scanner", "patient")).to_dict("list")
    {'f': [1.0], 'scanner': ['b1'], 'patient': ['a']}
    """
    X = table.X.reset_index(drop=True)
    wanted = [context] if isinstance(context, str) else list(context or ())
    parts = [X]
    for name in wanted:
        source = "case" if name == "patient" and name not in table.obs else name
        if source not in table.obs:
            raise TableError(
                f"no column {name!r}"
                if name == "patient"
                else f"no column {name!r} for the scanner",
                found=list_some(table.obs.columns),
                hint="name the column that says which scanner a row is from, or train without one",
            )
        column = table.obs[source].reset_index(drop=True).astype(object).rename(name)
        column = names_of(column)
        parts.append(column.where(column.notna(), None).to_frame())
    return pd.concat(parts, axis=1) if wanted else X


def align_columns(frame: pd.DataFrame, expected: Sequence[str]) -> pd.DataFrame:
    """Return the columns of `frame` in the expected order.

    Raises
    ------
    StagerInputError
        When a column is missing, unknown or doubled, naming it.

    Examples
    --------
    >>> align_columns(pd.DataFrame({"b": [1], "a": [2]}), ["a", "b"]).columns.tolist()
    ['a', 'b']
    """
    names = [str(c) for c in frame.columns]
    if names == list(expected):
        return frame
    check_no_duplicates(names, what="feature column", error=StagerInputError)
    missing = [c for c in expected if c not in set(names)]
    unknown = [c for c in names if c not in set(expected)]
    if missing or unknown:
        found = []
        if missing:
            found.append(f"feature names seen at fit time, yet now missing: {list_some(missing)}")
        if unknown:
            found.append(f"feature names unseen at fit time: {list_some(unknown)}")
        raise StagerInputError(
            "The feature names should match those that were passed during fit",
            expected=f"{len(expected)} columns",
            found="; ".join(found),
            hint="extract with the settings of the training table, and drop columns the model "
            "does not know",
        )
    return frame[list(expected)]


def to_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame as floats, missing values as NaN.

    Raises
    ------
    StagerInputError
        When a column is text, or holds infinity or a number beyond single precision.

    Examples
    --------
    >>> to_numbers(pd.DataFrame({"a": [1, None]}))["a"].tolist()
    [1.0, nan]
    """
    if any(kind != np.float64 for kind in frame.dtypes):
        frame = _as_floats(frame)
    numbers = frame.astype(np.float64)
    values = numbers.to_numpy()
    if not within_range(values):
        bad = ~(np.abs(values) <= LARGEST) & ~np.isnan(values)
        row, column = np.argwhere(bad)[0]
        raise StagerInputError(
            "feature values must be finite or missing",
            where=f"row {row + 1}, column {frame.columns[column]!r}",
            found=f"{values[row, column]:g} (inf or too large in {int(bad.sum())} cells of "
            f"columns {list_some(frame.columns[bad.any(axis=0)])})",
            hint="set them to missing or drop the column",
        )
    return numbers


def within_range(values: NDArray[np.float64]) -> bool:
    """Tell whether all values that are there are finite in single precision.

    Examples
    --------
    >>> within_range(np.array([1.0, np.nan])), within_range(np.array([1e300]))
    (True, False)
    """
    if not values.size:
        return True
    low, high = values.min(), values.max()
    if np.isnan(high):
        # fmax passes over missing values, and makes no array of truths.
        low, high = np.fmin.reduce(values, axis=None), np.fmax.reduce(values, axis=None)
    return bool(np.isnan(high) or (low >= -LARGEST and high <= LARGEST))


def checked_numbers(estimator: Any, X: Any, *, reset: bool) -> NDArray[np.float64]:
    """Return the values of features after scikit-learn's checks of names, number and shape.

    Columns of a frame are floats already (:func:`to_numbers`): scikit-learn would look at the
    type of each, which takes longer than some learners.

    Parameters
    ----------
    estimator : estimator
        Learns (`reset`) or knows the names and the number of columns.
    X : DataFrame or array-like
    reset : bool

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> checked_numbers(StandardScaler(), pd.DataFrame({"a": [1.0, None]}), reset=True).tolist()
    [[1.0], [nan]]
    """
    checks: dict[str, Any] = {"dtype": np.float64, "ensure_all_finite": "allow-nan"}
    if not isinstance(X, pd.DataFrame):
        values: NDArray[np.float64] = validate_data(estimator, X, reset=reset, **checks)
        return values
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    found: NDArray[np.float64] = check_array(
        X.to_numpy(), estimator=estimator, input_name="X", **checks
    )
    return found


def _as_floats(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn columns of Python numbers (or of nothing) into floats; refuse text."""
    columns = {name: _plain_numbers(frame[name]) for name in frame}
    texts = [name for name, column in columns.items() if column is None]
    if texts:
        raise StagerInputError(
            "feature columns must be numeric",
            found=list_some(texts),
            hint="give scanner_column for the column that names the scanner, and drop the others",
        )
    return pd.DataFrame(columns, index=frame.index)


def _plain_numbers(column: pd.Series) -> pd.Series | None:
    if pd.api.types.is_numeric_dtype(column):
        return column.astype(np.float64)
    missing = column.isna()
    if column.dtype != object or not all(
        isinstance(v, int | float | np.number) for v in column[~missing]
    ):
        return None
    return column.where(~missing, np.nan).astype(np.float64)
