"""What someone's annotations say about a slide: tissue, labels, artefacts, regions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from radiofib._checks import list_some
from radiofib.errors import SlideError
from radiofib.slides.morphometry.regions import find_regions
from radiofib.slides.polygons import Polygon, trace_polygons
from radiofib.slides.qupath.geojson import Annotation
from radiofib.slides.qupath.rasterise import Cover, cover, on_grid, paint
from radiofib.slides.qupath.read import Drawn
from radiofib.slides.qupath.relabel import (
    OTHER_COLOR,
    DrawnLabel,
    Relabelled,
    RunLabels,
    relabel,
)
from radiofib.slides.reader import Grid
from radiofib.slides.segmentation import Segmentation
from radiofib.slides.tissue.artefacts import Artefacts
from radiofib.slides.tissue.map import RIM_CELLS
from radiofib.slides.tissue.settings import ARTEFACT_KINDS

__all__ = ["COUNTED", "WRITTEN", "Annotated", "Role", "annotate", "role_of"]

Bools = NDArray[np.bool_]
#: What an object is taken for, by its class.
Role = Literal[
    "tissue", "label", "background", "artefact", "region", "ignore", "unclassified", "unused"
]

#: Measurement of an outline of tissue that says that tracts were counted in it.
COUNTED = "Portal area mm2"
#: Measurement that every outline of tissue has that radiofib wrote.
WRITTEN = "Area mm2"
_KINDS = ("annotation", "detection")
_NOT_USED: tuple[Role, ...] = ("unclassified", "unused")
_NO_CELLS = Cover(0, 0, np.zeros((0, 0), dtype=bool), False)
#: Objects named in one note; more are counted.
_MOST_NAMED = 5
#: QuPath writes two decimals.
_ROUNDING = 0.011


def role_of(drawn: Drawn) -> Role:
    """Return what an object is taken for.

    Classes are told by name, whatever their case: ``Tissue`` is an outline of tissue, what begins
    with ``Artefact`` (or ``Artifact``) lies on it and is left out, ``ROI`` and ``Region*`` limit
    what is measured, ``Ignore*`` is left out, ``background`` and ``glass`` are neither; all
    others are labels. Cells, tiles and cores of a tissue microarray are not used.

    Examples
    --------
    >>> classes = ("Tissue", "region*", "ROI", "Ignore*", "Artefact: pen", "Portal tract", None)
    >>> [role_of(Drawn(1, "annotation", name, None, "", (), "")) for name in classes]
    ['tissue', 'region', 'region', 'ignore', 'artefact', 'label', 'unclassified']
    """
    if drawn.kind not in _KINDS:
        return "unused"
    if drawn.classification is None or not drawn.classification.strip():
        return "unclassified"
    name = drawn.classification.strip().casefold()
    if name.startswith("tissue"):
        return "tissue"
    if name.startswith(("artefact", "artifact")):
        return "artefact"
    if name == "roi" or name.startswith("region"):
        return "region"
    if name.startswith("ignore"):
        return "ignore"
    return "background" if name in ("background", "glass") else "label"


@dataclass(frozen=True, eq=False)
class Annotated:
    """Annotations of one slide, as cells.

    Parameters
    ----------
    segmentation : Segmentation
        Labels; background outside the regions.
    tissue : ndarray of bool
        Tissue within the regions, with the artefacts on it, on the tissue grid.
    artefacts : Artefacts
        On the tissue grid.
    frames : tuple of Annotation
        The regions and what is to be ignored, to be written out again.
    counts : dict
        Objects by role, and those that were mended or hold no cell.
    notes : tuple of str
        What the reader of the results should look at.
    says_tracts : bool
        Whether the file says something of tracts: it has labels, or an outline of tissue carries
        the measurement :data:`COUNTED`.
    """

    segmentation: Segmentation
    tissue: Bools
    artefacts: Artefacts
    frames: tuple[Annotation, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    says_tracts: bool = False


@dataclass(frozen=True, eq=False)
class _Placed:
    drawn: Drawn
    role: Role
    cover: Cover


def annotate(
    objects: Sequence[Drawn],
    grid: Grid,
    *,
    tissue_grid: Grid,
    found: Bools | None = None,
    run: RunLabels | None = None,
    maker: str = "annotations",
    smallest_um2: float = 0.0,
) -> Annotated:
    """Turn annotations into labels, tissue, artefacts and regions.

    Parameters
    ----------
    objects : sequence of Drawn
        Of one file.
    grid : Grid
        Grid of the labels; that of the run where there is one.
    tissue_grid : Grid
        Grid of the tissue mask.
    found : ndarray of bool, optional
        Tissue found on the slide, on `tissue_grid`; needed where the file outlines none.
    run : RunLabels, optional
        Labels of the run whose objects were corrected: they stay where nobody has changed
        anything. Without them, all tissue is lobule where no other label lies.
    maker : str
        Name of the file and short hash.
    smallest_um2 : float
        Regions of portal tract below it stay in the labels, but are no tracts when counted: the
        notes name those that were drawn.

    Returns
    -------
    Annotated
        Tissue is what the outlines of class ``Tissue`` hold, or else `found`. Labels of lobule
        come first, then all others, larger objects before smaller ones, so that what lies inside
        another stays visible. Tracts that meet at an edge are parted by one cell, taken from the
        smaller, so that they stay two. What is drawn beyond the tissue is cut off there; an
        object more than half out there is left out. Tracts that a run wrote have a rim of two
        cells of the tissue grid, the uncertainty of its outlines. Nothing counts outside the
        regions, if there are any.

    Raises
    ------
    SlideError
        When an object lies outside the slide, there are more than 255 classes, or no tissue is
        outlined and `found` is not given.

    Examples
    --------
    >>> def drawn(number, name, x, y):
    ...     ring = np.array([(0, 0), (x, 0), (x, y), (0, y), (0, 0)], dtype=float)
    ...     return Drawn(number, "annotation", name, None, "", ((ring,),), f"feature {number}")
    >>> grid = Grid(4, 2, 2, 2, 1.0, 1.0)
    >>> found = annotate([drawn(1, "Portal tract", 2, 4), drawn(2, "Tissue", 6, 4)], grid,
    ...                  tissue_grid=grid)
    >>> found.segmentation.labels.tolist(), found.counts["label"]
    ([[2, 1, 1, 0], [2, 1, 1, 0]], 1)
    """
    placed = [_place(one, grid) for one in objects]
    outlined = [p for p in placed if p.role == "tissue"]
    if outlined:
        tissue = _cells(outlined, tissue_grid)
        body = paint((p.cover for p in outlined), grid)
        coarse = _cells((p for p in outlined if _is_on_edges(p.drawn, tissue_grid)), tissue_grid)
    elif found is None:
        raise SlideError(
            "no tissue is outlined",
            expected="an object of class 'Tissue'",
            hint="outline the tissue in QuPath, or let radiofib find it",
        )
    else:
        tissue, body, coarse = found, on_grid(found, tissue_grid, grid), found
    labelled = [
        DrawnLabel(p.drawn, p.drawn.classification if p.role == "label" else None, p.cover)
        for p in placed
        if p.role in ("label", "background")
    ]
    # Outlines that radiofib drew are coarser than labels. Those drawn by hand are taken at
    # their word.
    rim = body | on_grid(_with_rim(coarse), tissue_grid, grid)
    made = relabel(labelled, grid, body, rim, run, tissue_grid)
    limits = [p for p in placed if p.role in ("region", "ignore")]
    if limits:
        made.labels[~_allowed(limits, grid)] = 0
        tissue = tissue & _allowed(limits, tissue_grid)
    found_labels = Segmentation(made.labels, grid, made.classes, "annotations", maker)
    small = _too_small(placed, found_labels, smallest_um2)
    return Annotated(
        found_labels,
        tissue,
        _artefacts((p for p in placed if p.role == "artefact"), tissue_grid),
        tuple(_frames(limits, grid)),
        _counts(placed),
        tuple(_notes(placed, made, run, {f"smaller than {smallest_um2:g} um2, no tract": small})),
        bool(labelled) or any(COUNTED in p.drawn.measured for p in outlined),
    )


def _place(drawn: Drawn, grid: Grid) -> _Placed:
    role = role_of(drawn)
    # A file may hold a hundred thousand cells that no one asks for.
    return _Placed(drawn, role, _NO_CELLS if role in _NOT_USED else cover(drawn, grid))


def _is_on_edges(drawn: Drawn, grid: Grid) -> bool:
    """Tell whether all points lie on edges of the grid's cells, as those that radiofib wrote."""
    step = np.array([grid.step_x, grid.step_y])
    points = np.concatenate([ring for part in drawn.parts for ring in part] or [np.zeros((1, 2))])
    return bool((np.abs(points - np.rint(points / step) * step) <= _ROUNDING).all())


