"""Cohorts of multi-sequence liver MRI with known truth: who gets what, and what is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from pydantic import Field

from radiofib._checks import check_known
from radiofib.config import StrictModel
from radiofib.simulate._deal import check_per_stage, deal, run_pieces, stage_facts
from radiofib.simulate._files import new_folder, write_frame, write_json, write_nifti
from radiofib.simulate._random import child_rng, even_flags
from radiofib.simulate.laws import StageLaw
from radiofib.simulate.mri_anatomy import Anatomy, LiverLaw, draw_anatomy
from radiofib.simulate.mri_scanner import CHANNELS, MRI_SCANNERS, MriScanner, make_grid, render

__all__ = ["CasePlan", "MotionLaw", "MriSettings", "plan_cases", "write_mri_cohort"]

SCHEUER = ("S1", "S2", "S3", "S4")


class MotionLaw(StrictModel):
    """How far channels lie from GED4: uniform between plus and minus these, about each axis.

    T1 and the earlier GED phases are taken in one session with GED4 and move by half as much.
    """

    max_rotation_deg: float = Field(default=3.0, ge=0, le=30)
    max_shift_mm: float = Field(default=8.0, ge=0, le=60)

    def draw(self, channel: str, rng: np.random.Generator) -> sitk.Euler3DTransform:
        """Return the transform from the GED4 frame to the channel's own (identity for GED4)."""
        share = 0.0 if channel == "ged4" else 1.0 if channel in ("t2", "dwi") else 0.5
        angles = np.deg2rad(self.max_rotation_deg) * rng.uniform(-1, 1, 3) * share
        shift = self.max_shift_mm * rng.uniform(-1, 1, 3) * share
        transform = sitk.Euler3DTransform()
        transform.SetParameters([round(float(v), 9) for v in (*angles, *shift)])
        return transform


class MriSettings(StrictModel):
    """Everything a cohort is made with, besides its size and seed.

    Parameters
    ----------
    size : float
        Size of the grids: 1 is the protocols' own (320 x 260 x 72 and up), 0.3 gives about
        100 x 80 x 26.
    stages : tuple of str
        Labels in order; each scanner's ``stage_weights`` follow it.
    scanners, stage_law, liver_law, motion
        The laws, each documented in its own class.
    """

    size: float = Field(default=0.3, ge=0.1, le=1.0)
    stages: tuple[str, ...] = SCHEUER
    scanners: tuple[MriScanner, ...] = MRI_SCANNERS
    stage_law: StageLaw = StageLaw()
    liver_law: LiverLaw = LiverLaw()
    motion: MotionLaw = MotionLaw()


@dataclass(frozen=True)
class CasePlan:
    """What one case is to be, decided before any voxel is drawn.

    Parameters
    ----------
    index : int
        Number of the case in its stream; with the seed it fixes everything random.
    stream : str
        ``mri`` for a cohort, another name for a validation set.
    name : str
        Name of the case.
    scanner : MriScanner
        Where it was scanned.
    level : int
        Stage level, from 0.
    missing : frozenset of str
        Channels that were not taken.
    has_mask : bool
        Whether a reader outlined the liver on GED4 (one case in twelve).
    """

    index: int
    stream: str
    name: str
    scanner: MriScanner
    level: int
    missing: frozenset[str]
    has_mask: bool


def plan_cases(
    settings: MriSettings, n_cases: int, seed: int, stream: str = "mri"
) -> list[CasePlan]:
    """Deal scanners, stages, missing channels and masks to cases.

    Scanners and stages are dealt by quota and missing channels at an even rate, so that the
    counts are those asked for in any number of cases, and case k does not depend on it.

    Examples
    --------
    >>> plans = plan_cases(MriSettings(), 430, 0)
    >>> b1 = [p for p in plans if p.scanner.name == "B1"]
    >>> sum("dwi" in p.missing for p in b1), sum("dwi" in p.missing for p in b1 if p.level == 3)
    (27, 2)
    """
    for scanner in settings.scanners:
        for channel, rates in scanner.missing.items():
            check_per_stage(f"missing {channel}", rates, settings.stages, scanner.name)
            where = f"scanner {scanner.name}"
            check_known(channel, CHANNELS, what="channel among the missing ones", where=where)
    dealt = deal(settings.scanners, settings.stages, n_cases)
    levels = np.array([level for _, level in dealt])
    missing: list[set[str]] = [set() for _ in range(n_cases)]
    outlined = [False] * n_cases
    for s, scanner in enumerate(settings.scanners):
        places = [k for k, (number, _) in enumerate(dealt) if number == s]
        for channel, rates in sorted(scanner.missing.items()):
            # One even sequence for all stages that share a rate: their total is then exact.
            for r, rate in enumerate(sorted(set(rates))):
                key = (s, CHANNELS.index(channel), r)
                offset = float(child_rng(seed, f"{stream}-missing", *key).random())
                equal = [k for k in places if rates[levels[k]] == rate]
                for k, gone in zip(equal, even_flags(rate, len(equal), offset), strict=True):
                    if gone:
                        missing[k].add(channel)
        for k, flag in zip(places, even_flags(scanner.mask_rate, len(places), 0.5), strict=True):
            outlined[k] = flag
    return [
        CasePlan(
            index=k,
            stream=stream,
            name=f"mr{k + 1:03d}",
            scanner=settings.scanners[dealt[k][0]],
            level=int(levels[k]),
            missing=frozenset(missing[k]),
            has_mask=outlined[k],
        )
        for k in range(n_cases)
    ]


