"""Volumes for the tests, and simulated patients with their tissues."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import SimpleITK as sitk

from radiofib.images import Image
from radiofib.simulate.mri import MriSettings, Volume, draw_channel, person_of, plan_cases
from radiofib.simulate.mri_anatomy import ORGANS, Anatomy, ellipsoid, own_frame
from radiofib.simulate.mri_paint import _capsule
from radiofib.simulate.mri_scanner import Grid

PLACE: Any = ((0.0,) * 3, tuple(np.eye(3).ravel()))


def image(pixels: Any, spacing: tuple[float, ...] = (2.0, 1.0, 1.0)) -> Image:
    """Return an array as an image; a plane becomes a picture."""
    pixels = np.asarray(pixels)
    if pixels.ndim == 2:
        return Image(pixels, spacing[-2:], kind="picture")
    return Image(pixels, spacing, *PLACE)


def image_of(volume: Volume) -> Image:
    """Return a simulated channel as it would be read."""
    itk = volume.image
    pixels = sitk.GetArrayFromImage(itk)
    return Image(pixels, itk.GetSpacing()[::-1], itk.GetOrigin(), itk.GetDirection())


def array_of(mask: sitk.Image) -> Any:
    """Return a mask as an array of bool."""
    return sitk.GetArrayFromImage(mask).astype(bool)


def own_points(volume: Volume, anatomy: Anatomy) -> Any:
    """Return where each voxel lies in the patient's own frame."""
    itk = volume.image
    grid = Grid(
        shape=itk.GetSize()[::-1],
        spacing_mm=itk.GetSpacing(),
        origin_mm=itk.GetOrigin(),
        flipped=itk.GetDirection()[0] < 0,
    )
    back = volume.motion.GetInverse()
    origin = np.array(back.TransformPoint((0.0, 0.0, 0.0)))
    matrix = np.stack([np.array(back.TransformPoint(e)) - origin for e in np.eye(3).tolist()], 1)
    q = grid.points(slice(None))
    moved = [sum(matrix[i, j] * q[j] for j in range(3)) + origin[i] for i in range(3)]
    x, y, z = (m.astype(np.float32) for m in moved)
    return own_frame(anatomy, (x, y, z))


def body_of(volume: Volume, anatomy: Anatomy) -> Any:
    """Return the true body."""
    return ellipsoid(own_points(volume, anatomy), (0, 0, 0), (162, 112, None)) < 0


def vessels_of(volume: Volume, anatomy: Anatomy) -> Any:
    """Return the painted vessels."""
    points = own_points(volume, anatomy)
    found = np.zeros(points[0].shape, dtype=bool)
    for start, end, radius in anatomy.vessels:
        found |= _capsule(points, start, end, radius) < 0
    return found


def tissues_of(volume: Volume, anatomy: Anatomy) -> dict[str, Any]:
    """Return masks of liver, spleen and paraspinal muscle, the muscle without its rim."""
    points = own_points(volume, anatomy)
    muscle = np.zeros(points[0].shape, dtype=bool)
    for name in ("paraspinal_right", "paraspinal_left"):
        muscle |= ellipsoid(points, *ORGANS[name][1:]) < -2
    for name in ("canal", "kidney_right", "kidney_left", "vertebra"):
        muscle &= ellipsoid(points, *ORGANS[name][1:]) > 2
    return {"liver": array_of(volume.liver), "spleen": array_of(volume.spleen), "muscle": muscle}


@lru_cache(maxsize=16)
def on_each_scanner(
    index: int, channel: str, seed: int, size: float = 0.3, **changes: Any
) -> list[tuple[str, Volume, Anatomy]]:
    """Draw one patient on the four scanners: the same tissue, other intensities.

    `changes` replace settings of every scanner.
    """
    settings = MriSettings(size=size)
    plan = plan_cases(settings, index + 1, seed)[index]
    _, anatomy = person_of(plan, settings, seed)
    found = []
    for k, scanner in enumerate(settings.scanners):
        changed = scanner.model_copy(update=changes)
        own = replace(plan, scanner=changed, index=1000 * (k + 1) + index)
        found.append((scanner.name, draw_channel(own, anatomy, channel, settings, seed), anatomy))
    return found
