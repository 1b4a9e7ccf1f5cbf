"""Ellipsoids with known bumps, drawn with partial volume, and the distance they should have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from radiofib.roi import Roi


@dataclass(frozen=True)
class Bumpy:
    """An ellipsoid (half axes z, y, x in mm) whose surface is moved by a sum of waves.

    The displacement has the amplitude given as its standard deviation in space; `crossing`
    waves run along the diagonals of the three planes.
    """

    half: tuple[float, float, float] = (25.0, 30.0, 40.0)
    sd_mm: float = 0.0
    wave_mm: float = 20.0

    def distance(self, points: Any) -> Any:
        """Signed distance, exact to first order near the surface (negative inside)."""
        k0 = np.sqrt(sum((p / r) ** 2 for p, r in zip(points, self.half, strict=True)))
        k1 = np.sqrt(sum((p / r**2) ** 2 for p, r in zip(points, self.half, strict=True)))
        found = k0 * (k0 - 1) / np.maximum(k1, 1e-6)
        if self.sd_mm:
            a, b, c = (np.sin(2 * np.pi / self.wave_mm * p + 0.7) for p in points)
            found = found - self.sd_mm * (a * b + b * c + a * c) / np.sqrt(0.75)
        return found

    def coverage(
        self, spacing: Sequence[float], shift: Sequence[float] = (0, 0, 0), fine: int = 5
    ) -> Any:
        """Share of every voxel that lies inside, from fine^3 points."""
        axes = []
        for half, step, move in zip(self.half, spacing, shift, strict=True):
            number = np.ceil((half + 14) / step)
            axes.append(np.arange(-number, number + 1) * step + move)
        points = np.meshgrid(*axes, indexing="ij")
        distance = self.distance(points)
        found = (distance < 0).astype(np.float32)
        near = np.abs(distance) < 0.9 * np.linalg.norm(spacing) + 2 * self.sd_mm
        local = [p[near] for p in points]
        total = np.zeros(local[0].shape, np.float32)
        steps = (np.arange(fine) + 0.5) / fine - 0.5
        for offset in np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3):
            moved = [p + o * s for p, o, s in zip(local, offset, spacing, strict=True)]
            total += self.distance(moved) < 0
        found[near] = total / fine**3
        return found

    def roi(
        self,
        spacing: Sequence[float],
        *,
        contrast: float = 100.0,
        noise: float = 0.0,
        shift: Sequence[float] = (0, 0, 0),
        seed: int = 0,
    ) -> Roi:
        """Image of background 200, with white noise."""
        cover = self.coverage(spacing, shift)
        pixels = 200 + contrast * cover
        pixels += noise * np.random.default_rng(seed).standard_normal(cover.shape)
        return Roi(pixels.astype(np.float32), cover > 0.5, tuple(spacing), "ged4")

    def surface(self, number: int) -> tuple[Any, Any]:
        """True points of the surface and normals of the ellipsoid there, by bisection."""
        z = 1 - (2 * np.arange(number) + 1) / number
        turn = np.pi * (3 - np.sqrt(5)) * np.arange(number)
        flat = np.sqrt(1 - z**2)
        rays = (
            np.stack([z, flat * np.sin(turn), flat * np.cos(turn)]) * np.array(self.half)[:, None]
        )
        low, high = np.full(number, 0.6), np.full(number, 1.4)
        for _ in range(40):
            middle = (low + high) / 2
            inside = self.distance(list(rays * middle)) < 0
            low, high = np.where(inside, middle, low), np.where(inside, high, middle)
        at = (rays * low).T
        normals = at / np.array(self.half) ** 2
        return at, normals / np.linalg.norm(normals, axis=1)[:, None]

    def expected(self, width: float = 8.0, number: int = 40000, places: int = 400) -> float:
        """Mean distance of the true surface from local quadrics, each by least squares.

        Written out without the package: weights of `width` mm within 2.5 widths.
        """
        at, normals = self.surface(number)
        distances = []
        for i in range(0, number, number // places):
            apart = at - at[i]
            near = (np.sum(apart**2, axis=1) < (2.5 * width) ** 2) & (normals @ normals[i] > 0.5)
            apart = apart[near]
            mean = normals[near].mean(axis=0)
            if np.linalg.norm(mean) < 0.75:  # the tips, which are left out of measurement too
                continue
            normal = normals[i]
            first = np.linalg.svd(normal[None])[2][1]
            h, u = apart @ normal, apart @ first
            v = apart @ np.cross(normal, first)
            root = np.exp(-(u**2 + v**2) / (4 * width**2))
            terms = np.stack([np.ones_like(u), u, v, u * u, u * v, v * v, u * h, v * h, h * h], 1)
            b = np.linalg.lstsq(terms * root[:, None], h * root, rcond=None)[0]
            distances.append(abs(b[0]) / np.sqrt(1 + b[1] ** 2 + b[2] ** 2))
        return float(np.mean(distances))
