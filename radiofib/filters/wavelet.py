"""Stationary wavelet transform around the region."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pywt
from numpy.typing import NDArray

from radiofib.preprocess._numba import kernel
from radiofib.preprocess.crop import Box

__all__ = ["wavelet_bands"]

#: Length of the pieces in which lines are filtered, so that they stay in the processor's cache.
CHUNK = 1024

Images = Iterator[tuple[str, NDArray[np.floating]]]


def wavelet_bands(
    pixels: NDArray[np.generic],
    box: Box,
    *,
    wavelet: str = "coif1",
    level: int = 1,
    start_level: int = 0,
    flat_axis: int | None = None,
) -> Iterator[tuple[str, NDArray[np.floating]]]:
    """Yield the bands of a stationary wavelet transform inside a box, as pyradiomics makes them.

    The image is repeated periodically (an axis of odd length by one voxel more, its first);
    each level transforms the approximation of the one before with the same filters. Only what
    the filters reach around the box is transformed.

    Parameters
    ----------
    pixels : ndarray, 2-D or 3-D
        The whole image.
    box : tuple of slice
        The part to return.
    wavelet : str
        Name of a discrete wavelet of PyWavelets.
    level, start_level : int
        Number of levels to yield, and of levels before that are not.
    flat_axis : int, optional
        An axis that is not transformed.

    Yields
    ------
    tuple
        pyradiomics' name of the band (``wavelet-LLH``, ``wavelet2-HHH``; letters along x, y,
        z; L is the low pass) and its values. Bands of detail come level by level, the
        approximation of the last level comes last.

    References
    ----------
    Nason and Silverman, in Wavelets and Statistics, Springer 1995, 281-299.

    Examples
    --------
    >>> bands = wavelet_bands(np.ones((6, 6)), (slice(0, 2), slice(2, 4)), wavelet="haar")
    >>> [(name, float(values[0, 0].round(12))) for name, values in bands]
    [('wavelet-LH', 0.0), ('wavelet-HL', 0.0), ('wavelet-HH', 0.0), ('wavelet-LL', 2.0)]
    """
    filters = pywt.Wavelet(wavelet)
    axes = tuple(a for a in reversed(range(pixels.ndim)) if a != flat_axis)
    long = min(pixels.shape[a] for a in axes) >= filters.dec_len
    # PyWavelets has filters of its own for single precision.
    if level == 1 and start_level == 0 and long and pixels.dtype != np.float32:
        yield from _one_level(pixels, box, filters, axes)
        return
    reach = (filters.dec_len - 1) * (start_level + level)
    data, inner = np.asarray(pixels), []
    for axis, part in enumerate(box):
        size = pixels.shape[axis]
        if axis in axes:
            index, start = _reached(part, size, reach)
        else:
            index, start = np.arange(part.start, part.stop), 0
        data = np.take(data, index, axis=axis)
        inner.append(slice(start, start + part.stop - part.start))
    low = "a" * len(axes)
    for step in range(start_level + level):
        bands = pywt.swtn(data, filters, level=1, start_level=0, axes=axes)[0]
        data = bands.pop(low)
        number = step - start_level + 1
        if number < 1:
            continue
        for key, values in bands.items():
            letters = key.replace("a", "L").replace("d", "H")
            yield _name(number, letters), values[tuple(inner)]
    yield _name(level, "L" * len(axes)), data[tuple(inner)]


def _name(level: int, letters: str) -> str:
    return f"wavelet{level if level > 1 else ''}-{letters}"


def _reached(part: slice, size: int, reach: int) -> tuple[NDArray[np.intp], int]:
    """Return the voxels along an axis that a filter reaches, and where the part begins in them.

    Their number is even. Near the border it is the whole axis of the periodic image, for there
    the order of the sums, and so the last digit, differs from that in the middle.
    """
    first, last = part.start - reach, part.stop + reach
    last += (last - first) % 2
    if first < 0 or last > size:
        first, last = 0, size + size % 2
    index = np.arange(first, last)
    index[index == size] = 0
    return index, part.start - first


@kernel
def _split(data: Any, low: Any, high: Any, filters: Any, order: Any) -> None:
    """Filter along the middle axis; `order` gives the order of the terms of every sum."""
    outer, kept, inner = low.shape
    taps = filters.shape[1]
    for a in range(outer):
        for begin in range(0, inner, CHUNK):
            end = min(begin + CHUNK, inner)
            for o in range(kept):
                low_row, high_row = low[a, o, begin:end], high[a, o, begin:end]
                low_row[:] = 0.0
                high_row[:] = 0.0
                for term in range(0, taps, 2):
                    i, j = order[o, term], order[o, term + 1]
                    f, g = filters[0, i], filters[1, i]
                    f2, g2 = filters[0, j], filters[1, j]
                    row = data[a, o + taps - 1 - i, begin:end]
                    row2 = data[a, o + taps - 1 - j, begin:end]
                    for b in range(end - begin):
                        low_row[b] = low_row[b] + f * row[b] + f2 * row2[b]
                        high_row[b] = high_row[b] + g * row[b] + g2 * row2[b]


@kernel
def _split_rows(data: Any, low: Any, high: Any, filters: Any, order: Any, plain: int) -> None:
    """Filter along the last of two axes; the first `plain` sums have their terms in order."""
    taps = filters.shape[1]
    for a in range(low.shape[0]):
        row, low_row, high_row = data[a], low[a], high[a]
        low_row[:] = 0.0
        high_row[:] = 0.0
        for i in range(0, taps, 2):
            f, g = filters[0, i], filters[1, i]
            f2, g2 = filters[0, i + 1], filters[1, i + 1]
            one = row[taps - 1 - i : taps - 1 - i + plain]
            two = row[taps - 2 - i : taps - 2 - i + plain]
            for o in range(plain):
                low_row[o] = low_row[o] + f * one[o] + f2 * two[o]
                high_row[o] = high_row[o] + g * one[o] + g2 * two[o]
        for o in range(plain, low.shape[1]):
            for term in range(taps):
                i = order[o, term]
                low_row[o] += filters[0, i] * row[o + taps - 1 - i]
                high_row[o] += filters[1, i] * row[o + taps - 1 - i]


def _one_level(
    pixels: NDArray[np.generic], box: Box, wavelet: pywt.Wavelet, axes: tuple[int, ...]
) -> Images:
    """Yield the bands of one level: sums of PyWavelets in its order, of the box alone."""
    filters = np.array([wavelet.dec_lo, wavelet.dec_hi])
    taps = filters.shape[1]
    data: NDArray[np.generic] = pixels
    orders = {}
    for axis, part in enumerate(box):
        index = np.arange(part.start, part.stop)
        if axis in axes:
            size = pixels.shape[axis]
            period = size + size % 2
            orders[axis] = _order(index + taps // 2 - period, taps)
            index = np.arange(part.start + taps // 2 - taps + 1, part.stop + taps // 2) % period
            index[index == size] = 0
        data = np.take(data, index, axis=axis)
    last: list[NDArray[np.floating]] = []
    for letters, band in _bands([data.astype(np.float64)], axes, filters, orders):
        if "H" in letters:
            yield _name(1, letters), band
        else:
            last.append(band)
    yield _name(1, "L" * len(axes)), last.pop()


def _bands(
    given: list[NDArray[np.floating]],
    axes: tuple[int, ...],
    filters: NDArray[np.floating],
    orders: dict[int, NDArray[np.intp]],
    letters: str = "",
) -> Images:
    """Yield the bands one after the other, each filtered when it is asked for.

    Arrays are handed over in lists that are emptied, so that no more of them are held than are
    needed for the bands to come.
    """
    if not axes:
        yield letters, given.pop()
        return
    parts = list(_axis(given.pop(), axes[0], filters, orders[axes[0]]))[::-1]
    for letter in "LH":
        yield from _bands([parts.pop()], axes[1:], filters, orders, letters + letter)


def _order(beyond: NDArray[np.intp], taps: int) -> NDArray[np.intp]:
    """Return the order of terms: backwards where a sum wraps around the end of the image."""
    order = np.tile(np.arange(taps), (len(beyond), 1))
    for line, wrapped in enumerate(beyond):
        if wrapped >= 0:
            order[line, : wrapped + 1] = order[line, : wrapped + 1][::-1].copy()
    return order


def _axis(
    values: NDArray[np.floating], axis: int, filters: NDArray[np.floating], order: NDArray[np.intp]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    shape = values.shape
    outer, inner = int(np.prod(shape[:axis])), int(np.prod(shape[axis + 1 :]))
    low = np.empty((outer, len(order), inner), values.dtype)
    high = np.empty_like(low)
    if inner == 1:
        wrapped = np.flatnonzero(order[:, 0] != 0)
        plain = int(wrapped[0]) if len(wrapped) else len(order)
        low_rows, high_rows = low.reshape(outer, -1), high.reshape(outer, -1)
        _split_rows(values.reshape(outer, -1), low_rows, high_rows, filters, order, plain)
    else:
        _split(values.reshape(outer, shape[axis], inner), low, high, filters, order)
    after = (*shape[:axis], len(order), *shape[axis + 1 :])
    return low.reshape(after), high.reshape(after)
