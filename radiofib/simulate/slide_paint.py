"""From polygons to H&E pixels: labels and colours of any tile, without holding the slide."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from radiofib.config import StrictModel
from radiofib.simulate._random import gaussian_field
from radiofib.simulate._raster import Spans, largest_part, polygon_spans
from radiofib.simulate._tiff import TILE, deflate_tile, jpeg_tile
from radiofib.simulate.slide_artefacts import ARTEFACTS, paint_artefacts
from radiofib.simulate.slide_geometry import LABELS, Shape

__all__ = ["SlidePainter", "SlideScanner"]

_PERIOD = 1024
_STEP = 4
# Optical density of haematoxylin and eosin in red, green and blue: the reference vectors of
# Macenko et al., ISBI 2009.
_STAINS = np.array([[0.5626, 0.7201, 0.4062], [0.2159, 0.8012, 0.5581]], dtype=np.float32)
_PEN = np.array([40, 60, 150], dtype=np.float32)
#: Margin around a tile with artefacts: what blur and rims reach over.
_MARGIN = 96

Floats = NDArray[np.float32]


class SlideScanner(StrictModel):
    """What staining and scanner do to colour.

    Parameters
    ----------
    name : str
        Name in the ``scanner`` column.
    white : tuple of float
        Red, green and blue of empty glass.
    haematoxylin, eosin : float
        Strength of the stains.
    jpeg_quality : int
        Of the tiles.
    weight : float
        Share of the patients.
    stage_weights : tuple of float
        Stage mix.
    """

    name: str
    white: tuple[float, float, float] = (243, 242, 244)
    haematoxylin: float = Field(default=1.0, gt=0)
    eosin: float = Field(default=1.0, gt=0)
    jpeg_quality: int = Field(default=80, ge=1, le=100)
    weight: float = Field(default=1.0, gt=0)
    stage_weights: tuple[float, ...] = (1, 1, 1, 1)


def _nuclei(
    density_per_mm2: float, radius_um: float, mpp: float, rng: np.random.Generator
) -> Floats:
    """Return a periodic sheet of nuclei, 0 to 1."""
    sheet = np.zeros((_PERIOD, _PERIOD), dtype=np.float32)
    count = rng.poisson(density_per_mm2 * (_PERIOD * mpp / 1000) ** 2)
    reach = int(np.ceil(radius_um / mpp * 1.6)) + 1
    offset = np.arange(-reach, reach + 1)
    for y, x in rng.uniform(0, _PERIOD, (count, 2)):
        row, column = int(y), int(x)
        a, b = radius_um / mpp * rng.uniform(0.75, 1.25, 2)
        distance = np.hypot(
            (offset[:, None] + row - y) / max(a, 0.6), (offset[None, :] + column - x) / max(b, 0.6)
        )
        disc = np.clip((1.15 - distance) / 0.3, 0, 1) * rng.uniform(0.65, 1.0)
        patch = np.ix_((offset + row) % _PERIOD, (offset + column) % _PERIOD)
        sheet[patch] = np.maximum(sheet[patch], disc)
    return sheet


class SlidePainter:
    """Draws a slide's tiles in order, counting labels and building the smaller levels.

    Texture comes from periodic sheets aligned with the tiles, so a tile does not depend on which
    tiles were drawn before it, and memory does not depend on the slide's size.

    Parameters
    ----------
    shapes : list of Shape
        What is on the slide.
    shape : tuple of int
        Rows and columns.
    mpp : float
        Micrometres per pixel.
    scanner : SlideScanner
        Colours.
    rng : Generator
        Source of the sheets.
    blur_um : tuple of float
        Range of the SD of regions out of focus.

    Attributes
    ----------
    label_counts : ndarray of int
        Pixels of each label, once all tiles were drawn.
    tract_pixels, tract_clipped : dict of int to int
        Pixels of each tract in tissue, and those of its polygon that were cut off.
    core_pixels : dict of int to int
        Pixels of each piece of tissue, holes included.
    label_tiles : list of bytes
        Encoded labels.
    artefact_pixels : dict of str to int
        Tissue pixels under each kind of artefact, and under ``any`` of them.
    """

    def __init__(
        self,
        shapes: list[Shape],
        shape: tuple[int, int],
        mpp: float,
        scanner: SlideScanner,
        rng: np.random.Generator,
        *,
        blur_um: tuple[float, float] = (4.0, 8.0),
    ) -> None:
        self.shape = shape
        self.scanner = scanner
        self.artefact_pixels = dict.fromkeys((*ARTEFACTS, "any"), 0)
        self._mpp, self._blur_um = mpp, blur_um
        self.tract_pixels: dict[int, int] = {}
        self.tract_clipped: dict[int, int] = {}
        self._items = self._rasterise(shapes)
        self._by_tile: dict[tuple[int, int], list[int]] = {}
        for i, (_, spans) in enumerate(self._items):
            top, bottom, left, right = spans.box
            for row in range(max(top, 0) // TILE, -(-min(bottom, shape[0]) // TILE)):
                for column in range(max(left, 0) // TILE, -(-min(right, shape[1]) // TILE)):
                    self._by_tile.setdefault((row, column), []).append(i)
        self.label_counts = np.zeros(len(LABELS), dtype=np.int64)
        self.core_pixels: dict[int, int] = {}
        self.label_tiles: list[bytes] = []
        self._levels: list[tuple[list[bytes], tuple[int, int]]] = []
        self._sheets = _sheets(mpp, rng)
        self._glass: dict[tuple[int, int], tuple[NDArray[np.uint8], bytes]] = {}
        self._no_label = deflate_tile(np.zeros((TILE, TILE), dtype=np.uint8))

    def _rasterise(self, shapes: list[Shape]) -> list[tuple[Shape, Spans]]:
        items = [(s, polygon_spans(s.polygon)) for s in shapes]
        tissue = [spans for s, spans in items if s.kind == "core"]
        for i, (shape, spans) in enumerate(items):
            if shape.kind == "portal":
                inside = largest_part(spans, tissue)
                self.tract_pixels[shape.number] = inside.n_pixels
                self.tract_clipped[shape.number] = spans.n_pixels - inside.n_pixels
                items[i] = (shape, inside)
        return items

    @property
    def levels(self) -> list[tuple[list[bytes], tuple[int, int]]]:
        """Encoded tiles and shape of each smaller level, complete once all tiles were drawn."""
        return self._levels

    def tiles(self) -> Iterator[bytes]:
        """Yield the encoded tiles of level 0, row by row."""
        rows, columns = self.shape
        across, down = -(-columns // TILE), -(-rows // TILE)
        smaller = self._reducer(rows, columns)
        for row in range(down):
            strip = np.empty((TILE, across * TILE, 3), dtype=np.uint8)
            for column in range(across):
                part = strip[:, column * TILE : (column + 1) * TILE]
                yield self._tile(row, column, part)
            smaller.add(strip)
        self._levels = smaller.finish()

    def _reducer(self, rows: int, columns: int) -> _Reducer:
        return _Reducer(rows // _STEP, columns // _STEP, self.scanner.jpeg_quality)

    def _tile(self, row: int, column: int, out: NDArray[np.uint8]) -> bytes:
        place = (row % (_PERIOD // TILE), column % (_PERIOD // TILE))
        here = self._by_tile.get((row, column), [])
        bottom, right = self.shape[0] - row * TILE, self.shape[1] - column * TILE
        if not here:
            if place not in self._glass:
                labels = np.zeros((TILE, TILE), dtype=np.uint8)
                nothing = np.zeros((TILE, TILE), dtype=bool)
                colour = self._colour(labels, nothing, (row * TILE, column * TILE))
                self._glass[place] = (colour, jpeg_tile(colour, self.scanner.jpeg_quality))
            out[:], encoded = self._glass[place]
            self.label_counts[0] += min(bottom, TILE) * min(right, TILE)
            self.label_tiles.append(self._no_label)
            return encoded
        top, left = row * TILE, column * TILE
        clean = [i for i in here if self._items[i][0].kind not in ARTEFACTS]
        labels, ducts = self._labels(top, left, TILE, clean)
        self._count_cores(top, left, clean)
        labels[bottom:], labels[:, right:] = 0, 0
        self.label_counts += np.bincount(
            labels[: max(bottom, 0), : max(right, 0)].ravel(), minlength=len(LABELS)
        )
        self.label_tiles.append(deflate_tile(labels))
        if len(clean) < len(here):
            out[:] = self._with_artefacts(row, column, labels)
        else:
            out[:] = self._colour(labels, ducts, (top, left))
        return jpeg_tile(np.ascontiguousarray(out), self.scanner.jpeg_quality)

    def _window(self, item: int, top: int, left: int, side: int) -> NDArray[np.bool_]:
        mask = self._items[item][1].window(top, left, side, side)
        mask[max(self.shape[0] - top, 0) :] = False
        mask[:, max(self.shape[1] - left, 0) :] = False
        return mask

    def _count_cores(self, top: int, left: int, here: list[int]) -> None:
        for i in here:
            shape = self._items[i][0]
            if shape.kind == "core":
                pixels = int(self._window(i, top, left, TILE).sum())
                self.core_pixels[shape.number] = self.core_pixels.get(shape.number, 0) + pixels

    def _labels(
        self, top: int, left: int, side: int, here: list[int]
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Rasterise a window: lobule, then vacuoles and veins, then portal tissue, then dirt."""
        labels = np.zeros((side, side), dtype=np.uint8)
        ducts = np.zeros((side, side), dtype=bool)
        tissue = np.zeros((side, side), dtype=bool)
        order = {"core": 0, "vacuole": 1, "vein": 2, "septum": 3, "portal": 4, "duct": 5}
        for i in sorted(here, key=lambda i: (order.get(self._items[i][0].kind, 9), i)):
            shape = self._items[i][0]
            mask = self._window(i, top, left, side)
            if shape.kind == "core":
                tissue |= mask
                labels[mask] = LABELS["lobule"]
            elif shape.kind in ("portal", "septum"):
                labels[mask & tissue] = LABELS["portal"]
            elif shape.kind == "duct":
                ducts |= mask & (labels == LABELS["portal"])
            elif shape.kind in ("vacuole", "vein"):
                labels[mask & tissue] = LABELS[shape.kind]
            else:
                labels[mask & (labels == 0)] = LABELS[shape.kind]
        return labels, ducts

    def _with_artefacts(
        self, row: int, column: int, labels: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """Colour a tile with artefacts, from a window with a margin around it."""
        top, left, side = row * TILE - _MARGIN, column * TILE - _MARGIN, TILE + 2 * _MARGIN
        near = {
            i
            for y in (row - 1, row, row + 1)
            for x in (column - 1, column, column + 1)
            for i in self._by_tile.get((y, x), [])
        }
        clean = sorted(i for i in near if self._items[i][0].kind not in ARTEFACTS)
        around, ducts = self._labels(top, left, side, clean)
        masks: dict[str, list[tuple[int, NDArray[np.bool_]]]] = {}
        for i in sorted(near - set(clean)):
            shape = self._items[i][0]
            masks.setdefault(shape.kind, []).append(
                (shape.number, self._window(i, top, left, side))
            )
        inner = (slice(_MARGIN, _MARGIN + TILE),) * 2
        tissue = (labels >= LABELS["lobule"]) & (labels <= LABELS["vacuole"])
        covered = np.zeros_like(tissue)
        for kind, found in masks.items():
            here_too = np.any([mask[inner] for _, mask in found], axis=0) & tissue
            self.artefact_pixels[kind] += int(here_too.sum())
            covered |= here_too
        self.artefact_pixels["any"] += int(covered.sum())
        painted = paint_artefacts(
            self._colour(around, ducts, (top, left)),
            (around >= LABELS["lobule"]) & (around <= LABELS["vacuole"]),
            masks,
            white=self.scanner.white,
            noise=_wrapped(self._sheets["noise"], top, left, side),
            mpp=self._mpp,
            blur_um=self._blur_um,
        )
        return painted[inner]

    def _colour(
        self, labels: NDArray[np.uint8], ducts: NDArray[np.bool_], corner: tuple[int, int]
    ) -> NDArray[np.uint8]:
        sheet = {
            name: _wrapped(values, *corner, labels.shape[0])
            for name, values in self._sheets.items()
        }
        lobule = labels == LABELS["lobule"]
        portal = labels == LABELS["portal"]
        h = np.zeros(labels.shape, dtype=np.float32)
        e = np.zeros(labels.shape, dtype=np.float32)
        plates = np.clip(np.abs(sheet["plates"]) * 3.5 - 0.35, 0, 1)  # pale sinusoids between
        grain = sheet["grain"]
        np.copyto(e, 0.12 + plates * (0.34 + 0.05 * grain), where=lobule)
        np.copyto(h, 0.02 + plates * 0.06 + 0.6 * sheet["hepatocytes"] * plates, where=lobule)
        np.copyto(e, 0.27 + 0.07 * sheet["fibres"], where=portal)
        np.copyto(h, 0.06 + 0.80 * sheet["lymphocytes"] + 0.02 * grain, where=portal)
        np.copyto(e, 0.05 + 0.0 * grain, where=ducts)
        np.copyto(h, 0.02 + 0.0 * grain, where=ducts)
        np.maximum(h, 0, out=h)
        np.maximum(e, 0, out=e)
        h *= np.float32(1.9 * self.scanner.haematoxylin)
        e *= np.float32(self.scanner.eosin)
        rgb = np.empty((*labels.shape, 3), dtype=np.float32)
        for band, white in enumerate(self.scanner.white):
            density = h * _STAINS[0, band] + e * _STAINS[1, band]
            rgb[..., band] = np.float32(white) * np.exp(-density) + sheet["noise"]
        ink, dust = labels == LABELS["pen"], labels == LABELS["dust"]
        if ink.any():
            rgb[ink] = _PEN + 12 * grain[ink][:, None]
        if dust.any():
            rgb[dust] = 62 + 15 * grain[dust][:, None]
        pixels: NDArray[np.uint8] = np.rint(np.clip(rgb, 0, 255)).astype(np.uint8)
        return pixels


def _wrapped(sheet: Floats, top: int, left: int, side: int) -> Floats:
    """Return a square of a periodic sheet."""
    rows, columns = (np.arange(first, first + side) % _PERIOD for first in (top, left))
    square: Floats = sheet[rows[:, None], columns]
    return square


def _sheets(mpp: float, rng: np.random.Generator) -> dict[str, Floats]:
    def field(length_um: tuple[float, float]) -> Floats:
        sigma = tuple(max(v / mpp, 0.3) for v in length_um)
        return gaussian_field((_PERIOD, _PERIOD), sigma, rng).astype(np.float32)

    return {
        "plates": field((5.0, 5.0)),
        "grain": field((0.8, 0.8)),
        "fibres": field((2.0, 5.0)),
        "hepatocytes": _nuclei(1800, 3.4, mpp, rng),
        "lymphocytes": _nuclei(6500, 2.4, mpp, rng),
        "noise": np.float32(1.2) * rng.standard_normal((_PERIOD, _PERIOD), dtype=np.float32),
    }


class _Reducer:
    """Builds levels 4, 16 ... times smaller from strips of 256 rows, holding four strips each."""

    def __init__(self, rows: int, columns: int, quality: int) -> None:
        self._shape = (rows, columns)
        self._quality = quality
        self._across = max(-(-columns // TILE), 1)
        self._strip = np.full((TILE, self._across * TILE, 3), 255, dtype=np.uint8)
        self._filled = 0
        self._tiles: list[bytes] = []
        big = rows // _STEP >= TILE and columns // _STEP >= TILE
        self._next = _Reducer(rows // _STEP, columns // _STEP, quality) if big else None

    def add(self, strip: NDArray[np.uint8]) -> None:
        """Take 256 rows of the level above."""
        height, width = strip.shape[0] // _STEP, strip.shape[1] // _STEP
        total = np.full((height, width, 3), _STEP**2 // 2, dtype=np.uint16)
        for i in range(_STEP):
            rows = strip[i::_STEP]
            for j in range(_STEP):
                total += rows[:height, j : width * _STEP : _STEP]
        small = total // _STEP**2
        keep = min(width, self._strip.shape[1])
        self._strip[self._filled : self._filled + height, :keep] = small[:, :keep]
        self._filled += height
        if self._filled == TILE:
            self._flush()

    def _flush(self) -> None:
        if self._filled == 0 or len(self._tiles) >= self._across * -(-self._shape[0] // TILE):
            return
        for column in range(self._across):
            part = self._strip[:, column * TILE : (column + 1) * TILE]
            self._tiles.append(jpeg_tile(np.ascontiguousarray(part), self._quality))
        if self._next is not None:
            self._next.add(self._strip)
        self._strip[:] = 255
        self._filled = 0

    def finish(self) -> list[tuple[list[bytes], tuple[int, int]]]:
        """Return this level and the smaller ones."""
        self._flush()
        own = [(self._tiles, self._shape)] if min(self._shape) > 0 else []
        return own + (self._next.finish() if self._next is not None else [])
