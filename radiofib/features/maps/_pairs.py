"""Co-occurrence in a window: cells of the matrix that occur, and the features of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from radiofib.features._numba import kernel
from radiofib.features.maps._common import EPS
from radiofib.features.maps._mcc import components, second_singular

__all__ = ["CORRELATION", "IMC2", "INDEPENDENT", "MCC", "SMALL", "WEAK", "cooccurrence", "gather"]

#: Places among the features, in alphabetical order, of those that rounding can decide.
CORRELATION, IMC2, MCC = 5, 14, 20
#: Mutual information (bits) below which levels count as independent of one another.
INDEPENDENT = 1e-9
#: Second singular value below which its square is lost in rounding.
WEAK = 1e-3
#: Product of row and column sums beside which pyradiomics' eps can be seen in the ninth digit.
SMALL = 1e-6


@kernel
def gather(
    pairs: Any, first: Any, last: Any, rank: Any, weight: float, symmetrical: bool,
    slot: Any, ci: Any, cj: Any, cc: Any, n_cells: Any,
) -> Any:  # fmt: skip
    """Add the pairs `first` to `last` to the cells and return how many cells there are.

    ``slot[i, j]`` is the number of the cell of levels i and j, from 1. Of a symmetrical matrix
    only one half is kept.
    """
    if weight == 0.0:
        return n_cells
    for t in range(first, last):
        i = rank[pairs[t, 0]]
        j = rank[pairs[t, 1]]
        if i < 0 or j < 0:
            continue
        if symmetrical and i > j:
            i, j = j, i
        if slot[i, j] == 0:
            ci[n_cells] = i
            cj[n_cells] = j
            cc[n_cells] = 0.0
            n_cells += 1
            slot[i, j] = n_cells
        cc[slot[i, j] - 1] += 2.0 * weight if symmetrical and i == j else weight
    return n_cells


@kernel
def _entropy(counts: Any, n_counts: Any, n: float, logs: Any, whole: bool) -> Any:
    """Return the entropy of counts in bits, leaving out those that are 0."""
    terms = 0.0
    for t in range(n_counts):
        if counts[t] > 0.0:
            if whole:
                terms += logs[int(counts[t])]
            else:
                p = counts[t] / n
                terms -= p * np.log2(p + EPS)
    if whole:
        return (logs[int(n)] - terms) / n
    return terms


@kernel
def cooccurrence(
    ci: Any, cj: Any, cc: Any, n_cells: Any, k: Any, grey: Any, n_grey: float, single: bool,
    symmetrical: bool, logs: Any, whole: bool, px: Any, py: Any, far: Any, both: Any, keys: Any,
    kept: Any, parent: Any, a: Any, b: Any, d: Any, e: Any, out: Any,
) -> Any:  # fmt: skip
    """Add the 24 features of one matrix to `out`; return those left out because of rounding.

    `n_grey` is the greatest grey level of the region, `single` tells whether it has only one.
    Bits of the result: 1 correlation, 2 second information measure, 4 maximal correlation.
    """
    n = 0.0
    for i in range(k):
        px[i] = 0.0
        py[i] = 0.0
    for c in range(n_cells):
        n += cc[c]
        px[ci[c]] += cc[c]
        if not symmetrical:
            py[cj[c]] += cc[c]
        elif ci[c] != cj[c]:
            n += cc[c]
            px[cj[c]] += cc[c]
    if symmetrical:
        for i in range(k):
            py[i] = px[i]
    mx = my = 0.0
    rows = columns = 0
    for i in range(k):
        mx += px[i] / n * grey[i]
        my += py[i] / n * grey[i]
        rows += px[i] > 0.0
        columns += py[i] > 0.0
    vx = vy = 0.0
    for i in range(k):
        vx += px[i] / n * (grey[i] - mx) ** 2
        vy += py[i] / n * (grey[i] - my) ** 2

    product = energy = most = shade = prominence = tendency = covariance = 0.0
    terms = 0.0
    n_far = n_both = np.int64(0)
    for c in range(n_cells):
        times = 2.0 if symmetrical and ci[c] != cj[c] else 1.0
        count = times * cc[c]
        x = grey[ci[c]]
        y = grey[cj[c]]
        product += count * (x * y)
        energy += count * cc[c]
        most = max(most, cc[c])
        if whole:
            terms += times * logs[int(cc[c])]
        else:
            p = cc[c] / n
            terms -= times * p * np.log2(p + EPS)
        away = x + y - mx - my
        square = count * away * away
        tendency += square
        shade += square * away
        prominence += square * away * away
        covariance += count * (x - mx) * (y - my)
        key = int(abs(x - y))
        if far[key] == 0.0:
            keys[n_far] = key
            n_far += 1
        far[key] += count
        key = int(x + y)
        if both[key] == 0.0:
            kept[n_both] = key
            n_both += 1
        both[key] += count
    covariance /= n

    difference = contrast = inverse = moment = inverse_n = moment_n = variance = 0.0
    for t in range(n_far):
        gap = float(keys[t])
        p = far[keys[t]] / n
        difference += p * gap
        contrast += p * gap * gap
        inverse += p / (1.0 + gap)
        moment += p / (1.0 + gap * gap)
        inverse_n += p / (1.0 + gap / n_grey)
        moment_n += p / (1.0 + gap * gap / (n_grey * n_grey))
        if gap > 0.0:
            variance += p / (gap * gap)
    out[15] += variance
    spread = 0.0
    for t in range(n_far):
        count = far[keys[t]]
        far[keys[t]] = 0.0
        spread += count / n * (keys[t] - difference) ** 2
        px[k + t] = count
    for t in range(n_both):
        py[k + t] = both[kept[t]]
        both[kept[t]] = 0.0

    joint = (logs[int(n)] - terms) / n if whole else terms
    hx = _entropy(px, k, n, logs, whole)
    hy = hx if symmetrical else _entropy(py, k, n, logs, whole)
    shared = hx + hy - joint
    out[0] += product / n
    out[1] += prominence / n
    out[2] += shade / n
    out[3] += tendency / n
    out[4] += contrast
    out[6] += difference
    out[7] += _entropy(px[k:], n_far, n, logs, whole)
    out[8] += spread
    out[9] += inverse
    out[10] += moment
    out[11] += moment_n
    out[12] += inverse_n
    if rows > 1 or columns > 1:
        out[13] -= shared / max(hx, hy)
    out[16] += mx
    out[17] += energy / (n * n)
    out[18] += joint
    out[19] += most / n
    out[21] += mx + my
    out[22] += _entropy(py[k:], n_both, n, logs, whole)
    out[23] += vx

    unsure = 0
    if rows > 1 and columns > 1:
        out[CORRELATION] += covariance / (np.sqrt(vx) * np.sqrt(vy) + EPS)
    elif rows == 1 and columns == 1:
        out[CORRELATION] += 1.0
    else:
        unsure |= 1
    if rows > 1 or columns > 1:
        if shared < INDEPENDENT:
            unsure |= 2
        else:
            out[IMC2] += np.sqrt(1.0 - np.exp(-2.0 * shared))
    if single:
        out[MCC] += 1.0
    elif rows > 1:
        least = n * n
        for c in range(n_cells):
            least = min(least, px[ci[c]] * py[cj[c]])
        if not whole and least < SMALL * n * n:
            unsure |= 4
        elif components(ci, cj, n_cells, k, rows + columns, symmetrical, parent) > 1:
            out[MCC] += 1.0
        else:
            found = 0.0
            if columns > 1:
                found = second_singular(
                    ci, cj, cc, n_cells, k, px, py, n, symmetrical, parent, a, b, d, e
                )
            if found < WEAK:
                unsure |= 4
            else:
                out[MCC] += found
    return unsure
