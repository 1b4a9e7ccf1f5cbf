"""Fat vacuoles on H&E: white, round and inside tissue. Classical, and its limits stated.

Macrovesicular fat is found; microvesicular fat is below a pixel or two and is not. Round lumens of
portal tracts (bile ducts, small vessels) are told by labels of the tracts. Where there are none
they count as vacuoles: on simulated slides they add up to 0.6 percent points. So do small veins
and round tears, with labels or without; vacuoles that have run together into shapes that are no
longer round are divided or lost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.segmentation import watershed

from radiofib.slides.morphometry.depth import depth_inside
from radiofib.slides.morphometry.extremes import running_maximum, running_minimum
from radiofib.slides.morphometry.regions import boxes_on, occupied
from radiofib.slides.morphometry.settings import TractSettings
from radiofib.slides.reader import Grid, Slide
from radiofib.slides.segmentation import Compartment, Segmentation
from radiofib.slides.tissue.find import TissueMask, optical_density

__all__ = ["Vacuoles", "find_vacuoles", "measure_steatosis"]

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Stain signal below which a pixel is white; between that of glass (0) and of pale cytoplasm.
WHITE_SIGNAL = 0.1
#: Least share of a vacuole that its largest inscribed circle takes up.
ROUNDNESS = 0.6
#: Centres of vacuoles are at least this part of the smaller radius apart.
_MERGE = 0.75
_BLOCK_PIXELS = 1024
#: Directions in which labels are looked at around a white thing, and how far beyond its edge (um).
_DIRECTIONS = 8
_BESIDE_UM = 2.0
#: Part of the directions with a label of tissue in which a lumen of a tract has that of a tract.
_IN_TRACT = 0.5
#: So much glass around tissue is enough for what is smoothed within it.
_RIM_UM = 5.0


@dataclass(frozen=True, eq=False)
class Vacuoles:
    """Vacuoles of a picture.

    Parameters
    ----------
    labels : ndarray of int
        Number of the vacuole of each pixel, 0 elsewhere.
    row, column : ndarray of int
        Middle of each.
    area_um2 : ndarray
        Its area.
    """

    labels: NDArray[np.int32]
    row: Ints
    column: Ints
    area_um2: NDArray[np.float64]


def find_vacuoles(
    white: Bools, tissue: Bools, um: float, settings: TractSettings | None = None
) -> Vacuoles:
    """Find round white things inside tissue.

    Parameters
    ----------
    white : ndarray of bool
        Where the picture is white.
    tissue : ndarray of bool
        Where the tissue mask is; what reaches beyond it is glass.
    um : float
        Side of a pixel.
    settings : TractSettings, optional
        Smallest and largest diameter.

    Notes
    -----
    White regions are divided by a watershed of their distance transform, with one seed per
    maximum of a smoothed transform. A part is a vacuole when its diameter (that of a circle of
    its area) lies within the limits and its largest inscribed circle makes up 60 % of it: 1 for
    a circle, 0.64 for an ellipse with axes of 1 to 1.57, less for clefts and sinusoids.

    Examples
    --------
    >>> y, x = np.mgrid[:60, :120]
    >>> white = (np.hypot(y - 30, x - 30) <= 12) | (np.hypot(y - 30, x - 50) <= 12)
    >>> white |= (abs(y - 30) <= 2) & (x > 80) & (x < 115)
    >>> found = find_vacuoles(white, np.ones_like(white), 1.0)
    >>> found.row.tolist(), found.column.tolist(), bool((found.labels[:, 80:] == 0).all())
    ([30, 30], [30, 50], True)
    """
    settings = settings or TractSettings()
    low, high = settings.vacuole_um
    depth = depth_inside(white)
    smooth = ndi.gaussian_filter(depth, max(0.5, 1.0 / um))
    reach = 2 * max(1, round(_MERGE * low / 2 / um)) + 1
    peaks = white & (running_maximum(smooth, reach) == smooth)
    peaks &= depth * um >= low / 4
    markers, count = ndi.label(peaks, structure=np.ones((3, 3)))
    if count == 0:
        none = np.empty(0, dtype=np.int64)
        return Vacuoles(np.zeros(white.shape, np.int32), none, none, np.empty(0))
    parts = watershed(-smooth, markers, mask=white)
    pixels = np.bincount(parts.ravel(), minlength=count + 1)
    radius = np.zeros(count + 1)
    np.maximum.at(radius, parts[white], depth[white])
    # The transform measures to the centre of the next pixel, half a pixel beyond the edge.
    inscribed = np.pi * np.maximum(radius - 0.5, 0.0) ** 2
    diameter = 2 * np.sqrt(pixels / np.pi) * um
    outside = np.bincount(parts[~tissue].ravel(), minlength=count + 1) > 0
    good = (diameter >= low) & (diameter <= high) & ~outside
    good &= inscribed >= ROUNDNESS * np.maximum(pixels, 1)
    good[0] = False
    number = np.where(good, np.cumsum(good), 0).astype(np.int32)
    places = np.flatnonzero(markers)
    first = places[np.unique(markers.ravel()[places], return_index=True)[1]]
    row, column = np.divmod(first[good[1:]], white.shape[1])
    area = pixels[good].astype(np.float64) * um**2
    return Vacuoles(number[parts], row.astype(np.int64), column.astype(np.int64), area)


def _beside(found: Vacuoles, um: float) -> tuple[Floats, Floats]:
    """Return row and column of places just beyond the edge of each, shape (n, directions)."""
    reach = (np.sqrt(found.area_um2 / np.pi) + _BESIDE_UM)[:, None] / um
    turn = (2 * np.pi / _DIRECTIONS * np.arange(_DIRECTIONS))[None]
    return found.row[:, None] + reach * np.sin(turn), found.column[:, None] + reach * np.cos(turn)


def measure_steatosis(
    slide: Slide,
    grid: Grid,
    tissue: TissueMask,
    settings: TractSettings,
    segmentation: Segmentation | None = None,
) -> tuple[dict[str, float], float]:
    """Measure fat vacuoles over the tissue, block by block.

    Parameters
    ----------
    slide : Slide
        An H&E slide.
    grid : Grid
        The tissue grid.
    tissue : TissueMask
        Tissue and the level of white.
    settings : TractSettings
        Diameters and resolution.
    segmentation : Segmentation, optional
        With it, what a portal tract surrounds is left out, and vacuoles whose middle lies in the
        lobule are summed apart.

    Returns
    -------
    values : dict
        Registry key -> value, over all tissue.
    lobule_um2 : float
        Area of the vacuoles of the lobule; NaN without labels.
    """
    finest = max(1, int(min(grid.step_x, grid.step_y)))
    pixel = settings.vacuole_pixel_um or min(grid.um_x, grid.um_y)
    parts = min(max(1, round(min(grid.um_x, grid.um_y) / pixel)), finest)
    fine = grid.divided(parts)
    um = math.sqrt(fine.cell_um2)
    cell = min(grid.um_x, grid.um_y)
    margin, rim = math.ceil(settings.vacuole_um[1] / cell) + 1, math.ceil(_RIM_UM / cell) + 1
    side = max(1, _BLOCK_PIXELS // parts)
    areas: list[NDArray[np.float64]] = []
    in_lobule: list[Bools] = []
    for left, top, width, height in boxes_on(tissue.mask, side, side):
        x0, y0, x1, y1 = _around(tissue.mask, (left, top, width, height), margin, rim)
        rgb = slide.read(fine, x0 * parts, y0 * parts, (x1 - x0) * parts, (y1 - y0) * parts)
        inside = tissue.mask[y0:y1, x0:x1].repeat(parts, axis=0).repeat(parts, axis=1)
        white = _is_white(optical_density(rgb, tissue.white)) & inside
        found = find_vacuoles(white, _beyond(inside), um, settings)
        row, column = found.row + (y0 - top) * parts, found.column + (x0 - left) * parts
        mine = (row >= 0) & (row < height * parts) & (column >= 0) & (column < width * parts)
        if segmentation is not None:
            rows, columns = (place / parts for place in _beside(found, um))
            rows, columns = rows + y0, columns + x0
            mine &= ~_in_tract(segmentation, grid, rows, columns)
            place = (row[mine] / parts + top, column[mine] / parts + left)
            in_lobule.append(_has(segmentation, grid, "lobule", *place))
        areas.append(found.area_um2[mine])
    area = np.concatenate(areas) if areas else np.empty(0)
    whole = float(np.count_nonzero(tissue.mask)) * grid.cell_um2
    diameter = 2 * np.sqrt(area / np.pi)
    values = {
        "steatosis_vacuole_percent": 100 * math.fsum(area) / whole,
        "steatosis_vacuoles_per_mm2": area.size / (whole / 1e6),
        "steatosis_diameter_median_um": float(np.median(diameter)) if area.size else math.nan,
    }
    if segmentation is None:
        return values, math.nan
    chosen = np.concatenate(in_lobule) if in_lobule else np.empty(0, dtype=bool)
    return values, math.fsum(area[chosen])


def _around(
    mask: Bools, box: tuple[int, int, int, int], margin: int, rim: int
) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of a box with a margin, of glass only `rim` cells."""
    left, top, width, height = box
    x0, y0 = max(0, left - margin), max(0, top - margin)
    x1, y1 = min(mask.shape[1], left + width + margin), min(mask.shape[0], top + height + margin)
    x, y, wide, high = occupied(mask, (x0, y0, x1 - x0, y1 - y0)) or box
    return max(x0, x - rim), max(y0, y - rim), min(x1, x + wide + rim), min(y1, y + high + rim)


