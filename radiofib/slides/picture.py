"""A small picture of a slide with the outlines of what was found, to check at a glance."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from radiofib.slides.qupath.geojson import Annotation

__all__ = ["MEASURED", "outline_png"]

#: Measurement of an outline of tissue: 0 where its serial level is left out, 1 where it is not.
MEASURED = "Level measured"
_SIDE = 1200
_INK = (60, 60, 60)
#: Colour of the dashes around what is left out, and their length in pixels.
_FAINT, _DASH = (120, 120, 120), 7.0
#: Height of the caption's letters and space around it, in pixels.
_TEXT, _GAP = 18, 8

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def outline_png(
    rgb: NDArray[np.uint8],
    annotations: Iterable[Annotation],
    *,
    step: tuple[float, float] = (1.0, 1.0),
    caption: str = "",
) -> bytes:
    """Draw outlines over a picture and return it as PNG.

    Parameters
    ----------
    rgb : ndarray of uint8, shape (height, width, 3)
        The slide at low resolution.
    annotations : iterable of Annotation
        Tissue, artefacts and tracts, each drawn in the colour of its class, later ones on top; with
        a measurement :data:`MEASURED` of 0, in grey dashes.
    step : tuple of float
        How many of their pixels make one of `rgb`, across and down.
    caption : str
        Text for a strip below the picture.

    Returns
    -------
    bytes
        At most 1200 pixels on the longer side, without the strip; small pictures are enlarged up
        to four times.

    Examples
    --------
    >>> png = outline_png(np.full((10, 20, 3), 255, np.uint8), [])
    >>> Image.open(io.BytesIO(png)).size
    (80, 40)
    """
    height, width = rgb.shape[:2]
    scale = min(_SIDE / max(height, width), 4.0)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = Image.fromarray(rgb).resize(size, Image.Resampling.BOX)
    pen = ImageDraw.Draw(picture)
    factor = scale / np.array(step)
    for one in annotations:
        for ring in one.polygon.rings:
            points = (ring * factor).round().clip(0, np.array(size) - 1)
            left_out = one.measurements.get(MEASURED) == 0
            for line in _dashes(points) if left_out else [points]:
                color = _FAINT if left_out else one.color
                pen.line([(float(x), float(y)) for x, y in line], fill=color, width=2)
    stream = io.BytesIO()
    _captioned(picture, caption).save(stream, format="PNG")
    return stream.getvalue()


def _dashes(points: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return every other stretch of a line."""
    way = np.r_[0.0, np.cumsum(np.hypot(*np.diff(points, axis=0).T))]
    at = np.arange(0.0, way[-1], _DASH)
    places = np.column_stack([np.interp(at, way, coordinate) for coordinate in points.T])
    return [places[k : k + 2] for k in range(0, len(places) - 1, 2)]


def _captioned(picture: Image.Image, caption: str) -> Image.Image:
    """Return the picture with a white strip of text below it."""
    if not caption:
        return picture
    font = ImageFont.load_default(_TEXT)
    lines = _wrapped(caption.split(), font, picture.width - 2 * _GAP)
    height = 2 * _GAP + len(lines) * round(1.4 * _TEXT)
    whole = Image.new("RGB", (picture.width, picture.height + height), "white")
    whole.paste(picture, (0, 0))
    pen = ImageDraw.Draw(whole)
    for number, line in enumerate(lines):
        place = (_GAP, picture.height + _GAP + number * round(1.4 * _TEXT))
        pen.text(place, line, fill=_INK, font=font)
    return whole


def _wrapped(words: Sequence[str], font: _Font, width: int) -> list[str]:
    """Divide words into lines of at most some pixels; a longer word has its own."""
    lines = [""]
    for word in words:
        longer = f"{lines[-1]} {word}".lstrip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
