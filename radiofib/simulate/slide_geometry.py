"""Needle cores, portal tracts, septa, veins and vacuoles as polygons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from radiofib.config import StrictModel
from radiofib.errors import UsageError

__all__ = [
    "LABELS",
    "BiopsyLaw",
    "Shape",
    "cut_again",
    "draw_biopsy",
    "draw_core",
    "draw_inside",
]

Points = NDArray[np.float64]

#: Value of each label in ``labels.tif``.
LABELS = {"background": 0, "lobule": 1, "portal": 2, "vein": 3, "vacuole": 4, "pen": 5, "dust": 6}


class BiopsyLaw(StrictModel):
    """How a biopsy looks, and how the latent trait z changes it.

    Parameters
    ----------
    core_width_um, core_width_sd_um : float
        Width of a core, and its deviation between patients.
    tracts_per_mm2 : float
        Density of portal tracts.
    tract_area_um2, tract_area_per_z : float
        Median tract area at z = 0, and the change of its logarithm per unit of z: portal
        expansion.
    tract_area_sd : float
        Deviation of the logarithm of tract area within a biopsy.
    septa_from_level : int
        From this stage level on, neighbouring tracts are linked by septa and their count means
        little.
    veins_per_mm2 : float
        Density of central veins: pale holes that resemble tracts.
    steatosis : float
        Mean share of lobule taken by fat vacuoles; exponentially distributed between patients,
        whatever the stage.
    edge_tracts : float
        Share of tracts placed on the border of the core, which cuts them.
    fragments : float
        Chance that a core is broken in two.
    level_change : float
        How much serial levels of a core differ: 0 not at all; 1 as neighbouring cuts do, in
        their edge (3 % of the width), course and ends (up to 2 % shorter at each).
    """

    core_width_um: float = Field(default=420, gt=50)
    core_width_sd_um: float = Field(default=30, ge=0)
    tracts_per_mm2: float = Field(default=3.0, ge=0)
    tract_area_um2: float = Field(default=12000, gt=0)
    tract_area_per_z: float = 0.25
    tract_area_sd: float = Field(default=0.35, ge=0)
    septa_from_level: int = 3
    veins_per_mm2: float = Field(default=1.5, ge=0)
    steatosis: float = Field(default=0.02, ge=0, lt=0.5)
    edge_tracts: float = Field(default=0.15, ge=0, le=1)
    fragments: float = Field(default=0.25, ge=0, le=1)
    level_change: float = Field(default=0.0, ge=0, le=5)


@dataclass(frozen=True, eq=False)
class Shape:
    """One drawn thing.

    Parameters
    ----------
    kind : str
        ``core``, ``portal``, ``septum``, ``vein``, ``vacuole``, ``duct``, ``pen`` or ``dust``.
    polygon : ndarray of shape (n, 2)
        Vertices (x, y) in level-0 pixels, rounded to 1/1000.
    core, level, fragment : int
        Which core, which serial level of it, and which piece; -1 outside tissue.
    number : int
        Running number within its kind.
    """

    kind: str
    polygon: Points
    core: int = -1
    level: int = -1
    fragment: int = -1
    number: int = 0


@dataclass(frozen=True, eq=False)
class Core:
    """One core in its own frame: centre line from (0, 0), in micrometres.

    Parameters
    ----------
    line : ndarray of shape (n, 2)
        Centre line.
    half_width : ndarray of shape (n,)
        Half width along it.
    pieces : tuple of (first, last)
        Ranges of the centre line that hold tissue; more than one when the core is broken.
    """

    line: Points
    half_width: NDArray[np.float64]
    pieces: tuple[tuple[int, int], ...]

    def at(self, along: float, across: float) -> Points:
        """Return the point at a share of the length and a signed distance from the line."""
        place = along * (len(self.line) - 1)
        i = min(int(place), len(self.line) - 2)
        step = self.line[i + 1] - self.line[i]
        normal = np.array([-step[1], step[0]]) / np.hypot(*step)
        point: Points = self.line[i] + (place - i) * step + across * normal
        return point

    def piece_line(self, piece: int) -> Points:
        """Return the centre line of a piece, from tip to tip."""
        first, last = self.pieces[piece]
        return self.line[first : last + 1]

    def outline(self, piece: int) -> Points:
        """Return the outline of a piece; it narrows to a tip over the last half width."""
        first, last = self.pieces[piece]
        line = self.line[first : last + 1]
        step = np.gradient(line, axis=0)
        normal = np.column_stack([-step[:, 1], step[:, 0]]) / np.hypot(*step.T)[:, None]
        walked = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
        half = self.half_width[first : last + 1]
        tip = 0.6 * half
        near = np.minimum(walked, walked[-1] - walked)
        blunt = np.sqrt(np.clip(1 - (1 - np.clip(near / tip, 0, 1)) ** 2, 0, 1))
        offset = (half * blunt)[:, None] * normal
        return np.concatenate([line + offset, (line - offset)[::-1][1:-1]])


def _smooth(n: int, waves: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a smooth random curve of standard deviation about 1 over n points."""
    t = np.linspace(0, 2 * np.pi, n)
    amplitude = rng.standard_normal(waves) / np.sqrt(waves / 2)
    phase = rng.uniform(0, 2 * np.pi, waves)
    k = np.arange(1, waves + 1)
    curve: NDArray[np.float64] = np.sin(np.outer(t, k) / 2 + phase) @ amplitude
    return curve


