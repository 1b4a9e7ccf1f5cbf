"""Middle fusion of channels: a few scores of each, for one stager over all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from radiofib._checks import check_known
from radiofib.staging.blocks import Blocks
from radiofib.staging.columns import column_deviations, column_means, principal_directions
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.steps import Step

__all__ = ["EMBEDDINGS", "ChannelEmbedding", "pls_directions"]

FloatArray = NDArray[np.float64]

#: kind of :class:`ChannelEmbedding` -> what the scores are
EMBEDDINGS = {
    "pca": "principal components",
    "pls": "partial least squares on the number of the stage",
}


class ChannelEmbedding(Step):
    """A few scores of each channel in place of its columns, for one stager over all channels.

    Columns are standardised by the rows that have the channel (a single missing value counts as
    the mean) and turned into scores of mean 0; a channel that a row does not have has scores of
    0, that of an average row. Columns that come out are ``<channel>_all_<kind>_<number>``.

    Scores by partial least squares are made with the stages of the training rows: of columns many
    more than rows, they fit these better than new ones, and a stager behind them trusts them too
    much. Few components and a recalibrated stager go with them.

    Parameters
    ----------
    n_components : int
        Most scores of a channel.
    kind : {"pca", "pls"}
        Principal components, or partial least squares on the stage's number in their order.
    indicator : bool
        Add a column ``<channel>_all_block_missing`` for each channel missing in training.

    Attributes
    ----------
    mean_, deviation_ : ndarray of shape (n_features,)
    directions_ : list of ndarray of shape (columns of the channel, scores of the channel)
    told_ : list of str
        Channels that have an indicator.

    References
    ----------
    de Jong S. Chemom Intell Lab Syst 1993;18:251-263 (partial least squares).

    Examples
    --------
    >>> X = pd.DataFrame({"t1_a": [1.0, 2.0, 3.0], "t1_b": [2.0, 4.0, 6.0],
    ...                   "dwi_a": [5.0, np.nan, 7.0]})
    >>> step = ChannelEmbedding(indicator=True).fit(X)
    >>> step.transform(X).round(2).to_dict("list")
    {'t1_all_pca_1': [-1.73, 0.0, 1.73], 'dwi_all_pca_1': [-1.0, 0.0, 1.0],
     'dwi_all_block_missing': [0.0, 1.0, 0.0]}
    """

    def __init__(
        self, n_components: int = 5, *, kind: str = "pca", indicator: bool = False
    ) -> None:
        self.n_components = n_components
        self.kind = kind
        self.indicator = indicator

    def _learn(
        self,
        frame: pd.DataFrame,
        y: NDArray[Any] | None,
        context: pd.DataFrame,  # noqa: ARG002
    ) -> None:
        check_known(self.kind, EMBEDDINGS, what="kind of embedding", error=StagerInputError)
        if self.n_components < 1:
            raise StagerInputError("n_components must be 1 or more", found=str(self.n_components))
        if self.kind == "pls" and y is None:
            raise StagerInputError(
                "kind='pls' requires y to be passed, but the target y is None",
                hint="kind='pca' does without",
            )
        values = frame.to_numpy()
        blocks = Blocks.of(list(frame.columns))
        present = blocks.present(values)
        self.mean_ = column_means(values, 0.0)
        deviation = column_deviations(values, self.mean_)
        self.deviation_ = np.where(deviation > 0, deviation, 1.0)
        standard = self._standard(values)
        level = None if y is None else np.unique(y, return_inverse=True)[1].astype(np.float64)
        self.directions_ = []
        with threadpool_limits(limits=1):
            for k, place in enumerate(blocks.places):
                own = np.flatnonzero(present[:, k])
                part = standard[np.ix_(own, place)]
                if self.kind == "pca" or level is None:
                    found = principal_directions(part, self.n_components)
                else:
                    found = pls_directions(part, level[own], self.n_components)
                self.directions_.append(found)
        self.told_ = blocks.ever_missing(present) if self.indicator else []

    def _standard(self, values: FloatArray) -> FloatArray:
        """Return standardised values, 0 where missing."""
        standard = (values - self.mean_) / self.deviation_
        return np.where(np.isnan(standard), 0.0, standard)

    def _apply(self, frame: pd.DataFrame, context: pd.DataFrame) -> pd.DataFrame:  # noqa: ARG002
        values = frame.to_numpy()
        blocks = Blocks.of(list(frame.columns))
        standard = self._standard(values)
        with threadpool_limits(limits=1):
            parts = [
                standard[:, place] @ found
                for place, found in zip(blocks.places, self.directions_, strict=True)
            ]
        missing = ~blocks.present(values)[:, [blocks.names.index(name) for name in self.told_]]
        found = np.hstack([*parts, missing.astype(np.float64)])
        return pd.DataFrame(found, columns=self._names_out())

    def _names_out(self) -> list[str]:
        names = Blocks.of(self._names_in()).names
        scores = [
            f"{name}_all_{self.kind}_{i + 1}"
            for name, found in zip(names, self.directions_, strict=True)
            for i in range(found.shape[1])
        ]
        return [*scores, *(f"{name}_all_block_missing" for name in self.told_)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.kind == "pls"
        return tags


def pls_directions(centred: FloatArray, target: FloatArray, most: int) -> FloatArray:
    r"""Return directions R so that the columns of X R are the scores of partial least squares.

    Each score has the largest covariance with the target among those that are uncorrelated with
    the ones before (SIMPLS with one target).

    Parameters
    ----------
    centred : ndarray of shape (n, p)
        Columns of mean 0, complete.
    target : ndarray of shape (n,)
    most : int
        Most directions; fewer when nothing of the target is left to go along with.

    Returns
    -------
    ndarray of shape (p, k)
        Directions of length 1 before they are made uncorrelated.

    Examples
    --------
    >>> x = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, -1.0], [0.0, 1.0]])
    >>> pls_directions(x, np.array([-2.0, 2.0, 0.0, 0.0]), 2).tolist()
    [[1.0], [0.0]]
    """
    n, p = centred.shape
    if n < 2:
        return np.zeros((p, 0))
    cross = centred.T @ (target - target.mean())
    first = float(np.linalg.norm(cross))
    basis = np.zeros((p, 0))
    found: list[FloatArray] = []
    while len(found) < min(most, p, n - 1):
        size = float(np.linalg.norm(cross))
        if size <= 1e-10 * max(first, 1e-300):
            break
        direction = cross / size
        scores = centred @ direction
        if not scores @ scores > 0:
            break
        loading = centred.T @ scores / (scores @ scores)
        # Twice, or rounding leaves a part of the directions before.
        for _ in range(2):
            loading = loading - basis @ (basis.T @ loading)
        length = float(np.linalg.norm(loading))
        if length <= 1e-12:
            break
        basis = np.column_stack([basis, loading / length])
        found.append(direction)
        cross = cross - basis @ (basis.T @ cross)
    return np.column_stack(found) if found else np.zeros((p, 0))
