"""Screens that are odd: shaded, lossy, tinted, cut-outs, regions that say where to look."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib
import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from radiofib.errors import ImageError, MaskError
from radiofib.images.dicom_ultrasound import ScanRegion
from radiofib.preprocess.ultrasound import (
    CleanSettings,
    Fan,
    PatchSettings,
    Quad,
    WholePicture,
    clean_screen,
    find_patches,
)
from radiofib.preprocess.ultrasound.geometry import dice
from radiofib.preprocess.ultrasound.graphics import find_graphics
from radiofib.preprocess.ultrasound.lines import covered
from radiofib.simulate.ultrasound_frames import FrameSettings, simulate_frame
from tests.preprocess.ultrasound.judged import correlation, worst_letter

SHAPE = (240, 320)
FONTS = Path(matplotlib.get_data_path()) / "fonts/ttf"


@pytest.fixture(scope="module")
def fan():
    return simulate_frame(FrameSettings(shape=SHAPE, marks=("name", "id")), 1)


@given(
    apex=st.tuples(st.floats(-90, 20), st.floats(60, 140)),
    half=st.floats(0.2, 0.8),
    near=st.floats(0, 60),
    length=st.floats(40, 120),
    move=st.tuples(st.integers(-30, 30), st.integers(-30, 30)),
)
@settings(max_examples=40, deadline=None)
def test_shapes_know_their_inside(apex, half, near, length, move) -> None:
    shape = (150, 200)
    one = Fan(*apex, 0.0, half, near, near + length)
    mask = one.mask(shape)
    depth, beam = one.depth(shape), one.beam(shape)
    assert (np.abs(depth[mask] - length / 2) <= length / 2 + 0.51).all()
    sure = (depth > 1) & (depth < length - 1) & (np.abs(beam) < 1 - 1.5 / (1 + near + depth) / half)
    assert mask[sure].all()
    rows, columns = move
    moved = one.moved(rows, columns).cover((150 + abs(rows), 200 + abs(columns)))
    top, left = max(rows, 0), max(columns, 0)
    part = one.cover(shape)[max(-rows, 0) :, max(-columns, 0) :]
    here = moved[top : top + part.shape[0], left : left + part.shape[1]]
    np.testing.assert_allclose(here, part[: here.shape[0], : here.shape[1]], atol=1e-9)


@pytest.mark.parametrize("zoom", [2, 3])
def test_zoom_keeps_the_area(zoom: int) -> None:
    for one in (Fan(-20.0, 50.0, 0.05, 0.5, 30.0, 90.0), Quad(10.0, 69.0, 20, 79, 15, 84)):
        small, large = one.mask((100, 100)), one.moved(0, 0, zoom).mask((100 * zoom, 100 * zoom))
        assert dice(np.kron(small, np.ones((zoom, zoom), bool)), large) > 0.98


def test_a_shaded_screen_is_refused_rather_than_taken_whole(fan) -> None:
    shade = np.add.outer(np.linspace(30, 80, SHAPE[0]), np.linspace(0, 30, SHAPE[1]))
    screen = np.where(fan.fan | (fan.screen[..., 0] > 0), fan.screen[..., 0], shade)
    with pytest.raises(ImageError, match="no ultrasound image found"):
        clean_screen(np.rint(screen).astype(np.uint8), CleanSettings())


def test_a_lossy_screen_with_text_close_by(fan) -> None:
    buffer = io.BytesIO()
    PIL.Image.fromarray(fan.screen).save(buffer, "JPEG", quality=85)
    [clean] = clean_screen(np.asarray(PIL.Image.open(buffer)), CleanSettings())
    assert dice(clean.frame.mask(SHAPE), fan.fan) > 0.97
    for mark in fan.marks:
        assert not clean.pixels[(mark.ink > 127) & ~fan.fan].any()


def test_a_large_screen_is_measured_in_its_own_pixels(fan) -> None:
    large = np.kron(fan.screen[..., 0], np.ones((3, 3), np.uint8))
    [clean] = clean_screen(large, CleanSettings())
    assert dice(clean.frame.mask(large.shape), np.kron(fan.fan, np.ones((3, 3), bool))) > 0.98


def test_a_tinted_display_is_no_doppler(fan) -> None:
    sepia = np.rint(fan.grey[..., None] * np.array([1.0, 0.8, 0.55])).astype(np.uint8)
    [clean] = clean_screen(sepia, CleanSettings())
    assert clean.shares["valid"] > 0.97
    assert any("one tint" in note for note in clean.notes)


def test_a_cut_out_is_all_tissue_and_small_ones_are_not_searched(fan) -> None:
    inner = fan.grey[110:190, 120:200]
    [clean] = clean_screen(inner, CleanSettings())
    assert isinstance(clean.frame, WholePicture)
    assert np.array_equal(clean.pixels, inner)
    assert any("too small" in note for note in clean.notes)


def test_regions_say_where_to_look_and_how_large_a_pixel_is(fan) -> None:
    rows, columns = (np.flatnonzero(fan.fan.any(axis=axis)) for axis in (1, 0))
    region = ScanRegion(
        (int(rows[0]), int(rows[-1]) + 1), (int(columns[0]), int(columns[-1]) + 1), (0.2, 0.2)
    )
    [clean] = clean_screen(fan.screen, CleanSettings(), regions=[region])
    assert clean.spacing_mm == (0.2, 0.2)
    assert dice(clean.frame.mask(SHAPE), fan.fan) > 0.97
    assert clean.pixels.shape == SHAPE
    assert not clean.pixels[: rows[0]].any()


def test_letters_are_covered_by_boxes_and_tissue_is_not() -> None:
    frame = simulate_frame(FrameSettings(shape=SHAPE, kind="linear", marks=("annotation",)), 5)
    colour = frame.screen.astype(float)
    found = find_graphics(colour.mean(axis=-1), colour, frame.fan)
    gone = found.colour | found.drawn
    [mark] = frame.marks
    # No hole between letters is left through which they could be read.
    box = np.zeros(SHAPE, dtype=bool)
    box[mark.box] = True
    assert gone[box & frame.fan].mean() > 0.98
    bare = find_graphics(frame.grey.astype(float), None, frame.fan)
    assert bare.drawn[frame.parts["parenchyma"]].mean() < 0.01


def test_why_there_is_no_patch() -> None:
    flat = np.full((90, 90), 3.0)
    whole = WholePicture.of(flat.shape)
    everything = np.ones(flat.shape, dtype=bool)
    with pytest.raises(MaskError, match="no parenchyma found"):
        find_patches(flat, everything, whole, PatchSettings())
    with pytest.raises(MaskError, match=r"smaller than a patch .*95 x 95.*90 x 90"):
        find_patches(flat, everything, whole, PatchSettings(side_px=95))


@given(side=st.integers(8, 40), most=st.integers(1, 9), seed=st.integers(0, 50))
@settings(max_examples=20, deadline=None)
def test_patches_do_not_overlap_and_lie_where_they_may(side: int, most: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    grey = rng.normal(100, 12, (100, 120))
    valid = np.ones(grey.shape, dtype=bool)
    valid[:, rng.integers(10, 110) :][:, :6] = False
    try:
        found = find_patches(
            grey, valid, WholePicture.of(grey.shape), PatchSettings(side_px=side, most=most)
        )
    except MaskError:
        return
    masks = [found.mask(n) for n in range(len(found.corners))]
    assert 1 <= len(masks) <= most
    assert all(int(m.sum()) == side * side for m in masks)
    assert int(np.sum(masks, axis=0).max()) == 1
    assert valid[found.mask()].all()


def test_settings_are_told_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "clean.yaml"
    path.write_text("panels: refuse\ncolour: refuse\n")
    assert CleanSettings.from_yaml(path).colour == "refuse"


@pytest.mark.parametrize("ink", [(255, 255, 255), (200, 200, 200), (255, 235, 60), (0, 0, 0)])
def test_a_name_over_tissue_is_gone_whatever_its_ink(ink: tuple[int, int, int]) -> None:
    bare = simulate_frame(FrameSettings(shape=(360, 480), shadows=0, vessels=0), 3)
    sheet = PIL.Image.new("L", (480, 360), 0)
    font = PIL.ImageFont.truetype(str(FONTS / "DejaVuSans-Bold.ttf"), 17)
    PIL.ImageDraw.Draw(sheet).text((240, 190), "DOE^JANE", 255, font, anchor="mm")
    opacity = np.asarray(sheet)
    share = opacity[..., None] / 255.0
    screen = np.rint((1 - share) * bare.screen + share * np.array(ink)).astype(np.uint8)
    [clean] = clean_screen(screen, CleanSettings())
    assert worst_letter(opacity, clean.pixels + 1, clean.valid) <= 0.25
    rows, columns = (np.flatnonzero(opacity.any(axis=a)) for a in (1, 0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    assert correlation(opacity, box, clean.grey) <= 0.3
    assert clean.shares["valid"] > 0.96


def test_a_name_in_the_grey_of_tissue_is_gone_where_nothing_was_lost() -> None:
    """Letters of exactly one level are told from speckle however little they stand out."""
    bare = simulate_frame(FrameSettings(shape=(360, 480), shadows=0, vessels=0), 3)
    rows, columns = slice(150, 210), slice(180, 300)
    level = float(np.quantile(bare.grey[rows, columns], 0.75))
    sheet = PIL.Image.new("L", (480, 360), 0)
    font = PIL.ImageFont.truetype(str(FONTS / "DejaVuSans.ttf"), 24)
    PIL.ImageDraw.Draw(sheet).text((240, 180), "DOE^JANE", 255, font, anchor="mm")
    opacity = np.asarray(sheet)
    share = opacity / 255.0
    screen = np.rint((1 - share) * bare.grey + share * round(level)).astype(np.uint8)
    [clean] = clean_screen(screen, CleanSettings())
    assert worst_letter(opacity, clean.pixels + 1, clean.valid) <= 0.25
    away = bare.fan & ~(ndimage.maximum_filter(opacity, 49) > 0)
    assert clean.valid[away].mean() > 0.98


def test_ink_beside_the_image_leaves_no_pixel_along_its_border(fan) -> None:
    """The border is known to a few pixels: next to letters they may be ink."""
    row = 120
    border = int(np.flatnonzero(fan.fan[row])[0])
    screen = fan.screen[..., 0].copy()
    for column in range(border - 22, border - 4, 5):
        screen[row - 6 : row + 6, column : column + 2] = 235
    [clean] = clean_screen(screen, CleanSettings())
    frame = clean.frame.mask(SHAPE)
    rim = frame & ~ndimage.binary_erosion(frame, iterations=2)
    assert not clean.valid[row - 6 : row + 6, : border + 12][
        rim[row - 6 : row + 6, : border + 12]
    ].any()


def test_text_across_the_border_is_blanked_as_one_line(fan) -> None:
    """Letters off tissue tell where the line goes on over it, to the last pixel."""
    row = 120
    border = int(np.flatnonzero(fan.fan[row])[0])
    screen = fan.screen[..., 0].copy()
    for column in range(border - 22, border + 23, 5):
        screen[row - 6 : row + 6, column : column + 2] = 235
    [clean] = clean_screen(screen, CleanSettings())
    assert not clean.valid[row - 6 : row + 6, border - 22 : border + 22].any()


def test_a_word_on_a_bright_wall_leaves_no_hole_of_its_shape() -> None:
    grey = np.zeros((120, 160))
    ink = np.zeros(grey.shape, dtype=bool)
    for number, column in enumerate(range(40, 100, 6)):  # letters of two heights
        ink[60 - 10 * (number % 3 == 0) : 70, column : column + 2] = True
    wall = np.zeros(grey.shape, dtype=bool)
    for column in range(10, 150):
        wall[66 + (column - 10) // 3 : 70 + (column - 10) // 3, column] = True
    grey[wall], grey[ink] = 215, 255
    hole = covered(grey, ink | wall, 24, rim=3)
    assert hole[50:70, 40:96].all()
    assert not hole[:47].any()


def test_what_a_person_should_look_at(fan) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200)).astype(np.uint8)
    with pytest.raises(ImageError, match=r"noise from pixel to pixel.*find: whole"):
        clean_screen(noise, CleanSettings())
    [clean] = clean_screen(noise, CleanSettings(find="whole"))
    assert "noise rather than ultrasound?" in clean.doubts[0]
    [usual] = clean_screen(fan.screen, CleanSettings())
    assert usual.doubts == ()
    glare = np.where(fan.fan, np.clip(fan.grey.astype(float) + 110, 0, 255), 0).astype(np.uint8)
    [bright] = clean_screen(glare, CleanSettings())
    assert "so bright that white text" in bright.doubts[0]


def test_pictures_larger_than_any_screen_are_refused_at_once() -> None:
    with pytest.raises(ImageError, match=r"too large .*at most 17 million pixels.*5120 x 3840"):
        clean_screen(np.broadcast_to(np.uint8(0), (3840, 5120)), CleanSettings())


def test_a_small_image_is_named_as_the_reason(fan) -> None:
    small = fan.grey[100:190, 100:190]
    with pytest.raises(MaskError, match=r"an image of only 90 x 90 pixels.*side_px: 18"):
        find_patches(
            np.where(np.indices(small.shape).sum(axis=0) // 30 % 2, small, 0).astype(float),
            np.ones(small.shape, dtype=bool),
            WholePicture.of(small.shape),
            PatchSettings(),
        )
