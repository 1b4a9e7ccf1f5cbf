"""The two IBSI 1 phantoms as discretised regions, and the consensus values for them.

The preparation of the CT phantom is written here for itself, so that what is measured is the
texture families alone.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

FAMILIES = ("cm", "rlm", "szm", "dzm", "ngt", "ngl")


@dataclass(frozen=True)
class Phantom:
    levels: np.ndarray
    n_levels: int
    mask: np.ndarray


@dataclass(frozen=True)
class Reference:
    value: float
    tolerance: float

    def holds(self, found: float) -> bool:
        """Within the tolerance; where that is 0, equal in the 3 digits that are given."""
        if self.tolerance > 0 or self.value == 0:
            return abs(found - self.value) <= self.tolerance
        third_digit = 10.0 ** (np.floor(np.log10(abs(self.value))) - 2)
        return abs(found - self.value) <= third_digit / 2 * (1 + 1e-9)


def references(data: Path, name: str) -> tuple[dict[str, Reference], list[str]]:
    """Rows of the texture families by tag in lower case, and tags of blank rows."""
    rows, blank = {}, []
    path = data / "ibsi" / "ibsi_1_reference_values" / f"ibsi_1_{name}.csv"
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for row in csv.DictReader(stream, delimiter=";"):
            if row["tag"].split("_")[0] not in FAMILIES:
                continue
            tag = row["tag"].lower()
            if not row["reference value"] or not row["tolerance"]:
                blank.append(tag)
                continue
            rows[tag] = Reference(float(row["reference value"]), float(row["tolerance"]))
    return rows, blank


def _read(data: Path, phantom: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    folder = data / "ibsi" / phantom / "nifti"
    image = sitk.ReadImage(str(folder / "image" / "phantom.nii.gz"))
    mask = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "mask" / "mask.nii.gz"))) > 0
    return sitk.GetArrayFromImage(image), mask, np.array(image.GetSpacing()[::-1])


def digital(data: Path) -> Phantom:
    pixels, mask, _ = _read(data, "ibsi_1_digital_phantom")
    return Phantom(np.where(mask, pixels, 0), int(pixels[mask].max()), mask)


def chest(data: Path, configuration: str) -> Phantom:
    """The CT phantom under configuration a, b, c or d."""
    pixels, mask, spacing = _read(data, "ibsi_1_ct_radiomics_phantom")
    pixels = pixels.astype(float)
    wanted = {"a": spacing, "b": (spacing[0], 2, 2), "c": (2, 2, 2), "d": (2, 2, 2)}[configuration]
    if configuration != "a":
        pixels = np.rint(_linear(pixels, spacing, np.array(wanted)))
        mask = _linear(mask.astype(float), spacing, np.array(wanted)) >= 0.5
    if configuration == "d":
        inside = mask & (np.abs(pixels - pixels[mask].mean()) <= 3 * pixels[mask].std())
    else:
        lowest = -1000 if configuration == "c" else -500
        inside = mask & (pixels >= lowest) & (pixels <= 400)
    if configuration in "ac":
        levels = np.floor((pixels - lowest) / 25) + 1
        n_levels = int(levels[inside].max())
    else:
        low, high = pixels[inside].min(), pixels[inside].max()
        n_levels = 32
        levels = np.minimum(np.floor(n_levels * (pixels - low) / (high - low)) + 1, n_levels)
    return Phantom(np.where(inside, levels, 0).astype(np.int64), n_levels, mask)


def _linear(values: np.ndarray, spacing: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Linear interpolation on a grid with the same centre, ceil(n s / s') voxels along an axis."""
    for axis, (old, new) in enumerate(zip(spacing, wanted, strict=True)):
        n = values.shape[axis]
        n_new = n if old == new else int(np.ceil(n * old / new))
        at = ((n - 1) * old - (n_new - 1) * new) / 2 / old + np.arange(n_new) * new / old
        at = np.clip(at, 0, n - 1)
        low = np.minimum(at.astype(int), n - 2)
        weight = np.expand_dims(at - low, tuple(a for a in range(3) if a != axis))
        before, after = np.take(values, low, axis), np.take(values, low + 1, axis)
        values = before * (1 - weight) + after * weight
    return values
