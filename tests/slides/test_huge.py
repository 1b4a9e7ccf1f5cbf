"""A slide of 100,000 x 100,000 pixels, nearly all glass: memory must stay bounded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from radiofib.simulate._tiff import TILE, TiffWriter, jpeg_tile
from tests.slides import made

SIDE = 100_000
#: Rows and columns of level-0 tiles that hold tissue: a core of 16,384 x 2,048 pixels.
ROWS, COLUMNS = range(192, 200), range(160, 224)

PROGRAM = """
import resource, sys
from radiofib.slides import open_slide
from radiofib.slides.tissue.clean import clean_tissue
with open_slide(sys.argv[1]) as slide:
    grid = slide.grid(8.0)
    clean = clean_tissue(slide, grid, slide.read_all(grid))
print(clean.tissue.mask.sum() * grid.cell_um2 / 1e6)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
"""


def tiles(step: int) -> Iterator[bytes]:
    rng = np.random.default_rng(0)
    pictures = [
        rng.normal(colour, 6.0, (TILE, TILE, 3)).clip(0, 255).astype(np.uint8)
        for colour in (made.GLASS, made.PINK)
    ]
    glass, pink = (jpeg_tile(picture, 30) for picture in pictures)
    across = -(-(SIDE // step) // TILE)
    for row in range(across):
        for column in range(across):
            # Level sides are whole multiples, so that a tile is all tissue or all glass.
            inside = row * step in ROWS and column * step in COLUMNS
            yield pink if inside else glass


@pytest.mark.proof
def test_memory_is_bounded_on_100_000_pixels_squared(tmp_path: Path) -> None:
    path = tmp_path / "huge.tif"
    with TiffWriter(path, "rgb") as tiff:
        for step in (1, 4):
            side = SIDE // step
            tiff.page(tiles(step), (side, side), mpp=0.25 * step, reduced=step > 1)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True, check=True
    )
    area, peak_gb = map(float, done.stdout.split())
    pixels = len(ROWS) * len(COLUMNS) * TILE**2
    assert area == pytest.approx(pixels * 0.25**2 / 1e6, rel=0.01)
    assert peak_gb < 1.5
