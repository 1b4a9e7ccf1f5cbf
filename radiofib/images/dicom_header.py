"""The part of a DICOM header that is about pixels.

Headers come from pydicom, limited to the elements listed here, so that names, identifiers and
dates are never even decoded. Messages speak of files and positions alone, and exceptions of the
libraries, which may quote header values, are not chained.
"""

from __future__ import annotations

import math
import struct
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.tag import Tag

from radiofib.errors import ImageError
from radiofib.provenance import hash_bytes

__all__ = [
    "UNREADABLE",
    "Header",
    "damaged",
    "hashed_uid",
    "load_dataset",
    "numbers",
    "pixel_size",
    "read_header",
    "real_world_law",
    "unstated_pixel_size",
]

_TAGS = (
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Modality",
    "Rows", "Columns",
    "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "ImagePositionPatient",
    "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices",
    "RescaleSlope", "RescaleIntercept", "ModalityLUTSequence", "SequenceOfUltrasoundRegions",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    "RealWorldValueMappingSequence", "BitsStored", "PixelRepresentation",
)  # fmt: skip
#: Philips numbers its private blocks from 10 up; the scale slope is element 0E of this one.
_PHILIPS = "Philips MR Imaging DD 001"
_PHILIPS_TAGS = tuple(
    tag for block in range(0x10, 0x18) for tag in (0x20050000 + block, 0x2005000E + (block << 8))
)
#: What was found where a header cannot be decoded; the words of pydicom may quote it.
UNREADABLE = "a header that cannot be read"
_NOT_IMAGES = {"SEG", "RTSTRUCT", "RTPLAN", "RTRECORD", "SR", "PR", "KO", "REG", "FID", "DOC"}


@dataclass(frozen=True)
class Header:
    """The elements of a DICOM header that are about pixels, none about the patient."""

    path: Path
    series: str
    instance: str
    modality: str
    shape: tuple[int, int]
    frames: int
    photometric: str
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    pixel_spacing: tuple[float, float] | None
    thickness: float | None
    between: float | None
    slope: float
    intercept: float
    lookup: bool
    enhanced: bool
    regions: tuple[tuple[int, int, float, float], ...]
    sop_class: str = ""
    frame_of_reference: str = ""
    real_world: tuple[float, float] | None = None
    philips_scale: float | None = None
    bits: int = 0
    signed: bool = False

    @property
    def is_image(self) -> bool:
        """True for pixel data of the patient, False for segmentations, reports and plans."""
        return 0 not in self.shape and self.modality not in _NOT_IMAGES

    @property
    def colour(self) -> bool:
        """True unless there is one grey value per pixel."""
        return not self.photometric.startswith("MONOCHROME")

    @property
    def white(self) -> float | None:
        """255 for bytes without sign that are greys or colours as they are; else not known.

        More bits say how many values there may be, not which of them a machine calls white.
        """
        as_stored = self.slope == 1 and self.intercept == 0 and not self.lookup
        palette = self.photometric.startswith("PALETTE")
        plain = self.bits == 8 and not self.signed and as_stored and not palette
        return 255.0 if plain else None

    @property
    def largest(self) -> float | None:
        """Largest grey that the bits stored can hold; None for what is no plain grey."""
        plain = not (self.colour or self.signed or self.lookup) and 0 < self.bits <= 16
        as_stored = self.slope == 1 and self.intercept == 0
        return 2.0**self.bits - 1 if plain and as_stored else None


def numbers(dataset: pydicom.Dataset, name: str, count: int) -> tuple[float, ...] | None:
    """Return `count` finite numbers of an element, or None when they are not there."""
    value = dataset.get(name)
    if value is None or value == "":
        return None
    try:
        found = tuple(float(v) for v in (value if count > 1 else [value]))
    except (TypeError, ValueError):
        return None
    return found if len(found) == count and all(map(math.isfinite, found)) else None


def pixel_size(dataset: pydicom.Dataset) -> tuple[float, float] | None:
    """Return ``PixelSpacing`` in mm (between rows, between columns), None unless both are > 0."""
    found = numbers(dataset, "PixelSpacing", 2)
    return (found[0], found[1]) if found and min(found) > 0 else None


def hashed_uid(uid: object) -> str:
    """Return the SHA-256 of a unique identifier, which can be compared but not read; "" for none.

    Examples
    --------
    >>> hashed_uid("1.2.3")[:8], hashed_uid(None)
    ('c47f5b18', '')
    """
    return hash_bytes(str(uid).encode()) if uid else ""


def _number(dataset: pydicom.Dataset, name: str) -> float | None:
    found = numbers(dataset, name, 1)
    return found[0] if found else None


def _integer(dataset: pydicom.Dataset, name: str, default: int = 0) -> int:
    number = _number(dataset, name)
    return default if number is None else int(number)


def real_world_law(dataset: pydicom.Dataset) -> tuple[float, float] | None:
    """Return slope and intercept of the first real world value mapping (PS3.3 C.7.6.16.2.11)."""
    items = dataset.get("RealWorldValueMappingSequence")
    if not items:
        return None
    slope = _number(items[0], "RealWorldValueSlope")
    return None if slope is None else (slope, _number(items[0], "RealWorldValueIntercept") or 0.0)


