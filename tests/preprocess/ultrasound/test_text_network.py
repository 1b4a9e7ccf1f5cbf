"""The network that finds text: tiles join without seams, large letters are found, tissue is not."""

from __future__ import annotations

import numpy as np
import pytest

from radiofib.preprocess.ultrasound import text_network
from radiofib.preprocess.ultrasound.graphics import text_height
from radiofib.preprocess.ultrasound.text_network import text_chances, written_lines
from radiofib.simulate.ultrasound_text import TextFrame, TextSettings, simulate_text_frame
from tests.preprocess.ultrasound.lossy import bare_frame, stored


@pytest.fixture(scope="module")
def grey_text() -> TextFrame:
    return simulate_text_frame(TextSettings(ink="grey"), 21000)


def found(picture: np.ndarray, image: np.ndarray) -> np.ndarray:
    return written_lines(picture.astype(np.float64), image, text_height(picture.shape))


def test_tiles_join_without_a_seam(grey_text: TextFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    part = grey_text.screen[:301, :402].astype(np.float64)
    whole = text_chances(part)
    monkeypatch.setattr(text_network, "_TILE", 128)
    np.testing.assert_allclose(text_chances(part), whole, atol=1e-4)


@pytest.mark.parametrize("quality", [None, 75])
def test_grey_text_over_tissue_is_covered_and_tissue_is_not(
    grey_text: TextFrame, quality: int | None
) -> None:
    lines = found(stored(grey_text.screen, quality), grey_text.image)
    away = grey_text.image.copy()
    for line in grey_text.lines:
        assert lines[line.ink > 127].mean() > 0.9
        rows, columns = line.box
        away[rows.start - 12 : rows.stop + 12, columns.start - 16 : columns.stop + 16] = False
    assert lines[away].mean() < 0.005
    bare = found(stored(grey_text.bare, quality), grey_text.image)
    assert bare[grey_text.image].mean() < 0.005


def test_letters_of_a_large_screen_are_found(grey_text: TextFrame) -> None:
    large = np.kron(grey_text.screen, np.ones((2, 2), np.uint8))
    lines = found(large, np.kron(grey_text.image, np.ones((2, 2), bool)))
    for line in grey_text.lines:
        assert lines[np.kron(line.ink, np.ones((2, 2), np.uint8)) > 127].mean() > 0.9


def test_where_there_is_no_image_there_is_no_text() -> None:
    nowhere = np.zeros((120, 130), dtype=bool)
    assert not written_lines(np.zeros(nowhere.shape), nowhere, 24).any()


def test_the_edge_that_a_jpeg_blurs_is_no_line() -> None:
    """Three rows at the lower edge of bright speckle look like letters, and are too low for any."""
    picture, inside = bare_frame("linear", 1.2, 180, "rectangle", 15000)
    assert not found(stored(picture, 95), inside).any()
