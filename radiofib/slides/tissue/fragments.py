"""Pieces of tissue: outline, area, core length and width, and what they sum up to."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from radiofib.slides.polygons import Polygon, trace_polygons
from radiofib.slides.reader import Grid
from radiofib.slides.settings import SlideSettings
from radiofib.slides.tissue.centreline import centre_line

__all__ = [
    "Fragment",
    "edge_contact_mm",
    "find_fragments",
    "is_field",
    "morphometry",
    "only_pieces",
]

Bools = NDArray[np.bool_]

#: Tissue along at least so much of each side of a picture makes it a field cut out of tissue.
_CUT_SHARE = 0.5
#: A line without tissue along the border, so many cells wide at most, is no end of the tissue.
_BORDER_CELLS = 2


@dataclass(frozen=True, eq=False)
class Fragment:
    """One piece of tissue.

    Parameters
    ----------
    polygon : Polygon
        Outline in cells of the tissue grid.
    area_mm2 : float
        Cells that no artefact covers x area of a cell.
    length_mm : float
        Along the centre line; NaN for a wedge and in a field.
    hidden_mm2 : float
        Area that artefacts cover.
    in_field : bool
        Whether the border of the picture cuts the tissue on all sides.
    """

    polygon: Polygon
    area_mm2: float
    length_mm: float
    hidden_mm2: float = 0.0
    in_field: bool = False

    @property
    def first_cell(self) -> tuple[int, int]:
        """Row and column of a cell of the piece."""
        x, y = self.polygon.exterior[0]
        return int(y), int(x)

    @property
    def is_core(self) -> bool:
        """Whether the piece has a length."""
        return not math.isnan(self.length_mm)

    @property
    def is_wedge(self) -> bool:
        """Whether the piece is too wide to be a core."""
        return not self.is_core and not self.in_field

    @property
    def width_mm(self) -> float:
        """Mean width: area with artefacts / length; NaN without a length."""
        return (self.area_mm2 + self.hidden_mm2) / self.length_mm


def find_fragments(
    whole: Bools,
    grid: Grid,
    settings: SlideSettings | None = None,
    *,
    usable: Bools | None = None,
) -> list[Fragment]:
    """Divide a tissue mask into its 4-connected pieces and measure each.

    Parameters
    ----------
    whole : ndarray of bool
        Tissue with the artefacts that lie on it.
    grid : Grid
        The tissue grid.
    settings : SlideSettings, optional
        From which width on a piece is a wedge.
    usable : ndarray of bool, optional
        What artefacts do not cover; default all.

    Examples
    --------
    >>> mask = np.zeros((40, 300), dtype=bool)
    >>> mask[10:30, 20:280] = True
    >>> [piece] = find_fragments(mask, Grid(300, 40, 16, 16, 10.0, 10.0))
    >>> round(piece.area_mm2, 3), round(piece.length_mm, 2), round(piece.width_mm, 2)
    (0.52, 2.6, 0.2)
    """
    settings = settings or SlideSettings()
    labels, count = ndi.label(whole)
    places = ndi.find_objects(labels)
    seen = labels if usable is None else labels[usable]
    cells = np.bincount(seen.ravel(), minlength=count + 1)
    field = is_field(whole)
    fragments = []
    for polygon in trace_polygons(whole):
        x, y = polygon.exterior[0]
        label = int(labels[y, x])
        line = centre_line(
            labels[places[label - 1]] == label,
            (grid.um_x, grid.um_y),
            widest_um=settings.wedge_width_mm * 1000,
        )
        length = math.nan if line is None or field else line.length_um / 1000
        area, hidden = (
            float(count) * grid.cell_um2 / 1e6
            for count in (cells[label], polygon.area - cells[label])
        )
        fragments.append(Fragment(polygon, area, length, hidden, field and line is not None))
    return fragments


def is_field(tissue: Bools) -> bool:
    """Tell whether a picture is a field cut out of tissue: no side of it shows where that ends.

    A core that was cropped closely touches the sides of its picture, too, but here and there.

    Parameters
    ----------
    tissue : ndarray of bool
        With the artefacts that lie on it.

    Examples
    --------
    >>> core = np.zeros((40, 200), dtype=bool)
    >>> core[10:30] = True
    >>> is_field(core), is_field(np.ones_like(core))
    (False, True)
    """
    n = _BORDER_CELLS
    sides = (tissue[:n], tissue[-n:], tissue[:, :n].T, tissue[:, -n:].T)
    return all(float(side.any(axis=0).mean()) >= _CUT_SHARE for side in sides)


def only_pieces(
    mask: Bools, whole: Bools, fragments: Sequence[Fragment], pieces: Collection[int]
) -> Bools:
    """Return what of a mask lies in some pieces of the tissue.

    Examples
    --------
    >>> mask = np.array([[True, False, True]])
    >>> only_pieces(mask, mask, find_fragments(mask, Grid(3, 1, 8, 8, 8.0, 8.0)), [1]).tolist()
    [[False, False, True]]
    """
    labels, _ = ndi.label(whole)
    kept: Bools = mask & np.isin(labels, [labels[fragments[i].first_cell] for i in pieces])
    return kept


def morphometry(
    fragments: Sequence[Fragment], settings: SlideSettings | None = None
) -> tuple[dict[str, float], dict[str, str]]:
    """Sum the fragments of a slide up.

    Returns
    -------
    values : dict
        Registry key -> value. Lengths are those of the core fragments; they are NaN in a field,
        and when wedges make up half of the tissue or more.
    missing : dict
        Registry key -> reason.
    """
    settings = settings or SlideSettings()
    cores = [f for f in fragments if f.is_core]
    area = math.fsum(f.area_mm2 for f in fragments)
    core_area = math.fsum(f.area_mm2 + f.hidden_mm2 for f in cores)
    whole_area = math.fsum(f.area_mm2 + f.hidden_mm2 for f in fragments)
    length = math.fsum(f.length_mm for f in cores)
    is_biopsy = bool(cores) and core_area > whole_area / 2
    values = {
        "morphometry_tissue_area_mm2": area,
        "morphometry_fragment_count": float(len(fragments)),
        "morphometry_wedge_count": float(sum(f.is_wedge for f in fragments)),
        "morphometry_core_length_mm": length if is_biopsy else math.nan,
        "morphometry_longest_core_mm": (max(f.length_mm for f in cores) if is_biopsy else math.nan),
        "morphometry_core_width_mm": core_area / length if is_biopsy else math.nan,
    }
    reason = (
        "wedge or surgical specimen: most of the tissue is wider than "
        f"{settings.wedge_width_mm:g} mm"
    )
    if any(f.in_field for f in fragments):
        reason = "a field cut out of tissue: the border of the picture cuts it on all sides"
    return values, {key: reason for key, value in values.items() if math.isnan(value)}


def edge_contact_mm(mask: Bools, grid: Grid) -> float:
    """Return how much of the outline of tissue lies on the border of the picture.

    Examples
    --------
    >>> edge_contact_mm(np.ones((2, 5), dtype=bool), Grid(5, 2, 8, 8, 100.0, 100.0))
    1.4
    """
    across = np.count_nonzero(mask[0]) + np.count_nonzero(mask[-1])
    down = np.count_nonzero(mask[:, 0]) + np.count_nonzero(mask[:, -1])
    return float(across * grid.um_x + down * grid.um_y) / 1000
