"""Portal tracts: connected objects of the portal class, with shape, place and neighbours."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from scipy.spatial import KDTree

from radiofib.slides.morphometry.regions import Regions, find_regions, occupied
from radiofib.slides.morphometry.settings import TractSettings
from radiofib.slides.morphometry.shapes import shape_measures
from radiofib.slides.reader import Grid
from radiofib.slides.segmentation import Segmentation
from radiofib.slides.specs.tracts import TRACT_REGISTRY
from radiofib.slides.tissue.map import TissueMap

__all__ = ["Tracts", "compartment_areas", "find_tracts", "tract_rows"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_BLOCK_CELLS = 2048
_CODES = {"background": 0, "lobule": 1, "portal": 2, "other": 3}


@dataclass(frozen=True, eq=False)
class Tracts:
    """The portal tracts of a slide.

    Parameters
    ----------
    regions : Regions
        One region per tract, in the order of their first cell.
    fragment : ndarray of int
        Piece of tissue in which most of each tract lies, from 1.
    contact_um : ndarray
        Length of each tract's outline that faces the outside of the tissue.
    small_count, outside_count : int
        Portal objects left out because they are too small, or lie mostly outside tissue.
    left_out_cells : int
        Cells of both.
    """

    regions: Regions
    fragment: Ints
    contact_um: Floats
    small_count: int
    outside_count: int
    left_out_cells: int


def find_tracts(
    segmentation: Segmentation, tissue: TissueMap, settings: TractSettings | None = None
) -> Tracts:
    """Find the portal tracts of a segmented slide.

    A tract is a 4-connected region of the portal compartment of at least ``min_tract_um2``, at
    least ``min_inside`` of whose cells lie in tissue.

    Notes
    -----
    The edge of a cell faces the outside when the neighbour across it lies beyond the slide or
    the rim of the tissue (two cells of the tissue grid), or is background no deeper inside the
    filled tissue than 1.5 cells of the tissue grid: the tissue mask is that coarse, while the
    labels tell a tract that ends one cell short of the border from one that is cut by it. The
    lumen of a vein inside the tissue is background too, but lies deeper. Cells under an artefact
    are outside, unless the tract encloses them.

    Examples
    --------
    >>> from radiofib.slides.segmentation import SlideClass
    >>> from radiofib.slides.tissue.map import map_tissue
    >>> classes = (SlideClass("glass", (0, 0, 0), "background"),
    ...            SlideClass("lobule", (9, 9, 9), "lobule"),
    ...            SlideClass("portal", (9, 0, 9), "portal"))
    >>> labels = np.zeros((60, 80), np.uint8)
    >>> labels[10:50, 10:70] = 1
    >>> labels[20:30, 20:30] = labels[10:20, 50:60] = 2
    >>> grid = Grid(80, 60, 8, 8, 4.0, 4.0)
    >>> made = Segmentation(labels, grid, classes, "model", "m")
    >>> found = find_tracts(made, map_tissue(labels > 0, [(10, 10)], grid))
    >>> found.regions.cells.tolist(), found.contact_um.tolist(), found.fragment.tolist()
    ([100, 100], [40.0, 0.0], [1, 1])
    """
    settings = settings or TractSettings()
    grid = segmentation.grid
    regions = find_regions(segmentation, "portal")
    cells = regions.cells
    large = cells * grid.cell_um2 >= settings.min_tract_um2
    kept = regions.select(large)
    background = np.ones(256, dtype=bool)
    background[: len(segmentation.classes)] = [
        c.compartment == "background" for c in segmentation.classes
    ]
    inside, fragment = np.zeros(kept.count, dtype=bool), np.zeros(kept.count, dtype=np.int64)
    contact = np.zeros(kept.count)
    for i, (left, top, right, bottom) in enumerate(kept.boxes.tolist()):
        mask = kept.mask(i, margin=1)
        number, depth = tissue.window(grid, left - 1, top - 1, right - left + 2, bottom - top + 2)
        share = np.bincount(number[mask])
        share[0], lost = 0, share[0]
        inside[i] = share.sum() >= settings.min_inside * (share.sum() + lost)
        fragment[i] = int(np.argmax(share))
        glass = _window(segmentation, background, left - 1, top - 1, mask.shape)
        outside = (number == 0) | (glass & (depth <= tissue.edge_um))
        # What a tract encloses (a lumen, a speck of dust) does not cut it.
        contact[i] = _contact(ndi.binary_fill_holes(mask), outside, grid)
    counted = kept.select(inside)
    return Tracts(
        counted,
        fragment[inside],
        contact[inside],
        int((~large).sum()),
        int((~inside).sum()),
        int(cells.sum() - counted.cells.sum()),
    )


def _window(
    segmentation: Segmentation, table: Bools, left: int, top: int, shape: tuple[int, ...]
) -> Bools:
    """Return a table's value of the labels of a window; beyond the slide it is true."""
    height, width = segmentation.labels.shape
    found = np.ones(shape, dtype=bool)
    y0, y1 = max(top, 0), min(top + shape[0], height)
    x0, x1 = max(left, 0), min(left + shape[1], width)
    found[y0 - top : y1 - top, x0 - left : x1 - left] = table[segmentation.labels[y0:y1, x0:x1]]
    return found