@dataclass(frozen=True, eq=False)
class Volume:
    """One channel of one case: image and exact masks on its grid.

    Parameters
    ----------
    image : sitk.Image
        Voxels as stored by the scanner.
    liver, spleen, lesion : sitk.Image
        Masks, 0 or 1.
    motion : sitk.Euler3DTransform
        Transform from the GED4 frame to this channel's: ``sitk.Resample(image, ged4, motion)``
        brings the channel onto GED4.
    series : float
        Scale of this series.
    """

    image: sitk.Image
    liver: sitk.Image
    spleen: sitk.Image
    lesion: sitk.Image
    motion: sitk.Euler3DTransform
    series: float


def person_of(plan: CasePlan, settings: MriSettings, seed: int) -> tuple[float, Anatomy]:
    """Return a case's latent trait and anatomy."""
    rng = child_rng(seed, f"{plan.stream}-patient", plan.index)
    trait = settings.stage_law.draw(plan.level, rng)
    return trait, draw_anatomy(trait, settings.liver_law, rng)


def draw_channel(
    plan: CasePlan, anatomy: Anatomy, channel: str, settings: MriSettings, seed: int
) -> Volume:
    """Draw one channel of a case."""
    number = CHANNELS.index(channel)
    rng = child_rng(seed, f"{plan.stream}-channel", plan.index, number)
    motion = settings.motion.draw(channel, rng)
    series = float(np.exp(plan.scanner.series_scale_sd * rng.standard_normal()))
    centre = np.array([0.0, 0.0, 8.0]) + rng.uniform(-1, 1, 3) * (6, 6, 4)
    grid = make_grid(plan.scanner, channel, settings.size, centre)
    drawn = render(anatomy, plan.scanner, channel, grid, motion, series, rng)
    liver, spleen, lesion = (
        grid.image(m.astype(np.uint8)) for m in (drawn.liver, drawn.spleen, drawn.lesion)
    )
    return Volume(grid.image(drawn.pixels), liver, spleen, lesion, motion, series)


def case_truth(
    plan: CasePlan, trait: float, anatomy: Anatomy, settings: MriSettings, liver: sitk.Image
) -> dict[str, Any]:
    """Return what is known about a case, one row of ``truth.csv``."""
    voxel_ml = float(np.prod(liver.GetSpacing())) / 1000
    row: dict[str, Any] = {
        "case": plan.name,
        "scanner": plan.scanner.name,
        "level": plan.level,
        "stage": settings.stages[plan.level],
        "trait": trait,
        "missing": " ".join(c for c in CHANNELS if c in plan.missing),
        "liver_ml": round(float(sitk.GetArrayViewFromImage(liver).sum()) * voxel_ml, 3),
        "relative_enhancement": anatomy.uptake,
        "texture": anatomy.texture,
        "surface_mm": anatomy.surface_mm,
        "spleen_scale": anatomy.spleen_scale,
        "lesion": anatomy.lesion is not None,
    }
    return row | {f"finding_{k}": v for k, v in anatomy.findings.items()}


def transform_row(case: str, channel: str, volume: Volume) -> dict[str, Any]:
    """Return a channel's true transform, one row of ``truth_transforms.csv``."""
    names = ("rx_rad", "ry_rad", "rz_rad", "tx_mm", "ty_mm", "tz_mm")
    row: dict[str, Any] = {"case": case, "channel": channel}
    row |= dict(zip(names, volume.motion.GetParameters(), strict=True))
    return row | {"series_scale": volume.series}


