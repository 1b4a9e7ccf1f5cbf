"""A stager as plain numbers: what any program needs to give the same probabilities."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import ExportError
from radiofib.staging import BaseStager, LogisticStager, RandomForestStager, XGBoostStager

__all__ = ["Linear", "PortableModel", "Trees", "portable_model", "probabilities"]

FloatArray = NDArray[np.float64]
Link = Literal["softmax", "logit", "cumulative", "mean"]


@dataclass(frozen=True, eq=False)
class Linear:
    """Linear predictors ``intercepts + ((x - centre) / scale) @ coefficients``.

    Parameters
    ----------
    centre, scale : ndarray of shape (n_inputs,)
        0 and 1 for scanner flags.
    coefficients : ndarray of shape (n_inputs, n_predictors)
        One column for each predictor: each class (``softmax``), or one (``logit`` and
        ``cumulative``).
    intercepts : ndarray
        One for each predictor; for ``cumulative`` the thresholds.
    """

    centre: FloatArray
    scale: FloatArray
    coefficients: FloatArray
    intercepts: FloatArray

    def raw(self) -> tuple[FloatArray, FloatArray]:
        """Return coefficients and intercepts for inputs as they are measured.

        Examples
        --------
        >>> line = Linear(np.array([2.0]), np.array([4.0]), np.array([[8.0]]), np.array([1.0]))
        >>> [part.tolist() for part in line.raw()]
        [[[2.0]], [-3.0]]
        """
        slopes = self.coefficients / self.scale[:, None]
        return slopes, self.intercepts - self.centre @ slopes


@dataclass(frozen=True, eq=False)
class Trees:
    """Decision trees as one table of nodes, the nodes of a tree in a row, its root first.

    Parameters
    ----------
    tree : ndarray of int
        Number of the tree of each node, from 0.
    column : ndarray of int
        Input that is compared; -1 in a leaf.
    threshold : ndarray of float
        A row goes left when its input, rounded to single precision, is at most this (`strict`:
        less than this).
    left, right : ndarray of int
        Rows of this table; -1 in a leaf.
    missing_left : ndarray of bool
        Where a missing input goes.
    values : ndarray of shape (n_nodes, n_classes)
        What a leaf adds to each class (``logit``: one column); 0 elsewhere.
    strict : bool
        Whether the comparison is ``<`` instead of ``<=``.
    base : ndarray
        Added once.
    """

    tree: NDArray[np.int64]
    column: NDArray[np.int64]
    threshold: FloatArray
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    missing_left: NDArray[np.bool_]
    values: FloatArray
    strict: bool
    base: FloatArray

    @property
    def roots(self) -> NDArray[np.int64]:
        """Rows of the roots."""
        return np.flatnonzero(np.diff(self.tree, prepend=-1))


@dataclass(frozen=True, eq=False)
class PortableModel:
    """Everything that turns features and a scanner's name into probabilities.

    Parameters
    ----------
    classes : tuple of str
        Stages, in the order of the probabilities.
    features : tuple of str
        Columns of features, in order.
    scanner_column : str or None
        Column that names the scanner.
    scanners : tuple
        Known scanners, one flag each, after the features. An unknown one has no flag.
    medians : ndarray or None
        Takes the place of a missing feature; None where the model uses missing values.
    link : {"softmax", "logit", "cumulative", "mean"}
        From predictors to probabilities.
    body : Linear or Trees
        The predictors.
    """

    classes: tuple[str, ...]
    features: tuple[str, ...]
    scanner_column: str | None
    scanners: tuple[Any, ...]
    medians: FloatArray | None
    link: Link
    body: Linear | Trees

    @property
    def flags(self) -> tuple[str, ...]:
        """How the flags are called in tables: ``scanner = b1``."""
        return tuple(f"{self.scanner_column} = {scanner}" for scanner in self.scanners)


def portable_model(stager: BaseStager) -> PortableModel:
    """Return a fitted stager as plain numbers.

    Raises
    ------
    ExportError
        For a stager of another kind.

    Examples
    --------
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
    if isinstance(stager, LogisticStager):
        body = _linear(stager, len(scanners))
    elif isinstance(stager, RandomForestStager):
        link, body = "mean", _forest(stager)
    elif isinstance(stager, XGBoostStager):
        body = _boosted(stager)
    else:
        raise ExportError(
            "this kind of stager cannot be written for other programs",
            expected="logistic, random_forest or xgboost",
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


def _linear(stager: LogisticStager, n_flags: int) -> Linear:
    regression, scaler = stager.regression_, stager.scaler_
    return Linear(
        np.concatenate([scaler.mean_, np.zeros(n_flags)]),
        np.concatenate([scaler.scale_, np.ones(n_flags)]),
        np.asarray(regression.coef_, dtype=np.float64).T,
        np.asarray(regression.intercept_, dtype=np.float64),
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


def probabilities(
    model: PortableModel, features: FloatArray, scanners: list[Any] | None = None
) -> FloatArray:
    """Return the probability of each class from the plain numbers alone.

    Parameters
    ----------
    model : PortableModel
    features : ndarray of shape (n_rows, n_features)
        NaN where missing.
    scanners : list, optional
        Name of the scanner of each row.

    Notes
    -----
    softmax: ``exp(eta_k) / sum(exp(eta))``; logit: ``1 / (1 + exp(-eta))`` for the second class;
    cumulative: ``P(stage <= k) = 1 / (1 + exp(-(threshold_k - eta)))``; mean: the predictors
    themselves. Rows are then divided by their sum.
    """
    inputs = np.array(features, dtype=np.float64)
    if model.medians is not None:
        inputs = np.where(np.isnan(inputs), model.medians, inputs)
    known = {scanner: i for i, scanner in enumerate(model.scanners)}
    flags = np.zeros((len(inputs), len(known)))
    for row, name in enumerate(scanners or ()):
        if name in known:
            flags[row, known[name]] = 1.0
    inputs = np.hstack([inputs, flags])
    if isinstance(model.body, Linear):
        eta = ((inputs - model.body.centre) / model.body.scale) @ model.body.coefficients
        if model.link != "cumulative":
            eta = eta + model.body.intercepts
    else:
        eta = _walk(model.body, inputs)
    chance = _linked(model, eta)
    normed: FloatArray = chance / chance.sum(axis=1, keepdims=True)
    return normed


def _linked(model: PortableModel, eta: FloatArray) -> FloatArray:
    if model.link == "mean":
        return eta
    if model.link == "softmax":
        powers: FloatArray = np.exp(eta - eta.max(axis=1, keepdims=True))
        return powers
    if model.link == "logit":
        return np.column_stack([1.0 / (1.0 + np.exp(eta[:, 0])), 1.0 / (1.0 + np.exp(-eta[:, 0]))])
    assert isinstance(model.body, Linear)
    below = 1.0 / (1.0 + np.exp(eta[:, :1] - model.body.intercepts))
    chance: FloatArray = np.diff(below, axis=1, prepend=0.0, append=1.0)
    return chance


def _walk(trees: Trees, inputs: FloatArray) -> FloatArray:
    single = inputs.astype(np.float32).astype(np.float64)
    total = np.tile(trees.base, (len(inputs), 1))
    rows = np.arange(len(inputs))
    for root in trees.roots:
        node = np.full(len(inputs), root)
        while (inner := trees.column[node] >= 0).any():
            value = single[rows, np.maximum(trees.column[node], 0)]
            cut = trees.threshold[node]
            goes = value < cut if trees.strict else value <= cut
            goes = np.where(np.isnan(value), trees.missing_left[node], goes)
            node = np.where(inner, np.where(goes, trees.left[node], trees.right[node]), node)
        total += trees.values[node]
    return total
