"""Columns that say the same, one kept for each group of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import squareform

from radiofib._checks import check_known
from radiofib.parallel import one_thread
from radiofib.staging.inputs import StagerInputError
from radiofib.staging.pairwise import PairwiseColumns, column_ranks
from radiofib.staging.selector import Choice, Selector

__all__ = ["LINKAGES", "METHODS", "CorrelationClusters", "correlation_clusters"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

METHODS = ("spearman", "pearson")
LINKAGES = ("average", "complete")
#: Columns correlated with all others at a time.
_BLOCK = 512
#: Correlations that agree to so many digits are equal: rounding must not decide.
_DIGITS = 12


class CorrelationClusters(Selector):
    r"""Keeps the medoid of each cluster of correlated columns.

    Columns are joined by hierarchical clustering on :math:`1 - |\rho|` as long as the (average
    or largest) distance between clusters is at most 1 - ``threshold``. Of each cluster the
    column with the largest sum of :math:`|\rho|` to the others stays; of equals the one with
    more values, then the first. Correlations are over the rows in which both columns have
    values; ranks are those among all values of a column. The stage is not looked at.

    Clusters cannot reach beyond columns that are linked, one after another, by
    :math:`|\rho|` of at least the threshold, so the tree is grown within such groups only.
    Memory is about 28 bytes times the square of the largest group (3,000 columns that all hang
    together: 250 MB) plus 4 kB times 2 for each column; all correlations are never held at once
    unless all columns hang together.

    Parameters
    ----------
    threshold : float
        Absolute correlation above 0, up to 1, from which columns are the same.
    method : {"spearman", "pearson"}
    linkage : {"average", "complete"}
        ``complete``: every pair within a cluster reaches the threshold.

    Attributes
    ----------
    kept_ : ndarray of int
        Positions of the medoids, ascending.
    cluster_ : ndarray of int
        Number of each column's cluster, in order of first columns.
    medoid_ : ndarray of int
        Position of the column that stands for each column.
    value_ : ndarray of float
        Absolute correlation of each column with its medoid.
    reason_ : ndarray of str

    References
    ----------
    Kaufman L, Rousseeuw PJ. Finding Groups in Data. Wiley 1990 (medoids, average linkage).
    Muellner D. arXiv:1109.2378 (the algorithm).

    Examples
    --------
    >>> X = pd.DataFrame({"a": [1.0, 2, 3, 4, 5], "b": [1.0, 4, 9, 16, 25], "c": [2.0, 9, 1, 8, 3]})
    >>> step = CorrelationClusters(0.9).fit(X)
    >>> step.get_feature_names_out().tolist(), step.table()["reason"][1]
    (['a', 'c'], 'stands behind a')
    """

    def __init__(
        self, threshold: float = 0.9, *, method: str = "spearman", linkage: str = "average"
    ) -> None:
        self.threshold = threshold
        self.method = method
        self.linkage = linkage

    def _choose(
        self,
        frame: pd.DataFrame,
        y: NDArray[Any] | None,  # noqa: ARG002
        context: pd.DataFrame,  # noqa: ARG002
    ) -> Choice:
        if not 0 < self.threshold <= 1:
            raise StagerInputError(
                "threshold of the correlation",
                expected="above 0, up to 1",
                found=f"{self.threshold:g}",
            )
        self.cluster_, self.medoid_, value = correlation_clusters(
            frame.to_numpy(), self.threshold, method=self.method, linkage_method=self.linkage
        )
        names = self._names_in()
        place = np.arange(len(names))
        kept = self.medoid_ == place
        reason = [
            "" if kept[i] else f"stands behind {names[self.medoid_[i]]}" for i in place.tolist()
        ]
        return Choice(kept, value, reason)


def correlation_clusters(
    values: FloatArray,
    threshold: float,
    *,
    method: str = "spearman",
    linkage_method: str = "average",
) -> tuple[IndexArray, IndexArray, FloatArray]:
    """Return clusters of correlated columns: see :class:`CorrelationClusters`.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
        NaN where missing.
    threshold : float
    method : {"spearman", "pearson"}
    linkage_method : {"average", "complete"}

    Returns
    -------
    cluster : ndarray of int, shape (n_columns,)
    medoid : ndarray of int, shape (n_columns,)
    value : ndarray of float, shape (n_columns,)
        Absolute correlation with the medoid.

    Examples
    --------
    >>> x = np.array([[1.0, -1.0, 5.0], [2.0, -2.0, 1.0], [3.0, -3.0, 4.0], [4.0, -4.0, 4.5]])
    >>> correlation_clusters(x, 0.95)
    (array([0, 0, 1]), array([0, 0, 2]), array([1., 1., 1.]))
    """
    check_known(method, METHODS, what="correlation", error=StagerInputError)
    check_known(linkage_method, LINKAGES, what="linkage", error=StagerInputError)
    filled = (~np.isnan(values)).sum(axis=0)
    with one_thread():
        columns = PairwiseColumns(column_ranks(values) if method == "spearman" else values)
        groups = _linked(columns, threshold)
        cluster = np.full(columns.n_columns, -1, dtype=np.intp)
        medoid = np.arange(columns.n_columns, dtype=np.intp)
        value = np.ones(columns.n_columns)
        for members in groups:
            near = np.abs(columns.block(members, members)).round(_DIGITS)
            for part in _cut(near, threshold, linkage_method):
                centre = _centre(near[np.ix_(part, part)], filled[members[part]])
                cluster[members[part]] = members[part[0]]
                medoid[members[part]] = members[part[centre]]
                value[members[part]] = near[part, part[centre]]
    alone = cluster < 0
    cluster[alone] = np.flatnonzero(alone)
    value[medoid == np.arange(len(medoid))] = 1.0
    return np.unique(cluster, return_inverse=True)[1].astype(np.intp), medoid, value


def _linked(columns: PairwiseColumns, threshold: float) -> list[IndexArray]:
    """Return the groups of at least two columns that hang together by large correlations."""
    p = columns.n_columns
    label = np.arange(p, dtype=np.intp)
    for begin in range(0, p, _BLOCK):
        rows = np.arange(begin, min(begin + _BLOCK, p))
        near = np.abs(columns.block(rows, np.arange(begin, p))).round(_DIGITS) >= threshold
        first, second = np.nonzero(near)
        edges = coo_array(
            (np.ones(len(first), dtype=np.int8), (label[rows[first]], label[begin + second])),
            shape=(p, p),
        )
        label = connected_components(edges, directed=False)[1][label].astype(np.intp)
    order = np.argsort(label, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(label[order])) + 1)
    return sorted((part for part in parts if part.size > 1), key=lambda part: int(part[0]))


def _cut(near: FloatArray, threshold: float, linkage_method: str) -> list[IndexArray]:
    """Return the clusters of a group, members ascending, clusters by their first member."""
    if len(near) == 2:
        return [np.arange(2)]
    distance = 1.0 - near
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance, checks=False), method=linkage_method)
    flat = fcluster(tree, 1.0 - threshold + 10.0**-_DIGITS, criterion="distance")
    order = np.argsort(flat, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(flat[order])) + 1)
    return sorted(parts, key=lambda part: int(part[0]))


def _centre(near: FloatArray, filled: NDArray[np.intp]) -> int:
    """Return the place of the medoid within a cluster."""
    total = near.sum(axis=1).round(_DIGITS - 3)
    return int(np.lexsort((np.arange(len(near)), -filled, -total))[0])
