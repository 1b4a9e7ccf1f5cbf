"""Volumes and widths of the liver and its parts, from masks alone."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import MaskError
from radiofib.features.functional.indices import ratio

__all__ = ["caudate_right_lobe_ratio", "segmental_volume_ratio", "volume_ml"]

Mask = NDArray[np.bool_]


def volume_ml(mask: Mask, spacing_mm: Sequence[float]) -> float:
    """Return number of voxels x volume of a voxel / 1000, in ml.

    Parameters
    ----------
    mask : ndarray of bool, shape (z, y, x)
        The organ.
    spacing_mm : sequence of float
        Spacing along each axis of the mask in mm.

    Examples
    --------
    >>> volume_ml(np.ones((4, 5, 5), dtype=bool), (2.5, 2.0, 2.0))
    1.0
    """
    return int(np.count_nonzero(mask)) * prod(float(s) for s in spacing_mm) / 1000


def segmental_volume_ratio(first: Mask, rest: Mask) -> float:
    """Return V(I-III) / V(IV-VIII) of Couinaud's segments, dimensionless.

    Parameters
    ----------
    first, rest : ndarray of bool
        Segments I to III, and IV to VIII, on one grid. NaN when `rest` is empty.

    Raises
    ------
    MaskError
        When the masks overlap.

    References
    ----------
    Furusato Hunt et al., J Comput Assist Tomogr 2016, doi 10.1097/RCT.0000000000000389.

    Examples
    --------
    >>> left = np.array([True, True, False, False, False])
    >>> segmental_volume_ratio(left, ~left)
    0.6666666666666666
    """
    _check_apart(first, rest)
    return ratio(int(np.count_nonzero(first)), int(np.count_nonzero(rest)))


def caudate_right_lobe_ratio(
    caudate: Mask, right_lobe: Mask, *, transverse_axis: int = 2, axial_axis: int = 0
) -> float:
    """Return transverse width of the caudate / transverse width of the right lobe.

    Both are measured on one axial slice below the bifurcation of the portal vein, away from the
    sagittal line that divides them; the masks are those of that slice. Where the line lies
    makes two different features: through the right lateral wall of the main portal vein (Harbin
    et al., Radiology 1980;135:273-283; > 0.65 for cirrhosis), or through the bifurcation of the
    right portal vein (Awaya et al., Radiology 2002;224:769-774; >= 0.90), which gives a wider
    caudate. A width is that of the voxels the mask reaches, from edge to edge.

    Parameters
    ----------
    caudate, right_lobe : ndarray of bool, shape (z, y, x)
        The two sides of the line.
    transverse_axis, axial_axis : int
        Array axes that run from right to left and from foot to head.

    Raises
    ------
    MaskError
        When a mask is empty, the two overlap, or they do not lie on one and the same axial
        slice.

    Examples
    --------
    >>> slice_ = np.zeros((1, 2, 10), dtype=bool)
    >>> right, caudate = slice_.copy(), slice_.copy()
    >>> right[0, :, 0:6], caudate[0, 0, 6:9] = True, True
    >>> caudate_right_lobe_ratio(caudate, right)
    0.5
    """
    _check_apart(caudate, right_lobe)
    slices = {
        name: np.flatnonzero(_shadow(mask, axial_axis)).tolist()
        for name, mask in (("caudate", caudate), ("right lobe", right_lobe))
    }
    if len(slices["caudate"]) != 1 or slices["caudate"] != slices["right lobe"]:
        raise MaskError(
            "caudate and right lobe must be drawn on one axial slice",
            found=", ".join(f"{name} on {len(s)}" for name, s in slices.items()),
            hint="keep the slice below the bifurcation of the portal vein",
        )
    return ratio(_width(caudate, transverse_axis), _width(right_lobe, transverse_axis))


def _shadow(mask: Mask, axis: int) -> NDArray[np.bool_]:
    """Return which places along an axis the mask reaches."""
    others = tuple(i for i in range(mask.ndim) if i != axis)
    return np.asarray(mask.any(axis=others), dtype=np.bool_)


def _width(mask: Mask, axis: int) -> int:
    places = np.flatnonzero(_shadow(mask, axis))
    return int(places[-1] - places[0] + 1)


def _check_apart(first: Mask, second: Mask) -> None:
    if first.shape != second.shape or bool((first & second).any()):
        raise MaskError(
            "the two parts of the liver must lie apart on one grid",
            found=f"shapes {first.shape} and {second.shape}"
            if first.shape != second.shape
            else f"{int((first & second).sum())} voxels in both",
        )
