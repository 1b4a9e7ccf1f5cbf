"""How echoes fade with depth: the attenuation coefficient, or the slope of greys."""

from __future__ import annotations

import numpy as np

from radiofib.features.ultrasound._common import (
    BoolArray,
    FloatArray,
    Found,
    nothing,
    small,
)
from radiofib.features.ultrasound.settings import LogCompression, Machine
from radiofib.features.ultrasound.speckle import EQUAL, amplitudes

__all__ = ["DEPTH_NAMES", "attenuation", "depth", "depths_cm", "slope"]

DEPTH_NAMES = ("attenuation", "grey_depth_slope")
#: A slope needs this much depth, and this many pixels.
LEAST_CM, LEAST_FOR_SLOPE = 1.0, 400
_NO_SIZE = "the size of a pixel is not known: depth has no unit"


def depths_cm(
    mask: BoolArray, spacing_mm: tuple[float, float], apex_px: tuple[float, float] | None
) -> FloatArray:
    """Return the depth of the pixels of a region in cm, from the first row or from the apex.

    Parameters
    ----------
    mask : ndarray of bool (rows, columns)
    spacing_mm : tuple of float
        Along rows and columns.
    apex_px : tuple of float, optional
        Where beams meet (row, column); depth is then the distance from there.

    Examples
    --------
    >>> depths_cm(np.ones((2, 1), bool), (5.0, 5.0), None)
    array([0. , 0.5])
    >>> depths_cm(np.ones((1, 2), bool), (5.0, 5.0), (-3.0, -4.0))
    array([2.5      , 2.91547595])
    """
    rows, columns = np.nonzero(mask)
    if apex_px is None:
        return np.asarray(rows * spacing_mm[0] / 10)
    down, across = (rows - apex_px[0]) * spacing_mm[0], (columns - apex_px[1]) * spacing_mm[1]
    return np.asarray(np.hypot(down, across) / 10)


def slope(values: FloatArray, at: FloatArray) -> float:
    """Return the least-squares slope of values over places.

    Examples
    --------
    >>> slope(np.array([1.0, 3.0, 5.0]), np.array([0.0, 1.0, 2.0]))
    2.0
    """
    centred = at - at.mean()
    return float((centred * (values - values.mean())).sum() / (centred**2).sum())


def attenuation(decibel: FloatArray, depth_cm: FloatArray, frequency_mhz: float) -> float:
    """Return ``alpha = -d(dB)/dz / (2 f)`` in dB/(cm MHz): in and back count twice.

    ``dB = 20 log10 R`` at each pixel, its slope by least squares over all pixels: the mean of a
    logarithm has the same offset at every depth, so the slope is unbiased for any shape.

    Parameters
    ----------
    decibel : ndarray
        Level of each pixel.
    depth_cm : ndarray of the same shape
    frequency_mhz : float

    References
    ----------
    Yao, Zagzebski and Madsen, Ultrason Imaging 1990;12:58-70, doi 10.1177/016173469001200105.

    Examples
    --------
    >>> z = np.linspace(2, 8, 50)
    >>> round(attenuation(-2 * 0.6 * 3.5 * z, z, 3.5), 6)
    0.6
    """
    return -slope(decibel, depth_cm) / (2 * frequency_mhz)


def depth(
    greys: FloatArray, mask: BoolArray, spacing_mm: tuple[float, float] | None, machine: Machine
) -> Found:
    """Measure the fading of a region.

    Parameters
    ----------
    greys : ndarray, 1-D
        Greys of the region's pixels in C order.
    mask : ndarray of bool (rows, columns)
        On the whole picture, so that `machine.apex_px` means the same in all regions of it.
    spacing_mm : tuple of float, optional
        None when not known.
    machine : Machine

    Examples
    --------
    >>> greys = np.repeat(np.arange(200.0, 100.0, -1.0), 10)
    >>> found = depth(greys, np.ones((100, 10), bool), (0.2, 0.2), Machine())
    >>> round(found.values["grey_depth_slope"], 6), found.missing["attenuation"]
    (-50.0, "needs the law of the greys ('compression'), the frequency ('frequency_mhz'), a flat
    time-gain compensation ('flat_tgc')")
    """
    if spacing_mm is None:
        return nothing(DEPTH_NAMES, _NO_SIZE)
    if why := small(greys.size, LEAST_FOR_SLOPE):
        return nothing(DEPTH_NAMES, why)
    at = depths_cm(mask, spacing_mm, machine.apex_px)
    span = float(np.ptp(at))
    if span < LEAST_CM:
        why = f"the region spans {span:.1f} cm of depth, {LEAST_CM:g} are needed"
        return nothing(DEPTH_NAMES, why)
    found = Found({"grey_depth_slope": slope(greys, at)})
    if why := _lacking(machine):
        return found.without(("attenuation",), why)
    amplitude, why, remark = amplitudes(greys, machine.compression)
    if amplitude is None:
        return found.without(("attenuation",), why)
    if not amplitude.all():
        return found.without(("attenuation",), "an amplitude is 0, which has no logarithm")
    if greys.min() == greys.max():
        return found.without(("attenuation",), EQUAL)
    assert machine.frequency_mhz is not None
    law = machine.compression
    decibel = law.decibel(greys) if isinstance(law, LogCompression) else 20 * np.log10(amplitude)
    found.values["attenuation"] = attenuation(decibel, at, machine.frequency_mhz)
    if remark:
        found.flags["attenuation"] = remark
    return found


def _lacking(machine: Machine) -> str:
    """Return what is not known and attenuation needs; "" when all is known."""
    lacking = []
    if machine.compression is None:
        lacking.append("the law of the greys ('compression')")
    if machine.frequency_mhz is None:
        lacking.append("the frequency ('frequency_mhz')")
    if not machine.flat_tgc:
        lacking.append("a flat time-gain compensation ('flat_tgc')")
    return f"needs {', '.join(lacking)}" if lacking else ""