def write_mri_cohort(
    out: str | Path,
    *,
    n_cases: int = 24,
    seed: int = 0,
    masks: Literal["lifs", "ged4", "all"] = "all",
    settings: MriSettings | None = None,
    workers: int | None = 1,
) -> Path:
    """Write a LiFS-like cohort: seven channels, four scanners, misaligned and incomplete.

    Parameters
    ----------
    out : path
        Folder; gets ``cohort.csv``, ``images/<case>/<channel>.nii.gz``, ``masks/``,
        ``truth.csv``, ``truth_transforms.csv``, ``truth.json`` and ``truth/`` (organ labels on
        GED4: 1 liver, 2 spleen, 3 lesion; transforms as ``.tfm``).
    n_cases : int
        Size. Case k is the same whatever it is.
    seed : int
        Same seed, same bytes, for any number of workers.
    masks : {"lifs", "ged4", "all"}
        Which liver masks the study is given: on GED4 for one case in twelve as in LiFS, on GED4
        for every case, or on every channel's own grid.
    settings : MriSettings, optional
        Laws and sizes.
    workers : int, optional
        Processes; None takes one per core.

    Returns
    -------
    Path
        ``cohort.csv``, one row per channel that was taken.
    """
    settings = settings or MriSettings()
    plans = plan_cases(settings, n_cases, seed)
    out = new_folder(out)
    make = partial(_write_case, out=out, settings=settings, seed=seed, masks=masks)
    results = list(run_pieces(make, {p.name: p for p in plans}, workers).values())
    write_frame(out / "truth.csv", [r[1] for r in results])
    write_frame(out / "truth_transforms.csv", [row for r in results for row in r[2]])
    write_json(out / "truth.json", mri_facts("mri", settings, seed, [p.level for p in plans]))
    write_frame(out / "cohort.csv", [row for r in results for row in r[0]])
    return out / "cohort.csv"


def mri_facts(kind: str, settings: MriSettings, seed: int, levels: Sequence[int]) -> dict[str, Any]:
    """Return the parameters of a cohort and the best AUC that its trait allows."""
    facts = {"kind": kind, "seed": seed, "settings": settings.model_dump()}
    return facts | stage_facts(settings.stage_law, settings.stages, levels)


def _write_case(
    plan: CasePlan, *, out: Path, settings: MriSettings, seed: int, masks: str
) -> tuple[list[dict[str, Any]], dict[str, Any], list[dict[str, Any]]]:
    trait, anatomy = person_of(plan, settings, seed)
    rows: list[dict[str, Any]] = []
    moves: list[dict[str, Any]] = []
    truth: dict[str, Any] = {}
    for channel in CHANNELS:
        if channel in plan.missing:
            continue
        volume = draw_channel(plan, anatomy, channel, settings, seed)
        image = f"images/{plan.name}/{channel}.nii.gz"
        write_nifti(out / image, volume.image)
        wanted = masks == "all" or (
            channel == "ged4" and (masks == "ged4" or (masks == "lifs" and plan.has_mask))
        )
        mask = f"masks/{plan.name}/{channel}.nii.gz" if wanted else ""
        if wanted:
            write_nifti(out / mask, volume.liver)
        transform = out / "truth" / plan.name / f"{channel}.tfm"
        transform.parent.mkdir(parents=True, exist_ok=True)
        sitk.WriteTransform(volume.motion, str(transform))
        moves.append(transform_row(plan.name, channel, volume))
        if channel == "ged4":
            truth = case_truth(plan, trait, anatomy, settings, volume.liver)
            write_nifti(out / "truth" / plan.name / "organs.nii.gz", organs(volume))
        row: dict[str, Any] = {"case": plan.name, "patient": plan.name, "channel": channel}
        row |= {"image": image, "mask": mask, "scanner": plan.scanner.name}
        row |= {"vendor": plan.scanner.vendor, "field_t": plan.scanner.field_t}
        rows.append(row | {"stage": settings.stages[plan.level]})
    return rows, truth, moves


def organs(volume: Volume) -> sitk.Image:
    """Return labels 1 liver, 2 spleen, 3 lesion."""
    parts: list[NDArray[np.uint8]] = [
        sitk.GetArrayFromImage(m) for m in (volume.liver, volume.spleen, volume.lesion)
    ]
    labels = np.where(parts[2] > 0, 3, parts[0] + 2 * parts[1]).astype(np.uint8)
    image = sitk.GetImageFromArray(labels)
    image.CopyInformation(volume.liver)
    return image
