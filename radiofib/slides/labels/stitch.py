"""From what a network says on tiles to one label for each cell."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from radiofib.slides.labels.tiles import TileGroup, Tiling

__all__ = ["blend_window", "blended_labels", "most_likely", "stitched_labels", "upsample"]

Floats = NDArray[np.float32]
Labels = NDArray[np.uint8]


def upsample(logits: Floats, side: int) -> Floats:
    """Enlarge logits to the side of a tile by bilinear interpolation, before any argmax.

    As ``torch.nn.functional.interpolate(mode="bilinear", align_corners=False)``: cell i of
    `side` lies at ``(i + 0.5) n / side - 0.5`` of n, and borders are held.

    Parameters
    ----------
    logits : ndarray of float32, shape (..., rows, columns)
        Of a tile.
    side : int
        Wanted rows and columns.

    Returns
    -------
    ndarray of float32, shape (..., side, side)

    Examples
    --------
    >>> upsample(np.array([[[0.0, 1.0]] * 2], np.float32), 4)[0, 0].tolist()
    [0.0, 0.25, 0.75, 1.0]
    """
    across = _along(logits, side)
    down = _along(across.swapaxes(-1, -2), side).swapaxes(-1, -2)
    return np.ascontiguousarray(down)


def _along(values: Floats, side: int) -> Floats:
    length = values.shape[-1]
    if length == side:
        return values
    low, high, share = _places(length, side)
    found: Floats = values[..., low] * (1 - share) + values[..., high] * share
    return found


@lru_cache(maxsize=8)
def _places(length: int, side: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    at = np.maximum((np.arange(side) + 0.5) * length / side - 0.5, 0.0)
    low = np.minimum(np.floor(at).astype(np.intp), length - 1)
    high = np.minimum(low + 1, length - 1)
    return low, high, (at - low).astype(np.float32)


def most_likely(logits: Floats) -> Labels:
    """Return the class of the largest logit; of equal ones the first.

    Parameters
    ----------
    logits : ndarray of float32, shape (classes, rows, columns)

    Examples
    --------
    >>> most_likely(np.array([[[0.1, 0.5]], [[0.2, 0.5]]], np.float32)).tolist()
    [[1, 0]]
    """
    best, labels = logits[0], np.zeros(logits.shape[1:], dtype=np.uint8)
    for number in range(1, len(logits)):
        # Faster than argmax over the first axis, which goes through memory in strides.
        higher = logits[number] > best
        labels[higher] = number
        best = np.maximum(best, logits[number])
    return labels


def blend_window(tile: int) -> Floats:
    """Return the weight of each cell of a tile where tiles overlap: high in the middle.

    A product of ``sin^2(pi (i + 0.5) / tile)`` over both axes (Hann window): the weights of
    neighbours that overlap by half add up to the same everywhere, and none is zero.

    Examples
    --------
    >>> blend_window(4)[1].round(3)
    array([0.125, 0.729, 0.729, 0.125], dtype=float32)
    """
    side = np.sin(np.pi * (np.arange(tile) + 0.5) / tile) ** 2
    return np.outer(side, side).astype(np.float32)


def stitched_labels(group: TileGroup, tiling: Tiling, found: list[Labels]) -> Labels:
    """Lay the labels of tiles that do not overlap side by side.

    Parameters
    ----------
    group : TileGroup
        Whose cells are labelled.
    tiling : Tiling
        Where tiles lie.
    found : list of ndarray of uint8, shape (tile, tile)
        In the order of `group.tiles`.

    Returns
    -------
    ndarray of uint8
        Of the size of `group.box`; 0 where no tile was asked.
    """
    labels = np.zeros(_shape(group), dtype=np.uint8)
    for (row, column), values in zip(group.tiles, found, strict=True):
        into, part = _overlap(group, tiling, row, column)
        labels[into] = values[part]
    return labels


def blended_labels(group: TileGroup, tiling: Tiling, found: list[Floats]) -> Labels:
    """Blend the logits of overlapping tiles, then take the class of the largest sum.

    ``argmax_c sum_t w_t l_tc`` over the tiles t that cover a cell, w the weight of
    :func:`blend_window`; dividing by ``sum_t w_t`` would not change the class. Sums are in
    float32 and in the order of the tiles, whatever made them first.

    Parameters
    ----------
    group, tiling
        As for :func:`stitched_labels`.
    found : list of ndarray of float32, shape (classes, tile, tile)
        Logits of each tile at its full size.

    Returns
    -------
    ndarray of uint8
        Of the size of `group.box`; 0 where no tile was asked.
    """
    window = blend_window(tiling.tile)
    total = np.zeros((len(found[0]), *_shape(group)), dtype=np.float32)
    covered = np.zeros(_shape(group), dtype=bool)
    for (row, column), values in zip(group.tiles, found, strict=True):
        into, part = _overlap(group, tiling, row, column)
        total[:, *into] += values[:, *part] * window[part]
        covered[into] = True
    labels = most_likely(total)
    labels[~covered] = 0
    return labels


def _shape(group: TileGroup) -> tuple[int, int]:
    left, top, right, bottom = group.box
    return bottom - top, right - left


def _overlap(
    group: TileGroup, tiling: Tiling, row: int, column: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the cells a tile shares with its group, counted in the group and in the tile."""
    left, top, right, bottom = group.box
    y = _shared(row * tiling.stride, tiling.tile, top, bottom)
    x = _shared(column * tiling.stride, tiling.tile, left, right)
    return (y[0], x[0]), (y[1], x[1])


def _shared(at: int, length: int, first: int, end: int) -> tuple[slice, slice]:
    begin, stop = max(at, first), min(at + length, end)
    return slice(begin - first, stop - first), slice(begin - at, stop - at)
