"""Neighbourhood grey tone difference features as IBSI defines them.

Symbols: n(i) voxels of level i with at least one neighbour at distance 1 in the region, N their
sum, p = n / N, s(i) the sum over them of |i - mean of the neighbours|, Ngp the number of levels
with p > 0. Formulas: registry and the IBSI reference manual (doi 10.48550/arXiv.1612.07003),
section 3.10. Sums over pairs of levels are taken by their closed forms, so that many levels
cost little.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from radiofib.features.ibsi._counts import Floats, tally
from radiofib.features.ibsi._region import Neighbourhood

__all__ = ["Tones", "compute", "matrix", "why"]

NO_NEIGHBOURS = "no voxel of the region has a neighbour"
ONE_LEVEL = "voxels with neighbours have one grey level only"
NO_DIFFERENCE = "every voxel equals the mean of its neighbours"
NO_SPREAD = "level times share is the same for all grey levels"
#: Largest coarseness by definition.
COARSEST = 1e6


@dataclass(frozen=True, eq=False)
class Tones:
    """One matrix: level, number of voxels and sum of differences, for levels with p > 0.

    Examples
    --------
    >>> Tones(np.array([1.0, 3.0]), np.array([2.0, 2.0]), np.array([1.0, 1.0])).n.sum()
    np.float64(4.0)
    """

    level: Floats
    n: Floats
    s: Floats


def matrix(near: Neighbourhood, *, merged: bool = False) -> list[Tones]:
    """Return the matrix of each slice or the one in space; `merged` adds up those of slices."""
    number, total, _ = near.around
    region = near.region
    valid = np.flatnonzero(number)
    label = region.label[valid]
    value_of = region.levels.value_of
    away = np.abs(value_of[label] - total[valid] / number[valid])
    which = np.zeros_like(label) if merged else near.of_voxel[valid]
    n_matrices = 1 if merged else near.n_planes
    side = value_of.size
    codes = which * side + label
    found, n = tally(codes, size=n_matrices * side)
    _, s = tally(codes, away, size=n_matrices * side)
    edges = np.searchsorted(found, np.arange(n_matrices + 1) * side)
    level = value_of[found % side].astype(np.float64)
    return [Tones(level[a:b], n[a:b], s[a:b]) for a, b in pairwise(edges)]


def compute(matrices: list[Tones]) -> dict[str, Floats]:
    """Return all features of each matrix.

    Parameters
    ----------
    matrices : list of Tones
        As :func:`matrix` returns them.

    Returns
    -------
    dict
        Feature, as in IBSI's tags, to one value a matrix; NaN where undefined.

    Examples
    --------
    >>> found = compute([Tones(np.array([1.0, 3.0]), np.array([2.0, 2.0]), np.array([1.0, 1.0]))])
    >>> [(name, value.tolist()) for name, value in found.items()]
    [('coarseness', [1.0]), ('contrast', [0.5]), ('busyness', [0.5]), ('complexity', [1.0]),
    ('strength', [4.0])]
    """
    rows = np.array([_features(one) for one in matrices])
    names = ("coarseness", "contrast", "busyness", "complexity", "strength")
    return {name: rows[:, place] for place, name in enumerate(names)}


def why(feature: str, *, empty: bool, one_level: bool) -> str:
    """Say why a feature has no value.

    Parameters
    ----------
    feature : str
        Feature, as in IBSI's tags.
    empty : bool
        True when no voxel has a neighbour.
    one_level : bool
        True when no matrix has two levels.

    Examples
    --------
    >>> why("coarseness", empty=False, one_level=True)
    'every voxel equals the mean of its neighbours'
    """
    if empty:
        return NO_NEIGHBOURS
    if feature in ("coarseness", "strength"):
        return NO_DIFFERENCE
    return ONE_LEVEL if one_level or feature == "contrast" else NO_SPREAD


def _features(tones: Tones) -> tuple[float, float, float, float, float]:
    level, n, s = tones.level, tones.n, tones.s
    if not n.size:
        return (np.nan,) * 5
    p = n / n.sum()
    differences, weighted = float(s.sum()), float(p @ s)
    many = level.size
    coarseness = contrast = busyness = strength = np.nan
    if weighted > 0:
        coarseness = min(1 / weighted, COARSEST)
    if many > 1:
        variance = float(p @ (level - p @ level) ** 2)
        contrast = 2 * variance / (many * (many - 1)) * (differences / n.sum())
    # sum |a - b| over pairs of sorted numbers: the k-th is added k times and taken off later.
    product = np.sort(level * n)
    apart = 2 * float((2 * np.arange(many) - (many - 1)) @ product) / n.sum()
    if apart > 0:
        busyness = weighted / apart
    if differences > 0:
        away = (level - level.mean()) ** 2
        strength = 2 * float(p @ (many * away + away.sum())) / differences
    return coarseness, contrast, busyness, _complexity(level, n, s), strength


def _complexity(level: Floats, n: Floats, s: Floats) -> float:
    """Return ``sum |i - j| (p(i) s(i) + p(j) s(j)) / (p(i) + p(j)) / N``.

    By symmetry twice ``sum n(i) s(i) T(i) / N`` with ``T(i) = sum over j of |i - j| /
    (n(i) + n(j))``, which is the same sum of j for all i with one n(i): few, as they are counts.
    """
    total = 0.0
    centred = level - level.mean()
    for number in np.unique(n):
        own = np.flatnonzero(n == number)
        weight = 1 / (number + n)
        moment = weight * centred
        below, below_moment = np.cumsum(weight)[own], np.cumsum(moment)[own]
        apart = centred[own] * (2 * below - weight.sum()) - (2 * below_moment - moment.sum())
        total += number * float(s[own] @ apart)
    return 2 * total / float(n.sum())
