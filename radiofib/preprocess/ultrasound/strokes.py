"""Bright, sharp strokes on tissue: letters and calipers, told from speckle."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from radiofib.preprocess.ultrasound.lines import ONE_LEVEL

__all__ = ["bright_strokes", "glaring", "without_specks"]

#: A bright pixel stands out by this many times the upper spread of the speckle ...
_BRIGHT = 3.2
#: ... and at least by this many grey levels.
_LEAST_BRIGHT = 36.0
#: Text that stands out by less than this share of it is missed.
_SURELY, _WHITE = 0.9, 255.0
#: Within two pixels it falls by at least this share of what it stands out.
_SHARP = 0.7
#: Share of what a letter stands out that its border falls by within one pixel.
_STEEP = 0.68
#: Steps between pixels so far apart are compared at so many levels of brightness: they grow with it
#: where the slope of their logarithms, and the last one over the first, are at least as large.
_STEP, _BINS, _GROWS, _GROWN = 3, 8, 0.85, 1.3
#: A speck has fewer pixels than a capital letter and neither side is as long, or it is lower than
#: any letter; a few of them have fewer pixels than a word.
_SPECK_AREA, _SPECK_SIDE, _SPECK_LOW, _SPECKS_AREA = 18, 7, 5, 28
_EIGHT = np.ones((3, 3))


def bright_strokes(grey: NDArray[np.float64], where: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels of bright, sharp graphics.

    Speckle of an envelope that was not compressed varies in proportion to its brightness: where the
    picture's own speckle does, more is asked of what stands out from bright tissue.

    Parameters
    ----------
    grey : ndarray of shape (y, x)
        0 to 255.
    where : ndarray of bool
        Where to look.

    Examples
    --------
    >>> grey = np.full((120, 160), 90.0); grey[40:52, 60:100:6] = 255
    >>> found = bright_strokes(grey, np.ones(grey.shape, bool))
    >>> bool((found == (grey == 255)).all())
    True
    """
    if not where.any():
        return where
    mean, bright = _limits(grey, where)
    excess = np.where(where, grey - mean, 0.0)
    fall = _fall(grey)
    calm = where & ~(ndimage.maximum_filter(excess, 7) > bright)
    usual = float(np.quantile(fall[calm], 0.998)) if calm.any() else 0.0
    sharp = (fall >= _SHARP * excess) & (fall >= np.maximum(usual, bright * _SHARP))
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


def glaring(grey: NDArray[np.float64], where: NDArray[np.bool_]) -> float:
    """Return the share of an image on which white text would not stand out.

    It is as bright as white, or its speckle is.

    Examples
    --------
    >>> grey = np.full((120, 120), 90.0); grey[:, :30] = 240
    >>> everywhere = np.ones(grey.shape, bool)
    >>> round(glaring(grey, everywhere), 1)
    0.2
    >>> rayleigh = np.random.default_rng(0).rayleigh(100, grey.shape)
    >>> round(glaring(np.minimum(rayleigh, 255), everywhere), 1)
    1.0
    """
    if not where.any():
        return 0.0
    level = _weighted(grey, where.astype(np.float64), _window(grey.shape))
    mean, bright = _limits(grey, where)
    hidden = (level > _WHITE - _LEAST_BRIGHT) | (mean + _SURELY * bright > _WHITE)
    return float(hidden[where].mean())


def without_specks(
    drawn: NDArray[np.bool_], others: NDArray[np.bool_], height: int
) -> NDArray[np.bool_]:
    """Drop what is smaller than a capital and has little ink nearby: bright echoes, not to be read.

    Parameters
    ----------
    drawn : ndarray of bool, shape (y, x)
        Ink.
    others : ndarray of bool, same shape
        Ink that was found otherwise.
    height : int
        No line of text is as high.

    Examples
    --------
    >>> ink = np.zeros((40, 90), bool); ink[20:25, 10:50:7] = True; ink[20:25, 80] = True
    >>> np.flatnonzero(without_specks(ink, np.zeros_like(ink), 24).any(axis=0)).tolist()
    [10, 17, 24, 31, 38, 45]
    """
    labels, count = ndimage.label(drawn, _EIGHT)
    area = np.bincount(labels.ravel(), minlength=count + 1)
    speck = area < _SPECK_AREA
    for number, place in enumerate(ndimage.find_objects(labels), start=1):
        rows, columns = (side.stop - side.start for side in place)
        speck[number] &= max(rows, columns) < _SPECK_SIDE
        speck[number] |= rows < _SPECK_LOW
    reach = (2 * (height // 6) + 1, 2 * (height // 4) + 1)
    near = ndimage.maximum_filter((drawn | others).astype(np.uint8), reach) > 0
    groups, many = ndimage.label(near, _EIGHT)
    ink = np.bincount(groups[drawn | others], minlength=many + 1)
    letters = np.bincount(groups[others | (drawn & ~speck[labels])], minlength=many + 1)
    few = (letters == 0) & (ink < _SPECKS_AREA)
    return np.asarray(drawn & ~few[groups])


def _window(shape: tuple[int, ...]) -> int:
    """Return the side in pixels of the neighbourhood that a stroke stands out from."""
    return max(9, round(0.08 * min(shape)) // 2 * 2 + 1)


def _limits(
    grey: NDArray[np.float64], where: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the grey around every pixel, and by how much a bright one stands out from it."""
    mean = _local_mean(grey, where, _window(grey.shape))
    spread = float(np.quantile((grey - mean)[where], 0.84))
    return mean, max(_BRIGHT * spread, _LEAST_BRIGHT) * _raise(grey, mean, where)


def _raise(
    grey: NDArray[np.float64], mean: NDArray[np.float64], where: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return by how much the speckle of bright tissue varies more than that of the usual one.

    It does so where the envelope was not compressed: its steps grow with its brightness.
    """
    from scipy.stats import theilslopes  # slow to import; who aligns images has no use for it

    both = where[:, _STEP:] & where[:, :-_STEP]
    level, step = mean[:, _STEP:][both], np.abs(grey[:, _STEP:] - grey[:, :-_STEP])[both]
    edges = np.quantile(level, np.linspace(0.4, 1.0, _BINS + 1)) if level.size else np.zeros(0)
    own = [(level >= low) & (level <= high) for low, high in pairwise(edges)]
    middles = [float(np.median(level[one])) for one in own]
    steps = [float(step[one].mean()) for one in own]
    if not own or min(*middles, *steps) <= 0 or steps[-1] < _GROWN * steps[0]:
        return np.ones(mean.shape)
    if theilslopes(np.log(steps), np.log(middles)).slope < _GROWS:
        return np.ones(mean.shape)
    return np.asarray(np.maximum(mean / float(np.median(mean[where])), 1.0))


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
    keep[1:] = (_sizes(seeds, labels, count) >= 4) & (spread <= ONE_LEVEL)
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
