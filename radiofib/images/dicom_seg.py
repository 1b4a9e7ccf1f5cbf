"""DICOM segmentation objects (SEG): binary, fractional and label map.

A frame is the part of one segment on one slice; slices where a segment is empty are usually
left out. See DICOM PS3.3 A.51 and C.8.20.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.pixels.utils import pixel_array

from radiofib._checks import list_some
from radiofib.errors import ImageError, MaskError
from radiofib.images.dicom_frames import Frame, read_frames
from radiofib.images.dicom_geometry import same_orientation
from radiofib.images.dicom_header import UNREADABLE, damaged, hashed_uid, load_dataset
from radiofib.images.dicom_pixels import PIXEL_TAGS, UNDECODED, require_pixels
from radiofib.images.grids import Grid, displacement
from radiofib.images.image import Image
from radiofib.images.seg_geometry import sparse_grid
from radiofib.images.segments import Segment, Segmentation, plain_name

__all__ = ["read_segmentation"]

_TAGS = (
    *PIXEL_TAGS, "Modality", "FrameOfReferenceUID", "SegmentSequence", "SegmentationType",
    "SegmentationFractionalType", "MaximumFractionalValue",
)  # fmt: skip
#: Frames no further from the image's slices than this share of the smallest voxel side are on
#: them (the tolerance of two grids that are the same).
_ON_SLICE = 0.05


@dataclass(frozen=True, eq=False)
class _Source:
    """A file's pixel data, frame by frame."""

    path: Path
    dataset: pydicom.Dataset
    kind: str
    n_frames: int
    size: tuple[int, int]

    def frame(self, number: int) -> NDArray[np.generic]:
        """Decode one frame (y, x) of stored values."""
        ds, (rows, columns) = self.dataset, self.size
        packed = int(ds.BitsAllocated) == 1 and not ds.file_meta.TransferSyntaxUID.is_compressed
        try:
            if packed:  # eight pixels a byte, the lowest bit first; frames are not padded
                start, count = number * rows * columns, rows * columns
                data = np.frombuffer(ds.PixelData, np.uint8)[start // 8 : -(-(start + count) // 8)]
                bits = np.unpackbits(data, bitorder="little")[start % 8 :][:count]
                return bits.reshape(rows, columns)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                index = number if self.n_frames > 1 else None
                values: NDArray[np.generic] = pixel_array(ds, index=index)
            return values.reshape(rows, columns)
        except Exception:
            # Decoders raise whatever they like on damaged data; their words may quote the header.
            raise damaged(self.path, UNDECODED) from None


def read_segmentation(path: Path, on: Image | None = None) -> Segmentation:
    """Read the segments of a DICOM SEG and where they lie; regions are drawn when asked for.

    Parameters
    ----------
    path : Path
        The file.
    on : Image, optional
        The image it was drawn on. Frames that lie on its slices are placed on its grid;
        otherwise, and without it, the grid is that of the frames.

    Returns
    -------
    Segmentation
        Fractional segments are cut at half of the largest value.

    Raises
    ------
    MaskError
        When frames have no place, or do not form one grid.
    ImageError
        When the file is damaged.
    """
    dataset = load_dataset(path, _TAGS, pixels=True)
    require_pixels(dataset, path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _segmentation(dataset, path, on)
    except ImageError:
        raise
    except MaskError:
        raise
    except Exception:
        # A damaged header makes pydicom raise nearly anything; its words may quote the header.
        raise damaged(path, UNREADABLE) from None


def _segmentation(dataset: pydicom.Dataset, path: Path, on: Image | None) -> Segmentation:
    where = str(path)
    frames = read_frames(dataset, path)
    size = (int(dataset.Rows), int(dataset.Columns))
    kind = str(dataset.get("SegmentationType", "BINARY") or "BINARY").upper()
    source = _Source(path, dataset, kind, len(frames), size)
    if int(dataset.get("NumberOfFrames", 1) or 1) != len(frames) or not frames:
        raise damaged(path, f"{len(frames)} functional groups for the frames")
    _refuse_short(source)
    owners = _owners(source, frames)
    segments = _segments(dataset, owners)
    uid = hashed_uid(dataset.get("FrameOfReferenceUID"))
    notes = _kind_notes(dataset, kind)
    placed = [f for f in frames if f.position is not None and f.orientation is not None]
    if not placed:
        return _flat(source, owners, segments, notes)
    if len(placed) < len(frames) or not same_orientation([f.orientation or () for f in placed]):
        raise MaskError(
            "frames of the segmentation are not parallel slices of one grid",
            where=where,
            found=f"{len(placed)} of {len(frames)} frames placed",
            hint="export it on the image's own grid",
        )
    in_plane = frames[0].pixel_spacing
    if in_plane is None or len({f.pixel_spacing for f in frames}) > 1:
        raise MaskError("the segmentation does not state one pixel size", where=where)
    first = frames[0]
    grid = sparse_grid(
        np.array([f.position for f in frames]), np.array(first.orientation),
        stated=(first.between, first.thickness), pixel_mm=min(in_plane),
        image_step=_image_step(on, np.array(first.orientation)), where=where,
    )  # fmt: skip
    slices, notes = grid.slices, [*notes, *grid.notes]
    shape: tuple[int, ...] = (grid.n_slices, *size)
    spacing: tuple[float, ...] = (grid.spacing_mm, *in_plane)
    origin, direction = grid.origin_mm, grid.direction
    own = Grid(shape[::-1], spacing[::-1], origin, direction)
    start = None if on is None else _first_slice(own, on)
    if start is not None and on is not None:
        slices = tuple(s + start for s in slices)
        shape = on.pixels.shape
        spacing, origin, direction = on.spacing_mm, on.origin_mm or (), on.direction or ()
    _refuse_doubles(source, owners, slices, notes)

    def draw(number: int) -> tuple[NDArray[np.bool_], list[str]]:
        region = np.zeros(shape, dtype=np.bool_)
        for index, inside in _inside(source, owners, number):
            region[slices[index]] |= inside
        return region, []

    return Segmentation(
        "DICOM SEG", segments, draw, shape, spacing, origin, direction,
        grid.spacing_known, uid, tuple(notes),
    )  # fmt: skip


def _refuse_short(source: _Source) -> None:
    ds = source.dataset
    if ds.file_meta.TransferSyntaxUID.is_compressed:
        return
    needed = -(-source.n_frames * source.size[0] * source.size[1] * int(ds.BitsAllocated) // 8)
    if len(ds.PixelData) < needed:
        raise damaged(source.path, f"{len(ds.PixelData)} of {needed} bytes of pixels")


def _owners(source: _Source, frames: Sequence[Frame]) -> list[set[int]]:
    """Return the segments on each frame: one by its header, or all that a label map holds."""
    if source.kind == "LABELMAP":
        return [{int(v) for v in np.unique(source.frame(i)) if v} for i in range(source.n_frames)]
    if any(f.segment is None for f in frames):
        raise damaged(source.path, "frames without a segment number")
    return [{f.segment} for f in frames if f.segment is not None]


def _segments(dataset: pydicom.Dataset, owners: Sequence[set[int]]) -> tuple[Segment, ...]:
    parts = Counter(number for owner in owners for number in owner)
    names = dict.fromkeys(parts, "")
    for item in dataset.get("SegmentSequence") or ():
        kinds = item.get("SegmentedPropertyTypeCodeSequence") or [pydicom.Dataset()]
        name = plain_name(item.get("SegmentLabel")) or plain_name(kinds[0].get("CodeMeaning"))
        number = int(item.SegmentNumber)
        if number:  # 0 is the background of a label map
            names[number] = name
    return tuple(Segment(n, names[n], parts[n], "frame") for n in sorted(names))


def _kind_notes(dataset: pydicom.Dataset, kind: str) -> list[str]:
    if kind != "FRACTIONAL":
        return []
    what = str(dataset.get("SegmentationFractionalType", "") or "").lower()
    named = f" ({what})" if what in ("probability", "occupancy") else ""
    return [f"fractional segmentation{named} cut at half of its largest value"]


def _inside(
    source: _Source, owners: Sequence[set[int]], number: int
) -> list[tuple[int, NDArray[np.bool_]]]:
    found = []
    for index, owner in enumerate(owners):
        if number in owner:
            values = source.frame(index)
            if source.kind == "LABELMAP":
                inside = values == number
            elif source.kind == "FRACTIONAL" and int(source.dataset.BitsAllocated) > 1:
                most = float(source.dataset.get("MaximumFractionalValue") or 255)
                inside = values.astype(np.float64) >= 0.5 * most
            else:
                inside = values != 0
            found.append((index, np.asarray(inside)))
    return found


def _flat(
    source: _Source, owners: Sequence[set[int]], segments: tuple[Segment, ...], notes: list[str]
) -> Segmentation:
    """Take frames without a place as the mask of a picture, one frame for each segment."""
    if any(s.parts > 1 for s in segments):
        raise MaskError(
            "frames of the segmentation do not state their position",
            where=str(source.path),
            expected="ImagePositionPatient and ImageOrientationPatient for each frame",
            hint="export it again, as NIfTI or NRRD",
        )

    def draw(number: int) -> tuple[NDArray[np.bool_], list[str]]:
        return _inside(source, owners, number)[0][1], []

    return Segmentation(
        "DICOM SEG", segments, draw, source.size, (1.0, 1.0), None, None, False,
        notes=tuple(notes),
    )  # fmt: skip


def _image_step(on: Image | None, orientation: NDArray[np.float64]) -> float | None:
    """Return the image's spacing between slices when its slices are parallel to the frames."""
    if on is None or on.ndim != 3 or on.direction is None:
        return None
    normal = np.array(on.direction).reshape(3, 3)[:, 2]
    frame_normal = np.cross(orientation[:3], orientation[3:])
    return on.spacing_mm[0] if abs(normal @ frame_normal) > 1 - 1e-4 else None


def _first_slice(own: Grid, on: Image) -> int | None:
    """Return the image slice of the first frame when the frames' grid is a part of the image's."""
    whole = Grid.of(on)
    if whole is None or len(whole.size) != 3 or whole.size[:2] != own.size[:2]:
        return None
    matrix = np.array(whole.direction).reshape(3, 3)
    offset = np.array(own.origin_mm) - np.array(whole.origin_mm)
    start = round(float(offset @ matrix[:, 2]) / whole.spacing_mm[2])
    if start < 0 or start + own.size[2] > whole.size[2]:
        return None
    part = Grid(
        own.size,
        whole.spacing_mm,
        tuple(float(p) for p in whole.to_physical(np.array([[0.0, 0.0, start]]))[0]),
        whole.direction,
    )
    away = displacement(part, own)
    return start if away is not None and away <= _ON_SLICE else None


def _refuse_doubles(
    source: _Source, owners: Sequence[set[int]], slices: Sequence[int], notes: list[str]
) -> None:
    """Refuse two different frames of one segment on one slice; say when two are the same."""
    seen: dict[tuple[int, int], int] = {}
    same = 0
    for index, owner in enumerate(owners):
        for number in sorted(owner):
            before = seen.setdefault((number, slices[index]), index)
            if before == index:
                continue
            if not np.array_equal(source.frame(before), source.frame(index)):
                raise MaskError(
                    "two different frames of one segment lie on one slice",
                    where=str(source.path),
                    found=f"frames {list_some((before + 1, index + 1))} of segment {number}",
                    hint="export it again",
                )
            same += 1
    if same:
        notes.append(f"{same} frame(s) stored twice, the same: one of each is used")
