"""Polygons of a mask, exact to the pixel edge.

The outline runs along the cracks between pixels, so the area of the polygons is the number of
mask pixels. Pixels that touch only at a corner belong to different polygons (4-connected), and
where a polygon meets itself at a corner the ring is divided there into a shell and a hole that
share that one point. So no ring ever touches or crosses itself, which is what OGC, JTS and
QuPath ask for.

QuPath (0.6 and newer) moves every coordinate to a grid of 0.01 pixels as it reads, and refuses
what becomes invalid by that. Scaled coordinates therefore lie on that grid already. Each axis is
mapped on its own and never backwards, so a scaled polygon is as valid as its pixels were.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from radiofib.errors import UsageError

__all__ = ["Polygon", "Ring", "connect_runs", "trace_polygons"]

Ints = NDArray[np.int64]
#: Closed ring of x, y: whole numbers, or floats on QuPath's grid.
Ring = NDArray[np.int64] | NDArray[np.float64]
#: Parts of a pixel that QuPath keeps (precision model of 0.6 and newer: 0.01).
GRID_PARTS = 100
_STRIP_PIXELS = 1 << 23


@dataclass(frozen=True, eq=False)
class Polygon:
    """One 4-connected piece of a mask.

    Parameters
    ----------
    exterior : ndarray of int or float, shape (n, 2)
        Closed ring of x, y (first point repeated at the end), clockwise on the screen, beginning
        at the leftmost corner of its uppermost pixel row. Floats are multiples of 0.01.
    holes : tuple of ndarray
        Closed rings, the other way round.

    Examples
    --------
    >>> ring = np.array([[0, 0], [2, 0], [2, 1], [0, 1], [0, 0]])
    >>> Polygon(ring).area, Polygon(ring).scaled(4, 4).area
    (2, 32)
    >>> Polygon(ring).scaled(10 / 3, 10 / 3).exterior.tolist()[1:3]
    [[6.67, 0.0], [6.67, 3.33]]
    """

    exterior: Ring
    holes: tuple[Ring, ...] = ()

    @property
    def rings(self) -> tuple[Ring, ...]:
        """Exterior first, then the holes."""
        return (self.exterior, *self.holes)

    @property
    def area(self) -> int | float:
        """Area in square units of the coordinates (shoelace formula, holes taken out).

        Exact: a whole number for whole coordinates, else whole parts of the 0.01 grid.
        """
        twice = sum(_twice_area(_on_grid(ring)) for ring in self.rings)
        area = twice / (2 * GRID_PARTS**2)
        whole = all(ring.dtype.kind == "i" for ring in self.rings)
        return twice // (2 * GRID_PARTS**2) if whole else area

    def scaled(self, x: float, y: float) -> Polygon:
        """Return the polygon with its coordinates multiplied, on QuPath's grid of 0.01.

        Parameters
        ----------
        x, y : float
            Factors; whole ones keep whole coordinates whole.

        Raises
        ------
        UsageError
            When a factor is so small that neighbouring pixel edges could fall together.
        """
        if min(x, y) < 2 / GRID_PARTS:
            raise UsageError(
                "polygons cannot be scaled so far down",
                expected=f"at least {2 / GRID_PARTS:g}",
                found=f"{min(x, y):g}",
            )
        return Polygon(_scale(self.exterior, x, y), tuple(_scale(h, x, y) for h in self.holes))


def _scale(ring: Ring, x: float, y: float) -> Ring:
    if ring.dtype.kind == "i" and float(x).is_integer() and float(y).is_integer():
        return ring * np.array([x, y], dtype=np.int64)
    return np.rint(ring * (np.array([x, y], dtype=np.float64) * GRID_PARTS)) / GRID_PARTS


def _on_grid(ring: Ring) -> Ints:
    if ring.dtype.kind == "i":
        return ring.astype(np.int64) * GRID_PARTS
    return np.rint(ring * GRID_PARTS).astype(np.int64)


def _twice_area(ring: Ints) -> int:
    # From its first point: large coordinates of a small ring stay far from overflow.
    x, y = (ring - ring[:1]).T
    return int(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))


def trace_polygons(mask: NDArray[np.bool_]) -> list[Polygon]:
    """Trace every 4-connected component of a mask along its pixel edges.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
        True inside. Pixel (row, column) covers x in [column, column + 1], y in [row, row + 1].

    Returns
    -------
    list of Polygon
        In the order of their first pixel (row by row). Straight runs carry no extra points. The
        areas sum to ``mask.sum()`` exactly.

    Raises
    ------
    UsageError
        When the mask is not a two-dimensional boolean array.

    Notes
    -----
    Corners of the outline are found in one pass. Along each grid row, corners pair up into
    horizontal edges, along each column into vertical ones; alternating between the two partners
    walks a ring. Where two pixels meet diagonally the corner counts twice; its two visits are
    joined so that different components stay apart, and one component is divided into shell and
    hole (its two background pixels lie on different sides of a closed path, so the two visits
    are never of one ring). Rings are ordered by pointer doubling, so time is n log n in corners
    and memory a few bytes a pixel.

    Examples
    --------
    >>> [p.exterior.tolist() for p in trace_polygons(np.array([[True, True]]))]
    [[[0, 0], [2, 0], [2, 1], [0, 1], [0, 0]]]
    >>> len(trace_polygons(np.eye(2, dtype=bool)))
    2
    """
    if mask.ndim != 2 or mask.dtype != np.bool_:
        raise UsageError(
            "mask must be a two-dimensional boolean array", found=f"{mask.dtype} {mask.shape}"
        )
    padded = np.pad(mask, 1)
    runs = _Runs(padded)
    if runs.starts.size == 0:
        return []
    corners = _Corners(padded, runs)
    nodes, leaders = corners.cycles()
    points = np.empty((2 * nodes.size, 2), dtype=np.int64)
    for offset, entry in ((0, nodes), (1, nodes ^ 1)):
        points[offset::2, 0] = corners.column[entry]
        points[offset::2, 1] = corners.row[entry]
    first = np.flatnonzero(np.r_[True, leaders[1:] != leaders[:-1]])
    # Clockwise on the screen: a shell's upper edges run right (small y), its lower ones left.
    strip = (points[0::2, 0] - points[1::2, 0]) * points[0::2, 1]
    is_hole = np.add.reduceat(strip, first) < 0
    component = runs.component[runs.find(corners.inside(nodes[first]))]
    rings = np.split(points, 2 * first[1:])
    shells: dict[int, Ints] = {}
    holes: dict[int, list[Ints]] = {}
    for ring, hole, owner in zip(rings, is_hole.tolist(), component.tolist(), strict=True):
        closed = np.concatenate([ring, ring[:1]])
        if hole:
            holes.setdefault(owner, []).append(closed)
        else:
            shells[owner] = closed
    return [Polygon(shells[k], tuple(holes.get(k, ()))) for k in sorted(shells)]


def connect_runs(starts: Ints, ends: Ints, pitch: int) -> Ints:
    """Return the number of the component each run belongs to, by the first run of each.

    Parameters
    ----------
    starts, ends : ndarray of int
        Flat places of runs, sorted and disjoint, the end not included.
    pitch : int
        Places of a row; a run hangs together with those it overlaps one row down.

    Examples
    --------
    >>> connect_runs(np.array([0, 3, 6]), np.array([1, 5, 7]), 5).tolist()
    [0, 1, 2]
    >>> connect_runs(np.array([0, 3, 8]), np.array([1, 5, 9]), 5).tolist()
    [0, 1, 1]
    """
    count = starts.size
    # Runs that overlap a run shifted one row down are a range.
    low = np.searchsorted(ends, starts + pitch, side="right")
    high = np.searchsorted(starts, ends + pitch, side="left")
    links = np.maximum(high - low, 0)
    upper = np.repeat(np.arange(count), links)
    lower = np.arange(upper.size) - np.repeat(np.cumsum(links) - links, links)
    lower += np.repeat(low, links)
    graph = coo_array((np.ones(upper.size, np.int8), (upper, lower)), shape=(count, count))
    labels = connected_components(graph, directed=False)[1]
    # Number components by their first run, whatever the graph routine does.
    first = np.unique(labels, return_index=True)[1]
    rank = np.empty(first.size, dtype=np.int64)
    rank[np.argsort(first)] = np.arange(first.size)
    result: Ints = rank[labels]
    return result


class _Runs:
    """Horizontal runs of a zero-bordered mask and the 4-connected component of each."""

    def __init__(self, padded: NDArray[np.bool_]) -> None:
        flat = padded.ravel()
        changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        self.starts = changes[0::2]
        self.ends = changes[1::2]
        self.component = connect_runs(self.starts, self.ends, padded.shape[1])

    def find(self, pixels: Ints) -> Ints:
        """Return the run that holds each foreground pixel (flat index of the padded mask)."""
        result: Ints = np.searchsorted(self.starts, pixels, side="right") - 1
        return result


class _Corners:
    """Corners of all outlines, row by row; a diagonal meeting is entered twice."""

    def __init__(self, padded: NDArray[np.bool_], runs: _Runs) -> None:
        self.width = padded.shape[1]
        row, column = _find_corners(padded)
        self._nw = row * self.width + column
        flat = padded.ravel()
        nw, ne = flat[self._nw], flat[self._nw + 1]
        sw, se = flat[self._nw + self.width], flat[self._nw + self.width + 1]
        saddle = (nw == se) & (ne == sw)
        up_is_left = self._joins_left_and_up(saddle, nw, runs)
        twice = np.where(saddle, 2, 1)
        self.row, self.column = np.repeat(row, twice), np.repeat(column, twice)
        self._nw = np.repeat(self._nw, twice)
        right = np.zeros(self.row.size, dtype=bool)
        right[1:] = np.repeat(saddle, twice)[1:] & (self._nw[1:] == self._nw[:-1])
        tie = right == np.repeat(up_is_left, twice)
        key = (self.column * (padded.shape[0] + 1) + self.row) * 2 + tie
        order = np.argsort(key, kind="stable")
        self._vertical = np.empty_like(order)
        self._vertical[order[0::2]] = order[1::2]
        self._vertical[order[1::2]] = order[0::2]
        # Of each edge, the end from which it is walked with the inside on the right hand.
        even = np.arange(self.row.size) % 2 == 0
        self._walked = np.where(even, np.repeat(se, twice), np.repeat(nw, twice))

    def _joins_left_and_up(
        self, saddle: NDArray[np.bool_], nw: NDArray[np.bool_], runs: _Runs
    ) -> NDArray[np.bool_]:
        """Tell for each saddle whether the edge from the left goes on with the edge upward."""
        joined = np.zeros(saddle.size, dtype=bool)
        at, falling = self._nw[saddle], nw[saddle]
        one = np.where(falling, at, at + 1)
        other = np.where(falling, at + self.width + 1, at + self.width)
        same = runs.component[runs.find(one)] == runs.component[runs.find(other)]
        joined[saddle] = falling != same
        return joined

    def inside(self, entries: Ints) -> Ints:
        """Return the flat index of the foreground pixel beside each walked edge."""
        result: Ints = self._nw[entries] + np.where(entries % 2 == 0, self.width + 1, 0)
        return result

    def cycles(self) -> tuple[Ints, Ints]:
        """Return walked corners in ring order, rings one after another, and each one's leader."""
        nodes = np.flatnonzero(self._walked)
        position = np.full(self.row.size, -1, dtype=np.int64)
        position[nodes] = np.arange(nodes.size)
        following = position[self._vertical[nodes ^ 1]]
        leader = np.arange(nodes.size)
        jump = following
        while True:  # a round without change means that every leader is its ring's smallest
            lower = np.minimum(leader, leader[jump])
            if np.array_equal(lower, leader):
                break
            leader, jump = lower, jump[jump]
        last = following == leader
        left = np.where(last, 0, 1)
        jump = np.where(last, np.arange(nodes.size), following)
        while not last[jump].all():
            left, jump = left + left[jump], jump[jump]
        left = left + left[jump]
        order = np.lexsort((-left, leader))
        return nodes[order], leader[order]


def _find_corners(padded: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    height, width = padded.shape
    step = max(1, _STRIP_PIXELS // width)
    found = []
    for top in range(0, height - 1, step):
        strip = padded[top : min(top + step, height - 1) + 1]
        across = strip[:, 1:] ^ strip[:, :-1]
        down = strip[1:] ^ strip[:-1]
        corner = (across[1:] | across[:-1]) & (down[:, 1:] | down[:, :-1])
        row, column = np.nonzero(corner)
        found.append((row + top, column))
    return (np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found]))
