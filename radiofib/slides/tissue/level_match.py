"""Whether two pieces are sections of one core, and which part of one is which of the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray
from scipy import ndimage as ndi

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
_CLIP = 2.5
#: Correlations that vary less than this say nothing: a core of even width.
_EVEN = 1e-3
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
        How the core swells and narrows.
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
    result: Floats = (values / max(float(values.std()), 1e-9)).clip(-_CLIP, _CLIP)
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
    """

    strength: float
    direction: int
    offset: float


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
    correlation of all cells inside with the second at every shift. With r normal about 0 for
    different cores and about m = 0.5 for sections of one, with the same SD s, the log odds are
    ``m / s^2 (r - m / 2)``; s is that of r over all shifts of this very pair, which are wrong but
    for one or two. Those of the width (m = 0.3) are added. The log odds of the chunks are added
    along the best path, which may shift by one station a mm (sections are stretched and squeezed)
    and may leave out ends (sections are torn). Direct, turned round and upside-down placements
    are tried.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> one, other = (Signature(rng.normal(size=(160, 6, 2)), np.zeros(160)) for _ in range(2))
    >>> turned = Signature(one.inside[::-1, ::-1][:120], one.width[:120])
    >>> found = match_pieces(one, turned)
    >>> found.direction, found.offset, found.strength > 3
    (-1, 40.0, True)
    >>> match_pieces(one, other).strength < 1.5
    True
    """
    bands = max(first.inside.shape[1], second.inside.shape[1])
    a, b = len(first.inside), len(second.inside)
    one, two = _as_bands(first.inside, bands).reshape(a, -1), _as_bands(second.inside, bands)
    inside = [_agreement(one, two[::x, ::y].reshape(b, -1)) for x, y in _TURNS]
    width = {x: _agreement(first.width[:, None], second.width[::x, None]) for x in (1, -1)}
    here, beside = _log_odds(inside, _INSIDE), _log_odds(list(width.values()), _WIDTH)
    swells = dict(zip(width, beside, strict=True))
    near = _near(a, b)
    best = Match(0.0, 1, 0.0)
    for (along, across), values in zip(_TURNS, here, strict=True):
        odds = values + swells[along]
        odds = np.where(np.isnan(odds) | ~near, _LEAST, np.maximum(odds, _LEAST))
        score, place = _best_path(odds)
        score -= 0.0 if along == across == 1 else _TURNED
        strength = score / (_GROUND + min(a, b) * STEP_UM / 1000)
        if strength > best.strength:
            best = Match(strength, along, float(place - (b - 1)))
    return best


def _log_odds(agreement: list[Floats], expected: float) -> list[Floats]:
    spread = float(np.nanstd(np.stack(agreement)))
    if spread < _EVEN:
        return [np.where(np.isnan(r), np.nan, 0.0) for r in agreement]
    return [expected / spread**2 * (r - expected / 2) for r in agreement]


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
    edges = np.linspace(0, a, max(1, round(a / _CHUNK)) + 1).astype(np.int64)
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


def _sheared(products: Floats) -> Floats:
    """Lay the diagonals of a matrix of shape (a, b) into columns: (s, t) in s - t + b - 1."""
    a, b = products.shape
    width = a + b - 1
    flat = np.zeros(a * width + b)
    step = flat.itemsize
    as_strided(flat[b - 1 :], (a, b), ((width + 1) * step, -step))[:] = products
    return flat[: a * width].reshape(a, width)


def _best_path(odds: Floats) -> tuple[float, int]:
    """Return the largest sum of log odds along a path, and the column of its middle."""
    columns = odds.shape[1]
    start = np.arange(columns)
    score, origin = np.zeros(columns), start.copy()
    best, ends = 0.0, (0, 0)
    for chunk in odds:
        padded = np.pad(score, 1, constant_values=-np.inf)
        options = np.stack([score, padded[:-2] - _STRETCH, padded[2:] - _STRETCH])
        choice = options.argmax(axis=0)
        before = start + np.array([0, -1, 1])[choice]
        before = before.clip(0, columns - 1)
        score, origin = options.max(axis=0), origin[before]
        fresh = score <= 0
        score, origin = np.where(fresh, 0.0, score) + chunk, np.where(fresh, start, origin)
        top = int(score.argmax())
        if score[top] > best:
            best, ends = float(score[top]), (int(origin[top]), top)
    return best, round(sum(ends) / 2)