def draw_core(
    length_um: float, law: BiopsyLaw, rng: np.random.Generator, *, sway_um: float = 60.0
) -> Core:
    """Draw the course, width and breaks of one core; it bends by about `sway_um` to each side."""
    n = max(int(length_um / 8), 40)
    bend = np.clip(_smooth(n, 4, rng), -2, 2) * sway_um / 2
    bend = bend - bend[0]
    line = np.column_stack([np.linspace(0, length_um, n), bend])
    mean = max(law.core_width_um + law.core_width_sd_um * rng.standard_normal(), 100.0) / 2
    rough = 0.05 * _smooth(n, 12, rng) + 0.02 * _smooth(n, max(n // 6, 2), rng)
    half = mean * np.clip(1 + rough, 0.7, 1.3)
    pieces: tuple[tuple[int, int], ...] = ((0, n - 1),)
    if rng.random() < law.fragments:
        cut, gap = int(n * rng.uniform(0.35, 0.65)), max(int(120 / length_um * n), 3)
        pieces = ((0, cut), (cut + gap, n - 1))
    return Core(line, half, pieces)


def cut_again(core: Core, law: BiopsyLaw, rng: np.random.Generator) -> Core:
    """Return the next level of a core: edge, course and ends a little different."""
    n = len(core.line)
    change = law.level_change
    half = core.half_width * (1 + 0.03 * change * _smooth(n, 24, rng))
    bend = 0.02 * change * 2 * float(core.half_width.mean()) * _smooth(n, 4, rng)
    line = core.line + np.column_stack([np.zeros(n), bend])
    pieces = []
    for first, last in core.pieces:
        cut = (0.02 * change * (last - first) * rng.uniform(0, 1, 2)).astype(int)
        pieces.append((first + int(cut[0]), last - int(cut[1])))
    return Core(line, half, tuple(pieces))


def _blob(area: float, rng: np.random.Generator, uneven: float = 0.18) -> Points:
    """Return a star-shaped polygon of about an area around (0, 0)."""
    angle = np.arange(48) * 2 * np.pi / 48
    radius = np.ones(48)
    for k in (2, 3, 5):
        radius += uneven / k * 2 * rng.standard_normal() * np.cos(k * angle + rng.uniform(0, 6.3))
    radius = np.clip(radius, 0.45, 1.8)
    radius *= np.sqrt(area / np.pi / (radius**2).mean())
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])


def _circle(radius: float, n: int = 20) -> Points:
    angle = np.arange(n) * 2 * np.pi / n
    return radius * np.column_stack([np.cos(angle), np.sin(angle)])


