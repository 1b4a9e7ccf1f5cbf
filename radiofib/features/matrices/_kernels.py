"""Compiled loops behind the texture matrices.

All kernels read a flat array ``v`` of labels with a border of zeros (see
:class:`~radiofib.features.matrices.levels.Levels`), in which a neighbour is a fixed step away
and none needs a check for the edge. They rest on four observations:

* Whether a voxel equals its neighbour one step back in each of at most 13 directions fits into
  a 16-bit word. These words are computed by long loops that compilers turn into vector
  instructions, and are all that runs, zones and dependences need.
* A run of three or more ends where "equal to the one before" holds here and one step back but
  not one step ahead; only there a loop has something to do. The number of shorter runs follows
  from the numbers of voxels and of equal pairs.
* Equal neighbours of a voxel that touch one another are in one zone already, so one of them
  stands for all: a table over the words lists the few that have to be joined.
* Counting scattered cells costs one memory update each, so two directions are counted in one
  table over (voxel, first neighbour, second neighbour) and separated at the end.

Indices are unsigned: numba then leaves out the test for negative ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.features.matrices._numba import kernel, lowest_bit, popcount

__all__ = [
    "box_sums",
    "cooccurrence",
    "dependences",
    "dependences_within",
    "equal_pairs",
    "equal_steps_back",
    "label_counts",
    "neighbour_differences",
    "neighbour_differences_at",
    "positions",
    "representatives",
    "run_ends",
    "runs",
    "zones",
]

Labels = NDArray[np.uint8] | NDArray[np.int32]
Sums = NDArray[np.int32] | NDArray[np.int64]
#: Length of the pieces in which arrays are swept, so that they stay in the processor's cache.
CHUNK = 8192
#: Largest side of a table over (voxel, two neighbours): 41^3 counters of 4 bytes.
PAIRED_SIDE = 41


@kernel
def positions(v: Labels, n: int) -> NDArray[np.uint32]:
    """Return the positions of the `n` labels that are not 0."""
    found = np.empty(n + 1, dtype=np.uint32)
    m = np.uint64(0)
    for i in range(np.uint64(v.size)):
        found[m] = i
        if v[i] != 0:
            m += np.uint64(1)
    return found[:n]


@kernel
def label_counts(v: Labels, index: NDArray[np.uint32], n_labels: int) -> NDArray[np.int64]:
    """Count the voxels of each label."""
    counts = np.zeros(n_labels + 1, dtype=np.int64)
    for k in range(index.size):
        counts[np.uint64(v[np.uint64(index[k])])] += 1
    return counts


@kernel
def cooccurrence(
    v: Labels, index: NDArray[np.uint32], steps: NDArray[np.int64], n_labels: int
) -> NDArray[np.int64]:
    """Count pairs (label here, label a step ahead) for each step: (step, here, ahead)."""
    n_steps = steps.size
    side = np.uint64(n_labels + 1)
    out = np.zeros((n_steps, n_labels + 1, n_labels + 1), dtype=np.int64)
    a = 0
    if n_labels < PAIRED_SIDE:
        table = np.empty(side * side * side, dtype=np.uint32)
        while a + 1 < n_steps:
            table[:] = 0
            first = np.uint64(steps[a])
            second = np.uint64(steps[a + 1])
            for k in range(index.size):
                i = np.uint64(index[k])
                key = (np.uint64(v[i]) * side + np.uint64(v[i + first])) * side
                table[key + np.uint64(v[i + second])] += np.uint32(1)
            cube = table.reshape(n_labels + 1, n_labels + 1, n_labels + 1)
            for i in range(1, n_labels + 1):
                for j in range(n_labels + 1):
                    total = np.int64(0)
                    for l in range(n_labels + 1):  # noqa: E741
                        total += np.int64(cube[i, j, l])
                        out[a + 1, i, l] += np.int64(cube[i, j, l])
                    out[a, i, j] = total
            a += 2
    while a < n_steps:
        step = np.uint64(steps[a])
        plane = out[a].reshape(-1)
        for k in range(index.size):
            i = np.uint64(index[k])
            plane[np.uint64(v[i]) * side + np.uint64(v[i + step])] += 1
        a += 1
    return out


@kernel
def equal_steps_back(v: Labels, steps: NDArray[np.int64]) -> NDArray[np.uint16]:
    """Return words whose bit `a` says that a voxel of the region equals that `steps[a]` back."""
    bits = np.zeros(v.size, dtype=np.uint16)
    margin = 0
    for a in range(steps.size):
        margin = max(margin, steps[a])
    for start in range(margin, v.size - margin, CHUNK):
        n = min(CHUNK, v.size - margin - start)
        here = v[start : start + n]
        out = bits[start : start + n]
        for a in range(steps.size):
            back = v[start - steps[a] : start - steps[a] + n]
            bit = np.uint16(1 << a)
            for x in range(n):
                out[x] = out[x] | (bit if here[x] == back[x] else np.uint16(0))
        for x in range(n):
            out[x] = out[x] if here[x] != 0 else np.uint16(0)
    return bits


@kernel
def run_ends(
    bits: NDArray[np.uint16], steps: NDArray[np.int64]
) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Return words for "equal to the one ahead" and for "end of a run of three or more"."""
    ahead = np.zeros_like(bits)
    ends = np.zeros_like(bits)
    margin = 0
    for a in range(steps.size):
        margin = max(margin, steps[a])
    for start in range(margin, bits.size - margin, CHUNK):
        n = min(CHUNK, bits.size - margin - start)
        next_ = ahead[start : start + n]
        last = ends[start : start + n]
        for a in range(steps.size):
            step = steps[a]
            bit = np.uint16(1 << a)
            forth = bits[start + step : start + step + n]
            back = bits[start - step : start - step + n]
            for x in range(n):
                next_[x] = next_[x] | (forth[x] & bit)
            for x in range(n):
                last[x] = last[x] | (back[x] & bit)
        here = bits[start : start + n]
        for x in range(n):
            last[x] = last[x] & here[x] & ~next_[x]
    return ahead, ends


