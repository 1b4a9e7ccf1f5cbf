"""A region cut into instances: slices, middle slices, windows, patches.

An instance is measured as if a mask had been drawn that holds this part of the region alone: a
window on the same image, a slice or patch on the slice as a picture of its own. Instances lie on
a lattice of the image and not of the region, so that channels on one grid are cut alike even
where their regions differ a little.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import MaskError
from radiofib.preprocess.crop import Box, bounding_box
from radiofib.preprocess.instance_settings import (
    InstanceSettings,
    MiddleSlices,
    Patches,
    SliceAxis,
    Slices,
    WholeRegion,
    Windows,
)
from radiofib.roi import Roi

__all__ = ["Cut", "cut_region", "instance_ndim", "slice_axis", "steps_mm"]

#: Two spacings are different from this share on.
_UNEQUAL = 0.01


@dataclass(frozen=True)
class Cut:
    """Where an instance lies in its image.

    Parameters
    ----------
    name : str
        From its place: ``z012`` a slice, ``z000y064x128`` the first voxel of a window or patch.
    box : tuple of slice
        Its part of the image, along every axis.
    flat : int or None
        Axis along which it is one slice, measured in 2-D.
    """

    name: str
    box: Box
    flat: int | None = None

    @property
    def centre(self) -> tuple[float, ...]:
        """Middle of the box in voxels, along the axes of the array.

        Examples
        --------
        >>> Cut("y2x4", (slice(2, 4), slice(4, 5))).centre
        (2.5, 4.0)
        """
        return tuple((part.start + part.stop - 1) / 2 for part in self.box)

    def of(self, roi: Roi) -> Roi:
        """Return the instance: the part of the region in the box, on the image or slice it is of.

        Examples
        --------
        >>> roi = Roi(np.arange(8.0).reshape(2, 2, 2), np.ones((2, 2, 2), bool), (3, 1, 1), "t1")
        >>> part = Cut("z001", (slice(1, 2), slice(0, 2), slice(0, 2)), flat=0).of(roi)
        >>> part.pixels.tolist(), part.spacing_mm
        ([[4.0, 5.0], [6.0, 7.0]], (1, 1))
        """
        if self.flat is None:
            return replace(roi, mask=_within(roi.mask, self.box))
        number = self.box[self.flat].start
        plane = tuple(part for axis, part in enumerate(self.box) if axis != self.flat)
        spacing = tuple(s for axis, s in enumerate(roi.spacing_mm) if axis != self.flat)
        return replace(
            roi,
            pixels=np.take(roi.pixels, number, axis=self.flat),
            mask=_within(np.take(roi.mask, number, axis=self.flat), plane),
            spacing_mm=spacing,
            origin_mm=None,
            direction=None,
        )

    def position_mm(self, roi: Roi) -> tuple[float, float, float] | None:
        """Return the centre in space (x, y, z); None for a picture that has no place there."""
        if roi.ndim != 3 or roi.origin_mm is None or roi.direction is None:
            return None
        matrix = np.asarray(roi.direction, dtype=np.float64).reshape(3, 3)
        steps = np.array(self.centre[::-1]) * np.array(roi.spacing_mm[::-1])
        x, y, z = (np.asarray(roi.origin_mm) + matrix @ steps).tolist()
        return x, y, z


def _within(mask: NDArray[np.bool_], box: Box) -> NDArray[np.bool_]:
    """Return a mask cut to a box, of the same shape."""
    inside = np.zeros_like(mask)
    inside[box] = mask[box]
    return inside


def slice_axis(spacing_mm: Sequence[float], axis: SliceAxis = "acquisition") -> int:
    """Return the axis of the array that slices are stacked along.

    An image is acquired in slices along the axis with the largest distance between voxels; where
    distances are equal, along the first axis of the array, in which files store slices.

    Parameters
    ----------
    spacing_mm : sequence of float
        Distances along the axes of the array (z, y, x).
    axis : {"acquisition", "x", "y", "z"}
        A name wins over the rule.

    Examples
    --------
    >>> slice_axis((7.0, 1.2, 1.2)), slice_axis((1.0, 1.0, 4.0)), slice_axis((1.0, 1.0, 1.0))
    (0, 2, 0)
    >>> slice_axis((7.0, 1.2, 1.2), "y")
    1
    """
    if axis != "acquisition":
        return "zyx".index(axis)
    largest = max(spacing_mm)
    return next(i for i, step in enumerate(spacing_mm) if step >= (1 - _UNEQUAL) * largest)


def instance_ndim(settings: InstanceSettings, ndim: int) -> int:
    """Return the number of axes of an instance of a region with `ndim` axes.

    Examples
    --------
    >>> instance_ndim(Windows(kind="windows", size=8), 3), instance_ndim(Slices(kind="slices"), 3)
    (3, 2)
    """
    return ndim if settings.kind in ("whole", "windows") else 2


def steps_mm(roi: Roi, settings: InstanceSettings) -> tuple[float | None, ...]:
    """Return how far instances lie apart along each axis; None where they are not apart.

    Examples
    --------
    >>> roi = Roi(np.zeros((4, 4, 4)), np.ones((4, 4, 4), bool), (3.0, 1.0, 1.0), "t1")
    >>> steps_mm(roi, Slices(kind="slices"))
    (3.0, None, None)
    >>> steps_mm(roi, Patches(kind="patches", size=2, stride=1))
    (3.0, 1.0, 1.0)
    """
    spacing = roi.spacing_mm
    if isinstance(settings, Windows):
        _, stride = _window_sizes(settings, spacing)
        return tuple(n * step for n, step in zip(stride, spacing, strict=True))
    if isinstance(settings, WholeRegion):
        return (None,) * roi.ndim
    if roi.ndim == 2:
        if not isinstance(settings, Patches):
            return (None, None)
        _, stride = _patch_sizes(settings, spacing)
        return tuple(n * step for n, step in zip(stride, spacing, strict=True))
    axis = slice_axis(spacing, settings.axis)
    found: list[float | None] = [None] * 3
    found[axis] = spacing[axis]
    if isinstance(settings, Patches):
        plane = [a for a in range(3) if a != axis]
        _, stride = _patch_sizes(settings, [spacing[a] for a in plane])
        for a, n in zip(plane, stride, strict=True):
            found[a] = n * spacing[a]
    return tuple(found)


def cut_region(roi: Roi, settings: InstanceSettings) -> tuple[Cut, ...]:
    """Find the instances of a region, in the order of their places.

    Where a setting `most` leaves some out, those are kept whose place comes first in a fixed
    pseudo-random order of all places of the image: spread over the region, the same in every run,
    and largely the same places in every channel on one grid. A picture is its own only slice.

    Parameters
    ----------
    roi : Roi
        The region as it is to be measured.
    settings : WholeRegion, Slices, MiddleSlices, Windows or Patches
        What an instance is.

    Raises
    ------
    MaskError
        When no instance holds enough of the region, or sizes do not fit the axes of the image.

    Examples
    --------
    >>> mask = np.zeros((5, 8, 8), dtype=bool)
    >>> mask[1:4, 2:6, 2:7] = True
    >>> roi = Roi(np.zeros((5, 8, 8)), mask, (5.0, 1.0, 1.0), "t1")
    >>> [cut.name for cut in cut_region(roi, Slices(kind="slices", min_pixels=20))]
    ['z001', 'z002', 'z003']
    >>> [cut.name for cut in cut_region(roi, Patches(kind="patches", size=4, min_share=0.3))]
    ['z001y000x004', 'z001y004x004', 'z002y000x004', 'z002y004x004', 'z003y000x004', 'z003y004x004']
    """
    if isinstance(settings, WholeRegion):
        return (Cut("", tuple(slice(0, n) for n in roi.mask.shape)),)
    if isinstance(settings, Windows):
        cuts = list(_windows(roi, settings))
    elif isinstance(settings, Patches):
        cuts = _thinned(list(_patches(roi, settings)), settings.most, roi.mask.shape)
    elif isinstance(settings, Slices):
        cuts = _thinned(_slices(roi, settings), settings.most, roi.mask.shape)
    else:
        cuts = _middle(_slices(roi, settings), settings.n)
    if not cuts:
        raise MaskError(
            f"no instance of kind {settings.kind!r} holds enough of the region",
            found=f"a region of {roi.n_voxels} voxels",
            hint="ask for less of the region in an instance, or for smaller instances",
        )
    return tuple(cuts)


def _slices(roi: Roi, settings: Slices | MiddleSlices) -> list[Cut]:
    """Return the slices with enough pixels, in order."""
    if roi.ndim == 2:
        whole = tuple(slice(0, n) for n in roi.mask.shape)
        return [Cut("z000", whole)] if roi.n_voxels >= settings.min_pixels else []
    axis = slice_axis(roi.spacing_mm, settings.axis)
    others = tuple(a for a in range(3) if a != axis)
    pixels = np.count_nonzero(roi.mask, axis=others)
    return [
        Cut(f"{'zyx'[axis]}{k:03d}", _plane(roi.mask.shape, axis, int(k)), axis)
        for k in np.flatnonzero(pixels >= settings.min_pixels)
    ]


def _plane(shape: tuple[int, ...], axis: int, number: int) -> Box:
    whole = [slice(0, n) for n in shape]
    whole[axis] = slice(number, number + 1)
    return tuple(whole)


def _middle(cuts: list[Cut], n: int) -> list[Cut]:
    """Return the n in the middle; of two equally good choices the one that starts lower."""
    first = max((len(cuts) - n) // 2, 0)
    return cuts[first : first + n]


def _windows(roi: Roi, settings: Windows) -> Iterator[Cut]:
    shape = roi.mask.shape
    size, stride = _window_sizes(settings, roi.spacing_mm)
    size = tuple(min(n, most) for n, most in zip(size, shape, strict=True))
    box = bounding_box(roi.mask)
    starts = [
        [at for at in _starts(n, part, step) if at < inside.stop and at + part > inside.start]
        for n, part, step, inside in zip(shape, size, stride, box, strict=True)
    ]
    enough = settings.min_share * min(float(np.prod(size)), roi.n_voxels)
    for corner in product(*starts):
        window = tuple(slice(at, at + part) for at, part in zip(corner, size, strict=True))
        if np.count_nonzero(roi.mask[window]) >= enough:
            yield Cut(_place(corner), window)


def _starts(n: int, part: int, step: int) -> list[int]:
    """Return where windows start along an axis of n voxels; the last one ends with the axis."""
    found = list(range(0, n - part + 1, step))
    return found if found[-1] == n - part else [*found, n - part]


def _patches(roi: Roi, settings: Patches) -> Iterator[Cut]:
    axis = None if roi.ndim == 2 else slice_axis(roi.spacing_mm, settings.axis)
    plane = [a for a in range(roi.ndim) if a != axis]
    size, stride = _patch_sizes(settings, [roi.spacing_mm[a] for a in plane])
    enough = settings.min_share * float(np.prod(size))
    box = bounding_box(roi.mask)
    rows, columns = (
        np.arange(0, roi.mask.shape[a] - part + 1, step)
        for a, part, step in zip(plane, size, stride, strict=True)
    )
    numbers = [0] if axis is None else range(box[axis].start, box[axis].stop)
    for k in numbers:
        picture = roi.mask if axis is None else np.take(roi.mask, k, axis=axis)
        counts = _box_counts(picture, size)[np.ix_(rows, columns)]
        for i, j in np.argwhere(counts >= enough - 1e-9):
            corner = [int(rows[i]), int(columns[j])]
            parts = [slice(at, at + n) for at, n in zip(corner, size, strict=True)]
            if axis is not None:
                corner.insert(axis, k)
                parts.insert(axis, slice(k, k + 1))
            yield Cut(_place(corner), tuple(parts), axis)


def _box_counts(mask: NDArray[np.bool_], size: Sequence[int]) -> NDArray[np.int64]:
    """Return how many pixels are set in each box of a size, by its first pixel."""
    table = np.zeros(tuple(n + 1 for n in mask.shape), dtype=np.int64)
    table[1:, 1:] = mask.cumsum(axis=0).cumsum(axis=1)
    height, width = size
    if height > mask.shape[0] or width > mask.shape[1]:
        return np.zeros((0, 0), dtype=np.int64)
    counts: NDArray[np.int64] = (
        table[height:, width:]
        - table[:-height, width:]
        - table[height:, :-width]
        + table[:-height, :-width]
    )
    return counts


def _thinned(cuts: list[Cut], most: int | None, shape: tuple[int, ...]) -> list[Cut]:
    """Keep `most` cuts, those whose first voxel comes first in the order of `_scramble`."""
    if most is None or len(cuts) <= most:
        return cuts
    corners = np.array([[part.start for part in cut.box] for cut in cuts])
    rank = _scramble(np.ravel_multi_index(tuple(corners.T), shape))
    kept = np.sort(np.argsort(rank, kind="stable")[:most])
    return [cuts[i] for i in kept]


def _scramble(numbers: NDArray[np.intp]) -> NDArray[np.uint64]:
    """Mix whole numbers (SplitMix64's finaliser; Steele, Lea & Flood, OOPSLA 2014)."""
    mixed = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _place(corner: Sequence[int]) -> str:
    """Return the name of a place: its first voxel."""
    letters = "zyx"[3 - len(corner) :]
    return "".join(f"{letter}{at:03d}" for letter, at in zip(letters, corner, strict=True))


def _window_sizes(
    settings: Windows, spacing_mm: Sequence[float]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return size and stride of windows in voxels, along the axes of the array."""
    size = _voxels(settings.size, settings.unit, spacing_mm, "size")
    if settings.stride is None:
        return size, tuple(max(1, n // 2) for n in size)
    return size, _voxels(settings.stride, settings.unit, spacing_mm, "stride")


def _patch_sizes(
    settings: Patches, spacing_mm: Sequence[float]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return size and stride of patches in pixels, along the axes of the slice."""
    size = _voxels(settings.size, settings.unit, spacing_mm, "size")
    if settings.stride is None:
        return size, size
    return size, _voxels(settings.stride, settings.unit, spacing_mm, "stride")


def _voxels(
    given: float | tuple[float, ...], unit: str, spacing_mm: Sequence[float], what: str
) -> tuple[int, ...]:
    """Return a length for each axis of the array in whole voxels, at least one."""
    axes = len(spacing_mm)
    lengths = (given,) * axes if isinstance(given, int | float) else given[::-1]
    if len(lengths) != axes:
        raise MaskError(
            f"the {what} of instances has another number of axes than what is cut",
            expected=f"one number, or {axes}",
            found=f"{len(lengths)} numbers",
        )
    steps = spacing_mm if unit == "mm" else (1.0,) * axes
    return tuple(max(1, round(n / step)) for n, step in zip(lengths, steps, strict=True))
