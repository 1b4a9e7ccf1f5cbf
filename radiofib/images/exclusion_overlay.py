"""A picture of what was left out of a region: each reason in its own colour, with a legend."""

from __future__ import annotations

from collections.abc import Mapping
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
)
from radiofib.roi import Roi

__all__ = ["COLOURS", "exclusion_overlay_png", "render_exclusions"]

#: Okabe and Ito's colours, told apart by colour-blind readers; the outline has their orange.
COLOURS: dict[str, tuple[int, int, int]] = {
    "lesion": (213, 94, 0),
    "capsule": (0, 158, 115),
    "vessels": (0, 114, 178),
    "bile_ducts": (240, 228, 66),
}
_OTHER = ((204, 121, 167), (86, 180, 233))
_STRENGTH = 0.65
_GAP, _LINE, _SQUARE = 10, 18, 12
_PAPER, _INK = (255, 255, 255), (30, 30, 30)


def exclusion_overlay_png(
    roi: Roi,
    excluded: Mapping[str, NDArray[np.bool_]],
    path: str | Path,
    *,
    slices: int = 3,
    side: int = 320,
) -> Path:
    r"""Write :func:`render_exclusions` as PNG, under a temporary name and renamed.

    Examples
    --------
    >>> import tempfile
    >>> mask = np.zeros((4, 20, 30), dtype=bool); mask[:, 5:15, 5:20] = True
    >>> vessels = np.zeros_like(mask); vessels[:, 9:11] = mask[:, 9:11]
    >>> roi = Roi(np.arange(2400.0).reshape(mask.shape), mask, (3.0, 1.0, 1.0), "ged4")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = exclusion_overlay_png(roi, {"vessels": vessels}, folder + "/x.png")
    ...     path.read_bytes()[:4]
    b'\x89PNG'
    """
    return save_png(render_exclusions(roi, excluded, slices=slices, side=side), Path(path))


def render_exclusions(
    roi: Roi, excluded: Mapping[str, NDArray[np.bool_]], *, slices: int = 3, side: int = 320
) -> NDArray[np.uint8]:
    """Return a picture of shape (y, x, 3): slices without and with what was left out.

    Slices cut the region into parts of equal volume, so that each stands for as much of it;
    the upper row is the image alone, the lower row the same with the region as given in
    outline and the excluded voxels in colour. The legend gives the volume of each.
    Orientation is that of :func:`radiofib.images.overlay.render_overlay`, cut to the region.

    Parameters
    ----------
    roi : Roi
        The image with the region as it was given, before anything was left out.
    excluded : mapping of str to ndarray of bool
        What each step took, as :class:`radiofib.preprocess.hygiene.CleanRegion` has it.
    slices : int
        Most slices to show.
    side : int
        Longest side of one slice in the picture, in pixels.
    """
    colours = _colours(excluded)
    box = _box(roi)
    columns = [_column(roi, excluded, colours, z, box, side) for z in _slices(roi, slices)]
    rows = [np.concatenate(parts, axis=1) for parts in zip(*columns, strict=True)]
    shown = np.concatenate(rows, axis=0)
    legend = [("region as given", OUTLINE, roi.mask)]
    legend += [(n.replace("_", " "), colours[n], m) for n, m in excluded.items()]
    words = [(f"{name}: {_size(roi, mask)}", colour) for name, colour, mask in legend]
    font = PIL.ImageFont.load_default(12)
    width = max(shown.shape[1], max(int(font.getlength(w)) + _SQUARE + 6 for w, _ in words))
    places, height = _lay_out([int(font.getlength(w)) for w, _ in words], width)
    paper = PIL.Image.new("RGB", (width + 2 * _GAP, shown.shape[0] + height + 3 * _GAP), _PAPER)
    paper.paste(PIL.Image.fromarray(shown), (_GAP, _GAP))
    draw = PIL.ImageDraw.Draw(paper)
    top = shown.shape[0] + 2 * _GAP
    for (text, colour), (x, y) in zip(words, places, strict=True):
        left, line = _GAP + x, top + y
        draw.rectangle((left, line + 2, left + _SQUARE, line + 2 + _SQUARE), colour, _INK)
        draw.text((left + _SQUARE + 6, line + 1), text, _INK, font)
    return np.asarray(paper)


