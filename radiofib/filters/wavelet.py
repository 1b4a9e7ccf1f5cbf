"""Stationary wavelet transform around the region."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pywt
from numpy.typing import NDArray

from radiofib.preprocess.crop import Box

__all__ = ["wavelet_bands"]


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
    reach = (filters.dec_len - 1) * (start_level + level)
    axes = tuple(a for a in reversed(range(pixels.ndim)) if a != flat_axis)
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
