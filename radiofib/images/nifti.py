"""What ITK does not say about a NIfTI file: missing data, hidden NaN, an unstated geometry.

ITK fills the rest of a truncated file with zeros and turns NaN and infinity into zero, both
without a word.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import ImageError
from radiofib.images.sniff import detached_files

__all__ = ["NiftiHeader", "is_gzip", "read_nifti_header", "scan_voxels"]

_FLOATS = {16: "f4", 64: "f8"}
_BLOCK = 1 << 22


@dataclass(frozen=True)
class NiftiHeader:
    """The part of a NIfTI-1 header that tells where the voxels are.

    Parameters
    ----------
    offset : int
        First byte of the voxels.
    n_bytes : int
        Bytes of all voxels.
    float_type : str
        NumPy type of the voxels, with byte order, when they are real floats; else "".
    single_file : bool
        False when the voxels lie in an ``.img`` file beside the header.
    spacing_stated, oriented : bool
        Whether voxel size and orientation (qform or sform) are given.
    """

    offset: int
    n_bytes: int
    float_type: str
    single_file: bool
    spacing_stated: bool
    oriented: bool


def is_gzip(path: Path) -> bool:
    """Tell whether a file is gzipped, by its content."""
    with path.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def read_nifti_header(path: Path, head: bytes) -> NiftiHeader:
    """Read the header from the first bytes of the (unpacked) file.

    Raises
    ------
    ImageError
        When the header is cut short, its dimensions make no sense, or it is NIfTI-2, which
        SimpleITK does not read.
    """
    if 540 in (int.from_bytes(head[:4], "little"), int.from_bytes(head[:4], "big")):
        raise ImageError(
            "NIfTI-2 is not supported",
            where=str(path),
            expected="NIfTI-1",
            hint="convert it to NIfTI-1 or NRRD",
        )
    order = "<" if int.from_bytes(head[:4], "little") == 348 else ">"
    if len(head) < 348:
        raise ImageError("NIfTI header is cut short", where=str(path), found=f"{len(head)} bytes")
    dim = struct.unpack_from(f"{order}8h", head, 40)
    kind, bits = struct.unpack_from(f"{order}2h", head, 70)
    pixdim = struct.unpack_from(f"{order}8f", head, 76)
    offset = struct.unpack_from(f"{order}f", head, 108)[0]
    codes = struct.unpack_from(f"{order}2h", head, 252)
    single = head[344:347] == b"n+1"
    if not single and path.name.lower().endswith((".nii", ".nii.gz")):
        raise ImageError(
            "NIfTI header is damaged",
            where=str(path),
            expected="the mark 'n+1' of a single file",
            found=repr(head[344:347]),
            hint="copy or convert it again",
        )
    axes = dim[1 : dim[0] + 1] if 1 <= dim[0] <= 7 else ()
    if not axes or min(axes) < 1 or not math.isfinite(offset) or offset < 0:
        raise ImageError("NIfTI header is damaged", where=str(path), found=f"dim {list(dim)}")
    return NiftiHeader(
        offset=int(offset),
        n_bytes=math.prod(axes) * bits // 8,
        float_type=order + _FLOATS[kind] if kind in _FLOATS else "",
        single_file=single,
        spacing_stated=all(p != 0 and math.isfinite(p) for p in pixdim[1 : 1 + min(len(axes), 3)]),
        oriented=any(codes),
    )


def scan_voxels(path: Path, header: NiftiHeader) -> list[tuple[int, NDArray[np.floating]]]:
    """Check that all voxels are there, and return the blocks that hold NaN or infinity.

    Parameters
    ----------
    path : Path
        A single file, or the ``.hdr`` of a pair.
    header : NiftiHeader
        Its header.

    Returns
    -------
    list of (int, ndarray)
        Flat position of the first voxel of a block, and the block.

    Raises
    ------
    ImageError
        When the file is damaged or ends too early.
    """
    if not header.single_file:
        others = detached_files(path)
        if not others:
            raise ImageError(
                "the .img file of the pair is missing", where=str(path), hint="keep both together"
            )
        path = others[0]
    if not header.float_type and not is_gzip(path):
        _complete(path, header, path.stat().st_size)
        return []
    hidden, found = [], 0
    for block in _blocks(path, header):
        if header.float_type:
            size = np.dtype(header.float_type).itemsize
            values = np.frombuffer(block[: len(block) // size * size], dtype=header.float_type)
            if not np.isfinite(values).all():
                hidden.append((found // size, values))
        found += len(block)
    _complete(path, header, header.offset + found)
    return hidden


def _complete(path: Path, header: NiftiHeader, found: int) -> None:
    expected = header.offset + header.n_bytes
    if found < expected:
        raise ImageError(
            "NIfTI file is cut short",
            where=str(path),
            expected=f"{expected} bytes",
            found=f"{found}",
            hint="copy or convert it again",
        )


def _blocks(path: Path, header: NiftiHeader) -> Iterator[bytes]:
    """Yield the bytes of the voxels, unpacked, in blocks that hold whole voxels."""
    left = header.n_bytes
    try:
        with gzip.open(path) if is_gzip(path) else path.open("rb") as stream:
            stream.seek(header.offset)
            while left > 0 and (block := stream.read(min(_BLOCK, left))):
                left -= len(block)
                yield block
            if left == 0:
                stream.read(1)  # at the end, gzip compares its checksum
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ImageError(
            "gzip file is damaged or cut short",
            where=str(path),
            expected=f"{header.n_bytes} bytes of voxels",
            found="data that break off or do not unpack",
            hint="copy it again",
        ) from error
