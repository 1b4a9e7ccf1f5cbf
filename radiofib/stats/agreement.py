"""Agreement of categories: kappa with its errors, and Krippendorff's alpha."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.special import ndtr

from radiofib._checks import check_known
from radiofib.errors import UsageError
from radiofib.stats.bootstrap import percentile_interval, resample_weights
from radiofib.stats.classification import (
    confusion_matrix,
    disagreement_weights,
    weighted_kappa,
)
from radiofib.stats.estimate import Estimate, check_clusters, check_codes, z_value
from radiofib.stats.influence import influence_covariance

__all__ = ["Kappa", "kappa", "kappa_by_patient", "krippendorff_alpha"]

FloatArray = NDArray[np.float64]
Measure = Callable[[FloatArray], FloatArray]
#: Most levels of a nominal or ordinal scale.
MOST_LEVELS = 300
_CHUNK = 8_000_000


@dataclass(frozen=True)
class Kappa:
    """Cohen's kappa with its interval and its test against chance.

    Parameters
    ----------
    value, se : float
        Kappa and its standard error.
    low, high : float
        Normal interval, cut at 1.
    z0, p0 : float
        Test of no agreement beyond chance, with the error under that hypothesis.
    n : int
        Cases.
    method, note : str
    """

    value: float
    se: float
    low: float
    high: float
    z0: float
    p0: float
    n: int
    method: str
    note: str = ""


def kappa(
    confusion: ArrayLike,
    weights: str = "quadratic",
    values: ArrayLike | None = None,
    level: float = 0.95,
    error: str = "fleiss",
) -> Kappa:
    r"""Return weighted kappa with the errors of Fleiss, Cohen and Everitt.

    With agreement weights :math:`v_{ij} = 1 - w_{ij} / \max w`, shares :math:`p_{ij}`,
    :math:`\bar v_{i.} = \sum_j v_{ij} p_{.j}` and :math:`\bar v_{.j} = \sum_i v_{ij} p_{i.}`:

    .. math:: V = \frac{\sum p_{ij}[v_{ij} - (\bar v_{i.} + \bar v_{.j})(1-\kappa)]^2
              - [\kappa - P_e(1-\kappa)]^2}{n (1-P_e)^2}, \quad
              V_0 = \frac{\sum p_{i.}p_{.j}[v_{ij} - (\bar v_{i.} + \bar v_{.j})]^2 - P_e^2}
              {n (1-P_e)^2}

    Parameters
    ----------
    confusion : array-like of shape (k, k)
        Cases by the levels of two raters.
    weights : {"quadratic", "linear", "none"}
    values : array-like of shape (k,), optional
        What the levels measure, see :func:`weighted_kappa`; distance by position otherwise.
    level : float
    error : {"fleiss", "psych"}
        ``psych`` is the error that R's psych 2.2.9 prints for weighted kappa, where
        :math:`p_{i.} \sum_j v_{ij}` stands in the place of :math:`\bar v_{.j}`: only to compare
        with published results of that program.

    References
    ----------
    Fleiss JL, Cohen J, Everitt BS. Psychol Bull 1969;72:323-327.

    Examples
    --------
    >>> found = kappa([[10, 2, 0], [1, 8, 3], [0, 2, 9]])
    >>> round(found.value, 4), round(found.se, 4), round(found.z0, 3)
    (0.8263, 0.0603, 4.901)
    """
    check_known(error, ("fleiss", "psych"), what="error")
    counts = np.asarray(confusion, dtype=np.float64)
    if counts.ndim != 2 or (counts < 0).any() or not counts.sum() > 0:
        raise UsageError("a table of counts with at least one case is needed")
    value = float(weighted_kappa(counts, weights, values))
    n = int(counts.sum())
    by = "position" if values is None else "value"
    method = "Cohen's kappa" if weights == "none" else f"kappa, {weights} weights by {by}"
    nan = math.nan
    if not math.isfinite(value):
        note = "not defined: both raters use one level only"
        return Kappa(nan, nan, nan, nan, nan, nan, n, method, note)
    distance = disagreement_weights(counts.shape[0], weights, values)
    agree = 1 - distance / distance.max()
    shares = counts / counts.sum()
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    chance = float(rows @ agree @ columns)
    mean = (agree @ columns)[:, None] + (rows @ agree)[None, :]
    middle = mean
    if error == "psych":
        middle = (agree @ columns)[:, None] + (rows * agree.sum(axis=1))[None, :]
    spread = float((shares * (agree - middle * (1 - value)) ** 2).sum())
    spread -= (value - chance * (1 - value)) ** 2
    null = float((np.outer(rows, columns) * (agree - mean) ** 2).sum()) - chance**2
    scale = math.sqrt(n) * (1 - chance)
    se, error0 = math.sqrt(max(0.0, spread)) / scale, math.sqrt(max(0.0, null)) / scale
    z0 = value / error0 if error0 > 0 else nan
    half = z_value(level) * se
    note = "no disagreement: the interval has no width" if value == 1 else ""
    p0 = float(2 * ndtr(-abs(z0)))
    high = min(1.0, value + half)
    return Kappa(value, se, value - half, high, z0, p0, n, method, note)


def kappa_by_patient(
    first: ArrayLike,
    second: ArrayLike,
    n_levels: int,
    clusters: ArrayLike,
    *,
    weights: str = "quadratic",
    values: ArrayLike | None = None,
    level: float = 0.95,
) -> Kappa:
    r"""Return weighted kappa of ratings of which a patient has several, with its interval.

    The error of kappa is a sum over cases, with disagreements w, shares and :math:`D_o, D_e` the
    observed and the chance disagreement,

    .. math:: \frac{1}{n D_e}\left[D_o - w_{ij} + \frac{D_o}{D_e}
              (\bar w_{i.} + \bar w_{.j} - 2 D_e)\right]

    whose sums within patients give the standard error. There is no test against chance.

    Parameters
    ----------
    first, second : array-like of int
        Level codes 0..n_levels-1 of two raters.
    n_levels : int
    clusters : array-like
        Patient of each case.
    weights, values, level
        As in :func:`kappa`.

    References
    ----------
    Fleiss JL, Cohen J, Everitt BS. Psychol Bull 1969;72:323-327 (whose error this is when
    each patient has one case, but for the factor n / (n - 1)).

    Examples
    --------
    >>> a, b = [0, 1, 2, 2, 1, 0, 2, 1], [0, 1, 2, 1, 1, 0, 2, 2]
    >>> once = kappa_by_patient(a, b, 3, range(8))
    >>> twice = kappa_by_patient(a * 2, b * 2, 3, list(range(8)) * 2)
    >>> round(once.se, 6) == round(twice.se, 6)
    True
    """
    counts = confusion_matrix(first, second, n_levels)
    plain = kappa(counts, weights, values, level)
    rows, columns = check_codes(first, n_levels), check_codes(second, n_levels)
    nan = math.nan
    if not math.isfinite(plain.value):
        return plain
    shares = counts / counts.sum()
    distance = disagreement_weights(n_levels, weights, values)
    of_first, of_second = shares.sum(axis=1), shares.sum(axis=0)
    seen, chance = float((distance * shares).sum()), float(of_first @ distance @ of_second)
    away = (distance @ of_second)[rows] + (distance @ of_first)[columns]
    influence = seen - distance[rows, columns] + seen / chance * (away - 2 * chance)
    influence = influence[:, None] / (chance * rows.size)
    variance = influence_covariance(influence, np.zeros(rows.size), clusters)
    se = math.sqrt(float(variance[0, 0]))
    half = z_value(level) * se
    low, high = plain.value - half, min(1.0, plain.value + half)
    method = f"{plain.method}, clustered by patient"
    return Kappa(plain.value, se, low, high, nan, nan, rows.size, method, plain.note)


def krippendorff_alpha(
    ratings: ArrayLike,
    kind: str = "ordinal",
    *,
    n_boot: int = 1000,
    level: float = 0.95,
    clusters: ArrayLike | None = None,
    random_state: int = 0,
) -> Estimate:
    r"""Return Krippendorff's alpha for any number of raters, missing ratings allowed.

    .. math:: \alpha = 1 - (n - 1) \frac{\sum_{c<k} o_{ck} \delta^2_{ck}}
              {\sum_{c<k} n_c n_k \delta^2_{ck}}

    with o the coincidences of values within cases, each case's pairs over its number of ratings
    less one, and n the totals of the values.

    Parameters
    ----------
    ratings : array-like of shape (n_cases, n_raters)
        NaN where a rater did not rate. Cases with fewer than two ratings do not count.
    kind : {"nominal", "ordinal", "interval"}
        Squared difference of two values: 1 when they differ; the ratings between them,
        :math:`(\sum_{g=c}^{k} n_g - (n_c + n_k)/2)^2`; or :math:`(c - k)^2`.
    n_boot : int
        Resamples of cases (patients) for the percentile interval; 0 for none.
    level : float
    clusters : array-like, optional
        Patient of each case.
    random_state : int
        Seed.

    References
    ----------
    Krippendorff K. Content Analysis, 3rd ed., Sage 2013, chapter 12. Hayes AF, Krippendorff K.
    Commun Methods Meas 2007;1:77-89.

    Examples
    --------
    >>> ratings = [[1, 1], [2, 2], [3, 3], [3, 4], [2, 2], [1, 2], [4, 4], [1, 1]]
    >>> round(krippendorff_alpha(ratings, "ordinal", n_boot=0).value, 4)
    0.8991
    """
    check_known(kind, ("nominal", "ordinal", "interval"), what="kind")
    table = np.asarray(ratings, dtype=np.float64)
    if table.ndim != 2 or np.isinf(table).any():
        raise UsageError("ratings must be a table of finite values, one row for each case")
    given = ~np.isnan(table)
    use = given.sum(axis=1) >= 2
    patients = np.arange(len(table)) if clusters is None else check_clusters(clusters, len(table))
    lost = int((~use).sum())
    note = f"{lost} cases with fewer than two ratings left out" if lost else ""
    method = f"Krippendorff's alpha, {kind}"
    levels = np.unique(table[use][given[use]]) if use.any() else np.zeros(0)
    if levels.size < 2:
        reason = "not defined: all ratings are equal" if levels.size else "not defined: no pairs"
        return Estimate(math.nan, math.nan, math.nan, method, reason)
    table, patients = table[use], np.unique(patients[use], return_inverse=True)[1]
    count = int(patients.max()) + 1
    if kind == "interval":
        alpha = _interval_alpha(table, patients)
    else:
        if levels.size > MOST_LEVELS:
            raise UsageError(
                f"too many different ratings for a {kind} scale",
                expected=f"at most {MOST_LEVELS}",
                found=str(levels.size),
                hint="measurements are of kind interval",
            )
        alpha = _category_alpha(table, patients, levels, kind)

    value = float(alpha(np.ones((1, count)))[0])
    if n_boot == 0:
        return Estimate(value, math.nan, math.nan, method, note)
    drawn = alpha(resample_weights(np.zeros(count), n_boot, random_state))
    name = f"{method}; percentile bootstrap of cases"
    found = percentile_interval(value, drawn, level, name)
    said = "; ".join(n for n in (note, found.note) if n)
    return Estimate(found.value, found.low, found.high, found.method, said)


def _interval_alpha(table: FloatArray, patients: NDArray[np.intp]) -> Measure:
    """Return alpha as a function of weights of patients, from sums of squares."""
    given = ~np.isnan(table)
    x = np.where(given, table - np.nanmean(table), 0.0)
    m = given.sum(axis=1).astype(np.float64)
    once, twice = x.sum(axis=1), (x**2).sum(axis=1)
    # Sums over ordered pairs of one case: 2 (m sum x^2 - (sum x)^2).
    apart = 2 * (m * twice - once**2) / (m - 1)
    parts = [np.bincount(patients, weights=v) for v in (apart, m, once, twice)]

    def alpha(weights: FloatArray) -> FloatArray:
        seen, n, first, second = (weights @ p for p in parts)
        return _one_minus((n - 1) * seen, 2 * (n * second - first**2))

    return alpha


def _category_alpha(
    table: FloatArray, patients: NDArray[np.intp], levels: FloatArray, kind: str
) -> Measure:
    """Return alpha as a function of weights of patients, from coincidences of levels."""
    k, given = levels.size, ~np.isnan(table)
    place = np.searchsorted(levels, np.where(given, table, levels[0]))
    share = 1.0 / (given.sum(axis=1) - 1)
    raters = range(table.shape[1])
    rows, columns, values = [], [], []
    for i, j in ((i, j) for i in raters for j in raters if i != j):
        both = given[:, i] & given[:, j]
        rows.append(patients[both])
        columns.append(place[both, i] * k + place[both, j])
        values.append(share[both])
    where = (np.concatenate(rows), np.concatenate(columns))
    shape = (int(patients.max()) + 1, k * k)
    each = csr_array((np.concatenate(values), where), shape=shape)

    def alpha(weights: FloatArray) -> FloatArray:
        found = []
        for begin in range(0, len(weights), max(1, _CHUNK // k**2)):
            part = weights[begin : begin + max(1, _CHUNK // k**2)]
            seen = (each.T @ part.T).T.reshape(-1, k, k)
            totals = seen.sum(axis=2)
            apart = _distance(totals, levels, kind)
            above = (seen * apart).sum(axis=(1, 2)) * (totals.sum(axis=1) - 1)
            below = np.einsum("bi,bij,bj->b", totals, apart, totals)
            found.append(_one_minus(above, below))
        return np.concatenate(found)

    return alpha


def _one_minus(above: FloatArray, below: FloatArray) -> FloatArray:
    blank = np.full(above.shape, np.nan)
    share: FloatArray = np.divide(above, below, out=blank, where=below > 0)
    return 1 - share


def _distance(totals: FloatArray, levels: FloatArray, kind: str) -> FloatArray:
    """Return squared differences of values, shape (B, k, k)."""
    if kind == "ordinal":
        middle = np.cumsum(totals, axis=1) - totals / 2
        ordinal: FloatArray = (middle[:, :, None] - middle[:, None, :]) ** 2
        return ordinal
    apart = (levels[:, None] != levels).astype(np.float64)
    return np.broadcast_to(apart, (len(totals), *apart.shape))
