"""Where a slide is out of focus: how fast the picture changes from pixel to pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from radiofib.errors import SlideError
from radiofib.feed import in_order
from radiofib.slides.morphometry.regions import occupied
from radiofib.slides.reader import Grid, Slide

__all__ = ["block_differences", "find_blur", "sharpness", "shows_focus"]

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

#: The two distances, in pixels, over which grey levels are compared.
NEAR, FAR = 1, 4
#: Cells over which differences are summed: 7 x 7.
WINDOW = 7
#: Cells read at once, and how much of the glass around the tissue of a block is looked at.
_BLOCK_CELLS = 128
_GLASS_CELLS = 8
#: Threads that read blocks and compare their pixels.
_READERS = 2


def block_differences(grey: Floats, parts: int) -> tuple[Floats, Floats]:
    """Return the mean squared difference at :data:`NEAR` and :data:`FAR` pixels, by cell.

    Parameters
    ----------
    grey : ndarray of shape (height * parts, width * parts)
        Grey levels.
    parts : int
        Pixels along the side of a cell.

    Returns
    -------
    near, far : ndarray of shape (height, width)

    Examples
    --------
    >>> steps = np.tile(np.arange(16, dtype=np.float32), (16, 1))
    >>> near, far = block_differences(steps, 8)
    >>> near[0, 0], far[0, 0]
    (np.float32(0.5), np.float32(8.0))
    """
    found = []
    for lag in (NEAR, FAR):
        cells = np.zeros([side // parts for side in grey.shape], dtype=np.float32)
        for picture, total in ((grey, cells), (grey.T, cells.T)):
            step = picture[lag:] - picture[:-lag]
            # Beyond the border there is nothing to compare with: the last differences stand in.
            squares = np.square(np.concatenate([step, step[-lag:]]))
            rows = squares.reshape(total.shape[0], parts, -1).sum(axis=1)
            total += rows.reshape(*total.shape, parts).sum(axis=2)
        found.append(cells / np.float32(2 * parts**2))
    return found[0], found[1]


def sharpness(near: Floats, far: Floats, valid: Bools) -> Floats:
    """Return the ratio of near to far differences around each cell; NaN where nothing is valid.

    A sharp picture changes within a pixel or two, so that the ratio is near 1. In a picture
    blurred by a Gaussian of SD s, differences over l pixels grow as
    ``1 - exp(-l^2 / 4 s^2)``; the ratio falls towards ``(NEAR / FAR)^2 = 1/16``, however strong
    or pale the stain.

    Examples
    --------
    >>> ones = np.ones((3, 3), np.float32)
    >>> float(sharpness(ones, 4 * ones, ones > 0)[1, 1])
    0.25
    """
    sums = [
        ndi.uniform_filter(np.where(valid, values, 0).astype(np.float32), WINDOW, mode="constant")
        for values in (near, far, np.float32(1.0))
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: Floats = np.where(sums[2] > 0.5 / WINDOW**2, sums[0] / sums[1], np.nan)
    return ratio


def find_blur(
    slide: Slide, grid: Grid, tissue: Bools, *, um: float, limit: float, min_area_um2: float
) -> Bools:
    """Find tissue that is out of focus, block by block.

    Parameters
    ----------
    slide : Slide
        The open slide.
    grid : Grid
        Grid of the tissue mask.
    tissue : ndarray of bool
        Tissue without other artefacts.
    um : float
        Wanted pixel size at which focus is judged; a cell of the grid is cut into the nearest
        whole number of parts, never finer than level 0.
    limit : float
        Sharpness below which tissue is out of focus.
    min_area_um2 : float
        Smaller regions are left alone.

    Returns
    -------
    ndarray of bool
        Part of `tissue`.

    Notes
    -----
    The noise of the camera changes from pixel to pixel too and would make blurred tissue look
    sharp: the differences on bare glass are subtracted first. Cells at the border of the tissue
    do not count, for the border is an edge of its own; they take the verdict of the nearest
    cell inside.
    """
    near, far = _differences(slide, grid, tissue, um)
    seen = np.isfinite(near)
    glass = seen & ~ndi.binary_dilation(tissue, iterations=3)
    if glass.any():
        near = near - np.float32(np.median(near[glass]))
        far = far - np.float32(np.median(far[glass]))
    inside = ndi.binary_erosion(tissue, np.ones((3, 3), dtype=bool), border_value=1) & seen
    if not inside.any():
        return np.zeros_like(tissue)
    ratio = sharpness(near.clip(0), far.clip(0), inside)
    known = inside & np.isfinite(ratio)
    blurred = known & (ratio < limit)
    # A window that reaches into sharp tissue counts as sharp: give back what that costs.
    blurred = ndi.binary_opening(blurred, iterations=1)
    blurred = ndi.binary_dilation(blurred, _disc(WINDOW // 2))
    blurred = blurred | _nearest(blurred, known, tissue & ~known)
    blurred &= tissue
    pieces, count = ndi.label(blurred)
    keep = np.bincount(pieces.ravel(), minlength=count + 1) * grid.cell_um2 >= min_area_um2
    keep[0] = False
    result: Bools = keep[pieces]
    return result


def _disc(radius: int) -> Bools:
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disc: Bools = y**2 + x**2 <= radius**2 + 1
    return disc


def _nearest(verdict: Bools, known: Bools, wanted: Bools) -> Bools:
    if not known.any() or not wanted.any():
        return np.zeros_like(verdict)
    rows, columns = ndi.distance_transform_edt(~known, return_distances=False, return_indices=True)
    taken: Bools = wanted & verdict[rows, columns]
    return taken


def shows_focus(grid: Grid, um: float) -> bool:
    """Tell whether the pixels of a slide are fine enough to judge focus at a pixel size.

    Examples
    --------
    >>> shows_focus(Grid(9, 9, 16, 16, 8.0, 8.0), 2.0), shows_focus(Grid(9, 9, 1, 1, 8.0, 8.0), 2.0)
    (True, False)
    """
    return min(grid.um_x, grid.um_y) / _parts(grid, um) <= 1.5 * um


def _parts(grid: Grid, um: float) -> int:
    """Return into how many parts the side of a cell is cut."""
    finest = int(min(grid.step_x, grid.step_y))
    return min(max(1, round(min(grid.um_x, grid.um_y) / um)), finest)


def _differences(slide: Slide, grid: Grid, tissue: Bools, um: float) -> tuple[Floats, Floats]:
    near = np.full(tissue.shape, np.nan, dtype=np.float32)
    far = near.copy()
    if not shows_focus(grid, um):
        return near, far
    parts = _parts(grid, um)
    fine = grid.divided(parts)
    side = min(_BLOCK_CELLS, slide.block_side(fine, parts) // parts)
    boxes = (_with_glass(occupied(tissue, b), grid) for b in slide.blocks(grid, side))

    def differences(box: tuple[int, int, int, int]) -> tuple[Floats, Floats]:
        rgb = slide.read(fine, *(length * parts for length in box))
        return block_differences(rgb[..., 1].astype(np.float32), parts)

    for ready in in_order((b for b in boxes if b), differences, threads=_READERS, ahead=_READERS):
        if ready.value is None:
            raise ready.error or SlideError("a block was lost", where=slide.name)
        left, top, width, height = ready.item
        place = (slice(top, top + height), slice(left, left + width))
        near[place], far[place] = ready.value
    return near, far


def _with_glass(
    box: tuple[int, int, int, int] | None, grid: Grid
) -> tuple[int, int, int, int] | None:
    """Return a box with the glass around it, whose noise is wanted too."""
    if box is None:
        return None
    left, top = max(box[0] - _GLASS_CELLS, 0), max(box[1] - _GLASS_CELLS, 0)
    right = min(box[0] + box[2] + _GLASS_CELLS, grid.width)
    bottom = min(box[1] + box[3] + _GLASS_CELLS, grid.height)
    return left, top, right - left, bottom - top
