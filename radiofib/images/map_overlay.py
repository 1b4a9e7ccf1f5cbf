"""A picture of a feature map: colours over the grey image, with a bar that says what they mean."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
from numpy.typing import NDArray

from radiofib.images.overlay import (
    OUTLINE,
    fitted_size,
    grey_window,
    nearest,
    outline_of,
    save_png,
    upright,
    widest_slice,
)
from radiofib.roi import Roi

__all__ = ["map_overlay_png", "render_map"]

_GAP, _BAR, _LABELS, _LINE = 14, 16, 90, 18
_PAPER, _INK, _FAINT = (255, 255, 255), (30, 30, 30), (110, 110, 110)
_TICKS = 5


def map_overlay_png(
    roi: Roi,
    values: NDArray[np.float64],
    path: str | Path,
    *,
    title: str,
    subtitle: str = "",
    unit: str = "",
) -> Path:
    r"""Write :func:`render_map` as PNG, under a temporary name and renamed.

    Examples
    --------
    >>> import tempfile
    >>> mask = np.zeros((20, 30), dtype=bool); mask[5:15, 5:20] = True
    >>> pixels = np.arange(600.0).reshape(20, 30)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "map.png"
    ...     map_overlay_png(Roi(pixels, mask, (1.0, 1.0), "us"), pixels, path,
    ...                     title="mean", unit="grey").read_bytes()[:4]
    b'\x89PNG'
    """
    shown = render_map(roi, values, title=title, subtitle=subtitle, unit=unit)
    return save_png(shown, Path(path), effort=3)  # there are many, and 9 takes ten times as long


def render_map(
    roi: Roi,
    values: NDArray[np.float64],
    *,
    title: str,
    subtitle: str = "",
    unit: str = "",
    longest_side: int = 420,
) -> NDArray[np.uint8]:
    """Return a picture of shape (y, x, 3) of the slice with the largest area of the region.

    The colours go from the 1st to the 99th percentile of the map in the whole region; the bar
    marks with <= and >= that there are values beyond. Voxels without a value have no colour;
    the region is outlined. Orientation is that of :func:`radiofib.images.overlay.render_overlay`.

    Parameters
    ----------
    roi : Roi
        The grey image and the region, on the grid of the map.
    values : ndarray of the image's shape
        The map; NaN where it is not defined.
    title, subtitle, unit : str
        Written above the picture and above the bar.
    longest_side : int
        Longest side of the slice in the picture, in pixels.
    """
    inside = values[roi.mask]
    known = inside[np.isfinite(inside)]
    low, high = np.percentile(known, (1, 99)) if known.size else (np.nan, np.nan)
    slice_ = _coloured(roi, values, float(low), float(high), longest_side)
    height = max(slice_.shape[0], 8 * _LINE)
    texts = _font(15).getlength(title), _font(11).getlength(subtitle)
    width = max(_GAP + slice_.shape[1] + _GAP + _BAR + _LABELS, int(max(texts)) + 2 * _GAP)
    top = _GAP + 2 * _LINE
    foot = _LINE if known.size < inside.size else 0
    paper = PIL.Image.new("RGB", (width, top + height + foot + _GAP), _PAPER)
    paper.paste(PIL.Image.fromarray(slice_), (_GAP, top))
    draw = PIL.ImageDraw.Draw(paper)
    draw.text((_GAP, _GAP // 2), title, _INK, _font(15))
    draw.text((_GAP, _GAP // 2 + _LINE + 2), subtitle, _FAINT, _font(11))
    if foot:
        text = f"no colour: not defined ({inside.size - known.size} of {inside.size} voxels)"
        draw.text((_GAP, top + height + 4), text, _FAINT, _font(11))
    if known.size:
        left = _GAP + slice_.shape[1] + _GAP
        _bar(paper, draw, (left, top + _LINE, height - 2 * _LINE), float(low), float(high), known)
        draw.text((left, top - 2), unit, _FAINT, _font(11))
    return np.asarray(paper)


def _coloured(
    roi: Roi, values: NDArray[np.float64], low: float, high: float, longest_side: int
) -> NDArray[np.uint8]:
    """Return the slice, cut to the region and a margin, with the map in colour."""
    grey, mask, shown = roi.pixels, roi.mask, values
    if roi.ndim == 3:
        number = widest_slice(mask)
        grey, mask, shown = grey[number], mask[number], shown[number]
    grey, mask, shown = (upright(roi, plane) for plane in (grey, mask, shown))
    back = grey_window(grey, mask, (1.0, 99.0))
    cut = _cut(mask)
    back, mask, shown = back[cut], mask[cut], shown[cut]
    height, width = fitted_size(mask.shape, roi.spacing_mm[-2:], longest_side)
    resized = PIL.Image.fromarray(back).resize((width, height), PIL.Image.Resampling.BILINEAR)
    picture = np.repeat(np.asarray(resized)[..., None], 3, axis=-1)
    rows, columns = nearest(height, mask.shape[0]), nearest(width, mask.shape[1])
    mask, shown = mask[rows][:, columns], shown[rows][:, columns]
    coloured = mask & np.isfinite(shown)
    span = high - low
    share = (shown[coloured] - low) / span if span > 0 else np.full(int(coloured.sum()), 0.5)
    picture[coloured] = _colours()[np.rint(np.clip(share, 0, 1) * 255).astype(int)]
    picture[outline_of(mask)] = OUTLINE
    return picture


def _cut(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    found = []
    sides = [np.flatnonzero(mask.any(axis=1 - axis)) for axis in range(2)]
    margin = max(4, round(0.15 * max(side[-1] - side[0] + 1 for side in sides)))
    for side, n in zip(sides, mask.shape, strict=True):
        found.append(slice(max(int(side[0]) - margin, 0), min(int(side[-1]) + margin + 1, n)))
    return found[0], found[1]


def _bar(
    paper: PIL.Image.Image,
    draw: PIL.ImageDraw.ImageDraw,
    place: tuple[int, int, int],
    low: float,
    high: float,
    known: NDArray[np.float64],
) -> None:
    left, top, height = place
    one = high <= low
    steps = np.full(height, 128) if one else np.rint(np.linspace(255, 0, height)).astype(int)
    bar = np.repeat(_colours()[steps][:, None], _BAR, axis=1)
    paper.paste(PIL.Image.fromarray(bar), (left, top))
    draw.rectangle((left - 1, top - 1, left + _BAR, top + height), outline=_FAINT)
    for tick in range(1 if one else _TICKS):
        share = 0.5 if one else tick / (_TICKS - 1)
        y = top + round((1 - share) * (height - 1))
        text = _number(low + share * (high - low), high - low)
        if not one and tick == 0 and known.min() < low:
            text = f"<= {text}"
        if not one and tick == _TICKS - 1 and known.max() > high:
            text = f">= {text}"
        draw.line((left + _BAR, y, left + _BAR + 3, y), fill=_INK)
        draw.text((left + _BAR + 7, y), text, _INK, _font(12), anchor="lm")


def _number(value: float, span: float) -> str:
    """Return a number with as many digits as tell ticks apart.

    Examples
    --------
    >>> _number(1234.56, 400.0), _number(0.1234, 0.2), _number(2.5e7, 4e7), _number(7.0, 0.0)
    ('1235', '0.123', '2.5e+07', '7')
    """
    largest = max(abs(value), span)
    if largest >= 1e5 or 0 < largest < 1e-3:
        return f"{value:.3g}"
    if span == 0:
        return f"{value:.6g}"
    digits = max(0, 2 - int(np.floor(np.log10(span))))
    return f"{value:.{digits}f}"


@lru_cache(maxsize=1)
def _colours() -> NDArray[np.uint8]:
    from matplotlib import colormaps

    table = np.asarray(colormaps["viridis"](np.arange(256)))[:, :3]
    return np.asarray(np.rint(table * 255), dtype=np.uint8)


@lru_cache(maxsize=4)
def _font(size: int) -> PIL.ImageFont.FreeTypeFont | PIL.ImageFont.ImageFont:
    return PIL.ImageFont.load_default(size)
