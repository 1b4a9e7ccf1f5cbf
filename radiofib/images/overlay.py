"""A small picture of a region for the report: the slice, a grey window, the outline."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from radiofib.roi import Roi

__all__ = [
    "OUTLINE",
    "fitted_size",
    "grey_window",
    "nearest",
    "outline_of",
    "overlay_png",
    "render_overlay",
    "save_png",
    "upright",
    "widest_slice",
]

OUTLINE = (255, 176, 0)  # amber: told apart from grey by colour-blind readers as well
_SMALLEST_SIDE = 256


def overlay_png(
    roi: Roi,
    path: str | Path,
    *,
    percentiles: tuple[float, float] = (1.0, 99.0),
    longest_side: int = 512,
) -> Path:
    r"""Write a PNG of the slice with the largest mask area, with the mask's outline.

    The same region gives the same bytes; the file carries no metadata. It is written under a
    temporary name and renamed.

    Parameters
    ----------
    roi : Roi
        The region.
    path : path
        File to write; its folder must exist.
    percentiles : tuple of float
        Intensities that bound the grey window: these percentiles of the region in the slice,
        widened by half their distance on both sides, but not beyond those of the slice.
    longest_side : int
        Longest side of the picture in pixels.

    Returns
    -------
    Path
        The path written.

    Examples
    --------
    >>> import tempfile
    >>> mask = np.zeros((3, 20, 30), dtype=bool); mask[1, 5:15, 5:20] = True
    >>> roi = Roi(np.random.default_rng(0).normal(size=mask.shape), mask, (3.0, 1.0, 1.0), "t1")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     overlay_png(roi, Path(folder) / "c01__t1.png").read_bytes()[:4]
    b'\x89PNG'
    """
    return save_png(
        render_overlay(roi, percentiles=percentiles, longest_side=longest_side), Path(path)
    )


def save_png(shown: NDArray[np.generic], path: Path, *, effort: int = 9) -> Path:
    """Write (y, x, 3), or (y, x) in 8 or 16 bits, as PNG: a temporary name, then the true one.

    `effort`, from 0 to 9, is how hard it is compressed.
    """
    picture = PIL.Image.fromarray(shown)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        picture.save(temporary, format="PNG", compress_level=effort)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def render_overlay(
    roi: Roi, *, percentiles: tuple[float, float] = (1.0, 99.0), longest_side: int = 512
) -> NDArray[np.uint8]:
    """Return the picture of :func:`overlay_png` as an array of shape (y, x, 3).

    Of several slices with the same area the middle one is shown. Pixels are square in the
    picture even when they are not in the image, and a volume is turned the way radiologists
    look at it (patient's right on the left, front or head up) by flips alone.
    """
    grey, mask = roi.pixels, roi.mask
    if roi.ndim == 3:
        number = widest_slice(mask)
        grey, mask = grey[number], mask[number]
    grey, mask = upright(roi, grey), upright(roi, mask)
    grey = grey_window(grey, mask, percentiles)
    height, width = fitted_size(grey.shape, roi.spacing_mm[-2:], longest_side)
    shown = PIL.Image.fromarray(grey).resize((width, height), PIL.Image.Resampling.BILINEAR)
    outline = outline_of(mask[nearest(height, grey.shape[0])][:, nearest(width, grey.shape[1])])
    picture = np.repeat(np.asarray(shown)[..., None], 3, axis=-1)
    picture[outline] = OUTLINE
    return picture


def nearest(shown: int, stored: int) -> NDArray[np.intp]:
    """Return the stored pixel under each shown one."""
    return np.asarray(((np.arange(shown) + 0.5) * stored / shown).astype(np.intp))


def widest_slice(mask: NDArray[np.bool_]) -> int:
    """Return the slice with the largest area, the middle one of several.

    Examples
    --------
    >>> widest_slice(np.array([[[1, 0]], [[1, 1]], [[0, 0]]], dtype=bool))
    1
    """
    areas = mask.sum(axis=(1, 2))
    widest = np.flatnonzero(areas == areas.max())
    return int(widest[len(widest) // 2])


def upright(roi: Roi, plane: NDArray) -> NDArray:
    """Flip rows and columns so that left, posterior and inferior grow right and down."""
    if roi.direction is None or roi.ndim != 3:
        return plane
    axes = np.array(roi.direction).reshape(3, 3)
    for array_axis, column in ((1, axes[:, 0]), (0, axes[:, 1])):
        main = int(np.argmax(np.abs(column)))
        downwards = column[main] if main < 2 else -column[main]
        if downwards < 0:
            plane = np.flip(plane, axis=array_axis)
    return plane


def grey_window(
    plane: NDArray[np.generic], mask: NDArray[np.bool_], percentiles: tuple[float, float]
) -> NDArray[np.uint8]:
    """Scale to 0-255: the region's percentiles and half their width beyond, within the slice's."""
    values = plane.astype(np.float64)
    finite = np.isfinite(values)
    low, high = np.percentile(values[finite], percentiles) if finite.any() else (0.0, 1.0)
    if (mask & finite).any():
        inner_low, inner_high = np.percentile(values[mask & finite], percentiles)
        margin = (inner_high - inner_low) / 2
        if margin > 0:
            low, high = max(low, inner_low - margin), min(high, inner_high + margin)
    if high <= low:
        return np.full(plane.shape, 128, dtype=np.uint8)
    values = np.clip(np.nan_to_num(values, nan=low, posinf=high, neginf=low), low, high)
    return np.asarray(np.rint((values / 2 - low / 2) / (high / 2 - low / 2) * 255), dtype=np.uint8)


def fitted_size(
    shape: tuple[int, ...], spacing: tuple[float, ...], longest_side: int
) -> tuple[int, int]:
    """Return height and width of a picture with square pixels."""
    real = [n * s for n, s in zip(shape, spacing, strict=True)]
    per_mm = longest_side / max(real)
    natural = max(shape)
    if natural < longest_side:
        # Enlarge a small picture by a whole number, at least to a size one can look at.
        wanted = max(natural, min(_SMALLEST_SIDE, longest_side))
        per_mm = natural * max(1, math.ceil(wanted / natural)) / max(real)
        per_mm = min(per_mm, longest_side / max(real))
    return max(1, round(real[0] * per_mm)), max(1, round(real[1] * per_mm))


def outline_of(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the inner border of a region: its pixels with a neighbour outside, 4-connected."""
    padded = np.pad(mask, 1)
    core = (
        padded[1:-1, 1:-1]
        & padded[:-2, 1:-1]
        & padded[2:, 1:-1]
        & padded[1:-1, :-2]
        & padded[1:-1, 2:]
    )
    return mask & ~core
