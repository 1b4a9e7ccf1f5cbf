"""Missing channels predicted from those that are there, shrunk towards the column means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from radiofib.staging.blocks import Blocks, fill_scattered
from radiofib.staging.columns import (
    column_deviations,
    column_means,
    column_medians,
    principal_directions,
)
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.steps import Step

__all__ = ["BlockRegression", "ChannelScores", "ridge_by_gcv"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

#: Penalties tried, as multiples of the mean variance of the predictors; beyond them is no slope.
_PENALTIES = np.logspace(-4, 4, 41)


@dataclass(frozen=True, eq=False)
class ChannelScores:
    """Scores of the channels of the training rows.

    Parameters
    ----------
    scores : ndarray of shape (n, q)
        0 where the channel is missing; of the rows that have it, every score has mean 0.
    present : ndarray of bool, shape (n, n_channels)
    channel : ndarray of int, shape (q,)
        Channel of each score.
    """

    scores: FloatArray
    present: BoolArray
    channel: NDArray[np.intp]

    def predict(self, new: FloatArray, known: BoolArray, target: int) -> FloatArray:
        """Return the ridge prediction of one channel's scores from those of other channels.

        It is learnt from the training rows that have the channel and all that predict it. Where
        few have all, leaving out the channel that is missing most often may be better than the
        loss of rows: of the sets of channels that come of leaving out one after the other, the
        one with the least generalised cross-validation error predicts.

        Parameters
        ----------
        new : ndarray of shape (m, q)
        known : ndarray of bool, shape (n_channels,)
            Channels that the new rows have.
        target : int

        Returns
        -------
        ndarray of shape (m, scores of the target)
            0, the means, where nothing predicts.
        """
        own = self.channel == target
        have = self.present[:, target]
        left, tried = known.copy(), 0
        best, found = 1.0, np.zeros((len(new), int(own.sum())))
        while left.any():
            rows = have & self.present[:, left].all(axis=1)
            if rows.sum() > tried:
                tried = int(rows.sum())
                here = left[self.channel]
                error, predicted = _regression(
                    self.scores[np.ix_(rows, here)], self.scores[np.ix_(rows, own)], new[:, here]
                )
                if error < best:
                    best, found = error, predicted
            # With all channels that are left, more rows than this cannot be had.
            if tried == have.sum():
                break
            seen = self.present[have].sum(axis=0)
            left[np.flatnonzero(left)[np.argmin(seen[left])]] = False
        return found


def _regression(x: FloatArray, y: FloatArray, new: FloatArray) -> tuple[float, FloatArray]:
    """Return the relative error of a ridge regression, and what it predicts."""
    n = len(x)
    x_mean, y_mean = x.mean(axis=0), y.mean(axis=0)
    left = x - x_mean
    sizes, turned = np.linalg.eigh(left.T @ left / n)
    sizes = np.maximum(sizes, 0.0)
    along = turned.T @ (left.T @ (y - y_mean) / n)
    penalty, error = ridge_by_gcv(sizes, along, float(((y - y_mean) ** 2).mean(axis=0).sum()), n)
    slopes = turned @ (along / (sizes + penalty)[:, None])
    return error, y_mean + (new - x_mean) @ slopes


def ridge_by_gcv(sizes: FloatArray, along: FloatArray, total: float, n: int) -> tuple[float, float]:
    r"""Return the ridge penalty with the least generalised cross-validation error, and the error.

    With eigenvalues :math:`d_j` of the predictors' covariance and covariances :math:`f_{jk}` of
    their principal scores with the targets, the mean squared error is
    :math:`R(\lambda) = T - \sum_{jk} f_{jk}^2 (d_j + 2\lambda) / (d_j + \lambda)^2`, the degrees
    of freedom with the mean are :math:`1 + \sum_j d_j / (d_j + \lambda)`, and

    .. math:: \mathrm{GCV}(\lambda) = \frac{R(\lambda)}{(1 - \mathrm{df}(\lambda) / n)^2},

    the closed form of leaving one out with all rows at the mean leverage.

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
    penalty : float
        Infinity when no slopes predict better than some do.
    error : float
        Relative to that of no slopes: 1 when the penalty is infinite.

    References
    ----------
    Golub GH, Heath M, Wahba G. Technometrics 1979;21:215-223.

    Examples
    --------
    >>> ridge_by_gcv(np.array([1.0]), np.array([[0.05]]), 1.0, 100)
    (inf, 1.0)
    >>> penalty, error = ridge_by_gcv(np.array([1.0]), np.array([[0.9]]), 1.0, 100)
    >>> penalty < 0.1, round(error, 2)
    (True, 0.19)
    """
    squares = (along**2).sum(axis=1)
    unit = float(sizes.mean()) if sizes.size else 0.0
    if n < 3 or unit <= 0 or total <= 0:
        return np.inf, 1.0
    penalties = unit * _PENALTIES
    shrunk = sizes + penalties[:, None]
    gain = (squares * (sizes + 2 * penalties[:, None]) / shrunk**2).sum(axis=1)
    free = 1 - (1 + (sizes / shrunk).sum(axis=1)) / n
    error = np.full(penalties.size, np.inf)
    usable = free > 1 / n
    error[usable] = np.maximum(total - gain[usable], 0.0) / free[usable] ** 2
    error *= (1 - 1 / n) ** 2 / total
    # The larger penalty of equals, and no slopes rather than useless ones.
    best = penalties.size - 1 - int(np.argmin(error[::-1]))
    if error[best] >= 1:
        return np.inf, 1.0
    return float(penalties[best]), float(error[best])


class BlockRegression(Step):
    """A missing block takes its ridge regression on the blocks that are there.

    Columns are standardised and turned, channel by channel, into principal scores. Whatever set
    of channels a row lacks, each of them is regressed on those it has, with the training rows
    that have both; the penalty is chosen by generalised cross-validation (closed form, no refit),
    and where nothing predicts no slope is left, so that the block takes its column means. A row
    without any channel takes the means. A value that is missing in a block that is there takes
    the median of its column.

    The stage is not looked at. What is filled in is a prediction: it varies less than the channel
    itself. The step keeps the scores of its training rows, without their names.

    Parameters
    ----------
    n_components : int
        Most principal scores of a channel. With as many as a channel has columns the regression
        is that on the columns themselves.

    Attributes
    ----------
    median_, mean_, deviation_ : ndarray of shape (n_features,)
        Of the training rows that have the value; the deviation is 1 for a constant column.
    loadings_ : list of ndarray of shape (columns of the channel, scores of the channel)
    scores_ : ndarray of shape (n_rows, n_scores)
    present_ : ndarray of bool, shape (n_rows, n_channels)
    channel_ : ndarray of int, shape (n_scores,)
        Channel of each score.

    References
    ----------
    Hoerl AE, Kennard RW. Technometrics 1970;12:55-67. Golub GH, Heath M, Wahba G.
    Technometrics 1979;21:215-223.

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

    def __init__(self, n_components: int = 20) -> None:
        self.n_components = n_components

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
        self.present_ = blocks.present(values)
        self.median_ = column_medians(values, 0.0)
        filled = fill_scattered(values, blocks.spread(~self.present_), self.median_)
        self.mean_ = column_means(filled, 0.0)
        deviation = column_deviations(filled, self.mean_)
        self.deviation_ = np.where(deviation > 0, deviation, 1.0)
        standard = (filled - self.mean_) / self.deviation_
        with threadpool_limits(limits=1):
            self.loadings_ = [
                principal_directions(
                    standard[np.ix_(self.present_[:, k], place)], self.n_components
                )
                for k, place in enumerate(blocks.places)
            ]
            self.channel_ = np.repeat(
                np.arange(len(blocks.names)), [load.shape[1] for load in self.loadings_]
            )
            self.scores_ = self._scores(standard, blocks, self.present_)

    def _apply(self, frame: pd.DataFrame, context: pd.DataFrame) -> pd.DataFrame:  # noqa: ARG002
        values = frame.to_numpy()
        if not np.isnan(values).any():
            return frame
        blocks = Blocks.of(list(frame.columns))
        present = blocks.present(values)
        filled = fill_scattered(values, blocks.spread(~present), self.median_)
        learnt = ChannelScores(self.scores_, self.present_, self.channel_)
        patterns, of_row = np.unique(present, axis=0, return_inverse=True)
        with threadpool_limits(limits=1):
            for k, pattern in enumerate(patterns):
                own = np.flatnonzero(of_row.ravel() == k)
                scores = self._scores(
                    (filled[own] - self.mean_) / self.deviation_, blocks, present[own]
                )
                for gone in np.flatnonzero(~pattern).tolist():
                    place = blocks.places[gone]
                    guess = learnt.predict(scores, pattern, gone) @ self.loadings_[gone].T
                    filled[np.ix_(own, place)] = self.mean_[place] + self.deviation_[place] * guess
        return pd.DataFrame(filled, columns=frame.columns)

    def _scores(self, standard: FloatArray, blocks: Blocks, present: BoolArray) -> FloatArray:
        """Return principal scores, 0 where the channel is missing."""
        scores = np.zeros((len(standard), self.channel_.size))
        for k, (place, load) in enumerate(zip(blocks.places, self.loadings_, strict=True)):
            own = np.flatnonzero(present[:, k])
            scores[np.ix_(own, self.channel_ == k)] = standard[np.ix_(own, place)] @ load
        return scores
