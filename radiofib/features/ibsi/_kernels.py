"""Compiled loops of the IBSI families that have no counterpart among pyradiomics' matrices.

As in :mod:`radiofib.features.matrices`, `v` is a flat array of labels with a border of zeros, in
which a neighbour is a fixed step away and none needs a check for the edge.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiofib.features.matrices._numba import kernel

__all__ = ["neighbours", "runs"]

Labels = NDArray[np.uint8] | NDArray[np.int32]


@kernel
def runs(
    v: Labels, index: NDArray[np.uint32], step: int, length: NDArray[np.uint32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where runs along a step end, as places in `index`, and how long they are.

    `length` is work space as large as `v`, not cleared: a voxel's length is written before the
    voxel a step ahead reads it.
    """
    ends = np.empty(index.size, dtype=np.int64)
    lengths = np.empty(index.size, dtype=np.int64)
    across = np.uint64(step)
    n = np.uint64(0)
    for k in range(index.size):
        i = np.uint64(index[k])
        here = v[i]
        so_far = np.uint32(1)
        if v[i - across] == here:
            so_far += length[i - across]
        length[i] = so_far
        if v[i + across] != here:
            ends[n] = k
            lengths[n] = so_far
            n += np.uint64(1)
    return ends[:n], lengths[:n]


@kernel
def neighbours(
    v: Labels, index: NDArray[np.uint32], steps: NDArray[np.int64], value_of: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return for each voxel the number, the sum and the number of equals among its neighbours.

    `steps` are those to one of each pair of opposite neighbours.
    """
    number = np.empty(index.size, dtype=np.int64)
    total = np.empty(index.size, dtype=np.int64)
    equal = np.empty(index.size, dtype=np.int64)
    for k in range(index.size):
        i = np.uint64(index[k])
        here = v[i]
        n = np.int64(0)
        same = np.int64(0)
        values = np.int64(0)
        for a in range(steps.size):
            step = np.uint64(steps[a])
            ahead = v[i + step]
            back = v[i - step]
            n += (ahead != 0) + (back != 0)
            same += (ahead == here) + (back == here)
            values += value_of[np.uint64(ahead)] + value_of[np.uint64(back)]
        number[k] = n
        total[k] = values
        equal[k] = same
    return number, total, equal
