"""A tiled TIFF written tile by tile: pyramids larger than memory, equal bytes for equal tiles.

tifffile writes JPEG tiles only with imagecodecs, which is not a dependency of radiofib; the
format itself (TIFF 6.0 and its JPEG supplement) is small.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage

from radiofib.errors import UsageError

__all__ = ["TILE", "TiffWriter", "deflate_tile", "jpeg_tile"]

TILE = 256
_LIMIT = 2**32 - 2**20


def jpeg_tile(pixels: NDArray[np.uint8], quality: int) -> bytes:
    """Encode an RGB tile as JPEG, YCbCr with chroma halved both ways."""
    buffer = io.BytesIO()
    PilImage.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=2)
    return buffer.getvalue()


def deflate_tile(labels: NDArray[np.uint8]) -> bytes:
    """Encode a tile of labels without loss."""
    return zlib.compress(np.ascontiguousarray(labels).tobytes(), 6)


class TiffWriter:
    """Write pages of square tiles to a classic TIFF; used as a context manager.

    The file appears under its name only when everything was written.

    Parameters
    ----------
    path : Path
        The file.
    kind : {"rgb", "labels"}
        JPEG-compressed colour, or deflated 8-bit labels.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels.tif"
    ...     with TiffWriter(path, "labels") as tiff:
    ...         tiff.page([deflate_tile(np.ones((256, 256), np.uint8))], (200, 100), mpp=0.5)
    ...     PilImage.open(path).size
    (100, 200)
    """

    def __init__(self, path: Path, kind: Literal["rgb", "labels"]) -> None:
        self._path = path
        self._kind = kind
        self._temporary = path.with_name(f".{path.name}.part")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._temporary.open("wb")
        self._file.write(struct.pack("<2sHI", b"II", 42, 0))
        self._pointer = 4  # where the offset of the next directory goes

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        if kind is None:
            self._temporary.replace(self._path)
        else:
            self._temporary.unlink()

    def page(
        self, tiles: Iterable[bytes], shape: tuple[int, int], *, mpp: float, reduced: bool = False
    ) -> None:
        """Append one page.

        Parameters
        ----------
        tiles : iterable of bytes
            Encoded tiles, row by row; those at the right and lower edge are whole tiles too.
        shape : tuple of int
            Rows and columns of the page.
        mpp : float
            Micrometres per pixel, written as the resolution tags from which OpenSlide derives
            ``openslide.mpp-x`` and ``-y``.
        reduced : bool
            True for the smaller levels of a pyramid.
        """
        offsets, counts = [], []
        for tile in tiles:
            offsets.append(self._file.tell())
            counts.append(len(tile))
            self._file.write(tile)
        rows, columns = shape
        expected = -(-rows // TILE) * -(-columns // TILE)
        if len(counts) != expected:
            raise UsageError(
                "page has the wrong number of tiles", expected=str(expected), found=str(len(counts))
            )
        if self._file.tell() > _LIMIT:
            raise UsageError("TIFF would exceed 4 GB", hint="lower the JPEG quality or the size")
        per_cm = struct.pack("<II", round(1e4 / mpp * 1000), 1000)
        colour = self._kind == "rgb"
        entries: list[tuple[int, int, int, bytes]] = [
            (254, 4, 1, struct.pack("<I", int(reduced))),
            (256, 4, 1, struct.pack("<I", columns)),
            (257, 4, 1, struct.pack("<I", rows)),
            (258, 3, 3, struct.pack("<3H", 8, 8, 8)) if colour else _short(258, 8),
            _short(259, 7 if colour else 8),
            _short(262, 6 if colour else 1),
            _short(277, 3 if colour else 1),
            (282, 5, 1, per_cm),
            (283, 5, 1, per_cm),
            _short(284, 1),
            _short(296, 3),
            (322, 4, 1, struct.pack("<I", TILE)),
            (323, 4, 1, struct.pack("<I", TILE)),
            (324, 4, len(offsets), np.array(offsets, "<u4").tobytes()),
            (325, 4, len(counts), np.array(counts, "<u4").tobytes()),
        ]
        if colour:
            entries.append((530, 3, 2, struct.pack("<HH", 2, 2)))
        self._directory(entries)

    def _directory(self, entries: list[tuple[int, int, int, bytes]]) -> None:
        self._align()
        start = self._file.tell()
        size = 2 + 12 * len(entries) + 4
        extra = bytearray()
        table = bytearray(struct.pack("<H", len(entries)))
        for tag, kind, count, value in entries:
            if len(value) <= 4:
                field = value.ljust(4, b"\0")
            else:
                field = struct.pack("<I", start + size + len(extra))
                extra += value + b"\0" * (len(value) % 2)
            table += struct.pack("<HHI", tag, kind, count) + field
        self._file.write(table + struct.pack("<I", 0) + extra)
        end = self._file.tell()
        self._file.seek(self._pointer)
        self._file.write(struct.pack("<I", start))
        self._file.seek(end)
        self._pointer = start + size - 4

    def _align(self) -> None:
        if self._file.tell() % 2:
            self._file.write(b"\0")


def _short(tag: int, value: int) -> tuple[int, int, int, bytes]:
    return tag, 3, 1, struct.pack("<H", value)
