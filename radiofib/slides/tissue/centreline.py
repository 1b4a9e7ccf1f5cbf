"""Length of a biopsy core along its centre line, straight or curved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from scipy.signal import savgol_filter
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import ConvexHull, QhullError
from skimage.morphology import skeletonize

__all__ = ["CentreLine", "centre_line", "path_length"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Sideways wander of the skeleton is smoothed over this many widths of the core.
_SMOOTHING = 3.0
#: A piece whose skeleton is shorter than this many widths is measured by its Feret length.
_SHORT = 2.0
#: Skeletons bend into the corners of a square end over 0.71 widths.
_CORNER = 0.75
_RAY_STEP = 0.25


@dataclass(frozen=True, eq=False)
class CentreLine:
    """Centre line of one piece of tissue.

    Parameters
    ----------
    length_um : float
        From one end of the tissue to the other along the line.
    inscribed_um : float
        Diameter of the largest circle that fits, gaps closed.
    path_um : ndarray of shape (n, 2)
        Points x, y of the line in um from the corner of the mask; empty when the piece was
        measured by its Feret length.
    """

    length_um: float
    inscribed_um: float
    path_um: Floats


def path_length(path: Floats) -> float:
    """Return the length of a polyline.

    Examples
    --------
    >>> path_length(np.array([[0.0, 0.0], [3.0, 4.0], [3.0, 5.0]]))
    6.0
    """
    return float(np.hypot(*np.diff(path, axis=0).T).sum())


def centre_line(
    mask: Bools, um: tuple[float, float], *, widest_um: float = np.inf
) -> CentreLine | None:
    """Measure one piece of tissue along its centre line.

    Parameters
    ----------
    mask : ndarray of bool
        The piece. Gaps in it are closed first: length does not depend on them.
    um : tuple of float
        Width and height of a pixel in um.
    widest_um : float
        Pieces in which a wider circle fits have no centre line.

    Returns
    -------
    CentreLine or None
        None for a piece wider than `widest_um`.

    Notes
    -----
    1. Skeleton of the filled mask; its longest shortest path (two sweeps of Dijkstra's
       algorithm, exact on a tree, which the skeleton of a filled piece is).
    2. Three quarters of a width are cut off at both ends, where skeletons bend into a corner or
       stop short.
    3. The rest is smoothed over three widths by a running parabola (Savitzky-Golay), since a
       chain of pixels is up to 8 % longer than the line it stands for; a parabola follows a
       curve without cutting it short.
    4. End correction: a straight ray, in the direction of the last width of the smoothed line,
       prolongs it at both ends up to where the tissue ends.

    A piece whose skeleton is shorter than 2 widths has no direction of its own: its length is
    the extent at right angles to its smallest caliper width (Feret).

    Examples
    --------
    >>> core = np.zeros((40, 300), dtype=bool)
    >>> core[10:30, 20:280] = True
    >>> round(centre_line(core, (10.0, 10.0)).length_um / 2600, 2)
    1.0
    """
    filled = ndi.binary_fill_holes(np.pad(mask, 1))
    spacing = (um[1], um[0])
    depth = ndi.distance_transform_edt(filled, sampling=spacing)
    # The transform measures to the next pixel's centre, half a pixel beyond the edge.
    inscribed = max(2 * float(depth.max()) - min(um), min(um))
    if inscribed > widest_um:
        return None
    path, radius = _longest_path(filled, depth, spacing)
    width = 2 * float(np.median(radius)) - min(um) if len(path) else inscribed
    line = _extended(path, width, filled, spacing) if len(path) > 2 else None
    if line is None:
        return CentreLine(_feret_length(filled, spacing), inscribed, np.empty((0, 2)))
    corner = np.array(spacing) / 2  # pixel centres, less the padding of one pixel
    return CentreLine(path_length(line), inscribed, (line - corner)[:, ::-1])


def _longest_path(filled: Bools, depth: Floats, spacing: tuple[float, float]) -> tuple[Floats, Any]:
    """Return row, column positions (um, pixel centres) along the skeleton and the depth there."""
    skeleton = skeletonize(filled)
    rows, columns = np.nonzero(skeleton)
    count = rows.size
    if count < 2:
        return np.empty((0, 2)), np.empty(0)
    number = np.full(filled.shape, -1, dtype=np.int64)
    number[rows, columns] = np.arange(count)
    starts, stops, costs = [], [], []
    for down, right in ((0, 1), (1, -1), (1, 0), (1, 1)):
        # The mask has a border of one pixel, so that neighbours are always inside.
        other = number[rows + down, columns + right]
        near = np.flatnonzero(other >= 0)
        starts.append(near)
        stops.append(other[near])
        costs.append(np.full(near.size, np.hypot(down * spacing[0], right * spacing[1])))
    graph = coo_array(
        (np.concatenate(costs), (np.concatenate(starts), np.concatenate(stops))),
        shape=(count, count),
    ).tocsr()
    one = _farthest(dijkstra(graph, directed=False, indices=0))
    reach, before = dijkstra(graph, directed=False, indices=one, return_predecessors=True)
    order = [_farthest(reach)]
    while before[order[-1]] >= 0:
        order.append(int(before[order[-1]]))
    points = np.column_stack([rows[order], columns[order]]) * np.array(spacing)
    return points.astype(np.float64), depth[rows[order], columns[order]]


def _farthest(reach: Floats) -> int:
    return int(np.argmax(np.where(np.isfinite(reach), reach, -1.0)))


def _extended(
    path: Floats, width: float, filled: Bools, spacing: tuple[float, float]
) -> Floats | None:
    """Cut the ends off the path, smooth it and prolong it to the edge of the tissue."""
    step = min(spacing)
    path = _resampled(path, step)
    if len(path) * step < _SHORT * width:
        return None
    cut = max(1, min(round(_CORNER * width / step), round(0.35 * len(path))))
    inner = path[cut:-cut]
    window = min(round(_SMOOTHING * width / step), len(inner) - 1) | 1
    if 3 < window <= len(inner):
        inner = savgol_filter(inner, window, 2, axis=0)
    back = min(len(inner) - 1, max(1, round(width / step)))
    head = _ray(inner[0], inner[0] - inner[back], filled, spacing)
    tail = _ray(inner[-1], inner[-1] - inner[-1 - back], filled, spacing)
    return np.vstack([head, inner, tail])


def _resampled(path: Floats, step: float) -> Floats:
    along = np.r_[0.0, np.cumsum(np.hypot(*np.diff(path, axis=0).T))]
    at = np.linspace(0.0, along[-1], max(3, round(along[-1] / step) + 1))
    return np.column_stack([np.interp(at, along, path[:, axis]) for axis in range(2)])


def _ray(start: Floats, direction: Floats, filled: Bools, spacing: tuple[float, float]) -> Floats:
    """Return the point where a straight line from `start` leaves the tissue, shape (1, 2)."""
    norm = float(np.hypot(*direction))
    if norm == 0.0:
        return start[None]
    step = _RAY_STEP * min(spacing)
    count = int(np.hypot(*(np.array(filled.shape) * spacing)) / step)
    line = start + np.arange(count)[:, None] * (direction / norm * step)
    cells = np.rint(line / np.array(spacing)).astype(np.int64)
    cells = cells.clip(0, np.array(filled.shape) - 1)
    outside = np.flatnonzero(~filled[cells[:, 0], cells[:, 1]])
    if outside.size == 0:
        return line[-1:]
    at = int(outside[0])
    edge: Floats = line[max(at - 1, 0) : at + 1].mean(axis=0, keepdims=True)
    return edge


def _feret_length(filled: Bools, spacing: tuple[float, float]) -> float:
    rows, columns = np.nonzero(filled ^ ndi.binary_erosion(filled))
    corners = np.array([(r, c) for r in (-0.5, 0.5) for c in (-0.5, 0.5)])
    points = (np.column_stack([rows, columns])[:, None] + corners).reshape(-1, 2)
    points = points * np.array(spacing)
    try:
        points = points[ConvexHull(points).vertices]
    except QhullError:  # cannot happen for whole pixels; kept for odd spacings
        return float(np.ptp(points, axis=0).max())
    edges = np.diff(np.vstack([points, points[:1]]), axis=0)
    along = edges / np.hypot(*edges.T)[:, None]
    across = np.column_stack([-along[:, 1], along[:, 0]])
    calipers = np.ptp(points @ across.T, axis=0)
    return float(np.ptp(points @ along.T, axis=0)[np.argmin(calipers)])
