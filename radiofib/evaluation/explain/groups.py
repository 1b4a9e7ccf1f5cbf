"""Features that go together: correlated ones, and those of one channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.stats import rankdata

from radiofib.errors import UsageError
from radiofib.table import FeatureTable

__all__ = ["FeatureGroups", "correlation_clusters", "feature_groups"]

#: More columns than this are clustered channel by channel: the distances of all pairs of 8,000
#: columns take half a gigabyte.
MOST_AT_ONCE = 8000


@dataclass(frozen=True)
class FeatureGroups:
    """Columns of a table by the groups they are judged in.

    Parameters
    ----------
    columns : tuple of str
        All columns the stager sees, the scanner's column last when it has one.
    groups : mapping of str to mapping of str to tuple of str
        ``feature``, ``cluster`` and ``channel`` -> name of the group -> its columns.
    """

    columns: tuple[str, ...]
    groups: Mapping[str, Mapping[str, tuple[str, ...]]]


def correlation_clusters(X: pd.DataFrame, correlation: float = 0.7) -> list[tuple[str, ...]]:
    """Return groups of columns whose ranks are correlated, whatever the sign.

    Average linkage on ``1 - |rho|`` with Spearman's rho, cut at ``1 - correlation``. Missing
    values take the median rank; a constant column is alone. Columns of a group and groups keep
    the order of the table.

    Parameters
    ----------
    X : DataFrame
        Numbers, NaN where missing.
    correlation : float
        Mean absolute correlation that joins, between 0 and 1.

    References
    ----------
    Strobl C et al. BMC Bioinformatics 2008;9:307 (why single features are not enough).

    Examples
    --------
    >>> X = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [4.0, 1, 3, 2], "c": [-1.0, -2, -3, -4]})
    >>> correlation_clusters(X)
    [('a', 'c'), ('b',)]
    """
    if not 0 < correlation < 1:
        raise UsageError("correlation must lie between 0 and 1", found=f"{correlation:g}")
    names = [str(c) for c in X.columns]
    if len(names) < 2:
        return [(name,) for name in names]
    distance = 1.0 - np.abs(_rank_correlation(X.to_numpy(dtype=np.float64)))
    # Rounding keeps ties of the linkage the same on every machine.
    upper = distance[np.triu_indices(len(names), 1)].clip(0.0, 1.0).round(10)
    labels = fcluster(linkage(upper, "average"), 1.0 - correlation, "distance")
    members: dict[int, list[str]] = {}
    for name, label in zip(names, labels.tolist(), strict=True):
        members.setdefault(label, []).append(name)
    return [tuple(group) for group in members.values()]


def _rank_correlation(values: NDArray[np.float64]) -> NDArray[np.float64]:
    ranks = np.zeros(values.shape)
    for place, column in enumerate(values.T):
        known = np.isfinite(column)
        if known.any():
            found = rankdata(column[known])
            # Centred, so that a missing value sits in the middle and adds nothing.
            ranks[known, place] = found - found.mean()
    length = np.sqrt((ranks**2).sum(axis=0))
    ranks /= np.where(length > 0, length, 1.0)
    found_all: NDArray[np.float64] = ranks.T @ ranks
    return found_all


def feature_groups(
    table: FeatureTable, *, correlation: float = 0.7, scanner_column: str | None = None
) -> FeatureGroups:
    """Return the groups of a feature table: each feature, correlated ones, channels.

    A cluster is called by its first column and the number of others; the channel of a column
    is the codebook's, "no channel" where it names none. The scanner is a group of its own.

    Examples
    --------
    >>> X = pd.DataFrame({"t1_mean": [1.0, 2, 3], "t1_median": [1.0, 2, 4], "t2_mean": [3.0, 1, 2]})
    >>> found = feature_groups(FeatureTable(X, pd.DataFrame({"case": list("abc")})))
    >>> list(found.groups["cluster"])
    ['t1_mean + 1', 't2_mean']
    """
    columns = [str(c) for c in table.X.columns]
    book = dict(zip(table.codebook["column"], table.codebook["channel"], strict=True))
    channels: dict[str, list[str]] = {}
    for column in columns:
        channels.setdefault(str(book.get(column) or "no channel"), []).append(column)
    if len(columns) <= MOST_AT_ONCE:
        found = correlation_clusters(table.X, correlation)
    else:
        parts = (correlation_clusters(table.X[names], correlation) for names in channels.values())
        found = [cluster for part in parts for cluster in part]
    clusters = {_cluster_name(names): names for names in found}
    singles = {name: (name,) for name in columns}
    extra: Sequence[str] = () if scanner_column is None else (scanner_column,)
    own = {name: (name,) for name in extra}
    return FeatureGroups(
        (*columns, *extra),
        {
            "feature": {**singles, **own},
            "cluster": {**clusters, **own},
            "channel": {**{k: tuple(v) for k, v in channels.items()}, **own},
        },
    )


def _cluster_name(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} + {len(names) - 1}"
