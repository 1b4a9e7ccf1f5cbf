"""SHAP values of tree stagers, exact: they add up to what the stager says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib._extras import require
from radiofib.errors import ModelError
from radiofib.staging import BaseStager, RandomForestStager, Target, XGBoostStager

__all__ = ["TreeShap", "target_shap", "tree_shap"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TreeShap:
    """SHAP values of rows.

    Parameters
    ----------
    shares : ndarray of shape (n_rows, n_columns, n_classes)
        Share of each column in the score of each class.
    base : ndarray of shape (n_classes,)
        Score that the shares are added to.
    columns : tuple of str
        Columns; the flags of the scanner are added up under the name of its column.
    classes : tuple of str
        Classes, as the stager orders them.
    scale : {"probability", "log-odds"}
        What the scores are: probabilities of a forest, margins of boosted trees.
    """

    shares: FloatArray
    base: FloatArray
    columns: tuple[str, ...]
    classes: tuple[str, ...]
    scale: str


def tree_shap(model: BaseStager, X: pd.DataFrame) -> TreeShap:
    r"""Return the exact SHAP values of a trained tree stager.

    For each row :math:`f(x) = \phi_0 + \sum_j \phi_j(x)`, where :math:`\phi_j` averages what
    column j adds over all orders in which columns become known; the unknown ones follow the
    training rows down the tree (path-dependent TreeSHAP). Boosted trees give log-odds and need
    no further package; forests give probabilities and need the extra ``models``.

    Parameters
    ----------
    model : RandomForestStager or XGBoostStager
        Trained.
    X : DataFrame
        As for ``predict_proba``.

    Raises
    ------
    ModelError
        When the stager is not made of trees.
    MissingExtraError
        When a forest is to be explained without the package ``shap``.

    References
    ----------
    Lundberg SM et al. Nat Mach Intell 2020;2:56-67.

    Examples
    --------
    >>> X = pd.DataFrame({"a": [0.0, 1, 2, 7, 8, 9] * 5, "b": [1.0, 0, 1, 0, 1, 0] * 5})
    >>> model = XGBoostStager(10).fit(X, ["s1", "s1", "s1", "s4", "s4", "s4"] * 5)
    >>> found = tree_shap(model, X)
    >>> margin = found.base + found.shares.sum(axis=1)
    >>> bool(np.allclose(1 / (1 + np.exp(-margin[:, 1])), model.predict_proba(X)[:, 1], atol=1e-6))
    True
    """
    if not isinstance(model, RandomForestStager | XGBoostStager):
        raise ModelError(
            f"{type(model).__name__} is not made of trees: no exact SHAP values",
            hint="its permutation importance is computed all the same",
        )
    features, context = model._split(X, reset=False)
    numbers = np.asarray(features, dtype=np.float64)
    matrix = np.hstack([numbers, model._flags(numbers, context)])
    if isinstance(model, XGBoostStager):
        values, base, scale = *_boosted(model, matrix), "log-odds"
    else:
        values, base, scale = *_forest(model, matrix), "probability"
    names = [str(c) for c in features.columns]
    if model.scanner_column is not None:
        own = len(names)
        flagged = values[:, own:].sum(axis=1, keepdims=True)
        values = np.concatenate([values[:, :own], flagged], axis=1)
        names.append(model.scanner_column)
    classes = tuple(str(c) for c in model.classes_.tolist())
    return TreeShap(values, base, tuple(names), classes, scale)


def _boosted(model: XGBoostStager, matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    import xgboost

    rows = xgboost.DMatrix(matrix, nthread=1)
    raw = np.asarray(model.booster_.predict(rows, pred_contribs=True), dtype=np.float64)
    if raw.ndim == 2:
        # Two classes have one margin: what speaks for the second speaks against the first.
        raw = np.stack([np.zeros_like(raw), raw], axis=1)
    return raw[:, :, :-1].transpose(0, 2, 1), raw[0, :, -1]


def _forest(model: RandomForestStager, matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    shap: Any = require("shap", purpose="SHAP of a random forest")
    explainer = shap.TreeExplainer(model.forest_, feature_perturbation="tree_path_dependent")
    filled = np.hstack(
        [
            model.imputer_.transform(matrix[:, : model.imputer_.n_features_in_]),
            matrix[:, model.imputer_.n_features_in_ :],
        ]
    )
    values = np.asarray(explainer.shap_values(filled, check_additivity=False), dtype=np.float64)
    return values, np.asarray(explainer.expected_value, dtype=np.float64)


def target_shap(found: TreeShap, target: Target) -> FloatArray:
    """Return each column's share in the score of a binary target, shape (n_rows, n_columns).

    Probabilities of the positive side are sums of class probabilities, and so are their SHAP
    values. Margins do not add up to a probability: for them the score is the contrast "mean
    margin of the positive classes minus mean margin of the negative classes".

    Examples
    --------
    >>> shares = np.array([[[0.1, -0.3, 0.2]]])
    >>> shap = TreeShap(shares, np.zeros(3), ("f",), ("f0", "f1", "f2"), "probability")
    >>> cut = Target("f1-f2_vs_f0", frozenset({"f1", "f2"}), frozenset({"f0"}))
    >>> target_shap(shap, cut).round(3).tolist()
    [[-0.1]]
    """
    positive = np.array([c in target.positive for c in found.classes])
    negative = np.array([c in target.negative for c in found.classes])
    if found.scale == "probability":
        share: FloatArray = found.shares[:, :, positive].sum(axis=2)
        return share
    if not positive.any() or not negative.any():
        return np.zeros(found.shares.shape[:2])
    shares = found.shares
    contrast: FloatArray = shares[:, :, positive].mean(axis=2) - shares[:, :, negative].mean(axis=2)
    return contrast
