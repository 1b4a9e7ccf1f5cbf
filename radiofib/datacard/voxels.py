"""What the voxels of a volume give away before anything is computed: spikes, copies, no content."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.parallel import map_pieces
from radiofib.provenance import hash_array

__all__ = ["VolumeFacts", "find_spike", "is_volume", "look_at", "nifti_shape"]

_VOLUMES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
#: A spike is at most this share of the voxels, or this many in a small volume ...
_SHARE, _FEW = 1e-4, 8
#: ... above a gap of at least this share of the value below it ...
_GAP = 0.25
#: ... and at least this many times the distance that the next values below span.
_SPACINGS, _NEXT = 5.0, 50
#: Bytes in all below which reading is over before other processes have started.
_WORTH_PROCESSES = 1 << 26


@dataclass(frozen=True)
class VolumeFacts:
    """What was seen in one volume.

    Parameters
    ----------
    digest : str
        Hash of the voxels alone: equal images have it in common whatever their header, name or
        compression. Empty when the volume could not be read or all voxels are equal.
    spike : str
        Voxels far above all others, in words.
    flat : bool
        Whether all voxels have one value.
    problem : str
        Why the volume cannot be read.
    """

    digest: str = ""
    spike: str = ""
    flat: bool = False
    problem: str = ""


def is_volume(name: str) -> bool:
    """Tell by its name whether a file is a volume whose voxels can be read.

    Examples
    --------
    >>> is_volume("a/T1.nii.gz"), is_volume("a.png")
    (True, False)
    """
    return name.lower().endswith(_VOLUMES)


def look_at(
    paths: Sequence[Path],
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[Path, VolumeFacts]:
    """Read volumes in processes and return what is seen in each.

    Parameters
    ----------
    paths : sequence of Path
        Volumes.
    workers : int, optional
        Processes; one per core by default. What is found does not depend on it.
    progress : callable, optional
        Called with volumes done and volumes in all.
    """
    found: dict[Path, VolumeFacts] = {}
    if sum(path.stat().st_size for path in paths) < _WORTH_PROCESSES:
        workers = 1
    for path, facts in map_pieces(_look, list(paths), workers=workers, on_crash=_crashed):
        found[path] = facts
        if progress is not None:
            progress(len(found), len(paths))
    return found


def _look(path: Path) -> VolumeFacts:
    import SimpleITK as sitk

    if path.stat().st_size == 0:
        return VolumeFacts(problem="the file is empty (0 bytes)")
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError:
        # ITK's own text holds paths of this machine.
        return VolumeFacts(problem="the file cannot be read as a volume")
    # A view borrows the memory of its image, which must stay alive beside it.
    voxels = sitk.GetArrayViewFromImage(image)
    values = voxels.ravel()
    if values.size == 0 or (values == values[0]).all():
        return VolumeFacts(flat=True)
    return VolumeFacts(digest=hash_array(voxels), spike=find_spike(values))


def _crashed(_path: Path, error: Exception) -> VolumeFacts:
    return VolumeFacts(problem=f"reading it ended the process ({type(error).__name__})")


def find_spike(values: NDArray[Any]) -> str:
    """Describe a few voxels that stand far above all others, "" when there are none.

    A spike is at most one voxel in 10,000 (eight in a small volume) above a gap of a quarter of
    the value below it and of five times the distance that the next 50 values span. Of a tail
    that falls off exponentially with scale s, those 50 span about 4 s, and a gap of 20 s has a
    chance of exp(-20).

    Parameters
    ----------
    values : ndarray
        Voxels, in any shape.

    Examples
    --------
    >>> find_spike(np.append(np.arange(1000), [25117, 25117]))
    '2 of 1002 voxels at 25117, all others at most 999'
    >>> find_spike(np.arange(1000))
    ''
    """
    flat = values.ravel()
    most = min(max(_FEW, int(flat.size * _SHARE)), flat.size - _NEXT - 1)
    if most < 1:
        return ""
    size = most + _NEXT + 1
    top = np.sort(np.partition(flat, flat.size - size)[-size:])[::-1].astype(np.float64)
    above, below, far = top[:most], top[1 : most + 1], top[1 + _NEXT :]
    gap = above - below
    jumps = np.flatnonzero((below > 0) & (gap >= _GAP * below) & (gap >= _SPACINGS * (below - far)))
    if jumps.size == 0:
        return ""
    last = int(jumps[-1])
    low, high = (f"{v:g}" for v in (above[last], above[0]))
    reach = high if low == high else f"{low} to {high}"
    return f"{last + 1} of {flat.size} voxels at {reach}, all others at most {below[last]:g}"


def nifti_shape(path: Path) -> tuple[int, ...] | None:
    """Return the dimensions in a NIfTI file's header, None when it is not NIfTI.

    NIfTI-1 holds eight 16-bit numbers at byte 40, NIfTI-2 eight 64-bit numbers at byte 16; the
    first is how many of the others count. SimpleITK does not show an axis of length one.
    """
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        return None
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as stream:
            head = stream.read(80)
    except (OSError, EOFError, zlib.error):
        return None
    if len(head) < 80:
        return None
    for order in "<>":
        size = struct.unpack(f"{order}i", head[:4])[0]
        if size in (348, 540):
            kind, start, end = ("h", 40, 56) if size == 348 else ("q", 16, 80)
            numbers = struct.unpack(f"{order}8{kind}", head[start:end])
            return numbers[1 : numbers[0] + 1] if 0 < numbers[0] <= 7 else None
    return None
