"""A core that lies on the slide as three cuts is measured once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radiofib.slides import (
    LevelSettings,
    Segmentation,
    SlideClass,
    SlideSettings,
    measure_slide,
    open_slide,
)
from radiofib.slides.picture import MEASURED
from tests.slides import made

UM = 8.0
CLASSES = (
    SlideClass("background", (128, 128, 128), "background"),
    SlideClass("lobule", (86, 180, 233), "lobule"),
    SlideClass("portal tract", (213, 94, 0), "portal"),
)


def wavy(cuts: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture of cuts of one wavy core, and its labels with two tracts in each."""
    rows, columns = np.mgrid[: 120 * cuts, :560]
    middle = 60 + 12 * np.sin(columns / 60)
    half = 28 + 5 * np.sin(columns / 11) + 4 * np.cos(columns / 7)
    inside = (np.abs(rows % 120 - middle) < half) & (columns > 30) & (columns < 530)
    labels = inside.astype(np.uint8)
    for left in (150, 350):
        labels[(np.abs(rows % 120 - 62) < 5) & (np.abs(columns - left) < 6)] = 2
    pixels = np.where(inside[..., None], made.PINK, made.GLASS).astype(np.float32)
    pixels += np.random.default_rng(1).normal(0, 3, pixels.shape)
    return pixels.clip(0, 255).round().astype(np.uint8), labels


def measured(folder: Path, cuts: int, settings: SlideSettings | None = None):
    pixels, labels = wavy(cuts)
    path = made.write_png(folder / f"{cuts}.png", pixels)
    with open_slide(path, mpp=UM) as slide:
        grid = slide.grid(UM)
        return measure_slide(slide, settings, Segmentation(labels, grid, CLASSES, "model", "drawn"))


def test_length_area_and_counts_are_those_of_one_level(tmp_path: Path) -> None:
    one, three = measured(tmp_path, 1), measured(tmp_path, 3)
    assert three.measured["morphometry_level_count"] == 3
    for key in ("core_length_mm", "tissue_area_mm2", "fragment_count"):
        key = f"morphometry_{key}"
        assert three.measured[key] == pytest.approx(one.measured[key], rel=0.01), key
    for key in ("portal_tract_count", "portal_area_mm2", "portal_area_percent"):
        assert three.measured[key] == pytest.approx(one.measured[key], rel=0.01), key
    assert one.measured["portal_tract_count"] == 2
    assert len(three.tracts) == 6
    assert sum(row["counted"] for row in three.tracts) == 2
    names = [a.name for a in three.annotations[:3]]
    assert names == [f"Tissue {k}, level {k} of core 1" for k in (1, 2, 3)]


def test_a_level_told_to_be_one_counts_every_piece(tmp_path: Path) -> None:
    alone = SlideSettings(levels=LevelSettings(levels=1))
    one, three = measured(tmp_path, 1), measured(tmp_path, 3, alone)
    length = "morphometry_core_length_mm"
    assert three.measured[length] == pytest.approx(3 * one.measured[length], rel=0.01)
    assert three.measured["portal_tract_count"] == 6


def test_levels_that_were_not_told_are_said_and_marked(tmp_path: Path) -> None:
    three = measured(tmp_path, 3)
    assert len(three.warnings) == 1
    assert three.warnings[0].startswith("3 serial levels of the same cores were recognised: level ")
    assert "(2 of 3) are left out" in three.warnings[0]
    assert "levels: {levels: 1}" in three.warnings[0]
    assert ";" not in three.warnings[0]  # it parts the warnings of a slide
    marks = [a.measurements[MEASURED] for a in three.annotations if a.classification == "Tissue"]
    assert sorted(marks) == [0, 0, 1]
    best = int(three.measured["morphometry_best_level"])
    assert marks[best - 1] == 1


def test_levels_that_were_told_or_are_none_need_no_warning(tmp_path: Path) -> None:
    told = SlideSettings(levels=LevelSettings(levels=3))
    assert measured(tmp_path, 3, told).warnings == ()
    one = measured(tmp_path, 1)
    assert one.warnings == ()
    assert MEASURED not in one.annotations[0].measurements