def _contact(mask: Bools, outside: Bools, grid: Grid) -> float:
    """Return the length of cell edges between a region and the outside."""
    flow = outside & ~mask
    across = np.count_nonzero(mask[:, :-1] & flow[:, 1:]) + np.count_nonzero(
        mask[:, 1:] & flow[:, :-1]
    )
    down = np.count_nonzero(mask[:-1] & flow[1:]) + np.count_nonzero(mask[1:] & flow[:-1])
    return float(across) * grid.um_y + float(down) * grid.um_x


def compartment_areas(segmentation: Segmentation, tissue: TissueMap) -> Floats:
    """Return the area in mm2 of each compartment in each piece of tissue.

    Returns
    -------
    ndarray of shape (pieces + 1, 4)
        Rows: 0 is outside tissue, then the pieces. Columns: background (not summed up over the
        whole slide), lobule, portal, other.
    """
    grid = segmentation.grid
    code = np.zeros(256, dtype=np.int64)
    code[: len(segmentation.classes)] = [_CODES[c.compartment] for c in segmentation.classes]
    pieces = int(tissue.number.max(initial=0)) + 1
    sums = np.zeros(pieces * 4, dtype=np.int64)
    side = _BLOCK_CELLS
    for top in range(0, grid.height, side):
        for left in range(0, grid.width, side):
            filled = occupied(segmentation.labels, (left, top, side, side))
            if filled is None:
                continue
            number = tissue.window(grid, *filled)[0]
            x, y, width, height = filled
            kind = code[segmentation.labels[y : y + height, x : x + width]]
            sums += np.bincount((number * 4 + kind).ravel(), minlength=sums.size)
    areas = sums.reshape(pieces, 4).astype(np.float64)
    return areas * (grid.cell_um2 / 1e6)


def tract_rows(
    tracts: Tracts,
    tissue: TissueMap,
    grid: Grid,
    settings: TractSettings | None = None,
    *,
    pieces: Collection[int] | None = None,
) -> list[dict[str, float]]:
    """Measure each tract: one row per tract, columns of :data:`TRACT_REGISTRY`.

    Parameters
    ----------
    tracts : Tracts
        Found by :func:`find_tracts`.
    tissue : TissueMap
        For the distance to the edge.
    grid : Grid
        Of the segmentation.
    settings : TractSettings, optional
        From which contact on a tract is partial.
    pieces : collection of int, optional
        Pieces of tissue whose tracts are counted, of serial levels one of each core; default all.
    """
    settings = settings or TractSettings()
    um = (grid.um_x, grid.um_y)
    rows: list[dict[str, float]] = []
    rims: list[Floats] = []
    for i, (left, top, _, _) in enumerate(tracts.regions.boxes.tolist()):
        mask = tracts.regions.mask(i)
        down, right = np.nonzero(mask)
        x, y = left + float(right.mean()) + 0.5, top + float(down.mean()) + 0.5
        place = tissue.cells(grid, down + top, right + left)
        partial = bool(tracts.contact_um[i] >= settings.border_contact_um)
        rims.append(_rim(mask, left, top, um))
        values = shape_measures(mask, um) | {
            "tract": i + 1,
            "fragment": int(tracts.fragment[i]),
            "counted": int(pieces is None or int(tracts.fragment[i]) in pieces),
            "complete": int(not partial),
            "border_contact_um": float(tracts.contact_um[i]),
            "edge_distance_um": 0.0 if partial else float(tissue.depth_um[place].min()),
            "centroid_x_px": x * grid.step_x,
            "centroid_y_px": y * grid.step_y,
            "centroid_x_um": x * grid.um_x,
            "centroid_y_um": y * grid.um_y,
        }
        rows.append(values)
    near = nearest_distances(rims, tracts.fragment)
    keys = [spec.name for spec in TRACT_REGISTRY]
    for row, distance in zip(rows, near.tolist(), strict=True):
        row["nearest_tract_um"] = distance
    return [{key: row[key] for key in keys if key in row} for row in rows]


def _rim(mask: Bools, left: int, top: int, um: tuple[float, float]) -> Floats:
    down, right = np.nonzero(mask & ~ndi.binary_erosion(mask))
    return np.column_stack([(right + left) * um[0], (down + top) * um[1]])


def nearest_distances(rims: Sequence[Floats], fragment: Ints) -> Floats:
    """Return the distance of each set of points to the nearest other one of its fragment.

    Between the centres of the nearest cells; NaN for the only tract of a fragment.

    Examples
    --------
    >>> rims = [np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [9.0, 9.0]]), np.array([[1.0, 0.0]])]
    >>> nearest_distances(rims, np.array([1, 1, 2])).tolist()
    [5.0, 5.0, nan]
    """
    found = np.full(len(rims), math.nan)
    for number in np.unique(fragment):
        mine = [int(i) for i in np.flatnonzero(fragment == number)]
        trees = [KDTree(rims[i]) for i in mine]
        low = np.array([rims[i].min(axis=0) for i in mine])
        high = np.array([rims[i].max(axis=0) for i in mine])
        for place, i in enumerate(mine):
            gaps = np.maximum(np.maximum(low - high[place], low[place] - high), 0.0)
            bound = np.hypot(*gaps.T)
            best = math.inf
            for other in np.argsort(bound, kind="stable"):
                if bound[other] >= best:
                    break
                if other != place:
                    best = min(best, float(trees[other].query(rims[i])[0].min()))
            found[i] = best if math.isfinite(best) else math.nan
    return found
