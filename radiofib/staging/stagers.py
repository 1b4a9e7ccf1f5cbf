"""Stagers of any stages: random forest, boosted trees, multinomial logistic regression.

Each runs in one thread and gives the same model for the same input and seed; run folds and
models in parallel from outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from radiofib.parallel import one_thread
from radiofib.staging._boosted import as_booster, as_bytes, tree_settings
from radiofib.staging.base import BaseStager
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.linear import case_weights, code_weights, fill_medians, learn_medians
from radiofib.staging.standardise import beside, learn_scaling, standardised

__all__ = ["LogisticStager", "RandomForestStager", "XGBoostStager"]

FloatArray = NDArray[np.float64]


class RandomForestStager(BaseStager):
    """Random forest over features and scanner flags.

    Missing values take the median of the training rows; a column that was never seen filled is
    constant and so never used.

    Parameters
    ----------
    n_estimators : int
        Number of trees.
    max_depth : int, optional
        Depth limit of a tree.
    min_samples_leaf : int
        Smallest leaf.
    max_features : "sqrt", "log2", int or float
        Features tried at a split.
    class_weight : None, "balanced" or dict
        None (default) keeps probabilities calibrated to the training mix.
    scanner_column : str, optional
        Text column of X that names the scanner, turned into flags.
    random_state : int
        Seed.

    Attributes
    ----------
    classes_ : ndarray
        Stages, sorted.
    forest_ : RandomForestClassifier
    imputer_ : SimpleImputer
    scanner_flags_ : ScannerFlags
        Only with `scanner_column`.

    References
    ----------
    Breiman L. Mach Learn 2001;45:5-32.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [np.nan], [9.0], [8.0], [9.0]])
    >>> stager = RandomForestStager(n_estimators=20).fit(X, ["s1", "s1", "s1", "s4", "s4", "s4"])
    >>> stager.predict([[0.5], [9.5]]).tolist()
    ['s1', 's4']
    """

    def __init__(
        self,
        n_estimators: int = 500,
        *,
        max_depth: int | None = None,
        min_samples_leaf: int = 1,
        max_features: str | float = "sqrt",
        class_weight: Any = None,
        scanner_column: str | None = None,
        random_state: Any = 0,
    ) -> None:
        self.n_estimators = n_estimators
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
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
        self.imputer_ = learn_medians(features)
        self.forest_ = RandomForestClassifier(
            n_estimators=self.n_estimators,
            max_depth=self.max_depth,
            min_samples_leaf=self.min_samples_leaf,
            max_features=self.max_features,
            class_weight=code_weights(self.class_weight, self.classes_),
            random_state=self.random_state,
            n_jobs=1,
        )
        filled = beside(fill_medians(self.imputer_, features), flags)
        self.forest_.fit(filled, codes, sample_weight=weights)

    def _learner_proba(self, features: FloatArray, flags: FloatArray) -> FloatArray:
        filled = beside(fill_medians(self.imputer_, features), flags)
        proba: FloatArray = self.forest_.predict_proba(filled)
        return proba


class XGBoostStager(BaseStager):
    """Gradient boosted trees (XGBoost, histogram method) over features and scanner flags.

    A missing value goes to the side of each split that served the training rows best.

    Parameters
    ----------
    n_estimators : int
        Number of boosting rounds.
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
        Cut points tried for a feature. 64 is fine enough for some hundred rows, and three
        times as fast as XGBoost's own default of 256.
    monotone : mapping of column to +1 or -1, optional
        Features that may only rise (+1) or fall (-1) with stage. For two stages only.
    class_weight : None, "balanced" or dict
    scanner_column : str, optional
        Text column of X that names the scanner, turned into flags.
    random_state : int
        Seed.

    Attributes
    ----------
    classes_ : ndarray
        Stages, sorted.
    booster_ : xgboost.Booster

    References
    ----------
    Chen T, Guestrin C. KDD 2016:785-794.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [np.nan], [9.0], [8.0], [9.0]] * 5)
    >>> stager = XGBoostStager(20).fit(X, ["s1", "s1", "s1", "s4", "s4", "s4"] * 5)
    >>> stager.predict([[0.5], [9.5]]).tolist()
    ['s1', 's4']
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
        self,
        features: FloatArray,
        flags: FloatArray,
        codes: NDArray[np.intp],
        weights: FloatArray | None,
    ) -> None:
        several = self.classes_.size > 2
        if several and self.monotone:
            raise StagerInputError(
                "monotone constraints have no single meaning for more than two stages: a feature "
                "that rises with stage makes a middle stage first likelier, then less likely",
                found=f"{self.classes_.size} stages",
                hint="use OrdinalXGBoostStager (xgboost_ordinal), where each question 'beyond this "
                "stage' can rise with the feature",
            )
        settings = tree_settings(self, flags.shape[1])
        settings["objective"] = "multi:softprob" if several else "binary:logistic"
        if several:
            settings["num_class"] = int(self.classes_.size)
        plain = self.class_weight is None and weights is None
        rows = xgboost.DMatrix(
            beside(features, flags),
            label=codes,
            weight=None
            if plain
            else case_weights(self.class_weight, self.classes_, codes, weights),
            nthread=1,
        )
        self.booster_ = xgboost.train(settings, rows, num_boost_round=self.n_estimators)

    def _learner_proba(self, features: FloatArray, flags: FloatArray) -> FloatArray:
        rows = xgboost.DMatrix(beside(features, flags), nthread=1)
        raw = self.booster_.predict(rows).astype(np.float64)
        return raw if raw.ndim == 2 else np.column_stack([1.0 - raw, raw])

    def __getstate__(self) -> dict[str, Any]:
        # The booster is stored in XGBoost's own portable format, not as a Python object.
        state = dict(super().__getstate__())
        if "booster_" in state:
            state["booster_"] = as_bytes(state["booster_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Files written before there were monotone constraints hold none.
        state = {"monotone": None, **state}
        if isinstance(state.get("booster_"), bytes):
            state["booster_"] = as_booster(state["booster_"])
        super().__setstate__(state)


class LogisticStager(BaseStager):
    """Multinomial logistic regression with an L2 penalty on standardised features.

    Missing values take the median of the training rows. Features are then centred and scaled
    by the training rows; flags stay 0 and 1, so that an unknown scanner adds nothing.

    Parameters
    ----------
    C : float
        Inverse strength of the penalty.
    max_iter : int
        Most iterations of L-BFGS.
    tol : float
        Largest gradient at which it stops.
    class_weight : None, "balanced" or dict
    scanner_column : str, optional
        Text column of X that names the scanner, turned into flags.
    random_state : int
        Seed; kept for a uniform interface, the fit is not random.

    Attributes
    ----------
    classes_ : ndarray
        Stages, sorted.
    imputer_ : SimpleImputer
    scaler_ : StandardScaler
    regression_ : LogisticRegression
    n_iter_ : ndarray
        Iterations used.

    References
    ----------
    Hastie T et al. The Elements of Statistical Learning, 2nd ed, section 4.4.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [np.nan], [9.0], [8.0], [9.0]])
    >>> stager = LogisticStager().fit(X, ["s1", "s1", "s1", "s4", "s4", "s4"])
    >>> stager.predict([[0.5], [9.5]]).tolist()
    ['s1', 's4']
    """

    def __init__(
        self,
        C: float = 0.01,
        *,
        max_iter: int = 5000,
        tol: float = 1e-6,
        class_weight: Any = None,
        scanner_column: str | None = None,
        random_state: Any = 0,
    ) -> None:
        self.C = C
        self.max_iter = max_iter
        self.tol = tol
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
        self.imputer_ = learn_medians(features)
        filled = fill_medians(self.imputer_, features)
        self.scaler_ = learn_scaling(filled, weights)
        self.regression_ = LogisticRegression(
            C=self.C,
            max_iter=self.max_iter,
            tol=self.tol,
            class_weight=code_weights(self.class_weight, self.classes_),
        )
        with one_thread():
            self.regression_.fit(
                beside(standardised(self.scaler_, filled), flags), codes, sample_weight=weights
            )
        self.n_iter_ = self.regression_.n_iter_

    def _learner_proba(self, features: FloatArray, flags: FloatArray) -> FloatArray:
        scaled = standardised(self.scaler_, fill_medians(self.imputer_, features))
        with one_thread():
            proba: FloatArray = self.regression_.predict_proba(beside(scaled, flags))
        return proba
