"""Compiled loops over the neighbourhood of each voxel: GLDM and NGTDM.

Arrays and conventions as in :mod:`radiofib.features.matrices._kernels`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.features.matrices._kernels import Labels
from radiofib.features.matrices._numba import kernel

__all__ = [
    "dependences_within",
    "neighbour_differences",
    "neighbour_differences_at",
]


@kernel
def dependences_within(
    v: Labels,
    index: NDArray[np.uint32],
    steps: NDArray[np.int64],
    value_of: NDArray[np.int64],
    alpha: int,
) -> NDArray[np.int64]:
    """Count voxels by label and number of neighbours within `alpha` grey levels."""
    out = np.zeros((value_of.size, steps.size + 1), dtype=np.int64)
    for k in range(index.size):
        i = np.uint64(index[k])
        value = value_of[np.uint64(v[i])]
        n = 0
        for a in range(steps.size):
            label = np.uint64(v[i + np.uint64(steps[a])])
            n += label != 0 and abs(value_of[label] - value) <= alpha
        out[np.uint64(v[i]), n] += 1
    return out


@kernel
def _sums_of_block(
    v: Labels, values: Labels, one: Any, steps: NDArray[np.int64], into: Any, spare: Any
) -> None:
    """Write sums over three along each step; what is less than a step from the ends is not set."""
    if steps.size == 0:
        for x in range(v.size):
            into[x] = values[x] + (one if v[x] != 0 else 0)
        return
    step = steps[0]
    n = v.size - 2 * step
    first = (into if steps.size == 1 else spare)[step : step + n]
    v0, v1, v2 = v[:n], v[step : step + n], v[2 * step : 2 * step + n]
    w0, w1, w2 = values[:n], values[step : step + n], values[2 * step : 2 * step + n]
    for x in range(n):
        counted = (one if v0[x] != 0 else 0) + (one if v1[x] != 0 else 0)
        first[x] = w0[x] + w1[x] + w2[x] + counted + (one if v2[x] != 0 else 0)
    if steps.size == 1:
        return
    step = steps[1]
    n = v.size - 2 * step
    s0, s1, s2 = spare[:n], spare[step : step + n], spare[2 * step : 2 * step + n]
    second = into[step : step + n]
    for x in range(n):
        second[x] = s0[x] + s1[x] + s2[x]


@kernel
def neighbour_differences(
    v: Labels,
    index: NDArray[np.uint32],
    values: Labels,
    shift: int,
    steps: NDArray[np.int64],
    n_labels: int,
    rows: Any,
) -> NDArray[np.int64]:
    """Sum |n x grey level - sum of its n neighbours| by label and n, from sums over boxes.

    Grey level + 2^shift is summed over three voxels along each step; 2^shift is above every sum
    of grey levels, so that one number holds the sum and the count. The array is swept in blocks
    as long as the last step, along which the sums of three blocks are added. `values` are the
    grey levels of the labels; `rows` is work space for three blocks and one more.
    """
    out = np.zeros((n_labels + 1, 27), dtype=np.int64)
    one = np.int64(1) << shift
    low = one - np.int64(1)
    size = steps[steps.size - 1]
    inner = steps[: steps.size - 1]
    blocks = v.size // size
    back, here, forth, spare = rows[0], rows[1], rows[2], rows[3]
    _sums_of_block(v[:size], values[:size], one, inner, here, spare)
    _sums_of_block(v[size : 2 * size], values[size : 2 * size], one, inner, forth, spare)
    first: Any = 0
    for block in range(1, blocks - 1):
        back, here, forth = here, forth, back
        start, stop = (block + 1) * size, (block + 2) * size
        _sums_of_block(v[start:stop], values[start:stop], one, inner, forth, spare)
        last = first + np.searchsorted(index[first:], np.uint32(start))
        origin = np.uint64(block * size)
        for k in range(first, last):
            i = np.uint64(index[k])
            x = i - origin
            value = np.int64(values[i])
            both = np.int64(back[x]) + np.int64(here[x]) + np.int64(forth[x]) - value - one
            n = both >> shift
            out[np.uint64(v[i]), np.uint64(n)] += abs(value * n - (both & low))
        first = last
    return out


@kernel
def neighbour_differences_at(
    v: Labels, index: NDArray[np.uint32], steps: NDArray[np.int64], value_of: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Sum |n x grey level - sum of its n neighbours| by label and n."""
    out = np.zeros((value_of.size, steps.size + 1), dtype=np.int64)
    for k in range(index.size):
        i = np.uint64(index[k])
        n = 0
        total = np.int64(0)
        for a in range(steps.size):
            label = np.uint64(v[i + np.uint64(steps[a])])
            n += label != 0
            total += value_of[label]
        out[np.uint64(v[i]), n] += abs(value_of[np.uint64(v[i])] * n - total)
    return out
