"""Loops of the ultrasound families, compiled at their first use."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.features._numba import kernel

__all__ = ["entropy_map", "increments", "laws_sums"]


@kernel
def entropy_map(
    levels: NDArray[np.uint8], centres: NDArray[np.bool_], reach: int, plogp: NDArray[np.float64]
) -> Any:
    """Return the Shannon entropy in bits of the window around each centre, in C order.

    Windows of centres lie in the array; `plogp[c]` is ``c log2 c``.
    """
    rows, columns = levels.shape
    size = (2 * reach + 1) ** 2
    result = np.empty(centres.sum(), dtype=np.float64)
    counts = np.zeros(256, dtype=np.int64)
    number = 0
    for i in range(reach, rows - reach):
        last = -1  # the centre whose window is in the counts
        total = 0.0
        for j in range(reach, columns - reach):
            if not centres[i, j]:
                continue
            if last >= 0 and j - last <= reach:
                for column in range(last, j):
                    for y in range(i - reach, i + reach + 1):
                        level = levels[y, column - reach]
                        total -= plogp[counts[level]]
                        counts[level] -= 1
                        total += plogp[counts[level]]
                        level = levels[y, column + reach + 1]
                        total -= plogp[counts[level]]
                        counts[level] += 1
                        total += plogp[counts[level]]
            else:
                counts[:] = 0
                total = 0.0
                for y in range(i - reach, i + reach + 1):
                    for x in range(j - reach, j + reach + 1):
                        level = levels[y, x]
                        total -= plogp[counts[level]]
                        counts[level] += 1
                        total += plogp[counts[level]]
            last = j
            result[number] = np.log2(size) - total / size
            number += 1
    return result


@kernel
def laws_sums(
    pixels: NDArray[np.float64], centres: NDArray[np.bool_], vectors: NDArray[np.float64]
) -> Any:
    """Return the sum of absolute responses over the centres for each pair of 5-tap vectors.

    Result [a, b]: vector a along the rows (downwards), b along the columns.
    """
    rows, columns = pixels.shape
    count = vectors.shape[0]
    result = np.zeros((count, count), dtype=np.float64)
    down = np.empty((count, 5), dtype=np.float64)
    for i in range(2, rows - 2):
        for j in range(2, columns - 2):
            if not centres[i, j]:
                continue
            for a in range(count):
                for x in range(5):
                    total = 0.0
                    for y in range(5):
                        total += vectors[a, y] * pixels[i + y - 2, j + x - 2]
                    down[a, x] = total
            for a in range(count):
                for b in range(count):
                    total = 0.0
                    for x in range(5):
                        total += vectors[b, x] * down[a, x]
                    result[a, b] += abs(total)
    return result


@kernel
def increments(pixels: NDArray[np.float64], mask: NDArray[np.bool_], most: int) -> Any:
    """Return sums of absolute differences and numbers of pairs, by direction and lag.

    Directions: along columns, along rows, and the two diagonals; both pixels in the region.
    """
    rows, columns = pixels.shape
    sums = np.zeros((4, most), dtype=np.float64)
    numbers = np.zeros((4, most), dtype=np.int64)
    steps = ((0, 1), (1, 0), (1, 1), (1, -1))
    for direction in range(4):
        dy, dx = steps[direction]
        for lag in range(1, most + 1):
            total = 0.0
            number = 0
            for i in range(rows - dy * lag):
                first = lag if dx < 0 else 0
                end = columns - lag if dx > 0 else columns
                for j in range(first, end):
                    if mask[i, j] and mask[i + dy * lag, j + dx * lag]:
                        total += abs(pixels[i + dy * lag, j + dx * lag] - pixels[i, j])
                        number += 1
            sums[direction, lag - 1] = total
            numbers[direction, lag - 1] = number
    return sums, numbers
