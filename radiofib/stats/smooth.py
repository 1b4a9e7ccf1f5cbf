"""Smoothers: Cleveland's local linear fit and the restricted cubic spline."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiofib._checks import check_1d, check_same_length
from radiofib.errors import UsageError

__all__ = ["lowess", "restricted_spline"]

FloatArray = NDArray[np.float64]


def lowess(x: ArrayLike, y: ArrayLike, fraction: float = 2 / 3) -> FloatArray:
    """Return Cleveland's local linear fit at each x, without robustness steps.

    Each fit takes the nearest `fraction` of the cases with tricube weights of their distance
    over the largest of these distances. Points closer than 1 % of the range of x to a fitted
    one are interpolated. The same as R's ``lowess(x, y, f = fraction, iter = 0)``; after one
    sort the cost is about a hundred fits whatever the number of cases.

    Parameters
    ----------
    x, y : array-like, shape (n,)
    fraction : float
        Share of cases in each local fit.

    References
    ----------
    Cleveland WS. J Am Stat Assoc 1979;74:829-836.

    Examples
    --------
    >>> lowess([1, 2, 3, 4, 5], [2, 4, 6, 8, 10]).round(6).tolist()
    [2.0, 4.0, 6.0, 8.0, 10.0]
    """
    if not 0 < fraction <= 1:
        raise UsageError("the share of cases must lie between 0 and 1", found=f"{fraction:g}")
    check_same_length(x=np.asarray(x), y=np.asarray(y))
    across, up = check_1d(x, "x"), check_1d(y, "y")
    order = np.argsort(across, kind="stable")
    across, up = across[order], up[order]
    n, span = across.size, float(across[-1] - across[0])
    size = min(n, max(2, int(fraction * n + 1e-7)))
    # Of the windows of `size` cases, the first whose farther end is on the right.
    ends = across[: n - size + 1] + across[size - 1 :]
    at, fits = [], []
    place = 0
    while True:
        here = float(across[place])
        start = int(np.searchsorted(ends, 2 * here))
        radius = min(
            max(here - across[s], across[s + size - 1] - here)
            for s in (start - 1, start)
            if 0 <= s <= n - size
        )
        at.append(here)
        fits.append(_local(across, up, here, float(radius), span))
        ties = int(np.searchsorted(across, across[place], side="right"))
        if ties >= n:
            break
        # The last point within the distance, or the next one when there is none.
        within = int(np.searchsorted(across, across[place] + 0.01 * span, side="right"))
        place = max(ties, within - 1)
    fitted = np.empty(n)
    fitted[order] = np.interp(across, at, fits)
    return fitted


def _local(x: FloatArray, y: FloatArray, at: float, radius: float, span: float) -> float:
    """Return the weighted linear fit of the cases within the radius at one point."""
    low = int(np.searchsorted(x, at - 0.999 * radius, side="left"))
    high = int(np.searchsorted(x, at + 0.999 * radius, side="right"))
    part, values = x[low:high], y[low:high]
    away = np.abs(part - at)
    share = away / radius if radius else away
    weight = 1 - share * share * share
    weight *= weight * weight
    weight[away <= 0.001 * radius] = 1.0
    weight /= weight.sum()
    centre = float(weight @ part)
    spread = float(weight @ (part - centre) ** 2)
    level = float(weight @ values)
    if spread <= (0.001 * span) ** 2:
        return level
    return level + float(weight @ ((part - centre) * values)) / spread * (at - centre)


def restricted_spline(x: ArrayLike, knots: ArrayLike) -> FloatArray:
    """Return the basis of a cubic spline that is linear beyond the outer knots.

    Column 0 is x, columns 1..k-2 the cubic terms of k knots, over the squared distance of the
    outer knots (as R's ``rms::rcs``).

    References
    ----------
    Harrell FE. Regression Modeling Strategies, 2nd ed., Springer 2015, section 2.4.5.

    Examples
    --------
    >>> restricted_spline([0.0, 1.0, 2.0], [0.0, 1.0, 2.0]).tolist()
    [[0.0, 0.0], [1.0, 0.25], [2.0, 1.5]]
    """
    values, t = check_1d(x, "x"), check_1d(knots, "knots")
    if t.size < 3 or np.any(np.diff(t) <= 0):
        raise UsageError("at least three rising knots are needed", found=str(t.tolist()))
    scale, last = (t[-1] - t[0]) ** 2, t[-1] - t[-2]

    def cube(at: float) -> FloatArray:
        risen: FloatArray = np.maximum(values - at, 0.0) ** 3
        return risen

    columns = [values]
    for at in t[:-2]:
        term = cube(at) - cube(t[-2]) * (t[-1] - at) / last + cube(t[-1]) * (t[-2] - at) / last
        columns.append(term / scale)
    return np.column_stack(columns)
