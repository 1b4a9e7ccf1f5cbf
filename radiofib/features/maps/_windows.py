"""The moving window: one reading of the neighbourhood for all families."""

from __future__ import annotations

from typing import Any

import numpy as np

from radiofib.features._numba import kernel
from radiofib.features.maps._firstorder import firstorder
from radiofib.features.maps._neighbours import dependences, tone_differences, zones
from radiofib.features.maps._pairs import CORRELATION, IMC2, MCC, cooccurrence, gather
from radiofib.features.maps._runs import runs

__all__ = ["intensities", "texture"]


@kernel
def intensities(
    values: Any, levels: Any, centres: Any, order: Any, plan: Any, shift: float, volume: float,
    logs: Any, n_grey: Any, out: Any,
) -> None:  # fmt: skip
    """Write the first-order features of each window to ``out[window, feature]``."""
    n = len(order)
    counts = np.zeros(n_grey + 1, np.int64)
    terms = np.empty(n)
    ordered = np.empty(n)
    stack = np.empty(len(plan) + 8)
    for v in range(len(centres)):
        firstorder(
            values, levels, centres[v], order, plan, shift, volume, logs, counts, terms, ordered,
            stack, out[v],
        )  # fmt: skip


@kernel
def texture(
    levels: Any, centres: Any, wanted: Any, steps: Any, pairs: Any, pair_starts: Any,
    touching: Any, lines: Any, line_starts: Any, longest: Any, pair_weights: Any,
    run_weights: Any, symmetrical: bool, alpha: Any, logs: Any, n_grey: Any, single: bool,
    out: Any, used: Any, unsure: Any,
) -> None:  # fmt: skip
    """Write the texture features of each window to ``out[window, feature]``.

    Families by place: co-occurrence 0, runs 24, zones 40, dependences 56, tone differences 72.
    Of correlation, second information measure and maximal correlation, sums over directions are
    left; ``used[window]`` is the number of directions with pairs, ``unsure[window, direction]``
    says which of the three are missing in the sum.
    """
    n = len(steps)
    n_directions = len(pair_starts) - 1
    merged = len(pair_weights) > 0
    most = 2 * len(pairs) if merged else 0
    for a in range(n_directions):
        most = max(most, 2 * (pair_starts[a + 1] - pair_starts[a]))
    most = max(min(most, n * n), 1)
    rank_of = np.full(n_grey + 1, -1, np.int64)
    level = np.zeros(n, np.int64)
    rank = np.zeros(n, np.int64)
    grey = np.zeros(n)
    slot = np.zeros((n, n), np.int64)
    ci = np.zeros(most, np.int64)
    cj = np.zeros(most, np.int64)
    cc = np.zeros(most)
    px = np.zeros(n + most)
    py = np.zeros(n + most)
    far = np.zeros(n_grey + 1)
    both = np.zeros(2 * n_grey + 1)
    keys = np.zeros(most, np.int64)
    kept = np.zeros(most, np.int64)
    parent = np.zeros(2 * n, np.int64)
    numbers = np.zeros(n, np.int64)
    sums = np.zeros(n, np.int64)
    table = np.zeros((n, n + 1))
    spare = np.zeros((n, n + 1))
    rows = np.zeros(n + 1)
    columns = np.zeros(n + 1)
    for v in range(len(centres)):
        k = np.int64(0)  # not the literal 0, for which everything would be compiled again
        for t in range(n):
            found = np.int64(levels[centres[v] + steps[t]])
            level[t] = found
            rank[t] = -1
            if found > 0:
                if rank_of[found] < 0:
                    rank_of[found] = k
                    grey[k] = found
                    k += 1
                rank[t] = rank_of[found]
        for i in range(k):
            rank_of[int(grey[i])] = -1
        if wanted[0]:
            used[v] = 0
            n_cells = np.int64(0)
            for a in range(n_directions):
                weight = pair_weights[a] if merged else 1.0
                n_cells = gather(
                    pairs, pair_starts[a], pair_starts[a + 1], rank, weight, symmetrical, slot,
                    ci, cj, cc, n_cells,
                )  # fmt: skip
                if n_cells > 0 and (not merged or a == n_directions - 1):
                    for c in range(n_cells):
                        slot[ci[c], cj[c]] = 0
                    unsure[v, 0 if merged else a] = cooccurrence(
                        ci, cj, cc, n_cells, k, grey, float(n_grey), single, symmetrical, logs,
                        not merged, px, py, far, both, keys, kept, parent, table, spare, rows,
                        columns, out[v, :24],
                    )  # fmt: skip
                    used[v] += 1
                    n_cells = np.int64(0)
            for f in range(24):
                if used[v] == 0:
                    out[v, f] = np.nan
                elif f not in (CORRELATION, IMC2, MCC):
                    out[v, f] /= used[v]
        if wanted[1]:
            runs(
                lines, line_starts, rank, k, longest, run_weights, grey, logs, table, spare, rows,
                columns, out[v, 24:40],
            )  # fmt: skip
        if wanted[2]:
            zones(
                touching, rank, k, grey, logs, table, rows, columns, parent, numbers,
                out[v, 40:56],
            )  # fmt: skip
        if wanted[3]:
            dependences(
                pairs, level, rank, k, alpha, grey, logs, table, rows, columns, numbers,
                out[v, 56:72],
            )  # fmt: skip
        if wanted[4]:
            tone_differences(
                pairs, level, rank, k, grey, numbers, sums, rows, columns, out[v, 72:77]
            )
