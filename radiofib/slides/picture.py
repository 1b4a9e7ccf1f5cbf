"""A small picture of a slide with the outlines of what was found, to check at a glance."""

from __future__ import annotations

import io
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from radiofib.slides.qupath.geojson import Annotation

__all__ = ["outline_png"]

_SIDE = 1200


def outline_png(
    rgb: NDArray[np.uint8],
    annotations: Iterable[Annotation],
    *,
    step: tuple[float, float] = (1.0, 1.0),
) -> bytes:
    """Draw outlines over a picture and return it as PNG.

    Parameters
    ----------
    rgb : ndarray of uint8, shape (height, width, 3)
        The slide at low resolution.
    annotations : iterable of Annotation
        Tissue, artefacts and tracts, each drawn in the colour of its class, later ones on top.
    step : tuple of float
        How many of their pixels make one of `rgb`, across and down.

    Returns
    -------
    bytes
        At most 1200 pixels on the longer side; small pictures are enlarged up to four times.

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
            pen.line([(float(x), float(y)) for x, y in points], fill=one.color, width=2)
    stream = io.BytesIO()
    picture.save(stream, format="PNG")
    return stream.getvalue()
