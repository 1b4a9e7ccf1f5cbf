"""Tissue that ink, dust and rims of bubbles hide: a core goes on in its own direction."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.morphology import convex_hull_image

__all__ = ["hidden_tissue"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

_EIGHT = np.ones((3, 3), dtype=bool)
#: Smaller contacts say nothing of a direction.
_LEAST_CELLS = 3
#: A core is looked at over so many times the length of its contact.
_REACH = 2.0
#: Least cosine between a core and the way across what hides it.
_ALONG = 0.7
#: Most of the way between two contacts that may be seen to be glass.
_MOST_GLASS = 0.2


@dataclass(frozen=True, eq=False)
class _Contact:
    """Where visible tissue meets what hides the rest, in cells.

    `axis` is the direction of the tissue there, None where there is too little of it to say.
    """

    mask: Bools
    middle: Floats
    axis: Floats | None


def hidden_tissue(tissue: Bools, hidden: Bools) -> Bools:
    """Return what of hidden places is tissue, by the visible tissue around them.

    Parameters
    ----------
    tissue : ndarray of bool
        Visible tissue.
    hidden : ndarray of bool
        What hides what is under it.

    Notes
    -----
    A hidden place is tissue inside the convex hull of where it meets one stretch of tissue (a
    speck within tissue, a mark on its edge), and inside that of two stretches that it parts: both
    must run towards each other, and what lies between must not be seen to be glass. A stroke
    across two cores so joins each of them with itself, nearest first, and never one with the
    other; nor does a mark that covers the edges of two cores beside each other.

    Examples
    --------
    >>> seen = np.zeros((14, 60), dtype=bool)
    >>> seen[1:6] = seen[8:13] = True
    >>> ink = np.zeros_like(seen)
    >>> ink[:, 20:32] = True
    >>> found = hidden_tissue(seen & ~ink, ink)
    >>> bool((found == (seen & ink)).all())
    True
    """
    found = np.zeros_like(tissue)
    labels, _ = ndi.label(hidden & ~tissue, structure=_EIGHT)
    touched = set(np.unique(labels[ndi.binary_dilation(tissue, _EIGHT)])) - {0}
    places = ndi.find_objects(labels)
    for number in sorted(touched):
        place = places[number - 1]
        margin = int(_REACH * sum(s.stop - s.start for s in place)) + 2
        around = tuple(slice(max(s.start - margin, 0), s.stop + margin) for s in place)
        found[around] |= _under(labels[around] == number, tissue[around])
    return found


def _under(piece: Bools, tissue: Bools) -> Bools:
    contacts = _contacts(piece, tissue)
    under = np.zeros_like(piece)
    for one in contacts:
        under |= convex_hull_image(one.mask) & piece
    ways = sorted(
        (float(np.hypot(*(b.middle - a.middle))), i, j)
        for (i, a), (j, b) in combinations(enumerate(contacts), 2)
    )
    free = set(range(len(contacts)))
    for _, i, j in ways:
        if {i, j} <= free and _run_together(contacts[i], contacts[j]):
            between = convex_hull_image(contacts[i].mask | contacts[j].mask) & ~tissue
            if (between & ~piece).sum() <= _MOST_GLASS * between.sum():
                under |= between & piece
                free -= {i, j}
    return under


def _contacts(piece: Bools, tissue: Bools) -> list[_Contact]:
    rim = tissue & ndi.binary_dilation(piece, _EIGHT)
    # A vacuole at the edge does not make two contacts of one.
    labels, _ = ndi.label(ndi.binary_dilation(rim, _EIGHT) & (rim | tissue), structure=_EIGHT)
    pieces, _ = ndi.label(tissue)
    found = []
    for number in range(1, int(labels.max(initial=0)) + 1):
        mask = rim & (labels == number)
        cells = np.argwhere(mask)
        if len(cells) < _LEAST_CELLS:
            continue
        middle = cells.mean(axis=0)
        extent = 1.0 + float(np.hypot(*np.ptp(cells, axis=0)))
        rows, columns = np.nonzero(pieces == pieces[tuple(cells[0])])
        flesh = np.column_stack([rows, columns]) - middle
        flesh = flesh[np.hypot(*flesh.T) <= _REACH * extent]
        axis = None
        if len(flesh) >= extent**2:
            axis = np.linalg.eigh(np.cov(flesh.T))[1][:, 1]
        found.append(_Contact(mask, middle, axis))
    return found


def _run_together(one: _Contact, other: _Contact) -> bool:
    """Tell whether tissue at both contacts runs along the way between them."""
    way = other.middle - one.middle
    way = way / max(float(np.hypot(*way)), 1e-9)
    axes = [c.axis for c in (one, other) if c.axis is not None]
    return bool(axes) and all(abs(float(axis @ way)) >= _ALONG for axis in axes)
