"""Small slides with known truth for the tests: drawn here, never copied from anywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

GLASS = (243, 242, 243)
PINK = (222, 150, 190)
PALE = (236, 222, 231)
PURPLE = (96, 62, 140)

Bytes = NDArray[np.uint8]


def glass(width_um: float, height_um: float, um: float) -> Image.Image:
    return Image.new("RGB", (round(width_um / um), round(height_um / um)), GLASS)


def band(
    picture: Image.Image,
    points_um: NDArray[np.float64],
    width_um: float,
    um: float,
    color: tuple[int, int, int] = PINK,
) -> float:
    """Draw a band with square ends along a line; return its true area in mm2."""
    along = np.gradient(points_um, axis=0)
    along /= np.hypot(*along.T)[:, None]
    across = np.column_stack([-along[:, 1], along[:, 0]]) * width_um / 2
    outline = np.vstack([points_um + across, (points_um - across)[::-1]])
    ImageDraw.Draw(picture).polygon([(x / um - 0.5, y / um - 0.5) for x, y in outline], fill=color)
    x, y = np.vstack([outline, outline[:1]]).T
    return abs(float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))) / 2e6


def straight(length_um: float, angle_deg: float, margin_um: float = 1200.0) -> NDArray[np.float64]:
    along = np.linspace(0, length_um, 400)
    angle = np.deg2rad(angle_deg)
    return np.column_stack([along * np.cos(angle), along * np.sin(angle)]) + margin_um


def arc(radius_um: float, degrees: float, margin_um: float = 1200.0) -> NDArray[np.float64]:
    angle = np.linspace(0, np.deg2rad(degrees), 400)
    x, y = radius_um * np.sin(angle), radius_um * (1 - np.cos(angle))
    return np.column_stack([x - x.min(), y - y.min()]) + margin_um


def noisy(picture: Image.Image, seed: int = 0, sd: float = 3.0) -> Bytes:
    pixels = np.asarray(picture).astype(np.float32)
    pixels += np.random.default_rng(seed).normal(0, sd, pixels.shape)
    return pixels.clip(0, 255).round().astype(np.uint8)


def biopsy(um: float = 4.0, seed: int = 0, length_um: float = 6000.0) -> tuple[Bytes, float]:
    """Return one straight core with nuclei on glass, and its area in mm2."""
    line = straight(length_um, 8.0)
    picture = glass(line[-1, 0] + 1200, line[-1, 1] + 1200, um)
    area = band(picture, line, 900.0, um)
    pen = ImageDraw.Draw(picture)
    rng = np.random.default_rng(seed)
    for x, y in line[rng.integers(20, 380, 60)] + rng.uniform(-350, 350, (60, 2)):
        pen.ellipse([(x - 8) / um, (y - 8) / um, (x + 8) / um, (y + 8) / um], fill=PURPLE)
    return noisy(picture, seed), area


def write_png(path: Path, pixels: Bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def write_pyramid(path: Path, pixels: Bytes, mpp: float | None, levels: int = 3) -> Path:
    """Write a tiled pyramidal TIFF, as slide scanners export it."""
    import tifffile

    keys = {} if mpp is None else {"resolution": (1e4 / mpp, 1e4 / mpp), "resolutionunit": 3}
    with tifffile.TiffWriter(path) as tiff:
        for level in range(levels):
            tiff.write(
                pixels,
                tile=(256, 256),
                photometric="rgb",
                subfiletype=1 if level else 0,
                metadata=None,
                **(keys if level == 0 else {}),
            )
            half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
            pixels = np.asarray(Image.fromarray(pixels).resize(half, Image.Resampling.BOX))
    return path
