"""Dice and intersection over union of labels over several slides, from counts of each pair."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from radiofib.errors import UsageError

__all__ = ["label_counts", "label_overlap", "overlap_of_counts"]

#: Pixels counted at once.
_AT_ONCE = 1 << 22


def label_overlap(
    pairs: Iterable[tuple[ArrayLike, ArrayLike]],
    names: Sequence[str],
    *,
    batch: int | None = None,
) -> pd.DataFrame:
    """Return Dice and intersection over union of each class of labels over several slides.

    Three ways to average, which differ and are mixed up in print: ``per_slide``, the mean over
    slides in which the class occurs in either; ``pooled``, from the pixels of all slides
    together; ``per_batch``, the mean over batches of consecutive pictures, each pooled, as
    training programs print it (it depends on the order and the size of the batches).

    Parameters
    ----------
    pairs : iterable of (labels, labels)
        For each slide (or tile) two pictures of labels 0..len(names)-1 on the same grid; the
        second is the reference. One pair at a time is held.
    names : sequence of str
        Names of the classes.
    batch : int, optional
        Pictures in a batch; without it there is no ``per_batch``.

    Returns
    -------
    DataFrame
        ``class, metric, average, value, n``, n being the slides or batches averaged.

    Examples
    --------
    >>> pair = (np.array([[0, 1, 1, 2]]), np.array([[0, 1, 2, 2]]))
    >>> frame = label_overlap([pair, pair], ["background", "lobule", "portal"])
    >>> frame[frame["class"] == "portal"]["value"].round(3).tolist()
    [0.667, 0.667, 0.5, 0.5]
    """
    k = len(names)
    return overlap_of_counts((label_counts(a, b, k) for a, b in pairs), names, batch=batch)


def overlap_of_counts(
    counts: Iterable[NDArray[np.int64]],
    names: Sequence[str],
    *,
    batch: int | None = None,
) -> pd.DataFrame:
    """Return what :func:`label_overlap` does of pictures that were counted before.

    Parameters
    ----------
    counts : iterable of ndarray
        Of :func:`label_counts`, one for each slide.
    names : sequence of str
        Names of the classes.
    batch : int, optional
        Pictures in a batch.

    Examples
    --------
    >>> counts = label_counts([0, 1, 1, 2], [0, 1, 2, 2])
    >>> overlap_of_counts([counts], ["background", "lobule", "portal"])["value"].round(2).tolist()
    [1.0, 1.0, 1.0, 1.0, 0.67, 0.67, 0.5, 0.5, 0.67, 0.67, 0.5, 0.5]
    """
    k = len(names)
    tables = np.array([_padded(one, k) for one in counts], dtype=np.float64).reshape(-1, k, k)
    if not len(tables):
        raise UsageError("no pictures to compare")
    if batch is not None and batch < 1:
        raise UsageError("a batch needs at least one picture", found=str(batch))
    averages = {"per_slide": tables, "pooled": tables.sum(axis=0, keepdims=True)}
    if batch is not None:
        cuts = range(0, len(tables), batch)
        averages["per_batch"] = np.array([tables[i : i + batch].sum(axis=0) for i in cuts])
    rows = []
    for number, name in enumerate(names):
        for metric in ("dice", "jaccard"):
            for average, stack in averages.items():
                value, n = _mean_overlap(stack, number, metric)
                rows.append((name, metric, average, value, n))
    return pd.DataFrame(rows, columns=["class", "metric", "average", "value", "n"])


def label_counts(
    first: ArrayLike, second: ArrayLike, classes: int | None = None
) -> NDArray[np.int64]:
    """Count the pixels of two pictures of labels by the label in each, block by block.

    Parameters
    ----------
    first, second : array_like of int
        Labels from 0 on the same grid; both may be large, little more is held beside them.
    classes : int, optional
        How many classes there are; without it as many as the highest label of both asks for.

    Returns
    -------
    ndarray of shape (classes, classes)

    Raises
    ------
    UsageError
        When the pictures differ in size, or hold a number below 0 or beyond the classes.

    Examples
    --------
    >>> label_counts([0, 1, 1], [0, 1, 2]).tolist()
    [[1, 0, 0], [0, 1, 1], [0, 0, 0]]
    """
    a, b = np.asarray(first), np.asarray(second)
    if a.shape != b.shape:
        raise UsageError("labels must be on the same grid", found=f"{a.shape} and {b.shape}")
    ends = [(int(x.min()), int(x.max())) for x in (a, b) if x.size]
    k = 1 + max((high for _, high in ends), default=0) if classes is None else classes
    for low, high in ends:
        if low < 0 or high >= k:
            raise _beyond(k, low, high)
    flat, other = a.reshape(-1), b.reshape(-1)
    found = np.zeros(k * k, dtype=np.int64)
    for start in range(0, flat.size, _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        place = flat[part].astype(np.int64) * k + other[part].astype(np.int64)
        found += np.bincount(place, minlength=k * k)
    return found.reshape(k, k)


def _padded(counts: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Return counts of k classes; a label beyond them is refused."""
    for axis in (1, 0):
        there = np.flatnonzero(counts.any(axis=axis))
        if there.size and there[-1] >= k:
            raise _beyond(k, int(there[0]), int(there[-1]))
    found = np.zeros((k, k), dtype=np.int64)
    kept = counts[:k, :k]
    found[: len(kept), : len(kept)] = kept
    return found


def _beyond(k: int, low: int, high: int) -> UsageError:
    return UsageError(
        "labels must be numbers of the named classes",
        expected=f"0 to {k - 1}",
        found=f"{low} to {high}",
    )


def _mean_overlap(tables: NDArray[np.float64], number: int, metric: str) -> tuple[float, int]:
    both = tables[:, number, number]
    sizes = tables[:, number].sum(axis=1) + tables[:, :, number].sum(axis=1)
    occurs = sizes > 0
    if not occurs.any():
        return math.nan, 0
    both, sizes = both[occurs], sizes[occurs]
    value = 2 * both / sizes if metric == "dice" else both / (sizes - both)
    return float(value.mean()), int(occurs.sum())
