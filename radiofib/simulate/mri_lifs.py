"""A folder laid out as LiFS is, with the traps that LiFS holds."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import SimpleITK as sitk
from pydantic import Field

from radiofib.config import StrictModel
from radiofib.errors import UsageError
from radiofib.simulate._deal import run_pieces
from radiofib.simulate._files import new_folder, write_frame, write_json, write_nifti
from radiofib.simulate._random import child_rng
from radiofib.simulate.mri import (
    CasePlan,
    MriSettings,
    case_truth,
    draw_channel,
    mri_facts,
    person_of,
    plan_cases,
    transform_row,
)
from radiofib.simulate.mri_scanner import CHANNELS

__all__ = ["LifsTraps", "write_lifs_folder"]

_FILE = {c: c.upper() for c in CHANNELS} | {"dwi": "DWI_800"}
_SPIKE = 25117


class LifsTraps(StrictModel):
    """How often each trap of the real folder is planted; 0 leaves it out.

    Parameters
    ----------
    t2wi : int
        Cases whose T2 is called ``T2WI.nii.gz``.
    singleton : int
        Volumes stored with a fourth axis of length one.
    spike : int
        Volumes with a few voxels of 25,117.
    duplicates, straddling : int
        Pairs of cases with the same images under two names: within training, and across
        training and validation. The second case keeps its name, scanner and stage, so counts
        stay as asked.
    """

    t2wi: int = Field(default=1, ge=0)
    singleton: int = Field(default=2, ge=0)
    spike: int = Field(default=1, ge=0)
    duplicates: int = Field(default=1, ge=0)
    straddling: int = Field(default=1, ge=0)


@dataclass(frozen=True)
class _Place:
    """Where a case goes and what is wrong with it."""

    plan: CasePlan
    folder: str
    t2wi: bool = False
    singleton: str = ""
    spike: str = ""
    copy_of: str = ""


def write_lifs_folder(
    out: str | Path,
    *,
    n_training: int = 36,
    n_validation: int = 12,
    seed: int = 0,
    masks: Literal["lifs", "ged4", "all"] = "lifs",
    settings: MriSettings | None = None,
    traps: LifsTraps | None = None,
    workers: int | None = 1,
) -> Path:
    """Write a simulated cohort in the layout of LiFS.

    Training cases are ``LiQA_training_data/Vendor_<scanner>/<number>-<scanner>-<stage>/`` with
    ``T1``, ``T2``, ``DWI_800``, ``GED1`` to ``GED4`` and, for about one case in twelve,
    ``mask_GED4``; validation cases lie in ``LiQA_val/Data/Vendor_<scanner>/<number>-<scanner>/``
    with ``LiQA_val/info.csv``, and their stage is in the truth only. Scanner C, the unseen
    centre, occurs in validation alone. Numbers recur across vendors.

    Parameters
    ----------
    out : path
        Folder; also gets ``truth.csv``, ``truth_transforms.csv``, ``truth_traps.csv`` and
        ``truth.json``.
    n_training, n_validation : int
        Cases; 360 training cases have exactly the published counts by centre, stage and missing
        channel.
    seed : int
        Same seed, same bytes, for any number of workers.
    masks : {"lifs", "ged4", "all"}
        Which liver masks are given: on GED4 for one training case in twelve as in LiFS, on GED4
        for every case, or on every channel's own grid (``mask_T1`` and so on).
    settings : MriSettings, optional
        Laws and sizes.
    traps : LifsTraps, optional
        What goes wrong; by default each trap at least once.
    workers : int, optional
        Processes; None takes one per core.

    Returns
    -------
    Path
        The folder.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     root = write_lifs_folder(
    ...         folder + "/lifs", n_training=1, n_validation=0, settings=MriSettings(size=0.1),
    ...         traps=LifsTraps(t2wi=1, singleton=0, spike=0, duplicates=0, straddling=0))
    ...     sorted(p.name for p in root.rglob("*.nii.gz"))[-2:]
    ['T1.nii.gz', 'T2WI.nii.gz']
    """
    settings, traps = settings or MriSettings(), traps or LifsTraps()
    places = _lay_out(settings, traps, n_training, n_validation, seed)
    out = new_folder(out)
    make = partial(_write_place, out=out, settings=settings, seed=seed, masks=masks)
    done = run_pieces(make, {p.folder: p for p in places if not p.copy_of}, workers)
    for place in places:
        if place.copy_of:
            done[place.folder] = _copy(place, done[place.copy_of], out, keep_masks=masks != "lifs")
    rows = [done[p.folder][0] for p in places]
    write_frame(out / "truth.csv", rows)
    write_frame(out / "truth_transforms.csv", [m for p in places for m in done[p.folder][1]])
    write_frame(out / "truth_traps.csv", _trap_rows(places))
    validation = [p for p in places if p.folder.startswith("LiQA_val")]
    write_frame(out / "LiQA_val" / "info.csv", [_info(p) for p in validation])
    facts = mri_facts("lifs", settings, seed, [p.plan.level for p in places])
    write_json(out / "truth.json", facts | {"traps": traps.model_dump()})
    return out


def _info(place: _Place) -> dict[str, str]:
    gone = [_FILE[c] for c in CHANNELS if c in place.plan.missing]
    return {
        "Case": place.plan.name,
        "Vendor": place.plan.scanner.name,
        "Missing Modality": ";".join(gone) or "None",
    }


def _lay_out(
    settings: MriSettings, traps: LifsTraps, n_training: int, n_validation: int, seed: int
) -> list[_Place]:
    seen = settings.model_copy(
        update={"scanners": tuple(s for s in settings.scanners if s.name != "C")}
    )
    places = [
        _name(p, "LiQA_training_data", seed, settings.stages[p.level])
        for p in plan_cases(seen, n_training, seed, "lifs-train")
    ]
    if n_validation:
        equal = tuple(s.model_copy(update={"weight": 1.0}) for s in settings.scanners)
        held = settings.model_copy(update={"scanners": equal})
        places += [
            _name(replace(p, has_mask=False), "LiQA_val/Data", seed, "")
            for p in plan_cases(held, n_validation, seed, "lifs-val")
        ]
    return _plant(places, n_training, traps, seed)


def _name(plan: CasePlan, top: str, seed: int, stage: str) -> _Place:
    # Every other number is drawn without regard to the scanner, so that numbers recur.
    own = [ord(c) for c in plan.scanner.name] if plan.index % 2 else []
    drawn = child_rng(seed, f"{plan.stream}-number", plan.index // 8, *own).permutation(40)
    number = 1 + 40 * (plan.index // 8) + int(drawn[plan.index % 8])
    parts = [f"{number:04d}", plan.scanner.name, *([stage] if stage else [])]
    plan = replace(plan, name="-".join(parts))
    return _Place(plan, f"{top}/Vendor_{plan.scanner.name}/{plan.name}")


def _plant(places: list[_Place], n_training: int, traps: LifsTraps, seed: int) -> list[_Place]:
    places = list(places)
    order = [int(k) for k in child_rng(seed, "lifs-traps").permutation(n_training)]
    pairs = _pairs(places, order, n_training, traps)
    for source, copy in pairs:
        plan = replace(places[copy].plan, missing=places[source].plan.missing)
        places[copy] = replace(places[copy], plan=plan, copy_of=places[source].folder)
    taken = {k for pair in pairs for k in pair}
    free = [k for k in order if k not in taken]
    wanted = [("t2wi", "t2")] * traps.t2wi
    wanted += [("singleton", c) for c in ("ged2", "t1", "dwi", "ged3") * traps.singleton][
        : traps.singleton
    ]
    wanted += [("spike", "dwi")] * traps.spike
    for trap, channel in wanted:
        able = [k for k in free if channel not in places[k].plan.missing]
        if trap == "spike":
            able = [k for k in able if places[k].plan.scanner.dtype != "float32"]
        if not able:
            raise UsageError(
                f"too few training cases to plant the trap {trap!r}",
                found=str(n_training),
                hint="simulate more cases or fewer traps",
            )
        k = able[0]
        free.remove(k)
        value: Any = True if trap == "t2wi" else channel
        places[k] = replace(places[k], **{trap: value})
    return places


def _pairs(
    places: list[_Place], order: list[int], n_training: int, traps: LifsTraps
) -> list[tuple[int, int]]:
    """Find pairs of one scanner and stage: (original, copy), the original in training."""
    held = list(range(n_training, len(places)))
    used: set[int] = set()
    pairs: list[tuple[int, int]] = []
    for copies, wanted in ((held, traps.straddling if held else 0), (order, traps.duplicates)):
        start = len(pairs)
        for copy in copies:
            if len(pairs) - start == wanted:
                break
            fits = [
                k for k in order if not used & {k, copy} and _alike(k, copy, places, n_training)
            ]
            if fits:
                pairs.append((fits[0], copy))
                used |= {fits[0], copy}
        if len(pairs) - start < wanted:
            raise UsageError(
                "too few cases of one scanner and stage to plant duplicates",
                found=f"{len(pairs) - start} of {wanted} pairs",
                hint="simulate more cases or fewer duplicates",
            )
    return pairs


def _alike(k: int, copy: int, places: list[_Place], n_training: int) -> bool:
    """Tell whether one case may hold another's images without changing any published count."""
    a, b = places[k].plan, places[copy].plan
    if k == copy or a.scanner.name != b.scanner.name or a.level != b.level:
        return False
    if copy >= n_training:
        return True
    return a.missing == b.missing and not a.has_mask and not b.has_mask


