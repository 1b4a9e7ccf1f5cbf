"""Tiles of a fixed size on a slide: which of them touch tissue, and groups read at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiofib.slides.reader import Grid

__all__ = ["TileGroup", "Tiling", "group_tiles", "tiles_on_tissue"]

#: Longest side of a group, in cells: what is read at once stays small.
GROUP_SIDE = 2048

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Tiling:
    """Square tiles in rows and columns that cover a grid, the last ones reaching beyond it.

    Parameters
    ----------
    width, height : int
        Cells of the grid.
    tile : int
        Side of a tile in cells.
    stride : int
        Cells from one tile to the next; less than `tile` where they overlap.

    Examples
    --------
    >>> tiling = Tiling(1000, 300, tile=256, stride=256)
    >>> tiling.rows, tiling.columns, tiling.group
    (2, 4, 8)
    >>> Tiling(512, 256, tile=256, stride=128).columns
    3
    """

    width: int
    height: int
    tile: int
    stride: int

    def __post_init__(self) -> None:
        if not 0 < self.stride <= self.tile:
            raise ValueError("stride must be between 1 and the side of a tile")

    @property
    def rows(self) -> int:
        """Number of rows of tiles."""
        return _count(self.height, self.tile, self.stride)

    @property
    def columns(self) -> int:
        """Number of columns of tiles."""
        return _count(self.width, self.tile, self.stride)

    @property
    def group(self) -> int:
        """Tiles along a side of a group."""
        return max(1, GROUP_SIDE // self.stride)


@dataclass(frozen=True)
class TileGroup:
    """Neighbouring tiles that are read at once, and the cells whose labels come from them.

    Parameters
    ----------
    box : tuple of int
        Left, top, right and bottom of the cells that the group labels; groups do not overlap.
    tiles : tuple of tuple of int
        Row and column of each tile that is asked; all that reach into `box`.
    """

    box: Box
    tiles: tuple[tuple[int, int], ...]

    def reach(self, tiling: Tiling) -> Box:
        """Return left, top, right and bottom of the cells the tiles cover, within the grid."""
        rows = [row for row, _ in self.tiles]
        columns = [column for _, column in self.tiles]
        return (
            min(columns) * tiling.stride,
            min(rows) * tiling.stride,
            min(max(columns) * tiling.stride + tiling.tile, tiling.width),
            min(max(rows) * tiling.stride + tiling.tile, tiling.height),
        )


def tiles_on_tissue(
    mask: NDArray[np.bool_], mask_grid: Grid, grid: Grid, tiling: Tiling, *, margin_um: float
) -> NDArray[np.bool_]:
    """Return which tiles come nearer to tissue than `margin_um`.

    A tile counts when any cell of the mask lies in it or in the frame of that width around it:
    no share of tissue is too small, and no tissue is lost between two tiles.

    Parameters
    ----------
    mask : ndarray of bool
        Tissue.
    mask_grid : Grid
        Where its cells lie.
    grid : Grid
        Where the cells of the tiles lie.
    tiling : Tiling
        The tiles on `grid`.
    margin_um : float
        Width of the frame: the outline of the mask is that uncertain.

    Returns
    -------
    ndarray of bool, shape (tiling.rows, tiling.columns)

    Examples
    --------
    >>> mask = np.zeros((8, 8), dtype=bool)
    >>> mask[3, 3] = True  # 24 to 32 um from the corner
    >>> fine = Grid(64, 64, 1, 1, 1.0, 1.0)
    >>> coarse = Grid(8, 8, 8, 8, 8.0, 8.0)
    >>> tiles_on_tissue(mask, coarse, fine, Tiling(64, 64, 32, 32), margin_um=0).astype(int)
    array([[1, 0],
           [0, 0]])
    >>> tiles_on_tissue(mask, coarse, fine, Tiling(64, 64, 32, 32), margin_um=8).astype(int)
    array([[1, 1],
           [1, 1]])
    """
    total = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), dtype=np.int64)
    total[1:, 1:] = mask.cumsum(axis=0, dtype=np.int64).cumsum(axis=1)
    top, bottom = _spans(
        tiling.rows,
        tiling,
        (grid.step_y, mask_grid.step_y),
        margin_um / mask_grid.um_y,
        mask.shape[0],
    )
    left, right = _spans(
        tiling.columns,
        tiling,
        (grid.step_x, mask_grid.step_x),
        margin_um / mask_grid.um_x,
        mask.shape[1],
    )
    inside = (
        total[np.ix_(bottom, right)]
        - total[np.ix_(top, right)]
        - total[np.ix_(bottom, left)]
        + total[np.ix_(top, left)]
    )
    result: NDArray[np.bool_] = inside > 0
    return result


def group_tiles(chosen: NDArray[np.bool_], tiling: Tiling) -> tuple[TileGroup, ...]:
    """Divide the chosen tiles into groups, row by row.

    Groups are aligned blocks of :attr:`Tiling.group` strides, so that what is read does not
    depend on where tissue lies. Where tiles overlap, a tile at the border of two groups belongs
    to both: each group is complete by itself.

    Examples
    --------
    >>> tiling = Tiling(4096, 2048, tile=256, stride=256)
    >>> chosen = np.zeros((8, 16), dtype=bool)
    >>> chosen[0, 7:9] = True
    >>> [(g.box, g.tiles) for g in group_tiles(chosen, tiling)]
    [((0, 0, 2048, 2048), ((0, 7),)), ((2048, 0, 4096, 2048), ((0, 8),))]
    """
    side = tiling.group * tiling.stride
    groups = []
    for top in range(0, tiling.height, side):
        for left in range(0, tiling.width, side):
            box = (left, top, min(left + side, tiling.width), min(top + side, tiling.height))
            rows, columns = _reaching(box[1], box[3], tiling), _reaching(box[0], box[2], tiling)
            found = np.argwhere(chosen[rows, columns])
            if len(found):
                tiles = tuple((int(r) + rows.start, int(c) + columns.start) for r, c in found)
                groups.append(TileGroup(box, tiles))
    return tuple(groups)


def _count(length: int, tile: int, stride: int) -> int:
    return 1 + max(0, -(-(length - tile) // stride))


def _reaching(first: int, end: int, tiling: Tiling) -> slice:
    """Return the tiles along an axis that reach into cells `first` to `end`."""
    return slice(max(0, (first - tiling.tile) // tiling.stride + 1), -(-end // tiling.stride))


def _spans(
    count: int, tiling: Tiling, steps: tuple[float, float], margin: float, length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return first and end of the cells of the mask that each tile and its frame meet."""
    scale = steps[0] / steps[1]
    starts = np.arange(count) * tiling.stride * scale
    first = np.floor(starts - margin + 1e-9)
    end = np.ceil(starts + tiling.tile * scale + margin - 1e-9)
    # The mask leaves a last incomplete cell out: tiles beyond it look at the last whole one.
    first = np.clip(first, 0, length - 1).astype(np.int64)
    return first, np.clip(end, first + 1, length).astype(np.int64)
