"""Class activation maps: where in a picture a score comes from.

A network that pools its feature map by the mean and has a linear head sums over places, so its
logit can be told place by place, exactly (Zhou et al., CVPR 2016). Where the mean embedding of the
training pictures is known, 0 of a map is that average picture; without it the intercept may decide
alone and the sign of a map says nothing. For trees on the pooled features there is no such sum;
what is drawn for them is a heuristic and says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiofib._checks import list_some
from radiofib.errors import ModelError, UsageError

__all__ = [
    "NO_ACTIVATION",
    "ActivationMap",
    "LinearHead",
    "head_of_stager",
    "linear_map",
    "map_dependence",
    "shap_map",
    "shuffled_heads",
]

FloatArray = NDArray[np.float64]
#: What 0 is in an exact map of a head that knows no average picture.
NO_ACTIVATION = "no activation of the network"


@dataclass(frozen=True, eq=False)
class LinearHead:
    """A linear head on an embedding: ``logits = W e + b``.

    Parameters
    ----------
    weights : ndarray of shape (classes, features)
    intercepts : ndarray of shape (classes,)
    classes : tuple of str
    centre : ndarray of shape (features,), optional
        Mean embedding of the training pictures: 0 of the maps. Logits do not depend on it.
    """

    weights: FloatArray
    intercepts: FloatArray
    classes: tuple[str, ...]
    centre: FloatArray | None = None

    def __post_init__(self) -> None:
        shapes = self.weights.ndim, len(self.weights), self.intercepts.shape
        if shapes != (2, len(self.classes), (len(self.classes),)):
            raise UsageError(
                "weights, intercepts and classes do not fit",
                expected="weights (classes, features) and intercepts (classes,)",
                found=f"{self.weights.shape}, {self.intercepts.shape}, {len(self.classes)} classes",
            )
        if self.centre is None:
            return
        if self.centre.shape != self.weights.shape[1:] or not np.isfinite(self.centre).all():
            raise UsageError(
                "the centre is no embedding that fits the weights",
                expected=f"{self.weights.shape[1]} finite values",
                found=f"shape {self.centre.shape}",
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
        intercepts = self.intercepts - weights @ c
        # A centre of what comes after the step says nothing of what comes before it.
        return replace(self, weights=weights, intercepts=intercepts, centre=None)

    def about(self, mean_embedding: ArrayLike) -> LinearHead:
        """Return the same head with maps whose 0 is the average training picture.

        Parameters
        ----------
        mean_embedding : array of shape (features,)
            Mean of the embeddings of the training pictures.

        Examples
        --------
        >>> head = LinearHead(np.array([[2.0]]), np.array([-5.0]), ("F4",)).about([3.0])
        >>> head.logits([4.0]).tolist()
        [3.0]
        >>> found = linear_map([[[3.0, 5.0]]], head, "F4")
        >>> found.values.tolist(), found.offset, found.score
        ([[0.0, 4.0]], 1.0, 3.0)
        """
        return replace(self, centre=np.asarray(mean_embedding, np.float64))


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
        Score of a picture that has 0 all over: the average training picture where the head has a
        centre, else the head's intercept; the trees' expected value.
    label : str
        Class.
    kind : {"exact", "heuristic"}
    centred : bool
        Whether 0 is what the average training picture has. Without it only differences within an
        exact map can be read: its sign is shared with the intercept at random.
    """

    values: FloatArray
    score: float
    offset: float
    label: str
    kind: Literal["exact", "heuristic"]
    centred: bool = False

    @property
    def zero(self) -> str:
        """What the map calls 0."""
        if self.kind == "heuristic":
            return "no change of the expected value of the trees"
        return "the average training picture" if self.centred else NO_ACTIVATION


def head_of_stager(stager: Any) -> LinearHead:
    """Return a fitted logistic stager as a head on the embedding it was fitted on.

    Its standardisation, and before it any principal components or partial least squares of a
    chain, are folded into the weights; its centre is the mean of the embeddings it was fitted on,
    weighted as they were. Of two classes the logit is the log odds, of more the score before the
    softmax.

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
    return head.about(steps[0].scaler_.mean_ if steps else scaler.mean_)


def linear_map(feature_map: ArrayLike, head: LinearHead, label: str) -> ActivationMap:
    """Return the exact map of a class: ``M(p) = sum_k w_k (F_k(p) - c_k)``.

    The embedding e is the mean of the feature map over places, so the mean of M plus the offset
    ``b + w c`` is the logit ``w e + b``. The centre c is the mean embedding of the training
    pictures: places above 0 speak for the class more than the average picture does. For a head
    without a centre c is 0.

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
    intercept = float(head.intercepts[number])
    of_centre = 0.0 if head.centre is None else float(weights @ head.centre)
    values = np.tensordot(weights, features, axes=1) - of_centre
    embedding = features.reshape(len(features), -1).mean(axis=1)
    score = float(weights @ embedding + intercept)
    centred = head.centre is not None
    return ActivationMap(values, score, intercept + of_centre, label, "exact", centred)


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
    were randomised, it shows what any weights would. Near -1: it shows the same places, with the
    signs turned, so that the pattern does not depend on the weights either. Near 0: it depends on
    them. That it depends on the weights says nothing about whether it is true.

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
