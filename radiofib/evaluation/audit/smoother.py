"""A quick learner whose predictions are linear in the labels, so that many shuffles cost little.

Negative controls need a null distribution: what the same folds and the same learner reach when
labels are shuffled between patients. Kernel ridge regression predicts ``S y`` with a matrix S
that the labels do not enter, so a thousand shuffles are one product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.stats import pearson3, rankdata

from radiofib.errors import UsageError
from radiofib.evaluation.splits import Split
from radiofib.stats import Estimate, percentile_interval, resample_weights, weighted_pairs

__all__ = ["FoldSmoother", "FoldTest", "against_shuffles", "similarity"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
#: Ridge penalty, in units of the similarity of a row with itself.
_RIDGE = 1.0
#: Widths of the Gaussian kernels, as shares of the median squared distance.
_WIDTHS = (1.0, 0.1)
#: Scores of rows that are alike differ by rounding alone: digits kept before ranks are taken.
_DIGITS = 9
#: Shuffles behind a p value, at least.
_SHUFFLES = 4000
#: With fewer on one side the tail is not trusted: chances below the limit are counted in many
#: more shuffles (two alike rows among five make the null of the narrow kernel long).
_RARE, _RARE_LIMIT, _RARE_SHUFFLES = 20, 1e-3, 200_000


def similarity(X: FloatArray) -> FloatArray:
    """Return how alike rows are: the mean of a linear and two Gaussian kernels.

    Columns are standardised (missing values stand at the mean, constant columns are left out).
    With d the Euclidean distance and m the median of the squared distances that are not zero,
    the kernels are ``z z' / c`` (c makes its mean diagonal 1), ``exp(-d^2 / m)`` and
    ``exp(-d^2 / (m / 10))``; the narrow one sees steps and blocks that a line cannot.

    Parameters
    ----------
    X : ndarray of shape (n, p)
        Missing values are NaN.

    Returns
    -------
    ndarray of shape (n, n)

    Examples
    --------
    >>> similarity(np.array([[0.0], [0.0], [1.0]])).round(2).tolist()[0]
    [0.83, 0.83, -0.21]
    """
    total: FloatArray = np.mean(_kernels(X), axis=0)
    return total


def _kernels(X: FloatArray) -> list[FloatArray]:
    """Return the linear kernel and the two Gaussian ones, the wide one first."""
    centre, spread = _moments(X)
    useful = spread > 0
    Z = np.where(np.isnan(X), 0.0, X - centre)[:, useful] / spread[useful]
    if Z.shape[1] == 0:
        return [np.zeros((len(X), len(X)))] * (1 + len(_WIDTHS))
    products = Z @ Z.T
    norms = np.diag(products)
    squared = np.maximum(norms[:, None] + norms[None, :] - 2 * products, 0.0)
    squared[squared < 1e-9 * max(float(norms.max()), 1e-300)] = 0.0
    away = squared[squared > 0]
    middle = float(np.median(away)) if away.size else 1.0
    kernels = [products / norms.mean()]
    kernels += [np.exp(-squared / (width * middle)) for width in _WIDTHS]
    return kernels


def _moments(X: FloatArray) -> tuple[FloatArray, FloatArray]:
    known = ~np.isnan(X)
    count = np.maximum(known.sum(axis=0), 1)
    centre = np.where(known, X, 0.0).sum(axis=0) / count
    spread = np.sqrt((np.where(known, X - centre, 0.0) ** 2).sum(axis=0) / count)
    # A column of equal numbers has a spread of rounding alone.
    spread[spread <= 1e-12 * np.abs(centre)] = 0.0
    return centre, spread


class FoldSmoother:
    """Kernel ridge regression in fixed folds, prepared once for any number of label vectors.

    The prediction for the test rows of a fold is
    ``K[test, train] (K[train, train] + I)^-1 (y[train] - mean)``.

    Parameters
    ----------
    X : ndarray of shape (n, p)
    folds : sequence of Split
        Disjoint test rows.

    Examples
    --------
    >>> X = np.arange(8.0)[:, None]
    >>> halves = [np.arange(0, 8, 2), np.arange(1, 8, 2)]
    >>> folds = [Split("1", halves[1], halves[0]), Split("2", halves[0], halves[1])]
    >>> y = (X >= 4).astype(float)
    >>> (FoldSmoother(X, folds).predict(y)[:, 0] > 0).astype(int).tolist()
    [0, 0, 0, 0, 1, 1, 1, 1]
    """

    def __init__(self, X: FloatArray, folds: Sequence[Split]) -> None:
        self.kernels = tuple(_kernels(X))
        kernel = np.mean(self.kernels, axis=0)
        self.folds = tuple(folds)
        self._parts: list[FloatArray] = []
        for split in self.folds:
            inner = kernel[np.ix_(split.train, split.train)] + _RIDGE * np.eye(len(split.train))
            factor = cho_factor(inner, lower=True, overwrite_a=True, check_finite=False)
            outer = kernel[np.ix_(split.train, split.test)]
            self._parts.append(cho_solve(factor, outer, check_finite=False).T)

    def predict(self, labels: FloatArray) -> FloatArray:
        """Return predictions of the same shape as `labels` (n, m); rows never tested are NaN."""
        result = np.full(labels.shape, np.nan)
        for split, part in zip(self.folds, self._parts, strict=True):
            known = labels[split.train]
            result[split.test] = part @ (known - known.mean(axis=0))
        return result

    def auc(self, labels: BoolArray) -> FloatArray:
        """Return, for each column of labels (n, m), the AUC within folds, averaged by pairs."""
        scores = np.round(self.predict(labels.astype(np.float64)), _DIGITS)
        right, pairs = np.zeros(labels.shape[1]), np.zeros(labels.shape[1])
        for split in self.folds:
            inside = labels[split.test]
            ranks = rankdata(scores[split.test], axis=0)
            m = inside.sum(axis=0)
            right += (ranks * inside).sum(axis=0) - m * (m + 1) / 2
            pairs += m * (len(split.test) - m)
        blank = np.full(pairs.shape, np.nan)
        result: FloatArray = np.divide(right, pairs, out=blank, where=pairs > 0)
        return result


@dataclass(frozen=True)
class FoldTest:
    """An AUC through folds beside what shuffled labels reach in the same folds.

    Parameters
    ----------
    estimate : Estimate
        AUC, averaged over folds by pairs, with the bootstrap interval over patients.
    null_mean, null_sd : float
        Mean and standard deviation of the AUC of shuffled labels.
    null_low, null_high : float
        Their 2.5 and 97.5 % quantiles.
    p : float
        Chance that shuffled labels are as alike in rows that are alike, for the likeness that
        shows it best, corrected for the choice among three.
    """

    estimate: Estimate
    null_mean: float
    null_sd: float
    null_low: float
    null_high: float
    p: float


def against_shuffles(
    smoother: FoldSmoother,
    positive: BoolArray,
    *,
    strata: Sequence[object] | None = None,
    shuffles: int = 400,
    n_boot: int = 500,
    random_state: int = 0,
) -> FoldTest:
    r"""Test whether features tell a label, and how well through folds, against shuffled labels.

    The AUC through folds is the estimate. The p value is that of the kernel score test, which
    uses all patients at once and is far sharper than an AUC of folds (in which the direction of
    a useless feature is chosen anew and shared by all folds, so that their null is wide):

    .. math:: Q = r' K r, \quad r = y - \bar{y}

    with K one of the three kernels of :func:`similarity`. Its null is that of shuffled labels;
    the tail is that of a Pearson type III distribution with their mean, spread and skewness, and
    never less than the share of shuffles that reach Q. The smallest of the three p values, times
    three, is the answer: in the mean of the kernels the few wide directions of the linear one
    would drown groups that only the narrow one sees. Where fewer than 20 patients are on one
    side, a p value below 0.001 is counted in 200 000 shuffles. Labels are shuffled between
    patients, and only within `strata` when these are given, with :math:`\bar{y}` that of the
    stratum: what strata tell is then no finding.

    Parameters
    ----------
    smoother : FoldSmoother
        One row for each patient.
    positive : ndarray of bool, shape (n,)
    strata : sequence, optional
        Group of each row.
    shuffles, n_boot : int
    random_state : int

    References
    ----------
    Liu D et al. Biometrics 2007;63:1079-1088 (kernel score test). Josse J et al. Comput Stat Data
    Anal 2008;53:82-91 (Pearson type III for permuted quadratic forms).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(60) % 2 == 0
    >>> X = np.column_stack([2 * y + rng.normal(size=60), rng.normal(size=60)])
    >>> parts = np.arange(60) // 12
    >>> folds = [Split(str(k), np.flatnonzero(parts != k), np.flatnonzero(parts == k))
    ...          for k in range(5)]
    >>> found = against_shuffles(FoldSmoother(X, folds), y)
    >>> found.p < 0.001, against_shuffles(FoldSmoother(X[:, 1:], folds), y).p > 0.05
    (True, True)
    """
    if shuffles < 100:
        raise UsageError("too few shuffles", expected="at least 100", found=str(shuffles))
    groups = [np.arange(len(positive))] if strata is None else _members(strata)
    drawn = _drawn(
        positive.tobytes(), tuple(map(tuple, groups)), max(shuffles, _SHUFFLES), random_state
    )
    null = smoother.auc(drawn[:, :shuffles])
    null = null[np.isfinite(null)]
    value = float(smoother.auc(positive[:, None])[0])
    mean, spread = float(null.mean()), float(null.std(ddof=1))
    each = [_score_test(k, positive, drawn, groups, random_state) for k in smoother.kernels]
    p = min(1.0, len(each) * min(each))
    low, high = np.quantile(null, [0.025, 0.975])
    estimate = _interval(smoother, positive, value, n_boot, random_state)
    return FoldTest(estimate, mean, spread, float(low), float(high), p)


@lru_cache(maxsize=8)
def _drawn(
    labels: bytes, groups: tuple[tuple[int, ...], ...], count: int, random_state: int
) -> BoolArray:
    """Return shuffled labels, one column for each shuffle; the same for every control."""
    rng = np.random.default_rng(random_state)
    drawn = np.repeat(np.frombuffer(labels, dtype=np.bool_)[:, None], count, axis=1)
    for rows in map(list, groups):
        drawn[rows] = rng.permuted(drawn[rows], axis=0)
    drawn.flags.writeable = False
    return drawn


def _score_test(
    kernel: FloatArray,
    positive: BoolArray,
    drawn: BoolArray,
    groups: list[NDArray[np.intp]],
    random_state: int,
) -> float:
    # Centred once on both sides, the kernel gives residuals' Q for the labels as they are.
    centred = kernel.copy()
    for rows in groups:
        centred[rows] -= centred[rows].mean(axis=0)
    for rows in groups:
        centred[:, rows] -= centred[:, rows].mean(axis=1, keepdims=True)
    own = positive.astype(np.float64)
    found = float(own @ centred @ own)
    labels = drawn.astype(np.float32)
    products = centred.astype(np.float32) @ labels
    null = np.einsum("ij,ij->j", products, labels, dtype=np.float64)
    spread = float(null.std(ddof=1))
    if spread <= 1e-6 * max(1.0, abs(float(null.mean()))):
        return 1.0
    z, away = (found - null.mean()) / spread, (null - null.mean()) / spread
    tail = float(pearson3.sf(z, max(float((away**3).mean()), 1e-6)))
    above = int((null >= found - 1e-5 * abs(found)).sum())
    result: float = max(tail, above / (null.size + 1))
    rare = positive if 2 * positive.sum() <= positive.size else ~positive
    if rare.sum() < _RARE and result < _RARE_LIMIT:
        return max(result, _rare_test(centred, rare, groups, random_state))
    return result


def _rare_test(
    centred: FloatArray, rare: BoolArray, groups: list[NDArray[np.intp]], random_state: int
) -> float:
    """Return the share of very many shuffles that reach Q, from the few labelled rows alone."""
    rng = np.random.default_rng(random_state)
    chosen = np.vstack([_choose(rows, int(rare[rows].sum()), rng) for rows in groups])
    n, flat, null = len(centred), centred.ravel(), np.zeros(_RARE_SHUFFLES)
    for i, row in enumerate(chosen):
        null += flat.take(row * (n + 1))
        for other in chosen[:i]:
            null += 2 * flat.take(row * n + other)
    found = float(centred[np.ix_(rare, rare)].sum())
    above = int((null >= found - 1e-9 * abs(found)).sum())
    return (above + 1) / (_RARE_SHUFFLES + 1)


def _choose(rows: NDArray[np.intp], count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Choose `count` of the rows without replacement, once for each shuffle (Floyd's way)."""
    places = np.empty((count, _RARE_SHUFFLES), dtype=np.intp)
    for k in range(count):
        last = rows.size - count + k
        drawn = rng.integers(0, last + 1, _RARE_SHUFFLES)
        taken = (places[:k] == drawn).any(axis=0)
        places[k] = np.where(taken, last, drawn)
    chosen: NDArray[np.intp] = rows[places]
    return chosen


