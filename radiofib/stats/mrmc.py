"""Several readers and several modalities on the same cases: Obuchowski and Rockette's analysis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, fdtrc, ndtr, ndtri, stdtr, stdtrit

from radiofib._checks import check_known, check_same_length
from radiofib.errors import UsageError
from radiofib.stats.delong import auc_covariance
from radiofib.stats.estimate import HypothesisTest, check_binary, z_value
from radiofib.stats.roc import placements

__all__ = ["Mrmc", "mrmc", "mrmc_from_areas"]

FloatArray = NDArray[np.float64]
RANDOM = ("readers and cases", "cases", "readers")


@dataclass(frozen=True, eq=False)
class Mrmc:
    """Result of a study with several readers.

    Parameters
    ----------
    test : HypothesisTest
        F (or chi-square) test that all modalities have one AUC.
    denominator_df : float
        Denominator degrees of freedom of F; infinite for chi-square.
    modalities : DataFrame
        ``modality, auc, se, df, ci_low, ci_high``: mean over readers.
    differences : DataFrame
        ``first, second, difference, se, df, statistic, p, ci_low, ci_high``.
    components : DataFrame
        ``component, value``: mean squares, error variance and covariances (cov1 same reader,
        cov2 same modality, cov3 both different).
    """

    test: HypothesisTest
    denominator_df: float
    modalities: pd.DataFrame
    differences: pd.DataFrame
    components: pd.DataFrame


def mrmc(
    y: ArrayLike,
    scores: ArrayLike,
    *,
    random: str = "readers and cases",
    level: float = 0.95,
    clusters: ArrayLike | None = None,
) -> Mrmc:
    """Compare modalities (or readings with and without a model) over several readers.

    AUCs are nonparametric, their covariances DeLong's, averaged as Obuchowski and Rockette do,
    with Hillis' degrees of freedom.

    Parameters
    ----------
    y : array-like of 0 and 1, shape (n,)
    scores : array-like of shape (n_modalities, n_readers, n)
        Every reader reads every case in every modality.
    random : {"readers and cases", "cases", "readers"}
        To what the result applies: to other readers and cases like these; to these very readers
        (``cases``); or to these very cases (``readers``).
    level : float
    clusters : array-like, optional
        Patient of each case.

    References
    ----------
    Obuchowski NA, Rockette HE. Commun Stat Simul Comput 1995;24:285-308. Hillis SL. Stat Med
    2007;26:596-619. Hillis SL. Stat Med 2014;33:330-360.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 40)
    >>> signal = rng.normal(size=80) + y
    >>> scores = signal + rng.normal(size=(2, 4, 80)) * np.array([0.5, 1.5])[:, None, None]
    >>> found = mrmc(y, scores)
    >>> found.modalities["auc"].round(3).tolist(), round(found.test.p, 4)
    ([0.795, 0.721], 0.0163)
    """
    positive = check_binary(y, both=True)
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 3:
        raise UsageError(
            "scores must be modalities by readers by cases",
            found=str(values.shape),
            hint="a reader who misses a case in one modality cannot be analysed here",
        )
    check_same_length(y=positive, cases=values.transpose(2, 0, 1))
    modalities, readers, n = values.shape
    found = [placements(positive, row) for row in values.reshape(-1, n)]
    areas = np.array([f.auc for f in found]).reshape(modalities, readers)
    covariance = auc_covariance(found, clusters)
    shape = (modalities, readers, modalities, readers)
    return mrmc_from_areas(areas, covariance.reshape(shape), random=random, level=level)


def mrmc_from_areas(
    areas: ArrayLike,
    covariance: ArrayLike,
    *,
    random: str = "readers and cases",
    level: float = 0.95,
) -> Mrmc:
    r"""Analyse AUCs of readers and modalities whose covariances are known.

    With t modalities, r readers, mean squares MS of the two-way table of AUCs, and Var, Cov1,
    Cov2, Cov3 the mean variance and the mean covariances of the same reader, the same modality
    and neither:

    .. math:: F = \frac{MS(T)}{D}, \quad
              D = MS(TR) + r \max(Cov_2 - Cov_3, 0), \quad
              df = \frac{D^2}{MS(TR)^2 / ((t-1)(r-1))}

    for random readers and cases; :math:`D = Var - Cov_1 + (r-1)\max(Cov_2 - Cov_3, 0)` and
    chi-square :math:`(t-1) MS(T)/D` for fixed readers; :math:`D = MS(TR)` for fixed cases. A
    difference of two modalities has the variance 2 D / r.

    Parameters
    ----------
    areas : array-like of shape (t, r)
    covariance : array-like of shape (t, r, t, r)
    random : {"readers and cases", "cases", "readers"}
        See :func:`mrmc`.
    level : float

    Returns
    -------
    Mrmc

    Raises
    ------
    UsageError
        When there is one modality only, or one reader although readers are random.

    References
    ----------
    Hillis SL. Stat Med 2007;26:596-619.
    """
    check_known(random, RANDOM, what="random factors")
    table, matrix = np.asarray(areas, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
    if table.ndim != 2 or matrix.shape != (*table.shape, *table.shape):
        raise UsageError("covariances must be (t, r, t, r) for AUCs of (t, r)")
    t, r = table.shape
    if t < 2 or (r < 2 and random != "cases"):
        raise UsageError(
            "two modalities are needed, and two readers where readers are random",
            found=f"{t} modalities, {r} readers",
            hint="for one reader use delong_paired, or random='cases'",
        )
    if not np.isfinite(matrix).all() or not np.isfinite(table).all():
        raise UsageError(
            "AUCs and their covariances must be finite",
            expected="two patients or more in each class",
            found=f"{np.count_nonzero(~np.isfinite(matrix))} covariances are not",
        )
    var, cov1, cov2, cov3, each_var, each_cov2 = _components(matrix)
    grand = table.mean()
    by_modality, by_reader = table.mean(axis=1), table.mean(axis=0)
    rest = table - by_modality[:, None] - by_reader + grand
    ms_t = r * float(((by_modality - grand) ** 2).sum()) / (t - 1)
    ms_r = t * float(((by_reader - grand) ** 2).sum()) / (r - 1) if r > 1 else math.nan
    ms_tr = float((rest**2).sum()) / ((t - 1) * (r - 1)) if r > 1 else math.nan
    shared = max(cov2 - cov3, 0.0) if r > 1 else 0.0
    inner = (t - 1) * (r - 1)
    if random == "cases":
        error, df = var - cov1 + (r - 1) * shared, math.inf
    elif random == "readers":
        error, df = ms_tr, float(inner)
    else:
        error = ms_tr + r * shared
        df = error**2 * inner / ms_tr**2 if ms_tr > 0 else math.inf
    ms_each = ((table - by_modality[:, None]) ** 2).sum(axis=1) / (r - 1) if r > 1 else None
    single = []
    for i in range(t):
        cov = max(float(each_cov2[i]), 0.0) if r > 1 else 0.0
        if random == "cases" or ms_each is None:
            spread, free = float(each_var[i]) + (r - 1) * cov, math.inf
        else:
            ms = float(ms_each[i])
            spread = ms + (r * cov if random == "readers and cases" else 0.0)
            free = spread**2 * (r - 1) / ms**2 if ms > 0 else math.inf
        se = math.sqrt(max(spread, 0.0) / r)
        half = _quantile(free, level) * se
        mean = float(by_modality[i])
        single.append((i, mean, se, free, max(0.0, mean - half), min(1.0, mean + half)))
    se = math.sqrt(max(2 * error / r, 0.0))
    pairs = []
    for i, j in combinations(range(t), 2):
        gap, half = float(by_modality[i] - by_modality[j]), _quantile(df, level) * se
        value = gap / se if se > 0 else math.nan
        p = 2 * (ndtr(-abs(value)) if math.isinf(df) else stdtr(df, -abs(value)))
        pairs.append((i, j, gap, se, df, value, float(p), gap - half, gap + half))
    parts = {"ms_modality": ms_t, "ms_reader": ms_r, "ms_interaction": ms_tr, "variance": var}
    parts |= {"cov1": cov1, "cov2": cov2, "cov3": cov3, "denominator": error}
    names = ["first", "second", "difference", "se", "df", "statistic", "p", "ci_low", "ci_high"]
    return Mrmc(
        _whole(ms_t, error, t, df, random),
        df,
        pd.DataFrame(single, columns=["modality", "auc", "se", "df", "ci_low", "ci_high"]),
        pd.DataFrame(pairs, columns=names),
        pd.DataFrame({"component": list(parts), "value": list(parts.values())}),
    )


def _components(matrix: FloatArray) -> tuple[float, float, float, float, FloatArray, FloatArray]:
    """Return Var, Cov1, Cov2, Cov3, and variance and Cov2 of each modality; NaN when absent."""
    t, r = matrix.shape[:2]
    same_t = np.eye(t, dtype=bool)[:, None, :, None] & np.ones((1, r, 1, r), dtype=bool)
    same_r = np.eye(r, dtype=bool)[None, :, None, :] & np.ones((t, 1, t, 1), dtype=bool)

    def mean(where: NDArray[np.bool_]) -> float:
        return float(matrix[where].mean()) if where.any() else math.nan

    variances = [float(np.diag(matrix[i, :, i, :]).mean()) for i in range(t)]
    apart = ~np.eye(r, dtype=bool)
    covariances = [float(matrix[i, :, i, :][apart].mean()) if r > 1 else math.nan for i in range(t)]
    return (
        mean(same_t & same_r),
        mean(~same_t & same_r),
        mean(same_t & ~same_r),
        mean(~same_t & ~same_r),
        np.array(variances),
        np.array(covariances),
    )


def _quantile(df: float, level: float) -> float:
    z_value(level)
    tail = 0.5 + level / 2
    return float(ndtri(tail) if math.isinf(df) else stdtrit(df, tail))


def _whole(ms_t: float, error: float, t: int, df: float, random: str) -> HypothesisTest:
    method = f"Obuchowski-Rockette, random {random}"
    if not error > 0:
        return HypothesisTest(math.nan, t - 1, math.nan, method, "no spread")
    if random == "cases":
        value = (t - 1) * ms_t / error
        return HypothesisTest(value, t - 1, float(chdtrc(t - 1, value)), f"{method}, chi-square")
    value = ms_t / error
    p = float(chdtrc(t - 1, (t - 1) * value) if math.isinf(df) else fdtrc(t - 1, df, value))
    return HypothesisTest(value, t - 1, p, f"{method}, F")
