"""Finished pieces on disk: one file per acquisition, found again by what went into it.

A piece is named by the hash of everything its values depend on, never by its case alone, so a
changed image, mask, label, setting, engine or version is another piece. It is written under a
temporary name and renamed, and holds a checksum, so a reader sees a whole piece or none.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from radiofib.cohort import Acquisition
from radiofib.cohort.geometry import parse_geometry, size_of
from radiofib.engines import RoiFeatures
from radiofib.extract.copies import picture_facts
from radiofib.extract.pixels import without_lengths
from radiofib.images import hash_source
from radiofib.provenance import canonical_json, hash_bytes, hash_object
from radiofib.roi import Roi
from radiofib.table.reasons import fold_reasons

__all__ = ["PIECE_SCHEMA", "Piece", "piece_key", "read_piece", "write_piece"]

#: Changes when the content of a piece changes its meaning.
PIECE_SCHEMA = 5


@dataclass(frozen=True)
class Piece:
    """Features of one acquisition and the facts of its header.

    Parameters
    ----------
    case, channel, instance : str
        Whose it is.
    shape : tuple of int
        Matrix size, in the order of the pixels: (z, y, x) or (y, x).
    spacing_mm : tuple of float or None
        Voxel size in that order; None when the file does not give it.
    file_bytes : int
        Size of the image file or folder.
    features : mapping
        Column to value, None where missing.
    missing, flags : mapping
        Column or pattern to reason or remark.
    notes : tuple of str
        What was done to arrive at the region.
    picture : mapping
        Of a picture, hashes ``file``, ``pixels``, ``look`` and the ``largest`` grey; empty for
        volumes.
    """

    case: str
    channel: str
    instance: str
    shape: tuple[int, ...]
    spacing_mm: tuple[float, ...] | None
    file_bytes: int
    features: Mapping[str, float | None]
    missing: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    picture: Mapping[str, str] = field(default_factory=dict)

    @property
    def ndim(self) -> int:
        """Number of axes of the region."""
        return len(self.shape)

    @classmethod
    def of(
        cls,
        acquisition: Acquisition,
        roi: Roi,
        features: RoiFeatures,
        picture: Mapping[str, str] | None = None,
    ) -> Piece:
        """Gather what an engine found for an acquisition; `picture` where its hashes are known."""
        features = without_lengths(features, acquisition)
        columns = list(features.values)
        shape = tuple(int(n) for n in roi.pixels.shape)
        spacing = tuple(map(float, roi.spacing_mm)) if roi.spacing_known else None
        file_bytes = size_of(acquisition.image)
        if (native := acquisition.extra.get("native_geometry")) is not None:
            # An aligned image has the reference's grid; a control must know the channel's own.
            shape, spacing, file_bytes = parse_geometry(native)
        return cls(
            case=acquisition.case,
            channel=acquisition.channel,
            instance=acquisition.instance,
            shape=shape,
            spacing_mm=spacing,
            file_bytes=file_bytes,
            features={c: None if math.isnan(v) else v for c, v in features.values.items()},
            missing=fold_reasons(features.missing, columns),
            flags=fold_reasons(features.flags, columns),
            notes=roi.notes,
            picture=picture_facts(acquisition, roi) if picture is None else picture,
        )


def piece_key(
    acquisition: Acquisition,
    mask_label: int | None,
    *,
    config_hash: str,
    versions: str,
    files: Mapping[str, str] | None = None,
) -> str:
    """Return the name of an acquisition's piece: the hash of all that it depends on.

    Parameters
    ----------
    acquisition : Acquisition
        Whose piece; its image and mask are hashed by content.
    mask_label : int or None
        Label of the mask that counts.
    config_hash, versions : str
        Digest of the configuration; versions of radiofib, engine and libraries.
    files : mapping, optional
        Hashes of other files that the values depend on, such as the mask of lesions.

    Raises
    ------
    OSError
        When the image or the mask cannot be read.
    """
    others: dict[str, Any] = {"files": dict(files)} if files else {}
    if (pixel := acquisition.extra.get("pixel_mm")) is not None:
        others["pixel_mm"] = pixel
    if (white := acquisition.extra.get("white_grey")) is not None:
        others["white_grey"] = white
    return hash_object(
        {
            **others,
            "schema": PIECE_SCHEMA,
            "case": acquisition.case,
            "channel": acquisition.channel,
            "instance": acquisition.instance,
            "image": hash_source(acquisition.image),
            "mask": None if acquisition.mask is None else hash_source(acquisition.mask),
            "mask_label": mask_label,
            "native": acquisition.extra.get("native_geometry"),
            "config": config_hash,
            "versions": versions,
        }
    )


def _path(folder: Path, key: str) -> Path:
    return folder / f"{key}.json"


def write_piece(folder: Path, key: str, piece: Piece) -> None:
    """Write a piece so that it is either whole or not there."""
    content = asdict(piece)
    check = hash_bytes(canonical_json(content).encode())
    temporary = folder / f".{key}.{os.getpid()}.part"
    temporary.write_text(canonical_json({"check": check, "piece": content}), encoding="utf-8")
    temporary.replace(_path(folder, key))


def read_piece(folder: Path, key: str) -> Piece | None:
    """Return a finished piece; None when there is none or its file is damaged.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     folder = Path(name)
    ...     write_piece(folder, "a1", Piece("c", "us", "", (2, 2), None, 9, {"us_x": None}))
    ...     whole = read_piece(folder, "a1")
    ...     _ = (folder / "a1.json").write_text("{")
    ...     broken = read_piece(folder, "a1")
    >>> whole.shape, broken is None
    ((2, 2), True)
    """
    try:
        stored: Any = json.loads(_path(folder, key).read_text(encoding="utf-8"))
        content = stored["piece"]
        if stored["check"] != hash_bytes(canonical_json(content).encode()):
            return None
        spacing = content["spacing_mm"]
        return Piece(
            **{
                **content,
                "shape": tuple(content["shape"]),
                "spacing_mm": None if spacing is None else tuple(spacing),
                "notes": tuple(content["notes"]),
            }
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
