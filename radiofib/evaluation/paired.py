"""DeLong's test of two scores of the same rows, within folds and by patient."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from radiofib import stats
from radiofib.stats.estimate import z_value

__all__ = ["AreaCovariance", "PairedAreas", "area_covariance", "paired_areas"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class PairedAreas:
    """Two AUCs of the same rows, and the test of their difference.

    Parameters
    ----------
    first, second : float
    low, high : float
        Interval of first minus second.
    z, p : float
        NaN when there is no variance to test with.
    method : str
    note : str
    """

    first: float
    second: float
    low: float
    high: float
    z: float
    p: float
    method: str
    note: str

    @property
    def difference(self) -> float:
        """First minus second."""
        return self.first - self.second


def paired_areas(
    positive: NDArray[np.bool_],
    first: FloatArray,
    second: FloatArray,
    clusters: NDArray[np.intp],
    folds: NDArray[np.intp] | None = None,
    level: float = 0.95,
) -> PairedAreas:
    r"""Compare two scores of the same rows by DeLong's test, patients being independent.

    Within folds, :math:`A = \sum_f w_f A_f` with :math:`w_f` the share of positive-negative
    pairs in fold f, and

    .. math:: var(A_1 - A_2) = \sum_f w_f^2\, var_f(A_{1f} - A_{2f})

    with the variances of :func:`radiofib.stats.auc_covariance`. One fold is DeLong's own test.

    Parameters
    ----------
    positive : ndarray of bool
    first, second : ndarray
        Scores, higher for "more likely positive".
    clusters : ndarray of int
        Patient of each row.
    folds : ndarray of int, optional
        Rows are compared within a fold only.
    level : float

    References
    ----------
    DeLong ER et al. Biometrics 1988;44:837-845. Obuchowski NA. Biometrics 1997;53:567-578.

    Examples
    --------
    >>> y = np.array([0, 0, 0, 1, 1, 1], dtype=bool)
    >>> a, b = np.array([1.0, 2, 4, 3, 5, 6]), np.array([1.0, 5, 2, 3, 4, 6])
    >>> r = paired_areas(y, a, b, np.arange(6))
    >>> round(r.difference, 4), round(r.p, 4)
    (0.1111, 0.7237)
    """
    found = area_covariance(positive, [first, second], clusters, folds)
    nan = math.nan
    name = "DeLong, paired" if found.folds <= 1 else f"DeLong, paired, within {found.folds} folds"
    name += ", clustered by patient" if np.unique(clusters).size < clusters.size else ""
    if found.folds == 0:
        return PairedAreas(nan, nan, nan, nan, nan, nan, "none", "only one class in every fold")
    first_area, second_area = (float(a) for a in found.areas)
    contrast = np.array([1.0, -1.0])
    variance, scale = float(contrast @ found.matrix @ contrast), float(np.trace(found.matrix))
    notes = list(found.notes)
    if {first_area, second_area} & {0.0, 1.0}:
        notes.append("perfect separation: the interval is too narrow")
    for place, score in ((1, first), (2, second)):
        if np.ptp(score) == 0:
            notes.append(f"all scores of the {('first', 'second')[place - 1]} are equal")
    difference = first_area - second_area
    if not math.isfinite(variance) or variance <= 1e-14 * scale or variance == 0:
        equal = difference == 0 and math.isfinite(variance)
        notes.append("equal ranks" if equal else "no spread: no test")
        limits = (0.0, 0.0, 0.0, 1.0) if equal else (nan, nan, nan, nan)
        return PairedAreas(first_area, second_area, *limits, name, "; ".join(notes))
    deviation = math.sqrt(variance)
    half = z_value(level) * deviation
    z = difference / deviation
    return PairedAreas(
        first_area, second_area, difference - half, difference + half, z,
        float(2 * ndtr(-abs(z))), name, "; ".join(notes),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class AreaCovariance:
    """AUCs of several scores of the same rows.

    Parameters
    ----------
    areas : ndarray of shape (k,)
    matrix : ndarray of shape (k, k)
        Their covariance; NaN when a class has fewer than two patients.
    folds : int
        Folds that hold both classes.
    notes : tuple of str
    """

    areas: FloatArray
    matrix: FloatArray
    folds: int
    notes: tuple[str, ...]


def area_covariance(
    positive: NDArray[np.bool_],
    scores: Sequence[FloatArray],
    clusters: NDArray[np.intp],
    folds: NDArray[np.intp] | None = None,
) -> AreaCovariance:
    """Return the AUCs of scores within folds and their covariance by patient.

    See :func:`paired_areas` for the formula.

    Examples
    --------
    >>> y = np.array([0, 0, 1, 1], dtype=bool)
    >>> found = area_covariance(y, [np.array([1.0, 3, 2, 4])], np.arange(4))
    >>> found.areas.tolist(), found.matrix.round(4).tolist()
    ([0.75], [[0.125]])
    """
    places = np.zeros(positive.size, np.intp) if folds is None else folds
    found, pairs, lost = [], [], 0
    for fold in np.unique(places):
        rows = places == fold
        n_pos = int(positive[rows].sum())
        n_neg = int(rows.sum()) - n_pos
        if n_pos == 0 or n_neg == 0:
            lost += 1
            continue
        found.append(([stats.placements(positive[rows], s[rows]) for s in scores], clusters[rows]))
        pairs.append(float(n_pos) * n_neg)
    size = len(scores)
    if not found:
        blank = np.full(size, math.nan)
        return AreaCovariance(blank, np.full((size, size), math.nan), 0, ())
    notes = [f"{lost} folds hold one class and do not count"] if lost else []
    share = np.array(pairs) / sum(pairs)
    areas = share @ np.array([[p.auc for p in places_] for places_, _ in found])
    matrices = [stats.auc_covariance(places_, patients) for places_, patients in found]
    if all(np.isfinite(m).all() for m in matrices):
        matrix = np.tensordot(share**2, np.stack(matrices), axes=1)
    elif len(found) == 1:
        matrix = matrices[0]
        notes.append("fewer than two patients in a class")
    else:
        # A fold with one patient in a class has no variance of its own: the folds share theirs.
        parts = [np.column_stack([p.influence for p in places_]) for places_, _ in found]
        influence = np.concatenate([w * part for w, part in zip(share, parts, strict=True)])
        codes = np.unique(np.concatenate([p for _, p in found]), return_inverse=True)[1]
        by_patient = np.column_stack([np.bincount(codes, weights=c) for c in influence.T])
        count = len(by_patient)
        matrix = by_patient.T @ by_patient * count / (count - 1)
        notes.append("a fold has one patient in a class: variance over all folds together")
    return AreaCovariance(areas, matrix, len(found), tuple(notes))
