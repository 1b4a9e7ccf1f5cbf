"""Makes a folder that lies like LiFS, with chosen traps; volumes have a few voxels each."""

from __future__ import annotations

import gzip
import math
import random
import struct
from pathlib import Path

FILES = ("T1", "T2", "DWI_800", "GED1", "GED2", "GED3", "GED4")


def nifti(*shape: int, tag: str = "") -> bytes:
    """Return a small gzipped NIfTI-1 volume of these dimensions; the tag decides its voxels."""
    dims = (len(shape), *shape, *[1] * (7 - len(shape)))
    head = struct.pack("<i36x8h14xhh", 348, *dims, 2, 8)  # unsigned bytes
    head += bytes(2) + struct.pack("<8f", 1, *[1] * 7) + struct.pack("<f", 352)
    head += bytes(344 - len(head)) + b"n+1\0" + bytes(4)
    rng = random.Random(tag)
    voxels = rng.randbytes(math.prod(shape))
    return gzip.compress(head + voxels, compresslevel=1, mtime=0)


def add_case(root: Path, vendor: str, case: str, files: tuple[str, ...] = FILES) -> Path:
    """Write one training case and return its folder."""
    folder = root / "LiQA_training_data" / f"Vendor_{vendor}" / case
    folder.mkdir(parents=True)
    for name in files:
        (folder / f"{name}.nii.gz").write_bytes(nifti(4, 4, 2, tag=f"{vendor}/{case}/{name}"))
    return folder
