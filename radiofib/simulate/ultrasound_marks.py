"""What machines burn into a picture: names, dates, calipers, bars, logos, a Doppler box."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
from numpy.typing import NDArray

__all__ = ["NAMES", "Mark", "draw_marks"]

#: Made-up people.
NAMES = ("DOE^JANE", "MUSTERMANN, ERIKA", "Rossi Mario", "IVANOVA O.", "Kowalska, Anna M", "LI WEI")
_FONTS = (
    "DejaVuSans.ttf", "DejaVuSansMono.ttf", "DejaVuSerif-Bold.ttf", "DejaVuSans-Bold.ttf",
    "DejaVuSansMono-Bold.ttf",
)  # fmt: skip
_WORDS = ("LIVER RT", "Hep. vein", "SEG V", "RK", "Left Lobe", "Dist 7.21 cm")
_INKS = ((255, 255, 255), (255, 235, 60), (235, 235, 235), (90, 240, 240), (120, 255, 120))


@dataclass(frozen=True, eq=False)
class Mark:
    """One thing that was burned in.

    Parameters
    ----------
    kind : str
        ``name``, ``caliper`` ...
    text : str
        What it says; "" for a graphic.
    ink : ndarray of uint8, shape of the screen
        Opacity of the mark, 255 where it covers what was there.
    colour : tuple of int
        Its colour.
    """

    kind: str
    text: str
    ink: NDArray[np.uint8]
    colour: tuple[int, int, int]

    @property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns it covers."""
        rows = np.flatnonzero(self.ink.any(axis=1))
        columns = np.flatnonzero(self.ink.any(axis=0))
        return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


@cache
def _font(number: int, size: int) -> PIL.ImageFont.FreeTypeFont:
    folder = Path(matplotlib.get_data_path()) / "fonts/ttf"
    return PIL.ImageFont.truetype(str(folder / _FONTS[number % len(_FONTS)]), size)


class _Pen:
    """Draws marks on a screen, each on a layer of its own."""

    def __init__(
        self, screen: NDArray[np.uint8], fan: NDArray[np.bool_], rng: np.random.Generator
    ) -> None:
        self.screen, self.fan, self.rng = screen, fan, rng
        self.rows, self.columns = fan.shape
        self.dark = screen[0, 0, 0] < 128
        self.marks: list[Mark] = []

    def layer(
        self, kind: str, draw: Callable[[PIL.ImageDraw.ImageDraw], None],
        colour: tuple[int, int, int], text: str = "",
    ) -> None:  # fmt: skip
        """Draw one mark and lay it over the screen."""
        sheet = PIL.Image.new("L", (self.columns, self.rows), 0)
        draw(PIL.ImageDraw.Draw(sheet))
        ink = np.asarray(sheet)
        share = ink[..., None] / 255.0
        mixed = (1 - share) * self.screen + share * np.array(colour)
        self.screen[:] = np.rint(mixed).astype(np.uint8)
        self.marks.append(Mark(kind, text, ink, colour))

    def text(
        self, kind: str, text: str, at: tuple[float, float], *, anchor: str = "la",
        on_tissue: bool = False,
    ) -> None:  # fmt: skip
        """Write a line of text at (row, column)."""
        size = int(self.rng.integers(11, 21))
        font = _font(int(self.rng.integers(len(_FONTS))), size)
        ink = _INKS[int(self.rng.integers(len(_INKS)))] if self.dark or on_tissue else (0, 0, 60)
        place = (round(at[1]), round(at[0]))
        self.layer(kind, lambda d: d.text(place, text, 255, font, anchor=anchor), ink, text)

    def place_inside(self, margin: int) -> tuple[int, int]:
        """Return a place well inside the fan."""
        rows, columns = np.nonzero(self.fan[margin:-margin, margin:-margin])
        good = (rows > 0.3 * self.rows) & (rows < 0.8 * self.rows)
        chosen = int(self.rng.integers(int(good.sum())))
        return int(rows[good][chosen]) + margin, int(columns[good][chosen]) + margin


def draw_marks(
    grey: NDArray[np.uint8],
    fan: NDArray[np.bool_],
    kinds: Sequence[str],
    bar_side: str,
    rng: np.random.Generator,
) -> tuple[NDArray[np.uint8], tuple[Mark, ...]]:
    """Return the screen (y, x, 3) with the marks asked for, and the marks.

    Parameters
    ----------
    grey : ndarray of uint8, shape (y, x)
        The screen without marks.
    fan : ndarray of bool, same shape
        Where tissue is.
    kinds : sequence of str
        Marks, drawn in this order.
    bar_side : {"left", "right"}
        Side of the grey bar.
    rng : Generator
        Source of words, places, fonts, sizes and colours.
    """
    pen = _Pen(np.repeat(grey[..., None], 3, axis=-1), fan, rng)
    for kind in kinds:
        _DRAW[kind](pen, bar_side)
    return pen.screen, tuple(pen.marks)


def _name(pen: _Pen, _: str) -> None:
    pen.text("name", str(pen.rng.choice(NAMES)), (4, 6))


