"""Slides as pixels of known size: any format OpenSlide reads, and plain pictures.

Positions are level-0 pixels counted from the corner of the scanned area (``openslide.bounds-x``
and ``-y``), as QuPath counts them. Only the scanned area is ever read: label and macro pictures,
bar codes and patient entries of the file are not touched.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import openslide
from numpy.typing import NDArray
from PIL import Image, ImageColor, UnidentifiedImageError

from radiofib.errors import RadiofibError, SlideError, UsageError
from radiofib.provenance import hash_file, hash_object
from radiofib.slides.level_pixels import LevelPixels
from radiofib.slides.vips_levels import VipsLevels, open_vips

__all__ = ["Decoder", "Grid", "Slide", "open_slide"]

#: What decodes the pixels of a slide; they are the same.
Decoder = Literal["openslide", "vips"]

#: A level may be this much coarser than asked for and still serve.
LEVEL_TOLERANCE = 0.01
#: Pixel sizes outside this range (um) are printer resolutions or mistakes, not microscopy.
BELIEVABLE_UM = (0.02, 20.0)
#: Longest side of one read, in pixels of the level read from.
READ_SIDE = 2048

_PICTURE_MODES = ("RGB", "RGBA", "P", "L", "LA")


@dataclass(frozen=True)
class Grid:
    """A regular grid of square-ish cells over a slide, aligned with its corner.

    Parameters
    ----------
    width, height : int
        Number of cells; a last incomplete cell is left out.
    step_x, step_y : float
        Size of a cell in level-0 pixels.
    um_x, um_y : float
        Size of a cell in um.

    Examples
    --------
    >>> Grid(10, 5, 16, 16, 8.0, 8.0).cell_um2
    64.0
    """

    width: int
    height: int
    step_x: float
    step_y: float
    um_x: float
    um_y: float

    @property
    def cell_um2(self) -> float:
        """Area of a cell in um2."""
        return self.um_x * self.um_y

    def divided(self, parts: int) -> Grid:
        """Return the grid with each cell cut into `parts` x `parts`."""
        return Grid(
            self.width * parts,
            self.height * parts,
            self.step_x / parts,
            self.step_y / parts,
            self.um_x / parts,
            self.um_y / parts,
        )


class Slide:
    """An open slide; make one with :func:`open_slide`, close it or use it in ``with``."""

    def __init__(
        self,
        source: openslide.AbstractSlide,
        path: Path,
        mpp: tuple[float, float],
        mpp_source: str,
        faster: VipsLevels | None = None,
    ) -> None:
        self._source = source
        self.path = path
        self.name = path.name
        self.mpp = mpp
        self.mpp_source = mpp_source
        properties = source.properties
        self.vendor = str(properties.get("openslide.vendor", "picture"))
        self._origin = (
            int(properties.get("openslide.bounds-x", 0)),
            int(properties.get("openslide.bounds-y", 0)),
        )
        full = source.dimensions
        self.size = (
            int(properties.get("openslide.bounds-width", full[0] - self._origin[0])),
            int(properties.get("openslide.bounds-height", full[1] - self._origin[1])),
        )
        ground = "#" + str(properties.get("openslide.background-color", "FFFFFF"))
        red, green, blue = ImageColor.getrgb(ground)[:3]
        #: Colour of what was not scanned.
        self.ground = (red, green, blue)
        self._pixels = LevelPixels(source, ground, faster=faster)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def content_hash(self) -> str:
        """Return a hash of the slide's content, whatever its name.

        MIRAX keeps its pixels in a folder beside the file, which is hashed too; of other
        formats with several files OpenSlide's own quick hash covers the rest.
        """
        parts = [hash_file(self.path), self._source.properties.get("openslide.quickhash-1", "")]
        beside = self.path.with_suffix("")
        if self.path.suffix.lower() == ".mrxs" and beside.is_dir():
            parts.append(hash_file(beside))
        return hash_object(parts)

    def grid(self, um: float, *, exact: bool = False) -> Grid:
        """Return the grid whose cells are the whole number of level-0 pixels nearest to `um`.

        Parameters
        ----------
        um : float
            Wanted side of a cell.
        exact : bool
            Whether cells must have that side (within :data:`LEVEL_TOLERANCE`), as a network
            trained at it wants: then cells are fractions of pixels where whole ones do not fit,
            and a slide coarser than `um` is enlarged.

        Raises
        ------
        SlideError
            When the slide is smaller than one cell.
        """
        steps = [_step(um, mpp, exact=exact) for mpp in self.mpp]
        width, height = (int(side / step) for side, step in zip(self.size, steps, strict=True))
        if width < 1 or height < 1:
            raise SlideError(
                "the slide is smaller than one pixel of the tissue mask",
                where=self.name,
                found=f"{self.size[0]} x {self.size[1]} pixels of {self.mpp[0]:g} um",
            )
        um_x, um_y = steps[0] * self.mpp[0], steps[1] * self.mpp[1]
        return Grid(width, height, float(steps[0]), float(steps[1]), um_x, um_y)

    def best_level(self, grid: Grid) -> int:
        """Return the coarsest level that is not coarser than the grid (1 % tolerance)."""
        wanted = min(grid.step_x, grid.step_y) * (1 + LEVEL_TOLERANCE)
        fitting = [i for i, d in enumerate(self._source.level_downsamples) if d <= wanted]
        return max(fitting, key=lambda i: (self._source.level_downsamples[i], i), default=0)

    def block_side(self, grid: Grid, multiple: int = 1) -> int:
        """Return how many cells one read may span so that memory stays bounded."""
        down = self._source.level_downsamples[self.best_level(grid)]
        cells = int(READ_SIDE * down / max(grid.step_x, grid.step_y))
        return max(multiple, cells - cells % multiple)

    def read(self, grid: Grid, left: int, top: int, width: int, height: int) -> NDArray[np.uint8]:
        """Read cells of a grid as RGB, each the mean of the pixels it covers.

        Raises
        ------
        SlideError
            When the file breaks off or its pixels cannot be decoded.
        """
        level = self.best_level(grid)
        down = self._source.level_downsamples[level]
        x0, x1 = self._span(0, grid.step_x, left, width)
        y0, y1 = self._span(1, grid.step_y, top, height)
        first_x, first_y = math.floor(x0 / down), math.floor(y0 / down)
        start = self._pixels.start(level, (first_x, first_y))
        box = [(x0 - start[0]) / down, (y0 - start[1]) / down]
        box += [box[0] + (x1 - x0) / down, box[1] + (y1 - y0) / down]
        size = (max(1, math.ceil(box[2] - 1e-6)), max(1, math.ceil(box[3] - 1e-6)))
        inside = (max(box[0], 0.0), max(box[1], 0.0), min(box[2], size[0]), min(box[3], size[1]))
        with self._explained():
            pixels = self._pixels.read(level, (first_x, first_y), size)
        if size == (width, height) and [*inside] == [0, 0, width, height]:
            return pixels
        small = Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX, box=inside)
        return np.asarray(small, dtype=np.uint8)

    def keep(self, grid: Grid, left: int, top: int, pixels: NDArray[np.uint8]) -> None:
        """Keep cells in memory that were read and will be read again, on this grid or a coarser.

        Without effect where cells are not the pixels of a level.
        """
        level = self.best_level(grid)
        down = self._source.level_downsamples[level]
        (x, _), (y, _) = self._span(0, grid.step_x, left, 0), self._span(1, grid.step_y, top, 0)
        if grid.step_x == grid.step_y == down and not (x % down or y % down):
            self._pixels.keep(level, int(x / down), int(y / down), pixels)

    def _span(self, axis: int, step: float, first: int, count: int) -> tuple[float, float]:
        origin = self._origin[axis]
        return origin + first * step, origin + (first + count) * step

    def blocks(self, grid: Grid, side: int) -> Iterator[tuple[int, int, int, int]]:
        """Yield left, top, width and height of square blocks that cover a grid, row by row."""
        for top in range(0, grid.height, side):
            for left in range(0, grid.width, side):
                yield left, top, min(side, grid.width - left), min(side, grid.height - top)

    def read_all(self, grid: Grid) -> NDArray[np.uint8]:
        """Read a whole grid, block by block, as an array (height, width, 3)."""
        return self.read_large(grid, 0, 0, grid.width, grid.height)

    def read_large(
        self, grid: Grid, left: int, top: int, width: int, height: int
    ) -> NDArray[np.uint8]:
        """Read cells as :meth:`read` does, block by block, so that memory stays bounded."""
        whole = np.empty((height, width, 3), dtype=np.uint8)
        side = self.block_side(grid)
        for y in range(0, height, side):
            for x in range(0, width, side):
                part = whole[y : y + side, x : x + side]
                part[...] = self.read(grid, left + x, top + y, part.shape[1], part.shape[0])
        return whole

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            with _explained(self.name):
                yield
        except SlideError as error:
            if self.path.is_file():
                raise
            raise SlideError(
                "the file was removed while it was read",
                where=self.name,
                hint="put it back and run again: what is finished is kept",
            ) from error


def open_slide(
    path: str | Path, *, mpp: float | None = None, decoder: Decoder = "openslide"
) -> Slide:
    """Open a whole-slide image, or a plain TIFF, PNG or JPEG picture with a given pixel size.

    Parameters
    ----------
    path : path
        The slide.
    mpp : float, optional
        Side of a level-0 pixel in um, for slides that do not say. A slide that says keeps its
        own value.
    decoder : {"openslide", "vips"}
        What decodes pixels. libvips (extra ``vips``) is faster on Aperio and plain TIFF slides and
        used only where its pixels are those of OpenSlide.

    Raises
    ------
    MissingExtraError
        When libvips is asked for and not installed.
    SlideError
        When the file is missing, not a slide, broken, not 8-bit colour, or does not say how
        large a pixel is and `mpp` is not given.
    UsageError
        When `mpp` is not a believable pixel size.

    Examples
    --------
    >>> open_slide("no-such.svs")
    Traceback (most recent call last):
    radiofib.errors.SlideError: no-such.svs: no such file. Next: check the path.
    """
    path = Path(path)
    if mpp is not None and not BELIEVABLE_UM[0] <= mpp <= BELIEVABLE_UM[1]:
        raise UsageError(
            "mpp is not a believable pixel size",
            expected=f"um between {BELIEVABLE_UM[0]:g} and {BELIEVABLE_UM[1]:g}",
            found=f"{mpp:g}",
        )
    if not path.is_file():
        problem = "is a folder, not a slide" if path.is_dir() else "no such file"
        raise SlideError(problem, where=path.name, hint="check the path")
    source = _open(path)
    try:
        size, origin = _pixel_size(source.properties, path.name, mpp)
        faster = open_vips(path, source) if decoder == "vips" else None
        return Slide(source, path, size, origin, faster)
    except (RadiofibError, ValueError) as error:
        source.close()
        if isinstance(error, RadiofibError):
            raise
        raise SlideError("unusable slide properties", where=path.name) from error


def _open(path: Path) -> openslide.AbstractSlide:
    with _explained(path.name), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Pillow on damaged tags
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            return openslide.OpenSlide(path)
        except openslide.OpenSlideUnsupportedFormatError:
            picture = Image.open(path)
        if picture.mode not in _PICTURE_MODES:
            found = picture.mode
            picture.close()
            raise SlideError(
                "not an 8-bit colour picture", where=path.name, expected="RGB", found=found
            )
        try:
            picture.load()  # a truncated file shows here, not in the middle of measuring
        except BaseException:
            picture.close()
            raise
        return openslide.ImageSlide(picture)


def _step(um: float, mpp: float, *, exact: bool) -> float:
    """Return the side of a cell in level-0 pixels."""
    whole = max(1, round(um / mpp))
    if exact and abs(whole * mpp / um - 1) > LEVEL_TOLERANCE:
        return um / mpp
    return float(whole)


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn what OpenSlide and Pillow raise into SlideError."""
    try:
        yield
    except UnidentifiedImageError as error:
        raise SlideError(
            "not a slide or picture that can be read",
            where=name,
            expected="a format of OpenSlide, TIFF, PNG or JPEG",
            hint="if it is a slide it may be cut short: copy it again from its source",
        ) from error
    except Image.DecompressionBombError as error:
        raise SlideError(
            "too large for a picture without tiles",
            where=name,
            hint="if it is a slide it may be cut short: copy it again from its source; convert a "
            "picture to a tiled pyramidal TIFF",
        ) from error
    except (openslide.OpenSlideError, OSError, SyntaxError, EOFError, ValueError) as error:
        raise SlideError(
            "the file is truncated or damaged",
            where=name,
            found=type(error).__name__,
            hint="copy the slide again from its source",
        ) from error


def _pixel_size(
    properties: Mapping[str, Any], name: str, given: float | None
) -> tuple[tuple[float, float], str]:
    own = tuple(_number(properties.get(f"openslide.mpp-{axis}")) for axis in "xy")
    if all(BELIEVABLE_UM[0] <= value <= BELIEVABLE_UM[1] for value in own):
        return (own[0], own[1]), "slide"
    if given is not None:
        return (given, given), "given"
    said = "nothing" if any(math.isnan(v) for v in own) else f"{own[0]:g} x {own[1]:g} um"
    raise SlideError(
        "the slide does not say how large a pixel is",
        where=name,
        expected="um per pixel",
        found=said,
        hint="give it with mpp (--mpp UM)",
    )


def _number(text: Any) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        return math.nan
