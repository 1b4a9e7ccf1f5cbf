"""Counts and areas against readers: one tidy table from functions found elsewhere here."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiofib._checks import check_1d, check_same_length
from radiofib.errors import UsageError
from radiofib.stats.agreement import kappa
from radiofib.stats.classification import confusion_matrix
from radiofib.stats.correlation import correlations
from radiofib.stats.reliability import bland_altman, intraclass
from radiofib.stats.trend import jonckheere

__all__ = [
    "count_agreement",
    "measurement_agreement",
    "stage_association",
]

Row = dict[str, object]
COLUMNS = ("metric", "estimate", "ci_low", "ci_high", "p", "n", "method", "note")


def _row(
    metric: str,
    numbers: tuple[float, float, float],
    n: int,
    how: str,
    note: str,
    p: float = math.nan,
) -> Row:
    return dict(zip(COLUMNS, (metric, *numbers, p, n, how, note), strict=True))


def _pairs(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.float64], str]:
    """Return the cases that both measured, shape (n, 2), and how many were left out."""
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    check_same_length(first=a, second=b)
    table = np.column_stack([a, b])
    both = np.isfinite(table).all(axis=1)
    lost = int((~both).sum())
    return table[both], f"{lost} cases without both values left out" if lost else ""


def count_agreement(first: ArrayLike, second: ArrayLike, level: float = 0.95) -> pd.DataFrame:
    """Return how far two counts of the same cases agree, such as portal tracts by two readers.

    Weighted kappa by the distance of the counts as numbers, quadratic and linear
    (``quadratic_weighted_kappa``, ``linear_weighted_kappa``); for comparison with published
    values that took the position among the counts that occur as distance,
    ``quadratic_weighted_kappa_by_position``: do not report it, since 18 and 30 tracts are then as
    near as 5 and 6. Beside them ``icc_a_1`` and the limits of agreement.

    Parameters
    ----------
    first, second : array-like
        Counts; NaN where one has none (a stage at which tracts are not countable).
    level : float
        Of the intervals.

    Returns
    -------
    DataFrame
        ``metric, estimate, ci_low, ci_high, p, n, method, note``.

    Raises
    ------
    UsageError
        When fewer than three cases have both counts.

    Examples
    --------
    >>> a, b = [5, 6, 12, 18, 30, 7, 9, 11], [6, 6, 11, 18, 27, 8, 9, 13]
    >>> frame = count_agreement(a, b).set_index("metric")
    >>> frame["estimate"].round(3)[["quadratic_weighted_kappa", "icc_a_1", "bias"]].tolist()
    [0.981, 0.983, 0.0]
    """
    table, note = _pairs(first, second)
    n = _enough(table)
    values, codes = np.unique(table, return_inverse=True)
    one, other = codes.reshape(table.shape).T
    rows: list[Row] = []
    for weights in ("quadratic", "linear"):
        for by, levels in (("", values), ("_by_position", None)):
            if by and weights == "linear":
                continue
            counts = confusion_matrix(one, other, max(values.size, 2))
            given = levels if levels is None or levels.size > 1 else np.r_[levels, levels[0] + 1]
            found = kappa(counts, weights, given, level)
            said = "; ".join(part for part in (note, found.note) if part)
            name = f"{weights}_weighted_kappa{by}"
            numbers = (found.value, found.low, found.high)
            rows.append(_row(name, numbers, n, found.method, said))
    return pd.DataFrame(rows + _measured(table, level, note), columns=list(COLUMNS))


def measurement_agreement(first: ArrayLike, second: ArrayLike, level: float = 0.95) -> pd.DataFrame:
    """Return how far two measurements of the same cases agree: areas, lengths, percentages.

    ``icc_a_1``, the intraclass correlation of one measurement (absolute agreement); ``bias``,
    ``lower_limit`` and ``upper_limit`` of Bland and Altman; ``pearson``, which does not see a
    constant difference or factor, because it is what is published for area and length.

    Parameters
    ----------
    first, second, level
        As in :func:`count_agreement`.

    Examples
    --------
    >>> frame = measurement_agreement([10.1, 12.4, 8.0, 15.2], [10.0, 12.9, 8.1, 14.8])
    >>> frame["metric"].tolist()
    ['icc_a_1', 'bias', 'lower_limit', 'upper_limit', 'pearson']
    """
    table, note = _pairs(first, second)
    _enough(table)
    rows = _measured(table, level, note) + _correlated(table, ("pearson",), level, note)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def stage_association(
    values: ArrayLike, stage: ArrayLike, n_levels: int, level: float = 0.95
) -> pd.DataFrame:
    """Return how a measurement goes with the stage, such as portal area in percent.

    ``spearman`` and ``jonckheere`` (the test of a rise over ordered stages; its statistic in
    place of an estimate) take stages as ordered; ``pearson`` takes them as numbers equally far
    apart, which no scheme of stages says, and is there because it is published
    (HOTSPoT: 0.87 of portal area in percent with Ludwig's stage).

    Parameters
    ----------
    values : array-like
        Measurements; NaN where there is none.
    stage : array-like of int
        Codes 0..n_levels-1.
    n_levels : int
        Number of stages.
    level : float
        Of the intervals.

    Examples
    --------
    >>> frame = stage_association([4.0, 5.1, 7.9, 8.2, 14.0, 21.0], [0, 0, 1, 1, 2, 3], 4)
    >>> frame.set_index("metric")["estimate"].round(3).to_dict()
    {'pearson': 0.986, 'spearman': 0.971, 'jonckheere': 13.0}
    """
    table, note = _pairs(values, stage)
    n = _enough(table)
    rows = _correlated(table, ("pearson", "spearman"), level, note)
    nan = math.nan
    codes = table[:, 1].astype(np.int64)
    if np.unique(codes).size < 2:
        said = "not defined: one stage only"
        rows.append(_row("jonckheere", (nan, nan, nan), n, "none", said))
    else:
        found = jonckheere(codes, table[:, 0], n_levels)
        said = "; ".join(part for part in (note, found.note) if part)
        numbers = (found.statistic, nan, nan)
        rows.append(_row("jonckheere", numbers, n, found.method, said, found.p))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _enough(table: NDArray[np.float64]) -> int:
    if len(table) < 3:
        raise UsageError("agreement needs three cases with both values", found=str(len(table)))
    return len(table)


def _measured(table: NDArray[np.float64], level: float, note: str) -> list[Row]:
    n = len(table)
    found = intraclass(table, level).set_index("type").loc["ICC2"].to_dict()
    numbers = _numbers(found)
    said = note if math.isfinite(numbers[0]) else "not defined: no spread"
    rows = [_row("icc_a_1", numbers, n, f"ICC(A,1), {found['method']}", said)]
    for limit in bland_altman(table[:, 0], table[:, 1], level).to_dict("records"):
        said = "; ".join(part for part in (note, str(limit["note"])) if part)
        rows.append(_row(str(limit["metric"]), _numbers(limit), n, "Bland-Altman", said))
    return rows


def _numbers(found: Mapping[Hashable, Any]) -> tuple[float, float, float]:
    return float(found["estimate"]), float(found["ci_low"]), float(found["ci_high"])


def _correlated(
    table: NDArray[np.float64], names: Sequence[str], level: float, note: str
) -> list[Row]:
    x, y = check_1d(table[:, 0], "values"), check_1d(table[:, 1], "stage")
    rows = []
    for found in correlations(x, y, level).to_dict("records"):
        if found["method"] in names:
            said = "; ".join(part for part in (note, str(found["note"])) if part)
            how = "interval by Fisher's transformation"
            p = float(found["p"])
            rows.append(_row(str(found["method"]), _numbers(found), len(table), how, said, p))
    return rows
