from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofib.slides.level_pixels import BLOCK, LevelPixels
from radiofib.slides.reader import open_slide
from tests.slides import made


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (700, 900, 3)).astype(np.uint8)
    return made.write_pyramid(tmp_path_factory.mktemp("slide") / "s.tiff", pixels, mpp=0.5)


class Counting:
    """A slide that counts how often it decodes."""

    def __init__(self, source: Any) -> None:
        self.source, self.reads = source, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.source, name)

    def read_region(self, *where: Any) -> Any:
        self.reads += 1
        return self.source.read_region(*where)


@given(
    st.tuples(st.integers(-20, 880), st.integers(-20, 690)),
    st.tuples(st.integers(1, 600), st.integers(1, 600)),
    st.sets(st.tuples(st.integers(0, 3), st.integers(0, 2))),
)
@settings(deadline=None, max_examples=40)
def test_kept_pixels_are_those_of_the_file(path: Path, first, size, kept) -> None:
    with open_slide(path) as slide:
        plain, keeping = (LevelPixels(slide._source, "#ffffff") for _ in range(2))
        for x, y in kept:
            at, side = (x * BLOCK, y * BLOCK), (min(BLOCK, 900 - x * BLOCK), BLOCK)
            keeping.keep(0, *at, plain.read(0, at, side))
        np.testing.assert_array_equal(keeping.read(0, first, size), plain.read(0, first, size))


def test_what_was_kept_is_not_decoded_again(path: Path) -> None:
    with open_slide(path) as slide:
        source = Counting(slide._source)
        pixels = LevelPixels(source, "#ffffff")
        whole = pixels.read(0, (0, 0), (900, 700))
        pixels.keep(0, 0, 0, whole)
        assert source.reads == 1
        np.testing.assert_array_equal(pixels.read(0, (5, 7), (890, 690)), whole[7:697, 5:895])
        assert source.reads == 1


def test_memory_is_bounded_and_what_finds_no_room_is_read(path: Path) -> None:
    with open_slide(path) as slide:
        source = Counting(slide._source)
        pixels = LevelPixels(source, "#ffffff", most_bytes=BLOCK * BLOCK * 3 + 1)
        whole = pixels.read(0, (0, 0), (512, 256))
        pixels.keep(0, 0, 0, whole)
        for times in (2, 3):
            np.testing.assert_array_equal(
                pixels.read(0, (100, 0), (300, 200)), whole[:200, 100:400]
            )
            assert source.reads == times


def test_parts_of_blocks_and_shifted_levels_are_not_kept(path: Path) -> None:
    with open_slide(path) as slide:
        source = Counting(slide._source)
        pixels = LevelPixels(source, "#ffffff")
        pixels.keep(0, 0, 0, np.zeros((100, 100, 3), np.uint8))
        assert pixels.read(0, (0, 0), (9, 9)).any()
        source.level_downsamples = (1.0, 2.01)
        pixels.keep(1, 0, 0, np.zeros((350, 450, 3), np.uint8))
        assert pixels.read(1, (0, 0), (9, 9)).any()


def test_cells_of_a_coarser_grid_come_from_kept_ones_alike(path: Path) -> None:
    with open_slide(path) as slide, open_slide(path) as other:
        fine = slide.grid(0.5)
        slide.keep(fine, 0, 0, slide.read_all(fine))
        for um in (0.5, 0.75, 1.0):
            grid = slide.grid(um, exact=True)
            box = (3, 5, 200, 100)
            np.testing.assert_array_equal(slide.read(grid, *box), other.read(grid, *box))
