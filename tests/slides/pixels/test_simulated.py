"""A pixel classifier trained on annotated simulated slides labels slides it has not seen.

What is asked for was written down before any result was looked at: on slides of the laboratories
it was trained on, Dice of at least 0.75 for portal tracts and 0.95 for lobule, each slide's
pixels together.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from radiofib.simulate.slide_geometry import LABELS, BiopsyLaw
from radiofib.simulate.slides import SlideSettings, write_slide_cohort
from radiofib.slides.pixels.classifier import load_classifier, segment_classical
from radiofib.slides.pixels.fit import FittedPixels, fit_pixels
from radiofib.slides.polygons import Polygon
from radiofib.slides.qupath.geojson import Annotation, to_geojson
from radiofib.slides.qupath.read import parse_geojson
from radiofib.slides.reader import open_slide
from radiofib.slides.tissue.find import find_tissue

PORTAL_DICE, LOBULE_DICE = 0.75, 0.95
TRAINED, UNSEEN = ("bx001", "bx002", "bx003", "bx004"), ("bx005", "bx006")
SMALL = SlideSettings(
    shape=(1500, 2800),
    cores=(2, 2),
    biopsy_law=BiopsyLaw(
        core_width_um=230, core_width_sd_um=10, tract_area_um2=5000, steatosis=0.03
    ),
)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pixels") / "cohort"
    write_slide_cohort(out, n_patients=6, seed=11, settings=SMALL)
    for case in TRAINED:
        truth = json.loads((out / f"truth/{case}.json").read_text())
        shapes = [("Tissue", p["outline"]) for p in truth["pieces"]]
        shapes += [("Portal tract", t["polygon"]) for t in truth["tracts"]]
        shapes += [("Portal tract", o["polygon"]) for o in truth["others"] if o["kind"] == "septum"]
        notes = [
            Annotation(Polygon(np.round([*ring, ring[0]], 2)), f"{name} {i}", name, (1, 2, 3))
            for i, (name, ring) in enumerate(shapes)
        ]
        text = to_geojson(notes, key=case)
        assert len(parse_geojson(text.encode(), case)) == len(shapes)
        (out / f"slides/{case}.geojson").write_text(text)
    return out


@pytest.fixture(scope="module")
def fitted(cohort: Path) -> FittedPixels:
    return fit_pixels([cohort / "slides"], cohort / "c.skops", rest="Lobule")


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


@pytest.mark.slow
def test_slides_left_out_and_slides_never_seen_are_labelled_as_promised(
    cohort: Path, fitted: FittedPixels
) -> None:
    scores = fitted.scores.set_index("class")
    assert fitted.failures == []
    assert scores["slides"].tolist() == [4, 4]
    pooled: dict[str, list[np.ndarray]] = {name: [] for name in ("p", "tp", "l", "tl")}
    classifier = load_classifier(cohort / "c.skops")
    for case in UNSEEN:
        with open_slide(cohort / f"slides/{case}.tif") as slide:
            grid = slide.grid(8.0)
            tissue = find_tissue(slide.read_all(grid), um=(grid.um_x, grid.um_y))
            found = segment_classical(slide, tissue, classifier)
        assert (found.source, found.maker) == ("classical", fitted.classifier.name)
        truth = tifffile.imread(cohort / f"truth/{case}_labels.tif")[4::8, 4::8]
        truth = truth[: found.grid.height, : found.grid.width]
        lobule = np.isin(truth, [LABELS[n] for n in ("lobule", "vein", "vacuole")])
        for name, mask in zip(
            pooled,
            (
                *(found.mask("portal"), truth == LABELS["portal"]),
                *(found.mask("lobule"), lobule),
            ),
            strict=True,
        ):
            pooled[name].append(mask.ravel())
    p, tp, lob, tl = (np.concatenate(v) for v in pooled.values())
    assert dice(p, tp) >= PORTAL_DICE
    assert dice(lob, tl) >= LOBULE_DICE
    assert scores.loc["Portal tract", "dice"] >= PORTAL_DICE
    assert scores.loc["Lobule", "dice"] >= LOBULE_DICE