def _colours(excluded: Mapping[str, NDArray[np.bool_]]) -> dict[str, tuple[int, int, int]]:
    others = [name for name in excluded if name not in COLOURS]
    spare = {name: _OTHER[i % len(_OTHER)] for i, name in enumerate(others)}
    return {name: COLOURS.get(name) or spare[name] for name in excluded}


def _slices(roi: Roi, most: int) -> list[int | None]:
    """Return the slices in the middle of parts of equal volume."""
    if roi.ndim == 2:
        return [None]
    share = np.cumsum(roi.mask.sum(axis=(1, 2))) / np.count_nonzero(roi.mask)
    wanted = (np.arange(most) + 0.5) / most
    return list(dict.fromkeys(int(i) for i in np.searchsorted(share, wanted)))


def _box(roi: Roi) -> tuple[slice, slice]:
    """Return rows and columns of the region with a margin."""
    flat: NDArray[np.bool_] = np.asarray(roi.mask.any(axis=0) if roi.ndim == 3 else roi.mask)
    found = []
    for axis in range(2):
        where = np.flatnonzero(flat.any(axis=1 - axis))
        margin = max(3, round(0.1 * (where[-1] - where[0] + 1)))
        stop = min(int(where[-1]) + margin + 1, flat.shape[axis])
        found.append(slice(max(int(where[0]) - margin, 0), stop))
    return found[0], found[1]


def _column(
    roi: Roi,
    excluded: Mapping[str, NDArray[np.bool_]],
    colours: Mapping[str, tuple[int, int, int]],
    z: int | None,
    box: tuple[slice, slice],
    side: int,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return one slice, alone and in colour."""

    def plane(volume: NDArray) -> NDArray:
        return upright(roi, (volume if z is None else volume[z])[box])

    mask = plane(roi.mask)
    grey = grey_window(plane(roi.pixels), mask, (1.0, 99.0))
    height, width = fitted_size(grey.shape, roi.spacing_mm[-2:], side)
    resized = PIL.Image.fromarray(grey).resize((width, height), PIL.Image.Resampling.BILINEAR)
    alone = np.repeat(np.asarray(resized)[..., None], 3, axis=-1)
    at = np.ix_(nearest(height, grey.shape[0]), nearest(width, grey.shape[1]))
    shown = alone.astype(np.float64)
    for name, part in excluded.items():
        where = plane(part)[at]
        mixed = (1 - _STRENGTH) * shown[where] + _STRENGTH * np.array(colours[name])
        shown[where] = mixed
    coloured = np.rint(shown).astype(np.uint8)
    coloured[outline_of(mask[at])] = OUTLINE
    return alone, coloured


def _lay_out(widths: list[int], most: int) -> tuple[list[tuple[int, int]], int]:
    """Return where each entry of the legend starts, wrapped into lines, and their height."""
    places: list[tuple[int, int]] = []
    x = y = 0
    for width in widths:
        full = _SQUARE + 6 + width
        if x and x + full > most:
            x, y = 0, y + _LINE
        places.append((x, y))
        x += full + 16
    return places, y + _LINE


def _size(roi: Roi, mask: NDArray[np.bool_]) -> str:
    number = int(np.count_nonzero(mask))
    if roi.ndim != 3 or not roi.spacing_known:
        return f"{number:,} pixels"
    ml = number * float(np.prod(roi.spacing_mm)) / 1000
    return f"{ml:,.0f} ml" if ml >= 100 else f"{ml:.3g} ml"
