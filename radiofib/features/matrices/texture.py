"""Texture matrices of a discretised region, equal to pyradiomics' to the last count."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.features.matrices import _kernels as k
from radiofib.features.matrices import _neighbours as near
from radiofib.features.matrices.levels import Levels

__all__ = ["Matrices", "ZoneMatrix"]

#: Zones up to this size are counted in a dense table.
_SMALL_ZONE = 128
#: Runs up to this length are counted at the first attempt.
_SHORT_RUN = 64
#: Words of work space that a thread keeps at most: 16 MiB.
_LARGEST_KEPT = 1 << 22


@dataclass(frozen=True, eq=False)
class ZoneMatrix:
    """Numbers of zones by grey level and by the sizes that occur.

    Parameters
    ----------
    counts : ndarray of int64, shape (n_levels, n_sizes)
        Number of zones.
    sizes : ndarray of int64, shape (n_sizes,)
        Voxels in a zone, ascending; only sizes that occur.
    """

    counts: NDArray[np.int64]
    sizes: NDArray[np.int64]


class Matrices:
    """The texture matrices of one region; what several of them need is computed once.

    Rows (and columns) are the grey levels that occur, in ascending order:
    ``levels.grey_levels``. Directions are in pyradiomics' order.

    Parameters
    ----------
    levels : Levels
        The discretised region.

    Examples
    --------
    >>> matrices = Matrices(Levels.of(np.array([[1, 1, 2], [2, 2, 2]])))
    >>> matrices.glcm()[:, :, 3]  # along a row
    array([[1, 1],
           [0, 2]])
    >>> matrices.glrlm()[:, :, 3]
    array([[0, 1, 0],
           [1, 0, 1]])
    >>> matrices.glszm().sizes, matrices.glszm().counts.tolist()
    (array([2, 4]), [[1, 0], [0, 1]])
    >>> matrices.gldm().tolist()
    [[0, 2, 0, 0, 0, 0, 0, 0, 0], [0, 1, 2, 1, 0, 0, 0, 0, 0]]
    >>> matrices.ngtdm().round(3).tolist()
    [[2.0, 1.467, 1.0], [4.0, 1.733, 2.0]]
    """

    def __init__(self, levels: Levels) -> None:
        self.levels = levels

    @cached_property
    def run_directions(self) -> NDArray[np.int64]:
        """Directions of the run-length matrix: distance 1, one of each pair."""
        return self.levels.directions((1,))

    @cached_property
    def pair_directions(self) -> NDArray[np.int64]:
        """Directions of the co-occurrence matrix, one of each pair."""
        return self.levels.directions()

    @cached_property
    def _steps(self) -> NDArray[np.int64]:
        return self.levels.steps(self.run_directions)

    @cached_property
    def _bits(self) -> NDArray[np.uint16]:
        return k.equal_steps_back(self.levels.flat, self._steps)

    @cached_property
    def _neighbourhood(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Runs of three or more (step, label, length - 1); voxels (label, equal neighbours)."""
        levels = self.levels
        width = min(max(2, *levels.shape), _SHORT_RUN)
        while True:
            runs, longest, dependent = k.runs_and_dependences(
                levels.flat, levels.index, self._bits, self._steps, levels.n_labels, width
            )
            if longest <= width:
                return runs, dependent
            width = longest

    @cached_property
    def _pairs(self) -> NDArray[np.int64]:
        levels = self.levels
        steps = levels.steps(self.pair_directions)
        return k.cooccurrence(levels.flat, levels.index, steps, levels.n_labels)

    def glcm(self) -> NDArray[np.int64]:
        """Return the grey level co-occurrence matrices, not made symmetrical.

        ``P(i, j, a)`` is the number of voxels of level i whose neighbour at offset a has level
        j (Haralick et al. 1973, doi 10.1109/TSMC.1973.4309314).

        Returns
        -------
        ndarray of int64, shape (n_levels, n_levels, n_directions)
        """
        present = self.levels.present
        kept = self._pairs[:, present[:, None], present]
        return np.moveaxis(kept, 0, -1)

    def _equal_pairs(self) -> NDArray[np.int64]:
        # (direction, label): the diagonal of the co-occurrence matrix when that is at hand.
        if "_pairs" in self.__dict__ and self.levels.distances == (1,):
            return np.diagonal(self._pairs, axis1=1, axis2=2)
        levels = self.levels
        return k.equal_pairs(
            levels.flat, levels.index, self._bits, len(self._steps), levels.n_labels
        )

    def glrlm(self) -> NDArray[np.int64]:
        """Return the grey level run length matrices.

        ``P(i, j, a)`` is the number of runs of level i and length j + 1 along direction a
        (Galloway 1975, doi 10.1016/S0146-664X(75)80008-6), over lengths up to the longest run.
        As in pyradiomics, a direction is empty when no line along it meets two voxels of the
        region.

        Returns
        -------
        ndarray of int64, shape (n_levels, longest, n_directions)
        """
        levels = self.levels
        counts = self._neighbourhood[0].copy()
        length = np.arange(1, counts.shape[2] + 1)
        counts[:, :, 1] = self._equal_pairs() - counts[:, :, 2:] @ (length[2:] - 1)
        counts[:, :, 0] = levels.counts - counts[:, :, 1:] @ length[1:]
        for a, direction in enumerate(self.run_directions):
            if not counts[a, :, 1:].any() and not self._meets_two(direction):
                counts[a] = 0
        occurring = np.flatnonzero(counts.any(axis=(0, 1)))
        last = int(occurring[-1]) + 1 if occurring.size else 1
        return np.moveaxis(counts[:, levels.present, :last], 0, -1)

    def _meets_two(self, direction: NDArray[np.int64]) -> bool:
        # Does a line along the direction meet two voxels of the region, gaps allowed?
        levels = self.levels
        if not len(levels.index):
            return False
        cube = levels.cube_directions(direction[None])[0]
        points = np.column_stack(np.unravel_index(levels.index, levels.padded_shape))
        axis = int(np.flatnonzero(cube)[0])
        feet = points - (points[:, axis] * cube[axis])[:, None] * cube
        return len(np.unique(feet, axis=0)) < len(feet)

    def glszm(self) -> ZoneMatrix:
        """Return the grey level size zone matrix.

        A zone is a set of voxels of one level that are connected through neighbours at distance
        1, diagonals included (Thibault et al. 2009).
        """
        levels = self.levels
        offsets = levels.cube_directions(self.run_directions)
        table = _representatives(tuple(map(tuple, offsets.tolist())))
        parent = _scratch(levels.flat.size).view(np.uint32)
        sizes, labels = k.zones(levels.flat, levels.index, self._bits, self._steps, table, parent)
        small = k.zone_counts(sizes, labels, levels.n_labels, _SMALL_ZONE)
        beyond = sizes > _SMALL_ZONE
        large, place = np.unique(sizes[beyond].astype(np.int64), return_inverse=True)
        tail = np.zeros((levels.n_labels + 1, large.size), dtype=np.int64)
        np.add.at(tail, (labels[beyond], place), 1)
        used = np.flatnonzero(small.any(axis=0))
        counts = np.concatenate([small[:, used], tail], axis=1)
        return ZoneMatrix(counts[levels.present], np.concatenate([used + 1, large]))

    def gldm(self, alpha: int = 0) -> NDArray[np.int64]:
        """Return the grey level dependence matrix.

        ``P(i, j)`` is the number of voxels of level i with j neighbours at the set distances
        that differ by at most `alpha` levels (Sun and Wee 1983,
        doi 10.1016/0734-189X(83)90032-4).

        Returns
        -------
        ndarray of int64, shape (n_levels, n_neighbours + 1)
        """
        levels = self.levels
        if alpha == 0 and levels.distances == (1,):
            counts = self._neighbourhood[1]
        else:
            steps = levels.steps(levels.directions(both_ways=True))
            counts = near.dependences_within(
                levels.flat, levels.index, steps, levels.value_of, alpha
            )
        return np.asarray(counts[levels.present])

    def ngtdm(self) -> NDArray[np.float64]:
        """Return the neighbouring grey tone difference matrix.

        Columns: number of voxels of the level, sum of |level - mean of the neighbours in the
        region| over them (0 for a voxel without neighbours), the level (Amadasun and King 1989,
        doi 10.1109/21.44046). The sums come from exact integers.

        Returns
        -------
        ndarray of float64, shape (n_levels, 3)
        """
        levels = self.levels
        if levels.distances == (1,) and len(levels.moving_steps):
            sums = self._differences_from_boxes()
        else:
            steps = levels.steps(levels.directions(both_ways=True))
            sums = near.neighbour_differences_at(levels.flat, levels.index, steps, levels.value_of)
        present = levels.present
        neighbours = np.arange(1, sums.shape[1])
        out = np.empty((len(present), 3))
        out[:, 0] = levels.counts[present]
        out[:, 1] = np.sum(sums[present, 1:] / neighbours, axis=1)
        out[:, 2] = levels.grey_levels
        return out

    def _differences_from_boxes(self) -> NDArray[np.int64]:
        levels = self.levels
        small = levels.flat.dtype == np.uint8
        steps = levels.moving_steps
        rows = np.empty((4, int(steps[-1])), np.int32 if small else np.int64)
        kind = np.int32 if levels.value_of[-1] < 2**31 else np.int64
        values: Any = levels.flat if small else levels.value_of.astype(kind)[levels.flat]
        shift = 16 if small else 48
        return near.neighbour_differences(
            levels.flat, levels.index, values, shift, steps, levels.n_labels, rows
        )


class _Kept(threading.local):
    words: NDArray[np.int32] = np.empty(0, dtype=np.int32)


_KEPT = _Kept()


def _scratch(n: int) -> NDArray[np.int32]:
    """Return `n` words of work space, not cleared, for use within one call.

    It is kept for the next call of the thread: fresh memory costs more than the work in it.
    """
    if n > _LARGEST_KEPT:
        return np.empty(n, dtype=np.int32)
    if _KEPT.words.size < n:
        _KEPT.words = np.empty(n, dtype=np.int32)
    return _KEPT.words[:n]


@lru_cache(maxsize=16)
def _representatives(offsets: tuple[tuple[int, ...], ...]) -> NDArray[np.uint16]:
    table = k.representatives(np.array(offsets, dtype=np.int64).reshape(len(offsets), 3))
    table.setflags(write=False)
    return table
