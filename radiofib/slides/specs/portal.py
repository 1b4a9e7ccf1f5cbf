"""What is measured on a segmented slide: portal tracts, lobule, adequacy."""

from __future__ import annotations

from radiofib.registry import FeatureSpec
from radiofib.slides.morphometry.adequacy import PRESETS

__all__ = ["ADEQUACY_SPECS", "PORTAL_SPECS"]

_FOUND = "radiofib slides.tracts"
HOTSPOT = "HOTSPoT, npj Digit Med 2025, doi 10.1038/s41746-025-01870-1"


def _portal(
    name: str, unit: str, label: str, formula: str, source: str = _FOUND, family: str = "portal"
) -> FeatureSpec:
    return FeatureSpec(name, family, unit, label, formula, source, applies="slide")


PORTAL_SPECS = (
    _portal(
        "tract_count",
        "1",
        "number of portal tracts",
        "4-connected portal regions of at least the stated area, mostly in tissue; not given from "
        "the stated stage (3) on",
        HOTSPOT,
    ),
    _portal(
        "complete_tract_count",
        "1",
        "number of complete portal tracts",
        "tracts whose outline faces the outside of the tissue over less than the stated length",
    ),
    _portal(
        "partial_tract_count",
        "1",
        "number of portal tracts cut by the border",
        "tracts - complete tracts",
    ),
    _portal("area_mm2", "mm2", "portal area", "cells of the tracts x area of a cell"),
    _portal(
        "area_percent",
        "percent",
        "portal area in percent",
        "100 x portal area / (portal area + lobule area)",
        HOTSPOT,
    ),
    _portal(
        "tracts_per_mm2",
        "1/mm2",
        "portal tracts per mm2",
        "tracts / tissue area of the tissue mask",
    ),
    _portal("tracts_per_cm", "1/cm", "portal tracts per cm", "tracts / total core length"),
    _portal("tract_area_median_um2", "um2", "median tract area", "median of the tracts' areas"),
    _portal(
        "nearest_tract_median_um",
        "um",
        "median distance to the nearest tract",
        "median over tracts of the distance to the nearest one of the same fragment",
    ),
    _portal(
        "small_object_count",
        "1",
        "portal objects left out as too small",
        "4-connected portal regions below the stated area",
    ),
    _portal(
        "outside_object_count",
        "1",
        "portal objects left out as outside tissue",
        "portal regions of the stated area and more of which most cells lie outside tissue",
    ),
    _portal(
        "left_out_area_mm2",
        "mm2",
        "area of the portal objects left out",
        "cells of both kinds x area of a cell; neither portal nor lobule area",
    ),
    _portal(
        "area_mm2",
        "mm2",
        "lobule area",
        "cells of the lobule class in tissue x area of a cell",
        HOTSPOT,
        family="lobule",
    ),
)


def _asks(length_mm: float, tracts: int, complete: bool) -> str:
    count = f" and at least {tracts}{' complete' if complete else ''} portal tracts"
    return f"core length of at least {length_mm:g} mm{count if tracts else ''}"


ADEQUACY_SPECS = tuple(
    FeatureSpec(
        rule.key,
        "adequacy",
        "1",
        f"adequate by {rule.name}: 1 met, 0 not met",
        _asks(rule.length_mm, rule.tracts, rule.complete),
        rule.citation,
        applies="slide",
    )
    for rule in PRESETS
)
