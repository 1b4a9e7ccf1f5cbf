"""Readers beside the best and the median method: paired DeLong on the same cases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib._checks import check_known, list_some
from radiofib.errors import TableError
from radiofib.evaluation.lifs.cells import (
    DOMAINS,
    LEVELS,
    LIFS_SETTINGS,
    SUBTASKS,
    lifs_targets,
)
from radiofib.stats import (
    adjust_p,
    auc,
    delong_paired,
    max_statistic,
    resample_weights,
    weighted_pairs,
)

__all__ = ["READER_COLUMNS", "compare_readers"]

READER_COLUMNS = (
    "reader",
    "model",
    "rank",
    "setting",
    "domain",
    "target",
    "auc_reader",
    "auc_model",
    "difference",
    "ci_low",
    "ci_high",
    "z",
    "p",
    "p_holm",
    "p_max",
    "arrow",
    "n",
    "n_pos",
    "note",
)
FloatArray = NDArray[np.float64]


def compare_readers(
    predictions: pd.DataFrame,
    readings: pd.DataFrame,
    *,
    n_boot: int = 2000,
    random_state: int = 0,
) -> pd.DataFrame:
    """Compare each reader with the best and the median method of each cell.

    All scores of a cell are taken on the cases that every method and every reader has. Readers
    are never averaged. The best method was chosen on the very cases it is compared on, so beside
    the unadjusted p value of DeLong's paired test, which is what is usually printed, stand two
    adjusted ones: Holm's over all comparisons of the table, and that of the largest difference
    between the reader and any method of the cell (bootstrap of cases within class), which pays
    for the choice.

    Parameters
    ----------
    predictions : DataFrame
        ``case, y_true, channels, domain, model, p_s1`` to ``p_s4``; domain ``ID`` or ``OOD``.
    readings : DataFrame
        ``case, reader, channels, target, score``: one score for each question, higher for the
        positive side (on any scale, such as seven points). ``target`` is a subtask.
    n_boot : int
    random_state : int

    Returns
    -------
    DataFrame
        :data:`READER_COLUMNS`. ``difference`` is the reader's AUC minus the model's;
        ``arrow`` is ``up`` when the reader is better at unadjusted p < .05, ``down`` when worse.

    Raises
    ------
    TableError
        When a column is missing or a name is unknown.
    """
    _check(predictions, readings)
    rows: list[dict[str, Any]] = []
    for key, cases, positive, methods, readers in _cells(predictions, readings):
        if not 1 < positive.sum() < len(cases) - 1:
            continue
        weights = resample_weights(positive.tolist(), n_boot, random_state)
        ordered = sorted(methods, key=lambda m: (-auc(positive, methods[m]), m))
        picked = {"best": ordered[0], "median": ordered[len(ordered) // 2]}
        drawn = {m: _resampled(positive, s, weights) for m, s in methods.items()}
        for reader, score in readers.items():
            adjusted = _over_methods(positive, score, methods, drawn, weights)
            for rank, model in picked.items():
                found = delong_paired(positive, score, methods[model])
                rows.append(
                    {
                        **dict(zip(("setting", "domain", "target"), key, strict=True)),
                        "reader": reader,
                        "model": model,
                        "rank": rank,
                        "auc_reader": auc(positive, score),
                        "auc_model": auc(positive, methods[model]),
                        "difference": found.difference,
                        "ci_low": found.low,
                        "ci_high": found.high,
                        "z": found.z,
                        "p": found.p,
                        "p_max": adjusted[model],
                        "arrow": ""
                        if found.p >= 0.05
                        else ("up" if found.difference > 0 else "down"),
                        "n": len(cases),
                        "n_pos": int(positive.sum()),
                        "note": f"{rank} of {len(ordered)} methods",
                    }
                )
    frame = pd.DataFrame(rows, columns=[c for c in READER_COLUMNS if c != "p_holm"])
    frame["p_holm"] = adjust_p(frame["p"].to_numpy(dtype=np.float64))
    return frame[list(READER_COLUMNS)]


def _over_methods(
    positive: NDArray[np.bool_],
    score: FloatArray,
    methods: dict[str, FloatArray],
    drawn: dict[str, FloatArray],
    weights: FloatArray,
) -> dict[str, float]:
    """Return, for each method, the p value of the largest difference over all methods."""
    own = _resampled(positive, score, weights)
    names = list(methods)
    found = np.array([auc(positive, score) - auc(positive, methods[m]) for m in names])
    null = np.column_stack([own - drawn[m] for m in names])
    spread = null.std(axis=0, ddof=1)
    spread = np.where(spread > 0, spread, 1.0)
    adjusted = max_statistic(found / spread, (null - null.mean(axis=0)) / spread)
    return dict(zip(names, adjusted.tolist(), strict=True))


def _resampled(positive: NDArray[np.bool_], score: FloatArray, weights: FloatArray) -> FloatArray:
    right, pairs = weighted_pairs(positive, score, weights)
    result: FloatArray = right / pairs
    return result


def _check(predictions: pd.DataFrame, readings: pd.DataFrame) -> None:
    for frame, where, needed in (
        (predictions, "predictions", ("case", "y_true", "channels", "domain", "model")),
        (readings, "readings", ("case", "reader", "channels", "target", "score")),
    ):
        missing = [c for c in needed if c not in frame]
        if missing:
            raise TableError("columns are missing", where=where, expected=list_some(missing))
    for column, known in (("channels", LIFS_SETTINGS), ("target", SUBTASKS)):
        for value in dict.fromkeys(readings[column].astype(str)):
            check_known(value, known, what=column, where="readings", error=TableError)
    key = ["reader", "channels", "target", "case"]
    if readings.duplicated(key).any():
        found = readings.loc[readings.duplicated(key), key].iloc[0]
        raise TableError("a case is read twice", where="readings", found=list_some(found))
    wrong = pd.to_numeric(readings["score"], errors="coerce").isna() & readings["score"].notna()
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise TableError(
            "not a number",
            where=f"readings, row {row + 2}, column 'score'",
            found=repr(str(readings["score"].iloc[row])),
        )


def _cells(
    predictions: pd.DataFrame, readings: pd.DataFrame
) -> Iterator[
    tuple[
        tuple[str, str, str],
        list[str],
        NDArray[np.bool_],
        dict[str, FloatArray],
        dict[str, FloatArray],
    ]
]:
    """Yield the case-aligned scores of each setting, domain and subtask."""
    columns = [f"p_{level}" for level in LEVELS]
    frame = predictions[predictions["y_true"].notna()]
    for setting in LIFS_SETTINGS:
        for domain in DOMAINS:
            part = frame[(frame["channels"] == setting) & (frame["domain"] == domain)]
            models = {str(m): g.set_index("case") for m, g in part.groupby("model", sort=False)}
            for subtask, target in lifs_targets().items():
                own = readings[(readings["channels"] == setting) & (readings["target"] == subtask)]
                own = own[own["score"].notna()]
                read = {str(r): g.set_index("case") for r, g in own.groupby("reader", sort=False)}
                tables = [*models.values(), *read.values()]
                if not models or not read:
                    continue
                shared = sorted(set.intersection(*(set(map(str, t.index)) for t in tables)))
                if not shared:
                    continue
                truth = next(iter(models.values())).loc[shared, "y_true"].to_numpy(dtype=str)
                yield (
                    (setting, domain, subtask),
                    shared,
                    target.labels(truth),
                    {
                        m: target.score(t.loc[shared, columns].to_numpy(dtype=np.float64), LEVELS)
                        for m, t in models.items()
                    },
                    {r: t.loc[shared, "score"].to_numpy(dtype=np.float64) for r, t in read.items()},
                )
