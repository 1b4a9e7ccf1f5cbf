"""Registry of the measures of serial levels."""

from __future__ import annotations

from radiofib.registry import FeatureSpec

__all__ = ["LEVEL_SPECS"]


def _spec(name: str, unit: str, label: str, formula: str) -> FeatureSpec:
    source = "radiofib slides.tissue.levels"
    return FeatureSpec(name, "morphometry", unit, label, formula, source, applies="slide")


#: One record per measure, for the registry of slides.
LEVEL_SPECS = (
    _spec("level_count", "1", "number of serial levels", "cuts of the same cores on the slide"),
    _spec(
        "best_level",
        "1",
        "level that is measured",
        "position of the level with the longest cores, counted from the top or left",
    ),
    _spec(
        "all_levels_length_mm",
        "mm",
        "core length of all levels together",
        "sum of centre-line lengths of the core fragments of every level",
    ),
    _spec(
        "all_levels_area_mm2",
        "mm2",
        "tissue area of all levels together",
        "sum of the tissue area of every level",
    ),
)
