"""Maps of intensities that need nothing but the volume itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import ImageError

__all__ = ["by_percentiles", "by_reference", "by_zscore", "float_type"]


def float_type(pixels: NDArray[np.generic]) -> np.dtype:
    """Return the floating type that holds the intensities: float32 up to 16 bits, else float64.

    Examples
    --------
    >>> float_type(np.zeros(1, np.uint16)), float_type(np.zeros(1, np.int32))
    (dtype('float32'), dtype('float64'))
    """
    return np.result_type(pixels.dtype, np.float32)


def by_zscore(
    pixels: NDArray[np.generic], inside: NDArray[np.bool_], *, scale: float = 1.0
) -> tuple[NDArray[np.floating], float, float]:
    """Return ``scale (x - m) / s``, with mean m and population deviation s of the voxels inside.

    Parameters
    ----------
    pixels, inside : ndarray of one shape
        Image and the voxels that count.
    scale : float
        Factor.

    Returns
    -------
    tuple
        Image, m and s.

    Raises
    ------
    ImageError
        When there are no voxels inside, or all have one intensity.

    Examples
    --------
    >>> by_zscore(np.array([1.0, 3.0, 9.0]), np.array([True, True, False]))
    (array([-1.,  1.,  7.]), 2.0, 1.0)
    """
    values = _values(pixels, inside)
    mean, deviation = float(values.mean()), float(values.std())
    if deviation <= 1e-12 * max(abs(mean), float(np.abs(values).max())):
        raise ImageError(
            "a z-score is not defined: all voxels inside have the same intensity",
            found=f"{values.size} voxels of {mean:g}",
            hint="check the mask and the image",
        )
    return _linear(pixels, mean, deviation / scale), mean, deviation


def by_percentiles(
    pixels: NDArray[np.generic],
    inside: NDArray[np.bool_],
    *,
    percentiles: tuple[float, float] = (1.0, 99.0),
    scale: float = 1.0,
    clip: bool = False,
) -> tuple[NDArray[np.floating], float, float]:
    """Return ``scale (x - a) / (b - a)``, with a and b percentiles of the voxels inside.

    Percentiles interpolate linearly between order statistics (numpy's default).

    Parameters
    ----------
    pixels, inside : ndarray of one shape
        Image and the voxels that count.
    percentiles : tuple of two floats
        Which percentiles become 0 and `scale`.
    scale : float
        Factor.
    clip : bool
        Whether to cut the result to 0 and `scale`.

    Returns
    -------
    tuple
        Image, a and b.

    Raises
    ------
    ImageError
        When there are no voxels inside, or both percentiles are equal.

    Examples
    --------
    >>> pixels = np.arange(5.0)
    >>> by_percentiles(pixels, pixels >= 0, percentiles=(25, 75))
    (array([-0.5,  0. ,  0.5,  1. ,  1.5]), 1.0, 3.0)
    """
    values = _values(pixels, inside)
    low, high = (float(v) for v in np.percentile(values, percentiles))
    if not high > low:
        raise ImageError(
            "percentiles cannot be mapped: they are equal",
            found=f"{percentiles[0]:g}th and {percentiles[1]:g}th percentile are both {low:g} "
            f"in {values.size} voxels",
            hint="check the mask, or use percentiles that lie further apart",
        )
    mapped = _linear(pixels, low, (high - low) / scale)
    if clip:
        np.clip(mapped, 0, scale, out=mapped)
    return mapped, low, high


def by_reference(
    pixels: NDArray[np.generic], tissue: NDArray[np.bool_], *, scale: float = 1.0
) -> tuple[NDArray[np.floating], float]:
    """Return ``scale x / median``, with the median over a reference tissue.

    The median hardly moves when the mask's border holds some of the neighbours.

    Parameters
    ----------
    pixels, tissue : ndarray of one shape
        Image and the reference tissue.
    scale : float
        Factor.

    Returns
    -------
    tuple
        Image and the median.

    Raises
    ------
    ImageError
        When there are no voxels, or the median is not positive.

    Examples
    --------
    >>> by_reference(np.array([2.0, 4.0, 9.0]), np.array([True, True, True]))
    (array([0.5 , 1.  , 2.25]), 4.0)
    """
    values = _values(pixels, tissue)
    median = float(np.median(values))
    if not median > 0:
        raise ImageError(
            "the reference tissue has no signal to divide by",
            expected="a positive median",
            found=f"{median:g} in {values.size} voxels",
            hint="check the mask of the tissue and the image's rescale slope and intercept",
        )
    return _linear(pixels, 0.0, median / scale), median


def _values(pixels: NDArray[np.generic], inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    values = pixels[inside].astype(np.float64)
    if values.size == 0:
        raise ImageError("there are no voxels to take statistics from", hint="check the mask")
    return values


def _linear(pixels: NDArray[np.generic], zero: float, unit: float) -> NDArray[np.floating]:
    kind = float_type(pixels).type
    found: NDArray[np.floating] = pixels.astype(kind)
    if zero:
        found -= kind(zero)
    found /= kind(unit)
    return found
