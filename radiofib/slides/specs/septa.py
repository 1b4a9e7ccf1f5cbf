"""Septa: one record per measure."""

from __future__ import annotations

from radiofib.registry import FeatureSpec

__all__ = ["SEPTA_SPECS"]

_FOUND = "radiofib slides.septa"


def _septa(name: str, unit: str, label: str, formula: str) -> FeatureSpec:
    return FeatureSpec(name, "septa", unit, label, formula, _FOUND, applies="slide")


SEPTA_SPECS = (
    _septa(
        "count",
        "1",
        "number of septa",
        "thin pieces of portal regions between two bodies; a piece between k bodies counts k - 1",
    ),
    _septa("linked_pair_count", "1", "pairs of linked bodies", "different pairs that septa link"),
    _septa("linked_body_count", "1", "linked bodies", "bodies with at least one septum"),
    _septa(
        "body_count",
        "1",
        "bodies of portal tracts",
        "parts of portal regions in which a circle of the stated width (50 um) fits; a region "
        "without any counts as one",
    ),
    _septa("per_mm2", "1/mm2", "septa per mm2", "septa / tissue area"),
    _septa("length_mm", "mm", "total length of septa", "sum of the shortest ways through"),
    _septa("length_median_um", "um", "median length of a septum", "shortest way through it"),
    _septa(
        "width_median_um",
        "um",
        "median width of a septum",
        "twice the median distance to the edge along its skeleton",
    ),
)
