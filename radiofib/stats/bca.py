"""BCa intervals: bootstrap intervals corrected for bias and skewness, by patient."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from radiofib._checks import check_same_length
from radiofib.errors import UsageError
from radiofib.stats.bootstrap import percentile_interval, resample_weights
from radiofib.stats.estimate import Estimate, check_clusters, z_value

__all__ = ["acceleration", "bca_interval", "bootstrap", "jackknife_weights", "patient_strata"]

FloatArray = NDArray[np.float64]
#: Weights of cases held in memory at once, and weights of patients in all (3 GB).
_CHUNK, _MOST = 8_000_000, 400_000_000


def patient_strata(classes: ArrayLike, clusters: ArrayLike) -> list[str]:
    """Return the stratum of each patient, in order of the patients' names: the classes it has.

    Parameters
    ----------
    classes : array-like, shape (n,)
        Stratum of each case: class, or class and fold.
    clusters : array-like, shape (n,)
        Patient of each case.

    Examples
    --------
    >>> patient_strata([0, 1, 1, 1], ["p2", "p2", "p1", "p3"])
    ['1', '0+1', '1']
    """
    labels = np.asarray(classes)
    codes = check_clusters(clusters, labels.size)
    names, kind = np.unique(labels, return_inverse=True)
    pairs = np.unique(codes.astype(np.int64) * names.size + kind)
    found: list[list[str]] = [[] for _ in range(int(codes.max()) + 1)]
    for pair in pairs.tolist():
        found[pair // names.size].append(str(names[pair % names.size]))
    return ["+".join(f) for f in found]


def jackknife_weights(
    strata: Sequence[object] | NDArray[np.generic], most: int = 1000
) -> tuple[FloatArray, NDArray[np.intp]]:
    """Return weights that leave out one patient at a time, and the stratum of each row.

    The others of the stratum take over the weight, so that every stratum keeps its size. Beyond
    about `most` patients, groups of patients of a stratum are left out together; the skewness
    of group means gives the same acceleration. A stratum with one patient leaves out nobody.

    Parameters
    ----------
    strata : sequence
        Stratum of each patient.
    most : int
        Number of rows aimed at.

    Returns
    -------
    weights : ndarray of shape (r, n_patients)
    groups : ndarray of int, shape (r,)

    Examples
    --------
    >>> weights, groups = jackknife_weights(["a", "a", "b", "b", "b"])
    >>> weights[0].tolist(), weights[2].tolist(), groups.tolist()
    ([0.0, 2.0, 1.0, 1.0, 1.0], [1.0, 1.0, 0.0, 1.5, 1.5], [0, 0, 1, 1, 1])
    """
    labels = np.asarray(strata)
    if labels.ndim != 1 or labels.size == 0:
        raise UsageError("strata must be a non-empty one-dimensional array")
    codes = np.unique(labels, return_inverse=True)[1]
    share = min(1.0, most / labels.size)
    rows, groups = [], []
    for code in range(int(codes.max()) + 1):
        members = np.flatnonzero(codes == code)
        if members.size < 2:
            continue
        count = min(members.size, max(2, round(members.size * share)))
        for part in range(count):
            out = members[part::count]
            weight = np.ones(labels.size)
            weight[members] = members.size / (members.size - out.size)
            weight[out] = 0.0
            rows.append(weight)
            groups.append(code)
    return np.array(rows).reshape(-1, labels.size), np.array(groups, dtype=np.intp)


def acceleration(jackknife: ArrayLike, groups: ArrayLike | None = None) -> float:
    r"""Return the acceleration of BCa from leave-one-out values.

    .. math:: a = \frac{\sum_s \sum_j L_{sj}^3}{6 (\sum_s \sum_j L_{sj}^2)^{3/2}}, \quad
              L_{sj} = \frac{n_s - 1}{n_s} (\bar t_s - t_{s(j)})

    with :math:`t_{s(j)}` the value without patient j of stratum s.

    Parameters
    ----------
    jackknife : array-like, shape (r,)
        Values from :func:`jackknife_weights`.
    groups : array-like of int, optional
        Stratum of each value; one stratum by default.

    Returns
    -------
    float
        NaN when the values have no spread or one is not defined.

    References
    ----------
    Efron B. J Am Stat Assoc 1987;82:171-185. Davison AC, Hinkley DV. Bootstrap Methods and
    their Application, Cambridge 1997, section 5.3.2.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 3.0, 10.0])
    >>> round(acceleration((x.sum() - x) / 3), 4)
    0.0849
    """
    values = np.asarray(jackknife, dtype=np.float64)
    codes = np.zeros(values.size, dtype=np.intp) if groups is None else np.asarray(groups)
    check_same_length(jackknife=values, groups=codes)
    if values.size == 0 or not np.isfinite(values).all():
        return math.nan
    sizes = np.bincount(codes).astype(np.float64)
    means = np.bincount(codes, weights=values) / np.where(sizes > 0, sizes, 1)
    influence = ((sizes - 1) / np.where(sizes > 0, sizes, 1))[codes] * (means[codes] - values)
    spread = float((influence**2).sum())
    if spread <= (1e-13 * max(1.0, float(np.abs(values).max()))) ** 2 * values.size:
        return math.nan
    return float((influence**3).sum() / (6 * spread**1.5))


def bca_interval(
    value: float,
    resampled: ArrayLike,
    jackknife: ArrayLike,
    groups: ArrayLike | None = None,
    level: float = 0.95,
    method: str = "BCa bootstrap",
) -> Estimate:
    r"""Return the bias-corrected and accelerated interval of resampled values.

    The limits are the quantiles of the resampled values at

    .. math:: \Phi\left(z_0 + \frac{z_0 + z_\alpha}{1 - a (z_0 + z_\alpha)}\right)

    with :math:`z_0` the normal quantile of the share of resamples below the value (those equal
    to it count one half) and a the :func:`acceleration`. There is no such interval when the
    values have no spread, as at perfect separation, or all lie on one side: then it is NaN and
    `note` says why.

    Parameters
    ----------
    value : float
        The estimate.
    resampled : array-like, shape (B,)
        Values of the resamples; NaN where the measure is not defined.
    jackknife, groups : array-like
        Leave-one-patient-out values and their strata, see :func:`jackknife_weights`.
    level : float
    method : str
        Name of the interval.

    References
    ----------
    Efron B. J Am Stat Assoc 1987;82:171-185. DiCiccio TJ, Efron B. Stat Sci 1996;11:189-228.

    Examples
    --------
    >>> x = np.random.default_rng(0).exponential(size=40)
    >>> w, (leave, groups) = resample_weights([0] * 40, 2000), jackknife_weights([0] * 40)
    >>> e = bca_interval(x.mean(), w @ x / 40, leave @ x / 40, groups)
    >>> plain = percentile_interval(x.mean(), w @ x / 40)
    >>> e.low > plain.low and e.high > plain.high
    True
    """
    z_value(level)
    values = np.asarray(resampled, dtype=np.float64)
    usable = values[np.isfinite(values)]
    lost = values.size - usable.size
    note = f"undefined in {lost} of {values.size} resamples" if lost else ""

    def nothing(reason: str) -> Estimate:
        said = "; ".join(n for n in (reason, note) if n)
        return Estimate(value, math.nan, math.nan, "none", said)

    if not math.isfinite(value):
        return nothing("not defined")
    if usable.size * 2 < values.size or usable.size == 0:
        return nothing("")
    skew = acceleration(jackknife, groups)
    if np.ptp(usable) <= 1e-12 * max(1.0, abs(value)) or not math.isfinite(skew):
        return nothing("no spread: BCa is not defined")
    near = np.isclose(usable, value, rtol=1e-12, atol=1e-12)
    share = float(np.mean((usable < value) & ~near) + near.mean() / 2)
    if share in (0.0, 1.0):
        return nothing("all resamples lie on one side of the estimate")
    bias = float(ndtri(share))
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    shifted = bias + ndtri(tails)
    below = 1 - skew * shifted
    if (below <= 0).any():
        return nothing("the acceleration is too large")
    low, high = np.quantile(usable, ndtr(bias + shifted / below))
    return Estimate(value, float(low), float(high), method, note)


def bootstrap(
    statistic: Callable[[FloatArray], ArrayLike],
    classes: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    n_boot: int = 2000,
    kind: str = "bca",
    level: float = 0.95,
    random_state: int = 0,
) -> Estimate:
    """Return a statistic with its bootstrap interval, patients drawn within strata.

    Parameters
    ----------
    statistic : callable
        Takes weights of the cases, shape (B, n), and returns B values. All weights one gives
        the estimate.
    classes : array-like, shape (n,)
        Stratum of each case; all equal for a bootstrap without strata.
    clusters : array-like, optional
        Patient of each case; each case is a patient by default.
    n_boot : int
        Number of resamples.
    kind : {"bca", "percentile"}
    level : float
    random_state : int
        Seed.

    Returns
    -------
    Estimate
        Without an interval, and `note` saying why, where none is defined.

    Examples
    --------
    >>> y, right = np.array([0, 0, 0, 1, 1, 1, 1, 1]), np.array([1, 0, 1, 1, 1, 0, 1, 1])
    >>> e = bootstrap(lambda w: w @ right / w.sum(axis=1), y)
    >>> e.value, e.method
    (0.75, 'BCa bootstrap of patients within strata')
    """
    if kind not in ("bca", "percentile"):
        raise UsageError(f"unknown bootstrap {kind!r}", expected="bca or percentile")
    labels = np.asarray(classes)
    patients = np.arange(labels.size) if clusters is None else check_clusters(clusters, labels.size)
    strata = patient_strata(labels, patients)
    if n_boot * len(strata) > _MOST:
        raise UsageError(
            "so many patients and resamples do not fit in memory",
            expected=f"at most {_MOST:g} weights",
            found=f"{len(strata)} patients x {n_boot} resamples",
            hint="an analytic interval (DeLong, Wilson) is as good for so many patients",
        )

    def values(weights: FloatArray) -> FloatArray:
        step = max(1, _CHUNK // labels.size)
        parts = [
            np.asarray(statistic(weights[i : i + step][:, patients]), dtype=np.float64)
            for i in range(0, len(weights), step)
        ]
        return np.concatenate(parts) if parts else np.zeros(0)

    value = float(values(np.ones((1, len(strata))))[0])
    drawn = values(resample_weights(strata, n_boot, random_state))
    if kind == "percentile":
        name = "percentile bootstrap of patients within strata"
        return percentile_interval(value, drawn, level, name)
    leave, groups = jackknife_weights(strata)
    name = "BCa bootstrap of patients within strata"
    return bca_interval(value, drawn, values(leave), groups, level, name)
