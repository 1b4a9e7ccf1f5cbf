"""Shape of a core along its centre line, and how alike two are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from scipy.spatial import cKDTree

from radiofib.slides.tissue.centreline import centre_line
from radiofib.slides.tissue.level_pattern import STEP_UM, Pattern, stain_pattern

__all__ = ["Profile", "core_profile", "likeness", "without_line"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Beyond what their lengths differ by, cuts of one core are shifted by at most this share.
_SHIFT = 0.02
#: Shorter profiles say nothing about shape.
_STATIONS = 40
#: Bends that differ by less than this share of the width are the same.
_STRAIGHT = 0.05
#: Strong bends are the same from this correlation on.
_BENT = 0.97
#: The course of a line at a cell is taken over about this many.
_COURSE = 6.0
#: Different cores seldom share a strong bend: one that agrees adds this much.
_BONUS = 0.15


@dataclass(frozen=True, eq=False)
class Profile:
    """Shape of one piece of tissue along its centre line.

    Parameters
    ----------
    length_um, area_um2 : float
        Size; the length of a piece without a centre line is that of its longer side.
    centre : tuple of float
        Middle x and y, um.
    width : ndarray
        Width at stations :data:`STEP_UM` apart, um; empty without a centre line.
    bend : ndarray
        Signed distance of the stations from the straight line that fits them best, um.
    pattern : Pattern, optional
        What lies inside, where the picture was looked at.
    """

    length_um: float
    area_um2: float
    centre: tuple[float, float]
    width: Floats
    bend: Floats
    pattern: Pattern | None = None


def core_profile(
    mask: Bools,
    um: tuple[float, float],
    *,
    corner: tuple[int, int] = (0, 0),
    widest_um: float,
    stain: Floats | None = None,
) -> Profile:
    """Measure the shape of one piece.

    The width at a station is the area of the cells around it, over the distance between
    stations; a cell between two stations is shared by them.

    Parameters
    ----------
    mask : ndarray of bool
        The piece.
    um : tuple of float
        Width and height of a cell, um.
    corner : tuple of int
        Row and column of the mask's corner on the slide.
    widest_um : float
        Pieces in which a wider circle fits have no centre line.
    stain : ndarray of shape (n, 2), optional
        Stain of the pixels of the piece, in their order, for its pattern.

    Examples
    --------
    >>> shape = core_profile(np.ones((20, 300), dtype=bool), (8.0, 8.0), widest_um=2500)
    >>> bool(np.abs(shape.width[1:-1] - 160).max() < 2), bool(np.abs(shape.bend).max() < 8)
    (True, True)
    """
    y, x = np.nonzero(mask)
    places = np.column_stack([(x + 0.5) * um[0], (y + 0.5) * um[1]])
    middle = places.mean(axis=0) + np.array(corner[::-1]) * um
    centre = (float(middle[0]), float(middle[1]))
    area = len(places) * um[0] * um[1]
    line = centre_line(mask, um, widest_um=widest_um)
    path = np.empty((0, 2)) if line is None else line.path_um
    length = float(np.ptp(places, axis=0).max()) if line is None else line.length_um
    if len(path) < 3 or length < 2 * STEP_UM:
        return Profile(length, area, centre, np.empty(0), np.empty(0))
    if (path[-1] - path[0])[np.argmax(np.abs(path[-1] - path[0]))] < 0:
        path = path[::-1]  # cores that lie the same way are read the same way
    line_places = _points_along(path, min(um))  # the path has long straight ends
    nearest = cKDTree(line_places).query(places)[1]
    where = nearest * min(um) / STEP_UM
    stations = _points_along(path, STEP_UM, first=STEP_UM / 2)
    pattern = None
    if stain is not None:
        pattern = stain_pattern(
            stain,
            where,
            _across(places, line_places, nearest),
            count=len(stations),
            width_um=area / length,
            cell_um2=um[0] * um[1],
        )
    # Shared between two stations: whole cells in whole steps would make the width jump.
    where -= 0.5
    below = np.floor(where).astype(np.int64)
    size = len(stations) + 2
    cells = np.bincount((below + 1).clip(0, size - 1), below + 1 - where, minlength=size)
    cells += np.bincount((below + 2).clip(0, size - 1), where - below, minlength=size)
    width = cells[1:-1] * um[0] * um[1] / STEP_UM
    axis = stations[-1] - stations[0]
    normal = np.array([-axis[1], axis[0]]) / max(float(np.hypot(*axis)), 1e-9)
    bend: Floats = np.asarray((stations - stations[0]) @ normal, dtype=np.float64)
    shape: Floats = np.asarray(width, dtype=np.float64)
    return Profile(length, area, centre, shape, without_line(bend), pattern)


def _points_along(path: Floats, step: float, *, first: float = 0.0) -> Floats:
    along = np.r_[0.0, np.cumsum(np.hypot(*np.diff(path, axis=0).T))]
    at = np.arange(first, along[-1], step)
    return np.column_stack([np.interp(at, along, path[:, k]) for k in (0, 1)])


def _across(places: Floats, line: Floats, nearest: NDArray[np.int64]) -> Floats:
    """Return the signed distance of places from a line."""
    course = np.gradient(ndi.gaussian_filter1d(line, _COURSE, axis=0), axis=0)
    course /= np.maximum(np.hypot(*course.T), 1e-9)[:, None]
    from_line, along = places - line[nearest], course[nearest]
    distance: Floats = along[:, 0] * from_line[:, 1] - along[:, 1] * from_line[:, 0]
    return distance


def without_line(values: Floats) -> Floats:
    """Take the best straight line away.

    Examples
    --------
    >>> (without_line(np.array([1.0, 2.0, 3.0])).round(9) + 0.0).tolist()
    [0.0, 0.0, 0.0]
    """
    at = np.arange(len(values), dtype=np.float64)
    at -= at.mean()
    centred = values - values.mean()
    fitted: Floats = centred - at * ((at * centred).sum() / max(float((at**2).sum()), 1e-12))
    return fitted


def likeness(first: Profile, second: Profile, *, min_ratio: float = 0.9) -> float:
    """Tell how alike the shapes of two pieces are, from 0 to 1.

    Parameters
    ----------
    first, second : Profile
        The pieces.
    min_ratio : float
        Least ratio of lengths and of areas; below it the likeness is 0.

    Returns
    -------
    float
        The correlation of the width along the core at the best shift and in the better direction,
        where the bends agree: they differ (root mean square) by at most 5 % of the width, or
        correlate by 0.97. A strong bend (beyond 10 % of the width) that agrees adds 0.15. 0
        elsewhere, and where a piece is too short to have a shape of its own.

    Notes
    -----
    Cores of one needle have the same width and nearly the same length, so size tells little. How
    the outline swells and narrows, and how the core bends, is the same in neighbouring cuts of a
    core, and by chance in different ones. A cut turned round on the glass reads its profile from
    the other end, and bends to the other side.

    Examples
    --------
    >>> wave = np.sin(np.linspace(0, 20, 60))
    >>> one = Profile(3000, 1.2e6, (0, 0), 400 + 20 * wave, 60 * wave)
    >>> turned = Profile(3000, 1.2e6, (0, 900), (400 + 20 * wave)[::-1], (-60 * wave)[::-1])
    >>> other = Profile(3000, 1.2e6, (0, 900), 400 + 20 * np.cos(wave * 9), 60 * wave)
    >>> round(likeness(one, turned), 3), likeness(one, other) < 0.4
    (1.0, True)
    """
    if min(len(first.width), len(second.width)) < _STATIONS:
        return 0.0
    for a, b in ((first.length_um, second.length_um), (first.area_um2, second.area_um2)):
        if min(a, b) < min_ratio * max(a, b):
            return 0.0
    # What one cut has lost at its ends, it lacks on one side, the other, or both.
    longer = len(first.width) - len(second.width)
    spare = round(_SHIFT * len(first.width))
    least, most = min(0, longer) - spare, max(0, longer) + spare
    best = 0.0
    for width, bend in ((second.width, second.bend), (second.width[::-1], -second.bend[::-1])):
        for shift in range(least, most + 1):
            best = max(best, _agreement(first, width, bend, shift))
    return best


def _agreement(first: Profile, width: Floats, bend: Floats, shift: int) -> float:
    start, stop = max(0, shift), min(len(first.width), len(width) + shift)
    # The ends are rounded off in every core.
    typical = float(np.median(first.width))
    trim = max(2, round(typical / STEP_UM))
    start, stop = start + trim, stop - trim
    if stop - start < _STATIONS // 2 or stop - start < 0.6 * len(first.width):
        return 0.0
    here, there = slice(start, stop), slice(start - shift, stop - shift)
    one, two = without_line(first.bend[here]), without_line(bend[there])
    bends = _correlation(one, two)
    if _rms(one - two) > _STRAIGHT * typical and bends < _BENT:
        return 0.0
    widths = _correlation(without_line(first.width[here]), without_line(width[there]))
    told_by_bend = bends >= _BENT and min(_rms(one), _rms(two)) > 2 * _STRAIGHT * typical
    return min(1.0, widths + _BONUS) if told_by_bend and widths > 0 else widths


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _correlation(one: Floats, two: Floats) -> float:
    norm = float(np.sqrt((one**2).sum() * (two**2).sum()))
    return float((one * two).sum()) / norm if norm > 0 else 0.0
