"""The rows that an interpretable model is fitted to, from the exported variables alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib.export.sheet import Variable

__all__ = ["NUMBERS", "patient_column", "patient_rows", "raw_texts", "repeats", "varies_within"]

#: Kinds of variables that are terms as they are; others become flags.
NUMBERS = ("double", "integer", "logical")


def raw_texts(variable: Variable) -> NDArray[np.object_]:
    """Return the values as texts, None where missing; levels by their own names."""
    if variable.kind == "text":
        return variable.data
    if variable.has_levels:
        texts = [None if v != v else variable.levels[int(v)] for v in variable.data]
    else:
        texts = [None if v != v else f"{v:.17g}" for v in variable.data]
    return np.array(texts, dtype=object)


def patient_column(variables: Mapping[str, Variable]) -> str:
    """Return the column whose equal values are one patient."""
    return "patient" if "patient" in variables else "case"


def _known(variables: Mapping[str, Variable]) -> tuple[pd.Series, NDArray[np.bool_]]:
    known = ~variables["stage"].missing
    patient = pd.Series(raw_texts(variables[patient_column(variables)]), dtype=object)
    return patient[known].astype(str), known


def repeats(variables: Mapping[str, Variable]) -> bool:
    """Tell whether a patient has several rows with a stage."""
    return bool(_known(variables)[0].duplicated().any())


def varies_within(variables: Mapping[str, Variable], column: str) -> bool:
    """Tell whether a column has several values in one patient."""
    patient, known = _known(variables)
    values = pd.Series(raw_texts(variables[column]), dtype=object)[known]
    return bool(values.groupby(patient.to_numpy()).nunique().gt(1).any())


def patient_rows(variables: Mapping[str, Variable], columns: Sequence[str]) -> pd.DataFrame:
    """Return one row for each patient with one known stage: ``stage`` and the columns.

    Numbers are means over a patient's rows, texts the commonest (the first of equals); patients
    whose rows have different stages are left out.

    Examples
    --------
    >>> from radiofib.export.build import build_sheet
    >>> from radiofib.table import FeatureTable
    >>> table = FeatureTable(
    ...     pd.DataFrame({"f": [1.0, 3.0, 5.0]}),
    ...     pd.DataFrame({"case": list("abc"), "patient": ["p", "p", "q"],
    ...                   "stage": ["s1", "s1", "s2"]}))
    >>> variables = {v.name: v for v in build_sheet(table).variables}
    >>> patient_rows(variables, ["f"]).to_dict("list")
    {'stage': ['s1', 's2'], 'f': [2.0, 5.0]}
    """
    patient, known = _known(variables)
    keys = patient.to_numpy()
    stage = pd.Series(raw_texts(variables["stage"]), dtype=object)[known].groupby(keys)
    result = pd.DataFrame({"stage": stage.first()})
    for column in dict.fromkeys(columns):
        variable = variables[column]
        if variable.kind in NUMBERS:
            result[column] = pd.Series(variable.data)[known].groupby(keys).mean()
        else:
            texts = pd.Series(raw_texts(variable), dtype=object)[known].groupby(keys)
            result[column] = texts.agg(_commonest).astype(object)
    return result[stage.nunique().eq(1).to_numpy()]


def _commonest(column: pd.Series) -> object:
    counts = Counter(v for v in column.tolist() if not pd.isna(v))
    return max(counts, key=lambda v: counts[v]) if counts else None
