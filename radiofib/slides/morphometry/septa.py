"""Septa: thin portal tissue that links thick parts, from the skeleton of each connected region."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree
from skimage.graph import MCP_Geometric
from skimage.morphology import skeletonize

from radiofib.slides.morphometry.regions import Regions
from radiofib.slides.morphometry.settings import TractSettings
from radiofib.slides.reader import Grid

__all__ = ["Septa", "find_septa", "septa_values"]

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_EIGHT = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True, eq=False)
class Septa:
    """Septa of one region, or of all of a slide.

    Parameters
    ----------
    links : tuple of (int, int)
        The two thick parts that each septum links.
    length_um, width_um : tuple of float
        Of each septum.
    bodies : int
        Number of thick parts; a region without any counts as one.
    """

    links: tuple[tuple[int, int], ...] = ()
    length_um: tuple[float, ...] = ()
    width_um: tuple[float, ...] = ()
    bodies: int = 0


def find_septa(mask: Bools, um: float, settings: TractSettings | None = None) -> Septa:
    """Divide one connected region into thick parts and the septa between them.

    Parameters
    ----------
    mask : ndarray of bool
        The region.
    um : float
        Side of a cell.
    settings : TractSettings, optional
        Width up to which a part is a septum.

    Notes
    -----
    Holes smaller than a circle of that width are filled (lumens of ducts and vessels). Thick
    parts are what is left of the region after opening with a disc of that width; what remains is
    thin. A thin piece that touches two thick parts is a septum; one that touches k of them
    counts as k - 1, along the shortest links. The length of a septum is that of the shortest way
    through it from one thick part to the other; its width is twice the median distance to the
    edge along its skeleton. Spurs that touch one thick part are no septa, and so septa that the
    border of the tissue cuts off are missed.

    Examples
    --------
    >>> y, x = np.mgrid[:120, :260]
    >>> ends = (np.hypot(y - 60, x - 60) <= 40) | (np.hypot(y - 60, x - 200) <= 40)
    >>> bridge = (abs(y - 60) <= 8) & (x > 60) & (x < 200)
    >>> found = find_septa(ends | bridge, 1.0)
    >>> found.bodies, found.links, round(found.length_um[0], -1), round(found.width_um[0])
    (2, ((0, 1),), 60.0, 17)
    """
    settings = settings or TractSettings()
    radius = settings.septum_um / 2
    whole = _without_holes(np.pad(mask, 1), math.pi * radius**2 / um**2)
    depth = ndi.distance_transform_edt(whole) * um
    middle = depth - um / 2 >= radius
    if not middle.any():
        return Septa(bodies=1)
    near = ndi.distance_transform_edt(~middle) * um
    bodies, count = ndi.label(whole & (near < radius), structure=_EIGHT)
    thin, pieces = ndi.label(whole & (bodies == 0), structure=_EIGHT)
    if count < 2 or pieces == 0:
        return Septa(bodies=int(count))
    links: list[tuple[int, int]] = []
    lengths: list[float] = []
    widths: list[float] = []
    for number, place in enumerate(ndi.find_objects(thin), start=1):
        part = tuple(slice(max(0, s.start - 1), s.stop + 1) for s in place)
        piece = thin[part] == number
        ends = np.where(ndi.binary_dilation(piece, _EIGHT), bodies[part], 0)
        touched = np.unique(ends[ends > 0])
        if touched.size < 2:
            continue
        bone = skeletonize(piece)
        width = 2 * float(np.median(depth[part][bone if bone.any() else piece])) - um
        for i, j, steps in _tree(piece, ends, touched):
            links.append((int(i) - 1, int(j) - 1))
            lengths.append(steps * um)
            widths.append(width)
    return Septa(tuple(links), tuple(lengths), tuple(widths), int(count))


def _without_holes(mask: Bools, cells: float) -> Bools:
    gaps, count = ndi.label(~mask, structure=_EIGHT)
    fill = np.bincount(gaps.ravel(), minlength=count + 1) < cells
    fill[[0, gaps[0, 0]]] = False
    filled: Bools = mask | fill[gaps]
    return filled


def _tree(piece: Bools, ends: Ints, touched: Ints) -> list[tuple[int, int, float]]:
    """Return the shortest links between the bodies a piece touches: bodies and length."""
    size = touched.size
    costs = np.where(piece, 1.0, -1.0)
    found = []
    for a in range(size - 1):
        starts = np.argwhere(_rim(piece, ends == touched[a]))
        reach = MCP_Geometric(costs).find_costs(starts)[0]
        for b in range(a + 1, size):
            there = reach[_rim(piece, ends == touched[b])]
            # Centres of cells: one more to run from edge to edge.
            found.append((a, b, float(there.min()) + 1.0))
    rows, columns, lengths = zip(*found, strict=True)
    tree = minimum_spanning_tree(coo_array((lengths, (rows, columns)), shape=(size, size))).tocoo()
    order = np.lexsort((tree.col, tree.row))
    return [
        (int(touched[tree.row[k]]), int(touched[tree.col[k]]), float(tree.data[k])) for k in order
    ]


def _rim(piece: Bools, body: Bools) -> Bools:
    """Return the cells of a piece beside a body."""
    rim: Bools = piece & ndi.binary_dilation(body, _EIGHT)
    return rim


def septa_values(
    regions: Regions, grid: Grid, tissue_mm2: float, settings: TractSettings
) -> dict[str, float]:
    """Find the septa of all tracts and sum them up.

    Regions are looked at on cells of about ``septum_cell_um``; septa are many of these wide.
    """
    step = max(1, round(settings.septum_cell_um / math.sqrt(grid.cell_um2)))
    um = step * math.sqrt(grid.cell_um2)
    found = [
        find_septa(regions.mask(i)[step // 2 :: step, step // 2 :: step], um, settings)
        for i in range(regions.count)
    ]
    lengths = [v for part in found for v in part.length_um]
    widths = [v for part in found for v in part.width_um]
    pairs = sum(len({*part.links}) for part in found)
    linked = sum(len({body for link in part.links for body in link}) for part in found)
    return {
        "septa_count": float(len(lengths)),
        "septa_linked_pair_count": float(pairs),
        "septa_linked_body_count": float(linked),
        "septa_body_count": float(sum(part.bodies for part in found)),
        "septa_per_mm2": len(lengths) / tissue_mm2,
        "septa_length_mm": math.fsum(lengths) / 1000,
        "septa_length_median_um": float(np.median(lengths)) if lengths else math.nan,
        "septa_width_median_um": float(np.median(widths)) if widths else math.nan,
    }
