"""What a registration returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import SimpleITK as sitk

__all__ = ["Registration", "failed"]

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
        Root mean square distance, over the body that both images see, between this transform and
        the inverse of one found with the roles of the images exchanged, from a start of its own.
        NaN when that failed.
    overlap : float
        Share of the fixed field of view that the moving one covers after registration; of the
        fixed mask where there is one. Without a fixed mask the verdict looks at the share of
        either field of view that lies within the other, the larger of the two: a slab that lies
        within a large volume can be registered as surely as a whole one.
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


def failed(transform: sitk.Transform, dice_before: float | None, why: str) -> Registration:
    """Return a registration that has none, and why."""
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