def _cells(placed: Iterable[_Placed], grid: Grid) -> Bools:
    return paint((cover(p.drawn, grid) for p in placed), grid)


def _allowed(limits: Sequence[_Placed], grid: Grid) -> Bools:
    regions = [p for p in limits if p.role == "region"]
    left_out = _cells((p for p in limits if p.role == "ignore"), grid)
    return _cells(regions, grid) & ~left_out if regions else ~left_out


def _frames(limits: Iterable[_Placed], grid: Grid) -> Iterator[Annotation]:
    for one in limits:
        corner = np.array([one.cover.left, one.cover.top])
        for polygon in trace_polygons(one.cover.mask):
            exterior, *holes = (ring + corner for ring in polygon.rings)
            yield Annotation(
                Polygon(exterior, tuple(holes)).scaled(grid.step_x, grid.step_y),
                one.drawn.name,
                one.drawn.classification or "",
                one.drawn.color or OTHER_COLOR,
            )


def _counts(placed: Sequence[_Placed]) -> dict[str, int]:
    counts: dict[str, int] = {r: sum(p.role == r for p in placed) for r in get_args(Role)}
    counts["mended"] = sum(p.cover.mended for p in placed)
    counts["empty"] = sum(p.cover.cells == 0 for p in placed if p.role not in _NOT_USED)
    return counts