def _members(strata: Sequence[object]) -> list[NDArray[np.intp]]:
    _, codes = np.unique([str(s) for s in strata], return_inverse=True)
    return [np.flatnonzero(codes == k) for k in range(codes.max() + 1)]


def _interval(
    smoother: FoldSmoother, positive: BoolArray, value: float, n_boot: int, random_state: int
) -> Estimate:
    """Resample patients within class and fold, their predictions as they are."""
    scores = np.round(smoother.predict(positive[:, None].astype(np.float64))[:, 0], _DIGITS)
    fold_of = np.full(len(positive), -1)
    for number, split in enumerate(smoother.folds):
        fold_of[split.test] = number
    kinds = [f"{f}:{y}" for f, y in zip(fold_of, positive, strict=True)]
    weights = resample_weights(kinds, n_boot, random_state)
    right, pairs = np.zeros(n_boot), np.zeros(n_boot)
    for split in smoother.folds:
        inside = positive[split.test]
        if inside.any() and not inside.all():
            found = weighted_pairs(inside, scores[split.test], weights[:, split.test])
            right, pairs = right + found[0], pairs + found[1]
    method = f"AUC within folds; {n_boot} bootstraps of patients"
    blank = np.full(n_boot, np.nan)
    drawn = np.divide(right, pairs, out=blank, where=pairs > 0)
    return percentile_interval(value, drawn, 0.95, method)
