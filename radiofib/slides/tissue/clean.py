"""Tissue fit to be measured: what is stained, less what artefacts cover."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from radiofib.errors import SlideError
from radiofib.slides.polygons import trace_polygons
from radiofib.slides.qupath.geojson import Annotation
from radiofib.slides.reader import Grid, Slide
from radiofib.slides.settings import SlideSettings
from radiofib.slides.specs.artefacts import ARTEFACT_SPECS, artefact_key
from radiofib.slides.tissue.artefacts import Artefacts, find_artefacts
from radiofib.slides.tissue.bridges import continuations, hidden_tissue
from radiofib.slides.tissue.find import TissueMask, clean_mask, find_tissue, optical_density
from radiofib.slides.tissue.focus import find_blur, shows_focus
from radiofib.slides.tissue.map import RIM_CELLS
from radiofib.slides.tissue.settings import ARTEFACT_KINDS

__all__ = [
    "ARTEFACT",
    "CleanTissue",
    "artefact_annotations",
    "artefact_values",
    "clean_tissue",
    "fit_to_measure",
    "whole_tissue",
]

Bytes = NDArray[np.uint8]
Bools = NDArray[np.bool_]

#: Classification of an artefact in QuPath, before its kind.
ARTEFACT = "Artefact"
_EIGHT = np.ones((3, 3), dtype=bool)
#: Opaque artefacts, and rims of bubbles, stain the glass around them for this many cells.
_RIM = 3
#: Least cosine between the optical densities of tissue and of what goes on beyond an artefact:
#: that of grey to eosin is 0.87, of a crowd of nuclei to eosin 0.92.
_ALIKE = 0.9
#: Smaller specks on glass are let be: they touch nothing that is measured.
_SPECK_UM2 = 250.0
_COLORS: Mapping[str, tuple[int, int, int]] = {
    "pen": (30, 60, 200),
    "dust": (90, 90, 90),
    "dark ground": (20, 20, 20),
    "bubble": (0, 170, 200),
    "fold": (150, 0, 150),
    "blur": (240, 150, 0),
}
_OTHER_COLOR = (120, 70, 20)


@dataclass(frozen=True, eq=False)
class CleanTissue:
    """Tissue of a slide, and what is left out of it.

    Parameters
    ----------
    grid : Grid
        The tissue grid.
    overview : ndarray of uint8
        The slide on it.
    tissue : TissueMask
        Tissue that artefacts do not cover: areas, counts and stains are measured on it.
    whole : ndarray of bool
        The same with the artefacts that lie on it. Pieces and centre lines are taken from it: a
        fold or a pen stroke across a core does not make it two shorter cores.
    artefacts : Artefacts
        By kind, on tissue and on glass. All that `whole` has and `tissue` has not is one.
    """

    grid: Grid
    overview: Bytes
    tissue: TissueMask
    whole: Bools
    artefacts: Artefacts


def clean_tissue(slide: Slide, settings: SlideSettings | None = None) -> CleanTissue:
    """Find tissue, flag artefacts and leave them out.

    Parameters
    ----------
    slide : Slide
        The open slide; tissue is looked for at ``tissue_um``, focus is judged on a finer picture.
    settings : SlideSettings, optional
        What counts as tissue and as an artefact, and how the slide is stained. Without
        ``artefacts`` nothing is left out.

    Raises
    ------
    SlideError
        When the slide is not brightfield, holds no tissue, or none that artefacts do not cover.
    """
    settings = settings or SlideSettings()
    grid = slide.grid(settings.tissue_um)
    overview = slide.read_all(grid)
    um = (grid.um_x, grid.um_y)
    stained = find_tissue(overview, um=um, settings=settings, where=slide.name)
    if settings.artefacts is None:
        return CleanTissue(grid, overview, stained, stained.mask, Artefacts.none(stained.mask))
    rules = settings.artefacts
    if settings.tracts.stain != "h_and_e":
        rules = rules.model_copy(update={"coloured_ink": False})
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
    usable = _usable(stained.mask, found, grid.cell_um2, settings, overview, stained.white)
    if not usable.any():
        raise SlideError(
            "no tissue left beside artefacts",
            where=slide.name,
            expected=f"a piece of at least {settings.min_tissue_um2 / 1e6:g} mm2 in focus and "
            "free of pen, folds and bubbles",
            found=_shares(stained.mask, found),
            hint="clean the slide and scan it again, or leave nothing out (artefacts: null)",
        )
    whole = whole_tissue(usable, stained.mask, found, grid.cell_um2, settings)
    # What an artefact cut off and nothing joins again is a speck, not a fragment.
    large = _pieces_of(whole, settings.min_tissue_um2 / grid.cell_um2)
    if (large & usable).any():
        whole, usable = large, usable & large
    tissue = TissueMask(usable, stained.white, stained.threshold)
    found = _without_specks(found.spread(whole & ~usable), whole, grid.cell_um2)
    return CleanTissue(grid, overview, tissue, whole, found)


def fit_to_measure(look: CleanTissue, outlined: Bools, artefacts: Artefacts) -> CleanTissue:
    """Return tissue and artefacts that someone outlined, in place of those that were found.

    Parameters
    ----------
    look : CleanTissue
        What was found on the slide.
    outlined : ndarray of bool
        Tissue with the artefacts on it. Pieces that artefacts cover altogether are dropped.
    artefacts : Artefacts
        Left out.
    """
    usable = outlined & ~artefacts.any
    tissue = TissueMask(usable, look.tissue.white, look.tissue.threshold)
    return CleanTissue(look.grid, look.overview, tissue, _touching(outlined, usable), artefacts)


def _without_specks(found: Artefacts, whole: Bools, cell_um2: float) -> Artefacts:
    """Leave out the smallest artefacts that are not on or right beside tissue."""
    near = ndi.binary_dilation(whole, iterations=math.ceil(RIM_CELLS))
    kept = np.zeros_like(found.any)
    for kind in ARTEFACT_KINDS:
        mask = found.mask(kind)
        if not mask.any():
            continue
        pieces, count = ndi.label(mask)
        keep = np.bincount(pieces.ravel(), minlength=count + 1) * cell_um2 >= _SPECK_UM2
        keep[np.unique(pieces[near])] = True
        kept |= keep[pieces] & mask
    return Artefacts(np.where(kept, found.labels, 0).astype(np.uint8))


def _usable(
    stained: Bools,
    found: Artefacts,
    cell_um2: float,
    settings: SlideSettings,
    overview: Bytes,
    white: tuple[float, float, float],
) -> Bools:
    if not found.any.any():
        return stained
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
    parts = np.isin(first, parents)
    keep |= parts & (near < 0.5 * size)
    keep[0] = parts[0] = False
    usable: Bools = keep[pieces]
    # The short end of a core beyond an artefact is all within that shadow.
    doubtful = (parts & ~keep)[pieces]
    return usable | _coloured_alike(
        continuations(usable, doubtful, _hiding(found)), usable, overview, white
    )


def _coloured_alike(
    ends: Bools, tissue: Bools, overview: Bytes, white: tuple[float, float, float]
) -> Bools:
    """Return those of some pieces that have the colour of tissue: shadows are grey, smears ink."""
    pieces, count = ndi.label(ends)
    if count == 0:
        return ends
    typical = optical_density(overview[tissue][None], white)[0].mean(axis=0)
    density = optical_density(overview[ends][None], white)[0]
    number = pieces[ends]
    sums = np.column_stack([np.bincount(number, density[:, c], count + 1) for c in range(3)])
    lengths = np.maximum(np.linalg.norm(sums, axis=1) * np.linalg.norm(typical), 1e-9)
    alike = sums @ typical >= _ALIKE * lengths
    alike[0] = False
    chosen: Bools = alike[pieces]
    return chosen


def _hiding(found: Artefacts) -> Bools:
    """Return where ink, dust and bubbles hide what is under them."""
    hidden: Bools = found.mask("pen") | found.mask("dust") | found.mask("bubble")
    return hidden


def whole_tissue(
    usable: Bools,
    stained: Bools,
    found: Artefacts,
    cell_um2: float,
    settings: SlideSettings | None = None,
) -> Bools:
    """Return tissue with the artefacts that lie on it.

    Folds and regions out of focus are tissue. What a bubble covers is, where it is coloured. Ink
    and dust hide what is under them: there a core goes on in its own direction, see
    :func:`radiofib.slides.tissue.bridges.hidden_tissue`.

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
    (200, 180, 200)
    """
    settings = settings or SlideSettings()
    if not found.any.any():
        return usable
    on_tissue = (found.mask("fold") | found.mask("blur")) & stained
    covered = ndi.binary_opening(found.mask("bubble") & stained, np.ones((5, 5), dtype=bool))
    whole = usable | _touching(on_tissue | covered, usable)
    whole = whole | hidden_tissue(whole, _hiding(found))
    whole = clean_mask(
        whole, pixel_um2=cell_um2, max_hole_um2=settings.max_hole_um2, min_piece_um2=0.0
    )
    result: Bools = _touching(whole, usable) | usable
    return result


def _pieces_of(mask: Bools, cells: float) -> Bools:
    """Return the 4-connected pieces of a mask of at least so many cells."""
    labels, count = ndi.label(mask)
    keep = np.bincount(labels.ravel(), minlength=count + 1) >= cells
    keep[0] = False
    large: Bools = keep[labels]
    return large


def _touching(mask: Bools, other: Bools) -> Bools:
    """Return the parts of `mask` that touch `other`."""
    labels, count = ndi.label(mask)
    touched = np.zeros(count + 1, dtype=bool)
    touched[labels[ndi.binary_dilation(other)]] = True
    touched[0] = False
    chosen: Bools = touched[labels]
    return chosen


def _shares(stained: Bools, found: Artefacts) -> str:
    total = int(stained.sum())
    parts = {kind: int((found.mask(kind) & stained).sum()) for kind in ARTEFACT_KINDS}
    named = [f"{kind} {100 * cells / total:.0f} %" for kind, cells in parts.items() if cells]
    return "of what is stained: " + (", ".join(named) or "specks only")


def artefact_values(
    clean: CleanTissue, settings: SlideSettings | None = None
) -> tuple[dict[str, float], dict[str, str]]:
    """Return area by kind, and how much tissue was left out, by registry key.

    Parameters
    ----------
    clean : CleanTissue
        From :func:`clean_tissue`, or outlined by someone.
    settings : SlideSettings, optional
        What was looked for.

    Returns
    -------
    values : dict
        NaN for kinds that were not looked for.
    missing : dict
        Why.

    Examples
    --------
    >>> labels = np.zeros((10, 10), np.uint8)
    >>> labels[:2] = 1 + ARTEFACT_KINDS.index("fold")
    >>> whole, rgb = np.ones((10, 10), dtype=bool), np.zeros((10, 10, 3), np.uint8)
    >>> tissue = TissueMask(labels == 0, (243.0, 243.0, 243.0), 0.05)
    >>> grid = Grid(10, 10, 1, 1, 100.0, 100.0)
    >>> clean = CleanTissue(grid, rgb, tissue, whole, Artefacts(labels))
    >>> values, missing = artefact_values(clean)
    >>> round(values["artefact_fold_area_mm2"], 6), values["artefact_tissue_left_out_percent"]
    (0.2, 20.0)
    >>> missing["artefact_blur_area_mm2"]
    'pixels are too coarse to judge focus'
    """
    rules = (settings or SlideSettings()).artefacts
    if rules is None and not clean.artefacts.any.any():
        keys = [spec.key for spec in ARTEFACT_SPECS]
        reason = "not asked for (artefacts)"
        return dict.fromkeys(keys, math.nan), dict.fromkeys(keys, reason)
    found, cell_mm2 = clean.artefacts, clean.grid.cell_um2 / 1e6
    values: dict[str, float] = {}
    missing: dict[str, str] = {}
    for kind in ARTEFACT_KINDS:
        key, cells = artefact_key(kind), int(np.count_nonzero(found.mask(kind)))
        values[key] = cells * cell_mm2
        if rules is None or kind not in rules.kinds:
            missing[key] = "not asked for (artefacts: kinds)"
        elif kind == "blur" and not shows_focus(clean.grid, rules.focus_um):
            missing[key] = "pixels are too coarse to judge focus"
        if cells == 0 and key in missing:
            values[key] = math.nan
        else:  # someone has outlined it
            missing.pop(key, None)
    lost = int(np.count_nonzero(clean.whole & ~clean.tissue.mask))
    total = int(np.count_nonzero(clean.whole))
    values["artefact_tissue_left_out_mm2"] = lost * cell_mm2
    values["artefact_tissue_left_out_percent"] = 100.0 * lost / total if total else 0.0
    return values, missing


def artefact_annotations(found: Artefacts, grid: Grid) -> tuple[Annotation, ...]:
    """Outline artefacts for QuPath, one annotation per piece, in level-0 pixels.

    Examples
    --------
    >>> labels = np.zeros((9, 9), np.uint8)
    >>> labels[2:6, 3:7] = 1
    >>> [note] = artefact_annotations(Artefacts(labels), Grid(9, 9, 16, 16, 8.0, 8.0))
    >>> note.name, note.classification, note.measurements
    ('Artefact: pen 1', 'Artefact: pen', {'Area mm2': 0.001024})
    """
    step_x, step_y = int(grid.step_x), int(grid.step_y)
    kinds = {f"{ARTEFACT}: {kind}": (found.mask(kind), _COLORS[kind]) for kind in ARTEFACT_KINDS}
    kinds[ARTEFACT] = (found.other, _OTHER_COLOR)
    return tuple(
        Annotation(
            polygon.scaled(step_x, step_y),
            f"{name} {number}",
            name,
            color,
            {"Area mm2": polygon.area * grid.cell_um2 / 1e6},
        )
        for name, (mask, color) in kinds.items()
        for number, polygon in enumerate(trace_polygons(mask), start=1)
    )
