"""Whole-slide images: open, find tissue, measure cores and stain, outlines for QuPath.

Public names are imported when they are first used: who states settings needs no OpenSlide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from radiofib._lazy import lazy_names

if TYPE_CHECKING:
    from radiofib.slides.cases import find_slides, name_cases
    from radiofib.slides.labels.classical import ClassicalLabeller
    from radiofib.slides.labels.labeller import Labeller
    from radiofib.slides.labels.settings import SegmentSettings
    from radiofib.slides.measure import SlideMeasures, measure_slide
    from radiofib.slides.morphometry.settings import TractSettings
    from radiofib.slides.pieces import tract_table
    from radiofib.slides.polygons import Polygon, trace_polygons
    from radiofib.slides.qupath.geojson import Annotation, to_geojson, to_wkt
    from radiofib.slides.qupath.read import Drawn, read_geojson
    from radiofib.slides.qupath.scripts import write_qupath_scripts
    from radiofib.slides.reader import Grid, Slide, open_slide
    from radiofib.slides.remeasure import Remeasured, remeasure_slides
    from radiofib.slides.run import run_slides
    from radiofib.slides.segmentation import Segmentation, SlideClass
    from radiofib.slides.settings import SlideSettings
    from radiofib.slides.specs import SLIDE_REGISTRY
    from radiofib.slides.specs.tracts import TRACT_REGISTRY, tract_codebook
    from radiofib.slides.tissue.clean import CleanTissue, clean_tissue
    from radiofib.slides.tissue.find import TissueMask, find_tissue
    from radiofib.slides.tissue.settings import ArtefactSettings, LevelSettings
    from radiofib.slides.tract_tables import tract_features

#: public name -> module that has it
_HOME = {
    "ArtefactSettings": "tissue.settings",
    "CleanTissue": "tissue.clean",
    "clean_tissue": "tissue.clean",
    "Annotation": "qupath.geojson",
    "ClassicalLabeller": "labels.classical",
    "Drawn": "qupath.read",
    "Grid": "reader",
    "Labeller": "labels.labeller",
    "LevelSettings": "tissue.settings",
    "Polygon": "polygons",
    "Remeasured": "remeasure",
    "SLIDE_REGISTRY": "specs",
    "SegmentSettings": "labels.settings",
    "Segmentation": "segmentation",
    "Slide": "reader",
    "SlideClass": "segmentation",
    "SlideMeasures": "measure",
    "SlideSettings": "settings",
    "TRACT_REGISTRY": "specs.tracts",
    "TissueMask": "tissue.find",
    "TractSettings": "morphometry.settings",
    "find_slides": "cases",
    "find_tissue": "tissue.find",
    "measure_slide": "measure",
    "name_cases": "cases",
    "open_slide": "reader",
    "read_geojson": "qupath.read",
    "remeasure_slides": "remeasure",
    "run_slides": "run",
    "to_geojson": "qupath.geojson",
    "to_wkt": "qupath.geojson",
    "trace_polygons": "polygons",
    "tract_codebook": "specs.tracts",
    "tract_features": "tract_tables",
    "tract_table": "pieces",
    "write_qupath_scripts": "qupath.scripts",
}

__all__ = [
    "SLIDE_REGISTRY",
    "TRACT_REGISTRY",
    "Annotation",
    "ArtefactSettings",
    "ClassicalLabeller",
    "CleanTissue",
    "Drawn",
    "Grid",
    "Labeller",
    "LevelSettings",
    "Polygon",
    "Remeasured",
    "SegmentSettings",
    "Segmentation",
    "Slide",
    "SlideClass",
    "SlideMeasures",
    "SlideSettings",
    "TissueMask",
    "TractSettings",
    "clean_tissue",
    "find_slides",
    "find_tissue",
    "measure_slide",
    "name_cases",
    "open_slide",
    "read_geojson",
    "remeasure_slides",
    "run_slides",
    "to_geojson",
    "to_wkt",
    "trace_polygons",
    "tract_codebook",
    "tract_features",
    "tract_table",
    "write_qupath_scripts",
]

__getattr__ = lazy_names(__name__, _HOME)
