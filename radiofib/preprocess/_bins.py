"""Which bin a value falls into: the compiled part of :mod:`radiofib.preprocess.discretise`."""

from __future__ import annotations

from typing import Any

from radiofib.preprocess._numba import kernel

__all__ = ["assign"]


@kernel
def assign(values: Any, edges: Any, levels: Any, counts: Any) -> None:
    """Count the edges at or below each value (``numpy.digitize``): guess, then compare."""
    last = len(edges) - 1
    scale = last / (edges[last - 1] - edges[0]) if last > 1 else 0.0
    scale *= (last - 1) / last
    for i in range(len(values)):
        value = values[i]
        at = min(max(int((value - edges[0]) * scale), 0), last - 1)
        while at >= 0 and value < edges[at]:
            at -= 1
        while at < last and value >= edges[at + 1]:
            at += 1
        levels[i] = at + 1
        counts[at + 1] += 1
