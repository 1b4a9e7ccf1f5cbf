"""Registration of one image to another, with the figures that say whether it worked."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from radiofib.preprocess.register.geometry import inverse, linear, meet, reach
from radiofib.preprocess.register.measure import dice_of, measure
from radiofib.preprocess.register.prepare import one_thread_itk, prepare
from radiofib.preprocess.register.result import Registration, failed
from radiofib.preprocess.register.search import (
    best_start,
    body_centre,
    descend,
    other_starts,
    ranking,
    sharpest,
)
from radiofib.preprocess.register.settings import RegistrationSettings

__all__ = ["Registration", "register_pair"]

#: Nats that a later solution may fall short of the first by and still take its place. A sharpened
#: one maximises the agreement in wider bins, hence not quite that of the verdict.
_SAME, _SHARP = 0.005, 0.05


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
    millimetres; of equal ones that with the smaller field of view. A second run with the roles
    exchanged, from a start of its own, gives the inverse consistency. When the verdict is not
    "good", other starts are tried, and the best two are taken on with many samples on a regular
    pattern: there the metric has few maxima, so that the solution hardly depends on the start.
    One thread: the same seed gives the same transform, byte for byte.

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
    dice_before = dice_of(here, there, still)
    if not meet(here.full, there.full):
        return failed(still, dice_before, "the fields of view do not overlap")
    for image, what in ((here, "fixed"), (there, "moving")):
        values = sitk.GetArrayViewFromImage(image.levels[0])
        if values.min() == values.max():
            return failed(still, dice_before, f"the {what} image has one value everywhere")
    swapped = _swap(fixed, moving)
    sampled, other = (there, here) if swapped else (here, there)
    centre = body_centre(sampled)
    start = linear(np.eye(3), np.zeros(3), "rigid", centre)

    def measured(found: sitk.Transform, starts: int, *, sharp: bool = False) -> Registration:
        transform = inverse(found, settings.transform, body_centre(here)) if swapped else found
        return measure(
            here, there, transform, settings, dice_before, starts, seed, swapped, sharp=sharp
        )

    def better(
        best: Registration | None,
        found: list[sitk.Transform],
        starts: int,
        *,
        sharp: bool = False,
    ) -> Registration | None:
        slack = _SHARP if sharp else _SAME
        for transform in found:
            with contextlib.suppress(RuntimeError):
                new = measured(transform, starts, sharp=sharp)
                if best is None or new.metric_after > best.metric_after - slack:
                    best = new
        return best

    best: Registration | None = None
    candidates: list[sitk.Transform] = []
    with contextlib.suppress(RuntimeError):  # ITK: too little of the images in common
        candidates.append(descend(sampled, other, start, settings, seed=seed))
        best = measured(candidates[0], 1)
    if best is not None and best.verdict == "good":
        return best
    starts = other_starts(sampled, other, centre, settings.more_starts)
    for _, candidate in best_start(sampled, other, starts, settings, seed=seed)[:2]:
        with contextlib.suppress(RuntimeError):
            candidates.append(descend(sampled, other, candidate, settings, seed=seed, from_level=1))
    tried = 1 + len(starts)
    ranked = ranking(sampled, other, candidates, len(settings.levels) // 2)
    if best is None or ranked[:1] != candidates[:1]:
        best = better(best, ranked[:1], tried)
        if best is not None and best.verdict == "good":
            return best
    sharp = sharpest(sampled, other, ranked[:2], settings, seed=seed)
    best = better(best, sharp, tried, sharp=True)
    if best is None:
        return failed(still, dice_before, "no start led to a common part of the images")
    return replace(best, starts=tried)


def _swap(fixed: sitk.Image, moving: sitk.Image) -> bool:
    """Tell whether the moving image is the one to compare voxels of.

    That is the one with the thicker slices; of equal ones the one that reaches less far, so that
    few of its voxels lie where the other does not.
    """
    ratio = float(max(moving.GetSpacing()) / max(fixed.GetSpacing()))
    if 1 / 1.05 <= ratio <= 1.05:
        return reach(moving) < 0.8 * reach(fixed)
    return ratio > 1
