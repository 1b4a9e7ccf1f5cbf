"""Registration of one image to another, with the figures that say whether it worked."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from radiofib.preprocess.register import quality
from radiofib.preprocess.register.geometry import distance_mm, inverse, linear, matrix_of, overlap
from radiofib.preprocess.register.prepare import (
    Prepared,
    around,
    one_thread_itk,
    positions,
    prepare,
)
from radiofib.preprocess.register.search import (
    best_start,
    body_centre,
    descend,
    other_starts,
    region_of,
)
from radiofib.preprocess.register.settings import RegistrationSettings

__all__ = ["Registration", "register_pair"]

Verdict = Literal["good", "look", "failed"]


@dataclass(frozen=True, eq=False)
class Registration:
    """A transform and what is known about its quality.

    Parameters
    ----------
    transform : sitk.Transform
        Maps points of the fixed frame to the moving frame, as ``sitk.Resample`` wants it: an
        ``Euler3DTransform`` or an ``AffineTransform``. Where the verdict is "failed" it may be
        anything, down to the identity.
    metric_before, metric_after : float
        Mutual information in nats, where both images are, in the frames as given and after
        registration; 0 where the images do not meet.
    dice_before, dice_after : float or None
        Of the masks, on the fixed grid; None without both.
    inverse_consistency_mm : float
        Root mean square distance over the body between this transform and the inverse of one
        found with the roles of the images exchanged, from a start of its own. NaN when that
        failed.
    overlap : float
        Share of the fixed field of view that the moving one covers after registration; of the
        fixed mask where there is one.
    residual_mm : float
        How far the parts of the body still want to move, each on its own
        (:func:`~radiofib.preprocess.register.quality.residual_mm`). NaN when it cannot be told.
    starts : int
        Number of starts tried.
    verdict : {"good", "look", "failed"}
        By the bounds in the settings.
    reasons : tuple of str
        What speaks against "good"; empty when nothing does.
    seconds : float
        Time taken; the only field that differs between two runs.
    """

    transform: sitk.Transform
    metric_before: float
    metric_after: float
    dice_before: float | None
    dice_after: float | None
    inverse_consistency_mm: float
    overlap: float
    residual_mm: float
    starts: int
    verdict: Verdict
    reasons: tuple[str, ...]
    seconds: float


def register_pair(
    fixed: sitk.Image,
    moving: sitk.Image,
    settings: RegistrationSettings | None = None,
    *,
    fixed_mask: sitk.Image | None = None,
    moving_mask: sitk.Image | None = None,
    seed: int | None = None,
) -> Registration:
    """Find the rigid or affine transform that brings one image onto another.

    Mattes mutual information, maximised by gradient descent through several resolutions. The
    image with the thicker slices is the one whose voxels are compared and the finer one is
    interpolated, whichever of them is fixed: interpolating thick slices shifts the optimum by
    millimetres. A second run with the roles exchanged, from a start of its own, gives the
    inverse consistency. When the verdict is not "good", other starts are tried and the best is
    kept. One thread: the same seed gives the same transform, byte for byte.

    Parameters
    ----------
    fixed, moving : sitk.Image
        Volumes of any grid, orientation and scalar type.
    settings : RegistrationSettings, optional
        Defaults when not given.
    fixed_mask, moving_mask : sitk.Image, optional
        The organ of interest, not 0 inside, on any grid of the same frame. One is enough.
    seed : int, optional
        Instead of that of the settings.

    Returns
    -------
    Registration
        Also when nothing could be found: then the verdict is "failed" and says why.

    Raises
    ------
    ImageError, MaskError
        When an input is not a scalar volume or a mask is empty.

    Examples
    --------
    >>> x, y, z = np.meshgrid(*[np.arange(32.0)] * 3, indexing="ij")
    >>> ball = np.exp(-((x - 15) ** 2 / 90 + (y - 18) ** 2 / 40 + (z - 14) ** 2 / 60))
    >>> fixed = sitk.GetImageFromArray(ball); fixed.SetSpacing((4, 4, 4))
    >>> move = sitk.Euler3DTransform(); move.SetParameters((0.05, 0, 0.05, 6, -4, 2))
    >>> moving = sitk.Resample(fixed, fixed, move.GetInverse())
    >>> found = register_pair(fixed, moving)
    >>> there = np.array(found.transform.TransformPoint((60, 70, 55)))
    >>> bool(np.linalg.norm(there - move.TransformPoint((60, 70, 55))) < 2)
    True
    """
    settings = settings or RegistrationSettings()
    begun = time.perf_counter()
    with one_thread_itk():
        found = _register(
            fixed,
            moving,
            settings,
            fixed_mask,
            moving_mask,
            settings.seed if seed is None else seed,
        )
    return replace(found, seconds=time.perf_counter() - begun)


def _register(
    fixed: sitk.Image,
    moving: sitk.Image,
    settings: RegistrationSettings,
    fixed_mask: sitk.Image | None,
    moving_mask: sitk.Image | None,
    seed: int,
) -> Registration:
    here = prepare(fixed, fixed_mask, settings.levels, settings.clip, "fixed")
    there = prepare(moving, moving_mask, settings.levels, settings.clip, "moving")
    still = sitk.Euler3DTransform()
    dice_before = _dice(here, there, still)
    if not _meet(here.full, there.full):
        return _failed(still, dice_before, "the fields of view do not overlap")
    for image, what in ((here, "fixed"), (there, "moving")):
        values = sitk.GetArrayViewFromImage(image.levels[0])
        if values.min() == values.max():
            return _failed(still, dice_before, f"the {what} image has one value everywhere")
    swapped = max(moving.GetSpacing()) > 1.05 * max(fixed.GetSpacing())
    sampled, other = (there, here) if swapped else (here, there)
    centre = body_centre(sampled)
    start = linear(np.eye(3), np.zeros(3), "rigid", centre)

    def measured(found: sitk.Transform, starts: int) -> Registration:
        transform = inverse(found, settings.transform, body_centre(here)) if swapped else found
        return _measure(here, there, transform, settings, dice_before, starts, seed, swapped)

    best: Registration | None = None
    with contextlib.suppress(RuntimeError):  # ITK: too little of the images in common
        best = measured(descend(sampled, other, start, settings, seed=seed), 1)
    if best is not None and best.verdict == "good":
        return best
    starts = other_starts(sampled, other, centre, settings.more_starts)
    tried = best_start(sampled, other, starts, settings, seed=seed)
    for _, candidate in tried[:2]:
        try:
            found = descend(sampled, other, candidate, settings, seed=seed, from_level=1)
            new = measured(found, 1 + len(starts))
        except RuntimeError:
            continue
        if best is None or new.metric_after > best.metric_after + 0.005:
            best = new
    if best is None:
        return _failed(still, dice_before, "no start led to a common part of the images")
    return replace(best, starts=1 + len(starts))


def _measure(
    here: Prepared,
    there: Prepared,
    transform: sitk.Transform,
    settings: RegistrationSettings,
    dice_before: float | None,
    starts: int,
    seed: int,
    swapped: bool,
) -> Registration:
    """Compute the figures for a transform from the fixed to the moving frame."""
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
    body = _body_points(here)
    covered = overlap(_scope(here), transform, there.full)
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
        back = descend(back_from, back_to, begin, settings, seed=seed + 101, from_level=1)
        forth = back if swapped else inverse(back, kind, np.zeros(3))
        consistency = distance_mm(forth, transform, body)
    except RuntimeError:
        consistency = float("nan")
    dice_after = _dice(here, there, transform)
    verdict, reasons = quality.judge(
        settings,
        residual=residual,
        inverse_mm=consistency,
        overlap=covered,
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


def _body_points(prepared: Prepared) -> NDArray[np.float64]:
    image = prepared.levels[0]
    inside = sitk.GetArrayFromImage(sitk.OtsuThreshold(image, 0, 1)) > 0
    if prepared.mask is not None:
        near = around(prepared.mask, image, sitk.Transform(), 0.0)
        if sitk.GetArrayViewFromImage(near).any():
            inside = sitk.GetArrayFromImage(near) > 0
    return positions(image, inside)


def _scope(prepared: Prepared) -> NDArray[np.float64]:
    """Return the points that the moving field of view should cover."""
    image = prepared.levels[0]
    if prepared.mask is None:
        return positions(image, np.ones(image.GetSize()[::-1], dtype=bool))
    return _body_points(prepared)


def _dice(here: Prepared, there: Prepared, transform: sitk.Transform) -> float | None:
    if here.mask is None or there.mask is None:
        return None
    return quality.dice(here.mask, there.mask, transform)


def _meet(one: sitk.Image, other: sitk.Image) -> bool:
    """Tell whether two fields of view share a part, by 9 x 9 x 9 points of either."""
    still = sitk.Transform(3, sitk.sitkIdentity)
    return any(overlap(_lattice(a), still, b) > 0 for a, b in ((one, other), (other, one)))


def _lattice(image: sitk.Image) -> NDArray[np.float64]:
    axes = [np.linspace(0, n - 1, 9) for n in image.GetSize()]
    index = np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=1)
    matrix = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    return np.asarray(index @ matrix.T + np.array(image.GetOrigin()))


def _failed(transform: sitk.Transform, dice_before: float | None, why: str) -> Registration:
    return Registration(
        transform=transform,
        metric_before=0.0,
        metric_after=0.0,
        dice_before=dice_before,
        dice_after=dice_before,
        inverse_consistency_mm=float("nan"),
        overlap=0.0,
        residual_mm=float("nan"),
        starts=0,
        verdict="failed",
        reasons=(why,),
        seconds=0.0,
    )
