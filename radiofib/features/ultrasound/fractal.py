"""Fractal dimension of the grey surface, by two methods, and lacunarity."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from radiofib.features.ultrasound._common import (
    LEAST_PIXELS,
    BoolArray,
    FloatArray,
    Found,
    box_sums,
    nothing,
    small,
    whole_windows,
)
from radiofib.features.ultrasound._kernels import increments
from radiofib.features.ultrasound.depth import slope
from radiofib.features.ultrasound.speckle import EQUAL

__all__ = ["FRACTAL_NAMES", "blanket_dimension", "fbm_dimension", "fractal", "lacunarity"]

#: Longest lag of increments and largest reach of blankets, in pixels.
LAGS = 8
SIZES = (2, 4, 8, 16)
FRACTAL_NAMES = (
    "fbm_dimension",
    "blanket_dimension",
    *(f"lacunarity_{size}" for size in SIZES),
)


def fbm_dimension(greys: FloatArray, mask: BoolArray) -> float:
    """Return ``3 - H``: H is the slope of ``log E|X(p) - X(q)|`` over ``log |p - q|``.

    Pairs along rows, columns and both diagonals, up to 8 pixels apart, both in the region. The
    same under any linear change of the greys.

    Parameters
    ----------
    greys : ndarray (rows, columns)
    mask : ndarray of bool, same shape

    Returns
    -------
    float
        NaN when a lag has fewer than 100 pairs in some direction, or no difference at all.

    References
    ----------
    Chen, Daponte and Fox, IEEE Trans Med Imaging 1989;8:133-142, doi 10.1109/42.24861.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(60, 60))
    >>> round(fbm_dimension(noise, np.ones((60, 60), bool)), 1)
    3.0
    """
    sums, numbers = increments(greys, mask, LAGS)
    if numbers.min() < LEAST_PIXELS or sums.min() <= 0:
        return float("nan")
    lags = np.arange(1.0, LAGS + 1)
    distance = np.array([lags, lags, np.sqrt(2) * lags, np.sqrt(2) * lags])
    return 3 - slope(np.log(sums / numbers).ravel(), np.log(distance).ravel())


def blanket_dimension(greys: FloatArray, mask: BoolArray) -> float:
    """Return ``3 - s``: s is the slope of ``log(V(2 e) - V(e))`` over ``log e``, e = 1 to 4.

    ``V(e)`` is the volume between the blankets ``max`` and ``min`` of the greys in the
    ``(2 e + 1)^2`` pixels around each pixel whose largest window lies in the region. The
    blankets are flat (the variation method), so that, unlike in the covering method of Peleg
    1984, the unit of the greys does not matter. A lattice misses the highest and lowest points
    between its pixels, by the same amount at every e: ``V(e) = a e^H - b``. The difference is free
    of b, which would make rough surfaces look smoother by up to a quarter of a dimension.

    Parameters
    ----------
    greys : ndarray (rows, columns)
    mask : ndarray of bool, same shape

    Returns
    -------
    float
        NaN when fewer than 100 pixels have such a window, or V does not rise.

    References
    ----------
    Dubuc et al., Proc R Soc Lond A 1989;425:113-127, doi 10.1098/rspa.1989.0101.

    Examples
    --------
    >>> ramp = np.arange(40.0) * np.ones((40, 1))
    >>> round(blanket_dimension(ramp, np.ones((40, 40), bool)), 3)
    2.0
    """
    centres = whole_windows(mask, LAGS)
    if centres.sum() < LEAST_PIXELS:
        return float("nan")
    upper, lower, volumes = greys, greys, []
    for _ in range(LAGS):
        upper = ndimage.maximum_filter(upper, 3, mode="nearest")
        lower = ndimage.minimum_filter(lower, 3, mode="nearest")
        volumes.append(float((upper[centres] - lower[centres]).mean()))
    reach = np.arange(1, LAGS // 2 + 1)
    rise = np.array(volumes)[2 * reach - 1] - np.array(volumes)[reach - 1]
    return 3 - slope(np.log(rise), np.log(reach)) if (rise > 0).all() else float("nan")


def lacunarity(greys: FloatArray, mask: BoolArray, size: int) -> float:
    """Return ``E[M^2] / E[M]^2`` over all boxes of `size` pixels in the region, M their mass.

    The mass is the sum of greys, so a gain, which adds to all greys of a log-compressed picture,
    lowers it.

    Parameters
    ----------
    greys : ndarray (rows, columns)
        Greys of 0 and more.
    mask : ndarray of bool, same shape
    size : int
        Side of a box in pixels.

    Returns
    -------
    float
        NaN when fewer than 100 boxes lie in the region, or their mass is 0.

    References
    ----------
    Allain and Cloitre, Phys Rev A 1991;44:3552-3558, doi 10.1103/PhysRevA.44.3552.

    Examples
    --------
    >>> lacunarity(np.ones((20, 20)), np.ones((20, 20), bool), 2)
    1.0
    """
    whole = box_sums(mask.astype(np.float64), size) > size**2 - 0.5
    if whole.sum() < LEAST_PIXELS:
        return float("nan")
    mass = box_sums(np.where(mask, greys, 0.0), size)[whole]
    mean = float(mass.mean())
    return float((mass**2).mean()) / mean**2 if mean > 0 else float("nan")


def fractal(greys: FloatArray, mask: BoolArray) -> Found:
    """Measure dimension and lacunarity of a region (the arrays are cut to it)."""
    inside = greys[mask]
    if why := small(inside.size, LEAST_PIXELS):
        return nothing(FRACTAL_NAMES, why)
    if inside.min() == inside.max():
        return nothing(FRACTAL_NAMES, EQUAL)
    found = Found({"fbm_dimension": fbm_dimension(greys, mask)})
    found.values["blanket_dimension"] = blanket_dimension(greys, mask)
    if np.isnan(found.values["fbm_dimension"]):
        found.missing["fbm_dimension"] = f"too few pairs {LAGS} px apart, or flat along a direction"
    if np.isnan(found.values["blanket_dimension"]):
        side = 2 * LAGS + 1
        why = small(
            int(whole_windows(mask, LAGS).sum()),
            LEAST_PIXELS,
            f"the part of the region with whole {side} px windows",
        )
        found.missing["blanket_dimension"] = why or "the volume between the blankets does not rise"
    for size in SIZES:
        name = f"lacunarity_{size}"
        if inside.min() < 0:
            found.without((name,), "greys below 0 are no mass")
            continue
        found.values[name] = lacunarity(greys, mask, size)
        if np.isnan(found.values[name]):
            found.missing[name] = f"fewer than {LEAST_PIXELS} boxes of {size} px lie in the region"
    for name in ("fbm_dimension", "blanket_dimension"):
        if not np.isnan(found.values[name]) and not 2 <= found.values[name] <= 3:
            found.flags[name] = "outside 2 to 3: the greys are no fractal surface at these scales"
    return found
