from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage as ndi

from radiofib.slides.tissue.centreline import centre_line
from tests.slides import made

UM = 8.0


def band(points: np.ndarray, width: float) -> np.ndarray:
    size = points.max(axis=0) + 1200
    picture = Image.new("RGB", (int(size[0] / UM), int(size[1] / UM)), made.GLASS)
    made.band(picture, points, width, UM)
    return np.asarray(picture)[..., 1] < 200


@pytest.mark.parametrize("angle", [0, 13, 22.5, 45, 80])
@pytest.mark.parametrize(("length", "width"), [(12_000, 500), (8_000, 900), (5_000, 1_500)])
def test_a_straight_core_is_right_within_one_percent(
    length: float, width: float, angle: float
) -> None:
    line = centre_line(band(made.straight(length, angle), width), (UM, UM))
    assert line is not None
    assert line.length_um == pytest.approx(length, rel=0.01)
    assert line.inscribed_um == pytest.approx(width, abs=3 * UM)


@pytest.mark.parametrize("degrees", [45, 90, 170])
@pytest.mark.parametrize(("radius", "width"), [(4_000, 500), (6_000, 1_000)])
def test_a_curved_core_is_right_within_two_percent(
    radius: float, width: float, degrees: float
) -> None:
    line = centre_line(band(made.arc(radius, degrees), width), (UM, UM))
    assert line is not None
    assert line.length_um == pytest.approx(radius * np.deg2rad(degrees), rel=0.02)


def test_a_ragged_edge_does_not_make_a_core_longer_than_two_percent() -> None:
    mask = band(made.straight(9_000, 10), 900)
    rough = ndi.gaussian_filter(np.random.default_rng(3).normal(size=mask.shape), 4)
    depth = ndi.distance_transform_edt(mask) - ndi.distance_transform_edt(~mask)
    ragged = depth + rough / rough.std() * 5 > 0
    piece = ndi.label(ragged)[0]
    ragged = piece == np.bincount(piece[piece > 0]).argmax()
    line = centre_line(ragged, (UM, UM))
    assert line is not None
    assert line.length_um == pytest.approx(9_000, rel=0.02)


def test_gaps_inside_do_not_change_the_length() -> None:
    mask = band(made.straight(8_000, 0), 900)
    open_mask = mask.copy()
    middle = int(1200 / UM)
    for x in (300, 500, 700):
        open_mask[middle - 20 : middle + 20, x : x + 60] = False
    whole, gapped = centre_line(mask, (UM, UM)), centre_line(open_mask, (UM, UM))
    assert whole is not None
    assert gapped is not None
    assert gapped.length_um == whole.length_um


@pytest.mark.parametrize(("width", "height"), [(60, 60), (60, 75), (40, 70)])
def test_a_stubby_piece_has_its_feret_length(width: int, height: int) -> None:
    mask = np.zeros((100, 100), dtype=bool)
    mask[10 : 10 + width, 5 : 5 + height] = True
    line = centre_line(mask, (UM, UM))
    assert line is not None
    assert line.length_um == pytest.approx(height * UM, rel=0.01)


def test_pixels_need_not_be_square() -> None:
    mask = np.zeros((60, 400), dtype=bool)
    mask[20:40, 20:380] = True
    across, along = centre_line(mask, (8.0, 16.0)), centre_line(mask.T, (16.0, 8.0))
    assert across is not None
    assert along is not None
    assert across.length_um == pytest.approx(360 * 8, rel=0.01)
    assert along.length_um == pytest.approx(360 * 8, rel=0.01)


def test_a_wide_piece_has_no_centre_line() -> None:
    mask = np.zeros((500, 700), dtype=bool)
    mask[20:480, 20:680] = True
    assert centre_line(mask, (UM, UM), widest_um=2500) is None
    assert centre_line(mask, (UM, UM), widest_um=4000) is not None


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (2, 2)])
def test_the_smallest_pieces_have_a_length(shape: tuple[int, int]) -> None:
    line = centre_line(np.ones(shape, dtype=bool), (UM, UM))
    assert line is not None
    assert line.length_um == pytest.approx(max(shape) * UM, abs=UM / 2)
