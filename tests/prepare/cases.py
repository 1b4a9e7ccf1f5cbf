"""Small patients: boxes in a body, with a mask on one channel or another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk

from radiofib.cohort import Cohort
from radiofib.preprocess.register import Registration

SHAPE = (10, 16, 18)
LIVER = np.s_[3:7, 4:11, 3:9]


def volume(path: Path, seed: int, *, shift_mm: float = 0.0, level: float = 100.0) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.normal(level, 9, SHAPE)
    pixels[LIVER] += level
    image = sitk.GetImageFromArray(pixels.astype(np.float32))
    image.SetSpacing((2.0, 2.0, 3.0))
    image.SetOrigin((shift_mm, 0.0, 0.0))
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path))


def mask(path: Path, *, shift_mm: float = 0.0, label: int = 1, region: Any = LIVER) -> None:
    array = np.zeros(SHAPE, np.uint8)
    array[region] = label
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((2.0, 2.0, 3.0))
    image.SetOrigin((shift_mm, 0.0, 0.0))
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path))


def cohort(folder: Path, rows: list[dict[str, Any]]) -> Cohort:
    return Cohort.from_frame(pd.DataFrame(rows), root=folder)


def patient(
    folder: Path,
    name: str,
    channels: tuple[str, ...] = ("t1", "ged4"),
    *,
    masked: tuple[str, ...] = ("ged4",),
    shift_mm: float = 0.0,
) -> list[dict[str, Any]]:
    """Write one patient whose channels other than ged4 lie `shift_mm` to one side."""
    rows = []
    for number, channel in enumerate(channels):
        away = 0.0 if channel == "ged4" else shift_mm
        image = f"{name}/{channel}.nii.gz"
        volume(folder / image, number, shift_mm=away)
        row: dict[str, Any] = {"case": name, "channel": channel, "image": image, "stage": "S1"}
        if channel in masked:
            row["mask"] = f"{name}/mask_{channel}.nii.gz"
            mask(folder / row["mask"], shift_mm=away)
        rows.append(row)
    return rows


def registration(shift_mm: float, verdict: str = "good", reasons: tuple[str, ...] = ()) -> Any:
    """Return a stand-in of register_pair that knows the answer, or fails as told."""

    def known(*_: Any, **__: Any) -> Registration:
        return Registration(
            transform=sitk.TranslationTransform(3, (shift_mm, 0.0, 0.0)),
            metric_before=0.1,
            metric_after=0.5,
            dice_before=None,
            dice_after=None,
            inverse_consistency_mm=float("nan"),
            overlap=1.0,
            residual_mm=0.3,
            starts=1,
            verdict=verdict,  # type: ignore[arg-type]
            reasons=reasons,
            seconds=0.0,
        )

    return known
