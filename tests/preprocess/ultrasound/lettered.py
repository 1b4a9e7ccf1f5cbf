"""Frames with text over tissue that the clean-up is judged on; fixed before it was mended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from radiofib.errors import ImageError
from radiofib.preprocess.ultrasound import CleanImage, fill_blanked
from radiofib.simulate.ultrasound_text import (
    INKS,
    TISSUES,
    TextFrame,
    TextSettings,
    simulate_text_frame,
)
from tests.preprocess.ultrasound.lossy import stored
from tests.preprocess.ultrasound.reader import legible

#: Qualities of JPEG; None is without loss.
QUALITIES = (None, 95, 90, 75, 60)
#: Seeds that may be looked at to choose and to mend, and seeds that were not run before everything
#: was chosen. 23000 was one of these until small black letters that it left were looked at.
LOOKED_AT = (21000, 23000)
JUDGED = (23001, 23002)

Clean = Callable[[np.ndarray], list[CleanImage]]


@dataclass(frozen=True)
class Written:
    """One line of one stored frame: could it be read, can it still, how much ink is left."""

    tissue: str
    ink: str
    quality: int | None
    seed: int
    text: str
    grey: int
    size_px: int
    before: bool
    after: bool
    ink_left: float


@dataclass(frozen=True)
class Bare:
    """One stored frame without text: share of its tissue that was blanked."""

    tissue: str
    quality: int | None
    seed: int
    blanked: float


def written_again(images: list[CleanImage], shape: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """Return what is written of a screen, filled where it was blanked, and what shows echo."""
    grey, valid = np.zeros(shape), np.zeros(shape, dtype=bool)
    for one in images:
        filled = fill_blanked(one.pixels, one.valid, one.frame.mask(one.pixels.shape))
        grey[one.box] = np.maximum(grey[one.box], filled)
        valid[one.box] |= one.valid
    return grey, valid


def read_lines(
    made: TextFrame, settings: TextSettings, seed: int, quality: int | None, clean: Clean
) -> Iterator[Written]:
    """Yield what is left of each line of a frame once it was stored and cleaned."""
    picture = stored(made.screen, quality)
    before = [legible(picture, line.box, line.text) for line in made.lines]
    try:
        grey, valid = written_again(clean(picture), made.image.shape)
    except ImageError:  # nothing is written
        grey, valid = np.zeros(made.image.shape), np.zeros(made.image.shape, dtype=bool)
    for line, was in zip(made.lines, before, strict=True):
        strong = line.ink > 127
        yield Written(
            settings.tissue, settings.ink, quality, seed, line.text, line.grey, line.size_px,
            was, was and legible(grey, line.box, line.text), float(valid[strong].mean()),
        )  # fmt: skip


def frames(seed: int) -> Iterator[tuple[TextSettings, TextFrame]]:
    """Yield every frame with text of one seed."""
    for tissue, ink in product(TISSUES, INKS):
        settings = TextSettings(tissue=tissue, ink=ink)
        yield settings, simulate_text_frame(settings, seed)


def lines_left(seed: int, clean: Clean) -> Iterator[Written]:
    """Yield every line of one seed, in every quality."""
    for settings, made in frames(seed):
        for quality in QUALITIES:
            yield from read_lines(made, settings, seed, quality, clean)


def bare_blanked(seed: int, clean: Clean) -> Iterator[Bare]:
    """Yield frames of every tissue without text, in every quality."""
    for tissue in TISSUES:
        made = simulate_text_frame(TextSettings(tissue=tissue, lines=0), seed)
        for quality in QUALITIES:
            _, valid = written_again(clean(stored(made.bare, quality)), made.image.shape)
            inside = made.image
            yield Bare(tissue, quality, seed, float((inside & ~valid).sum() / inside.sum()))
