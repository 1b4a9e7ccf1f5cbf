"""Models against each other, on the cases that both predicted."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from radiofib import stats
from radiofib.evaluation.paired import PairedAreas, paired_areas
from radiofib.evaluation.rows import Row
from radiofib.evaluation.units import Unit, patient_unit, row_unit
from radiofib.staging import Target

__all__ = ["COMPARISON_COLUMNS", "adjust", "align", "compare_models"]

COMPARISON_COLUMNS = (
    *("model_a", "model_b", "setting", "unit", "target", "auc_a", "auc_b", "difference"),
    *("ci_low", "ci_high", "z", "p", "p_adjusted", "adjustment", "n", "n_pos", "method", "note"),
)


def compare_models(
    frame: pd.DataFrame, levels: Sequence[str], targets: Sequence[Target], level: float = 0.95
) -> list[Row]:
    """Compare every two models of a setting by DeLong's paired test, by row and by patient.

    Rows are aligned by case and instance; what only one model predicted is left out and
    counted. Rows are compared within the folds of both models. ``p_adjusted`` is Holm's over
    all pairs of models of a setting, unit and target.

    Parameters
    ----------
    frame : DataFrame
        Checked predictions.
    levels : sequence of str
    targets : sequence of Target
    level : float

    Returns
    -------
    list of dict
        :data:`COMPARISON_COLUMNS`.
    """
    rows: list[Row] = []
    for setting, part in frame.groupby("setting", sort=False):
        known = part[part["y_true"].notna()]
        models = {str(m): p for m, p in known.groupby("model", sort=False)}
        for a, b in combinations(models, 2):
            first, second, note = align(models[a], models[b])
            head = {"model_a": a, "model_b": b, "setting": setting}
            if first.empty:
                rows += [
                    {**head, "unit": "row", "target": t.name, "n": 0, "method": "none",
                     "note": "no case in common"}
                    for t in targets
                ]  # fmt: skip
                continue
            one, two = row_unit(first, levels), row_unit(second, levels)
            for pair in ((one, two), (patient_unit(one), patient_unit(two))):
                for target in targets:
                    found = _compare(*pair, target, level)
                    found["note"] = "; ".join(n for n in (found["note"], note) if n)
                    rows.append({**head, "unit": pair[0].name, "target": target.name, **found})
    adjust(rows, ("setting", "unit", "target"))
    return rows


def align(first: pd.DataFrame, second: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Return the rows that both tables have, with one fold column, and what was left out.

    Rows that share case and instance are matched in order of their scores' columns as given;
    the stage, the patient and the instance are the first table's.
    """
    keys = ["case"]
    tables = []
    for table in (first, second):
        instance = table["instance"] if "instance" in table else pd.Series("", index=table.index)
        named = table.assign(instance=instance.fillna("").astype(str))
        times = named.groupby(["case", "instance"], sort=False).cumcount().astype(str)
        tables.append(named.assign(instance=named["instance"] + "#" + times))
    keys = ["case", "instance"]
    index = [pd.MultiIndex.from_frame(t[keys]) for t in tables]
    a = tables[0][index[0].isin(index[1])].sort_values(keys, kind="stable")
    b = tables[1][index[1].isin(index[0])].sort_values(keys, kind="stable")
    folds = [f"{x}|{y}" for x, y in zip(a["fold"], b["fold"], strict=True)]
    patients, stages = a["patient"].to_numpy(), a["y_true"].to_numpy()
    lost = len(tables[0]) + len(tables[1]) - 2 * len(a)
    notes = [f"{lost} rows of one model only left out"] if lost else []
    differ = int((stages != b["y_true"].to_numpy()).sum())
    if differ:
        notes.append(f"{differ} rows differ in stage: the first model's counts")
    both = [t.assign(fold=folds, patient=patients, y_true=stages) for t in (a, b)]
    return both[0], both[1], "; ".join(notes)


def _compare(first: Unit, second: Unit, target: Target, level: float) -> Row:
    a, b = first.binary(target), second.binary(target)
    found = {"n": a.positive.size, "n_pos": int(a.positive.sum())}
    if a.score is None or b.score is None:
        return {**found, "method": "none", "note": "a single score cannot tell the sides apart"}
    if not a.both:
        return {**found, "method": "none", "note": "only one class"}
    test = paired_areas(a.positive, a.score, b.score, a.unit.clusters, a.unit.folds, level)
    return {**found, **_as_row(test)}


def _as_row(test: PairedAreas) -> Row:
    return {
        "auc_a": test.first,
        "auc_b": test.second,
        "difference": test.difference,
        "ci_low": test.low,
        "ci_high": test.high,
        "z": test.z,
        "p": test.p,
        "method": test.method,
        "note": test.note,
    }


def adjust(rows: list[Row], family: Sequence[str]) -> None:
    """Put Holm's adjusted p beside each p, over the rows that share the columns `family`."""
    families: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        if np.isfinite(row.get("p", np.nan)):
            families.setdefault(tuple(row[c] for c in family), []).append(row)
    for members in families.values():
        adjusted = stats.adjust_p([row["p"] for row in members], "holm")
        for row, p in zip(members, adjusted, strict=True):
            row["p_adjusted"] = float(p)
            row["adjustment"] = f"Holm over {len(members)}"
