"""The figures that say whether a transform is right."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from radiofib.preprocess.register import quality
from radiofib.preprocess.register.geometry import (
    distance_mm,
    inside,
    inverse,
    linear,
    matrix_of,
    overlap,
)
from radiofib.preprocess.register.prepare import Prepared, around, positions
from radiofib.preprocess.register.result import Registration
from radiofib.preprocess.register.search import body_centre, descend, region_of, sharpen
from radiofib.preprocess.register.settings import RegistrationSettings

__all__ = ["dice_of", "measure"]

#: Points of the body seen by both images from which on only these count.
_ENOUGH_POINTS = 50


def measure(
    here: Prepared,
    there: Prepared,
    transform: sitk.Transform,
    settings: RegistrationSettings,
    dice_before: float | None,
    starts: int,
    seed: int,
    swapped: bool,
    *,
    sharp: bool,
) -> Registration:
    """Compute the figures for a transform from the fixed to the moving frame.

    Parameters
    ----------
    swapped : bool
        Whether the voxels of the moving image were the ones compared.
    sharp : bool
        Whether the transform was sharpened, as the way back then is too.
    """
    middle = len(settings.levels) // 2
    grid, target = here.levels[middle], there.levels[middle]
    onto = transform
    if swapped:
        grid, target = target, grid
        onto = inverse(transform, "affine", np.zeros(3))
    where = _where(here, there, transform, grid, settings.margin_mm, swapped)
    still = sitk.Transform(3, sitk.sitkIdentity)
    after = quality.agreement(grid, target, onto, where, 32)
    before = quality.agreement(grid, target, still, where, 32)
    residual = quality.residual_mm(grid, target, onto, where, 16)
    body = _body_points(here, there, transform)
    covered = overlap(_scope(here), transform, there.full)
    shared = covered
    if here.mask is None:
        back_again = inverse(transform, "affine", np.zeros(3))
        shared = max(covered, overlap(_scope(there, masked=False), back_again, here.full))
    kind = settings.transform
    back_from = there if not swapped else here
    back_to = here if not swapped else there
    # The way back starts off the solution, so that agreement is not for want of moving.
    off = sitk.Euler3DTransform()
    off.SetCenter(body_centre(back_from).tolist())
    off.SetParameters((0.05, -0.05, 0.05, 5.0, -5.0, 5.0))
    base = transform if swapped else inverse(transform, "affine", np.zeros(3))
    begin = _rigid_part(base, off, body_centre(back_from))
    try:
        # Fewer samples do where many follow.
        samples = settings.samples // 2 if sharp else settings.samples
        first = settings.model_copy(update={"samples": samples})
        back = descend(back_from, back_to, begin, first, seed=seed + 101, from_level=1)
        if sharp:
            for level in (len(settings.levels) // 2, len(settings.levels) - 1):
                back = sharpen(back_from, back_to, back, settings, level, seed=seed + 101)
        forth = back if swapped else inverse(back, kind, np.zeros(3))
        consistency = distance_mm(forth, transform, body)
    except RuntimeError:
        consistency = float("nan")
    dice_after = dice_of(here, there, transform)
    verdict, reasons = quality.judge(
        settings,
        residual=residual,
        inverse_mm=consistency,
        overlap=shared,
        dice_after=dice_after,
        gained=after - before,
    )
    return Registration(
        transform=transform,
        metric_before=before,
        metric_after=after,
        dice_before=dice_before,
        dice_after=dice_after,
        inverse_consistency_mm=consistency,
        overlap=covered,
        residual_mm=residual,
        starts=starts,
        verdict=verdict,
        reasons=reasons,
        seconds=0.0,
    )


def _rigid_part(
    base: sitk.Transform, off: sitk.Transform, centre: NDArray[np.float64]
) -> sitk.Transform:
    """Return the rigid transform nearest to first `off`, then `base`."""
    a, t = matrix_of(base)
    b, s = matrix_of(off)
    matrix, shift = a @ b, a @ s + t
    u, _, v = np.linalg.svd(matrix)
    turn = u @ v
    return linear(turn, matrix @ centre + shift - turn @ centre, "rigid", centre)


def _where(
    here: Prepared,
    there: Prepared,
    transform: sitk.Transform,
    grid: sitk.Image,
    margin_mm: float,
    swapped: bool,
) -> NDArray[np.bool_]:
    """Return the voxels of the compared image that count: near a mask, or in the body."""
    if swapped:
        back = inverse(transform, "affine", np.zeros(3))
        region = region_of(there, here, back, margin_mm)
    else:
        region = region_of(here, there, transform, margin_mm)
    if region is None:
        region = sitk.OtsuThreshold(grid, 0, 1)
        region = sitk.BinaryDilate(sitk.BinaryFillhole(region), [2, 2, 2])
    else:
        still = sitk.Transform(3, sitk.sitkIdentity)
        region = sitk.Resample(region, grid, still, sitk.sitkNearestNeighbor)
    found: NDArray[np.bool_] = sitk.GetArrayFromImage(region) > 0
    return found


def _body_points(here: Prepared, there: Prepared, transform: sitk.Transform) -> NDArray[np.float64]:
    """Return points of the mask or body that both images see, of the whole of it if few."""
    points = _own_points(here)
    seen = inside(points, transform, there.full)
    return points[seen] if seen.sum() >= _ENOUGH_POINTS else points


def _own_points(prepared: Prepared) -> NDArray[np.float64]:
    image = prepared.levels[0]
    body = sitk.GetArrayFromImage(sitk.OtsuThreshold(image, 0, 1)) > 0
    if prepared.mask is not None:
        near = around(prepared.mask, image, sitk.Transform(), 0.0)
        if sitk.GetArrayViewFromImage(near).any():
            body = sitk.GetArrayFromImage(near) > 0
    return positions(image, body)


def _scope(prepared: Prepared, *, masked: bool = True) -> NDArray[np.float64]:
    """Return the points that the other field of view should cover."""
    image = prepared.levels[0]
    if prepared.mask is None or not masked:
        return positions(image, np.ones(image.GetSize()[::-1], dtype=bool))
    return _own_points(prepared)


def dice_of(here: Prepared, there: Prepared, transform: sitk.Transform) -> float | None:
    """Return the Dice of the two masks, None without both."""
    if here.mask is None or there.mask is None:
        return None
    return quality.dice(here.mask, there.mask, transform)
