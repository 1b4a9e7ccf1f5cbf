"""Connected regions of a class of labels, as runs: memory goes with their outlines, not the slide.

A slide of 100,000 x 100,000 pixels has labels that can be mapped from a file, but not a second
picture of 32-bit region numbers beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from radiofib.slides.polygons import connect_runs
from radiofib.slides.segmentation import Compartment, Segmentation

__all__ = ["Regions", "boxes_on", "find_regions", "occupied"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_STRIP_CELLS = 1 << 23


@dataclass(frozen=True, eq=False)
class Regions:
    """Regions of a grid as horizontal runs of cells, sorted by row.

    Parameters
    ----------
    row, start, end : ndarray of int, shape (n_runs,)
        Row, first column and column after the last of each run.
    owner : ndarray of int, shape (n_runs,)
        Region of each run, 0..count-1, numbered by their first cell, row by row.
    count : int
        Number of regions.

    Examples
    --------
    >>> runs = Regions(*(np.array(v) for v in ([0, 1, 1], [0, 0, 3], [2, 1, 4], [0, 0, 1])), 2)
    >>> runs.cells.tolist(), runs.boxes.tolist()
    ([3, 1], [[0, 0, 2, 2], [3, 1, 4, 2]])
    >>> runs.paint(0, 0, 4, 2).tolist()
    [[1, 1, 0, 0], [1, 0, 0, 2]]
    >>> runs.select(np.array([False, True])).paint(2, 1, 2, 1).tolist()
    [[0, 1]]
    """

    row: Ints
    start: Ints
    end: Ints
    owner: Ints
    count: int

    @property
    def cells(self) -> Ints:
        """Cells of each region."""
        sums = np.zeros(self.count, dtype=np.int64)
        np.add.at(sums, self.owner, self.end - self.start)
        return sums

    @property
    def boxes(self) -> Ints:
        """Left, top, right and bottom (the last two not included) of each region."""
        boxes = np.empty((self.count, 4), dtype=np.int64)
        boxes[:, :2] = np.iinfo(np.int64).max
        boxes[:, 2:] = 0
        np.minimum.at(boxes[:, 0], self.owner, self.start)
        np.minimum.at(boxes[:, 1], self.owner, self.row)
        np.maximum.at(boxes[:, 2], self.owner, self.end)
        np.maximum.at(boxes[:, 3], self.owner, self.row + 1)
        return boxes

    def paint(
        self, left: int, top: int, width: int, height: int, *, only: int | None = None
    ) -> NDArray[np.int32]:
        """Return region + 1 of each cell of a window, 0 outside regions; may exceed the grid."""
        first, last = np.searchsorted(self.row, (top, top + height))
        start = (self.start[first:last] - left).clip(0, width)
        end = (self.end[first:last] - left).clip(0, width)
        here = end > start
        if only is not None:
            here &= self.owner[first:last] == only
        row, value = self.row[first:last][here] - top, self.owner[first:last][here] + 1
        steps = np.zeros((height, width + 1), dtype=np.int32)
        np.add.at(steps, (row, start[here]), value)
        np.subtract.at(steps, (row, end[here]), value)
        painted: NDArray[np.int32] = np.cumsum(steps, axis=1, dtype=np.int32)[:, :-1]
        return painted

    def mask(self, region: int, margin: int = 0) -> Bools:
        """Return one region in its box, widened by a margin of cells on each side."""
        left, top, right, bottom = self._box(region)
        width, height = right - left + 2 * margin, bottom - top + 2 * margin
        mask: Bools = self.paint(left - margin, top - margin, width, height, only=region) > 0
        return mask

    def _box(self, region: int) -> tuple[int, int, int, int]:
        mine = self.owner == region
        row = self.row[mine]
        left, right = int(self.start[mine].min()), int(self.end[mine].max())
        return left, int(row[0]), right, int(row[-1]) + 1

    def select(self, keep: Bools) -> Regions:
        """Return the regions of which `keep` is true, numbered anew in the same order."""
        number = np.cumsum(keep) - 1
        here = keep[self.owner]
        parts = (self.row[here], self.start[here], self.end[here])
        return Regions(*parts, number[self.owner[here]], int(keep.sum()))


def find_regions(segmentation: Segmentation, *compartments: Compartment) -> Regions:
    """Return the 4-connected regions of some compartments, wherever tiles of a model ended.

    Examples
    --------
    >>> from radiofib.slides.reader import Grid
    >>> from radiofib.slides.segmentation import SlideClass
    >>> classes = (SlideClass("glass", (0, 0, 0), "background"),
    ...            SlideClass("portal", (9, 9, 9), "portal"))
    >>> labels = np.array([[1, 0, 1], [1, 1, 0]], np.uint8)
    >>> made = Segmentation(labels, Grid(3, 2, 1, 1, 1.0, 1.0), classes, "model", "m")
    >>> find_regions(made, "portal").cells.tolist()
    [3, 1]
    """
    chosen = [i for i, c in enumerate(segmentation.classes) if c.compartment in compartments]
    labels = segmentation.labels
    height, width = labels.shape
    pitch = width + 2
    step = max(1, _STRIP_CELLS // pitch)
    rows, starts, ends = [], [], []
    for top in range(0, height, step):
        part = labels[top : top + step]
        strip = np.zeros((len(part), pitch), dtype=bool)
        for number in chosen:  # far faster than a look-up of each label
            strip[:, 1:-1] |= part == number
        flat = strip.ravel()
        changes = np.flatnonzero(flat[1:] != flat[:-1])
        row, start = np.divmod(changes[0::2], pitch)
        rows.append(row + top)
        starts.append(start)
        ends.append(changes[1::2] % pitch)
    row, start, end = (np.concatenate(v).astype(np.int64) for v in (rows, starts, ends))
    if row.size == 0:
        return Regions(row, start, end, row.copy(), 0)
    owner = connect_runs(row * (width + 1) + start, row * (width + 1) + end, width + 1)
    return Regions(row, start, end, owner, int(owner.max()) + 1)


def occupied(
    picture: NDArray[np.generic], block: tuple[int, int, int, int]
) -> tuple[int, int, int, int] | None:
    """Return the smallest block inside a block that holds all that is not 0, None when all is.

    Parameters
    ----------
    picture : ndarray
        Mask or labels.
    block : tuple of int
        Left, top, width, height.

    Examples
    --------
    >>> mask = np.zeros((8, 8), dtype=bool)
    >>> mask[2:4, 5] = True
    >>> occupied(mask, (4, 0, 4, 8)), occupied(mask, (0, 0, 4, 8))
    ((5, 2, 1, 2), None)
    """
    left, top, width, height = block
    part = np.asarray(picture[top : top + height, left : left + width]) != 0
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    if rows.size == 0:
        return None
    first, last = (int(rows[0]), int(columns[0])), (int(rows[-1]), int(columns[-1]))
    return left + first[1], top + first[0], last[1] - first[1] + 1, last[0] - first[0] + 1


def boxes_on(mask: Bools, width: int, height: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield boxes (left, top, width, height) that cover a mask and do not overlap.

    A core is thin and winds over the slide: of each strip of columns, runs of rows that hold
    something are boxes, cut where they are long and fitted to what lies in them. Square blocks
    would be mostly glass.

    Parameters
    ----------
    mask : ndarray of bool
        What to cover.
    width, height : int
        Most cells across and down.

    Examples
    --------
    >>> mask = np.zeros((9, 8), dtype=bool)
    >>> mask[1:3, 2:7] = mask[6, 5] = True
    >>> list(boxes_on(mask, 4, 4))
    [(2, 1, 2, 2), (4, 1, 3, 2), (5, 6, 1, 1)]
    """
    for left in range(0, mask.shape[1], width):
        rows = mask[:, left : left + width].any(axis=1)
        turns = np.flatnonzero(np.diff(rows, prepend=False, append=False))
        for top, bottom in turns.reshape(-1, 2).tolist():
            parts = -(-(bottom - top) // height)
            cuts = np.linspace(top, bottom, parts + 1).astype(np.int64).tolist()
            for first, last in pairwise(cuts):
                box = occupied(mask, (left, first, width, last - first))
                if box is not None:
                    yield box
