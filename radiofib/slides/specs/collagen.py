"""Collagen proportionate area: one record per measure."""

from __future__ import annotations

from radiofib.registry import FeatureSpec

__all__ = ["COLLAGEN_SPECS"]

CALVARUSO = "Calvaruso et al. 2009, Hepatology 49:1236-1244"
_FOUND = "radiofib slides.collagen"


def _collagen(name: str, unit: str, label: str, formula: str, source: str = _FOUND) -> FeatureSpec:
    return FeatureSpec(name, "collagen", unit, label, formula, source, applies="slide")


COLLAGEN_SPECS = (
    _collagen(
        "area_mm2",
        "mm2",
        "collagen area",
        "tissue pixels whose hue is that of collagen and whose colour is at least 0.1 in optical "
        "density",
    ),
    _collagen(
        "tissue_area_mm2",
        "mm2",
        "stained tissue area",
        "pixels of the tissue mask that are stained: vacuoles, lumens and cracks left out",
    ),
    _collagen(
        "percent",
        "percent",
        "collagen proportionate area",
        "100 x collagen area / stained tissue area",
        CALVARUSO,
    ),
    _collagen(
        "without_capsule_percent",
        "percent",
        "collagen proportionate area without capsule",
        "the same without dense collagen that runs along the tissue edge",
        CALVARUSO,
    ),
    _collagen(
        "without_structural_percent",
        "percent",
        "collagen proportionate area without capsule and large structural collagen",
        "the same, also without dense collagen in which a circle of the stated width (200 um) "
        "fits; broad scars count as structural too",
        CALVARUSO,
    ),
    _collagen("capsule_area_mm2", "mm2", "collagen of the capsule", "collagen left out as capsule"),
    _collagen(
        "structural_area_mm2",
        "mm2",
        "large structural collagen",
        "collagen area left out as large structural collagen",
    ),
)
