"""Single arrows of the chain, file to file, as the commands use them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofib._checks import alike_names, check_known, list_some
from radiofib.datacard import StageScheme, derive_scheme, make_scheme
from radiofib.errors import TableError
from radiofib.evaluation import Evaluation, predict_table
from radiofib.staging import StagerPlan, load_stager, save_stager, stager_frame
from radiofib.study.deployment import Prediction, judge_predictions, write_companion
from radiofib.study.folder import RunFolder
from radiofib.table import FeatureTable

__all__ = [
    "predict_features",
    "scanner_notes",
    "train_table",
    "write_evaluation",
]


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
    features have a value (``columns``). Texts without a natural order stay unordered.

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
        column ``ordered`` tells the evaluation so.
    """
    model, metadata = load_stager(model_path)
    levels, label = metadata["levels"], str(metadata.get("label", "stage"))
    ordered = bool(metadata.get("ordered", True))
    table = FeatureTable.read(features, label=label)
    if label in table.obs:
        scheme = make_scheme(label, levels, metadata.get("labels"), ordered)
        obs = table.obs.copy()
        obs[label] = [None if pd.isna(v) else scheme.parse(v) for v in obs[label]]
        table = replace(table, obs=obs)
    table = _with_empty_features(table, metadata.get("feature_columns") or [])
    predictions = predict_table(
        model, table, levels=levels, model_name=_model_name(metadata), label=label
    )
    if not ordered:
        predictions = predictions.assign(ordered=False)
    return judge_predictions(model_path, table, predictions)


def _model_name(metadata: Mapping[str, Any]) -> str:
    """Return the stager's name: ``train`` stores it alone, ``run`` with its parameters."""
    stager = metadata.get("stager", "model")
    return str(stager.get("name", "model") if isinstance(stager, Mapping) else stager)


def _with_empty_features(table: FeatureTable, wanted: list[str]) -> FeatureTable:
    """Take features of the model that this table has only empty back from its descriptions."""
    empty = [c for c in wanted if c in table.obs and table.obs[c].isna().all()]
    if not empty:
        return table
    X = table.X.assign(**dict.fromkeys(empty, np.nan))
    return replace(table, X=X, obs=table.obs.drop(columns=empty))


def write_evaluation(result: Evaluation, folder: RunFolder, prefix: str = "") -> None:
    """Write metrics and curves of an evaluation as CSV files."""
    folder.write_frame(f"{prefix}metrics.csv", result.metrics)
    for name, curve in result.curves.items():
        folder.write_frame(f"{prefix}{name}.csv", curve)
