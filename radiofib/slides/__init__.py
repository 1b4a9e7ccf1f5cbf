"""Whole-slide images: open, find tissue, measure cores and stain, outlines for QuPath.

Public names are imported when they are first used: who states settings needs no OpenSlide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from radiofib._lazy import lazy_names

if TYPE_CHECKING:
    from radiofib.slides.artefacts import ArtefactSettings
    from radiofib.slides.cases import name_cases
    from radiofib.slides.labelling import Labeller
    from radiofib.slides.labelling_classical import ClassicalLabeller
    from radiofib.slides.levels import LevelSettings
    from radiofib.slides.measure import SlideMeasures, measure_slide
    from radiofib.slides.pieces import tract_table
    from radiofib.slides.polygons import Polygon, trace_polygons
    from radiofib.slides.qupath import Annotation, to_geojson, to_wkt
    from radiofib.slides.qupath_read import Drawn, read_geojson
    from radiofib.slides.qupath_scripts import write_qupath_scripts
    from radiofib.slides.reader import Grid, Slide, open_slide
    from radiofib.slides.remeasure import Remeasured, remeasure_slides
    from radiofib.slides.run import run_slides
    from radiofib.slides.segment_settings import SegmentSettings
    from radiofib.slides.segmentation import Segmentation, SlideClass
    from radiofib.slides.settings import SlideSettings
    from radiofib.slides.specs import SLIDE_REGISTRY
    from radiofib.slides.specs_tracts import TRACT_REGISTRY, tract_codebook
    from radiofib.slides.tissue import TissueMask, find_tissue
    from radiofib.slides.tract_settings import TractSettings
    from radiofib.slides.usable_tissue import CleanTissue, clean_tissue

#: public name -> module that has it
_HOME = {
    "ArtefactSettings": "artefacts",
    "CleanTissue": "usable_tissue",
    "clean_tissue": "usable_tissue",
    "Annotation": "qupath",
    "ClassicalLabeller": "labelling_classical",
    "Drawn": "qupath_read",
    "Grid": "reader",
    "Labeller": "labelling",
    "LevelSettings": "levels",
    "Polygon": "polygons",
    "Remeasured": "remeasure",
    "SLIDE_REGISTRY": "specs",
    "SegmentSettings": "segment_settings",
    "Segmentation": "segmentation",
    "Slide": "reader",
    "SlideClass": "segmentation",
    "SlideMeasures": "measure",
    "SlideSettings": "settings",
    "TRACT_REGISTRY": "specs_tracts",
    "TissueMask": "tissue",
    "TractSettings": "tract_settings",
    "find_tissue": "tissue",
    "measure_slide": "measure",
    "name_cases": "cases",
    "open_slide": "reader",
    "read_geojson": "qupath_read",
    "remeasure_slides": "remeasure",
    "run_slides": "run",
    "to_geojson": "qupath",
    "to_wkt": "qupath",
    "trace_polygons": "polygons",
    "tract_codebook": "specs_tracts",
    "tract_table": "pieces",
    "write_qupath_scripts": "qupath_scripts",
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
    "tract_table",
    "write_qupath_scripts",
]

__getattr__ = lazy_names(__name__, _HOME)