def _id(pen: _Pen, _: str) -> None:
    number = int(pen.rng.integers(100000, 999999))
    pen.text("id", f"ID {number}", (4, pen.columns - 8), anchor="ra")


def _date(pen: _Pen, _: str) -> None:
    day, month = int(pen.rng.integers(1, 29)), int(pen.rng.integers(1, 13))
    pen.text("date", f"{day:02d}.{month:02d}.20{int(pen.rng.integers(10, 25))}", (26, 6))


def _settings(pen: _Pen, _: str) -> None:
    pen.text("settings", f"MI {pen.rng.uniform(0.6, 1.4):.1f}  DR 60", (pen.rows - 26, 6))


def _annotation(pen: _Pen, _: str) -> None:
    at = pen.place_inside(60)
    pen.text("annotation", str(pen.rng.choice(_WORDS)), at, anchor="mm", on_tissue=True)


def _touching(pen: _Pen, _: str) -> None:
    """Write a name across the border of the fan, at half its height."""
    row = round(0.55 * pen.rows)
    left = int(np.flatnonzero(pen.fan[row])[0])
    pen.text("touching", str(pen.rng.choice(NAMES)), (row, max(left + 40, 130)), anchor="rm",
             on_tissue=True)  # fmt: skip


def _caliper(pen: _Pen, _: str) -> None:
    ends = np.array([pen.place_inside(40), pen.place_inside(40)])
    steps = max(int(np.hypot(*(ends[1] - ends[0])) / 7), 2)

    def draw(d: PIL.ImageDraw.ImageDraw) -> None:
        for row, column in ends:
            d.line((column - 6, row, column + 6, row), 255, 1)
            d.line((column, row - 6, column, row + 6), 255, 1)
        for share in np.linspace(0, 1, steps)[1:-1]:
            row, column = np.rint(ends[0] + share * (ends[1] - ends[0]))
            d.rectangle((column, row, column + 1, row + 1), 255)

    pen.layer("caliper", draw, _INKS[int(pen.rng.integers(len(_INKS)))])


def _bar(pen: _Pen, side: str) -> None:
    left = pen.columns - 22 if side == "right" else 8
    top, height = round(0.2 * pen.rows), round(0.4 * pen.rows)
    ramp = np.linspace(255, 0, height).astype(np.uint8)
    ink = np.zeros(pen.fan.shape, dtype=np.uint8)
    ink[top : top + height, left : left + 12] = 255
    pen.screen[top : top + height, left : left + 12] = ramp[:, None, None]
    pen.marks.append(Mark("bar", "", ink, (128, 128, 128)))


def _logo(pen: _Pen, _: str) -> None:
    at = (pen.columns - 70, pen.rows - 46)
    pen.layer("logo", lambda d: d.ellipse((*at, at[0] + 50, at[1] + 30), 255), (40, 90, 220))
    font = _font(3, 14)
    pen.layer("logo", lambda d: d.text((at[0] + 8, at[1] + 6), "SONO", 255, font),
              (255, 255, 255), "SONO")  # fmt: skip


def _doppler(pen: _Pen, _: str) -> None:
    """Draw a colour box with red and blue flow over a part of the tissue."""
    row, column = pen.place_inside(70)
    box = (column - 50, row - 35, column + 50, row + 35)
    pen.layer("doppler", lambda d: d.rectangle(box, outline=255, width=1), (60, 255, 60))
    for colour, shift in (((230, 60, 20), -22), ((30, 70, 235), 22)):
        where = (column + shift - 18, row - 12, column + shift + 18, row + 12)
        pen.layer("doppler", lambda d, w=where: d.ellipse(w, 255), colour)  # type: ignore[misc]


def _ticks(pen: _Pen, _: str) -> None:
    column = round(0.955 * pen.columns) if pen.dark else pen.columns - 30

    def draw(d: PIL.ImageDraw.ImageDraw) -> None:
        for number, row in enumerate(range(round(0.12 * pen.rows), round(0.95 * pen.rows), 18)):
            d.line((column, row, column + (8 if number % 5 == 0 else 4), row), 255, 1)

    pen.layer("ticks", draw, (200, 200, 200) if pen.dark else (60, 60, 60))


def _body(pen: _Pen, _: str) -> None:
    at = (8, pen.rows - 76)
    ink = (220, 190, 90) if pen.dark else (90, 70, 20)
    pen.layer("body", lambda d: d.rounded_rectangle((*at, at[0] + 28, at[1] + 42), 8, outline=255,
              width=2), ink)  # fmt: skip
    pen.layer("body", lambda d: d.line((at[0] + 6, at[1] + 10, at[0] + 20, at[1] + 26), 255, 3),
              (255, 80, 80))  # fmt: skip


_DRAW: dict[str, Callable[[_Pen, str], None]] = {
    "name": _name,
    "id": _id,
    "date": _date,
    "settings": _settings,
    "annotation": _annotation,
    "touching": _touching,
    "caliper": _caliper,
    "bar": _bar,
    "logo": _logo,
    "doppler": _doppler,
    "ticks": _ticks,
    "body": _body,
}
