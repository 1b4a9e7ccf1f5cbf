"""Cohort to feature table: in parallel, piece by piece, able to stop and go on."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from radiofib._checks import check_no_duplicates
from radiofib._series import source_exists
from radiofib.cohort import Acquisition, Cohort
from radiofib.cohort.failures import failure_of
from radiofib.engines import ExtractionConfig, RoiFeatures, get_engine
from radiofib.errors import CohortError, EngineError, Failure
from radiofib.extract.assemble import TableBuilder
from radiofib.extract.doubts import doubts_entry, doubts_in
from radiofib.extract.embedding import (
    embedding_columns,
    embedding_versions,
    with_embedding,
)
from radiofib.extract.functional import functional_features
from radiofib.extract.instances import (
    CutRecord,
    measure_instances,
    pieces_of,
    read_cuts,
    write_cuts,
)
from radiofib.extract.liver import liver_columns, with_liver_features
from radiofib.extract.lost_embeddings import embedding_failures
from radiofib.extract.matching import Places, match_instances
from radiofib.extract.outcome import Outcome, Work, crashed, describe, do_piece
from radiofib.extract.pieces import Piece, read_piece, write_piece
from radiofib.extract.prepared import Regions
from radiofib.extract.ultrasound import (
    compile_ultrasound,
    region_of_echoes,
    ultrasound_columns,
    with_ultrasound_features,
)
from radiofib.parallel import effective_workers, map_pieces
from radiofib.provenance import radiofib_version
from radiofib.registry import codebook_rows
from radiofib.roi import Roi
from radiofib.store import tidy
from radiofib.table import FeatureTable, aggregate_instances, join_tables

__all__ = ["extract_features"]


P = TypeVar("P")


@dataclass(frozen=True)
class _Work(Work):
    threads: int = 1


class _Finished(NamedTuple):
    """A piece on disk: its key, the number of axes of what was measured, places of instances."""

    key: str
    ndim: int
    places: Places | None = None


def extract_features(
    cohort: Cohort,
    config: ExtractionConfig,
    *,
    pieces_dir: str | Path,
    workers: int | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> tuple[FeatureTable, list[Failure]]:
    """Compute the features of every acquisition of a cohort.

    Each acquisition is one piece of work and one file below `pieces_dir`. A run that is stopped
    and started again computes only what is missing; a changed image, mask, label, setting,
    engine or version is computed anew. The table does not depend on the number of workers.

    Parameters
    ----------
    cohort : Cohort
        What to extract from.
    config : ExtractionConfig
        What to extract.
    pieces_dir : path
        Folder of finished pieces; made when absent. Nothing is written elsewhere.
    workers : int, optional
        Number of processes. Default: one per core. Where there are fewer acquisitions, those
        left over become threads that share the images of one.
    progress : callable, optional
        Called with (done, total, text) after each piece.

    Returns
    -------
    FeatureTable
        One row per case and instance with at least one finished channel; section ``instances`` of
        the configuration says whether an instance is the whole region, or a slice, window or patch
        of it (see :mod:`radiofib.extract.matching` for how those of several channels come into one
        row), and section ``aggregate`` makes one row for each case of them. `obs` also holds
        ``geom_<channel>_<fact>`` columns with header facts (matrix size, spacing in mm, file
        bytes) for negative controls and, where pictures repeat others, ``image_group``,
        ``image_copy_of`` and ``image_copy`` (see :mod:`radiofib.cohort.copies`).
        `missing` names columns or patterns (``dwi_*``).
    list of Failure
        Acquisitions that could not be read or carry no feature at all, in cohort order; they
        are tried again next time. Failures of the cohort itself are not repeated here.

    Raises
    ------
    ConfigError
        When a channel name is too long for a column, or the folder cannot be made.
    CohortError
        When an acquisition occurs twice.
    MissingExtraError
        When the engine is not installed, or onnxruntime with section ``embedding``.
    ModelError
        When the model of section ``embedding`` cannot be used.
    """
    engine = get_engine(config.engine)
    for channel in cohort.channels:
        for ndim in (2, 3):
            engine.columns(config, channel, ndim)
            liver_columns(config, channel, ndim)
            ultrasound_columns(config, channel, ndim)
        embedding_columns(config, channel)
    acquisitions = cohort.acquisitions
    check_no_duplicates(
        [" / ".join(a.key) for a in acquisitions],
        what="case, channel and instance",
        where=cohort.source or None,
        error=CohortError,
    )
    folder = Path(pieces_dir)
    tidy(folder)
    versions = f"radiofib {radiofib_version()}, {engine.name}: {engine.version}"
    versions += embedding_versions(config)
    absent = {a.key for a in acquisitions if not _is_there(a)}
    there = [a for a in acquisitions if a.key not in absent]
    threads = max(1, effective_workers(workers) // max(1, len(there)))
    work = _Work(config, config.measured.digest, versions, folder, threads)
    do = partial(do_piece, work=work, step="extract", read=_read, make=_extract)
    # To hand a worker a file that is not there costs a hundred times more than to say so here.
    refused = ((a, do(a)) for a in acquisitions if a.key in absent)
    if min(effective_workers(workers), len(there)) > 1:
        engine.get_ready(config)
        compile_ultrasound(config)
    results = map_pieces(do, there, workers=workers, on_crash=_crashed)
    done: dict[tuple[str, str, str], Outcome[_Finished]] = {}
    for acquisition, result in chain(refused, results):
        done[acquisition.key] = result
        if progress is not None:
            progress(len(done), len(acquisitions), describe(acquisition, result))
    table, failures = _gather(cohort, done, work)
    failures += embedding_failures(table, config, cohort.channels)
    if config.aggregate and table.n_rows:
        labels = config.image_labels
        table = aggregate_instances(table, config.aggregate, images=labels)
    if config.liver is None or config.liver.functional is None:
        return table, failures
    functional, failed = functional_features(
        cohort, config, table, pieces_dir=folder, workers=workers, progress=progress
    )
    joined = _side_by_side(table, functional, config.image_labels)
    return joined, [*failures, *failed]


def _side_by_side(
    table: FeatureTable, functional: FeatureTable, labels: Mapping[str, str]
) -> FeatureTable:
    """Join features of channels and of cases; what both remarked on is told together."""
    joined = join_tables([table, functional])
    own, other = table.provenance, functional.provenance
    provenance = {
        **own,
        "notes": {**own["notes"], **other["notes"]},
        "flags": [*own["flags"], *other["flags"]],
        **doubts_entry(doubts_in(own, other)),
        "functional": {k: v for k, v in other.items() if k not in ("notes", "flags", "doubts")},
    }
    codebook = codebook_rows([str(c) for c in joined.X], images=labels)
    return FeatureTable(joined.X, joined.obs, codebook, joined.missing, provenance)


def _gather(
    cohort: Cohort, done: dict[tuple[str, str, str], Outcome[_Finished]], work: _Work
) -> tuple[FeatureTable, list[Failure]]:
    dimensions: dict[str, set[int]] = defaultdict(set)
    for (_, channel, _), outcome in done.items():
        if outcome.result is not None:
            dimensions[channel].add(outcome.result.ndim)
    make = partial(TableBuilder, cohort, dimensions, work.config, get_engine(work.config.engine))
    failures: dict[tuple[str, str, str], Failure] = {}
    if work.config.instances.kind == "whole":
        builder = make()
        for number, (_, group) in enumerate(cohort.rows):
            pieces, failed = _collect(read_piece, cohort, group, done, work, failures)
            builder.add(number, pieces, failed)
    else:
        builder = _gather_cuts(make, cohort, done, work, failures)
    ordered = [failures[a.key] for a in cohort.acquisitions if a.key in failures]
    return builder.finish(), ordered


def _gather_cuts(
    make: Callable[..., TableBuilder],
    cohort: Cohort,
    done: dict[tuple[str, str, str], Outcome[_Finished]],
    work: _Work,
    failures: dict[tuple[str, str, str], Failure],
) -> TableBuilder:
    """Fill a table whose rows are the instances of the cases."""
    rows = []
    for number, ((_, instance), group) in enumerate(cohort.rows):
        results = {a.channel: done[a.key].result for a in group}
        places = {
            channel: result.places
            for channel in cohort.channels
            if (result := results.get(channel)) is not None and result.places is not None
        }
        prefix = f"{instance}/" if instance else ""
        rows.append((number, prefix, group, match_instances(places)))
    named = [(number, prefix + row.name) for number, prefix, _, found in rows for row in found]
    builder, at = make(rows=named), 0
    for _, prefix, group, found in rows:
        records, failed = _collect(read_cuts, cohort, group, done, work, failures)
        if records and found:
            builder.look(at, {c: (key, record.summary) for c, (key, record) in records.items()})
        for pieces in pieces_of(found, records, prefix):
            builder.add(at, pieces, failed, records)
            at += 1
    return builder


def _collect(
    read: Callable[[Path, str], P | None],
    cohort: Cohort,
    group: list[Acquisition],
    done: dict[tuple[str, str, str], Outcome[_Finished]],
    work: _Work,
    failures: dict[tuple[str, str, str], Failure],
) -> tuple[dict[str, tuple[str, P]], dict[str, str]]:
    """Return the finished pieces of a case by channel, and why others have none."""
    pieces: dict[str, tuple[str, P]] = {}
    for acquisition in group:
        outcome = done[acquisition.key]
        if outcome.result is not None:
            piece = read(work.folder, outcome.result.key)
            if piece is not None:
                pieces[acquisition.channel] = (outcome.result.key, piece)
                continue
        lost = EngineError("finished piece is gone or damaged", hint="run again")
        failure = outcome.failure or failure_of(acquisition, lost, "extract")
        failures[acquisition.key] = failure.below(cohort.root)
    return pieces, {a.channel: failures[a.key].reason for a in group if a.key in failures}


def _read(work: _Work, _: Acquisition, key: str) -> _Finished | None:
    if work.config.instances.kind != "whole":
        record = read_cuts(work.folder, key)
        return None if record is None else _finished(key, record)
    piece = read_piece(work.folder, key)
    return None if piece is None else _Finished(key, piece.ndim)


def _finished(key: str, record: CutRecord) -> _Finished:
    return _Finished(key, record.region_ndim, record.places)


def _extract(work: _Work, acquisition: Acquisition, regions: Regions, key: str) -> _Finished:
    roi = regions.measured
    _refuse_one_grey(roi)
    engine = get_engine(work.config.engine, threads=work.threads)
    if work.config.instances.kind != "whole":
        record = measure_instances(acquisition, roi, work.config, engine)
        write_cuts(work.folder, key, record)
        return _finished(key, record)
    features = engine.extract(roi, work.config) if work.config.texture else RoiFeatures({})
    liver = work.config.liver
    where = roi if liver is not None and liver.features_on == "measured" else regions.drawn
    features = with_liver_features(features, where, work.config)
    echoes = region_of_echoes(regions.drawn, roi)
    features = with_ultrasound_features(features, echoes, acquisition, work.config)
    features = with_embedding(features, roi, work.config, acquisition)
    _refuse_empty(features, roi)
    write_piece(work.folder, key, Piece.of(acquisition, roi, features))
    return _Finished(key, roi.ndim)


def _is_there(acquisition: Acquisition) -> bool:
    return all(source_exists(path) for path in (acquisition.image, acquisition.mask) if path)


def _refuse_one_grey(roi: Roi) -> None:
    """Raise for a picture whose region has one grey: texture would be a matter of conventions."""
    if roi.ndim != 2:
        return
    greys = roi.pixels[roi.mask]
    if greys.size and np.ptp(greys) == 0:
        raise EngineError(
            "all pixels of the region have one grey: there is nothing to measure",
            found=f"{float(greys[0]):g} in {greys.size} pixel{'' if greys.size == 1 else 's'}",
            hint="look at the picture: an empty frame, or a mask off the image?",
        )


def _refuse_empty(features: RoiFeatures, roi: Roi) -> None:
    if all(math.isnan(value) for value in features.values.values()):
        reason = next(iter(features.missing.values()), "")
        advised = " Next: " in reason  # by whoever found the reason, who knows better
        raise EngineError(
            "no feature can be computed for this region",
            found=reason or None,
            hint=None if advised else f"check the mask ({roi.n_voxels} voxels) and the settings",
        )


_crashed = partial(
    crashed,
    step="extract",
    doing="extracted",
    hint="use fewer workers, or coarser bins or voxels",
)
