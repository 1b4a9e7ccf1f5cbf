"""Cohort to cohort with liver masks: given, found in a folder, or computed and written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from radiofib.cohort import Acquisition, Cohort
from radiofib.cohort.columns import FLAT_CHANNELS
from radiofib.cohort.failures import died_on, failure_of
from radiofib.cohort.folders import folder_names
from radiofib.errors import Failure
from radiofib.images import as_sitk, hash_source, write_volume
from radiofib.parallel import map_pieces
from radiofib.provenance import hash_object
from radiofib.segment import (
    MaskPlan,
    MaskSettings,
    MaskSource,
    choose_masks,
    mask_for,
    require_masks,
    source_key,
)
from radiofib.store import folder_within, read_record, tidy, write_record

__all__ = ["find_liver_masks"]

_PIECES = "pieces"
#: Changes when the content of a finished mask changes its meaning.
MASK_SCHEMA = 1


@dataclass(frozen=True)
class _Work:
    settings: MaskSettings
    plan: MaskPlan
    folder: Path


@dataclass(frozen=True)
class _Task:
    acquisition: Acquisition
    source: MaskSource
    file: str


@dataclass(frozen=True)
class _Done:
    label: int | None = None
    failure: Failure | None = None


def find_liver_masks(
    cohort: Cohort,
    settings: MaskSettings,
    folder: str | Path,
    *,
    root: Path = Path(),
    each_channel: bool = False,
    workers: int | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> tuple[Cohort, list[Failure]]:
    """Give every case a liver mask: the cohort's, a folder's, a model's, or the localiser's.

    A folder's masks are read once, so that a file without the liver's label, or with several
    labels and none chosen, fails here. Masks that are computed are written as
    ``<folder>/<case>/<channel>.nii.gz`` and kept for the next run. ``mask_source`` of a case says
    where its mask is from. A case whose mask cannot be read or computed fails and is left out.

    Parameters
    ----------
    cohort : Cohort
        As read.
    settings : MaskSettings
        Which sources there are; relative paths start from `root`.
    folder : path
        Where to write computed masks.
    root : path
        Folder of the study's data.
    each_channel : bool
        Whether each channel needs a mask of its own, because channels are not aligned.
    workers, progress
        As in :func:`radiofib.extract.extract_features`.

    Raises
    ------
    MaskError
        Before anything is computed, when cases have no mask and nothing is named to find one.
    """
    settings = _below(settings, root)
    plan = choose_masks(cohort.acquisitions, settings, each_channel=each_channel)
    require_masks(plan)
    home = Path(folder)
    names = folder_names((a.case, a.instance) for a in cohort.acquisitions)
    tasks = [
        _Task(a, source, f"{names[a.case, a.instance]}/{a.channel}.nii.gz")
        for a in cohort.acquisitions
        if (source := plan.of(a)) is not None and source.kind != "cohort"
    ]
    done: dict[tuple[str, str, str], _Done] = {}
    if any(t.source.kind != "folder" for t in tasks):
        tidy(home)
        tidy(home / _PIECES)
    if tasks:
        work = _Work(settings, plan, home)
        results = map_pieces(partial(_do, work=work), tasks, workers=workers, on_crash=_crashed)
        for task, result in results:
            done[task.acquisition.key] = result
            if progress is not None:
                progress(len(done), len(tasks), f"{task.acquisition.case}: {task.source.source}")
    files = {t.acquisition.key: home / t.file for t in tasks}
    kept = [_with_mask(a, plan, files, done) for a in cohort.acquisitions]
    sources = _sources(kept, plan, done)
    ready = tuple(
        replace(a, extra={**a.extra, "mask_source": sources[a.case, a.instance]})
        if (a.case, a.instance) in sources
        else a
        for a in kept
        if _usable(a, plan, sources)
    )
    failures = [d.failure.below(cohort.root) for d in done.values() if d.failure is not None]
    order = {a.key: i for i, a in enumerate(cohort.acquisitions)}
    failures.sort(key=lambda f: order.get((f.case, f.channel, f.instance), 0))
    return replace(cohort, acquisitions=ready), failures


def _below(settings: MaskSettings, root: Path) -> MaskSettings:
    """Let relative paths start from the study's folder."""
    paths = {
        name: root / path
        for name in ("folder", "model")
        if (path := getattr(settings, name)) is not None
    }
    return settings.model_copy(update=paths)


def _with_mask(
    a: Acquisition,
    plan: MaskPlan,
    files: dict[tuple[str, str, str], Path],
    done: dict[tuple[str, str, str], _Done],
) -> Acquisition:
    source = plan.of(a)
    if source is None or source.kind == "cohort":
        return a
    if done[a.key].failure is not None:
        return a
    if source.kind == "folder":
        return replace(a, mask=source.path, mask_label=done[a.key].label)
    return replace(a, mask=files[a.key], mask_label=1)


def _sources(
    kept: list[Acquisition], plan: MaskPlan, done: dict[tuple[str, str, str], _Done]
) -> dict[tuple[str, str], str]:
    """Return where the mask of each case is from; cases without one are absent."""
    found: dict[tuple[str, str], list[str]] = {}
    for a in kept:
        source = plan.of(a)
        failed = a.key in done and done[a.key].failure is not None
        if source is not None and not failed:
            found.setdefault((a.case, a.instance), []).append(source.source)
    return {key: "; ".join(dict.fromkeys(names)) for key, names in found.items()}


def _usable(a: Acquisition, plan: MaskPlan, sources: dict[tuple[str, str], str]) -> bool:
    needs = a.case in plan.cases and a.channel not in FLAT_CHANNELS
    return not needs or (a.case, a.instance) in sources


def _do(task: _Task, *, work: _Work) -> _Done:
    """Compute one mask unless it is there, or look at that of a folder; never raise."""
    a = task.acquisition
    try:
        if task.source.kind == "folder":
            given = mask_for(a, work.settings, plan=work.plan)
            return _Done(given.label if given else None)
        key = hash_object(
            {
                "schema": MASK_SCHEMA,
                "file": task.file,
                "image": hash_source(a.image),
                "source": source_key(task.source, work.settings),
            }
        )
        pieces = work.folder / _PIECES
        found: Any = read_record(pieces, key, home=work.folder)
        if found is not None:
            return _Done(1)
        made = mask_for(a, work.settings, plan=work.plan)
        assert made is not None  # the plan has a source for it
        folder_within(work.folder, Path(task.file).parent.as_posix())
        path = work.folder / task.file
        write_volume(path, as_sitk(made.mask))
        write_record(pieces, key, list(made.notes), home=work.folder, files=(task.file,))
        return _Done(1)
    except Exception as error:  # one bad case never stops the others
        return _Done(failure=failure_of(a, error, "masks"))


def _crashed(task: _Task, error: Exception) -> _Done:
    return _Done(failure=failure_of(task.acquisition, died_on("made this mask", error), "masks"))
