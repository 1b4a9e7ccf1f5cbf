"""Two images on one screen that nearly touch, and one image that shadows run through."""

from __future__ import annotations

import numpy as np
import pytest

from radiofib.preprocess.ultrasound import CleanSettings, clean_screen
from radiofib.simulate.ultrasound import log_compress, speckle_envelope
from tests.preprocess.ultrasound.lossy import border_error, stored
from tests.preprocess.ultrasound.panels import bare_pair, pieces

SHAPE = (240, 320)


def tissue(seed: int) -> np.ndarray:
    envelope = speckle_envelope(np.ones(SHAPE), 1.0, 1.5, np.random.default_rng(seed))
    return log_compress(envelope, gain_db=0, dynamic_range_db=60).astype(float) * 0.7


@pytest.mark.parametrize("quality", [None, 75])
@pytest.mark.parametrize("line", [0, 160])
@pytest.mark.parametrize("gap", [3, 6, 12, 25])
def test_panels_a_few_pixels_apart_are_split(gap: int, line: int, quality: int | None) -> None:
    one, other = (np.zeros(SHAPE, dtype=bool) for _ in range(2))
    one[30:220, 20:150] = True
    other[30:220, 150 + gap : 290] = True
    screen = np.where(one | other, tissue(gap), 0)
    screen[30:220, 150 + gap // 2] = line
    screen[70:150, 290:297] = np.linspace(255, 0, 80)[:, None]  # a bar that touches the image
    found = clean_screen(stored(np.rint(screen).astype(np.uint8), quality), CleanSettings())
    assert [image.panel for image in found] == ["p1", "p2"]
    for image, truth in zip(found, (one, other), strict=True):
        frame = np.zeros(SHAPE, dtype=bool)
        frame[image.box] = image.frame.mask(image.pixels.shape)
        assert image.frame.kind == "linear"
        assert border_error(frame, truth) <= 2


def test_panels_one_above_the_other_are_split() -> None:
    screen = np.zeros(SHAPE)
    screen[20:120, 40:280] = tissue(1)[20:120, 40:280]
    screen[124:220, 40:280] = tissue(2)[124:220, 40:280]
    found = clean_screen(np.rint(screen).astype(np.uint8), CleanSettings())
    assert [image.pixels.shape for image in found] == [(100, 240), (96, 240)]


@pytest.mark.parametrize("rows", [slice(50, 220), slice(30, 200)], ids=["below", "above"])
def test_a_shadow_or_a_cursor_does_not_cut_an_image(rows: slice) -> None:
    screen = np.zeros(SHAPE)
    screen[30:220, 40:280] = tissue(3)[30:220, 40:280]
    screen[rows, 150:156] = 0
    screen[30:220, 210] = 200
    [found] = clean_screen(np.rint(screen).astype(np.uint8), CleanSettings())
    assert (found.frame.kind, found.panel) == ("linear", "")


@pytest.mark.parametrize("quality", [60, 75])
@pytest.mark.parametrize(("law", "sigma"), [("linear", 0.0), ("log", 0.7), ("smooth", 0.0)])
def test_two_pixels_between_dark_panels_are_a_gap(law: str, sigma: float, quality: int) -> None:
    assert pieces(bare_pair(law, sigma, 60, 2, 0), quality) == 2
