"""NIfTI, NRRD and MetaImage through SimpleITK, with the checks ITK leaves out."""

from __future__ import annotations

import gzip
import math
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from radiofib.errors import ImageError
from radiofib.images.image import Image
from radiofib.images.sniff import hash_source, read_head

__all__ = ["quiet_itk", "read_volume"]

_IO = {"NIfTI": "NiftiImageIO", "NRRD": "NrrdImageIO", "MetaImage": "MetaImageIO"}
_SUFFIXES = {
    "NIfTI": (".nii", ".nii.gz", ".hdr", ".img", ".img.gz"),
    "NRRD": (".nrrd", ".nhdr"),
    "MetaImage": (".mha", ".mhd"),
}


@contextmanager
def quiet_itk() -> Iterator[None]:
    """Keep ITK's warnings off the terminal for the time of the block."""
    before = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(before)


def read_volume(path: Path, file_format: str) -> Image:
    """Read a NIfTI, NRRD or MetaImage file with one value per voxel.

    Values and their type are exactly SimpleITK's. Trailing axes of length one beyond the third
    are dropped.

    Parameters
    ----------
    path : Path
        The file (or the header of a pair).
    file_format : {"NIfTI", "NRRD", "MetaImage"}
        As told by :func:`radiofib.images.sniff.file_format`.

    Raises
    ------
    ImageError
        When the file is damaged or cut short, has a time axis, several values per voxel, or a
        geometry that is not a rectangular grid.
    """
    source_hash = hash_source(path)
    stated, notes = _header_facts(path, file_format)
    reader = sitk.ImageFileReader()
    reader.SetImageIO(_IO[file_format])
    reader.SetFileName(str(path))
    with quiet_itk():
        try:
            reader.ReadImageInformation()
            size = _one_value_per_voxel(reader, path)
            if len(size) > 3:
                reader.SetExtractSize([*size[:3], *[0] * (len(size) - 3)])
                notes.append(f"{len(size) - 3} axis of length one dropped")
            image = reader.Execute()
        except RuntimeError as error:
            raise _explain(error, path, file_format) from error
    return Image(
        sitk.GetArrayFromImage(image),
        tuple(float(s) for s in reversed(image.GetSpacing())),
        tuple(float(o) for o in image.GetOrigin()),
        tuple(float(d) for d in image.GetDirection()),
        spacing_known=stated,
        source_hash=source_hash,
        kind="volume",
        notes=tuple(notes),
    )


def _one_value_per_voxel(reader: Any, path: Path) -> tuple[int, ...]:
    size: tuple[int, ...] = tuple(reader.GetSize())
    shape = " x ".join(map(str, size))
    if len(size) > 3 and any(n > 1 for n in size[3:]):
        raise ImageError(
            "image has more than three axes",
            where=str(path),
            expected="one volume (a fourth axis of length one is accepted)",
            found=f"{shape}, so {math.prod(size[3:])} volumes",
            hint="split it and give each volume as its own channel or instance",
        )
    kind = sitk.GetPixelIDValueAsString(reader.GetPixelID())
    if reader.GetNumberOfComponents() > 1 or "complex" in kind or "vector" in kind:
        raise ImageError(
            "image has several values per voxel",
            where=str(path),
            expected="one grey value per voxel",
            found=f"{reader.GetNumberOfComponents()} ({kind}), {shape}",
            hint="colour and vector volumes are not used: export the grey image",
        )
    return size


