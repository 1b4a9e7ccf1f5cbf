"""Missing channels predicted from those that are there, shrunk towards the column means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from radiofib.staging.blocks import Blocks, fill_scattered
from radiofib.staging.columns import column_deviations, column_means, column_medians
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.steps import Step

__all__ = ["BlockRegression", "Scores", "ridge_by_gcv", "ridge_em"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

#: Penalties tried, as multiples of the mean variance of the predictors; beyond them is no slope.
_PENALTIES = np.logspace(-4, 4, 41)


@dataclass(frozen=True, eq=False)
class Scores:
    """Mean and covariance of scores of channels, and which score is of which channel.

    Parameters
    ----------
    mean : ndarray of shape (q,)
    covariance : ndarray of shape (q, q)
    channel : ndarray of int, shape (q,)
        Number of the channel of each score.
    rows : ndarray of int, shape (n_channels,)
        Training rows that had the channel.
    """

    mean: FloatArray
    covariance: FloatArray
    channel: NDArray[np.intp]
    rows: NDArray[np.intp]

    def slopes(self, present: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Return slopes of missing scores on those of present channels, and what is left.

        Parameters
        ----------
        present : ndarray of bool, shape (n_channels,)

        Returns
        -------
        slopes : ndarray of shape (q present, q missing)
        left : ndarray of shape (q missing, q missing)
            Covariance of the missing scores around their prediction.
        """
        here = present[self.channel]
        known, cross = self.covariance[np.ix_(here, here)], self.covariance[np.ix_(here, ~here)]
        whole = self.covariance[np.ix_(~here, ~here)]
        if not here.any():
            return cross, whole
        found = np.zeros(cross.shape)
        sizes, turned = np.linalg.eigh(known)
        sizes, along = np.maximum(sizes, 0.0), turned.T @ cross
        most = int(self.rows[present].min())
        target = self.channel[~here]
        for channel in np.unique(target).tolist():
            own = target == channel
            n = min(most, int(self.rows[channel]))
            penalty = ridge_by_gcv(
                sizes, along[:, own], float(np.trace(whole[np.ix_(own, own)])), n
            )
            found[:, own] = turned @ (along[:, own] / (sizes + penalty)[:, None])
        left = whole - found.T @ cross - cross.T @ found + found.T @ known @ found
        return found, left


def ridge_by_gcv(sizes: FloatArray, along: FloatArray, total: float, n: int) -> float:
    r"""Return the ridge penalty with the least generalised cross-validation error.

    With eigenvalues :math:`d_j` of the predictors' covariance and covariances :math:`f_{jk}` of
    their principal scores with the targets, the mean squared error is
    :math:`R(\lambda) = T - \sum_{jk} f_{jk}^2 (d_j + 2\lambda) / (d_j + \lambda)^2`, the degrees
    of freedom with the mean are :math:`1 + \sum_j d_j / (d_j + \lambda)`, and

    .. math:: \mathrm{GCV}(\lambda) = \frac{R(\lambda)}{(1 - \mathrm{df}(\lambda) / n)^2}.

    Parameters
    ----------
    sizes : ndarray of shape (q,)
        Eigenvalues d.
    along : ndarray of shape (q, m)
        Covariances f.
    total : float
        Sum T of the targets' variances.
    n : int
        Rows from which the covariances come.

    Returns
    -------
    float
        Infinity when no slopes predict better than some do.

    References
    ----------
    Golub GH, Heath M, Wahba G. Technometrics 1979;21:215-223.

    Examples
    --------
    >>> ridge_by_gcv(np.array([1.0]), np.array([[0.05]]), 1.0, 100)
    inf
    >>> ridge_by_gcv(np.array([1.0]), np.array([[0.9]]), 1.0, 100) < 0.1
    True
    """
    squares = (along**2).sum(axis=1)
    unit = float(sizes.mean())
    if n < 3 or unit <= 0 or total <= 0:
        return np.inf
    penalties = unit * _PENALTIES
    ratio = sizes / (sizes + penalties[:, None])
    gain = (squares * (sizes + 2 * penalties[:, None]) / (sizes + penalties[:, None]) ** 2).sum(
        axis=1
    )
    free = 1 - (1 + ratio.sum(axis=1)) / n
    error = np.full(penalties.size + 1, np.inf)
    usable = free > 1 / n
    error[:-1][usable] = np.maximum(total - gain[usable], 0.0) / free[usable] ** 2
    error[-1] = total / (1 - 1 / n) ** 2
    # The larger penalty of equals.
    best = penalties.size - int(np.argmin(error[::-1]))
    return np.inf if best == penalties.size else float(penalties[best])


