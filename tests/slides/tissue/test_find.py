from __future__ import annotations

import numpy as np
import pytest
from PIL import ImageDraw
from scipy import ndimage as ndi

from radiofib.errors import SlideError
from radiofib.slides.tissue.find import check_brightfield, clean_mask, find_tissue, white_level
from tests.slides import made

FINE, COARSE = 2.0, 8.0
AREA = COARSE**2


def shrunk(pixels: np.ndarray) -> np.ndarray:
    """Average 4 x 4 pixels, as reading at the tissue resolution does."""
    height, width = (side // 4 * 4 for side in pixels.shape[:2])
    blocks = pixels[:height, :width].reshape(height // 4, 4, width // 4, 4, 3)
    return blocks.mean(axis=(1, 3)).round().astype(np.uint8)


@pytest.mark.parametrize("color", [made.PINK, made.PALE, made.PURPLE])
@pytest.mark.parametrize(("width", "angle"), [(1000, 0), (700, 17), (500, 45)])
def test_area_of_a_core_is_right_within_one_percent(
    color: tuple[int, int, int], width: float, angle: float
) -> None:
    line = made.straight(4000, angle)
    picture = made.glass(line[-1, 0] + 1200, line[-1, 1] + 1200, FINE)
    area = made.band(picture, line, width, FINE, color)
    tissue = find_tissue(shrunk(made.noisy(picture)), um=(COARSE, COARSE))
    assert tissue.mask.sum() * AREA / 1e6 == pytest.approx(area, rel=0.01)


def test_pale_tissue_beside_dark_tissue_is_kept_on_unevenly_lit_glass() -> None:
    picture = made.glass(6000, 4000, FINE)
    pale = made.band(picture, made.straight(3600, 0), 700, FINE, made.PALE)
    dark = made.band(picture, made.straight(3600, 0) + np.array([0, 1600]), 700, FINE, made.PURPLE)
    pixels = made.noisy(picture).astype(np.float32)
    pixels *= np.linspace(0.97, 1.0, pixels.shape[1])[None, :, None]
    tissue = find_tissue(shrunk(pixels.round().astype(np.uint8)), um=(COARSE, COARSE))
    assert ndi.label(tissue.mask)[1] == 2
    assert tissue.mask.sum() * AREA / 1e6 == pytest.approx(pale + dark, rel=0.01)


def test_specks_go_vacuoles_stay_and_large_gaps_do_not_count() -> None:
    picture = made.glass(5000, 3000, FINE)
    area = made.band(picture, made.straight(2600, 0), 1200, FINE)
    pen = ImageDraw.Draw(picture)

    def disc(x: float, y: float, radius: float, color: tuple[int, int, int]) -> None:
        box = [(x - radius) / FINE, (y - radius) / FINE, (x + radius) / FINE, (y + radius) / FINE]
        pen.ellipse(box, fill=color)

    for x in range(1500, 2500, 150):
        disc(x, 1000, 50, made.GLASS)  # fat vacuoles, 7,854 um2 each
    disc(3000, 1300, 150, made.GLASS)  # a gap of 70,686 um2
    disc(4500, 2500, 60, made.PURPLE)  # dust, 11,310 um2
    tissue = find_tissue(shrunk(made.noisy(picture)), um=(COARSE, COARSE))
    assert ndi.label(tissue.mask)[1] == 1
    expected = area - np.pi * 0.15**2
    assert tissue.mask.sum() * AREA / 1e6 == pytest.approx(expected, rel=0.01)


def test_a_picture_filled_with_tissue_is_all_tissue() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.normal(made.PINK, 12, (200, 200, 3)).clip(0, 255).astype(np.uint8)
    assert white_level(pixels) == (245.0, 245.0, 245.0)
    assert find_tissue(pixels, um=(COARSE, COARSE)).mask.all()


@pytest.mark.parametrize("sd", [0.0, 2.0, 5.0])
def test_empty_glass_has_no_tissue(sd: float) -> None:
    pixels = shrunk(made.noisy(made.glass(3000, 2000, FINE), sd=sd))
    with pytest.raises(SlideError, match=r"empty\.svs: no tissue found"):
        find_tissue(pixels, um=(COARSE, COARSE), where="empty.svs")


@pytest.mark.parametrize("light", [(0, 0, 255), (40, 200, 60), (190, 190, 190)])
def test_fluorescence_is_not_brightfield(light: tuple[int, int, int]) -> None:
    pixels = np.zeros((100, 100, 3), dtype=np.uint8)
    pixels[20:24] = light
    with pytest.raises(SlideError, match="not a brightfield slide"):
        check_brightfield(pixels)


def test_black_padding_around_a_bright_slide_is_not_fluorescence() -> None:
    pixels = np.zeros((100, 100, 3), dtype=np.uint8)
    pixels[:, :40] = made.GLASS
    check_brightfield(pixels)


def test_gaps_at_the_border_of_the_picture_are_not_closed() -> None:
    mask = np.ones((6, 6), dtype=bool)
    mask[0, 2] = mask[3, 3] = False
    clean = clean_mask(mask, pixel_um2=1.0, max_hole_um2=5.0, min_piece_um2=1.0)
    assert not clean[0, 2]
    assert clean[3, 3]
