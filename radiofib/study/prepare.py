"""The first steps of a study: clean ultrasound, liver masks, channels of a case on one grid."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from radiofib.cohort import Cohort
from radiofib.cohort.columns import FILE_COLUMNS
from radiofib.config import load_yaml
from radiofib.errors import ConfigError, Failure
from radiofib.prepare import (
    RegistrationPlan,
    UltrasoundPlan,
    clean_ultrasound,
    find_liver_masks,
    register_cohort,
)
from radiofib.segment import MaskSettings
from radiofib.study.folder import RunFolder
from radiofib.study.progress import Progress, silent

__all__ = ["Prepared", "prepare_cohort", "read_sections", "register_files", "write_cohort"]

#: Folder of aligned images below the run folder, and the table of all pairs.
FOLDER = "registration"
TABLE = "registration.csv"
MASKS = "masks"
#: The same for cleaned ultrasound.
ULTRASOUND = "ultrasound"
ULTRASOUND_TABLE = "ultrasound.csv"


@dataclass(frozen=True)
class Prepared:
    """A cohort ready for features.

    Parameters
    ----------
    cohort : Cohort
        With masks, and aligned where the study says so.
    failures : list of Failure
        What could not be prepared.
    quality : DataFrame or None
        One row for each pair that was tried to its end.
    pairs : int
        Channels that were to be aligned.
    screens : DataFrame or None
        One row for each cleaned image of ultrasound.
    """

    cohort: Cohort
    failures: list[Failure]
    quality: pd.DataFrame | None
    pairs: int = 0
    screens: pd.DataFrame | None = None


def prepare_cohort(
    cohort: Cohort,
    masks: MaskSettings | None,
    plan: RegistrationPlan | None,
    folder: RunFolder,
    *,
    root: Path,
    ultrasound: UltrasoundPlan | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Clean ultrasound, find masks and align channels, as far as a study asks for it.

    Parameters
    ----------
    cohort : Cohort
        As read.
    masks : MaskSettings or None
        Where masks come from besides the cohort.
    plan : RegistrationPlan or None
        How channels are aligned; None leaves them as they are.
    folder : RunFolder
        Gets ``ultrasound/``, ``ultrasound.csv``, ``masks/``, ``registration/`` and
        ``registration.csv``.
    root : path
        Folder that relative paths of `masks` start from.
    ultrasound : UltrasoundPlan, optional
        How ultrasound is cleaned; None leaves it as it is.
    workers, progress
        As in :func:`radiofib.study.run_study`.

    Raises
    ------
    MaskError
        When cases have no mask and nothing is named to find one.
    """
    tell = progress or silent
    failures: list[Failure] = []
    screens = None
    if ultrasound is None:
        folder.discard(ULTRASOUND_TABLE)  # the images may be what this step reads
    else:
        cleaned = clean_ultrasound(
            cohort,
            ultrasound,
            folder.root / ULTRASOUND,
            workers=workers,
            progress=lambda done, total, _: tell("ultrasound", done, total),
        )
        cohort, failures = cleaned.cohort, cleaned.failures
        screens = cleaned.record
        folder.write_frame(ULTRASOUND_TABLE, screens)
    if masks is not None or plan is not None:
        cohort, lost = find_liver_masks(
            cohort,
            masks or MaskSettings(),
            folder.root / MASKS,
            root=root,
            each_channel=plan is None,
            workers=workers,
            progress=lambda done, total, _: tell("masks", done, total),
        )
        failures += lost
    if plan is None:
        folder.discard(TABLE, FOLDER)
        return Prepared(cohort, failures, None, screens=screens)
    found = register_cohort(
        cohort,
        plan,
        folder.root / FOLDER,
        workers=workers,
        progress=lambda done, total, _: tell("register", done, total),
    )
    folder.write_frame(TABLE, found.quality)
    failures += found.failures
    return Prepared(found.cohort, failures, found.quality, found.pairs, screens)


def read_sections(path: Path) -> dict[str, Any]:
    """Return the sections ``registration`` and ``masks`` of a YAML file, as they are written.

    Raises
    ------
    ConfigError
        When the file cannot be read or holds neither.
    """
    content = load_yaml(path) or {}
    found = {k: content[k] for k in ("registration", "masks") if k in content}
    if not found:
        raise ConfigError(
            "no section for the alignment", where=path.name, expected="registration: or masks:"
        )
    return found


def register_files(
    cohort: Cohort,
    plan: RegistrationPlan,
    out: str | Path,
    *,
    masks: MaskSettings | None = None,
    root: Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Align a cohort and write ``cohort.csv``, whose rows are ready for ``radiofib extract``.

    Paths in ``cohort.csv`` are relative to its folder.
    """
    folder = RunFolder(out)
    done = prepare_cohort(
        cohort,
        masks,
        plan,
        folder,
        root=root or cohort.root or Path(),
        workers=workers,
        progress=progress,
    )
    write_cohort(done.cohort, folder)
    return replace(done, failures=[*cohort.failures, *done.failures])


def write_cohort(cohort: Cohort, folder: RunFolder) -> None:
    """Write ``cohort.csv``, its paths relative to the folder."""
    frame = cohort.to_frame()
    files = [
        {"image": a.image, "mask": a.mask, **{c: a.extra.get(c) for c in FILE_COLUMNS}}
        for a in cohort.acquisitions
    ]
    for column in ("image", "mask", *(c for c in FILE_COLUMNS if c in frame)):
        frame[column] = [_relative(row[column], folder.root) for row in files]
    folder.write_frame("cohort.csv", frame)


def _relative(path: Path | None, folder: Path) -> str | None:
    if path is None:
        return None
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