def ridge_em(
    scores: FloatArray,
    present: BoolArray,
    channel: NDArray[np.intp],
    *,
    max_iter: int = 20,
    tol: float = 1e-3,
) -> tuple[Scores, int]:
    """Estimate mean and covariance of scores from rows that lack channels.

    Regularised expectation maximisation (Schneider 2001): missing scores take their ridge
    prediction from the present ones, mean and covariance are taken of all rows with the
    covariance around the prediction added, and so on until the filled values change by less than
    `tol` of their size.

    Parameters
    ----------
    scores : ndarray of shape (n, q)
        Values of channels that are missing are not looked at.
    present : ndarray of bool, shape (n, n_channels)
    channel : ndarray of int, shape (q,)
    max_iter : int
    tol : float

    Returns
    -------
    scores : Scores
    n_iter : int

    References
    ----------
    Schneider T. J Climate 2001;14:853-871.

    Examples
    --------
    >>> x = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0], [4.0, 8.0], [5.0, 0.0]])
    >>> here = np.array([[True, True]] * 4 + [[True, False]])
    >>> found, _ = ridge_em(x, here, np.array([0, 1]), max_iter=50, tol=1e-6)
    >>> found.mean.round(1).tolist()
    [3.0, 6.0]
    """
    gone = ~present[:, channel]
    rows = present.sum(axis=0)
    filled = np.where(gone, 0.0, scores)
    counts = np.maximum((~gone).sum(axis=0), 1)
    filled = np.where(gone, filled.sum(axis=0) / counts, filled)
    patterns, of_row = np.unique(present, axis=0, return_inverse=True)
    extra = np.zeros((channel.size, channel.size))
    found = _moments(filled, extra, channel, rows)
    n_iter = 0
    while n_iter < max_iter:
        n_iter += 1
        before = filled.copy()
        extra = np.zeros_like(extra)
        for k, pattern in enumerate(patterns):
            here = pattern[channel]
            if here.all():
                continue
            own = np.flatnonzero(of_row.ravel() == k)
            slopes, left = found.slopes(pattern)
            predicted = (filled[np.ix_(own, here)] - found.mean[here]) @ slopes
            filled[np.ix_(own, ~here)] = found.mean[~here] + predicted
            extra[np.ix_(~here, ~here)] += own.size * left
        found = _moments(filled, extra, channel, rows)
        moved = np.sum((filled - before)[gone] ** 2)
        if moved <= tol**2 * np.sum(filled[gone] ** 2):
            break
    return found, n_iter


def _moments(
    filled: FloatArray, extra: FloatArray, channel: NDArray[np.intp], rows: NDArray[np.intp]
) -> Scores:
    mean = filled.mean(axis=0)
    left = filled - mean
    return Scores(mean, (left.T @ left + extra) / len(filled), channel, rows)


