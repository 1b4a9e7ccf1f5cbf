"""The factor figure: scores by level of each factor, known and unseen scanners, mean and SD."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
from markupsafe import Markup

from radiofib.report import svg
from radiofib.report.axes import Scale, round_ticks, tick_labels
from radiofib.report.format import clean, shorten

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

__all__ = ["FactorFigure", "draw_factors", "figure_png", "figure_svg", "inline_svg"]

#: Narrow enough to be read on a telephone, where it is shown at nine tenths.
WIDTH = 440.0
_LEFT, _RIGHT, _TOP = 150.0, 424.0, 58.0
_ROW, _GAP, _LINE = 30.0, 14.0, 14.0
_LETTERS = 22
_TONES = {"ID": "cv", "OOD": "loso"}
_WORDS = {"ID": "known scanners (ID)", "OOD": "unseen scanners (OOD)"}

_INK, _SOFT, _GRID, _PAPER = "#1b1f23", "#50575e", "#e6e9ec", "#ffffff"
_KNOWN, _UNSEEN = "#0072b2", "#d55e00"
#: kind -> colour of a line, its width
_LINES = {
    "grid": (_GRID, 1.0),
    "axis": (_INK, 1.0),
    "bar cv": (_KNOWN, 1.5),
    "bar loso": (_UNSEEN, 1.5),
}
#: kind -> letters in pixels, colour, bold
_TEXTS = {
    "": (13.0, _INK, False),
    "strong": (13.0, _INK, True),
    "tick": (12.0, _SOFT, False),
    "muted": (12.0, _SOFT, False),
}
#: The page's own style sheet has the same; a file on its own must bring it along.
_STYLE = (
    "svg{max-width:100%;height:auto}"
    "svg{font:13px 'Segoe UI','Noto Sans','DejaVu Sans',Arial,sans-serif}"
    f"text{{fill:{_INK}}}.strong{{font-weight:600}}.tick,.muted{{font-size:12px;fill:{_SOFT}}}"
    f".grid{{stroke:{_GRID}}}.axis{{stroke:{_INK}}}.bar{{stroke-width:1.5}}"
    f".bar.cv{{stroke:{_KNOWN}}}.bar.loso{{stroke:{_UNSEEN}}}"
    f".mark.cv{{fill:{_KNOWN};stroke:#fff;stroke-width:.8}}"
    f".mark.open{{fill:#fff;stroke-width:1.8}}.mark.open.loso{{stroke:{_UNSEEN}}}"
)


@dataclass(frozen=True)
class Shape:
    """One thing that is drawn: a line, a mark of a domain, or a text at its start or end."""

    kind: str
    points: tuple[float, ...]
    text: str = ""
    anchor: str = "start"


@dataclass(frozen=True)
class FactorFigure:
    """A drawing of factors, to be written as SVG or as pixels.

    Parameters
    ----------
    shapes : tuple of Shape
        In order.
    height : float
    title, desc : str
        What it is, and what it shows in words.
    """

    shapes: tuple[Shape, ...]
    height: float
    title: str
    desc: str


def draw_factors(table: pd.DataFrame, *, measure: str) -> FactorFigure:
    """Lay out the factor figure: a row for each level, under the name of its factor.

    A filled circle is the mean over the combinations with known scanners, an open diamond that
    with unseen ones; lines are one standard deviation (n - 1) to either side.

    Parameters
    ----------
    table : DataFrame
        One measure of :func:`radiofib.evaluation.factors.factor_table`: ``domain, factor, level,
        n, mean, sd``.
    measure : str
        What is measured, for the axis.

    Examples
    --------
    >>> table = pd.DataFrame({"domain": ["ID", "OOD"] * 2, "factor": "select",
    ...                       "level": ["no", "no", "yes", "yes"], "n": 4,
    ...                       "mean": [0.7, 0.6, 0.8, 0.7], "sd": 0.05})
    >>> figure = draw_factors(table, measure="AUC")
    >>> [s.text for s in figure.shapes if s.kind == "strong"]
    ['AUC', 'select']
    >>> figure.desc
    'select: no 0.700 and 0.600, yes 0.800 and 0.700.'
    """
    shown = table[table["domain"].isin(_TONES) & table["mean"].notna()]
    present = [d for d in _TONES if (shown["domain"] == d).any()]
    x = _scale(shown)
    rows, bottom = _rows(shown, present, x)
    shapes = [*_head(measure, present), *_axis(x, bottom), *rows]
    said = [
        f"{factor}: "
        + ", ".join(
            f"{level} " + " and ".join(f"{m:.3f}" for m in own["mean"])
            for level, own in part.groupby("level", sort=False)
        )
        for factor, part in shown.groupby("factor", sort=False)
    ]
    title = f"{measure} by level of each factor, mean and standard deviation"
    return FactorFigure(tuple(shapes), bottom + 40.0, title, "; ".join(said) + ".")


def _scale(shown: pd.DataFrame) -> Scale:
    spread = shown["sd"].fillna(0.0)
    low = float((shown["mean"] - spread).min()) if len(shown) else 0.0
    high = float((shown["mean"] + spread).max()) if len(shown) else 1.0
    room = max(0.05 * (high - low), 0.005)
    return Scale(low - room, high + room, _LEFT, _RIGHT)


def _head(measure: str, present: Sequence[str]) -> list[Shape]:
    """Return the heading and what the marks mean."""
    shapes = [Shape("strong", (8.0, 16.0), shorten(measure, 60))]
    at = 8.0
    for domain in present:
        shapes.append(Shape(f"mark {_TONES[domain]}", (at + 6.0, 34.0)))
        shapes.append(Shape("muted", (at + 16.0, 38.0), _WORDS[domain]))
        at += 190.0
    return shapes


def _axis(x: Scale, bottom: float) -> list[Shape]:
    marks = round_ticks(x.low, x.high, 6)
    shapes = []
    for value, shown in zip(marks, tick_labels(marks), strict=True):
        shapes.append(Shape("grid", (x(value), _TOP - 6, x(value), bottom)))
        shapes.append(Shape("tick", (x(value), bottom + 17), shown, "middle"))
    shapes.append(Shape("axis", (x.start, bottom, x.end, bottom)))
    words = "mean and one SD over combinations"
    return [*shapes, Shape("muted", ((x.start + x.end) / 2, bottom + 34), words, "middle")]


def _rows(shown: pd.DataFrame, present: Sequence[str], x: Scale) -> tuple[list[Shape], float]:
    """Return the rows of all factors, and where they end."""
    shapes: list[Shape] = []
    y = _TOP
    for factor, part in shown.groupby("factor", sort=False):
        shapes.append(Shape("strong", (8.0, y + 8.0), shorten(str(factor).replace("_", " "), 40)))
        y += _GAP
        for level, own in part.groupby("level", sort=False):
            words = svg.wrap(shorten(str(level), 40), _LETTERS)
            tall = max(_ROW, _LINE * (len(words) + 1) + 2)
            middle = y + tall / 2
            first = middle + 4 - _LINE * len(words) / 2
            for k, line in enumerate(words):
                shapes.append(Shape("", (18.0, first + _LINE * k), line))
            counted = f"n = {int(own['n'].max())}"
            shapes.append(Shape("muted", (18.0, first + _LINE * len(words)), counted))
            for domain in present:
                row = own[own["domain"] == domain]
                if len(row):
                    shift = 0.0 if len(present) == 1 else (-5.0 if domain == "ID" else 5.0)
                    shapes += _point(row.iloc[0], domain, x, middle + shift)
            y += tall
        y += _GAP
    return shapes, y


def _point(row: pd.Series, domain: str, x: Scale, y: float) -> list[Shape]:
    tone, mean, sd = _TONES[domain], float(row["mean"]), float(row["sd"])
    shapes = []
    if math.isfinite(sd) and sd > 0:
        shapes.append(Shape(f"bar {tone}", (x(mean - sd), y, x(mean + sd), y)))
    return [*shapes, Shape(f"mark {tone}", (x(mean), y))]


def inline_svg(ident: str, figure: FactorFigure) -> Markup:
    """Return the drawing as a part of a page, which has the style sheet.

    Examples
    --------
    >>> figure = FactorFigure((Shape("axis", (0.0, 1.0, 2.0, 1.0)),), 10.0, "T", "D")
    >>> 'class="axis"' in inline_svg("f", figure)
    True
    """
    body = [_markup(shape) for shape in figure.shapes]
    return svg.document(
        ident, WIDTH, figure.height, title=figure.title, desc=figure.desc, body=body
    )


def figure_svg(figure: FactorFigure) -> str:
    """Return the drawing as an SVG file of its own.

    Examples
    --------
    >>> text = figure_svg(FactorFigure((), 10.0, "T", "D"))
    >>> text.startswith('<svg xmlns="http://www.w3.org/2000/svg"'), "<style>" in text
    (True, True)
    """
    drawn = inline_svg("factors", figure)
    paper = svg.element("rect", width="100%", height="100%", fill=_PAPER)
    style = Markup("<style>{}</style>").format(Markup(_STYLE))
    head, _, rest = str(drawn).partition(">")
    start = head.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    return f"{start}>{style}{paper}{rest}\n"


def _markup(shape: Shape) -> Markup:
    x, y = shape.points[:2]
    if shape.kind == "mark cv":
        return svg.circle(x, y, 4.2, "mark cv")
    if shape.kind == "mark loso":
        return svg.diamond(x, y, 5.2, "mark open loso")
    if shape.kind in _LINES:
        return svg.line(x, y, shape.points[2], shape.points[3], shape.kind)
    return svg.label(x, y, shape.text, anchor=shape.anchor, kind=shape.kind)


def figure_png(figure: FactorFigure, *, scale: int = 3) -> bytes:
    r"""Return the drawing as a PNG, `scale` pixels for each unit.

    Examples
    --------
    >>> figure_png(FactorFigure((), 10.0, "T", "D"))[:4]
    b'\x89PNG'
    """
    from PIL import Image, ImageDraw

    # Drawn at twice the size and made smaller: edges become smooth.
    over = 2 * scale
    size = (round(WIDTH * over), round(figure.height * over))
    image = Image.new("RGB", size, _PAPER)
    pen = ImageDraw.Draw(image)
    for shape in figure.shapes:
        points = [p * over for p in shape.points]
        if shape.kind in _LINES:
            colour, width = _LINES[shape.kind]
            pen.line(points, fill=colour, width=round(width * over))
        elif shape.kind == "mark cv":
            r = 4.2 * over
            x, y = points
            pen.ellipse([x - r, y - r, x + r, y + r], fill=_KNOWN)
        elif shape.kind == "mark loso":
            r = 5.2 * over
            x, y = points
            corners = [(x, y - r), (x + r, y), (x, y + r), (x - r, y)]
            pen.polygon(corners, fill=_PAPER, outline=_UNSEEN, width=round(1.8 * over))
        else:
            letters, colour, bold = _TEXTS[shape.kind]
            anchor = {"start": "ls", "middle": "ms", "end": "rs"}[shape.anchor]
            font = _font(round(letters * over * 0.94), bold)
            pen.text(
                (points[0], points[1]), clean(shape.text), fill=colour, font=font, anchor=anchor
            )
    stream = io.BytesIO()
    small = (round(WIDTH * scale), round(figure.height * scale))
    image.resize(small, Image.Resampling.LANCZOS).save(stream, format="PNG", optimize=True)
    return stream.getvalue()


def _font(size: int, bold: bool) -> FreeTypeFont:
    """Return the font that matplotlib brings along, so that pixels do not depend on the machine."""
    from pathlib import Path

    import matplotlib as mpl
    from PIL import ImageFont

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / name), size)
