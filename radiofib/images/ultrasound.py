"""Ultrasound stills and films: frames in grey or colour, with their calibration, by content."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import ConfigError, ImageError
from radiofib.images.picture import count_pages, open_picture
from radiofib.images.sniff import file_format, hash_source

if TYPE_CHECKING:
    from radiofib.images.dicom_ultrasound import ScanRegion

__all__ = ["UltrasoundFrame", "check_choice", "choose_frames", "read_frames"]

_PICTURES = ("PNG", "JPEG", "BMP", "TIFF", "GIF")
_WORDS = ("all", "first", "middle")


@dataclass(frozen=True, eq=False)
class UltrasoundFrame:
    """One frame as it is on the screen, text and all: not to be written anywhere.

    Parameters
    ----------
    values : ndarray of uint8 or uint16, shape (y, x) or (y, x, 3)
        Grey, or red, green and blue where the file has colour.
    number, frames : int
        Which frame of how many, from 0.
    regions : tuple of ScanRegion
        Calibrated images on the screen; empty where the file names none.
    spacing_mm : (float, float) or None
        Size of a pixel (y, x) when the file states one for the whole screen.
    source_hash : str
        SHA-256 of the file.
    notes : tuple of str
        What was done while reading.
    white : float or None
        Grey that is white, where the type of the values does not say it: the largest that the
        bits stored of a DICOM frame can hold (4095 for 12 bits in 16).
    """

    values: NDArray[np.generic]
    number: int = 0
    frames: int = 1
    regions: tuple[ScanRegion, ...] = ()
    spacing_mm: tuple[float, float] | None = None
    source_hash: str = ""
    notes: tuple[str, ...] = ()
    white: float | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.values.shape[0], self.values.shape[1]

    @property
    def name(self) -> str:
        """``f004`` for the fifth frame of a film, "" for a still.

        Examples
        --------
        >>> UltrasoundFrame(np.zeros((2, 2), np.uint8), number=4, frames=90).name
        'f004'
        """
        return f"f{self.number:0{max(3, len(str(self.frames - 1)))}d}" if self.frames > 1 else ""


def check_choice(choice: str | int) -> str | int:
    """Return the rule for frames: ``all``, ``first``, ``middle``, or n for every n-th.

    Raises
    ------
    ConfigError
        When it is none of these.
    """
    if (
        isinstance(choice, bool)
        or (isinstance(choice, int) and choice < 1)
        or (isinstance(choice, str) and choice not in _WORDS)
    ):
        raise ConfigError(
            "rule for frames is not known",
            expected="all, first, middle, or a whole number n from 1 for every n-th",
            found=repr(choice),
        )
    return choice


def choose_frames(count: int, choice: str | int) -> list[int]:
    """Return which frames of a film are taken, from 0.

    Examples
    --------
    >>> choose_frames(9, "middle"), choose_frames(9, 4), choose_frames(1, "all")
    ([4], [0, 4, 8], [0])
    """
    check_choice(choice)
    if choice == "all":
        return list(range(count))
    if choice == "first":
        return [0]
    if choice == "middle":
        return [(count - 1) // 2]
    return list(range(0, count, int(choice)))


def read_frames(path: str | Path, choice: str | int = "middle") -> Iterator[UltrasoundFrame]:
    """Read frames of an ultrasound still or film, told by content and never by suffix.

    PNG, JPEG, BMP, TIFF and GIF in 8 or 16 bits, with palette or transparency (laid on black),
    of one page or several; DICOM with one frame or many, in any photometric interpretation
    pydicom decodes.

    Parameters
    ----------
    path : path
        The file.
    choice : {"all", "first", "middle"} or int
        Which frames of a film; n means every n-th.

    Yields
    ------
    UltrasoundFrame
        In order.

    Raises
    ------
    ImageError
        When the file cannot be read, or its values are no grey levels.

    Examples
    --------
    >>> import tempfile, PIL.Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "liver.jpg"                         # in fact a film in GIF
    ...     stills = [PIL.Image.new("L", (8, 6), 40 * k) for k in range(3)]
    ...     stills[0].save(path, format="GIF", save_all=True, append_images=stills[1:])
    ...     [frame] = read_frames(path, "middle")
    >>> frame.name, frame.shape, int(frame.values.max())
    ('f001', (6, 8), 40)
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise ImageError(
                "ultrasound is read from files",
                where=str(path),
                found="a folder",
                hint="name the file of each still or film",
            )
        kind = file_format(path)
        if kind == "DICOM":
            yield from _dicom(path, choice)
        elif kind in _PICTURES:
            yield from _picture(path, choice)
        else:
            raise ImageError(
                "not an ultrasound picture",
                where=str(path),
                expected=f"{', '.join(_PICTURES)} or DICOM",
                found=kind,
            )
    except MemoryError as error:
        raise ImageError(
            "image does not fit into memory",
            where=str(path),
            hint="take fewer frames of the film, or use fewer workers",
        ) from error


