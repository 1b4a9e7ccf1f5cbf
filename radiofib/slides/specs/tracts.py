"""The table of portal tracts: one record per column, in their order."""

from __future__ import annotations

import pandas as pd

from radiofib.registry import FeatureSpec, Registry
from radiofib.slides.specs import CLASSICAL, codebook_of
from radiofib.slides.specs.detail import TRACT_DETAIL_SPECS

__all__ = ["TRACT_REGISTRY", "tract_codebook"]

_FOUND = "radiofib slides.tracts"
_SHAPE = "radiofib slides.shapes"
_LEGLAND = "Legland et al. 2007, Image Anal Stereol 26:83-92"


def _tract(name: str, unit: str, label: str, formula: str, source: str = _FOUND) -> FeatureSpec:
    return FeatureSpec(name, "tract", unit, label, formula, source, applies="slide")


TRACT_REGISTRY = Registry(
    [
        _tract("tract", "1", "number of the tract", "in the order of their first cell, row by row"),
        _tract("fragment", "1", "fragment of tissue", "that in which most of its cells lie"),
        _tract(
            "counted",
            "1",
            "1 counted, 0 repeated on another level",
            "0 in fragments that show a core a second time; sums of the slide leave them out",
        ),
        _tract(
            "complete",
            "1",
            "1 complete, 0 cut by the border",
            "0 when the border contact is at least the stated length",
        ),
        _tract(
            "border_contact_um",
            "um",
            "outline facing the outside of the tissue",
            "length of cell edges towards background at the tissue border or beyond the slide",
        ),
        _tract("area_um2", "um2", "area", "cells x area of a cell, holes left out", _SHAPE),
        _tract(
            "perimeter_um",
            "um",
            "perimeter of the outline",
            "Crofton's formula in 4 directions, holes filled",
            _LEGLAND,
        ),
        _tract("feret_max_um", "um", "largest caliper width", "of the convex hull", _SHAPE),
        _tract("feret_min_um", "um", "smallest caliper width", "of the convex hull", _SHAPE),
        _tract("circularity", "1", "circularity", "4 pi A / P^2, holes filled", _SHAPE),
        _tract("solidity", "1", "solidity", "A / area of the convex hull, holes filled", _SHAPE),
        _tract(
            "eccentricity",
            "1",
            "eccentricity",
            "sqrt(1 - l2 / l1), l1 >= l2 the second moments, holes filled",
            _SHAPE,
        ),
        _tract("hole_count", "1", "holes", "gaps that the outline encloses", _SHAPE),
        _tract("hole_area_um2", "um2", "area of the holes", "cells x area of a cell", _SHAPE),
        _tract(
            "nearest_tract_um",
            "um",
            "distance to the nearest tract",
            "between the centres of the nearest cells of two tracts of one fragment; none when it "
            "is the only one",
        ),
        _tract(
            "edge_distance_um",
            "um",
            "distance to the edge of the tissue",
            "from its outermost cell to the edge of the filled tissue mask, needle and capsule "
            "edge alike; as coarse as the tissue mask; 0 when partial",
        ),
        _tract(
            "centroid_x_px", "px", "centroid, x in level-0 pixels", "mean of its cells' centres"
        ),
        _tract(
            "centroid_y_px", "px", "centroid, y in level-0 pixels", "mean of its cells' centres"
        ),
        _tract("centroid_x_um", "um", "centroid, x in um", "mean of its cells' centres"),
        _tract("centroid_y_um", "um", "centroid, y in um", "mean of its cells' centres"),
        *TRACT_DETAIL_SPECS,
    ]
)


def tract_codebook(*, classical: bool = False) -> pd.DataFrame:
    """Return one row per column of the table of tracts, as feature tables carry it.

    Parameters
    ----------
    classical : bool
        Whether a pixel classifier labelled the slides: the labels say so then.

    Examples
    --------
    >>> tract_codebook().loc[5, ["column", "unit"]].tolist()
    ['area_um2', 'um2']
    """
    return codebook_of(
        {spec.name: spec for spec in TRACT_REGISTRY}, lambda _: CLASSICAL if classical else ""
    )
