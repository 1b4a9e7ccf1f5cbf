"""Pictures of a cohort that are one picture, or frames of one sweep.

Two pictures are the same when their files or decoded pixels are equal, or when at most 36 of the
256 bits of their perceptual hashes differ, whoever they are said to be of; of cleaned pictures
the nearest of the hashes before and after the cleaning counts. Frames of one patient or series are
one sweep up to 60 bits. On simulated frames, different views of one machine differ in about 100
bits (standard deviation 9), so that 36 is seven standard deviations away; what a new compression,
another brightness or size, a border, or 1 % cut off leave lies below it in nearly all copies, and
up to 3 % cut off each side in about three quarters. For copies that lost more of one side, each
picture is also compared with what the others would look like without 2.5 to 12.5 % of a side: of
360 copies each that lost 3, 5 or 10 % of one side, 100, 95 and 95 % are joined, and none of 32,220
pairs of different views, which differ in 77 bits at least. A picture that was mirrored or turned
by quarters is the same up to 48 bits: different views differ from each other's mirror images in
113 to 131 (standard deviation 8).
`tests/reference/perceptual_hash.csv` has what
was asked for beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "KINDS",
    "SAME_BITS",
    "SWEEP_BITS",
    "TURNED_BITS",
    "Copy",
    "Picture",
    "PictureGroups",
    "cut_pairs",
    "group_pictures",
    "near_hashes",
    "turned_hashes",
]

#: Most bits that differ between looks of one picture, and between frames of one sweep.
SAME_BITS, SWEEP_BITS = 36, 60
#: The same where one is mirrored or turned: those of different frames share less.
TURNED_BITS = 48
BITS, _ALONG = 256, 16
#: How a picture repeats another, the surest first.
KINDS = ("same file", "same pixels", "same picture", "same sweep")
_BLOCK = 1024
IntArray = NDArray[np.intp]


class Picture(NamedTuple):
    """One picture of a cohort.

    Parameters
    ----------
    case, patient : str
    series : str
        Series of frames, "" when not known.
    file, pixels, look : str
        Hashes of the file, of the decoded pixels and of what is seen ("" for none).
    before : str
        Of a cleaned picture, the hash of what was seen before text and graphics were blanked
        ("" for none). Which pixels are taken for text depends on how the file was compressed, so
        that two cleaned copies may look less alike than the screens they are from.
    cuts : tuple of str
        Hashes of what would be seen if a part of one side were cut off.

    Examples
    --------
    >>> Picture("a", "p", "", "f1", "x1", "").patient
    'p'
    """

    case: str
    patient: str
    series: str
    file: str
    pixels: str
    look: str
    before: str = ""
    cuts: tuple[str, ...] = ()

    @property
    def looks(self) -> tuple[str, ...]:
        """Hashes of what is seen, each once."""
        return tuple(dict.fromkeys(filter(None, (self.look, self.before))))


class Copy(NamedTuple):
    """A picture that repeats an earlier one.

    Parameters
    ----------
    picture, of : int
        Positions.
    kind : str
        One of :data:`KINDS`.
    bits : int
        Bits in which the perceptual hashes differ.

    Examples
    --------
    >>> Copy(3, 1, "same pixels", 0).of
    1
    """

    picture: int
    of: int
    kind: str
    bits: int


@dataclass(frozen=True)
class PictureGroups:
    """Groups of pictures that must stay together.

    Parameters
    ----------
    group : tuple of int
        For each picture the position of the first one of its group.
    copies : tuple of Copy
        One for each picture but the first of its group: the link that brought it in.
    """

    group: tuple[int, ...]
    copies: tuple[Copy, ...] = field(default=())

    @property
    def distinct(self) -> int:
        """Number of different pictures, sweeps counted as their frames."""
        return len(self.group) - sum(c.kind != KINDS[-1] for c in self.copies)

    @property
    def count(self) -> int:
        """Number of groups with more than one picture."""
        return len({self.group[c.picture] for c in self.copies})


def near_hashes(looks: Sequence[str], most: int) -> Iterator[tuple[IntArray, IntArray, IntArray]]:
    """Yield pairs (i < j) of hashes that differ in at most `most` bits, and in how many.

    All distances of a block of hashes are one product of matrices of +1 and -1, so that ten
    thousand pictures take seconds.

    Parameters
    ----------
    looks : sequence of str
        64 hexadecimal digits each, none empty.
    most : int

    Examples
    --------
    >>> looks = ["0" * 64, "f" * 64, "0" * 63 + "3"]
    >>> [(i.tolist(), j.tolist(), bits.tolist()) for i, j, bits in near_hashes(looks, 10)]
    [([0], [2], [2])]
    """
    signs = _signs(looks)
    yield from _near(signs, signs, most)


def cut_pairs(
    looks: Sequence[str], cuts: Sequence[str], most: int
) -> Iterator[tuple[IntArray, IntArray, IntArray]]:
    """Yield pairs of a hash and of one of a cut picture that differ in at most `most` bits.

    Parameters
    ----------
    looks, cuts : sequence of str
        64 hexadecimal digits each, none empty.
    most : int

    Yields
    ------
    tuple of ndarray
        Positions in `looks`, positions in `cuts`, and in how many bits they differ.

    Examples
    --------
    >>> pairs = cut_pairs(["0" * 64, "f" * 64], ["0" * 63 + "1"], 36)
    >>> [(i.tolist(), j.tolist(), bits.tolist()) for i, j, bits in pairs]
    [([0], [0], [1])]
    """
    signs = _signs(looks)
    for start in range(0, len(cuts), _BLOCK):
        others = _signs(cuts[start : start + _BLOCK])
        for i, j, bits in _products(signs, others, most):
            yield i, j + start, bits


def turned_hashes(looks: Sequence[str], most: int) -> Iterator[tuple[IntArray, IntArray, IntArray]]:
    """Yield pairs (i < j) of which one is the other mirrored or turned by quarters, with the bits.

    Mirroring a picture turns the signs of every other coefficient of its DCT, along one axis;
    a quarter turn exchanges the axes too. So the hashes of all seven are known from one.

    Parameters
    ----------
    looks, most
        As for :func:`near_hashes`.

    Yields
    ------
    tuple of ndarray
        As :func:`near_hashes`; a pair comes once for each way that is near.

    Examples
    --------
    >>> look = "0123456789abcdef" * 4
    >>> mirrored = f"{int(look, 16) ^ int('5' * 64, 16):064x}"  # every other sign along a row
    >>> [(i.tolist(), j.tolist(), b.tolist()) for i, j, b in turned_hashes([look, mirrored], 9)]
    [([0], [1], [0])]
    """
    signs = _signs(looks)
    odd = np.where(np.arange(_ALONG) % 2, -1, 1).astype(np.float32)
    grids = signs.reshape(-1, _ALONG, _ALONG)
    for axes, down, across in product((False, True), (False, True), (False, True)):
        if not (axes or down or across):
            continue
        turned = grids.swapaxes(1, 2) if axes else grids
        turned = turned * odd[:, None] if down else turned
        turned = turned * odd if across else turned
        yield from _near(signs, np.ascontiguousarray(turned).reshape(signs.shape), most)


def _signs(looks: Sequence[str]) -> NDArray[np.float32]:
    packed = np.frombuffer(bytes.fromhex("".join(looks)), np.uint8).reshape(len(looks), -1)
    return np.unpackbits(packed, axis=1).astype(np.float32) * 2 - 1


def _near(
    signs: NDArray[np.float32], others: NDArray[np.float32], most: int
) -> Iterator[tuple[IntArray, IntArray, IntArray]]:
    for start in range(0, len(signs), _BLOCK):
        for i, j, bits in _products(signs[start : start + _BLOCK], others[start:], most):
            later = j > i
            if later.any():
                yield i[later] + start, j[later] + start, bits[later]


def _products(
    signs: NDArray[np.float32], others: NDArray[np.float32], most: int
) -> Iterator[tuple[IntArray, IntArray, IntArray]]:
    """Yield all pairs of signs that differ in at most `most` bits."""
    for start in range(0, len(signs), _BLOCK):
        # Products of 256 signs are whole numbers, exact in single precision.
        products = signs[start : start + _BLOCK] @ others.T
        i, j = np.nonzero(products >= BITS - 2 * most)
        if len(i):
            yield i + start, j, np.rint((BITS - products[i, j]) / 2).astype(np.intp)


def group_pictures(pictures: Sequence[Picture]) -> PictureGroups:
    """Find the pictures that are one, or of one sweep.

    Parameters
    ----------
    pictures : sequence of Picture

    Returns
    -------
    PictureGroups
        The same whatever the order of equals: a link is the surest kind, then the nearest.

    Examples
    --------
    >>> look, other = "0" * 64, "f" * 32 + "0" * 32
    >>> found = group_pictures([Picture("a", "p", "", "f1", "x1", look),
    ...                         Picture("b", "q", "", "f2", "x1", look),
    ...                         Picture("c", "q", "", "f3", "x3", other)])
    >>> found.group, found.copies[0].kind, found.distinct
    ((0, 0, 2), 'same pixels', 2)
    """
    links: list[tuple[int, int, int, int]] = []  # kind, bits, first, second
    once = _equals(pictures, links)
    shown = [(k, look) for k in once for look in pictures[k].looks]
    looks = [look for _, look in shown]
    upright = ((SAME_BITS, near) for near in near_hashes(looks, SWEEP_BITS)) if looks else ()
    turned = ((TURNED_BITS, near) for near in turned_hashes(looks, TURNED_BITS)) if looks else ()
    for same, (i, j, bits) in chain(upright, turned):
        for a, b, distance in zip(i.tolist(), j.tolist(), bits.tolist(), strict=True):
            first, second = shown[a][0], shown[b][0]
            if first == second:
                continue
            if distance <= same:
                links.append((2, distance, first, second))
            elif _together(pictures[first], pictures[second]):
                links.append((3, distance, first, second))
    links += _cut_links(pictures, shown)
    parent = list(range(len(pictures)))
    copies = []
    for kind, distance, first, second in sorted(links):
        a, b = sorted((_root(parent, first), _root(parent, second)))
        if a != b:
            parent[b] = a
            copies.append(Copy(second, first, KINDS[kind], distance))
    group = tuple(_root(parent, k) for k in range(len(pictures)))
    return PictureGroups(group, tuple(sorted(copies)))


def _cut_links(
    pictures: Sequence[Picture], shown: Sequence[tuple[int, str]]
) -> Iterator[tuple[int, int, int, int]]:
    """Yield links between a picture and one that shows what is left when a side is cut off."""
    whole = [k for k, _ in shown]
    cuts = [(k, cut) for k in dict.fromkeys(whole) for cut in pictures[k].cuts]
    if not cuts:
        return
    near = cut_pairs([look for _, look in shown], [cut for _, cut in cuts], SAME_BITS)
    for i, j, bits in near:
        for a, b, distance in zip(i.tolist(), j.tolist(), bits.tolist(), strict=True):
            first, second = sorted((whole[a], cuts[b][0]))
            if first != second:
                yield 2, distance, first, second


def _equals(pictures: Sequence[Picture], links: list[tuple[int, int, int, int]]) -> list[int]:
    """Link equal files and pixels; return the first picture of each content."""
    of_file: dict[str, int] = {}
    of_pixels: dict[str, int] = {}
    once = []
    for k, picture in enumerate(pictures):
        first = of_file.setdefault(picture.file, k)
        alike = of_pixels.setdefault(picture.pixels, k)
        if first != k:
            links.append((0, 0, first, k))
        elif alike != k:
            links.append((1, 0, alike, k))
        else:
            once.append(k)
    return once


def _together(one: Picture, two: Picture) -> bool:
    return one.patient == two.patient or bool(one.series and one.series == two.series)


def _root(parent: list[int], k: int) -> int:
    while parent[k] != k:
        parent[k] = parent[parent[k]]
        k = parent[k]
    return k
