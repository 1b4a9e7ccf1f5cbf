"""Rows of instances (slices, windows, patches) made rows of cases: statistics of each feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib._checks import check_known, check_no_duplicates, list_some
from radiofib.errors import ConfigError, TableError
from radiofib.registry import (
    INSTANCE_FEATURES,
    STATISTICS,
    codebook_rows,
    parse_column,
    statistic_spec,
)
from radiofib.table.model import MISSING_COLUMNS, FeatureTable
from radiofib.table.reasons import fold_reasons, matching_columns

__all__ = ["COUNT", "DEFAULT_STATISTICS", "aggregate_instances"]

FloatArray = NDArray[np.float64]

#: The number of instances with a value; a feature only where it is asked for.
COUNT = "count"
DEFAULT_STATISTICS = ("mean", "sd", "q10", "q25", "q50", "q75", "q90")
#: Facts that the rows of one case must share.
_OF_THE_CASE = ("patient", "stage", "split")
_ONE = "fewer than two instances have a value"


@dataclass(frozen=True)
class _Column:
    """A column to be made: of which columns of the instances, and how."""

    name: str
    channel: str
    statistic: str
    sources: tuple[int, ...]


def aggregate_instances(
    table: FeatureTable,
    statistics: Sequence[str] = DEFAULT_STATISTICS,
    *,
    images: Mapping[str, str] | None = None,
) -> FeatureTable:
    r"""Return one row for each case: statistics of its features over its instances.

    Every column becomes one column for each statistic, whose family begins with the statistic's
    short form: ``t1_original_glcm_contrast`` becomes ``t1_original_avgglcm_contrast``,
    ``t1_original_q10glcm_contrast`` ... Instances in which a feature is missing do not count.
    Columns that are not in the registry get the short form at their end.

    ===============  =======================================================================
    ``mean``         :math:`\bar f = \sum f_i / n`
    ``sd``           :math:`\sqrt{\sum (f_i - \bar f)^2 / (n - 1)}`, missing for n = 1
    ``q10 ... q90``  quantile, linear between order statistics (Hyndman & Fan's type 7)
    ``count``        n of each channel: instances in which any of its features has a value
    ===============  =======================================================================

    The count is no part of the default: it depends on how far slices lie apart, so it says as
    much of the scanner as of the organ.

    Parameters
    ----------
    table : FeatureTable
        Rows of cases and instances.
    statistics : sequence of str
        Which, in the order of the columns.
    images : mapping, optional
        Image token to description, for filters whose token does not say all.

    Returns
    -------
    FeatureTable
        Rows in the order in which cases first occur. What is known of a row is kept where all
        rows of a case agree. A feature that no instance has keeps its reason.

    Raises
    ------
    TableError
        When a statistic is unknown or named twice, or rows of one case disagree about patient,
        stage or split.

    References
    ----------
    Hyndman & Fan, Am Stat 1996;50:361-365.

    Examples
    --------
    >>> X = pd.DataFrame({"t1_original_firstorder_mean": [1.0, 2.0, 6.0, 5.0]})
    >>> obs = pd.DataFrame({"case": ["a", "a", "a", "b"], "instance": ["1", "2", "3", "1"]})
    >>> rows = aggregate_instances(FeatureTable(X, obs), ["mean", "q50", "count"])
    >>> rows.X.columns.tolist()
    ['t1_original_avgfirstorder_mean', 't1_original_q50firstorder_mean',
    't1_original_instance_count']
    >>> rows.X.to_numpy().tolist()
    [[3.0, 2.0, 3.0], [5.0, 5.0, 1.0]]
    """
    for name in statistics:
        known = (*STATISTICS, COUNT)
        check_known(name, known, what="statistic of instances", error=TableError)
    check_no_duplicates(list(statistics), what="statistic of instances", error=TableError)
    codes, cases = pd.factorize(table.obs["case"].astype(str))
    made, registered = _columns(table, statistics)
    values = table.X.to_numpy(dtype=np.float64)
    counts = np.zeros((len(cases), values.shape[1]), dtype=np.intp)
    cells = np.full((len(cases), len(made)), np.nan)
    order = np.argsort(codes, kind="stable")
    sizes = np.bincount(codes, minlength=len(cases))
    for number, (size, end) in enumerate(zip(sizes, np.cumsum(sizes), strict=True)):
        rows = order[end - size : end]
        cells[number] = _statistics(values[rows], made)
        counts[number] = np.count_nonzero(~np.isnan(values[rows]), axis=0)
    X = pd.DataFrame(cells, columns=[column.name for column in made])
    obs = _of_cases(table.obs.reset_index(drop=True), codes)
    provenance = {**table.provenance, "aggregate": list(statistics)}
    missing = _missing(table, obs, made, np.isnan(cells), counts)
    if not registered:
        return FeatureTable(X, obs, missing=missing, provenance=provenance)
    book = codebook_rows([str(c) for c in X], images=images)
    return FeatureTable(X, obs, book, missing, provenance)


def _columns(table: FeatureTable, statistics: Sequence[str]) -> tuple[list[_Column], bool]:
    """Return the columns to make, by channel and statistic, and whether the registry has them."""
    columns = [str(c) for c in table.X]
    try:
        parsed = [parse_column(c) for c in columns]
    except ConfigError:
        return [
            _Column(f"{column}_{STATISTICS.get(name, COUNT)}", column, name, (i,))
            for i, column in enumerate(columns)
            for name in statistics
        ], False
    channels: dict[str, list[int]] = {}
    for i, one in enumerate(parsed):
        channels.setdefault(one.channel, []).append(i)
    count = next(iter(INSTANCE_FEATURES))
    found = []
    for channel, places in channels.items():
        for name in statistics:
            if name == COUNT:
                found.append(_Column(count.column(channel), channel, name, tuple(places)))
                continue
            for i in places:
                spec = statistic_spec(parsed[i].spec, name)
                found.append(_Column(spec.column(channel, parsed[i].image), channel, name, (i,)))
    return found, True


def _statistics(values: FloatArray, made: Sequence[_Column]) -> FloatArray:
    """Return one row: each statistic of the columns of the instances of one case."""
    ordered = np.sort(values, axis=0)  # NaN last
    n = np.count_nonzero(~np.isnan(values), axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(n > 0, np.nansum(values, axis=0) / n, np.nan)
        squares = np.nansum((values - mean) ** 2, axis=0)
        sd = np.where(n > 1, np.sqrt(squares / (n - 1)), np.nan)
    by_name = {"mean": mean, "sd": sd}
    row = np.empty(len(made))
    for k, column in enumerate(made):
        if column.statistic == COUNT:
            row[k] = np.count_nonzero(~np.isnan(values[:, list(column.sources)]).all(axis=1))
            continue
        if column.statistic not in by_name:
            by_name[column.statistic] = _quantile(ordered, n, int(column.statistic[1:]) / 100)
        row[k] = by_name[column.statistic][column.sources[0]]
    return row


def _quantile(ordered: FloatArray, n: NDArray[np.intp], share: float) -> FloatArray:
    """Return a quantile of each column, whose n values are sorted with NaN after them."""
    place = share * np.maximum(n - 1, 0)
    low = np.floor(place).astype(np.intp)
    high = np.minimum(low + 1, np.maximum(n - 1, 0))
    columns = np.arange(ordered.shape[1])
    below, above = ordered[low, columns], ordered[high, columns]
    found: FloatArray = below + (place - low) * (above - below)
    return found


def _of_cases(obs: pd.DataFrame, codes: NDArray[np.intp]) -> pd.DataFrame:
    """Return what is known of each case: what its rows agree on."""
    groups = obs.drop(columns="instance", errors="ignore").groupby(codes)
    cases, kinds = groups.first(), groups.nunique()
    for name in cases:
        differs = (kinds[name] > 1).to_numpy()
        if not differs.any():
            continue
        if name in _OF_THE_CASE:
            rows = codes == int(np.flatnonzero(differs)[0])
            raise TableError(
                f"rows of one case disagree about {name}",
                where=f"case {obs['case'][rows].iloc[0]!r}",
                found=list_some(obs[name][rows].dropna().unique()),
                hint="give different cases different names",
            )
        cases[name] = cases[name].mask(differs)
    return cases.reset_index(drop=True)


def _missing(
    table: FeatureTable,
    obs: pd.DataFrame,
    made: Sequence[_Column],
    gaps: NDArray[np.bool_],
    counts: NDArray[np.intp],
) -> pd.DataFrame:
    """Return why values of cases are missing: what is said of their instances, or too few."""
    source = [str(c) for c in table.X]
    names = [column.name for column in made]
    said = {str(case): part for case, part in table.missing.groupby("case", sort=False)}
    rows: list[tuple[str, str, str, str]] = []
    for number in np.flatnonzero(gaps.any(axis=1)):
        case = str(obs["case"].iloc[number])
        reasons = _reasons(said[case], source) if case in said else {}
        found = {}
        for k in map(int, np.flatnonzero(gaps[number])):
            place = made[k].sources[0]
            why = _ONE if counts[number, place] else reasons.get(source[place])
            if why is not None:
                found[names[k]] = why
        rows += [(case, "", name, why) for name, why in fold_reasons(found, names).items()]
    return pd.DataFrame(rows, columns=list(MISSING_COLUMNS), dtype="str")


def _reasons(said: pd.DataFrame, columns: Sequence[str]) -> dict[str, str]:
    """Return why columns are missing; what is said of fewer columns says more of each."""
    told = said[["column", "reason"]].drop_duplicates()
    found: dict[str, str] = {}
    for column, reason in sorted(told.to_numpy().tolist(), key=lambda row: -len(row[0])):
        for name in matching_columns(column, columns):
            found.setdefault(name, reason)
    return found