def _is_white(density: NDArray[np.float32]) -> Bools:
    """Return where the stain signal (mean + range of the channels) is below that of tissue."""
    red, green, blue = (density[..., i] for i in range(3))
    spread = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    white: Bools = (red + green + blue) / 3 + spread < WHITE_SIGNAL
    return white


def _beyond(inside: Bools) -> Bools:
    """Return the tissue without its outermost pixels: what reaches those touches glass."""
    inner: Bools = running_minimum(inside, 3)
    return inner


def _in_tract(
    found: Segmentation, grid: Grid, row: NDArray[np.float64], column: NDArray[np.float64]
) -> Bools:
    """Tell what a tract surrounds, by places around each, whatever label a lumen itself has."""
    portal = _has(found, grid, "portal", row, column).sum(axis=1)
    lobule = _has(found, grid, "lobule", row, column).sum(axis=1)
    surrounded: Bools = (portal > 0) & (portal >= _IN_TRACT * (portal + lobule))
    return surrounded


def _has(
    found: Segmentation,
    grid: Grid,
    compartment: Compartment,
    row: NDArray[np.float64],
    column: NDArray[np.float64],
) -> Bools:
    """Tell which places of the tissue grid have a label of a compartment."""
    down = (row * grid.step_y / found.grid.step_y).astype(np.int64).clip(0, found.grid.height - 1)
    right = (column * grid.step_x / found.grid.step_x).astype(np.int64)
    right = right.clip(0, found.grid.width - 1)
    table = np.zeros(256, dtype=bool)
    table[: len(found.classes)] = [c.compartment == compartment for c in found.classes]
    chosen: Bools = table[found.labels[down, right]]
    return chosen
