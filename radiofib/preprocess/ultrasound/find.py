"""Finding the ultrasound image on a screen by what is there: a fan, a rectangle, or two of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize

from radiofib.preprocess.ultrasound.gaps import cut_at_gaps
from radiofib.preprocess.ultrasound.geometry import Fan, Frame, Quad, WholePicture, dice

__all__ = ["Found", "find_images", "screen_level"]

#: Longest side of the picture that shapes are fitted on.
_LONGEST = 512
#: Greys that a lossy file may stray from a level screen.
_LOSSY = 10.0
#: What is fainter than this share of what lies within so many pixels is its ringing: a lossy file
#: spreads a hard edge over blocks of eight pixels.
_RINGING, _BLOCK = 0.15, 12
#: Share of the frame of the picture that must be of one grey for a screen to be there.
_LEVEL_SHARE = 0.3
#: Median step between neighbours along the frame of a picture that is all tissue, at least.
_GRAIN = 1.5
#: A shape must cover what was found at least this well (Dice).
GOOD_FIT = 0.9
#: A letter differs from the screen by at least this many greys.
_LETTER = 90.0
#: Cost of a dark pixel inside the shape against a lit one outside.
_DARK_INSIDE = 0.6
#: A trapezoid, which few machines show, must fit better than a fan by this cost.
_RARE = 0.02
#: The rectangle of rows and columns that are mostly lit is taken where it costs so little more.
_UPRIGHT = 0.004


@dataclass(frozen=True)
class Found:
    """One image on the screen.

    Parameters
    ----------
    frame : Fan or Quad
        Its shape.
    fit : float
        Dice of the shape with the lit pixels it was fitted to.
    """

    frame: Frame
    fit: float


def screen_level(grey: NDArray[np.float64]) -> float | None:
    """Return the grey of the screen around the image, None when there is no screen.

    It is the commonest grey of the outermost three pixels, when it holds at least 30 % of them
    within two grey levels: speckle is never so even.

    Parameters
    ----------
    grey : ndarray of shape (y, x)
        0 to 255.

    Examples
    --------
    >>> picture = np.zeros((40, 40)); picture[8:30, 8:30] = 90
    >>> screen_level(picture)
    0.0
    >>> screen_level(np.random.default_rng(0).normal(90, 25, (40, 40))) is None
    True
    """
    ring = _ring(grey.shape)
    values = np.rint(np.clip(grey[ring], 0, 255)).astype(np.intp)
    counts = np.bincount(values, minlength=256)
    level = int(counts.argmax())
    share = counts[max(level - 2, 0) : level + 3].sum() / values.size
    return float(level) if share >= _LEVEL_SHARE else None


def _grainy(grey: NDArray[np.float64]) -> bool:
    """Tell speckle along the frame of the picture from a screen that is shaded."""
    lines = (grey[1], grey[-2], grey[:, 1], grey[:, -2])
    steps = np.concatenate([np.abs(np.diff(line)) for line in lines])
    return float(np.median(steps)) >= _GRAIN


def _ring(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    ring = np.ones(shape, dtype=bool)
    ring[3:-3, 3:-3] = False
    return ring


def lit_pixels(
    grey: NDArray[np.float64], level: float, *, faint: bool = False
) -> NDArray[np.bool_]:
    """Return what differs from the screen, without letters and the like.

    Any difference counts where the screen is perfectly even, else more than 10 levels: a lossy
    file strays. It strays most around a hard edge: what is faint beside something bright does not
    count, unless `faint` is asked for. What is lower than 7 % of the screen, connected to nothing
    taller, and stands out by 90 levels somewhere is a letter, a tick or a small sign.
    """
    away = np.abs(grey - level)
    near = away[_ring(grey.shape) & (away <= _LOSSY)]
    even = near.size > 0 and float((near < 0.5).mean()) >= 0.98
    lit = away > (0.5 if even else _LOSSY)
    if not faint:
        lit &= ~_ringing(away)
    labels, count = ndimage.label(away > _LOSSY, np.ones((3, 3)))
    if not count:
        return np.asarray(lit)
    places = ndimage.find_objects(labels)
    low = np.array([place[0].stop - place[0].start for place in places])
    low = low <= thin_side(grey.shape)
    strong = ndimage.maximum(away, labels, np.arange(1, count + 1)) >= _LETTER
    kind = np.concatenate([[False], low & strong])
    tall = np.concatenate([[False], ~low])[labels]
    letters = ndimage.maximum_filter(kind[labels].astype(np.uint8), 9) > 0
    return np.asarray(lit & (~letters | tall))


def _ringing(away: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return what is faint beside something bright, as compression leaves it around an edge."""
    nearby = ndimage.maximum_filter(ndimage.uniform_filter(away, 5), 2 * _BLOCK + 1)
    here = np.minimum(away, ndimage.uniform_filter(away, 3))
    return np.asarray(here <= _RINGING * nearby)


