"""Frames of bare speckle, stored with and without loss; fixed before the method was mended."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import PIL.Image
from scipy import ndimage

from radiofib.preprocess.ultrasound import CleanSettings, Fan, Quad, clean_screen
from radiofib.simulate.speckle import nakagami_envelope
from radiofib.simulate.ultrasound import log_compress, speckle_envelope

#: Height of the screen by the parity of the seed.
HEIGHTS = (240, 480)
#: Display law and width of the point-spread function in pixels: 0 draws every pixel by itself.
SPECKLE = (
    ("linear", 0.0), ("linear", 1.2), ("log", 0.0), ("log", 0.7), ("log", 1.4), ("smooth", 0.0),
)  # fmt: skip
MEANS = (60, 100, 140, 180)
SHAPES = ("fan", "rectangle")
#: Qualities of JPEG; None is without loss.
QUALITIES = (None, 95, 90, 75, 60)
#: Speckle whose brightness falls with depth or varies from place to place, and its qualities.
UNEVEN = (("linear", 0.0), ("linear", 0.5), ("linear", 1.2), ("log", 0.7))
LIGHTS = ("graded", "patchy")
UNEVEN_QUALITIES = (None, 90)


@dataclass(frozen=True)
class Measured:
    """How one frame was cleaned: pixels the border is off, share of tissue that was blanked."""

    what: str
    quality: int | None
    off: float
    blanked: float
    doubts: int


def border_error(found: np.ndarray, truth: np.ndarray) -> float:
    """Return the distance that 95 % of both borders keep from the other one."""
    edges = [where & ~ndimage.binary_erosion(where) for where in (found, truth)]
    if not edges[0].any():
        return float("inf")
    away = [ndimage.distance_transform_edt(~edge) for edge in edges]
    return float(max(np.quantile(away[1][edges[0]], 0.95), np.quantile(away[0][edges[1]], 0.95)))


def stored(picture: np.ndarray, quality: int | None) -> np.ndarray:
    """Return what a file of this quality gives back."""
    if quality is None:
        return picture
    buffer = io.BytesIO()
    PIL.Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return np.asarray(PIL.Image.open(buffer))


def bare_frame(
    law: str, sigma: float, mean: float, shape: str, seed: int, light: str = "even"
) -> tuple[np.ndarray, np.ndarray]:
    """Return a frame of speckle on a black screen without any mark, and where its image is."""
    rows = HEIGHTS[seed % 2]
    size, unit = (rows, rows * 4 // 3), rows / 480
    rng = np.random.default_rng([seed, int(10 * sigma), int(mean), len(law), len(shape)])
    place = rng.uniform(-6, 6, 2)
    if shape == "fan":
        near, far = (130 + place[1]) * unit, (500 + place[0]) * unit
        inside = Fan(-60 * unit, (320 + place[0]) * unit, 0.0, 0.55, near, far).mask(size)
    else:
        left, right = (130 + place[0]) * unit, (510 + place[1]) * unit
        inside = Quad((60 + place[1]) * unit, 440 * unit, left, right, left, right).mask(size)
    if sigma:
        envelope = speckle_envelope(np.ones(size), sigma, 1.5 * sigma, rng)
    else:
        envelope = nakagami_envelope(size, rng, m=1.0)
    if light == "graded":
        envelope = envelope * np.linspace(1.6, 0.5, size[0])[:, None]
    elif light == "patchy":
        patches = ndimage.gaussian_filter(rng.standard_normal(size), 30 * unit)
        envelope = envelope * np.exp(0.4 * patches / patches.std())
    if law == "linear":
        grey = envelope * mean / envelope.mean()
    elif law == "log":
        grey = log_compress(envelope, gain_db=0, dynamic_range_db=60).astype(float)
    else:  # what speckle reduction leaves
        grey = 15 * rng.standard_normal(size)
    grey = np.clip(grey + mean - grey.mean(), 0, 255)
    return np.where(inside, np.rint(grey), 0).astype(np.uint8), inside


def measured(seed: int) -> Iterator[Measured]:
    """Yield how all frames of even brightness of one seed are cleaned."""
    for (law, sigma), mean, shape in product(SPECKLE, MEANS, SHAPES):
        picture, truth = bare_frame(law, sigma, mean, shape, seed)
        what = f"{law} {sigma:g} px, mean {mean}, {shape}, seed {seed}"
        for quality in QUALITIES:
            yield cleaned(what, picture, truth, quality)


def measured_uneven(seed: int) -> Iterator[Measured]:
    """Yield how all frames of uneven brightness of one seed are cleaned."""
    for (law, sigma), mean, shape, light in product(UNEVEN, MEANS, SHAPES, LIGHTS):
        picture, truth = bare_frame(law, sigma, mean, shape, seed, light)
        what = f"{light} {law} {sigma:g} px, mean {mean}, {shape}, seed {seed}"
        for quality in UNEVEN_QUALITIES:
            yield cleaned(what, picture, truth, quality)


def cleaned(what: str, picture: np.ndarray, truth: np.ndarray, quality: int | None) -> Measured:
    """Return how a frame is cleaned once it was stored."""
    images = clean_screen(stored(picture, quality), CleanSettings(least_valid=0.0))
    found, valid = (np.zeros(truth.shape, bool) for _ in range(2))
    for one in images:
        found[one.box] |= one.frame.mask(one.pixels.shape)
        valid[one.box] |= one.valid
    return Measured(
        what,
        quality,
        border_error(found, truth),
        float((truth & found & ~valid).sum() / truth.sum()),
        sum(len(one.doubts) for one in images),
    )
