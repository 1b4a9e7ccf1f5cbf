"""Pieces that several texture families share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["EPS", "Floats", "mean_of_directions", "merge_directions", "plog"]

Floats = NDArray[np.float64]
#: Added inside logarithms, as in pyradiomics: the spacing of doubles at 1.
EPS = float(np.spacing(1))


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
        return np.asarray(counts[:, :, np.sum(counts, axis=(0, 1)) != 0])
    return counts


def mean_of_directions(values: Floats) -> float:
    """Return the mean over directions, those without a value left out; NaN when none has one.

    Examples
    --------
    >>> mean_of_directions(np.array([1.0, np.nan, 2.0]))
    1.5
    """
    known = values[~np.isnan(values)]
    return float(np.sum(known) / known.size) if known.size else float("nan")