def _write_place(
    place: _Place, *, out: Path, settings: MriSettings, seed: int, masks: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    plan = place.plan
    trait, anatomy = person_of(plan, settings, seed)
    truth: dict[str, Any] = {}
    moves = []
    for channel in CHANNELS:
        if channel in plan.missing:
            continue
        volume = draw_channel(plan, anatomy, channel, settings, seed)
        image = volume.image
        if place.spike == channel:
            image = _with_spike(image, child_rng(seed, f"{plan.stream}-spike", plan.index))
        if place.singleton == channel:
            image = sitk.JoinSeries([image])
        name = "T2WI" if channel == "t2" and place.t2wi else _FILE[channel]
        write_nifti(out / place.folder / f"{name}.nii.gz", image)
        moves.append(transform_row(plan.name, channel, volume))
        on_ged4 = channel == "ged4" and (masks == "ged4" or plan.has_mask)
        if masks == "all" or on_ged4:
            write_nifti(out / place.folder / f"mask_{name}.nii.gz", volume.liver)
        if channel == "ged4":
            truth = {"folder": place.folder} | case_truth(
                plan, trait, anatomy, settings, volume.liver
            )
    return truth, moves


def _with_spike(image: sitk.Image, rng: np.random.Generator) -> sitk.Image:
    array = sitk.GetArrayFromImage(image)
    array.flat[rng.integers(0, array.size, 5)] = _SPIKE
    spiked = sitk.GetImageFromArray(array)
    spiked.CopyInformation(image)
    return spiked


def _copy(
    place: _Place,
    original: tuple[dict[str, Any], list[dict[str, Any]]],
    out: Path,
    *,
    keep_masks: bool,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    (out / place.folder).mkdir(parents=True)
    for file in sorted((out / place.copy_of).iterdir()):
        if not (keep_masks or place.plan.has_mask) and file.name.startswith("mask"):
            continue
        shutil.copyfile(file, out / place.folder / file.name)
    own = {"folder": place.folder, "case": place.plan.name}
    return original[0] | own, [m | {"case": place.plan.name} for m in original[1]]


def _trap_rows(places: list[_Place]) -> list[dict[str, str]]:
    by_folder = {p.folder: p.plan.name for p in places}
    rows = []
    for p in places:
        facts = {
            "t2wi": "T2WI.nii.gz" if p.t2wi else "",
            "singleton": p.singleton,
            "spike": p.spike,
            "duplicate": by_folder.get(p.copy_of, ""),
        }
        rows += [
            {"case": p.plan.name, "folder": p.folder, "trap": trap, "detail": detail}
            for trap, detail in facts.items()
            if detail
        ]
    numbers: dict[str, list[_Place]] = {}
    for p in places:
        numbers.setdefault(p.plan.name.split("-")[0], []).append(p)
    for number, same in sorted(numbers.items()):
        rows += [
            {"case": p.plan.name, "folder": p.folder, "trap": "recurring_number", "detail": number}
            for p in same
            if len({q.plan.scanner.name for q in same}) > 1
        ]
    return rows
