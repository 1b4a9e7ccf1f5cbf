"""Rows of settings in which every pair of levels of two factors occurs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

__all__ = ["covering_array", "uncovered"]

Row = dict[str, str]
#: Rows tried before the best of them is taken.
_TRIES = 40


def covering_array(factors: Mapping[str, Sequence[str]], *, seed: int = 0) -> list[Row]:
    """Return few rows that hold each pair of levels of any two factors at least once.

    Greedy: of some rows begun with a pair that is not yet covered, and filled factor by factor
    in random order with the level that covers most, the best is taken, until nothing is left
    (Cohen DM et al. IEEE Trans Softw Eng 1997;23:437-444).

    Examples
    --------
    >>> rows = covering_array({"a": "xy", "b": "12", "c": "pq"})
    >>> len(rows), sorted(uncovered(rows, {"a": "xy", "b": "12", "c": "pq"}))
    (4, [])
    """
    names = list(factors)
    if len(names) == 1:
        return [{names[0]: level} for level in factors[names[0]]]
    rng = np.random.default_rng(seed)
    left = uncovered([], factors)
    rows: list[Row] = []
    while left:
        # Pairs are sorted, for the order within a set is another in each process.
        ordered = sorted(left)
        tried = [
            _fill(ordered[rng.integers(len(ordered))], factors, left, rng) for _ in range(_TRIES)
        ]
        best = max(tried, key=lambda row: len(_pairs(row) & left))
        rows.append({name: best[name] for name in names})
        left -= _pairs(best)
    return rows


def uncovered(
    rows: Sequence[Row], factors: Mapping[str, Sequence[str]]
) -> set[tuple[tuple[str, str], tuple[str, str]]]:
    """Return the pairs of (factor, level) that no row holds."""
    wanted = {
        tuple(sorted(((a, x), (b, y))))
        for a, b in combinations(factors, 2)
        for x in factors[a]
        for y in factors[b]
    }
    for row in rows:
        wanted -= _pairs(row)
    return wanted


def _pairs(row: Row) -> set[tuple[tuple[str, str], tuple[str, str]]]:
    return set(combinations(sorted(row.items()), 2))


def _fill(pair, factors, left, rng) -> Row:
    """Complete a row, each level the one that covers most with those before it."""
    row = dict(pair)
    for name in rng.permutation([n for n in factors if n not in row]).tolist():
        gains = [
            sum(tuple(sorted(((name, level), other))) in left for other in row.items())
            for level in factors[name]
        ]
        best = np.flatnonzero(np.array(gains) == max(gains))
        row[name] = factors[name][int(rng.choice(best))]
    return row
