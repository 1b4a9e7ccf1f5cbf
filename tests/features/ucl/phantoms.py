"""One ellipsoid with a texture in closed form, drawn on any grid."""

from __future__ import annotations

from typing import Any

import numpy as np

from radiofib.roi import Roi

HALF = (60.0, 62.0, 80.0)
MARGIN = 12.0


def textured(spacing: tuple[float, float, float], half: Any = HALF) -> Roi:
    """Waves of 34 to 60 mm in an ellipsoid, 100 outside; the field of view is the same in mm."""
    axes = []
    for h, step in zip(half, spacing, strict=True):
        number = round(2 * (h + MARGIN) / step)
        axes.append((np.arange(number) + 0.5) * step - (h + MARGIN))
    z, y, x = np.meshgrid(*axes, indexing="ij")
    mask = (z / half[0]) ** 2 + (y / half[1]) ** 2 + (x / half[2]) ** 2 < 1
    k = 2 * np.pi
    inside = 300 + 20 * np.sin(k * x / 34 + 0.3) * np.sin(k * y / 42) + 0.2 * x
    inside += 15 * np.sin(k * (z + x) / 52) + 10 * np.cos(k * (y - z) / 60)
    return Roi(np.where(mask, inside, 100.0).astype(np.float32), mask, spacing, "ged4")


def noisy(seed: int, shape: tuple[int, int, int] = (9, 11, 10)) -> Roi:
    """A small random blob in noise."""
    rng = np.random.default_rng(seed)
    grid = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    mask = sum(g**2 for g in grid) + rng.uniform(-0.3, 0.3, shape) < 0.75
    return Roi(rng.normal(300, 40, shape), mask, (2.5, 1.5, 1.2), "t1")
