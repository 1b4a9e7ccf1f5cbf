"""What was burned into an ultrasound image: coloured flow, text, calipers and other graphics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["Graphics", "find_graphics"]

#: Difference between the largest and the smallest of red, green and blue that counts as colour.
_COLOURED = 32.0
#: A picture in which more than this share of the image is coloured alike is tinted.
_TINTED = 0.5
#: Text is lower than this share of the screen.
_TEXT_HEIGHT = 0.07
#: No machine writes so small that this many pixels are too few for a line.
_LEAST_TEXT = 24
#: A bright pixel stands out by this many times the upper spread of the speckle ...
_BRIGHT = 3.2
#: ... and at least by this many grey levels.
_LEAST_BRIGHT = 36.0
#: Within two pixels it falls by at least this share of what it stands out.
_SHARP = 0.7
#: Graphics are of one grey, but for the compression.
_ONE_LEVEL = 14.0
#: Share of what a letter stands out that its border falls by within one pixel.
_STEEP = 0.68
_EIGHT = np.ones((3, 3))


@dataclass(frozen=True, eq=False)
class Graphics:
    """What was found inside the image.

    Parameters
    ----------
    colour : ndarray of bool, shape (y, x)
        Coloured pixels and a rim around them (Doppler, coloured text).
    drawn : ndarray of bool, shape (y, x)
        Text and graphics in grey, lines of text as whole boxes.
    coloured : int
        Pixels that are coloured themselves.
    tinted : bool
        Whether the whole image is shown in one tint.
    """

    colour: NDArray[np.bool_]
    drawn: NDArray[np.bool_]
    coloured: int = 0
    tinted: bool = False


def find_graphics(
    grey: NDArray[np.float64],
    colour: NDArray[np.float64] | None,
    inside: NDArray[np.bool_],
) -> Graphics:
    """Find what does not belong to the echo.

    Colour is anything whose channels differ by more than 32 levels, unless half of the image has
    one tint. In grey, speckle cannot stand out from its neighbourhood by more than a few times
    its own spread (the brightest of 10^5 Rayleigh echoes is 12 dB above the median), and it
    fades over the width of the point-spread function; graphics are brighter, and end within two
    pixels. Lines of text are covered by a box, since blanked letters could still be read.

    Parameters
    ----------
    grey : ndarray of shape (y, x)
        0 to 255.
    colour : ndarray of shape (y, x, 3), optional
        Red, green and blue, 0 to 255.
    inside : ndarray of bool
        The image on the screen.

    Returns
    -------
    Graphics
        Masks within `inside`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> grey = np.clip(rng.normal(90, 15, (120, 160)), 0, 255)
    >>> grey = ndimage.gaussian_filter(grey, 1)
    >>> grey[60, 40:60] = 255; grey[50:70, 50] = 255
    >>> found = find_graphics(grey, None, np.ones(grey.shape, bool))
    >>> bool(found.drawn[60, 40:60].all() and found.drawn[50:70, 50].all())
    True
    >>> bool(found.drawn.mean() < 0.05)
    True
    """
    height = max(_LEAST_TEXT, round(_TEXT_HEIGHT * min(grey.shape)))
    nothing = np.zeros(grey.shape, dtype=bool)
    count, tinted, colour_mask = 0, False, nothing
    if colour is not None:
        hue = _coloured(colour) & inside
        count = int(np.count_nonzero(hue))
        tinted = bool(count > _TINTED * np.count_nonzero(inside)) and _one_tint(colour, hue)
        if tinted:
            count = 0
        elif count:
            colour_mask = _covered(hue, height, rim=3) & inside
    drawn = _drawn(grey, inside & ~colour_mask)
    # Letters in colour count too: a line may be half in grey, where it lies on bright tissue.
    drawn = _lengthened(grey, drawn, inside & ~colour_mask, height)
    drawn_mask = _covered(drawn, height, rim=3) & inside
    return Graphics(colour_mask, drawn_mask, count, tinted)


def _coloured(colour: NDArray[np.float64]) -> NDArray[np.bool_]:
    spread = colour.max(axis=-1) - colour.min(axis=-1)
    return np.asarray(spread > _COLOURED)


def _one_tint(colour: NDArray[np.float64], where: NDArray[np.bool_]) -> bool:
    """Tell a display in sepia or blue from flow: nine of ten pixels have nearly the same hue."""
    chosen = colour[where]
    top = np.maximum(chosen.max(axis=-1, keepdims=True), 1.0)
    share = chosen / top
    away = np.abs(share - np.median(share, axis=0)).max(axis=-1)
    return bool((away < 0.25).mean() > 0.9)


def _drawn(grey: NDArray[np.float64], where: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels of bright, sharp graphics."""
    if not where.any():
        return where
    size = max(9, round(0.08 * min(grey.shape)) // 2 * 2 + 1)
    mean = _local_mean(grey, where, size)
    excess = np.where(where, grey - mean, 0.0)
    spread = float(np.quantile(excess[where], 0.84))
    bright = max(_BRIGHT * spread, _LEAST_BRIGHT)
    fall = _fall(grey)
    calm = where & ~(ndimage.maximum_filter(excess, 7) > bright)
    usual = float(np.quantile(fall[calm], 0.998)) if calm.any() else 0.0
    sharp = (fall >= _SHARP * excess) & (fall >= max(usual, bright * _SHARP))
    seeds = (excess > bright) & sharp
    # Strokes of one level, wherever they lie; and whole parts that mostly end sharply.
    found = _even_parts(grey, seeds)
    labels, count = ndimage.label(excess > 0.6 * bright, _EIGHT)
    area, seeded = (_sizes(m, labels, count) for m in (labels > 0, seeds))
    keep = np.zeros(count + 1, dtype=bool)
    keep[1:] = (seeded >= 0.35 * area) & (seeded >= 3)
    found = found | keep[labels]
    # Letters of thin or blurred strokes, two levels deep: one may join them to bright tissue.
    for level in (0.8, 1.2):
        found = found | _steep_parts(grey, excess, excess > level * bright)
    return np.asarray(found & where)


def _steep_parts(
    grey: NDArray[np.float64], excess: NDArray[np.float64], parts: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return connected parts whose border falls, within one pixel, by much of what they stand out.

    Speckle fades over the width of the point-spread function, by a quarter within one pixel;
    ninety-nine of a hundred letters fall by more than half.
    """
    labels, count = ndimage.label(parts, _EIGHT)
    if not count:
        return parts
    padded, outside = np.pad(grey, 1, mode="edge"), np.pad(~parts, 1, mode="edge")
    rows, columns = grey.shape
    steps = np.full(grey.shape, -np.inf)
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        place = (slice(1 + dy, 1 + dy + rows), slice(1 + dx, 1 + dx + columns))
        fall = np.where(parts & outside[place], grey - padded[place], -np.inf)
        steps = np.maximum(steps, fall)
    border = np.isfinite(steps)
    numbers = np.arange(1, count + 1)
    fall_of = ndimage.sum(np.where(border, steps, 0.0), labels, numbers)
    length = np.maximum(ndimage.sum(border, labels, numbers), 1)
    stands_out = np.maximum(ndimage.mean(excess, labels, numbers), 1e-9)
    keep = np.zeros(count + 1, dtype=bool)
    keep[1:] = (fall_of / length >= _STEEP * stands_out) & (_sizes(parts, labels, count) >= 4)
    return np.asarray(keep[labels])


def _sizes(where: NDArray[np.bool_], labels: NDArray[np.int32], count: int) -> NDArray[np.float64]:
    return np.bincount(labels[where], minlength=count + 1)[1:].astype(np.float64)


def _even_parts(grey: NDArray[np.float64], seeds: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return connected seeds of at least four pixels whose greys are nearly the same."""
    labels, count = ndimage.label(seeds, _EIGHT)
    if not count:
        return seeds
    parts = np.arange(1, count + 1)
    spread = ndimage.maximum(grey, labels, parts) - ndimage.minimum(grey, labels, parts)
    keep = np.zeros(count + 1, dtype=bool)
    keep[1:] = (_sizes(seeds, labels, count) >= 4) & (spread <= _ONE_LEVEL)
    return np.asarray(keep[labels])


def _local_mean(
    grey: NDArray[np.float64], where: NDArray[np.bool_], size: int
) -> NDArray[np.float64]:
    """Return the mean over a square, of the pixels inside alone and without the brightest."""
    weight = where.astype(np.float64)
    mean = _weighted(grey, weight, size)
    calm = weight * (grey < mean + 60)
    return _weighted(grey, calm, size)


def _weighted(
    grey: NDArray[np.float64], weight: NDArray[np.float64], size: int
) -> NDArray[np.float64]:
    total = ndimage.uniform_filter(grey * weight, size)
    return np.asarray(total / np.maximum(ndimage.uniform_filter(weight, size), 1e-6))


def _fall(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far the grey falls within two pixels, on either side of the steepest axis.

    Of the two sides of an axis the lesser fall counts where a stroke is thin, so that an edge
    between dark and bright tissue is no stroke.
    """
    best = np.zeros(grey.shape)
    padded = np.pad(grey, 4, mode="edge")
    rows, columns = grey.shape

    def shifted(dy: int, dx: int) -> NDArray[np.float64]:
        return padded[4 + dy : 4 + dy + rows, 4 + dx : 4 + dx + columns]

    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        sides = [
            np.maximum.reduce([grey - shifted(sign * k * dy, sign * k * dx) for k in (2, 3, 4)])
            for sign in (-1, 1)
        ]
        best = np.maximum(best, np.minimum(*sides))
    return best


def _lengthened(
    grey: NDArray[np.float64], drawn: NDArray[np.bool_], where: NDArray[np.bool_], height: int
) -> NDArray[np.bool_]:
    """Add what stands in line with text that was found and has its grey.

    A letter beside bright tissue does not stand out, though the rest of its word does. Parts of
    the word's level that keep to its rows are taken, as long as each lies within two line heights
    of what is there.
    """
    found = drawn.copy()
    for place, ink in _lines(drawn, height):
        top, bottom = place[0].start, place[0].stop
        left, right = place[1].start, place[1].stop
        if right - left <= 8 or bottom - top < 4:
            continue
        level = float(np.median(grey[place][ink]))
        above, below = max(top - 4, 0), min(bottom + 4, grey.shape[0])
        band = slice(above, below)
        like = (np.abs(grey[band] - level) <= _ONE_LEVEL) & where[band]
        labels, _ = ndimage.label(like, _EIGHT)
        reach = 2 * (bottom - top)
        parts = [
            (rows, columns, number)
            for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1)
            if rows.start + above >= top - 2
            and rows.stop + above <= bottom + 2
            and columns.stop - columns.start <= reach
            and np.count_nonzero(labels[rows, columns] == number) >= 4
        ]
        grown = True
        while grown:
            grown = False
            for rows, columns, number in list(parts):
                if columns.stop >= left - reach and columns.start <= right + reach:
                    found[band][rows, columns] |= labels[rows, columns] == number
                    left, right = min(left, columns.start), max(right, columns.stop)
                    parts.remove((rows, columns, number))
                    grown = True
    return found


def _lines(
    drawn: NDArray[np.bool_], height: int
) -> Iterator[tuple[tuple[slice, slice], NDArray[np.bool_]]]:
    """Yield the box of each run of graphics no higher than a line of text, and the ink in it."""
    near = ndimage.maximum_filter(drawn.astype(np.uint8), (3, max(7, height // 2))) > 0
    labels, _ = ndimage.label(near, _EIGHT)
    for number, place in enumerate(ndimage.find_objects(labels), start=1):
        ink = drawn[place] & (labels[place] == number)
        rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
        if rows[-1] - rows[0] >= height:
            continue
        own = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        box = tuple(
            slice(int(p.start + o.start), int(p.start + o.stop))
            for p, o in zip(place, own, strict=True)
        )
        yield (box[0], box[1]), ink[own]


def _covered(drawn: NDArray[np.bool_], height: int, *, rim: int) -> NDArray[np.bool_]:
    """Cover what was found with a rim, and lines of text with a box."""
    if not drawn.any():
        return drawn
    covered = ndimage.maximum_filter(drawn.astype(np.uint8), 2 * rim + 1) > 0
    for (rows, columns), _ in _lines(drawn, height):
        if columns.stop - columns.start > 8:  # a dot or a short stroke needs no box
            wide = slice(max(columns.start - rim, 0), columns.stop + rim)
            covered[max(rows.start - rim, 0) : rows.stop + rim, wide] = True
    return np.asarray(covered)
