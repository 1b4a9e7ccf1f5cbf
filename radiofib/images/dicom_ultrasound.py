"""DICOM ultrasound: calibrated regions of the screen, and single frames of a film.

Nothing of the header but what is about pixels is decoded, as in
:mod:`radiofib.images.dicom_header`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray

from radiofib.images.dicom_header import (
    UNREADABLE,
    Header,
    damaged,
    load_dataset,
    numbers,
    read_header,
)
from radiofib.images.dicom_pixels import (
    PIXEL_TAGS,
    UNDECODED,
    decode_dataset,
    require_pixels,
)

__all__ = ["ScanRegion", "decode_frames", "read_regions", "read_ultrasound_header"]

_CENTIMETRE = 3  # PhysicalUnitsXDirection, DICOM PS3.3 C.8.5.5.1.15
_TWO_D = 1  # RegionSpatialFormat, C.8.5.5.1.1
_COLOUR_FLOW = 2  # RegionDataType, C.8.5.5.1.2
_CORNERS = (
    "RegionLocationMinY0", "RegionLocationMaxY1", "RegionLocationMinX0", "RegionLocationMaxX1",
)  # fmt: skip


@dataclass(frozen=True)
class ScanRegion:
    """A part of the screen that shows a two-dimensional image (PS3.3 C.8.5.5).

    Parameters
    ----------
    rows, columns : (int, int)
        First pixel and the one after the last.
    spacing_mm : (float, float) or None
        Distance between pixels (y, x); None unless it is given in cm.

    Examples
    --------
    >>> ScanRegion((10, 90), (20, 120), (0.2, 0.2)).area
    8000
    """

    rows: tuple[int, int]
    columns: tuple[int, int]
    spacing_mm: tuple[float, float] | None

    @property
    def area(self) -> int:
        """Pixels in it."""
        return (self.rows[1] - self.rows[0]) * (self.columns[1] - self.columns[0])

    @property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns as an index."""
        return slice(*self.rows), slice(*self.columns)


def read_ultrasound_header(path: Path) -> Header:
    """Read the header of an ultrasound frame or film.

    Raises
    ------
    ImageError
        When the file is damaged or is no image.
    """
    header = read_header(path)
    if not header.is_image:
        raise damaged(path, f"a {header.modality or 'DICOM'} object without an image")
    return header


def read_regions(path: Path, shape: tuple[int, int]) -> tuple[list[ScanRegion], list[str]]:
    """Return the two-dimensional regions of ``SequenceOfUltrasoundRegions``, left to right.

    A colour-flow region within another one belongs to it. Regions that do not lie on the screen
    are passed over with a note, as are M-mode, spectra and graphs without one.

    Parameters
    ----------
    path : Path
        The file.
    shape : tuple of int
        Rows and columns of the screen.

    Raises
    ------
    ImageError
        When the header is damaged.
    """
    dataset = load_dataset(path, ("SequenceOfUltrasoundRegions", "BurnedInAnnotation"))
    notes: list[str] = []
    found: list[tuple[int, ScanRegion]] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if str(dataset.get("BurnedInAnnotation", "")).strip().upper() == "YES":
                notes.append("BurnedInAnnotation: the file says that text is burned in")
            for item in dataset.get("SequenceOfUltrasoundRegions") or ():
                if _whole(item, "RegionSpatialFormat", _TWO_D) != _TWO_D:
                    continue
                region = _region(item, shape)
                if region is None:
                    notes.append("a calibrated region does not lie on the screen: passed over")
                    continue
                found.append((_whole(item, "RegionDataType", 1), region))
    except Exception:
        # A damaged element makes pydicom raise nearly anything.
        raise damaged(path, UNREADABLE) from None
    kept: list[ScanRegion] = []
    for kind, region in sorted(found, key=lambda f: (f[0] == _COLOUR_FLOW, -f[1].area)):
        around = next((other for other in kept if _within(region, other)), None)
        if around is not None:
            if region.spacing_mm and _differ(region.spacing_mm, around.spacing_mm):
                notes.append(
                    "a calibrated region within another gives pixels another size: passed over"
                )
            continue
        if kind == _COLOUR_FLOW and kept:
            notes.append("a region of colour flow beside the image is passed over")
            continue
        kept.append(region)
    return sorted(kept, key=lambda r: (r.columns, r.rows)), notes


def _whole(item: pydicom.Dataset, name: str, default: int) -> int:
    found = numbers(item, name, 1)
    return int(found[0]) if found else default


def _region(item: pydicom.Dataset, shape: tuple[int, int]) -> ScanRegion | None:
    corners = [numbers(item, name, 1) for name in _CORNERS]
    if any(c is None for c in corners):
        return None
    top, bottom, left, right = (int(c[0]) for c in corners if c is not None)
    rows = max(top, 0), min(bottom + 1, shape[0])
    columns = max(left, 0), min(right + 1, shape[1])
    if rows[1] - rows[0] < 8 or columns[1] - columns[0] < 8:
        return None
    units = [_whole(item, f"PhysicalUnits{axis}Direction", -1) for axis in "YX"]
    deltas = [numbers(item, f"PhysicalDelta{axis}", 1) for axis in "YX"]
    spacing = None
    if units == [_CENTIMETRE, _CENTIMETRE] and all(d and d[0] for d in deltas):
        down, across = (10 * abs(d[0]) for d in deltas if d)
        spacing = (down, across)
    return ScanRegion(rows, columns, spacing)


def _differ(one: tuple[float, float], other: tuple[float, float] | None) -> bool:
    return other is None or max(abs(a / b - 1) for a, b in zip(one, other, strict=True)) > 0.01


def _within(region: ScanRegion, other: ScanRegion) -> bool:
    """Tell whether nine tenths of a region lie in another one."""
    shared = 1
    for one, two in ((region.rows, other.rows), (region.columns, other.columns)):
        shared *= max(0, min(one[1], two[1]) - max(one[0], two[0]))
    return shared >= 0.9 * region.area


def decode_frames(header: Header, chosen: Sequence[int]) -> list[NDArray[np.generic]]:
    """Decode frames of a file: (y, x), or (y, x, 3) as red, green, blue.

    YBR is converted to RGB, palettes are resolved, MONOCHROME1 is turned so that larger is
    brighter.

    Parameters
    ----------
    header : Header
        Of the file.
    chosen : sequence of int
        Frames, from 0.

    Raises
    ------
    ImageError
        When the pixel data are missing, damaged or cut short.
    """
    dataset = load_dataset(header.path, PIXEL_TAGS, pixels=True)
    require_pixels(dataset, header.path)
    found = []
    for number in chosen:
        index = number if header.frames > 1 else None
        values = decode_dataset(dataset, header.path, colour=header.colour, index=index)
        if values.shape[:2] != header.shape or values.ndim > 3:
            raise damaged(header.path, UNDECODED)
        if header.photometric == "MONOCHROME1":
            bits = numbers(dataset, "BitsStored", 1)
            top = 2 ** int(bits[0]) - 1 if bits else 2 ** (8 * values.dtype.itemsize) - 1
            values = (top - values.astype(np.int64)).clip(0, top).astype(values.dtype)
        found.append(values)
    return found
