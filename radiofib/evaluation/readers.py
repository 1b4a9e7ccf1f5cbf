"""Readers against models on the cases that all of them scored, each reader apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from radiofib import stats
from radiofib._checks import list_some
from radiofib.errors import Failure, TableError
from radiofib.evaluation.comparisons import adjust
from radiofib.evaluation.paired import paired_areas
from radiofib.evaluation.predictions import check_predictions
from radiofib.evaluation.reader_agreement import AGREEMENT_COLUMNS, agreement_rows
from radiofib.evaluation.reader_cohorts import ReaderCohort, reader_cohorts
from radiofib.evaluation.reader_mrmc import MRMC_COLUMNS, mrmc_model_rows, mrmc_reading_rows
from radiofib.evaluation.rows import Row
from radiofib.staging import Target, check_levels, targets_for

__all__ = ["READER_COLUMNS", "ReaderStudy", "compare_readers"]

READER_COLUMNS = (
    *("reader", "model", "setting", "unit", "target", "auc_reader", "auc_model", "difference"),
    *("ci_low", "ci_high", "z", "p", "p_adjusted", "adjustment", "arrow", "n", "n_pos", "note"),
)
READER_AUC_COLUMNS = (
    *("reader", "setting", "unit", "target", "metric", "estimate", "ci_low", "ci_high"),
    *("n", "n_pos", "method", "note"),
)
#: Models that know nothing of the liver; they are no best and no median model.
_CONTROL = "control_"


@dataclass(frozen=True, eq=False)
class ReaderStudy:
    """Readers against models and against each other.

    Parameters
    ----------
    readers : DataFrame
        :data:`READER_COLUMNS`: each reader against each model. ``arrow`` is "↑" where the
        reader's AUC is significantly above the model's, "↓" where it is below, by the
        unadjusted p; ``note`` names the best and the median model.
    areas : DataFrame
        AUC of each reader with its interval.
    agreement : DataFrame
        :data:`AGREEMENT_COLUMNS`: of two readers, and of all.
    mrmc : DataFrame
        :data:`MRMC_COLUMNS`: mean AUC of two readers and more against a model, and of readings
        against each other, readers and cases being random.
    failures : tuple of Failure
        Cases and readings that were left out.
    """

    readers: pd.DataFrame
    areas: pd.DataFrame
    agreement: pd.DataFrame
    mrmc: pd.DataFrame
    failures: tuple[Failure, ...]

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """File name without suffix -> table."""
        return {
            "readers": self.readers,
            "reader_auc": self.areas,
            "reader_agreement": self.agreement,
            "reader_mrmc": self.mrmc,
        }


def compare_readers(
    predictions: pd.DataFrame,
    readings: pd.DataFrame,
    *,
    levels: Sequence[str],
    targets: Sequence[Target] | None = None,
    ordered: bool = True,
    level: float = 0.95,
) -> ReaderStudy:
    """Compare every reader with every model by DeLong's paired test.

    For each setting, reading and target the cohort is the cases that all its readers and all
    its models scored (case-aligned). Readers are never averaged. A reading named like a setting
    or like a channel set of models (``forest [NonContrast]``) is compared with these alone.
    Models are measured by case (mean over its rows) and, like readers beside them, within their
    folds. ``p_adjusted`` is Holm's over all comparisons of a setting, reading and target.

    Parameters
    ----------
    predictions : DataFrame
        Of one or several models, with the true stages.
    readings : DataFrame
        From :func:`read_readings`.
    levels : sequence of str
        Stages in order.
    targets : sequence of Target, optional
        Binary questions; by default those of the levels.
    ordered : bool
        Whether the order of levels means anything.
    level : float
        Confidence level; an arrow means p below 1 - level.

    Raises
    ------
    TableError
        When no reading fits a case of the predictions.

    Examples
    --------
    >>> cases = [f"c{i}" for i in range(12)]
    >>> p = np.linspace(0.1, 0.9, 12)
    >>> table = pd.DataFrame({"case": cases, "y_true": ["f0"] * 6 + ["f1"] * 6,
    ...                       "p_f0": 1 - p, "p_f1": p})
    >>> scores = [3, 1, 2, 5, 4, 2, 3, 6, 7, 1, 5, 6]
    >>> read = pd.DataFrame({"case": cases, "reader": "R1", "reading": "", "target": "",
    ...                      "score": scores})
    >>> found = compare_readers(table, read, levels=["f0", "f1"]).readers.iloc[0]
    >>> round(float(found["auc_reader"]), 3), found["arrow"], int(found["n"])
    (0.764, '', 12)
    """
    names = check_levels(levels)
    frame = check_predictions(predictions, levels=names)
    questions = tuple(targets_for(names, ordered=ordered) if targets is None else targets)
    known = set(frame["case"])
    strange = [c for c in dict.fromkeys(readings["case"]) if c not in known]
    failures = [
        Failure(c, "readers", "a reader scored a case that has no prediction: left out",
                error="TableError")
        for c in strange
    ]  # fmt: skip
    used = readings[readings["case"].isin(known)]
    if used.empty:
        raise TableError(
            "no case of the readers has a prediction",
            where="readers",
            expected=list_some(sorted(known), 3),
            found=list_some(strange, 3),
            hint="write the cases as the predictions do",
        )
    rows: list[Row] = []
    areas: list[Row] = []
    agreement: list[Row] = []
    several: list[Row] = []
    for cohort in reader_cohorts(frame, used, names, questions, failures):
        rows += _against_models(cohort, level)
        areas += _reader_areas(cohort, level)
        several += mrmc_model_rows(cohort, level)
    several += mrmc_reading_rows(frame, used, names, questions, level)
    for target in ("", *(t.name for t in questions)):
        part = used[used["target"] == target]
        if len(part):
            agreement += agreement_rows(part, frame, target, level)
    adjust(rows, ("family",))
    return ReaderStudy(
        pd.DataFrame(rows, columns=list(READER_COLUMNS)),
        pd.DataFrame(areas, columns=list(READER_AUC_COLUMNS)).drop_duplicates(ignore_index=True),
        pd.DataFrame(agreement, columns=list(AGREEMENT_COLUMNS)),
        pd.DataFrame(several, columns=list(MRMC_COLUMNS)),
        tuple(dict.fromkeys(failures)),
    )


def _label(reader: str, reading: str) -> str:
    return f"{reader} [{reading}]" if reading else reader


def _against_models(cohort: ReaderCohort, level: float) -> list[Row]:
    head = {"setting": cohort.setting, "unit": "case", "target": cohort.target.name}
    sizes = {"n": cohort.positive.size, "n_pos": int(cohort.positive.sum())}
    rows: list[Row] = []
    if not sizes["n"] or sizes["n_pos"] in (0, sizes["n"]):
        why = "only one class" if sizes["n"] else "no case that every reader and model scored"
        note = "; ".join(n for n in (why, cohort.note) if n)
        return [
            {"reader": _label(r, cohort.reading), "model": m, **head, **sizes, "note": note,
             "arrow": "", "family": ""}
            for r in cohort.readers
            for m in cohort.models
        ]  # fmt: skip
    for reader, mine in cohort.readers.items():
        for model, theirs in cohort.models.items():
            test = paired_areas(cohort.positive, mine, theirs, cohort.clusters, cohort.folds, level)
            arrow = ""
            if test.p < 1 - level:
                arrow = "↑" if test.difference > 0 else "↓"
            rows.append(
                {
                    "reader": _label(reader, cohort.reading), "model": model, **head,
                    "auc_reader": test.first, "auc_model": test.second,
                    "difference": test.difference, "ci_low": test.low, "ci_high": test.high,
                    "z": test.z, "p": test.p, "arrow": arrow, **sizes,
                    "note": "; ".join(n for n in (test.note, cohort.note) if n),
                    "family": f"{cohort.setting}\n{cohort.reading}\n{cohort.target.name}",
                }
            )  # fmt: skip
    _name_models(rows)
    return rows


def _name_models(rows: list[Row]) -> None:
    """Say which model is the best and which the median one; the median of nine is the fifth."""
    area: dict[str, float] = {
        row["model"]: row["auc_model"]
        for row in rows
        if not row["model"].startswith(_CONTROL) and np.isfinite(row["auc_model"])
    }
    if not area:
        return
    ranked = sorted(area, key=lambda m: (-area[m], m))
    middle = len(ranked) // 2
    words: dict[str, list[str]] = {
        ranked[0]: [f"best of {len(ranked)} models on these cases, so optimistic"]
    }
    if len(ranked) > 2:
        median = f"median model: number {middle + 1} of {len(ranked)}"
        words.setdefault(ranked[middle], []).append(median)
    for row in rows:
        said = words.get(row["model"], [])
        row["note"] = "; ".join(n for n in (*said, row["note"]) if n)


def _reader_areas(cohort: ReaderCohort, level: float) -> list[Row]:
    rows: list[Row] = []
    for reader, score in cohort.readers.items():
        row: dict[str, Any] = {
            "reader": _label(reader, cohort.reading), "setting": cohort.setting, "unit": "case",
            "target": cohort.target.name, "metric": "auc", "n": score.size,
            "n_pos": int(cohort.positive.sum()), "note": cohort.note, "method": "none",
        }  # fmt: skip
        if 0 < row["n_pos"] < row["n"]:
            found = stats.auc_interval(cohort.positive, score, level, cohort.clusters)
            row |= {
                "estimate": found.value, "ci_low": found.low, "ci_high": found.high,
                "method": found.method,
                "note": "; ".join(n for n in (found.note, cohort.note) if n),
            }  # fmt: skip
        else:
            row["note"] = "; ".join(n for n in ("only one class", cohort.note) if n)
        rows.append(row)
    return rows
