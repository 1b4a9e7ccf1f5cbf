"""Directions between neighbours, in pyradiomics' order, and their weights."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import cycle, islice, product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import ConfigError

__all__ = ["WeightingNorm", "cooccurrence_weights", "directions", "run_weights"]

Offsets = NDArray[np.int64]
WeightingNorm = Literal["euclidean", "manhattan", "infinity", "no_weighting"]


def directions(
    shape: Sequence[int],
    distances: Sequence[int] = (1,),
    *,
    force_2d_dimension: int | None = None,
    both_ways: bool = False,
) -> NDArray[np.int64]:
    """Return the offsets to neighbours at the given distances, in pyradiomics' order.

    The distance of an offset is its largest component (infinity norm). Offsets that do not fit
    into the array are left out. Without `both_ways` only one of ``+d`` and ``-d`` is returned.

    Parameters
    ----------
    shape : sequence of int
        Size of the array along each axis.
    distances : sequence of int
        Distances in voxels, each at least 1.
    force_2d_dimension : int, optional
        Axis along which no offset may move (pyradiomics' force2D and force2Ddimension).
    both_ways : bool
        Return both ``+d`` and ``-d``.

    Returns
    -------
    ndarray of int64, shape (n, len(shape))
        One offset a row; no rows for a single voxel.

    Raises
    ------
    ConfigError
        When a distance is below 1.

    Examples
    --------
    >>> directions((4, 4)).tolist()
    [[1, 1], [1, 0], [1, -1], [0, 1]]
    >>> len(directions((9, 9, 9))), len(directions((9, 9, 9), (1, 2), both_ways=True))
    (13, 124)
    >>> directions((9, 9, 9), force_2d_dimension=0).tolist()
    [[0, 1, 1], [0, 1, 0], [0, 1, -1], [0, 0, 1]]
    """
    if not distances or min(distances) < 1:
        raise ConfigError("distances between voxels must be 1 or more", found=str(list(distances)))
    reach = tuple(
        0 if axis == force_2d_dimension else min(max(distances), size - 1)
        for axis, size in enumerate(shape)
    )
    return _offsets(reach, tuple(distances), both_ways)


@lru_cache(maxsize=64)
def _offsets(reach: tuple[int, ...], distances: tuple[int, ...], both_ways: bool) -> Offsets:
    wanted = set(distances)
    offsets = [
        offset
        for offset in product(*(range(r, -r - 1, -1) for r in reach))
        if max(map(abs, offset)) in wanted
    ]
    # A distance that is given twice counts twice, as in pyradiomics.
    count = sum(max(map(abs, offset)) == d for d in distances for offset in offsets)
    count = count if both_ways else count // 2
    kept = list(islice(cycle(offsets), count)) if offsets else []
    found = np.array(kept, dtype=np.int64).reshape(count, len(reach))
    found.setflags(write=False)
    return found


def _lengths(
    offsets: NDArray[np.int64], spacing_mm: Sequence[float], norm: WeightingNorm
) -> NDArray[np.float64]:
    steps = np.abs(offsets) * np.asarray(spacing_mm, dtype=np.float64)
    if norm == "euclidean":
        return np.asarray(np.sqrt(np.sum(steps**2, axis=1)))
    return np.asarray(np.sum(steps, axis=1) if norm == "manhattan" else np.max(steps, axis=1))


def cooccurrence_weights(
    offsets: NDArray[np.int64], spacing_mm: Sequence[float], norm: WeightingNorm | None
) -> NDArray[np.float64] | None:
    """Return the weight of each direction's co-occurrence matrix, or None for no merging.

    ``exp(-|d|^2)`` with the length ``|d|`` of the offset in mm under `norm`, 1 for
    ``no_weighting`` (van Griethuysen et al. 2017, doi 10.1158/0008-5472.CAN-17-0339).

    Parameters
    ----------
    offsets : ndarray of shape (n, ndim)
        Directions in voxels.
    spacing_mm : sequence of float
        Voxel spacing along the axes of the array, in mm.
    norm : {"euclidean", "manhattan", "infinity", "no_weighting"} or None
        pyradiomics' weightingNorm.

    Examples
    --------
    >>> cooccurrence_weights(np.array([[0, 1], [1, 1]]), (1.0, 1.0), "manhattan").round(4).tolist()
    [0.3679, 0.0183]
    """
    if norm is None:
        return None
    if norm == "no_weighting":
        return np.ones(len(offsets))
    if norm == "euclidean":
        steps = np.abs(offsets) * np.asarray(spacing_mm, dtype=np.float64)
        return np.asarray(np.exp(-np.sum(steps**2, axis=1)))
    return np.asarray(np.exp(-(_lengths(offsets, spacing_mm, norm) ** 2)))


def run_weights(
    offsets: NDArray[np.int64], spacing_mm: Sequence[float], norm: WeightingNorm | None
) -> NDArray[np.float64] | None:
    """Return the weight of each direction's run-length matrix, or None for no merging.

    The length of the offset in mm under `norm`, 1 for ``no_weighting``. Parameters as for
    :func:`cooccurrence_weights`.

    Examples
    --------
    >>> run_weights(np.array([[0, 1], [1, 1]]), (3.0, 4.0), "euclidean").tolist()
    [4.0, 5.0]
    """
    if norm is None:
        return None
    if norm == "no_weighting":
        return np.ones(len(offsets))
    return _lengths(offsets, spacing_mm, norm)
