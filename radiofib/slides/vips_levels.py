"""An optional faster decoder of tiled TIFF slides, used only where its pixels are OpenSlide's.

libvips decodes the JPEG tiles of Aperio and plain TIFF slides in a quarter of the time. Formats
that OpenSlide puts together (overlapping tiles, several files) and slides whose pixels differ in a
sample of windows stay with OpenSlide, so that results never depend on the decoder.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import local
from typing import Any

import numpy as np
import openslide
from numpy.typing import NDArray

from radiofib._extras import require

__all__ = ["VipsLevels", "open_vips"]

#: Formats whose levels are whole pages of one TIFF.
_VENDORS = ("aperio", "generic-tiff")
#: Side of the windows that are compared.
_SAMPLE = 96

Pixels = NDArray[np.uint8]


class VipsLevels:
    """Levels of a slide as pages of its TIFF; made by :func:`open_vips`.

    Parameters
    ----------
    pages : dict
        A ``pyvips.Image`` for each level that it decodes.
    failures : type of exception, ...
        What libvips raises.
    """

    def __init__(self, pages: dict[int, Any], *failures: type[Exception]) -> None:
        self._pages, self._failures = pages, failures
        self._own = local()  # a region serves one thread

    def read(self, level: int, first: tuple[int, int], size: tuple[int, int]) -> Pixels | None:
        """Return pixels of a level, None where they are left to OpenSlide.

        That is so beyond the border, on levels that are no page of their own, and where libvips
        cannot decode.
        """
        page = self._pages.get(level)
        (left, top), (width, height) = first, size
        if (
            page is None
            or min(first) < 0
            or left + width > page.width
            or top + height > page.height
        ):
            return None
        try:
            data = self._region(level).fetch(left, top, width, height)
        except self._failures:
            return None
        pixels: Pixels = np.frombuffer(data, dtype=np.uint8).reshape(height, width, 3)
        return pixels

    def _region(self, level: int) -> Any:
        import pyvips

        regions = self._own.__dict__.setdefault("regions", {})
        if level not in regions:
            regions[level] = pyvips.Region.new(self._pages[level])
        return regions[level]


def open_vips(path: Path, source: openslide.AbstractSlide) -> VipsLevels | None:
    """Open the levels of a slide with libvips.

    Parameters
    ----------
    path : path
        The slide.
    source : AbstractSlide
        The same slide, open with OpenSlide.

    Returns
    -------
    VipsLevels or None
        None for another format, and where pixels of a window at both ends or in the middle of a
        level are not those of OpenSlide. Levels that are no page of their own, or no whole number
        of times coarser, so that OpenSlide shifts their pixels, are left out.

    Raises
    ------
    MissingExtraError
        Without pyvips.
    """
    pyvips = require("pyvips", purpose="reading slides with libvips")
    if source.properties.get("openslide.vendor") not in _VENDORS:
        return None
    try:
        pages = _pages(pyvips, path, source)
    except pyvips.Error:
        return None
    levels = VipsLevels(pages, pyvips.Error)
    for level in pages:
        for first, window in _windows(source.level_dimensions[level]):
            down = source.level_downsamples[level]
            start = (round(first[0] * down), round(first[1] * down))
            wanted = np.asarray(source.read_region(start, level, window))
            found = levels.read(level, first, window)
            if found is None or (wanted[..., 3] < 255).any() or (wanted[..., :3] != found).any():
                return None
    return levels


def _pages(pyvips: Any, path: Path, source: openslide.AbstractSlide) -> dict[int, Any]:
    """Return the page of each level of which there is exactly one of its size."""

    def page(number: int) -> Any:
        # A tile that is missing or broken must be an error, not black.
        return pyvips.Image.tiffload(str(path), page=number, access="random", fail_on="error")

    first = page(0)
    count = first.get("n-pages") if "n-pages" in first.get_fields() else 1
    by_size: dict[tuple[int, int], list[Any]] = {}
    for number in range(count):
        image = page(number)
        if image.bands == 3 and image.format == "uchar":
            by_size.setdefault((image.width, image.height), []).append(image)
    found = {level: by_size.get(size, []) for level, size in enumerate(source.level_dimensions)}
    whole = [down.is_integer() for down in source.level_downsamples]
    return {level: one[0] for level, one in found.items() if len(one) == 1 and whole[level]}


def _windows(size: tuple[int, int]) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Yield corner and size of a window at both ends and in the middle of a level."""
    window = (min(_SAMPLE, size[0]), min(_SAMPLE, size[1]))
    for part in (0.0, 0.5, 1.0):
        yield (int(part * (size[0] - window[0])), int(part * (size[1] - window[1]))), window