@dataclass(frozen=True, eq=False)
class Inside:
    """What lies in one core, in the core's frame (micrometres): (kind, fragment, polygon)."""

    core: Core
    shapes: tuple[tuple[str, int, Points], ...]


def draw_inside(
    core: Core, trait: float, level: int, steatosis: float, law: BiopsyLaw, rng: np.random.Generator
) -> Inside:
    """Place tracts, septa, veins, ducts and vacuoles in a core so that none overlaps another."""
    shapes: list[tuple[str, int, Points]] = []
    taken: list[tuple[float, float, float]] = []
    for piece, (first, last) in enumerate(core.pieces):
        half = core.half_width[first : last + 1].mean()
        area_mm2 = float(np.hypot(*(core.line[last] - core.line[first])) * 2 * half) / 1e6
        tracts = []
        median = law.tract_area_um2 * np.exp(law.tract_area_per_z * trait)
        for _ in range(max(int(rng.poisson(law.tracts_per_mm2 * area_mm2)), 1)):
            polygon = _blob(median * np.exp(law.tract_area_sd * rng.standard_normal()), rng)
            radius = float(np.hypot(*polygon.T).max())
            cut = bool(rng.random() < law.edge_tracts)
            spot = _free_spot(core, (first, last), radius, cut, taken, rng)
            if spot is None:
                continue
            taken.append((*spot, radius))
            tracts.append(spot)
            shapes.append(("portal", piece, polygon + spot))
            for _ in range(int(rng.integers(1, 4))):
                inner = radius * 0.45 * np.sqrt(rng.random())
                turn = rng.uniform(0, 2 * np.pi)
                at = np.array(spot) + inner * np.array([np.cos(turn), np.sin(turn)])
                shapes.append(("duct", piece, _circle(rng.uniform(0.07, 0.18) * radius) + at))
        for _ in range(int(rng.poisson(law.veins_per_mm2 * area_mm2))):
            radius = float(rng.uniform(18, 38))
            spot = _free_spot(core, (first, last), radius, False, taken, rng)
            if spot is not None:
                taken.append((*spot, radius))
                shapes.append(("vein", piece, _blob(np.pi * radius**2 * 0.7, rng, 0.06) + spot))
        if level >= law.septa_from_level:
            tracts.sort()
            shapes += [
                ("septum", piece, _band(a, b, rng))
                for a, b in pairwise(tracts)
                if np.hypot(b[0] - a[0], b[1] - a[1]) < 900
            ]
        shapes += _vacuoles(core, (first, last), piece, steatosis * area_mm2 * 1e6, taken, rng)
    return Inside(core, tuple(shapes))


def _free_spot(
    core: Core,
    piece: tuple[int, int],
    radius: float,
    cut: bool,
    taken: list[tuple[float, float, float]],
    rng: np.random.Generator,
    gap: float = 15.0,
) -> tuple[float, float] | None:
    """Find room for a disc: wholly inside, or on the border when it is to be cut."""
    n = len(core.line) - 1
    for _ in range(60):
        along = rng.uniform(piece[0], piece[1]) / n
        half = core.half_width[round(along * n)]
        room = half * 0.86 - radius - 12
        ends = np.hypot(*(core.line[[piece[0], piece[1]]] - core.at(along, 0)).T).min()
        if ends < radius + half or (room <= 0 and not cut):
            continue
        across = half * rng.choice([-1, 1]) if cut else rng.uniform(-room, room)
        x, y = core.at(along, float(across))
        if all(np.hypot(x - a, y - b) > radius + r + gap for a, b, r in taken):
            return float(x), float(y)
    return None


def _band(a: tuple[float, float], b: tuple[float, float], rng: np.random.Generator) -> Points:
    """Return a curved band between two points."""
    t = np.linspace(0, 1, 24)
    along = np.array(b) - np.array(a)
    normal = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-9)
    bow = rng.uniform(-0.12, 0.12) * np.hypot(*along) * np.sin(np.pi * t)
    middle = np.array(a) + t[:, None] * along + bow[:, None] * normal
    half = rng.uniform(10, 22) * (1 + 0.25 * np.cos(2 * np.pi * t))
    return np.concatenate(
        [middle + half[:, None] * normal, (middle - half[:, None] * normal)[::-1]]
    )