def _philips_scale(dataset: pydicom.Dataset) -> float | None:
    """Return the private scale slope of Philips (2005,xx0E), which the public slope leaves out."""
    try:
        value = dataset.private_block(0x2005, _PHILIPS)[0x0E].value
    except KeyError:
        return None
    if isinstance(value, bytes):  # of unstated type in a file with implicit types
        return struct.unpack("<f", value)[0] if len(value) == 4 else None
    return float(value)


def load_dataset(path: Path, tags: Sequence[str | int], *, pixels: bool = False) -> pydicom.Dataset:
    """Read the named elements of a DICOM file, and its pixel data when asked.

    Raises
    ------
    ImageError
        When the file is damaged. Nothing of the file's content is quoted.
    """
    wanted = [Tag(name) for name in (*tags, *(("PixelData",) if pixels else ()))]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's warnings quote header values
            return pydicom.dcmread(
                path,
                force=True,
                stop_before_pixels=not pixels,
                specific_tags=wanted,
            )
    except Exception:
        # A damaged header makes pydicom raise nearly anything (struct.error, KeyError ...).
        raise damaged(path, UNREADABLE) from None


def damaged(path: Path, found: str | None = None) -> ImageError:
    """Return the error for a file that cannot be decoded."""
    return ImageError(
        "DICOM file is damaged or cut short",
        where=str(path),
        found=found,
        hint="copy or export it again",
    )


def unstated_pixel_size(path: Path, found: str | None = None) -> ImageError:
    """Return the error for a slice whose pixel size is not known: no size is assumed.

    Parameters
    ----------
    path : Path
        The file.
    found : str, optional
        What was there; read from the file when not given.
    """
    if found is None:
        dataset = load_dataset(path, ("PixelSpacing",))
        sizes = numbers(dataset, "PixelSpacing", 2)
        if "PixelSpacing" not in dataset:
            found = "no such element"
        elif sizes:
            found = f"{sizes[0]:g} and {sizes[1]:g}"
        else:
            empty = dataset.get("PixelSpacing") in (None, "")
            found = "an empty element" if empty else "no two numbers"
    return ImageError(
        "PixelSpacing (tag 0028,0030) does not state the pixel size",
        where=str(path),
        expected="two numbers above 0, in mm",
        found=found,
        hint="export the original series again, or convert it to NIfTI with the right voxel size",
    )


def read_header(path: Path) -> Header:
    """Read the elements of one DICOM header that are about pixels.

    Raises
    ------
    ImageError
        When the header is damaged.
    """
    dataset = load_dataset(path, (*_TAGS, *_PHILIPS_TAGS))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _header(path, dataset)
    except ImageError:
        raise
    except Exception:
        raise damaged(path, UNREADABLE) from None


def _is_image_class(dataset: pydicom.Dataset) -> bool:
    """Tell image storage from directories, raw data and reports; an unstated class counts."""
    stated = dataset.get("SOPClassUID") or dataset.file_meta.get("MediaStorageSOPClassUID")
    return not stated or "Image Storage" in pydicom.uid.UID(str(stated)).name


def _header(path: Path, dataset: pydicom.Dataset) -> Header:
    regions = [
        (
            _integer(region, "PhysicalUnitsXDirection", -1),
            _integer(region, "PhysicalUnitsYDirection", -1),
            abs(_number(region, "PhysicalDeltaX") or 0.0),
            abs(_number(region, "PhysicalDeltaY") or 0.0),
        )
        for region in dataset.get("SequenceOfUltrasoundRegions") or ()
    ]
    modality = str(dataset.get("Modality", "") or "").upper()
    if not modality.isalpha() or len(modality) > 16:
        modality = ""  # damaged: what follows in the file must not reach a message
    shape = (_integer(dataset, "Rows"), _integer(dataset, "Columns"))
    if 0 in shape and modality not in _NOT_IMAGES and _is_image_class(dataset):
        raise damaged(path, "no matrix size")
    slope = _number(dataset, "RescaleSlope")
    return Header(
        path=path,
        series=str(dataset.get("SeriesInstanceUID", "") or "").strip(),
        instance=str(dataset.get("SOPInstanceUID", "")),
        modality=modality,
        shape=shape,
        frames=max(_integer(dataset, "NumberOfFrames", 1), 1),
        photometric=str(dataset.get("PhotometricInterpretation", "") or "MONOCHROME2"),
        position=numbers(dataset, "ImagePositionPatient", 3),
        orientation=numbers(dataset, "ImageOrientationPatient", 6),
        pixel_spacing=pixel_size(dataset),
        thickness=_number(dataset, "SliceThickness"),
        between=_number(dataset, "SpacingBetweenSlices"),
        slope=1.0 if slope is None else slope,
        intercept=_number(dataset, "RescaleIntercept") or 0.0,
        lookup=bool(dataset.get("ModalityLUTSequence")),
        enhanced="PerFrameFunctionalGroupsSequence" in dataset,
        regions=tuple(regions),
        sop_class=str(dataset.get("SOPClassUID", "") or ""),
        frame_of_reference=hashed_uid(dataset.get("FrameOfReferenceUID")),
        real_world=real_world_law(dataset),
        philips_scale=_philips_scale(dataset),
        bits=_integer(dataset, "BitsStored"),
        signed=_integer(dataset, "PixelRepresentation") != 0,
    )
