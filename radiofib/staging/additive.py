"""Explainable boosting as a stager: a sum of one curve for each feature, kept as plain arrays."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.utils import check_random_state
from threadpoolctl import threadpool_limits

from radiofib._extras import require
from radiofib.staging.base import BaseStager
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.linear import case_weights
from radiofib.staging.standardise import beside

__all__ = ["ExplainableBoostingStager", "additive_margins"]

FloatArray = NDArray[np.float64]


class ExplainableBoostingStager(BaseStager):
    r"""Generalised additive model of boosted curves (interpret's explainable boosting).

    The margin of a stage is :math:`b + \sum_j f_j(x_j)`, and with `interactions` a sum of
    :math:`f_{jk}(x_j, x_k)` besides: each f is a step function that can be drawn and read.
    A missing value has a step of its own. Needs the extra ``models`` for learning only: the
    curves are stored as arrays, and predictions come from :func:`additive_margins`.

    Learning visits each feature for each bag many times; select features first.

    Parameters
    ----------
    outer_bags : int
        Models that are averaged, each with rows of its own to stop by.
    interactions : int
        Pairs of features that are added, the strongest first.
    max_bins : int
        Bins of interpret, of which two are kept for missing and for unknown values: a curve has
        at most ``max_bins - 2`` steps.
    learning_rate : float
        Shrinkage of each round.
    max_rounds : int
        Most rounds of each bag; it stops earlier when held-out rows gain nothing.
    min_samples_leaf : int
        Fewest rows on a side of a split.
    class_weight : None, "balanced" or dict
    scanner_column : str, optional
        Text column of X that names the scanner, turned into flags.
    random_state : int
        Seed.

    Attributes
    ----------
    classes_ : ndarray
        Stages, sorted.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        One margin for two stages, one for each of more.
    terms_ : list of ndarray of int
        Columns of each term, the features' first, then the flags'.
    cuts_ : list of list of ndarray
        For each term and each of its columns: where the steps are.
    scores_ : list of ndarray
        For each term the values f, one axis for each of its columns (place 0 is for missing
        values) and, for more than two stages, a last one for the stages.
    scanner_flags_ : ScannerFlags
        Only with `scanner_column`.

    References
    ----------
    Lou Y et al. KDD 2013:623-631. Nori H et al. arXiv 1909.09223.

    Examples
    --------
    >>> X = np.array([[0.0, 1], [1.0, 0], [np.nan, 1], [9.0, 0], [8.0, 1], [9.0, 0]] * 5)
    >>> y = ["s1", "s1", "s1", "s4", "s4", "s4"] * 5
    >>> stager = ExplainableBoostingStager(2).fit(X, y)
    >>> stager.predict([[0.5, 0], [9.5, 0]]).tolist()
    ['s1', 's4']
    """

    def __init__(
        self,
        outer_bags: int = 8,
        *,
        interactions: int = 0,
        max_bins: int = 64,
        learning_rate: float = 0.015,
        max_rounds: int = 5000,
        min_samples_leaf: int = 4,
        class_weight: Any = None,
        scanner_column: str | None = None,
        random_state: Any = 0,
    ) -> None:
        self.outer_bags = outer_bags
        self.interactions = interactions
        self.max_bins = max_bins
        self.learning_rate = learning_rate
        self.max_rounds = max_rounds
        self.min_samples_leaf = min_samples_leaf
        self.class_weight = class_weight
        self.scanner_column = scanner_column
        self.random_state = random_state

    def _fit_learner(
        self,
        features: FloatArray,
        flags: FloatArray,
        codes: NDArray[np.intp],
        weights: FloatArray | None,
    ) -> None:
        learnt = self._boosted(beside(features, flags), codes, weights)
        columns = [np.array(term, dtype=np.intp) for term in learnt.term_features_]
        self.intercept_ = np.asarray(learnt.intercept_, dtype=np.float64).reshape(-1)
        self.terms_, self.cuts_, self.scores_ = [], [], []
        for term, values in zip(columns, learnt.term_scores_, strict=True):
            cuts = [_cuts(learnt.bins_[column], term.size) for column in term]
            known = tuple(slice(len(each) + 2) for each in cuts)
            self.terms_.append(term)
            self.cuts_.append(cuts)
            self.scores_.append(np.ascontiguousarray(values[known], dtype=np.float64))

    def _boosted(
        self, matrix: FloatArray, codes: NDArray[np.intp], weights: FloatArray | None
    ) -> Any:
        """Return interpret's own model."""
        if self.interactions < 0:
            raise StagerInputError(
                "interactions must not be negative", found=f"{self.interactions}"
            )
        require("interpret", purpose="the explainable boosting stager")
        glassbox: Any = import_module("interpret.glassbox")
        model = glassbox.ExplainableBoostingClassifier(
            feature_types=["continuous"] * matrix.shape[1],
            max_bins=self.max_bins,
            max_interaction_bins=min(self.max_bins, 32),
            interactions=self.interactions,
            outer_bags=self.outer_bags,
            learning_rate=self.learning_rate,
            max_rounds=self.max_rounds,
            min_samples_leaf=self.min_samples_leaf,
            n_jobs=1,
            random_state=int(check_random_state(self.random_state).randint(2**31 - 1)),
        )
        plain = self.class_weight is None and weights is None
        each = None if plain else case_weights(self.class_weight, self.classes_, codes, weights)
        with threadpool_limits(limits=1), warnings.catch_warnings():
            # It warns that its plots show neither missing values nor pairs of several classes,
            # and numpy of columns without a value.
            warnings.simplefilter("ignore")
            model.fit(matrix, codes, sample_weight=each)
        return model

    def _learner_proba(self, features: FloatArray, flags: FloatArray) -> FloatArray:
        matrix = beside(features, flags)
        margins = additive_margins(matrix, self.terms_, self.cuts_, self.scores_, self.intercept_)
        if margins.shape[1] == 1:
            return np.hstack([expit(-margins), expit(margins)])
        proba: FloatArray = softmax(margins, axis=1)
        return proba


def _cuts(levels: Sequence[Any], width: int) -> FloatArray:
    """Return the cuts of a column in a term of `width` columns: coarser in a pair, if it has any.

    Examples
    --------
    >>> _cuts([np.array([1.0, 2.0]), np.array([1.5])], 2).tolist()
    [1.5]
    """
    cuts: FloatArray = np.asarray(levels[min(len(levels), width) - 1], dtype=np.float64)
    return cuts


def additive_margins(
    matrix: FloatArray,
    terms: Sequence[NDArray[np.intp]],
    cuts: Sequence[Sequence[FloatArray]],
    scores: Sequence[FloatArray],
    intercept: FloatArray,
) -> FloatArray:
    r"""Return the margins of an additive model of step functions.

    :math:`b + \sum_t f_t(\mathrm{step}(x))`, where a missing value is in step 0, a value below
    the first cut in step 1, and one at or above the last of m cuts in step m + 1.

    Parameters
    ----------
    matrix : ndarray of shape (n, n_columns)
        NaN where missing.
    terms : sequence of ndarray of int
        Columns of each term.
    cuts : sequence of sequences of ndarray
        Cuts of each column of each term, rising.
    scores : sequence of ndarray
        Values of each term, one axis for each column; a last axis for several margins.
    intercept : ndarray of shape (n_margins,)

    Returns
    -------
    ndarray of shape (n, n_margins)

    Examples
    --------
    >>> term, cut, score = np.array([0]), [np.array([1.0])], np.array([9.0, -2.0, 2.0])
    >>> additive_margins(np.array([[0.5], [1.0], [np.nan]]), [term], [cut], [score],
    ...                  np.array([0.25])).tolist()
    [[-1.75], [2.25], [9.25]]
    """
    margins = np.tile(np.asarray(intercept, dtype=np.float64), (len(matrix), 1))
    for columns, edges, values in zip(terms, cuts, scores, strict=True):
        steps = []
        for column, edge in zip(columns, edges, strict=True):
            x = matrix[:, column]
            step = np.searchsorted(edge, x, side="right") + 1
            steps.append(np.where(np.isnan(x), 0, step))
        margins += values[tuple(steps)].reshape(len(matrix), -1)
    return margins
