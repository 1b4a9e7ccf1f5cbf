"""Cross-validation by patient and by scanner, and the negative controls beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from radiofib._checks import check_known, list_some
from radiofib.errors import CohortError, Failure, ModelError, RadiofibError, TableError
from radiofib.evaluation.apply import (
    describe_rows,
    domains,
    level_probabilities,
    scanner_names,
)
from radiofib.evaluation.labels import labels_as_text
from radiofib.evaluation.linked import copy_groups, link_groups
from radiofib.evaluation.splits import (
    Split,
    check_no_leak,
    leave_one_scanner_out,
    patient_folds,
)
from radiofib.staging import BaseStager, ScannerFlags, check_levels, stager_frame
from radiofib.table import FeatureTable

__all__ = ["SETTINGS", "check_finite", "control_tables", "cross_validate"]

#: setting -> what it does
SETTINGS = {
    "cv": "patient-grouped, stage-stratified folds",
    "loso": "leave one scanner out",
}


def cross_validate(
    table: FeatureTable,
    stager: BaseStager,
    *,
    setting: str = "cv",
    folds: int = 5,
    random_state: int = 0,
    scanner_column: str | None = None,
    model_name: str = "model",
    label: str = "stage",
    splits: Sequence[Split] | None = None,
) -> tuple[pd.DataFrame, list[Failure]]:
    """Train and predict so that no patient is predicted by a model that saw them.

    Parameters
    ----------
    table : FeatureTable
        Features and, in ``obs``, case, patient (else each case is a patient) and stage.
    stager : BaseStager
        Untrained; it is copied for each fold. Whether it uses scanner flags is its own
        parameter ``scanner_column``.
    setting : {"cv", "loso"}
        Folds over patients, or one fold for each scanner.
    folds : int
        Number of folds of ``cv``.
    random_state : int
        Seed of the folds.
    scanner_column : str, optional
        Column of ``obs`` that names the scanner, for ``loso`` and for the output; by default
        the stager's, else ``scanner``.
    model_name : str
        Written into the column ``model``.
    label : str
        Column of ``obs`` with the stage.
    splits : sequence of Split, optional
        Other splits than those of a setting, such as :func:`leave_one_centre_out` or
        :func:`fixed_splits` make; positions are rows of the table. `setting` is then any name,
        written into the column of that name. Rows without a stage are left out of them.

    Returns
    -------
    predictions : DataFrame
        In the order of the table: ``case, patient, [instance], y_true, p_<level>..., scanner,
        domain, setting, fold, model``. A stage absent from a training fold has probability 0.
    failures : list of Failure
        Rows that were left out and folds that could not be trained, with the reason.

    Raises
    ------
    SplitError
        When the cases cannot be divided as asked, or given splits part a patient, or copies of a
        picture (column ``image_group`` of ``obs``).
    TableError
        When a column is missing or a feature is infinite.
    """
    if splits is None:
        check_known(setting, SETTINGS, what="setting")
    if label not in table.obs:
        raise TableError(f"no column {label!r} for the stage", found=list_some(table.obs.columns))
    check_finite(table)
    column = scanner_column or stager.scanner_column or "scanner"
    described = describe_rows(table, label=label)
    levels = check_levels(labels_as_text(table.obs[label])[1])
    scanners = scanner_names(table, column)
    failures: list[Failure] = []
    usable = described["y_true"].notna().to_numpy()
    no_stage = CohortError(
        f"no stage in column {label!r}: left out", hint="fill in the stage to use the row"
    )
    _leave_out(described, ~usable, no_stage, failures)
    rows = np.flatnonzero(usable)
    if rows.size == 0:
        raise TableError("no row has a stage", where=f"column {label!r}")
    patients = described["patient"].to_numpy()[rows]
    every = copy_groups(table.obs)
    copies = None if every is None else every[rows]
    if splits is not None:
        splits = _among(splits, rows)
    elif setting == "loso":
        splits, unknown = leave_one_scanner_out(patients, scanners.to_numpy()[rows], copies=copies)
        outside = np.zeros(table.n_rows, dtype=np.bool_)
        outside[rows[unknown]] = True
        no_scanner = CohortError(
            f"no scanner in column {column!r}: left out of leave-one-scanner-out",
            hint="name the scanner; the row could be from the one that is left out",
        )
        _leave_out(described, outside, no_scanner, failures)
    else:
        stages = described["y_true"].to_numpy()[rows]
        splits = patient_folds(
            patients, stages, folds=folds, random_state=random_state, copies=copies
        )
    cases = described["case"].to_numpy()[rows]
    check_no_leak(splits, patients, copies=copies, cases=cases)
    X = stager_frame(table, stager.context_columns)
    if copies is not None and "patient" in stager.context_columns:
        # Folds within folds keep copies together as well.
        X.loc[rows, "patient"] = link_groups(patients, copies).astype(object)
    y = described["y_true"].to_numpy()
    proba = np.full((table.n_rows, len(levels)), np.nan)
    fold_names = np.full(table.n_rows, "", dtype=object)
    domain = np.full(table.n_rows, None, dtype=object)
    for split in splits:
        train, test = rows[split.train], rows[split.test]
        try:
            proba[test] = _one_fold(stager, X, y, train, test, levels)
        except (RadiofibError, ValueError, ArithmeticError) as error:
            failures.append(_fold_failure(error, split, setting, len(test)))
            continue
        fold_names[test] = split.name
        domain[test] = domains(scanners[test], set(scanners[train]) - {None}).to_numpy()
    frame = described
    for place, name in enumerate(levels):
        frame[f"p_{name}"] = proba[:, place]
    frame["scanner"], frame["domain"] = scanners, domain
    frame["setting"], frame["fold"], frame["model"] = setting, fold_names, model_name
    done = fold_names != ""
    return frame[done].reset_index(drop=True), failures


def _among(splits: Sequence[Split], rows: np.ndarray) -> list[Split]:
    """Return splits of the table as splits of some of its rows, by position among them."""
    place = {int(row): k for k, row in enumerate(rows)}
    return [
        Split(
            s.name,
            np.array([place[r] for r in s.train.tolist() if r in place], dtype=np.intp),
            np.array([place[r] for r in s.test.tolist() if r in place], dtype=np.intp),
        )
        for s in splits
    ]


def _one_fold(
    stager: BaseStager,
    X: pd.DataFrame,
    y: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    levels: tuple[str, ...],
) -> np.ndarray:
    if len(train) == 0:
        raise ModelError(
            "no training rows are left", hint="patients seen on several scanners are left out"
        )
    model: Any = clone(stager)
    model.fit(X.iloc[train], y[train].astype(str))
    return level_probabilities(model, X.iloc[test], levels)


def _fold_failure(error: Exception, split: Split, setting: str, n_test: int) -> Failure:
    what = f"scanner {split.name!r}" if setting == "loso" else f"fold {split.name}"
    failure = Failure.from_error(error, case="", step="train")
    reason = f"{what} ({n_test} test rows without prediction): {failure.reason}"
    return Failure("", "train", reason, error=failure.error)


def _leave_out(
    described: pd.DataFrame, rows: np.ndarray, error: CohortError, failures: list[Failure]
) -> None:
    for row in np.flatnonzero(rows):
        instance = described["instance"].iloc[row] if "instance" in described else None
        failures.append(
            Failure.from_error(
                error,
                case=described["case"].iloc[row],
                step="evaluate",
                instance="" if pd.isna(instance) else str(instance),
            )
        )


def check_finite(table: FeatureTable) -> None:
    """Refuse infinite features, naming the first."""
    values = table.X.to_numpy(dtype=np.float64)
    bad = np.argwhere(np.isinf(values))
    if len(bad):
        row, column = bad[0]
        raise TableError(
            "feature is infinite",
            where=f"case {table.obs['case'].iloc[row]!r}, column {table.X.columns[column]!r}",
            expected="a finite number, or missing",
            found=f"{values[row, column]} ({len(bad)} cells)",
            hint="set it to missing, with the reason",
        )


def control_tables(
    table: FeatureTable, *, scanner_column: str = "scanner"
) -> dict[str, FeatureTable]:
    """Return the same rows with features that know nothing of the liver.

    Models trained on them in the same folds show how far stage can be told from how a patient
    was imaged. Given only where there is something to learn from (at least two different
    values).

    Parameters
    ----------
    table : FeatureTable
    scanner_column : str
        Column of ``obs`` that names the scanner.

    Returns
    -------
    dict
        ``geometry``: the numeric columns ``geom_*`` of ``obs`` (matrix, spacing), but not
        ``geom_*_bytes``: the size of a compressed file (JPEG, PNG) follows from what the image
        shows, so a control that knows it has seen the liver. ``scanner``: scanner flags;
        ``missingness``: which features are missing, one column for each different pattern.

    Examples
    --------
    >>> obs = pd.DataFrame({"case": ["a", "b"], "scanner": ["x", "y"], "geom_us_width": [1.0, 2.0]})
    >>> controls = control_tables(FeatureTable(pd.DataFrame({"f": [1.0, 2.0]}), obs))
    >>> {name: t.X.columns.tolist() for name, t in controls.items()}
    {'geometry': ['geom_us_width'], 'scanner': ['scanner_is_x', 'scanner_is_y']}
    """
    obs = table.obs.reset_index(drop=True)
    controls: dict[str, FeatureTable] = {}
    geometry = [
        c for c in obs if str(c).startswith("geom_") and pd.api.types.is_numeric_dtype(obs[c])
    ]
    varying = [c for c in geometry if not str(c).endswith("_bytes") and len(obs[c].unique()) > 1]
    if varying:
        numbers = obs[varying].astype(np.float64)
        controls["geometry"] = FeatureTable(numbers, obs.drop(columns=geometry))
    scanners = scanner_names(table, scanner_column)
    if len(set(scanners) - {None}) > 1:
        column = pd.DataFrame({"scanner": scanners})
        flags = ScannerFlags().fit(column)
        X = pd.DataFrame(flags.transform(column), columns=flags.get_feature_names_out())
        controls["scanner"] = FeatureTable(X, obs)
    missing = table.X.reset_index(drop=True).isna()
    partly = missing.loc[:, missing.any() & ~missing.all()]
    if partly.shape[1]:
        patterns = partly.T.drop_duplicates().T.astype(np.float64)
        X = patterns.rename(columns=lambda c: f"missing_{c}"[:63])
        controls["missingness"] = FeatureTable(X.loc[:, ~X.columns.duplicated()], obs)
    return controls
