"""Lines of text burned into an ultrasound image: found whole, across its border, and covered."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["INK", "border_doubt", "covered", "grown", "ink_beside", "lengthened", "runs"]

#: Graphics are of one grey, but for the compression.
ONE_LEVEL = 14.0
#: Ink on the empty screen differs from it by at least this many greys.
INK = 90.0
#: The border of the image is known to so many pixels, or to this share of the screen.
_LEAST_DOUBT, _DOUBT = 2, 0.006
_EIGHT = np.ones((3, 3))

Box = tuple[slice, slice]


def ink_beside(
    grey: NDArray[np.float64], level: float, image: NDArray[np.bool_], height: int
) -> NDArray[np.bool_]:
    """Return the ink of letters on the empty screen beside the image.

    Off the image whatever differs from the screen is ink, with no doubt but for the pixels along
    its border. A line of text that begins there may go on over tissue.

    Parameters
    ----------
    grey : ndarray of shape (y, x)
        0 to 255.
    level : float
        Grey of the empty screen.
    image : ndarray of bool
        All images on the screen.
    height : int
        No line of text is as high as this many pixels.

    Returns
    -------
    ndarray of bool
        Letters closer to the image than half of `height`, without bars, rulers and tissue.

    Examples
    --------
    >>> image = np.zeros((60, 80), bool); image[:, 40:] = True
    >>> grey = np.where(image, 90.0, 0.0); grey[20:30, 30:44:4] = 255
    >>> found = ink_beside(grey, 0.0, image, 24)
    >>> np.flatnonzero(found.any(axis=0)).tolist(), np.flatnonzero(found.any(axis=1))[[0, -1]]
    ([30, 34], array([20, 29]))
    """
    doubt = border_doubt(grey.shape)
    beside = ~grown(image, doubt) & grown(image, doubt + height // 2)
    off = (np.abs(grey - level) > INK) & ~image
    labels, count = ndimage.label(off, _EIGHT)
    if not count:
        return off
    low = [place[0].stop - place[0].start < height for place in ndimage.find_objects(labels)]
    return np.asarray(np.concatenate([[False], low])[labels] & beside)


def border_doubt(shape: tuple[int, ...]) -> int:
    """Return to how many pixels the border of the image is known.

    Examples
    --------
    >>> border_doubt((200, 260)), border_doubt((1000, 1400))
    (2, 6)
    """
    return max(_LEAST_DOUBT, round(_DOUBT * min(shape)))


def grown(where: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    """Grow by so many pixels in all directions.

    Examples
    --------
    >>> grown(np.array([[True, False, False, False]]), 2).tolist()
    [[True, True, True, False]]
    """
    return np.asarray(ndimage.maximum_filter(where.astype(np.uint8), 2 * pixels + 1) > 0)


def runs(drawn: NDArray[np.bool_], height: int) -> Iterator[tuple[Box, NDArray[np.bool_]]]:
    """Yield the box of each run of graphics, and its ink: what is joined by less than a letter.

    Parameters
    ----------
    drawn : ndarray of bool, shape (y, x)
        Ink.
    height : int
        No line of text is as high.

    Examples
    --------
    >>> ink = np.zeros((30, 90), bool); ink[10:16, 10:40:6] = True; ink[10:16, 80] = True
    >>> [box[1] for box, _ in runs(ink, 24)]
    [slice(10, 35, None), slice(80, 81, None)]
    """
    near = ndimage.maximum_filter(drawn.astype(np.uint8), (3, max(7, height // 2))) > 0
    labels, _ = ndimage.label(near, _EIGHT)
    for number, place in enumerate(ndimage.find_objects(labels), start=1):
        ink = drawn[place] & (labels[place] == number)
        rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
        own = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        box = tuple(
            slice(int(p.start + o.start), int(p.start + o.stop))
            for p, o in zip(place, own, strict=True)
        )
        yield (box[0], box[1]), ink[own]


def _high(box: Box, height: int) -> bool:
    return bool(box[0].stop - box[0].start > height)


def _lines(
    grey: NDArray[np.float64], drawn: NDArray[np.bool_], height: int
) -> Iterator[tuple[Box, NDArray[np.bool_]]]:
    """Yield what may be a line of text: low runs, and those of one grey within higher ones.

    A word may lie on a bright wall that was taken for graphics with it; its letters share one
    grey, the wall does not.
    """
    for box, ink in runs(drawn, height):
        if not _high(box, height):
            yield box, ink
            continue
        values = grey[box]
        greys = np.bincount(np.rint(np.clip(values[ink], 0, 255)).astype(np.intp), minlength=256)
        window = int(ONE_LEVEL) + 1
        sums = np.convolve(greys, np.ones(window, dtype=np.intp), "same")
        alike = ink & (np.abs(values - int(sums.argmax())) <= ONE_LEVEL / 2)
        for part, letters in runs(alike, height):
            if not _high(part, height):
                rows, columns = (
                    slice(b.start + p.start, b.start + p.stop)
                    for b, p in zip(box, part, strict=True)
                )
                yield (rows, columns), letters


def lengthened(
    grey: NDArray[np.float64],
    drawn: NDArray[np.bool_],
    where: NDArray[np.bool_],
    height: int,
    *,
    alike: float = ONE_LEVEL,
) -> NDArray[np.bool_]:
    """Add what stands in line with text that was found and has its grey.

    A letter beside bright tissue does not stand out, though the rest of its word does. Parts of
    the word's level that keep to its rows are taken, as long as each lies within two line heights
    of what is there.

    Parameters
    ----------
    grey : ndarray of shape (y, x)
        0 to 255.
    drawn : ndarray of bool
        Ink that was found.
    where : ndarray of bool
        Where more may be.
    height : int
        No line of text is as high.
    alike : float
        Greys by which the ink of one word differs.

    Examples
    --------
    >>> grey = np.full((40, 80), 90.0); grey[10:20, 10:40:5] = 255
    >>> first = grey == 255; first[:, 25:] = False
    >>> bool(lengthened(grey, first, np.ones(grey.shape, bool), 24)[10:20, 35].all())
    True
    """
    found = drawn.copy()
    for place, ink in _lines(grey, drawn, height):
        top, bottom = place[0].start, place[0].stop
        left, right = place[1].start, place[1].stop
        if right - left <= 8 or bottom - top < 4:
            continue
        level = float(np.median(grey[place][ink]))
        above, below = max(top - 4, 0), min(bottom + 4, grey.shape[0])
        band = slice(above, below)
        like = (np.abs(grey[band] - level) <= alike) & where[band]
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
        more = True
        while more:
            more = False
            for rows, columns, number in list(parts):
                if columns.stop >= left - reach and columns.start <= right + reach:
                    found[band][rows, columns] |= labels[rows, columns] == number
                    left, right = min(left, columns.start), max(right, columns.stop)
                    parts.remove((rows, columns, number))
                    more = True
    return found


def covered(
    grey: NDArray[np.float64], drawn: NDArray[np.bool_], height: int, *, rim: int
) -> NDArray[np.bool_]:
    """Cover ink with a rim, lines of text with a box, and fill the gaps along the rows of the rest.

    A hole that followed the letters could be read.

    Parameters
    ----------
    grey : ndarray of shape (y, x)
        0 to 255.
    drawn : ndarray of bool
        Ink.
    height : int
        No line of text is as high; gaps narrower than this are filled.
    rim : int
        Pixels around.

    Examples
    --------
    >>> ink = np.zeros((60, 80), bool); ink[20:30, 20:50:6] = True
    >>> bool(covered(ink * 255.0, ink, 24, rim=3)[17:33, 17:48].all())
    True
    """
    if not drawn.any():
        return drawn
    found = grown(drawn, rim)
    for box, ink in runs(drawn, height):
        if _high(box, height):
            around = np.pad(grown(np.pad(ink, rim), rim), ((0, 0), (height, height)))
            wide = ndimage.maximum_filter1d(around.astype(np.uint8), 2 * (height // 2) + 1, axis=1)
            shut = ndimage.minimum_filter1d(wide, 2 * (height // 2) + 1, axis=1) > 0
            _lay(found, shut[:, height:-height], box[0].start - rim, box[1].start - rim)
    for (rows, columns), _ in _lines(grey, drawn, height):
        if columns.stop - columns.start > 8:  # a dot or a short stroke needs no box
            wide_box = slice(max(columns.start - rim, 0), columns.stop + rim)
            found[max(rows.start - rim, 0) : rows.stop + rim, wide_box] = True
    return found


def _lay(onto: NDArray[np.bool_], patch: NDArray[np.bool_], row: int, column: int) -> None:
    """Add a patch whose upper left pixel lies at (row, column), as far as it is on the picture."""
    top, left = max(-row, 0), max(-column, 0)
    here = onto[row + top : row + patch.shape[0], column + left : column + patch.shape[1]]
    here |= patch[top : top + here.shape[0], left : left + here.shape[1]]