def _picture(path: Path, choice: str | int) -> Iterator[UltrasoundFrame]:
    pages = count_pages(path)
    source = hash_source(path)
    for number in choose_frames(pages, choice):
        values, notes = open_picture(path, number if pages > 1 else None)
        values, said = _plain(values, path)
        yield UltrasoundFrame(values, number, pages, source_hash=source, notes=(*notes, *said))


def _dicom(path: Path, choice: str | int) -> Iterator[UltrasoundFrame]:
    from radiofib.images.dicom_ultrasound import (
        decode_frames,
        read_regions,
        read_ultrasound_header,
    )

    header = read_ultrasound_header(path)
    regions, notes = read_regions(path, header.shape)
    source = hash_source(path)
    if header.photometric == "MONOCHROME1":
        notes.append("MONOCHROME1: turned so that larger is brighter")
    chosen = choose_frames(header.frames, choice)
    for number, values in zip(chosen, decode_frames(header, chosen), strict=True):
        plain, said = _plain(values, path)
        white = header.largest if plain.dtype == np.uint16 else None
        if white is not None and plain.max() > white:
            white = None  # the header is wrong about its bits
        yield UltrasoundFrame(
            plain, number, header.frames, tuple(regions), header.pixel_spacing, source,
            (*notes, *said), white,
        )  # fmt: skip


def _plain(values: NDArray[np.generic], path: Path) -> tuple[NDArray[np.generic], list[str]]:
    """Bring values to 8 or 16 bits: grey, or colour without alpha where channels differ."""
    notes: list[str] = []
    if values.dtype.kind not in "iu" and values.dtype != np.bool_:
        whole = np.asarray(values, dtype=np.float64)
        if not np.isfinite(whole).all() or (whole != np.rint(whole)).any():
            raise _no_levels(path, "fractions or values that are not numbers")
        values = whole
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 65535:
        raise _no_levels(path, f"{low:g} to {high:g}")
    wide = values.dtype.itemsize > 1 and (high > 255 or values.dtype == np.uint16)
    kind: type[np.unsignedinteger] = np.uint16 if wide else np.uint8
    if values.ndim == 3 and values.shape[-1] in (2, 4):
        top = 65535.0 if wide else 255.0
        alpha = values[..., -1:].astype(np.float64) / top
        if (alpha < 1).any():
            notes.append("transparent pixels laid on black")
        values = np.rint(values[..., :-1].astype(np.float64) * alpha)
    if values.ndim == 3 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.ndim == 3 and not np.ptp(values.astype(np.int64), axis=-1).any():
        values = values[..., 0]
    return np.ascontiguousarray(values.astype(kind)), notes


def _no_levels(path: Path, found: str) -> ImageError:
    return ImageError(
        "picture does not hold grey levels",
        where=str(path),
        expected="whole numbers from 0 to 65535",
        found=found,
        hint="export it as an 8-bit or 16-bit picture",
    )
