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