def _explain(error: RuntimeError, path: Path, file_format: str) -> ImageError:
    text = str(error)
    if "orthonormal" in text:
        return ImageError(
            "the axes of the image are not at right angles",
            where=str(path),
            expected="direction cosines that are orthonormal",
            found="a sheared or badly rounded sform/qform",
            hint="resample it to a rectangular grid, or rewrite the header from the qform",
        )
    lower = path.name.lower()
    if not lower.endswith(_SUFFIXES[file_format]):
        return ImageError(
            f"the content is {file_format}, but the name does not say so",
            where=str(path),
            expected=f"a name ending in {', '.join(_SUFFIXES[file_format])}",
            hint="rename the file",
        )
    if file_format == "NIfTI" and not lower.endswith(".gz") and _is_gzip(path):
        return ImageError(
            "the file is gzipped, but its name does not end in .gz",
            where=str(path),
            hint=f"rename it to {path.name}.gz",
        )
    last = text.strip().splitlines()[-1].replace(str(path), path.name)
    return ImageError(
        f"{file_format} file is damaged or cut short",
        where=str(path),
        found=last[:160],
        hint="copy or convert it again",
    )


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def _header_facts(path: Path, file_format: str) -> tuple[bool, list[str]]:
    """Tell whether the voxel size is stated, and note what else the header leaves open."""
    head = read_head(path, 65536)
    if file_format == "NIfTI":
        return _nifti_facts(path, head)
    text = head.decode("latin-1")
    if file_format == "NRRD":
        fields = text.replace("\r", "").split("\n\n", 1)[0]
        stated = re.search(r"^(spacings|space directions):(?!.*\bnan\b.*\bnan\b)", fields, re.M)
    else:
        fields = text.split("ElementDataFile", 1)[0]
        stated = re.search(r"^\s*(ElementSpacing|ElementSize)\s*=", fields, re.M)
    notes = [] if stated else ["the header does not state the voxel size: 1 mm assumed"]
    return bool(stated), notes


def _nifti_facts(path: Path, head: bytes) -> tuple[bool, list[str]]:
    order = "<" if int.from_bytes(head[:4], "little") in (348, 540) else ">"
    version2 = struct.unpack_from(f"{order}i", head, 0)[0] == 540
    if len(head) < (540 if version2 else 348):
        raise ImageError("NIfTI header is cut short", where=str(path), found=f"{len(head)} bytes")
    if version2:
        dim = struct.unpack_from(f"{order}8q", head, 16)
        bits = struct.unpack_from(f"{order}h", head, 14)[0]
        pixdim = struct.unpack_from(f"{order}8d", head, 104)
        offset = struct.unpack_from(f"{order}q", head, 168)[0]
        codes = struct.unpack_from(f"{order}2i", head, 344)
        single = head[4:7] == b"n+2"
    else:
        dim = struct.unpack_from(f"{order}8h", head, 40)
        bits = struct.unpack_from(f"{order}h", head, 72)[0]
        pixdim = struct.unpack_from(f"{order}8f", head, 76)
        offset = int(struct.unpack_from(f"{order}f", head, 108)[0])
        codes = struct.unpack_from(f"{order}2h", head, 252)
        single = head[344:347] == b"n+1"
    axes = dim[1 : dim[0] + 1] if 1 <= dim[0] <= 7 else ()
    if not axes or min(axes) < 1:
        raise ImageError("NIfTI header is damaged", where=str(path), found=f"dim {list(dim)}")
    if single:
        # ITK fills what is missing from a truncated file with zeros, without a word.
        _check_length(path, offset + math.prod(axes) * bits // 8)
    notes = []
    if not any(codes):
        notes.append("the header does not state the orientation: axes taken as they come")
    stated = all(p > 0 for p in pixdim[1 : 1 + min(len(axes), 3)])
    if not stated:
        notes.append("the header does not state the voxel size: 1 mm assumed")
    return stated, notes


def _check_length(path: Path, expected: int) -> None:
    found = path.stat().st_size
    if _is_gzip(path):
        found = 0
        try:
            with gzip.open(path) as stream:
                while block := stream.read(1 << 22):
                    found += len(block)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ImageError(
                "gzip file is damaged or cut short",
                where=str(path),
                expected=f"{expected} bytes unpacked",
                found=f"it breaks off after {found}" if found else type(error).__name__,
                hint="copy it again",
            ) from error
    if found < expected:
        raise ImageError(
            "NIfTI file is cut short",
            where=str(path),
            expected=f"{expected} bytes",
            found=f"{found}",
            hint="copy or convert it again",
        )
