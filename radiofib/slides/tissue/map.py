"""Which piece of tissue a cell of another grid lies in, and how far from the edge of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from radiofib.slides.reader import Grid

__all__ = ["RIM_CELLS", "TissueMap", "map_tissue"]

#: Labels and tissue mask disagree along the rim by about a cell of the coarser grid; so many of
#: its cells beyond the mask still belong to the tissue.
RIM_CELLS = 2.0
#: A background cell so many cells of the tissue grid inside the edge still is outside tissue.
EDGE_CELLS = 1.5


@dataclass(frozen=True, eq=False)
class TissueMap:
    """Pieces of tissue by number, on the tissue grid.

    Parameters
    ----------
    number : ndarray of int
        Number of the piece (from 1), gaps filled and :data:`RIM_CELLS` of rim added; 0 outside
        and under artefacts.
    depth_um : ndarray of float32
        Distance of a cell's centre to the edge of the filled tissue, 0 outside. The edge of the
        slide is an edge of the tissue.
    grid : Grid
        The tissue grid.
    """

    number: NDArray[np.int32]
    depth_um: NDArray[np.float32]
    grid: Grid

    @property
    def edge_um(self) -> float:
        """Depth up to which a background cell counts as outside."""
        return EDGE_CELLS * max(self.grid.um_x, self.grid.um_y)

    def cells(
        self, grid: Grid, rows: NDArray[np.int64], columns: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return row and column on the tissue grid of the centres of another grid's cells.

        Cells beyond the last whole cell of the tissue grid take that one.
        """
        down = (rows + 0.5) * (grid.step_y / self.grid.step_y)
        right = (columns + 0.5) * (grid.step_x / self.grid.step_x)
        return (
            down.astype(np.int64).clip(0, self.grid.height - 1),
            right.astype(np.int64).clip(0, self.grid.width - 1),
        )

    def window(
        self, grid: Grid, left: int, top: int, width: int, height: int
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return number and depth for a window of another grid."""
        rows, columns = self.cells(
            grid, np.arange(top, top + height), np.arange(left, left + width)
        )
        # Few rows are widened, then copied whole: several times faster than cell by cell.
        first, end = rows[0], rows[-1] + 1
        number, depth = self.number[first:end], self.depth_um[first:end]
        return (
            number.take(columns, axis=1).take(rows - first, axis=0),
            depth.take(columns, axis=1).take(rows - first, axis=0),
        )


def map_tissue(
    mask: NDArray[np.bool_],
    first_cells: list[tuple[int, int]],
    grid: Grid,
    hidden: NDArray[np.bool_] | None = None,
) -> TissueMap:
    """Give each piece of a tissue mask its number, and each cell its depth.

    Parameters
    ----------
    mask : ndarray of bool
        On the tissue grid.
    first_cells : list of (row, column)
        One cell of each piece, in the wanted order.
    grid : Grid
        The tissue grid.
    hidden : ndarray of bool, optional
        Where artefacts lie. That is no tissue, and no edge either: pieces and depths are those
        of the tissue with the artefacts on it.

    Examples
    --------
    >>> mask = np.zeros((6, 12), dtype=bool)
    >>> mask[1:5, 1:5] = mask[1:5, 9:11] = True
    >>> found = map_tissue(mask, [(1, 1), (1, 9)], Grid(12, 6, 16, 16, 8.0, 8.0))
    >>> found.number[2].tolist()
    [1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2]
    >>> found.depth_um[2, :6].tolist()
    [0.0, 4.0, 12.0, 12.0, 4.0, 0.0]
    """
    labels, count = ndi.label(mask)
    table = np.zeros(count + 1, dtype=np.int32)
    for number, place in enumerate(first_cells, start=1):
        table[labels[place]] = number
    filled = ndi.binary_fill_holes(mask)
    sampling = (grid.um_y, grid.um_x)
    away, nearest = ndi.distance_transform_edt(~mask, sampling=sampling, return_indices=True)
    number = table[labels][tuple(nearest)]
    number[~filled & (away > RIM_CELLS * max(sampling))] = 0
    if hidden is not None:
        number[hidden] = 0
    depth = ndi.distance_transform_edt(np.pad(filled, 1), sampling=sampling)[1:-1, 1:-1]
    depth = np.maximum(depth - min(sampling) / 2, 0.0).astype(np.float32)
    return TissueMap(number.astype(np.int32), depth, grid)
