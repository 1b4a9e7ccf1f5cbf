"""Serial levels: pieces that are cuts of the same core, told by what lies inside and by shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from radiofib.slides.reader import Grid
from radiofib.slides.tissue.level_groups import group_matches, match_all
from radiofib.slides.tissue.level_pattern import stains
from radiofib.slides.tissue.level_profile import Profile, core_profile, likeness
from radiofib.slides.tissue.settings import LevelSettings

__all__ = [
    "Levels",
    "group_levels",
    "group_profiles",
    "level_measures",
    "level_warnings",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Levels:
    """Which core and level each piece belongs to.

    Parameters
    ----------
    count : int
        Number of levels; 1 when no serial levels were recognised.
    core, level : tuple of int
        Number of the core and of the level of each piece, from 1.

    Examples
    --------
    >>> Levels(2, (1, 1), (1, 2)).title(1)
    'Tissue 2, level 2 of core 1'
    >>> Levels(1, (1, 2), (1, 1)).title(1)
    'Tissue 2'
    """

    count: int
    core: tuple[int, ...]
    level: tuple[int, ...]

    def title(self, piece: int) -> str:
        """Return the name of a piece for QuPath."""
        if self.count == 1:
            return f"Tissue {piece + 1}"
        return f"Tissue {piece + 1}, level {self.level[piece]} of core {self.core[piece]}"

    def pieces(self, level: int) -> tuple[int, ...]:
        """Return the pieces of a level."""
        return tuple(i for i, one in enumerate(self.level) if one == level)

    def best(self, length: Sequence[float], area: Sequence[float]) -> int:
        """Return the level with the longest cores; the larger area decides between equals.

        Parameters
        ----------
        length, area : sequence of float
            Of each piece; a length that is NaN (wedge) counts as 0.

        Examples
        --------
        >>> Levels(2, (1, 1, 2, 2), (1, 2, 1, 2)).best([5, 6, 3, 3], [1, 1, 1, 1])
        2
        """
        return max(
            range(1, self.count + 1),
            key=lambda k: (
                float(np.nansum([length[i] for i in self.pieces(k)])),
                sum(area[i] for i in self.pieces(k)),
                -k,
            ),
        )


def group_profiles(profiles: Sequence[Profile], settings: LevelSettings | None = None) -> Levels:
    """Group pieces into cores and levels.

    Parameters
    ----------
    profiles : sequence of Profile
        The pieces.
    settings : LevelSettings, optional
        A number of levels, or the limits of the rule.

    Returns
    -------
    Levels
        One level where the shapes do not say otherwise.

    Notes
    -----
    *By pattern*: where the profiles have one, pieces are joined whose inside agrees, see
    :mod:`radiofib.slides.tissue.level_groups`.

    *By shape*, where nothing is seen inside or it agrees less clearly: pieces alike are joined.
    There are N levels when the groups of N pieces hold at least `min_share` of the tissue and are
    alike enough on average. Two cores that happen to be alike among others that are not do not
    pass; nor do broken biopsies, whose pieces are of every length.

    *Told*: the largest piece takes the N - 1 most alike to it, by pattern, by shape and else by
    size, and so on.

    The levels of a core are numbered from the top of the slide (from the left where they lie
    side by side). Pieces of no group go to the level whose nearest piece is nearest.
    """
    settings = settings or LevelSettings()
    count = len(profiles)
    alone = Levels(1, tuple(range(1, count + 1)), (1,) * count)
    if count < 2 or settings.levels == 1:
        return alone
    matches = match_all(profiles)
    if settings.levels is None:
        groups = group_matches(
            matches,
            profiles,
            min_strength=settings.min_strength,
            mean_strength=settings.mean_strength,
            min_share=settings.min_share,
        )
        if groups:
            return _numbered(groups, profiles)
    alike = np.zeros((count, count))
    for i, j in combinations(range(count), 2):
        alike[i, j] = alike[j, i] = likeness(profiles[i], profiles[j], min_ratio=settings.min_ratio)
    agree = {pair for pair, m in matches.items() if m.strength >= settings.mean_strength}
    if settings.levels is None:
        for i, j in matches.keys() - agree:
            alike[i, j] = alike[j, i] = 0.0  # one outline, but other tracts
        found = _by_shape(alike, profiles, settings)
    else:
        for i, j in agree:
            alike[i, j] = alike[j, i] = 1 + matches[i, j].strength
        found = _told(alike, profiles, settings.levels)
    return _numbered([[[i] for i in group] for group in found], profiles) if found else alone


def _by_shape(
    alike: Floats, profiles: Sequence[Profile], settings: LevelSettings
) -> list[list[int]]:
    rows, columns = np.nonzero(alike >= settings.min_likeness)
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=alike.shape)
    labels = connected_components(graph, directed=False)[1]
    groups = [np.flatnonzero(labels == k).tolist() for k in np.unique(labels)]
    sizes = {len(group) for group in groups} - {1}
    total = sum(p.area_um2 for p in profiles)
    for size in sorted(sizes, reverse=True):
        whole = [group for group in groups if len(group) == size]
        area = sum(profiles[i].area_um2 for group in whole for i in group)
        pairs = [alike[i, j] for group in whole for i, j in combinations(group, 2)]
        if area >= settings.min_share * total and np.mean(pairs) >= settings.mean_likeness:
            return whole
    return []


def _told(alike: Floats, profiles: Sequence[Profile], levels: int) -> list[list[int]]:
    left = sorted(range(len(profiles)), key=lambda i: (-profiles[i].area_um2, i))
    groups = []
    while len(left) >= levels:
        first = left.pop(0)

        def rank(i: int, first: int = first) -> tuple[float, float, int]:
            sizes = (profiles[first].area_um2, profiles[i].area_um2)
            return (-round(alike[first, i], 6), -min(sizes) / max(sizes), i)

        chosen = sorted(left, key=rank)[: levels - 1]
        left = [i for i in left if i not in chosen]
        groups.append([first, *chosen])
    return groups


def _numbered(groups: list[list[list[int]]], profiles: Sequence[Profile]) -> Levels:
    """Give cores and levels numbers; a group is a core, as the pieces of each section."""
    size = max(len(sections) for sections in groups)
    centres = np.array([p.centre for p in profiles])
    middles = [
        np.array([centres[pieces].mean(axis=0) for pieces in sections]) for sections in groups
    ]
    spread = np.mean([np.ptp(places, axis=0) for places in middles], axis=0)
    axis = 1 if spread[1] >= spread[0] else 0
    order = sorted(
        range(len(groups)), key=lambda g: (middles[g][:, axis].min(), middles[g][:, 1 - axis].min())
    )
    levels = _levels_of([middles[g][:, axis] for g in order], size)
    core, level = np.zeros((2, len(profiles)), dtype=np.int64)
    for number, (g, places) in enumerate(zip(order, levels, strict=True), start=1):
        for pieces, place in zip(groups[g], places, strict=True):
            core[pieces], level[pieces] = number, place
    grouped = np.flatnonzero(level)
    number = len(groups)
    for piece in np.flatnonzero(level == 0).tolist():
        near = grouped[np.argmin(np.hypot(*(centres[grouped] - centres[piece]).T))]
        number += 1
        core[piece], level[piece] = number, level[near]
    return Levels(size, tuple(core.tolist()), tuple(level.tolist()))


def _levels_of(places: list[Floats], size: int) -> list[list[int]]:
    """Return the level of each section of each core, from its place along the slide.

    Cores with all sections take them in order; the sections of others go to the levels that lie
    nearest, no two to the same.
    """
    whole = np.mean([np.sort(p) for p in places if len(p) == size], axis=0)
    found = []
    for here in places:
        if len(here) == size:
            found.append((np.argsort(np.argsort(here, kind="stable"), kind="stable") + 1).tolist())
        else:
            rows, columns = linear_sum_assignment(np.abs(here[:, None] - whole))
            found.append((columns[np.argsort(rows)] + 1).tolist())
    return found


def group_levels(
    mask: Bools,
    first_cells: Sequence[tuple[int, int]],
    grid: Grid,
    *,
    overview: NDArray[np.uint8] | None = None,
    settings: LevelSettings | None = None,
    widest_um: float = 2500.0,
) -> Levels:
    """Group the pieces of a tissue mask into cores and levels.

    Parameters
    ----------
    mask : ndarray of bool
        Tissue, artefacts on it included.
    first_cells : sequence of (row, column)
        A cell of each piece, in the order of the fragments.
    grid : Grid
        Grid of the mask.
    overview : ndarray of uint8, optional
        The slide on that grid: what lies inside the pieces is compared, too.
    settings : LevelSettings, optional
        A number of levels, or the limits of the rule.
    widest_um : float
        Wider pieces have no centre line.

    Examples
    --------
    >>> rows, columns = np.mgrid[:200, :400]
    >>> bend = 12 * np.sin(columns / 60)
    >>> half = 20 + 3 * np.sin(columns / 11) + 2 * np.cos(columns / 7)
    >>> mask = (np.abs(rows - 50 - bend) < half) | (np.abs(rows - 150 - bend) < half)
    >>> group_levels(mask, [(50, 200), (150, 200)], Grid(400, 200, 16, 16, 8.0, 8.0))
    Levels(count=2, core=(1, 1), level=(1, 2))
    """
    labels, _ = ndi.label(mask)
    places = ndi.find_objects(labels)
    profiles = []
    for row, column in first_cells:
        label = int(labels[row, column])
        place = places[label - 1]
        corner = (place[0].start, place[1].start)
        piece = labels[place] == label
        profiles.append(
            core_profile(
                piece,
                (grid.um_x, grid.um_y),
                corner=corner,
                widest_um=widest_um,
                stain=None if overview is None else stains(overview[place][piece]),
            )
        )
    return group_profiles(profiles, settings)


def level_measures(
    levels: Levels, length_mm: Sequence[float], area_mm2: Sequence[float]
) -> dict[str, float]:
    """Return number of levels, the best one, and the sums over all, by registry key.

    Examples
    --------
    >>> level_measures(Levels(2, (1, 1), (1, 2)), [10.0, 12.0], [4.0, 5.0])
    ... # doctest: +NORMALIZE_WHITESPACE
    {'morphometry_level_count': 2.0, 'morphometry_best_level': 2.0,
     'morphometry_all_levels_length_mm': 22.0, 'morphometry_all_levels_area_mm2': 9.0}
    """
    return {
        "morphometry_level_count": float(levels.count),
        "morphometry_best_level": float(levels.best(length_mm, area_mm2)),
        "morphometry_all_levels_length_mm": float(np.nansum(length_mm)),
        "morphometry_all_levels_area_mm2": float(np.sum(area_mm2)),
    }


def level_warnings(
    levels: Levels, measured: Sequence[int], settings: LevelSettings
) -> tuple[str, ...]:
    """Say that pieces are left out, where levels were recognised and not told.

    Parameters
    ----------
    levels : Levels
        Of the slide.
    measured : sequence of int
        Pieces of the level that is measured.
    settings : LevelSettings
        Of the run.

    Examples
    --------
    >>> level_warnings(Levels(2, (1, 1), (1, 2)), (1,), LevelSettings())
    ... # doctest: +NORMALIZE_WHITESPACE
    ('2 serial levels of the same cores were recognised: level 2 is measured, the pieces of the
     others (1 of 2) are left out, dashed in the picture. Where they are different cores, say so in
     --config (levels: {levels: 1})',)
    >>> level_warnings(Levels(2, (1, 1), (1, 2)), (1,), LevelSettings(levels=2))
    ()
    """
    if levels.count == 1 or settings.levels is not None:
        return ()
    count = len(levels.level)
    return (
        f"{levels.count} serial levels of the same cores were recognised: level "
        f"{levels.level[measured[0]]} is measured, the pieces of the others "
        f"({count - len(measured)} of {count}) are left out, dashed in the picture. Where they are "
        "different cores, say so in --config (levels: {levels: 1})",
    )
