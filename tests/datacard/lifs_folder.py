"""Makes a folder that lies like LiFS, with chosen traps; files hold a few bytes each."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

FILES = ("T1", "T2", "DWI_800", "GED1", "GED2", "GED3", "GED4")


def nifti(*shape: int, tag: str = "") -> bytes:
    """Return a gzipped NIfTI-1 header with these dimensions, made unique by a tag."""
    dims = (len(shape), *shape, *[1] * (7 - len(shape)))
    head = struct.pack("<i36x8h", 348, *dims) + bytes(348 - 56)
    return gzip.compress(head + tag.encode(), compresslevel=1, mtime=0)


def add_case(root: Path, vendor: str, case: str, files: tuple[str, ...] = FILES) -> Path:
    """Write one training case and return its folder."""
    folder = root / "LiQA_training_data" / f"Vendor_{vendor}" / case
    folder.mkdir(parents=True)
    for name in files:
        (folder / f"{name}.nii.gz").write_bytes(nifti(4, 4, 2, tag=f"{vendor}/{case}/{name}"))
    return folder
