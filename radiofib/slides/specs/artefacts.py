"""Artefacts, and how much tissue was left out for them: one record per measure."""

from __future__ import annotations

from radiofib.registry import FeatureSpec
from radiofib.slides.tissue.settings import ARTEFACT_KINDS

__all__ = ["ARTEFACT_SPECS", "artefact_key"]


def _artefact(name: str, unit: str, label: str, formula: str) -> FeatureSpec:
    source = "radiofib slides.artefacts"
    return FeatureSpec(name, "artefact", unit, label, formula, source, applies="slide")


def artefact_key(kind: str) -> str:
    """Return the registry key of the area of one kind.

    Examples
    --------
    >>> artefact_key("dark ground")
    'artefact_dark_ground_area_mm2'
    """
    return f"artefact_{kind.replace(' ', '_')}_area_mm2"


ARTEFACT_SPECS = (
    *(
        _artefact(
            artefact_key(kind).removeprefix("artefact_"),
            "mm2",
            f"area of {kind}",
            f"cells found to be {kind} x area of a cell, on tissue of every level and on glass",
        )
        for kind in ARTEFACT_KINDS
    ),
    _artefact(
        "tissue_left_out_mm2",
        "mm2",
        "tissue left out for artefacts",
        "area of the tissue of every level that artefacts cover",
    ),
    _artefact(
        "tissue_left_out_percent",
        "percent",
        "share of tissue left out for artefacts",
        "100 x tissue left out / (tissue left out + tissue of every level)",
    ),
)