@kernel
def equal_pairs(
    v: Labels, index: NDArray[np.uint32], bits: NDArray[np.uint16], n_steps: int, n_labels: int
) -> NDArray[np.int64]:
    """Count voxels equal to the one a step back: (step, label)."""
    out = np.zeros((n_steps, n_labels + 1), dtype=np.int64)
    for k in range(index.size):
        i = np.uint64(index[k])
        label = np.uint64(v[i])
        word = np.uint64(bits[i])
        while word != 0:
            out[lowest_bit(word), label] += 1
            word &= word - np.uint64(1)
    return out


@kernel
def runs(
    v: Labels,
    index: NDArray[np.uint32],
    bits: NDArray[np.uint16],
    ends: NDArray[np.uint16],
    steps: NDArray[np.int64],
    n_labels: int,
    width: int,
) -> tuple[NDArray[np.int64], int]:
    """Count runs of three or more: (step, label, length - 1), and return the longest.

    Runs longer than `width` are not counted: the caller then asks again with the longest.
    """
    out = np.zeros((steps.size, n_labels + 1, width), dtype=np.int64)
    longest = 1
    for k in range(index.size):
        i = np.uint64(index[k])
        word = np.uint64(ends[i])
        while word != 0:
            a = lowest_bit(word)
            word &= word - np.uint64(1)
            bit = np.uint16(np.uint64(1) << a)
            step = np.uint64(steps[a])
            j = i - step - step
            length = 3
            while bits[j] & bit:
                j -= step
                length += 1
            longest = max(longest, length)
            if length <= width:
                out[a, np.uint64(v[i]), np.uint64(length - 1)] += 1
    return out, longest


@kernel
def representatives(offsets: NDArray[np.int64]) -> NDArray[np.uint16]:
    """For every set of equal neighbours, return one of each group whose members touch."""
    n = offsets.shape[0]
    table = np.zeros(1 << n, dtype=np.uint16)
    touching = np.zeros(n, dtype=np.int64)
    for a in range(n):
        for b in range(n):
            apart = 0
            for axis in range(offsets.shape[1]):
                apart = max(apart, abs(offsets[a, axis] - offsets[b, axis]))
            if apart <= 1:
                touching[a] |= 1 << b
    for word in range(1 << n):
        left = word
        kept = 0
        while left != 0:
            a = n - 1
            while not (left >> a) & 1:
                a -= 1
            kept |= 1 << a
            group = 1 << a
            grown = 0
            while grown != group:
                grown = group
                for b in range(n):
                    if (grown >> b) & 1:
                        group |= touching[b] & word
            left &= ~group
        table[word] = kept
    return table


