"""Cut-offs chosen from inner folds of the training rows, measured on rows that had no say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from radiofib._checks import list_some
from radiofib.errors import Failure, SplitError, TableError
from radiofib.evaluation.apply import describe_rows
from radiofib.evaluation.crossval import cross_validate
from radiofib.evaluation.labels import labels_as_text
from radiofib.evaluation.linked import copy_groups
from radiofib.evaluation.predictions import check_predictions
from radiofib.evaluation.rows import Row
from radiofib.evaluation.splits import Split, patient_folds
from radiofib.evaluation.thresholds import THRESHOLD_COLUMNS, threshold_rows
from radiofib.evaluation.units import Unit, patient_unit, row_unit
from radiofib.staging import BaseStager, Target, check_levels, targets_for
from radiofib.table import FeatureTable

__all__ = ["NESTED_COLUMNS", "nested_thresholds"]

NESTED_COLUMNS = ("model", "setting", "unit", "target", *THRESHOLD_COLUMNS)


def nested_thresholds(
    table: FeatureTable,
    stager: BaseStager,
    *,
    setting: str = "cv",
    folds: int = 5,
    inner_folds: int = 5,
    random_state: int = 0,
    splits: Sequence[Split] | None = None,
    targets: Sequence[Target] | None = None,
    model_name: str = "model",
    label: str = "stage",
    level: float = 0.95,
) -> tuple[pd.DataFrame, list[Failure]]:
    """Measure cut-offs of which no tested row knows anything.

    For each split the training rows are cross-validated once more; the cut-offs of each rule
    (see :func:`~radiofib.evaluation.thresholds.threshold_rows`) are chosen on these
    predictions, then applied to the test rows as the model of all training rows predicts them.
    A cut-off chosen on test predictions, by contrast, finds a Youden index above 0 where there
    is nothing to find.

    Parameters
    ----------
    table : FeatureTable
    stager : BaseStager
        Untrained.
    setting : str
        Written into the column of that name.
    folds, inner_folds : int
        Outer folds by patient; inner folds, fewer when a stage has fewer patients.
    random_state : int
        Seed of outer and inner folds.
    splits : sequence of Split, optional
        Outer splits other than folds by patient: one test set, scanners left out ...
    targets : sequence of Target, optional
        Default: those of the stages (:func:`radiofib.staging.targets_for`).
    model_name, label : str
    level : float
        Of the intervals, which count patients.

    Returns
    -------
    thresholds : DataFrame
        :data:`NESTED_COLUMNS`, by row and by patient.
    failures : list of Failure
        Outer and inner folds that could not be trained.

    Raises
    ------
    TableError
        When there is no such stage column.
    SplitError
        When the cases cannot be divided as asked.

    References
    ----------
    Leeflang MM et al. Clin Chem 2008;54:729-737 (data-driven cut-offs are optimistic).
    Varma S, Simon R. BMC Bioinformatics 2006;7:91 (nested cross-validation).

    Examples
    --------
    >>> from radiofib.staging import LogisticStager
    >>> obs = pd.DataFrame({"case": list("abcdefgh"), "stage": ["s1"] * 4 + ["s4"] * 4})
    >>> table = FeatureTable(pd.DataFrame({"f": [0.0, 1, 2, 3, 6, 7, 8, 9]}), obs)
    >>> found, _ = nested_thresholds(table, LogisticStager(), folds=2, inner_folds=2)
    >>> best = found[(found["rule"] == "largest Youden index") & (found["unit"] == "row")]
    >>> best[["metric", "estimate"]].head(2).values.tolist()
    [['sensitivity', 1.0], ['specificity', 1.0]]
    """
    if label not in table.obs:
        raise TableError(f"no column {label!r} for the stage", found=list_some(table.obs.columns))
    described = describe_rows(table, label=label)
    levels = check_levels(labels_as_text(table.obs[label])[1])
    known = np.flatnonzero(described["y_true"].notna().to_numpy())
    patients, stages = (described[c].to_numpy() for c in ("patient", "y_true"))
    if splits is None:
        copies = copy_groups(table.obs)
        among = patient_folds(
            patients[known],
            stages[known],
            folds=folds,
            random_state=random_state,
            copies=None if copies is None else copies[known],
        )
        splits = [replace(s, train=known[s.train], test=known[s.test]) for s in among]
    # All stages stay known where a split has none of one.
    texts = pd.Categorical(described["y_true"], categories=list(levels), ordered=True)
    table = replace(table, obs=table.obs.reset_index(drop=True).assign(**{label: texts}))
    tested, failures = cross_validate(
        table, stager, setting=setting, splits=splits, model_name=model_name, label=label
    )
    training: dict[str, Unit] = {}
    done = set(tested["fold"])
    for split in (s for s in splits if s.name in done):
        rows = np.intersect1d(split.train, known)
        held = [np.unique(patients[rows][stages[rows] == s]).size for s in set(stages[rows])]
        try:
            inner, failed = cross_validate(
                table.subset(rows),
                stager,
                folds=max(2, min([inner_folds, *held])),
                random_state=random_state,
                model_name=model_name,
                label=label,
            )
        except SplitError as error:
            failures.append(Failure.from_error(error, case="", step="train"))
            continue
        failures += failed
        if len(inner):
            training[split.name] = row_unit(check_predictions(inner, levels=levels), levels)
    questions = tuple(targets_for(levels) if targets is None else targets)
    rows_found = _measure(tested, levels, questions, training, level)
    head = {"model": model_name, "setting": setting}
    frame = pd.DataFrame([{**head, **row} for row in rows_found], columns=list(NESTED_COLUMNS))
    return frame, failures


def _measure(
    tested: pd.DataFrame,
    levels: Sequence[str],
    targets: Sequence[Target],
    training: dict[str, Unit],
    level: float,
) -> list[Row]:
    """Return what the cut-offs achieve, by row and by patient."""
    if tested.empty:
        return []
    rows = row_unit(check_predictions(tested, levels=levels), levels)
    by_patient = {name: patient_unit(unit) for name, unit in training.items()}
    found: list[Row] = []
    for unit, trained in ((rows, training), (patient_unit(rows), by_patient)):
        for target in targets:
            cuts = threshold_rows(unit, target, level=level, training=trained, asked=True)
            found += [{"unit": unit.name, "target": target.name, **row} for row in cuts]
    return found
