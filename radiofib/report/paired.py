"""The difference of two runs' AUC on the cases that both predicted, paired and within folds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from radiofib.evaluation.paired import paired_areas
from radiofib.staging import Target

__all__ = ["PairedDifference", "paired_difference"]

#: Two cohorts in which more of the shared names have different stages do not mean the same people.
_MOST_ODD = 0.05


@dataclass(frozen=True)
class PairedDifference:
    """First minus second AUC with its 95 % interval.

    Parameters
    ----------
    difference, low, high : float
        NaN where nothing can be said; `note` says why.
    n, n_pos : int
        Patients used, and how many of them are positive.
    note : str
        How folds were treated, and what was left out.
    """

    difference: float
    low: float
    high: float
    n: int
    n_pos: int
    note: str


def paired_difference(
    first: pd.DataFrame, second: pd.DataFrame, target: Target, levels: Sequence[str]
) -> PairedDifference:
    """Compare two runs on the patients that both predicted with the same stage.

    Where both runs divided these patients into the same folds, the difference is taken within
    each fold and averaged, weighted by the fold's number of pairs, as the AUC itself is; its
    variance is the sum of DeLong's variances with squared weights, folds holding different
    patients. Otherwise predictions are pooled over folds, and the note says so.

    Parameters
    ----------
    first, second : DataFrame
        Predictions of one model and setting each: ``patient, y_true, fold`` and ``p_<level>``.
    target : Target
        The question.
    levels : sequence of str
        All stages in order.

    References
    ----------
    DeLong ER et al. Biometrics 1988;44:837-845.

    Examples
    --------
    >>> rows = pd.DataFrame({"patient": list("abcdefgh"), "y_true": ["x", "y"] * 4, "fold": "1"})
    >>> good = rows.assign(p_y=[0.1, 0.9, 0.2, 0.8, 0.3, 0.7, 0.6, 0.5])
    >>> bad = rows.assign(p_y=[0.5, 0.4, 0.3, 0.8, 0.7, 0.6, 0.1, 0.2])
    >>> frames = [f.assign(p_x=1 - f["p_y"]) for f in (good, bad)]
    >>> found = paired_difference(*frames, Target("y", frozenset("y"), frozenset("x")), ["x", "y"])
    >>> round(found.difference, 4), found.n, found.n_pos
    (0.3125, 8, 4)
    """
    one, two = (_by_patient(frame, target, levels) for frame in (first, second))
    both = one.merge(two, left_index=True, right_index=True, suffixes=("_1", "_2"))
    same = both["y_1"] == both["y_2"]
    notes = []
    if (~same).mean() > _MOST_ODD:
        odd = f"stages differ for {int((~same).sum())} of {len(both)} shared names: other patients?"
        return PairedDifference(math.nan, math.nan, math.nan, len(both), 0, odd)
    if not same.all():
        notes.append(f"{int((~same).sum())} patients with another stage in the other run left out")
    both = both[same]
    y = both["y_1"].to_numpy(dtype=bool)
    n, n_pos = len(both), int(y.sum())
    folds, how = _folds(both)
    notes.append(how)
    _, codes = np.unique(folds, return_inverse=True)
    score_1, score_2 = (both[f"score_{i}"].to_numpy(dtype=np.float64) for i in (1, 2))
    found = paired_areas(y, score_1, score_2, np.arange(n), codes)
    if not math.isfinite(found.difference):
        nan = math.nan
        return PairedDifference(nan, nan, nan, n, n_pos, "too few shared patients on a side")
    notes += [found.note] if found.note else []
    # Two scores that rank alike differ by nothing, which is no interval.
    low, high = (found.low, found.high) if found.high > found.low else (math.nan, math.nan)
    return PairedDifference(found.difference, low, high, n, n_pos, "; ".join(notes))


def _by_patient(frame: pd.DataFrame, target: Target, levels: Sequence[str]) -> pd.DataFrame:
    """Return each patient's mean score, side and fold; patients of both sides are left out."""
    stages = frame["y_true"].to_numpy(dtype=str)
    frame = frame[target.concerns(stages)]
    proba = frame[[f"p_{level}" for level in levels]].to_numpy(dtype=np.float64)
    rows = pd.DataFrame(
        {
            "patient": frame["patient" if "patient" in frame else "case"].to_numpy(),
            "score": target.score(proba, list(levels)),
            "y": target.labels(frame["y_true"].to_numpy(dtype=str)),
            "fold": frame["fold"].to_numpy() if "fold" in frame else "",
        }
    )
    rows = rows[np.isfinite(rows["score"])]
    grouped = rows.groupby("patient")
    means = grouped.agg({"score": "mean", "y": "first", "fold": "first"})
    one_side: pd.Series = grouped["y"].agg("min") == grouped["y"].agg("max")
    kept: pd.DataFrame = means[one_side]
    return kept


def _folds(both: pd.DataFrame) -> tuple[np.ndarray, str]:
    """Return the folds to stay within: those of both runs when they divide alike."""
    pairs = both[["fold_1", "fold_2"]].drop_duplicates()
    alike = len(pairs) == both["fold_1"].nunique() == both["fold_2"].nunique()
    if alike:
        return both["fold_1"].to_numpy(dtype=str), "within folds"
    return np.zeros(len(both), dtype=str), "folds differ: pooled over folds"
