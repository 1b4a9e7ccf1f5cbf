"""What a voxel has in common with its neighbours: zones, dependences, tone differences."""

from __future__ import annotations

from typing import Any

import numpy as np

from radiofib.features._numba import kernel
from radiofib.features.maps._common import emphases

__all__ = ["dependences", "tone_differences", "zones"]


@kernel
def zones(
    touching: Any, rank: Any, k: Any, grey: Any, logs: Any, table: Any, rows: Any, columns: Any,
    parent: Any, sizes: Any, out: Any,
) -> None:  # fmt: skip
    """Write the sixteen size zone features."""
    n = len(rank)
    for p in range(n):
        parent[p] = p
        sizes[p] = 0
    for t in range(len(touching)):
        p = touching[t, 0]
        q = touching[t, 1]
        if rank[p] < 0 or rank[p] != rank[q]:
            continue
        while parent[p] != p:
            p = parent[p]
        while parent[q] != q:
            q = parent[q]
        if p != q:
            parent[max(p, q)] = min(p, q)
    largest = np.int64(0)
    for p in range(n):
        if rank[p] >= 0:
            q = p
            while parent[q] != q:
                q = parent[q]
            parent[p] = q
            sizes[q] += 1
            largest = max(largest, sizes[q])
    for i in range(k):
        for j in range(largest):
            table[i, j] = 0.0
    for p in range(n):
        if sizes[p] > 0:
            table[rank[p], sizes[p] - 1] += 1.0
    emphases(table, k, largest, grey, logs, n > 0, rows, columns, out)


@kernel
def dependences(
    pairs: Any, level: Any, rank: Any, k: Any, alpha: Any, grey: Any, logs: Any, table: Any,
    rows: Any, columns: Any, numbers: Any, out: Any,
) -> None:  # fmt: skip
    """Write the sixteen dependence features (two of them are not features of pyradiomics)."""
    n = len(rank)
    for p in range(n):
        numbers[p] = 0
    for t in range(len(pairs)):
        p = pairs[t, 0]
        q = pairs[t, 1]
        if rank[p] >= 0 and rank[q] >= 0 and abs(level[p] - level[q]) <= alpha:
            numbers[p] += 1
            numbers[q] += 1
    largest = np.int64(0)
    for p in range(n):
        if rank[p] >= 0:
            largest = max(largest, numbers[p])
    for i in range(k):
        for j in range(largest + 1):
            table[i, j] = 0.0
    for p in range(n):
        if rank[p] >= 0:
            table[rank[p], numbers[p]] += 1.0
    emphases(table, k, largest + 1, grey, logs, n > 0, rows, columns, out)


@kernel
def tone_differences(
    pairs: Any, level: Any, rank: Any, k: Any, grey: Any, numbers: Any, sums: Any, voxels: Any,
    differences: Any, out: Any,
) -> None:  # fmt: skip
    """Write busyness, coarseness, complexity, contrast and strength."""
    n = len(rank)
    total = 0.0
    for p in range(n):
        numbers[p] = 0
        sums[p] = 0
    for i in range(k):
        voxels[i] = 0.0
        differences[i] = 0.0
    for t in range(len(pairs)):
        p = pairs[t, 0]
        q = pairs[t, 1]
        if rank[p] >= 0 and rank[q] >= 0:
            numbers[p] += 1
            numbers[q] += 1
            sums[p] += level[q]
            sums[q] += level[p]
    for p in range(n):
        if rank[p] >= 0:
            total += 1.0
            voxels[rank[p]] += 1.0
            if numbers[p] > 0:
                differences[rank[p]] += abs(level[p] - sums[p] / numbers[p])
    roughness = spread = complexity = contrast = strength = apart = 0.0
    for i in range(k):
        p = voxels[i] / total
        roughness += p * differences[i]
        apart += differences[i]
        for j in range(i):
            q = voxels[j] / total
            gap = abs(grey[i] - grey[j])
            square = gap * gap
            spread += abs(grey[i] * p - grey[j] * q)
            contrast += p * q * square
            strength += (p + q) * square
            complexity += gap * (p * differences[i] + q * differences[j]) / (p + q)
    out[0] = roughness / (2.0 * spread) if spread != 0.0 else 0.0
    out[1] = 1.0 / roughness if roughness != 0.0 else 1e6
    out[2] = 2.0 * complexity / total
    out[3] = 2.0 * contrast * apart / total / (k * (k - 1)) if k > 1 else 0.0
    out[4] = 2.0 * strength / apart if apart != 0.0 else 0.0