def _vacuoles(
    core: Core,
    piece: tuple[int, int],
    number: int,
    area_um2: float,
    taken: list[tuple[float, float, float]],
    rng: np.random.Generator,
) -> list[tuple[str, int, Points]]:
    """Scatter round fat vacuoles in the lobule up to an area."""
    found: list[tuple[str, int, Points]] = []
    busy = np.array(taken).reshape(-1, 3)
    n, filled = len(core.line) - 1, 0.0
    for _ in range(int(area_um2 / 60) + 1):
        if filled >= area_um2:
            break
        radius = float(rng.uniform(4, 13))
        along = rng.uniform(piece[0], piece[1]) / n
        half = core.half_width[round(along * n)] * 0.85 - radius
        if min(along * n - piece[0], piece[1] - along * n) * 8 < 1.2 * half:
            continue
        spot = core.at(along, float(rng.uniform(-half, half)))
        if (np.hypot(*(busy[:, :2] - spot).T) < busy[:, 2] + radius + 4).any():
            continue
        found.append(("vacuole", number, _circle(radius, 16) + spot))
        filled += np.pi * radius**2
    return found


def draw_biopsy(
    insides: list[Inside],
    *,
    levels: int,
    shape: tuple[int, int],
    mpp: float,
    again: Callable[[Core], Core] | None = None,
) -> tuple[list[Shape], list[tuple[Shape, Points]]]:
    """Lay cores, each cut at one or more levels, on a slide, one below the other.

    Parameters
    ----------
    insides : list of Inside
        Cores with their content, in micrometres.
    levels : int
        Serial levels: each core is laid down this often, with the same outline and content.
    shape : tuple of int
        Rows and columns of the slide.
    mpp : float
        Micrometres per pixel.
    again : callable, optional
        Makes the next level of a core; without it all levels are equal.

    Returns
    -------
    shapes : list of Shape
        Everything in tissue, in pixels; cores first.
    cores : list of (Shape, ndarray)
        Each piece of tissue with its centre line in pixels.

    Raises
    ------
    UsageError
        When the cores do not fit.
    """
    lanes = len(insides) * levels
    lane = shape[0] / lanes
    tissue: list[tuple[Shape, Points]] = []
    content: list[Shape] = []
    counts: dict[str, int] = {}
    for place in range(lanes):
        which, level = divmod(place, levels)
        core = insides[which].core
        if level and again is not None:
            core = again(core)
        outlines = [core.outline(p) for p in range(len(core.pieces))]
        everything = np.concatenate(outlines) / mpp
        low, high = everything.min(axis=0), everything.max(axis=0)
        if high[1] - low[1] > 0.94 * lane or high[0] - low[0] > 0.98 * shape[1]:
            raise UsageError(
                "the cores do not fit on the slide",
                expected=f"at most {int(0.98 * shape[1])} x {int(0.94 * lane)} pixels each",
                found=f"{int(high[0] - low[0])} x {int(high[1] - low[1])}",
                hint="use a larger slide, shorter or fewer cores",
            )
        shift = np.array([shape[1] / 2, (place + 0.5) * lane]) - (low + high) / 2

        def pixels(points: Points, shift: Points = shift) -> Points:
            return np.round(points / mpp + shift, 3)

        for piece, outline in enumerate(outlines):
            one = Shape("core", pixels(outline), which, level, piece, len(tissue))
            tissue.append((one, pixels(core.piece_line(piece))))
        for kind, piece, polygon in insides[which].shapes:
            number = counts.get(kind, 0)
            counts[kind] = number + 1
            content.append(Shape(kind, pixels(polygon), which, level, piece, number))
    return [s for s, _ in tissue] + content, tissue