class BlockRegression(Step):
    """A missing block takes its ridge regression on the blocks that are there.

    Columns are standardised, channel by channel turned into principal scores, and mean and
    covariance of the scores of all channels estimated from all training rows, those that lack
    channels included. Whatever set of channels a row lacks, these give the regression of the
    missing ones on the present ones; its penalty is chosen for each missing channel by
    generalised cross-validation (closed-form, no refit), and is infinite, so that the column
    means are left, where nothing predicts. A row without any channel takes the means. A value
    that is missing in a block that is there takes the median of its column.

    The stage is not looked at. What is filled in is a prediction: it varies less than the channel
    itself.

    Parameters
    ----------
    n_components : int
        Most principal scores of a channel. With as many as a channel has columns the regression
        is that on the columns themselves.
    max_iter : int
        Most iterations over rows that lack channels.
    tol : float
        Relative change at which they stop.

    Attributes
    ----------
    median_, mean_, deviation_ : ndarray of shape (n_features,)
        Of the training rows that have the value; the deviation is 1 for a constant column.
    loadings_ : list of ndarray of shape (columns of the channel, scores of the channel)
    channel_ : ndarray of int
        Channel of each score.
    rows_ : ndarray of int
        Training rows that had each channel.
    score_mean_, score_covariance_ : ndarray
    n_iter_ : int

    References
    ----------
    Schneider T. J Climate 2001;14:853-871.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> z = rng.normal(size=(200, 1))
    >>> values = np.hstack([z + 0.1 * rng.normal(size=(200, 3)), 2 * z + 5])
    >>> X = pd.DataFrame(values, columns=["t1_a", "t1_b", "t1_c", "dwi_a"])
    >>> X.loc[:39, "dwi_a"] = np.nan
    >>> filled = BlockRegression().fit_transform(X)
    >>> bool(np.abs(filled["dwi_a"] - values[:, 3])[:40].max() < 0.5)
    True
    """

    def __init__(self, n_components: int = 20, *, max_iter: int = 20, tol: float = 1e-3) -> None:
        self.n_components = n_components
        self.max_iter = max_iter
        self.tol = tol

    def _learn(
        self,
        frame: pd.DataFrame,
        y: NDArray[Any] | None,  # noqa: ARG002  not looked at
        context: pd.DataFrame,  # noqa: ARG002
    ) -> None:
        if self.n_components < 1:
            raise StagerInputError("n_components must be 1 or more", found=str(self.n_components))
        values = frame.to_numpy()
        blocks = Blocks.of(list(frame.columns))
        present = blocks.present(values)
        self.median_ = column_medians(values, 0.0)
        filled = fill_scattered(values, blocks.spread(~present), self.median_)
        self.mean_ = column_means(filled, 0.0)
        deviation = column_deviations(filled, self.mean_)
        self.deviation_ = np.where(deviation > 0, deviation, 1.0)
        standard = (filled - self.mean_) / self.deviation_
        with threadpool_limits(limits=1):
            self.loadings_ = [
                _loadings(standard[np.ix_(present[:, k], place)], self.n_components)
                for k, place in enumerate(blocks.places)
            ]
            self.channel_ = np.repeat(
                np.arange(len(blocks.names)), [load.shape[1] for load in self.loadings_]
            )
            found, self.n_iter_ = ridge_em(
                self._scores(standard, blocks, present),
                present,
                self.channel_,
                max_iter=self.max_iter,
                tol=self.tol,
            )
        self.rows_ = found.rows
        self.score_mean_, self.score_covariance_ = found.mean, found.covariance

    def _apply(self, frame: pd.DataFrame, context: pd.DataFrame) -> pd.DataFrame:  # noqa: ARG002
        values = frame.to_numpy()
        if not np.isnan(values).any():
            return frame
        blocks = Blocks.of(list(frame.columns))
        present = blocks.present(values)
        filled = fill_scattered(values, blocks.spread(~present), self.median_)
        known = Scores(self.score_mean_, self.score_covariance_, self.channel_, self.rows_)
        patterns, of_row = np.unique(present, axis=0, return_inverse=True)
        with threadpool_limits(limits=1):
            for k, pattern in enumerate(patterns):
                if not pattern.all():
                    own = np.flatnonzero(of_row.ravel() == k)
                    filled[own] = self._completed(filled[own], blocks, pattern, known)
        return pd.DataFrame(filled, columns=frame.columns)

    def _completed(
        self, rows: FloatArray, blocks: Blocks, pattern: BoolArray, known: Scores
    ) -> FloatArray:
        """Return rows that all have the same channels with the other ones filled in."""
        here = pattern[self.channel_]
        standard = (rows - self.mean_) / self.deviation_
        scores = self._scores(standard, blocks, np.tile(pattern, (len(rows), 1)))
        slopes, _ = known.slopes(pattern)
        predicted = known.mean[~here] + (scores[:, here] - known.mean[here]) @ slopes
        scores[:, ~here] = predicted
        for k in np.flatnonzero(~pattern).tolist():
            place = blocks.places[k]
            guess = scores[:, self.channel_ == k] @ self.loadings_[k].T
            rows[:, place] = self.mean_[place] + self.deviation_[place] * guess
        return rows

    def _scores(self, standard: FloatArray, blocks: Blocks, present: BoolArray) -> FloatArray:
        """Return principal scores, 0 where the channel is missing."""
        scores = np.zeros((len(standard), self.channel_.size))
        for k, (place, load) in enumerate(zip(blocks.places, self.loadings_, strict=True)):
            own = np.flatnonzero(present[:, k])
            scores[np.ix_(own, self.channel_ == k)] = standard[np.ix_(own, place)] @ load
        return scores


def _loadings(standard: FloatArray, most: int) -> FloatArray:
    """Return the directions of the largest variance, columns of shape (p, at most `most`)."""
    n, p = standard.shape
    if n < 2:
        return np.zeros((p, 0))
    if p <= n:
        sizes, turned = np.linalg.eigh(standard.T @ standard)
        kept = sizes > 1e-10 * max(float(sizes.max()), 1e-300)
        found = turned[:, kept][:, ::-1][:, :most]
    else:
        sizes, left = np.linalg.eigh(standard @ standard.T)
        kept = sizes > 1e-10 * max(float(sizes.max()), 1e-300)
        scale = np.sqrt(sizes[kept])[::-1][:most]
        found = standard.T @ (left[:, kept][:, ::-1][:, :most] / scale)
    # The sign of a direction is arbitrary; fix it, or two machines could differ.
    top = found[np.abs(found).argmax(axis=0), np.arange(found.shape[1])]
    signed: FloatArray = found * np.where(top < 0, -1.0, 1.0)
    return signed
