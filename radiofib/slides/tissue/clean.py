"""Tissue fit to be measured: what is stained, less what artefacts cover."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from radiofib.errors import SlideError
from radiofib.registry import FeatureSpec
from radiofib.slides.polygons import trace_polygons
from radiofib.slides.qupath.geojson import Annotation
from radiofib.slides.reader import Grid, Slide
from radiofib.slides.settings import SlideSettings
from radiofib.slides.tissue.artefacts import (
    ARTEFACT_KINDS,
    Artefacts,
    ArtefactSettings,
    find_artefacts,
)
from radiofib.slides.tissue.find import TissueMask, clean_mask, find_tissue
from radiofib.slides.tissue.focus import find_blur

__all__ = [
    "ARTEFACT_SPECS",
    "CleanTissue",
    "artefact_annotations",
    "artefact_measures",
    "clean_tissue",
    "whole_tissue",
]

Bytes = NDArray[np.uint8]
Bools = NDArray[np.bool_]

_EIGHT = np.ones((3, 3), dtype=bool)
#: Opaque artefacts, and rims of bubbles, stain the glass around them for this many cells.
_RIM = 3
#: Smaller artefacts are counted but not drawn.
_DRAWN_UM2 = 500.0
_COLORS = {
    "pen": (30, 60, 200),
    "dust": (90, 90, 90),
    "dark ground": (20, 20, 20),
    "bubble": (0, 170, 200),
    "fold": (150, 0, 150),
    "blur": (240, 150, 0),
}


def _spec(name: str, unit: str, label: str, formula: str) -> FeatureSpec:
    source = "radiofib slides.artefacts"
    return FeatureSpec(name, "artefact", unit, label, formula, source, applies="slide")


def _key(kind: str) -> str:
    return f"artefact_{kind.replace(' ', '_')}_area_mm2"


#: One record per measure, for the registry of slides.
ARTEFACT_SPECS = (
    *(
        _spec(
            _key(kind).removeprefix("artefact_"),
            "mm2",
            f"area of {kind}",
            f"cells found to be {kind} x area of a cell, on tissue and on glass",
        )
        for kind in ARTEFACT_KINDS
    ),
    _spec(
        "tissue_left_out_mm2",
        "mm2",
        "tissue left out for artefacts",
        "area of the tissue with the artefacts that lie on it, less the tissue area",
    ),
    _spec(
        "tissue_left_out_percent",
        "%",
        "share of tissue left out for artefacts",
        "100 x tissue left out / (tissue left out + tissue area)",
    ),
)


@dataclass(frozen=True, eq=False)
class CleanTissue:
    """Tissue of a slide, and what was left out of it.

    Parameters
    ----------
    tissue : TissueMask
        Tissue that artefacts do not cover: areas, counts and stains are measured on it.
    whole : ndarray of bool
        The same with the artefacts that lie on it. Pieces and centre lines are taken from it: a
        fold or a pen stroke across a core does not make it two shorter cores.
    artefacts : Artefacts
        By kind.
    measured : dict
        Registry key -> value.
    """

    tissue: TissueMask
    whole: Bools
    artefacts: Artefacts
    measured: dict[str, float]


def clean_tissue(
    slide: Slide,
    grid: Grid,
    overview: Bytes,
    *,
    settings: SlideSettings | None = None,
    artefacts: ArtefactSettings | None = None,
) -> CleanTissue:
    """Find tissue, flag artefacts and leave them out.

    Parameters
    ----------
    slide : Slide
        The open slide; focus is judged on a finer picture than `overview`.
    grid : Grid
        The tissue grid.
    overview : ndarray of uint8
        The slide on it.
    settings : SlideSettings, optional
        What counts as tissue.
    artefacts : ArtefactSettings, optional
        What counts as an artefact.

    Raises
    ------
    SlideError
        When the slide is not brightfield, holds no tissue, or none that artefacts do not cover.
    """
    settings = settings or SlideSettings()
    rules = artefacts or ArtefactSettings()
    um = (grid.um_x, grid.um_y)
    stained = find_tissue(overview, um=um, settings=settings, where=slide.name)
    found = find_artefacts(overview, stained.mask, stained.white, um=um, settings=rules)
    if "blur" in rules.kinds:
        blur = find_blur(
            slide,
            grid,
            stained.mask & ~found.any,
            um=rules.focus_um,
            limit=rules.min_sharpness,
            min_area_um2=rules.min_blur_um2,
        )
        found = found.added("blur", blur)
    usable = _usable(stained.mask, found, grid.cell_um2, settings)
    if not usable.any():
        raise SlideError(
            "no tissue left beside artefacts",
            where=slide.name,
            expected=f"a piece of at least {settings.min_tissue_um2 / 1e6:g} mm2 in focus and "
            "free of pen, folds and bubbles",
            found=_shares(stained.mask, found),
            hint="clean the slide and scan it again",
        )
    whole = whole_tissue(usable, stained.mask, found, grid.cell_um2, settings)
    values = artefact_measures(usable, whole, found, grid.cell_um2)
    tissue = TissueMask(usable, stained.white, stained.threshold)
    return CleanTissue(tissue, whole, found, values)


def _usable(stained: Bools, found: Artefacts, cell_um2: float, settings: SlideSettings) -> Bools:
    free = stained & ~found.any
    # Shadow and smear around ink and rims are stained, too, but no tissue.
    halo = ndi.binary_dilation(
        found.mask("pen") | found.mask("dark ground") | found.mask("bubble"),
        _EIGHT,
        iterations=_RIM,
    )
    pieces, count = ndi.label(free)
    size = np.bincount(pieces.ravel(), minlength=count + 1)
    near = np.bincount(pieces.ravel(), halo.ravel(), minlength=count + 1)
    keep = (size * cell_um2 >= settings.min_tissue_um2) & (near < 0.5 * size)
    # A large piece that an artefact cuts up leaves small parts: they stay.
    whole, _ = ndi.label(stained, structure=_EIGHT)
    parents = np.unique(whole[keep[pieces] & (pieces > 0)])
    first = np.zeros(count + 1, dtype=np.int64)
    first[pieces.ravel()] = whole.ravel()
    keep |= np.isin(first, parents) & (near < 0.5 * size)
    keep[0] = False
    usable: Bools = keep[pieces]
    return usable


def whole_tissue(
    usable: Bools,
    stained: Bools,
    found: Artefacts,
    cell_um2: float,
    settings: SlideSettings | None = None,
) -> Bools:
    """Return tissue with the artefacts that lie on it.

    Folds and regions out of focus are tissue. What a bubble covers is, where it is coloured. Ink
    and dust hide what is under them: there the tissue on both sides is joined, by closing with a
    disc twice as wide as the artefact.

    Parameters
    ----------
    usable, stained : ndarray of bool
        Tissue without artefacts, and all that is stained.
    found : Artefacts
        The artefacts.
    cell_um2 : float
        Area of a cell.
    settings : SlideSettings, optional
        Largest hole.

    Examples
    --------
    >>> stained = np.zeros((11, 40), dtype=bool)
    >>> stained[3:8] = True
    >>> labels = np.zeros(stained.shape, np.uint8)
    >>> labels[:, 18:22] = 1
    >>> ink = Artefacts(labels)
    >>> whole = whole_tissue(stained & ~ink.any, stained | ink.any, ink, 64.0)
    >>> int(stained.sum()), int((stained & ~ink.any).sum()), int(whole.sum())
    (200, 180, 192)
    """
    settings = settings or SlideSettings()
    on_tissue = (found.mask("fold") | found.mask("blur")) & stained
    covered = ndi.binary_opening(found.mask("bubble") & stained, np.ones((5, 5), dtype=bool))
    whole = usable | _touching(on_tissue | covered, usable)
    hidden = found.mask("pen") | found.mask("dust") | found.mask("bubble")
    whole = whole | _bridges(whole, hidden)
    whole = clean_mask(
        whole, pixel_um2=cell_um2, max_hole_um2=settings.max_hole_um2, min_piece_um2=0.0
    )
    result: Bools = _touching(whole, usable) | usable
    return result


def _touching(mask: Bools, other: Bools) -> Bools:
    """Return the parts of `mask` that touch `other`."""
    labels, count = ndi.label(mask)
    touched = np.zeros(count + 1, dtype=bool)
    touched[labels[ndi.binary_dilation(other)]] = True
    touched[0] = False
    chosen: Bools = touched[labels]
    return chosen


def _bridges(tissue: Bools, hidden: Bools) -> Bools:
    """Return what of hidden places lies between tissue."""
    joined = np.zeros_like(tissue)
    labels, _ = ndi.label(hidden, structure=_EIGHT)
    touched = set(np.unique(labels[ndi.binary_dilation(tissue) & hidden])) - {0}
    places = ndi.find_objects(labels)
    for number in sorted(touched):
        place = places[number - 1]
        piece = np.pad(labels[place] == number, 1)
        reach = 2 * int(np.ceil(ndi.distance_transform_edt(piece).max())) + 1
        around = tuple(slice(max(p.start - 2 * reach, 0), p.stop + 2 * reach) for p in place)
        frame = np.pad(tissue[around], reach + 1)
        near = ndi.distance_transform_edt(~frame) <= reach if frame.any() else frame
        closed = ndi.distance_transform_edt(near) > reach
        inner = (slice(reach + 1, -reach - 1),) * 2
        joined[around] |= closed[inner] & (labels[around] == number)
    return joined


def _shares(stained: Bools, found: Artefacts) -> str:
    total = int(stained.sum())
    parts = {kind: int((found.mask(kind) & stained).sum()) for kind in ARTEFACT_KINDS}
    named = [f"{kind} {100 * cells / total:.0f} %" for kind, cells in parts.items() if cells]
    return "of what is stained: " + (", ".join(named) or "specks only")


def artefact_measures(
    usable: Bools, whole: Bools, found: Artefacts, cell_um2: float
) -> dict[str, float]:
    """Return area by kind, and how much tissue was left out, by registry key.

    Examples
    --------
    >>> whole = np.ones((10, 10), dtype=bool)
    >>> labels = np.zeros((10, 10), np.uint8)
    >>> labels[:2] = 1 + ARTEFACT_KINDS.index("fold")
    >>> values = artefact_measures(labels == 0, whole, Artefacts(labels), 1e4)
    >>> round(values["artefact_fold_area_mm2"], 6), values["artefact_tissue_left_out_percent"]
    (0.2, 20.0)
    """
    values = {
        _key(kind): float(np.count_nonzero(found.mask(kind)) * cell_um2 / 1e6)
        for kind in ARTEFACT_KINDS
    }
    lost, total = int((whole & ~usable).sum()), int(whole.sum())
    values["artefact_tissue_left_out_mm2"] = lost * cell_um2 / 1e6
    values["artefact_tissue_left_out_percent"] = 100.0 * lost / total if total else 0.0
    return values


def artefact_annotations(found: Artefacts, grid: Grid) -> tuple[Annotation, ...]:
    """Outline artefacts for QuPath, one annotation per piece, in level-0 pixels.

    Pieces smaller than 500 um2 are left out.

    Examples
    --------
    >>> labels = np.zeros((9, 9), np.uint8)
    >>> labels[2:6, 3:7] = 1
    >>> [note] = artefact_annotations(Artefacts(labels), Grid(9, 9, 16, 16, 8.0, 8.0))
    >>> note.name, note.classification, note.measurements
    ('Artefact: pen 1', 'Artefact: pen', {'Area mm2': 0.001024})
    """
    step_x, step_y = int(grid.step_x), int(grid.step_y)
    notes = []
    for kind in ARTEFACT_KINDS:
        number = 0
        for polygon in trace_polygons(found.mask(kind)):
            area = polygon.area * grid.cell_um2
            if area < _DRAWN_UM2:
                continue
            number += 1
            notes.append(
                Annotation(
                    polygon.scaled(step_x, step_y),
                    f"Artefact: {kind} {number}",
                    f"Artefact: {kind}",
                    _COLORS[kind],
                    {"Area mm2": area / 1e6},
                )
            )
    return tuple(notes)
