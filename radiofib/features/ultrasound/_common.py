"""What the families share: results, regions whose neighbourhood is whole, and limits of size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "LEAST_PIXELS",
    "Found",
    "box_sums",
    "nothing",
    "small",
    "whole_windows",
]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
#: Fewer pixels than this carry no statistic.
LEAST_PIXELS = 100


@dataclass
class Found:
    """Values by name, reasons for those that are NaN, and remarks."""

    values: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    flags: dict[str, str] = field(default_factory=dict)

    def without(self, names: Iterable[str], why: str) -> Found:
        """Mark features as missing for one reason."""
        for name in names:
            self.values[name] = float("nan")
            self.missing[name] = why
        return self


def nothing(names: Iterable[str], why: str) -> Found:
    """Return a family without any value."""
    return Found().without(names, why)


def small(pixels: int, least: int, what: str = "the region") -> str:
    """Return the reason why a region is too small; "" when it is not."""
    return f"{what} has {pixels} pixels, {least} are needed" if pixels < least else ""


def box_sums(values: FloatArray, size: int) -> FloatArray:
    """Return the sum over every box of `size` x `size` pixels, by its first corner.

    The shape is (rows - size + 1, columns - size + 1), empty when the array is smaller.
    """
    rows, columns = values.shape
    if rows < size or columns < size:
        return np.zeros((max(rows - size + 1, 0), max(columns - size + 1, 0)))
    total = np.zeros((rows + 1, columns + 1))
    np.cumsum(np.cumsum(values, axis=0), axis=1, out=total[1:, 1:])
    return np.asarray(
        total[size:, size:] - total[:-size, size:] - total[size:, :-size] + total[:-size, :-size]
    )


def whole_windows(mask: BoolArray, reach: int) -> BoolArray:
    """Tell for each pixel whether the square of `reach` pixels around it lies in the region.

    Beyond the picture there is no region.
    """
    size = 2 * reach + 1
    result: BoolArray = np.zeros(mask.shape, dtype=np.bool_)
    sums = box_sums(mask.astype(np.float64), size)
    if sums.size:
        result[reach : -reach or None, reach : -reach or None] = sums > size**2 - 0.5
    return result


def in_order(names: Sequence[str], found: Found) -> Found:
    """Return the family in the order of its columns; what is not finite is missing."""
    for name in names:
        value = found.values.get(name, float("nan"))
        if not np.isfinite(value):
            found.values[name] = float("nan")
            found.missing.setdefault(name, "not a number")
    return Found(
        {name: found.values[name] for name in names},
        {name: found.missing[name] for name in names if name in found.missing},
        {name: found.flags[name] for name in names if name in found.flags},
    )
