"""From labels to GeoJSON and back: tracts and areas stay, and a tract deleted is gone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from radiofib.simulate.slide_geometry import LABELS, BiopsyLaw
from radiofib.simulate.slides import SLIDE_SCANNERS, SlideSettings, write_slide
from radiofib.slides import Segmentation, SlideClass, measure_slide, open_slide, to_geojson
from radiofib.slides.remeasure import remeasure_slides
from radiofib.slides.specs import column

pytestmark = pytest.mark.slow

CLASSES = (
    SlideClass("background", (128, 128, 128), "background"),
    SlideClass("lobule", (86, 180, 233), "lobule"),
    SlideClass("portal tract", (213, 94, 0), "portal"),
)
SAME = ("portal_tract_count", "portal_complete_tract_count", "portal_area_mm2")
SAME += ("morphometry_tissue_area_mm2", "morphometry_core_length_mm")


def written(folder: Path, mpp: float) -> dict[str, float]:
    """Measure a slide by its true labels and write the outlines; return the measures."""
    scale = 0.5 / mpp
    settings = SlideSettings(
        shape=(int(1500 * scale), int(2800 * scale)),
        mpp=mpp,
        cores=(2, 2),
        biopsy_law=BiopsyLaw(core_width_um=230, core_width_sd_um=10, tract_area_um2=5000),
    )
    write_slide(
        folder / "s.tif",
        trait=0.3,
        level=1,
        scanner=SLIDE_SCANNERS[0],
        settings=settings,
        rng=np.random.default_rng(5),
        labels=folder / "labels.tif",
    )
    truth = tifffile.imread(folder / "labels.tif")
    with open_slide(folder / "s.tif") as slide:
        grid = slide.grid(1.0, exact=True)
        rows = ((np.arange(grid.height) + 0.5) * grid.step_y).astype(int)
        columns = ((np.arange(grid.width) + 0.5) * grid.step_x).astype(int)
        truth = truth[np.ix_(rows, columns)]
        labels = np.zeros(truth.shape, np.uint8)
        labels[np.isin(truth, [LABELS[n] for n in ("lobule", "vein", "vacuole")])] = 1
        labels[truth == LABELS["portal"]] = 2
        found = Segmentation(labels, grid, CLASSES, "model", "truth")
        measures = measure_slide(slide, segmentation=found)
    (folder / "slides").mkdir()
    (folder / "slides/s.geojson").write_text(to_geojson(measures.annotations, key="k"))
    return measures.measured


@pytest.mark.parametrize("mpp", [0.5, 0.2526, 0.3])
def test_labels_come_back_and_a_tract_deleted_in_the_geojson_is_gone(
    mpp: float, tmp_path: Path
) -> None:
    before = written(tmp_path, mpp)
    found = remeasure_slides(tmp_path / "slides", out=tmp_path / "same", workers=1)
    assert found.failures == []
    after = {key: found.table.X[column(key)].iloc[0] for key in SAME}
    assert after == {key: before[key] for key in SAME}
    assert len(found.tracts) == before["portal_tract_count"] >= 2
    path = tmp_path / "slides/s.geojson"
    document = json.loads(path.read_text())
    tracts = [
        i
        for i, f in enumerate(document["features"])
        if f["properties"]["classification"]["name"] != "Tissue"
    ]
    gone = document["features"].pop(tracts[0])["properties"]["measurements"]["Area um2"]
    path.write_text(json.dumps(document))
    less = remeasure_slides(tmp_path / "slides", out=tmp_path / "less", workers=1)
    count, area = (
        less.table.X[column(key)].iloc[0] for key in ("portal_tract_count", "portal_area_mm2")
    )
    assert count == before["portal_tract_count"] - 1
    assert area == pytest.approx(before["portal_area_mm2"] - gone / 1e6, abs=1e-12)
