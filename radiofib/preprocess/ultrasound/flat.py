"""Text in black or grey on tissue: many strokes of exactly one grey, side by side on a line."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from radiofib.preprocess.ultrasound.lines import lengthened, runs

__all__ = ["flat_text", "lines_of_letters"]

#: Ink is of one grey, give or take the rounding.
_SAME = 1.0
#: Text of less contrast with the tissue around it cannot be read.
_LEAST_CONTRAST = 40.0
#: Letters are at least so high and hold at least so many pixels.
_LEAST_HEIGHT, _LEAST_AREA = 5, 6
#: A line has at least so many letters, and so many of ten share its base or its top.
_LETTERS, _ALIGNED = 4, 0.6
#: Where fewer of all parts like letters stand in lines, lines of fewer letters come by chance.
_IN_LINES, _LONG = 0.3, 8
#: A grey that much of the image has is no ink: the display saturates there.
_MOST_AREA = 0.02
#: Parts of exactly one level have more pixels than this, and this many times those of the largest
#: part of any of so many levels on either side.
_EXACT, _LEAST_EXACT, _BEYOND, _NEAR = 0.5, 10, 1.5, 8
#: Greys looked at: those that stand out most among the pixels of even strokes.
_GREYS = 6


def flat_text(
    grey: NDArray[np.float64], inside: NDArray[np.bool_], height: int
) -> tuple[NDArray[np.bool_], bool]:
    """Return text of any grey, told by what echo never is: even.

    A stroke has one grey along its length, where speckle changes from pixel to pixel. A grey that
    is commoner among pixels of even strokes than those around it may be ink; four or more parts
    of it, as high as letters and on one line, are text. A lossy file loses this evenness, and a
    thin font has little of it.

    Where the display saturates, speckle has even strokes as well, and a few of the many lie on a
    line by chance: such lines are taken as they are and not looked on along their rows.

    Parameters
    ----------
    grey : ndarray of shape (y, x)
        0 to 255.
    inside : ndarray of bool
        The image on the screen.
    height : int
        No line of text is as high.

    Returns
    -------
    ndarray of bool, bool
        The ink, and whether some of it may be speckle: then other words may have been missed.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> grey = ndimage.gaussian_filter(rng.normal(100, 60, (120, 200)), 1)
    >>> grey[50:62, 60:120:8] = 0
    >>> everywhere = np.ones(grey.shape, bool)
    >>> found, chance = flat_text(grey, everywhere, 24)
    >>> bool(found[50:62, 60:120:8].all()), int(found.sum()), chance
    (True, 96, False)
    """
    sure, chance = (np.zeros(grey.shape, dtype=bool) for _ in range(2))
    area = int(np.count_nonzero(inside))
    if not area:
        return sure, False
    even = _even(grey) & inside
    size = max(9, round(0.08 * min(grey.shape)) // 2 * 2 + 1)
    weight = ndimage.uniform_filter(inside.astype(np.float64), size)
    around = ndimage.uniform_filter(grey * inside, size) / np.maximum(weight, 1e-6)
    exact = sure.copy()
    for level in _outstanding(np.rint(np.clip(grey[even], 0, 255)).astype(np.intp)):
        exact |= _of_one_level(grey, inside, level, height)
        ink = inside & (np.abs(grey - level) <= _SAME) & (np.abs(around - level) > _LEAST_CONTRAST)
        letters = _letters(ink, even, height)
        if np.count_nonzero(letters) <= _MOST_AREA * area:
            lines = list(lines_of_letters(letters, height))
            some = sum(_parts(part) for _, part in lines) < _IN_LINES * _parts(letters)
            for place, part in lines:
                (chance if some and _parts(part) < _LONG else sure)[place] |= part
    found = lengthened(grey, sure, inside, height, alike=2 * _SAME)
    found = found | lengthened(grey, exact, inside, height, alike=_EXACT)
    return found | chance, bool(chance.any())


def _of_one_level(
    grey: NDArray[np.float64], inside: NDArray[np.bool_], level: int, height: int
) -> NDArray[np.bool_]:
    """Return lines of letters of exactly one level, whatever the tissue around them.

    Speckle has connected parts of one level as well, as large as its grain lets them be: those of
    the levels next to this one tell how large. Ends of the scale, where the display saturates, and
    levels that stand alone tell nothing.
    """
    nothing = np.zeros(grey.shape, dtype=bool)
    others = [near for near in range(level - _NEAR, level + _NEAR + 1) if abs(near - level) > 1]
    if others[0] <= 0 or others[-1] >= 255:
        return nothing
    by_chance = [_level_parts(grey, inside, near)[1].max(initial=0) for near in others]
    largest = max(_LEAST_EXACT, _BEYOND * max(by_chance))
    if np.count_nonzero(by_chance) < len(by_chance):
        return nothing
    labels, area = _level_parts(grey, inside, level)
    tall = np.array([rows.stop - rows.start for rows, _ in ndimage.find_objects(labels)])
    large = (area > largest) & (tall >= _LEAST_HEIGHT) & (tall < height)
    letters = np.concatenate([[False], large])[labels]
    for place, part in lines_of_letters(letters, height):
        nothing[place] |= part
    return nothing


def _level_parts(
    grey: NDArray[np.float64], inside: NDArray[np.bool_], level: int
) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """Return the connected parts of one level, and how many pixels each has."""
    labels, count = ndimage.label(inside & (np.abs(grey - level) <= _EXACT), np.ones((3, 3)))
    return labels, np.bincount(labels.ravel(), minlength=count + 1)[1:]


def _parts(ink: NDArray[np.bool_]) -> int:
    return int(ndimage.label(ink, np.ones((3, 3)))[1])


def _even(grey: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return pixels like both neighbours along an axis: those within a stroke."""
    padded = np.pad(grey, 1, mode="reflect")
    rows, columns = grey.shape

    def like(dy: int, dx: int) -> NDArray[np.bool_]:
        moved = padded[1 + dy : 1 + dy + rows, 1 + dx : 1 + dx + columns]
        return np.asarray(np.abs(moved - grey) <= _SAME)

    even = np.zeros(grey.shape, dtype=bool)
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        even |= like(dy, dx) & like(-dy, -dx)
    return even


