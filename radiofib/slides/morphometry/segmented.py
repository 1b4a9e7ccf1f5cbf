"""All measures of a slide that need labels, and what is missing without them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from radiofib.registry import FeatureSpec
from radiofib.slides.morphometry.detail import measure_detail
from radiofib.slides.morphometry.portal import not_countable, portal_values, tract_annotations
from radiofib.slides.morphometry.septa import septa_values
from radiofib.slides.morphometry.settings import TractSettings
from radiofib.slides.morphometry.tracts import compartment_areas, find_tracts, tract_rows
from radiofib.slides.morphometry.zones import Zones
from radiofib.slides.qupath.geojson import Annotation
from radiofib.slides.reader import Slide
from radiofib.slides.segmentation import Segmentation
from radiofib.slides.specs.detail import DETAIL_SPECS, TRACT_DETAIL_SPECS
from radiofib.slides.specs.portal import PORTAL_SPECS
from radiofib.slides.specs.septa import SEPTA_SPECS
from radiofib.slides.tissue.map import TissueMap

__all__ = ["NO_SEGMENTATION", "Segmented", "measure_segmented", "unsegmented"]

NO_SEGMENTATION = "no segmentation: the slide was measured without a model or annotations"


@dataclass(frozen=True, eq=False)
class Segmented:
    """Measures that need labels.

    Parameters
    ----------
    values : dict
        Registry key -> value, NaN where it does not apply.
    missing : dict
        Registry key -> why the value is NaN.
    rows : tuple of dict
        One per tract.
    annotations : tuple of Annotation
        One per tract.
    """

    values: dict[str, float]
    missing: dict[str, str]
    rows: tuple[dict[str, Any], ...] = ()
    annotations: tuple[Annotation, ...] = ()


def unsegmented() -> Segmented:
    """Return every measure that needs labels as missing.

    Examples
    --------
    >>> unsegmented().missing["portal_tract_count"]
    'no segmentation: the slide was measured without a model or annotations'
    """
    return Segmented(*_blank((*PORTAL_SPECS, *DETAIL_SPECS, *SEPTA_SPECS), NO_SEGMENTATION))


def _blank(specs: Iterable[FeatureSpec], reason: str) -> tuple[dict[str, float], dict[str, str]]:
    keys = [spec.key for spec in specs]
    return dict.fromkeys(keys, math.nan), dict.fromkeys(keys, reason)


def measure_segmented(
    slide: Slide,
    segmentation: Segmentation,
    tissue: TissueMap,
    white: tuple[float, float, float],
    morphometry: Mapping[str, float],
    settings: TractSettings,
    *,
    stage: float | None = None,
    other_stain: str | None = None,
    pieces: Collection[int] | None = None,
) -> Segmented:
    """Measure a segmented slide.

    Parameters
    ----------
    slide : Slide
        The open slide.
    segmentation : Segmentation
        Its labels.
    tissue : TissueMap
        Its pieces of tissue.
    white : tuple of float
        Grey level of bare glass.
    morphometry : mapping
        Tissue area and core length by registry key.
    settings : TractSettings
        What counts.
    stage : float, optional
        Stage, for the rule of what is countable.
    other_stain : str, optional
        Why the amounts of haematoxylin and eosin mean nothing on this slide.
    pieces : collection of int, optional
        Pieces of tissue (from 1) that count: of serial levels one of each core. Tracts of the
        others have rows and outlines, but are in no sum. Default all.
    """
    grid = segmentation.grid
    kinds = {c.compartment for c in segmentation.classes}
    if "portal" not in kinds:
        specs = (*PORTAL_SPECS, *DETAIL_SPECS, *SEPTA_SPECS)
        return Segmented(*_blank(specs, "the segmentation has no class of portal tracts"))
    tracts = find_tracts(segmentation, tissue, settings)
    rows = tract_rows(tracts, tissue, grid, settings, pieces=pieces)
    counted = tracts.regions.select(np.array([row["counted"] == 1 for row in rows], dtype=bool))
    areas = compartment_areas(segmentation, tissue)[1:, 1]
    lobule = float(areas.sum() if pieces is None else areas[[p - 1 for p in pieces]].sum())
    if "lobule" not in kinds:
        lobule = math.nan
    values, missing = portal_values(
        tracts, rows, lobule, grid.cell_um2, morphometry, not_countable(stage, settings)
    )
    tissue_mm2 = morphometry["morphometry_tissue_area_mm2"]
    septa = septa_values(counted, grid, tissue_mm2, settings)
    values |= septa
    missing |= {key: "no septa" for key, value in septa.items() if math.isnan(value)}
    lacking = other_stain
    if settings.detail_um is None:
        lacking = "not asked for (detail_um)"
    if lacking is None and settings.detail_um is not None:
        zones = Zones(segmentation, tracts.regions, tissue, settings.interface_um, pieces)
        detail = measure_detail(slide, zones, white, detail_um=settings.detail_um)
        values |= detail.values
        empty = {k: _empty(k) for k, v in detail.values.items() if math.isnan(v)}
        missing |= empty
        rows = [row | more for row, more in zip(rows, detail.rows, strict=True)]
    else:
        blank, why = _blank(DETAIL_SPECS, lacking or "")
        values |= blank
        missing |= why
        lacks = dict.fromkeys((spec.name for spec in TRACT_DETAIL_SPECS), math.nan)
        rows = [row | lacks for row in rows]
    return Segmented(values, missing, tuple(rows), tract_annotations(tracts, rows, segmentation))


def _empty(key: str) -> str:
    return f"no {key.partition('_')[0]} cells in tissue"
