"""The edge of an organ below the voxel: a blurred step fitted to intensities along the normal."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import ndtr

from radiofib.features.surface._base import Points

__all__ = ["Edges", "locate_edges", "noise_of"]

Floats = NDArray[np.float64]
#: How far from the base surface the edge may lie, and the steps along a profile, in mm.
SEARCH_MM, STEP_MM = 3.0, 0.25
#: Width of the blurred step over the extent of a voxel along the profile.
WIDTH = 0.65
#: Length of the plateaus beyond the search, in widths of the blurred step.
PLATEAU = 2.0
#: Least share of a profile's variance that the step explains, and least contrast over noise.
LEAST_EXPLAINED, LEAST_CONTRAST = 0.8, 4.0
#: Normals are sorted by the width of the step seen along them into bins of this factor.
_BIN = 1.15


class Edges(NamedTuple):
    """Where the edge was found.

    Parameters
    ----------
    points : Points
        Edge points and their normals, usable ones only.
    usable : float
        Share of the base surface where an edge was found.
    low_contrast, no_step, outside : float
        Shares where the contrast is too low, where the profile is not a step, or where it
        leaves the image.
    """

    points: Points
    usable: float
    low_contrast: float
    no_step: float
    outside: float


def noise_of(pixels: NDArray[np.generic], mask: NDArray[np.bool_]) -> float:
    """Return the noise of a region: from differences of neighbours along x, robustly.

    ``1.4826 median(|d - median(d)|) / sqrt(2)`` for differences d between neighbours that both
    lie inside; slow changes of intensity cancel.

    Examples
    --------
    >>> noisy = np.random.default_rng(0).normal(100, 3, (20, 20, 20))
    >>> round(noise_of(noisy, np.ones(noisy.shape, dtype=bool)), 1)
    3.0
    """
    both = mask[..., 1:] & mask[..., :-1]
    after, before = (side[both].astype(np.float64) for side in (pixels[..., 1:], pixels[..., :-1]))
    apart = after - before
    if apart.size == 0:
        return 0.0
    return float(1.4826 * np.median(np.abs(apart - np.median(apart))) / np.sqrt(2))


def locate_edges(pixels: NDArray[np.generic], base: Points, spacing: Floats, noise: float) -> Edges:
    r"""Fit a blurred step to the profile of intensities through every base point.

    Along the outward normal n the image is sampled by linear interpolation at distances t and
    described by ``a + c Phi((t0 - t) / w)`` with free a, c and t0; Phi is the normal
    distribution. Voxels of sides s blur a step by their partial volume (s^2 / 12) and the
    interpolation (s^2 / 6); ``w = 0.65 sqrt(sum((n s)^2))`` is chosen wider than that, because
    then t0 hardly depends on where between voxel centres the edge lies. For each t0 the best a
    and c are known in closed form; t0 is the one that explains most, refined by a parabola. The
    step may go up or down. A profile is dropped when the step explains less than 80 % of its
    variance, when |c| is below four times the noise, when t0 is at the end of the search, or
    when it leaves the image.

    Parameters
    ----------
    pixels : ndarray, shape (z, y, x)
        Image.
    base : Points
        Where to look, in mm from the centre of the first voxel.
    spacing : ndarray
        Spacing along z, y, x in mm.
    noise : float
        Standard deviation of the noise, see :func:`noise_of`.

    Examples
    --------
    >>> image = np.clip(6.3 - np.arange(14.0), 0, 1)[:, None, None] * np.ones((1, 9, 9))
    >>> at = Points(np.array([[5.0, 4.0, 4.0]]), np.array([[1.0, 0.0, 0.0]]))
    >>> round(float(locate_edges(image, at, np.ones(3), 0.0).points.at[0, 0]), 1)  # at 5.8
    5.8
    """
    image = np.asarray(pixels, dtype=np.float32)
    width = WIDTH * np.sqrt(np.sum((base.normals * spacing) ** 2, axis=1))
    narrowest = WIDTH * float(spacing.min())
    kind = np.round(np.log(np.maximum(width / narrowest, 1)) / np.log(_BIN)).astype(int)
    at = np.full(len(width), np.nan)
    reasons = np.zeros(3)
    for k in np.unique(kind):
        members = np.flatnonzero(kind == k)
        at[members], counts = _fit_steps(
            image,
            Points(base.at[members], base.normals[members]),
            spacing,
            narrowest * _BIN ** float(k),
            noise,
        )
        reasons += counts
    good = np.isfinite(at)
    found = Points(
        base.at[good] + at[good, None] * base.normals[good], np.asarray(base.normals[good])
    )
    number = max(len(at), 1)
    low, none, out = (float(r) / number for r in reasons)
    return Edges(found, float(good.sum()) / number, low, none, out)


def _fit_steps(
    image: NDArray[np.float32], base: Points, spacing: Floats, width: float, noise: float
) -> tuple[Floats, Floats]:
    """Return t0 of profiles of one width (NaN where unusable), and counts of why not."""
    half = STEP_MM * np.ceil((SEARCH_MM + PLATEAU * width) / STEP_MM)
    t = np.arange(-half, half + STEP_MM / 2, STEP_MM)
    t0 = np.arange(-SEARCH_MM, SEARCH_MM + STEP_MM / 2, STEP_MM)
    where = base.at[:, :, None] + base.normals[:, :, None] * t
    where = (where / spacing[:, None]).transpose(1, 0, 2)
    last = np.array(image.shape)[:, None] - 1
    ends = where[:, :, [0, -1]].reshape(3, -1)
    inside = np.all((ends >= 0) & (ends <= last), axis=0).reshape(-1, 2).all(axis=1)
    y = ndimage.map_coordinates(image, where.reshape(3, -1), order=1, mode="nearest")
    y = y.reshape(len(inside), len(t)).astype(np.float64)
    y -= y.mean(axis=1, keepdims=True)
    steps = ndtr((t0[:, None] - t) / width)
    steps -= steps.mean(axis=1, keepdims=True)
    power = np.sum(steps**2, axis=1)
    product = y @ steps.T
    explained = product**2 / power
    best = np.argmax(explained, axis=1)
    rows = np.arange(len(best))
    total = np.sum(y**2, axis=1)
    contrast = np.abs(product[rows, best]) / power[best]
    low = contrast <= max(LEAST_CONTRAST * noise, 1e-6 * float(np.abs(image).max()))
    inner = (best > 0) & (best < len(t0) - 1)
    step = inner & (explained[rows, best] >= LEAST_EXPLAINED * total)
    middle = np.clip(best, 1, len(t0) - 2)
    a, b, c = (explained[rows, middle + s] for s in (-1, 0, 1))
    bend = a - 2 * b + c
    top = np.divide(a - c, 2 * bend, out=np.zeros_like(bend), where=bend < 0)
    found = t0[middle] + STEP_MM * np.clip(top, -1, 1)
    usable = inside & ~low & step
    counts = np.array([(inside & low).sum(), (inside & ~low & ~step).sum(), (~inside).sum()])
    return np.where(usable, found, np.nan), counts.astype(np.float64)
