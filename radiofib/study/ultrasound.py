"""Cleaned ultrasound as a step of its own: pictures in, a cohort ready for features out."""

from __future__ import annotations

from pathlib import Path

from radiofib.cohort import Cohort
from radiofib.config import load_yaml
from radiofib.datacard import list_cards
from radiofib.errors import CohortError, ConfigError
from radiofib.prepare import (
    PICTURE_SUFFIXES,
    Cleaned,
    UltrasoundPlan,
    clean_ultrasound,
    folder_cohort,
)
from radiofib.study.extraction import open_cohort
from radiofib.study.folder import RunFolder, write_failures
from radiofib.study.prepare import ULTRASOUND, ULTRASOUND_TABLE, write_cohort
from radiofib.study.progress import Progress, silent

__all__ = ["clean_files", "open_pictures", "read_plan"]


def read_plan(path: Path) -> UltrasoundPlan:
    """Return the section ``ultrasound`` of a YAML file.

    Raises
    ------
    ConfigError
        When there is none, or it says what cannot be.
    """
    content = load_yaml(path) or {}
    if not isinstance(content, dict) or "ultrasound" not in content:
        raise ConfigError("no section for ultrasound", where=path.name, expected="ultrasound:")
    return UltrasoundPlan.parse(content["ultrasound"] or {}, where=path.name)


def open_pictures(cohort: str, root: Path | None, scheme: str | None, channel: str) -> Cohort:
    """Read a cohort table or a data card, or make a cohort of all pictures below a folder.

    All files of a folder, or of a table without a column ``channel``, are of `channel`.

    Raises
    ------
    CohortError
        When there is no such folder, table or card, or a picture is named.
    """
    path = Path(cohort)
    if path.is_dir():
        return folder_cohort(cohort, channel)
    known = "a folder of pictures, a cohort table (CSV, XLSX, SAV, Parquet) or a data card"
    if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file():
        raise CohortError(
            "one picture is no cohort",
            where=cohort,
            expected=known,
            hint="give the folder that holds it",
        )
    if not path.exists() and cohort not in list_cards():
        raise CohortError("nothing is there", where=cohort, expected=known, hint="check the path")
    return open_cohort(cohort, root, scheme, channel)


def clean_files(
    cohort: Cohort,
    plan: UltrasoundPlan,
    out: str | Path,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Cleaned:
    """Clean the ultrasound of a cohort and write what ``radiofib extract`` reads.

    Parameters
    ----------
    cohort : Cohort
        Pictures.
    plan : UltrasoundPlan
        What to do.
    out : path
        Gets ``ultrasound/`` with the images, ``ultrasound.csv``, ``failures.csv`` and
        ``cohort.csv``, whose paths are relative to the folder.
    workers, progress
        As in :func:`radiofib.study.run_study`.
    """
    folder = RunFolder(out)
    tell = progress or silent
    done = clean_ultrasound(
        cohort,
        plan,
        folder.root / ULTRASOUND,
        workers=workers,
        progress=lambda count, total, _: tell("ultrasound", count, total),
    )
    folder.write_frame(ULTRASOUND_TABLE, done.record)
    write_cohort(done.cohort, folder)
    write_failures(folder, [*cohort.failures, *done.failures])
    return done