def _too_small(
    placed: Sequence[_Placed], labels: Segmentation, smallest_um2: float
) -> list[_Placed]:
    """Return the tracts drawn that are too small, unless they are part of a larger one."""
    portal = {c.name for c in labels.classes if c.compartment == "portal"}
    least = smallest_um2 / labels.grid.cell_um2
    small = [
        p
        for p in placed
        if p.role == "label" and p.drawn.classification in portal and 0 < p.cover.cells < least
    ]
    if not small:
        return []
    regions = find_regions(labels, "portal")
    large = np.concatenate([[False], regions.cells >= least])
    boxes = [(p.cover.left, p.cover.top, *p.cover.mask.shape[::-1]) for p in small]
    owners = [regions.paint(*box)[p.cover.mask] for p, box in zip(small, boxes, strict=True)]
    return [p for p, own in zip(small, owners, strict=True) if own.any() and not large[own].any()]


def _notes(
    placed: Sequence[_Placed],
    made: Relabelled,
    run: RunLabels | None,
    more: Mapping[str, Sequence[_Placed]],
) -> Iterator[str]:
    used = [p for p in placed if p.role not in _NOT_USED]
    known = () if run is None else run.segmentation.classes
    neither = {c.name for c in made.classes if c.compartment == "other" and c not in known}
    found: dict[str, Sequence[_Placed | DrawnLabel]] = {
        "no class, left out": [p for p in placed if p.role == "unclassified" and p.drawn.parts],
        "the outline crosses itself; all that it encloses is inside": [
            p for p in used if p.cover.mended
        ],
        "too small to hold a cell of the labels, left out": [
            p for p in used if p.drawn.parts and not p.cover.cells
        ],
        "touches another tract; parted by one cell": made.parted,
        "outside the tissue, left out": made.outside,
        "reaches beyond the tissue; cut off at its edge": made.cut,
        "the class is neither that of lobule nor of portal tracts; counted as neither": [
            p for p in used if p.role == "label" and p.drawn.classification in neither
        ],
        **more,
    }
    for what, which in found.items():
        if which:
            yield f"{list_some((p.drawn.where for p in which), _MOST_NAMED)}: {what}"


def _with_rim(tissue: Bools) -> Bools:
    """Return tissue with the rim in which labels still belong to it."""
    if not tissue.any():
        return tissue
    rim: Bools = ndi.distance_transform_edt(~tissue) <= RIM_CELLS
    return rim


def _artefacts(placed: Iterable[_Placed], grid: Grid) -> Artefacts:
    """Return artefacts by kind; where two meet, the first in the order of kinds counts."""
    found = Artefacts(np.zeros((grid.height, grid.width), dtype=np.uint8))
    masks: dict[str, list[_Placed]] = {}
    for one in placed:
        kind = (one.drawn.classification or "").partition(":")[2].strip().casefold()
        masks.setdefault(kind, []).append(one)
    for kind in sorted(masks, key=lambda k: (*ARTEFACT_KINDS, k).index(k)):
        found = found.added(kind, _cells(masks[kind], grid))
    return found
