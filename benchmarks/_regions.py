"""Regions that several benchmarks measure, made from fixed seeds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from radiofib.engines import ExtractionConfig
from radiofib.images import load_roi
from radiofib.roi import Roi

RESULTS = Path(__file__).parent / "results"
ORIGINAL: dict[str, Any] = {"Original": {}}
WAVELET: dict[str, Any] = {"Original": {}, "Wavelet": {}}
FILTERS: dict[str, Any] = {"Original": {}, "LoG": {"sigma": [1.0, 3.0, 5.0]}, "Wavelet": {}}


def liver(*, small: bool = False) -> Roi:
    """Return a smooth, ragged blob with liver-like texture.

    400,000 voxels in 320 x 260 x 72 of 1.2 x 1.2 x 3 mm, or a hundredth of that.
    """
    shape, voxels = ((12, 40, 50), 4000) if small else ((72, 260, 320), 400_000)
    rng = np.random.default_rng(20260101)
    grids = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    field = -sum(g**2 for g in grids) + gaussian_filter(rng.normal(size=shape), 6) * 4
    mask = field >= np.partition(field.ravel(), -voxels)[-voxels]
    pixels = gaussian_filter(rng.normal(size=shape), 1.0) * 300 + 400
    return Roi(pixels.round().astype(np.int16), mask, (3.0, 1.2, 1.2), "x")


def ultrasound(*, small: bool = False) -> Roi:
    """Return a disc of speckle in a picture: 90,000 pixels, or 2,700."""
    side = 60 if small else 340
    rng = np.random.default_rng(20260102)
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    speckle = gaussian_filter(rng.rayleigh(40, (side, side)), (0.7, 1.5))
    return Roi(speckle.clip(0, 255).round(), x**2 + y**2 < 1, (0.2, 0.2), "x")


def like_brain1(*, small: bool = False) -> Roi:
    """Return a region of the size of pyradiomics' example brain1.

    A lump of 4,137 voxels in 256 x 256 x 25 of 0.78 x 0.78 x 6.5 mm.
    """
    shape = (25, 64, 64) if small else (25, 256, 256)
    rng = np.random.default_rng(20260103)
    z, y, x = (np.arange(n) - n // 2 for n in shape)
    distance = (z[:, None, None] / 4) ** 2 + (y[:, None] / 9) ** 2 + (x / 9) ** 2
    distance = distance + gaussian_filter(rng.normal(size=shape), 2) * 2
    mask = distance <= np.partition(distance.ravel(), 4136)[4136]
    pixels = gaussian_filter(rng.normal(size=shape), 0.8) * 540 + 900
    return Roi(pixels.round().clip(0).astype(np.int16), mask, (6.5, 0.78, 0.78), "x")


def cube(side: int) -> Roi:
    """Return a region that fills its box, with the worst ratio of voxels to surface."""
    rng = np.random.default_rng(20260104)
    field = gaussian_filter(rng.normal(size=(side,) * 3).astype(np.float32), 1.0)
    pixels = np.pad((field * 300 + 400).round().astype(np.int16), 1)
    mask = np.pad(np.ones((side,) * 3, dtype=bool), 1)
    return Roi(pixels, mask, (1.0, 1.0, 1.0), "x")


def brain1() -> Roi | None:
    """Return pyradiomics' example, where the folder of real data is there."""
    default = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
    folder = Path(os.environ.get("RADIOFIB_EXTERNAL_DATA", default)) / "pyradiomics"
    image, label = folder / "brain1_image.nrrd", folder / "brain1_label.nrrd"
    return load_roi(image, label, mask_label=1, channel="x") if image.is_file() else None


def configuration(types: dict[str, Any], **settings: Any) -> ExtractionConfig:
    """Return a configuration with all families and 32 bins."""
    given = {"imageType": types, "setting": {"binCount": 32, **settings}}
    return ExtractionConfig.parse(given, where="benchmark")
