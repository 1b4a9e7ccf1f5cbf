"""How much haematoxylin and eosin the tissue holds, by colour deconvolution."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb_from_hed

from radiofib.errors import SlideError
from radiofib.slides.reader import Grid, Slide
from radiofib.slides.specs import STAIN_PERCENTILES, STAINS
from radiofib.slides.tissue.find import TissueMask, optical_density

__all__ = ["StainHistogram", "not_h_and_e", "separate", "stain_statistics"]

Floats = NDArray[np.float64]

_LOW, _HIGH, _BIN = -1.0, 4.0, 0.001


def _unmixing() -> Floats:
    vectors = np.asarray(rgb_from_hed, dtype=np.float64)
    inverse: Floats = np.linalg.inv(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    return inverse


_UNMIX = _unmixing()


def separate(density: NDArray[np.floating]) -> Floats:
    """Divide optical density into haematoxylin, eosin and a residual.

    ``OD_rgb = c_h v_h + c_e v_e + c_r v_r`` with the unit vectors of Ruifrok and Johnston 2001
    (haematoxylin 0.65, 0.70, 0.29; eosin 0.07, 0.99, 0.11; third 0.27, 0.57, 0.78), solved for
    the amounts c. Logarithms are to base 10.

    Parameters
    ----------
    density : ndarray, shape (..., 3)
        Optical density in red, green and blue.

    Returns
    -------
    ndarray of the same shape
        Amounts of haematoxylin, eosin and the third colour; noise makes them negative at times.

    Examples
    --------
    >>> separate(np.array([0.07, 0.99, 0.11]) / np.linalg.norm([0.07, 0.99, 0.11])).round(6) + 0.0
    array([0., 1., 0.])
    """
    amounts: Floats = np.asarray(density, dtype=np.float64) @ _UNMIX
    return amounts


class StainHistogram:
    """Running mean, SD and percentiles of stain amounts, in constant memory.

    Percentiles come from bins 0.001 wide, interpolated inside the bin.

    Examples
    --------
    >>> histogram = StainHistogram()
    >>> histogram.add(np.array([[0.1, 0.2, 0.0], [0.3, 0.2, 0.0]]))
    >>> values = histogram.summary()
    >>> round(values["stain_haematoxylin_od_mean"], 6), round(values["stain_eosin_od_sd"], 6)
    (0.2, 0.0)
    """

    def __init__(self) -> None:
        self.count = 0
        self._mean = np.zeros(3)
        self._square = np.zeros(3)
        self._bins = np.zeros((len(STAINS), round((_HIGH - _LOW) / _BIN)), dtype=np.int64)

    def add(self, amounts: Floats) -> None:
        """Take in pixels, shape (n, 3)."""
        n = amounts.shape[0]
        if n == 0:
            return
        mean = amounts.mean(axis=0)
        shift = mean - self._mean
        total = self.count + n
        self._square += ((amounts - mean) ** 2).sum(axis=0) + shift**2 * self.count * n / total
        self._mean += shift * n / total
        self.count = total
        size = self._bins.shape[1]
        for stain in range(len(STAINS)):
            place = np.floor((amounts[:, stain] - _LOW) / _BIN).astype(np.int64).clip(0, size - 1)
            self._bins[stain] += np.bincount(place, minlength=size)

    def percentile(self, stain: int, percent: float) -> float:
        """Return a percentile of one stain's amounts."""
        below = np.cumsum(self._bins[stain])
        rank = percent / 100 * self.count
        place = int(np.searchsorted(below, rank))
        inside = self._bins[stain, place]
        part = (rank - (below[place] - inside)) / inside if inside else 0.0
        return float(_LOW + (place + part) * _BIN)

    def summary(self) -> dict[str, float]:
        """Return the measures by registry key."""
        spread = np.sqrt(self._square / max(self.count, 1))
        values: dict[str, float] = {}
        for i, stain in enumerate(STAINS):
            values[f"stain_{stain}_od_mean"] = float(self._mean[i])
            values[f"stain_{stain}_od_sd"] = float(spread[i])
            for p in STAIN_PERCENTILES:
                values[f"stain_{stain}_od_p{p:02d}"] = self.percentile(i, p)
        values["stain_residual_od_mean"] = float(self._mean[2])
        return values


def not_h_and_e(values: dict[str, float]) -> str | None:
    """Return why stain amounts mean nothing, or None when the colours can be those of H&E.

    A coarse check: on H&E slides the two stains together hold more colour than the residual; on
    Sirius red they hold none. Less than half of the residual is taken for another stain.

    Examples
    --------
    >>> keys = ("haematoxylin_od_mean", "eosin_od_mean", "residual_od_mean")
    >>> h_and_e = dict(zip([f"stain_{key}" for key in keys], (0.22, 0.12, 0.20)))
    >>> not_h_and_e(h_and_e) is None
    True
    >>> not_h_and_e(h_and_e | {"stain_haematoxylin_od_mean": -0.12})
    'the stain is not haematoxylin and eosin: most colour lies outside both'
    """
    both = values["stain_haematoxylin_od_mean"] + values["stain_eosin_od_mean"]
    if both >= values["stain_residual_od_mean"] / 2:
        return None
    return "the stain is not haematoxylin and eosin: most colour lies outside both"


def stain_statistics(
    slide: Slide,
    grid: Grid,
    tissue: TissueMask,
    *,
    um: float,
    change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None = None,
) -> dict[str, float]:
    """Measure the stains over the tissue, block by block.

    Parameters
    ----------
    slide : Slide
        The open slide.
    grid : Grid
        Grid of the tissue mask.
    tissue : TissueMask
        Its ``white`` is the zero of optical density.
    um : float
        Wanted resolution; a cell of the tissue grid is cut into the nearest whole number of
        parts, never finer than level 0.
    change : callable, optional
        Map of colours, RGB to RGB, such as :class:`radiofib.slides.tissue.stain_norm.StainMap`. It
        leaves glass as it is.

    Returns
    -------
    dict
        Registry key -> value.
    """
    finest = int(min(grid.step_x, grid.step_y))
    parts = min(max(1, round(min(grid.um_x, grid.um_y) / um)), finest)
    fine = grid.divided(parts)
    side = slide.block_side(fine, parts) // parts
    histogram = StainHistogram()
    for left, top, width, height in slide.blocks(grid, side):
        inside = tissue.mask[top : top + height, left : left + width]
        rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
        if rows.size == 0:
            continue
        # A core is thin: only the box around it is read.
        inside = inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        box = (left + columns[0], top + rows[0], inside.shape[1], inside.shape[0])
        rgb = slide.read(fine, *(int(length) * parts for length in box))
        chosen = rgb[inside.repeat(parts, axis=0).repeat(parts, axis=1)]
        if change is not None:
            chosen = change(chosen[None])[0]
        histogram.add(separate(optical_density(chosen[None], tissue.white)[0]))
    if histogram.count == 0:
        raise SlideError("no tissue to measure stain in", where=slide.name)
    return histogram.summary()
