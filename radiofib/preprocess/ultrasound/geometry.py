"""Where an ultrasound image lies on the screen: a fan or a quadrilateral, and how it is drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Fan", "Frame", "Quad", "WholePicture", "dice"]


def dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Return ``2 |A n B| / (|A| + |B|)``, 0 when both are empty.

    Examples
    --------
    >>> dice(np.array([True, True]), np.array([True, False])).__round__(3)
    0.667
    """
    total = int(np.count_nonzero(one)) + int(np.count_nonzero(other))
    return 2 * int(np.count_nonzero(one & other)) / total if total else 0.0


@dataclass(frozen=True)
class Fan:
    """A sector: what lies between two arcs around the apex and between two beams.

    Parameters
    ----------
    apex_y, apex_x : float
        Where the beams meet, in pixels; it may lie outside the picture.
    centre, half : float
        Angle of the middle beam to the downward vertical, and half the opening, in radians.
    near, far : float
        Radii of the two arcs in pixels.

    Examples
    --------
    >>> fan = Fan(0.0, 50.0, 0.0, 0.5, 20.0, 80.0)
    >>> mask = fan.mask((100, 100))
    >>> bool(mask[50, 50]), bool(mask[10, 50]), bool(mask[50, 95])
    (True, False, False)
    >>> fan.kind, fan.length
    ('convex', 60.0)
    """

    apex_y: float
    apex_x: float
    centre: float
    half: float
    near: float
    far: float

    @property
    def kind(self) -> str:
        """``sector`` where the beams meet at the skin, else ``convex``."""
        return "sector" if self.near < 0.06 * self.far else "convex"

    @property
    def length(self) -> float:
        """Depth along a beam in pixels."""
        return self.far - self.near

    def polar(self, shape: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return radius (pixels) and angle to the middle beam (radians) of every pixel."""
        y, x = np.ogrid[: shape[0], : shape[1]]
        dy, dx = y - self.apex_y, x - self.apex_x
        return np.hypot(dy, dx), np.arctan2(dx, dy) - self.centre

    def cover(self, shape: tuple[int, int]) -> NDArray[np.float64]:
        """Return the share of every pixel that lies inside, linear across the border."""
        radius, angle = self.polar(shape)
        side = radius * np.sin(np.clip(self.half - np.abs(angle), -np.pi / 2, np.pi / 2))
        inside = np.minimum(np.minimum(radius - self.near, self.far - radius), side)
        return np.clip(inside + 0.5, 0.0, 1.0)

    def mask(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Return the pixels whose centre lies inside."""
        return self.cover(shape) >= 0.5

    def depth(self, shape: tuple[int, int]) -> NDArray[np.float64]:
        """Return the depth below the skin in pixels."""
        return self.polar(shape)[0] - self.near

    def beam(self, shape: tuple[int, int]) -> NDArray[np.float64]:
        """Return the position across the beams, -1 on the left border and 1 on the right."""
        return self.polar(shape)[1] / self.half

    def moved(self, rows: float, columns: float, zoom: float = 1.0) -> Fan:
        """Return the same on a picture enlarged by `zoom` and then shifted."""
        place = _zoomed(self.apex_y, zoom) + rows, _zoomed(self.apex_x, zoom) + columns
        return Fan(*place, self.centre, self.half, self.near * zoom, self.far * zoom)

    def facts(self) -> dict[str, float]:
        """Return the geometry in pixels and degrees."""
        angles = np.rad2deg([self.centre - self.half, self.centre + self.half])
        values = (self.apex_y, self.apex_x, float(angles[0]), float(angles[1]))
        names = ("apex_y_px", "apex_x_px", "angle_left_deg", "angle_right_deg")
        rest = {"near_px": self.near, "far_px": self.far, "depth_px": self.length}
        return {**dict(zip(names, values, strict=True)), **rest}


@dataclass(frozen=True)
class Quad:
    """A rectangle, or a trapezoid with level top and bottom (virtual convex).

    Parameters
    ----------
    top, bottom : float
        First and last row.
    top_left, top_right, bottom_left, bottom_right : float
        Columns of the corners.

    Examples
    --------
    >>> quad = Quad(10.0, 89.0, 20.0, 79.0, 20.0, 79.0)
    >>> int(quad.mask((100, 100)).sum()), quad.kind
    (4800, 'linear')
    """

    top: float
    bottom: float
    top_left: float
    top_right: float
    bottom_left: float
    bottom_right: float

    @property
    def kind(self) -> str:
        """``linear`` when the sides are upright, else ``trapezoid``."""
        lean = max(abs(self.bottom_left - self.top_left), abs(self.bottom_right - self.top_right))
        return "linear" if lean < 0.03 * max(self.length, 1.0) else "trapezoid"

    @property
    def length(self) -> float:
        """Depth in pixels."""
        return self.bottom - self.top

    def _sides(self, y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        share = (y - self.top) / max(self.length, 1.0)
        left = self.top_left + share * (self.bottom_left - self.top_left)
        return left, self.top_right + share * (self.bottom_right - self.top_right)

    def cover(self, shape: tuple[int, int]) -> NDArray[np.float64]:
        """Return the share of every pixel that lies inside, linear across the border."""
        y, x = np.ogrid[: shape[0], : shape[1]]
        left, right = self._sides(y.astype(np.float64))
        inside = np.minimum(
            np.minimum(y - self.top, self.bottom - y), np.minimum(x - left, right - x)
        )
        return np.clip(inside + 1.0, 0.0, 1.0)

    def mask(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Return the pixels whose centre lies inside."""
        return self.cover(shape) >= 0.5

    def depth(self, shape: tuple[int, int]) -> NDArray[np.float64]:
        """Return the depth below the skin in pixels."""
        rows = np.arange(shape[0], dtype=np.float64)[:, None] - self.top
        return np.repeat(rows, shape[1], axis=1)

    def beam(self, shape: tuple[int, int]) -> NDArray[np.float64]:
        """Return the position across the beams, -1 on the left border and 1 on the right."""
        y, x = np.ogrid[: shape[0], : shape[1]]
        left, right = self._sides(y.astype(np.float64))
        return np.asarray(2 * (x - left) / np.maximum(right - left, 1.0) - 1)

    def moved(self, rows: float, columns: float, zoom: float = 1.0) -> Quad:
        """Return the same on a picture enlarged by `zoom` and then shifted."""
        ys = [_zoomed(v, zoom) + rows for v in (self.top, self.bottom)]
        corners = (self.top_left, self.top_right, self.bottom_left, self.bottom_right)
        return Quad(*ys, *(_zoomed(v, zoom) + columns for v in corners))

    def facts(self) -> dict[str, float]:
        """Return the geometry in pixels and degrees."""
        length = max(self.length, 1.0)
        left = math.degrees(math.atan((self.bottom_left - self.top_left) / length))
        right = math.degrees(math.atan((self.bottom_right - self.top_right) / length))
        return {
            "angle_left_deg": left,
            "angle_right_deg": right,
            "near_px": self.top,
            "far_px": self.bottom,
            "depth_px": self.length,
        }


@dataclass(frozen=True)
class WholePicture(Quad):
    """A picture that is all tissue: a cut-out without any screen around it.

    Examples
    --------
    >>> bool(WholePicture.of((4, 6)).mask((4, 6)).all()), WholePicture.of((4, 6)).kind
    (True, 'whole')
    """

    @classmethod
    def of(cls, shape: tuple[int, int]) -> WholePicture:
        """Return the whole of a picture."""
        rows, columns = shape[0] - 1.0, shape[1] - 1.0
        return cls(0.0, rows, 0.0, columns, 0.0, columns)

    @property
    def kind(self) -> str:
        """``whole``."""
        return "whole"


def _zoomed(value: float, zoom: float) -> float:
    """Return where the centre of a pixel goes when each pixel becomes `zoom` pixels."""
    return (value + 0.5) * zoom - 0.5


Frame = Fan | Quad
