"""Contrast of grey-level co-occurrence in three planes, and how it depends on direction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radiofib.features.ucl._statistics import EQUAL, Result

__all__ = ["PLANES", "contrast", "plane_contrasts", "quantised", "steps_mm", "summary"]

#: Axes (of z, y, x) that span a plane.
PLANES = {"xy": (1, 2), "xz": (0, 2), "yz": (0, 1)}
#: Grey levels, quantiles between which they lie, and distance of the pairs in mm.
LEVELS, QUANTILES, DISTANCE_MM = 32, (0.01, 0.99), 7.0


def quantised(pixels: NDArray[np.generic], mask: NDArray[np.bool_]) -> NDArray[np.int16]:
    """Return grey levels 0 to 31 between the 1st and 99th percentile of the region.

    ``floor(32 (X - P1) / (P99 - P1))``, cut at both ends; 0 outside the mask.

    Examples
    --------
    >>> quantised(np.arange(101.0), np.ones(101, dtype=bool))[[0, 1, 50, 100]].tolist()
    [0, 0, 16, 31]
    """
    values = pixels[mask].astype(np.float64)
    low, high = np.quantile(values, QUANTILES)
    found = np.zeros(pixels.shape, dtype=np.int16)
    if high > low:
        levels = np.floor(LEVELS * ((values - low) / (high - low)))
        found[mask] = np.clip(levels, 0, LEVELS - 1).astype(np.int16)
    return found


def steps_mm(
    displacement: Sequence[float], spacing: Sequence[float]
) -> list[tuple[float, tuple[int, ...]]]:
    """Return whole-voxel steps around a displacement in mm, with weights that sum to 1.

    Along each axis the displacement lies between two whole steps; they are weighted so that the
    mean of their squared lengths is the squared displacement. Contrast grows with the square of
    a short distance, so that the weighted mean of contrasts hardly depends on the grid.

    Examples
    --------
    >>> steps_mm((0.0, 0.0, 7.0), (3.5, 1.0, 1.0))
    [(1.0, (0, 0, 7))]
    >>> [(round(w, 3), step) for w, step in steps_mm((5.0, 0.0, -4.0), (7.0, 1.0, 1.0))]
    [(0.49, (0, 0, -4)), (0.51, (1, 0, -4))]
    """
    found: list[tuple[float, tuple[int, ...]]] = [(1.0, ())]
    for length, step in zip(displacement, spacing, strict=True):
        sign = -1 if length < 0 else 1
        exact = abs(length) / step
        low = int(exact + 1e-9)
        share = (exact**2 - low**2) / (2 * low + 1)
        ends = [(1 - share, low), (share, low + 1)] if share > 1e-6 else [(1.0, low)]
        found = [(w * s, (*at, sign * n)) for w, at in found for s, n in ends]
    return found


def _displacements(plane: tuple[int, int], distance: float) -> list[tuple[float, ...]]:
    """Return displacements along two axes and their two diagonals, all of one length."""
    slant = distance / 2**0.5
    found = []
    for first, second in ((0.0, distance), (distance, 0.0), (slant, slant), (slant, -slant)):
        along = [0.0, 0.0, 0.0]
        along[plane[0]], along[plane[1]] = first, second
        found.append(tuple(along))
    return found


def contrast(
    levels: NDArray[np.generic], offset: Sequence[int], mask: NDArray[np.bool_] | None = None
) -> float:
    """Return the GLCM contrast of one displacement: the mean squared difference over pairs.

    The sum of ``p(i, j) (i - j)^2`` over a normalised co-occurrence matrix is that mean, and
    counting pairs both ways does not change it. NaN when there is no pair.

    Parameters
    ----------
    levels : ndarray
        Grey levels.
    offset : sequence of int
        Displacement along each axis.
    mask : ndarray of bool, optional
        Both ends of a pair must lie inside.

    References
    ----------
    Haralick et al., IEEE Trans Syst Man Cybern 1973;3:610-621, doi 10.1109/TSMC.1973.4309314.

    Examples
    --------
    >>> contrast(np.array([[0, 1, 3]]), (0, 1))
    2.5
    """
    here = tuple(
        slice(max(-o, 0), n - max(o, 0)) for o, n in zip(offset, levels.shape, strict=True)
    )
    there = tuple(
        slice(max(o, 0), n - max(-o, 0)) for o, n in zip(offset, levels.shape, strict=True)
    )
    if any(abs(o) >= n for o, n in zip(offset, levels.shape, strict=True)):
        return float("nan")
    apart = levels[there].astype(np.int32) - levels[here].astype(np.int32)
    if mask is not None:
        apart = apart[mask[there] & mask[here]]
    if apart.size == 0:
        return float("nan")
    return float(np.mean(np.square(apart, dtype=np.float64)))


def summary(contrasts: Sequence[float], added: float = 0.0) -> tuple[float, float]:
    """Return the mean over directions, and ``(max - min) / (mean + added)``.

    Examples
    --------
    >>> summary([1.0, 2.0, 3.0, 2.0])
    (2.0, 1.0)
    """
    mean = float(np.mean(contrasts))
    spread = max(contrasts) - min(contrasts)
    return mean, spread / (mean + added) if mean + added else float("nan")


def plane_contrasts(
    pixels: NDArray[np.generic], mask: NDArray[np.bool_], spacing: Sequence[float]
) -> Result:
    """Return mean contrast and anisotropy in the three planes, over all slices of a region.

    Four directions at 7 mm in each plane; see :func:`steps_mm` for distances between voxels.

    Parameters
    ----------
    pixels : ndarray, shape (z, y, x)
        Image.
    mask : ndarray of bool
        The region.
    spacing : sequence of float
        Spacing along z, y, x in mm.

    Returns
    -------
    dict, dict
        ``glcm_{xy,xz,yz}_{contrast_mean,anisotropy}``, and reasons of those not defined.

    Examples
    --------
    >>> stripes = np.zeros((9, 16, 16)) + 10 * (np.arange(16) // 7 % 2)
    >>> found, why = plane_contrasts(stripes, np.ones(stripes.shape, bool), (1, 1, 1))
    >>> found["glcm_yz_contrast_mean"], sorted(why)
    (0.0, ['glcm_yz_anisotropy'])
    """
    levels = quantised(pixels, mask)
    inside = levels[mask]
    flat = bool(inside.min() == inside.max())
    found: dict[str, float] = {}
    why: dict[str, str] = {}
    seen: dict[tuple[int, ...], float] = {}
    for plane, axes in PLANES.items():
        names = f"glcm_{plane}_contrast_mean", f"glcm_{plane}_anisotropy"
        values = []
        for displacement in _displacements(axes, DISTANCE_MM):
            steps = steps_mm(displacement, spacing)
            for _, offset in steps:
                if offset not in seen:
                    seen[offset] = contrast(levels, offset, mask)
            values.append(sum(weight * seen[offset] for weight, offset in steps))
        if flat or not np.isfinite(values).all():
            reason = EQUAL if flat else f"no two voxels {DISTANCE_MM:g} mm apart in some direction"
            found |= dict.fromkeys(names, float("nan"))
            why |= dict.fromkeys(names, reason)
            continue
        found |= dict(zip(names, summary(values), strict=True))
        if not np.isfinite(found[names[1]]):
            why[names[1]] = "no contrast in the plane"
    return found, why
