"""Compiled loops over the neighbourhood of each voxel: GLDM and NGTDM.

Arrays and conventions as in :mod:`radiofib.features.matrices._kernels`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.features.matrices._kernels import CHUNK, Labels
from radiofib.features.matrices._numba import kernel, popcount

__all__ = [
    "box_sums",
    "dependences",
    "dependences_within",
    "neighbour_differences",
    "neighbour_differences_at",
]


@kernel
def dependences(
    v: Labels,
    index: NDArray[np.uint32],
    bits: NDArray[np.uint16],
    ahead: NDArray[np.uint16],
    n_neighbours: int,
    n_labels: int,
) -> NDArray[np.int64]:
    """Count voxels by label and number of equal neighbours."""
    out = np.zeros((n_labels + 1, n_neighbours + 1), dtype=np.int64)
    for k in range(index.size):
        i = np.uint64(index[k])
        word = np.uint64(bits[i]) | (np.uint64(ahead[i]) << np.uint64(16))
        out[np.uint64(v[i]), popcount(word)] += 1
    return out


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
def _sum_three(values: Any, step: int, out: Any) -> None:
    for start in range(step, values.size - step, CHUNK):
        n = min(CHUNK, values.size - step - start)
        back = values[start - step : start - step + n]
        here = values[start : start + n]
        forth = values[start + step : start + step + n]
        sums = out[start : start + n]
        for x in range(n):
            sums[x] = back[x] + here[x] + forth[x]


@kernel
def box_sums(
    v: Labels, values: Any, shift: int, steps: NDArray[np.int64], sums: Any, spare: Any
) -> Any:
    """Sum grey level + 2^shift over the region's voxels in a box of three along each step.

    2^shift is above every sum of grey levels, so that one number holds the sum and the count.
    `values` are the grey levels of the labels; `sums` and `spare` are work space, one of
    which is returned.
    """
    one = np.int64(1) << shift
    for start in range(0, v.size, CHUNK):
        n = min(CHUNK, v.size - start)
        label = v[start : start + n]
        value = values[start : start + n]
        out = sums[start : start + n]
        for x in range(n):
            out[x] = value[x] + (one if label[x] != 0 else 0)
    for axis in range(steps.size):
        if axis % 2 == 0:
            _sum_three(sums, steps[axis], spare)
        else:
            _sum_three(spare, steps[axis], sums)
    return sums if steps.size % 2 == 0 else spare


@kernel
def neighbour_differences(
    v: Labels,
    index: NDArray[np.uint32],
    values: Any,
    shift: int,
    sums: Any,
    step: int,
    n_labels: int,
) -> NDArray[np.int64]:
    """Sum |n x grey level - sum of its n neighbours| by label and n, from box sums.

    The box sums lack the axis of `step`, which is summed here.
    """
    out = np.zeros((n_labels + 1, 27), dtype=np.int64)
    across = np.uint64(step)
    one = np.int64(1) << shift
    for k in range(index.size):
        i = np.uint64(index[k])
        value = np.int64(values[i])
        both = np.int64(sums[i - across]) + np.int64(sums[i]) + np.int64(sums[i + across])
        both -= value + one
        n = both >> shift
        out[np.uint64(v[i]), np.uint64(n)] += abs(value * n - (both & (one - 1)))
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
