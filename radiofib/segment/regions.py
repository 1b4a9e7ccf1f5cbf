"""Clean-up of a computed mask: its largest piece, without holes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["fill_holes", "largest_piece"]


def largest_piece(region: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], int]:
    """Return the largest piece connected through faces, and how many pieces there were.

    Of pieces of one size the first in C order is kept; an empty region comes back as it is.

    Examples
    --------
    >>> largest_piece(np.array([[1, 0, 1, 1]], dtype=bool))
    (array([[False, False,  True,  True]]), 2)
    """
    labels, count = ndimage.label(region)
    if count <= 1:
        return region.copy(), int(count)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == int(np.argmax(sizes))), int(count)


def fill_holes(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill what the region encloses on all sides.

    Examples
    --------
    >>> fill_holes(np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=bool)).all()
    np.True_
    """
    return np.asarray(ndimage.binary_fill_holes(region), dtype=np.bool_)
