"""The cells of the LiFS protocol: two settings, two subtasks, two domains, ACC and AUC."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd

from radiofib._checks import check_known, list_some
from radiofib.errors import TableError
from radiofib.staging import Target, targets_for
from radiofib.stats import auc_interval, wilson

__all__ = [
    "CELL_COLUMNS",
    "CLASS_SIZES",
    "DOMAINS",
    "LEVELS",
    "LIFS_SETTINGS",
    "METRICS",
    "SUBTASKS",
    "check_cells",
    "lifs_targets",
    "published_cells",
    "published_methods",
    "score_cells",
    "with_domain",
]

LIFS_SETTINGS = ("Contrast", "NonContrast")
DOMAINS = ("ID", "OOD")
SUBTASKS = ("S4_vs_S1-3", "S1_vs_S2-4")
METRICS = ("ACC", "AUC")
LEVELS = ("s1", "s2", "s3", "s4")
#: (domain, subtask) -> test cases of LiFS, and how many of them are positive (data card lifs)
CLASS_SIZES = {
    ("ID", "S4_vs_S1-3"): (120, 63),
    ("ID", "S1_vs_S2-4"): (120, 41),
    ("OOD", "S4_vs_S1-3"): (70, 47),
    ("OOD", "S1_vs_S2-4"): (70, 5),
}
CELL_COLUMNS = (
    "reader",
    "kind",
    "setting",
    "domain",
    "subtask",
    "metric",
    "percent",
    "ci_low",
    "ci_high",
    "n",
    "n_pos",
    "decided_pos",
    "constant",
    "data",
    "note",
)
_KEY = ["reader", "setting", "domain", "subtask", "metric"]


def lifs_targets() -> dict[str, Target]:
    """Return the two questions of the challenge by the name of the subtask.

    Examples
    --------
    >>> {name: target.name for name, target in lifs_targets().items()}
    {'S4_vs_S1-3': 's4_vs_s1-3', 'S1_vs_S2-4': 's1_vs_s2-4'}
    """
    return dict(zip(SUBTASKS, targets_for(LEVELS), strict=True))


def published_cells() -> pd.DataFrame:
    """Return the published results of nine methods, two baselines and two readers.

    Class sizes are those of the test sets; percentages are as printed, so some accuracies do
    not arise from as many cases (:func:`radiofib.evaluation.audit.grim`).

    Returns
    -------
    DataFrame
        :data:`CELL_COLUMNS`.

    References
    ----------
    Liu Y et al. How far has AI come in liver fibrosis staging? arXiv 2605.25595.

    Examples
    --------
    >>> cells = published_cells()
    >>> len(cells), cells["reader"].nunique()
    (192, 13)
    """
    frame = _packaged("published.csv")
    sizes = [CLASS_SIZES[key] for key in zip(frame["domain"], frame["subtask"], strict=True)]
    frame["n"], frame["n_pos"] = [s[0] for s in sizes], [s[1] for s in sizes]
    frame["data"], frame["note"] = "LiFS, as published", ""
    return check_cells(frame)


def published_methods() -> pd.DataFrame:
    """Return the design of the nine methods: ``method, registration, dimension, fusion``.

    Examples
    --------
    >>> published_methods().set_index("method").loc["UoN"].tolist()
    ['registered', '2D', 'early']
    """
    return _packaged("methods.csv").drop(columns="source")


def _packaged(name: str) -> pd.DataFrame:
    with resources.files("radiofib.evaluation.lifs").joinpath(name).open("rb") as stream:
        return pd.read_csv(stream, keep_default_na=False)


def check_cells(cells: pd.DataFrame, where: str = "cells") -> pd.DataFrame:
    """Return cells with every column of :data:`CELL_COLUMNS`, checked.

    Needs ``reader, setting, domain, subtask, metric, percent``.

    Raises
    ------
    TableError
        When a column is missing, a name unknown, a figure not from 0 to 100, or a cell is given
        twice.

    Examples
    --------
    >>> row = ["m", "Contrast", "ID", "S4_vs_S1-3", "AUC", 80.0]
    >>> check_cells(pd.DataFrame([row], columns=[*_KEY, "percent"]))["kind"].tolist()
    ['method']
    """
    missing = [c for c in (*_KEY, "percent") if c not in cells]
    if missing:
        raise TableError("columns are missing", where=where, expected=list_some(missing))
    for column, known in (
        ("setting", LIFS_SETTINGS),
        ("domain", DOMAINS),
        ("subtask", SUBTASKS),
        ("metric", METRICS),
    ):
        for value in dict.fromkeys(cells[column]):
            check_known(str(value), known, what=column, where=where, error=TableError)
    values = pd.to_numeric(cells["percent"], errors="coerce")
    wrong = np.flatnonzero(~values.between(0, 100) & cells["percent"].notna())
    if wrong.size:
        raise TableError(
            "not a percentage",
            where=f"{where}, row {wrong[0] + 2}",
            expected="0 to 100",
            found=str(cells["percent"].iloc[wrong[0]]),
        )
    if cells.duplicated(_KEY).any():
        twice = cells.loc[cells.duplicated(_KEY), _KEY].iloc[0]
        raise TableError("a cell is given twice", where=where, found=list_some(twice))
    defaults: dict[str, Any] = {"kind": "method", "data": "", "note": ""}
    frame = pd.DataFrame({c: cells.get(c, defaults.get(c)) for c in CELL_COLUMNS})
    frame["percent"] = values.to_numpy()
    numbers = ["ci_low", "ci_high", "decided_pos"]
    frame[numbers] = frame[numbers].astype(np.float64)
    frame["constant"] = frame["constant"].astype("boolean")
    return frame.astype({"n": "Int64", "n_pos": "Int64"}).reset_index(drop=True)


def score_cells(
    predictions: pd.DataFrame,
    *,
    ood: Iterable[str] = (),
    kind: str = "method",
    data: str = "other data",
    threshold: float = 0.5,
) -> pd.DataFrame:
    """Score predictions by the protocol.

    Parameters
    ----------
    predictions : DataFrame
        ``case, y_true`` (``s1`` to ``s4``), ``p_s1`` to ``p_s4``, and ``channels`` with the
        setting (``Contrast``, ``NonContrast``). ``model`` names the method. Where there is no
        column ``domain`` with ``ID`` and ``OOD``, rows of the scanners `ood` and rows that are
        marked ``unseen_scanner`` are out of distribution.
    ood : iterable of str
        Scanners that no method was trained on.
    kind : str
        ``method``, ``baseline`` or ``radiologist``.
    data : str
        What the cases are; ``LiFS`` only for the real ones.
    threshold : float
        A question is answered with yes from this probability on.

    Returns
    -------
    DataFrame
        :data:`CELL_COLUMNS`; a cell in which one class is absent has no AUC and says so.

    Raises
    ------
    TableError
        When a column is missing or a stage or setting is unknown.
    """
    frame = with_domain(predictions, set(map(str, ood)))
    rows: list[dict[str, Any]] = []
    for (reader, setting, domain), part in frame.groupby(
        ["model", "channels", "domain"], sort=False
    ):
        stages = part["y_true"].to_numpy(dtype=str)
        proba = part[[f"p_{level}" for level in LEVELS]].to_numpy(dtype=np.float64)
        for subtask, target in lifs_targets().items():
            head = {"reader": reader, "kind": kind, "setting": setting, "domain": domain}
            head |= {"subtask": subtask, "data": data}
            rows += _score(head, target.labels(stages), target.score(proba, LEVELS), threshold)
    return check_cells(pd.DataFrame(rows), where="predictions")


def _score(
    head: dict[str, Any], positive: np.ndarray, score: np.ndarray, threshold: float
) -> list[dict[str, Any]]:
    decided = score >= threshold
    n, n_pos = len(positive), int(positive.sum())
    facts = {**head, "n": n, "n_pos": n_pos, "decided_pos": float(decided.mean())}
    facts["constant"] = bool(np.ptp(score) < 1e-9)
    right = wilson(float((decided == positive).sum()), n)
    rows = [{**facts, "metric": "ACC", **_percent(right.value, right.low, right.high), "note": ""}]
    if 0 < n_pos < n:
        area = auc_interval(positive, score)
        values, note = _percent(area.value, area.low, area.high), area.note
    else:
        values, note = _percent(np.nan, np.nan, np.nan), "no AUC: one class is absent"
    return [*rows, {**facts, "metric": "AUC", **values, "note": note}]


def _percent(value: float, low: float, high: float) -> dict[str, float]:
    return {"percent": 100 * value, "ci_low": 100 * low, "ci_high": 100 * high}


def with_domain(predictions: pd.DataFrame, ood: set[str]) -> pd.DataFrame:
    """Return labelled predictions with ``model``, ``channels`` and ``domain``, checked."""
    needed = ["case", "y_true", "channels", *(f"p_{level}" for level in LEVELS)]
    missing = [c for c in needed if c not in predictions]
    if missing:
        raise TableError(
            "columns are missing",
            where="predictions",
            expected=list_some(missing),
            found=list_some(predictions.columns),
            hint="LiFS needs stages s1 to s4 and a column 'channels' with Contrast or NonContrast",
        )
    frame = predictions[predictions["y_true"].notna()].copy()
    frame["model"] = frame["model"].astype(str) if "model" in frame else "model"
    # The channel set stands in its own column: the same method under both is one method.
    frame["model"] = [_bare(m, c) for m, c in zip(frame["model"], frame["channels"], strict=True)]
    for column, known in (("channels", LIFS_SETTINGS), ("y_true", LEVELS)):
        for value in dict.fromkeys(frame[column].astype(str)):
            check_known(value, known, what=column, where="predictions", error=TableError)
    frame["domain"] = _domains(frame, ood)
    key = ["model", "channels", "domain", "case"]
    if frame.duplicated(key).any():
        found = frame.loc[frame.duplicated(key), key].iloc[0]
        raise TableError("a case is predicted twice", where="predictions", found=list_some(found))
    return frame


def _bare(model: str, channels: str) -> str:
    """Return the name of a method without the channel set, what else is said of it kept."""
    before, _, after = model.rpartition(f" [{channels}]")
    return before + after


def _domains(frame: pd.DataFrame, ood: set[str]) -> list[str]:
    given = frame["domain"].tolist() if "domain" in frame else [None] * len(frame)
    if set(given) <= set(DOMAINS):
        return [str(v) for v in given]
    scanners = frame["scanner"].tolist() if "scanner" in frame else [None] * len(frame)
    return [
        "OOD" if d == "unseen_scanner" or (s is not None and str(s) in ood) else "ID"
        for d, s in zip(given, scanners, strict=True)
    ]
