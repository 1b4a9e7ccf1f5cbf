"""Boosted trees for stages in order, and for stages of which some are rare.

One thread, and the same model for the same input and seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray
from scipy.special import softmax

from radiofib.staging._boosted import as_booster, as_bytes, tree_settings
from radiofib.staging._focal import balanced_weights, focal_steps
from radiofib.staging.base import BaseStager
from radiofib.staging.cumulative import agreeing, stage_shares
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.linear import case_weights
from radiofib.staging.standardise import beside

__all__ = ["FocalXGBoostStager", "OrdinalXGBoostStager"]

FloatArray = NDArray[np.float64]
Codes = NDArray[np.intp]


class OrdinalXGBoostStager(BaseStager):
    r"""Boosted trees for each question "is the stage beyond k?", answers made to agree.

    One booster for each stage but the last, all on one binning of the features and with one
    seed, so that they draw the same rows and columns. Where they contradict each other,
    :func:`radiofib.staging.cumulative.agreeing` puts their answers in order.

    Parameters
    ----------
    n_estimators : int
        Number of boosting rounds of each question.
    learning_rate : float
        Shrinkage of each round.
    max_depth : int
        Depth of a tree.
    min_child_weight : float
        Smallest sum of second derivatives in a leaf.
    subsample, colsample_bytree : float
        Share of rows and of columns used by each tree.
    reg_lambda : float
        L2 penalty on leaf values.
    max_bin : int
        Cut points tried for a feature.
    monotone : mapping of column to +1 or -1, optional
        Features with which the stage may only rise (+1) or fall (-1): no question is answered
        the other way round.
    class_weight : None, "balanced" or dict
        Weight of the stages, the same in each question.
    scanner_column : str, optional
        Text column of X that names the scanner, turned into flags.
    random_state : int
        Seed.

    Attributes
    ----------
    classes_ : ndarray
        Stages; sorted, which must be their order.
    boosters_ : list of xgboost.Booster
        One for each stage but the last.
    scanner_flags_ : ScannerFlags
        Only with `scanner_column`.

    References
    ----------
    Frank E, Hall M. ECML 2001:145-156. Chen T, Guestrin C. KDD 2016:785-794.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [np.nan], [5.0], [4.0], [5.5], [8.0], [9.0], [9.5]] * 5)
    >>> y = ["s1", "s1", "s1", "s2", "s2", "s2", "s4", "s4", "s4"] * 5
    >>> OrdinalXGBoostStager(50).fit(X, y).predict([[0.5], [4.8], [9.2]]).tolist()
    ['s1', 's2', 's4']
    """

    def __init__(
        self,
        n_estimators: int = 200,
        *,
        learning_rate: float = 0.05,
        max_depth: int = 3,
        min_child_weight: float = 1.0,
        subsample: float = 0.8,
        colsample_bytree: float = 0.5,
        reg_lambda: float = 1.0,
        max_bin: int = 64,
        monotone: Mapping[str, int] | None = None,
        class_weight: Any = None,
        scanner_column: str | None = None,
        random_state: Any = 0,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.min_child_weight = min_child_weight
        self.subsample = subsample
        self.colsample_bytree = colsample_bytree
        self.reg_lambda = reg_lambda
        self.max_bin = max_bin
        self.monotone = monotone
        self.class_weight = class_weight
        self.scanner_column = scanner_column
        self.random_state = random_state

    def _fit_learner(
        self, features: FloatArray, flags: FloatArray, codes: Codes, weights: FloatArray | None
    ) -> None:
        settings = tree_settings(self, flags.shape[1]) | {"objective": "binary:logistic"}
        plain = self.class_weight is None and weights is None
        # Cut points depend on features and weights, not on labels: XGBoost keeps those of the
        # first question with the rows, and takes them again.
        rows = xgboost.DMatrix(
            beside(features, flags),
            weight=None
            if plain
            else case_weights(self.class_weight, self.classes_, codes, weights),
            nthread=1,
        )
        self.boosters_ = []
        for k in range(self.classes_.size - 1):
            rows.set_label((codes > k).astype(np.float32))
            booster = xgboost.train(settings, rows, num_boost_round=self.n_estimators)
            self.boosters_.append(booster)

    def _learner_proba(self, features: FloatArray, flags: FloatArray) -> FloatArray:
        rows = xgboost.DMatrix(beside(features, flags), nthread=1)
        beyond = [booster.predict(rows).astype(np.float64) for booster in self.boosters_]
        return stage_shares(agreeing(np.column_stack(beyond)))

    def __getstate__(self) -> dict[str, Any]:
        # Boosters are stored in XGBoost's own portable format, not as Python objects.
        state = dict(super().__getstate__())
        if "boosters_" in state:
            state["boosters_"] = [as_bytes(booster) for booster in state["boosters_"]]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        stored = state.get("boosters_", [])
        if stored and isinstance(stored[0], bytes):
            state["boosters_"] = [as_booster(each) for each in stored]
        super().__setstate__(state)


class FocalXGBoostStager(BaseStager):
    r"""Boosted trees under the focal loss: rows that are told well count less.

    A row with the probability p_t of its true stage t adds
    :math:`w_t (1 - p_t)^\gamma (-\log p_t)`, with class-balanced weights
    :math:`w_t \propto (1 - \beta) / (1 - \beta^{n_t})`. With ``gamma=0`` and ``beta=None`` it is
    plain softmax boosting. Focal loss pulls probabilities towards the middle, and weights move
    them towards rare stages: recalibrate before they are read as probabilities.

    Parameters
    ----------
    n_estimators : int
        Number of boosting rounds, each with a tree for every stage.
    gamma : float
        Focus on rows that are hard to tell; 0 for the log loss. Not XGBoost's own gamma.
    beta : float or None
        From 0 (stages count as their rows do) to 1 (each stage the same); None for no weights.
    learning_rate, max_depth, min_child_weight, subsample, colsample_bytree, reg_lambda, max_bin
        As in :class:`radiofib.staging.stagers.XGBoostStager`.
    scanner_column : str, optional
        Text column of X that names the scanner, turned into flags.
    random_state : int
        Seed.

    Attributes
    ----------
    classes_ : ndarray
        Stages, sorted.
    class_weights_ : ndarray
        Weight of each stage; their mean is 1.
    start_ : ndarray
        Margins of the stages before the first tree: centred logs of their weighted shares.
    booster_ : xgboost.Booster
    scanner_flags_ : ScannerFlags
        Only with `scanner_column`.

    References
    ----------
    Lin TY et al. ICCV 2017:2999-3007. Cui Y et al. CVPR 2019:9268-9277.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [np.nan], [9.0], [8.0], [9.0]] * 5)
    >>> stager = FocalXGBoostStager(30).fit(X, ["s1", "s1", "s1", "s4", "s4", "s4"] * 5)
    >>> stager.predict([[0.5], [9.5]]).tolist()
    ['s1', 's4']
    """

    def __init__(
        self,
        n_estimators: int = 200,
        *,
        gamma: float = 2.0,
        beta: float | None = 0.999,
        learning_rate: float = 0.05,
        max_depth: int = 3,
        min_child_weight: float = 1.0,
        subsample: float = 0.8,
        colsample_bytree: float = 0.5,
        reg_lambda: float = 1.0,
        max_bin: int = 64,
        scanner_column: str | None = None,
        random_state: Any = 0,
    ) -> None:
        self.n_estimators = n_estimators
        self.gamma = gamma
        self.beta = beta
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.min_child_weight = min_child_weight
        self.subsample = subsample
        self.colsample_bytree = colsample_bytree
        self.reg_lambda = reg_lambda
        self.max_bin = max_bin
        self.scanner_column = scanner_column
        self.random_state = random_state

    def _fit_learner(
        self, features: FloatArray, flags: FloatArray, codes: Codes, weights: FloatArray | None
    ) -> None:
        if self.gamma < 0 or not (self.beta is None or 0 <= self.beta <= 1):
            raise StagerInputError(
                "gamma must not be negative, and beta lies from 0 to 1 or is None",
                found=f"gamma {self.gamma:g}, beta {self.beta}",
            )
        size = int(self.classes_.size)
        own = np.ones(len(codes)) if weights is None else weights
        counts = np.bincount(codes, own, size).astype(np.float64)
        self.class_weights_ = balanced_weights(counts, self.beta)
        each = own * self.class_weights_[codes]
        logs = np.log(np.bincount(codes, each, size) / each.sum())
        self.start_ = logs - logs.mean()
        gamma = float(self.gamma)

        def steps(margins: Any, _rows: Any) -> tuple[FloatArray, FloatArray]:
            slope, bound = focal_steps(margins.astype(np.float64), codes, gamma)
            return slope * each[:, None], bound * each[:, None]

        rows = self._matrix(features, flags)
        rows.set_label(codes)
        rows.set_weight(each)
        settings = tree_settings(self, flags.shape[1])
        settings |= {"objective": "multi:softprob", "num_class": size}
        self.booster_ = xgboost.train(settings, rows, num_boost_round=self.n_estimators, obj=steps)

    def _learner_proba(self, features: FloatArray, flags: FloatArray) -> FloatArray:
        margins = self.booster_.predict(self._matrix(features, flags), output_margin=True)
        proba: FloatArray = softmax(margins.astype(np.float64), axis=1)
        return proba

    def _matrix(self, features: FloatArray, flags: FloatArray) -> Any:
        # XGBoost estimates no start for an objective that is not its own; this is the one that
        # it would take for softmax.
        start = np.tile(self.start_, (len(features), 1))
        return xgboost.DMatrix(beside(features, flags), base_margin=start, nthread=1)

    def __getstate__(self) -> dict[str, Any]:
        # The booster is stored in XGBoost's own portable format, not as a Python object.
        state = dict(super().__getstate__())
        if "booster_" in state:
            state["booster_"] = as_bytes(state["booster_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        if isinstance(state.get("booster_"), bytes):
            state["booster_"] = as_booster(state["booster_"])
        super().__setstate__(state)
