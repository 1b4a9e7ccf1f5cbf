"""Labels without what lies under artefacts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from radiofib.slides.reader import Grid
from radiofib.slides.segmentation import Segmentation

__all__ = ["without_hidden"]

Bools = NDArray[np.bool_]
Labels = NDArray[np.uint8]

#: Rows of the tissue grid worked on at once.
_ROWS = 128


def without_hidden(found: Segmentation, hidden: Bools, grid: Grid) -> Segmentation:
    """Return labels that are background wherever a mask is true.

    Parameters
    ----------
    found : Segmentation
        The labels; they are not changed. Of a file mapped into memory only what differs is
        copied.
    hidden : ndarray of bool
        Artefacts, on the tissue grid.
    grid : Grid
        The tissue grid.

    Examples
    --------
    >>> from radiofib.slides.segmentation import SlideClass
    >>> classes = (SlideClass("glass", (0, 0, 0), "background"),
    ...            SlideClass("lobule", (9, 9, 9), "lobule"))
    >>> fine = Grid(4, 2, 4, 4, 4.0, 4.0)
    >>> labels = Segmentation(np.ones((2, 4), np.uint8), fine, classes, "model", "m")
    >>> hidden = np.array([[False, True]])
    >>> without_hidden(labels, hidden, Grid(2, 1, 8, 8, 8.0, 8.0)).labels.tolist()
    [[1, 1, 0, 0], [1, 1, 0, 0]]
    """
    labels = found.labels
    rows = _places(found.grid.height, found.grid.step_y / grid.step_y, grid.height)
    columns = _places(found.grid.width, found.grid.step_x / grid.step_x, grid.width)
    for box in _boxes(hidden):
        down, right = (
            slice(*np.searchsorted(axis, (part.start, part.stop)))
            for axis, part in zip((rows, columns), box, strict=True)
        )
        under = hidden[np.ix_(rows[down], columns[right])] & (labels[down, right] > 0)
        if not under.any():
            continue
        if labels is found.labels:
            labels = _own(labels)
        labels[down, right][under] = 0
    return found if labels is found.labels else replace(found, labels=labels)


def _places(count: int, scale: float, length: int) -> NDArray[np.int64]:
    """Return the cell of the tissue grid that each row or column of the labels lies in."""
    return ((np.arange(count) + 0.5) * scale).astype(np.int64).clip(0, length - 1)


def _boxes(hidden: Bools) -> Iterator[tuple[slice, slice]]:
    pieces, _ = ndi.label(hidden)
    for rows, columns in ndi.find_objects(pieces):
        for top in range(rows.start, rows.stop, _ROWS):
            yield slice(top, min(top + _ROWS, rows.stop)), columns


def _own(labels: Labels) -> Labels:
    """Return labels that may be written to without changing the given ones."""
    if isinstance(labels, np.memmap) and labels.filename is not None:
        copied: Labels = np.memmap(
            labels.filename, dtype=np.uint8, mode="c", offset=labels.offset, shape=labels.shape
        )
        return copied
    return np.array(labels)
