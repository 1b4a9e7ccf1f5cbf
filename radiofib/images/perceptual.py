"""What a picture shows, as hashes: of its pixels, and of what survives another compression.

The perceptual hash has 256 bits. The picture is cut to what is not background, averaged to
64 x 64, taken as the deviation from its surroundings (Gaussian, 3 cells) over their standard
deviation within -2 to 2, and transformed by a DCT; the bits are the signs of the coefficients 8
to 23 along both axes. Lower ones show the fan and the layout of a machine, which all of its
pictures share. How far hashes of one and of different pictures lie apart was measured on
simulated frames: see :mod:`radiofib.cohort.copies`.

References
----------
After Zauner, Implementation and benchmarking of perceptual image hash functions, 2010 (signs of
low DCT coefficients).
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from scipy.fft import dctn
from scipy.ndimage import gaussian_filter

__all__ = [
    "PictureHash",
    "content_box",
    "cut_hashes",
    "hash_picture",
    "perceptual_hash",
    "pixel_hash",
]

_SIDE, _FIRST, _END = 64, 8, 24
#: Pictures with a shorter side show too little.
_LEAST_SIDE = 24
#: Shares of a side that a copy may have lost: half a step apart, hashes are still near.
_CUTS = (0.025, 0.05, 0.075, 0.1, 0.125)


class PictureHash(NamedTuple):
    """Hashes of one picture.

    Parameters
    ----------
    pixels : str
        SHA-256 of the decoded greys and their shape, whatever the file format.
    look : str
        The perceptual hash, 64 hexadecimal digits; "" for a picture that shows nothing.
    cuts : tuple of str
        Of :func:`cut_hashes`.

    Examples
    --------
    >>> hash_picture(np.zeros((30, 30))).look
    ''
    """

    pixels: str
    look: str
    cuts: tuple[str, ...] = ()


def hash_picture(greys: NDArray[np.generic]) -> PictureHash:
    """Return all hashes of a picture (rows, columns)."""
    return PictureHash(pixel_hash(greys), perceptual_hash(greys), cut_hashes(greys))


def pixel_hash(greys: NDArray[np.generic]) -> str:
    """Return the SHA-256 of the greys as 64-bit floats, and of their shape.

    Examples
    --------
    >>> pixel_hash(np.ones((2, 3), np.uint8)) == pixel_hash(np.ones((2, 3)))
    True
    >>> pixel_hash(np.ones((2, 3))) == pixel_hash(np.ones((3, 2)))
    False
    """
    values = np.ascontiguousarray(greys, dtype="<f8")
    return hashlib.sha256(repr(values.shape).encode() + values.tobytes()).hexdigest()


def content_box(greys: NDArray[np.generic]) -> tuple[slice, slice]:
    """Return the part of a picture that is not background.

    From the first to the last row, and column, of which 3 % are brighter than the darkest
    percent by 8 % of the range; so borders that a copy gained or lost do not count.

    Examples
    --------
    >>> picture = np.zeros((40, 40))
    >>> picture[10:30, 5:25] = 100
    >>> content_box(picture)
    (slice(10, 30, None), slice(5, 25, None))
    """
    values = np.asarray(greys, dtype=np.float64)
    low, high = np.percentile(values, [1, 99])
    bright = values > low + 0.08 * (high - low)
    box = []
    for axis in (1, 0):
        where = np.flatnonzero(bright.mean(axis=axis) > 0.03)
        whole = slice(0, greys.shape[1 - axis])
        box.append(slice(int(where[0]), int(where[-1]) + 1) if where.size else whole)
    return box[0], box[1]


def perceptual_hash(greys: NDArray[np.generic]) -> str:
    """Return the perceptual hash of a picture as 64 hexadecimal digits, or "".

    Parameters
    ----------
    greys : ndarray (rows, columns)
        Of any range.

    Returns
    -------
    str
        "" when a side is shorter than 24 pixels, or nothing varies.

    Examples
    --------
    >>> picture = np.random.default_rng(0).normal(size=(80, 90))
    >>> len(perceptual_hash(picture)), perceptual_hash(picture) == perceptual_hash(3 * picture + 9)
    (64, True)
    """
    return _look(np.asarray(greys[content_box(greys)], dtype=np.float32))


def cut_hashes(greys: NDArray[np.generic]) -> tuple[str, ...]:
    """Return the perceptual hashes of a picture that lost up to an eighth of one side.

    A picture that was cut shows another part of the same, stretched to the same 64 x 64: its hash
    is near to none of the whole picture but to one of these. Each side is cut by 2.5 to 12.5 % of
    what is not background, in five steps.

    Parameters
    ----------
    greys : ndarray (rows, columns)
        Of any range.

    Returns
    -------
    tuple of str
        Each as :func:`perceptual_hash`, without those that show nothing.

    Examples
    --------
    >>> picture = np.random.default_rng(0).normal(size=(200, 180))
    >>> perceptual_hash(picture[10:]) in cut_hashes(picture)
    True
    """
    part = np.asarray(greys[content_box(greys)], dtype=np.float32)
    rows, columns = part.shape
    found = []
    for share in _CUTS:
        down, across = round(share * rows), round(share * columns)
        pieces = (part[down:], part[: rows - down], part[:, across:], part[:, : columns - across])
        found += [_look(piece) for piece in pieces]
    return tuple(filter(None, found))


def _look(part: NDArray[np.float32]) -> str:
    """Return the hash of what is not background."""
    if min(part.shape) < _LEAST_SIDE or not np.isfinite(part).all():
        return ""
    small = PIL.Image.fromarray(part).resize((_SIDE, _SIDE), PIL.Image.Resampling.BOX)
    cells = np.asarray(small, dtype=np.float64)
    low, high = np.percentile(cells, [1, 99])
    if high <= low:
        return ""
    cells = (cells - low) * (255 / (high - low))
    mean = gaussian_filter(cells, 3.0)
    spread = np.sqrt(np.maximum(gaussian_filter(cells**2, 3.0) - mean**2, 0.0))
    local = np.clip((cells - mean) / (spread + 2.0), -2.0, 2.0)
    block = dctn(local, norm="ortho")[_FIRST:_END, _FIRST:_END]
    return np.packbits(block.ravel() > 0).tobytes().hex()
