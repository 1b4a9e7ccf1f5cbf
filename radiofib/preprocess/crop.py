"""Where the region is, and the part of an image around it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import MaskError

__all__ = ["Box", "bounding_box", "grown"]

#: One slice for every axis, with start and stop.
Box = tuple[slice, ...]


def bounding_box(mask: NDArray[np.bool_]) -> Box:
    """Return the smallest box that holds the region, one slice for every axis.

    Raises
    ------
    MaskError
        When the mask is empty.

    Examples
    --------
    >>> mask = np.zeros((4, 5), dtype=bool)
    >>> mask[1:3, 2] = True
    >>> bounding_box(mask)
    (slice(1, 3, None), slice(2, 3, None))
    """
    found: list[slice] = []
    part = mask
    for axis in range(mask.ndim):
        others = tuple(a for a in range(mask.ndim) if a != axis)
        where = np.flatnonzero(part.any(axis=others))
        if len(where) == 0:
            raise MaskError("the region is empty", hint="check the mask and its label")
        found.append(slice(int(where[0]), int(where[-1]) + 1))
        # What follows looks only at the part already found.
        part = part[(slice(None),) * axis + (found[-1],)]
    return tuple(found)


def grown(box: Box, margin: int | tuple[int, ...], shape: tuple[int, ...]) -> Box:
    """Return a box with a margin around it, cut at the border of the image.

    Examples
    --------
    >>> grown((slice(1, 3), slice(2, 3)), 2, (4, 9))
    (slice(0, 4, None), slice(0, 5, None))
    """
    margins = (margin,) * len(box) if isinstance(margin, int) else margin
    return tuple(
        slice(max(part.start - m, 0), min(part.stop + m, size))
        for part, m, size in zip(box, margins, shape, strict=True)
    )
