"""Measures of a segmented slide: counts and areas, and why some of them are missing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from radiofib.slides.morphometry.adequacy import adequacy
from radiofib.slides.morphometry.regions import Regions
from radiofib.slides.morphometry.settings import TractSettings
from radiofib.slides.morphometry.tracts import Tracts
from radiofib.slides.polygons import Polygon, trace_polygons
from radiofib.slides.qupath.geojson import Annotation
from radiofib.slides.reader import Grid
from radiofib.slides.segmentation import Segmentation
from radiofib.slides.specs.portal import ADEQUACY_SPECS
from radiofib.slides.specs.tracts import TRACT_REGISTRY

__all__ = [
    "ADEQUACY_TITLES",
    "NOT_COUNTABLE",
    "TRACT",
    "adequacy_values",
    "not_countable",
    "portal_values",
    "tract_annotations",
    "tract_polygon",
]

#: Classification of a portal tract in QuPath.
TRACT = "Portal tract"

NOT_COUNTABLE = "not countable"
#: Measures that ask what one tract is.
_COUNTS = (
    *("tract_count", "complete_tract_count", "partial_tract_count", "tracts_per_mm2"),
    *("tracts_per_cm", "tract_area_median_um2", "nearest_tract_median_um"),
)
_SHOWN = (
    *("area_um2", "perimeter_um", "feret_max_um", "feret_min_um", "circularity", "solidity"),
    *("eccentricity", "nearest_tract_um", "edge_distance_um", "border_contact_um", "complete"),
    *("fragment", "haematoxylin_od_mean", "nuclei_per_mm2", "interface_nuclei_per_mm2"),
)

#: Titles under which adequacy stands among the measurements of tissue annotations: of the slide,
#: whichever piece one looks at.
ADEQUACY_TITLES = {spec.key: f"Slide {spec.label.split(':')[0]}" for spec in ADEQUACY_SPECS}


def not_countable(stage: float | None, settings: TractSettings) -> str | None:
    """Return why tracts are not counted at a stage, or None when they are.

    Examples
    --------
    >>> not_countable(2, TractSettings()) is None
    True
    >>> not_countable(3, TractSettings())
    'not countable: at stage 3 and more (Ludwig; here 3) septa link portal tracts'
    """
    least = settings.uncountable_from_stage
    if stage is None or least is None or math.isnan(stage) or stage < least:
        return None
    return (
        f"{NOT_COUNTABLE}: at stage {least} and more (Ludwig; here {stage:g}) septa link portal "
        "tracts"
    )


def portal_values(
    tracts: Tracts,
    rows: Sequence[Mapping[str, float]],
    lobule_mm2: float,
    cell_um2: float,
    morphometry: Mapping[str, float],
    reason: str | None = None,
) -> tuple[dict[str, float], dict[str, str]]:
    """Sum the tracts of a slide up.

    Parameters
    ----------
    tracts : Tracts
        As found.
    rows : sequence of mapping
        Their measures; those that are not counted are in no sum.
    lobule_mm2 : float
        Area of the lobule class in tissue; NaN when there is no such class.
    cell_um2 : float
        Area of a cell of the segmentation.
    morphometry : mapping
        Tissue area and core length by registry key.
    reason : str, optional
        Why counts are not given.

    Returns
    -------
    values, missing : dict
        By registry key.
    """
    keep = np.array([row["counted"] == 1 for row in rows], dtype=bool)
    area = float(tracts.regions.cells[keep].sum()) * cell_um2 / 1e6
    rows = [row for row in rows if row["counted"] == 1]
    count = float(len(rows))
    complete = math.fsum(row["complete"] for row in rows)
    whole = area + lobule_mm2
    length_cm = morphometry["morphometry_core_length_mm"] / 10
    near = np.array([row["nearest_tract_um"] for row in rows])
    near = near[~np.isnan(near)]
    values = {
        "portal_tract_count": count,
        "portal_complete_tract_count": complete,
        "portal_partial_tract_count": count - complete,
        "portal_area_mm2": area,
        "portal_area_percent": 100 * area / whole if whole > 0 else math.nan,
        "portal_tracts_per_mm2": count / morphometry["morphometry_tissue_area_mm2"],
        "portal_tracts_per_cm": count / length_cm,
        "portal_tract_area_median_um2": (
            float(np.median([row["area_um2"] for row in rows])) if rows else math.nan
        ),
        "portal_nearest_tract_median_um": float(np.median(near)) if near.size else math.nan,
        "portal_small_object_count": float(tracts.small_count),
        "portal_outside_object_count": float(tracts.outside_count),
        "portal_left_out_area_mm2": tracts.left_out_cells * cell_um2 / 1e6,
        "lobule_area_mm2": lobule_mm2,
    }
    missing = {
        "portal_area_percent": "no lobule in the segmentation",
        "lobule_area_mm2": "the segmentation has no class of lobule",
        "portal_tracts_per_cm": "no core length",
        "portal_tract_area_median_um2": "no portal tract",
        "portal_nearest_tract_median_um": "no two portal tracts in one fragment",
    }
    if reason is not None:
        keys = [f"portal_{name}" for name in _COUNTS]
        values |= dict.fromkeys(keys, math.nan)
        missing |= dict.fromkeys(keys, reason)
    return values, {key: why for key, why in missing.items() if math.isnan(values[key])}


def adequacy_values(values: Mapping[str, float]) -> tuple[dict[str, float], dict[str, str]]:
    """Judge the slide by each rule of adequacy, from its other measures.

    Examples
    --------
    >>> keys = ("morphometry_core_length_mm", "portal_tract_count", "portal_complete_tract_count")
    >>> judged, missing = adequacy_values(dict(zip(keys, (26.0, 12.0, float("nan")))))
    >>> judged["adequacy_bedossa_2003"], missing
    (1.0, {'adequacy_colloredo_2003': 'not known: number of complete portal tracts'})
    """
    length = values["morphometry_core_length_mm"]
    counts = values["portal_tract_count"], values["portal_complete_tract_count"]
    judged = {f"adequacy_{k}": v for k, v in adequacy(length, *counts).items()}
    missing = {}
    for key in (k for k, v in judged.items() if math.isnan(v)):
        lacks = ["core length"] if math.isnan(length) else []
        if key == "adequacy_colloredo_2003":
            lacks += ["number of complete portal tracts"] if math.isnan(counts[1]) else []
        elif key != "adequacy_bedossa_2003":
            lacks += ["number of portal tracts"] if math.isnan(counts[0]) else []
        missing[key] = f"not known: {', '.join(lacks)}"
    return judged, missing


def tract_polygon(regions: Regions, number: int, grid: Grid) -> Polygon:
    """Return the outline of a region in level-0 pixels.

    Cells that are no whole number of pixels give corners on the grid of 0.01 pixels that QuPath
    keeps.

    Examples
    --------
    >>> runs = Regions(*(np.array(v) for v in ([4], [2], [5], [0])), 1)
    >>> tract_polygon(runs, 0, Grid(9, 9, 2.0, 2.0, 1.0, 1.0)).exterior.tolist()
    [[4, 8], [10, 8], [10, 10], [4, 10], [4, 8]]
    """
    left, top = regions.boxes[number, :2]
    [outline] = trace_polygons(regions.mask(number))
    moved = [ring + np.array([left, top]) for ring in outline.rings]
    return Polygon(moved[0], tuple(moved[1:])).scaled(grid.step_x, grid.step_y)


def tract_annotations(
    tracts: Tracts, rows: Sequence[Mapping[str, float]], segmentation: Segmentation
) -> tuple[Annotation, ...]:
    """Return one annotation per tract, in the colour of the portal class."""
    color = next((c.color for c in segmentation.classes if c.compartment == "portal"), (0, 0, 0))
    shown = {key: TRACT_REGISTRY[f"tract_{key}"] for key in _SHOWN}
    return tuple(
        Annotation(
            tract_polygon(tracts.regions, i, segmentation.grid),
            f"Portal tract {i + 1}",
            TRACT,
            color,
            {_title(key, spec.unit): row[key] for key, spec in shown.items() if key in row},
        )
        for i, row in enumerate(rows)
    )


def _title(key: str, unit: str) -> str:
    words = key.removesuffix(f"_{unit}").replace("_", " ")
    told = unit == "1" or unit.startswith("1/")  # "per mm2" says it
    return words.capitalize() + ("" if told else f" {unit}")
