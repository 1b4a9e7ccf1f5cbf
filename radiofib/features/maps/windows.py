"""Features of a moving window: from an image and a region to one value for every voxel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import UsageError
from radiofib.features.maps import unsure
from radiofib.features.maps._common import entropy_table
from radiofib.features.maps._pairs import CORRELATION, IMC2, MCC
from radiofib.features.maps._windows import intensities, texture
from radiofib.features.maps.layout import Layout, make_layout
from radiofib.features.maps.names import FAMILIES, NAMES
from radiofib.features.matrices import cooccurrence_weights, run_weights
from radiofib.features.matrices.angles import WeightingNorm
from radiofib.preprocess import bounding_box, discretise

__all__ = ["WindowSettings", "window_features"]

Floats = NDArray[np.float64]
#: Windows taken at a time.
_BLOCK = 4096
#: Numbers in one array of matrices that rounding decides.
_AT_ONCE = 1 << 21
_TEXTURE = FAMILIES[1:]
_START = {"glcm": 0, "glrlm": 24, "glszm": 40, "gldm": 56, "ngtdm": 72}
_NO_WEIGHTS = np.empty(0)
_ADD: Any = np.add
_SUBTRACT: Any = np.subtract


@dataclass(frozen=True)
class WindowSettings:
    """How windows are cut and measured; names and defaults are pyradiomics'.

    Parameters
    ----------
    radius : int
        Windows hold (2 radius + 1) voxels along each axis (kernelRadius).
    masked : bool
        Only voxels of the region count within a window (maskedKernel); otherwise all do, and
        grey levels are those of the whole image given.
    bin_width, bin_count
        See :func:`radiofib.preprocess.bin_edges`.
    distances : tuple of int
        Distances of neighbours in voxels.
    force_2d_dimension : int, optional
        Axis along which windows hold one voxel.
    symmetrical : bool
        Count co-occurring pairs both ways.
    weighting_norm : str, optional
        Merge directions with weights.
    alpha : int
        Largest difference of levels of dependent neighbours (gldm_a).
    voxel_array_shift : float
        Added to intensities for the energies.
    families : tuple of str
        Families to measure.

    Examples
    --------
    >>> WindowSettings().radius
    1
    """

    radius: int = 1
    masked: bool = True
    bin_width: float = 25.0
    bin_count: int | None = None
    distances: tuple[int, ...] = (1,)
    force_2d_dimension: int | None = None
    symmetrical: bool = True
    weighting_norm: WeightingNorm | None = None
    alpha: int = 0
    voxel_array_shift: float = 0.0
    families: tuple[str, ...] = FAMILIES


def window_features(
    pixels: NDArray[np.generic],
    mask: NDArray[np.bool_],
    spacing_mm: Sequence[float],
    settings: WindowSettings | None = None,
) -> dict[str, Floats]:
    """Return the features of the window around each voxel of a region.

    Bins, greatest grey level and weights are those of the region and not of the window, as in
    pyradiomics' voxel-based mode. A feature is NaN where a window holds no pair or no run.

    Parameters
    ----------
    pixels, mask : ndarray of one shape, 2-D or 3-D
        Image and region, cropped to the region and `radius` voxels around it, as far as the
        image goes.
    spacing_mm : sequence of float
        Spacing along the axes.
    settings : WindowSettings, optional
        How.

    Returns
    -------
    dict
        ``family_feature`` to the values of the voxels of the region, in C order.

    Raises
    ------
    UsageError, EngineError
        When settings do not fit, or the intensities cannot be discretised.

    Examples
    --------
    >>> image = np.arange(16.0).reshape(4, 4)
    >>> found = window_features(image, image > 10, (1.0, 1.0), WindowSettings(bin_width=2))
    >>> found["firstorder_mean"], len(found)
    (array([13.33333333, 12.5       , 13.        , 13.25      , 13.33333333]), 94)
    """
    chosen = WindowSettings() if settings is None else settings
    unknown = set(chosen.families) - set(FAMILIES)
    if unknown or pixels.shape != mask.shape or pixels.ndim not in (2, 3):
        raise UsageError(
            "windows need known families, and image and region of one shape",
            found=f"{', '.join(sorted(unknown))} image {pixels.shape}, region {mask.shape}",
        )
    flat = pixels.ndim == 2
    cube, region = (pixels[None], mask[None]) if flat else (pixels, mask)
    spacing = (1.0, *spacing_mm) if flat else tuple(spacing_mm)
    forced = chosen.force_2d_dimension
    if flat and forced is not None:
        forced += 1
    box = bounding_box(region)
    layout = make_layout(
        cube.shape,
        [part.stop - part.start for part in box] if chosen.masked else cube.shape,
        radius=chosen.radius,
        distances=chosen.distances,
        force_2d_dimension=forced,
    )
    work = _Work(cube, region, spacing, chosen, layout)
    found: dict[str, Floats] = {}
    if "firstorder" in chosen.families:
        found |= work.firstorder()
    if set(chosen.families) & set(_TEXTURE):
        found |= work.texture()
    return found


class _Work:
    """One image with its windows."""

    def __init__(
        self,
        pixels: NDArray[np.generic],
        mask: NDArray[np.bool_],
        spacing_mm: tuple[float, ...],
        settings: WindowSettings,
        layout: Layout,
    ) -> None:
        self.pixels, self.settings, self.layout = pixels, settings, layout
        self.spacing_mm = spacing_mm
        self.counted = mask if settings.masked else np.ones_like(mask)
        self.margin = [(r, r) for r in layout.reach]
        padded = np.pad(mask, self.margin)
        self.centres = np.flatnonzero(padded)

    def _levels(self, pixels: NDArray[np.generic]) -> NDArray[np.int32]:
        own = self.settings
        grey = discretise(pixels, self.counted, bin_width=own.bin_width, bin_count=own.bin_count)
        return np.ascontiguousarray(np.pad(grey.levels, self.margin), dtype=np.int32).ravel()

    def firstorder(self) -> dict[str, Floats]:
        # pyradiomics discretises in the type of the image for texture, but here in doubles.
        values = self.pixels.astype(np.float64)
        levels = self._levels(values)
        out = np.empty((len(self.centres), len(NAMES["firstorder"])))
        volume = prod(float(s) for s in reversed(self.spacing_mm))
        logs = entropy_table(len(self.layout.order))
        intensities(
            np.pad(values, self.margin).ravel(),
            levels,
            self.centres,
            self.layout.order,
            self.layout.plan,
            float(self.settings.voxel_array_shift),
            volume,
            logs,
            int(levels.max()),
            out,
        )
        names = NAMES["firstorder"]
        return {f"firstorder_{name}": out[:, f] for f, name in enumerate(names)}

    def texture(self) -> dict[str, Floats]:
        own, layout = self.settings, self.layout
        levels = self._levels(self.pixels)
        present = np.unique(levels)
        present = present[present > 0]
        of_pairs = cooccurrence_weights(layout.pair_directions, self.spacing_mm, own.weighting_norm)
        of_runs = run_weights(layout.run_directions, self.spacing_mm, own.weighting_norm)
        logs = entropy_table(2 * layout.most_pairs + len(layout.steps))
        wanted = np.array([family in own.families for family in _TEXTURE])
        out = np.zeros((len(self.centres), 77))
        for start in range(0, len(self.centres), _BLOCK):
            centres = self.centres[start : start + _BLOCK]
            part = out[start : start + _BLOCK]
            used = np.zeros(len(centres), np.int64)
            left_out = np.zeros((len(centres), max(len(layout.pair_directions), 1)), np.uint8)
            texture(
                levels,
                centres,
                wanted,
                layout.steps,
                layout.pairs,
                layout.pair_starts,
                layout.touching,
                layout.lines,
                layout.line_starts,
                2 * max(layout.reach) + 1,
                _NO_WEIGHTS if of_pairs is None else of_pairs,
                _NO_WEIGHTS if of_runs is None else of_runs,
                own.symmetrical,
                own.alpha,
                logs,
                int(present[-1]),
                len(present) == 1,
                part,
                used,
                left_out,
            )
            if wanted[0]:
                self._complete(part, used, left_out, levels, centres, present, of_pairs)
        return {
            f"{family}_{name}": out[:, _START[family] + f]
            for family in _TEXTURE
            if family in own.families
            for f, name in enumerate(NAMES[family])
            if name
        }

    def _complete(
        self,
        out: Floats,
        used: NDArray[np.int64],
        left_out: NDArray[np.uint8],
        levels: NDArray[np.int32],
        centres: NDArray[np.int64],
        present: NDArray[np.int32],
        weights: Floats | None,
    ) -> None:
        """Add what the kernel left out, and turn sums over directions into means."""
        valid = np.repeat(used[:, None], 3, axis=1).astype(np.float64)
        places = np.array([CORRELATION, IMC2, MCC])
        windows, which = np.nonzero(left_out)
        most = min(len(present), len(self.layout.steps) + 1)
        step = max(1, _AT_ONCE // most**2 // (len(weights) if weights is not None else 1))
        for start in range(0, len(windows), step):
            at = windows[start : start + step]
            # At least two matrices, so that numpy sums one element after the other.
            at2, which2 = (np.resize(x, max(len(at), 2)) for x in (at, which[start : start + step]))
            near = levels[centres[at2][:, None] + self.layout.steps]
            counts, grey = self._counts(near, which2, len(present), weights)
            p = unsure.normalised(counts, symmetrical=self.settings.symmetrical, weights=weights)
            bits = left_out[at2, which2]
            for number, bit in enumerate((1, 2, 4)):
                concerned = np.flatnonzero(bits[: len(at)] & bit)
                if not len(concerned):
                    continue
                chosen = np.resize(concerned, max(len(concerned), 2))
                some = np.ascontiguousarray(p[:, :, chosen])
                values = _measure(bit, some, grey[:, chosen], len(present))[: len(concerned)]
                known = ~np.isnan(values)
                _ADD.at(out, (at[concerned[known]], places[number]), values[known])
                _SUBTRACT.at(valid, (at[concerned[~known]], number), 1)
        for number, place in enumerate(places):
            n = valid[:, number]
            with np.errstate(invalid="ignore"):
                out[:, place] = np.where(n > 0, out[:, place] / np.maximum(n, 1), np.nan)
        if len(present) == 1:
            out[:, MCC] = 1.0  # by convention, as in pyradiomics, even without a pair

    def _counts(
        self,
        near: NDArray[np.int32],
        which: NDArray[np.int64],
        n_present: int,
        weights: Floats | None,
    ) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Return co-occurrence counts of some windows in one, or all, directions, and levels.

        Rows are the levels of the window in ascending order. One more row, of zeros, stands for
        those levels of the region that the window has not, where there are any.
        """
        layout = self.layout
        rank, grey = unsure.ranked(near)
        g = min(grey.shape[0] + 1, n_present)
        grey = np.pad(grey, ((0, max(0, g - grey.shape[0])), (0, 0)))
        n_directions = 1 if weights is None else len(weights)
        counts = np.zeros((g, g, len(near), n_directions), np.int64)
        for direction in range(len(layout.pair_starts) - 1):
            rows = np.flatnonzero(which == direction) if weights is None else np.arange(len(rank))
            a, b = layout.pairs[layout.pair_starts[direction] : layout.pair_starts[direction + 1]].T
            i, j = rank[rows][:, a], rank[rows][:, b]
            place = np.broadcast_to(rows[:, None], i.shape)
            both = (i >= 0) & (j >= 0)
            last = 0 if weights is None else direction
            _ADD.at(counts, (i[both], j[both], place[both], last), 1)
        return counts, grey


def _measure(bit: int, p: Floats, grey: NDArray[np.int32], n_present: int) -> Floats:
    if bit == 1:
        return unsure.correlations(p, grey)
    if bit == 2:
        return unsure.information_measures(p)
    return unsure.maximal_correlations(p, roots_of_negatives=n_present == 2)
