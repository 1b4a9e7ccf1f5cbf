"""The second singular value of a co-occurrence matrix, without its rounding noise."""

from __future__ import annotations

from typing import Any

import numpy as np

from radiofib.features._numba import kernel

__all__ = ["components", "second_singular"]


@kernel
def components(
    ci: Any, cj: Any, n_cells: Any, k: Any, n_used: Any, symmetrical: bool, parent: Any
) -> Any:
    """Return into how many blocks a matrix falls that has `n_used` rows and columns with cells.

    Of a symmetrical matrix only one half of the cells is given.
    """
    for i in range(2 * k):
        parent[i] = i
    found = n_used
    for c in range(n_cells):
        for turn in range(2 if symmetrical else 1):
            i = cj[c] if turn else ci[c]
            j = k + (ci[c] if turn else cj[c])
            while parent[i] != i:
                parent[i] = parent[parent[i]]
                i = parent[i]
            while parent[j] != j:
                parent[j] = parent[parent[j]]
                j = parent[j]
            if i != j:
                parent[j] = i
                found -= 1
                if found == 1:
                    return 1
    return found


@kernel
def second_singular(
    ci: Any, cj: Any, cc: Any, n_cells: Any, k: Any, px: Any, py: Any, n: float,
    symmetrical: bool, place: Any, a: Any, b: Any, d: Any, e: Any,
) -> Any:  # fmt: skip
    """Return the second singular value of ``p / sqrt(px py)``, whose first is 1.

    Its square is the second eigenvalue of pyradiomics' matrix Q. The first pair of singular
    vectors is known (the roots of px and py) and taken away beforehand, so that a value of 0
    comes out as 1e-16 and not as its root.
    """
    rows = np.int64(0)
    columns = np.int64(0)
    for i in range(k):
        if px[i] > 0.0:
            d[rows] = np.sqrt(px[i] / n)
            place[i] = rows
            rows += 1
        if py[i] > 0.0:
            e[columns] = np.sqrt(py[i] / n)
            place[k + i] = columns
            columns += 1
    for i in range(rows):
        for j in range(columns):
            b[i, j] = -d[i] * e[j]
    for i in range(rows):
        d[i] = 1.0 / d[i]
    for j in range(columns):
        e[j] = 1.0 / (n * e[j])
    for c in range(n_cells):
        i = place[ci[c]]
        j = place[k + cj[c]]
        b[i, j] += cc[c] * d[i] * e[j]
        if symmetrical and i != j:
            b[j, i] = b[i, j]
    if symmetrical:
        return _largest(b, rows, d, e, a[0])
    for i in range(rows):
        for j in range(i + 1):
            found = 0.0
            for c in range(columns):
                found += b[i, c] * b[j, c]
            a[i, j] = found
            a[j, i] = found
    return np.sqrt(_largest(a, rows, d, e, b[0]))


@kernel
def _largest(a: Any, n: Any, d: Any, e: Any, v: Any) -> Any:
    """Return the largest absolute eigenvalue of a symmetric matrix, which is overwritten.

    Householder's reduction to three diagonals, then the greatest root at both ends. `d`, `e` and
    `v` are work space.
    """
    if n == 2:
        # The matrix has rank 1: its first singular pair is gone.
        return abs(a[0, 0] + a[1, 1])
    for k in range(n - 2):
        length = 0.0
        for i in range(k + 2, n):
            length += a[k, i] * a[k, i]
        first = a[k, k + 1]
        e[k] = first
        if length == 0.0:
            continue
        root = np.sqrt(length + first * first)
        e[k] = -root if first > 0 else root
        v[k + 1] = first - e[k]
        length += v[k + 1] * v[k + 1]
        for i in range(k + 2, n):
            v[i] = a[k, i]
        for i in range(k + 1, n):
            d[i] = 0.0
        double = 2.0 / length
        for j in range(k + 1, n):
            factor = double * v[j]
            for i in range(k + 1, n):
                d[i] += factor * a[j, i]
        along = 0.0
        for i in range(k + 1, n):
            along += v[i] * d[i]
        along /= length
        for i in range(k + 1, n):
            d[i] -= along * v[i]
        for i in range(k + 1, n):
            x = v[i]
            y = d[i]
            for j in range(k + 1, n):
                a[i, j] -= x * d[j] + y * v[j]
    for i in range(n):
        d[i] = a[i, i]
    e[n - 2] = a[n - 2, n - 1]
    e[n - 1] = 0.0
    return max(_greatest(d, e, n, 1.0), _greatest(d, e, n, -1.0))


@kernel
def _greatest(d: Any, e: Any, n: Any, sign: float) -> Any:
    """Return the greatest eigenvalue of `sign` times a matrix of three diagonals, or 0 if less.

    Laguerre's iteration on the characteristic polynomial, from a bound above (Gershgorin): for
    a polynomial with real roots it goes down to the greatest one without passing it, and triples
    the digits with each step near it.
    """
    x = 0.0
    for i in range(n):
        before = abs(e[i - 1]) if i > 0 else 0.0
        x = max(x, sign * d[i] + before + abs(e[i]))
    scale = x
    for _ in range(200):
        inverse = r = s = g = h = t = 0.0
        for i in range(n):
            if i > 0:
                t = e[i - 1] * e[i - 1] * inverse
            q = x - sign * d[i] - t
            if q <= 0.0:
                return max(x, 0.0)
            inverse = 1.0 / q
            first = (1.0 + t * r) * inverse
            s = t * (s - 2.0 * r * r) * inverse
            r = first
            g += r
            h += r * r - s
        step = n / (g + np.sqrt(max((n - 1) * (n * h - g * g), 0.0)))
        x -= step
        if step <= 1e-16 * scale or x < 0.0:
            break
    return max(x, 0.0)
