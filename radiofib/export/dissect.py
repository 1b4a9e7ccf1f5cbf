"""From a fitted stager to the plain numbers that other programs need."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import ExportError
from radiofib.export.portable import Linear, Link, PortableModel, Trees
from radiofib.staging import (
    BaseStager,
    ContinuationRatioStager,
    ElasticNetStager,
    FirthStager,
    LogisticStager,
    ProportionalOddsStager,
    RandomForestStager,
    XGBoostStager,
)

__all__ = ["base_margin", "portable_model"]

FloatArray = NDArray[np.float64]


def portable_model(stager: BaseStager) -> PortableModel:
    """Return a fitted stager as plain numbers.

    Raises
    ------
    ExportError
        For a stager of another kind.

    Examples
    --------
    >>> from radiofib.export.portable import probabilities
    >>> X = np.array([[0.0], [1.0], [np.nan], [9.0], [8.0], [9.0]])
    >>> stager = LogisticStager(C=1.0).fit(X, ["s1", "s1", "s1", "s4", "s4", "s4"])
    >>> model = portable_model(stager)
    >>> model.link, model.classes, model.medians.tolist()
    ('logit', ('s1', 's4'), [8.0])
    >>> bool(np.allclose(probabilities(model, X), stager.predict_proba(X), rtol=0, atol=1e-14))
    True
    """
    scanners: tuple[Any, ...] = ()
    if stager.scanner_column is not None:
        scanners = tuple(stager.scanner_flags_.categories_[0].tolist())
    medians = None if isinstance(stager, XGBoostStager) else np.array(stager.imputer_.statistics_)
    several = stager.classes_.size > 2
    link: Link = "softmax" if several else "logit"
    body: Linear | Trees
    if isinstance(stager, RandomForestStager):
        link, body = "mean", _forest(stager)
    elif isinstance(stager, XGBoostStager):
        body = _boosted(stager)
    elif isinstance(stager, LogisticStager):
        coefficients = np.asarray(stager.regression_.coef_, dtype=np.float64).T
        body = _linear(stager, coefficients, stager.regression_.intercept_)
    elif isinstance(stager, FirthStager):
        moved = stager.intercept_ - stager.centre_ @ stager.coef_
        body = _linear(stager, stager.coef_[:, None], [moved])
    elif isinstance(stager, ProportionalOddsStager | ElasticNetStager | ContinuationRatioStager):
        link = "continuation" if isinstance(stager, ContinuationRatioStager) else "cumulative"
        moved = stager.thresholds_ + stager.centre_ @ stager.coef_
        body = _linear(stager, stager.coef_[:, None], moved)
    else:
        raise ExportError(
            "this kind of stager cannot be written for other programs",
            expected="a linear stager, random_forest or xgboost",
            found=type(stager).__name__,
        )
    count = int(stager.n_features_in_)
    names = getattr(stager, "feature_names_in_", [f"x{i}" for i in range(count)])
    return PortableModel(
        tuple(map(str, stager.classes_.tolist())),
        tuple(map(str, names)),
        stager.scanner_column,
        scanners,
        medians,
        link,
        body,
    )


def _linear(stager: Any, coefficients: FloatArray, intercepts: Any) -> Linear:
    flags = np.zeros(len(coefficients) - len(stager.scaler_.mean_))
    return Linear(
        np.concatenate([stager.scaler_.mean_, flags]),
        np.concatenate([stager.scaler_.scale_, flags + 1.0]),
        coefficients,
        np.array(intercepts, dtype=np.float64),
    )


def _forest(stager: RandomForestStager) -> Trees:
    trees = [estimator.tree_ for estimator in stager.forest_.estimators_]
    sizes = [tree.node_count for tree in trees]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    leaf = np.concatenate([tree.children_left for tree in trees]) < 0
    values = np.concatenate([tree.value[:, 0, :] for tree in trees])
    values = values / values.sum(axis=1, keepdims=True) / len(trees)
    values[~leaf] = 0.0
    column = np.concatenate([tree.feature for tree in trees]).astype(np.int64)
    threshold = np.concatenate([tree.threshold for tree in trees]).astype(np.float64)
    return Trees(
        np.repeat(np.arange(len(trees)), sizes),
        np.where(leaf, -1, column),
        np.where(leaf, 0.0, threshold),
        _children([tree.children_left for tree in trees], starts),
        _children([tree.children_right for tree in trees], starts),
        np.zeros(len(leaf), dtype=np.bool_),
        values,
        strict=False,
        base=np.zeros(values.shape[1]),
    )


def _children(parts: list[Any], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    moved = [
        np.where(part < 0, -1, part + start) for part, start in zip(parts, starts, strict=True)
    ]
    return np.concatenate(moved).astype(np.int64)


def _boosted(stager: XGBoostStager) -> Trees:
    """Read the trees from XGBoost's own JSON, whose numbers are exact single-precision floats."""
    learner = json.loads(bytes(stager.booster_.save_raw("json")))["learner"]
    stored = learner["gradient_booster"]["model"]
    trees = stored["trees"]
    sizes = [len(tree["left_children"]) for tree in trees]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    left = _children([np.array(tree["left_children"]) for tree in trees], starts)
    conditions = np.concatenate([np.float32(tree["split_conditions"]) for tree in trees])
    leaf = left < 0
    number = np.repeat(np.arange(len(trees)), sizes)
    n_columns = stager.classes_.size if stager.classes_.size > 2 else 1
    values = np.zeros((len(left), n_columns))
    values[leaf, np.array(stored["tree_info"])[number[leaf]]] = conditions[leaf]
    column = np.concatenate([tree["split_indices"] for tree in trees]).astype(np.int64)
    default = np.concatenate([tree["default_left"] for tree in trees]).astype(np.bool_)
    return Trees(
        number,
        np.where(leaf, -1, column),
        np.where(leaf, 0.0, conditions.astype(np.float64)),
        left,
        _children([np.array(tree["right_children"]) for tree in trees], starts),
        default & ~leaf,
        values,
        strict=True,
        base=base_margin(learner["learner_model_param"]["base_score"], n_columns),
    )


def base_margin(stored: str, n_columns: int) -> FloatArray:
    """Return XGBoost's base score as what is added to each predictor.

    Stored as one number, or since version 3.1 as a list; for two classes it is a probability.

    Examples
    --------
    >>> base_margin("[5E-1]", 1).tolist(), base_margin("5E-1", 3).tolist()
    ([0.0], [0.5, 0.5, 0.5])
    """
    base = np.atleast_1d(np.array(json.loads(stored), dtype=np.float64))
    if n_columns == 1:
        return np.log(base / (1.0 - base))
    return np.broadcast_to(base, (n_columns,)).copy()
