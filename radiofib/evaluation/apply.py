"""A trained stager applied to a feature table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from radiofib._checks import list_some, nearest
from radiofib.errors import TableError
from radiofib.evaluation.labels import as_text, labels_as_text
from radiofib.staging import BaseStager, check_levels, stager_frame
from radiofib.table import FeatureTable
from radiofib.table.columns import names_of

__all__ = ["describe_rows", "domains", "level_probabilities", "predict_table", "scanner_names"]


def predict_table(
    model: BaseStager,
    table: FeatureTable,
    *,
    levels: Sequence[str],
    model_name: str = "model",
    setting: str = "predict",
    label: str = "stage",
) -> pd.DataFrame:
    """Apply a trained stager to a feature table.

    Parameters
    ----------
    model : BaseStager
    table : FeatureTable
        With the model's columns, in any order; other columns are ignored.
    levels : sequence of str
        Stages in order; a stage the model never saw has probability 0.
    model_name, setting : str
        Written into the columns of these names.
    label : str
        Column of `table.obs` with the true stage, if there is one.

    Returns
    -------
    DataFrame
        Columns ``case, patient, [instance], y_true, p_<level>..., scanner, domain, setting,
        fold, model``; `y_true` is missing where the stage is not known. ``domain`` is known
        only for models that have scanner flags. A row without any feature has missing
        probabilities: there is nothing to predict from, and the caller reports it.

    Raises
    ------
    TableError
        When a column of the model is missing, naming it.
    """
    names = check_levels(levels)
    X = _model_columns(model, table)
    frame = describe_rows(table, label=label)
    features = X.drop(columns=list(model.context_columns))
    usable = features.notna().any(axis=1).to_numpy()
    proba = np.full((len(X), len(names)), np.nan)
    if usable.any():
        proba[usable] = level_probabilities(model, X[usable], names)
    for place, name in enumerate(names):
        frame[f"p_{name}"] = proba[:, place]
    frame["scanner"] = scanner_names(table, model.scanner_column or "scanner")
    known = model.known_scanners
    frame["domain"] = domains(frame["scanner"], None if known is None else set(known))
    frame["setting"], frame["fold"], frame["model"] = setting, "", model_name
    return frame


def _model_columns(model: BaseStager, table: FeatureTable) -> pd.DataFrame:
    """Return the columns the model was trained on, found by name, and its scanner column."""
    X = stager_frame(table, model.context_columns)
    known = getattr(model, "feature_names_in_", None)
    if known is None:
        return X
    wanted = [str(c) for c in known]
    missing = [c for c in wanted if c not in table.X]
    if missing:
        close = nearest(missing[0], map(str, table.X.columns))
        raise TableError(
            f"{len(missing)} of the model's {len(wanted)} columns are missing",
            expected=list_some(missing),
            found=list_some(table.X.columns) or "no feature columns",
            hint=f"is {close!r} the column {missing[0]!r}? Else extract with the settings of "
            "the training table"
            if close
            else "extract with the settings of the training table",
        )
    return X[[*wanted, *model.context_columns]]


def describe_rows(table: FeatureTable, *, label: str) -> pd.DataFrame:
    """Return case, patient, instance (when there is one) and ``y_true`` of each row."""
    obs = table.obs.reset_index(drop=True)
    frame = pd.DataFrame({"case": obs["case"].astype(str)})
    frame["patient"] = (obs["patient"] if "patient" in obs else obs["case"]).astype(object)
    if "instance" in obs:
        frame["instance"] = obs["instance"]
    frame["y_true"] = labels_as_text(obs[label])[0] if label in obs else None
    return frame


def level_probabilities(model: BaseStager, X: pd.DataFrame, levels: Sequence[str]) -> np.ndarray:
    """Return one column for each level; 0 for a level the model never saw."""
    seen = [as_text(c) for c in model.classes_.tolist()]
    unknown = sorted(set(seen) - set(levels))
    if unknown:
        raise TableError(
            "the model predicts stages outside the levels",
            expected=list_some(levels),
            found=list_some(unknown),
        )
    proba = np.zeros((len(X), len(levels)))
    proba[:, [list(levels).index(c) for c in seen]] = model.predict_proba(X)
    return proba


def scanner_names(table: FeatureTable, column: str) -> pd.Series:
    """Return the scanner of each row as text, None where it is not known."""
    if column not in table.obs:
        return pd.Series([None] * table.n_rows, dtype=object)
    values = names_of(table.obs[column]).tolist()
    return pd.Series(
        [None if pd.isna(v) or not str(v).strip() else str(v) for v in values], dtype=object
    )


def domains(scanners: Iterable[str | None], known: set[str] | None) -> pd.Series:
    """Tell for each row whether its scanner was in training; None where that is not known."""
    values = [
        None if known is None or s is None else ("in_scanner" if s in known else "unseen_scanner")
        for s in scanners
    ]
    return pd.Series(values, dtype=object)
