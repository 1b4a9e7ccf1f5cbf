"""A discretised region as the texture families of IBSI see it: in the plane and in space."""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import EngineError
from radiofib.features.ibsi import _kernels as own
from radiofib.features.ibsi._counts import Counts, Integers
from radiofib.features.matrices import Levels
from radiofib.features.matrices import _kernels as k

__all__ = ["Neighbourhood", "Region", "city_block"]


class Region:
    """What several families need of one region, computed once.

    Parameters
    ----------
    levels : ndarray of integers, 2-D or 3-D
        Grey levels 1, 2, ... inside and 0 outside; at least one voxel is inside.
    distance_mask : ndarray of bool, optional
        Region whose edge the distance of a zone is measured from; default: ``levels > 0``.

    Examples
    --------
    >>> region = Region(np.array([[1, 1, 0], [0, 2, 0]]))
    >>> region.levels.grey_levels.tolist(), region.plane.tolist(), region.in_plane.n_directions
    ([1, 2], [0, 0, 0], 4)
    """

    def __init__(
        self, levels: NDArray[np.integer], distance_mask: NDArray[np.bool_] | None = None
    ) -> None:
        cube = levels.reshape((1,) * (3 - levels.ndim) + levels.shape)
        self._box = _bounding_box(cube != 0)
        # One layer more on each side: then all 13 directions exist for a single slice too.
        self.levels = Levels.of(np.pad(cube[self._box], 1))
        self._mask = cube != 0 if distance_mask is None else distance_mask.reshape(cube.shape)

    @cached_property
    def index(self) -> NDArray[np.uint32]:
        """Flat places of the voxels."""
        return self.levels.index

    @cached_property
    def label(self) -> Integers:
        """Label of each voxel: its level or the rank of that, see :class:`Levels`."""
        return np.asarray(self.levels.flat[self.index], dtype=np.int64)

    @cached_property
    def plane(self) -> Integers:
        """Number of each voxel's slice among those that meet the region, from 0."""
        _, ny, nx = self.levels.padded_shape
        slices = self.index.astype(np.int64) // (ny * nx)
        return np.cumsum(np.diff(slices, prepend=slices[0]) != 0)

    @cached_property
    def in_plane(self) -> Neighbourhood:
        """Neighbours within the slice: 8, in 4 directions."""
        return Neighbourhood(self, in_plane=True)

    @cached_property
    def in_space(self) -> Neighbourhood:
        """Neighbours in all three dimensions: 26, in 13 directions."""
        return Neighbourhood(self, in_plane=False)

    def distance(self, *, in_plane: bool) -> Integers:
        """Return each voxel's city-block distance to the edge of the mask: 1 at the edge.

        Raises
        ------
        EngineError
            When a voxel of the region lies outside the mask.
        """
        box = _bounding_box(self._mask) if self._mask.any() else self._box
        both = tuple(
            slice(min(a.start, b.start), max(a.stop, b.stop))
            for a, b in zip(self._box, box, strict=True)
        )
        inner = tuple(
            slice(a.start - b.start, a.stop - b.start) for a, b in zip(self._box, both, strict=True)
        )
        depth = city_block(self._mask[both], axes=(1, 2) if in_plane else (0, 1, 2))[inner]
        inside = self.levels.flat.reshape(self.levels.padded_shape)[2:-2, 2:-2, 2:-2] != 0
        found = np.asarray(depth[inside], dtype=np.int64)
        if not found.all():
            raise EngineError(
                "the mask for distances does not hold the whole region",
                expected="a mask that covers every voxel with a grey level",
                found=f"{np.count_nonzero(found == 0)} voxels outside it",
                hint="give the morphological mask, from which the intensity mask was cut",
            )
        return found


