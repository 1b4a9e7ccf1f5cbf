"""From one open slide to its measures, outlines and picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from radiofib.registry import FeatureSpec
from radiofib.slides.morphometry.collagen import measure_collagen
from radiofib.slides.morphometry.portal import ADEQUACY_TITLES, adequacy_values
from radiofib.slides.morphometry.segmented import Segmented, measure_segmented, unsegmented
from radiofib.slides.morphometry.settings import TractSettings
from radiofib.slides.morphometry.steatosis import measure_steatosis
from radiofib.slides.polygons import Polygon, trace_polygons
from radiofib.slides.qupath.geojson import Annotation
from radiofib.slides.reader import Grid, Slide
from radiofib.slides.segmentation import Segmentation
from radiofib.slides.settings import SlideSettings
from radiofib.slides.specs.collagen import COLLAGEN_SPECS
from radiofib.slides.specs.detail import DETAIL_SPECS
from radiofib.slides.specs.portal import PORTAL_SPECS
from radiofib.slides.specs.septa import SEPTA_SPECS
from radiofib.slides.specs.steatosis import LOBULE_STEATOSIS_SPECS, STEATOSIS_SPECS
from radiofib.slides.tissue.centreline import centre_line
from radiofib.slides.tissue.find import TissueMask, find_tissue
from radiofib.slides.tissue.levels import Levels, group_levels, level_measures
from radiofib.slides.tissue.map import map_tissue
from radiofib.slides.tissue.stain import not_h_and_e, stain_statistics

__all__ = [
    "Fragment",
    "SlideMeasures",
    "find_fragments",
    "measure_slide",
    "morphometry",
    "not_asked_for",
]

_TISSUE_COLOR = (0, 160, 60)
#: Why there are no amounts of haematoxylin and eosin where another stain is named.
STAIN_NAMES = {
    "sirius_red": "the stain is not haematoxylin and eosin: Sirius red was named",
    "masson": "the stain is not haematoxylin and eosin: Masson's trichrome was named",
}


@dataclass(frozen=True, eq=False)
class Fragment:
    """One piece of tissue.

    Parameters
    ----------
    polygon : Polygon
        Outline in cells of the tissue grid.
    area_mm2 : float
        Cells x area of a cell.
    length_mm : float
        Along the centre line; NaN for a wedge.
    """

    polygon: Polygon
    area_mm2: float
    length_mm: float

    @property
    def is_wedge(self) -> bool:
        """Whether the piece is too wide to be a core."""
        return math.isnan(self.length_mm)

    @property
    def width_mm(self) -> float:
        """Mean width: area / length; NaN for a wedge."""
        return self.area_mm2 / self.length_mm


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
        One per fragment, then one per portal tract, in level-0 pixels.
    overview : ndarray of uint8
        The slide at the resolution of the tissue grid.
    fragments : tuple of Fragment
        Outlines in cells of that grid.
    grid : Grid
        The tissue grid.
    tracts : tuple of dict
        One row per portal tract, for the table of tracts; empty without a segmentation.
    """

    measured: dict[str, float]
    missing: dict[str, str]
    annotations: tuple[Annotation, ...]
    overview: NDArray[np.uint8]
    fragments: tuple[Fragment, ...]
    grid: Grid
    tracts: tuple[dict[str, Any], ...] = ()


