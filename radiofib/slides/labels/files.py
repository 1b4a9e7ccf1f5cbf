"""Finished labels as a PNG anyone can open: grey values are class numbers, colours a palette."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import SlideError

__all__ = ["read_labels", "read_note", "write_labels"]

Color = tuple[int, int, int]
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: Keyword of the text chunk that says what the values stand for.
_KEYWORD = b"radiofib\0"
#: Bytes of labels worked on at once.
_AT_ONCE = 1 << 22


def write_labels(
    path: str | Path,
    labels: NDArray[np.uint8],
    colors: Sequence[Color],
    um: tuple[float, float],
    *,
    note: str | None = None,
) -> None:
    """Write labels as an indexed PNG, band by band, so that memory stays small.

    The value of a pixel is the number of its class and its colour that of the class; the size of
    a pixel is stated in pixels per metre. Equal labels give equal bytes.

    Parameters
    ----------
    path : path
        The ``.png``.
    labels : ndarray of uint8
        May be a file mapped into memory.
    colors : sequence of tuple of int
        Red, green, blue of each class.
    um : tuple of float
        Width and height of a pixel in um.
    note : str, optional
        ASCII text to keep in the file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     path = f"{name}/a.png"
    ...     colors = [(0, 0, 0), (255, 0, 0)]
    ...     write_labels(path, np.eye(2, dtype=np.uint8), colors, (1, 1), note="two classes")
    ...     read_labels(path).tolist(), read_note(path)
    ([[1, 0], [0, 1]], 'two classes')
    """
    height, width = labels.shape
    with Path(path).open("wb") as stream:
        stream.write(_SIGNATURE)
        _chunk(stream, b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
        _chunk(stream, b"PLTE", bytes(value for color in colors for value in color))
        _chunk(stream, b"pHYs", struct.pack(">IIB", *(round(1e6 / side) for side in um), 1))
        if note is not None:
            _chunk(stream, b"tEXt", _KEYWORD + note.encode("ascii"))
        # Labels are runs of equal values: half the time for files of the same size.
        packer = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
        rows = max(1, _AT_ONCE // (width + 1))
        for top in range(0, height, rows):
            band = labels[top : top + rows]
            lines = np.zeros((len(band), width + 1), dtype=np.uint8)  # filter 0 leads each row
            lines[:, 1:] = band
            _chunk(stream, b"IDAT", packer.compress(lines.tobytes()))
        _chunk(stream, b"IDAT", packer.flush())
        _chunk(stream, b"IEND", b"")


def _chunk(stream: IO[bytes], kind: bytes, data: bytes) -> None:
    if data or kind == b"IEND":
        stream.write(struct.pack(">I", len(data)) + kind + data)
        stream.write(struct.pack(">I", zlib.crc32(kind + data)))


def read_note(path: str | Path) -> str | None:
    """Return the note of labels, None where the file is missing or has none.

    Examples
    --------
    >>> read_note("no-such.png") is None
    True
    """
    try:
        with Path(path).open("rb") as stream:
            if stream.read(8) != _SIGNATURE:
                return None
            for kind, data in _chunks(stream):
                if kind == b"tEXt" and data.startswith(_KEYWORD):
                    return data.removeprefix(_KEYWORD).decode("ascii")
                if kind == b"IDAT":
                    return None
    except (OSError, ValueError, struct.error):
        return None
    return None


def read_labels(path: str | Path, into: str | Path | None = None) -> NDArray[np.uint8]:
    """Read labels written by :func:`write_labels`.

    Parameters
    ----------
    path : path
        The ``.png``.
    into : path, optional
        Raw file to write; the labels returned are then that file mapped into memory.

    Raises
    ------
    SlideError
        When the file is missing, damaged, or was written by something else.
    """
    path = Path(path)
    try:
        return _read(path, into)
    except (FileNotFoundError, ValueError, struct.error, zlib.error) as error:
        raise SlideError(
            "not labels as radiofib writes them",
            where=path.name,
            found=type(error).__name__,
            hint="run the slide again",
        ) from error


def _read(path: Path, into: str | Path | None) -> NDArray[np.uint8]:
    with path.open("rb") as stream:
        if stream.read(8) != _SIGNATURE:
            raise ValueError("no PNG")
        chunks = _chunks(stream)
        kind, head = next(chunks, (b"", b""))
        width, height, *how = struct.unpack(">IIBBBBB", head)
        if kind != b"IHDR" or how != [8, 3, 0, 0, 0]:
            raise ValueError("another kind of PNG")
        shape = (int(height), int(width))
        if into is None:
            labels = np.zeros(shape, dtype=np.uint8)
            for row, lines in _bands(chunks, shape):
                labels[row : row + len(lines)] = lines
            return labels
        # Plain writes: of a full disk they tell, where a mapped file ends the process.
        with Path(into).open("wb") as raw:
            raw.truncate(height * width)
            for row, lines in _bands(chunks, shape):
                if lines.any():
                    raw.seek(row * width)
                    raw.write(lines.tobytes())
    return np.memmap(into, dtype=np.uint8, mode="r", shape=shape)


def _bands(
    chunks: Iterator[tuple[bytes, bytes]], shape: tuple[int, int]
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield the first row and the labels of each band."""
    row = 0
    for lines in _line_blocks(chunks, shape[1] + 1):
        if lines[:, 0].any() or row + len(lines) > shape[0]:
            raise ValueError("another kind of PNG")
        yield row, lines[:, 1:]
        row += len(lines)
    if row != shape[0]:
        raise ValueError("cut off")


def _chunks(stream: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    while len(head := stream.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        data = stream.read(length)
        if stream.read(4) != struct.pack(">I", zlib.crc32(kind + data)):
            raise ValueError("checksum")
        yield kind, data


def _line_blocks(chunks: Iterator[tuple[bytes, bytes]], length: int) -> Iterator[NDArray[np.uint8]]:
    """Yield whole lines as they are unpacked, a bounded number at once."""
    rest = b""
    for data in _unpacked(chunks):
        rest += data
        whole = len(rest) // length * length
        if whole:
            yield np.frombuffer(rest[:whole], dtype=np.uint8).reshape(-1, length)
            rest = rest[whole:]


def _unpacked(chunks: Iterator[tuple[bytes, bytes]]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj()
    for kind, packed in chunks:
        left = packed if kind == b"IDAT" else b""
        while left:
            yield unpacker.decompress(left, _AT_ONCE)
            left = unpacker.unconsumed_tail
    yield unpacker.flush()
