"""Single impossible values of clinical columns: taken as missing, and listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib.errors import Failure, TableError
from radiofib.evaluation.clinical_models import MOST_KINDS
from radiofib.stats.serum import INPUTS, POSSIBLE
from radiofib.table import FeatureTable

__all__ = ["IMPOSSIBLE_SHARE", "without_impossible"]

BoolArray = NDArray[np.bool_]
#: Share of patients up to which impossible values are slips of single cells, not a wrong unit.
IMPOSSIBLE_SHARE = 0.05
_HINT = "it is taken as missing here; correct the cell"


def without_impossible(
    table: FeatureTable,
    covariates: Sequence[str],
    scores: Sequence[str],
    columns: Mapping[str, str] | None = None,
) -> tuple[FeatureTable, list[Failure]]:
    """Set single impossible values of clinical columns to missing, and list each.

    Impossible is a number outside what a living patient may have
    (:data:`radiofib.stats.serum.POSSIBLE`) and a text where a column holds numbers. In a column
    where more than 5 % of the patients have such a value (and more than one patient has), nothing
    is changed: that is a wrong unit or no column of numbers, which the models refuse.

    Parameters
    ----------
    table : FeatureTable
    covariates : sequence of str
        Columns of ``obs``; a text counts as impossible where they would be too many kinds.
    scores : sequence of {"fib4", "apri"}
    columns : mapping, optional
        Column of each quantity, as in :func:`radiofib.evaluation.clinical_models.score_model`.

    Returns
    -------
    FeatureTable
        The same one when there is nothing to change.
    list of Failure
        One for each value: case, column, value and why.

    Examples
    --------
    >>> obs = pd.DataFrame({"case": list("abc"), "age": [40, 350, 60]})
    >>> table = FeatureTable(pd.DataFrame({"t1_x": [1.0, 2, 3]}), obs)
    >>> found, failures = without_impossible(table, ["age"], [])
    >>> found.obs["age"].tolist(), failures[0].case, failures[0].reason
    ([40, nan, 60], 'b', "column 'age': age is impossible (expected 0 to 120 years; found 350).
    Next: it is taken as missing here; correct the cell.")
    """
    quantities = {(columns or {}).get(q, q): q for q in POSSIBLE}
    needed = [(columns or {}).get(q, q) for score in scores for q in INPUTS.get(score, ())]
    obs = table.obs
    failures: list[Failure] = []
    who = obs["case"].astype(str).to_numpy()
    if "patient" in obs:
        named = obs["patient"].notna().to_numpy()
        who = np.where(named, obs["patient"].astype(str).to_numpy(), who)
    for name in dict.fromkeys([*covariates, *needed]):
        if name not in obs:
            continue
        quantity = quantities.get(name)
        column = obs[name].astype(object)
        wrong = _wrong(column, quantity, always=name in needed)
        patients = len(set(who[wrong]))
        known = len(set(who[column.notna().to_numpy()]))
        if not 0 < patients <= max(1, IMPOSSIBLE_SHARE * len(set(who))) or patients == known:
            continue
        obs = obs.assign(**{name: column.mask(wrong, np.nan)})
        failures += [
            Failure.from_error(
                _error(name, quantity, column.iloc[row]),
                case=str(obs["case"].iloc[row]),
                step="clinical",
            )
            for row in np.flatnonzero(wrong).tolist()
        ]
    return (FeatureTable(table.X, obs) if failures else table), failures


def _wrong(column: pd.Series, quantity: str | None, *, always: bool) -> BoolArray:
    """Return which cells are impossible; texts only where the column holds numbers."""
    blank = column.map(lambda v: isinstance(v, str) and not v.strip()).astype(bool)
    known = (column.notna() & ~blank).to_numpy()
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    texts: BoolArray = known & np.isnan(values)
    if not always and column[known].astype(str).nunique() <= MOST_KINDS:
        texts = np.zeros(len(column), dtype=np.bool_)
    if quantity is None:
        return texts
    low, high, _ = POSSIBLE[quantity]
    with np.errstate(invalid="ignore"):
        outside: BoolArray = (values < low) | (values > high)
    return texts | outside


def _error(name: str, quantity: str | None, value: object) -> TableError:
    where = f"column {name!r}"
    if quantity is None or (isinstance(value, str) and np.isnan(_number(value))):
        return TableError("a number is needed", where=where, found=repr(str(value)), hint=_HINT)
    low, high, unit = POSSIBLE[quantity]
    return TableError(
        f"{quantity} is impossible",
        where=where,
        expected=f"{low:g} to {high:g} {unit}",
        found=f"{_number(value):.10g}",
        hint=_HINT,
    )


def _number(value: object) -> float:
    return float(pd.to_numeric(pd.Series([value]), errors="coerce").iloc[0])
