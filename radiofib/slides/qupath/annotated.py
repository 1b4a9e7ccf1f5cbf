"""What someone's annotations say about a slide: tissue, labels, regions to measure in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from radiofib._checks import list_some
from radiofib.errors import SlideError
from radiofib.slides.polygons import Polygon, trace_polygons
from radiofib.slides.qupath.geojson import Annotation
from radiofib.slides.qupath.rasterise import Cover, cover, on_grid, paint
from radiofib.slides.qupath.read import Drawn
from radiofib.slides.reader import Grid
from radiofib.slides.segmentation import Compartment, Segmentation, SlideClass, compartments_of

__all__ = ["Annotated", "Role", "annotate", "role_of"]

Bools = NDArray[np.bool_]
Labels = NDArray[np.uint8]
#: What an object is taken for, by its class.
Role = Literal["tissue", "label", "background", "region", "ignore", "unclassified", "unused"]

_KINDS = ("annotation", "detection")
_NOT_USED: tuple[Role, ...] = ("unclassified", "unused")
_NO_CELLS = Cover(0, 0, np.zeros((0, 0), dtype=bool), False)
#: Objects named in one note; more are counted.
_MOST_NAMED = 5
_RANK: dict[Compartment, int] = {"background": 0, "lobule": 1, "portal": 2, "other": 3}
_BACKGROUND = SlideClass("background", (128, 128, 128), "background")
#: Classes that are there even where nothing of them was drawn.
_ALWAYS = (
    SlideClass("Tissue", (0, 160, 60), "lobule"),
    SlideClass("Portal tract", (213, 94, 0), "portal"),
)
_OTHER_COLOR = (150, 150, 150)
_MOST_CLASSES = 255
#: An object is left out when less than this part of it lies in tissue.
_LEAST_INSIDE = 0.5
#: QuPath writes two decimals.
_ROUNDING = 0.011
_EIGHT = np.ones((3, 3), dtype=bool)


def role_of(drawn: Drawn) -> Role:
    """Return what an object is taken for.

    Classes are told by name, whatever their case: ``Tissue`` is an outline of tissue, ``ROI`` and
    ``Region*`` limit what is measured, ``Ignore*`` is left out, ``background`` and ``glass`` are
    neither; all others are labels. Cells, tiles and cores of a tissue microarray are not used.

    Examples
    --------
    >>> classes = ("Tissue", "region*", "ROI", "Ignore*", "Portal tract", None)
    >>> [role_of(Drawn(1, "annotation", name, None, "", (), "")) for name in classes]
    ['tissue', 'region', 'region', 'ignore', 'label', 'unclassified']
    """
    if drawn.kind not in _KINDS:
        return "unused"
    if drawn.classification is None or not drawn.classification.strip():
        return "unclassified"
    name = drawn.classification.strip().casefold()
    if name.startswith("tissue"):
        return "tissue"
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
        Labels; background outside the tissue and outside the regions.
    tissue : ndarray of bool
        Tissue within the regions, on the tissue grid.
    frames : tuple of Annotation
        The regions and what is to be ignored, to be written out again.
    counts : dict
        Objects by role, and those that were mended or hold no cell.
    notes : tuple of str
        What the reader of the results should look at.
    """

    segmentation: Segmentation
    tissue: Bools
    frames: tuple[Annotation, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


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
    maker: str = "annotations",
) -> Annotated:
    """Turn annotations into labels, tissue and regions.

    Parameters
    ----------
    objects : sequence of Drawn
        Of one file.
    grid : Grid
        Grid of the labels.
    tissue_grid : Grid
        Grid of the tissue mask.
    found : ndarray of bool, optional
        Tissue found on the slide, on `tissue_grid`; needed where the file outlines none.
    maker : str
        Name of the file and short hash.

    Returns
    -------
    Annotated
        Tissue is what the outlines of class ``Tissue`` hold, or else `found`. It is lobule where
        no other label lies. Labels of lobule come first, then all others, larger objects before
        smaller ones, so that what lies inside another stays visible. Tracts that meet at an
        edge are parted by one cell, taken from the smaller, so that they stay two. Nothing
        counts outside the tissue, where that was outlined by radiofib with a rim of one cell of
        its grid; an object more than half out there is left out. Nothing counts outside the
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
    classes = _classes(placed)
    labels = np.zeros((grid.height, grid.width), dtype=np.uint8)
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
    labels[body] = 1
    # Outlines that radiofib drew are coarser than labels: what overhangs them by a cell is still
    # inside. Those drawn by hand are taken at their word.
    near = body | on_grid(ndi.binary_dilation(coarse, _EIGHT), tissue_grid, grid)
    shown = _painting_order(placed, classes)
    outside = [p for p in shown if p.cover.cells and _share(near, p.cover) < _LEAST_INSIDE]
    parted = [p for p in shown if p not in outside and _paint_label(labels, p, classes)]
    labels[~near] = 0
    limits = [p for p in placed if p.role in ("region", "ignore")]
    if limits:
        labels[~_allowed(limits, grid)] = 0
        tissue = tissue & _allowed(limits, tissue_grid)
    return Annotated(
        Segmentation(labels, grid, classes, "annotations", maker),
        tissue,
        tuple(_frames(limits, grid)),
        _counts(placed),
        tuple(_notes(placed, parted, outside)),
    )


def _place(drawn: Drawn, grid: Grid) -> _Placed:
    role = role_of(drawn)
    # A file may hold a hundred thousand cells that no one asks for.
    return _Placed(drawn, role, _NO_CELLS if role in _NOT_USED else cover(drawn, grid))


def _classes(placed: Iterable[_Placed]) -> tuple[SlideClass, ...]:
    named = {c.name: c for c in _ALWAYS}
    for one in placed:
        name = one.drawn.classification
        if one.role != "label" or name is None:
            continue
        compartment = compartments_of(["", name])[1]
        known = named.get(name)
        color = one.drawn.color or (known.color if known else _OTHER_COLOR)
        if known is None or known in _ALWAYS:
            named[name] = SlideClass(name, color, compartment)
    ordered = sorted(
        named.values(), key=lambda c: (_RANK[c.compartment], c.name != "Tissue", c.name)
    )
    if len(ordered) > _MOST_CLASSES:
        raise SlideError(
            "too many classes", expected=f"at most {_MOST_CLASSES}", found=str(len(ordered))
        )
    return (_BACKGROUND, *ordered)


def _painting_order(placed: Iterable[_Placed], classes: Sequence[SlideClass]) -> list[_Placed]:
    compartment = {c.name: c.compartment for c in classes}
    shown = [p for p in placed if p.role in ("label", "background")]

    def key(one: _Placed) -> tuple[bool, int, int]:
        lobule = one.role == "label" and compartment[one.drawn.classification or ""] == "lobule"
        return (not lobule, -one.cover.cells, one.drawn.number)

    return sorted(shown, key=key)


def _paint_label(labels: Labels, one: _Placed, classes: Sequence[SlideClass]) -> bool:
    """Put one object's label down; return whether it had to be parted from a tract it touches."""
    numbers = {c.name: i for i, c in enumerate(classes)}
    value = numbers[one.drawn.classification or ""] if one.role == "label" else 0
    mask, parted = one.cover.mask, False
    height, width = mask.shape
    top, left = one.cover.top, one.cover.left
    if classes[value].compartment == "portal":
        around = labels[max(top - 1, 0) : top + height + 1, max(left - 1, 0) : left + width + 1]
        portal = np.isin(around, [i for i, c in enumerate(classes) if c.compartment == "portal"])
        frame = slice(min(top, 1), min(top, 1) + height), slice(min(left, 1), min(left, 1) + width)
        apart = mask & ~ndi.binary_dilation(portal)[frame]
        # Two tracts that share cells are one; two that only meet at an edge stay two.
        parted = not (portal[frame] & mask).any() and bool((apart != mask).any()) and apart.any()
        mask = apart if parted else mask
    labels[top : top + height, left : left + width][mask] = value
    return parted


