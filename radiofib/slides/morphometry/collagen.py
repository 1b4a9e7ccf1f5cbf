"""Collagen proportionate area on Sirius red and Masson's trichrome."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from radiofib.errors import SlideError
from radiofib.slides.morphometry.settings import TractSettings
from radiofib.slides.reader import Grid, Slide
from radiofib.slides.tissue.find import SIGNAL_BOUNDS, TissueMask, optical_density, stain_signal

__all__ = ["CollagenStain", "collagen_mask", "density_hue", "measure_collagen", "structures"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.floating]

CollagenStain = Literal["sirius_red", "masson"]

#: Middle and half width of the hues of collagen, degrees. Sirius red: nearer to red than to
#: picric yellow or magenta. Masson: red is taken up most, by aniline blue and light green alike.
HUES = {"sirius_red": (0.0, 30.0), "masson": (185.0, 65.0)}
#: Least colour: difference between the strongest and the weakest optical density.
COLOUR_OD = 0.1
#: A cell of the tissue grid is dense collagen from this share of its tissue on.
DENSE = 0.5


def density_hue(density: Floats) -> Floats:
    r"""Return the hue of optical densities in degrees, -180 to 180; 0 is red, 60 yellow.

    .. math:: \mathrm{atan2}\left(\tfrac{\sqrt 3}{2}(D_B - D_G),\ \tfrac{D_G + D_B}{2} - D_R\right)

    Examples
    --------
    >>> density_hue(np.array([[0.0, 0.5, 0.5], [0.0, 0.0, 0.5], [0.5, 0.5, 0.0]])).round()
    array([   0.,   60., -120.])
    """
    red, green, blue = (density[..., i] for i in range(3))
    hue: Floats = np.degrees(
        np.arctan2(math.sqrt(3) / 2 * (blue - green), (green + blue) / 2 - red)
    )
    return hue


def collagen_mask(density: Floats, stain: CollagenStain) -> Bools:
    """Return where the colour is that of collagen.

    Parameters
    ----------
    density : ndarray, shape (..., 3)
        Optical density in red, green and blue.
    stain : {"sirius_red", "masson"}
        The stain.

    Notes
    -----
    The hue of the optical density does not depend on how thick the section is or how much dye it
    took up; hue windows and the least colour are fixed, so that a fraction does not depend on
    what else is on the slide (as Otsu's threshold would).

    Examples
    --------
    >>> dyes = np.array([[0.1, 0.5, 0.6], [0.1, 0.15, 0.4], [0.0, 0.03, 0.03]])
    >>> collagen_mask(dyes, "sirius_red").tolist()
    [True, False, False]
    """
    middle, half = HUES[stain]
    away = np.abs((density_hue(density) - middle + 180) % 360 - 180)
    found: Bools = (away <= half) & (np.ptp(density, axis=-1) >= COLOUR_OD)
    return found


@dataclass(frozen=True, eq=False)
class _Counts:
    collagen: NDArray[np.int64]
    tissue: NDArray[np.int64]
    cell_um2: float


def _count(slide: Slide, grid: Grid, tissue: TissueMask, settings: TractSettings) -> _Counts:
    """Count pixels of collagen and of stained tissue in each cell of the tissue grid."""
    finest = max(1, int(min(grid.step_x, grid.step_y)))
    parts = min(max(1, round(min(grid.um_x, grid.um_y) / settings.collagen_um)), finest)
    fine = grid.divided(parts)
    stain: CollagenStain = "masson" if settings.stain == "masson" else "sirius_red"
    # Tissue that someone outlined comes without a threshold.
    threshold = SIGNAL_BOUNDS[1] if math.isnan(tissue.threshold) else tissue.threshold
    sums = np.zeros((2, grid.height, grid.width), dtype=np.int64)
    for left, top, width, height in slide.blocks(grid, slide.block_side(fine, parts) // parts):
        place = (slice(top, top + height), slice(left, left + width))
        inside = tissue.mask[place]
        if not inside.any():
            continue
        rgb = slide.read(fine, left * parts, top * parts, width * parts, height * parts)
        density = optical_density(rgb, tissue.white)
        stained = stain_signal(density) >= threshold
        for i, mask in enumerate((stained & collagen_mask(density, stain), stained)):
            cells = mask.reshape(height, parts, width, parts).sum(axis=(1, 3))
            sums[i][place] = np.where(inside, cells, 0)
    return _Counts(sums[0], sums[1], fine.cell_um2)


def structures(
    dense: Bools, depth_um: Floats, um: tuple[float, float], settings: TractSettings
) -> tuple[Bools, Bools]:
    """Find the capsule and large structural collagen among cells of dense collagen.

    Parameters
    ----------
    dense : ndarray of bool
        Cells of the tissue grid that are mostly collagen.
    depth_um : ndarray
        Distance of each cell to the edge of the tissue.
    um : tuple of float
        Width and height of a cell.
    settings : TractSettings
        Sizes.

    Returns
    -------
    capsule : ndarray of bool
        Dense cells at most ``capsule_depth_um`` deep whose 8-connected piece runs along the edge
        for ``capsule_length_um`` and more.
    large : ndarray of bool
        Other dense cells in and right around places where a circle of ``structure_um`` fits into
        dense collagen: large tracts and walls of large vessels, but also broad scars.

    Examples
    --------
    >>> dense = np.zeros((60, 100), dtype=bool)
    >>> dense[:5] = dense[20:50, 20:50] = dense[30:33] = True
    >>> depth = np.arange(60)[:, None] * 8.0 + 4 + np.zeros(100)
    >>> capsule, large = structures(dense, depth, (8.0, 8.0), TractSettings())
    >>> bool(capsule[:5].all()), bool(large[35, 35]), bool(large[31, 90])
    (True, True, False)
    """
    shallow = dense & (depth_um <= settings.capsule_depth_um)
    pieces, count = ndi.label(shallow, structure=np.ones((3, 3)))
    edge = depth_um <= 1.5 * max(um)
    along = np.bincount(pieces[shallow & edge], minlength=count + 1) * math.sqrt(um[0] * um[1])
    long = along >= settings.capsule_length_um
    long[0] = False
    capsule: Bools = long[pieces]
    rest = dense & ~capsule
    gap = ndi.distance_transform_edt(np.pad(rest, 1), sampling=um[::-1])[1:-1, 1:-1]
    middle = gap - min(um) / 2 >= settings.structure_um / 2
    if not middle.any():
        return capsule, np.zeros_like(dense)
    near = ndi.distance_transform_edt(~middle, sampling=um[::-1])
    large: Bools = rest & (near <= settings.structure_um / 2 + max(um))
    return capsule, large


def measure_collagen(
    slide: Slide,
    grid: Grid,
    tissue: TissueMask,
    settings: TractSettings,
) -> dict[str, float]:
    """Measure collagen over the tissue, block by block.

    Parameters
    ----------
    slide : Slide
        A slide stained with Sirius red or Masson's trichrome.
    grid : Grid
        The tissue grid.
    tissue : TissueMask
        Tissue, white and threshold; pixels below the threshold (vacuoles, lumens, sinusoids,
        cracks) are no tissue here.
    settings : TractSettings
        Stain and sizes.

    Returns
    -------
    dict
        Registry key -> value.
    """
    found = _count(slide, grid, tissue, settings)
    if not found.tissue.any():
        raise SlideError("no stained tissue to measure collagen in", where=slide.name)
    dense = (found.tissue > 0) & (found.collagen >= DENSE * np.maximum(found.tissue, 1))
    um = (grid.um_x, grid.um_y)
    capsule, large = structures(dense, _depth(tissue.mask, um), um, settings)
    um2 = found.cell_um2 / 1e6

    def percent(out: Bools) -> float:
        below = int(found.tissue[~out].sum())
        return 100 * int(found.collagen[~out].sum()) / below if below else math.nan

    none = np.zeros_like(capsule)
    return {
        "collagen_area_mm2": int(found.collagen.sum()) * um2,
        "collagen_tissue_area_mm2": int(found.tissue.sum()) * um2,
        "collagen_percent": percent(none),
        "collagen_without_capsule_percent": percent(capsule),
        "collagen_without_structural_percent": percent(capsule | large),
        "collagen_capsule_area_mm2": int(found.collagen[capsule].sum()) * um2,
        "collagen_structural_area_mm2": int(found.collagen[large].sum()) * um2,
    }


def _depth(mask: Bools, um: tuple[float, float]) -> Floats:
    """Return the distance to the edge of the filled tissue; the edge of the picture is none."""
    filled = ndi.binary_fill_holes(mask)
    if filled.all():
        return np.full(mask.shape, np.inf)
    depth: Floats = ndi.distance_transform_edt(filled, sampling=um[::-1]) - min(um) / 2
    return depth
