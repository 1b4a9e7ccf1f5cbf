"""Screens that are odd: shaded, lossy, tinted, cut-outs, regions that say where to look."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from radiofib.simulate.ultrasound_frames import FrameSettings, simulate_frame

SHAPE = (240, 320)


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
    moved = one.moved(rows, columns).mask((150 + abs(rows), 200 + abs(columns)))
    top, left = max(rows, 0), max(columns, 0)
    part = mask[max(-rows, 0) :, max(-columns, 0) :]
    here = moved[top : top + part.shape[0], left : left + part.shape[1]]
    assert np.array_equal(here, part[: here.shape[0], : here.shape[1]])


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
