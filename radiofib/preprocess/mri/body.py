"""The patient's body in an MR volume, against the air around it."""

from __future__ import annotations

from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from radiofib.errors import MaskError

__all__ = ["body_mask"]


def body_mask(pixels: NDArray[Any]) -> NDArray[np.bool_]:
    """Return the body: a threshold, the largest connected part, its holes filled slice by slice.

    The threshold is Otsu's on ``sqrt(x - q)``, with q the 1st percentile: the root brings dark
    tissue (muscle on T2, fat with fat suppression) nearer to bright tissue than to air. Parts
    are connected through faces. Holes are filled in each slice, for lungs are open at the top
    slice, before and after an opening by one voxel that noise and a hand beside the trunk do
    not survive.

    Parameters
    ----------
    pixels : ndarray of shape (z, y, x) or (y, x)
        Intensities, finite, spikes removed.

    Raises
    ------
    MaskError
        When the image is constant, or nothing stands out.

    References
    ----------
    Otsu, IEEE Trans Syst Man Cybern 1979;9:62.

    Examples
    --------
    >>> pixels = np.zeros((8, 8)); pixels[1:7, 1:7] = 50; pixels[3, 3] = 0
    >>> found = body_mask(pixels)
    >>> bool(found[3, 3]), bool(found[0].any()), int(found.sum())
    (True, False, 32)
    """
    low, high = np.percentile(pixels, (1, 99.9))
    if not high > low:
        raise MaskError(
            "no body can be told from air: the image is almost constant",
            found=f"1st percentile {low:g}, 99.9th {high:g}",
            hint="give a mask named 'body', or normalise inside the region",
        )
    scaled = np.sqrt(np.clip((pixels.astype(np.float32) - np.float32(low)), 0, None))
    otsu = sitk.OtsuThresholdImageFilter()
    otsu.SetNumberOfThreads(1)
    otsu.SetInsideValue(0)
    otsu.SetOutsideValue(1)
    otsu.SetNumberOfHistogramBins(128)
    top = np.float32(np.sqrt(np.float32(high - low)))
    above = sitk.GetArrayFromImage(otsu.Execute(sitk.GetImageFromArray(np.minimum(scaled, top))))
    bright = above.astype(bool)
    core = _filled(bright)
    core = ndimage.binary_opening(core, _cross(pixels.ndim))
    parts, number = ndimage.label(core if core.any() else bright)
    if number == 0:
        raise MaskError("no body was found in the image", hint="give a mask named 'body'")
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return _filled(parts == int(np.argmax(sizes)))


def _cross(ndim: int) -> NDArray[np.bool_]:
    """Return a voxel and its four neighbours within the slice."""
    plane = ndimage.generate_binary_structure(2, 1)
    return np.asarray(plane.reshape((1,) * (ndim - 2) + (3, 3)), dtype=bool)


def _filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill the holes of each slice."""
    slices = mask if mask.ndim == 3 else mask[None]
    found = np.stack([ndimage.binary_fill_holes(plane) for plane in slices])
    return np.asarray(found.reshape(mask.shape), dtype=bool)
