"""Pen strokes, folds, blur and bubbles on simulated slides, with their outlines as truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import ndimage as ndi

from radiofib.config import StrictModel
from radiofib.simulate.slide_geometry import Shape

__all__ = ["ARTEFACTS", "ArtefactLaw", "draw_artefacts", "paint_artefacts"]

Points = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Kinds in the order in which they are painted, later ones on top.
ARTEFACTS = ("fold", "bubble", "blur", "stroke")

#: Ink of felt pens as a scanner shows it: blue, green, red, black.
_INKS = np.array([[40, 60, 150], [30, 120, 70], [190, 40, 50], [35, 35, 38]], dtype=np.float32)
_RIM_UM = 12.0
_RIM = 95.0
_FOLD_SHIFT = (37, 53)


class ArtefactLaw(StrictModel):
    """How many artefacts lie on a slide, on average, and how strong they are.

    Parameters
    ----------
    strokes : float
        Felt-pen strokes that cross a core, in turn blue, green, red and black.
    folds : float
        Bands in which the tissue lies double.
    blurs : float
        Regions out of focus.
    bubbles : float
        Air bubbles under the cover slip, half of them over tissue.
    blur_um : tuple of float
        Range of the SD of the blur.

    Examples
    --------
    >>> ArtefactLaw(folds=2).bubbles
    0.0
    """

    strokes: float = Field(default=0.0, ge=0)
    folds: float = Field(default=0.0, ge=0)
    blurs: float = Field(default=0.0, ge=0)
    bubbles: float = Field(default=0.0, ge=0)
    blur_um: tuple[float, float] = (4.0, 8.0)


def draw_artefacts(
    law: ArtefactLaw,
    cores: Sequence[tuple[Shape, Points]],
    shape: tuple[int, int],
    mpp: float,
    rng: np.random.Generator,
) -> list[Shape]:
    """Lay artefacts on cores so that none overlaps another.

    Parameters
    ----------
    law : ArtefactLaw
        Mean numbers.
    cores : sequence of (Shape, ndarray)
        Pieces of tissue with their centre lines, in pixels.
    shape : tuple of int
        Rows and columns of the slide.
    mpp : float
        Micrometres per pixel.
    rng : Generator
        Source of everything random.

    Returns
    -------
    list of Shape
        Of the kinds in :data:`ARTEFACTS`. What found no room is left out.

    Examples
    --------
    >>> line = np.column_stack([np.linspace(500, 9500, 50), np.full(50, 1000.0)])
    >>> core = Shape("core", np.array([[500, 800], [9500, 800], [9500, 1200], [500, 1200.0]]))
    >>> found = draw_artefacts(ArtefactLaw(folds=3), [(core, line)], (2000, 10000), 0.5,
    ...                        np.random.default_rng(0))
    >>> {one.kind for one in found}
    {'fold'}
    """
    taken: list[tuple[float, float, float]] = []
    drawn = []
    means = {"stroke": law.strokes, "bubble": law.bubbles, "blur": law.blurs, "fold": law.folds}
    for kind, mean in means.items():
        for number in range(int(rng.poisson(mean))):
            for _ in range(50):
                core, line = cores[int(rng.integers(len(cores)))]
                at, along = _place(line, rng)
                width = _width(core, line)
                if kind == "bubble" and number % 2:
                    at = rng.uniform(0.05, 0.95, 2) * (shape[1], shape[0])
                outline = _outline(kind, width * mpp, along, rng) / mpp + at
                reach = float(np.hypot(*(outline - at).T).max()) + 60 / mpp
                if all(np.hypot(*(at - (x, y))) > reach + r for x, y, r in taken):
                    taken.append((float(at[0]), float(at[1]), reach))
                    drawn.append(Shape(kind, np.round(outline, 3), number=number))
                    break
    return drawn


def _place(line: Points, rng: np.random.Generator) -> tuple[Points, Points]:
    i = int(rng.uniform(0.15, 0.85) * (len(line) - 1))
    step = line[min(i + 3, len(line) - 1)] - line[max(i - 3, 0)]
    return line[i], step / np.hypot(*step)


def _width(core: Shape, line: Points) -> float:
    x, y = core.polygon.T
    area = abs(float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))) / 2
    return area / float(np.hypot(*np.diff(line, axis=0).T).sum())


def _outline(kind: str, width_um: float, along: Points, rng: np.random.Generator) -> Points:
    """Return an outline around (0, 0) in um."""
    across = np.array([-along[1], along[0]])
    if kind == "fold":
        return _bent_band(across, width_um * rng.uniform(1.0, 1.6), rng.uniform(40, 120), rng)
    if kind == "stroke":
        return _bent_band(across, width_um + rng.uniform(400, 1500), rng.uniform(200, 500), rng)
    radius = rng.uniform(250, 700) if kind == "blur" else rng.uniform(150, 400)
    stretch = rng.uniform(0.9, 1.1) if kind == "bubble" else rng.uniform(0.6, 1.6)
    angle = np.arange(64) * 2 * np.pi / 64
    return radius * np.column_stack([np.cos(angle) * stretch, np.sin(angle) / stretch])


def _bent_band(
    direction: Points, length: float, thickness: float, rng: np.random.Generator
) -> Points:
    turn = rng.uniform(-0.5, 0.5)
    cos, sin = np.cos(turn), np.sin(turn)
    direction = np.array([[cos, -sin], [sin, cos]]) @ direction
    normal = np.array([-direction[1], direction[0]])
    t = np.linspace(-0.5, 0.5, 24)
    middle = length * t[:, None] * direction
    middle = middle + (0.1 * length * np.cos(np.pi * t) * rng.uniform(-1, 1))[:, None] * normal
    half = thickness / 2 * (1 + 0.15 * np.cos(2 * np.pi * t * rng.uniform(1, 3)))[:, None]
    return np.concatenate([middle + half * normal, (middle - half * normal)[::-1]])


def paint_artefacts(
    rgb: NDArray[np.uint8],
    tissue: Bools,
    masks: Mapping[str, Sequence[tuple[int, Bools]]],
    *,
    white: Sequence[float],
    noise: NDArray[np.float32],
    mpp: float,
    blur_um: tuple[float, float],
) -> NDArray[np.uint8]:
    """Paint artefacts over a window of a slide.

    Parameters
    ----------
    rgb : ndarray of uint8
        The clean window, with a margin around what is wanted.
    tissue : ndarray of bool
        Where tissue lies.
    masks : mapping
        Kind -> number and mask of each artefact.
    white : sequence of float
        Bare glass.
    noise : ndarray
        Camera noise, which no blur takes away.
    mpp : float
        Micrometres per pixel.
    blur_um : tuple of float
        Range of the SD of the blur.

    Examples
    --------
    >>> pink = np.full((8, 8, 3), (220, 110, 220), np.uint8)
    >>> whole = np.ones((8, 8), bool)
    >>> paint_artefacts(pink, whole, {"fold": [(0, whole)]}, white=(240, 240, 240),
    ...                 noise=np.zeros((8, 8), np.float32), mpp=0.5, blur_um=(4, 8))[0, 0].tolist()
    [202, 50, 202]
    """
    picture = rgb.astype(np.float32)
    glass = np.asarray(white, dtype=np.float32)
    for _, mask, kind in _ordered(masks):
        if kind == "fold":
            second = np.roll(picture, _FOLD_SHIFT, axis=(0, 1)) / glass
            double = mask & tissue
            picture[double] = (picture * np.minimum(second, 1))[double]
    for _, mask, kind in _ordered(masks):
        if kind == "bubble":
            rim = mask & (ndi.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1] < _RIM_UM / mpp)
            picture[mask] = (0.55 * picture + 0.40 * glass)[mask]
            picture[rim] = 0.25 * picture[rim] + 0.75 * _RIM
    for number, mask, kind in _ordered(masks):
        if kind == "blur":
            share = (number * 0.618) % 1.0
            sigma = (blur_um[0] + share * (blur_um[1] - blur_um[0])) / mpp
            soft = ndi.gaussian_filter(picture, (sigma, sigma, 0), truncate=2.5)
            weight = ndi.gaussian_filter(mask.astype(np.float32), 1.0)[..., None]
            picture = weight * (soft + noise[..., None]) + (1 - weight) * picture
    for number, mask, kind in _ordered(masks):
        if kind == "stroke":
            picture[mask] = _INKS[number % len(_INKS)] + 3 * noise[mask][:, None]
    result: NDArray[np.uint8] = np.rint(picture.clip(0, 255)).astype(np.uint8)
    return result


def _ordered(
    masks: Mapping[str, Sequence[tuple[int, Bools]]],
) -> Iterator[tuple[int, Bools, str]]:
    for kind in ARTEFACTS:
        for number, mask in masks.get(kind, ()):
            yield number, mask, kind