def thin_side(shape: tuple[int, ...]) -> int:
    """Return the height in pixels that lines of text, bars and rulers do not reach."""
    return max(3, round(0.07 * min(shape)))


def find_images(grey: NDArray[np.float64]) -> list[Found]:
    """Find the images on a screen, left to right.

    What differs from the screen, letters left out, is closed over gaps of the speckle, and what
    is thinner than 7 % of the screen (bars, rulers) is dropped. A sector (six numbers) and a
    quadrilateral with level top and bottom (six numbers) are fitted to the rest by minimising
    ``lit pixels outside + 0.6 x dark pixels inside``; the better one is taken. Parts that are
    not connected are one image when one shape fits them and they meet somewhere, else panels.

    Parameters
    ----------
    grey : ndarray of shape (y, x)
        0 to 255, text and all.

    Returns
    -------
    list of Found
        Empty when nothing on the screen looks like an ultrasound image, or when the screen is
        shaded, so that names on it could not be told from tissue. A picture without any even
        screen, with speckle up to its borders, is taken whole.

    Examples
    --------
    >>> screen = np.zeros((120, 160))
    >>> shape = Quad(20.0, 109.0, 40.0, 119.0, 40.0, 119.0).mask(screen.shape)
    >>> screen[shape] = np.random.default_rng(0).uniform(20, 120, shape.sum())
    >>> [found] = find_images(screen)
    >>> found.frame.kind, dice(found.frame.mask(screen.shape), shape) > 0.99
    ('linear', True)
    """
    if not np.ptp(grey):
        return []  # one grey: nothing to look for, however large the picture is
    level = screen_level(grey)
    if level is None and not _grainy(grey):
        return []  # a shaded screen: what lies on it cannot be told from it
    if level is None:
        return [Found(WholePicture.of(_flat(grey.shape)), 1.0)]
    away = np.abs(grey - level)
    # A dark image beside bright lines may be all faint: it is looked for again with what is.
    return _panels(lit_pixels(grey, level), away) or _panels(
        lit_pixels(grey, level, faint=True), away
    )


def _panels(lit: NDArray[np.bool_], away: NDArray[np.float64]) -> list[Found]:
    """Find the images among what is lit, cut where gaps run through it."""
    if lit.mean() <= 0.97:
        pieces = cut_at_gaps(lit, away, least=thin_side(lit.shape))
        if len(pieces) > 1:
            found = [_on_screen(piece) for piece in pieces]
            if all(found):
                return sorted((one for each in found for one in each), key=_left_end)
    return _on_screen(lit)


