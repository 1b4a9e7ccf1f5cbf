"""Pieces that several texture families share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "EPS",
    "Floats",
    "Terms",
    "mean_of_directions",
    "means_of_directions",
    "merge_directions",
    "plog",
    "sums",
]

Floats = NDArray[np.float64]
#: Added inside logarithms, as in pyradiomics: the spacing of doubles at 1.
EPS = float(np.spacing(1))
#: Arrays up to this length are summed at once.
_PIECE = 1 << 15
#: From numbers to the terms of several sums.
Terms = Callable[[Floats], tuple[Floats, ...]]


def sums(values: NDArray[np.generic], terms: Terms) -> Floats:
    """Sum several terms over all values, in pieces that stay in the processor's cache.

    Pieces are halved as in numpy's pairwise summation, so that the result is that of
    ``numpy.sum`` over the whole without its memory.

    Parameters
    ----------
    values : ndarray, 1-D
        Numbers of any type; `terms` gets them in double precision.
    terms : callable
        Returns one array for each sum.

    Examples
    --------
    >>> sums(np.array([1, 2, 4], dtype=np.int16), lambda x: (x, x * x)).tolist()
    [7.0, 21.0]
    """
    if len(values) <= _PIECE:
        found = terms(values.astype(np.float64, copy=False))
        return np.array([np.sum(term) for term in found])
    half = len(values) // 2
    half -= half % 8
    return sums(values[:half], terms) + sums(values[half:], terms)


def plog(p: Floats) -> Floats:
    """Return ``p log2(p + eps)``, term by term.

    Examples
    --------
    >>> plog(np.array([1.0, 0.5])).round(6).tolist()
    [0.0, -0.5]
    """
    return np.asarray(p * np.log2(p + EPS))


def merge_directions(counts: Floats, weights: Floats | None) -> Floats:
    """Weight and sum the directions, or leave out those without a count.

    Parameters
    ----------
    counts : ndarray of shape (n, m, n_directions)
        One matrix for each direction.
    weights : ndarray of shape (n_directions,), optional
        Weights of the directions; None keeps them apart.

    Examples
    --------
    >>> counts = np.array([[[1.0, 0.0, 3.0]]])
    >>> merge_directions(counts, None).tolist(), merge_directions(counts, np.ones(3)).tolist()
    ([[[1.0, 3.0]]], [[[4.0]]])
    """
    if weights is not None:
        return np.asarray(np.sum(counts * weights, axis=2, keepdims=True))
    if counts.shape[2] > 1:
        empty = np.flatnonzero(np.sum(counts, axis=(0, 1)) == 0)
        # Not by an index: that would turn the layout, and with it the order of later sums.
        return np.delete(counts, empty, axis=2) if empty.size else counts
    return counts


def means_of_directions(by_name: dict[str, Floats]) -> dict[str, float]:
    """Return :func:`mean_of_directions` of many features, at once where all have values.

    Examples
    --------
    >>> means_of_directions({"a": np.array([1.0, 2.0]), "b": np.array([4.0, np.nan])})
    {'a': 1.5, 'b': 4.0}
    """
    lengths = {len(values) for values in by_name.values()}
    table = np.array(list(by_name.values())) if len(lengths) == 1 else np.empty(0)
    if table.size == 0 or np.isnan(table).any():
        return {name: mean_of_directions(values) for name, values in by_name.items()}
    means = np.sum(table, axis=1) / table.shape[1]
    return dict(zip(by_name, means.tolist(), strict=True))


def mean_of_directions(values: Floats) -> float:
    """Return the mean over directions, those without a value left out; NaN when none has one.

    Examples
    --------
    >>> mean_of_directions(np.array([1.0, np.nan, 2.0]))
    1.5
    """
    known = values[~np.isnan(values)]
    return float(np.sum(known) / known.size) if known.size else float("nan")
