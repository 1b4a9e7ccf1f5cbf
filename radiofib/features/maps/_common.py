"""Pieces that the kernels of several families share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.features._numba import kernel

__all__ = ["EPS", "emphases", "entropy_table", "sort"]

#: Added inside logarithms, as in pyradiomics: the spacing of doubles at 1.
EPS = float(np.spacing(1))


def entropy_table(largest: int) -> NDArray[np.float64]:
    """Return ``c log2(c)`` for whole c, with which entropies of counts need no logarithm.

    ``-sum(p log2(p)) = (N log2(N) - sum(c log2(c))) / N`` for p = c / N.

    Examples
    --------
    >>> entropy_table(4).tolist()[:3]
    [0.0, 0.0, 2.0]
    """
    counts = np.arange(largest + 1, dtype=np.float64)
    return counts * np.log2(np.maximum(counts, 1))


@kernel
def sort(values: Any, n: Any) -> None:
    """Sort the first `n` values in place (Shell 1959)."""
    gap = 1
    while 3 * gap + 1 < n:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, n):
            value = values[i]
            j = i
            while j >= gap and values[j - gap] > value:
                values[j] = values[j - gap]
                j -= gap
            values[j] = value
        gap //= 3


@kernel
def emphases(
    table: Any, k: Any, m: Any, grey: Any, logs: Any, whole: bool, rows: Any, columns: Any, out: Any
) -> None:
    """Add the sixteen moments of runs, zones or dependences to `out`.

    ``table[i, j]`` is the number of those of level ``grey[i]`` and size j + 1; it is not empty.
    The order: small, large, level non-uniformity (normalised), size non-uniformity (normalised),
    percentage, level variance, size variance, entropy, low, high, small low, small high, large
    low, large high.
    """
    for j in range(m):
        columns[j] = 0.0
    n = 0.0
    terms = 0.0
    small_low = small_high = large_low = large_high = low = high = 0.0
    for i in range(k):
        row = small = large = 0.0
        for j in range(m):
            count = table[i, j]
            if count != 0.0:
                square = float((j + 1) * (j + 1))
                row += count
                small += count / square
                large += count * square
                columns[j] += count
                if whole:
                    terms += logs[int(count)]
        rows[i] = row
        n += row
        square = grey[i] * grey[i]
        low += row / square
        high += row * square
        small_low += small / square
        small_high += small * square
        large_low += large / square
        large_high += large * square
    level_mean = level_squares = level_variance = 0.0
    for i in range(k):
        level_mean += rows[i] / n * grey[i]
        level_squares += rows[i] * rows[i]
    for i in range(k):
        level_variance += rows[i] / n * (grey[i] - level_mean) ** 2
    size_mean = size_squares = size_variance = small = large = voxels = 0.0
    for j in range(m):
        count = columns[j]
        square = float((j + 1) * (j + 1))
        size_mean += count / n * (j + 1)
        size_squares += count * count
        small += count / square
        large += count * square
        voxels += count * (j + 1)
    for j in range(m):
        size_variance += columns[j] / n * (j + 1 - size_mean) ** 2
    if whole:
        entropy = (logs[int(n)] - terms) / n
    else:
        entropy = 0.0
        for i in range(k):
            for j in range(m):
                p = table[i, j] / n
                if p != 0.0:
                    entropy -= p * np.log2(p + EPS)
    out[0] += small / n
    out[1] += large / n
    out[2] += level_squares / n
    out[3] += level_squares / (n * n)
    out[4] += size_squares / n
    out[5] += size_squares / (n * n)
    out[6] += n / voxels
    out[7] += level_variance
    out[8] += size_variance
    out[9] += entropy
    out[10] += low / n
    out[11] += high / n
    out[12] += small_low / n
    out[13] += small_high / n
    out[14] += large_low / n
    out[15] += large_high / n
