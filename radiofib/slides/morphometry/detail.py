"""Stain, nuclei and texture of portal tracts, interface and lobule, block by block."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiofib.features import glcm
from radiofib.slides.morphometry.nuclei import HALO_UM, Nuclei, find_nuclei
from radiofib.slides.morphometry.regions import occupied
from radiofib.slides.morphometry.zones import ZONES, Zones, ZoneWindow
from radiofib.slides.reader import Grid, Slide
from radiofib.slides.specs.detail import TEXTURES
from radiofib.slides.tissue.find import optical_density
from radiofib.slides.tissue.stain import separate

__all__ = ["Detail", "measure_detail"]

Floats = NDArray[np.float64]

_BLOCK_PIXELS = 1024
_LEVELS, _LEVEL_OD = 16, 0.05
_WAYS = ((0, 1), (1, -1), (1, 0), (1, 1))


class _Sums:
    """Cells, sum and square sum of two stains, and nuclei, of numbered groups."""

    def __init__(self, groups: int) -> None:
        self.pixels = np.zeros(groups, dtype=np.int64)
        self.nuclei = np.zeros(groups, dtype=np.int64)
        self.total = np.zeros((2, groups))
        self.square = np.zeros((2, groups))

    def add(self, group: NDArray[np.int64], stains: Floats, nuclei: NDArray[np.int64]) -> None:
        size = self.pixels.size
        self.pixels += np.bincount(group, minlength=size)
        self.nuclei += np.bincount(nuclei, minlength=size)
        for i in range(2):
            self.total[i] += np.bincount(group, stains[:, i], minlength=size)
            self.square[i] += np.bincount(group, stains[:, i] ** 2, minlength=size)

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
    by_zone, by_tract, by_rim = _Sums(len(ZONES) + 1), _Sums(count + 1), _Sums(count + 1)
    pairs = np.zeros((len(ZONES) + 1, _LEVELS, _LEVELS, len(_WAYS)), dtype=np.int64)
    for block in _blocks(slide, zones, fine, parts, max(1, block_pixels // parts)):
        stains = separate(optical_density(block.rgb, white))[..., :2]
        found = find_nuclei(stains[..., 0], um)
        # Rounded: the last digits of a product of matrices change with its size.
        depth = np.round(stains[..., 0], 9) / _LEVEL_OD
        level = np.clip(depth, 0, _LEVELS - 1).astype(np.int64)
        code = block.code
        _count_pairs(pairs, level, code, block.core)
        nuclei = block.nuclei(found)
        inner = code[block.core].ravel().astype(np.int64)
        tract = block.tract[block.core].ravel().astype(np.int64)
        flat = stains[block.core].reshape(-1, 2)
        by_zone.add(inner, flat, code[nuclei].astype(np.int64))
        of_nuclei = block.tract[nuclei].astype(np.int64)
        for sums, wanted in ((by_tract, 1), (by_rim, 2)):
            there = inner == wanted
            sums.add(tract[there], flat[there], of_nuclei[code[nuclei] == wanted])
    values: dict[str, float] = {}
    for number, zone in enumerate(ZONES, start=1):
        values |= _zone_values(zone, number, by_zone, pairs[number], fine)
    rows = [_tract_values(i, by_tract, by_rim, fine) for i in range(1, count + 1)]
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
    for block in slide.blocks(grid, side):
        filled = occupied(zones.segmentation.labels, block)
        if filled is None:
            continue
        left, top, width, height = filled
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


def _count_pairs(
    pairs: NDArray[np.int64],
    level: NDArray[np.int64],
    code: NDArray[np.int8],
    core: tuple[slice, slice],
) -> None:
    """Count neighbouring levels of one zone; the first of a pair lies in the core."""
    height, width = code.shape
    for way, (down, right) in enumerate(_WAYS):
        rows = slice(core[0].start, min(core[0].stop, height - down))
        columns = slice(max(core[1].start, -right), min(core[1].stop, width - max(right, 0)))
        other = (
            slice(rows.start + down, rows.stop + down),
            slice(columns.start + right, columns.stop + right),
        )
        same = (code[rows, columns] == code[other]) & (code[rows, columns] > 0)
        zone = code[rows, columns][same].astype(np.int64)
        place = (zone * _LEVELS + level[rows, columns][same]) * _LEVELS + level[other][same]
        pairs[..., way] += np.bincount(place, minlength=pairs[..., way].size).reshape(
            pairs.shape[:3]
        )


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


def _tract_values(i: int, tract: _Sums, rim: _Sums, fine: Grid) -> dict[str, float]:
    inner, outer = int(tract.pixels[i]), int(rim.pixels[i])
    return {
        "haematoxylin_od_mean": tract.mean(0, i),
        "eosin_od_mean": tract.mean(1, i),
        "nuclei_count": int(tract.nuclei[i]),
        "nuclei_per_mm2": _per_mm2(int(tract.nuclei[i]), inner, fine.cell_um2),
        "interface_area_um2": outer * fine.cell_um2,
        "interface_haematoxylin_od_mean": rim.mean(0, i),
        "interface_nuclei_per_mm2": _per_mm2(int(rim.nuclei[i]), outer, fine.cell_um2),
    }
