"""A region without its rim, by distance in mm."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from radiofib.errors import MaskError
from radiofib.preprocess.crop import bounding_box, grown

__all__ = ["eroded"]


def eroded(
    mask: NDArray[np.bool_], spacing_mm: tuple[float, ...], distance_mm: float
) -> NDArray[np.bool_]:
    """Return the voxels further than a distance from the nearest voxel outside the mask.

    Distances are Euclidean, in mm, between voxel centres. The border of the image is not a
    capsule: where the organ leaves the field of view nothing is taken away.

    Parameters
    ----------
    mask : ndarray of bool
        The region.
    spacing_mm : tuple of float
        Voxel size in the order of the mask's axes.
    distance_mm : float
        0 takes nothing away.

    Raises
    ------
    MaskError
        When the mask is empty.

    References
    ----------
    Maurer et al., IEEE Trans Pattern Anal Mach Intell 2003;25:265 (exact distance transform).

    Examples
    --------
    >>> mask = np.zeros((5, 9), dtype=bool); mask[1:4, 1:8] = True
    >>> eroded(mask, (3.0, 1.0), 2.0).astype(int)[2]
    array([0, 0, 0, 1, 1, 1, 0, 0, 0])
    """
    if not mask.any():
        raise MaskError("the region is empty", hint="check the mask and its label")
    if distance_mm <= 0 or mask.all():
        return mask.copy()
    # One voxel more than the box: beyond the image there is nothing, hence no outside.
    box = grown(bounding_box(mask), 1, mask.shape)
    out = np.zeros(mask.shape, dtype=bool)
    inner = mask[box]
    if inner.all():
        return mask.copy()
    out[box] = ndimage.distance_transform_edt(inner, sampling=spacing_mm) > distance_mm
    return out
