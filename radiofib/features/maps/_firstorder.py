"""First-order statistics of the intensities of a window."""

from __future__ import annotations

from typing import Any

import numpy as np

from radiofib.features._numba import kernel
from radiofib.features.maps._common import sort

__all__ = ["firstorder"]


@kernel
def _sum(terms: Any, plan: Any, stack: Any) -> Any:
    """Add up as numpy does, to the last digit: eight running sums to a block."""
    top = 0
    start = 0
    eight = stack[len(stack) - 8 :]
    for n in plan:
        if n == 0:
            top -= 1
            stack[top - 1] += stack[top]
            continue
        found = 0.0
        done = 0
        if n >= 8:
            for i in range(8):
                eight[i] = terms[start + i]
            done = 8
            while done + 8 <= n:
                for i in range(8):
                    eight[i] += terms[start + done + i]
                done += 8
            found = ((eight[0] + eight[1]) + (eight[2] + eight[3])) + (
                (eight[4] + eight[5]) + (eight[6] + eight[7])
            )
        for i in range(start + done, start + n):
            found += terms[i]
        stack[top] = found
        top += 1
        start += n
    return stack[0]


@kernel
def _quantile(ordered: Any, n: Any, share: float) -> Any:
    """Interpolate linearly, as ``numpy.percentile`` does."""
    position = (n - 1) * share
    before = int(position)
    a = ordered[before]
    b = ordered[min(before + 1, n - 1)]
    part = position - before
    if part < 0.5:
        return a + (b - a) * part
    return b - (b - a) * (1 - part)


@kernel
def firstorder(
    values: Any,
    levels: Any,
    at: Any,
    order: Any,
    plan: Any,
    shift: float,
    volume: float,
    logs: Any,
    counts: Any,
    terms: Any,
    ordered: Any,
    stack: Any,
    out: Any,
) -> None:
    """Write the nineteen features of the window around flat position `at`."""
    n = np.int64(0)
    entropy = 0.0
    squares = 0.0
    for t in range(len(order)):
        where = at + order[t]
        level = levels[where]
        terms[t] = 0.0
        if level > 0:
            terms[t] = values[where]
            ordered[n] = values[where]
            counts[level] += 1
            n += 1
    for t in range(len(order)):
        level = levels[at + order[t]]
        if level > 0 and counts[level] > 0:
            count = counts[level]
            entropy += logs[count]
            squares += float(count) * float(count)
            counts[level] = 0
    mean = _sum(terms, plan, stack) / n
    energy = deviation = second = third = fourth = 0.0
    for t in range(n):
        value = ordered[t]
        energy += (value + shift) ** 2
        apart = value - mean
        deviation += abs(apart)
        square = apart * apart
        second += square
        third += square * apart
        fourth += square * square
    second /= n
    third /= n
    fourth /= n
    sort(ordered, n)
    low = _quantile(ordered, n, 0.1)
    high = _quantile(ordered, n, 0.9)
    inner = 0.0
    inside = 0
    for t in range(n):
        if ordered[t] >= low and ordered[t] <= high:
            inner += ordered[t]
            inside += 1
    robust = 0.0
    if inside > 0:
        inner /= inside
        for t in range(n):
            if ordered[t] >= low and ordered[t] <= high:
                robust += abs(ordered[t] - inner)
        robust /= inside
    else:
        robust = np.nan
    out[0] = energy
    out[1] = energy * volume
    out[2] = (logs[n] - entropy) / n
    out[3] = ordered[0]
    out[4] = low
    out[5] = high
    out[6] = ordered[n - 1]
    out[7] = mean
    out[8] = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    out[9] = _quantile(ordered, n, 0.75) - _quantile(ordered, n, 0.25)
    out[10] = ordered[n - 1] - ordered[0]
    out[11] = deviation / n
    out[12] = robust
    out[13] = np.sqrt(energy / n)
    out[14] = np.sqrt(second)
    out[15] = 0.0 if second == 0.0 else third / second**1.5
    out[16] = 0.0 if second == 0.0 else fourth / (second * second)
    out[17] = second
    out[18] = squares / (float(n) * float(n))
