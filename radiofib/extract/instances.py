"""Features of the instances that the region of one acquisition is cut into: measured, kept, joined.

The instances of an acquisition are one piece of work and one record on disk, found again as a
piece is: by the hash of everything that its values depend on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from radiofib.cohort import Acquisition
from radiofib.engines import Engine, ExtractionConfig, RoiFeatures
from radiofib.errors import EngineError, RadiofibError
from radiofib.extract.copies import picture_facts
from radiofib.extract.embedding import with_embedding
from radiofib.extract.matching import Places, Row
from radiofib.extract.pieces import Piece
from radiofib.extract.ultrasound import with_ultrasound_features
from radiofib.preprocess.instances import cut_region, instance_ndim
from radiofib.roi import Roi
from radiofib.store import read_record, write_record

__all__ = ["CutPiece", "CutRecord", "measure_instances", "pieces_of", "read_cuts", "write_cuts"]

#: Changes when the content of a record changes its meaning.
CUTS_SCHEMA = 1


@dataclass(frozen=True)
class CutPiece(Piece):
    """Features of one instance; the facts of the header are those of the whole image.

    Parameters
    ----------
    region_ndim : int
        Number of axes of the instance.
    """

    region_ndim: int = 3

    @property
    def ndim(self) -> int:
        """Number of axes of the instance."""
        return self.region_ndim


@dataclass(frozen=True)
class CutRecord:
    """All instances of one acquisition.

    Parameters
    ----------
    image : Piece
        The facts of the whole image, without features.
    region_ndim : int
        Number of axes of an instance.
    places : Places
        Where the instances lie.
    columns : tuple of str
        Features that were measured.
    values : tuple of tuple of float or None
        For each instance the value of each feature, None where missing.
    missing, flags : tuple of mapping
        For each instance column or pattern to reason or remark.
    """

    image: Piece
    region_ndim: int
    places: Places
    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    missing: tuple[Mapping[str, str], ...]
    flags: tuple[Mapping[str, str], ...]

    def piece(self, number: int, name: str) -> CutPiece:
        """Return one instance under the name it has in the table."""
        return CutPiece(
            **(_facts(self.image) | {"instance": name}),
            features=dict(zip(self.columns, self.values[number], strict=True)),
            missing=self.missing[number],
            flags=self.flags[number],
            region_ndim=self.region_ndim,
        )

    @property
    def summary(self) -> Piece:
        """The image with the features of all instances, to compare it with other channels."""
        features = {
            f"{column}#{number}": value
            for number, row in enumerate(self.values)
            for column, value in zip(self.columns, row, strict=True)
        }
        return replace(self.image, features=features)


def _facts(image: Piece) -> dict[str, Any]:
    names = ("case", "channel", "instance", "shape", "spacing_mm", "file_bytes", "notes", "picture")
    return {name: getattr(image, name) for name in names}


def measure_instances(
    acquisition: Acquisition, roi: Roi, config: ExtractionConfig, engine: Engine
) -> CutRecord:
    """Cut a region into instances and measure each.

    An instance that carries no feature is left out, and a note says how many there were.

    Raises
    ------
    MaskError
        When no instance holds enough of the region.
    EngineError
        When no instance carries a feature.
    """
    settings = config.instances
    cuts = cut_region(roi, settings)
    kept, features, reasons = [], [], []
    for cut in cuts:
        found = _measure(cut.of(roi), config, engine, acquisition, roi)
        if isinstance(found, str):
            reasons.append(found)
            continue
        kept.append(cut)
        features.append(found)
    if not kept:
        raise EngineError(
            f"no feature can be computed for any of {len(cuts)} instances",
            found=reasons[0],
            hint=f"check the mask ({roi.n_voxels} voxels) and the settings of instances",
        )
    notes = [f"cut into {len(cuts)} instances ({settings.kind})"]
    if reasons:
        notes.append(f"{len(reasons)} of {len(cuts)} instances carry no feature: {reasons[0]}")
    picture = picture_facts(acquisition, roi)
    parts = [Piece.of(acquisition, roi, one, picture) for one in features]
    image = replace(parts[0], features={}, missing={}, flags={}, notes=(*roi.notes, *notes))
    columns = tuple(features[0].values)
    return CutRecord(
        image,
        instance_ndim(settings, roi.ndim),
        Places.of(roi, tuple(kept), settings),
        columns,
        tuple(tuple(part.features[c] for c in columns) for part in parts),
        tuple(part.missing for part in parts),
        tuple(part.flags for part in parts),
    )


def _measure(
    roi: Roi, config: ExtractionConfig, engine: Engine, acquisition: Acquisition, image: Roi
) -> RoiFeatures | str:
    """Return the features of one instance, or why it has none."""
    try:
        found = engine.extract(roi, config) if config.texture else RoiFeatures({})
        found = with_ultrasound_features(found, roi, acquisition, config)
        found = with_embedding(found, roi, config, acquisition, image=image)
    except RadiofibError as error:
        return error.problem
    if all(math.isnan(value) for value in found.values.values()):
        return next(iter(found.missing.values()), "nothing was measured")
    return found


def write_cuts(folder: Path, key: str, record: CutRecord) -> None:
    """Write a record so that it is either whole or not there."""
    write_record(folder, key, {"schema": CUTS_SCHEMA, **asdict(record)})


def read_cuts(folder: Path, key: str) -> CutRecord | None:
    """Return a finished record; None when there is none or its file is damaged."""
    stored = read_record(folder, key)
    try:
        if stored is None or stored["schema"] != CUTS_SCHEMA:
            return None
        image = stored["image"]
        spacing = image["spacing_mm"]
        image |= {
            "shape": tuple(image["shape"]),
            "spacing_mm": None if spacing is None else tuple(spacing),
            "notes": tuple(image["notes"]),
        }
        return CutRecord(
            Piece(**image),
            stored["region_ndim"],
            Places.restored(stored["places"]),
            tuple(stored["columns"]),
            tuple(map(tuple, stored["values"])),
            tuple(stored["missing"]),
            tuple(stored["flags"]),
        )
    except (KeyError, TypeError):
        return None


def pieces_of(
    rows: Sequence[Row], records: Mapping[str, tuple[str, CutRecord]], prefix: str
) -> Iterator[dict[str, tuple[str, Piece]]]:
    """Yield for each row of a case its channels with key and features.

    Parameters
    ----------
    rows : sequence of Row
        As matched.
    records : mapping
        Channel to key and record.
    prefix : str
        What the names of instances begin with in the table.
    """
    for row in rows:
        yield {
            channel: (key, record.piece(number, prefix + row.name))
            for channel, number in row.members.items()
            if channel in records
            for key, record in (records[channel],)
        }
