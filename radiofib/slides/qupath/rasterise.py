"""Drawn outlines as cells of a grid: a cell belongs to what its centre lies in.

A polygon that radiofib wrote comes back as the very cells it was traced from: its edges run half
a cell from every centre, and QuPath's rounding moves them by 0.005 pixels at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import SlideError
from radiofib.slides.qupath.read import Drawn
from radiofib.slides.reader import Grid

__all__ = ["Cover", "cover", "on_grid", "paint"]

Bools = NDArray[np.bool_]
#: Top, left, bottom, right in cells.
Frame = tuple[int, int, int, int]
Points = NDArray[np.float64]
#: Cells looked at together; memory is some ten bytes each.
_STRIP_CELLS = 1 << 24


@dataclass(frozen=True, eq=False)
class Cover:
    """The cells of one object.

    Parameters
    ----------
    top, left : int
        First row and column of `mask` on the grid.
    mask : ndarray of bool
        Whether the centre of each cell lies inside.
    mended : bool
        Whether a ring crosses itself so that its inside is not plain: what it goes round twice
        is taken as inside.
    """

    top: int
    left: int
    mask: Bools
    mended: bool

    @property
    def cells(self) -> int:
        """Number of cells inside."""
        return int(np.count_nonzero(self.mask))

    @property
    def place(self) -> tuple[slice, slice]:
        """Rows and columns of the grid that `mask` takes up."""
        height, width = self.mask.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def cover(drawn: Drawn, grid: Grid) -> Cover:
    """Find the cells of a grid whose centres lie in a drawn object.

    Parameters
    ----------
    drawn : Drawn
        The object, in level-0 pixels.
    grid : Grid
        The grid; what reaches beyond it is cut off.

    Returns
    -------
    Cover
        A ring holds a cell where its winding number about the centre is not zero; a cell is
        inside where more outer rings than holes hold it. Centres on an edge belong to one of
        the two sides, so that objects side by side neither share cells nor leave a gap.

    Raises
    ------
    SlideError
        When the object lies outside the slide altogether, as those of another slide do.

    Examples
    --------
    >>> ring = np.array([[0.0, 0.0], [12.0, 0.0], [12.0, 8.0], [0.0, 8.0], [0.0, 0.0]])
    >>> drawn = Drawn(1, "annotation", "Tissue", None, "", ((ring,),), "s.geojson, feature 1")
    >>> found = cover(drawn, Grid(10, 10, 4, 4, 1.0, 1.0))
    >>> found.mask.shape, found.cells, found.mended
    ((2, 3), 6, False)
    """
    outer = [_cells(part[0], grid) for part in drawn.parts]
    box = _box(outer, grid)
    if box is None:
        _refuse_outside(outer, drawn, grid)
        return Cover(0, 0, np.zeros((0, 0), dtype=bool), False)
    top, left, bottom, right = box
    depth = np.zeros((bottom - top, right - left), dtype=np.int16)
    mended = False
    for part, shell in zip(drawn.parts, outer, strict=True):
        for ring, layer in [(shell, 1), *((_cells(hole, grid), -1) for hole in part[1:])]:
            for frame in _frames(_box([ring], grid), box):
                inside, crossed = _inside(ring, frame)
                where = (
                    slice(frame[0] - top, frame[2] - top),
                    slice(frame[1] - left, frame[3] - left),
                )
                depth[where] += layer * inside
                mended |= crossed
    return Cover(top, left, depth > 0, mended)


def paint(covers: Iterable[Cover], grid: Grid) -> Bools:
    """Put the cells of several objects together on the whole grid.

    Examples
    --------
    >>> one = Cover(1, 2, np.ones((1, 1), dtype=bool), False)
    >>> paint([one], Grid(4, 2, 1, 1, 1.0, 1.0)).astype(int).tolist()
    [[0, 0, 0, 0], [0, 0, 1, 0]]
    """
    whole = np.zeros((grid.height, grid.width), dtype=bool)
    for one in covers:
        whole[one.place] |= one.mask
    return whole


def on_grid(mask: Bools, old: Grid, new: Grid) -> Bools:
    """Return a mask on another grid: each cell as the old one that holds its centre.

    Examples
    --------
    >>> on_grid(np.array([[True, False]]), Grid(2, 1, 4, 4, 1, 1), Grid(4, 2, 2, 2, 1, 1)).tolist()
    [[True, True, False, False], [True, True, False, False]]
    """
    rows = ((np.arange(new.height) + 0.5) * new.step_y / old.step_y).astype(np.int64)
    columns = ((np.arange(new.width) + 0.5) * new.step_x / old.step_x).astype(np.int64)
    inside = np.ix_(rows < old.height, columns < old.width)
    moved = np.zeros((new.height, new.width), dtype=bool)
    moved[inside] = mask[np.ix_(rows[rows < old.height], columns[columns < old.width])]
    return moved


def _cells(ring: Points, grid: Grid) -> Points:
    """Return a ring in cells, shifted so that the centre of cell (i, j) is at (i, j)."""
    return ring / (grid.step_x, grid.step_y) - 0.5


def _box(shells: Sequence[Points], grid: Grid) -> Frame | None:
    """Return top, left, bottom, right of the cells whose centres can lie inside."""
    if not shells:
        return None
    points = np.concatenate(shells)
    left, top = np.ceil(points.min(axis=0)).clip(0, None)
    right, bottom = np.ceil(points.max(axis=0)).clip(None, (grid.width, grid.height))
    if right <= left or bottom <= top:
        return None
    return int(top), int(left), int(bottom), int(right)


def _frames(own: Frame | None, box: Frame) -> Iterator[Frame]:
    """Cut a ring's cells, as far as they lie in the object's box, into strips."""
    if own is None:
        return
    top, left = max(own[0], box[0]), max(own[1], box[1])
    bottom, right = min(own[2], box[2]), min(own[3], box[3])
    if right <= left:
        return
    step = max(1, _STRIP_CELLS // (right - left))
    for first in range(top, bottom, step):
        yield first, left, min(first + step, bottom), right


def _inside(ring: Points, frame: Frame) -> tuple[Bools, bool]:
    """Return where the winding number is not zero, and whether the ring winds in doubt."""
    top, left, bottom, right = frame
    x0, y0 = ring[:-1].T
    x1, y1 = ring[1:].T
    # Half-open: a row of centres on a corner counts for one of the two edges that meet there.
    first = np.ceil(np.minimum(y0, y1)).clip(top, bottom).astype(np.int64)
    last = np.ceil(np.maximum(y0, y1)).clip(top, bottom).astype(np.int64)
    count = last - first
    edge = np.repeat(np.arange(count.size), count)
    row = first[edge] + np.arange(edge.size) - np.repeat(np.cumsum(count) - count, count)
    share = (row - y0[edge]) / (y1[edge] - y0[edge])
    x = x0[edge] + share * (x1[edge] - x0[edge])
    column = np.ceil(x).clip(left, right).astype(np.int64)
    turn = np.where(y1[edge] > y0[edge], 1, -1).astype(np.int32)
    winding = np.zeros((bottom - top, right - left + 1), dtype=np.int32)
    np.add.at(winding, (row - top, column - left), turn)
    winding = np.cumsum(winding, axis=1, dtype=np.int32)[:, :-1]
    low, high = winding.min(initial=0), winding.max(initial=0)
    return winding != 0, bool(high - low > 1)


def _refuse_outside(outer: Sequence[Points], drawn: Drawn, grid: Grid) -> None:
    if not outer:
        return
    points = np.concatenate(outer) + 0.5
    low, high = points.min(axis=0), points.max(axis=0)
    # The last cells of a slide may be incomplete and are not on the grid.
    if (low >= (grid.width + 1, grid.height + 1)).any() or (high < 0).any():
        size = f"{round(grid.width * grid.step_x)} x {round(grid.height * grid.step_y)} pixels"
        x, y = (low * (grid.step_x, grid.step_y)).round().astype(int)
        raise SlideError(
            "the object lies outside the slide",
            where=drawn.where,
            expected=f"a place within {size}",
            found=f"x {x}, y {y}",
            hint="check that the file belongs to this slide, and that it is the same scan",
        )
