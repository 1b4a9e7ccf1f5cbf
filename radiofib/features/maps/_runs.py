"""Runs in a window."""

from __future__ import annotations

from typing import Any

import numpy as np

from radiofib.features._numba import kernel
from radiofib.features.maps._common import emphases

__all__ = ["runs"]


@kernel
def _count(lines: Any, first: Any, last: Any, rank: Any, table: Any) -> Any:
    """Count the runs of a direction; tell whether a line meets two voxels, gaps allowed.

    A run that ends at length j is taken back at j and added at j + 1 as it grows.
    """
    before = -1
    length = 0
    met = 0
    meets_two = False
    for t in range(first, last):
        at = lines[t]
        level = rank[at] if at >= 0 else -1
        if level >= 0:
            met += 1
            meets_two = meets_two or met > 1
        if level >= 0 and level == before:
            table[level, length - 1] -= 1.0
            table[level, length] += 1.0
            length += 1
        else:
            length = 1
            if level >= 0:
                table[level, 0] += 1.0
        before = level
        if at < 0:
            met = 0
    return meets_two


@kernel
def runs(
    lines: Any, starts: Any, rank: Any, k: Any, longest: Any, weights: Any, grey: Any, logs: Any,
    table: Any, spare: Any, rows: Any, columns: Any, out: Any,
) -> None:  # fmt: skip
    """Write the sixteen run-length features: means over directions, or of the merged matrix."""
    n_directions = len(starts) - 1
    merged = len(weights) > 0
    used = 0
    for i in range(k):
        for j in range(longest):
            table[i, j] = 0.0
            spare[i, j] = 0.0
    for a in range(n_directions):
        weight = weights[a] if merged else 1.0
        if _count(lines, starts[a], starts[a + 1], rank, table):
            used += 1
            if not merged:
                emphases(table, k, longest, grey, logs, not merged, rows, columns, out)
            else:
                for i in range(k):
                    for j in range(longest):
                        spare[i, j] += weight * table[i, j]
        for i in range(k):
            for j in range(longest):
                table[i, j] = 0.0
    if merged and used > 0:
        emphases(spare, k, longest, grey, logs, not merged, rows, columns, out)
        used = 1
    for f in range(16):
        out[f] = out[f] / used if used > 0 else np.nan
