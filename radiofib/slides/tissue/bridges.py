"""Tissue that ink, dust and rims of bubbles hide: a core goes on in its own direction."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.morphology import convex_hull_image

__all__ = ["continuations", "hidden_tissue"]

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
#: Least and most width of a core's end beyond what hides it, in widths of the core before it.
_END_WIDTHS = (0.5, 1.25)


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
        around = _around(places[number - 1])
        found[around] |= _under(labels[around] == number, tissue[around])
    return found


def continuations(tissue: Bools, doubtful: Bools, hidden: Bools) -> Bools:
    """Return the doubtful pieces with which a core goes on beyond what hides it.

    Parameters
    ----------
    tissue : ndarray of bool
        Visible tissue.
    doubtful : ndarray of bool
        Pieces beside hidden places: the end of a core, or a shadow or smear on glass.
    hidden : ndarray of bool
        What hides what is under it.

    Notes
    -----
    The end of a core lies in the direction of the core, is about as wide, and no glass is seen
    between the two. A shadow follows the outline of what throws it.

    Examples
    --------
    >>> seen = np.zeros((24, 60), dtype=bool)
    >>> seen[8:16, :45] = True
    >>> bubble = np.zeros_like(seen)
    >>> bubble[2:22, 20:40] = True
    >>> shadow = np.zeros_like(seen)
    >>> shadow[2:22, 40:43] = True
    >>> core, end = seen & ~bubble, seen & ~bubble
    >>> core[:, 40:], end[:, :20] = False, False
    >>> bool((continuations(core, end, bubble) == end).all())
    True
    >>> int(continuations(core, shadow, bubble).sum())
    0
    """
    found = np.zeros_like(tissue)
    if not doubtful.any():
        return found
    pieces, _ = ndi.label(doubtful)
    near = ndi.binary_dilation(doubtful, _EIGHT)
    labels, _ = ndi.label(hidden & ~tissue, structure=_EIGHT)
    places = ndi.find_objects(labels)
    for number in sorted(set(np.unique(labels[near])) - {0}):
        around = _around(places[number - 1])
        piece, seen, small = labels[around] == number, tissue[around], pieces[around]
        cores = [core for core in _contacts(piece, seen) if core.axis is not None]
        for end in _contacts(piece, small > 0) if cores else []:
            whole = small == small[end.mask][0]
            if any(_goes_on(core, end, whole, piece, seen) for core in cores):
                found[around] |= whole
    return found


def _goes_on(core: _Contact, end: _Contact, whole: Bools, piece: Bools, tissue: Bools) -> bool:
    if core.axis is None or not _run_together(core, end):
        return False
    across = np.array([-core.axis[1], core.axis[0]])
    before, beyond = (np.argwhere(mask) @ across for mask in (core.mask, whole))
    width, own = float(np.ptp(before)) + 1, float(np.ptp(beyond)) + 1
    slack = (_END_WIDTHS[1] - 1) * width
    inside = before.min() - slack <= beyond.min() and beyond.max() <= before.max() + slack
    if not inside or not _END_WIDTHS[0] * width <= own <= _END_WIDTHS[1] * width:
        return False
    between = convex_hull_image(core.mask | end.mask) & ~tissue & ~whole
    return bool((between & ~piece).sum() <= _MOST_GLASS * between.sum())


def _around(place: tuple[slice, ...]) -> tuple[slice, ...]:
    margin = int(_REACH * sum(s.stop - s.start for s in place)) + 2
    return tuple(slice(max(s.start - margin, 0), s.stop + margin) for s in place)


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
