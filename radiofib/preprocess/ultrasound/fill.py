"""What stands in the place of blanked graphics: echo from beside it, at the same depth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

__all__ = ["fill_blanked"]

_EIGHT = np.ones((3, 3), dtype=bool)
#: The soft border of a letter reaches so many pixels into what is kept.
_SOFT = 2


def fill_blanked(
    pixels: NDArray[np.generic], valid: NDArray[np.bool_], inside: NDArray[np.bool_]
) -> NDArray[np.generic]:
    """Fill what was blanked inside an image with echo from beside it.

    A black hole where a caliper was tells a network, or a filter near it, that someone measured
    there; a piece of the same speckle does not. Each hole is filled with the pixels at the least
    distance along the rows, left or right, at which all of them show echo; where there is no such
    place, each of its pixels with the nearest echo.

    Parameters
    ----------
    pixels : ndarray, shape (y, x)
        Greys.
    valid : ndarray of bool, shape (y, x)
        What shows echo. It stays as it is.
    inside : ndarray of bool, shape (y, x)
        The image on the screen; nothing is filled beyond it.

    Returns
    -------
    ndarray
        Of the type of `pixels`. Regions and masks leave filled pixels out as before: they are no
        echo of that place.

    Examples
    --------
    >>> pixels = np.tile(np.arange(1, 21), (9, 1))
    >>> valid = np.ones(pixels.shape, bool)
    >>> valid[4, 9:11] = False
    >>> filled = fill_blanked(np.where(valid, pixels, 0), valid, np.ones(valid.shape, bool))
    >>> filled[4, 8:12].tolist()
    [9, 14, 15, 12]
    """
    filled = pixels.copy()
    # Without a border of its own: what is cut by the picture's edge is as good as any.
    echo = ndi.binary_erosion(valid, _EIGHT, iterations=_SOFT, border_value=1)
    labels, _ = ndi.label(inside & ~valid, structure=_EIGHT)
    if not labels.any() or not echo.any():
        return filled
    nearest: NDArray[np.intp] | None = None
    for number, place in enumerate(ndi.find_objects(labels), start=1):
        rows, columns = np.nonzero(labels[place] == number)
        rows, columns = rows + place[0].start, columns + place[1].start
        shift = _free_shift(echo, rows, columns)
        if shift:
            filled[rows, columns] = pixels[rows, columns + shift]
            continue
        if nearest is None:
            nearest = ndi.distance_transform_edt(~echo, return_distances=False, return_indices=True)
        filled[rows, columns] = pixels[tuple(nearest[:, rows, columns])]
    return filled


def _free_shift(echo: NDArray[np.bool_], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> int:
    """Return the least shift along the rows that lays a hole on echo alone, 0 where none does."""
    width = echo.shape[1]
    for distance in range(1, width):
        for shift in (distance, -distance):
            there = columns + shift
            if there.min() >= 0 and there.max() < width and echo[rows, there].all():
                return shift
    return 0