class Neighbourhood:
    """Pairs, runs, zones and neighbours of a region, within slices or in space.

    Matrices are numbered by direction, and within a direction by slice (``in_plane``); those
    without directions are numbered by slice, or there is one (in space).

    Parameters
    ----------
    region : Region
        The voxels.
    in_plane : bool
        Look at neighbours within the slice only.

    Examples
    --------
    >>> near = Region(np.array([[1, 1, 2]])).in_plane
    >>> near.pairs().count.tolist(), near.pairs().matrix.tolist()  # along a row, direction 3
    ([1.0, 1.0], [3, 3])
    """

    def __init__(self, region: Region, *, in_plane: bool) -> None:
        levels = region.levels
        directions = levels.directions((1,))
        self.region = region
        self.offsets = directions[directions[:, 0] == 0] if in_plane else directions
        self.steps = levels.steps(self.offsets)
        self.in_plane = in_plane
        self.of_voxel = region.plane if in_plane else np.zeros_like(region.plane)
        self.n_voxels = np.bincount(self.of_voxel).astype(np.float64)

    @property
    def n_planes(self) -> int:
        """Number of matrices of one direction."""
        return self.n_voxels.size

    @property
    def n_directions(self) -> int:
        """Number of directions."""
        return len(self.steps)

    def pairs(self) -> Counts:
        """Count pairs of neighbours by the lower and the higher label, for each direction."""
        region = self.region
        index = region.index.astype(np.int64)
        parts = []
        for step in self.steps:
            ahead = region.levels.flat[index + step]
            both = np.flatnonzero(ahead)
            one, other = region.label[both], ahead[both].astype(np.int64)
            low, high = np.minimum(one, other), np.maximum(one, other)
            parts.append(Counts.of(self.of_voxel[both], low, high, n_voxels=self.n_voxels))
        return _joined(parts)

    def runs(self) -> Counts:
        """Count runs by label and length, for each direction."""
        region = self.region
        flat = region.levels.flat
        length = np.empty(flat.size, dtype=np.uint32)
        parts = []
        for step in self.steps:
            ends, lengths = own.runs(flat, region.index, int(step), length)
            parts.append(
                Counts.of(self.of_voxel[ends], region.label[ends], lengths, n_voxels=self.n_voxels)
            )
        return _joined(parts)

    @cached_property
    def zones(self) -> tuple[Integers, Integers, Integers, Integers]:
        """Matrix, label and size of each zone, and the zone of each voxel."""
        levels = self.region.levels
        index = self.region.index
        bits = k.equal_steps_back(levels.flat, self.steps)
        table = _representatives(self.in_plane)
        parent = np.empty(levels.flat.size, dtype=np.uint32)
        sizes, labels = k.zones(levels.flat, index, bits, self.steps, table, parent)
        of_voxel = parent[index].astype(np.int64)  # the kernel leaves the zones' numbers there
        matrix = np.empty(sizes.size, dtype=np.int64)
        matrix[of_voxel] = self.of_voxel
        return matrix, labels, sizes.astype(np.int64), of_voxel

    @cached_property
    def around(self) -> tuple[Integers, Integers, Integers]:
        """Number of each voxel's neighbours, sum of their levels and number of equal ones."""
        region = self.region
        found = own.neighbours(region.levels.flat, region.index, self.steps, region.levels.value_of)
        return found[0], found[1], found[2]


def city_block(mask: NDArray[np.bool_], *, axes: tuple[int, ...]) -> NDArray[np.int32]:
    """Return the city-block distance to the nearest voxel outside; beyond the array is outside.

    Parameters
    ----------
    mask : ndarray of bool
        Region.
    axes : tuple of int
        Axes along which one may leave it.

    Examples
    --------
    >>> city_block(np.ones((3, 5), dtype=bool), axes=(0, 1)).tolist()
    [[1, 1, 1, 1, 1], [1, 2, 2, 2, 1], [1, 1, 1, 1, 1]]
    >>> city_block(np.ones((1, 5), dtype=bool), axes=(1,)).tolist()
    [[1, 2, 3, 2, 1]]
    """
    out = np.where(mask, np.int32(sum(mask.shape)), np.int32(0))
    for axis in axes:
        lines = np.moveaxis(out, axis, 0)
        for way in (lines, lines[::-1]):
            before = np.zeros_like(way[0])
            for here in way:
                np.minimum(here, before + 1, out=here)
                before = here
    return out


def _bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    box = []
    for axis in range(mask.ndim):
        others = tuple(a for a in range(mask.ndim) if a != axis)
        found = np.flatnonzero(mask.any(axis=others))
        box.append(slice(int(found[0]), int(found[-1]) + 1))
    return tuple(box)


def _joined(parts: list[Counts]) -> Counts:
    """Put directions one after the other."""
    n = parts[0].n_matrices
    return Counts(
        np.concatenate([part.matrix + a * n for a, part in enumerate(parts)]),
        np.concatenate([part.row for part in parts]),
        np.concatenate([part.column for part in parts]),
        np.concatenate([part.count for part in parts]),
        np.concatenate([part.n_voxels for part in parts]),
    )


@lru_cache(maxsize=2)
def _representatives(in_plane: bool) -> NDArray[np.uint16]:
    offsets = Levels.of(np.ones((3, 3, 3), dtype=np.int64)).directions((1,))
    table = k.representatives(offsets[offsets[:, 0] == 0] if in_plane else offsets)
    table.setflags(write=False)
    return table
