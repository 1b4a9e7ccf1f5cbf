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

    def surface(self, number: int) -> tuple[Any, Any, Any]:
        """Points and normals of the ellipsoid, and how far the bumpy surface is, by bisection."""
        z = 1 - (2 * np.arange(number) + 1) / number
        turn = np.pi * (3 - np.sqrt(5)) * np.arange(number)
        flat = np.sqrt(1 - z**2)
        half = np.array(self.half)
        at = np.stack([z, flat * np.sin(turn), flat * np.cos(turn)], axis=1) * half
        normals = at / half**2
        normals /= np.linalg.norm(normals, axis=1)[:, None]
        low, high = np.full(number, -8.0), np.full(number, 8.0)
        for _ in range(40):
            middle = (low + high) / 2
            inside = self.distance(list((at + normals * middle[:, None]).T)) < 0
            low, high = np.where(inside, middle, low), np.where(inside, high, middle)
        return at, normals, low

    def expected(self, width: float = 8.0, number: int = 40000, places: int = 400) -> float:
        """Mean distance of the bumps from their own local quadratic fits.

        Heights are those over the ellipsoid, which is known, so that nothing has to follow its
        form; each fit is one by least squares, with weights of `width` mm within 2.5 widths.
        Points are spread evenly over the sphere, hence weighted by area over the ellipsoid.
        """
        at, normals, height = self.surface(number)
        half = np.array(self.half)
        area = np.linalg.norm(at / half**2, axis=1)
        distances, areas = [], []
        for i in range(0, number, number // places):
            apart = at - at[i]
            near = np.sum(apart**2, axis=1) < (2.5 * width) ** 2
            apart = apart[near]
            first = np.linalg.svd(normals[i][None])[2][1]
            u, v = apart @ first, apart @ np.cross(normals[i], first)
            root = np.sqrt(np.exp(-(u**2 + v**2) / (2 * width**2)) * area[near])
            terms = np.stack([np.ones_like(u), u, v, u * u, u * v, v * v], axis=1)
            b = np.linalg.lstsq(terms * root[:, None], height[near] * root, rcond=None)[0]
            distances.append(abs(height[i] - b[0]))
            areas.append(area[i])
        return float(np.average(distances, weights=areas))
