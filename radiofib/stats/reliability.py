"""Agreement of measurements: intraclass correlation, Bland-Altman limits, concordance."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import fdtrc, fdtri, ndtri, stdtrit

from radiofib._checks import check_1d, check_same_length
from radiofib.errors import UsageError
from radiofib.stats.estimate import Estimate, z_value

__all__ = ["bland_altman", "concordance", "intraclass"]

FloatArray = NDArray[np.float64]


def intraclass(ratings: ArrayLike, level: float = 0.95) -> pd.DataFrame:
    r"""Return the six intraclass correlations of Shrout and Fleiss.

    With the mean squares between cases B, within cases W, between raters J and of error E of n
    cases and k raters:

    ======= ============================ =====================================
    single  ICC                          what it says
    ======= ============================ =====================================
    ICC1    (B - W) / (B + (k-1) W)      each case has its own raters
    ICC2    (B - E) / (B + (k-1) E +     the same raters, taken from many:
            k (J - E) / n)               absolute agreement, ICC(A,1)
    ICC3    (B - E) / (B + (k-1) E)      these very raters: consistency
    ======= ============================ =====================================

    ICC1k, ICC2k and ICC3k are those of the mean of the k ratings. Intervals are of Shrout and
    Fleiss (F quantiles; Satterthwaite's degrees of freedom for ICC2).

    Parameters
    ----------
    ratings : array-like of shape (n_cases, n_raters)
        No missing values.
    level : float

    Returns
    -------
    DataFrame
        ``type, estimate, ci_low, ci_high, f, df1, df2, p, n, raters, method``.

    Raises
    ------
    UsageError
        When there are fewer than two cases or raters, or a value is missing.

    References
    ----------
    Shrout PE, Fleiss JL. Psychol Bull 1979;86:420-428. McGraw KO, Wong SP. Psychol Methods
    1996;1:30-46.

    Examples
    --------
    >>> ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9],
    ...            [6, 2, 4, 7]]
    >>> intraclass(ratings)[["type", "estimate"]].round(2).head(3).values.tolist()
    [['ICC1', 0.17], ['ICC2', 0.29], ['ICC3', 0.71]]
    """
    table = np.asarray(ratings, dtype=np.float64)
    if table.ndim != 2 or min(table.shape) < 2 or not np.isfinite(table).all():
        raise UsageError(
            "intraclass correlation needs a full table of at least two cases and two raters",
            found=f"shape {table.shape}, {np.count_nonzero(~np.isfinite(table))} missing",
            hint="leave out cases that a rater did not rate, and say how many",
        )
    n, k = table.shape
    cases, raters, grand = table.mean(axis=1), table.mean(axis=0), table.mean()
    between = k * float(((cases - grand) ** 2).sum()) / (n - 1)
    rater = n * float(((raters - grand) ** 2).sum()) / (k - 1)
    within = float(((table - cases[:, None]) ** 2).sum()) / (n * (k - 1))
    error = float(((table - cases[:, None] - raters + grand) ** 2).sum()) / ((n - 1) * (k - 1))
    d1, dw, de = n - 1, n * (k - 1), (n - 1) * (k - 1)
    tail = (1 + level) / 2
    z_value(level)

    def ratio(above: float, below: float) -> float:
        return above / below if below != 0 else math.nan

    one = ratio(between - within, between + (k - 1) * within)
    two = ratio(between - error, between + (k - 1) * error + k * (rater - error) / n)
    three = ratio(between - error, between + (k - 1) * error)
    mean1, mean3 = ratio(between - within, between), ratio(between - error, between)
    mean2 = ratio(between - error, between + (rater - error) / n)
    f1, f3 = ratio(between, within), ratio(between, error)

    def consistent(f: float, df2: int) -> tuple[float, float]:
        return f / fdtri(d1, df2, tail), f * fdtri(df2, d1, tail)

    low1, high1 = consistent(f1, dw)
    low3, high3 = consistent(f3, de)
    low2, high2 = _absolute(two, between, rater, error, n, k, tail)
    rows = [
        ("ICC1", one, (low1 - 1) / (low1 + k - 1), (high1 - 1) / (high1 + k - 1), f1, dw),
        ("ICC2", two, low2, high2, f3, de),
        ("ICC3", three, (low3 - 1) / (low3 + k - 1), (high3 - 1) / (high3 + k - 1), f3, de),
        ("ICC1k", mean1, 1 - 1 / low1, 1 - 1 / high1, f1, dw),
        ("ICC2k", mean2, _stepped(low2, k), _stepped(high2, k), f3, de),
        ("ICC3k", mean3, 1 - 1 / low3, 1 - 1 / high3, f3, de),
    ]
    return pd.DataFrame(
        {
            "type": name,
            "estimate": value,
            "ci_low": low,
            "ci_high": high,
            "f": f,
            "df1": d1,
            "df2": df2,
            "p": float(fdtrc(d1, df2, f)) if math.isfinite(f) else math.nan,
            "n": n,
            "raters": k,
            "method": "Shrout-Fleiss, F interval",
        }
        for name, value, low, high, f, df2 in rows
    )


def _absolute(
    icc: float, between: float, rater: float, error: float, n: int, k: int, tail: float
) -> tuple[float, float]:
    """Return the interval of ICC2, with Satterthwaite's degrees of freedom."""
    if not math.isfinite(icc) or error == 0:
        return math.nan, math.nan
    f = rater / error
    a = k * icc * f + n * (1 + (k - 1) * icc) - k * icc
    df = (k - 1) * (n - 1) * a**2
    df /= (n - 1) * k**2 * icc**2 * f**2 + (n * (1 + (k - 1) * icc) - k * icc) ** 2
    upper, lower = fdtri(n - 1, df, tail), fdtri(df, n - 1, tail)
    rest = k * rater + (k * n - k - n) * error
    low = n * (between - upper * error) / (upper * rest + n * between)
    high = n * (lower * between - error) / (rest + n * lower * between)
    return float(low), float(high)


