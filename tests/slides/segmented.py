"""Labels for the tests: drawn, or those of a simulated slide."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tifffile
from numpy.typing import NDArray

from radiofib.simulate.slide_geometry import LABELS, BiopsyLaw
from radiofib.simulate.slides import SlideSettings, write_slide_cohort
from radiofib.slides.reader import Grid
from radiofib.slides.segmentation import Segmentation, SlideClass
from radiofib.slides.tissue.map import TissueMap, map_tissue

CLASSES = (
    SlideClass("background", (128, 128, 128), "background"),
    SlideClass("lobule", (86, 180, 233), "lobule"),
    SlideClass("portal tract", (213, 94, 0), "portal"),
)
SMALL = SlideSettings(
    shape=(1500, 2800),
    cores=(2, 2),
    biopsy_law=BiopsyLaw(
        core_width_um=230, core_width_sd_um=10, tract_area_um2=5000, steatosis=0.03
    ),
)
#: A value of the simulator's labels -> class.
CONVERT = np.zeros(len(LABELS), dtype=np.uint8)
for _name in ("lobule", "vein", "vacuole"):
    CONVERT[LABELS[_name]] = 1
CONVERT[LABELS["portal"]] = 2


def segmentation(labels: NDArray[np.uint8], um: float, step: float = 1.0) -> Segmentation:
    grid = Grid(labels.shape[1], labels.shape[0], step, step, um, um)
    return Segmentation(labels, grid, CLASSES, "annotations", "truth")


def tissue_of(labels: NDArray[np.uint8], um: float, step: float = 1.0) -> TissueMap:
    """Return the tissue map of labels, on a grid as coarse as that of a slide (about 8 um)."""
    from scipy import ndimage as ndi

    parts = max(1, round(8 / um))
    height, width = (side // parts for side in labels.shape)
    blocks = labels[: height * parts, : width * parts].reshape(height, parts, width, parts)
    mask = (blocks > 0).mean(axis=(1, 3)) >= 0.5
    pieces, _ = ndi.label(mask)
    first = [tuple(np.argwhere(pieces == i)[0].tolist()) for i in range(1, int(pieces.max()) + 1)]
    grid = Grid(width, height, parts * step, parts * step, parts * um, parts * um)
    return map_tissue(mask, first, grid)


def simulated(
    out: Path, n: int, settings: SlideSettings = SMALL, seed: int = 2
) -> Iterator[tuple[Path, dict[str, Any], NDArray[np.uint8]]]:
    """Yield slide, truth and labels (0 background, 1 lobule, 2 portal) of simulated patients."""
    cohort = write_slide_cohort(out / "cohort", n_patients=n, seed=seed, settings=settings)
    for case in pd.read_csv(cohort)["case"]:
        truth = json.loads((cohort.parent / f"truth/{case}.json").read_text())
        labels = tifffile.imread(cohort.parent / f"truth/{case}_labels.tif")
        yield cohort.parent / f"slides/{case}.tif", truth, CONVERT[labels]
