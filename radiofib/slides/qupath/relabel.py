"""Labels from annotations: those of a run with its tracts taken out, what was drawn put in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from radiofib.errors import SlideError
from radiofib.slides.morphometry.regions import Regions
from radiofib.slides.qupath.rasterise import Cover, on_grid
from radiofib.slides.qupath.read import Drawn
from radiofib.slides.reader import Grid
from radiofib.slides.segmentation import Compartment, Segmentation, SlideClass, compartments_of

__all__ = ["OTHER_COLOR", "DrawnLabel", "Relabelled", "RunLabels", "relabel"]

Bools = NDArray[np.bool_]
Labels = NDArray[np.uint8]

OTHER_COLOR = (150, 150, 150)
_RANK: dict[Compartment, int] = {"background": 0, "lobule": 1, "portal": 2, "other": 3}
_BACKGROUND = SlideClass("background", (128, 128, 128), "background")
#: Classes that are there even where nothing of them was drawn and nothing was labelled.
_ALWAYS = (
    SlideClass("Tissue", (0, 160, 60), "lobule"),
    SlideClass("Portal tract", (213, 94, 0), "portal"),
)
_MOST_CLASSES = 255
#: An object is left out when less than this part of it lies in tissue.
_LEAST_INSIDE = 0.5


@dataclass(frozen=True, eq=False)
class RunLabels:
    """Labels that a run kept of a slide, and what it wrote of them.

    Parameters
    ----------
    segmentation : Segmentation
        The labels.
    written : Regions
        The tracts that the run counted: each is an object of its GeoJSON.
    usable : ndarray of bool
        Tissue that the run measured, on the tissue grid.
    """

    segmentation: Segmentation
    written: Regions
    usable: Bools


@dataclass(frozen=True, eq=False)
class DrawnLabel:
    """An object of a class of labels, or of the background.

    Parameters
    ----------
    drawn : Drawn
        The object.
    name : str, optional
        Its class; None for the background.
    cover : Cover
        Its cells.
    """

    drawn: Drawn
    name: str | None
    cover: Cover


@dataclass(frozen=True, eq=False)
class Relabelled:
    """Labels, and the objects that did not go in as they were drawn.

    Parameters
    ----------
    labels : ndarray of uint8
        Numbers of the classes.
    classes : tuple of SlideClass
        The first is the background.
    outside : list of DrawnLabel
        Left out: mostly outside the tissue.
    cut : list of DrawnLabel
        Cut off at the edge of the tissue.
    parted : list of DrawnLabel
        Tracts parted by a cell from one that they touch.
    """

    labels: Labels
    classes: tuple[SlideClass, ...]
    outside: list[DrawnLabel]
    cut: list[DrawnLabel]
    parted: list[DrawnLabel]


def relabel(
    objects: Iterable[DrawnLabel],
    grid: Grid,
    body: Bools,
    rim: Bools,
    run: RunLabels | None = None,
    tissue_grid: Grid | None = None,
) -> Relabelled:
    """Put drawn objects into labels.

    Parameters
    ----------
    objects : iterable of DrawnLabel
        In any order: lobule is painted first, then all others, larger ones before smaller ones.
    grid : Grid
        Of the labels; that of the run where there is one.
    body, rim : ndarray of bool
        Tissue, and tissue with the rim in which what radiofib outlined still counts.
    run : RunLabels, optional
        Labels of a run. Those of its tracts become lobule first, so that what was deleted is
        gone; cells outside the tissue that it measured become lobule inside `body`. All others
        stay: veins and vacuoles that it left out of the lobule, objects too small for a tract.
        Without one, all of `body` is lobule at first.
    tissue_grid : Grid, optional
        Of the run's tissue.

    Raises
    ------
    SlideError
        When there are more than 255 classes.
    """
    objects = list(objects)
    known = (_BACKGROUND, *_ALWAYS) if run is None else run.segmentation.classes
    classes = _classes(objects, known)
    rest = next((i for i, c in enumerate(classes) if c.compartment == "lobule"), 0)
    own = np.zeros_like(body)
    if run is None:
        labels = np.where(body, rest, 0).astype(np.uint8)
    else:
        labels = np.array(run.segmentation.labels)
        runs = (run.written.row, run.written.start, run.written.end)
        for row, start, end in zip(*(one.tolist() for one in runs), strict=True):
            own[row, start:end] = True
        seen = run.usable if tissue_grid is None else on_grid(run.usable, tissue_grid, grid)
        labels[own | (body & (labels == 0) & ~seen)] = rest
    numbers = {c.name: i for i, c in enumerate(classes)}
    kinds = [c.compartment for c in classes]
    found = Relabelled(labels, classes, [], [], [])
    tracts = np.zeros_like(body)
    near = rim | own

    def order(one: DrawnLabel) -> tuple[bool, int, int]:
        lobule = one.name is not None and kinds[numbers[one.name]] == "lobule"
        return (not lobule, -one.cover.cells, one.drawn.number)

    for one in sorted(objects, key=order):
        mask, place = one.cover.mask, one.cover.place
        if one.cover.cells and np.count_nonzero(near[place] & mask) < _LEAST_INSIDE * mask.sum():
            found.outside.append(one)
            continue
        # Outlines in steps are of a grid: radiofib wrote them, as coarse as its tissue.
        room = near if run is None and _is_stepped(one.drawn) else body | own
        inside = mask & room[place]
        if (inside != mask).any():
            found.cut.append(one)
        value = 0 if one.name is None else numbers[one.name]
        if kinds[value] == "portal":
            apart = _apart(inside, tracts, one.cover)
            if apart is not inside:
                found.parted.append(one)
            inside = apart
            tracts[place] |= inside
        labels[place][inside] = value
    return found


def _classes(objects: Iterable[DrawnLabel], known: Sequence[SlideClass]) -> tuple[SlideClass, ...]:
    """Return the classes that are known, and those of objects that are not."""
    named = {c.name: c for c in known}
    drawn: dict[str, SlideClass] = {}
    for one in objects:
        if one.name is None:
            continue
        color = one.drawn.color or OTHER_COLOR
        if one.name in named and one.drawn.color is not None and named[one.name] in _ALWAYS:
            named[one.name] = replace(named[one.name], color=color)
        elif one.name not in named:
            compartment = compartments_of(["", one.name])[1]
            drawn.setdefault(one.name, SlideClass(one.name, color, compartment))
    ordered = sorted(drawn.values(), key=lambda c: (_RANK[c.compartment], c.name))
    classes = (*named.values(), *ordered)
    if len(classes) > _MOST_CLASSES + 1:
        raise SlideError(
            "too many classes", expected=f"at most {_MOST_CLASSES}", found=str(len(classes) - 1)
        )
    return classes


def _apart(mask: Bools, tracts: Bools, cover: Cover) -> Bools:
    """Return a tract without the cells at which it touches one that is there already.

    Two tracts that share cells are one; two that only meet at an edge stay two.
    """
    rows, columns = cover.place
    top, left = max(rows.start - 1, 0), max(columns.start - 1, 0)
    around = tracts[top : rows.stop + 1, left : columns.stop + 1]
    frame = (
        slice(rows.start - top, rows.stop - top),
        slice(columns.start - left, columns.stop - left),
    )
    if not around.any() or (around[frame] & mask).any():
        return mask
    apart: Bools = mask & ~ndi.binary_dilation(around)[frame]
    return mask if (apart == mask).all() or not apart.any() else apart


def _is_stepped(drawn: Drawn) -> bool:
    """Tell whether an outline runs along rows and columns only, as those that radiofib wrote."""
    rings = (ring for part in drawn.parts for ring in part)
    return all(bool((np.diff(ring, axis=0) == 0).any(axis=1).all()) for ring in rings)