def _stepped(icc: float, k: int) -> float:
    return icc * k / (1 + icc * (k - 1))


def concordance(first: ArrayLike, second: ArrayLike, level: float = 0.95) -> Estimate:
    r"""Return Lin's concordance correlation coefficient.

    .. math:: \frac{2 s_{xy}}{s_x^2 + s_y^2 + (\bar x - \bar y)^2}

    with variances over n. The interval is on Fisher's scale with Lin's variance.

    References
    ----------
    Lin LI. Biometrics 1989;45:255-268; corrected 2000;56:324-325.

    Examples
    --------
    >>> e = concordance([1, 2, 3, 4, 5], [1.2, 2.1, 3.3, 3.9, 5.4])
    >>> round(e.value, 4), round(e.low, 4)
    (0.985, 0.8878)
    """
    x, y = check_1d(first, "first"), check_1d(second, "second")
    n = check_same_length(first=x, second=y)
    method = "Lin's concordance, Fisher's transformation"
    sx, sy = float(x.var()), float(y.var())
    both = float(((x - x.mean()) * (y - y.mean())).mean())
    gap = float(x.mean() - y.mean())
    below = sx + sy + gap**2
    if below == 0:
        return Estimate(math.nan, math.nan, math.nan, method, "not defined: no spread")
    value = 2 * both / below
    if n < 4 or sx == 0 or sy == 0 or abs(value) >= 1 or value == 0:
        return Estimate(value, math.nan, math.nan, method, "no interval")
    r = both / math.sqrt(sx * sy)
    u = gap / (sx * sy) ** 0.25
    square, c2 = r**2, value**2
    spread = (1 - square) * c2 / ((1 - c2) * square)
    spread += 2 * value**3 * (1 - value) * u**2 / (r * (1 - c2) ** 2)
    spread -= value**4 * u**4 / (2 * square * (1 - c2) ** 2)
    half = z_value(level) * math.sqrt(max(0.0, spread) / (n - 2))
    centre = math.atanh(value)
    return Estimate(value, math.tanh(centre - half), math.tanh(centre + half), method)


def bland_altman(
    first: ArrayLike, second: ArrayLike, level: float = 0.95, share: float = 0.95
) -> pd.DataFrame:
    r"""Return the mean difference and the limits of agreement, with intervals.

    .. math:: \bar d \pm z_{share} s, \quad
              se(\bar d) = \frac{s}{\sqrt n}, \quad
              se(limit) = s\sqrt{\frac{1}{n} + \frac{z_{share}^2}{2(n-1)}}

    with t quantiles of n - 1 degrees of freedom.

    Parameters
    ----------
    first, second : array-like
        Two measurements of the same cases; one pair for each patient.
    level : float
        Of the intervals.
    share : float
        Share of differences that the limits should hold.

    Returns
    -------
    DataFrame
        ``metric, estimate, ci_low, ci_high, n, note`` for ``bias``, ``lower_limit`` and
        ``upper_limit``, first minus second. `note` says so when differences grow with the size
        of the measurement (Spearman's p below 0.05, at least 10 cases): plain limits then mislead.

    References
    ----------
    Bland JM, Altman DG. Lancet 1986;327:307-310; Stat Methods Med Res 1999;8:135-160.

    Examples
    --------
    >>> frame = bland_altman([1, 2, 3, 4, 5], [1.2, 2.1, 3.3, 3.9, 5.4])
    >>> frame[["metric", "estimate", "ci_low", "ci_high"]].round(3)
            metric  estimate  ci_low  ci_high
    0         bias    -0.180  -0.419    0.059
    1  lower_limit    -0.557  -0.997   -0.117
    2  upper_limit     0.197  -0.243    0.637
    """
    from scipy.stats import spearmanr

    x, y = check_1d(first, "first"), check_1d(second, "second")
    n = check_same_length(first=x, second=y)
    z_value(level)
    if n < 3 or not 0 < share < 1:
        raise UsageError("limits of agreement need three cases and a share below 1", found=str(n))
    gap, size = x - y, (x + y) / 2
    bias, spread = float(gap.mean()), float(gap.std(ddof=1))
    z = float(ndtri((1 + share) / 2))
    t = float(stdtrit(n - 1, (1 + level) / 2))
    narrow = t * spread / math.sqrt(n)
    wide = t * spread * math.sqrt(1 / n + z**2 / (2 * (n - 1)))
    note = ""
    if np.ptp(size) > 0 and np.ptp(gap) > 0 and n >= 10:
        for what, values in (("differences", gap), ("their spread", np.abs(gap - bias))):
            if np.ptp(values) > 0 and spearmanr(size, values).pvalue < 0.05:
                note = f"{what} changes with the size: limits on a log or ratio scale fit better"
    rows = [
        ("bias", bias, narrow),
        ("lower_limit", bias - z * spread, wide),
        ("upper_limit", bias + z * spread, wide),
    ]
    return pd.DataFrame(
        {
            "metric": name,
            "estimate": value,
            "ci_low": value - half,
            "ci_high": value + half,
            "n": n,
            "note": note,
        }
        for name, value, half in rows
    )
