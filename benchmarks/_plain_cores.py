"""Slides with cores that hold little to be told by: flat stain, few tracts, an even outline."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from benchmarks._level_slides import Drawn

Floats = NDArray[np.float64]

#: Size of a cell of the tissue grid, um.
_UM = 8.0
_GLASS = np.array((243.0, 242.0, 245.0))
_LOBULE = np.array((224.0, 152.0, 190.0))
_PORTAL = np.array((140.0, 85.0, 155.0))
#: Glass between cores and at the ends, cells.
_GAP = 70


@dataclass(frozen=True, eq=False)
class Plain:
    """One core, in cells.

    Parameters
    ----------
    middle, half : ndarray
        Centre line and half of the width at each column.
    spots : ndarray of shape (n, 5)
        Tracts and veins: column, place across as a share of half the width, two radii, and 1
        where it is a vein.
    """

    middle: Floats
    half: Floats
    spots: Floats


def _smooth(n: int, cells: float, rng: np.random.Generator) -> Floats:
    values = ndi.gaussian_filter1d(rng.standard_normal(n + round(8 * cells)), cells)
    values = values[round(4 * cells) :][:n]
    result: Floats = (values - values.mean()) / max(float(values.std()), 1e-9)
    return result


def plain_core(
    length_mm: float, width_mm: float, ragged_um: float, rng: np.random.Generator
) -> Plain:
    """Return a core of its own: a gentle course, 0 to 12 tracts, up to one vein a mm."""
    n = round(length_mm * 1000 / _UM)
    at = np.linspace(0, 1, n)
    arc = rng.uniform(-300, 300) * (1 - (2 * at - 1) ** 2) / _UM
    middle = arc + rng.uniform(2, 10) * _smooth(n, rng.uniform(80, 200), rng)
    ragged = ragged_um / _UM * (_smooth(n, 4.0, rng) + _smooth(n, 20.0, rng)) / np.sqrt(2)
    half = width_mm * 500 / _UM + ragged
    ends = np.minimum(np.arange(n), np.arange(n)[::-1]) / (width_mm * 500 / _UM)
    half = np.maximum(half * np.sqrt(1 - (1 - ends.clip(0, 1)) ** 2), 2.0)
    tracts = int(rng.integers(0, 13))
    veins = int(rng.poisson(rng.uniform(0, 1) * length_mm))
    spots = np.empty((tracts + veins, 5))
    spots[:, 0] = rng.uniform(0.03, 0.97, len(spots)) * n
    spots[:, 1] = rng.uniform(-0.95, 0.95, len(spots))
    spots[:tracts, 2:4] = rng.uniform(5, 18, (tracts, 2))
    spots[tracts:, 2:4] = rng.uniform(3, 7, (veins, 1))
    spots[:, 4] = np.arange(len(spots)) >= tracts
    return Plain(middle, half, spots)


def _cut_again(core: Plain, ragged_um: float, rng: np.random.Generator) -> Plain:
    """Return another section: tracts move by 20 um, grow or shrink, and one in ten is gone."""
    n = len(core.half)
    spots = core.spots[rng.random(len(core.spots)) >= 0.1].copy()
    spots[:, 0] += 2.5 * rng.standard_normal(len(spots))
    spots[:, 1] += 2.5 * rng.standard_normal(len(spots)) / float(core.half.mean())
    spots[:, 2:4] *= np.exp(0.15 * rng.standard_normal((len(spots), 1)))
    edge = 0.5 * ragged_um / _UM * _smooth(n, 4.0, rng)
    return replace(core, half=np.maximum(core.half + edge, 2.0), spots=spots)


def plain_slide(rng: np.random.Generator, *, levels: int) -> Drawn:
    """Make a slide with two to four different cores, or with one or two at some levels.

    Half of the slides hold cores of one length (3 %), the others cores of 4 to 16 mm; half have
    a smooth outline, half one that is ragged by 10 to 40 um; the stain is flat but for white
    noise.
    """
    cores = int(rng.integers(2, 5)) if levels == 1 else int(rng.integers(1, 3))
    one, equal = rng.uniform(6, 16), bool(rng.random() < 0.5)
    width = rng.uniform(0.6, 1.0)
    ragged = rng.uniform(10, 40) if rng.random() < 0.5 else 0.0
    noise = rng.uniform(0.3, 6)
    contrast = rng.uniform(0.3, 1)
    bodies = []
    for _ in range(cores):
        length = one * (1 + 0.03 * rng.uniform(-1, 1)) if equal else rng.uniform(4, 16)
        bodies.append(plain_core(length, width * (1 + 0.04 * rng.standard_normal()), ragged, rng))
    sections = [(i, 0, core) for i, core in enumerate(bodies)]
    for k in range(1, levels):
        sections += [(i, k, _cut_again(core, ragged, rng)) for i, core in enumerate(bodies)]
    columns = max(len(core.half) for core in bodies) + 2 * _GAP
    pictures, masks, truth = [], [], []
    for which, level, core in sections:
        picture, mask = _painted(core, columns, contrast, rng)
        pictures.append(picture)
        masks.append(mask)
        truth += [(which, level)] * len(mask)
    overview, tissue = np.concatenate(pictures), np.concatenate(masks)
    overview += np.where(tissue, noise, 0.5)[..., None] * rng.standard_normal((*tissue.shape, 1))
    number, level = np.array(truth).T
    picture = np.rint(overview.clip(0, 255)).astype(np.uint8)
    return Drawn(picture, tissue, _UM, number, level)


def _painted(
    core: Plain, columns: int, contrast: float, rng: np.random.Generator
) -> tuple[Floats, NDArray[np.bool_]]:
    n = len(core.half)
    top, bottom = core.middle - core.half, core.middle + core.half
    height = int(np.ceil(bottom.max() - top.min())) + _GAP
    down = _GAP / 2 - top.min()
    left = int(rng.integers(_GAP // 2, columns - n - _GAP // 2 + 1))
    y, x = np.mgrid[:height, :n]
    mask = (y + 0.5 >= top + down) & (y + 0.5 < bottom + down)
    picture = np.where(mask[..., None], _LOBULE, _GLASS)
    for column, across, a, b, vein in core.spots:
        k = int(np.clip(column, 0, n - 1))
        row = core.middle[k] + across * core.half[k] + down
        inside = ((x + 0.5 - column) / a) ** 2 + ((y + 0.5 - row) / b) ** 2 <= 1
        color = _GLASS if vein else _LOBULE + contrast * (_PORTAL - _LOBULE)
        picture[inside & mask] = color
    whole = np.zeros((height, columns), dtype=bool)
    whole[:, left : left + n] = mask
    result = np.empty((height, columns, 3))
    result[:] = _GLASS
    result[:, left : left + n] = picture
    return result, whole
