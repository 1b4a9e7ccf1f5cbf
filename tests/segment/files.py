"""Small volumes on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from radiofib.cohort import Acquisition


def write(
    path: Path,
    label: int | np.ndarray = 1,
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
    shape: tuple[int, int, int] = (4, 5, 6),
) -> Path:
    """Write a volume: an array, or a box of one label."""
    pixels = np.zeros(shape, np.uint8)
    if isinstance(label, np.ndarray):
        pixels = label
    else:
        pixels[1:3, 1:4, 1:4] = label
    image = sitk.GetImageFromArray(pixels)
    image.SetOrigin(origin)
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path))
    return path


def case(
    root: Path,
    name: str,
    channels: tuple[str, ...] = ("ged4",),
    origins: tuple[tuple[float, float, float], ...] | None = None,
) -> list[Acquisition]:
    """Write the images of a case and return its acquisitions."""
    origins = origins or ((0.0, 0.0, 0.0),) * len(channels)
    return [
        Acquisition(
            name,
            name,
            channel,
            write(root / "images" / name / f"{channel.upper()}.nii.gz", origin=origin),
        )
        for channel, origin in zip(channels, origins, strict=True)
    ]
