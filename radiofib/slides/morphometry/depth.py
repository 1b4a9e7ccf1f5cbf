"""How deep pixels lie in a mask, fast where the mask is a small part of the picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["depth_inside"]


def depth_inside(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the distance of each pixel of a mask to the nearest pixel outside it, 0 outside.

    To the last bit what ``scipy.ndimage.distance_transform_edt`` gives for pixels of side 1, with
    all beyond the border of the picture outside.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)

    Notes
    -----
    With g the distance to the next pixel outside along a column, the square of the wanted one is
    the least ``g(x + s)^2 + s^2`` over the shifts s along a row (Meijster et al. 2000). Shifts are
    tried from small to large, each only for pixels that it can still bring nearer.

    References
    ----------
    Meijster A, Roerdink JBTM, Hesselink WH. A general algorithm for computing distance transforms
    in linear time. Mathematical Morphology and its Applications to Image and Signal Processing.
    Kluwer 2000, p. 331-340.

    Examples
    --------
    >>> depth_inside(np.array([[True] * 5] * 3))[1].tolist()
    [1.0, 2.0, 2.0, 2.0, 1.0]
    """
    framed = np.pad(mask, 1)
    place = np.flatnonzero(framed)
    along = _along_columns(framed).ravel()
    squared = along[place].astype(np.int64) ** 2
    left = np.arange(place.size)
    shift = 1
    # No shift runs over the end of a row: the frame is outside, so that the search ends there.
    while (left := left[squared[left] > shift**2]).size:
        here = place[left]
        beside = np.minimum(along[here - shift], along[here + shift]).astype(np.int64)
        squared[left] = np.minimum(squared[left], beside**2 + shift**2)
        shift += 1
    depth = np.zeros(framed.shape)
    depth.ravel()[place] = np.sqrt(squared)
    return depth[1:-1, 1:-1]


def _along_columns(framed: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return the distance to the next pixel outside, up or down; the first and last rows are."""
    row = np.arange(len(framed), dtype=np.int32)[:, None]
    above = np.maximum.accumulate(np.where(framed, np.int32(0), row), axis=0)
    below = np.where(framed, np.int32(len(framed)), row)[::-1]
    below = np.minimum.accumulate(below, axis=0)[::-1]
    nearest: NDArray[np.int32] = np.minimum(row - above, below - row)
    return nearest
