"""From the places of a class activation map to those of the picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["peak", "upsampled"]

FloatArray = NDArray[np.float64]


def upsampled(values: ArrayLike, shape: tuple[int, int]) -> FloatArray:
    """Enlarge a map of (rows, columns) to a picture bilinearly, corners not aligned.

    Examples
    --------
    >>> upsampled([[0.0, 1.0]], (1, 4)).tolist()
    [[0.0, 0.25, 0.75, 1.0]]
    """
    found = np.asarray(values, np.float64)
    for axis, wanted in enumerate(shape):
        side = found.shape[axis]
        at = np.clip((np.arange(wanted) + 0.5) * side / wanted - 0.5, 0, side - 1)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, side - 1)
        part = (at - low).reshape((-1, 1) if axis == 0 else (1, -1))
        found = np.take(found, low, axis) * (1 - part) + np.take(found, high, axis) * part
    return found


def peak(values: ArrayLike, shape: tuple[int, int]) -> tuple[int, int]:
    """Return row and column of the picture at the middle of the map's strongest spot.

    The spot is the cells joined to the largest one by their sides that reach half of its value;
    its middle is their centre of mass, with the map's values as weights. A network that tells an
    object by its border has its largest cell at that border, at random on one side of it; the
    spot has a middle below the size of a cell. Without a value above 0 the middle of the largest
    cell is taken. Of a spot that is bent the middle may lie beside it.

    Cells are taken to divide the picture evenly. Strided convolutions with padding see up to half
    a cell further up and left than that; networks that pool on the way down do not.

    Examples
    --------
    >>> peak([[0.0, 1.0], [0.0, 0.0]], (8, 8))
    (2, 6)
    >>> peak([[0.0, 4.0, 4.0, 1.0]], (8, 32))
    (4, 16)
    """
    from scipy import ndimage

    grid = np.asarray(values, np.float64)
    cell = np.unravel_index(int(np.argmax(grid)), grid.shape)
    spot = np.zeros(grid.shape, bool)
    spot[cell] = True
    if grid[cell] > 0:
        joined, _ = ndimage.label(grid >= grid[cell] / 2)
        spot = joined == joined[cell]
    at = np.argwhere(spot)
    weights = grid[spot] if grid[cell] > 0 else np.ones(1)
    row, column = (weights @ at / weights.sum() + 0.5) * shape / np.array(grid.shape)
    return int(row), int(column)
