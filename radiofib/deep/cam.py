"""Class activation maps: where in a picture a score comes from.

A network that pools its feature map by the mean and has a linear head sums over places, so its
logit can be told place by place, exactly (Zhou et al., CVPR 2016). For trees on the pooled
features there is no such sum; what is drawn for them is a heuristic and says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiofib._checks import list_some
from radiofib.errors import ModelError, UsageError

__all__ = [
    "ActivationMap",
    "LinearHead",
    "head_of_stager",
    "linear_map",
    "map_dependence",
    "peak",
    "shap_map",
    "shuffled_heads",
    "upsampled",
]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LinearHead:
    """A linear head on an embedding: ``logits = W e + b``.

    Parameters
    ----------
    weights : ndarray of shape (classes, features)
    intercepts : ndarray of shape (classes,)
    classes : tuple of str
    """

    weights: FloatArray
    intercepts: FloatArray
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        shapes = self.weights.ndim, len(self.weights), self.intercepts.shape
        if shapes != (2, len(self.classes), (len(self.classes),)):
            raise UsageError(
                "weights, intercepts and classes do not fit",
                expected="weights (classes, features) and intercepts (classes,)",
                found=f"{self.weights.shape}, {self.intercepts.shape}, {len(self.classes)} classes",
            )

    def logits(self, embedding: ArrayLike) -> FloatArray:
        """Return the logits of embeddings of shape (..., features).

        Examples
        --------
        >>> head = LinearHead(np.array([[1.0, 2.0]]), np.array([0.5]), ("F4",))
        >>> head.logits([3.0, 1.0]).tolist()
        [5.5]
        """
        found: FloatArray = np.asarray(embedding, np.float64) @ self.weights.T + self.intercepts
        return found

    def behind(
        self, centre: ArrayLike, scale: ArrayLike, directions: ArrayLike | None = None
    ) -> LinearHead:
        """Return the head of what comes before a step ``D (x - centre) / scale``.

        With ``W D (x - c) / s + b = (W D / s) x + (b - (W D / s) c)``.

        Parameters
        ----------
        centre, scale : array of shape (features before,)
        directions : array of shape (features after, features before), optional
            Such as principal components; without it D is the identity.

        Examples
        --------
        >>> head = LinearHead(np.array([[2.0]]), np.array([1.0]), ("F4",))
        >>> folded = head.behind([1.0, 0.0], [2.0, 1.0], [[1.0, 3.0]])
        >>> folded.logits([5.0, 1.0]).tolist(), head.logits([(5 - 1) / 2 + 3 * 1]).tolist()
        ([11.0], [11.0])
        """
        c, s = np.asarray(centre, np.float64), np.asarray(scale, np.float64)
        turned = self.weights if directions is None else self.weights @ np.asarray(directions)
        weights = turned / s
        return replace(self, weights=weights, intercepts=self.intercepts - weights @ c)


@dataclass(frozen=True, eq=False)
class ActivationMap:
    """Where a score comes from.

    Parameters
    ----------
    values : ndarray of shape (rows, columns) or (planes, rows, columns)
        On the grid of the feature map. Their mean plus `offset` is `score`, for ``exact``.
    score : float
        Logit of the class (``exact``), or what the trees gave (``heuristic``).
    offset : float
        Intercept of the head, or the trees' expected value.
    label : str
        Class.
    kind : {"exact", "heuristic"}
    """

    values: FloatArray
    score: float
    offset: float
    label: str
    kind: Literal["exact", "heuristic"]


def head_of_stager(stager: Any) -> LinearHead:
    """Return a fitted logistic stager as a head on the embedding it was fitted on.

    Its standardisation, and before it any principal components or partial least squares of a
    chain, are folded into the weights. Of two classes the logit is the log odds, of more the
    score before the softmax.

    Parameters
    ----------
    stager : LogisticStager, or ChainStager of components and a LogisticStager
        Fitted on the embedding's columns in order, without scanner flags.

    Raises
    ------
    ModelError
        For another stager: its score is no weighted sum of the embedding.

    Examples
    --------
    >>> from radiofib.staging import LogisticStager
    >>> X = np.random.default_rng(0).normal(size=(20, 3))
    >>> stager = LogisticStager().fit(X, np.where(X[:, 0] > 0, "F4", "F1"))
    >>> head = head_of_stager(stager)
    >>> log_odds = np.diff(np.log(stager.predict_proba(X)), axis=1)[:, 0]
    >>> head.classes, bool(np.allclose(head.logits(X)[:, 1], log_odds))
    (('F1', 'F4'), True)
    """
    steps = list(getattr(stager, "steps_", []))
    last = getattr(stager, "stager_", stager) if steps or hasattr(stager, "stager_") else stager
    regression, scaler = getattr(last, "regression_", None), getattr(last, "scaler_", None)
    flags = getattr(last, "scanner_column", None) or getattr(stager, "scanner_column", None)
    other = [type(s).__name__ for s in steps if not hasattr(s, "weights_")]
    if regression is None or scaler is None or flags is not None or other:
        raise ModelError(
            "the score of this stager is no weighted sum of the embedding",
            expected="a logistic stager without scanner flags, alone or behind components",
            found=list_some([type(last).__name__, *other])
            + (" with scanner flags" if flags is not None else ""),
            hint="a map of trees is a heuristic: see shap_map",
        )
    weights = np.asarray(regression.coef_, np.float64)
    intercepts = np.asarray(regression.intercept_, np.float64)
    classes = tuple(map(str, last.classes_))
    if len(weights) == 1 and len(classes) == 2:
        weights, intercepts = np.vstack([-weights, weights]), np.r_[-intercepts, intercepts]
    head = LinearHead(weights, intercepts, classes).behind(scaler.mean_, scaler.scale_)
    for step in reversed(steps):
        head = head.behind(step.scaler_.mean_, step.scaler_.scale_, step.weights_)
    return head


def linear_map(feature_map: ArrayLike, head: LinearHead, label: str) -> ActivationMap:
    """Return the exact map of a class: ``M(p) = sum_k w_k F_k(p)``.

    The embedding is the mean of the feature map over places, so the mean of M plus the intercept
    is the logit.

    Parameters
    ----------
    feature_map : array of shape (features, rows, columns), or with planes before
        Of one picture.
    head : LinearHead
    label : str
        One of the head's classes.

    Raises
    ------
    UsageError
        When head and feature map do not fit, or the class is none of the head's.

    References
    ----------
    Zhou B et al. Learning deep features for discriminative localization. CVPR 2016.

    Examples
    --------
    >>> features = np.array([[[1.0, 3.0]], [[0.0, 2.0]]])
    >>> head = LinearHead(np.array([[1.0, -1.0]]), np.array([0.25]), ("F4",))
    >>> found = linear_map(features, head, "F4")
    >>> found.values.tolist(), found.score, bool(found.values.mean() + found.offset == found.score)
    ([[1.0, 1.0]], 1.25, True)
    """
    features = _features(feature_map)
    number = _class_number(head, label)
    weights = head.weights[number]
    if len(weights) != len(features):
        raise UsageError(
            "the head is that of another feature map",
            expected=f"{len(weights)} features",
            found=f"{len(features)}",
        )
    values = np.tensordot(weights, features, axes=1)
    offset = float(head.intercepts[number])
    embedding = features.reshape(len(features), -1).mean(axis=1)
    score = float(weights @ embedding + offset)
    return ActivationMap(values, score, offset, label, "exact")


def shap_map(
    feature_map: ArrayLike, shap_values: ArrayLike, *, base: float, label: str
) -> ActivationMap:
    """Return a heuristic map for trees: SHAP values of the features, dealt out over places.

    ``M(p) = sum_k phi_k F_k(p) / mean(F_k)``: each feature's share of the score lies where the
    feature does. A tree does not sum over places, so this is a picture to think with and no
    explanation; features that are 0 everywhere have no place and are left out. The mean of M is
    the sum of the SHAP values of the others.

    Parameters
    ----------
    feature_map : array of shape (features, rows, columns)
        Not negative, as after a ReLU.
    shap_values : array of shape (features,)
        Of the class, for this picture.
    base : float
        Expected value of the trees.
    label : str
        Class.

    Examples
    --------
    >>> found = shap_map(np.array([[[0.0, 4.0]], [[1.0, 1.0]]]), [0.5, -0.1], base=0.2, label="F4")
    >>> found.values.round(3).tolist(), round(found.score, 3), found.kind
    ([[-0.1, 0.9]], 0.6, 'heuristic')
    """
    features = _features(feature_map)
    values = np.asarray(shap_values, np.float64)
    if values.shape != (len(features),) or not np.isfinite(values).all():
        raise UsageError(
            "one finite SHAP value for each feature is needed",
            expected=f"({len(features)},)",
            found=str(values.shape),
        )
    if features.min() < 0:
        raise UsageError(
            "features below 0 cannot share out a score",
            found=f"{features.min():g}",
            hint="take the feature map after its ReLU",
        )
    means = features.reshape(len(features), -1).mean(axis=1)
    share = np.divide(values, means, out=np.zeros_like(values), where=means > 0)
    dealt = np.tensordot(share, features, axes=1)
    return ActivationMap(dealt, float(base + values.sum()), float(base), label, "heuristic")


def map_dependence(values: ArrayLike, randomised: ArrayLike) -> FloatArray:
    """Return the correlations of a map with maps made with randomised weights.

    Spearman's rank correlation over places. Near 1: the map hardly depends on the weights that
    were randomised, it shows what any weights would. Near 0: it depends on them. That it depends
    on the weights says nothing about whether it is true.

    Parameters
    ----------
    values : array of shape (rows, columns)
    randomised : array of shape (n, rows, columns)

    Returns
    -------
    ndarray of shape (n,)
        NaN where a map is the same at all places.

    References
    ----------
    Adebayo J et al. Sanity checks for saliency maps. NeurIPS 2018.

    Examples
    --------
    >>> map_dependence([[1.0, 2.0, 3.0]], [[[2.0, 4.0, 9.0]], [[3.0, 2.0, 1.0]]]).tolist()
    [1.0, -1.0]
    """
    from scipy.stats import rankdata

    own = rankdata(np.asarray(values, np.float64).ravel())
    others = np.asarray(randomised, np.float64).reshape(len(np.asarray(randomised)), -1)
    if others.shape[1] != len(own):
        raise UsageError(
            "maps have other places",
            expected=f"{len(own)} places",
            found=f"{others.shape[1]}",
        )
    found = np.full(len(others), np.nan)
    for number, other in enumerate(others):
        ranks = rankdata(other)
        if np.ptp(own) > 0 and np.ptp(ranks) > 0:
            found[number] = np.corrcoef(own, ranks)[0, 1]
    return found


def shuffled_heads(head: LinearHead, n: int, *, seed: int = 0) -> list[LinearHead]:
    """Return heads whose weights are dealt to other features, for :func:`map_dependence`.

    Each class keeps its weights as a set, so that maps have the same size.

    Examples
    --------
    >>> head = LinearHead(np.arange(4.0)[None], np.zeros(1), ("F4",))
    >>> sorted(shuffled_heads(head, 1, seed=1)[0].weights[0].tolist())
    [0.0, 1.0, 2.0, 3.0]
    """
    rng = np.random.default_rng(seed)
    return [replace(head, weights=rng.permuted(head.weights, axis=1)) for _ in range(n)]


def upsampled(values: ArrayLike, shape: tuple[int, int]) -> FloatArray:
    """Enlarge a map of (rows, columns) to a picture bilinearly, corners not aligned.

    Examples
    --------
    >>> upsampled([[0.0, 1.0]], (1, 4)).tolist()
    [[0.0, 0.25, 0.75, 1.0]]
    """
    found = np.asarray(values, np.float64)
    for axis, wanted in enumerate(shape):
        side = found.shape[axis]
        at = np.clip((np.arange(wanted) + 0.5) * side / wanted - 0.5, 0, side - 1)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, side - 1)
        part = (at - low).reshape((-1, 1) if axis == 0 else (1, -1))
        found = np.take(found, low, axis) * (1 - part) + np.take(found, high, axis) * part
    return found


def peak(values: ArrayLike, shape: tuple[int, int]) -> tuple[int, int]:
    """Return row and column of the picture at the middle of the map's strongest spot.

    The spot is the cells joined to the largest one by their sides that reach half of its value;
    its middle is their centre of mass, with the map's values as weights. A network that tells an
    object by its border has its largest cell at that border, at random on one side of it; the
    spot has a middle below the size of a cell. Without a value above 0 the middle of the largest
    cell is taken. Of a spot that is bent the middle may lie beside it.

    Cells are taken to divide the picture evenly. Strided convolutions with padding see up to half
    a cell further up and left than that; networks that pool on the way down do not.

    Examples
    --------
    >>> peak([[0.0, 1.0], [0.0, 0.0]], (8, 8))
    (2, 6)
    >>> peak([[0.0, 4.0, 4.0, 1.0]], (8, 32))
    (4, 16)
    """
    from scipy import ndimage

    grid = np.asarray(values, np.float64)
    cell = np.unravel_index(int(np.argmax(grid)), grid.shape)
    spot = np.zeros(grid.shape, bool)
    spot[cell] = True
    if grid[cell] > 0:
        joined, _ = ndimage.label(grid >= grid[cell] / 2)
        spot = joined == joined[cell]
    at = np.argwhere(spot)
    weights = grid[spot] if grid[cell] > 0 else np.ones(1)
    row, column = (weights @ at / weights.sum() + 0.5) * shape / np.array(grid.shape)
    return int(row), int(column)


def _features(feature_map: ArrayLike) -> FloatArray:
    features = np.asarray(feature_map, np.float64)
    if features.ndim not in (3, 4) or features.size == 0:
        raise UsageError(
            "not a feature map of one picture",
            expected="(features, rows, columns)",
            found=str(features.shape),
        )
    if not np.isfinite(features).all():
        raise UsageError("the feature map has values that are not finite")
    return features


def _class_number(head: LinearHead, label: str) -> int:
    if label not in head.classes:
        raise UsageError("no such class", expected=list_some(head.classes), found=repr(label))
    return head.classes.index(label)
