"""Stain, nuclei and texture of portal tracts, interface and lobule, block by block."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiofib.features import glcm
from radiofib.slides.morphometry.nuclei import HALO_UM, Nuclei, find_nuclei
from radiofib.slides.morphometry.zones import ZONES, Zones, ZoneWindow
from radiofib.slides.reader import Grid, Slide
from radiofib.slides.specs.detail import TEXTURES
from radiofib.slides.tissue.find import optical_density
from radiofib.slides.tissue.stain import separate

__all__ = ["Detail", "measure_detail"]

Floats = NDArray[np.float64]

_BLOCK_PIXELS = 768
_LEVELS, _LEVEL_OD = 16, 0.05
_WAYS = ((0, 1), (1, -1), (1, 0), (1, 1))


class _Sums:
    """Cells, sum and square sum of two stains, and nuclei, of numbered groups."""

    def __init__(self, groups: int) -> None:
        self.pixels = np.zeros(groups, dtype=np.int64)
        self.nuclei = np.zeros(groups, dtype=np.int64)
        self.total = np.zeros((2, groups))
        self.square = np.zeros((2, groups))

    def add(
        self, group: NDArray[np.int64], stains: tuple[Floats, Floats], nuclei: NDArray[np.int64]
    ) -> None:
        size = self.pixels.size
        self.pixels += np.bincount(group, minlength=size)
        self.nuclei += np.bincount(nuclei, minlength=size)
        for i, amount in enumerate(stains):
            self.total[i] += np.bincount(group, amount, minlength=size)
            self.square[i] += np.bincount(group, amount**2, minlength=size)

    def joined(self, groups: list[slice]) -> _Sums:
        """Return the sums of groups of groups."""
        whole = _Sums(len(groups))
        for i, some in enumerate(groups):
            whole.pixels[i], whole.nuclei[i] = self.pixels[some].sum(), self.nuclei[some].sum()
            whole.total[:, i] = self.total[:, some].sum(axis=1)
            whole.square[:, i] = self.square[:, some].sum(axis=1)
        return whole

    def mean(self, stain: int, group: int) -> float:
        n = int(self.pixels[group])
        return float(self.total[stain, group]) / n if n else math.nan

    def sd(self, stain: int, group: int) -> float:
        n = int(self.pixels[group])
        if not n:
            return math.nan
        spread = float(self.square[stain, group]) / n - self.mean(stain, group) ** 2
        return math.sqrt(max(0.0, spread))


@dataclass(frozen=True, eq=False)
class Detail:
    """Measures of the zones.

    Parameters
    ----------
    values : dict
        Registry key -> value; NaN for a zone without cells.
    rows : list of dict
        Per tract, columns of the table of tracts.
    """

    values: dict[str, float]
    rows: list[dict[str, float]]


def measure_detail(
    slide: Slide,
    zones: Zones,
    white: tuple[float, float, float],
    *,
    detail_um: float,
    block_pixels: int = _BLOCK_PIXELS,
) -> Detail:
    """Measure stain, nuclei and texture by zone.

    Parameters
    ----------
    slide : Slide
        An H&E slide.
    zones : Zones
        Portal, interface, lobule.
    white : tuple of float
        Zero of optical density.
    detail_um : float
        Wanted side of a pixel.
    block_pixels : int
        Side of the blocks, read with a margin in which nuclei are whole. It hardly matters:
        pixels of a reduced level are rounded by a grey level more or less in other windows.
    """
    grid = zones.segmentation.grid
    finest = max(1, int(min(grid.step_x, grid.step_y)))
    parts = min(max(1, round(min(grid.um_x, grid.um_y) / detail_um)), finest)
    fine = grid.divided(parts)
    um = math.sqrt(fine.cell_um2)
    count = zones.regions.count
    sums = _Sums(2 * count + 1)
    pairs = np.zeros((len(ZONES) + 1, _LEVELS, _LEVELS, len(_WAYS)), dtype=np.int64)
    for block in _blocks(slide, zones, fine, parts, max(1, block_pixels // parts)):
        haematoxylin, eosin = _stains(block.rgb, white)
        found = find_nuclei(haematoxylin, um)
        _count_pairs(pairs, _levels(haematoxylin), block.code, block.core)
        group = _groups(block, count)
        counted = np.zeros(group.shape, dtype=bool)
        counted[block.core] = group[block.core] >= 0
        there = np.flatnonzero(counted)
        of_nuclei = group[block.nuclei(found)]
        sums.add(
            group.ravel()[there].astype(np.int64),
            (haematoxylin.ravel()[there], eosin.ravel()[there]),
            of_nuclei[of_nuclei >= 0].astype(np.int64),
        )
    by_zone = sums.joined([slice(1, count + 1), slice(count + 1, None), slice(0, 1)])
    values: dict[str, float] = {}
    for number, zone in enumerate(ZONES, start=1):
        values |= _zone_values(zone, number - 1, by_zone, pairs[number], fine)
    rows = [_tract_values(i, count + i, sums, fine) for i in range(1, count + 1)]
    return Detail(values, rows)


@dataclass(frozen=True, eq=False)
class _Block:
    rgb: NDArray[np.uint8]
    code: NDArray[np.int8]
    tract: NDArray[np.int32]
    core: tuple[slice, slice]

    def nuclei(self, found: Nuclei) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return row and column of the nuclei of the block without its margin."""
        rows, columns = self.core
        inside = (found.row >= rows.start) & (found.row < rows.stop)
        inside &= (found.column >= columns.start) & (found.column < columns.stop)
        return found.row[inside], found.column[inside]


