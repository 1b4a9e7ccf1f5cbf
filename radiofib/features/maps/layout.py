"""Where the voxels of a window lie, and which of them are neighbours: worked out once an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import UsageError
from radiofib.features.matrices import directions

__all__ = ["Layout", "make_layout", "summation_plan"]

Ints = NDArray[np.int64]
#: numpy sums blocks of at most this length directly, and halves longer ones.
_BLOCK = 128


@dataclass(frozen=True, eq=False)
class Layout:
    """A window of voxels around a centre, by number of the voxel in scan order.

    Parameters
    ----------
    reach : tuple of int
        How far the window goes along each axis.
    steps : ndarray of shape (n_window,)
        Flat distance of each voxel of the window from its centre.
    pair_directions, run_directions : ndarray of shape (n_directions, 3)
        Directions of co-occurrence and of runs.
    pairs : ndarray of shape (n_pairs, 2)
        Voxels that are neighbours at the distances asked for.
    pair_starts : ndarray of shape (n_pair_directions + 1,)
        Where the pairs of a direction start.
    touching : ndarray of shape (n, 2)
        Voxels that touch, diagonals included.
    lines : ndarray of int64
        Voxels along the lines of all directions, -1 after each line.
    line_starts : ndarray of shape (n_run_directions + 1,)
        Where the lines of a direction start.
    order : ndarray of shape (n,)
        Flat distances in the order in which pyradiomics sums intensities.
    plan : ndarray
        How numpy sums that many numbers; see :func:`summation_plan`.
    """

    reach: tuple[int, ...]
    steps: Ints
    pair_directions: Ints
    run_directions: Ints
    pairs: Ints
    pair_starts: Ints
    touching: Ints
    lines: Ints
    line_starts: Ints
    order: Ints
    plan: Ints

    @property
    def most_pairs(self) -> int:
        """Largest number of pairs of one direction."""
        return int(np.diff(self.pair_starts).max(initial=0))


def make_layout(
    shape: Sequence[int],
    region: Sequence[int],
    *,
    radius: int = 1,
    distances: Sequence[int] = (1,),
    force_2d_dimension: int | None = None,
) -> Layout:
    """Return the layout of the windows of an image.

    Parameters
    ----------
    shape : sequence of three int
        Size of the part of the image that is looked at.
    region : sequence of three int
        Size of the box around the voxels whose intensities count.
    radius : int
        Windows hold (2 radius + 1) voxels along each axis.
    distances : sequence of int
        Distances of neighbours, each once.
    force_2d_dimension : int, optional
        Axis along which a window holds one voxel.

    Raises
    ------
    UsageError
        When the radius is below 1 or a distance is given twice.

    Examples
    --------
    >>> layout = make_layout((1, 4, 4), (1, 4, 4))
    >>> layout.reach, layout.steps.tolist(), layout.most_pairs
    ((0, 1, 1), [-7, -6, -5, -1, 0, 1, 5, 6, 7], 6)
    """
    if radius < 1:
        raise UsageError("the radius of a window must be 1 or more", found=str(radius))
    if len(set(distances)) != len(distances):
        raise UsageError("a distance of neighbours is given twice", found=str(list(distances)))
    reach = tuple(
        0 if axis == force_2d_dimension else min(radius, size - 1)
        for axis, size in enumerate(shape)
    )
    padded = [size + 2 * r for size, r in zip(shape, reach, strict=True)]
    strides = np.array([padded[1] * padded[2], padded[2], 1])
    offsets = np.argwhere(np.ones([2 * r + 1 for r in reach])) - np.array(reach)
    of_pairs = directions(shape, distances, force_2d_dimension=force_2d_dimension)
    of_runs = directions(shape, force_2d_dimension=force_2d_dimension)
    pairs = [_pairs(reach, d) for d in of_pairs]
    touching = [_pairs(reach, d) for d in of_runs]
    lines = [_lines(reach, d) for d in of_runs]
    small = [min(side, 2 * radius + 1) for side in region]
    order = directions(
        small, range(1, radius + 1), force_2d_dimension=force_2d_dimension, both_ways=True
    )
    return Layout(
        reach,
        offsets @ strides,
        of_pairs,
        of_runs,
        _joined(pairs, 2),
        np.cumsum([0, *map(len, pairs)]),
        _joined(touching, 2),
        _joined(lines, 0),
        np.cumsum([0, *map(len, lines)]),
        np.append(order @ strides, 0),
        summation_plan(len(order) + 1),
    )


def _joined(parts: list[Ints], width: int) -> Ints:
    empty = np.empty((0, width) if width else 0, dtype=np.int64)
    return np.ascontiguousarray(np.concatenate([empty, *parts]))


def _pairs(reach: tuple[int, ...], direction: Ints) -> Ints:
    """Return numbers of voxels p and p + direction that both lie in the window."""
    side = np.array([2 * r + 1 for r in reach])
    number = np.arange(int(np.prod(side))).reshape(side)
    moves = list(zip(direction, side, strict=True))
    here = tuple(slice(max(0, -d), max(0, n - max(0, d))) for d, n in moves)
    there = tuple(slice(max(0, d), max(0, n - max(0, -d))) for d, n in moves)
    return np.stack([number[here].ravel(), number[there].ravel()], axis=1).astype(np.int64)


def _lines(reach: tuple[int, ...], direction: Ints) -> Ints:
    """Return the voxels of each line along a direction, -1 after each line."""
    follower = dict(_pairs(reach, direction).tolist())
    n = int(np.prod([2 * r + 1 for r in reach]))
    found: list[int] = []
    for start in sorted(set(range(n)) - set(follower.values())):
        at: int | None = start
        while at is not None:
            found.append(at)
            at = follower.get(at)
        found.append(-1)
    return np.array(found, dtype=np.int64)


def summation_plan(n: int) -> Ints:
    """Return how numpy adds up `n` numbers, for a machine with a stack.

    A number above 0 puts the sum of the next so many terms on the stack, 0 adds the two on top.
    The mean of equal numbers differs from them in the last digit or not, depending on the order,
    and with it the skewness of a constant window in pyradiomics.

    Examples
    --------
    >>> summation_plan(27).tolist(), summation_plan(343).tolist()
    ([27], [80, 88, 0, 80, 95, 0, 0])
    """
    if n <= _BLOCK:
        return np.array([n], dtype=np.int64)
    half = n // 2 - n // 2 % 8
    return np.concatenate([summation_plan(half), summation_plan(n - half), [0]])
