"""Single arrows of the chain, file to file, as the commands use them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofib._checks import alike_names, check_known, list_some
from radiofib.datacard import StageScheme, derive_scheme, make_scheme
from radiofib.errors import ConfigError, TableError
from radiofib.evaluation import Evaluation
from radiofib.registry import parse_column
from radiofib.staging import StagerPlan, load_stager, save_stager, stager_frame
from radiofib.study.deployment import (
    Prediction,
    judge_predictions,
    predict_possible,
    unseen_note,
    without_infinite_rows,
    write_companion,
)
from radiofib.study.folder import RunFolder
from radiofib.table import FeatureTable

__all__ = [
    "output_columns",
    "predict_features",
    "scanner_notes",
    "train_notes",
    "train_table",
    "write_evaluation",
]

#: What ``predict`` and ``run`` write of a case; a stager must not learn from it.
_OUTPUT = re.compile(
    r"y_true|p_.+|fold|domain|distance_p|unfamiliar|set_low|set_high|set_for|call_.+"
)


def train_table(
    table: FeatureTable,
    out: Path,
    *,
    label: str = "stage",
    scanner: str | None = None,
    stager: str | StagerPlan = "logistic",
    seed: int = 0,
) -> StageScheme:
    """Train a stager on the labelled rows of a table and store it.

    `stager` is a name, which sees the scanner where a `scanner` column is given, or a plan, of
    which `scanner` is the column that its parts read (``scanner`` when left out).

    Labels that are not categories of a known scheme become levels as
    :func:`radiofib.datacard.derive_scheme` makes them; the model file keeps both, and how many
    features have a value (``columns``). Texts without a natural order stay unordered. Columns
    of predictions (:func:`output_columns`) are no features.

    Returns
    -------
    StageScheme
        The levels the stager tells apart.

    Raises
    ------
    TableError
        When the label or scanner column is absent, no row is labelled, or no feature has a
        value in the labelled rows.
    """
    plan = stager
    if isinstance(plan, str):
        plan = StagerPlan(name=plan, scanner_flag=scanner is not None)
    elif plan.uses_scanner and scanner is None:
        scanner = "scanner"
    for column in filter(None, (label, scanner)):
        check_known(column, map(str, table.obs.columns), what="column", error=TableError)
    table = replace(table, X=table.X.drop(columns=output_columns(table)))
    rows = table.subset(table.obs[label].notna().to_numpy())
    if rows.n_rows == 0:
        raise TableError(f"no row has a value in {label!r}", hint="name another --label")
    columns = int(rows.X.notna().any().sum())
    if columns == 0:
        raise TableError(
            "no feature has a value",
            expected=f"numbers in the rows with a value in {label!r}",
            found=f"{rows.n_features} feature column(s), {rows.n_rows} labelled row(s)",
        )
    y = rows.obs[label]
    ordered = isinstance(y.dtype, pd.CategoricalDtype) and y.dtype.ordered
    order = list(y.cat.categories) if ordered else None
    scheme = derive_scheme(y, name=label, order=order)
    plan.check_order(scheme.levels, ordered=scheme.ordered)
    model = plan.build(scanner_column=scanner or "scanner", random_state=seed)
    X = stager_frame(rows, model.context_columns)
    model.fit(X, np.array([scheme.parse(v) for v in y]))
    metadata = {
        "levels": list(scheme.levels),
        "labels": dict(scheme.labels),
        "ordered": scheme.ordered,
        "columns": columns,
        "label": label,
        "stager": plan.model_dump(mode="json", exclude_defaults=True) | {"name": plan.name},
        "seed": seed,
    }
    save_stager(model, out, metadata=metadata)
    write_companion(out, rows, scanner=scanner or "scanner", random_state=seed)
    return scheme


def output_columns(table: FeatureTable) -> list[str]:
    """Return the features that are called as the columns of predictions are.

    A table of predictions joined to a table of features would teach a stager what another one,
    or the truth, said of the same case. A column of the registry is a feature in any case.

    Examples
    --------
    >>> X = pd.DataFrame({"p_f0": [0.1], "fold": [1.0], "p_original_glcm_contrast": [1.0],
    ...                   "fold_change": [2.0]})
    >>> output_columns(FeatureTable(X, pd.DataFrame({"case": ["a"]})))
    ['p_f0', 'fold']
    """
    named = [str(c) for c in table.X if _OUTPUT.fullmatch(str(c))]
    return [c for c in named if not _is_registered(c)]


def _is_registered(column: str) -> bool:
    try:
        parse_column(column)
    except ConfigError:
        return False
    return True


def train_notes(table: FeatureTable, label: str) -> tuple[str, list[str]]:
    """Return what a stager learns from, and notes of what is left out.

    Parameters
    ----------
    table : FeatureTable
        As :func:`train_table` takes it.
    label : str

    Returns
    -------
    learnt : str
        Rows, patients, and features that have a value.
    notes : list of str
        Rows without a label, and columns that are outputs (:func:`output_columns`).

    Examples
    --------
    >>> X = pd.DataFrame({"x": [1.0, 2.0, 3.0], "p_f0": [0.1, 0.2, 0.3]})
    >>> obs = pd.DataFrame({"case": ["a", "b", "c"], "stage": ["F0", "F1", None]})
    >>> learnt, notes = train_notes(FeatureTable(X, obs), "stage")
    >>> learnt
    '2 rows of 2 patients, 1 feature'
    >>> notes[0]
    "1 row without a value in 'stage' is left out"
    >>> notes[1]
    'columns of predictions are no features and are left out: p_f0'
    """
    outputs = output_columns(table)
    labelled = table.obs[label].notna().to_numpy()
    rows = table.subset(labelled)
    features = int(rows.X.drop(columns=outputs).notna().any().sum())
    learnt = (
        f"{_count(rows.n_rows, 'row')} of {_count(rows.patients, 'patient')}, "
        f"{_count(features, 'feature')}"
    )
    bare = int((~labelled).sum())
    notes = []
    if bare:
        is_are = "is" if bare == 1 else "are"
        notes.append(f"{_count(bare, 'row')} without a value in {label!r} {is_are} left out")
    if outputs:
        names = list_some(outputs)
        notes.append(f"columns of predictions are no features and are left out: {names}")
    return learnt, notes


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def scanner_notes(table: FeatureTable, scanner: str) -> list[str]:
    """Return a note for each group of scanner names that differ only in case or space.

    They stay different scanners: whether ``GE`` and ``ge`` are one machine is for the person
    who knows the data to say, by writing them alike.

    Examples
    --------
    >>> names = pd.DataFrame({"case": ["a", "b"], "scanner": ["GE", "ge"]})
    >>> scanner_notes(FeatureTable(pd.DataFrame({"x": [1.0, 2.0]}), names), "scanner")
    ["scanner names that differ only in case or space, taken as different: 'GE', 'ge'"]
    """
    names = [None if pd.isna(v) else str(v) for v in table.obs[scanner]]
    return [
        f"{scanner} names that differ only in case or space, taken as different: "
        f"{list_some(map(repr, group))}"
        for group in alike_names(names)
    ]


def predict_features(model_path: Path, features: Path) -> Prediction:
    """Apply a stored stager to a stored feature table.

    Returns
    -------
    Prediction
        Predictions as :func:`radiofib.evaluation.predict_table` returns them, with what the
        stager's companion says of them (:func:`judge_predictions`). ``y_true`` holds the model's
        levels where the table has the label column. Where their order means nothing, the
        column ``ordered`` tells the evaluation so. Rows that the model cannot take (infinite
        numbers, scanners it refuses) have no probabilities, see ``left``; a label that is
        none of the model's is missing in ``y_true``, with a warning.
    """
    model, metadata = load_stager(model_path)
    levels, label = metadata["levels"], str(metadata.get("label", "stage"))
    ordered = bool(metadata.get("ordered", True))
    table = FeatureTable.read(features, label=label)
    notes: list[str] = []
    if label in table.obs:
        scheme = make_scheme(label, levels, metadata.get("labels"), ordered)
        obs = table.obs.copy()
        given = obs[label]
        obs[label] = [None if pd.isna(v) else scheme.find(v) for v in given]
        notes += _outside(given[given.notna() & obs[label].isna()], label, scheme)
        table = replace(table, obs=obs)
    table = _with_empty_features(table, metadata.get("feature_columns") or [])
    table, infinite = without_infinite_rows(table, getattr(model, "feature_names_in_", None))
    predictions, refused = predict_possible(
        model, table, levels=levels, model_name=_model_name(metadata), label=label
    )
    unseen = unseen_note(predictions)
    notes += [] if unseen is None else [unseen]
    if not ordered:
        predictions = predictions.assign(ordered=False)
    found = judge_predictions(model_path, table, predictions)
    # Of two reasons the number is the one that can be corrected in the table.
    return replace(found, warnings=(*notes, *found.warnings), left={**refused, **infinite})


def _outside(values: pd.Series, label: str, scheme: StageScheme) -> list[str]:
    """Return a note of labels that are none of the model's."""
    if values.empty:
        return []
    names = list_some(dict.fromkeys(repr(str(v)) for v in values))
    return [
        f"{len(values)} label(s) in {label!r} are none of the model's "
        f"({list_some(scheme.labels.values())}), so y_true is empty there: {names}"
    ]


def _model_name(metadata: Mapping[str, Any]) -> str:
    """Return the stager's name: ``train`` stores it alone, ``run`` with its parameters."""
    stager = metadata.get("stager", "model")
    return str(stager.get("name", "model") if isinstance(stager, Mapping) else stager)


def _with_empty_features(table: FeatureTable, wanted: list[str]) -> FeatureTable:
    """Take features of the model that this table has only empty back from its descriptions."""
    empty = [c for c in wanted if c in table.obs and table.obs[c].isna().all()]
    if not empty:
        return table
    X = table.X.reindex(columns=[*table.X.columns, *empty])
    return replace(table, X=X, obs=table.obs.drop(columns=empty))


def write_evaluation(result: Evaluation, folder: RunFolder, prefix: str = "") -> None:
    """Write metrics and curves of an evaluation as CSV files."""
    folder.write_frame(f"{prefix}metrics.csv", result.metrics)
    for name, curve in result.curves.items():
        folder.write_frame(f"{prefix}{name}.csv", curve)
