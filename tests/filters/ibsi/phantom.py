"""The CT phantom of IBSI as configurations A (2-D) and B (3-D) of IBSI 2 want it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

LIMITS = (-1000, 400)


@dataclass(frozen=True)
class Region:
    """Rounded intensities on the grid, and the mask after resegmentation."""

    pixels: Any
    intensity_mask: Any
    spacing_mm: tuple[float, ...]


def read(path: Path) -> tuple[Any, tuple[float, ...]]:
    image = sitk.ReadImage(str(path))
    return sitk.GetArrayFromImage(image), image.GetSpacing()[::-1]


def prepare(pixels: Any, mask: Any, spacing_mm: Any, *, spacing_out: float | None) -> Region:
    """Interpolate to a grid with the same centre: tricubic splines, the mask trilinear."""
    pixels, mask = pixels.astype(np.float64), mask.astype(np.float64)
    spacing = tuple(spacing_mm)
    if spacing_out is not None:
        lines = []
        for n, step in zip(pixels.shape, spacing, strict=True):
            new = int(np.ceil(n * step / spacing_out))
            lines.append((n - 1) / 2 + (np.arange(new) - (new - 1) / 2) * spacing_out / step)
        grid = np.meshgrid(*lines, indexing="ij")
        pixels = ndimage.map_coordinates(pixels, grid, order=3, mode="nearest")
        mask = ndimage.map_coordinates(mask, grid, order=1, mode="nearest")
        spacing = (spacing_out,) * 3
    pixels = np.rint(pixels)
    inside = (mask >= 0.5) & (pixels >= LIMITS[0]) & (pixels <= LIMITS[1])
    return Region(pixels, inside, spacing)


def phantom(folder: Path, configuration: str) -> Region:
    """The phantom for configurations ``A`` (as it is) and ``B`` (1 mm)."""
    pixels, spacing = read(folder / "nifti" / "image" / "phantom.nii.gz")
    mask, _ = read(folder / "nifti" / "mask" / "mask.nii.gz")
    return prepare(pixels, mask, spacing, spacing_out=1.0 if configuration == "B" else None)


def statistics(values: Any) -> dict[str, float]:
    """The 18 intensity statistics of IBSI, by their tags."""
    values = np.asarray(values, dtype=np.float64)
    mean, median = values.mean(), np.median(values)
    low, first, third, high = np.percentile(values, [10, 25, 75, 90])
    variance = np.mean((values - mean) ** 2)
    middle = values[(values >= low) & (values <= high)]
    found = {
        "mean": mean,
        "var": variance,
        "skew": np.mean((values - mean) ** 3) / variance**1.5,
        "kurt": np.mean((values - mean) ** 4) / variance**2 - 3,
        "median": median,
        "min": values.min(),
        "p10": low,
        "p90": high,
        "max": values.max(),
        "iqr": third - first,
        "range": values.max() - values.min(),
        "mad": np.mean(np.abs(values - mean)),
        "rmad": np.mean(np.abs(middle - middle.mean())),
        "medad": np.mean(np.abs(values - median)),
        "cov": np.sqrt(variance) / mean,
        "qcod": (third - first) / (third + first),
        "energy": np.sum(values**2),
        "rms": np.sqrt(np.mean(values**2)),
    }
    return {f"stat_{name}": float(value) for name, value in found.items()}