def measure_slide(
    slide: Slide,
    settings: SlideSettings | None = None,
    segmentation: Segmentation | None = None,
    stage: float | None = None,
    *,
    tissue: TissueMask | None = None,
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
    tissue : TissueMask, optional
        Tissue outlined by someone, on the grid of ``settings.tissue_um``; default: found here.

    Raises
    ------
    SlideError
        When pixels cannot be read, the slide is not brightfield, or holds no tissue.
    """
    settings = settings or SlideSettings()
    tract_settings = settings.tracts
    grid = slide.grid(settings.tissue_um)
    overview = slide.read_all(grid)
    if tissue is None:
        pixel = (grid.um_x, grid.um_y)
        tissue = find_tissue(overview, um=pixel, settings=settings, where=slide.name)
    fragments = find_fragments(tissue.mask, grid, settings)
    levels = group_levels(
        tissue.mask,
        _first_cells(fragments),
        grid,
        overview=overview,
        settings=settings.levels,
        widest_um=settings.wedge_width_mm * 1000,
    )
    lengths, areas = ([getattr(f, n) for f in fragments] for n in ("length_mm", "area_mm2"))
    best = levels.pieces(levels.best(lengths, areas))
    values, missing = morphometry([fragments[i] for i in best], settings)
    values |= level_measures(levels, lengths, areas)
    counted = tissue if levels.count == 1 else _of_pieces(tissue, fragments, best)
    values["morphometry_edge_contact_mm"] = _edge_contact(counted.mask, grid)
    stain = stain_statistics(slide, grid, counted, um=settings.stain_um)
    other_stain = STAIN_NAMES.get(tract_settings.stain) or not_h_and_e(stain)
    if other_stain is not None:
        void = [key for key in stain if key != "stain_residual_od_mean"]
        stain |= dict.fromkeys(void, math.nan)
        missing |= dict.fromkeys(void, other_stain)
    values |= stain
    collagen, none = _collagen(slide, grid, counted, tract_settings)
    values |= collagen
    missing |= none
    found = unsegmented()
    if segmentation is not None:
        where = map_tissue(tissue.mask, _first_cells(fragments), grid)
        found = measure_segmented(
            slide,
            segmentation,
            where,
            tissue.white,
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
    return SlideMeasures(
        values | found.values | judged,
        missing | found.missing | unknown,
        _annotations(fragments, levels, grid, shown) + found.annotations,
        overview,
        tuple(fragments),
        grid,
        found.rows,
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
    return frozenset(spec.key for spec in found)


def _of_pieces(tissue: TissueMask, fragments: list[Fragment], pieces: Sequence[int]) -> TissueMask:
    """Return the tissue of some pieces alone."""
    labels, _ = ndi.label(tissue.mask)
    cells = _first_cells(fragments)
    kept = np.isin(labels, [labels[cells[i]] for i in pieces])
    return replace(tissue, mask=kept)


def _collagen(
    slide: Slide,
    grid: Grid,
    tissue: TissueMask,
    settings: TractSettings,
) -> tuple[dict[str, float], dict[str, str]]:
    if settings.stain != "h_and_e":
        return measure_collagen(slide, grid, tissue, settings), {}
    keys = [spec.key for spec in COLLAGEN_SPECS]
    reason = "needs Sirius red or Masson's trichrome (stain)"
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


def _first_cells(fragments: list[Fragment]) -> list[tuple[int, int]]:
    corners = (fragment.polygon.exterior[0] for fragment in fragments)
    return [(int(y), int(x)) for x, y in corners]


def find_fragments(
    mask: NDArray[np.bool_], grid: Grid, settings: SlideSettings | None = None
) -> list[Fragment]:
    """Divide a tissue mask into its 4-connected pieces and measure each.

    Examples
    --------
    >>> mask = np.zeros((40, 300), dtype=bool)
    >>> mask[10:30, 20:280] = True
    >>> [piece] = find_fragments(mask, Grid(300, 40, 16, 16, 10.0, 10.0))
    >>> round(piece.area_mm2, 3), round(piece.length_mm, 2), round(piece.width_mm, 2)
    (0.52, 2.6, 0.2)
    """
    settings = settings or SlideSettings()
    labels, _ = ndi.label(mask)
    places = ndi.find_objects(labels)
    fragments = []
    for polygon in trace_polygons(mask):
        x, y = polygon.exterior[0]
        label = int(labels[y, x])
        line = centre_line(
            labels[places[label - 1]] == label,
            (grid.um_x, grid.um_y),
            widest_um=settings.wedge_width_mm * 1000,
        )
        length = math.nan if line is None else line.length_um / 1000
        fragments.append(Fragment(polygon, polygon.area * grid.cell_um2 / 1e6, length))
    return fragments


def morphometry(
    fragments: list[Fragment], settings: SlideSettings | None = None
) -> tuple[dict[str, float], dict[str, str]]:
    """Sum the fragments of a slide up.

    Returns
    -------
    values : dict
        Registry key -> value. Lengths are those of the core fragments; they are NaN when wedges
        make up half of the tissue or more.
    missing : dict
        Registry key -> reason.
    """
    settings = settings or SlideSettings()
    cores = [f for f in fragments if not f.is_wedge]
    area = math.fsum(f.area_mm2 for f in fragments)
    core_area = math.fsum(f.area_mm2 for f in cores)
    length = math.fsum(f.length_mm for f in cores)
    is_biopsy = bool(cores) and core_area > area / 2
    values = {
        "morphometry_tissue_area_mm2": area,
        "morphometry_fragment_count": float(len(fragments)),
        "morphometry_wedge_count": float(len(fragments) - len(cores)),
        "morphometry_core_length_mm": length if is_biopsy else math.nan,
        "morphometry_longest_core_mm": (max(f.length_mm for f in cores) if is_biopsy else math.nan),
        "morphometry_core_width_mm": core_area / length if is_biopsy else math.nan,
    }
    reason = (
        "wedge or surgical specimen: most of the tissue is wider than "
        f"{settings.wedge_width_mm:g} mm"
    )
    return values, {key: reason for key, value in values.items() if math.isnan(value)}


def _edge_contact(mask: NDArray[np.bool_], grid: Grid) -> float:
    across = np.count_nonzero(mask[0]) + np.count_nonzero(mask[-1])
    down = np.count_nonzero(mask[:, 0]) + np.count_nonzero(mask[:, -1])
    return float(across * grid.um_x + down * grid.um_y) / 1000


def _annotations(
    fragments: list[Fragment], levels: Levels, grid: Grid, adequacy: dict[str, float]
) -> tuple[Annotation, ...]:
    step_x, step_y = int(grid.step_x), int(grid.step_y)
    return tuple(
        Annotation(
            fragment.polygon.scaled(step_x, step_y),
            levels.title(number),
            "Tissue",
            _TISSUE_COLOR,
            {
                "Area mm2": fragment.area_mm2,
                "Core length mm": fragment.length_mm,
                "Core width mm": fragment.width_mm,
                **adequacy,
            },
        )
        for number, fragment in enumerate(fragments)
    )
