"""Gaps and lines that run through all of what is lit on a screen: where panels meet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from radiofib.preprocess.ultrasound.lines import ONE_LEVEL

__all__ = ["cut_at_gaps"]

#: What is fainter than this share of what lies around it is dark: compression blurs a narrow gap.
_DARK, _AROUND = 0.25, 25
#: So is what is that faint on average over so many pixels along a gap: what compression throws into
#: a gap of two pixels changes from pixel to pixel, tissue does not fade by it.
_ALONG = 7
#: A gap is dark, or of the level of one line, over this share of the height, and over this one
#: of its ends: a shadow leaves the near field lit.
_THROUGH, _END = 0.97, 0.9
#: Share of the height that counts as an end.
_ENDS = 0.05
#: Within so many pixels of a gap is tissue, lit at least by this share of what is usual: what ends
#: less abruptly is tissue that fades.
_EDGE, _LIT = 3, 0.5
#: A line in a gap is no wider; compression leaves it of no one level.
_LINE = 3
#: Rows and columns that lie in an image are lit over at least this share of the most.
_IN_IMAGE = 0.3
#: At most so many panels are told apart.
_PANELS = 4


def cut_at_gaps(
    lit: NDArray[np.bool_], away: NDArray[np.float64], *, least: int
) -> list[NDArray[np.bool_]]:
    """Cut what is lit at straight gaps, with or without a line in them, between two panels.

    A gap of a few pixels is narrower than the speckle and its shadows, but unlike them it is dark
    from the first to the last row of both panels and begins and ends at one column (or the same
    along columns, where one panel lies above the other).

    Of simulated pairs of rectangles 2, 3, 4, 6 and 8 pixels apart, stored as JPEG of quality 60, 75
    and 90, none was missed in 540 of tissue and 720 of bare speckle, and none of 288 single images
    (half of them with a shadow from the skin down) was cut: ``test_panel_claims.py``.

    Parameters
    ----------
    lit : ndarray of bool, shape (y, x)
        What differs from the screen.
    away : ndarray of shape (y, x)
        By how many greys.
    least : int
        A panel is wider and higher than so many pixels.

    Returns
    -------
    list of ndarray of bool
        The parts of `lit`, left to right or top to bottom; `lit` itself where it has no gap.

    Examples
    --------
    >>> away = np.random.default_rng(0).uniform(20, 120, (60, 120))
    >>> away[:, 58:61] = 0
    >>> [int(part.sum()) for part in cut_at_gaps(away > 10, away, least=10)]
    [3480, 3540]
    >>> away[:5, 58:61] = 60
    >>> len(cut_at_gaps(away > 10, away, least=10))
    1
    """
    local = ndimage.uniform_filter(away, _AROUND)
    pieces, done = [lit], 0
    while done < len(pieces) and len(pieces) < _PANELS:
        cut = _halves(pieces[done], away, local, least)
        if cut is None:
            done += 1
        else:
            pieces[done : done + 1] = cut
    return pieces


def _halves(
    lit: NDArray[np.bool_],
    away: NDArray[np.float64],
    local: NDArray[np.float64],
    least: int,
) -> list[NDArray[np.bool_]] | None:
    """Return both sides of the first gap, None where there is none."""
    box = _box(lit)
    faint = _DARK * local[box]
    dark = ~lit[box] | (away[box] <= faint)
    for axis in (0, 1):
        along = dark | (ndimage.uniform_filter1d(away[box], _ALONG, axis=axis) <= faint)
        turned = (along, away[box]) if axis == 0 else (along.T, away[box].T)
        gap = _gap(*turned, least)
        if gap is None:
            continue
        halves = []
        first = box[1 - axis].start
        for kept in (slice(None, first + gap[0]), slice(first + gap[1], None)):
            half = np.zeros_like(lit)
            place = (slice(None), kept) if axis == 0 else (kept, slice(None))
            half[place] = lit[place]
            halves.append(half)
        return halves
    return None


def _box(lit: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return rows and columns that lie in an image rather than in letters and bars beside it."""
    ends = []
    for axis in (1, 0):
        share = lit.sum(axis=axis)
        where = np.flatnonzero(share >= max(_IN_IMAGE * share.max(), 1))
        ends.append(slice(int(where[0]), int(where[-1]) + 1) if where.size else slice(0, 0))
    return ends[0], ends[1]


def _gap(dark: NDArray[np.bool_], away: NDArray[np.float64], least: int) -> tuple[int, int] | None:
    """Return the first and the next column of a gap between two blocks wider than `least`."""
    rows, columns = dark.shape
    if rows <= least or columns <= 2 * least:
        return None
    plain = _through(dark)
    for column in np.flatnonzero(~plain):
        lines = away[:, column][~dark[:, column]]
        if lines.size:
            level = np.abs(away[:, column] - np.median(lines)) <= ONE_LEVEL / 2
            plain[column] = _through((dark[:, column] | level)[:, None])[0]
    share = 1 - dark.mean(axis=0)
    usual = _LIT * float(np.median(share[~plain])) if not plain.all() else np.inf
    labels, count = ndimage.label(plain | ndimage.binary_closing(plain, np.ones(_LINE + 1)))
    for (run,) in ndimage.find_objects(labels)[:count]:
        beside = share[max(run.start - _EDGE, 0) : run.start], share[run.stop :][:_EDGE]
        wide = run.start > least and columns - run.stop > least
        if wide and _through(dark[:, run]).any() and min(b.max(initial=0) for b in beside) >= usual:
            return run.start, run.stop
    return None


def _through(dark: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which columns are dark all along, at both ends as well."""
    end = max(1, round(_ENDS * dark.shape[0]))
    ends = np.minimum(dark[:end].mean(axis=0), dark[-end:].mean(axis=0))
    return np.asarray((dark.mean(axis=0) >= _THROUGH) & (ends >= _END))
