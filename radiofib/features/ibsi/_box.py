"""The oriented box of least volume around points.

A box of least volume has two neighbouring sides that each hold an edge of the convex hull
(O'Rourke), and mostly a whole face. Around a given direction the best box is exact: the
rectangle of least area around the 2-D hull of the shadow, which has an edge of that hull on one
side. Boxes around the direction of every face and around directions spread over the half sphere are
found so; the best of them are made smaller around each of their own axes in turn, exactly, until
none of the three turns helps, and the best of those are then turned freely.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.features._numba import kernel

__all__ = ["oriented_box"]

#: Directions spread over the half sphere, those worth a closer look, boxes turned freely.
_SPREAD, _WORTH, _FREE = 48, 64, 10
#: Most turns of a box about its own axes.
_MOST = 90


def oriented_box(corners: NDArray[np.float64], normals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sides, greatest first, of the smallest box found around a convex hull.

    Parameters
    ----------
    corners : ndarray, shape (n, 3)
        Corners of the hull.
    normals : ndarray, shape (m, 3)
        Directions of its faces.

    References
    ----------
    O'Rourke, Int J Comput Inf Sci 1985;14:183-199, doi 10.1007/BF00991005.

    Examples
    --------
    >>> cube = np.array([[z, y, x] for z in (0, 1) for y in (0, 1) for x in (0, 2)], dtype=float)
    >>> turn = np.array([[0.8, 0.6, 0], [-0.6, 0.8, 0], [0, 0, 1]])
    >>> oriented_box(cube @ turn, turn.T).round(6)
    array([2., 1., 1.])
    """
    points = np.ascontiguousarray(corners)
    starts = np.concatenate([np.eye(3), normals, _spread(_SPREAD)])
    frames = _frames(starts)
    # One turn each tells which directions are worth turning until nothing helps.
    first = _shrink_all(points, frames, 1)
    frames = frames[np.argsort(first, kind="stable")[:_WORTH]]
    volumes = _shrink_all(points, frames, _MOST)
    best = np.zeros(3)
    least = np.inf
    for at in np.argsort(volumes, kind="stable")[:_FREE]:
        frame, volume = _freely(points, frames[at])
        if volume < least:
            least, best = volume, np.ptp(points @ frame.T, axis=0)
    return np.sort(best)[::-1]


