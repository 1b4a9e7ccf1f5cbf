"""B-mode frames with names, dates and numbers written over tissue, and what each line says."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import matplotlib
import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
from numpy.typing import NDArray
from pydantic import Field
from scipy import ndimage

from radiofib.config import StrictModel
from radiofib.simulate._random import child_rng
from radiofib.simulate.ultrasound import speckle_envelope
from radiofib.simulate.ultrasound_frames import FrameSettings, simulate_frame

__all__ = [
    "INKS",
    "TISSUES",
    "TextFrame",
    "TextLine",
    "TextSettings",
    "simulate_text_frame",
    "written",
]

Tissue = Literal["convex", "sector", "linear", "speckle60", "speckle100", "speckle140"]
Ink = Literal["white", "grey", "near", "black"]
#: Whole frames of log-compressed echo by kind of probe; bare speckle of an envelope that was not
#: compressed, by its mean grey.
TISSUES: tuple[Tissue, ...] = (
    "convex", "sector", "linear", "speckle60", "speckle100", "speckle140",
)  # fmt: skip
#: White; any grey; a grey near that of the tissue; black in thin letters.
INKS: tuple[Ink, ...] = ("white", "grey", "near", "black")

_THIN = ("DejaVuSans.ttf", "DejaVuSansMono.ttf", "STIXGeneral.ttf", "cmss10.ttf", "cmtt10.ttf")
_FONTS = (
    *_THIN, "DejaVuSerif.ttf", "DejaVuSans-Bold.ttf", "DejaVuSansMono-Bold.ttf",
    "STIXGeneralBol.ttf", "DejaVuSerif-Bold.ttf",
)  # fmt: skip
_SURNAMES = (
    "DOE", "Mustermann", "ROSSI", "Ivanova", "KOWALSKA", "Nguyen", "SILVA", "Haddad", "OKAFOR",
    "Lindqvist", "TANAKA", "Papadopoulos",
)  # fmt: skip
_GIVEN = ("JANE", "Erika", "MARIO", "Olga", "ANNA", "Minh", "Joao", "SALMA", "Chidi", "KENJI")
_LEAST_SIZE, _LARGEST_SIZE, _LARGEST_THIN = 9, 24, 16
#: Greys by which text of a grey near the tissue's own stands out.
_NEAR = (15.0, 60.0)
#: Share of lines drawn without soft edges, as older machines do.
_HARD_EDGES = 0.3
#: Pixels between a line and the border of the image or another line.
_MARGIN = 10


class TextSettings(StrictModel):
    """What is written on what.

    Parameters
    ----------
    tissue : str
        One of :data:`TISSUES`.
    ink : str
        One of :data:`INKS`.
    shape : tuple of int
        Rows and columns of the screen.
    lines : int
        Lines of text over tissue.

    Examples
    --------
    >>> TextSettings(ink="near").tissue
    'convex'
    """

    tissue: Tissue = "convex"
    ink: Ink = "white"
    shape: tuple[int, int] = (480, 640)
    lines: int = Field(default=2, ge=0)


@dataclass(frozen=True, eq=False)
class TextLine:
    """One line that was written.

    Parameters
    ----------
    text : str
        What it says.
    ink : ndarray of uint8, shape of the screen
        Opacity, 255 where it covers the tissue.
    grey : int
        Its grey.
    size_px : int
        Size of the font; capitals are about .7 of it high.
    """

    text: str
    ink: NDArray[np.uint8]
    grey: int
    size_px: int

    @property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns it covers."""
        rows = np.flatnonzero(self.ink.any(axis=1))
        columns = np.flatnonzero(self.ink.any(axis=0))
        return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


@dataclass(frozen=True, eq=False)
class TextFrame:
    """A screen, the same without text, where its image is, and the lines."""

    screen: NDArray[np.uint8]
    bare: NDArray[np.uint8]
    image: NDArray[np.bool_]
    lines: tuple[TextLine, ...]


def simulate_text_frame(settings: TextSettings, seed: int) -> TextFrame:
    """Simulate a grey screen with lines of text wholly over tissue.

    The tissue depends on the seed and the kind of tissue alone. A line is a made-up name, a date or
    a number, in letters of 9 to 24 pixels (thin black ones: to 16) of ten fonts.

    Examples
    --------
    >>> made = simulate_text_frame(TextSettings(ink="black"), seed=1)
    >>> made.screen.shape, len(made.lines), {line.grey for line in made.lines}
    ((480, 640), 2, {0})
    >>> bool((made.screen == made.bare)[~made.image].all())
    True
    """
    bare, image = _tissue(settings, seed)
    rng = child_rng(seed, f"text-{settings.tissue}-{settings.ink}")
    free = ~ndimage.binary_dilation(~np.pad(image, 1), iterations=_MARGIN)[1:-1, 1:-1]
    screen = bare.copy()
    lines: list[TextLine] = []
    for _ in range(settings.lines):
        line = _line(settings, bare, free, rng)
        share = line.ink / 255.0
        screen = np.rint((1 - share) * screen + share * line.grey).astype(np.uint8)
        rows, columns = line.box
        free[max(rows.start - _MARGIN, 0) : rows.stop + _MARGIN,
             max(columns.start - _MARGIN, 0) : columns.stop + _MARGIN] = False  # fmt: skip
        lines.append(line)
    return TextFrame(screen, bare, image, tuple(lines))