def _is_on_edges(drawn: Drawn, grid: Grid) -> bool:
    """Tell whether all points lie on edges of the grid's cells, as those that radiofib wrote."""
    step = np.array([grid.step_x, grid.step_y])
    points = np.concatenate([ring for part in drawn.parts for ring in part] or [np.zeros((1, 2))])
    return bool((np.abs(points - np.rint(points / step) * step) <= _ROUNDING).all())


def _share(inside: Bools, one: Cover) -> float:
    """Return the part of an object's cells that lie in a mask."""
    height, width = one.mask.shape
    window = inside[one.top : one.top + height, one.left : one.left + width]
    return float(np.count_nonzero(window & one.mask) / one.cells)


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
                one.drawn.color or _OTHER_COLOR,
            )


def _counts(placed: Sequence[_Placed]) -> dict[str, int]:
    roles: tuple[Role, ...] = ("tissue", "label", "background", "region", "ignore")
    counts: dict[str, int] = {r: sum(p.role == r for p in placed) for r in (*roles, *_NOT_USED)}
    counts["mended"] = sum(p.cover.mended for p in placed)
    counts["empty"] = sum(p.cover.cells == 0 for p in placed if p.role not in _NOT_USED)
    return counts


def _notes(
    placed: Sequence[_Placed], parted: Sequence[_Placed], outside: Sequence[_Placed]
) -> Iterator[str]:
    used = [p for p in placed if p.role not in _NOT_USED]
    found = {
        "no class, left out": [p for p in placed if p.role == "unclassified" and p.drawn.parts],
        "the outline crosses itself; all that it encloses is inside": [
            p for p in used if p.cover.mended
        ],
        "too small to hold a cell of the labels, left out": [
            p for p in used if p.drawn.parts and not p.cover.cells
        ],
        "touches another tract; parted by one cell": parted,
        "outside the tissue, left out": outside,
    }
    for what, which in found.items():
        if which:
            yield f"{list_some((p.drawn.where for p in which), _MOST_NAMED)}: {what}"
