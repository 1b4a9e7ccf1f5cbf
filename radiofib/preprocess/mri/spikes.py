"""Spikes: single voxels far above everything around them, as in a volume with one of 25,117."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from radiofib.preprocess.crop import grown
from radiofib.preprocess.mri.settings import SpikeClipping

__all__ = ["Spikes", "clip_spikes", "find_spikes"]


@dataclass(frozen=True, eq=False)
class Spikes:
    """Where spikes are, and what made them spikes.

    Parameters
    ----------
    where : ndarray of bool
        The spikes.
    step : float
        How far a spike stands above its neighbours at least.
    limit : float
        Intensity above which a small group is a spike.
    left : tuple of int
        Sizes in voxels of groups above the limit that are too large for spikes.
    """

    where: NDArray[np.bool_]
    step: float
    limit: float
    left: tuple[int, ...]

    @property
    def count(self) -> int:
        """Number of voxels."""
        return int(np.count_nonzero(self.where))


def find_spikes(pixels: NDArray[Any], settings: SpikeClipping | None = None) -> Spikes:
    """Find isolated voxels far above their neighbourhood.

    With M the largest value that all voxels of some 3 x 3 patch within a slice reach (the
    brightest that anything extended is), q the 1st percentile and s the deviation of noise,
    ``step = max(contrast (M - q), noise s)``. A spike is

    - a voxel that exceeds every neighbour (26, at the border fewer) by more than `step`; or
    - a connected group of at most `most_voxels` voxels that all exceed ``M + step``, while
      none of the voxels around it exceeds M.

    A vessel, a cyst or a bright organ keeps its voxels: each has a neighbour about as bright,
    and none exceeds what a patch of 3 x 3 reaches by half the range of the image. The noise is
    ``1.4826 median|x[i-1] - 2 x[i] + x[i+1]| / sqrt(6)`` along rows, over voxels above
    ``q + (M - q) / 4``.

    Parameters
    ----------
    pixels : ndarray of shape (z, y, x) or (y, x)
        Intensities, finite.
    settings : SpikeClipping, optional
        Thresholds.

    Examples
    --------
    >>> pixels = np.tile(np.linspace(0, 100, 12), (12, 1))
    >>> pixels[3, 4] = 25117
    >>> found = find_spikes(pixels)
    >>> found.where.nonzero(), round(found.limit, 1)
    ((array([3]), array([4])), 122.7)
    """
    settings = settings or SpikeClipping()
    values = pixels.astype(np.float32, copy=False)
    low, brightest = float(np.percentile(pixels, 1)), _brightest_patch(values)
    noise = _noise(values, low + (brightest - low) / 4)
    step = max(settings.contrast * (brightest - low), settings.noise * noise)
    limit = brightest + step
    where = np.zeros(pixels.shape, dtype=bool)
    if step <= 0 or float(values.max()) - low <= step:
        return Spikes(where, step, limit, ())
    for place in _peaks(values, step):
        part, middle = _around(pixels, place)
        others = np.delete(part.ravel(), middle)
        if others.size and float(part.flat[middle]) - float(others.max()) > step:
            where[tuple(place)] = True
    left: list[int] = []
    full = np.ones((3,) * pixels.ndim, dtype=bool)
    groups, _ = ndimage.label(values > limit, structure=full)
    for number, box in enumerate(ndimage.find_objects(groups), start=1):
        wide = grown(box, 1, pixels.shape)
        group = groups[wide] == number
        size = int(np.count_nonzero(group))
        if size > settings.most_voxels:
            left.append(size)
            continue
        around = values[wide][ndimage.binary_dilation(group, full) & ~group]
        if around.size and float(around.max()) <= brightest:
            where[wide] |= group
    return Spikes(where, step, limit, tuple(sorted(left, reverse=True)))


def clip_spikes(pixels: NDArray[Any], spikes: NDArray[np.bool_]) -> tuple[NDArray[Any], int]:
    """Return the image with each spike at the median of its neighbours that are none.

    Whole numbers stay whole; the type is kept. A copy is made only where there are spikes.

    Returns
    -------
    tuple of ndarray and int
        The image, and how many voxels were changed.

    Examples
    --------
    >>> pixels = np.array([[1, 2, 3], [1, 900, 3], [1, 2, 3]], dtype=np.int16)
    >>> clip_spikes(pixels, pixels > 800)[0][1]
    array([1, 2, 3], dtype=int16)
    """
    places = np.argwhere(spikes)
    if len(places) == 0:
        return pixels, 0
    out = pixels.copy()
    for place in places:
        values, _ = _around(pixels, place)
        good, reach = ~_around(spikes, place)[0], 1
        while not good.any() and reach < max(pixels.shape):
            reach += 1
            values, _ = _around(pixels, place, reach)
            good = ~_around(spikes, place, reach)[0]
        out[tuple(place)] = _median(values[good], pixels.dtype)
    return out, len(places)


def _median(values: NDArray[Any], kind: np.dtype) -> float:
    found = float(np.median(values))
    return float(np.floor(found + 0.5)) if kind.kind in "iu" else found


def _around(array: NDArray[Any], at: NDArray[np.intp], reach: int = 1) -> tuple[NDArray[Any], int]:
    """Return the neighbourhood of a voxel, and where in it, flattened, the voxel is."""
    box = tuple(
        slice(max(int(i) - reach, 0), min(int(i) + reach + 1, n))
        for i, n in zip(at, array.shape, strict=True)
    )
    part = array[box]
    inside = tuple(int(i) - b.start for i, b in zip(at, box, strict=True))
    return part, int(np.ravel_multi_index(inside, part.shape))


def _brightest_patch(values: NDArray[np.float32]) -> float:
    """Return the largest value that all of some 3 x 3 patch within a slice reach."""
    least = values
    for axis in (-1, -2):
        n = least.shape[axis]
        if n >= 3:
            first, second, third = (_part(least, axis, i, n - 2 + i) for i in range(3))
            least = np.minimum(np.minimum(first, second), third)
        else:
            least = least.min(axis=axis, keepdims=True)
    return float(least.max())


def _peaks(values: NDArray[np.float32], step: float) -> NDArray[np.intp]:
    """Return voxels that exceed their neighbours along both axes of the slice by a step."""
    high = np.ones(values.shape, dtype=bool)
    for axis in (-1, -2):
        n = values.shape[axis]
        up = _part(values, axis, 1, n) - _part(values, axis, 0, n - 1)
        _part(high, axis, 1, n)[up <= step] = False
        _part(high, axis, 0, n - 1)[up >= -step] = False
    return np.argwhere(high)


def _part(array: NDArray[Any], axis: int, start: int, stop: int) -> NDArray[Any]:
    """Return a view of some rows along an axis of the slice."""
    return array[..., start:stop] if axis == -1 else array[..., start:stop, :]


def _noise(values: NDArray[np.float32], floor: float) -> float:
    """Return the deviation of noise from second differences along rows of bright voxels."""
    if values.shape[-1] < 3:
        return 0.0
    bright = values[..., 1:-1] > floor
    if not bright.any():
        return 0.0
    second = (values[..., :-2] - 2 * values[..., 1:-1] + values[..., 2:])[bright]
    return float(1.4826 * np.median(np.abs(second)) / np.sqrt(6))
