"""The optional decoder gives OpenSlide's pixels, or leaves them to OpenSlide."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from radiofib import _extras
from radiofib.errors import MissingExtraError, SlideError
from radiofib.simulate._tiff import TILE, TiffWriter, jpeg_tile
from radiofib.slides import open_slide, run_slides
from radiofib.slides.vips_levels import VipsLevels, open_vips
from tests.slides import made
from tests.slides.test_run import contents

pytest.importorskip("pyvips")


def tiled(path: Path, pixels: np.ndarray) -> Path:
    """Write a slide of JPEG tiles that end beyond its border, with two levels."""
    with TiffWriter(path, "rgb") as tiff:
        for step in (1, 4):
            level = np.ascontiguousarray(pixels[::step, ::step])
            rows, columns = (-(-side // TILE) * TILE for side in level.shape[:2])
            whole = np.full((rows, columns, 3), 240, np.uint8)
            whole[: level.shape[0], : level.shape[1]] = level
            tiles = (
                jpeg_tile(whole[y : y + TILE, x : x + TILE], 85)
                for y in range(0, rows, TILE)
                for x in range(0, columns, TILE)
            )
            tiff.page(tiles, level.shape[:2], mpp=4.0 * step, reduced=step > 1)
    return path


@pytest.fixture(scope="module")
def slide_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pixels, _ = made.biopsy(um=4.0, seed=5, length_um=3000.0)
    pixels = pixels[: len(pixels) // 4 * 4, : pixels.shape[1] // 4 * 4]
    return tiled(tmp_path_factory.mktemp("vips") / "s.tiff", pixels)


def opened(path: Path) -> VipsLevels | None:
    import openslide

    return open_vips(path, openslide.OpenSlide(path))


def test_every_window_has_the_same_pixels(slide_path: Path) -> None:
    assert opened(slide_path) is not None
    rng = np.random.default_rng(0)
    with (
        open_slide(slide_path, mpp=4.0) as one,
        open_slide(slide_path, mpp=4.0, decoder="vips") as two,
    ):
        for um in (4.0, 8.0, 16.0, 10.0):
            grid = one.grid(um, exact=True)
            np.testing.assert_array_equal(one.read_all(grid), two.read_all(grid))
            for _ in range(20):
                left, top = (int(rng.integers(0, side)) for side in (grid.width, grid.height))
                box = (left, top, int(rng.integers(1, 300)), int(rng.integers(1, 300)))
                np.testing.assert_array_equal(one.read(grid, *box), two.read(grid, *box))


def test_runs_do_not_differ_by_a_byte(slide_path: Path, tmp_path: Path) -> None:
    tables = [
        run_slides([slide_path], tmp_path / name, mpp=4.0, decoder=name, workers=1)[0]
        for name in ("openslide", "vips")
    ]
    assert tables[0].X.equals(tables[1].X)
    assert contents(tmp_path / "openslide") == contents(tmp_path / "vips")


def test_another_format_stays_with_openslide(tmp_path: Path) -> None:
    pixels, _ = made.biopsy(um=8.0, seed=1, length_um=2000.0)
    path = tmp_path / "s.png"
    import PIL.Image

    PIL.Image.fromarray(pixels).save(path)
    with open_slide(path, mpp=8.0) as one, open_slide(path, mpp=8.0, decoder="vips") as two:
        np.testing.assert_array_equal(one.read_all(one.grid(8.0)), two.read_all(two.grid(8.0)))


def test_a_level_that_is_no_whole_number_of_times_coarser_is_left_out(tmp_path: Path) -> None:
    pixels, _ = made.biopsy(um=4.0, seed=5, length_um=3000.0)
    path = tiled(tmp_path / "s.tiff", pixels[: len(pixels) // 4 * 4 - 1])
    levels = opened(path)
    assert levels is not None
    assert levels.read(0, (0, 0), (9, 9)) is not None
    assert levels.read(1, (0, 0), (9, 9)) is None
    with open_slide(path) as one, open_slide(path, decoder="vips") as two:
        grid = one.grid(16.0)
        np.testing.assert_array_equal(one.read_all(grid), two.read_all(grid))


def test_two_pages_of_one_size_are_not_told_apart(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (256, 384, 3), dtype=np.uint8)
    path = tmp_path / "two.tiff"
    with tifffile.TiffWriter(path) as tiff:
        for page in (pixels, pixels[::-1]):
            tiff.write(np.ascontiguousarray(page), photometric="rgb", tile=(128, 128))
    levels = opened(path)
    assert levels is None or levels.read(0, (0, 0), (9, 9)) is None


def test_other_pixels_than_those_of_openslide_are_refused(
    slide_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = VipsLevels.read

    def changed(self, level, first, size):
        found = real(self, level, first, size)
        return None if found is None else found ^ np.uint8(level == 1 and first != (0, 0))

    monkeypatch.setattr(VipsLevels, "read", changed)
    assert opened(slide_path) is None


def test_a_broken_tile_is_no_black_one(slide_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "broken.tiff"
    data = bytearray(slide_path.read_bytes())
    with tifffile.TiffFile(slide_path) as tiff:
        page = tiff.pages[0]
        number = len(page.dataoffsets) // 3
        start, count = page.dataoffsets[number], page.databytecounts[number]
    data[start : start + count] = bytes(count)
    path.write_bytes(data)
    for decoder in ("openslide", "vips"):
        with open_slide(path, mpp=4.0, decoder=decoder) as slide, pytest.raises(SlideError):
            slide.read_all(slide.grid(4.0))


def test_without_the_extra_it_is_said_how_to_install_it(
    slide_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str, *more: object) -> object:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(_extras.importlib, "import_module", missing)
    with pytest.raises(MissingExtraError, match="vips"):
        open_slide(slide_path, mpp=4.0, decoder="vips")


@pytest.mark.external
def test_a_scanned_slide_has_the_same_pixels(external_data: Path) -> None:
    path = external_data / "wsi" / "cmu-1-small-region.svs"
    assert opened(path) is not None
    with open_slide(path) as one, open_slide(path, decoder="vips") as two:
        grid = one.grid(0.5)
        np.testing.assert_array_equal(one.read_all(grid), two.read_all(grid))
