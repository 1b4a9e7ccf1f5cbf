"""Laplacian of Gaussian by recursive filters, on the surroundings of the region only.

The Gaussian and its second derivative are fitted by sums of exponentials and run forwards and
backwards along every axis (Deriche; coefficients of Farneback and Westin), as in ITK's filter
that pyradiomics calls: double precision along a line, single precision between the axes. Their
support has no end but decays by a factor of 4 per sigma; lines start 26 sigma outside the
region, where what is left (1e-15) is far below the precision of the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, cos, exp, sin
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import UsageError
from radiofib.preprocess._numba import kernel
from radiofib.preprocess.crop import Box, grown

__all__ = ["laplacian_of_gaussian"]

_REACH = 26  # sigma
#: Lines that are filtered together: enough to hide that each sample waits for the one before.
LINES = 64
#: Fits of the Gaussian and its second derivative: A1, B1, A2, B2; shared decays W, L.
_SMOOTH = (1.3530, 1.8151, -0.3531, 0.0902)
_CURVED = (-1.3563, 5.2318, 0.3446, -2.2355)
_W1, _L1, _W2, _L2 = 0.6681, -1.3932, 2.0787, -1.3732


def _numerator(fit: Sequence[float], sigma: float) -> NDArray[np.float64]:
    a1, b1, a2, b2 = fit
    sin1, sin2, cos1, cos2 = sin(_W1 / sigma), sin(_W2 / sigma), cos(_W1 / sigma), cos(_W2 / sigma)
    exp1, exp2 = exp(_L1 / sigma), exp(_L2 / sigma)
    n1 = exp2 * (b2 * sin2 - (a2 + 2 * a1) * cos2)
    n1 += exp1 * (b1 * sin1 - (a1 + 2 * a2) * cos1)
    n2 = (a1 + a2) * cos2 * cos1
    n2 -= b1 * cos2 * sin1 + b2 * cos1 * sin2
    n2 *= 2 * exp1 * exp2
    n2 += a2 * exp1 * exp1 + a1 * exp2 * exp2
    n3 = exp2 * exp1 * exp1 * (b2 * sin2 - a2 * cos2)
    n3 += exp1 * exp2 * exp2 * (b1 * sin1 - a1 * cos1)
    return np.array([a1 + a2, n1, n2, n3])


def _denominator(sigma: float) -> NDArray[np.float64]:
    cos1, cos2 = cos(_W1 / sigma), cos(_W2 / sigma)
    exp1, exp2 = exp(_L1 / sigma), exp(_L2 / sigma)
    d3 = -2 * cos1 * exp1 * exp2 * exp2
    d3 += -2 * cos2 * exp2 * exp1 * exp1
    d2 = 4 * cos2 * cos1 * exp1 * exp2
    d2 += exp1 * exp1 + exp2 * exp2
    return np.array([-2 * (exp2 * cos2 + exp1 * cos1), d2, d3, exp1 * exp1 * exp2 * exp2])


def _coefficients(sigma_mm: float, spacing: float, *, curved: bool) -> NDArray[np.float64]:
    """Return N0..N3, D1..D4, M1..M4 and the terms of constant borders."""
    # Sums are written out in ITK's order, so that they round alike.
    sigma = sigma_mm / spacing
    d = _denominator(sigma)
    sd = 1.0 + d[0] + d[1] + d[2] + d[3]
    dd = d[0] + 2 * d[1] + 3 * d[2] + 4 * d[3]
    ed = d[0] + 4 * d[1] + 9 * d[2] + 16 * d[3]
    n = _numerator(_SMOOTH, sigma)
    if curved:
        second = _numerator(_CURVED, sigma)
        (sn0, dn0, en0), (sn2, dn2, en2) = _weighted(n), _weighted(second)
        beta = -(2 * sn2 - sd * second[0]) / (2 * sn0 - sd * n[0])
        n = second + beta * n
        sn, dn, en = sn2 + beta * sn0, dn2 + beta * dn0, en2 + beta * en0
        scale = en * sd * sd - ed * sn * sd - 2 * dn * dd * sd + 2 * dd * dd * sn
        n *= sigma_mm**2 / (scale / (sd * sd * sd))
    else:
        n *= 1 / (2 * _weighted(n)[0] / sd - n[0])
    m = np.array([*(n[1:] - d[:3] * n[0]), -d[3] * n[0]])
    sn, sm = n[0] + n[1] + n[2] + n[3], m[0] + m[1] + m[2] + m[3]
    return np.array([*n, *d, *m, *(d * sn / sd), *(d * sm / sd)])


def _weighted(n: NDArray[np.float64]) -> tuple[float, float, float]:
    return n[0] + n[1] + n[2] + n[3], n[1] + 2 * n[2] + 3 * n[3], n[1] + 4 * n[2] + 9 * n[3]


@kernel
def _recurse(source: Any, causal: Any, back: Any, kept: Any, length: int, c: Any) -> None:
    """Run LINES lines forwards and backwards; `causal` holds the sum where it is kept.

    4 samples of padding on both sides hold the border. Each way stops where nothing is kept.
    """
    n0, n1, n2, n3 = c[0], c[1], c[2], c[3]
    d1, d2, d3, d4 = c[4], c[5], c[6], c[7]
    m1, m2, m3, m4 = c[8], c[9], c[10], c[11]
    end = length + 4
    for k in range(LINES):
        first, last = source[4, k], source[end - 1, k]
        for i in range(4):
            source[i, k] = first
            source[end + i, k] = last
        for i in range(4):
            at = 4 + i
            ahead = source[at, k] * n0
            ahead = ahead + source[at - 1, k] * n1 + source[at - 2, k] * n2
            ahead = ahead + source[at - 3, k] * n3
            past = causal[at - 1, k] * d1 if i > 0 else first * c[12]
            past += causal[at - 2, k] * d2 if i > 1 else first * c[13]
            past += causal[at - 3, k] * d3 if i > 2 else first * c[14]
            causal[at, k] = ahead - (past + first * c[15])
            at = end - 1 - i
            behind = source[at + 1, k] * m1 + source[at + 2, k] * m2
            behind = behind + source[at + 3, k] * m3 + source[at + 4, k] * m4
            past = back[at + 1, k] * d1 if i > 0 else last * c[16]
            past += back[at + 2, k] * d2 if i > 1 else last * c[17]
            past += back[at + 3, k] * d3 if i > 2 else last * c[18]
            back[at, k] = behind - (past + last * c[19])
    for i in range(8, max(kept[1] + 4, 8)):
        x0, x1, x2, x3 = source[i], source[i - 1], source[i - 2], source[i - 3]
        y0, y1, y2, y3, y4 = causal[i], causal[i - 1], causal[i - 2], causal[i - 3], causal[i - 4]
        for k in range(LINES):
            ahead = x0[k] * n0 + x1[k] * n1 + x2[k] * n2 + x3[k] * n3
            y0[k] = ahead - (y1[k] * d1 + y2[k] * d2 + y3[k] * d3 + y4[k] * d4)
    for i in range(length - 1, min(kept[0] + 3, length - 1), -1):
        x1, x2, x3, x4 = source[i + 1], source[i + 2], source[i + 3], source[i + 4]
        y0, y1, y2, y3, y4 = back[i], back[i + 1], back[i + 2], back[i + 3], back[i + 4]
        for k in range(LINES):
            behind = x1[k] * m1 + x2[k] * m2 + x3[k] * m3 + x4[k] * m4
            y0[k] = behind - (y1[k] * d1 + y2[k] * d2 + y3[k] * d3 + y4[k] * d4)


@kernel
def _along(data: Any, out: Any, first: int, c: Any) -> None:
    """Filter along the middle axis of `data`, keeping what `out` holds from `first` on."""
    outer, length, inner = data.shape
    kept = (first, first + out.shape[1])
    source = np.zeros((length + 8, LINES))
    causal, back = np.zeros_like(source), np.zeros_like(source)
    for a in range(outer):
        for begin in range(0, inner, LINES):
            end = min(begin + LINES, inner)
            for i in range(length):
                row, into = data[a, i, begin:end], source[i + 4]
                for k in range(end - begin):
                    into[k] = row[k]
            _recurse(source, causal, back, kept, length, c)
            for i in range(kept[0], kept[1]):
                into, one, two = out[a, i - first, begin:end], causal[i + 4], back[i + 4]
                for k in range(end - begin):
                    into[k] = one[k] + two[k]


@kernel
def _along_rows(data: Any, out: Any, length: int, first: int, stop: int, c: Any) -> None:
    """Filter lines that lie one after the other, of `length` samples, keeping `first` to `stop`."""
    lines = data.size // length
    source = np.zeros((length + 8, LINES))
    causal, back = np.zeros_like(source), np.zeros_like(source)
    for begin in range(0, lines, LINES):
        used = np.uint64(min(LINES, lines - begin))
        for i in range(length):
            into = source[i + 4]
            at = np.uint64(begin * length + i)
            for k in range(used):
                into[k] = data[at]
                at += np.uint64(length)
        _recurse(source, causal, back, (first, stop), length, c)
        for i in range(first, stop):
            one, two = causal[i + 4], back[i + 4]
            at = np.uint64(begin * (stop - first) + i - first)
            for k in range(used):
                out[at] = one[k] + two[k]
                at += np.uint64(stop - first)


@kernel
def _add(total: Any, step: Any, weight: float) -> None:
    for i in range(total.size):
        total[i] = np.float64(total[i]) + np.float64(step[i]) * weight


def laplacian_of_gaussian(
    pixels: NDArray[np.generic], spacing_mm: Sequence[float], sigma_mm: float, box: Box
) -> NDArray[np.float32]:
    """Return the Laplacian of Gaussian inside a box, in units of the intensities.

    ``sigma^2 sum_d (d^2 / dx_d^2) (G_sigma * f) / spacing_d^2`` as pyradiomics has it: the
    derivative along an axis already counts sigma in mm, so that the factor 1 / spacing^2 is
    twice in it for spacings other than 1 mm.

    Parameters
    ----------
    pixels : ndarray, 2-D or 3-D
        The whole image, at least 4 voxels along every axis.
    spacing_mm : sequence of float
        Spacing along the axes of `pixels` in mm.
    sigma_mm : float
        Standard deviation of the Gaussian in mm.
    box : tuple of slice
        The part to return; see :func:`radiofib.preprocess.crop.bounding_box`.

    Raises
    ------
    UsageError
        When the image has fewer than 4 voxels along an axis.

    References
    ----------
    Deriche, INRIA report 1893, 1993; Farneback and Westin, J Math Imaging Vis 2006;26:293-299.

    Examples
    --------
    >>> image = np.zeros((9, 9))
    >>> image[4, 4] = 1.0
    >>> found = laplacian_of_gaussian(image, (1.0, 1.0), 1.0, (slice(4, 5), slice(3, 6)))
    >>> found.shape, bool(found[0, 1] < found[0, 0] < 0)
    ((1, 3), True)
    """
    if min(pixels.shape) < 4:
        raise UsageError(
            "the Laplacian of Gaussian needs at least 4 voxels along every axis",
            found=" x ".join(map(str, pixels.shape)),
        )
    margins = tuple(max(4, ceil(_REACH * sigma_mm / step)) for step in spacing_mm)
    around = grown(box, margins, pixels.shape)
    small = pixels.dtype.itemsize <= 2 or pixels.dtype == np.float32
    data = pixels[around].astype(np.float32 if small else np.float64)
    ndim = pixels.ndim
    total = np.zeros([part.stop - part.start for part in box], np.float32)
    for curved in reversed(range(ndim)):
        step: NDArray[np.generic] = data
        for axis in (curved, *(a for a in reversed(range(ndim)) if a != curved)):
            c = _coefficients(sigma_mm, float(spacing_mm[axis]), curved=axis == curved)
            first = box[axis].start - around[axis].start
            step = _one_axis(step, axis, first, box[axis].stop - box[axis].start, c)
        _add(total.reshape(-1), step.reshape(-1), 1 / float(spacing_mm[curved]) ** 2)
    return total


def _one_axis(
    data: NDArray[np.generic], axis: int, first: int, kept: int, c: NDArray[np.float64]
) -> NDArray[np.float32]:
    shape = data.shape
    outer, inner = int(np.prod(shape[:axis])), int(np.prod(shape[axis + 1 :]))
    out = np.empty((outer, kept, inner), np.float32)
    if inner == 1:
        _along_rows(data.reshape(-1), out.reshape(-1), shape[axis], first, first + kept, c)
    else:
        _along(data.reshape(outer, shape[axis], inner), out, first, c)
    return out.reshape(*shape[:axis], kept, *shape[axis + 1 :])
