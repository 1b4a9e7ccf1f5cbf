from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import openslide
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from radiofib.errors import SlideError, UsageError
from radiofib.slides.reader import Slide, open_slide
from tests.slides import made


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (600, 900, 3)).astype(np.uint8)


def test_a_pyramid_says_its_pixel_size_and_gives_its_pixels(
    tmp_path: Path, pixels: np.ndarray
) -> None:
    path = made.write_pyramid(tmp_path / "s.tiff", pixels, mpp=0.5)
    with open_slide(path, mpp=3.0) as slide:
        assert slide.mpp == pytest.approx((0.5, 0.5))
        assert (slide.mpp_source, slide.size) == ("slide", (900, 600))
        np.testing.assert_array_equal(slide.read_all(slide.grid(0.5)), pixels)


@pytest.mark.parametrize(
    ("um", "level"), [(0.5, 0), (0.99, 0), (1.0, 1), (1.9, 1), (2.0, 2), (8.0, 2)]
)
def test_the_best_level_is_the_coarsest_not_above(
    tmp_path: Path, pixels: np.ndarray, um: float, level: int
) -> None:
    path = made.write_pyramid(tmp_path / "s.tiff", pixels, mpp=0.5)
    with open_slide(path) as slide:
        grid = slide.grid(0.5).divided(1)
        grid = type(grid)(10, 10, um / 0.5, um / 0.5, um, um)
        assert slide.best_level(grid) == level


def test_a_level_one_percent_too_coarse_still_serves(pixels: np.ndarray) -> None:
    class Levels(openslide.ImageSlide):
        level_downsamples = (1.0, 4.03, 4.2)

    slide = Slide(Levels(Image.fromarray(pixels)), Path("s.tiff"), (1.0, 1.0), "given")
    assert slide.best_level(slide.grid(4.0)) == 1


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 20), st.integers(1, 7), st.integers(0, 30))
def test_cells_are_means_whatever_the_blocks(step: int, side: int, left: int) -> None:
    rng = np.random.default_rng(step)
    pixels = rng.integers(0, 256, (90, 130, 3)).astype(np.uint8)
    slide = Slide(openslide.ImageSlide(Image.fromarray(pixels)), Path("s"), (1.0, 1.0), "given")
    grid = slide.grid(step)
    kept = pixels[: grid.height * step, : grid.width * step].astype(float)
    means = kept.reshape(grid.height, step, grid.width, step, 3).mean(axis=(1, 3))
    whole = np.zeros((grid.height, grid.width, 3))
    for x, y, width, height in slide.blocks(grid, side):
        whole[y : y + height, x : x + width] = slide.read(grid, x, y, width, height)
    assert np.abs(whole - means).max() <= 1.0  # two roundings


def test_bounds_are_the_corner_and_the_size(pixels: np.ndarray) -> None:
    class Bounded(openslide.ImageSlide):
        properties = {  # noqa: RUF012
            "openslide.bounds-x": "100",
            "openslide.bounds-y": "40",
            "openslide.bounds-width": "320",
            "openslide.bounds-height": "160",
        }

    slide = Slide(Bounded(Image.fromarray(pixels)), Path("s.mrxs"), (0.5, 0.5), "given")
    assert slide.size == (320, 160)
    np.testing.assert_array_equal(slide.read_all(slide.grid(0.5)), pixels[40:200, 100:420])


def test_transparent_parts_are_background_and_reading_beyond_the_edge_is_not_asked() -> None:
    rgba = np.zeros((64, 64, 4), dtype=np.uint8)
    rgba[:32] = (10, 20, 30, 255)
    slide = Slide(openslide.ImageSlide(Image.fromarray(rgba)), Path("s"), (1.0, 1.0), "given")
    out = slide.read_all(slide.grid(32.0))
    assert out[:, 0].tolist() == [[10, 20, 30], [255, 255, 255]]


