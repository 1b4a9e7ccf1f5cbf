"""Exact rasterisation of polygons as runs of pixels, from which any window can be cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["Spans", "largest_part", "mask_spans", "polygon_spans"]

Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Spans:
    """A rasterised polygon: pixels ``start <= column < stop`` of each row.

    Parameters
    ----------
    row, start, stop : ndarray of int
        One entry for each run, rows in order.
    """

    row: NDArray[np.int64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]

    @property
    def n_pixels(self) -> int:
        """Number of pixels."""
        return int((self.stop - self.start).sum())

    @property
    def box(self) -> tuple[int, int, int, int]:
        """First row, row after the last, first column, column after the last."""
        if self.row.size == 0:
            return 0, 0, 0, 0
        return int(self.row[0]), int(self.row[-1]) + 1, int(self.start.min()), int(self.stop.max())

    def window(self, top: int, left: int, height: int, width: int) -> NDArray[np.bool_]:
        """Return the pixels inside a window as a mask."""
        first, last = np.searchsorted(self.row, (top, top + height))
        edges = np.zeros((height, width + 1), dtype=np.int8)
        row = self.row[first:last] - top
        start = np.clip(self.start[first:last] - left, 0, width)
        stop = np.clip(self.stop[first:last] - left, 0, width)
        np.add.at(edges, (row, start), 1)
        np.add.at(edges, (row, stop), -1)
        inside: NDArray[np.bool_] = np.cumsum(edges, axis=1)[:, :width] > 0
        return inside


def mask_spans(mask: NDArray[np.bool_], top: int, left: int) -> Spans:
    """Return a mask whose first pixel lies at (top, left) as spans.

    Examples
    --------
    >>> mask_spans(np.array([[0, 1, 1], [1, 0, 1]], dtype=bool), 10, 20).start.tolist()
    [21, 20, 22]
    """
    steps = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, start = np.nonzero(steps > 0)
    _, stop = np.nonzero(steps < 0)
    return Spans(row + top, start + left, stop + left)


def largest_part(spans: Spans, tissue: list[Spans]) -> Spans:
    """Return what of a polygon lies in tissue, or its largest part when the border splits it.

    Parts are 4-connected, so that a count of regions in the label picture is a count of tracts.
    """
    top, bottom, left, right = spans.box
    frame = (top, left, bottom - top, right - left)
    around = np.zeros((bottom - top, right - left), dtype=bool)
    for piece in tissue:
        around |= piece.window(*frame)
    parts, count = ndimage.label(spans.window(*frame) & around)
    if count == 0:
        return Spans(spans.row[:0], spans.start[:0], spans.stop[:0])
    sizes = np.bincount(parts.ravel())[1:]
    return mask_spans(parts == 1 + int(np.argmax(sizes)), top, left)


def polygon_spans(polygon: Points) -> Spans:
    """Rasterise a polygon: a pixel belongs to it when its centre does (even-odd rule).

    Parameters
    ----------
    polygon : ndarray of shape (n, 2)
        Vertices (x, y) in pixels; pixel (row, column) has its centre at
        (column + 0.5, row + 0.5). The last vertex joins the first.

    Examples
    --------
    >>> polygon_spans(np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 3.0], [0.0, 3.0]])).n_pixels
    12
    """
    x0, y0 = polygon.T
    x1, y1 = np.roll(polygon, -1, axis=0).T
    low, high = np.minimum(y0, y1), np.maximum(y0, y1)
    first = np.ceil(low - 0.5).astype(np.int64)
    count = np.maximum(np.ceil(high - 0.5).astype(np.int64) - first, 0)
    edge = np.repeat(np.arange(len(polygon)), count)
    row = first[edge] + np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    share = (row + 0.5 - y0[edge]) / (y1[edge] - y0[edge])
    x = x0[edge] + share * (x1[edge] - x0[edge])
    order = np.lexsort((x, row))
    row, x = row[order], x[order]
    start = np.ceil(x[::2] - 0.5).astype(np.int64)
    stop = np.ceil(x[1::2] - 0.5).astype(np.int64)
    full = stop > start
    return Spans(row[::2][full], start[full], stop[full])
