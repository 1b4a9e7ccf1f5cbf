"""Simulated stages in order with a known best score; parameters and limits, set beforehand.

A stager is held to :data:`LIMITS` on rows it has not seen. Neither the simulator nor the limits
were changed after a stager had been tried on them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

#: Rows to learn from and to test on, columns, slopes of the first columns, cuts of the latent.
TRAIN, TEST, COLUMNS = 400, 2000, 12
SLOPES = (1.2, -0.9, 0.6)
CUTS = (-1.2, 0.4, 1.6)
#: How far the mean AUC of both LiFS targets may lie below that of the true score, and how far
#: the mean probability of a stage may lie from its share.
LIMITS = {"auc_below_best": 0.06, "mean_probability": 0.06}
STAGES = np.array(["s1", "s2", "s3", "s4"])


@dataclass(frozen=True)
class Ordered:
    X: pd.DataFrame
    y: np.ndarray
    truth: np.ndarray


def ordered_case(seed: int, n: int, *, missing: float = 0.03) -> Ordered:
    """Stages from a proportional odds model of three columns; some cells are missing."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, COLUMNS))
    truth = values[:, : len(SLOPES)] @ np.array(SLOPES)
    codes = np.digitize(truth + rng.logistic(size=n), CUTS)
    values[rng.random(values.shape) < missing] = np.nan
    names = [f"t1_original_firstorder_f{i}" for i in range(COLUMNS)]
    return Ordered(pd.DataFrame(values, columns=names), STAGES[codes], truth)


def mean_target_auc(y: np.ndarray, last: np.ndarray, first: np.ndarray) -> float:
    """Mean AUC of S4 against the rest by `last`, and of S1 against the rest by `first`."""
    return (roc_auc_score(y == "s4", last) + roc_auc_score(y == "s1", first)) / 2


def assert_within_limits(stager, *, calibrated: bool, seed: int = 11) -> None:
    train, test = ordered_case(seed, TRAIN), ordered_case(seed + 1000, TEST)
    proba = stager.fit(train.X, train.y).predict_proba(test.X)
    best = mean_target_auc(test.y, test.truth, -test.truth)
    found = mean_target_auc(test.y, proba[:, -1], proba[:, 0])
    assert best - found < LIMITS["auc_below_best"], f"{found:.3f} against {best:.3f}"
    if calibrated:
        share = np.array([(test.y == stage).mean() for stage in STAGES])
        assert np.abs(proba.mean(axis=0) - share).max() < LIMITS["mean_probability"]


def awkward_tables() -> dict[str, tuple[pd.DataFrame, np.ndarray]]:
    """Return tables that must be learnt from: name -> features and stages."""
    case = ordered_case(5, 60, missing=0.1)
    X, y = case.X, case.y
    codes = np.searchsorted(STAGES, y)
    three = X.iloc[[0, 1, 2]].reset_index(drop=True)
    return {
        "constant column": (X.assign(t1_same=3.0), y),
        "doubled column": (X.assign(t1_twin=X.iloc[:, 0]), y),
        "empty column": (X.assign(t1_empty=np.nan), y),
        "no value at all": (X * np.nan, y),
        "a stage is missing": (X[y != "s3"].reset_index(drop=True), y[y != "s3"]),
        "labels from 0": (X, codes),
        "labels with gaps": (X, np.array([0, 3, 4, 9])[codes]),
        "three patients": (three, np.array(["s1", "s4", "s4"])),
    }


def assert_awkward_tables_are_learnt(stager) -> None:
    from sklearn.base import clone

    for name, (X, y) in awkward_tables().items():
        fitted = clone(stager).fit(X, y)
        proba = fitted.predict_proba(X)
        assert fitted.classes_.tolist() == sorted(set(y.tolist())), name
        assert proba.shape == (len(X), len(set(y.tolist()))), name
        assert np.isfinite(proba).all(), name
        assert (proba >= 0).all(), name
        assert np.abs(proba.sum(axis=1) - 1).max() < 1e-12, name


def assert_stored_without_foreign_types(stager, X, own: set[str]) -> None:
    """Store and read with nothing trusted but `own` and what is trusted already."""
    import skops.io

    from radiofib.staging.persistence import TRUSTED_TYPES

    stored = skops.io.dumps(stager)
    assert set(skops.io.get_untrusted_types(data=stored)) <= own | set(TRUSTED_TYPES)
    again = skops.io.loads(stored, trusted=[*own, *TRUSTED_TYPES])
    assert (again.predict_proba(X) == stager.predict_proba(X)).all()
