"""Square, square root, logarithm and exponential, scaled by the largest intensity of the image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import UsageError
from radiofib.preprocess.crop import Box

__all__ = ["pointwise"]


def pointwise(pixels: NDArray[np.generic], name: str, box: Box) -> NDArray[np.float64]:
    """Return a pointwise filter inside a box.

    With m = max |f| over the whole image, so that the range stays about the same::

        square (f / sqrt(m))^2             squareroot sign(f) sqrt(|f| m)
        logarithm sign(f) log(|f| + 1) m / log(m + 1)
        exponential exp(f log(m) / m)

    Parameters
    ----------
    pixels : ndarray
        The whole image.
    name : {"square", "squareroot", "logarithm", "exponential"}
        The filter.
    box : tuple of slice
        The part to return.

    Returns
    -------
    ndarray of float64
        Not finite where the filter is not defined (an image of zeros).

    Examples
    --------
    >>> pointwise(np.array([-4.0, 0.0, 1.0]), "squareroot", (slice(0, 3),))
    array([-4.,  0.,  2.])
    """
    if name not in ("square", "squareroot", "logarithm", "exponential"):
        raise UsageError(f"unknown pointwise filter {name!r}")
    least, greatest = np.float64(pixels.min()), np.float64(pixels.max())
    most = np.maximum(np.abs(least), np.abs(greatest))
    values = pixels[box].astype(np.float64)
    with np.errstate(all="ignore"):
        if name == "square":
            found = ((1 / np.sqrt(most)) * values) ** 2
        elif name == "exponential":
            found = np.exp((np.log(most) / most) * values)
        elif name == "squareroot":
            found = np.copysign(np.sqrt(np.abs(values) * most), values)
        else:
            ends = _signed_log(np.array([least, greatest]))
            found = _signed_log(values) * (most / np.max(np.abs(ends)))
    return np.asarray(found)


def _signed_log(values: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.copysign(np.log(np.abs(values) + 1), values)
    return found
