"""Pieces to one table: columns in order, a reason for every gap, header facts beside it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from radiofib.cohort import Cohort
from radiofib.cohort.geometry import odd_phases
from radiofib.engines import Engine, ExtractionConfig
from radiofib.extract.copies import CopyTable
from radiofib.extract.depths import DepthTable
from radiofib.extract.doubts import Doubt, doubts_entry, equal_channels
from radiofib.extract.embedding import embedding_columns, embedding_doubts, embedding_entry
from radiofib.extract.liver import liver_columns
from radiofib.extract.pieces import Piece
from radiofib.extract.ultrasound import ultrasound_columns
from radiofib.images.region import CHECK
from radiofib.provenance import hash_object, radiofib_version
from radiofib.registry import codebook_rows
from radiofib.table import MISSING_COLUMNS, FeatureTable
from radiofib.table.reasons import fold_reasons

__all__ = ["GEOMETRY", "TableBuilder"]

#: Facts of an image's header, kept for negative controls as ``geom_<channel>_<fact>``.
GEOMETRY = ("ny", "nx", "nz", "sy", "sx", "sz", "bytes")
#: Of cleaned pictures also how much of them was text and graphics: people measure what they see.
_BLANKED = "blanked_share"
NOT_ACQUIRED = "channel not acquired"
#: Why a channel that was cut has no value in one row.
NOT_HERE = "the channel has no instance here"
#: What differs between notes of one kind: names in quotes, and numbers.
_NAME = re.compile(r"(?<!\w)'[^']*'(?!\w)")
_NUMBER = re.compile(r"(?<![\w.-])\d[\d.]*(?:e[+-]?\d+)?(?![\w-])")


class TableBuilder:
    """Takes the pieces of one row after another, so that only one row of them is in memory.

    Parameters
    ----------
    cohort : Cohort
        Order of rows and channels.
    dimensions : mapping
        Channel to the numbers of axes (2, 3) its finished regions have.
    config : ExtractionConfig
        What was asked for.
    engine : Engine
        Who computed.
    rows : sequence of (int, str), optional
        For each row of the table its position in ``cohort.rows`` and its instance; one row for
        each of them when not given.
    """

    def __init__(
        self,
        cohort: Cohort,
        dimensions: Mapping[str, set[int]],
        config: ExtractionConfig,
        engine: Engine,
        rows: Sequence[tuple[int, str]] | None = None,
    ) -> None:
        self._cohort = cohort
        self._config = config
        self._engine = engine
        self._columns = {
            channel: _columns(engine, config, channel, dimensions[channel])
            for channel in cohort.channels
            if channel in dimensions
        }
        groups = cohort.rows
        self._images = [key for key, _ in groups]
        self._members = [{a.channel: a for a in members} for _, members in groups]
        self._cut = rows is not None
        made_of = list(enumerate([key[1] for key in self._images])) if rows is None else list(rows)
        self._source = [number for number, _ in made_of]
        self._rows = [(self._images[number][0], instance) for number, instance in made_of]
        names = [column for columns in self._columns.values() for column in columns]
        self._place = {column: i for i, column in enumerate(names)}
        self._values = np.full((len(self._rows), len(names)), np.nan)
        self._kept: list[int] = []
        self._missing: list[tuple[str, str, str, str]] = []
        self._geometry: list[dict[str, float]] = []
        self._keys: dict[str, None] = {}
        self._notes: Counter[str] = Counter()
        self._doubts: list[Doubt] = []
        self._pictures = CopyTable(cohort)
        network = config.embedding
        by_type = network is not None and network.white is None and network.intensity is None
        self._depths = DepthTable(shown_by_type=by_type)
        self._flags: Counter[tuple[str, str]] = Counter()

    def add(
        self,
        number: int,
        pieces: Mapping[str, tuple[str, Piece]],
        failed: Mapping[str, str],
        elsewhere: Collection[str] = (),
    ) -> None:
        """Fill row `number` of the cohort.

        Parameters
        ----------
        number : int
            Position in ``cohort.rows``, or in the rows that were given.
        pieces : mapping
            Channel to the key and content of a finished piece. A row without any is left out.
        failed : mapping
            Channel to the reason why there is no piece. A channel that is in neither was not
            acquired.
        elsewhere : collection of str
            Channels that were cut and have no instance in this row.
        """
        if not pieces:
            return
        if not self._cut:
            self.look(number, pieces)
        case, instance = self._rows[number]
        self._kept.append(number)
        facts: dict[str, float] = {}
        for _, piece in pieces.values():
            for column, value in piece.features.items():
                if value is not None:
                    self._values[number, self._place[column]] = value
            facts.update(_geometry(piece))
            blanked = self._members[self._source[number]][piece.channel].extra.get(_BLANKED)
            if blanked is not None:
                facts[f"geom_{piece.channel}_{_BLANKED}"] = float(blanked)
            self._flags.update(piece.flags.items())
        self._geometry.append(facts)
        for channel, columns in self._columns.items():
            if channel in pieces:
                gaps = _gaps(columns, pieces[channel][1])
            elif channel in failed:
                gaps = {f"{channel}_*": f"not extracted: {failed[channel]}"}
            else:
                gaps = {f"{channel}_*": NOT_HERE if channel in elsewhere else NOT_ACQUIRED}
            self._missing += [(case, instance, name, reason) for name, reason in gaps.items()]

    def look(self, number: int, pieces: Mapping[str, tuple[str, Piece]]) -> None:
        """Take notes and doubts of the images of one case, once for all rows made of them.

        Parameters
        ----------
        number : int
            As in :meth:`add`; of images that were cut, the first row made of them.
        pieces : mapping
            Channel to key and content; of images that were cut, with the features of all rows.
        """
        case, instance = self._images[self._source[number]]
        members = self._members[self._source[number]]
        for key, piece in pieces.values():
            self._keys[key] = None
            self._pictures.add(self._source[number], piece)
            self._depths.add(members[piece.channel], piece.picture)
            self._notes.update(f"{piece.channel}: {_general(n)}" for n in piece.notes)
            self._doubts += [
                Doubt(case, instance, piece.channel, n) for n in piece.notes if n.endswith(CHECK)
            ]
        voxels = {c: (piece.shape, piece.spacing_mm) for c, (_, piece) in pieces.items()}
        found = {
            **odd_phases(voxels),
            **equal_channels({c: p.features for c, (_, p) in pieces.items()}),
        }
        self._doubts += [Doubt(case, instance, c, text) for c, text in found.items()]

    def finish(self) -> FeatureTable:
        """Return the table of the rows that were filled."""
        known = {name for facts in self._geometry for name in facts}
        facts = [
            f"geom_{channel}_{fact}"
            for channel in self._columns
            for fact in (*GEOMETRY, _BLANKED)
            if fact != _BLANKED or f"geom_{channel}_{fact}" in known
        ]
        sources = [self._source[number] for number in self._kept]
        obs = self._cohort.obs().iloc[sources].reset_index(drop=True)
        if self._cut:
            names = [self._rows[number][1] for number in self._kept]
            obs = obs.drop(columns="instance", errors="ignore")
            obs.insert(2, "instance", names)
        copies = self._pictures.columns(sources)
        geometry = pd.DataFrame(self._geometry, columns=facts, dtype=np.float64)
        columns = list(self._place)
        return FeatureTable(
            pd.DataFrame(self._values[self._kept], columns=columns),
            pd.concat([obs, copies, geometry], axis=1),
            codebook_rows(columns, images=self._config.image_labels),
            pd.DataFrame(self._missing, columns=list(MISSING_COLUMNS), dtype="str"),
            self._provenance(),
        )

    def _provenance(self) -> dict[str, Any]:
        return {
            "step": "extract",
            "radiofib": radiofib_version(),
            "engine": self._engine.name,
            "engine_version": self._engine.version,
            "config": self._config.canonical(),
            "config_hash": self._config.digest,
            "remarks": list(self._config.remarks),
            "channels": list(self._columns),
            "pieces": len(self._keys),
            "pieces_hash": hash_object(sorted(self._keys)),
            "notes": dict(sorted(self._notes.items())),
            **embedding_entry(self._config),
            **doubts_entry(
                [
                    *embedding_doubts(self._config),
                    *self._doubts,
                    *self._pictures.doubts(),
                    *self._depths.doubts(),
                ]
            ),
            **self._pictures.entry(),
            "flags": [
                {"column": column, "remark": remark, "regions": count}
                for (column, remark), count in sorted(self._flags.items())
            ],
        }


def _columns(
    engine: Engine, config: ExtractionConfig, channel: str, dimensions: set[int]
) -> list[str]:
    """Return the columns of a channel, in order, over the kinds of region that occur."""
    return list(
        dict.fromkeys(
            column
            for ndim in sorted(dimensions, reverse=True)
            for column in (
                *engine.columns(config, channel, ndim),
                *liver_columns(config, channel, ndim),
                *ultrasound_columns(config, channel, ndim),
                *embedding_columns(config, channel),
            )
        )
    )


def _general(note: str) -> str:
    return _NUMBER.sub("#", _NAME.sub("#", note))


def _gaps(columns: Sequence[str], piece: Piece) -> dict[str, str]:
    """Return column or pattern to reason, for one finished piece."""
    absent = [column for column in columns if column not in piece.features]
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
