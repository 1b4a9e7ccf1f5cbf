"""Cases with their predictions, as prediction sets are calibrated on and judged by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib.stats.conformal import conformal_quantile, stage_scores

__all__ = ["Cases", "cases_of", "commonest"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Cases:
    """Rows, or patients with the mean of their rows, and how strange each stage would be.

    Parameters
    ----------
    unit : {"row", "patient"}
    frame : DataFrame
        ``case, patient, instance, scanner, fold, y_true``, index 0 to n - 1.
    codes : ndarray of int, shape (n,)
        True stage.
    scores : ndarray of shape (n, k)
        As :func:`radiofib.stats.conformal.stage_scores` returns them.
    """

    unit: str
    frame: pd.DataFrame
    codes: NDArray[np.intp]
    scores: FloatArray

    @property
    def true(self) -> FloatArray:
        """Score of the true stage of each case."""
        found: FloatArray = self.scores[np.arange(self.codes.size), self.codes]
        return found

    def take(self, rows: BoolArray) -> Cases:
        """Return some of the cases."""
        frame = self.frame[rows].reset_index(drop=True)
        return Cases(self.unit, frame, self.codes[rows], self.scores[rows])

    def threshold(self, alpha: float) -> tuple[float, int]:
        """Return the threshold that these cases give, and how many patients they are."""
        patients = self.frame["patient"].to_numpy(dtype=str)
        count = int(np.unique(patients).size)
        if count == 0:
            return math.inf, 0
        return conformal_quantile(self.true, alpha, patients), count


def cases_of(frame: pd.DataFrame, levels: Sequence[str], score: str) -> tuple[Cases, Cases]:
    """Return checked predictions of one model and setting as rows, and as patients.

    A patient has the mean probability of the rows of a fold, and the highest of their stages;
    the scanner is the commonest of the rows (the first in order of equals).
    """
    columns = [f"p_{level}" for level in levels]
    known = frame[frame["y_true"].notna() & frame[columns].notna().all(axis=1)]
    keys = [c for c in ("fold", "patient", "case", "instance") if c in known]
    known = known.sort_values([*keys, *columns], kind="stable").reset_index(drop=True)
    kept = ["case", "patient", "instance", "scanner", "fold", "y_true"]
    rows = known.reindex(columns=kept).astype(object)
    rows = rows.where(rows.notna(), "")
    place = {level: code for code, level in enumerate(levels)}
    codes = np.asarray(known["y_true"].map(place), dtype=np.intp)
    proba = known[columns].to_numpy(dtype=np.float64)
    by_row = Cases("row", rows, codes, stage_scores(proba, score))
    if rows.empty:
        return by_row, by_row
    names = np.array([f"{f}\x00{p}" for f, p in zip(rows["fold"], rows["patient"], strict=True)])
    different, first, owner = np.unique(names, return_index=True, return_inverse=True)
    size = np.bincount(owner).astype(np.float64)
    mean = np.column_stack([np.bincount(owner, weights=p) for p in proba.T]) / size[:, None]
    highest = np.zeros(different.size, dtype=np.intp)
    np.maximum.at(highest, owner, codes)
    patients = rows.iloc[first].reset_index(drop=True).copy()
    alone = size == 1
    patients["case"] = np.where(alone, patients["case"], "")
    patients["instance"] = np.where(alone, patients["instance"], "")
    patients["y_true"] = np.array(levels, dtype=object)[highest]
    patients["scanner"] = commonest(rows["scanner"].to_numpy(dtype=str), owner)
    by_patient = Cases("patient", patients, highest, stage_scores(mean, score))
    return by_row, by_patient


def commonest(names: NDArray[np.str_], owner: NDArray[np.intp]) -> NDArray[np.str_]:
    """Return the commonest name of each owner 0 to m - 1, of equals the first in order.

    Examples
    --------
    >>> commonest(np.array(["b", "a", "c", "c"]), np.array([0, 0, 1, 1])).tolist()
    ['a', 'c']
    """
    known, codes = np.unique(names, return_inverse=True)
    pairs, counts = np.unique(owner.astype(np.int64) * known.size + codes, return_counts=True)
    order = np.lexsort((pairs, -counts, pairs // known.size))
    _, first = np.unique((pairs // known.size)[order], return_index=True)
    found: NDArray[np.str_] = known[(pairs % known.size)[order][first]]
    return found