def _on_screen(lit: NDArray[np.bool_]) -> list[Found]:
    """Find the images among what is lit."""
    if lit.mean() > 0.97:
        return [Found(WholePicture.of(_flat(lit.shape)), 1.0)]
    zoom = -(-max(lit.shape) // _LONGEST)
    small = _shrunk(lit, zoom)
    closed = _closed(small)
    parts = _thick_parts(closed)
    if not parts:
        return []
    whole = _fit(np.logical_or.reduce(parts))
    if len(parts) > 1 and (whole.fit < GOOD_FIT or not _joined(small, parts)):
        panels = [_fit(part) for part in parts]
        if min(p.fit for p in panels) >= GOOD_FIT:
            return sorted((Found(p.frame.moved(0, 0, zoom), p.fit) for p in panels), key=_left_end)
    if whole.fit < GOOD_FIT:
        return []
    return [Found(whole.frame.moved(0, 0, zoom), whole.fit)]


def _left_end(found: Found) -> float:
    frame = found.frame
    return frame.apex_x if isinstance(frame, Fan) else frame.top_left


def _flat(shape: tuple[int, ...]) -> tuple[int, int]:
    return shape[0], shape[1]


def _shrunk(lit: NDArray[np.bool_], zoom: int) -> NDArray[np.bool_]:
    """Reduce by a whole number: a block counts when more than a third of it is lit."""
    if zoom == 1:
        return lit
    rows, columns = (-(-n // zoom) * zoom for n in lit.shape)
    padded = np.pad(lit, ((0, rows - lit.shape[0]), (0, columns - lit.shape[1])))
    blocks = padded.reshape(rows // zoom, zoom, columns // zoom, zoom)
    return np.asarray(blocks.mean(axis=(1, 3)) > 1 / 3)


def _closed(lit: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Close gaps of the speckle, without growing outwards."""
    size = max(3, min(lit.shape) // 50 * 2 + 1)
    padded = np.pad(lit, size).astype(np.uint8)
    grown = ndimage.maximum_filter(padded, size)
    shut = ndimage.minimum_filter(grown, size)[size:-size, size:-size]
    return np.asarray(shut > 0)


def _thick_parts(closed: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Return the large connected parts of what is left without thin things."""
    size = thin_side(closed.shape)
    padded = np.pad(closed, size, mode="edge").astype(np.uint8)  # a cut fan is not thin
    core = ndimage.maximum_filter(ndimage.minimum_filter(padded, size), size)
    core = core[size:-size, size:-size] > 0
    labels, count = ndimage.label(core)
    if not count:
        return []
    areas = np.bincount(labels.ravel())[1:]
    large = [i + 1 for i in np.argsort(-areas, kind="stable")[:3] if areas[i] >= 0.3 * areas.max()]
    if areas.max() < 0.02 * closed.size:
        return []
    parts = []
    for label in large:
        around = ndimage.maximum_filter((labels == label).astype(np.uint8), size) > 0
        parts.append(np.asarray(closed & around))
    return parts


def _joined(lit: NDArray[np.bool_], parts: list[NDArray[np.bool_]]) -> bool:
    """Tell whether parts meet in the picture, as the near field joins what a shadow divides."""
    labels, _ = ndimage.label(ndimage.maximum_filter(lit.astype(np.uint8), 3))
    main = [int(np.bincount(labels[part]).argmax()) for part in parts]
    return len(set(main)) == 1


def _fit(part: NDArray[np.bool_]) -> Found:
    """Fit both shapes to one part and return the better one."""
    starts: list[Frame] = [*_fan_starts(part), _quad_start(part)]
    found = [_refined(part, start) for start in starts]
    _, frame = min(found, key=lambda f: f[0] + _RARE * (f[1].kind == "trapezoid"))
    if isinstance(frame, Quad):
        # A bar that touches the image would make one side lean: it is seen in few rows.
        upright, whole = _quad_start(part), part.astype(np.float64)
        if _cost(upright, whole) <= _cost(frame, whole) + _UPRIGHT:
            frame = upright
    return Found(frame, dice(frame.mask(_flat(part.shape)), part))


def _cost(frame: Frame, part: NDArray[np.float64]) -> float:
    cover = frame.cover(_flat(part.shape))
    outside = float((part * (1 - cover)).sum())
    dark = float(((1 - part) * cover).sum())
    lean = 20.0 * frame.centre**2 if isinstance(frame, Fan) else 0.0
    return (outside + _DARK_INSIDE * dark) / max(float(part.sum()), 1.0) + lean / 100


def _refined(part: NDArray[np.bool_], start: Frame) -> tuple[float, Frame]:
    """Minimise the cost on a coarse picture, then on a finer one."""
    frame = start
    cost = np.inf
    for longest, steps in ((96, 350), (256, 160)):
        zoom = max(1.0, max(part.shape) / longest)
        shape = tuple(max(8, round(n / zoom)) for n in part.shape)
        zooms = [n / s for n, s in zip(part.shape, shape, strict=True)]
        small = ndimage.zoom(
            ndimage.uniform_filter(part.astype(np.float64), zoom), [1 / z for z in zooms],
            order=1, grid_mode=True, mode="nearest",
        )  # fmt: skip
        scale = float(np.mean(zooms))
        here = frame.moved(0, 0, 1 / scale)
        found = _minimised(here, small, steps, first=longest == 96)
        frame = found.moved(0, 0, scale)
        cost = _cost(found, small)
    return cost, frame


def _minimised(frame: Frame, part: NDArray[np.float64], steps: int, *, first: bool) -> Frame:
    values = np.array(list(vars(frame).values()))
    kind: Any = type(frame)
    pixel = 3.0 if first else 1.0
    if isinstance(frame, Fan):
        size = np.array([pixel, pixel, 0.03, 0.03, pixel, pixel]) * (1.0 if first else 0.6)
    else:
        size = np.full(6, pixel)
    simplex = np.vstack([values, values + np.diag(size)])

    def cost(x: NDArray[np.float64]) -> float:
        if kind is Fan and not (0 <= x[4] < x[5] and 0.05 < x[3] < 1.6 and abs(x[2]) < 0.9):
            return 10.0
        return _cost(kind(*x), part)

    result = optimize.minimize(
        cost, values, method="Nelder-Mead",
        options={"initial_simplex": simplex, "maxfev": steps, "xatol": 0.02, "fatol": 1e-6},
    )  # fmt: skip
    found: Frame = kind(*map(float, result.x))
    return found


def _quad_start(part: NDArray[np.bool_]) -> Quad:
    """Return the rectangle of rows and columns that are lit at least half as far as the most."""
    ends = []
    for axis in (1, 0):
        lit = part.sum(axis=axis)
        where = np.flatnonzero(lit >= 0.5 * lit.max())
        ends.append((float(where[0]), float(where[-1])))
    (top, bottom), (left, right) = ends
    return Quad(top, bottom, left, right, left, right)


def _fan_starts(part: NDArray[np.bool_]) -> list[Fan]:
    """Return sectors from straight lines along both sides of the part."""
    rows = np.flatnonzero(part.any(axis=1))
    left = part[rows].argmax(axis=1)
    right = part.shape[1] - 1 - part[rows, ::-1].argmax(axis=1)
    inner = part.shape[1] - 2
    lines = [
        _best_line(rows[left > 1], left[left > 1]),
        _best_line(rows[right < inner], right[right < inner]),
    ]
    starts = []
    if lines[0] is not None and lines[1] is not None:
        starts += _fan_of(part, lines[0], lines[1])
    # One side may be cut off: the fan is then taken as upright and even about its middle.
    for line, sign in zip(lines, (-1, 1), strict=True):
        if line is not None and not starts and sign * line[0] > 0.05:
            columns = np.flatnonzero(part.any(axis=0))
            middle = float(columns.mean())
            mirrored = (-line[0], 2 * middle - line[1])
            pair = (line, mirrored) if sign < 0 else (mirrored, line)
            starts += _fan_of(part, *pair)
    return starts


def _fan_of(
    part: NDArray[np.bool_], left: tuple[float, float], right: tuple[float, float]
) -> list[Fan]:
    """Return the sector between two lines ``column = slope row + offset``."""
    if right[0] - left[0] < 0.05:
        return []
    apex_y = (left[1] - right[1]) / (right[0] - left[0])
    apex_x = left[0] * apex_y + left[1]
    angles = np.arctan([left[0], right[0]])
    centre, half = float(angles.mean()), float(np.diff(angles)[0] / 2)
    shell = Fan(apex_y, apex_x, centre, half, 0.0, 1.0)
    radius, angle = shell.polar(_flat(part.shape))
    along = radius[part & (np.abs(angle) < 0.9 * half)]
    if not along.size:
        return []
    near, far = np.quantile(along, [0.004, 0.996])
    return [Fan(apex_y, apex_x, centre, half, float(near), float(far))]


def _best_line(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> tuple[float, float] | None:
    """Return slope and offset of the line that most border points lie on, of all pairs of 48."""
    if rows.size < 12:
        return None
    chosen = np.unique(np.linspace(0, rows.size - 1, 48).astype(int))
    one, other = np.triu_indices(chosen.size, 4)
    one, other = chosen[one], chosen[other]
    slope = (columns[other] - columns[one]) / (rows[other] - rows[one])
    offset = columns[one] - slope * rows[one]
    near = np.abs(slope[:, None] * rows[chosen] + offset[:, None] - columns[chosen]) <= 1.5
    best = int(near.sum(axis=1).argmax())
    if near[best].sum() < 0.2 * chosen.size:
        return None
    on = np.abs(slope[best] * rows + offset[best] - columns) <= 2.0
    fitted = np.polyfit(rows[on], columns[on], 1)
    return float(fitted[0]), float(fitted[1])