def _outstanding(greys: NDArray[np.intp]) -> list[int]:
    """Return greys that are commoner than those around them."""
    counts = np.bincount(greys, minlength=256).astype(np.float64)
    usual = ndimage.median_filter(counts, 25, mode="mirror")
    excess = counts - 3 * usual
    order = np.argsort(-excess, kind="stable")[:_GREYS]
    return [int(level) for level in order if excess[level] >= 4 * _LEAST_AREA]


def _letters(ink: NDArray[np.bool_], even: NDArray[np.bool_], height: int) -> NDArray[np.bool_]:
    """Return connected parts that are as high as a letter and mostly even."""
    labels, count = ndimage.label(ink, np.ones((3, 3)))
    if not count:
        return ink
    area = np.bincount(labels.ravel(), minlength=count + 1)
    smooth = np.bincount(labels[even & ink], minlength=count + 1)
    high = [0, *(p[0].stop - p[0].start for p in ndimage.find_objects(labels))]
    tall = np.array(high)
    keep = (area >= _LEAST_AREA) & (2 * smooth >= area)
    keep &= (tall >= _LEAST_HEIGHT) & (tall < height)
    keep[0] = False
    return np.asarray(keep[labels])


def lines_of_letters(
    letters: NDArray[np.bool_], height: int
) -> Iterator[tuple[tuple[slice, slice], NDArray[np.bool_]]]:
    """Yield the box and the ink of runs of four or more parts that stand on one line.

    Parameters
    ----------
    letters : ndarray of bool, shape (y, x)
        Ink.
    height : int
        No line of text is as high.

    Examples
    --------
    >>> ink = np.zeros((40, 90), bool); ink[10:20, 10:50:6] = True; ink[15:35, 80] = True
    >>> [box for box, _ in lines_of_letters(ink, 24)]
    [(slice(10, 20, None), slice(10, 47, None))]
    """
    for place, part in runs(letters, height):
        rows, columns = part.shape
        _, count = labelled = ndimage.label(part, np.ones((3, 3)))
        if count < _LETTERS or rows > height or columns < 2 * rows:
            continue
        boxes = [b[0] for b in ndimage.find_objects(labelled[0])]
        shares = [
            np.mean(np.abs(ends - np.median(ends)) <= 1)
            for ends in (np.array([b.start for b in boxes]), np.array([b.stop for b in boxes]))
        ]
        if max(shares) >= _ALIGNED:
            yield place, part
