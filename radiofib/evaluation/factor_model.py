"""A linear model of scores over design factors whose effects differ from fold to fold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from radiofib._checks import check_same_length
from radiofib.errors import UsageError

__all__ = ["FactorModel", "Term", "factor_columns", "fit_factor_model"]

FloatArray = NDArray[np.float64]
_TOLERANCE = 1e-8
_RANDOM = "mixed model: factors fixed, fold and effect by fold random"


@dataclass(frozen=True)
class Term:
    """The difference between a level and the reference level of its factor.

    Parameters
    ----------
    factor, level : str
    estimate : float
        Mean over folds; NaN when it cannot be told apart.
    se, low, high, df, p : float
        NaN when there is no interval.
    fold_sd : float
        Standard deviation of the difference between folds.
    note : str
    """

    factor: str
    level: str
    estimate: float
    se: float
    low: float
    high: float
    df: float
    p: float
    fold_sd: float
    note: str


@dataclass(frozen=True, eq=False)
class FactorModel:
    """Differences between levels, and how the intervals were made.

    Parameters
    ----------
    terms : tuple of Term
        One for each level but the reference.
    method : str
    explained : float
        Share of the variance between combinations, averaged over folds, that main effects
        explain; the rest is interaction. NaN where combinations do not differ.
    folds : int
        Folds that were used.
    """

    terms: tuple[Term, ...]
    method: str
    explained: float
    folds: int


def factor_columns(
    factors: Mapping[str, Sequence[str]], levels: Mapping[str, Sequence[str]]
) -> tuple[FloatArray, list[tuple[str, str]]]:
    """Return a column of 0 and 1 for each level but the first of its factor, after a constant.

    Parameters
    ----------
    factors : mapping of factor to levels
        The reference first.
    levels : mapping of factor to sequence of shape (n_runs,)
        Level of each run.

    Examples
    --------
    >>> columns, names = factor_columns({"a": ["x", "y"]}, {"a": ["x", "y", "y"]})
    >>> columns.tolist(), names
    ([[1.0, 0.0], [1.0, 1.0], [1.0, 1.0]], [('a', 'y')])
    """
    n_runs = check_same_length(**{str(k): list(v) for k, v in levels.items()})
    columns, names = [np.ones(n_runs)], []
    for factor, known in factors.items():
        given = np.asarray(list(levels[factor]), dtype=str)
        for level in list(known)[1:]:
            columns.append((given == level).astype(np.float64))
            names.append((factor, str(level)))
    return np.column_stack(columns), names


def fit_factor_model(
    factors: Mapping[str, Sequence[str]],
    levels: Mapping[str, Sequence[str]],
    scores: FloatArray,
    *,
    overlap: float = 0.0,
    level: float = 0.95,
) -> FactorModel:
    r"""Fit scores of combinations in folds by main effects that differ between folds.

    .. math:: y_{rk} = x_r (\beta + b_k) + e_{rk}, \quad b_k \sim (0, D), \; e_{rk} \sim (0, s^2)

    for combination r in fold k. Every fold has the same combinations, so the generalised least
    squares estimate of :math:`\beta` is the mean of the folds' own least squares estimates
    :math:`\hat\beta_k` (Swamy), and with S the covariance of these its variance is

    .. math:: \Big(\frac1K + q\Big) S, \quad K - 1 \text{ degrees of freedom}.

    The share q of test to training cases corrects for training sets that overlap, without
    which differences between models are found that are not there (Nadeau and Bengio). Because
    all combinations are judged on the same cases, effects that are averaged over many of them
    are no surer for it: fold by fold they share the luck of the draw. A model with a random
    intercept of the fold alone would take them for independent.

    Parameters
    ----------
    factors : mapping of factor to levels
        The reference first.
    levels : mapping of factor to sequence of shape (n_runs,)
    scores : ndarray of shape (n_runs, n_folds)
        Folds in which a score is missing are left out.
    overlap : float
        The share q; 0 for independent folds.
    level : float
        Confidence level.

    Returns
    -------
    FactorModel
        A level that the runs cannot tell from others has no estimate; with one fold, or no
        spread between folds, there is no interval; `note` and `method` say so.

    References
    ----------
    Swamy PAVB. Econometrica 1970;38:311-323. Nadeau C, Bengio Y. Mach Learn 2003;52:239-281.

    Examples
    --------
    >>> scores = np.array([[0.70, 0.72, 0.68], [0.75, 0.80, 0.72]])
    >>> model = fit_factor_model({"a": ["x", "y"]}, {"a": ["x", "y"]}, scores)
    >>> term = model.terms[0]
    >>> round(term.estimate, 4), round(term.low, 4), round(term.high, 4)
    (0.0567, 0.005, 0.1084)
    """
    columns, names = factor_columns(factors, levels)
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or len(table) != len(columns):
        raise UsageError(
            "scores need one row for each combination",
            expected=f"{len(columns)} rows",
            found=str(table.shape),
        )
    table = table[:, np.isfinite(table).all(axis=0)]
    folds = table.shape[1]
    inverse = np.asarray(np.linalg.pinv(columns), dtype=np.float64)
    # A coefficient can be told from the others when its unit vector is in the row space.
    known = np.abs(inverse @ columns - np.eye(columns.shape[1])).max(axis=1) < _TOLERANCE
    by_fold = inverse @ table
    terms = [
        _term(name, by_fold[k + 1], bool(known[k + 1]), overlap, level)
        for k, name in enumerate(names)
    ]
    method = _RANDOM
    if overlap > 0:
        method += f"; overlap of training sets {overlap:.3g}"
    if folds < 2:
        method = f"{'one fold' if folds else 'no fold with all scores'}: no interval"
    elif not known.all():
        method += "; singular: some levels cannot be told apart"
    return FactorModel(tuple(terms), method, _explained(columns, inverse, table), folds)


def _term(
    name: tuple[str, str], values: FloatArray, known: bool, overlap: float, level: float
) -> Term:
    """Return the mean of a difference over folds with its interval."""
    nothing = (math.nan,) * 5
    if not known:
        note = "cannot be told from other levels in the combinations that are there"
        return Term(*name, math.nan, *nothing, math.nan, note)
    folds = values.size
    if folds < 2:
        return Term(*name, float(values[0]) if folds else math.nan, *nothing, math.nan, "")
    mean, spread = float(values.mean()), float(values.std(ddof=1))
    if spread < 1e-12:
        if abs(mean) < 1e-12:
            return Term(*name, 0.0, 0.0, 0.0, 0.0, folds - 1.0, 1.0, 0.0, "changes no score")
        return Term(*name, mean, *nothing, 0.0, "no spread between folds: no interval")
    se = spread * math.sqrt(1.0 / folds + overlap)
    df = folds - 1.0
    half = float(stdtrit(df, 0.5 + level / 2)) * se
    p = float(2.0 * stdtr(df, -abs(mean) / se))
    return Term(*name, mean, se, mean - half, mean + half, df, p, spread, "")


def _explained(columns: FloatArray, inverse: FloatArray, table: FloatArray) -> float:
    if not table.size:
        return math.nan
    mean = table.mean(axis=1)
    whole = float(((mean - mean.mean()) ** 2).sum())
    rest = float(((mean - columns @ (inverse @ mean)) ** 2).sum())
    return 1.0 - rest / whole if whole > 1e-20 else math.nan
