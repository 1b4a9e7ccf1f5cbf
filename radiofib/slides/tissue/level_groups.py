"""From pairs of pieces that agree to cores and their sections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations, zip_longest

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from radiofib.slides.tissue.level_match import Match, match_pieces, signatures
from radiofib.slides.tissue.level_profile import Profile

__all__ = ["Pairs", "group_matches", "match_all"]

#: Matches by positions of the pieces, first before second.
Pairs = Mapping[tuple[int, int], Match]

#: Stations below which a piece holds too few tracts.
_SHORTEST = 40
#: Parts of one section may overlap by this share of the shorter, where a tear is oblique.
_OVERLAP = 0.3
#: So many parts of a mm must agree in the core that tells of levels: one tract on another, or two,
#: is chance.
_SEVERAL = 4
#: The second longest section of a core, torn or not, has this share of the longest, at least.
_AS_LONG = 0.75


def match_all(profiles: Sequence[Profile]) -> dict[tuple[int, int], Match]:
    """Match each two pieces that have a pattern and are at least 2 mm long.

    Examples
    --------
    >>> match_all([])
    {}
    """
    known = signatures(
        [p if len(p.width) >= _SHORTEST else replace(p, pattern=None) for p in profiles]
    )
    return {(i, j): match_pieces(known[i], known[j]) for i, j in combinations(sorted(known), 2)}


def group_matches(
    matches: Pairs,
    profiles: Sequence[Profile],
    *,
    min_strength: float,
    mean_strength: float,
    min_share: float,
) -> list[list[list[int]]]:
    """Join pieces that agree, and tell the sections of each core.

    Parameters
    ----------
    matches : mapping of (int, int) to Match
        All pairs.
    profiles : sequence of Profile
        The pieces.
    min_strength : float
        Where there is no core with a pair that reaches it, and with four parts of a mm that agree
        in all, there are no levels.
    mean_strength : float
        Where one does, groups are joined whose pairs reach this on average: one core that was cut
        again is likely not the only one.
    min_share : float
        Share of the tissue that must be in cores with more than one section.

    Returns
    -------
    list of list of list of int
        The cores; of each the sections; of each the pieces. Empty when there are no levels.

    Notes
    -----
    The pieces of a core are laid along its longest one, from best match to best match. Pieces
    that cover the same part are of different sections; a piece that covers none of a section's
    parts joins the nearest such section: a torn section is one.

    Two sections of a core must be about as long, or a short core that agrees with a part of a long
    one by chance would be lost; a core with a clear pair may be uneven where all cores together
    are as long at two levels.

    Examples
    --------
    >>> whole, half = (Profile(n * 50, n * 2e4, (0, n), np.ones(n), np.zeros(n)) for n in (200, 90))
    >>> pairs = {(0, 1): Match(4, 1, 0.0, 8), (0, 2): Match(3, 1, 105.0, 5)}
    >>> pairs[1, 2] = Match(0.4, 1, 0.0, 1)
    >>> limits = dict(min_strength=1.5, mean_strength=1.0, min_share=0.8)
    >>> group_matches(pairs, [whole, half, half], **limits)
    [[[0], [1, 2]]]
    """
    groups, clear, told = [], [], []
    for cluster in _clusters(matches, len(profiles), mean_strength):
        sections = _sections(_laid_out(cluster, matches, profiles), profiles)
        if len(sections) > 1:
            groups.append(sections)
            pairs = [matches[p] for p in combinations(cluster, 2) if p in matches]
            clear.append(max(m.strength for m in pairs) >= min_strength)
            agree = sum(m.chunks for m in pairs if m.strength >= mean_strength)
            told.append(clear[-1] and agree >= _SEVERAL)
    lengths = [_lengths(sections, profiles) for sections in groups]
    # Parts of torn sections may have found each other, the long part of one the short of another:
    # all cores together are as long at two levels.
    together = _as_long([sum(each) for each in zip_longest(*lengths, fillvalue=0.0)])
    kept = [k for k, each in enumerate(lengths) if _as_long(each) or (together and clear[k])]
    groups = [groups[k] for k in kept]
    if not any(told[k] for k in kept):
        return []
    inside = sum(profiles[i].area_um2 for g in groups for s in g for i in s)
    return groups if inside >= min_share * sum(p.area_um2 for p in profiles) else []


def _clusters(matches: Pairs, count: int, least: float) -> list[list[int]]:
    """Join groups as long as their pairs reach a strength on average."""
    strength = np.zeros((count, count))
    for (i, j), match in matches.items():
        strength[i, j] = strength[j, i] = match.strength
    top = float(strength.max())
    distance = squareform(top - strength, checks=False)
    labels = fcluster(linkage(distance, "average"), top - least, "distance")
    return [np.flatnonzero(labels == k).tolist() for k in np.unique(labels)]


def _laid_out(
    cluster: list[int], matches: Pairs, profiles: Sequence[Profile]
) -> dict[int, tuple[float, float]]:
    """Return where the pieces of a core lie along its longest one."""
    first = max(cluster, key=lambda i: (_length(profiles[i]), -i))
    # Place s of a piece lies at start + way x s.
    laid = {first: (0.0, 1)}
    while len(laid) < len(cluster):
        links = [
            (matches[i, j].strength, -i, -j)
            for i, j in combinations(cluster, 2)
            if (i, j) in matches and (i in laid) != (j in laid)
        ]
        if not links:
            break
        i, j = (-k for k in max(links)[1:])
        match = matches[i, j]
        # Place t of the second is place begin + direction x t of the first.
        begin = match.offset + (0.0 if match.direction > 0 else _length(profiles[j]))
        if i in laid:
            start, way = laid[i]
            laid[j] = (start + way * begin, way * match.direction)
        else:
            start, way = laid[j]
            way *= match.direction
            laid[i] = (start - way * begin, way)
    ends = {i: (a, a + way * _length(profiles[i])) for i, (a, way) in laid.items()}
    return {i: (min(both), max(both)) for i, both in ends.items()}


def _length(profile: Profile) -> float:
    return float(len(profile.width))


def _sections(
    extent: Mapping[int, tuple[float, float]], profiles: Sequence[Profile]
) -> list[list[int]]:
    centres = np.array([p.centre for p in profiles])
    sections: list[list[int]] = []
    for piece in sorted(extent, key=lambda i: (extent[i][0] - extent[i][1], i)):
        free = [s for s in sections if not any(_same_part(extent[piece], extent[i]) for i in s)]
        if free:
            near = [np.hypot(*(centres[s] - centres[piece]).T).min() for s in free]
            free[int(np.argmin(near))].append(piece)
        else:
            sections.append([piece])
    return sections


def _lengths(sections: Sequence[Sequence[int]], profiles: Sequence[Profile]) -> list[float]:
    """Return the lengths of the sections of a core, from the top, or from the left."""
    middles = np.array([np.mean([profiles[i].centre for i in one], axis=0) for one in sections])
    across, down = np.ptp(middles, axis=0)
    order = np.argsort(middles[:, 1 if down >= across else 0], kind="stable")
    return [sum(_length(profiles[i]) for i in sections[k]) for k in order]


def _as_long(lengths: Sequence[float]) -> bool:
    """Tell whether the longest section has another that is about as long."""
    ordered = sorted(lengths)
    return len(ordered) > 1 and ordered[-2] >= _AS_LONG * ordered[-1]


def _same_part(one: tuple[float, float], other: tuple[float, float]) -> bool:
    common = min(one[1], other[1]) - max(one[0], other[0])
    return common > _OVERLAP * min(one[1] - one[0], other[1] - other[0])
