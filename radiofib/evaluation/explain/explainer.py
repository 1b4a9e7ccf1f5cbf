"""Importance and partial dependence of a stager, on patients it was not trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib.errors import ModelError, TableError, UsageError
from radiofib.evaluation.apply import describe_rows
from radiofib.evaluation.explain.groups import FeatureGroups, feature_groups
from radiofib.evaluation.explain.held_out import Fold, FoldFinding, explain_fold, fold_dependence
from radiofib.evaluation.labels import labels_as_text
from radiofib.evaluation.linked import copy_groups
from radiofib.evaluation.splits import patient_folds
from radiofib.parallel import map_pieces
from radiofib.staging import BaseStager, Target, check_levels, stager_frame, targets_for
from radiofib.table import FeatureTable

__all__ = ["DEPENDENCE_COLUMNS", "IMPORTANCE_COLUMNS", "Explanation", "explain_stager"]

FloatArray = NDArray[np.float64]

IMPORTANCE_COLUMNS = (
    *("model", "target", "kind", "group_by", "group"),
    *("members", "importance", "sd", "note"),
)
DEPENDENCE_COLUMNS = ("model", "target", "feature", "value", "probability")
#: With more columns than this, single features are not permuted: SHAP and clusters rank them.
MOST_SINGLE = 200


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a stager looks at.

    Parameters
    ----------
    importance : DataFrame
        :data:`IMPORTANCE_COLUMNS`, the most important first within target, kind and grouping.
    partial_dependence : DataFrame
        :data:`DEPENDENCE_COLUMNS`.
    notes : tuple of str
        What could not be computed, and why.
    """

    importance: pd.DataFrame
    partial_dependence: pd.DataFrame
    notes: tuple[str, ...]


def explain_stager(
    table: FeatureTable,
    stager: BaseStager,
    *,
    levels: Sequence[str] | None = None,
    targets: Sequence[Target] | None = None,
    ordered: bool = True,
    label: str = "stage",
    model_name: str = "model",
    folds: int = 5,
    repeats: int = 10,
    correlation: float = 0.7,
    top: int = 8,
    grid: int = 20,
    random_state: int = 0,
    workers: int | None = 1,
) -> Explanation:
    """Explain a stager on held-out folds.

    The stager is trained on each set of other folds, and asked about the patients left out:

    - ``shap``: mean absolute SHAP value, exact for trees, of each feature, of each cluster of
      correlated features and of each channel (values of a group are added up before the
      absolute value is taken);
    - ``permutation``: mean fall of the AUC when the columns of a group are shuffled together
      among the held-out rows. Single features only up to 200 columns: correlated features
      stand in for each other, so that each alone looks useless;
    - partial dependence: mean probability of the target when a feature is set to values from
      its 5th to its 95th percentile, for the `top` features.

    Importances of folds are averaged, by pairs for the AUC and by rows for SHAP; ``sd`` is
    their standard deviation over folds (n - 1). It says what the stager uses, not what causes
    fibrosis.

    Parameters
    ----------
    table : FeatureTable
        Rows without a stage or without any feature are left out.
    stager : BaseStager
        Untrained.
    levels : sequence of str, optional
        Stages in order; by default as they stand in the table.
    targets : sequence of Target, optional
        Binary questions; by default those of the levels.
    ordered : bool
        Whether the order of levels means anything.
    label : str
        Column of ``obs`` with the stage.
    model_name : str
        Written into the column ``model``.
    folds, repeats : int
        Folds, and permutations of each group in each fold.
    correlation : float
        Absolute rank correlation that joins features into a cluster.
    top, grid : int
        Features and values of the partial dependence.
    random_state : int
        Seed of folds and permutations.
    workers : int, optional
        Processes; results do not depend on it.

    Raises
    ------
    SplitError, TableError
        When the rows cannot be used or divided.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(60, 3)), columns=["a", "b", "c"])
    >>> stage = np.where(X["a"] + 0.3 * rng.normal(size=60) > 0, "f1", "f0")
    >>> obs = pd.DataFrame({"case": [f"c{i}" for i in range(60)], "stage": stage})
    >>> from radiofib.staging import make_stager
    >>> found = explain_stager(FeatureTable(X, obs), make_stager("xgboost", n_estimators=20))
    >>> found.importance.groupby(["kind", "group_by"])["group"].first()["shap"].to_dict()
    {'channel': 'no channel', 'cluster': 'a', 'feature': 'a'}
    """
    if repeats < 1 or top < 0 or grid < 2:
        raise UsageError(
            "explanation needs at least 1 permutation, 0 features and 2 grid values",
            found=f"repeats {repeats}, top {top}, grid {grid}",
        )
    if label not in table.obs:
        raise TableError(f"no column {label!r} for the stage", where="explanation")
    described = describe_rows(table, label=label)
    usable = described["y_true"].notna().to_numpy() & table.X.notna().any(axis=1).to_numpy()
    if not usable.any():
        raise TableError("no row has a stage and a feature", where="explanation")
    described, table = described[usable].reset_index(drop=True), table.subset(usable)
    names = check_levels(labels_as_text(table.obs[label])[1] if levels is None else levels)
    questions = tuple(targets_for(names, ordered=ordered) if targets is None else targets)
    groups = feature_groups(table, correlation=correlation, scanner_column=stager.scanner_column)
    kinds: tuple[str, ...] = ("cluster", "channel")
    notes = []
    if len(groups.columns) <= MOST_SINGLE:
        kinds = ("feature", *kinds)
    else:
        notes.append(
            f"single features are not permuted: {len(groups.columns)} columns, more than "
            f"{MOST_SINGLE}"
        )
    X = stager_frame(table, stager.context_columns)
    y = described["y_true"].to_numpy().astype(str)
    splits = patient_folds(
        described["patient"].to_numpy(),
        y,
        folds=folds,
        random_state=random_state,
        copies=copy_groups(table.obs),
    )
    pieces = [
        Fold(
            number, stager,
            X.iloc[s.train].reset_index(drop=True), y[s.train],
            X.iloc[s.test].reset_index(drop=True), y[s.test],
            names, questions, groups, kinds, repeats, random_state,
        )
        for number, s in enumerate(splits)
    ]  # fmt: skip
    done = {
        piece.number: finding
        for piece, finding in map_pieces(explain_fold, pieces, workers=workers, on_crash=_crashed)
    }
    findings = [done[piece.number] for piece in pieces]
    notes += [note for finding in findings for note in finding.notes]
    importance = _importance(findings, groups, questions, kinds, model_name)
    features = _top_features(importance, set(map(str, table.X.columns)), top)
    dependence = _dependence(pieces, findings, features, table.X, grid, model_name)
    return Explanation(importance, dependence, tuple(dict.fromkeys(notes)))


