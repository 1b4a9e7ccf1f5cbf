"""Simulated slides with serial levels that differ as sections do, and with different cores."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radiofib.simulate._raster import polygon_spans
from radiofib.simulate._tiff import TiffWriter
from radiofib.simulate.slide_geometry import (
    BiopsyLaw,
    Core,
    Inside,
    Shape,
    cut_again,
    draw_core,
    draw_inside,
)
from radiofib.simulate.slide_paint import SlidePainter
from radiofib.simulate.slides import SLIDE_SCANNERS
from radiofib.slides.reader import open_slide
from radiofib.slides.settings import SlideSettings
from radiofib.slides.tissue.find import find_tissue

Points = NDArray[np.float64]

#: Slides are painted at this resolution, with the texture of 20x, and halved to the tissue grid.
PAINT_UM = 4.0
#: Width and height of 40,000 x 30,000 pixels at 20x and 40x, um.
FIELDS = {"20x": (20_000.0, 15_000.0), "40x": (10_000.0, 7_500.0)}
#: Largest distance of cores.
LANE_UM = 1700.0


@dataclass(frozen=True)
class SectionLaw:
    """How the sections of one core differ.

    Parameters
    ----------
    change : float
        ``level_change`` of the biopsy: edge, course and ends.
    stretch, warp_um : float
        SD of the share by which a section is longer or shorter, and of its smooth deformation
        along and across.
    turn_deg : float
        Largest rotation to each side.
    shift_um : float
        Largest shift on the glass along the core.
    tract_scale, tract_move_um, tract_gone : float
        SD of the logarithm of the size of a tract or vein, SD of its place, and the chance that
        it is not in the section (as many others are).
    end_lost : float
        Chance that an end, 3 to 12 % of the length, is missing.
    broken : float
        Chance that a section is torn in two; the parts lie 100 to 400 um apart.
    flipped : float
        Chance that a section lies turned round, or upside down.
    shorter : float
        Share of its length that the last section has lost at one end.
    faded : float
        Share of the stain that the last section has lost.
    """

    change: float = 1.0
    stretch: float = 0.008
    warp_um: float = 25.0
    turn_deg: float = 1.5
    shift_um: float = 400.0
    tract_scale: float = 0.15
    tract_move_um: float = 15.0
    tract_gone: float = 0.1
    end_lost: float = 0.25
    broken: float = 0.0
    flipped: float = 0.0
    shorter: float = 0.0
    faded: float = 0.0


@dataclass(frozen=True, eq=False)
class Drawn:
    """A slide on the tissue grid.

    Parameters
    ----------
    overview, mask : ndarray
        Picture and tissue.
    um : float
        Size of a cell.
    core, level : ndarray of int
        Number of the core and level at every cell of the lanes, from 0.
    """

    overview: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    um: float
    core: NDArray[np.int64]
    level: NDArray[np.int64]


def _waves(n: int, waves: int, rng: np.random.Generator) -> NDArray[np.float64]:
    at = np.linspace(0, 1, n)
    k = np.arange(1, waves + 1)
    phase = rng.uniform(0, 2 * np.pi, waves)
    size = rng.standard_normal(waves) / np.sqrt(waves / 2)
    curve: NDArray[np.float64] = np.sin(np.outer(at, np.pi * k) + phase) @ size
    return curve


def section(
    inside: Inside,
    other: Inside,
    law: SectionLaw,
    biopsy: BiopsyLaw,
    rng: np.random.Generator,
    *,
    last: bool,
) -> tuple[list[tuple[Points, int]], list[tuple[str, Points]]]:
    """Return the outlines of the pieces of one more section, with their number, and the content."""
    again = cut_again(inside.core, biopsy.model_copy(update={"level_change": law.change}), rng)
    pieces = list(again.pieces)
    if rng.random() < law.end_lost:
        pieces = _shortened(pieces, rng.uniform(0.03, 0.12), rng)
    if last and law.shorter:
        pieces = _shortened(pieces, law.shorter, rng)
    torn = None
    if rng.random() < law.broken:
        k = int(np.argmax([b - a for a, b in pieces]))
        first, stop = pieces[k]
        torn = int(first + (stop - first) * rng.uniform(0.3, 0.7))
        pieces[k : k + 1] = [(first, torn), (torn + 1, stop)]
    length = float(again.line[-1, 0])
    grid = np.linspace(0, length, 200)
    along = grid * law.stretch * rng.standard_normal() + law.warp_um * _waves(200, 4, rng)
    across = law.warp_um * _waves(200, 4, rng)
    gap = rng.uniform(100, 400) if torn is not None else 0.0
    drop, tilt = rng.uniform(-150, 150), np.deg2rad(rng.uniform(-2, 2))

    def placed(points: Points) -> Points:
        x, y = points.T
        moved = np.column_stack([x + np.interp(x, grid, along), y + np.interp(x, grid, across)])
        if torn is not None:
            here = float(np.median(x)) > again.line[torn, 0]
            if here:
                hinge = again.line[torn]
                turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
                moved = (moved - hinge) @ turn + hinge + (gap, drop)
        return moved

    core = Core(again.line, again.half_width, tuple(pieces))
    outlines = [(placed(core.outline(k)), k) for k in range(len(pieces))]
    content = []
    mine = [(k, p, False) for k, _, p in inside.shapes] + [
        (k, p, True) for k, _, p in other.shapes if k in ("portal", "vein")
    ]
    for kind, polygon, new in mine:
        if kind in ("portal", "vein", "septum"):
            if (rng.random() < law.tract_gone) != new:
                continue
            middle = polygon.mean(axis=0)
            scale = np.exp(law.tract_scale * rng.standard_normal())
            move = law.tract_move_um * rng.standard_normal(2)
            polygon = (polygon - middle) * scale + middle + move
        elif kind == "duct":
            continue
        content.append((kind, placed(polygon)))
    return outlines, content


def _shortened(
    pieces: list[tuple[int, int]], share: float, rng: np.random.Generator
) -> list[tuple[int, int]]:
    first, stop = pieces[0][0], pieces[-1][1]
    lost = int(share * (stop - first))
    low, high = (first + lost, stop) if rng.random() < 0.5 else (first, stop - lost)
    cut = [(max(a, low), min(b, high)) for a, b in pieces]
    return [(a, b) for a, b in cut if b - a > 25]


def _laid(
    outlines: list[tuple[Points, int]],
    content: list[tuple[str, Points]],
    middle: tuple[float, float],
    room_um: float,
    law: SectionLaw,
    rng: np.random.Generator,
) -> tuple[list[Points], list[tuple[str, Points]]]:
    """Turn, flip and shift a section into its lane."""
    points = np.concatenate([p for p, _ in outlines])
    centre = (points.min(axis=0) + points.max(axis=0)) / 2
    flip = np.ones(2)
    if rng.random() < law.flipped:
        flip = np.array([(-1.0, -1.0), (1.0, -1.0), (-1.0, 1.0)][int(rng.integers(3))])
    shift = law.shift_um * rng.uniform(-1, 1)
    most = law.turn_deg
    extent = np.ptp(points, axis=0)
    spare = max(room_um - extent[1], 0.0)
    angle = np.deg2rad(most * rng.uniform(-1, 1))
    angle = np.clip(angle, -spare / extent[0], spare / extent[0])
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])

    def laid(p: Points) -> Points:
        return ((p - centre) * flip) @ turn + np.array(middle) + (shift, 0.0)

    return [laid(p) for p, _ in outlines], [(k, laid(p)) for k, p in content]


@cache
def _textures(scanner: int) -> dict[str, NDArray[np.uint8]]:
    """Return what glass, lobule and portal tissue look like at 20x, reduced to the painted size."""
    side, mpp = 2048, 0.5
    square = np.array([[0.0, 0.0], [side, 0.0], [side, side], [0.0, side]])
    kinds: dict[str, list[str]] = {"glass": [], "lobule": ["core"], "portal": ["core", "portal"]}
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, shapes in kinds.items():
            rng = np.random.default_rng(0)
            drawn = [Shape(kind, square) for kind in shapes]
            painter = SlidePainter(drawn, (side, side), mpp, SLIDE_SCANNERS[scanner], rng)
            path = Path(folder) / "texture.tif"
            with TiffWriter(path, "rgb") as tiff:
                tiff.page(painter.tiles(), (side, side), mpp=mpp)
            with open_slide(path) as slide:
                found[name] = slide.read_all(slide.grid(PAINT_UM))
    return found


class _Paper:
    """Picture of a slide, painted at twice the resolution of the tissue grid."""

    def __init__(self, width: float, height: float, scanner: int, rng: np.random.Generator) -> None:
        self.white = SLIDE_SCANNERS[scanner].white
        self._shape = (2 * round(height / PAINT_UM / 2), 2 * round(width / PAINT_UM / 2))
        self._labels = np.zeros(self._shape, dtype=np.uint8)
        self._scanner, self._rng = scanner, rng

    def draw(self, outlines: list[Points], content: list[tuple[str, Points]]) -> None:
        """Draw one section."""
        drawn = [(polygon, 1) for polygon in outlines]
        for kind, value in (("vacuole", 0), ("vein", 0), ("septum", 2), ("portal", 2)):
            drawn += [(polygon, value) for k, polygon in content if k == kind]
        tissue = np.zeros(self._shape, dtype=bool)
        for number, (polygon, value) in enumerate(drawn):
            spans = polygon_spans(polygon / PAINT_UM)
            top, bottom, left, right = spans.box
            top, left = max(top, 0), max(left, 0)
            box = (slice(top, bottom), slice(left, right))
            height, width = self._labels[box].shape
            if min(height, width) < 1:
                continue
            mask = spans.window(top, left, height, width)
            if number < len(outlines):
                tissue[box] |= mask
            self._labels[box][mask & tissue[box]] = value

    def overview(self) -> NDArray[np.uint8]:
        """Return the picture on the tissue grid; blocks of texture are placed at random."""
        textures = _textures(self._scanner)
        picture = np.empty((*self._shape, 3), dtype=np.float32)
        side = 64
        for top in range(0, self._shape[0], side):
            for left in range(0, self._shape[1], side):
                block = (slice(top, top + side), slice(left, left + side))
                labels = self._labels[block]
                y, x = self._rng.integers(0, 256 - side, 2)
                here = (slice(y, y + labels.shape[0]), slice(x, x + labels.shape[1]))
                out = textures["glass"][here].astype(np.float32)
                for value, name in ((1, "lobule"), (2, "portal")):
                    on = labels == value
                    if on.any():
                        out[on] = textures[name][here][on]
                picture[block] = out
        corners = [picture[i::2, j::2] for i in (0, 1) for j in (0, 1)]
        mean = (corners[0] + corners[1] + corners[2] + corners[3]) / 4
        result: NDArray[np.uint8] = np.rint(mean).astype(np.uint8)
        return result


def draw_slide(
    rng: np.random.Generator,
    *,
    field: tuple[float, float],
    cores: int,
    levels: int,
    law: SectionLaw,
    biopsy: BiopsyLaw | None = None,
    alike: float | None = None,
    lengths_um: tuple[float, float] | None = None,
) -> Drawn:
    """Make one slide and read it on the tissue grid.

    Parameters
    ----------
    field : tuple of float
        Width and height, um.
    cores, levels : int
        Different cores, and sections of each.
    law, biopsy
        How sections differ, and what cores are like.
    alike : float, optional
        Cores differ in length by at most this share to each side of one drawn length.
    lengths_um : tuple of float, optional
        Else, shortest and longest core; by default 60 to 88 % of the width.
    """
    biopsy = biopsy or BiopsyLaw(fragments=0.0)
    width, height = field
    height = min(height, cores * levels * LANE_UM)  # more glass below would only take time
    lane = height / (cores * levels)
    stage = int(rng.integers(4))
    trait = rng.normal()
    steatosis = float(np.minimum(biopsy.steatosis * rng.exponential(), 0.4))
    typical = biopsy.core_width_um + biopsy.core_width_sd_um * rng.standard_normal()
    one = biopsy.model_copy(update={"core_width_um": typical, "core_width_sd_um": 4.0})
    length = width * rng.uniform(0.7, 0.88)
    lengths_um = lengths_um or (0.6 * width, 0.88 * width)
    bodies = []
    for _ in range(cores):
        own = rng.uniform(*lengths_um)
        if alike is not None:
            own = length * (1 + alike * rng.uniform(-1, 1))
        core = draw_core(own, one, rng, sway_um=min(0.01 * own, 0.06 * lane))
        bodies.append([draw_inside(core, trait, stage, fat, one, rng) for fat in (steatosis, 0.0)])
    by_level = bool(rng.random() < 0.5)
    paper = _Paper(width, height, int(rng.integers(3)), rng)
    places = np.empty((cores * levels, 2), dtype=np.int64)
    for place in range(cores * levels):
        which, level = divmod(place, levels) if not by_level else divmod(place, cores)[::-1]
        places[place] = which, level
        mine = law if levels > 1 else replace(law, broken=0.0, end_lost=0.0)
        parts, content = section(*bodies[which], mine, one, rng, last=level == levels - 1)
        middle = (width / 2, (place + 0.5) * lane)
        paper.draw(*_laid(parts, content, middle, 0.9 * lane, law, rng))
    overview = paper.overview()
    lanes = np.arange(overview.shape[0]) * 2 * PAINT_UM // lane
    lanes = lanes.astype(np.int64).clip(0, len(places) - 1)
    if law.faded:
        rows = places[lanes, 1] == levels - 1
        white = np.array(paper.white)
        faded = white * (overview[rows] / white).clip(0, 1) ** (1 - law.faded)
        overview[rows] = np.rint(faded).astype(np.uint8)
    um = 2 * PAINT_UM
    mask = find_tissue(overview, um=(um, um), settings=SlideSettings()).mask
    return Drawn(overview, mask, um, places[lanes, 0], places[lanes, 1])
