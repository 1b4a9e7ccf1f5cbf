"""Cohort to cohort: ultrasound screens cleaned, with regions, ready to be measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib import metadata
from pathlib import Path

import pandas as pd

from radiofib.cohort import Acquisition, Cohort
from radiofib.cohort.folders import folder_names
from radiofib.cohort.geometry import UNKNOWN_PIXEL, pixel_text
from radiofib.errors import CohortError, Failure, ImageError
from radiofib.images.sniff import file_format
from radiofib.parallel import map_pieces
from radiofib.prepare.ultrasound_case import (
    ROW_NAMES,
    ScreenDone,
    ScreenRow,
    ScreenTask,
    ScreenWork,
    crashed,
    do_screen,
)
from radiofib.prepare.ultrasound_config import UltrasoundPlan
from radiofib.provenance import radiofib_version
from radiofib.store import tidy

__all__ = ["PICTURE_SUFFIXES", "Cleaned", "clean_ultrasound", "folder_cohort"]

_PIECES = "pieces"
_PICTURES = ("PNG", "JPEG", "BMP", "TIFF", "GIF", "DICOM")
#: What is called like a picture and is none (empty, cut short) is a failure, not passed over.
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".dcm", ".dicom")
_FILMS = (".avi", ".mp4", ".m4v", ".mov", ".mkv", ".wmv", ".mpg", ".mpeg", ".webm")
_EXPORT = "export the frames as pictures, or the film as DICOM"


@dataclass(frozen=True)
class Cleaned:
    """What became of a cohort.

    Parameters
    ----------
    cohort : Cohort
        Cleaned images with their masks; acquisitions of other channels as they were.
    record : DataFrame
        One row an image, see :class:`radiofib.prepare.ultrasound_case.ScreenRow`.
    failures : list of Failure
        What could not be cleaned or has no region.
    screens : int
        Files that were to be cleaned.
    """

    cohort: Cohort
    record: pd.DataFrame
    failures: list[Failure]
    screens: int


def clean_ultrasound(
    cohort: Cohort,
    plan: UltrasoundPlan,
    folder: str | Path,
    *,
    workers: int | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Cleaned:
    """Clean every ultrasound picture of a cohort and find its region.

    Each file is one piece of work: ``<folder>/<case>/<channel>.png`` is the image without its
    screen, ``_valid.png`` where it shows echo, ``_mask.png`` the region and ``_taken.png`` a
    picture of both. Frames, panels and patches are instances. No pixel from outside the fan or
    rectangle is written anywhere. A run that is stopped and started again does only what is
    missing; files do not depend on the number of workers.

    Parameters
    ----------
    cohort : Cohort
        Pictures of cases; a mask may be a picture or a file of polygons.
    plan : UltrasoundPlan
        What to do.
    folder : path
        Where to write; made when absent.
    workers : int, optional
        Processes; default one per core.
    progress : callable, optional
        Called with (done, total, text) after each file.

    Raises
    ------
    CohortError
        When no acquisition is of a channel of the plan.
    """
    home = Path(folder)
    tidy(home)
    tidy(home / _PIECES)
    screens = [a for a in cohort.acquisitions if a.channel in plan.channels]
    if not screens:
        raise CohortError(
            "no picture is of a channel that is ultrasound",
            where=cohort.source or None,
            expected=", ".join(plan.channels),
            found=", ".join(cohort.channels),
            hint="name the channels of the study's ultrasound in 'channels'",
        )
    names = folder_names((a.case, a.instance) for a in screens)
    tasks = [ScreenTask(a, f"{names[a.case, a.instance]}/{a.channel}") for a in screens]
    work = ScreenWork(plan, home, home / _PIECES, _versions())
    done: dict[tuple[str, str, str], ScreenDone] = {}
    results = map_pieces(partial(do_screen, work=work), tasks, workers=workers, on_crash=crashed)
    for task, result in results:
        done[task.acquisition.key] = result
        if progress is not None:
            state = "failed" if not _measured(result) else "kept" if result.reused else "done"
            name = " ".join(filter(None, (task.acquisition.case, task.acquisition.instance)))
            progress(len(done), len(tasks), f"{name}: {state}")
    kept = [
        made
        for a in cohort.acquisitions
        for made in (_acquisitions(a, done[a.key], home) if a.key in done else [a])
    ]
    rows = [asdict(row) for a in screens for row in done[a.key].rows]
    failures = [f.below(cohort.root) for a in screens for f in done[a.key].failures]
    record = pd.DataFrame(rows, columns=list(ROW_NAMES))
    record["frame"] = record["frame"].astype("Int64")
    return Cleaned(replace(cohort, acquisitions=tuple(kept)), record, failures, len(tasks))


def _measured(result: ScreenDone) -> bool:
    return any(not row.reason for row in result.rows)


def _acquisitions(a: Acquisition, result: ScreenDone, home: Path) -> list[Acquisition]:
    return [_ready(a, row, home) for row in result.rows if not row.reason]


def _ready(a: Acquisition, row: ScreenRow, home: Path) -> Acquisition:
    extra = {**a.extra, "pixel_mm": UNKNOWN_PIXEL}
    if row.pixel_y_mm is not None and row.pixel_x_mm is not None:
        extra["pixel_mm"] = pixel_text((row.pixel_y_mm, row.pixel_x_mm))
    extra |= {"mask_source": row.region, "image_look": row.image_look or None}
    extra |= {"apex_y_px": row.apex_y_px, "apex_x_px": row.apex_x_px}
    extra |= {"blanked_share": row.graphics_share, "white_grey": row.white_grey}
    return replace(
        a, instance=row.instance, image=home / row.image, mask=home / row.mask, mask_label=None,
        extra=extra,
    )  # fmt: skip


def _versions() -> str:
    packages = ("numpy", "scipy", "Pillow", "pydicom")
    return " ".join([radiofib_version(), *(f"{p} {metadata.version(p)}" for p in packages)])


def folder_cohort(folder: str | Path, channel: str = "us") -> Cohort:
    """Make a cohort of all pictures below a folder, told by content.

    A file that is called like a picture (``.png``, ``.dcm`` ...) belongs to it whatever it holds:
    an empty one is listed as a failure when it is read.

    A case is called like its file, with the folders below `folder` and without the suffix; of
    files that differ in their suffix alone all but the first keep it. The mask is the ``.json``
    of the same name beside it (LabelMe), if there is one. Video files are failures of the cohort.

    Raises
    ------
    CohortError
        When there is no picture.

    Examples
    --------
    >>> import tempfile, PIL.Image
    >>> with tempfile.TemporaryDirectory() as name:
    ...     PIL.Image.new("L", (9, 9)).save(Path(name) / "a1.png")
    ...     _ = (Path(name) / "read.me").write_text("no picture")
    ...     [a.case for a in folder_cohort(name).acquisitions]
    ['a1']
    """
    folder = Path(folder)
    files = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
    pictures = [p for p in files if p.suffix.lower() in PICTURE_SUFFIXES or _format(p) in _PICTURES]
    films = [p for p in files if p.suffix.lower() in _FILMS and p not in pictures]
    if not pictures:
        others = f"{len(files)} other files" if files else "an empty folder"
        raise CohortError(
            "folder holds no picture",
            where=str(folder),
            expected=", ".join(_PICTURES),
            found=f"{others}, {len(films)} of them video" if films else others,
            hint=_EXPORT if films else None,
        )
    found: dict[str, Path] = {}
    for path in pictures:
        name = path.relative_to(folder).with_suffix("").as_posix()
        name = path.relative_to(folder).as_posix() if name in found else name
        found[name] = path
    acquisitions = [
        Acquisition(name, name, channel, path, mask=_sidecar(path), row=n)
        for n, (name, path) in enumerate(found.items(), start=1)
    ]
    failures = [
        Failure.from_error(
            ImageError("video files are not read", where=path.name, hint=_EXPORT),
            case=path.relative_to(folder).as_posix(),
            step="ultrasound",
            channel=channel,
        )
        for path in films
    ]
    return Cohort(tuple(acquisitions), failures=tuple(failures), source=folder.name, root=folder)


def _format(path: Path) -> str:
    try:
        return file_format(path)
    except ImageError:
        return ""


def _sidecar(path: Path) -> Path | None:
    beside = path.with_suffix(".json")
    return beside if beside.is_file() else None
