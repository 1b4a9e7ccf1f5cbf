"""Regions drawn in LabelMe, CVAT or COCO tools: read strictly, and turned into masks."""

from radiofib.images.polygons.model import (
    Annotation,
    Shape,
    crosses_itself,
    crossing_shapes,
    pick_annotation,
    polygon_mask,
)
from radiofib.images.polygons.read import is_annotation_file, read_annotations

__all__ = [
    "Annotation",
    "Shape",
    "crosses_itself",
    "crossing_shapes",
    "is_annotation_file",
    "pick_annotation",
    "polygon_mask",
    "read_annotations",
]
