"""Morphology by balls of a radius in mm, exact on any voxel size (by distance transforms)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["closed", "depth_mm", "grown", "opened"]

Mask = NDArray[np.bool_]


def depth_mm(region: Mask, spacing_mm: float) -> NDArray[np.float64]:
    """Return each inside voxel's distance to the nearest voxel outside; 0 outside.

    The border of the array is no outside: a field of view that cuts an organ does not end it.

    Examples
    --------
    >>> depth_mm(np.array([False, True, True]), 3.0)
    array([0., 3., 6.])
    """
    if region.all():
        return np.full(region.shape, np.inf)
    found: NDArray[np.float64] = ndimage.distance_transform_edt(region, spacing_mm)
    return found


def grown(region: Mask, radius_mm: float, spacing_mm: float) -> Mask:
    """Return all voxels within a distance of the region.

    Examples
    --------
    >>> grown(np.array([True, False, False]), 3.0, 3.0)
    array([ True,  True, False])
    """
    if not region.any():
        return region.copy()
    return np.asarray(ndimage.distance_transform_edt(~region, spacing_mm) <= radius_mm)


def opened(region: Mask, radius_mm: float, spacing_mm: float) -> Mask:
    """Return the part of the region that a ball inside it can reach.

    Examples
    --------
    >>> opened(np.array([0, 1, 0, 1, 1, 1, 1, 1, 0], dtype=bool), 2.0, 1.0).astype(int)
    array([0, 0, 0, 1, 1, 1, 1, 1, 0])
    """
    return grown(depth_mm(region, spacing_mm) > radius_mm, radius_mm, spacing_mm) & region


def closed(region: Mask, radius_mm: float, spacing_mm: float) -> Mask:
    """Return the region with all that no ball outside it can reach.

    Examples
    --------
    >>> closed(np.array([0, 0, 0, 1, 0, 1, 0, 0, 0], dtype=bool), 2.0, 1.0).astype(int)
    array([0, 0, 0, 1, 1, 1, 0, 0, 0])
    """
    width = int(np.ceil(radius_mm / spacing_mm)) + 2
    inner = tuple(slice(width, width + n) for n in region.shape)
    outside = ~np.pad(region, width)
    return ~opened(outside, radius_mm, spacing_mm)[inner]
