"""Texture of zones that have none."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from radiofib.slides.morphometry.detail import measure_detail
from radiofib.slides.morphometry.regions import find_regions
from radiofib.slides.morphometry.zones import Zones
from radiofib.slides.reader import open_slide
from tests.slides import made
from tests.slides.segmented import segmentation, tissue_of


def test_entropy_of_one_level_is_zero_and_not_less(tmp_path: Path) -> None:
    labels = np.full((80, 80), 1, np.uint8)
    labels[20:60, 20:60] = 2
    pixels = np.full((80, 80, 3), made.PINK, np.uint8)
    regions = find_regions(segmentation(labels, 1.0), "portal")
    zones = Zones(segmentation(labels, 1.0), regions, tissue_of(labels, 1.0), 10.0)
    with open_slide(made.write_png(tmp_path / "flat.png", pixels), mpp=1.0) as slide:
        values = measure_detail(slide, zones, (243.0, 242.0, 243.0), detail_um=1.0).values
    for zone in ("portal", "interface", "lobule"):
        assert values[f"{zone}_glcm_joint_entropy"] == 0
        assert not np.signbit(values[f"{zone}_glcm_joint_entropy"])
