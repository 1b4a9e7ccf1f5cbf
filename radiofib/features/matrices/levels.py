"""Discretised region in the form the kernels read: flat, small integers, a border of zeros."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import EngineError
from radiofib.features.matrices import _kernels as k
from radiofib.features.matrices.angles import directions

__all__ = ["Frame", "Layout", "Levels", "highest_level"]

#: Largest level for which levels are ranked by a table and not by sorting.
_LARGEST_TABLE = 1 << 24
#: Levels up to this one are kept as they are.
_LARGEST_BYTE = 255
_WRONG_LEVELS = "grey levels must be 0 outside the region and 1 or more inside"


def highest_level(levels: NDArray[np.integer]) -> int:
    """Return the highest level of an array of grey levels, 0 when it is empty.

    Raises
    ------
    EngineError
        When the array is not 2-D or 3-D, holds no integers or negative ones.

    Examples
    --------
    >>> highest_level(np.array([[0, 3], [1, 2]]))
    3
    """
    if levels.ndim not in (2, 3) or not np.issubdtype(levels.dtype, np.integer):
        raise EngineError(
            "grey levels must be a 2-D or 3-D array of integers",
            found=f"{levels.ndim}-D {levels.dtype}",
        )
    if levels.dtype.kind == "i" and int(levels.min(initial=0)) < 0:
        raise EngineError(_WRONG_LEVELS, found="negative levels")
    return int(levels.max(initial=0))


@dataclass(frozen=True, eq=False)
class Frame:
    """How an array lies in a flat one with a border of zeros as wide as the largest offset.

    Parameters
    ----------
    shape, padded_shape : tuple of int
        Size (z, y, x) without and with the border.
    ndim : int
        Axes of the original array, 2 or 3.
    force_2d_dimension : int or None
        Axis of the original array along which voxels are no neighbours.
    distances : tuple of int
        Distances of neighbours for GLCM, GLDM and NGTDM.

    Examples
    --------
    >>> frame, padded = Frame.around(np.array([[1, 2, 3], [4, 5, 6]]))
    >>> frame.padded_shape, frame.steps(np.array([[1, 0]])).tolist(), padded[0, 1].tolist()
    ((1, 4, 5), [5], [0, 1, 2, 3, 0])
    """

    shape: tuple[int, int, int]
    padded_shape: tuple[int, int, int]
    ndim: int
    force_2d_dimension: int | None
    distances: tuple[int, ...]

    @staticmethod
    def around(
        values: NDArray[np.integer],
        distances: Sequence[int] = (1,),
        force_2d_dimension: int | None = None,
    ) -> tuple[Frame, NDArray[Any]]:
        """Return the frame of an array, and the array (z, y, x) with its border."""
        cube = values.reshape((1,) * (3 - values.ndim) + values.shape)
        forced = None if force_2d_dimension is None else force_2d_dimension + 3 - values.ndim
        reach = max(distances) if len(distances) else 1
        border = [0 if axis == forced else min(reach, n - 1) for axis, n in enumerate(cube.shape)]
        sides = list(zip(cube.shape, border, strict=True))
        padded = np.zeros([n + 2 * b for n, b in sides], values.dtype)
        padded[tuple(slice(b, b + n) for n, b in sides)] = cube
        frame = Frame(
            shape=(cube.shape[0], cube.shape[1], cube.shape[2]),
            padded_shape=(padded.shape[0], padded.shape[1], padded.shape[2]),
            ndim=values.ndim,
            force_2d_dimension=force_2d_dimension,
            distances=tuple(distances),
        )
        return frame, padded

    @property
    def _parts(self) -> dict[str, Any]:
        return {part.name: getattr(self, part.name) for part in fields(Frame)}

    @property
    def array_shape(self) -> tuple[int, ...]:
        """Size of the original array."""
        return self.shape[3 - self.ndim :]

    def directions(
        self, distances: Sequence[int] | None = None, *, both_ways: bool = False
    ) -> NDArray[np.int64]:
        """Return the offsets at the distances (default: those it is laid out for).

        See :func:`radiofib.features.matrices.angles.directions`.
        """
        return directions(
            self.array_shape,
            self.distances if distances is None else distances,
            force_2d_dimension=self.force_2d_dimension,
            both_ways=both_ways,
        )

    def cube_directions(self, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return offsets as (z, y, x), whatever the number of axes."""
        found = np.zeros((len(offsets), 3), dtype=np.int64)
        found[:, 3 - self.ndim :] = offsets
        return found

    def steps(self, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return offsets as distances in the flat array."""
        _, ny, nx = self.padded_shape
        strides = np.array([ny * nx, nx, 1], dtype=np.int64)
        return np.asarray(self.cube_directions(offsets) @ strides)

    @property
    def moving_steps(self) -> NDArray[np.int64]:
        """Flat distances along the axes in which voxels have neighbours, x first."""
        _, ny, nx = self.padded_shape
        forced = self.force_2d_dimension
        cube_axis = None if forced is None else forced + 3 - self.ndim
        steps = [
            step
            for axis, step in ((2, 1), (1, nx), (0, ny * nx))
            if axis != cube_axis and self.shape[axis] > 1
        ]
        return np.array(steps, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Layout(Frame):
    """Where the voxels of a region lie in a flat array with a border: for all images of it.

    Make it with :meth:`of`; it has the attributes of :class:`Frame` as well.

    Parameters
    ----------
    index : ndarray of uint32
        Flat positions of the voxels of the region, in C order.

    Examples
    --------
    >>> layout = Layout.of(np.array([[True, True, False], [False, True, True]]))
    >>> layout.index.tolist(), layout.padded_shape
    ([6, 7, 12, 13], (1, 4, 5))
    >>> levels = layout.levels(np.array([1, 2, 2, 1], dtype=np.uint8), np.array([2, 2]))
    >>> levels.flat.reshape(4, 5)[1:3, 1:4].tolist()
    [[1, 2, 0], [0, 2, 1]]
    """

    index: NDArray[np.uint32]

    @classmethod
    def of(
        cls,
        mask: NDArray[np.bool_],
        *,
        distances: Sequence[int] = (1,),
        force_2d_dimension: int | None = None,
    ) -> Layout:
        """Lay out a region, cropped to its bounding box; parameters as for :meth:`Levels.of`."""
        frame, padded = Frame.around(mask.view(np.uint8), distances, force_2d_dimension)
        index = k.positions(padded.reshape(-1), int(np.count_nonzero(mask)))
        return cls(**frame._parts, index=index)

    def levels(self, found: NDArray[np.integer], counts: NDArray[np.int64]) -> Levels:
        """Lay out the grey levels of the voxels of the region.

        Parameters
        ----------
        found : ndarray of uint8 or int32
            Grey level 1, 2, ... of each voxel, in C order.
        counts : ndarray of int64
            Number of voxels of the levels 1, 2, ... up to the greatest.
        """
        if len(counts) <= _LARGEST_BYTE:
            value_of = np.arange(len(counts) + 1, dtype=np.int64)
            labels: NDArray[Any] = found.astype(np.uint8, copy=False)
            of_label = np.append(0, counts)
        else:
            occurs = np.append(True, counts > 0)
            value_of = np.flatnonzero(occurs)
            labels = (np.cumsum(occurs, dtype=np.int32) - np.int32(1))[found]
            of_label = np.append(0, counts[counts > 0])
        flat = np.zeros(prod(self.padded_shape), dtype=labels.dtype)
        k.place(flat, self.index, labels)
        levels = Levels(**self._parts, flat=flat, value_of=value_of)
        levels.__dict__.update(index=self.index, counts=of_label)  # known: need not be computed
        return levels


@dataclass(frozen=True, eq=False)
class Levels(Frame):
    """A discretised region, laid out for one set of distances.

    Make it with :meth:`of`; it has the attributes of :class:`Frame` as well. Levels up to 255 are
    kept as bytes; others are replaced by their rank among the levels that occur, so that memory
    follows the levels present and not the largest one.

    Parameters
    ----------
    flat : ndarray of uint8 or int32
        Labels in C order with a border of zeros as wide as the largest offset; 0 is outside.
    value_of : ndarray of int64
        Grey level of each label; ``value_of[0]`` is 0.

    Examples
    --------
    >>> levels = Levels.of(np.array([[1, 1, 4], [0, 4, 4]]))
    >>> levels.grey_levels.tolist(), levels.flat.dtype.name, levels.padded_shape
    ([1, 4], 'uint8', (1, 4, 5))
    >>> Levels.of(np.array([[1, 1, 70_000]])).flat.tolist()
    [0, 1, 1, 2, 0]
    """

    flat: NDArray[np.uint8] | NDArray[np.int32]
    value_of: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        levels: NDArray[np.integer],
        *,
        distances: Sequence[int] = (1,),
        force_2d_dimension: int | None = None,
    ) -> Levels:
        """Lay out an array of grey levels, 0 outside the region and 1, 2, ... inside.

        Parameters
        ----------
        levels : ndarray of integers, 2-D or 3-D
            Discretised image, cropped to the region (a larger crop is right but slower).
        distances : sequence of int
            Distances of neighbours for GLCM, GLDM and NGTDM, in voxels.
        force_2d_dimension : int, optional
            Axis along which voxels are no neighbours (pyradiomics' force2D).

        Raises
        ------
        EngineError
            When the array is not 2-D or 3-D, holds no integers, negative levels or no region.
        """
        highest = highest_level(levels)
        if highest < 1:
            raise EngineError(_WRONG_LEVELS, found=f"levels up to {highest}")
        if highest <= _LARGEST_BYTE:
            value_of = np.arange(highest + 1, dtype=np.int64)
            small: NDArray[np.integer] = levels.astype(np.uint8, copy=False)
        else:
            value_of, small = _ranks(levels, highest)
        frame, padded = Frame.around(small, distances, force_2d_dimension)
        return cls(**frame._parts, flat=padded.reshape(-1), value_of=value_of)

    @property
    def n_labels(self) -> int:
        """Largest label."""
        return len(self.value_of) - 1

    @cached_property
    def index(self) -> NDArray[np.uint32]:
        """Flat positions of the voxels of the region, in C order."""
        return k.positions(self.flat, int(np.count_nonzero(self.flat)))

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Number of voxels of each label, 0 for label 0."""
        return k.label_counts(self.flat, self.index, self.n_labels)

    @cached_property
    def present(self) -> NDArray[np.int64]:
        """Labels that occur, ascending."""
        return np.flatnonzero(self.counts)

    @property
    def grey_levels(self) -> NDArray[np.int64]:
        """Grey levels that occur, ascending."""
        return np.asarray(self.value_of[self.present])


def _ranks(
    levels: NDArray[np.integer], highest: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the levels that occur, 0 first, and the rank of each voxel's level among them."""
    if highest > _LARGEST_TABLE:
        value_of = np.unique(np.append(levels.reshape(-1), 0)).astype(np.int64)
        return value_of, np.searchsorted(value_of, levels).astype(np.int32)
    occurs = np.zeros(highest + 1, dtype=np.bool_)
    occurs[levels] = True
    occurs[0] = True
    rank = np.cumsum(occurs, dtype=np.int32) - np.int32(1)
    return np.flatnonzero(occurs), rank[levels]
