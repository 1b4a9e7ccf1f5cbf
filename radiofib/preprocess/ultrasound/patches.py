"""Patches of liver parenchyma: off vessels, shadows, borders, text and the near field."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from radiofib._checks import list_some
from radiofib.errors import MaskError
from radiofib.preprocess.ultrasound.geometry import Frame, WholePicture
from radiofib.preprocess.ultrasound.settings import PatchSettings

__all__ = ["Patches", "find_patches", "parenchyma"]

#: Smoothing that leaves a twentieth of the speckle's variance, in patch sides.
_SMOOTH = 0.08
#: Parenchyma differs from its level at a depth by at least this many greys before it is off.
_LEAST_OFF = 10.0
#: Bins along the depth for the level of the parenchyma.
_BINS = 24
#: Quantile of a depth that is its level: more is darker than parenchyma than is brighter.
_LEVEL = 0.6
#: Share of the depths that the line of the parenchyma is judged by.
_MOST_DEPTHS = 0.6
#: An image fewer patches wide is too small for the search.
_FEW = 4
#: Share of a patch's pixels that may be black or white: the display saturates there.
_SATURATED = 0.1


@dataclass(frozen=True, eq=False)
class Patches:
    """Squares that were taken from an image.

    Parameters
    ----------
    corners : tuple of (int, int)
        Row and column of the upper left pixel of each, in the order of the rows.
    side : int
        Side in pixels.
    usable : ndarray of bool, shape (y, x)
        Where a patch could lie at all.
    """

    corners: tuple[tuple[int, int], ...]
    side: int
    usable: NDArray[np.bool_]

    def mask(self, number: int | None = None) -> NDArray[np.bool_]:
        """Return one patch, or all of them, as a mask."""
        found = np.zeros(self.usable.shape, dtype=bool)
        for row, column in self.corners if number is None else (self.corners[number],):
            found[row : row + self.side, column : column + self.side] = True
        return found


def find_patches(
    grey: NDArray[np.float64],
    valid: NDArray[np.bool_],
    frame: Frame,
    settings: PatchSettings,
    *,
    spacing_mm: tuple[float, float] | None = None,
) -> Patches:
    """Choose squares of parenchyma that do not overlap.

    Of all squares whose every pixel is usable (see :func:`parenchyma`) the evenest one, by the
    standard deviation of the smoothed grey, is taken first, then the next one that touches none
    already taken, up to ``settings.most``.

    Parameters
    ----------
    grey : ndarray of shape (y, x)
        Cleaned image, 0 to 255.
    valid : ndarray of bool
        Pixels that show echo: in the image, without text, graphics and colour.
    frame : Fan or Quad
        Where the image lies.
    settings : PatchSettings
        Sizes and limits.
    spacing_mm : tuple of float, optional
        Size of a pixel (y, x).

    Raises
    ------
    MaskError
        When the picture is smaller than a patch, or no patch fits; the message says what is in
        the way.

    Examples
    --------
    >>> grey = ndimage.gaussian_filter(np.random.default_rng(0).normal(100, 60, (200, 200)), 2)
    >>> grey[80:110, 60:140] = 5                                          # a vessel
    >>> all_of_it = np.ones(grey.shape, bool)
    >>> found = find_patches(grey, all_of_it, WholePicture.of(grey.shape), PatchSettings())
    >>> len(found.corners) > 3, bool(found.mask()[80:110, 60:140].any())
    (True, False)
    """
    side = settings.side(spacing_mm)
    if min(grey.shape) < side:
        raise MaskError(
            "image is smaller than a patch",
            expected=f"at least {side} x {side} pixels",
            found=f"{grey.shape[1]} x {grey.shape[0]}",
            hint=f"choose smaller patches ({_how_small(min(grey.shape), 1)}), or measure all of "
            "the image ('region: {source: image}')",
        )
    smooth = _smoothed(grey, valid, max(1.0, _SMOOTH * side))
    usable, reasons = parenchyma(grey, valid, frame, settings, smooth=smooth)
    sums = _box_sums(usable.astype(np.float64), side)
    fits = sums > side * side - 0.5
    black_or_white = _box_sums(((grey <= 0.5) | (grey >= 254.5)).astype(np.float64), side)
    fits &= black_or_white <= _SATURATED * side * side
    fits &= _box_sums(grey, side) >= settings.dark * side * side
    if not fits.any():
        raise _nothing_found(valid, side, reasons)
    mean = _box_sums(smooth, side) / side**2
    uneven = np.sqrt(np.maximum(_box_sums(smooth**2, side) / side**2 - mean**2, 0.0))
    return Patches(_choose(np.where(fits, uneven, np.inf), side, settings.most), side, usable)


def _nothing_found(valid: NDArray[np.bool_], side: int, reasons: dict[str, float]) -> MaskError:
    """Return why no patch fits: most often the image is only a few patches large."""
    rows, columns = (int(np.count_nonzero(valid.any(axis=axis))) for axis in (1, 0))
    said = [f"{share:.0%} {what}" for what, share in reasons.items() if share >= 0.005]
    small = min(rows, columns) < _FEW * side
    if small:
        said.insert(0, f"an image of only {columns} x {rows} pixels")
    smaller = f"choose smaller patches ({_how_small(min(rows, columns), _FEW)})"
    drawn = "draw a region and name it in the column 'mask'"
    return MaskError(
        "no parenchyma found",
        expected=f"an even square of {side} pixels off vessels, shadows and borders",
        found=list_some(said) or "nothing even enough",
        hint=f"{smaller}, or {drawn}" if small else f"{drawn}, or {smaller}",
    )


def _how_small(length: int, many: int) -> str:
    """Return the setting of patches of which `many` stand side by side along a length."""
    side = max(8, length // (many + 1))
    return f"such as 'region: {{patches: {{side_px: {side}}}}}'"


def parenchyma(
    grey: NDArray[np.float64],
    valid: NDArray[np.bool_],
    frame: Frame,
    settings: PatchSettings,
    *,
    smooth: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.bool_], dict[str, float]]:
    """Return where the image shows the prevailing, even echo, and why not elsewhere.

    The level of the parenchyma is a line over depth: of all lines through the levels of two
    depths the one that most depths lie close to, so that what is dark at some does not bend it.
    Pixels whose smoothed grey is off by more than ``settings.spread`` robust deviations (at
    least 10 greys) are vessels, shadows, bright walls or another tissue; a rim goes with them.

    Returns
    -------
    ndarray of bool, dict
        The mask, and for each reason the share of the valid pixels it takes.
    """
    side = settings.side_px
    if smooth is None:
        smooth = _smoothed(grey, valid, max(1.0, _SMOOTH * side))
    shape = (grey.shape[0], grey.shape[1])
    depth = frame.depth(shape) / max(frame.length, 1.0)
    whole = isinstance(frame, WholePicture)
    near = depth < (0.0 if whole else settings.near_share)
    beam = np.abs(frame.beam(shape))
    edge = np.zeros(shape, dtype=bool)
    if not whole:
        edge = (beam > 1 - 2 * settings.border_share) | (depth > 1 - settings.border_share)
    open_ = valid & ~near & ~edge
    total = max(int(np.count_nonzero(valid)), 1)
    reasons: dict[str, float] = {
        "near the skin": np.count_nonzero(valid & near) / total,
        "at the border": np.count_nonzero(valid & edge & ~near) / total,
    }
    if np.count_nonzero(open_) < 64:
        return open_, reasons
    even = open_
    for turn in range(6):  # vessels and shadows must not widen what passes for parenchyma
        level = _level(smooth, depth, even)
        off = smooth - level
        away = off[even]
        away = away[away > 0] if turn == 0 and (away > 0).any() else np.abs(away)
        spread = 1.4826 * float(np.median(away))
        limit = max(settings.spread * spread, _LEAST_OFF)
        even = open_ & (np.abs(off) <= limit)
        if np.count_nonzero(even) < 64:
            return even, reasons
    dark, bright = open_ & (off < -limit), open_ & (off > limit)
    rim = max(2, round(0.1 * side))
    # Dark is looked for in all that is valid: a vessel at the border has a rim inside it.
    odd = valid & (np.abs(off) > limit) & ~near
    around = ndimage.maximum_filter(odd.astype(np.uint8), 2 * rim + 1) > 0
    reasons["darker than the parenchyma (vessel, shadow)"] = np.count_nonzero(dark) / total
    reasons["brighter than the parenchyma"] = np.count_nonzero(bright) / total
    return np.asarray(open_ & ~around), reasons


def _smoothed(
    grey: NDArray[np.float64], valid: NDArray[np.bool_], sigma: float
) -> NDArray[np.float64]:
    """Smooth over valid pixels alone."""
    weight = ndimage.gaussian_filter(valid.astype(np.float64), sigma)
    total = ndimage.gaussian_filter(grey * valid, sigma)
    return np.asarray(np.where(valid, total / np.maximum(weight, 1e-6), 0.0))


def _level(
    smooth: NDArray[np.float64], depth: NDArray[np.float64], where: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the level of the parenchyma at every pixel: a robust line over depth."""
    d, g = depth[where], smooth[where]
    edges = np.linspace(d.min(), d.max() + 1e-9, _BINS + 1)
    at = np.digitize(d, edges) - 1
    middles, medians, counts = [], [], []
    for number in range(_BINS):
        chosen = at == number
        if np.count_nonzero(chosen) >= 16:
            middles.append(float((edges[number] + edges[number + 1]) / 2))
            medians.append(float(np.quantile(g[chosen], _LEVEL)))
            counts.append(float(np.count_nonzero(chosen)) ** 0.5)
    if len(middles) < 4:
        return np.full(smooth.shape, float(np.median(g)))
    x, y, weight = np.array(middles), np.array(medians), np.array(counts)
    # Of the lines through two bins the one that most of the weight lies close to: half of the
    # depths may show something else, even all at one end.
    one, other = np.triu_indices(x.size, 3)
    slope = (y[other] - y[one]) / (x[other] - x[one])
    away = np.abs(slope[:, None] * (x - x[one][:, None]) + y[one][:, None] - y)
    order = np.argsort(away, axis=1)
    share = np.cumsum(weight[order], axis=1) / weight.sum()
    rank = (share < _MOST_DEPTHS).sum(axis=1)
    reach = np.take_along_axis(away, np.take_along_axis(order, rank[:, None], 1), 1)[:, 0]
    best = int(reach.argmin())
    on = away[best] <= max(2.5 * float(reach[best]), 2.0)
    line = np.polyfit(x[on], y[on], 1, w=weight[on])
    return np.asarray(np.polyval(line, depth))


def _box_sums(values: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Return the sum over the square that begins at each pixel."""
    table = np.pad(values.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    return np.asarray(
        table[side:, side:] - table[:-side, side:] - table[side:, :-side] + table[:-side, :-side]
    )


def _choose(cost: NDArray[np.float64], side: int, most: int) -> tuple[tuple[int, int], ...]:
    """Take the cheapest square, bar all that overlap it, and go on."""
    step = max(1, side // 8)
    coarse = np.full(cost.shape, np.inf)
    coarse[::step, ::step] = cost[::step, ::step]
    left = coarse if np.isfinite(coarse).any() else cost.copy()
    taken: list[tuple[int, int]] = []
    while len(taken) < most:
        place = int(np.argmin(left))
        row, column = divmod(place, left.shape[1])
        if not np.isfinite(left[row, column]):
            break
        taken.append((row, column))
        rows = slice(max(row - side + 1, 0), row + side)
        left[rows, max(column - side + 1, 0) : column + side] = np.inf
    return tuple(sorted(taken))
