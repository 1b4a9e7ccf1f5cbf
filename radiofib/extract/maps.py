"""Cohort to feature maps: files in folders by case, an index of them, able to stop and go on."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from radiofib._checks import check_known
from radiofib.cohort import Acquisition, Cohort
from radiofib.cohort.folders import folder_names
from radiofib.engines import ExtractionConfig, get_engine
from radiofib.engines.native.maps import (
    MAP_METHOD,
    FeatureMap,
    NoMap,
    feature_maps,
    mapped_features,
)
from radiofib.engines.settings import VoxelSettings
from radiofib.errors import EngineError, Failure, UsageError
from radiofib.extract.burned_in import text_on
from radiofib.extract.map_files import MAP_FORMATS, write_map
from radiofib.extract.outcome import Outcome, Work, crashed, describe, do_piece
from radiofib.extract.prepared import Regions
from radiofib.images.map_overlay import map_overlay_png
from radiofib.parallel import map_pieces
from radiofib.provenance import hash_object, radiofib_version
from radiofib.registry import image_label
from radiofib.roi import Roi
from radiofib.store import folder_within, read_record, tidy, write_record
from radiofib.table import guard_frame

__all__ = ["MapRow", "check_maps", "write_maps"]

INDEX = "maps.csv"
_PIECES = "pieces"


@dataclass(frozen=True)
class MapRow:
    """One row of the index: a map, or why there is none.

    Parameters
    ----------
    case, instance, channel, column, unit : str
        What is mapped; the column is that of the table of features.
    file, picture : str
        Map and its picture, relative to the folder of the index; "" when there is no map.
    voxels, undefined : int
        Voxels of the region, and how many of them have no value.
    minimum, median, maximum : float or None
        Over the voxels with a value.
    reason : str
        Why there is no map.
    """

    case: str
    instance: str
    channel: str
    column: str
    unit: str = ""
    file: str = ""
    picture: str = ""
    voxels: int = 0
    undefined: int = 0
    minimum: float | None = None
    median: float | None = None
    maximum: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class _Work(Work):
    features: tuple[str, ...] | None
    file_format: str
    pictures: bool
    names: dict[tuple[str, str], str]


def write_maps(
    cohort: Cohort,
    config: ExtractionConfig,
    folder: str | Path,
    *,
    features: Sequence[str] | None = None,
    file_format: str = "nii.gz",
    pictures: bool = True,
    workers: int | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> tuple[pd.DataFrame, list[Failure]]:
    """Write a map of every feature of every acquisition, and ``maps.csv``, the index of them.

    ``<folder>/<case>/<column>.nii.gz`` (with instances ``<case>__<instance>``) holds the map on
    the grid of the image, or of the resampled image, and ``<column>.png`` a picture of it. A run
    that is stopped and started again does only what is missing; a map that has been changed is
    written anew. Files do not depend on the number of workers.

    Parameters
    ----------
    cohort : Cohort
        What to map.
    config : ExtractionConfig
        Image types, features and settings; `voxel_settings` are those of the windows.
    folder : path
        Where to write; made when absent.
    features : sequence of str, optional
        Patterns of features to map (``glcm_contrast``, ``firstorder_*``) among those of the
        configuration; all by default.
    file_format : str
        Format of the maps, ``nii.gz`` or ``nrrd``.
    pictures : bool
        Whether to draw pictures.
    workers : int, optional
        Number of processes. Default: one per core.
    progress : callable, optional
        Called with (done, total, text) after each acquisition.

    Returns
    -------
    DataFrame
        The index, see :class:`MapRow`, in cohort order.
    list of Failure
        Acquisitions without any map.

    Raises
    ------
    UsageError
        When the engine or the profile has no maps, or the format is unknown.
    ConfigError
        When the folder cannot be made.
    """
    check_maps(config, features, file_format)
    home = Path(folder)
    tidy(home)
    tidy(home / _PIECES)
    work = _work(cohort, config, home, features, file_format, pictures)
    acquisitions = cohort.acquisitions
    do = partial(do_piece, work=work, step="maps", read=_read, make=_make)
    done: dict[tuple[str, str, str], Outcome[tuple[MapRow, ...]]] = {}
    for acquisition, outcome in map_pieces(do, acquisitions, workers=workers, on_crash=_crashed):
        done[acquisition.key] = outcome
        if progress is not None:
            progress(len(done), len(acquisitions), describe(acquisition, outcome))
    rows = [row for a in acquisitions for row in done[a.key].result or ()]
    failures = [done[a.key].failure for a in acquisitions]
    index = pd.DataFrame([asdict(row) for row in rows], columns=[f.name for f in fields(MapRow)])
    temporary = home / f".{INDEX}.{os.getpid()}.part"
    guard_frame(index).to_csv(temporary, index=False, lineterminator="\n")
    temporary.replace(home / INDEX)
    return index, [failure for failure in failures if failure is not None]


def check_maps(
    config: ExtractionConfig, features: Sequence[str] | None = None, file_format: str = "nii.gz"
) -> None:
    """Raise when maps cannot be written as asked, before any work is done.

    Raises
    ------
    UsageError
        When the engine or the profile has no maps, the format is unknown, or there is nothing
        to map.

    Examples
    --------
    >>> check_maps(ExtractionConfig(engine="pyradiomics"))
    Traceback (most recent call last):
    radiofib.errors.UsageError: only the native engine writes feature maps (found pyradiomics).
    Next: leave out --maps, or use --engine native.
    """
    if config.engine != "native":
        raise UsageError(
            "only the native engine writes feature maps",
            found=config.engine,
            hint="leave out --maps, or use --engine native",
        )
    if config.profile != "pyradiomics":
        raise UsageError(
            "feature maps are those of profile pyradiomics",
            found=f"profile {config.profile}",
            hint="leave out --maps, or use a configuration without 'profile: ibsi'",
        )
    check_known(file_format, MAP_FORMATS, what="format of maps", error=UsageError)
    mapped_features(config, features)


def _work(
    cohort: Cohort,
    config: ExtractionConfig,
    folder: Path,
    features: Sequence[str] | None,
    file_format: str,
    pictures: bool,
) -> _Work:
    engine = get_engine("native")
    voxel = (config.voxel_settings or VoxelSettings()).model_dump(mode="json")
    voxel.pop("voxel_batch")
    chosen = None if features is None else tuple(sorted(set(features)))
    return _Work(
        config=config,
        features=chosen,
        file_format=file_format,
        pictures=pictures,
        folder=folder,
        names=folder_names((a.case, a.instance) for a in cohort.acquisitions),
        versions=f"radiofib {radiofib_version()}, maps {MAP_METHOD}, {engine.version}",
        config_hash=hash_object(
            {
                "config": config.digest,
                "voxel": voxel,
                "features": chosen,
                "format": file_format,
                "pictures": pictures,
                "burned_in": "refused",
            }
        ),
    )


def _make(work: _Work, acquisition: Acquisition, regions: Regions, key: str) -> tuple[MapRow, ...]:
    _refuse_burned_in(acquisition, regions.measured)
    rows = _write_all(acquisition, regions.measured, work)
    if not any(row.file for row in rows):
        raise EngineError("no map can be made of this region", found=rows[0].reason)
    _store(work, key, rows)
    return tuple(rows)


def _refuse_burned_in(acquisition: Acquisition, roi: Roi) -> None:
    """Refuse maps of a picture that shows text, perhaps a name: it can be read in maps as well."""
    if roi.origin_mm is not None or not text_on(acquisition, roi.pixels):
        return
    raise EngineError(
        "maps would show text or signs that are burned into the picture, perhaps names: none are "
        "written",
        where=" / ".join(filter(None, acquisition.key)),
        hint="run 'radiofib ultrasound clean' first, and make maps of the cohort that it writes; "
        "the features are in the table all the same, with the text where it lies in the region",
    )


def _write_all(acquisition: Acquisition, roi: Roi, work: _Work) -> list[MapRow]:
    name = work.names[acquisition.case, acquisition.instance]
    home = folder_within(work.folder, name)
    tidy(home)
    outside = (work.config.voxel_settings or VoxelSettings()).init_value
    who = (acquisition.case, acquisition.instance, acquisition.channel)
    rows: list[MapRow] = []
    for found in feature_maps(roi, work.config, features=work.features):
        if isinstance(found, NoMap):
            rows += [MapRow(*who, column, reason=found.reason) for column in found.columns]
            continue
        file = f"{found.column}.{work.file_format}"
        write_map(found.values(outside), found.grid, home / file)
        picture = ""
        if work.pictures:
            picture = f"{name}/{found.column}.png"
            _draw(found, roi, work.folder / picture)
        rows.append(_row(who, found, f"{name}/{file}", picture))
    return rows


def _row(who: tuple[str, str, str], found: FeatureMap, file: str, picture: str) -> MapRow:
    known = found.inside[np.isfinite(found.inside)]
    some = known.size > 0
    return MapRow(
        *who,
        column=found.column,
        unit=found.spec.unit,
        file=file,
        picture=picture,
        voxels=found.inside.size,
        undefined=found.inside.size - known.size,
        minimum=float(known.min()) if some else None,
        median=float(np.median(known)) if some else None,
        maximum=float(known.max()) if some else None,
    )


def _draw(found: FeatureMap, roi: Roi, path: Path) -> None:
    region = found.region
    base = Roi(
        region.pixels,
        region.mask,
        region.spacing_mm,
        roi.channel,
        origin_mm=found.grid.origin_mm,
        direction=found.grid.direction,
    )
    unit = {"1": "", "grey": "image units", "grey2": "image units^2"}.get(
        found.spec.unit, found.spec.unit
    )
    map_overlay_png(
        base,
        found.values(np.nan),
        path,
        title=found.spec.label,
        subtitle=f"{found.column}: {roi.channel}, {image_label(found.token)}",
        unit=unit,
    )


def _store(work: _Work, key: str, rows: Sequence[MapRow]) -> None:
    files = [name for row in rows for name in (row.file, row.picture) if name]
    content = [asdict(row) for row in rows]
    write_record(work.folder / _PIECES, key, content, home=work.folder, files=files)


def _read(work: _Work, acquisition: Acquisition, key: str) -> tuple[MapRow, ...] | None:
    """Return the rows of a finished acquisition whose files are all there and unchanged."""
    found = read_record(work.folder / _PIECES, key, home=work.folder)
    rows = tuple(MapRow(**row) for row in found or ())
    # The folder of a case also depends on its neighbours, whose names may be alike.
    folder = work.names[acquisition.case, acquisition.instance]
    files = [name for row in rows for name in (row.file, row.picture) if name]
    here = all(name.partition("/")[0] == folder for name in files)
    return None if found is None or not here else rows


_crashed = partial(crashed, step="maps", doing="made maps of", hint="use fewer workers")
