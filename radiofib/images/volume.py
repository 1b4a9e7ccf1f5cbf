"""NIfTI, NRRD and MetaImage through SimpleITK, with the checks ITK leaves out."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from radiofib.errors import ImageError
from radiofib.images.image import Image
from radiofib.images.nifti import is_gzip, read_nifti_header, scan_voxels
from radiofib.images.sniff import hash_source, read_head

__all__ = ["quiet_itk", "read_volume"]

_NO_SPACING = "the header does not state the voxel size: 1 mm assumed"
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
    stated, notes, hidden = _header_facts(path, file_format)
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
    pixels = sitk.GetArrayFromImage(image)
    for start, values in hidden:
        wrong = ~np.isfinite(values)
        pixels.reshape(-1)[start : start + values.size][wrong] = values[wrong]
    return Image(
        pixels,
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
    if re.search(r"spacing.*(invalid|to \[)", text):
        return ImageError(
            "the header gives a voxel size that is none",
            where=str(path),
            expected="a size above 0 mm along every axis",
            found=_last_line(text, path),
            hint="correct the spacing in the header",
        )
    lower = path.name.lower()
    if not lower.endswith(_SUFFIXES[file_format]):
        return ImageError(
            f"the content is {file_format}, but the name does not say so",
            where=str(path),
            expected=f"a name ending in {', '.join(_SUFFIXES[file_format])}",
            hint="rename the file",
        )
    if file_format == "NIfTI" and not lower.endswith(".gz") and is_gzip(path):
        return ImageError(
            "the file is gzipped, but its name does not end in .gz",
            where=str(path),
            hint=f"rename it to {path.name}.gz",
        )
    return ImageError(
        f"{file_format} file is damaged or cut short",
        where=str(path),
        found=_last_line(text, path),
        hint="copy or convert it again",
    )


def _last_line(text: str, path: Path) -> str:
    last = text.strip().splitlines()[-1].replace(str(path), path.name)
    return re.sub(r"\(0x[0-9a-f]+\)", "", last)[:160]  # an address differs from run to run


def _header_facts(
    path: Path, file_format: str
) -> tuple[bool, list[str], list[tuple[int, NDArray[np.floating]]]]:
    """Tell whether the voxel size is stated, what else is open, and what ITK would hide."""
    head = read_head(path, 65536)
    if file_format == "NIfTI":
        header = read_nifti_header(path, head)
        hidden = scan_voxels(path, header)
        notes = []
        if not header.oriented:
            notes.append("the header does not state the orientation: axes taken as they come")
        if not header.spacing_stated:
            notes.append(_NO_SPACING)
        return header.spacing_stated, notes, hidden
    text = head.decode("latin-1")
    if file_format == "NRRD":
        fields = text.replace("\r", "").split("\n\n", 1)[0]
        stated = _nrrd_states_spacing(fields)
    else:
        fields = text.split("ElementDataFile", 1)[0]
        stated = bool(re.search(r"^\s*(ElementSpacing|ElementSize)\s*=", fields, re.M))
    return stated, [] if stated else [_NO_SPACING], []


def _nrrd_states_spacing(header: str) -> bool:
    """Tell whether every axis in space has a size; "nan" means unknown, or an axis of values."""
    if re.search(r"^space directions:(?!.*\bnan\b)", header, re.M):
        return True
    given = re.search(r"^spacings:(.*)$", header, re.M)
    sizes = given.group(1).lower().split() if given else []
    return sum("nan" not in size for size in sizes) >= min(3, len(sizes)) > 0
