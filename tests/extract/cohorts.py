"""Small cohorts of pictures and volumes, written to a temporary folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk

from radiofib.cohort import Cohort
from radiofib.engines import ExtractionConfig

FAST: dict[str, Any] = {"featureClass": {"firstorder": ["Mean", "Variance"], "glcm": ["Contrast"]}}


def config(**sections: Any) -> ExtractionConfig:
    return ExtractionConfig.parse({**FAST, **sections}, where="test")


def write_picture(path: Path, seed: int, size: tuple[int, int] = (20, 24)) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 255, size).astype(np.uint8)
    sitk.WriteImage(sitk.GetImageFromArray(pixels), str(path))


def write_volume(path: Path, seed: int, *, mask: Path | None = None, label: int = 1) -> None:
    rng = np.random.default_rng(seed)
    shape = (6, 12, 14)
    image = sitk.GetImageFromArray(rng.integers(-50, 900, shape).astype(np.int16))
    image.SetSpacing((0.8, 0.9, 3.0))
    sitk.WriteImage(image, str(path))
    if mask is not None:
        region = np.zeros(shape, np.uint8)
        region[1:5, 2:10, 3:11] = label
        drawn = sitk.GetImageFromArray(region)
        drawn.CopyInformation(image)
        sitk.WriteImage(drawn, str(mask))


def ultrasound(folder: Path, cases: int = 5) -> pd.DataFrame:
    rows = []
    for number in range(cases):
        write_picture(folder / f"c{number}.png", number)
        rows.append(
            {
                "case": f"c{number}",
                "patient": f"p{number // 2}",
                "channel": "us",
                "image": f"c{number}.png",
                "stage": number % 2,
                "scanner": "A" if number % 2 else "B",
            }
        )
    return pd.DataFrame(rows)


def two_sequences(folder: Path) -> pd.DataFrame:
    """Three patients with T1, two of them with DWI."""
    rows = []
    for number in range(3):
        for channel in ("T1", "DWI"):
            if (number, channel) == (1, "DWI"):
                continue
            name = f"m{number}_{channel}"
            write_volume(
                folder / f"{name}.nii.gz",
                10 * number + len(channel),
                mask=folder / f"{name}_mask.nii.gz",
                label=3,
            )
            rows.append(
                {
                    "case": f"m{number}",
                    "channel": channel,
                    "image": f"{name}.nii.gz",
                    "mask": f"{name}_mask.nii.gz",
                    "mask_label": 3,
                    "stage": "S1",
                }
            )
    return pd.DataFrame(rows)


def cohort(frame: pd.DataFrame, folder: Path, **options: Any) -> Cohort:
    return Cohort.from_frame(frame, root=folder, **options)