def _crashed(fold: Fold, error: Exception) -> FoldFinding:
    raise ModelError(
        f"the process that explained fold {fold.number + 1} died",
        found=f"{type(error).__name__}: {error}",
        hint="fewer workers need less memory",
    )


def _importance(
    findings: Sequence[FoldFinding],
    groups: FeatureGroups,
    targets: Sequence[Target],
    kinds: Sequence[str],
    model_name: str,
) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for target in targets:
        for kind in groups.groups:
            key = target.name, kind
            shap = [(f.shap[key], f.n_rows) for f in findings if key in f.shap]
            rows += _rows("shap", key, shap, groups.groups[kind], _SHAP_NOTE)
        for kind in kinds:
            key = target.name, kind
            falls = [(f.permutation[key], f.pairs[target.name]) for f in findings
                     if key in f.permutation]  # fmt: skip
            rows += _rows("permutation", key, falls, groups.groups[kind], "fall of the AUC")
    frame = pd.DataFrame(rows, columns=list(IMPORTANCE_COLUMNS))
    frame["model"] = model_name
    return frame


_SHAP_NOTE = "mean absolute SHAP value of held-out rows"


def _rows(
    kind: str,
    key: tuple[str, str],
    found: Sequence[tuple[FloatArray, int]],
    groups: Mapping[str, tuple[str, ...]],
    note: str,
) -> list[dict[str, Any]]:
    if not found:
        return []
    values = np.stack([v for v, _ in found])
    mean = np.average(values, axis=0, weights=[w for _, w in found])
    spread = values.std(axis=0, ddof=1) if len(found) > 1 else np.full(mean.shape, np.nan)
    target, group_by = key
    rows = [
        {
            "target": target,
            "kind": kind,
            "group_by": group_by,
            "group": name,
            "members": f"{len(members)} features" if group_by == "channel" else "; ".join(members),
            "importance": value,
            "sd": sd,
            "note": f"{note}, {len(found)} folds",
        }
        for (name, members), value, sd in zip(
            groups.items(), mean.tolist(), spread.tolist(), strict=True
        )
    ]
    return sorted(rows, key=lambda row: (-row["importance"], row["group"]))


def _top_features(importance: pd.DataFrame, features: set[str], top: int) -> list[str]:
    """Return the features with the largest importance in any target; by SHAP where there is."""
    for kind, group_by in (
        ("shap", "feature"),
        ("permutation", "feature"),
        ("permutation", "cluster"),
    ):
        rows = importance[(importance["kind"] == kind) & (importance["group_by"] == group_by)]
        if len(rows):
            break
    # Of a cluster, its first feature stands for the others.
    first = rows["members"].str.split("; ").str[0]
    rank = rows.groupby("target", sort=False).cumcount()
    ordered = pd.DataFrame({"feature": first, "rank": rank}).sort_values(
        ["rank", "feature"], kind="stable"
    )
    return [f for f in dict.fromkeys(ordered["feature"]) if f in features][:top]


def _dependence(
    pieces: Sequence[Fold],
    findings: Sequence[FoldFinding],
    features: Sequence[str],
    X: pd.DataFrame,
    grid: int,
    model_name: str,
) -> pd.DataFrame:
    grids = {}
    for feature in features:
        values = X[feature].dropna().to_numpy(dtype=np.float64)
        grids[feature] = np.unique(np.quantile(values, np.linspace(0.05, 0.95, grid)))
    totals: dict[tuple[str, str], FloatArray] = {}
    for piece, finding in zip(pieces, findings, strict=True):
        part = fold_dependence(finding.model, piece.X_test, grids, piece.targets, piece.levels)
        for key, values in part.items():
            totals[key] = totals.get(key, 0.0) + values * finding.n_rows
    size = sum(f.n_rows for f in findings)
    rows = [
        (model_name, target, feature, value, float(p))
        for (target, feature), sums in totals.items()
        for value, p in zip(grids[feature].tolist(), sums / size, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(DEPENDENCE_COLUMNS))
