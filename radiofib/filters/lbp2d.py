"""Local binary patterns of the slices of an image."""

from __future__ import annotations

import warnings
from math import ceil

import numpy as np
from numpy.typing import NDArray
from skimage.feature import local_binary_pattern

from radiofib.preprocess.crop import Box

__all__ = ["binary_pattern_2d"]


def binary_pattern_2d(
    pixels: NDArray[np.generic],
    box: Box,
    *,
    radius: float = 1.0,
    samples: int = 8,
    method: str = "uniform",
    slice_axis: int = 0,
) -> NDArray[np.generic]:
    """Return local binary patterns inside a box, slice by slice, by scikit-image.

    Samples on a circle are interpolated bilinearly and compared with its centre. Slices
    without the region are left out, and of the others what lies behind the region; rows and
    columns before it stay, because the interpolation rounds by absolute position and equal
    intensities are decided by rounding.

    Parameters
    ----------
    pixels : ndarray, 2-D or 3-D
        The whole image. In 3-D the result has its type, as in pyradiomics.
    box : tuple of slice
        The part to return.
    radius : float
        Radius of the circle in pixels.
    samples : int
        Number of samples on it.
    method : {"default", "ror", "uniform", "var"}
        How a pattern becomes a number.
    slice_axis : int
        Axis across the slices of a 3-D image.

    References
    ----------
    Ojala, Pietikainen and Maenpaa, IEEE Trans Pattern Anal Mach Intell 2002;24:971-987.

    Examples
    --------
    >>> image = np.zeros((5, 5), dtype=np.uint8)
    >>> image[2, 2] = 9
    >>> binary_pattern_2d(image, (slice(2, 3), slice(2, 3)))
    array([[0.]])
    """
    beyond = ceil(radius) + 2
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # on floats, and on NaN cast to whole numbers
        if pixels.ndim == 2:
            found = local_binary_pattern(
                pixels[tuple(slice(0, p.stop + beyond) for p in box)], samples, radius, method
            )
            return np.asarray(found[box])
        order = [0, 1, 2]
        order[0], order[slice_axis] = order[slice_axis], order[0]
        turned, across = pixels.transpose(order), [box[a] for a in order]
        plane = tuple(across[1:])
        part = turned[(across[0], *(slice(0, p.stop + beyond) for p in plane))]
        out = np.empty([p.stop - p.start for p in across], pixels.dtype)
        for number, one in enumerate(part):
            out[number] = local_binary_pattern(one, samples, radius, method)[plane]
    return out.transpose(order)
