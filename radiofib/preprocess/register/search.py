"""From a start to a solution through all resolutions, and other starts when one was bad."""

from __future__ import annotations

import contextlib

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from radiofib.preprocess.register.geometry import inside, linear, matrix_of
from radiofib.preprocess.register.optimise import climb
from radiofib.preprocess.register.prepare import Prepared, around, positions
from radiofib.preprocess.register.quality import agreement
from radiofib.preprocess.register.settings import RegistrationSettings

__all__ = [
    "best_start",
    "body_centre",
    "descend",
    "other_starts",
    "ranking",
    "region_of",
    "sharpen",
    "sharpest",
]

#: Share of the voxels from which on they are all looked at.
_NEARLY_ALL = 0.6

Vector = NDArray[np.float64]


def descend(
    sampled: Prepared,
    other: Prepared,
    start: sitk.Transform,
    settings: RegistrationSettings,
    *,
    seed: int,
    from_level: int = 0,
) -> sitk.Transform:
    """Register through the resolutions, coarse to fine.

    The coarsest looks at the whole images, where the range of capture is widest; the finer ones
    at the mask and its margin, where there is a mask of either image. An affine transform is
    freed after the coarsest.
    """
    found = start
    region = None
    coarse = settings.samples // 2
    for number in range(from_level, len(settings.levels)):
        grid = sampled.levels[number]
        if number == max(from_level, 1):
            region = region_of(sampled, other, found, settings.margin_mm)
        if number > 0 and settings.transform == "affine":
            found = as_affine(found)
        found = climb(
            grid,
            other.levels[number],
            region,
            found,
            settings,
            seed=seed + number,
            samples=settings.samples if number + 1 == len(settings.levels) else coarse,
            first_step_mm=settings.levels[number] / 2,
        )
    return found


def sharpen(
    sampled: Prepared,
    other: Prepared,
    start: sitk.Transform,
    settings: RegistrationSettings,
    level: int,
    *,
    seed: int,
) -> sitk.Transform:
    """Improve a transform that is nearly right, at one resolution.

    With many samples on a regular pattern and wider bins the metric has few maxima: starts that
    are a few mm apart end in one place, where with few samples they stop at several.
    """
    return climb(
        sampled.levels[level],
        other.levels[level],
        region_of(sampled, other, start, settings.margin_mm),
        start,
        settings,
        seed=seed,
        samples=settings.sharp_samples,
        first_step_mm=settings.levels[level] / 4,
        sharp=True,
    )


def ranking(
    sampled: Prepared, other: Prepared, candidates: list[sitk.Transform], level: int
) -> list[sitk.Transform]:
    """Return transforms, the one first that makes the images of a level agree most."""
    if len(candidates) < 2:
        return candidates
    grids = sampled.levels[level], other.levels[level]
    everywhere = np.ones(grids[0].GetSize()[::-1], dtype=bool)
    return sorted(candidates, key=lambda found: -agreement(*grids, found, everywhere, 32))


def sharpest(
    sampled: Prepared,
    other: Prepared,
    candidates: list[sitk.Transform],
    settings: RegistrationSettings,
    *,
    seed: int,
) -> list[sitk.Transform]:
    """Sharpen candidates at the middle resolution, and the best of them at the finest one.

    Returns
    -------
    list of sitk.Transform
        One; none when no candidate could be sharpened.
    """
    middle, finest = len(settings.levels) // 2, len(settings.levels) - 1
    found = []
    for candidate in candidates:
        with contextlib.suppress(RuntimeError):  # ITK: it left the other image
            found.append(sharpen(sampled, other, candidate, settings, middle, seed=seed))
    best = ranking(sampled, other, found, middle)[:1]
    with contextlib.suppress(RuntimeError):
        return [sharpen(sampled, other, one, settings, finest, seed=seed) for one in best]
    return best


