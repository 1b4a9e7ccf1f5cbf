"""Septa with known links.

Claims, written before the first run on simulated bridging slides: over all slides together, the
number of septa within 10 %, their total length within 15 % and the median width within 20 % of
the truth.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import tifffile
from matplotlib.path import Path as Outline

from radiofib.simulate.slide_geometry import BiopsyLaw
from radiofib.simulate.slides import SLIDE_SCANNERS, write_slide
from radiofib.simulate.slides import SlideSettings as Simulated
from radiofib.slides.morphometry.regions import find_regions
from radiofib.slides.morphometry.septa import find_septa, septa_values
from radiofib.slides.morphometry.settings import TractSettings
from tests.slides.segmented import CONVERT, segmentation

COUNT, LENGTH, WIDTH = 0.10, 0.15, 0.20


def chain(n: int, *, width: int = 16, gap: int = 140, turn: bool = False) -> np.ndarray:
    """Return n discs in a row, linked by bridges."""
    y, x = np.mgrid[:120, : 120 + gap * (n - 1)]
    mask = np.zeros(x.shape, dtype=bool)
    for i in range(n):
        mask |= np.hypot(y - 60, x - 60 - gap * i) <= 38
    mask |= (abs(y - 59.5) < width / 2) & (x >= 60) & (x <= 60 + gap * (n - 1))
    return mask.T.copy() if turn else mask


@pytest.mark.parametrize("turn", [False, True])
def test_a_chain_has_a_septum_between_neighbours(turn) -> None:
    found = find_septa(chain(4, turn=turn), 1.0)
    assert (found.bodies, found.links) == (4, ((0, 1), (1, 2), (2, 3)))
    assert found.length_um == pytest.approx([140 - 2 * 38] * 3, abs=6)
    assert found.width_um == pytest.approx([16] * 3, abs=2)


def test_size_is_um_whatever_the_cell() -> None:
    # At 2 um a bridge of 30 cells is 60 um wide: no septum but part of one thick body.
    assert find_septa(chain(2, width=30), 1.0).links == ((0, 1),)
    assert find_septa(chain(2, width=30), 2.0).bodies == 1


def test_a_star_counts_one_less_than_its_points_and_a_spur_none() -> None:
    y, x = np.mgrid[:400, :400]
    mask = np.zeros(x.shape, dtype=bool)
    for angle in (0, 2, 4):
        direction = np.array([np.sin(angle), np.cos(angle)])
        along = (y - 200) * direction[0] + (x - 200) * direction[1]
        across = (y - 200) * direction[1] - (x - 200) * direction[0]
        mask |= (along > 0) & (along < 130) & (abs(across) < 8)
        mask |= np.hypot(y - 200 - 140 * direction[0], x - 200 - 140 * direction[1]) < 36
    found = find_septa(mask, 1.0)
    assert found.bodies == 3
    assert len(found.links) == 2
    mask = chain(1)
    mask[56:64, 60:] = True
    assert find_septa(mask, 1.0).links == ()


def test_one_body_thin_tracts_and_lumens() -> None:
    assert find_septa(chain(1), 1.0).bodies == 1
    thin = np.ones((10, 200), dtype=bool)
    assert find_septa(thin, 1.0).bodies == 1
    mask = chain(2)
    mask[50:70, 50:70] = False  # a vein inside a tract divides nothing
    assert find_septa(mask, 1.0).links == ((0, 1),)


def test_sums_over_regions() -> None:
    labels = np.ones((400, 700), np.uint8)
    for top, part in ((20, chain(3)), (220, chain(2))):
        place = labels[top : top + part.shape[0], 20 : 20 + part.shape[1]]
        place[part] = 2
    made = segmentation(labels, 1.0)
    found = septa_values(find_regions(made, "portal"), made.grid, 0.28, TractSettings())
    assert found["septa_count"] == found["septa_linked_pair_count"] == 3
    assert (found["septa_body_count"], found["septa_linked_body_count"]) == (5, 5)
    assert found["septa_length_mm"] == pytest.approx(3 * 64 / 1000, rel=0.1)
    none = septa_values(find_regions(made, "other"), made.grid, 0.28, TractSettings())
    assert none["septa_count"] == 0
    assert math.isnan(none["septa_width_median_um"])


def visible(septum: list[list[float]], tracts: list[Outline], mpp: float) -> tuple[float, float]:
    """Return length and mean width in um of what of a septum lies outside tracts."""
    points = np.array(septum)
    half = len(points) // 2
    one, other = points[:half], points[half:][::-1]
    middle, width = (one + other) / 2, np.hypot(*(one - other).T) * mpp
    fine = np.linspace(0, half - 1, 2000)
    line = np.column_stack([np.interp(fine, range(half), middle[:, i]) for i in range(2)])
    outside = ~np.any([t.contains_points(line) for t in tracts], axis=0)
    step = np.hypot(*np.diff(line, axis=0).T) * mpp
    length = float((step * (outside[1:] & outside[:-1])).sum())
    return length, float(np.interp(fine, range(half), width)[outside].mean()) if length else 0.0


@pytest.mark.slow
def test_bridging_slides_have_the_septa_they_were_drawn_with(tmp_path: Path) -> None:
    settings = Simulated(
        shape=(2600, 8192), cores=(2, 2), biopsy_law=BiopsyLaw(edge_tracts=0.0), pen=0.0, dust=0.0
    )
    counted, true, lengths, widths, lengths_found = 0, 0, 0.0, [], 0.0
    widths_found = []
    for seed in range(4):
        truth = write_slide(
            tmp_path / "s.tif", trait=1.0, level=3, scanner=SLIDE_SCANNERS[0], settings=settings,
            rng=np.random.default_rng(seed), labels=tmp_path / "l.tif",
        )  # fmt: skip
        labels = CONVERT[tifffile.imread(tmp_path / "l.tif")]
        made = segmentation(labels, truth["mpp"])
        regions = find_regions(made, "portal")
        found = septa_values(regions, made.grid, truth["tissue_mm2"], TractSettings())
        outlines = [Outline(np.array(t["polygon"])) for t in truth["tracts"]]
        for other in truth["others"]:
            if other["kind"] == "septum":
                length, width = visible(other["polygon"], outlines, truth["mpp"])
                true += 1
                lengths += length
                widths.append(width)
        counted += int(found["septa_count"])
        lengths_found += found["septa_length_mm"] * 1000
        widths_found.append(found["septa_width_median_um"])
    assert counted == pytest.approx(true, rel=COUNT)
    assert lengths_found == pytest.approx(lengths, rel=LENGTH)
    assert np.median(widths_found) == pytest.approx(np.median(widths), rel=WIDTH)
