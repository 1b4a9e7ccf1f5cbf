"""The surface mesh of a region: volume and area from a census of its marching cubes.

A cube joins eight neighbouring voxel centres; which of them lie inside is its case, a number of
eight bits. Triangles of a case have their corners half-way on cube edges, so area and volume
of the whole mesh follow from how often a case occurs and where its cubes lie on average::

    A = sum_c n_c A_c        V = sum_c (n_c v_c + P_c . N_c) / 6

with n_c the number of cubes of case c, P_c the sum of their positions, A_c the area of the
triangles of the case, v_c = sum a . (b x c) and N_c = sum (a x b + b x c + c x a) over them.
The census holds whole numbers, so nothing is lost whatever the size of the region.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.features._numba import kernel

__all__ = ["area_and_volume", "cube_census", "outline", "square_census"]

#: Corners of a cube (z, y, x), in the order of the bits of a case.
_CORNERS = np.array(
    [(0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0), (1, 0, 0), (1, 0, 1), (1, 1, 1), (1, 1, 0)]
)
#: Edges of a cube as pairs of corners; a triangle is three of the digits 0 to b.
_EDGES = (
    *((0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6)),
    *((6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7)),
)
#: Triangles of the cases 0 to 127, outward; a case above is the complement, inward.
_TRIANGLES = """
    - 083 019 193398 12a 08312a 0292a9 2a33a88a9 23b 08228b 01923b 19229b8b9 13a3ba 08118a8ba
    0393b99ba 8b99ba 478 043347 019478 173197479 12a478 04312a347 0292a9478 2a33473a44a9 23b478
    04224b47b 01923b478 19229b4797b9 13a3ba478 04114b1ba47b 0393b94789ba 4797b99ba 495 083495
    014154 153358485 12a495 08312a495 0242a44a5 2a33a848a4a5 23b495 08228b495 01415423b
    15225828b485 13a3ba495 08118a4958ba 0343a43ba4a5 48558a8ba 579789 093357395 018157178 153357
    12a579789 09312a357395 0282a857858a 2a33573a5 23b579789 09229b5797b9 01815717823b 15717227b
    13a3ba579789 05707b0950a10ba 03b0570780a50ba 57a7ba 5a6 0835a6 0195a6 1933985a6 125265
    083125265 026069596 263369398596 23b5a6 08228b5a6 01923b5a6 19229b5a68b9 1353b55b6
    08116518668b 0393b959669b 59669b8b9 4785a6 0433475a6 0194785a6 1731974795a6 125265478
    014154236376 026069478596 269293397479596 23b4785a6 04224b47b5a6 01923b4785a6
    19229b4795a67b9 1353b54785b6 04b0b11b547b5b6 0393b947859669b 47959669b7b9 49669a 08349669a
    0160641a6 1a33a848a4a6 129249264 083129249264 024264 243264348 23b49669a 0292a94686b8
    0160641a623b 14816418b1a61b2 1393b949669b 08114916418b1b6 0360643b6 48668b 67a78a89a
    09336739669a 0181a867868a 1731a767a 129267279789 093129269397679 026068678 263367
    23b67a78a89a 07209727b67a79a 0181a823b67868a 1721a727b67a 1361693b6678689 09167b
    0360683b6678 67b
