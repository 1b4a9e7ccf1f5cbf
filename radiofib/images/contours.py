"""Polygons to pixels: which pixel centres lie inside closed contours, by the even-odd rule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["fill_contours", "polygon_area"]


def fill_contours(
    contours: Sequence[NDArray[np.float64]], shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """Return the pixels whose centres lie inside an odd number of the contours.

    Along each row, the number of edges to the left of a pixel centre is counted; an edge from
    ``y0`` to ``y1`` meets the row ``y`` when ``y0 <= y < y1``, at
    ``x = x0 + (y - y0) (x1 - x0) / (y1 - y0)``. So a contour within another is a hole, and the
    two passes along the cut of a keyhole contour cancel. Centres on a left or upper edge are
    inside, on a right or lower edge outside: neighbouring regions share no pixel and leave none
    out.

    Parameters
    ----------
    contours : sequence of ndarray of shape (n, 2)
        Vertices (x, y) in pixels, the centre of the first pixel being (0, 0); closed by a line
        from the last vertex to the first. Vertices may lie outside the picture.
    shape : (rows, columns)

    Returns
    -------
    ndarray of bool
        Of the given shape.

    References
    ----------
    Foley, van Dam, Feiner, Hughes: Computer Graphics, 2nd ed., section 3.6 (scan conversion).

    Examples
    --------
    >>> square = np.array([[0.5, 0.5], [3.5, 0.5], [3.5, 3.5], [0.5, 3.5]])
    >>> hole = np.array([[1.5, 1.5], [2.5, 1.5], [2.5, 2.5], [1.5, 2.5]])
    >>> fill_contours([square, hole], (5, 5)).astype(int)
    array([[0, 0, 0, 0, 0],
           [0, 1, 1, 1, 0],
           [0, 1, 0, 1, 0],
           [0, 1, 1, 1, 0],
           [0, 0, 0, 0, 0]])
    """
    rows, columns = shape
    # Each crossing turns every pixel to its right over; the last column takes those beyond.
    turns = np.zeros((rows, columns + 1), dtype=np.int32)
    if contours:
        start = np.concatenate(contours)
        end = np.concatenate([np.roll(contour, -1, axis=0) for contour in contours])
        upward = start[:, 1] > end[:, 1]
        top = np.where(upward[:, None], end, start)
        bottom = np.where(upward[:, None], start, end)
        first = np.clip(np.ceil(top[:, 1]), 0, rows).astype(np.int64)
        last = np.clip(np.ceil(bottom[:, 1]), 0, rows).astype(np.int64)  # first row not met
        count = last - first
        edge = np.repeat(np.arange(len(count)), count)
        row = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + first[edge]
        (x0, y0), (x1, y1) = top[edge].T, bottom[edge].T
        x = x0 + (row - y0) * (x1 - x0) / (y1 - y0)
        column = np.clip(np.ceil(x), 0, columns).astype(np.int64)
        np.add.at(turns, (row, column), 1)
    inside: NDArray[np.bool_] = (np.cumsum(turns[:, :-1], axis=1) & 1).astype(np.bool_)
    return inside


def polygon_area(contour: NDArray[np.float64]) -> float:
    """Return the area inside a closed polygon, in squared units of its vertices.

    ``|sum(x_i y_(i+1) - x_(i+1) y_i)| / 2`` (the shoelace formula).

    Parameters
    ----------
    contour : ndarray of shape (n, 2)

    Examples
    --------
    >>> polygon_area(np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 3.0]]))
    3.0
    """
    x, y = (contour - contour[:1]).T
    return float(abs(x @ np.roll(y, -1) - np.roll(x, -1) @ y) / 2)
