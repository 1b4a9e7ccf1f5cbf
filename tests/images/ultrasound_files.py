"""Ultrasound as DICOM for the tests: films, colour spaces, calibrated regions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.images.dicoms import write_dicom


def region(
    box: tuple[int, int, int, int], delta: tuple[float, float] | None = (0.03, 0.03), **more: Any
) -> Dataset:
    """Return a calibrated region; `box` is top, bottom, left, right, `delta` cm (y, x)."""
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = 1, 1, 0
    item.RegionLocationMinY0, item.RegionLocationMaxY1 = box[0], box[1]
    item.RegionLocationMinX0, item.RegionLocationMaxX1 = box[2], box[3]
    if delta is not None:
        item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
        item.PhysicalDeltaY, item.PhysicalDeltaX = delta
    for name, value in more.items():
        setattr(item, name, value)
    return item


def write_film(
    path: Path, frames: np.ndarray, regions: list[Dataset] | None = None, **more: Any
) -> Path:
    """Write frames (n, y, x) or (n, y, x, 3) as one file, uncompressed."""
    frames = np.ascontiguousarray(frames)
    colour = frames.ndim == 4
    elements: dict[str, Any] = {
        "Rows": frames.shape[1],
        "Columns": frames.shape[2],
        "SamplesPerPixel": 3 if colour else 1,
        "PhotometricInterpretation": "RGB" if colour else "MONOCHROME2",
        "BitsAllocated": 8 * frames.dtype.itemsize,
        "BitsStored": 8 * frames.dtype.itemsize,
        "HighBit": 8 * frames.dtype.itemsize - 1,
        "PixelRepresentation": 0,
        "PixelData": frames.tobytes(),
    }
    if colour:
        elements["PlanarConfiguration"] = 0
    if len(frames) > 1:
        elements["NumberOfFrames"] = len(frames)
    if regions:
        elements["SequenceOfUltrasoundRegions"] = Sequence(regions)
    return write_dicom(path, kind="US", **{**elements, **more})
