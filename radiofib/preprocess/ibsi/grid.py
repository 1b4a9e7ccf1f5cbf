"""The interpolation grid of IBSI: new spacing, same centre as the original grid."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

__all__ = ["GridAxis", "aligned_axis"]

#: Headers hold spacing in single precision: a grid that is longer than a whole number of new
#: voxels by less than this share of a voxel gets no voxel more.
_SLACK = 1e-4
#: Spacings closer than this relative difference are the same.
_SAME = 1e-6


@dataclass(frozen=True)
class GridAxis:
    """One axis of the interpolation grid.

    Parameters
    ----------
    size, new_size : int
        Number of voxels of the original and of the new grid.
    spacing, new_spacing : float
        Distance of their centres in mm.

    Examples
    --------
    >>> axis = aligned_axis(4, 3.0, 2.0)
    >>> axis.new_size, axis.positions()
    (6, array([-0.16666667,  0.5       ,  1.16666667,  1.83333333,  2.5       ,
            3.16666667]))
    """

    size: int
    new_size: int
    spacing: float
    new_spacing: float

    @property
    def same(self) -> bool:
        """Whether old and new grid are one and the same."""
        return self.spacing == self.new_spacing

    @property
    def step(self) -> float:
        """New spacing in voxels of the original grid."""
        return self.new_spacing / self.spacing

    @property
    def start(self) -> float:
        """Where the first new voxel lies, in voxels of the original grid."""
        return 0.5 * (self.size - 1 - self.step * (self.new_size - 1))

    def positions(self, part: slice = slice(None)) -> NDArray[np.float64]:
        """Return where new voxels lie, in voxels of the original grid.

        Positions are rounded to 1e-9 voxels, so that a voxel half-way between two others is
        half-way for the computer as well.
        """
        index = np.arange(self.new_size)[part]
        return np.round(self.start + self.step * index, 9)


def aligned_axis(size: int, spacing: float, new_spacing: float | None) -> GridAxis:
    """Return the new grid along one axis: n_b = ceil(n_a s_a / s_b), centres aligned.

    Parameters
    ----------
    size : int
        Number of voxels n_a.
    spacing : float
        Their spacing s_a in mm.
    new_spacing : float, optional
        The new spacing s_b; None keeps the axis as it is.

    References
    ----------
    IBSI reference manual, doi 10.48550/arXiv.1612.07003, interpolation grid (UMPJ), align grid
    centers (3WE3).

    Examples
    --------
    >>> aligned_axis(204, 0.977, 2.0).new_size, aligned_axis(60, 3.0, 2.0).start
    (100, -0.1666...)
    >>> aligned_axis(5, 3.0, None).same
    True
    """
    if new_spacing is None or abs(new_spacing - spacing) <= _SAME * spacing:
        return GridAxis(size, size, spacing, spacing)
    return GridAxis(size, max(ceil(size * spacing / new_spacing - _SLACK), 1), spacing, new_spacing)
