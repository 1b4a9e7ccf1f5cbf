"""Small regions made on the spot."""

from __future__ import annotations

from typing import Any

import numpy as np

from radiofib.engines import ExtractionConfig
from radiofib.roi import Roi

ALL_IMAGES: dict[str, Any] = {
    "Original": {},
    "LoG": {"sigma": [1.0, 2.5]},
    "Wavelet": {"level": 2},
    "Square": {},
    "SquareRoot": {},
    "Logarithm": {},
    "Exponential": {},
    "Gradient": {},
    "LBP2D": {"binWidth": 1},
}
TEXTURE = ("firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")


def config(**sections: Any) -> ExtractionConfig:
    return ExtractionConfig.parse(sections, where="test")


def volume(dtype: Any = np.int16, *, seed: int = 0, channel: str = "t1") -> Roi:
    """A noisy ramp of 18 x 24 x 26 voxels with an ellipsoid in it."""
    rng = np.random.default_rng(seed)
    z, y, x = np.mgrid[:18, :24, :26]
    pixels = (5 * x + 3 * y + rng.normal(0, 40, x.shape) - 30).astype(dtype)
    mask = ((z - 9) / 5) ** 2 + ((y - 12) / 8) ** 2 + ((x - 12) / 9) ** 2 < 1
    return Roi(pixels, mask, (3.0, 0.9, 1.1), channel, origin_mm=(5.0, -3.0, 2.0))


def picture(*, seed: int = 0, whole: bool = False, spacing_known: bool = True) -> Roi:
    """A noisy picture of 30 x 33 pixels with a disc in it."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:30, :33]
    pixels = np.clip(3 * x + rng.normal(60, 25, x.shape), 0, 255).round()
    mask = (y - 14) ** 2 + (x - 16) ** 2 < 130
    if whole:
        mask = np.ones_like(mask)
    return Roi(pixels, mask, (0.4, 0.3), "us", spacing_known=spacing_known)
