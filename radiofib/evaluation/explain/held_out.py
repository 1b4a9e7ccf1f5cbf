"""One fold of an explanation: a stager trained without its rows, asked about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from radiofib.errors import MissingExtraError
from radiofib.evaluation.apply import level_probabilities
from radiofib.evaluation.explain.groups import FeatureGroups
from radiofib.evaluation.explain.tree_shap import target_shap, tree_shap
from radiofib.staging import (
    BaseStager,
    RandomForestStager,
    Target,
    XGBoostStager,
)
from radiofib.stats import auc

__all__ = ["Fold", "FoldFinding", "explain_fold", "fold_dependence"]

FloatArray = NDArray[np.float64]
#: Target -> its rows, and which of these are positive.
_Judged = dict[Target, tuple[NDArray[np.bool_], NDArray[np.bool_]]]

#: Rows that a stager is asked about at once.
_CHUNK = 20_000


@dataclass(frozen=True, eq=False)
class Fold:
    """What one fold needs.

    Parameters
    ----------
    number : int
        Seeds the permutations of this fold.
    stager : BaseStager
        Untrained.
    X_train, X_test : DataFrame
        Features, with the scanner's column when the stager has one.
    y_train, y_test : ndarray of str
        Stages.
    levels : tuple of str
    targets : tuple of Target
    groups : FeatureGroups
    kinds : tuple of str
        Groups that are permuted, out of ``feature``, ``cluster`` and ``channel``.
    repeats : int
        Permutations of each group.
    seed : int
    """

    number: int
    stager: BaseStager
    X_train: pd.DataFrame
    y_train: NDArray[Any]
    X_test: pd.DataFrame
    y_test: NDArray[Any]
    levels: tuple[str, ...]
    targets: tuple[Target, ...]
    groups: FeatureGroups
    kinds: tuple[str, ...]
    repeats: int
    seed: int


@dataclass(frozen=True, eq=False)
class FoldFinding:
    """What one fold says.

    Parameters
    ----------
    model : BaseStager
        Trained on the rows of the other folds.
    pairs : dict of str to int
        Target -> positive-negative pairs among the held-out rows: the weight of this fold.
    permutation : dict
        Target, kind of group -> mean fall of the AUC for each group; absent without pairs.
    shap : dict
        Target, kind of group -> mean absolute SHAP value of each group; empty for stagers
        that have none.
    n_rows : int
        Held-out rows.
    notes : tuple of str
    """

    model: BaseStager
    pairs: dict[str, int]
    permutation: dict[tuple[str, str], FloatArray]
    shap: dict[tuple[str, str], FloatArray]
    n_rows: int
    notes: tuple[str, ...] = field(default=())


def explain_fold(fold: Fold) -> FoldFinding:
    """Train without the held-out rows, then explain what is said about them."""
    model: Any = clone(fold.stager)
    model.fit(fold.X_train, fold.y_train)
    shap, notes = _shap_importance(fold, model)
    pairs, permutation = _permutation_importance(fold, model)
    return FoldFinding(model, pairs, permutation, shap, len(fold.X_test), notes)


def _shap_importance(
    fold: Fold, model: BaseStager
) -> tuple[dict[tuple[str, str], FloatArray], tuple[str, ...]]:
    if not isinstance(model, RandomForestStager | XGBoostStager):
        return {}, ("no exact SHAP values: not a tree model",)
    try:
        found = tree_shap(model, fold.X_test)
    except MissingExtraError as error:
        return {}, (str(error),)
    place = {name: i for i, name in enumerate(found.columns)}
    result = {}
    for target in fold.targets:
        values = target_shap(found, target)
        for kind, groups in fold.groups.groups.items():
            joined = [values[:, [place[c] for c in names]].sum(axis=1) for names in groups.values()]
            result[target.name, kind] = np.abs(np.column_stack(joined)).mean(axis=0)
    return result, ()


def _permutation_importance(
    fold: Fold, model: BaseStager
) -> tuple[dict[str, int], dict[tuple[str, str], FloatArray]]:
    """Return pairs and, for each group, how far the AUC falls when its columns are shuffled.

    The columns of a group move together, so what they have in common is broken away from the
    stage but not from each other.
    """
    judged: _Judged = {}
    pairs = {}
    for target in fold.targets:
        rows = target.concerns(fold.y_test)
        positive = target.labels(fold.y_test[rows])
        pairs[target.name] = int(positive.sum()) * int((~positive).sum())
        if pairs[target.name]:
            judged[target] = rows, positive
    if not judged:
        return pairs, {}
    # One set of orders for all groups: their falls differ by the group alone.
    rng = np.random.default_rng([fold.seed, fold.number])
    orders = np.stack([rng.permutation(len(fold.X_test)) for _ in range(fold.repeats)])
    plain = _aucs(judged, level_probabilities(model, fold.X_test, fold.levels), fold.levels)
    falls: dict[tuple[str, ...], FloatArray] = {}
    found: dict[tuple[str, str], FloatArray] = {}
    for kind in fold.kinds:
        groups = fold.groups.groups[kind]
        for names in groups.values():
            if names not in falls:
                falls[names] = plain - _shuffled_aucs(fold, model, names, orders, judged)
        table = np.stack([falls[names] for names in groups.values()])
        found |= {(t.name, kind): table[:, place] for place, t in enumerate(judged)}
    return pairs, found


def _shuffled_aucs(
    fold: Fold, model: BaseStager, names: tuple[str, ...], orders: NDArray[np.intp], judged: _Judged
) -> FloatArray:
    """Return the mean AUC of each target over all orders of the columns `names`."""
    size = len(fold.X_test)
    step = max(1, _CHUNK // size)
    parts = []
    for begin in range(0, len(orders), step):
        some = orders[begin : begin + step]
        shuffled = pd.concat([fold.X_test] * len(some), ignore_index=True)
        for name in names:
            shuffled[name] = fold.X_test[name].to_numpy()[some].ravel()
        proba = level_probabilities(model, shuffled, fold.levels)
        parts += [_aucs(judged, p, fold.levels) for p in proba.reshape(len(some), size, -1)]
    mean: FloatArray = np.mean(parts, axis=0)
    return mean


def _aucs(judged: _Judged, proba: FloatArray, levels: tuple[str, ...]) -> FloatArray:
    return np.array([auc(pos, t.score(proba[rows], levels)) for t, (rows, pos) in judged.items()])


def fold_dependence(
    model: BaseStager,
    X: pd.DataFrame,
    grids: Mapping[str, FloatArray],
    targets: tuple[Target, ...],
    levels: tuple[str, ...],
) -> dict[tuple[str, str], FloatArray]:
    """Return target, feature -> mean probability when the feature is set to each grid value."""
    found = {}
    size = len(X)
    for feature, grid in grids.items():
        sums: dict[Target, list[float]] = {t: [] for t in targets}
        step = max(1, _CHUNK // size)
        for begin in range(0, grid.size, step):
            some = grid[begin : begin + step]
            asked = pd.concat([X] * some.size, ignore_index=True)
            asked[feature] = np.repeat(some, size)
            proba = level_probabilities(model, asked, levels).reshape(some.size, size, -1)
            for t in targets:
                sums[t] += [float(t.score(part, levels).mean()) for part in proba]
        for t in targets:
            found[t.name, feature] = np.array(sums[t])
    return found
