"""A stager as plain numbers: what any program needs to give the same probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Linear", "PortableModel", "Trees", "probabilities"]

FloatArray = NDArray[np.float64]
Link = Literal["softmax", "logit", "cumulative", "continuation", "mean"]


@dataclass(frozen=True, eq=False)
class Linear:
    """Linear predictors ``intercepts + ((x - centre) / scale) @ coefficients``.

    Parameters
    ----------
    centre, scale : ndarray of shape (n_inputs,)
        0 and 1 for scanner flags.
    coefficients : ndarray of shape (n_inputs, n_predictors)
        One column for each predictor: each class (``softmax``), or one (all others).
    intercepts : ndarray
        One for each predictor; for ``cumulative`` and ``continuation`` the thresholds.
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
    link : {"softmax", "logit", "cumulative", "continuation", "mean"}
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
    def has_thresholds(self) -> bool:
        """Whether there is one predictor, compared with a threshold for each cut."""
        return self.link in ("cumulative", "continuation")

    @property
    def flags(self) -> tuple[str, ...]:
        """How the flags are called in tables: ``scanner = b1``."""
        return tuple(f"{self.scanner_column} = {scanner}" for scanner in self.scanners)


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
    cumulative: ``P(stage <= k) = 1 / (1 + exp(-(threshold_k - eta)))``; continuation: the same
    for ``P(stage = k)`` among those that came to k; mean: the predictors themselves. Rows are
    then divided by their sum.

    Examples
    --------
    >>> line = Linear(np.zeros(1), np.ones(1), np.array([[1.0]]), np.array([0.0, 1.0]))
    >>> model = PortableModel(("a", "b", "c"), ("x",), None, (), None, "cumulative", line)
    >>> probabilities(model, np.array([[0.0]])).round(3).tolist()
    [[0.5, 0.231, 0.269]]
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
        if not model.has_thresholds:
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
    if model.link == "cumulative":
        chance: FloatArray = np.diff(below, axis=1, prepend=0.0, append=1.0)
        return chance
    one = np.ones((len(eta), 1))
    reached = np.hstack([one, np.cumprod(1.0 - below, axis=1)])
    return reached * np.hstack([below, one])


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
