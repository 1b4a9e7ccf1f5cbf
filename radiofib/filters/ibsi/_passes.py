"""Convolution along lines, and all right-angle rotations of separable filters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = [
    "PAD_MODES",
    "SCIPY_MODES",
    "Array",
    "Chain",
    "Pool",
    "along",
    "filter_separable",
    "reach_of",
    "rotations",
]

Array = NDArray[np.float64]
#: Taps of one axis, one array for every stage.
Chain = Sequence[Array]

#: Names of the borders in scipy.ndimage and in numpy.pad.
SCIPY_MODES = {"mirror": "reflect", "nearest": "nearest", "zero": "constant", "periodic": "wrap"}
PAD_MODES = {"mirror": "symmetric", "nearest": "edge", "zero": "constant", "periodic": "wrap"}


def along(pixels: Array, taps: Array, axis: int, boundary: str) -> Array:
    """Convolve along one axis: ``r[i] = sum_k taps[c + k] f[i - k]``, c the middle.

    The centre of an even number n of taps is tap n / 2 (counted from 0).

    Examples
    --------
    >>> along(np.array([0.0, 1.0, 0.0, 0.0]), np.array([1.0, 2.0, 3.0]), 0, "zero")
    array([1., 2., 3., 0.])
    """
    odd = taps if len(taps) % 2 else np.append(taps, 0.0)
    found: Array = ndimage.convolve1d(pixels, odd, axis=axis, mode=SCIPY_MODES[boundary], cval=0.0)
    return found


def reach_of(taps: Array) -> int:
    """Return how many voxels a kernel reaches to either side."""
    return len(taps) // 2


class Pool:
    """Takes in responses one by one and pools them voxel by voxel.

    Examples
    --------
    >>> pool = Pool("mean")
    >>> pool.add(np.array([1.0, 2.0]))
    >>> pool.add(np.array([3.0, 0.0]), weight=3)
    >>> pool.result()
    array([2.5, 0.5])
    """

    def __init__(self, method: str) -> None:
        self._method = method
        self._pooled: Array | None = None
        self._weight = 0

    def add(self, response: Array, *, weight: int = 1) -> None:
        """Take in one response; `weight` counts for the mean only."""
        if self._method == "mean" and weight != 1:
            response = response * weight
        self._weight += weight
        if self._pooled is None:
            self._pooled = response.copy()
        elif self._method == "mean":
            self._pooled += response
        else:
            combine = np.maximum if self._method == "max" else np.minimum
            combine(self._pooled, response, out=self._pooled)

    def result(self) -> Array:
        """Return the pooled response."""
        assert self._pooled is not None
        return self._pooled / self._weight if self._method == "mean" else self._pooled


def rotations(n_axes: int) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Yield all right-angle rotations: 4 of the plane, 24 of space.

    Yields
    ------
    tuple
        For every axis, the axis whose filter it gets, and -1 where that filter is reversed.

    Examples
    --------
    >>> len(list(rotations(2))), len(list(rotations(3)))
    (4, 24)
    """
    for order in permutations(range(n_axes)):
        swaps = sum(a > b for i, a in enumerate(order) for b in order[i + 1 :])
        for signs in product((1, -1), repeat=n_axes):
            if (-1) ** swaps * np.prod(signs) == 1:
                yield order, signs


def filter_separable(
    pixels: Array, chains: Sequence[Chain], axes: Sequence[int], boundary: str, pooling: str | None
) -> Array:
    """Filter with one chain of kernels per axis, pooled over rotations where asked.

    All axes go through stage 1, then all through stage 2 and so on. Work that rotations share
    is done once, and a kernel that is its own mirror image up to the sign counts as one.

    Parameters
    ----------
    pixels : ndarray
        The image.
    chains : sequence of sequences of ndarray
        For every axis, its taps at every stage.
    axes : sequence of int
        The axes of the image that the chains belong to.
    boundary : str
        What lies outside.
    pooling : str or None
        ``"max"``, ``"mean"``, ``"min"``, or None for the chains as they are.
    """
    turns = rotations(len(axes)) if pooling else [(tuple(range(len(axes))), (1,) * len(axes))]
    taps: dict[bytes, Array] = {}
    found: Counter[tuple[tuple[tuple[int, bytes], ...], int]] = Counter()
    for order, signs in turns:
        steps, sign = [], 1
        for stage in range(len(chains[0])):
            for axis, source, side in zip(axes, order, signs, strict=True):
                key, factor = _mirrored(chains[source][stage], side, taps)
                steps.append((axis, key))
                sign *= factor
        found[tuple(steps), sign] += 1
    pool = Pool(pooling or "max")
    partial: list[Array] = [pixels]
    done: tuple[tuple[int, bytes], ...] = ()
    for steps_, sign in sorted(found):
        shared = next((i for i, (a, b) in enumerate(zip(done, steps_)) if a != b), len(done))  # noqa: B905
        del partial[shared + 1 :]
        for axis, key in steps_[shared:]:
            partial.append(along(partial[-1], taps[key], axis, boundary))
        done = steps_
        pool.add(partial[-1] if sign > 0 else -partial[-1], weight=found[steps_, sign])
    return pool.result()


def _mirrored(taps: Array, side: int, known: dict[bytes, Array]) -> tuple[bytes, int]:
    """Return the key of the taps, reversed about their centre when `side` is -1, and a sign."""
    odd = taps if len(taps) % 2 else np.append(taps, 0.0)
    turned = odd[::-1] if side < 0 else odd
    sign = 1
    if side < 0 and np.array_equal(turned, -odd):
        turned, sign = odd, -1
    turned = np.ascontiguousarray(turned) + 0.0  # no negative zeros: equal taps, equal bytes
    key = turned.tobytes()
    known[key] = turned
    return key, sign
