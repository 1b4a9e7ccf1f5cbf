"""A case of known intensities: blocks of two alternating values, worked out by hand in a CSV."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from radiofib.features.functional import GROUPS, ChannelInput, FunctionalSettings
from radiofib.roi import Roi

REFERENCE = Path(__file__).parents[2] / "reference" / "functional_phantom.csv"
SHAPE, SPACING = (8, 10, 12), (5.0, 4.0, 2.0)
SETTINGS = FunctionalSettings(groups=GROUPS, commensurable="declared")
#: Two intensities of the liver; of muscle.
LIVER = {
    "t1": (400.0, 600.0),
    "ged1": (500.0, 620.0),
    "ged2": (800.0, 850.0),
    "ged3": (725.0, 825.0),
    "ged4": (880.0, 920.0),
    "t1mappre": (700.0, 900.0),
    "t1mappost": (300.0, 340.0),
}
MUSCLE = {"t1": (390.0, 410.0), "ged4": (440.0, 460.0)}
MINUTES = {"ged1": 0.5, "ged2": 1.0, "ged3": 3.0, "ged4": 20.0}
#: Voxels of 880 among the 10 of each region.
LOW = (5, 8, 10, 2)
TEXTURE = {
    "t1_original_glcm_contrast": 4.0,
    "ged4_original_glcm_contrast": 5.0,
    "t1_original_firstorder_mean": 500.0,
    "ged4_original_firstorder_mean": 900.0,
}


def block(z: slice, y: slice, x: slice) -> NDArray[np.bool_]:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[z, y, x] = True
    return mask


LIVER_MASK = block(slice(0, 5), slice(0, 5), slice(0, 4))
SPLEEN = block(slice(0, 5), slice(6, 8), slice(6, 10))
MUSCLE_MASK = block(slice(0, 5), slice(8, 10), slice(0, 2))
AIR = block(slice(0, 5), slice(8, 10), slice(11, 12))


def _regions() -> list[NDArray[np.bool_]]:
    """Four disjoint groups of 10 liver voxels with the stated number of low (even) ones."""
    places = np.flatnonzero(LIVER_MASK)
    low, high = list(places[::2]), list(places[1::2])
    masks = []
    for number in LOW:
        mask = np.zeros(SHAPE, dtype=bool)
        taken, low = low[:number], low[number:]
        rest, high = high[: 10 - number], high[10 - number :]
        mask.flat[[*taken, *rest]] = True
        masks.append(mask)
    return masks


def _fill(pixels: NDArray[np.float64], mask: NDArray[np.bool_], two: tuple[float, float]) -> None:
    number = int(mask.sum())
    pixels[mask] = np.where(np.arange(number) % 2 == 0, two[0], two[1])


def tissues() -> dict[str, NDArray[np.bool_]]:
    line = slice(0, 2)
    parts = {
        "spleen": SPLEEN,
        "muscle": MUSCLE_MASK,
        "background": AIR,
        "right_lobe_harbin": block(slice(2, 3), line, slice(0, 5)),
        "caudate_harbin": block(slice(2, 3), line, slice(5, 8)),
        "right_lobe_awaya": block(slice(2, 3), line, slice(0, 4)),
        "caudate_awaya": block(slice(2, 3), line, slice(4, 8)),
        "segments_1_3": block(slice(0, 3), slice(0, 5), slice(0, 2)),
        "segments_4_8": block(slice(0, 5), slice(0, 7), slice(2, 4)),
    }
    return parts | {f"region_{k}": mask for k, mask in enumerate(_regions(), 1)}


def channel(name: str) -> ChannelInput:
    pixels = np.full(SHAPE, 100.0)
    _fill(pixels, LIVER_MASK, LIVER[name])
    if name in MUSCLE:
        _fill(pixels, MUSCLE_MASK, MUSCLE[name])
    if name == "ged4":
        _fill(pixels, SPLEEN, (440.0, 460.0))
        _fill(pixels, AIR, (0.0, 16.0))
    return ChannelInput(
        Roi(pixels, LIVER_MASK, SPACING, name),
        raw=True,
        minutes=MINUTES.get(name),
        tissues=tissues() if name == "ged4" else {"muscle": MUSCLE_MASK},
        registered=None if name == "ged4" else "good",
    )


def case() -> dict[str, ChannelInput]:
    return {name: channel(name) for name in LIVER}


def rescaled(found: ChannelInput, slope: float, intercept: float = 0.0) -> ChannelInput:
    """The same channel with other intensities."""
    return replace(
        found, roi=replace(found.roi, pixels=found.roi.pixels.astype(float) * slope + intercept)
    )


def z_scored(found: ChannelInput) -> ChannelInput:
    """The channel after the usual normalisation: mean 0, SD 1 over the liver."""
    values = found.roi.values.astype(float)
    normal = rescaled(found, 1 / values.std(), -values.mean() / values.std())
    return replace(normal, raw=False)


def reference() -> pd.DataFrame:
    return pd.read_csv(REFERENCE).set_index("column")
