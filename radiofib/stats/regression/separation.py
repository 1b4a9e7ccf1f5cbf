"""Separation: a combination of terms parts the outcomes, so no finite estimate exists."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiofib._checks import check_same_length
from radiofib.stats.estimate import check_codes
from radiofib.stats.regression._design import Scaling

__all__ = ["separated"]

FloatArray = NDArray[np.float64]


def separated(X: ArrayLike, y: ArrayLike, n_levels: int = 2) -> bool:
    r"""Tell whether the levels are (quasi-)completely separated by the terms.

    Maximum likelihood estimates are infinite exactly when a direction of thresholds
    :math:`t_1, \ldots, t_{K-1}` and slopes b exists with :math:`t_{y_i} - x_i b \ge 0` and
    :math:`t_{y_i - 1} - x_i b \le 0` for every case and not all of them zero. A linear program
    looks for it.

    Parameters
    ----------
    X : array-like of shape (n, n_terms)
        Terms, without an intercept.
    y : array-like
        Codes 0 ... n_levels - 1.
    n_levels : int
        Number of levels.

    References
    ----------
    Albert A, Anderson JA. Biometrika 1984;71:1-10. Konis K. Linear programming algorithms for
    detecting separated data in binary logistic regression models. DPhil, Oxford 2007.

    Examples
    --------
    >>> separated([[1.0], [2.0], [3.0], [4.0]], [0, 0, 1, 1])
    True
    >>> separated([[1.0], [3.0], [2.0], [4.0]], [0, 0, 1, 1])
    False
    """
    from scipy.optimize import linprog

    raw = np.asarray(X, dtype=np.float64)
    codes = check_codes(y, n_levels)
    check_same_length(X=raw, y=codes)
    if raw.shape[1] == 0:
        return False
    matrix = Scaling.of(raw).apply(raw)
    if _one_column_parts(matrix, codes):
        return True
    cuts = n_levels - 1
    rows = []
    for low, sign in ((0, 1.0), (1, -1.0)):
        inside = codes < cuts if low == 0 else codes > 0
        place = np.zeros((int(inside.sum()), cuts))
        place[np.arange(len(place)), codes[inside] - low] = 1.0
        rows.append(sign * np.hstack([place, -matrix[inside]]))
    constraints = np.vstack(rows)
    # HiGHS works to 1e-7; a margin above that is a direction and not rounding.
    answer = linprog(
        -constraints.sum(axis=0),
        A_ub=-constraints,
        b_ub=np.zeros(len(constraints)),
        bounds=[(-1.0, 1.0)] * constraints.shape[1],
        method="highs",
    )
    return bool(answer.status == 0 and -answer.fun > 1e-5)


def _one_column_parts(matrix: FloatArray, codes: NDArray[np.intp]) -> bool:
    """Tell whether a single column orders all cases by level: the common case, and quick."""
    levels = np.unique(codes)
    low = np.array([matrix[codes == k].min(axis=0) for k in levels])
    high = np.array([matrix[codes == k].max(axis=0) for k in levels])
    rising = (high[:-1] <= low[1:]).all(axis=0)
    falling = (low[:-1] >= high[1:]).all(axis=0)
    varies = matrix.max(axis=0) > matrix.min(axis=0)
    return bool(((rising | falling) & varies).any())