def region_of(
    sampled: Prepared, other: Prepared, transform: sitk.Transform, margin_mm: float
) -> sitk.Image | None:
    """Return where to look, on the coarsest grid of `sampled`.

    That is about its mask or the other's; without masks where the other image is, and a margin;
    None is everywhere.
    """
    grid = sampled.levels[0]
    if sampled.mask is not None:
        region = around(sampled.mask, grid, sitk.Transform(3, sitk.sitkIdentity), margin_mm)
    elif other.mask is not None:
        region = around(other.mask, grid, transform, margin_mm)
    else:
        size = grid.GetSize()[::-1]
        places = positions(grid, np.ones(size, dtype=bool))
        seen = inside(places, transform, other.full, margin_mm / 3)
        if seen.mean() > _NEARLY_ALL:
            return None
        region = sitk.GetImageFromArray(seen.reshape(size).astype(np.uint8))
        region.CopyInformation(grid)
    return region if sitk.GetArrayViewFromImage(region).any() else None


def as_affine(transform: sitk.Transform) -> sitk.Transform:
    """Return a linear transform as an affine one with the same centre."""
    matrix, shift = matrix_of(transform)
    centre = np.array(transform.GetFixedParameters()[:3])
    return linear(matrix, shift, "affine", centre)


def body_centre(prepared: Prepared, *, by_mask: bool = True) -> Vector:
    """Return the centre of an image's mask, in mm; of its brighter part where it has none."""
    weight = prepared.mask if by_mask else None
    if weight is None:
        weight = sitk.OtsuThreshold(prepared.levels[0], 0, 1)
    values = sitk.GetArrayViewFromImage(weight) > 0
    places = np.argwhere(values)
    if not len(places):
        places = np.argwhere(np.ones(values.shape, dtype=bool))
    middle = places.mean(axis=0)[::-1]
    return np.array(weight.TransformContinuousIndexToPhysicalPoint(middle.tolist()))


def grid_centre(image: sitk.Image) -> Vector:
    """Return the middle of a field of view, in mm."""
    middle = [(n - 1) / 2 for n in image.GetSize()]
    return np.array(image.TransformContinuousIndexToPhysicalPoint(middle))


def other_starts(
    sampled: Prepared, other: Prepared, centre: Vector, most: int
) -> list[sitk.Transform]:
    """Return starts besides the frames as they are.

    Centres of the bodies or masks laid over each other, middles of the fields of view laid over
    each other, then turns by 15 degrees about each axis and shifts by 25 mm along each.
    """
    masked = sampled.mask is not None and other.mask is not None
    shifts = [
        body_centre(other, by_mask=masked) - body_centre(sampled, by_mask=masked),
        grid_centre(other.full) - grid_centre(sampled.full),
    ]
    starts = [linear(np.eye(3), shift, "rigid", centre) for shift in shifts]
    for axis in (2, 0, 1):
        for sign in (1, -1):
            shift = np.zeros(3)
            shift[axis] = 25.0 * sign
            starts.append(linear(np.eye(3), shift, "rigid", centre))
    for axis in (2, 0, 1):
        for sign in (1, -1):
            turn = sitk.Euler3DTransform()
            turn.SetCenter(centre.tolist())
            angles = [0.0, 0.0, 0.0]
            angles[axis] = sign * np.deg2rad(15.0)
            turn.SetRotation(*angles)
            starts.append(turn)
    return starts[:most]


def best_start(
    sampled: Prepared,
    other: Prepared,
    starts: list[sitk.Transform],
    settings: RegistrationSettings,
    *,
    seed: int,
) -> list[tuple[float, sitk.Transform]]:
    """Improve each start at the coarsest resolution; return metric and transform, best first."""
    coarse = sampled.levels[0], other.levels[0]
    everywhere = np.ones(coarse[0].GetSize()[::-1], dtype=bool)
    found = []
    for number, start in enumerate(starts):
        try:
            done = climb(
                *coarse,
                None,
                start,
                settings,
                seed=seed,
                samples=settings.samples // 4,
                first_step_mm=settings.levels[0] / 2,
            )
        except RuntimeError:  # too little in common from there
            continue
        found.append((agreement(*coarse, done, everywhere, 32), -number, done))
    found.sort(key=lambda item: item[:2], reverse=True)
    return [(value, done) for value, _, done in found]
