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
    "cooccurrence",
    "equal_pairs",
    "equal_steps_back",
    "label_counts",
    "place",
    "positions",
    "representatives",
    "runs_and_dependences",
    "zone_counts",
    "zones",
]

Labels = NDArray[np.uint8] | NDArray[np.int32]
#: Length of the pieces in which arrays are swept, so that they stay in the processor's cache.
CHUNK = 8192
#: Largest side of a table over (voxel, two neighbours): 41^3 counters of 4 bytes.
PAIRED_SIDE = 41


@kernel
def positions(v: Labels, n: int) -> NDArray[np.uint32]:
    """Return the positions of the `n` labels that are not 0."""
    found = np.empty(n + 1, dtype=np.uint32)
    m: Any = np.uint64(0)
    for i in range(np.uint64(v.size)):
        found[m] = i
        if v[i] != 0:
            m += np.uint64(1)
    return found[:n]


@kernel
def place(v: Labels, index: NDArray[np.uint32], labels: Labels) -> None:
    """Write the labels of the region's voxels to their positions."""
    for k in range(index.size):
        v[np.uint64(index[k])] = labels[k]


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
    if n_labels < PAIRED_SIDE and (n_labels + 1) ** 3 < 2 * index.size:
        table = np.empty(side * side * side, dtype=np.uint32)
        while a + 1 < n_steps:
            table[:] = 0
            first = np.uint64(steps[a])
            second = np.uint64(steps[a + 1])
            for k in range(index.size):
                i = np.uint64(index[k])
                key = (np.uint64(v[i]) * side + np.uint64(v[i + first])) * side
                table[key + np.uint64(v[i + second])] += np.uint32(1)
            cube: Any = table.reshape(n_labels + 1, n_labels + 1, n_labels + 1)
            for here in range(1, n_labels + 1):
                for one in range(n_labels + 1):
                    total: Any = np.int64(0)
                    for other in range(n_labels + 1):
                        total += np.int64(cube[here, one, other])
                        out[a + 1, here, other] += np.int64(cube[here, one, other])
                    out[a, here, one] = total
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
def runs_and_dependences(
    v: Labels,
    index: NDArray[np.uint32],
    bits: NDArray[np.uint16],
    steps: NDArray[np.int64],
    n_labels: int,
    width: int,
) -> tuple[NDArray[np.int64], int, NDArray[np.int64]]:
    """Count runs of three or more and voxels by their number of equal neighbours.

    Returns runs (step, label, length - 1), the longest, and voxels (label, neighbours). Runs
    longer than `width` are not counted: the caller then asks again with the longest.
    """
    out = np.zeros((steps.size, n_labels + 1, width), dtype=np.int64)
    dependent = np.zeros((n_labels + 1, 2 * steps.size + 1), dtype=np.int64)
    longest = 1
    margin = 0
    for a in range(steps.size):
        margin = max(margin, steps[a])
    ahead = np.empty(CHUNK, dtype=np.uint16)
    ends = np.empty(CHUNK, dtype=np.uint16)
    k: Any = np.uint64(0)
    voxels = np.uint64(index.size)
    for start in range(margin, bits.size - margin, CHUNK):
        stop = min(start + CHUNK, bits.size - margin)
        if k == voxels or index[k] >= stop:
            continue
        n = stop - start
        next_ = ahead[:n]
        last = ends[:n]
        next_[:] = np.uint16(0)
        last[:] = np.uint16(0)
        for a in range(steps.size):
            step = steps[a]
            bit = np.uint16(1 << a)
            forth = bits[start + step : stop + step]
            back = bits[start - step : stop - step]
            for x in range(n):
                next_[x] = next_[x] | (forth[x] & bit)
            for x in range(n):
                last[x] = last[x] | (back[x] & bit)
        here = bits[start:stop]
        for x in range(n):
            last[x] = last[x] & here[x] & ~next_[x]
        while k < voxels and index[k] < stop:
            i = np.uint64(index[k])
            k += np.uint64(1)
            at = i - np.uint64(start)
            label = np.uint64(v[i])
            both = np.uint64(bits[i]) | (np.uint64(ahead[at]) << np.uint64(16))
            dependent[label, popcount(both)] += 1
            word = np.uint64(ends[at])
            while word != 0:
                which = lowest_bit(word)
                word &= word - np.uint64(1)
                one = np.uint16(np.uint64(1) << which)
                jump = np.uint64(steps[which])
                j = i - jump - jump
                length = 3
                while bits[j] & one:
                    j -= jump
                    length += 1
                longest = max(longest, length)
                if length <= width:
                    out[which, label, np.uint64(length - 1)] += 1
    return out, longest, dependent


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
        parent[i] = top  # halve the path
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
    parent: NDArray[np.uint32],
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Return voxel counts and labels of the connected zones of one label, in raster order.

    `parent` is work space as large as `v`.

    Union-find: the earlier voxel is the parent, so that a second sweep in raster order meets a
    zone's root before its other voxels and needs no search.
    """
    n_steps = np.uint64(steps.size)
    with_self = np.zeros(steps.size + 1, dtype=np.int64)
    with_self[: steps.size] = steps
    n_zones = 0
    for k in range(index.size):
        i = np.uint64(index[k])
        word = np.uint64(table[np.uint64(bits[i])])
        n_zones += word == 0
        first = lowest_bit(word | (np.uint64(1) << n_steps))
        parent[i] = i
        parent[i] = parent[i - np.uint64(with_self[first])]
        word &= word - np.uint64(1)
        if word != 0:
            root = _root(parent, i)
            while word != 0:
                j = i - np.uint64(steps[lowest_bit(word)])
                word &= word - np.uint64(1)
                if parent[j] == root:
                    continue
                other = _root(parent, j)
                if other < root:
                    root, other = other, root
                parent[other] = root
            parent[i] = root
    sizes = np.zeros(n_zones, dtype=np.uint32)
    labels = np.empty(n_zones, dtype=np.int64)
    zone = np.uint64(0)
    for k in range(index.size):
        i = np.uint64(index[k])
        up = np.uint64(parent[i])
        if up == i:  # a root: from here on it holds the number of its zone
            parent[i] = zone
            labels[zone] = np.int64(v[i])
            zone += np.uint64(1)
        else:
            parent[i] = parent[up]
        sizes[np.uint64(parent[i])] += np.uint32(1)
    return sizes[:zone], labels[:zone]


@kernel
def zone_counts(
    sizes: NDArray[np.uint32], labels: NDArray[np.int64], n_labels: int, width: int
) -> NDArray[np.int64]:
    """Count zones by label and size - 1, up to size `width`."""
    out = np.zeros((n_labels + 1, width), dtype=np.int64)
    for z in range(sizes.size):
        if sizes[z] <= width:
            out[np.uint64(labels[z]), np.uint64(sizes[z]) - np.uint64(1)] += 1
    return out
