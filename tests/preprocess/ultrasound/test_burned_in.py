"""Names on raw screens are seen; screens without any, cleaned ones and patches are let through."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from radiofib.preprocess.ultrasound import (
    CleanSettings,
    clean_screen,
    fill_blanked,
    shows_burned_in,
)
from radiofib.simulate.ultrasound_frames import FrameSettings, simulate_frame
from radiofib.simulate.ultrasound_text import TextSettings, simulate_text_frame
from tests.preprocess.ultrasound.lossy import stored

SHAPE = (200, 260)


def frame(marks: tuple[str, ...], seed: int) -> np.ndarray:
    return simulate_frame(FrameSettings(shape=SHAPE, marks=marks), seed).screen


@pytest.mark.parametrize("marks", [("name",), ("id", "date"), ("annotation",), ("touching",)])
@pytest.mark.parametrize("seed", [1, 3])
def test_what_is_written_on_or_beside_the_image_is_seen(marks: tuple[str, ...], seed: int) -> None:
    assert shows_burned_in(frame(marks, seed))


@pytest.mark.parametrize("seed", [1, 3])
def test_a_screen_without_marks_and_a_cleaned_one_show_none(seed: int) -> None:
    assert not shows_burned_in(frame((), seed))
    [clean] = clean_screen(frame(("name", "annotation"), seed), CleanSettings())
    written = fill_blanked(clean.pixels, clean.valid, clean.frame.mask(clean.pixels.shape))
    assert not shows_burned_in(written)


@pytest.mark.parametrize("quality", [None, 75])
@pytest.mark.parametrize("ink", ["grey", "near", "black"])
def test_text_of_any_grey_over_tissue_is_seen(ink: str, quality: int | None) -> None:
    settings = TextSettings(ink=ink)
    made = simulate_text_frame(settings, 21000)
    assert shows_burned_in(stored(made.screen, quality))
    assert not shows_burned_in(stored(made.bare, quality))


def test_greys_of_any_scale_are_looked_at() -> None:
    screen = frame(("name",), 1)
    assert shows_burned_in(screen.astype(np.float64) / 255)
    assert shows_burned_in(screen.astype(np.uint16) * 257)


def test_patches_are_too_small_to_hold_a_name() -> None:
    assert not shows_burned_in(frame(("annotation",), 1)[60:88, 100:128])
    assert not shows_burned_in(np.full((300, 300), 7))


@pytest.mark.external
def test_real_patches_of_parenchyma_are_let_through(external_data: Path) -> None:
    files = sorted((external_data / "us/byra_rois/rois").rglob("*.jpg"))
    assert len(files) >= 30
    assert not any(shows_burned_in(np.asarray(PIL.Image.open(f))) for f in files)
