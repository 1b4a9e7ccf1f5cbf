"""One pair of channels: aligned, resampled, masks carried both ways, drawn, written."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from radiofib.cohort import Acquisition
from radiofib.cohort.failures import died_on, failure_of
from radiofib.cohort.geometry import geometry_text, size_of
from radiofib.errors import Failure
from radiofib.images import write_volume
from radiofib.images.checkerboard import checkerboard_png
from radiofib.prepare.config import RegistrationPlan
from radiofib.prepare.side import (
    Side,
    content_of,
    mask_image,
    read_reference,
    read_side,
    same_voxels,
    without_spikes,
)
from radiofib.preprocess.register import (
    Registration,
    carry_mask,
    register_pair,
    resample_to,
    write_transform,
)
from radiofib.provenance import hash_object
from radiofib.store import folder_within, read_record, write_record

__all__ = ["PairDone", "PairRow", "PairWork", "Task", "crashed", "do_pair"]

#: Changes when the content of a finished pair changes its meaning.
PAIR_SCHEMA = 2


@dataclass(frozen=True)
class PairRow:
    """How one channel was aligned to the reference: a row of ``registration.csv``.

    Parameters
    ----------
    case, instance, channel, to : str
        Which channel of whom, and the reference channel.
    verdict : {"good", "look", "failed"}
        What quality control says.
    reasons : str
        Why it is not good.
    metric_before, metric_after : float or None
        Mutual information in nats, before and after.
    dice_before, dice_after : float or None
        Overlap of the two masks, where both channels have one.
    inverse_consistency_mm : float or None
        How far a point comes back from where it started when sent there and back.
    residual_mm : float or None
        How far parts of the body still want to move, each on its own.
    overlap : float or None
        Share of the reference's field of view that the channel covers.
    coverage : float or None
        Share of the reference's mask that the channel covers.
    starts : int
        Starts that were tried.
    spikes : int
        Voxels of isolated spikes that were clipped before.
    shift_mm, rotation_deg : float or None
        How far the centre of the region was moved, and by what angle.
    native_geometry, reference_geometry : str
        Matrix (z, y, x), voxel (mm) and bytes of the channel's own file, and of the reference's:
        what negative controls need to know, and what tells a file of another sequence.
    image, transform, mask, mask_here, mask_there, picture : str
        Files, relative to the folder; "" where there is none. `mask` is the reference's mask cut
        to what the channel covers (none when it covers all of it), `mask_here` the reference's mask
        on the channel's own grid, `mask_there` the channel's own mask on the reference's grid.
    """

    case: str
    instance: str
    channel: str
    to: str
    verdict: str
    reasons: str = ""
    metric_before: float | None = None
    metric_after: float | None = None
    dice_before: float | None = None
    dice_after: float | None = None
    inverse_consistency_mm: float | None = None
    residual_mm: float | None = None
    overlap: float | None = None
    coverage: float | None = None
    starts: int = 0
    spikes: int = 0
    shift_mm: float | None = None
    rotation_deg: float | None = None
    native_geometry: str = ""
    reference_geometry: str = ""
    image: str = ""
    transform: str = ""
    mask: str = ""
    mask_here: str = ""
    mask_there: str = ""
    picture: str = ""

    def doubted(self, reason: str) -> PairRow:
        """Return the row with one more reason to look at it."""
        verdict = "look" if self.verdict == "good" else self.verdict
        return replace(
            self, verdict=verdict, reasons="; ".join(filter(None, (self.reasons, reason)))
        )

    @property
    def files(self) -> tuple[str, ...]:
        """Files that were written."""
        names = (self.image, self.transform, self.mask, self.mask_here, self.mask_there)
        return tuple(name for name in (*names, self.picture) if name)


@dataclass(frozen=True)
class PairWork:
    """What every pair needs to know: the plan, where to write, and versions."""

    plan: RegistrationPlan
    folder: Path
    pieces: Path
    versions: str


@dataclass(frozen=True)
class Task:
    """One pair: the reference, the channel to align, and the folder of the case."""

    fixed: Acquisition
    moving: Acquisition
    name: str


@dataclass(frozen=True)
class PairDone:
    """How a pair ended: a row, or why there is none."""

    row: PairRow | None = None
    failure: Failure | None = None
    reused: bool = False
    reference_failed: bool = False


class _BrokenReference(Exception):  # noqa: N818 - it carries the error of the reference
    """The reference of a case cannot be read."""


def do_pair(task: Task, *, work: PairWork) -> PairDone:
    """Align one pair unless it is there; never raise."""
    moving = task.moving
    try:
        key = _key(task, work)
        found = read_record(work.pieces, key, home=work.folder)
        if found is not None:
            return PairDone(PairRow(**found), reused=True)
        row = _align(task, work)
        write_record(work.pieces, key, asdict(row), home=work.folder, files=row.files)
    except _BrokenReference as broken:
        error = broken.args[0]
        return PairDone(failure=failure_of(task.fixed, error, "register"), reference_failed=True)
    except Exception as error:  # one bad pair never stops the others
        return PairDone(failure=failure_of(moving, error, "register"))
    return PairDone(row)


def crashed(task: Task, error: Exception) -> PairDone:
    """Say that the process died on a pair."""
    died = died_on("aligned this channel", error)
    return PairDone(failure=failure_of(task.moving, died, "register"))


def _key(task: Task, work: PairWork) -> str:
    return hash_object(
        {
            "schema": PAIR_SCHEMA,
            "case": task.moving.case,
            "instance": task.moving.instance,
            "name": task.name,
            "fixed": content_of(task.fixed),
            "moving": content_of(task.moving),
            "plan": work.plan.model_dump(mode="json", exclude={"on_failure", "on_look", "grid"}),
            "versions": work.versions,
        }
    )


def _align(task: Task, work: PairWork) -> PairRow:
    plan = work.plan
    try:
        fixed = read_reference(task.fixed)
    except Exception as error:
        raise _BrokenReference(error) from error
    moving, spikes = without_spikes(read_side(task.moving), plan.spikes)
    found = register_pair(
        fixed.image, moving.image, plan.settings, fixed_mask=fixed.mask, moving_mask=moving.mask
    )
    seen = _covered(fixed, moving, found.transform)
    row = replace(_judged(task, found, fixed, moving.image, seen, plan), spikes=spikes)
    if same_voxels(fixed.image, moving.image):
        same = f"{task.moving.channel} has the same voxels as {task.fixed.channel}"
        row = replace(row, verdict="look", reasons=same)
    for channel, side in ((task.fixed.channel, fixed), (task.moving.channel, moving)):
        for doubt in side.doubts:
            row = row.doubted(f"mask of {channel}: {doubt}")
    folder_within(work.folder, task.name)
    stem = f"{task.name}/{task.moving.channel}"
    row = replace(row, transform=f"{stem}.tfm")
    write_transform(work.folder / row.transform, found.transform)
    moved = resample_to(
        moving.image, fixed.image, found.transform, interpolation=plan.interpolation
    )
    if row.verdict != "failed":
        row = _carry(row, task, work, fixed, moving, moved, seen, found.transform)
    if plan.pictures:
        row = replace(row, picture=f"{stem}.png")
        checkerboard_png(fixed.image, moved, work.folder / row.picture, mask=fixed.mask)
    return row


def _covered(fixed: Side, moving: Side, transform: sitk.Transform) -> NDArray[np.bool_] | None:
    """Return the part of the reference's mask that lies inside the channel's field of view."""
    if fixed.mask is None:
        return None
    full = mask_image(np.ones(moving.image.GetSize()[::-1], np.bool_), moving.image)
    seen: NDArray[np.bool_] = sitk.GetArrayFromImage(carry_mask(full, transform, fixed.image)) > 0
    return seen & (sitk.GetArrayViewFromImage(fixed.mask) > 0)


def _judged(
    task: Task,
    found: Registration,
    fixed: Side,
    native: sitk.Image,
    seen: NDArray[np.bool_] | None,
    plan: RegistrationPlan,
) -> PairRow:
    moving = task.moving
    reasons, verdict, coverage = list(found.reasons), found.verdict, None
    if seen is not None and fixed.mask is not None:
        region = np.count_nonzero(sitk.GetArrayViewFromImage(fixed.mask))
        coverage = float(np.count_nonzero(seen) / region)
        if coverage < plan.min_coverage:
            verdict = "failed"
            reasons.append(
                f"{moving.channel} covers {coverage:.0%} of the mask of {plan.to}, "
                f"less than {plan.min_coverage:.0%}"
            )
    shift, angle = _motion(found.transform, fixed)
    return PairRow(
        moving.case,
        moving.instance,
        moving.channel,
        plan.to,
        verdict,
        "; ".join(reasons),
        metric_before=found.metric_before,
        metric_after=found.metric_after,
        dice_before=found.dice_before,
        dice_after=found.dice_after,
        inverse_consistency_mm=_number(found.inverse_consistency_mm),
        residual_mm=_number(found.residual_mm),
        overlap=found.overlap,
        coverage=coverage,
        starts=found.starts,
        shift_mm=shift,
        rotation_deg=angle,
        native_geometry=_geometry(native, moving),
        reference_geometry=_geometry(fixed.image, task.fixed),
    )


def _geometry(image: sitk.Image, a: Acquisition) -> str:
    return geometry_text(image.GetSize()[::-1], image.GetSpacing()[::-1], size_of(a.image))


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _motion(transform: sitk.Transform, fixed: Side) -> tuple[float, float]:
    """Return how far the centre of the fixed image moves (mm), and the angle (degrees)."""
    size = fixed.image.GetSize()
    middle = fixed.image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in size])
    there = np.array(transform.TransformPoint(middle))
    ends = [there + 0.0]
    for axis in range(3):
        step = np.array(middle)
        step[axis] += 1.0
        ends.append(np.array(transform.TransformPoint(step.tolist())))
    matrix = np.stack([end - ends[0] for end in ends[1:]], axis=1)
    u, _, v = np.linalg.svd(matrix)
    cosine = (np.trace(u @ v) - 1) / 2
    angle = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    return float(np.linalg.norm(there - np.array(middle))), angle


def _carry(
    row: PairRow,
    task: Task,
    work: PairWork,
    fixed: Side,
    moving: Side,
    moved: sitk.Image,
    seen: NDArray[np.bool_] | None,
    transform: sitk.Transform,
) -> PairRow:
    """Write the resampled image and the masks on both grids."""
    stem = f"{task.name}/{task.moving.channel}"
    row = replace(row, image=f"{stem}.nii.gz")
    write_volume(work.folder / row.image, moved)
    if moving.mask is not None:
        there = carry_mask(moving.mask, transform, fixed.image)
        row = replace(row, mask_there=f"{stem}_mask_on_{task.fixed.channel}.nii.gz")
        write_volume(work.folder / row.mask_there, there)
    if fixed.mask is not None and seen is not None:
        if row.coverage is not None and row.coverage < 1:
            row = replace(row, mask=f"{stem}_covered.nii.gz")
            write_volume(work.folder / row.mask, mask_image(seen, fixed.image))
        here = carry_mask(fixed.mask, transform, moving.image, back=True)
        row = replace(row, mask_here=f"{stem}_mask.nii.gz")
        write_volume(work.folder / row.mask_here, here)
    return row