"""


def _triangles() -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.float64]]:
    """Return the triangles of all cases, the case of each, and its sign."""
    middle = np.array([(_CORNERS[a] + _CORNERS[b]) / 2 for a, b in _EDGES])
    corners, cases = [], []
    triangles = _TRIANGLES.split()
    for case in range(256):
        text = triangles[min(case, 255 - case)].replace("-", "")
        corners += [int(digit, 16) for digit in text]
        cases += [case] * (len(text) // 3)
    of = np.array(cases)
    return middle[corners].reshape(-1, 3, 3), of, np.where(of < 128, 1.0, -1.0)


_CORNERS_OF, _CASE_OF, _SIGN_OF = _triangles()
#: Segments of the cases of a square, anticlockwise, by its edges (top, right, bottom, left).
_SEGMENTS = (
    *("", "30", "01", "31", "12", "1230", "02", "32"),
    *("23", "20", "0123", "21", "13", "10", "03", ""),
)
_SIDES = np.array([(0, 0.5), (0.5, 1), (1, 0.5), (0.5, 0)])


@kernel
def cube_census(mask: Any) -> Any:
    """Count the cubes of each case in a mask with one empty voxel around it.

    Parameters
    ----------
    mask : ndarray of uint8, shape (z, y, x)
        1 inside, 0 outside.

    Returns
    -------
    ndarray of int64, shape (256, 4)
        Number of cubes of a case, and the sums of their positions z, y and x.
    """
    nz, ny, nx = mask.shape
    found = np.zeros((256, 4), np.int64)
    words = (nx + 7) // 8
    cases = np.zeros(words * 8, np.uint8)
    packed = cases.view(np.uint64)
    full = ~np.uint64(0)
    used = np.zeros((nz, ny), np.bool_)
    for z in range(nz):
        for y in range(ny):
            row = mask[z, y]
            seen = np.uint8(0)
            for x in range(nx):
                seen |= row[x]
            used[z, y] = seen != 0
    for z in range(nz - 1):
        for y in range(ny - 1):
            if not (used[z, y] or used[z, y + 1] or used[z + 1, y] or used[z + 1, y + 1]):
                continue
            a = mask[z, y]
            d = mask[z, y + 1]
            e = mask[z + 1, y]
            h = mask[z + 1, y + 1]
            for x in range(nx - 1):
                near = a[x] | (d[x] << 3) | (e[x] << 4) | (h[x] << 7)
                far = (a[x + 1] << 1) | (d[x + 1] << 2) | (e[x + 1] << 5) | (h[x + 1] << 6)
                cases[x] = near | far
            for word in range(words):
                if packed[word] == 0 or packed[word] == full:
                    continue
                for x in range(8 * word, 8 * word + 8):
                    case = cases[x]
                    found[case, 0] += 1
                    found[case, 1] += z
                    found[case, 2] += y
                    found[case, 3] += x
    return found


def area_and_volume(census: NDArray[np.int64], spacing: NDArray[np.float64]) -> tuple[float, float]:
    """Return area and volume of the mesh from :func:`cube_census`.

    Parameters
    ----------
    census : ndarray
        The census.
    spacing : ndarray
        Spacing along z, y, x.

    Examples
    --------
    >>> mask = np.zeros((3, 3, 3), np.uint8)
    >>> mask[1, 1, 1] = 1
    >>> area, volume = area_and_volume(cube_census(mask), np.ones(3))
    >>> round(area, 6), round(volume, 6)
    (1.732051, 0.166667)
    """
    areas, volumes, normals = _measures(tuple(spacing.tolist()))
    number = census[_CASE_OF, 0]
    position = census[_CASE_OF, 1:] * spacing
    area = np.sum(number * areas) / 2
    local = number * volumes
    moved = np.sum(position * normals, axis=1)
    return float(area), float(np.sum(_SIGN_OF * (local + moved)) / 6)


@lru_cache(maxsize=16)
def _measures(spacing: tuple[float, ...]) -> tuple[NDArray[np.float64], ...]:
    """Return twice the area of the triangles, a . (b x c), and a x b + b x c + c x a."""
    a, b, c = np.moveaxis(_CORNERS_OF * np.array(spacing), 1, 0)
    ab = np.cross(a, b)
    areas = np.asarray(np.linalg.norm(np.cross(a - c, b - c), axis=1))
    return areas, np.sum(ab * c, axis=1), ab + np.cross(b, c) + np.cross(c, a)


@kernel
def square_census(mask: Any) -> Any:
    """Count the squares of each case in a 2-D mask with one empty pixel around it.

    Returns
    -------
    ndarray of int64, shape (16, 3)
        Number of squares of a case, and the sums of their positions y and x.
    """
    ny, nx = mask.shape
    found = np.zeros((16, 3), np.int64)
    for y in range(ny - 1):
        for x in range(nx - 1):
            case = mask[y, x] + 2 * mask[y, x + 1] + 4 * mask[y + 1, x + 1] + 8 * mask[y + 1, x]
            found[case, 0] += 1
            found[case, 1] += y
            found[case, 2] += x
    return found


def outline(census: NDArray[np.int64], spacing: NDArray[np.float64]) -> tuple[float, float]:
    """Return perimeter and area of the outline from :func:`square_census`.

    Examples
    --------
    >>> mask = np.zeros((3, 3), np.uint8)
    >>> mask[1, 1] = 1
    >>> perimeter, area = outline(square_census(mask), np.ones(2))
    >>> round(perimeter, 6), area
    (2.828427, 0.5)
    """
    perimeter = area = 0.0
    for case in range(1, 15):
        number = int(census[case, 0])
        ends = _SIDES[[int(digit) for digit in _SEGMENTS[case]]].reshape(-1, 2, 2) * spacing
        for a, b in ends:
            perimeter += number * float(np.hypot(*(a - b)))
            y, x = (float(s) for s in census[case, 1:] * spacing)
            area += number * (a[0] * b[1] - b[0] * a[1]) + y * (b[1] - a[1]) - x * (b[0] - a[0])
    return perimeter, float(area) / 2
