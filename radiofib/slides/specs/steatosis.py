"""Fat vacuoles: one record per measure."""

from __future__ import annotations

from radiofib.registry import FeatureSpec

__all__ = ["LOBULE_STEATOSIS_SPECS", "STEATOSIS_SPECS"]

_FOUND = "radiofib slides.steatosis"
_IN_TISSUE = "white round regions of 5 to 60 um (unless stated otherwise) inside tissue"
#: What is no fat, and what is not told from it.
_NO_LUMENS = (
    "with labels what a portal tract surrounds is left out; without them lumens of ducts and small "
    "vessels count"
)


def _steatosis(name: str, unit: str, label: str, formula: str) -> FeatureSpec:
    return FeatureSpec(name, "steatosis", unit, label, formula, _FOUND, applies="slide")


STEATOSIS_SPECS = (
    _steatosis(
        "vacuole_percent",
        "percent",
        "fat vacuoles in percent of the tissue",
        f"100 x area of {_IN_TISSUE} / tissue area; {_NO_LUMENS}; not the share of hepatocytes "
        "with fat that pathologists estimate",
    ),
    _steatosis(
        "vacuoles_per_mm2",
        "1/mm2",
        "fat vacuoles per mm2",
        f"{_IN_TISSUE} / tissue area; {_NO_LUMENS}",
    ),
    _steatosis(
        "diameter_median_um",
        "um",
        "median diameter of fat vacuoles",
        f"of circles of the area of {_IN_TISSUE}; {_NO_LUMENS}",
    ),
)

LOBULE_STEATOSIS_SPECS = (
    _steatosis(
        "lobule_vacuole_percent",
        "percent",
        "fat vacuoles in percent of the lobule",
        f"100 x area of {_IN_TISSUE}, their middle in the lobule / lobule area",
    ),
)
