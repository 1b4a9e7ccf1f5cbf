"""Whole B-mode screens with truth: fan or rectangle, tissue, shadows, burned-in graphics."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import ndimage

from radiofib.config import StrictModel
from radiofib.simulate._random import child_rng, gaussian_field
from radiofib.simulate.ultrasound import log_compress, speckle_envelope
from radiofib.simulate.ultrasound_marks import Mark, draw_marks

__all__ = ["FrameSettings", "SimulatedFrame", "simulate_frame"]

MarkName = Literal[
    "name", "id", "date", "settings", "annotation", "caliper", "bar", "logo", "doppler",
    "ticks", "body", "touching",
]  # fmt: skip
#: Every mark that real screens carry and that does not lie on tissue.
OUTSIDE: tuple[MarkName, ...] = ("name", "id", "date", "settings", "bar", "logo", "ticks", "body")


class FrameSettings(StrictModel):
    """What a screen shows.

    Parameters
    ----------
    kind : {"convex", "sector", "linear"}
        Curved array, phased array (the beams meet at the skin) or linear array.
    shape : tuple of int
        Rows and columns of the screen.
    gain_db, dynamic_range_db : float
        Display law, as in :func:`radiofib.simulate.ultrasound.log_compress`.
    background : int
        Grey of the screen around the image: 0 black, 255 white.
    cut : {"", "left", "right", "bottom"}
        The side of the screen that cuts the fan.
    panels : {1, 2}
        Two images side by side.
    marks : tuple of str
        What is burned in.
    bar_side : {"left", "right"}
        Where the grey bar is drawn.
    vessels, shadows : int
        How many of each, per panel.
    pixel_mm : float
        Side of a pixel.

    Examples
    --------
    >>> FrameSettings(kind="linear").marks
    ()
    """

    kind: Literal["convex", "sector", "linear"] = "convex"
    shape: tuple[int, int] = (480, 640)
    gain_db: float = 0.0
    dynamic_range_db: float = Field(default=60.0, gt=0)
    background: int = Field(default=0, ge=0, le=255)
    cut: Literal["", "left", "right", "bottom"] = ""
    panels: Literal[1, 2] = 1
    marks: tuple[MarkName, ...] = ()
    bar_side: Literal["left", "right"] = "right"
    vessels: int = Field(default=4, ge=0)
    shadows: int = Field(default=1, ge=0)
    pixel_mm: float = Field(default=0.3, gt=0)


@dataclass(frozen=True, eq=False)
class SimulatedFrame:
    """A screen and all that is true of it.

    Parameters
    ----------
    screen : ndarray of uint8, shape (rows, columns, 3)
        What a screenshot would hold.
    grey : ndarray of uint8, shape (rows, columns)
        The same without marks; the background outside the image.
    fans : tuple of ndarray of bool
        Where each panel's image is, left to right.
    parts : dict of str to ndarray of bool
        ``vessel, shadow, near, deep`` (near field; behind the diaphragm) and ``parenchyma``,
        which is the rest of the fans, marks or not.
    marks : tuple of Mark
        What was burned in.
    """

    screen: NDArray[np.uint8]
    grey: NDArray[np.uint8]
    fans: tuple[NDArray[np.bool_], ...]
    parts: dict[str, NDArray[np.bool_]]
    marks: tuple[Mark, ...]

    @property
    def fan(self) -> NDArray[np.bool_]:
        """All panels together."""
        return np.asarray(np.logical_or.reduce(self.fans))


@dataclass
class _Beams:
    """Depth (0 to 1) and beam position (-1 to 1) of every pixel of a panel, and the grid."""

    depth: NDArray[np.float64]
    beam: NDArray[np.float64]
    inside: NDArray[np.bool_]
    length_px: float
    width_px: float
    parts: dict[str, NDArray[np.bool_]] = field(default_factory=dict)


def simulate_frame(settings: FrameSettings, seed: int) -> SimulatedFrame:
    """Simulate a screen; the tissue depends on the seed and never on the marks.

    Tissue lies in decibels over depth and beam: a bright layered near field, parenchyma with a
    smooth modulation of 2 dB, vessels at -25 dB, acoustic shadows at -22 dB from a rib down, a
    diaphragm, and -14 dB behind it. Its echo is fully developed speckle on the grid of the beams,
    brought to the screen by linear interpolation, with thermal noise at -40 dB.

    Examples
    --------
    >>> made = simulate_frame(FrameSettings(marks=("name", "bar")), seed=1)
    >>> made.screen.shape, [mark.kind for mark in made.marks]
    ((480, 640, 3), ['name', 'bar'])
    >>> bool((made.grey == simulate_frame(FrameSettings(), seed=1).grey).all())
    True
    """
    rows, columns = settings.shape
    grey = np.full(settings.shape, settings.background, dtype=np.uint8)
    names = ("vessel", "shadow", "near", "deep")
    parts = {name: np.zeros(settings.shape, dtype=bool) for name in names}
    fans = []
    width = columns // settings.panels
    for number in range(settings.panels):
        rng = child_rng(seed, "ultrasound-frame", number)
        beams = _geometry(settings, (rows, width), rng)
        image = _tissue(settings, beams, rng)
        here = (slice(None), slice(number * width, (number + 1) * width))
        grey[here] = np.where(beams.inside, image, settings.background)
        fan = np.zeros(settings.shape, dtype=bool)
        fan[here] = beams.inside
        fans.append(fan)
        for name in names:
            parts[name][here] = beams.parts[name] & beams.inside
    whole: NDArray[np.bool_] = np.asarray(np.logical_or.reduce(fans))
    others = np.logical_or.reduce(list(parts.values()))
    parts["parenchyma"] = np.asarray(whole & ~others)
    screen, marks = draw_marks(
        grey, whole, settings.marks, settings.bar_side,
        child_rng(seed, "ultrasound-marks"),
    )  # fmt: skip
    return SimulatedFrame(screen, grey, tuple(fans), parts, marks)


def _geometry(settings: FrameSettings, shape: tuple[int, int], rng: np.random.Generator) -> _Beams:
    """Place the image on the screen: between a strip for text above and a margin below."""
    rows, columns = shape
    y, x = np.mgrid[:rows, :columns].astype(float)
    top, bottom = 0.11 * rows + rng.uniform(0, 8), rows * 0.96 - rng.uniform(0, 10)
    middle = columns / 2 + rng.uniform(-6, 6)
    shift = {"left": -0.22 * columns, "right": 0.22 * columns}.get(settings.cut, 0.0)
    if settings.cut == "bottom":
        bottom = 1.06 * rows
    if settings.kind == "linear":
        half = columns * rng.uniform(0.29, 0.34)
        depth, beam = (y - top) / (bottom - top), (x - middle - shift) / half
        inside = (depth >= 0) & (depth <= 1) & (np.abs(beam) <= 1)
        return _Beams(depth, beam, inside, bottom - top, 2 * half)
    angle = np.deg2rad(rng.uniform(28, 34) if settings.kind == "convex" else rng.uniform(36, 42))
    share = rng.uniform(0.22, 0.30) if settings.kind == "convex" else rng.uniform(0.0, 0.02)
    # From the height of the ends of the upper arc to the lowest point of the lower arc.
    far = (bottom - top) / (1 - share * np.cos(angle))
    widest = 0.47 * columns / np.sin(angle)
    if far > widest and not settings.cut:
        far = widest
    near = share * far
    apex = (top - near * np.cos(angle), middle + shift)
    dy, dx = y - apex[0], x - apex[1]
    radius, turn = np.hypot(dy, dx), np.arctan2(dx, dy)
    depth, beam = (radius - near) / (far - near), turn / angle
    inside = (depth >= 0) & (depth <= 1) & (np.abs(beam) <= 1)
    return _Beams(depth, beam, inside, far - near, angle * (near + far))


def _tissue(settings: FrameSettings, beams: _Beams, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the picture of one panel and note what lies where."""
    samples, lines = round(beams.length_px), max(round(beams.width_px), 64)
    level = _levels(settings, beams, rng)
    grid = np.mgrid[: samples + 1, : lines + 1].astype(float)
    field_db = 2.0 * gaussian_field((samples + 1, lines + 1), (14.0, 14.0), rng)
    slope_db = rng.uniform(-6.0, 1.0)
    there = level.on_grid(grid[0] / samples, 2 * grid[1] / lines - 1)
    power = 10 ** ((there + field_db + slope_db * grid[0] / samples) / 10)
    envelope = speckle_envelope(power, rng.uniform(1.0, 1.5), rng.uniform(1.6, 2.4), rng)
    noise = speckle_envelope(np.full_like(power, 1e-4), 0.8, 0.8, rng)
    decibel = 20 * np.log10(np.hypot(envelope, noise))
    where = [beams.depth * samples, (beams.beam + 1) / 2 * lines]
    shown = ndimage.map_coordinates(decibel, where, order=1, mode="nearest")
    return log_compress(
        10 ** (shown / 20), gain_db=settings.gain_db, dynamic_range_db=settings.dynamic_range_db
    )


