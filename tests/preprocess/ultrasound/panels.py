"""Screens of two rectangles a few pixels apart, and of one image, stored with loss.

Fixed before the method was mended.
"""

from __future__ import annotations

import numpy as np

from radiofib.preprocess.ultrasound.find import lit_pixels, screen_level, thin_side
from radiofib.preprocess.ultrasound.gaps import cut_at_gaps
from radiofib.simulate.ultrasound_frames import OUTSIDE, FrameSettings, simulate_frame
from tests.preprocess.ultrasound.lossy import bare_frame, stored

#: Widths of the gap in pixels, and qualities of JPEG.
GAPS = (2, 3, 4, 6, 8)
QUALITIES = (60, 75, 90)
SHAPE = (480, 640)
#: What a single image is shown as, by the rest of the seed.
KINDS = ("linear", "convex", "sector")


def settings(seed: int, panels: int) -> FrameSettings:
    """Return gain, shadows and marks of a screen, drawn from its seed."""
    rng = np.random.default_rng([seed, panels])
    return FrameSettings(
        kind="linear" if panels == 2 else KINDS[seed % 3],
        shape=SHAPE,
        panels=panels,
        gain_db=float(rng.choice([-8.0, 0.0, 6.0])),
        dynamic_range_db=float(rng.choice([60.0, 80.0])),
        shadows=int(rng.integers(0, 4)),
        marks=OUTSIDE if rng.random() < 0.5 else (),
    )


def pair(gap: int, seed: int) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Return a screen with two rectangles of tissue `gap` pixels apart, and where they are."""
    made = simulate_frame(settings(seed, 2), seed)
    boxes = []
    for fan in made.fans:
        rows, columns = np.flatnonzero(fan.any(axis=1)), np.flatnonzero(fan.any(axis=0))
        boxes.append((rows[0], rows[-1] + 1, columns[0], columns[-1] + 1))
    height = min(bottom - top for top, bottom, _, _ in boxes)
    screen = np.where(made.fan, 0, made.screen[..., 0])  # marks beside the images stay
    top, left = boxes[0][0], SHAPE[1] // 2 - (boxes[0][3] - boxes[0][2])
    # Where the panels lie does not follow the blocks of eight pixels of the file.
    left += int(np.random.default_rng([seed, gap]).integers(-12, 13))
    masks = []
    for t, _, first, last in boxes:
        mask = np.zeros(SHAPE, dtype=bool)
        mask[top : top + height, left : left + last - first] = True
        screen[mask] = made.grey[t : t + height, first:last].ravel()
        masks.append(mask)
        left += last - first + gap
    between = slice(masks[0].any(axis=0).nonzero()[0][-1] + 1, masks[1].any(axis=0).argmax())
    screen[top : top + height, between] = 0
    return screen.astype(np.uint8), (masks[0], masks[1])


def single(seed: int) -> np.ndarray:
    """Return a screen with one image."""
    return np.asarray(simulate_frame(settings(seed, 1), seed).screen[..., 0])


def bare_pair(law: str, sigma: float, mean: float, gap: int, seed: int) -> np.ndarray:
    """Return a rectangle of bare speckle with a gap through it."""
    screen, image = bare_frame(law, sigma, mean, "rectangle", seed)
    columns = np.flatnonzero(image.any(axis=0))
    middle = int(columns.mean()) + int(np.random.default_rng([seed, gap]).integers(-12, 13))
    screen[:, middle : middle + gap] = 0
    return screen


def shadowed(seed: int) -> np.ndarray:
    """Return a screen with one rectangle and a shadow from the skin down: contact was lost."""
    made = simulate_frame(settings(seed, 1).model_copy(update={"kind": "linear"}), seed)
    rng = np.random.default_rng([seed, 7])
    columns = np.flatnonzero(made.fan.any(axis=0))
    middle = rng.uniform(*np.quantile(columns, [0.2, 0.8]))
    half, soft = rng.uniform(2, 20), rng.uniform(0.7, 4)
    away = np.abs(np.arange(SHAPE[1]) - middle)
    shade = 93 / (1 + np.exp(np.clip((away - half) / soft, -50, 50)))  # 22 dB of 60
    grey = np.clip(made.grey - shade, 1, 255)
    return np.where(made.fan, grey, made.screen[..., 0]).astype(np.uint8)


def pieces(screen: np.ndarray, quality: int | None) -> int:
    """Return into how many parts a screen is cut at gaps once it was stored."""
    grey = stored(screen, quality).astype(np.float64)
    level = screen_level(grey)
    assert level is not None
    lit = lit_pixels(grey, level)
    return len(cut_at_gaps(lit, np.abs(grey - level), least=thin_side(lit.shape)))
