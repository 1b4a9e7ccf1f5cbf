"""Whole-slide images: open, find tissue, measure cores and stain, outlines for QuPath."""

from radiofib.slides.cases import name_cases
from radiofib.slides.labelling import Labeller
from radiofib.slides.measure import SlideMeasures, measure_slide
from radiofib.slides.polygons import Polygon, trace_polygons
from radiofib.slides.qupath import Annotation, to_geojson, to_wkt
from radiofib.slides.reader import Grid, Slide, open_slide
from radiofib.slides.run import run_slides
from radiofib.slides.segment_settings import SegmentSettings
from radiofib.slides.segmentation import Segmentation, SlideClass
from radiofib.slides.settings import SlideSettings
from radiofib.slides.specs import SLIDE_REGISTRY
from radiofib.slides.specs_tracts import TRACT_REGISTRY, tract_codebook
from radiofib.slides.tissue import TissueMask, find_tissue
from radiofib.slides.tract_settings import TractSettings

__all__ = [
    "SLIDE_REGISTRY",
    "TRACT_REGISTRY",
    "Annotation",
    "Grid",
    "Labeller",
    "Polygon",
    "SegmentSettings",
    "Segmentation",
    "Slide",
    "SlideClass",
    "SlideMeasures",
    "SlideSettings",
    "TissueMask",
    "TractSettings",
    "find_tissue",
    "measure_slide",
    "name_cases",
    "open_slide",
    "run_slides",
    "to_geojson",
    "to_wkt",
    "trace_polygons",
    "tract_codebook",
]