def test_without_a_pixel_size_the_error_names_the_file(tmp_path: Path, pixels: np.ndarray) -> None:
    png = made.write_png(tmp_path / "tile.png", pixels)
    with pytest.raises(SlideError, match=r"tile\.png: .*how large a pixel is.*--mpp"):
        open_slide(png)
    assert open_slide(png, mpp=0.5).mpp_source == "given"
    printer = made.write_pyramid(tmp_path / "dpi.tiff", pixels, mpp=352.8)
    with pytest.raises(SlideError, match=r"dpi\.tiff: .*found 352\.8"):
        open_slide(printer)
    with pytest.raises(UsageError, match="not a believable pixel size"):
        open_slide(png, mpp=500)


def test_what_is_no_slide_is_said(tmp_path: Path, pixels: np.ndarray) -> None:
    text = tmp_path / "notes.svs"
    text.write_text("not a slide")
    with pytest.raises(SlideError, match=r"notes\.svs: not a slide or picture"):
        open_slide(text)
    empty = tmp_path / "empty.ndpi"
    empty.touch()
    with pytest.raises(SlideError, match=r"empty\.ndpi: not a slide"):
        open_slide(empty)
    with pytest.raises(SlideError, match="is a folder"):
        open_slide(tmp_path)
    deep = tmp_path / "deep.png"
    Image.fromarray(np.zeros((50, 50), dtype=np.uint16)).save(deep)
    with pytest.raises(SlideError, match=r"deep\.png: not an 8-bit colour picture"):
        open_slide(deep, mpp=1)
    small = made.write_png(tmp_path / "small.png", pixels[:4, :4])
    with pytest.raises(SlideError, match="smaller than one pixel of the tissue mask"):
        open_slide(small, mpp=1.0).grid(8.0)


@pytest.mark.parametrize("part", [0.05, 0.3, 0.6])
@pytest.mark.parametrize("name", ["s.tiff", "s.png"])
def test_a_truncated_file_is_an_error_of_that_file(
    tmp_path: Path, pixels: np.ndarray, name: str, part: float
) -> None:
    path = tmp_path / name
    if name.endswith("png"):
        made.write_png(path, pixels)
    else:
        made.write_pyramid(path, pixels, mpp=0.5)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])

    def read_everything() -> None:
        with open_slide(path, mpp=0.5) as slide:
            slide.read_all(slide.grid(0.5))
            slide.read_all(slide.grid(2.0))

    with pytest.raises(SlideError, match=re.escape(name)):
        read_everything()


def test_content_hash_does_not_depend_on_the_name_but_on_the_mirax_folder(
    tmp_path: Path, pixels: np.ndarray
) -> None:
    one = made.write_png(tmp_path / "a.png", pixels)
    two = made.write_png(tmp_path / "x" / "b.png", pixels)
    assert open_slide(one, mpp=1).content_hash() == open_slide(two, mpp=1).content_hash()
    mirax = tmp_path / "c.mrxs"
    one.rename(mirax)
    slide = open_slide(mirax, mpp=1)
    before = slide.content_hash()
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "Data0001.dat").write_bytes(b"pixels")
    assert slide.content_hash() != before


@pytest.mark.parametrize(("mpp", "um", "step"), [(0.25, 1.0, 4), (0.499, 1.0, 2), (0.5, 1.0, 2)])
def test_exact_grid_takes_whole_pixels_where_they_fit(
    tmp_path: Path, mpp: float, um: float, step: int
) -> None:
    path = made.write_png(tmp_path / "s.png", np.full((40, 60, 3), 240, np.uint8))
    with open_slide(path, mpp=mpp) as slide:
        assert slide.grid(um, exact=True) == slide.grid(um)
        assert slide.grid(um).step_x == step


def test_exact_grid_takes_parts_of_pixels_where_whole_ones_do_not_fit(tmp_path: Path) -> None:
    path = made.write_png(tmp_path / "s.png", np.full((40, 60, 3), 240, np.uint8))
    with open_slide(path, mpp=0.3) as slide:
        grid = slide.grid(1.0, exact=True)
        assert (grid.um_x, grid.um_y) == pytest.approx((1.0, 1.0))
        assert (grid.width, grid.height) == (18, 12)
        assert slide.read_all(grid).shape == (12, 18, 3)
    with open_slide(path, mpp=2.0) as slide:
        grid = slide.grid(1.0, exact=True)
        assert (grid.width, grid.height, grid.step_x) == (120, 80, 0.5)
        assert (slide.read_all(grid) == 240).all()
