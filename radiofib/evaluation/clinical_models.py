"""What a model without features knows: covariates of a cohort, and serum scores made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib._checks import check_known, list_some
from radiofib.errors import ConfigError, TableError
from radiofib.stats.serum import INPUTS, ULN_AST, apri, fib4
from radiofib.table import FeatureTable

__all__ = ["CLINICAL", "MOST_KINDS", "ClinicalModel", "covariate_model", "score_model"]

FloatArray = NDArray[np.float64]
#: Name of the model of covariates.
CLINICAL = "clinical"
#: Different texts of a covariate that are still kinds and no names or remarks.
MOST_KINDS = 10


@dataclass(frozen=True, eq=False)
class ClinicalModel:
    """What a model without features knows.

    Parameters
    ----------
    name : str
    columns : DataFrame
        Numbers, NaN where missing, one row for each row of the table.
    notes : tuple of str
        What is missing, and what becomes of it.
    scores : ndarray, optional
        The serum score itself.
    """

    name: str
    columns: pd.DataFrame
    notes: tuple[str, ...] = ()
    scores: FloatArray | None = None


def covariate_model(table: FeatureTable, covariates: Sequence[str]) -> ClinicalModel:
    """Return the covariates of a cohort as numbers: as they are, texts as flags.

    Numbers stay on their scale (age is in years, not in logarithms). A text of k kinds becomes
    k - 1 flags. Missing values take the median of the training rows of a fold; a note counts
    them.

    Parameters
    ----------
    table : FeatureTable
    covariates : sequence of str
        Columns of ``obs``.

    Raises
    ------
    ConfigError
        When a covariate is no column of ``obs``, is a feature as well (it would be in both
        models), holds nothing, or holds texts of more than ten kinds.

    Examples
    --------
    >>> obs = pd.DataFrame({"case": list("abc"), "age": [40, None, 60], "sex": ["f", "m", "f"]})
    >>> found = covariate_model(FeatureTable(pd.DataFrame({"t1_x": [1.0, 2, 3]}), obs),
    ...                         ["age", "sex"])
    >>> found.columns.to_dict("list"), found.notes
    ({'age': [40.0, nan, 60.0], 'sex_is_m': [0.0, 1.0, 0.0]},
     ('age missing in 1 of 3 rows: median of the training rows',))
    """
    columns: dict[str, FloatArray] = {}
    notes = []
    for name in covariates:
        column = _column(table, name, "covariate")
        lost = int(column.isna().sum())
        if lost:
            notes.append(
                f"{name} missing in {lost} of {len(column)} rows: median of the training rows"
            )
        columns |= _as_numbers(name, column)
    return ClinicalModel(CLINICAL, pd.DataFrame(columns), tuple(notes))


def _column(table: FeatureTable, name: str, what: str) -> pd.Series:
    """Return a column of ``obs`` that is no feature and not empty."""
    if name in table.X:
        raise ConfigError(
            f"{what} {name!r} is among the features, so no model would be without it",
            where="clinical",
            hint="leave it out of the features: it belongs into the cohort table",
        )
    check_known(name, map(str, table.obs.columns), what=what, where="clinical", error=ConfigError)
    column = table.obs[name].reset_index(drop=True)
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    texts = column.map(lambda v: isinstance(v, str) and not v.strip())
    column = column.mask(texts.astype(bool))
    if column.isna().all():
        raise ConfigError(f"{what} {name!r} is empty", where="clinical", hint="leave it out")
    return column


def _as_numbers(name: str, column: pd.Series) -> dict[str, FloatArray]:
    """Return a number as one column, texts as flags against the first in order."""
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.notna().sum() == column.notna().sum():
        values = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
        if np.isinf(values).any():
            raise TableError("covariate is infinite", where=f"column {name!r}")
        return {name: values}
    kinds = sorted({str(v).strip() for v in column.dropna()})
    if len(kinds) > MOST_KINDS:
        raise ConfigError(
            f"covariate {name!r} holds texts of {len(kinds)} kinds",
            where="clinical",
            expected=f"numbers, or at most {MOST_KINDS} kinds",
            found=list_some(kinds, 4),
            hint="turn remarks such as '< 40' into numbers, or leave it out",
        )
    missing = column.isna().to_numpy()
    texts = column.map(lambda v: "" if pd.isna(v) else str(v).strip()).to_numpy(dtype=str)
    return {
        f"{name}_is_{kind}": np.where(missing, np.nan, (texts == kind).astype(np.float64))
        for kind in kinds[1:]
    }


def score_model(
    table: FeatureTable,
    score: str,
    columns: dict[str, str] | None = None,
    *,
    uln_ast: float = ULN_AST,
) -> ClinicalModel:
    """Return a serum score as a model: probabilities by its logarithm alone.

    The published scores are ranks and cut-offs, no probabilities; a regression on the logarithm
    of the score gives them, fitted in the training rows, and leaves the ranks as they are.

    Parameters
    ----------
    table : FeatureTable
    score : {"fib4", "apri"}
    columns : dict, optional
        Column of ``obs`` for ``age`` (years), ``ast``, ``alt`` (U/l) and ``platelets``
        (10^9/l); left out: of the same name.
    uln_ast : float
        Upper limit of normal of AST, U/l, for APRI.

    Raises
    ------
    ConfigError
        When a column is not there.
    UsageError
        When a value is impossible in its unit, naming the case.

    Examples
    --------
    >>> obs = pd.DataFrame({"case": ["a", "b"], "AST": [80, 20], "PLT": [100, 200]})
    >>> table = FeatureTable(pd.DataFrame({"t1_x": [1.0, 2]}), obs)
    >>> score_model(table, "apri", {"ast": "AST", "platelets": "PLT"}).scores.tolist()
    [2.0, 0.25]
    """
    check_known(score, INPUTS, what="serum score", where="clinical", error=ConfigError)
    cases = [f"case {case!r}" for case in table.obs["case"].astype(str)]
    given: dict[str, FloatArray] = {}
    for quantity in INPUTS[score]:
        name = (columns or {}).get(quantity, quantity)
        column = _column(table, name, f"{quantity} of {score},")
        numbers = pd.to_numeric(column, errors="coerce")
        wrong = np.flatnonzero(numbers.isna() & column.notna())
        if wrong.size:
            raise TableError(
                "a serum score needs numbers",
                where=f"{cases[int(wrong[0])]}, column {name!r}",
                found=f"{column.iloc[int(wrong[0])]!r} ({wrong.size} in all)",
                hint="turn remarks such as '< 40' into numbers or leave the cell empty",
            )
        given[quantity] = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    if score == "fib4":
        values = fib4(**given, rows=cases)
    else:
        values = apri(**given, uln_ast=uln_ast, rows=cases)
    with np.errstate(divide="ignore"):
        logs = np.log(values)
    # An age of 0 years gives a score of 0.
    logs[np.isinf(logs)] = np.log(1e-3)
    lost = int(np.isnan(values).sum())
    notes = [f"{score} missing in {lost} of {len(values)} rows: median of the training rows"]
    if score == "apri":
        notes.append(f"upper limit of normal of AST {uln_ast:g} U/l")
    return ClinicalModel(
        score, pd.DataFrame({f"log_{score}": logs}), tuple(notes[0 if lost else 1 :]), values
    )
