"""How well many columns repeat: intraclass correlations, all columns at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtri

__all__ = ["Agreement", "absolute_agreement", "one_way_agreement"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """Intraclass correlations of columns.

    Parameters
    ----------
    estimate, low : ndarray of shape (n_columns,)
        The correlation and the lower limit of its interval; NaN where not defined.
    patients : ndarray of int
        Patients that took part, for each column.
    """

    estimate: FloatArray
    low: FloatArray
    patients: NDArray[np.intp]


def one_way_agreement(
    values: FloatArray, patients: NDArray[np.intp], *, level: float = 0.95
) -> Agreement:
    r"""Return ICC(1,1) of each column, whatever the number of repeats of a patient.

    .. math:: \frac{B - W}{B + (k_0 - 1) W}, \quad
              k_0 = \frac{1}{a - 1}\left(N - \frac{\sum_i n_i^2}{N}\right)

    with the mean squares B between and W within the a patients with at least two values, n_i of
    them each, N in all. The lower limit is that of F = B / W; with unequal n_i it is an
    approximation, k_0 taking the place of k.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
        NaN where missing.
    patients : ndarray of int, shape (n_rows,)
        Number of the patient of each row.
    level : float

    References
    ----------
    Shrout PE, Fleiss JL. Psychol Bull 1979;86:420-428. Donner A. Int Stat Rev 1986;54:67-82
    (k_0).

    Examples
    --------
    >>> ratings = np.array([9, 2, 5, 8, 6, 1, 3, 2, 8, 4, 6, 8, 7, 1, 2, 6, 10, 5, 6, 9, 6, 2, 4,
    ...                     7])
    >>> found = one_way_agreement(ratings[:, None].astype(float), np.repeat(np.arange(6), 4))
    >>> found.estimate.round(2).tolist(), found.patients.tolist()
    ([0.17], [6])
    """
    order = np.argsort(patients, kind="stable")
    number = np.unique(patients[order], return_inverse=True)[1]
    starts = np.searchsorted(number, np.arange(number.max() + 1))
    table = values[order]
    # A column far from zero would lose its digits in sums of squares.
    table = table - np.nanmean(np.where(np.isnan(table).all(axis=0), 0.0, table), axis=0)
    present = ~np.isnan(table)
    counts = np.add.reduceat(present.astype(np.float64), starts, axis=0)
    use = counts >= 2
    counts = np.where(use, counts, 0.0)
    rows = present & use[number]
    table = np.where(rows, table, 0.0)
    sums = np.add.reduceat(table, starts, axis=0)
    means = np.divide(sums, counts, out=np.zeros_like(sums), where=use)
    within = np.where(rows, table - means[number], 0.0)
    a, total = use.sum(axis=0), counts.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        grand = sums.sum(axis=0) / total
        between = (counts * (means - grand) ** 2).sum(axis=0) / (a - 1)
        inside = (within**2).sum(axis=0) / (total - a)
        size = (total - (counts**2).sum(axis=0) / total) / (a - 1)
        estimate = (between - inside) / (between + (size - 1) * inside)
        ratio = between / inside / fdtri(a - 1, total - a, (1 + level) / 2)
        low = np.where(inside == 0, 1.0, (ratio - 1) / (ratio + size - 1))
    defined = (a >= 2) & (between + inside > 0)
    return Agreement(
        np.where(defined, estimate, np.nan), np.where(defined, low, np.nan), a.astype(np.intp)
    )


def absolute_agreement(
    values: FloatArray, patients: NDArray[np.intp], *, level: float = 0.95
) -> Agreement:
    r"""Return ICC(A,1) of each column: two-way, absolute agreement of single repeats.

    .. math:: \frac{B - E}{B + (k - 1) E + k (J - E) / n}

    with the mean squares B between the n patients, J between the k repeats and E of error. Of
    each patient with at least two rows the first k are used, k being the fewest that any of
    them has; in each column, patients with a missing value among them are left out.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
    patients : ndarray of int, shape (n_rows,)
    level : float

    References
    ----------
    McGraw KO, Wong SP. Psychol Methods 1996;1:30-46 (interval: Satterthwaite's degrees of
    freedom).

    Examples
    --------
    >>> ratings = np.array([9, 2, 5, 8, 6, 1, 3, 2, 8, 4, 6, 8, 7, 1, 2, 6, 10, 5, 6, 9, 6, 2, 4,
    ...                     7])
    >>> found = absolute_agreement(ratings[:, None].astype(float), np.repeat(np.arange(6), 4))
    >>> found.estimate.round(2).tolist()
    [0.29]
    """
    order = np.argsort(patients, kind="stable")
    number = np.unique(patients[order], return_inverse=True)[1]
    repeats = np.bincount(number)
    starts = np.concatenate([[0], np.cumsum(repeats)[:-1]])[repeats >= 2]
    k = int(repeats[repeats >= 2].min())
    table = values[order][starts[:, None] + np.arange(k)]
    use = np.asarray(np.isfinite(table).all(axis=1))
    n = use.sum(axis=0).astype(np.float64)
    table = np.where(use[:, None], table, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        table = np.where(use[:, None], table - table.sum(axis=(0, 1)) / (n * k), 0.0)
        cases, readings = table.mean(axis=1), table.sum(axis=0) / n
        between = k * (cases**2).sum(axis=0) / (n - 1)
        rater = n * (readings**2).sum(axis=0) / (k - 1)
        left = np.where(use[:, None], table - cases[:, None] - readings, 0.0)
        error = (left**2).sum(axis=(0, 1)) / ((n - 1) * (k - 1))
        below = between + (k - 1) * error + k * (rater - error) / n
        estimate = (between - error) / below
        low = _lower_absolute(estimate, (between, rater, error), n, k, level)
    defined = (n >= 2) & (below > 0)
    low = np.where(error == 0, estimate, low)
    return Agreement(
        np.where(defined, estimate, np.nan), np.where(defined, low, np.nan), n.astype(np.intp)
    )


def _lower_absolute(
    icc: FloatArray,
    squares: tuple[FloatArray, FloatArray, FloatArray],
    n: FloatArray,
    k: int,
    level: float,
) -> FloatArray:
    """Return the lower limit of ICC(A,1), with Satterthwaite's degrees of freedom."""
    between, rater, error = squares
    f = rater / error
    a = k * icc * f + n * (1 + (k - 1) * icc) - k * icc
    df = (k - 1) * (n - 1) * a**2
    df = df / ((n - 1) * k**2 * icc**2 * f**2 + (n * (1 + (k - 1) * icc) - k * icc) ** 2)
    upper = fdtri(n - 1, df, (1 + level) / 2)
    rest = k * rater + (k * n - k - n) * error
    low: FloatArray = n * (between - upper * error) / (upper * rest + n * between)
    return low
