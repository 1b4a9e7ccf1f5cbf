"""What compression and bright speckle must not change, on a few frames."""

from __future__ import annotations

import numpy as np
import pytest

from radiofib.preprocess.ultrasound import CleanSettings, clean_screen
from radiofib.preprocess.ultrasound.find import find_images
from radiofib.preprocess.ultrasound.geometry import dice
from radiofib.simulate.ultrasound_frames import simulate_frame
from tests.preprocess.ultrasound.frames import HARD
from tests.preprocess.ultrasound.lossy import bare_frame, cleaned, stored


@pytest.mark.parametrize("shape", ["fan", "rectangle"])
@pytest.mark.parametrize(("law", "sigma", "mean"), [("log", 0.0, 180), ("linear", 1.2, 60)])
def test_compression_moves_no_border_and_blanks_no_tissue(
    law: str, sigma: float, mean: float, shape: str
) -> None:
    picture, truth = bare_frame(law, sigma, mean, shape, 15000)
    for quality in (None, 95, 75):
        found = cleaned("", picture, truth, quality)
        assert found.off <= 2
        assert found.blanked <= 0.01


def test_speckle_that_varies_with_its_brightness_is_no_text() -> None:
    picture, truth = bare_frame("linear", 0.5, 60, "rectangle", 15001, "patchy")
    assert cleaned("", picture, truth, None).blanked <= 0.02


def test_saturated_speckle_is_not_blanked_in_bars_and_said() -> None:
    picture, _ = bare_frame("linear", 1.2, 140, "rectangle", 15001, "graded")
    [clean] = clean_screen(stored(picture, 90), CleanSettings())
    assert clean.shares["graphics"] <= 0.02
    assert any("lies about like letters" in doubt for doubt in clean.doubts)


def test_much_that_was_taken_for_text_is_said() -> None:
    picture, truth = bare_frame("log", 1.4, 100, "rectangle", 15000)
    rows, columns = (np.flatnonzero(truth.any(axis=axis)) for axis in (1, 0))
    for row in range(rows[0] + 20, rows[-1] - 20, 24):
        for column in range(columns[0] + 20, columns[-1] - 20, 6):
            picture[row : row + 9, column : column + 2] = 255
    [clean] = clean_screen(picture, CleanSettings(least_valid=0.0))
    assert not clean.valid[picture == 255].any()
    assert any("was it tissue?" in doubt for doubt in clean.doubts)


@pytest.mark.parametrize(("law", "mean", "said"), [("linear", 100, True), ("log", 140, False)])
def test_speckle_that_hides_white_text_is_said(law: str, mean: float, said: bool) -> None:
    picture, _ = bare_frame(law, 1.2, mean, "rectangle", 15000)
    [clean] = clean_screen(picture, CleanSettings())
    assert any("free of names" in doubt for doubt in clean.doubts) is said


def test_a_dark_image_beside_bright_lines_is_found() -> None:
    made = simulate_frame(HARD["dark sector"], 11000)
    [found] = find_images(made.screen.max(axis=-1).astype(float))
    assert dice(found.frame.mask(made.grey.shape), made.fan) > 0.95
