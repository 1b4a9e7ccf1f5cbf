"""Zones around portal tracts: the interface, outward from each tract, and the lobule beyond."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from radiofib.slides.morphometry.regions import Regions, boxes_on
from radiofib.slides.reader import Grid
from radiofib.slides.segmentation import Segmentation
from radiofib.slides.tissue.map import TissueMap

__all__ = ["ZONES", "ZoneWindow", "Zones", "nearest_regions"]

Ids = NDArray[np.int32]

#: Codes of the zones; 0 is neither.
ZONES = ("portal", "interface", "lobule")


def nearest_regions(
    regions: Regions, grid: Grid, reach_um: float, window: tuple[int, int, int, int]
) -> tuple[Ids, Ids]:
    """Return, for a window, the region of each cell and the nearest one around it.

    Parameters
    ----------
    regions : Regions
        The tracts.
    grid : Grid
        Their grid.
    reach_um : float
        Width of the zone. Distances are between centres of cells, so that a zone of 25 um along
        a straight edge is 25 cells of 1 um wide.
    window : tuple of int
        Left, top, width, height.

    Returns
    -------
    inside : ndarray of int
        Region + 1, 0 outside regions.
    near : ndarray of int
        Of cells outside regions and at most `reach_um` away, the nearest region + 1; where two
        are equally near, the one with the lower number. Other cells 0. It does not depend on how
        the slide is cut into windows.

    Examples
    --------
    >>> runs = Regions(*(np.array(v) for v in ([0, 0], [0, 6], [1, 7], [0, 1])), 2)
    >>> inside, near = nearest_regions(runs, Grid(7, 1, 1, 1, 1.0, 1.0), 3.0, (0, 0, 7, 1))
    >>> inside.tolist(), near.tolist()
    ([[1, 0, 0, 0, 0, 0, 2]], [[0, 1, 1, 1, 2, 2, 0]])
    """
    left, top, width, height = window
    halo = (math.ceil(reach_um / grid.um_x) + 1, math.ceil(reach_um / grid.um_y) + 1)
    wide = regions.paint(left - halo[0], top - halo[1], width + 2 * halo[0], height + 2 * halo[1])
    near = np.zeros(wide.shape, dtype=np.int32)
    best = np.full(wide.shape, np.inf)
    for index, place in enumerate(ndi.find_objects(wide), start=1):
        if place is None:
            continue
        part = tuple(
            slice(max(0, s.start - h), min(n, s.stop + h))
            for s, h, n in zip(place, halo[::-1], wide.shape, strict=True)
        )
        away = ndi.distance_transform_edt(wide[part] != index, sampling=(grid.um_y, grid.um_x))
        nearer = (away <= reach_um) & (away < best[part])
        best[part][nearer] = away[nearer]
        near[part][nearer] = index
    near[wide > 0] = 0
    core = (slice(halo[1], halo[1] + height), slice(halo[0], halo[0] + width))
    return wide[core], near[core]


@dataclass(frozen=True, eq=False)
class ZoneWindow:
    """Zones of a window.

    Parameters
    ----------
    code : ndarray of int
        1 portal (inside a counted tract), 2 interface, 3 lobule beyond it, 0 neither.
    tract : ndarray of int
        Tract + 1 of portal and interface cells.
    """

    code: NDArray[np.int8]
    tract: Ids


@dataclass(frozen=True, eq=False)
class Zones:
    """Portal, interface and lobule of a segmented slide, one window at a time.

    Parameters
    ----------
    segmentation : Segmentation
        The labels.
    regions : Regions
        Counted tracts.
    tissue : TissueMap
        What is tissue.
    reach_um : float
        Width of the interface zone.
    pieces : collection of int, optional
        Pieces of tissue that are measured; default all, and what reaches beyond their rim.
    """

    segmentation: Segmentation
    regions: Regions
    tissue: TissueMap
    reach_um: float
    pieces: Collection[int] | None = None

    def window(self, left: int, top: int, width: int, height: int) -> ZoneWindow:
        """Return the zones of a window of the segmentation's grid (inside it).

        The interface is tissue of the lobule or other classes at most `reach_um` from a tract,
        given to the nearest one. Portal objects that are not counted are in no zone.
        """
        found = self.segmentation
        labels = found.labels[top : top + height, left : left + width]
        kinds = [c.compartment for c in found.classes]
        lobule, flesh = np.zeros(256, dtype=bool), np.zeros(256, dtype=bool)
        lobule[: len(kinds)] = [k == "lobule" for k in kinds]
        flesh[: len(kinds)] = [k in ("lobule", "other") for k in kinds]
        inside, near = nearest_regions(
            self.regions, found.grid, self.reach_um, (left, top, width, height)
        )
        number = self.tissue.window(found.grid, left, top, width, height)[0]
        in_tissue = number > 0
        near[~(flesh[labels] & in_tissue)] = 0
        code = np.zeros(labels.shape, dtype=np.int8)
        code[lobule[labels] & in_tissue] = 3
        code[near > 0] = 2
        code[inside > 0] = 1
        if self.pieces is not None:
            code[~np.isin(number, list(self.pieces))] = 0
        return ZoneWindow(code, np.where(inside > 0, inside, near))

    def boxes(self, width: int, height: int) -> Iterator[tuple[int, int, int, int]]:
        """Yield windows of the segmentation's grid that hold all cells of a zone, each once.

        They are fitted to the tissue on its own, coarser grid, not to labels: a model labels
        glass, too.

        Parameters
        ----------
        width, height : int
            About as many cells across and down at most.
        """
        grid, coarse = self.segmentation.grid, self.tissue.grid
        rows, columns = self.tissue.cells(grid, np.arange(grid.height), np.arange(grid.width))
        across = max(1, int(width * grid.step_x / coarse.step_x))
        down = max(1, int(height * grid.step_y / coarse.step_y))
        for left, top, wide, high in boxes_on(self._occupied(rows, columns), across, down):
            x0, x1 = np.searchsorted(columns, (left, left + wide)).tolist()
            y0, y1 = np.searchsorted(rows, (top, top + high)).tolist()
            if x1 > x0 and y1 > y0:
                yield x0, y0, x1 - x0, y1 - y0

    def _occupied(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return the cells of the tissue grid that may lie in a zone."""
        number, found = self.tissue.number, self.regions
        if self.pieces is not None:
            return np.isin(number, list(self.pieces))
        # Tracts may reach beyond the rim of the tissue.
        steps = np.zeros((number.shape[0], number.shape[1] + 1), dtype=np.int32)
        np.add.at(steps, (rows[found.row], columns[found.start]), 1)
        np.add.at(steps, (rows[found.row], columns[found.end - 1] + 1), -1)
        return (number > 0) | (np.cumsum(steps, axis=1)[:, :-1] > 0)
