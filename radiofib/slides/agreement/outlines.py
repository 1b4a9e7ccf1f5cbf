"""Outlines of two folders in QuPath's GeoJSON: painted on one grid, one pair at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radiofib._checks import list_some
from radiofib.errors import SlideError, UsageError
from radiofib.slides.qupath.annotated import role_of
from radiofib.slides.qupath.rasterise import cover
from radiofib.slides.qupath.read import Drawn, read_geojson
from radiofib.slides.reader import Grid
from radiofib.slides.segmentation import compartments_of
from radiofib.stats import label_counts

__all__ = ["OutlinePairs"]

Labels = NDArray[np.uint8]
#: What outlines are compared as, in the order in which they are painted.
_KINDS = ("background", "lobule", "other", "portal tract")


class OutlinePairs:
    """Pairs of files of outlines, and what both folders have outlines of.

    Parameters
    ----------
    mpp : mapping
        um per level-0 pixel of each case.
    um : float
        Side of a cell in which outlines are compared.
    """

    def __init__(self, mpp: Mapping[str, float], um: float) -> None:
        self._mpp, self._um = mpp, um
        self._drawn: tuple[set[str], set[str]] = (set(), set())
        self._others: dict[str, str] = {}

    def count(self, case: str, files: tuple[Path, Path]) -> NDArray[np.int64]:
        """Read the two files of a case and count their cells by the label in each.

        Raises
        ------
        SlideError
            When a file is damaged, or the pixel size is not known.
        """
        size = _size(case, self._mpp)
        drawn = [[d for d in read_geojson(path) if _kind(d) is not None] for path in files]
        step, um = self._um / size, self._um
        far = [ring.max(axis=0) for one in drawn for d in one for part in d.parts for ring in part]
        width, height = (np.max(far, axis=0) if far else np.zeros(2)) / step
        grid = Grid(math.ceil(width) + 1, math.ceil(height) + 1, step, step, um, um)
        first, second = (_painted(one, grid) for one in drawn)
        counts = label_counts(first, second, len(_KINDS))
        for kinds, one in zip(self._drawn, drawn, strict=True):
            kinds |= {kind for kind in map(_kind, one) if kind is not None}
        for d in (d for one in drawn for d in one if _kind(d) == "other"):
            name = (d.classification or "").strip()
            self._others.setdefault(name.casefold(), name)
        return counts

    def classes(self) -> list[tuple[str, bool]]:
        """Return the name of each class; what both folders have outlines of is told.

        Raises
        ------
        UsageError
            When that is nothing: nobody has said where the others are.
        """
        first, second = self._drawn
        if not first & second:
            raise UsageError(
                "the two folders have no class in common",
                expected=list_some(sorted(first)) or "classes",
                found=list_some(sorted(second)) or "none",
                hint="give the annotations their class in QuPath",
            )
        names = dict.fromkeys(_KINDS, "")
        if len(self._others) == 1 and not self._others.keys() & set(_KINDS):
            names["other"] = next(iter(self._others.values()))
        return [(names[kind] or kind, kind in first & second) for kind in _KINDS]

    def note(self) -> str:
        """Say how fine the comparison is."""
        return f"outlines in cells of {self._um:g} um"


def _size(case: str, mpp: Mapping[str, float]) -> float:
    size = mpp.get(case, math.nan)
    if not math.isfinite(size):
        raise SlideError(
            "the pixel size of this slide is not known",
            where=f"case {case!r}",
            expected="mpp_x_um in the table of slides",
            hint="name slides.csv or the run with this slide",
        )
    return size


def _kind(drawn: Drawn) -> str | None:
    role = role_of(drawn)
    if role == "tissue":
        return "lobule"
    if role != "label":
        return None
    kind = compartments_of(["background", drawn.classification or ""])[1]
    return "portal tract" if kind == "portal" else kind


def _painted(objects: Sequence[Drawn], grid: Grid) -> Labels:
    labels = np.zeros((grid.height, grid.width), dtype=np.uint8)
    for number, kind in enumerate(_KINDS):
        for one in (d for d in objects if _kind(d) == kind):
            found = cover(one, grid)
            height, width = found.mask.shape
            there = labels[found.top : found.top + height, found.left : found.left + width]
            there[found.mask] = number
    return labels