def _blocks(slide: Slide, zones: Zones, fine: Grid, parts: int, side: int) -> Iterator[_Block]:
    grid = zones.segmentation.grid
    margin = math.ceil(HALO_UM / min(grid.um_x, grid.um_y))
    for left, top, width, height in zones.boxes(side, side):
        x0, y0 = max(0, left - margin), max(0, top - margin)
        x1 = min(grid.width, left + width + margin)
        y1 = min(grid.height, top + height + margin)
        window = zones.window(x0, y0, x1 - x0, y1 - y0)
        core = (
            slice((top - y0) * parts, (top - y0 + height) * parts),
            slice((left - x0) * parts, (left - x0 + width) * parts),
        )
        code, tract = _finer(window, parts)
        if code[core].any():
            rgb = slide.read(fine, x0 * parts, y0 * parts, (x1 - x0) * parts, (y1 - y0) * parts)
            yield _Block(rgb, code, tract, core)


def _finer(window: ZoneWindow, parts: int) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
    if parts == 1:
        return window.code, window.tract
    return (
        window.code.repeat(parts, axis=0).repeat(parts, axis=1),
        window.tract.repeat(parts, axis=0).repeat(parts, axis=1),
    )


def _stains(rgb: NDArray[np.uint8], white: tuple[float, float, float]) -> tuple[Floats, Floats]:
    amounts = separate(optical_density(rgb, white))
    return amounts[..., 0].copy(), amounts[..., 1].copy()


def _groups(block: _Block, count: int) -> NDArray[np.int32]:
    """Return the group of each cell: 0 lobule, then tracts, then their rims; -1 is none."""
    first = np.array([-1, 0, count, 0], dtype=np.int32)  # 0 neither, then portal, rim, lobule
    group: NDArray[np.int32] = first[block.code] + np.where(block.code == 3, 0, block.tract)
    group[block.code == 0] = -1
    return group


def _levels(haematoxylin: Floats) -> NDArray[np.uint8]:
    # Rounded: the last digits of a product of matrices change with its size.
    depth = np.round(haematoxylin, 9) / _LEVEL_OD
    return np.clip(depth, 0, _LEVELS - 1).astype(np.uint8)


def _count_pairs(
    pairs: NDArray[np.int64],
    level: NDArray[np.uint8],
    code: NDArray[np.int8],
    core: tuple[slice, slice],
) -> None:
    """Count neighbouring levels of one zone; the first of a pair lies in the core."""
    height, width = code.shape
    zones = len(pairs)
    # Zone and level in one number: pairs of two zones are counted, too, and left out after.
    key = code.astype(np.intp) * _LEVELS + level
    size = zones * _LEVELS
    for way, (down, right) in enumerate(_WAYS):
        rows = slice(core[0].start, min(core[0].stop, height - down))
        columns = slice(max(core[1].start, -right), min(core[1].stop, width - max(right, 0)))
        other = (
            slice(rows.start + down, rows.stop + down),
            slice(columns.start + right, columns.stop + right),
        )
        both = (key[rows, columns] * size + key[other]).ravel()
        counts = np.bincount(both, minlength=size**2).reshape(zones, _LEVELS, zones, _LEVELS)
        for zone in range(1, zones):
            pairs[zone, ..., way] += counts[zone, :, zone]


def _per_mm2(count: int, pixels: int, um2: float) -> float:
    return count / (pixels * um2 / 1e6) if pixels else math.nan


def _zone_values(
    zone: str, number: int, sums: _Sums, pairs: NDArray[np.int64], fine: Grid
) -> dict[str, float]:
    pixels = int(sums.pixels[number])
    values = {}
    for i, stain in enumerate(("haematoxylin", "eosin")):
        values[f"{zone}_{stain}_od_mean"] = sums.mean(i, number)
        values[f"{zone}_{stain}_od_sd"] = sums.sd(i, number)
    values[f"{zone}_nuclei_count"] = float(sums.nuclei[number]) if pixels else math.nan
    values[f"{zone}_nuclei_per_mm2"] = _per_mm2(int(sums.nuclei[number]), pixels, fine.cell_um2)
    texture = glcm.compute(pairs, np.arange(1, _LEVELS + 1))
    values |= {f"{zone}_glcm_{name}": texture[name] for name in TEXTURES}
    # The guard against log 0 leaves an entropy of one level at -3e-16.
    entropy = f"{zone}_glcm_joint_entropy"
    values[entropy] = float(np.maximum(0.0, values[entropy]))
    if zone == "interface":
        values["interface_area_mm2"] = pixels * fine.cell_um2 / 1e6
    return values


def _tract_values(tract: int, rim: int, sums: _Sums, fine: Grid) -> dict[str, float]:
    inner, outer = int(sums.pixels[tract]), int(sums.pixels[rim])
    return {
        "haematoxylin_od_mean": sums.mean(0, tract),
        "eosin_od_mean": sums.mean(1, tract),
        "nuclei_count": int(sums.nuclei[tract]),
        "nuclei_per_mm2": _per_mm2(int(sums.nuclei[tract]), inner, fine.cell_um2),
        "interface_area_um2": outer * fine.cell_um2,
        "interface_haematoxylin_od_mean": sums.mean(0, rim),
        "interface_nuclei_per_mm2": _per_mm2(int(sums.nuclei[rim]), outer, fine.cell_um2),
    }
