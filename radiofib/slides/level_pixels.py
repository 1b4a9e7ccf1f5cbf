"""Pixels of the levels of a slide; kept in memory where several measures ask for the same ones."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock

import numpy as np
import openslide
from numpy.typing import NDArray
from PIL import Image

from radiofib.slides.vips_levels import VipsLevels

__all__ = ["BLOCK", "LevelPixels"]

#: Side of a block that is kept, in pixels of its level; that of most tiles of slides and networks.
BLOCK = 256
#: Most memory for them, bytes: the tissue of three cores and more at 1 um a pixel.
_MOST = 96 << 20

Pixels = NDArray[np.uint8]
Key = tuple[int, int, int]


class LevelPixels:
    """RGB pixels of an open slide.

    What :meth:`keep` is given is not decoded again. Nothing is thrown out for something else: a
    slide is gone over from end to end, several times, so the last block would push out the one
    that is wanted first. Levels whose downsampling is no whole number are read each time: their
    pixels are shifted by a part of one in each window.

    Parameters
    ----------
    source : AbstractSlide
        The open slide.
    ground : str
        Colour of what was not scanned, as ``#FFFFFF``.
    most_bytes : int
        Most memory for pixels that are kept.
    faster : VipsLevels, optional
        Decodes what it can, to the same pixels.

    Examples
    --------
    >>> slide = openslide.ImageSlide(Image.new("RGB", (600, 256), "white"))
    >>> pixels = LevelPixels(slide, "#FFFFFF")
    >>> pixels.keep(0, 256, 0, np.full((256, 256, 3), 7, np.uint8))
    >>> pixels.read(0, (250, 0), (12, 1))[0, :, 0].tolist()
    [255, 255, 255, 255, 255, 255, 7, 7, 7, 7, 7, 7]
    """

    def __init__(
        self,
        source: openslide.AbstractSlide,
        ground: str,
        most_bytes: int = _MOST,
        *,
        faster: VipsLevels | None = None,
    ) -> None:
        self._source, self._ground, self._faster = source, ground, faster
        self._blocks: dict[Key, Pixels] = {}
        self._left = most_bytes
        self._lock = Lock()

    def start(self, level: int, first: tuple[int, int]) -> tuple[int, int]:
        """Return the level-0 pixel at which a pixel of a level begins."""
        down = self._source.level_downsamples[level]
        return round(first[0] * down), round(first[1] * down)

    def read(self, level: int, first: tuple[int, int], size: tuple[int, int]) -> Pixels:
        """Read `size` pixels across and down from pixel `first` (left, top) of a level on."""
        found = self._put_together(level, first, size) if self._blocks else None
        return self._decoded(level, first, size) if found is None else found

    def keep(self, level: int, left: int, top: int, pixels: Pixels) -> None:
        """Keep whole blocks of pixels, as long as there is room.

        Parameters
        ----------
        level : int
            Of the slide.
        left, top : int
            In pixels of the level.
        pixels : ndarray of uint8, shape (height, width, 3)
            As :meth:`read` would give them.
        """
        if not self._source.level_downsamples[level].is_integer():
            return
        for key, (x, y, width, height) in self._blocks_of(level, (left, top), pixels.shape[1::-1]):
            part = pixels[y - top : y - top + height, x - left : x - left + width]
            if min(x - left, y - top) < 0 or part.shape[:2] != (height, width):
                continue
            with self._lock:
                if key not in self._blocks and part.nbytes <= self._left:
                    self._left -= part.nbytes
                    self._blocks[key] = part.copy()

    def _blocks_of(
        self, level: int, first: tuple[int, int], size: tuple[int, int]
    ) -> Iterator[tuple[Key, tuple[int, int, int, int]]]:
        """Yield key, left, top, width and height of the blocks that a window meets."""
        whole = self._source.level_dimensions[level]
        for y in range(first[1] // BLOCK * BLOCK, first[1] + size[1], BLOCK):
            for x in range(first[0] // BLOCK * BLOCK, first[0] + size[0], BLOCK):
                yield (level, x, y), (x, y, min(BLOCK, whole[0] - x), min(BLOCK, whole[1] - y))

    def _put_together(
        self, level: int, first: tuple[int, int], size: tuple[int, int]
    ) -> Pixels | None:
        """Return a window of which at least half is kept; what is missing is read."""
        whole = self._source.level_dimensions[level]
        (left, top), (right, bottom) = first, (first[0] + size[0], first[1] + size[1])
        if min(first) < 0 or right > whole[0] or bottom > whole[1]:
            return None
        wanted = dict(self._blocks_of(level, first, size))
        if 2 * sum(key in self._blocks for key in wanted) < len(wanted):
            return None
        found = np.empty((size[1], size[0], 3), dtype=np.uint8)
        for key, (x, y, width, height) in wanted.items():
            block = self._blocks.get(key)
            if block is None:
                block = self._decoded(level, (x, y), (width, height))
                self.keep(level, x, y, block)
            x0, x1 = max(x, left), min(x + width, right)
            y0, y1 = max(y, top), min(y + height, bottom)
            part = block[y0 - y : y1 - y, x0 - x : x1 - x]
            found[y0 - top : y1 - top, x0 - left : x1 - left] = part
        return found

    def _decoded(self, level: int, first: tuple[int, int], size: tuple[int, int]) -> Pixels:
        found = None if self._faster is None else self._faster.read(level, first, size)
        if found is not None:
            return found
        region = self._source.read_region(self.start(level, first), level, size)
        alpha = region.getchannel("A")
        if alpha.getextrema() == (255, 255):
            return np.asarray(region.convert("RGB"))
        flat = Image.new("RGB", size, self._ground)
        flat.paste(region, mask=alpha)
        return np.asarray(flat)