@dataclass(frozen=True)
class _Levels:
    """Echo level in dB as a function of depth (0..1) and beam (-1..1)."""

    near: float
    layers: NDArray[np.float64]
    ribs: tuple[tuple[float, float, float], ...]
    vessels: tuple[tuple[float, float, float, float, float, bool], ...]
    deep: tuple[float, float]
    aspect: float

    def vessel_radius(
        self, depth: NDArray[np.float64], beam: NDArray[np.float64], number: int
    ) -> NDArray[np.float64]:
        """Return the distance from a vessel's centre, 1 on its wall."""
        d0, b0, along, across, turn, _ = self.vessels[number]
        dy, dx = depth - d0, (beam - b0) * self.aspect
        u, v = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
        return np.asarray(np.hypot(u / along, v / across))

    def beyond(self, depth: NDArray[np.float64], beam: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the depth behind the diaphragm, negative in front of it."""
        at, tilt = self.deep
        return depth - (at + tilt * beam - 0.05 * beam**2)

    def on_grid(self, depth: NDArray[np.float64], beam: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the level in dB."""
        steps = (depth / self.near * len(self.layers)).astype(int)
        level = np.where(depth < self.near, self.layers[np.clip(steps, 0, len(self.layers) - 1)], 0)
        for number, vessel in enumerate(self.vessels):
            radius = self.vessel_radius(depth, beam, number)
            level = level + (9.0 * np.exp(-(((radius - 1.12) / 0.1) ** 2)) if vessel[5] else 0.0)
            level = level - 25.0 / (1 + np.exp(-np.clip((1 - radius) * 25, -50, 50)))
        behind = self.beyond(depth, beam)
        level = level + 14.0 * np.exp(-((behind / 0.008) ** 2)) - np.where(behind > 0, 14.0, 0.0)
        for start, centre, half in self.ribs:
            soft = 1 / (1 + np.exp(-np.clip((half - np.abs(beam - centre)) / 0.008, -50, 50)))
            level = level - np.where(depth > start, 22.0 * soft, 0.0)
        return np.asarray(level, dtype=np.float64)


def _levels(settings: FrameSettings, beams: _Beams, rng: np.random.Generator) -> _Levels:
    aspect = beams.width_px / beams.length_px / 2
    near = rng.uniform(0.09, 0.13)
    layers = rng.uniform(-3.0, 10.0, 7)
    ribs = tuple(
        (near * rng.uniform(0.6, 1.0), rng.uniform(-0.85, 0.85), rng.uniform(0.05, 0.09))
        for _ in range(settings.shadows)
    )
    vessels = tuple(
        (
            rng.uniform(near + 0.12, 0.75), rng.uniform(-0.8, 0.8), rng.uniform(0.03, 0.11),
            rng.uniform(0.018, 0.045), rng.uniform(-0.8, 0.8), bool(rng.random() < 0.5),
        )
        for _ in range(settings.vessels)
    )  # fmt: skip
    levels = _Levels(
        near, layers, ribs, vessels, (rng.uniform(0.82, 0.9), rng.uniform(-0.06, 0.06)), aspect
    )
    depth, beam = beams.depth, beams.beam
    vessel = np.zeros(depth.shape, dtype=bool)
    for number in range(len(vessels)):
        vessel |= levels.vessel_radius(depth, beam, number) < 1
    shadow = np.zeros(depth.shape, dtype=bool)
    for start, centre, half in ribs:
        shadow |= (np.abs(beam - centre) < half) & (depth > start)
    deep = levels.beyond(depth, beam) > -0.012
    beams.parts.update(vessel=vessel, shadow=shadow, near=depth < near, deep=deep)
    return levels
