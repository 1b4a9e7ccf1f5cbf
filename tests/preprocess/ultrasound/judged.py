"""Measures of a cleaned screen against the truth of its simulation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from radiofib.errors import MaskError
from radiofib.preprocess.ultrasound import (
    CleanImage,
    CleanSettings,
    PatchSettings,
    clean_screen,
    find_patches,
)
from radiofib.preprocess.ultrasound.geometry import dice
from radiofib.simulate.ultrasound_frames import SimulatedFrame

#: What is text; the rest are graphics.
TEXT = ("name", "id", "date", "settings", "annotation", "touching")


@dataclass(frozen=True)
class Judged:
    """How one screen was cleaned."""

    dices: tuple[float, ...]
    correlation: float
    ink_off: tuple[int, int]
    ink_on: tuple[int, int]
    lost: float
    patches: tuple[int, ...]
    patch_px: int
    on_vessel: int
    on_ink: int
    elsewhere: int
    letter: float = 0.0


def on_screen(images: list[CleanImage], shape: tuple[int, int], what: str) -> np.ndarray:
    """Lay what was written of each image back to where it was cut from."""
    canvas = np.zeros(shape, dtype=bool if what == "valid" else np.float64)
    for image in images:
        canvas[image.box] = np.maximum(canvas[image.box], getattr(image, what))
    return canvas


def correlation(ink: np.ndarray, box: tuple[slice, slice], written: np.ndarray) -> float:
    """Return the largest |r| of a rendered text with what was written at and around its place."""
    template = ink[box].astype(float)
    template -= template.mean()
    best = 0.0
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            rows, columns = box[0].start + dy, box[1].start + dx
            if rows < 0 or columns < 0:
                continue
            part = written[rows : rows + template.shape[0], columns : columns + template.shape[1]]
            if part.shape != template.shape or part.std() < 1e-9:
                continue
            part = part - part.mean()
            r = (part * template).sum() / np.sqrt((part**2).sum() * (template**2).sum())
            best = max(best, abs(float(r)))
    return best


def worst_letter(ink: np.ndarray, written: np.ndarray, valid: np.ndarray) -> float:
    """Return the largest share of the ink of one letter that was written."""
    labels, count = ndimage.label(ink > 127, np.ones((3, 3)))
    if not count:
        return 0.0
    numbers = np.arange(1, count + 1)
    area = ndimage.sum(labels > 0, labels, numbers)
    left = ndimage.sum(valid & (written > 0), labels, numbers)
    return float((left / area)[area >= 6].max(initial=0.0))


def judge(made: SimulatedFrame) -> Judged:
    """Clean a screen and compare with the truth."""
    images = clean_screen(made.screen, CleanSettings(least_valid=0.0))
    shape = made.grey.shape
    written, valid = on_screen(images, shape, "grey"), on_screen(images, shape, "valid")
    found = []
    for image, fan in zip(images, made.fans, strict=False):
        frame = np.zeros(shape, dtype=bool)
        frame[image.box] = image.frame.mask(image.pixels.shape)
        found.append(dice(frame, fan))
    text = [m for m in made.marks if m.kind in TEXT]
    ink = np.zeros(shape, dtype=bool)
    for mark in made.marks:
        ink |= mark.ink > 0
    strong = np.zeros(shape, dtype=bool)
    for mark in text:
        strong |= mark.ink > 127
    left = [strong & made.fan & valid, strong & ~made.fan & valid]
    away = made.parts["parenchyma"] & ~(ndimage.maximum_filter(ink.astype(np.uint8), 25) > 0)
    inside = np.zeros(shape, dtype=bool)
    for image in images:
        inside[image.box] |= image.frame.mask(image.pixels.shape)
    counts, squares = [], np.zeros(shape, dtype=bool)
    for image in images:
        try:
            taken = find_patches(image.grey, image.valid, image.frame, PatchSettings())
        except MaskError:
            counts.append(0)
            continue
        counts.append(len(taken.corners))
        squares[image.box] |= taken.mask()
    return Judged(
        tuple(found) if len(images) == len(made.fans) else (0.0,) * len(made.fans),
        max((correlation(m.ink, m.box, written) for m in text), default=0.0),
        (int(left[1].sum()), int((strong & ~made.fan).sum())),
        (int(left[0].sum()), int((strong & made.fan).sum())),
        float((away & inside & ~valid).sum() / max(away.sum(), 1)),
        tuple(counts),
        int(squares.sum()),
        int((squares & (made.parts["vessel"] | made.parts["shadow"])).sum()),
        int((squares & ink).sum()),
        int((squares & (made.parts["near"] | made.parts["deep"])).sum()),
        max((worst_letter(m.ink, written, valid) for m in text), default=0.0),
    )
