"""Aggregate scores, best and median method, and factors of design, from cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from radiofib._checks import list_some
from radiofib.errors import TableError
from radiofib.evaluation.lifs.cells import DOMAINS, LIFS_SETTINGS, METRICS, SUBTASKS

__all__ = ["aggregate_scores", "best_and_median", "contrast_gain", "factor_scores"]

_CELLS = len(LIFS_SETTINGS) * len(SUBTASKS) * len(METRICS)


def aggregate_scores(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the aggregate score of each method in each domain, and the drop between them.

    The score is the mean over settings x subtasks x {ACC, AUC}, eight cells, in percent; the
    drop is ID minus OOD. A reader whose cells are not all there (radiologists have no ACC) has
    no score, and ``note`` says which are missing.

    Parameters
    ----------
    cells : DataFrame
        As :func:`~radiofib.evaluation.lifs.cells.check_cells` returns them.

    Returns
    -------
    DataFrame
        ``reader, kind, data, ID, OOD, drop, note``, best ID score first.

    Examples
    --------
    >>> from radiofib.evaluation.lifs import published_cells
    >>> scores = aggregate_scores(published_cells()).set_index("reader")
    >>> scores.loc["UoN", ["ID", "OOD", "drop"]].astype(float).round(2).tolist()
    [75.9, 75.12, 0.77]
    """
    rows: list[dict[str, Any]] = []
    for reader, part in cells.groupby("reader", sort=False):
        row: dict[str, Any] = {"reader": reader, "kind": part["kind"].iloc[0]}
        row["data"] = part["data"].iloc[0]
        notes = []
        for domain in DOMAINS:
            values = part.loc[part["domain"] == domain, "percent"].dropna()
            row[domain] = float(values.mean()) if len(values) == _CELLS else np.nan
            if len(values) != _CELLS:
                notes.append(f"{domain}: {len(values)} of {_CELLS} cells")
        rows.append({**row, "drop": row["ID"] - row["OOD"], "note": "; ".join(notes)})
    frame = pd.DataFrame(rows, columns=["reader", "kind", "data", *DOMAINS, "drop", "note"])
    return frame.sort_values("ID", ascending=False, kind="stable").reset_index(drop=True)


def best_and_median(cells: pd.DataFrame, metric: str = "AUC") -> pd.DataFrame:
    """Return the best and the median method of each cell.

    The median is a method, not a mean of two: of nine the fifth, of an even number the lower of
    the middle two. Baselines and readers do not take part.

    Returns
    -------
    DataFrame
        ``setting, domain, subtask, metric, methods, best, best_percent, median,
        median_percent``.

    Examples
    --------
    >>> from radiofib.evaluation.lifs import published_cells
    >>> found = best_and_median(published_cells())
    >>> found[["subtask", "best", "median"]].iloc[0].tolist()
    ['S4_vs_S1-3', 'SJTU1', 'NWU-CN']
    """
    rows: list[dict[str, Any]] = []
    own = cells[(cells["kind"] == "method") & (cells["metric"] == metric)]
    own = own[own["percent"].notna()]
    for setting in LIFS_SETTINGS:
        for domain in DOMAINS:
            for subtask in SUBTASKS:
                part = own[
                    (own["setting"] == setting)
                    & (own["domain"] == domain)
                    & (own["subtask"] == subtask)
                ].sort_values(["percent", "reader"], ascending=[False, True], kind="stable")
                if part.empty:
                    continue
                best, median = part.iloc[0], part.iloc[len(part) // 2]
                head: dict[str, Any] = {"setting": setting, "domain": domain, "subtask": subtask}
                head |= {"metric": metric, "methods": len(part)}
                names = {"best": best["reader"], "best_percent": best["percent"]}
                names |= {"median": median["reader"], "median_percent": median["percent"]}
                rows.append(head | names)
    columns = ["setting", "domain", "subtask", "metric", "methods"]
    columns += ["best", "best_percent", "median", "median_percent"]
    return pd.DataFrame(rows, columns=columns)


def factor_scores(
    cells: pd.DataFrame, methods: pd.DataFrame, factors: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return mean and standard deviation of the aggregate scores by level of each factor.

    Standard deviations use n - 1; a level with one method has none. Groups of a few methods
    that differ in everything else too: a description, no inference.

    Parameters
    ----------
    cells : DataFrame
    methods : DataFrame
        ``method`` and one column for each factor, such as ``registration``.
    factors : sequence of str, optional
        By default every column but ``method``.

    Returns
    -------
    DataFrame
        ``factor, level, methods, members, ID, ID_sd, OOD, OOD_sd, drop, drop_sd``.

    Raises
    ------
    TableError
        When no method of the table has a score.

    Examples
    --------
    >>> from radiofib.evaluation.lifs import published_cells, published_methods
    >>> found = factor_scores(published_cells(), published_methods(), ["registration"])
    >>> found[["level", "methods", "ID"]].round(2).to_numpy().tolist()
    [['none', 6, 73.28], ['registered', 3, 75.99]]
    """
    if "method" not in methods:
        raise TableError("column 'method' is missing", found=list_some(methods.columns))
    chosen = [c for c in methods.columns if c != "method"] if factors is None else list(factors)
    absent = [c for c in chosen if c not in methods]
    if absent:
        raise TableError("factors are missing", expected=list_some(absent))
    scores = aggregate_scores(cells).merge(methods, left_on="reader", right_on="method")
    scores = scores[scores["ID"].notna() | scores["OOD"].notna()]
    if scores.empty:
        raise TableError("no method of the table has a score", found=list_some(methods["method"]))
    rows: list[dict[str, Any]] = []
    for factor in chosen:
        for level, part in scores.groupby(factor, sort=True):
            row: dict[str, Any] = {"factor": factor, "level": level, "methods": len(part)}
            row["members"] = ", ".join(part["reader"])
            for measure in (*DOMAINS, "drop"):
                row[measure] = float(part[measure].mean())
                row[f"{measure}_sd"] = float(part[measure].std(ddof=1))
            rows.append(row)
    measures = [name for m in (*DOMAINS, "drop") for name in (m, f"{m}_sd")]
    return pd.DataFrame(rows, columns=["factor", "level", "methods", "members", *measures])


def contrast_gain(cells: pd.DataFrame, metric: str = "AUC") -> pd.DataFrame:
    """Return what each method gains from the contrast phases: Contrast minus NonContrast.

    Returns
    -------
    DataFrame
        ``reader, kind, domain, subtask, gain``, in points.

    Examples
    --------
    >>> from radiofib.evaluation.lifs import published_cells
    >>> gain = contrast_gain(published_cells())
    >>> own = gain[(gain["kind"] == "method") & (gain["domain"] == "OOD")]
    >>> own = own[own["subtask"] == "S4_vs_S1-3"].set_index("reader")["gain"].round(1)
    >>> own.agg(["max", "min"]).tolist()
    [17.9, -21.3]
    """
    own = cells[cells["metric"] == metric]
    wide = own.pivot_table(
        index=["reader", "kind", "domain", "subtask"],
        columns="setting",
        values="percent",
        sort=False,
    ).reindex(columns=list(LIFS_SETTINGS))
    frame = (wide["Contrast"] - wide["NonContrast"]).rename("gain").reset_index()
    return frame[frame["gain"].notna()].reset_index(drop=True)
