"""Pieces to one table: columns in order, a reason for every gap, header facts beside it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from radiofib.cohort import Acquisition, Cohort
from radiofib.engines import Engine, ExtractionConfig
from radiofib.engines.reasons import fold_reasons
from radiofib.extract.pieces import Piece
from radiofib.provenance import hash_object, radiofib_version
from radiofib.registry import codebook_rows
from radiofib.table import MISSING_COLUMNS, FeatureTable

__all__ = ["GEOMETRY", "assemble"]

#: Facts of an image's header, kept for negative controls as ``geom_<channel>_<fact>``.
GEOMETRY = ("ny", "nx", "nz", "sy", "sx", "sz", "bytes")
NOT_ACQUIRED = "channel not acquired"
_NUMBER = re.compile(r"(?<![\w.-])\d[\d.]*(?:e[+-]?\d+)?(?![\w-])")

Key = tuple[str, str, str]


def assemble(
    cohort: Cohort,
    pieces: Mapping[Key, tuple[str, Piece]],
    failed: Mapping[Key, str],
    config: ExtractionConfig,
    engine: Engine,
) -> FeatureTable:
    """Put finished pieces into one row per case and instance.

    Parameters
    ----------
    cohort : Cohort
        Order of rows and channels.
    pieces : mapping
        ``(case, channel, instance)`` to the key and content of a finished piece.
    failed : mapping
        ``(case, channel, instance)`` to the reason why there is none.
    config : ExtractionConfig
        What was asked for.
    engine : Engine
        Who computed.

    Returns
    -------
    FeatureTable
        Rows without any finished channel are left out. A channel that a case does not have,
        or that failed, is one row of `missing` with a pattern such as ``dwi_*`` as its column.
    """
    by_channel = _columns(cohort, pieces, config, engine)
    columns = [column for names in by_channel.values() for column in names]
    place = {column: i for i, column in enumerate(columns)}
    kept: list[int] = []
    values: list[np.ndarray] = []
    missing: list[tuple[str, str, str, str]] = []
    geometry: list[dict[str, float]] = []
    for number, ((case, instance), group) in enumerate(cohort.rows):
        mine = {a.channel: pieces[a.key][1] for a in group if a.key in pieces}
        if not mine:
            continue
        kept.append(number)
        row = np.full(len(columns), np.nan)
        for piece in mine.values():
            for column, value in piece.features.items():
                if value is not None:
                    row[place[column]] = value
        values.append(row)
        for channel, names in by_channel.items():
            for column, reason in _gaps(channel, names, mine, group, failed).items():
                missing.append((case, instance, column, reason))
        geometry.append({k: v for piece in mine.values() for k, v in _geometry(piece)})
    frame = pd.DataFrame(np.array(values).reshape(len(values), len(columns)), columns=columns)
    facts = [f"geom_{channel}_{fact}" for channel in by_channel for fact in GEOMETRY]
    obs = cohort.obs().iloc[kept].reset_index(drop=True)
    geom = pd.DataFrame(geometry, columns=facts, dtype=np.float64)
    return FeatureTable(
        frame,
        pd.concat([obs, geom], axis=1),
        codebook_rows(columns),
        pd.DataFrame(missing, columns=list(MISSING_COLUMNS), dtype="str"),
        _provenance(list(by_channel), pieces, config, engine),
    )


def _columns(
    cohort: Cohort,
    pieces: Mapping[Key, tuple[str, Piece]],
    config: ExtractionConfig,
    engine: Engine,
) -> dict[str, list[str]]:
    """Return the columns of each channel, in order, over the kinds of region that occur."""
    dimensions: dict[str, set[int]] = {}
    for (_, channel, _), (_, piece) in pieces.items():
        dimensions.setdefault(channel, set()).add(piece.ndim)
    return {
        channel: list(
            dict.fromkeys(
                column
                for ndim in sorted(dimensions[channel], reverse=True)
                for column in engine.columns(config, channel, ndim)
            )
        )
        for channel in cohort.channels
        if channel in dimensions
    }


def _gaps(
    channel: str,
    columns: Sequence[str],
    mine: Mapping[str, Piece],
    group: Iterable[Acquisition],
    failed: Mapping[Key, str],
) -> dict[str, str]:
    """Return column or pattern to reason, for one row and one channel."""
    piece = mine.get(channel)
    if piece is None:
        reasons = [f"not extracted: {failed[a.key]}" for a in group if a.channel == channel]
        return {f"{channel}_*": reasons[0] if reasons else NOT_ACQUIRED}
    absent = [c for c in columns if c not in piece.features]
    other = fold_reasons(dict.fromkeys(absent, f"not for {piece.ndim}-D regions"), columns)
    return {**piece.missing, **other}


def _geometry(piece: Piece) -> Iterable[tuple[str, float]]:
    prefix = f"geom_{piece.channel}_"
    nz, ny, nx = (1, *piece.shape)[-3:]
    yield from ((f"{prefix}ny", ny), (f"{prefix}nx", nx), (f"{prefix}nz", nz))
    if piece.spacing_mm is not None:
        sizes = dict(zip(("sx", "sy", "sz"), reversed(piece.spacing_mm), strict=False))
        yield from ((f"{prefix}{name}", size) for name, size in sizes.items())
    yield f"{prefix}bytes", piece.file_bytes


def _provenance(
    channels: list[str],
    pieces: Mapping[Key, tuple[str, Piece]],
    config: ExtractionConfig,
    engine: Engine,
) -> dict[str, Any]:
    notes: Counter[str] = Counter()
    flags: Counter[tuple[str, str]] = Counter()
    for _, piece in pieces.values():
        notes.update(f"{piece.channel}: {_NUMBER.sub('#', note)}" for note in piece.notes)
        flags.update(piece.flags.items())
    return {
        "step": "extract",
        "radiofib": radiofib_version(),
        "engine": engine.name,
        "engine_version": engine.version,
        "config": config.canonical(),
        "config_hash": config.digest,
        "remarks": list(config.remarks),
        "channels": channels,
        "pieces": len(pieces),
        "pieces_hash": hash_object(sorted(key for key, _ in pieces.values())),
        "notes": dict(sorted(notes.items())),
        "flags": [
            {"column": column, "remark": remark, "regions": count}
            for (column, remark), count in sorted(flags.items())
        ],
    }
