"""Intervals by patient: which one, for which measure, and under which name."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiofib import stats
from radiofib.evaluation.units import Unit
from radiofib.stats import Estimate

__all__ = ["SPARSE", "Draws", "Resampling", "draw", "effective_share", "nothing", "share"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

#: Fewer patients than this in a class are called sparse; in a stratum, too few for BCa.
SPARSE = 10
#: Weights held at once; beyond, patients are drawn in blocks.
_MOST_WEIGHTS = 20_000_000


#: Resamples nearer than this to the estimate differ by rounding only.
_NO_SPREAD = 1e-12


@dataclass(frozen=True)
class Resampling:
    """How intervals are made.

    Parameters
    ----------
    n_boot : int
        Bootstraps; 0 for none.
    random_state : int
        Seed.
    level : float
        Confidence level.
    """

    n_boot: int = 1000
    random_state: int = 0
    level: float = 0.95


@dataclass(frozen=True, eq=False)
class Draws:
    """Weights of patients: as they are, resampled, and with some left out.

    Parameters
    ----------
    weights : ndarray of shape (1 + n_boot + r, m)
        A row of ones, resamples, and rows that leave out one patient each (for BCa).
    members : ndarray of int, shape (n,)
        Column of `weights` of each row of the unit.
    n_boot : int
    groups : ndarray of int, shape (r,)
        Stratum of each leave-one-out row; none when BCa does not hold.
    level : float
    what : str
        What is drawn, for the name of the interval.
    why_not : str
        Why BCa does not hold; empty when it does.
    """

    weights: FloatArray
    members: IntArray
    n_boot: int
    groups: IntArray
    level: float
    what: str
    why_not: str

    def totals(self, columns: FloatArray) -> FloatArray:
        """Return weighted sums over rows of each column, shape (len(weights), k)."""
        size = self.weights.shape[1]
        sums = [np.bincount(self.members, weights=c, minlength=size) for c in columns.T]
        weighted: FloatArray = self.weights @ np.column_stack(sums)
        return weighted

    def interval(self, values: FloatArray, label: str, *, averaged: bool = False) -> Estimate:
        """Return BCa where it holds, else the percentile interval of the same resamples.

        Parameters
        ----------
        values : ndarray
            The measure under each row of `weights`.
        label : str
            What was measured, the first words of the name.
        averaged : bool
            Whether it is an average over folds, for which BCa does not hold: few patients are
            drawn in many strata, the resamples are Rao and Wu's, and neither bias nor skewness
            of the average is that of a sample drawn as a whole.
        """
        value = float(values[0])
        if self.n_boot == 0:
            return Estimate(value, math.nan, math.nan, f"{label}; no interval")
        if not math.isfinite(value):
            return Estimate(value, math.nan, math.nan, f"{label}; no interval", "not defined")
        drawn, left_out = values[1 : 1 + self.n_boot], values[1 + self.n_boot :]
        if np.abs(drawn - value).max() < _NO_SPREAD:  # false where a resample is not defined
            why = "no spread: every resample gives the same"
            return Estimate(value, math.nan, math.nan, f"{label}; no interval", why)
        size = f"{self.level:.0%}"
        note = self.why_not
        if not averaged and not self.why_not:
            name = f"{label}; {size} BCa interval of {self.n_boot} bootstraps of {self.what}"
            found = stats.bca_interval(value, drawn, left_out, self.groups, self.level, name)
            if math.isfinite(found.low):
                return found
            note = found.note
        reason = f", no BCa: {note}" if note and not averaged else ""
        name = (
            f"{label}; {size} percentile interval of {self.n_boot} bootstraps of {self.what} "
            f"(Rao-Wu weights{reason})"
        )
        return stats.percentile_interval(value, drawn, self.level, name)


def draw(unit: Unit, classes: IntArray, how: Resampling) -> Draws:
    """Return weights of the patients of a unit, drawn within class and fold.

    A patient whose rows are of several classes or folds is in a stratum of its kind. Beyond
    20 million weights, blocks of patients of a stratum are drawn instead of single patients.

    Parameters
    ----------
    unit : Unit
    classes : ndarray of int, shape (n,)
        Class of each row.
    how : Resampling
    """
    what = "patients within class" + (" and fold" if len(unit.fold_names) > 1 else "")
    count = unit.n_patients
    if how.n_boot == 0:
        ones = np.ones((1, count))
        return Draws(ones, unit.clusters, 0, np.zeros(0, np.intp), how.level, what, "none asked")
    strata = _strata(unit, classes)
    members = unit.clusters
    most = max(_MOST_WEIGHTS // how.n_boot, 2)
    if count > most:
        blocks, strata = _blocks(strata, most, how.random_state)
        members = blocks[members]
        what = f"{strata.size} blocks of {what}"
    sizes = np.bincount(np.unique(strata, return_inverse=True)[1])
    parts = [
        np.ones((1, strata.size)),
        stats.resample_weights(strata, how.n_boot, how.random_state),
    ]
    groups = np.zeros(0, np.intp)
    why_not = ""
    if sizes.min() < SPARSE:
        why_not = f"{sizes.min()} patients in the smallest class and fold"
    else:
        left_out, groups = stats.jackknife_weights(strata)
        parts.append(left_out)
    return Draws(np.vstack(parts), members, how.n_boot, groups, how.level, what, why_not)


def _strata(unit: Unit, classes: IntArray) -> IntArray:
    """Return the stratum of each patient: its class and fold, or its set of them."""
    cell = unit.folds.astype(np.int64) * (int(classes.max()) + 1) + classes
    cells = int(cell.max()) + 1
    pairs = np.unique(unit.clusters.astype(np.int64) * cells + cell)
    patient, kind = pairs // cells, pairs % cells
    first = np.flatnonzero(np.diff(patient, prepend=-1))
    strata: IntArray = kind[first].astype(np.intp)
    several = np.flatnonzero(np.diff(first, append=patient.size) > 1)
    if several.size:
        ends = np.append(first, patient.size)
        sets = [tuple(kind[ends[i] : ends[i + 1]].tolist()) for i in several]
        number = {names: cells + i for i, names in enumerate(sorted(set(sets)))}
        strata[several] = [number[names] for names in sets]
    return strata


def _blocks(strata: IntArray, most: int, random_state: int) -> tuple[IntArray, IntArray]:
    """Deal the patients of each stratum into blocks of equal size, at most `most` in all."""
    rng = np.random.default_rng(random_state)
    block = np.empty(strata.size, dtype=np.intp)
    kinds = []
    begin = 0
    for code in np.unique(strata):
        inside = np.flatnonzero(strata == code)
        count = min(inside.size, max(2, int(most * inside.size / strata.size)))
        block[rng.permutation(inside)] = begin + np.arange(inside.size) % count
        kinds += [int(code)] * count
        begin += count
    return block, np.array(kinds, dtype=np.intp)


def nothing(reason: str) -> Estimate:
    """Return an estimate that does not exist, with the reason."""
    return Estimate(math.nan, math.nan, math.nan, "none", reason)


def share(
    unit: Unit,
    hits: NDArray[np.bool_],
    among: NDArray[np.bool_],
    level: float,
    label: str,
) -> Estimate:
    r"""Return a proportion of rows with Wilson's interval on the effective number of rows.

    With p the share, and :math:`h_i` hits among :math:`m_i` rows of patient i,

    .. math:: n_{eff} = \frac{p (1 - p) (\sum_i m_i)^2}{\sum_i (h_i - p m_i)^2}

    and Kish's :math:`(\sum m_i)^2 / \sum m_i^2` at p = 0 and 1; at most the number of rows.
    Without repeats that is the number of rows, and rows repeated ten times count once.

    References
    ----------
    Wilson EB. J Am Stat Assoc 1927;22:209-212. Korn EL, Graubard BI. Surv Methodol
    1998;24:193-201. Kish L. Survey Sampling, Wiley 1965.
    """
    method = f"{label}; {level:.0%} Wilson interval"
    p, effective = effective_share(unit, hits, among)
    if effective == 0:
        return Estimate(math.nan, math.nan, math.nan, f"{label}; no interval", "not defined")
    found = stats.wilson(p * effective, effective, level)
    if unit.clustered:
        method += f" on an effective number of {effective:.6g}"
    return Estimate(p, found.low, found.high, method, found.note)


def effective_share(
    unit: Unit, hits: NDArray[np.bool_], among: NDArray[np.bool_]
) -> tuple[float, float]:
    """Return the share of hits and the effective number of rows, see :func:`share`."""
    rows, found = float(among.sum()), float((hits & among).sum())
    if rows == 0 or not unit.clustered:
        return (found / rows if rows else math.nan), rows
    p = found / rows
    size = int(unit.clusters.max()) + 1
    m = np.bincount(unit.clusters[among], minlength=size).astype(np.float64)
    h = np.bincount(unit.clusters[among & hits], minlength=size)
    spread = float(((h - p * m) ** 2).sum())
    if not 0 < p < 1 or spread == 0:
        return p, rows**2 / float((m**2).sum())
    return p, min(p * (1 - p) * rows**2 / spread, rows)
