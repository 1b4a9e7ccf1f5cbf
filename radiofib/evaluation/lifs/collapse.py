"""Two ways to fail that one accuracy hides: one answer for all, and scores without an order."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from radiofib.stats import newcombe

__all__ = ["COLLAPSE_COLUMNS", "find_collapse"]

COLLAPSE_COLUMNS = (
    "reader",
    "setting",
    "domain",
    "subtask",
    "acc",
    "auc",
    "auc_low",
    "auc_high",
    "one_class",
    "decision_collapse",
    "rank_collapse",
    "note",
)
#: One answer for at least this share of cases is a collapse.
SHARE = 0.99
#: Printed percentages have two decimals.
_ROUNDING = 0.005 + 1e-9


def find_collapse(cells: pd.DataFrame) -> pd.DataFrame:
    """Return decision collapse and rank collapse of each method in each cell.

    Decision collapse: one class is answered for at least 99 % of the cases. Where only the
    accuracy is known, it is ``suspected`` when the accuracy equals, after rounding, that of one
    answer for all, whichever class. Rank collapse: scores are constant, or the interval of the
    AUC covers 0.5; where only the AUC is known, the interval is Newcombe's (method 5). The two
    are different findings: a method can answer one class for all cases and still order them
    well, and then needs another threshold, not another model.

    Parameters
    ----------
    cells : DataFrame
        With ``n`` and ``n_pos``.

    Returns
    -------
    DataFrame
        :data:`COLLAPSE_COLUMNS`; ``decision_collapse`` is ``yes``, ``suspected`` or ``no``,
        ``rank_collapse`` ``yes`` or ``no``, empty where nothing is known.

    Examples
    --------
    >>> from radiofib.evaluation.lifs import published_cells
    >>> found = find_collapse(published_cells())
    >>> own = found[found["reader"] == "NWU-CN"]
    >>> own["decision_collapse"].tolist() == ["suspected"] * 8
    True
    >>> found[found["auc"] == 86.31][["acc", "decision_collapse", "rank_collapse"]].values.tolist()
    [[92.86, 'suspected', 'no']]
    """
    rows: list[dict[str, Any]] = []
    keys = ["reader", "setting", "domain", "subtask"]
    for key, part in cells.groupby(keys, sort=False):
        row: dict[str, Any] = dict(zip(keys, key, strict=True))
        rows.append(row | _decision(_cell(part, "ACC")) | _rank(_cell(part, "AUC")))
    return pd.DataFrame(rows, columns=list(COLLAPSE_COLUMNS))


def _cell(part: pd.DataFrame, metric: str) -> pd.Series | None:
    own = part[part["metric"] == metric]
    return None if own.empty else own.iloc[0]


def _decision(cell: pd.Series | None) -> dict[str, Any]:
    if cell is None or pd.isna(cell["percent"]):
        return {"acc": math.nan, "one_class": math.nan, "decision_collapse": ""}
    value = float(cell["percent"])
    if pd.isna(cell["n"]) or pd.isna(cell["n_pos"]):
        return {"acc": value, "one_class": math.nan, "decision_collapse": ""}
    share = 100 * float(cell["n_pos"]) / float(cell["n"])
    nearest = min((share, 100 - share), key=lambda s: abs(s - value))
    found = {"acc": value, "one_class": round(nearest, 2)}
    if pd.notna(cell["decided_pos"]):
        decided = float(cell["decided_pos"])
        collapsed = max(decided, 1 - decided) >= SHARE
        return {**found, "decision_collapse": "yes" if collapsed else "no"}
    suspected = abs(nearest - value) <= _ROUNDING
    return {**found, "decision_collapse": "suspected" if suspected else "no"}


def _rank(cell: pd.Series | None) -> dict[str, Any]:
    blank = {"auc_low": math.nan, "auc_high": math.nan, "note": ""}
    if cell is None or pd.isna(cell["percent"]):
        return {"auc": math.nan, "rank_collapse": "", **blank}
    value = float(cell["percent"])
    low, high, note = cell["ci_low"], cell["ci_high"], ""
    if pd.isna(low) and pd.notna(cell["n"]):
        n, n_pos = int(cell["n"]), int(cell["n_pos"])
        made = newcombe(value / 100, n_pos, n - n_pos)
        low, high = 100 * made.low, 100 * made.high
        note = "interval of the AUC by Newcombe's method 5 from the printed AUC"
    if pd.isna(low):
        return {"auc": value, "rank_collapse": "", **blank}
    constant = bool(cell["constant"]) if pd.notna(cell["constant"]) else False
    collapsed = constant or low <= 50 <= high
    found = {"auc": value, "auc_low": float(low), "auc_high": float(high), "note": note}
    return {**found, "rank_collapse": "yes" if collapsed else "no"}