@kernel
def _root(parent: NDArray[np.uint32], i: Any) -> Any:
    up = np.uint64(parent[i])
    while up != i:
        top = np.uint64(parent[up])
        parent[i] = top
        i = top
        up = np.uint64(parent[i])
    return i


@kernel
def zones(
    v: Labels,
    index: NDArray[np.uint32],
    bits: NDArray[np.uint16],
    steps: NDArray[np.int64],
    table: NDArray[np.uint16],
    n_labels: int,
    width: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Count connected zones of one label: (label, size - 1) up to `width`, then the larger ones.

    Union-find in raster order. The larger zones come as their labels and their sizes.
    """
    parent = np.empty(v.size, dtype=np.uint32)
    size = np.empty(v.size, dtype=np.uint32)
    for k in range(index.size):
        i = np.uint64(index[k])
        word = np.uint64(table[np.uint64(bits[i])])
        if word == 0:
            parent[i] = i
            size[i] = 1
            continue
        root = _root(parent, i - np.uint64(steps[lowest_bit(word)]))
        word &= word - np.uint64(1)
        while word != 0:
            other = _root(parent, i - np.uint64(steps[lowest_bit(word)]))
            word &= word - np.uint64(1)
            if other != root:
                if size[other] > size[root]:
                    root, other = other, root
                parent[other] = root
                size[root] += size[other]
        parent[i] = root
        size[root] += np.uint32(1)
    small = np.zeros((n_labels + 1, width), dtype=np.int64)
    n_large = 0
    for k in range(index.size):
        i = np.uint64(index[k])
        if np.uint64(parent[i]) == i:
            if size[i] <= width:
                small[np.uint64(v[i]), np.uint64(size[i]) - np.uint64(1)] += 1
            else:
                n_large += 1
    labels = np.empty(n_large, dtype=np.int64)
    sizes = np.empty(n_large, dtype=np.int64)
    m = 0
    for k in range(index.size):
        i = np.uint64(index[k])
        if np.uint64(parent[i]) == i and size[i] > width:
            labels[m] = np.int64(v[i])
            sizes[m] = np.int64(size[i])
            m += 1
    return small, labels, sizes


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
def box_sums(
    v: Labels, values: Labels, one: int, steps: NDArray[np.int64], sums: Sums, spare: Sums
) -> Sums:
    """Sum grey level + `one` over the region's voxels in a box of three along each step.

    `one` is a power of two above every sum of grey levels, so that one number holds the sum and
    the count. `values` are the grey levels of the labels; `sums` and `spare` are work space of
    zeros, one of which is returned.
    """
    for start in range(0, v.size, CHUNK):
        n = min(CHUNK, v.size - start)
        label = v[start : start + n]
        value = values[start : start + n]
        out = sums[start : start + n]
        for x in range(n):
            out[x] = value[x] + (one if label[x] != 0 else 0)
    for axis in range(steps.size):
        step = steps[axis]
        for start in range(step, v.size - step, CHUNK):
            n = min(CHUNK, v.size - step - start)
            back = sums[start - step : start - step + n]
            here = sums[start : start + n]
            forth = sums[start + step : start + step + n]
            out = spare[start : start + n]
            for x in range(n):
                out[x] = back[x] + here[x] + forth[x]
        sums, spare = spare, sums
    return sums


@kernel
def neighbour_differences(
    v: Labels,
    index: NDArray[np.uint32],
    values: Labels,
    one: int,
    sums: Sums,
    step: int,
    n_labels: int,
) -> NDArray[np.int64]:
    """Sum |n x grey level - sum of its n neighbours| by label and n, from box sums.

    The box sums lack the axis of `step`, which is summed here.
    """
    out = np.zeros((n_labels + 1, 27), dtype=np.int64)
    across = np.uint64(step)
    for k in range(index.size):
        i = np.uint64(index[k])
        value = np.int64(values[i])
        both = np.int64(sums[i - across]) + np.int64(sums[i]) + np.int64(sums[i + across])
        both -= value + one
        n = both // one
        out[np.uint64(v[i]), np.uint64(n)] += abs(value * n - (both - n * one))
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
