"""Whether two pieces are sections of one core, and which part of one is which of the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray
from scipy import ndimage as ndi
from scipy.special import ndtri

from radiofib.slides.tissue.level_pattern import STEP_UM, features, structure
from radiofib.slides.tissue.level_profile import Profile

__all__ = ["Match", "Signature", "match_pieces", "signatures"]

Floats = NDArray[np.float64]

#: Least autocorrelation of stain that holds tracts or veins.
_STRUCTURE = 0.1
#: Agreement is judged over this many stations at a time (1 mm).
_CHUNK = 20
#: Correlation of the inside and of the width of sections of one core over a chunk, about; of
#: different cores it is 0 on average.
_INSIDE, _WIDTH = 0.5, 0.3
#: A chunk that one section lost or that is folded counts against them no more than this.
_LEAST = -4.0
#: Log odds against sections being stretched by a station in a chunk.
_STRETCH = 1.5
#: Swelling and narrowing over more stations than this is drift; ends are rounded in every core.
_DRIFT, _TIP = 12.0, 6
#: A width that changes by no more than this is even: it shows where cells of the grid begin, um.
_EVEN_UM = 4.0
_CLIP = 2.5
#: Correlations that vary less than this say nothing: a core of even width.
_EVEN = 1e-3
#: No chunk of sections of one core is expected further than this above those of different cores,
#: in SD: a tract that lies on another by chance must not decide alone.
_CLEAREST = 3.0
#: A chunk with less of the power of the pieces than this, relatively, holds little: flat stain.
_EMPTY = 0.25
#: Log odds from which on a chunk agrees.
_AGREES = 1.0
#: Log odds against a section that lies turned round or upside down.
_TURNED = 2.5
#: Pieces about as long as each other are sections from end to end: their middles lie no further
#: apart than this share of the length.
_ALIKE, _SHIFT = 0.75, 0.15
#: Different cores reach log odds that grow with 4 + length in mm.
_GROUND = 4.0
#: The second piece as it lies, turned round, upside down along, and across.
_TURNS = ((1, 1), (-1, -1), (1, -1), (-1, 1))


@dataclass(frozen=True, eq=False)
class Signature:
    """What a piece is recognised by.

    Parameters
    ----------
    inside : ndarray of shape (stations, bands, channels)
        See :func:`radiofib.slides.tissue.level_pattern.features`.
    width : ndarray of shape (stations,)
        How the core swells and narrows; of SD 1, less for an even core.
    """

    inside: Floats
    width: Floats


def signatures(profiles: Sequence[Profile]) -> dict[int, Signature]:
    """Return the signatures of those pieces that have a pattern, by position.

    None has one where the stain is noise: there is nothing that sections could share.

    Examples
    --------
    >>> signatures([Profile(3000, 1.2e6, (0, 0), np.ones(60), np.zeros(60))])
    {}
    """
    found = [(i, p, p.pattern) for i, p in enumerate(profiles) if p.pattern is not None]
    patterns = [pattern for _, _, pattern in found]
    if structure(patterns) < _STRUCTURE:
        return {}
    inside = features(patterns)
    return {
        i: Signature(values, _swelling(profile.width))
        for (i, profile, _), values in zip(found, inside, strict=True)
    }


def _swelling(width: Floats) -> Floats:
    values = ndi.gaussian_filter1d(width - ndi.gaussian_filter1d(width, _DRIFT), 1.0)
    values[:_TIP] = values[-_TIP:] = 0
    result: Floats = (values / max(float(values.std()), _EVEN_UM)).clip(-_CLIP, _CLIP)
    return result


@dataclass(frozen=True)
class Match:
    """How well two pieces agree, and where.

    Parameters
    ----------
    strength : float
        Log odds of sections of one core against different cores, at the best placement, over
        4 + the length of the shorter piece in mm: the best of many placements of different cores
        reaches more the longer they are, but sections of one core gain by each mm.
    direction : int
        1, or -1 where the second runs the other way.
    offset : float
        Station of the first at which the second begins (ends, where it runs the other way).
    chunks : int
        Parts of a mm that agree, each for itself.
    """

    strength: float
    direction: int
    offset: float
    chunks: int


def match_pieces(first: Signature, second: Signature) -> Match:
    """Lay one piece along another where they agree best.

    Parameters
    ----------
    first, second : Signature
        The pieces.

    Returns
    -------
    Match

    Notes
    -----
    Local alignment as of sequences (Smith and Waterman 1981). Over each mm of the first, r is the
    correlation of all cells inside with the second at every shift. What r is worth is told by this
    very chunk at all its placements, which are wrong but for one or two: z is the normal score of
    its rank among them, for where tracts are few r is far from normal, and two that lie on each
    other by chance make it large. With z normal about 0 for different cores and about m for
    sections of one, the log odds are ``m (z - m / 2)``; m is 0.5 over the SD of r, at most 3, and
    less for a chunk that holds little. Those of the width (r = 0.3) are added. The log odds of the
    chunks are added along the best path, which may shift by one station a mm (sections are
    stretched and squeezed) and may leave out ends (sections are torn). Direct, turned round and
    upside-down placements are tried.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> one, other = (Signature(rng.normal(size=(160, 6, 2)), np.zeros(160)) for _ in range(2))
    >>> turned = Signature(one.inside[::-1, ::-1][:120], one.width[:120])
    >>> found = match_pieces(one, turned)
    >>> found.direction, found.offset, found.strength > 2
    (-1, 40.0, True)
    >>> match_pieces(one, other).strength < 1.5
    True
    """
    bands = max(first.inside.shape[1], second.inside.shape[1])
    a, b = len(first.inside), len(second.inside)
    one, two = _as_bands(first.inside, bands).reshape(a, -1), _as_bands(second.inside, bands)
    inside = [_agreement(one, two[::x, ::y].reshape(b, -1)) for x, y in _TURNS]
    width = {x: _agreement(first.width[:, None], second.width[::x, None]) for x in (1, -1)}
    typical = float((np.sum(one**2) + np.sum(two**2)) / (one.size + two.size))
    here = _log_odds(inside, _INSIDE, _content(one, typical))
    beside = _log_odds(list(width.values()), _WIDTH, _content(first.width[:, None], 1.0))
    swells = dict(zip(width, beside, strict=True))
    near = _near(a, b)
    best = Match(0.0, 1, 0.0, 0)
    for (along, across), values in zip(_TURNS, here, strict=True):
        odds = values + swells[along]
        odds = np.where(np.isnan(odds) | ~near, _LEAST, np.maximum(odds, _LEAST))
        score, place, chunks = _best_path(odds)
        score -= 0.0 if along == across == 1 else _TURNED
        strength = score / (_GROUND + min(a, b) * STEP_UM / 1000)
        if strength > best.strength:
            best = Match(strength, along, float(place - (b - 1)), chunks)
    return best


def _log_odds(agreement: list[Floats], expected: float, holds: Floats) -> list[Floats]:
    """Judge each chunk by its correlations at all placements, in every turn.

    Parameters
    ----------
    agreement : list of ndarray of shape (chunks, shifts)
        Correlations, one array per turn.
    expected : float
        Correlation of sections of one core.
    holds : ndarray of shape (chunks,)
        From 0 for a chunk that holds nothing to be told by, to 1.
    """
    odds = [np.full(r.shape, np.nan) for r in agreement]
    for chunk, held in enumerate(holds):
        # Every other shift is enough: neighbours are alike.
        seen = np.concatenate([r[chunk, ::2] for r in agreement])
        seen = np.sort(seen[~np.isnan(seen)])
        spread = float(np.sqrt(np.mean(seen**2))) if len(seen) else 0.0
        shift = held * min(expected / spread, _CLEAREST) if spread >= _EVEN else 0.0
        scores = shift * (ndtri((np.arange(len(seen)) + 0.5) / len(seen)) - shift / 2)
        for r, values in zip(agreement, odds, strict=True):
            known = ~np.isnan(r[chunk])
            values[chunk, known] = np.interp(r[chunk, known], seen, scores)
    return odds


def _as_bands(values: Floats, bands: int) -> Floats:
    """Divide a piece into more bands; it has the same width, relatively."""
    count = values.shape[1]
    if count == bands:
        return values
    at = (np.arange(bands) + 0.5) * count / bands - 0.5
    below = np.floor(at).astype(np.int64).clip(0, count - 1)
    above = (below + 1).clip(0, count - 1)
    part = (at - below).clip(0, 1)[None, :, None]
    result: Floats = values[:, below] * (1 - part) + values[:, above] * part
    return result


def _near(first: int, second: int) -> NDArray[np.bool_]:
    """Return which shifts are possible."""
    shift = np.arange(first + second - 1) - (second - 1)
    longer = max(first, second)
    if min(first, second) < _ALIKE * longer:
        return np.ones(len(shift), dtype=bool)
    possible: NDArray[np.bool_] = np.abs(shift + (second - first) / 2) <= _SHIFT * longer
    return possible


def _agreement(one: Floats, two: Floats) -> Floats:
    """Return the correlation of each chunk of `one` with `two` at each shift; NaN beyond its ends.

    Column k is the shift ``k - (len(two) - 1)``: station s of `one` lies on station s - shift.
    """
    a, b = len(one), len(two)
    edges = _edges(a)
    shift = np.arange(a + b - 1) - (b - 1)
    first = np.maximum(edges[:-1, None], shift)
    stop = np.maximum(np.minimum(edges[1:, None], shift + b), first)
    mine, yours = (np.r_[0.0, np.cumsum((v**2).sum(axis=1))] for v in (one, two))
    until, since = ((at - shift).clip(0, b) for at in (stop, first))
    power = (mine[stop.clip(max=a)] - mine[first.clip(max=a)]) * (yours[until] - yours[since])
    r: Floats = np.add.reduceat(_sheared(one @ two.T), edges[:-1], axis=0)
    r /= np.sqrt(np.maximum(power, 1e-12))
    r[stop - first < 0.5 * a / (len(edges) - 1)] = np.nan
    return r


def _edges(stations: int) -> NDArray[np.int64]:
    """Return where chunks begin and end."""
    chunks = max(1, round(stations / _CHUNK))
    return np.linspace(0, stations, chunks + 1).astype(np.int64)


def _content(values: Floats, typical: float) -> Floats:
    """Return how much each chunk holds, beside a typical power: from 0 to 1."""
    edges = _edges(len(values))
    power = np.add.reduceat((values**2).mean(axis=1), edges[:-1]) / np.diff(edges)
    result: Floats = power / np.maximum(power + _EMPTY * typical, 1e-12)
    return result


def _sheared(products: Floats) -> Floats:
    """Lay the diagonals of a matrix of shape (a, b) into columns: (s, t) in s - t + b - 1."""
    a, b = products.shape
    width = a + b - 1
    flat = np.zeros(a * width + b)
    step = flat.itemsize
    as_strided(flat[b - 1 :], (a, b), ((width + 1) * step, -step))[:] = products
    return flat[: a * width].reshape(a, width)


def _best_path(odds: Floats) -> tuple[float, int, int]:
    """Return the largest sum of log odds along a path, its middle column, and what agrees on it."""
    columns = odds.shape[1]
    start = np.arange(columns)
    score, origin, agree = np.zeros(columns), start.copy(), np.zeros(columns, dtype=np.int64)
    best, ends, chunks = 0.0, (0, 0), 0
    for chunk in odds:
        padded = np.pad(score, 1, constant_values=-np.inf)
        options = np.stack([score, padded[:-2] - _STRETCH, padded[2:] - _STRETCH])
        choice = options.argmax(axis=0)
        before = start + np.array([0, -1, 1])[choice]
        before = before.clip(0, columns - 1)
        score, origin, agree = options.max(axis=0), origin[before], agree[before]
        fresh = score <= 0
        score, origin = np.where(fresh, 0.0, score) + chunk, np.where(fresh, start, origin)
        agree = np.where(fresh, 0, agree) + (chunk >= _AGREES)
        top = int(score.argmax())
        if score[top] > best:
            best, ends, chunks = float(score[top]), (int(origin[top]), top), int(agree[top])
    return best, round(sum(ends) / 2), chunks
