"""Lines of text over tissue, found by a small network that was trained on simulated frames.

Rules know that ink is even, bright or sharp. Grey letters in a compressed file, or thin black ones,
are none of these for long, and are read by their shape: so are they found here. The network has
eleven convolutions and 56,000 weights, which ``benchmarks/text_network.py`` trains on speckle and
letters that no test uses; it is run in plain numpy, band by band, in the same way everywhere.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["text_chances", "written_lines"]

Floats = NDArray[np.float32]

_WEIGHTS = "text_network.npz"
#: What is at least so likely belongs to a line, if at least half of it is as likely as the second:
#: speckle is taken for a letter, never for most of a word.
_PART, _SURE, _MUCH = 0.5, 0.97, 0.5
#: A line is at least so many pixels long and high, and holds so many: the edge of an image, two or
#: three rows of which a JPEG blurs, is none.
_LEAST_LENGTH, _LEAST_HEIGHT, _LEAST_AREA = 16, 5, 120
#: A row of a line is likely over at least this share of it: what is likely strays above and below.
_ROW = 0.5
#: Pixels above and below a line that letters may reach, and to either side, in heights of the line:
#: the last letter may not be found.
_RIM, _BESIDE = 1, 0.3
#: The network has seen letters to 26 pixels: larger screens are looked at smaller as well, as long
#: as their shorter side is so many pixels.
_LEAST_SIDE = 300
#: Pixels of a tile, and of what surrounds it: as far as the network sees.
_TILE, _SEEN = 512, 64


class _Layer(NamedTuple):
    """A convolution followed by the positive part."""

    kernel: Floats
    offset: Floats
    stride: int = 1
    apart: int = 1


def written_lines(
    grey: NDArray[np.float64], inside: NDArray[np.bool_], height: int
) -> NDArray[np.bool_]:
    """Return lines of text of any grey, each covered by a box.

    Parameters
    ----------
    grey : ndarray of shape (y, x)
        0 to 255.
    inside : ndarray of bool
        The image on the screen.
    height : int
        No line of text is as high.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> grey = ndimage.gaussian_filter(rng.normal(100, 60, (128, 200)), 1)
    >>> everywhere = np.ones(grey.shape, bool)
    >>> bool(written_lines(grey, everywhere, 24).any())
    False
    """
    found = np.zeros(grey.shape, dtype=bool)
    lit = [np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0)]
    if not lit[0].size:
        return found
    # Files are compressed in blocks of eight: the network has seen them from their corner.
    top, left = (int(n[0]) // 8 * 8 for n in lit)
    box = (slice(top, int(lit[0][-1]) + 1), slice(left, int(lit[1][-1]) + 1))
    # It was trained on dark screens.
    part, scale = np.where(inside, grey, 0.0)[box], 1
    while True:
        chances = text_chances(part)
        for rows, columns in _lines(chances, height / scale):
            above, below = ((n * scale + top) for n in (rows.start - _RIM, rows.stop + _RIM))
            before, after = ((n * scale + left) for n in (columns.start, columns.stop))
            beside = round(_BESIDE * (below - above))
            found[max(above, 0) : below, max(before - beside, 0) : after + beside] = True
        scale *= 2
        if min(part.shape) < 2 * _LEAST_SIDE:
            return np.asarray(found & inside)
        part = _halved(part)


def text_chances(grey: NDArray[np.float64]) -> Floats:
    """Return how likely every pixel lies in a line of text, from 0 to 1.

    Parameters
    ----------
    grey : ndarray of shape (y, x)
        0 to 255.

    Examples
    --------
    >>> text_chances(np.zeros((50, 61))).shape
    (50, 61)
    """
    rows, columns = grey.shape
    chances = np.empty(grey.shape, dtype=np.float32)
    whole = np.pad(grey, ((0, -rows % 4), (0, -columns % 4)), mode="edge").astype(np.float32)
    for top, left in product(range(0, rows, _TILE), range(0, columns, _TILE)):
        first = (max(top - _SEEN, 0), max(left - _SEEN, 0))
        seen = whole[first[0] : top + _TILE + _SEEN, first[1] : left + _TILE + _SEEN]
        map_ = np.repeat(np.repeat(_run(seen / np.float32(128) - 1), 2, axis=0), 2, axis=1)
        here = chances[top : top + _TILE, left : left + _TILE]
        here[:] = map_[top - first[0] :, left - first[1] :][: here.shape[0], : here.shape[1]]
    return chances


def _halved(part: NDArray[np.float64]) -> NDArray[np.float64]:
    rows, columns = (n // 2 * 2 for n in part.shape)
    even = part[:rows, :columns]
    return np.asarray(even.reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3)))


def _lines(chances: Floats, height: float) -> list[tuple[slice, slice]]:
    """Return boxes of what is likely and has the shape of a line of text."""
    labels, count = ndimage.label(chances >= _PART)
    if not count:
        return []
    area, sure = (
        np.bincount(labels[where], minlength=count + 1)[1:]
        for where in (labels > 0, chances >= _SURE)
    )
    found = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        wide, pixels = columns.stop - columns.start, area[number - 1]
        if sure[number - 1] < _MUCH * pixels or pixels < _LEAST_AREA or wide < _LEAST_LENGTH:
            continue
        likely = (labels[rows, columns] == number).sum(axis=1) >= _ROW * wide
        own = np.flatnonzero(likely) if likely.any() else np.arange(rows.stop - rows.start)
        line = slice(rows.start + int(own[0]), rows.start + int(own[-1]) + 1)
        if _LEAST_HEIGHT <= line.stop - line.start < height:
            found.append((line, columns))
    return found


@cache
def _layers() -> tuple[_Layer, ...]:
    """Return the network's convolutions, first to last."""
    with (
        resources.files(__package__).joinpath(_WEIGHTS).open("rb") as file,
        np.load(file, allow_pickle=False) as stored,
    ):
        strides, apart = {1: 2, 3: 2}, {5: 2, 6: 4, 7: 6}
        return tuple(
            _Layer(
                stored[f"kernel{n}"].astype(np.float32),
                stored[f"offset{n}"].astype(np.float32),
                strides.get(n, 1),
                apart.get(n, 1),
            )
            for n in range(len(stored.files) // 2)
        )


def _run(picture: Floats) -> Floats:
    """Return the chances at half the resolution of a picture whose sides are multiples of four."""
    steps = _layers()
    half = _positive(_positive(_positive(picture[None], steps[0]), steps[1]), steps[2])
    deep = _positive(half, steps[3])
    for step in steps[4:8]:
        deep = deep + _positive(deep, step)
    wide = np.repeat(np.repeat(_positive(deep, steps[8]), 2, axis=1), 2, axis=2)
    logit = _convolved(_positive(half + wide, steps[9]), steps[10])[0]
    return np.asarray(1 / (1 + np.exp(-np.clip(logit, -30, 30))), dtype=np.float32)


def _positive(values: Floats, layer: _Layer) -> Floats:
    return np.maximum(_convolved(values, layer), 0)


def _convolved(values: Floats, layer: _Layer) -> Floats:
    """Correlate (channels, y, x) with a kernel, zeros around, as one product of matrices."""
    out, channels, size, _ = layer.kernel.shape
    around = layer.apart * (size // 2)
    padded = np.pad(values, ((0, 0), (around, around), (around, around)))
    rows, columns = (-(-n // layer.stride) for n in values.shape[1:])
    seen = np.empty((channels, size, size, rows, columns), dtype=np.float32)
    for i, j in product(range(size), range(size)):
        y, x = i * layer.apart, j * layer.apart
        seen[:, i, j] = padded[
            :,
            y : y + (rows - 1) * layer.stride + 1 : layer.stride,
            x : x + (columns - 1) * layer.stride + 1 : layer.stride,
        ]
    flat = layer.kernel.reshape(out, -1) @ seen.reshape(channels * size * size, -1)
    return np.asarray(flat.reshape(out, rows, columns) + layer.offset[:, None, None])
