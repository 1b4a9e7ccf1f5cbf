"""Writing that never leaves half a file and gives equal bytes for equal content."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk
from numpy.typing import NDArray
from PIL import Image as PilImage

from radiofib.errors import UsageError

__all__ = [
    "new_folder",
    "write_bytes",
    "write_frame",
    "write_json",
    "write_nifti",
    "write_picture",
]


def new_folder(out: str | Path) -> Path:
    """Create the folder a cohort goes to; a folder that already holds a cohort is refused.

    Raises
    ------
    UsageError
        When the folder holds a ``truth.json`` or ``cohort.csv`` already: two cohorts mixed in
        one folder could not be told apart.
    """
    out = Path(out)
    held = [name for name in ("cohort.csv", "truth.json") if (out / name).exists()]
    if held:
        raise UsageError(
            "folder already holds a cohort",
            where=str(out),
            found=", ".join(held),
            hint="choose another folder or empty this one",
        )
    out.mkdir(parents=True, exist_ok=True)
    return out


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file under a temporary name beside it, then rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_bytes(data)
    temporary.replace(path)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


def write_json(path: Path, value: Any) -> None:
    """Write JSON with sorted keys; NumPy scalars and arrays become numbers and lists."""
    text = json.dumps(_plain(value), sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    write_bytes(path, f"{text}\n".encode())


def write_frame(path: Path, rows: Sequence[Mapping[str, Any]] | pd.DataFrame) -> None:
    """Write rows as CSV with the same line ends on every platform."""
    buffer = io.StringIO()
    pd.DataFrame(rows).to_csv(buffer, index=False, lineterminator="\n")
    write_bytes(path, buffer.getvalue().encode())


def write_picture(path: Path, grey: NDArray[np.uint8], *, jpeg_quality: int | None = None) -> None:
    """Write an 8-bit picture as PNG, or as JPEG when a quality is given."""
    buffer = io.BytesIO()
    picture = PilImage.fromarray(grey)
    if jpeg_quality is None:
        picture.save(buffer, format="PNG", optimize=False, compress_level=6)
    else:
        picture.save(buffer, format="JPEG", quality=jpeg_quality)
    write_bytes(path, buffer.getvalue())


def write_nifti(path: Path, image: sitk.Image) -> None:
    """Write ``.nii.gz`` with no time in the gzip header, so that equal images are equal files.

    SimpleITK puts the current time into the header of a ``.nii.gz``; the same image written
    twice would then differ.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = path.with_name(f".{path.name}.part.nii")
    sitk.WriteImage(image, str(plain))
    data = plain.read_bytes()
    plain.unlink()
    write_bytes(path, gzip.compress(data, compresslevel=1, mtime=0))