def _tissue(settings: TextSettings, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return a frame without text, and where its image is."""
    rng = child_rng(seed, f"text-tissue-{settings.tissue}")
    if not settings.tissue.startswith("speckle"):
        gain = float(rng.uniform(-6, 6))
        frame = FrameSettings.parse(
            {"kind": settings.tissue, "shape": settings.shape, "gain_db": gain}, where="simulation"
        )
        made = simulate_frame(frame, seed)
        return made.grey, made.fan
    rows, columns = settings.shape
    image = np.zeros(settings.shape, dtype=bool)
    image[round(0.12 * rows) : round(0.93 * rows), round(0.2 * columns) : round(0.8 * columns)] = 1
    sigma = float(rng.uniform(0.5, 1.5))
    envelope = speckle_envelope(np.ones(settings.shape), sigma, 1.5 * sigma, rng)
    grey = np.clip(envelope * float(settings.tissue[7:]) / envelope.mean(), 0, 255)
    return np.where(image, np.rint(grey), 0).astype(np.uint8), image


def _line(
    settings: TextSettings,
    bare: NDArray[np.uint8],
    free: NDArray[np.bool_],
    rng: np.random.Generator,
) -> TextLine:
    """Write one line where it is free; smaller where there is no room."""
    thin = settings.ink == "black"
    size = int(rng.integers(_LEAST_SIZE, (_LARGEST_THIN if thin else _LARGEST_SIZE) + 1))
    names = _THIN if thin else _FONTS
    name = names[int(rng.integers(len(names)))]
    text, hard = _words(rng), bool(rng.random() < _HARD_EDGES)
    while True:
        stamp = written(text, _font(name, size), hard=hard)
        height, width = stamp.shape
        table = np.pad(free.astype(np.int64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
        sums = table[height:, width:] - table[:-height, width:] - table[height:, :-width]
        rows, columns = np.nonzero(sums + table[:-height, :-width] == height * width)
        if rows.size:
            break
        size -= 1
    place = int(rng.integers(rows.size))
    here = (slice(rows[place], rows[place] + height), slice(columns[place], columns[place] + width))
    ink = np.zeros(bare.shape, dtype=np.uint8)
    ink[here] = stamp
    return TextLine(text, ink, _grey(settings.ink, float(bare[here].mean()), rng), size)


def _grey(ink: Ink, level: float, rng: np.random.Generator) -> int:
    if ink == "white":
        return int(rng.integers(235, 256))
    if ink == "grey":
        return int(rng.integers(90, 231))
    if ink == "black":
        return 0
    away = float(rng.uniform(*_NEAR)) * (1 if rng.random() < 0.5 else -1)
    away = -away if not 0 <= level + away <= 255 else away
    return int(np.clip(round(level + away), 0, 255))


def _words(rng: np.random.Generator) -> str:
    """Return a made-up name, a date or a number."""
    surname, given = (str(names[int(rng.integers(len(names)))]) for names in (_SURNAMES, _GIVEN))
    day, month, year = (int(rng.integers(*r)) for r in ((1, 29), (1, 13), (1931, 2026)))
    number = int(rng.integers(100000, 10000000))
    forms = (
        f"{surname}^{given}", f"{surname}, {given}", f"{given} {surname}",
        f"{day:02d}.{month:02d}.{year}", f"{year}-{month:02d}-{day:02d}",
        f"ID {number}", f"MRN:{number:07d}",
    )  # fmt: skip
    return forms[int(rng.integers(len(forms)))]


def written(text: str, font: PIL.ImageFont.FreeTypeFont, *, hard: bool) -> NDArray[np.uint8]:
    """Return the opacity of a line of text, cut to its ink; with hard edges it is 0 or 255.

    Examples
    --------
    >>> ink = written("DOE", _font("DejaVuSans.ttf", 12), hard=True)
    >>> ink.shape[0], np.unique(ink).tolist()
    (9, [0, 255])
    """
    left, top, right, bottom = font.getbbox(text)
    sheet = PIL.Image.new("L", (int(right - left) + 8, int(bottom - top) + 8), 0)
    pen = PIL.ImageDraw.Draw(sheet)
    pen.fontmode = "1" if hard else "L"
    pen.text((4 - left, 4 - top), text, 255, font)
    ink = np.asarray(sheet)
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    return np.asarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


@cache
def _font(name: str, size: int) -> PIL.ImageFont.FreeTypeFont:
    return PIL.ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts/ttf" / name), size)
