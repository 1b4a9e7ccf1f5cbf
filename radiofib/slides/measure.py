"""From one open slide to its measures, outlines and picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.registry import FeatureSpec
from radiofib.slides.labels.hidden import without_hidden
from radiofib.slides.morphometry.collagen import measure_collagen
from radiofib.slides.morphometry.portal import ADEQUACY_TITLES, adequacy_values
from radiofib.slides.morphometry.segmented import Segmented, measure_segmented, unsegmented
from radiofib.slides.morphometry.settings import TractSettings
from radiofib.slides.morphometry.steatosis import measure_steatosis
from radiofib.slides.picture import MEASURED
from radiofib.slides.qupath.annotated import COUNTED
from radiofib.slides.qupath.geojson import Annotation
from radiofib.slides.reader import Grid, Slide
from radiofib.slides.segmentation import Segmentation
from radiofib.slides.settings import SlideSettings
from radiofib.slides.specs.artefacts import ARTEFACT_SPECS, artefact_key
from radiofib.slides.specs.collagen import COLLAGEN_SPECS
from radiofib.slides.specs.detail import DETAIL_SPECS
from radiofib.slides.specs.portal import PORTAL_SPECS
from radiofib.slides.specs.septa import SEPTA_SPECS
from radiofib.slides.specs.steatosis import LOBULE_STEATOSIS_SPECS, STEATOSIS_SPECS
from radiofib.slides.stain_check import colourless, stain_warnings
from radiofib.slides.tissue.clean import (
    CleanTissue,
    artefact_annotations,
    artefact_values,
    clean_tissue,
)
from radiofib.slides.tissue.find import TissueMask
from radiofib.slides.tissue.fragments import (
    Fragment,
    edge_contact_mm,
    find_fragments,
    morphometry,
    only_pieces,
)
from radiofib.slides.tissue.levels import (
    Levels,
    group_levels,
    level_measures,
    level_warnings,
)
from radiofib.slides.tissue.map import map_tissue
from radiofib.slides.tissue.settings import ARTEFACT_KINDS
from radiofib.slides.tissue.stain import not_h_and_e, stain_statistics

__all__ = ["SlideMeasures", "measure_slide", "not_asked_for"]

_TISSUE_COLOR = (0, 160, 60)
#: Why there are no amounts of haematoxylin and eosin where another stain is named.
STAIN_NAMES = {
    "sirius_red": "the stain is not haematoxylin and eosin: Sirius red was named",
    "masson": "the stain is not haematoxylin and eosin: Masson's trichrome was named",
}


@dataclass(frozen=True, eq=False)
class SlideMeasures:
    """All that one slide yields.

    Parameters
    ----------
    measured : dict
        Registry key -> value, NaN where it does not apply.
    missing : dict
        Registry key -> why the value is NaN.
    annotations : tuple of Annotation
        One per fragment, then one per artefact, then one per portal tract, in level-0 pixels.
    overview : ndarray of uint8
        The slide at the resolution of the tissue grid.
    fragments : tuple of Fragment
        Outlines in cells of that grid.
    grid : Grid
        The tissue grid.
    tracts : tuple of dict
        One row per portal tract, for the table of tracts; empty without a segmentation.
    warnings : tuple of str
        What the reader of the results should look at.
    """

    measured: dict[str, float]
    missing: dict[str, str]
    annotations: tuple[Annotation, ...]
    overview: NDArray[np.uint8]
    fragments: tuple[Fragment, ...]
    grid: Grid
    tracts: tuple[dict[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()


def measure_slide(
    slide: Slide,
    settings: SlideSettings | None = None,
    segmentation: Segmentation | None = None,
    stage: float | None = None,
    *,
    tissue: CleanTissue | None = None,
) -> SlideMeasures:
    """Measure an open slide.

    Of serial levels of the same cores the best one is measured, see
    :mod:`radiofib.slides.tissue.levels`.

    Parameters
    ----------
    slide : Slide
        The open slide.
    settings : SlideSettings, optional
        Resolutions and minimum sizes of the tissue, and what counts as a portal tract.
    segmentation : Segmentation, optional
        Labels of the slide. Without one the measures that need it are missing, with the reason:
        columns are the same for every slide, so that tables can be joined and scripts for SPSS
        or R run on each of them.
    stage : float, optional
        Stage of fibrosis, Ludwig's or one whose stage 3 is septal fibrosis too. From
        ``uncountable_from_stage`` on, counts of tracts are missing and areas stay.
    tissue : CleanTissue, optional
        Tissue and artefacts, as they were found already or outlined by someone; default: found
        here.

    Raises
    ------
    SlideError
        When pixels cannot be read, the slide is not brightfield, or holds no tissue.

    Notes
    -----
    Pieces of tissue, their lengths, widths and levels are those of the tissue with the artefacts
    that lie on it; areas, stains and labels are those of the rest. What a label says under an
    artefact counts for nothing. A tract that an artefact cuts is partial, as one that the border
    cuts: nobody knows how far it reaches. Where an artefact lies all across it, it is two. One
    that merely holds a speck is whole.
    """
    settings = settings or SlideSettings()
    tract_settings = settings.tracts
    clean = tissue or clean_tissue(slide, settings)
    grid, whole = clean.grid, clean.whole
    fragments = find_fragments(whole, grid, settings, usable=clean.tissue.mask)
    cells = [fragment.first_cell for fragment in fragments]
    levels = group_levels(
        whole,
        cells,
        grid,
        overview=clean.overview,
        settings=settings.levels,
        widest_um=settings.wedge_width_mm * 1000,
    )
    lengths, areas = ([getattr(f, n) for f in fragments] for n in ("length_mm", "area_mm2"))
    best = levels.pieces(levels.best(lengths, areas))
    values, missing = morphometry([fragments[i] for i in best], settings)
    values |= level_measures(levels, lengths, areas)
    if reason := missing.get("morphometry_core_length_mm"):  # a sum of nothing is no length of 0
        values["morphometry_all_levels_length_mm"] = math.nan
        missing["morphometry_all_levels_length_mm"] = reason
    flawed, unlooked = artefact_values(clean, settings)
    values |= flawed
    missing |= unlooked
    counted = clean.tissue
    if levels.count > 1:
        whole = only_pieces(whole, clean.whole, fragments, best)
        counted = replace(counted, mask=counted.mask & whole)
    values["morphometry_edge_contact_mm"] = edge_contact_mm(whole, grid)
    stain = stain_statistics(slide, grid, counted, um=settings.stain_um)
    grey = colourless(clean.overview, counted)
    other_stain = grey or STAIN_NAMES.get(tract_settings.stain) or not_h_and_e(stain)
    if other_stain is not None:
        void = [key for key in stain if grey or key != "stain_residual_od_mean"]
        stain |= dict.fromkeys(void, math.nan)
        missing |= dict.fromkeys(void, other_stain)
    values |= stain
    collagen, none = _collagen(slide, grid, counted, tract_settings, grey)
    values |= collagen
    missing |= none
    found = unsegmented()
    if segmentation is not None:
        hidden = clean.artefacts.any
        segmentation = without_hidden(segmentation, hidden, grid)
        found = measure_segmented(
            slide,
            segmentation,
            map_tissue(clean.whole, cells, grid, hidden),
            counted.white,
            values,
            tract_settings,
            stage=stage,
            other_stain=other_stain,
            pieces=None if levels.count == 1 else {i + 1 for i in best},
        )
    fat, lean = _steatosis(slide, grid, counted, segmentation, found, tract_settings, other_stain)
    values |= fat
    missing |= lean
    judged, unknown = adequacy_values(values | found.values)
    shown = {} if segmentation is None else {t: judged[k] for k, t in ADEQUACY_TITLES.items()}
    portal = None if segmentation is None else found.rows
    return SlideMeasures(
        values | found.values | judged,
        missing | found.missing | unknown,
        _annotations(fragments, levels, best, grid, portal, shown)
        + artefact_annotations(clean.artefacts, grid)
        + found.annotations,
        clean.overview,
        tuple(fragments),
        grid,
        found.rows,
        stain_warnings(clean.overview, counted, tract_settings.stain, grey=grey)
        + level_warnings(levels, best, settings.levels),
    )


def not_asked_for(settings: SlideSettings, *, labelled: bool) -> frozenset[str]:
    """Return the keys of measures that a run leaves out on every slide.

    Parameters
    ----------
    settings : SlideSettings
        Of the run.
    labelled : bool
        Whether there are segmentations.

    Examples
    --------
    >>> plain = not_asked_for(SlideSettings(), labelled=False)
    >>> "portal_tract_count" in plain, "collagen_percent" in plain
    (True, True)
    >>> "portal_tract_count" in not_asked_for(SlideSettings(), labelled=True)
    False
    """
    tracts = settings.tracts
    h_and_e = tracts.stain == "h_and_e"
    found: list[FeatureSpec] = []
    if settings.artefacts is None:
        found += ARTEFACT_SPECS
    if h_and_e:
        found += COLLAGEN_SPECS
    if not labelled:
        found += (*PORTAL_SPECS, *SEPTA_SPECS)
    if not (labelled and h_and_e and tracts.detail_um is not None):
        found += DETAIL_SPECS
    if not (h_and_e and tracts.vacuole_pixel_um is not None):
        found += STEATOSIS_SPECS
    if not (labelled and h_and_e and tracts.vacuole_pixel_um is not None):
        found += LOBULE_STEATOSIS_SPECS
    keys = {spec.key for spec in found}
    if settings.artefacts is not None:
        keys |= {artefact_key(k) for k in ARTEFACT_KINDS if k not in settings.artefacts.kinds}
    return frozenset(keys)


def _collagen(
    slide: Slide,
    grid: Grid,
    tissue: TissueMask,
    settings: TractSettings,
    grey: str | None,
) -> tuple[dict[str, float], dict[str, str]]:
    if settings.stain != "h_and_e" and grey is None:
        return measure_collagen(slide, grid, tissue, settings), {}
    keys = [spec.key for spec in COLLAGEN_SPECS]
    reason = grey or "needs Sirius red or Masson's trichrome (stain)"
    return dict.fromkeys(keys, math.nan), dict.fromkeys(keys, reason)


def _steatosis(
    slide: Slide,
    grid: Grid,
    tissue: TissueMask,
    segmentation: Segmentation | None,
    segmented: Segmented,
    settings: TractSettings,
    other_stain: str | None,
) -> tuple[dict[str, float], dict[str, str]]:
    pixel = settings.vacuole_pixel_um
    reason = other_stain
    if pixel is None:
        reason = "not asked for (vacuole_pixel_um)"
    if reason is not None:
        keys = [spec.key for spec in (*STEATOSIS_SPECS, *LOBULE_STEATOSIS_SPECS)]
        return dict.fromkeys(keys, math.nan), dict.fromkeys(keys, reason)
    values, fat_um2 = measure_steatosis(slide, grid, tissue, settings, segmentation)
    lobule_mm2 = segmented.values["lobule_area_mm2"]
    percent = fat_um2 / 1e4 / lobule_mm2 if lobule_mm2 > 0 else math.nan
    values["steatosis_lobule_vacuole_percent"] = percent
    missing = {}
    if math.isnan(percent):
        why = segmented.missing.get("lobule_area_mm2", "no lobule cells in tissue")
        missing["steatosis_lobule_vacuole_percent"] = why
    if math.isnan(values["steatosis_diameter_median_um"]):
        missing["steatosis_diameter_median_um"] = "no vacuoles"
    return values, missing


def _annotations(
    fragments: Sequence[Fragment],
    levels: Levels,
    best: Sequence[int],
    grid: Grid,
    tracts: Sequence[Mapping[str, float]] | None,
    adequacy: Mapping[str, float],
) -> tuple[Annotation, ...]:
    step_x, step_y = int(grid.step_x), int(grid.step_y)
    portal: list[dict[str, float]] = [{} for _ in fragments]
    if tracts is not None:
        portal = [{COUNTED: 0.0} for _ in fragments]
        for row in tracts:
            portal[int(row["fragment"]) - 1][COUNTED] += row["area_um2"] / 1e6
    return tuple(
        Annotation(
            fragment.polygon.scaled(step_x, step_y),
            levels.title(number),
            "Tissue",
            _TISSUE_COLOR,
            {
                "Area mm2": fragment.area_mm2,
                "Left out mm2": fragment.hidden_mm2,
                "Core length mm": fragment.length_mm,
                "Core width mm": fragment.width_mm,
                **({} if levels.count == 1 else {MEASURED: float(number in best)}),
                **portal[number],
                **adequacy,
            },
        )
        for number, fragment in enumerate(fragments)
    )
