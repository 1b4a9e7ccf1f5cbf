"""The picture of a slide shows what is measured and what is left out."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from radiofib.slides.picture import MEASURED, outline_png
from radiofib.slides.polygons import Polygon
from radiofib.slides.qupath.geojson import Annotation

GREEN = (0, 160, 60)


def drawn(measurements: dict[str, float]) -> np.ndarray:
    ring = np.array([[10.0, 10.0], [190.0, 10.0], [190.0, 90.0], [10.0, 90.0], [10.0, 10.0]])
    piece = Annotation(Polygon(ring), "Tissue 1", "Tissue", GREEN, measurements)
    png = outline_png(np.full((100, 200, 3), 255, np.uint8), [piece])
    return np.asarray(Image.open(io.BytesIO(png)))


def test_a_piece_of_a_level_that_is_left_out_has_grey_dashes() -> None:
    counted, left_out = drawn({MEASURED: 1.0}), drawn({MEASURED: 0.0})
    assert np.array_equal(counted, drawn({}))
    assert (counted == GREEN).all(axis=2).any()
    assert not (left_out == GREEN).all(axis=2).any()
    inked = [(picture != 255).any(axis=2).sum() for picture in (counted, left_out)]
    assert 0.35 < inked[1] / inked[0] < 0.75