def _frames(directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a frame of three directions at right angles around each direction."""
    other = np.eye(3)[np.argmin(np.abs(directions), axis=1)]
    second = np.cross(directions, other)
    second /= np.linalg.norm(second, axis=1)[:, None]
    return np.stack([directions, second, np.cross(directions, second)], axis=1)


def _spread(number: int) -> NDArray[np.float64]:
    """Return directions along a spiral over the half sphere."""
    z = (np.arange(number) + 0.5) / number
    turn = np.pi * (1 + np.sqrt(5)) * np.arange(number)
    radius = np.sqrt(1 - z**2)
    return np.column_stack([z, radius * np.sin(turn), radius * np.cos(turn)])


@kernel
def _freely(points: Any, start: Any) -> Any:
    """Turn a box about any axis and about its own, while it gets smaller; its frame and volume."""
    frame = start.copy()
    least = _volume(points, frame)
    for reach in (0.05, 0.05, 0.01, 0.002):
        turned = _shrink(points, _simplex_search(points, frame, reach), _MOST)
        volume = _volume(points, turned)
        if volume < least:
            least, frame = volume, turned
    return frame, least


@kernel
def _volume(points: Any, frame: Any) -> float:
    """Return the volume of the box along the rows of the frame."""
    return _length(points, frame, 0) * _length(points, frame, 1) * _length(points, frame, 2)


@kernel
def _turned(frame: Any, vector: Any) -> Any:
    """Return the frame turned about a vector, by its length (Rodrigues' formula)."""
    angle = np.sqrt(vector[0] ** 2 + vector[1] ** 2 + vector[2] ** 2)
    found = frame.copy()
    if angle == 0:
        return found
    x, y, z = vector[0] / angle, vector[1] / angle, vector[2] / angle
    cosine, sine = np.cos(angle), np.sin(angle)
    for axis in range(3):
        a, b, c = frame[axis, 0], frame[axis, 1], frame[axis, 2]
        along = (x * a + y * b + z * c) * (1 - cosine)
        found[axis, 0] = a * cosine + (y * c - z * b) * sine + x * along
        found[axis, 1] = b * cosine + (z * a - x * c) * sine + y * along
        found[axis, 2] = c * cosine + (x * b - y * a) * sine + z * along
    return found


@kernel
def _mixed(a: Any, b: Any, share: float, out: Any) -> None:
    """Write a + share (b - a)."""
    for i in range(3):
        out[i] = a[i] + share * (b[i] - a[i])


@kernel
def _simplex_search(points: Any, frame: Any, reach: float) -> Any:
    """Return the frame turned to the least volume that Nelder and Mead's simplex finds."""
    # Rows 0 to 3 are the simplex, then the middle of its better side and two trials.
    at = np.zeros((7, 3))
    values = np.empty(4)
    for k in range(4):
        if k > 0:
            at[k, k - 1] = reach
        values[k] = _volume(points, _turned(frame, at[k]))
    low = 0
    for _ in range(200):
        low, high = 0, 0
        for k in range(1, 4):
            low = k if values[k] < values[low] else low
            high = k if values[k] > values[high] else high
        second = low
        for k in range(4):
            second = k if k != high and values[k] > values[second] else second
        if values[high] - values[low] <= 1e-14 * values[low]:
            break
        for i in range(3):
            at[4, i] = (at[0, i] + at[1, i] + at[2, i] + at[3, i] - at[high, i]) / 3
        _mixed(at[high], at[4], 2.0, at[5])
        value = _volume(points, _turned(frame, at[5]))
        kept = 5
        if value < values[low]:
            _mixed(at[high], at[4], 3.0, at[6])
            best = _volume(points, _turned(frame, at[6]))
            if best < value:
                kept, value = 6, best
        elif value >= values[second]:
            _mixed(at[4], at[5 if value < values[high] else high], 0.5, at[6])
            best = _volume(points, _turned(frame, at[6]))
            if best >= min(value, values[high]):
                for k in range(4):
                    if k != low:
                        _mixed(at[low], at[k], 0.5, at[k])
                        values[k] = _volume(points, _turned(frame, at[k]))
                continue
            kept, value = 6, best
        for i in range(3):
            at[high, i] = at[kept, i]
        values[high] = value
    return _turned(frame, at[low])


@kernel
def _along(points: Any, frame: Any, axis: int) -> Any:
    """Return where points lie along a row of the frame."""
    a, b, c = frame[axis, 0], frame[axis, 1], frame[axis, 2]
    found = np.empty(len(points))
    for i in range(len(points)):
        found[i] = a * points[i, 0] + b * points[i, 1] + c * points[i, 2]
    return found


@kernel
def _length(points: Any, frame: Any, axis: int) -> float:
    """Return the side of the box along a row of the frame."""
    low, high = np.inf, -np.inf
    a, b, c = frame[axis, 0], frame[axis, 1], frame[axis, 2]
    for i in range(len(points)):
        along = a * points[i, 0] + b * points[i, 1] + c * points[i, 2]
        low, high = min(low, along), max(high, along)
    return high - low


@kernel
def _sorted(u: Any) -> Any:
    """Return the order of the values, by Shell's method."""
    n = len(u)
    order = np.arange(n)
    gap = n // 2
    while gap > 0:
        for i in range(gap, n):
            held = order[i]
            j = i
            while j >= gap and u[order[j - gap]] > u[held]:
                order[j] = order[j - gap]
                j -= gap
            order[j] = held
        gap //= 2
    return order


@kernel
def _shrink_all(points: Any, starts: Any, most: int) -> Any:
    """Shrink every frame in place and return the volumes."""
    volumes = np.empty(len(starts))
    for k in range(len(starts)):
        frame = _shrink(points, starts[k], most)
        for i in range(3):
            for j in range(3):
                starts[k, i, j] = frame[i, j]
        volumes[k] = _volume(points, frame)
    return volumes


@kernel
def _shrink(points: Any, start: Any, most: int) -> Any:
    """Turn a box about its own axes until none of the three turns makes it smaller."""
    frame = start.copy()
    least = np.inf
    waiting = 0
    for turn in range(most):
        axis = turn % 3
        a, b = (axis + 1) % 3, (axis + 2) % 3
        area, cosine, sine = _rectangle(_along(points, frame, a), _along(points, frame, b))
        volume = area * _length(points, frame, axis)
        waiting = waiting + 1 if volume > least * (1 - 1e-13) else 0
        if waiting == 3:
            break
        if volume < least:
            least = volume
            for i in range(3):
                held = frame[a, i]
                frame[a, i] = cosine * held + sine * frame[b, i]
                frame[b, i] = cosine * frame[b, i] - sine * held
    return frame


@kernel
def _rectangle(u: Any, v: Any) -> Any:
    """Return the least area of a rectangle around points in a plane, and its direction."""
    n = len(u)
    order = _sorted(u)
    hull = np.empty(2 * n + 2, np.int64)
    top = 0
    for side in range(2):
        start = top
        for k in range(n):
            i = order[k] if side == 0 else order[n - 1 - k]
            while top - start >= 2:
                p, q = hull[top - 2], hull[top - 1]
                cross = (u[q] - u[p]) * (v[i] - v[p]) - (v[q] - v[p]) * (u[i] - u[p])
                if cross > 0:
                    break
                top -= 1
            hull[top] = i
            top += 1
        top -= 1
    best, cosine, sine = np.inf, 1.0, 0.0
    for k in range(top):
        p, q = hull[k], hull[(k + 1) % top]
        du, dv = u[q] - u[p], v[q] - v[p]
        size = np.sqrt(du * du + dv * dv)
        if size == 0:
            continue
        du /= size
        dv /= size
        low, high, left, right = np.inf, -np.inf, np.inf, -np.inf
        for m in range(top):
            i = hull[m]
            along = du * u[i] + dv * v[i]
            across = du * v[i] - dv * u[i]
            left, right = min(left, along), max(right, along)
            low, high = min(low, across), max(high, across)
        area = (right - left) * (high - low)
        if area < best:
            best, cosine, sine = area, du, dv
    return best, cosine, sine
