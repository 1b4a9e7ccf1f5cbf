"""Simulated slides with their labels as annotations: every measure against what was drawn."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from scipy import ndimage as ndi

from radiofib.simulate._raster import polygon_spans
from radiofib.simulate.slide_artefacts import ArtefactLaw
from radiofib.simulate.slide_geometry import LABELS, BiopsyLaw
from radiofib.simulate.slides import SlideSettings, write_slide_cohort
from radiofib.slides import remeasure_slides
from radiofib.slides.polygons import trace_polygons
from radiofib.slides.qupath.geojson import Annotation, to_geojson

MPP = 1.0
PLAIN = {
    "shape": (1280, 4096),
    "mpp": MPP,
    "cores": (2, 2),
    "pen": 0.0,
    "dust": 0.0,
}
COHORTS = {
    "clean": SlideSettings(**PLAIN, biopsy_law=BiopsyLaw(fragments=0.0)),
    "broken and dirty": SlideSettings(
        **(PLAIN | {"pen": 1.0, "dust": 6.0}), biopsy_law=BiopsyLaw(fragments=1.0)
    ),
    "artefacts": SlideSettings(
        **PLAIN,
        biopsy_law=BiopsyLaw(fragments=0.0),
        artefacts=ArtefactLaw(strokes=2, folds=2, bubbles=1),
    ),
}


def measured(
    folder: Path, settings: SlideSettings
) -> list[tuple[dict[str, float], dict[str, Any]]]:
    """Return measures and truth of two slides whose portal labels are given."""
    write_slide_cohort(folder, n_patients=2, seed=5, settings=settings)
    notes = folder / "notes"
    notes.mkdir()
    truths = {}
    for path in sorted((folder / "truth").glob("*.json")):
        labels = tifffile.imread(path.with_name(f"{path.stem}_labels.tif"))
        drawn = [
            Annotation(outline.scaled(1, 1), f"{i}", "Portal tract", (200, 0, 0))
            for i, outline in enumerate(trace_polygons(labels == LABELS["portal"]))
        ]
        (notes / f"{path.stem}.geojson").write_text(to_geojson(drawn, key=path.stem))
        truths[path.stem] = json.loads(path.read_text()) | {"labels": labels}
    found = remeasure_slides(notes, [folder / "slides"], out=folder / "out", um=MPP, workers=1)
    assert found.failures == []
    table = found.table.X.rename(columns=lambda c: c.removeprefix("wsi_original_"))
    rows = zip(found.table.obs["case"], table.to_dict("records"), strict=True)
    return [(row, truths[case]) for case, row in rows]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["clean", "broken and dirty"])
def test_all_that_is_measured_is_what_was_drawn(tmp_path: Path, name: str) -> None:
    for found, truth in measured(tmp_path / "c", COHORTS[name]):
        area, length = truth["tissue_mm2"], truth["length_mm"]
        assert found["morphometry_fragment_count"] == len(truth["pieces"])
        assert found["morphometry_tissue_area_mm2"] == pytest.approx(area, rel=0.01)
        assert found["morphometry_core_length_mm"] == pytest.approx(length, rel=0.01)
        assert found["morphometry_core_width_mm"] == pytest.approx(area / length, rel=0.01)
        assert found["portal_tract_count"] == truth["n_tracts"]
        assert found["portal_complete_tract_count"] == truth["n_complete_tracts"]
        assert found["portal_area_mm2"] == pytest.approx(truth["portal_px"] * MPP**2 / 1e6)
        assert found["portal_area_percent"] == pytest.approx(
            100 * truth["portal_fraction"], rel=0.01
        )
        assert found["portal_tracts_per_mm2"] == pytest.approx(truth["n_tracts"] / area, rel=0.01)
        assert found["portal_tracts_per_cm"] == pytest.approx(
            10 * truth["n_tracts"] / length, rel=0.01
        )
        assert found["artefact_tissue_left_out_percent"] <= 0.1
        assert found["interface_area_mm2"] == pytest.approx(_interface(truth["labels"]), rel=0.03)


def _interface(labels: np.ndarray) -> float:
    """Return tissue at most 25 um from a tract."""
    away = ndi.distance_transform_edt(labels != LABELS["portal"]) * MPP
    tissue = (labels >= LABELS["lobule"]) & (labels <= LABELS["vacuole"])
    return float(np.count_nonzero(tissue & (away > 0) & (away <= 25))) * MPP**2 / 1e6


@pytest.mark.slow
def test_artefacts_take_area_and_no_length(tmp_path: Path) -> None:
    for found, truth in measured(tmp_path / "c", COHORTS["artefacts"]):
        assert found["morphometry_fragment_count"] == len(truth["pieces"])
        assert found["morphometry_core_length_mm"] == pytest.approx(truth["length_mm"], rel=0.01)
        usable = truth["usable_px"] * MPP**2 / 1e6
        assert found["morphometry_tissue_area_mm2"] == pytest.approx(usable, rel=0.02)
        hidden = np.zeros(truth["labels"].shape, dtype=bool)
        for other in truth["others"]:
            if other["kind"] in ("fold", "stroke", "bubble"):
                hidden |= polygon_spans(np.array(other["polygon"])).window(0, 0, *hidden.shape)
        seen, count = ndi.label((truth["labels"] == LABELS["portal"]) & ~hidden)
        cells = np.bincount(seen.ravel(), minlength=count + 1)[1:] * MPP**2
        assert found["portal_area_mm2"] == pytest.approx(math.fsum(cells) / 1e6, rel=0.03)
        assert abs(found["portal_tract_count"] - (cells >= 1000).sum()) <= 1
