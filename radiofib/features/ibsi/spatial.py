"""Spatial autocorrelation of IBSI 1: Moran's I and Geary's C over all pairs of voxels.

Both are sums over pairs of w_ij = 1 / distance. The number of pairs a step apart, and the sums
of their products, are autocorrelations of mask and intensities, so that the sums over pairs are

    sum_ij w_ij f_i g_j = sum_k W(k) Re(F(k) conj G(k)) / n

with F, G and W the Fourier transforms, on a grid twice as long as the region along each axis,
of f, g and the weights. No pair is left out and none is drawn by chance: N voxels take a time
of N log N and not N^2. Weights are even along each axis, so that an eighth of them and their
cosine transform is enough; the grid is worked through in blocks of bounded size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from radiofib.features.ibsi._moments import EQUAL, NOT_FINITE, Result, finished, undefined
from radiofib.preprocess.crop import bounding_box

__all__ = ["NAMES", "compute", "pair_sums"]

NAMES = ("moran_i", "geary_c")
#: Most bytes of transformed rows, and of one block of transforms.
_ROWS, _BLOCK = 256 * 2**20, 16 * 2**20


def compute(
    pixels: NDArray[np.generic], intensity_mask: NDArray[np.bool_], spacing_mm: Sequence[float]
) -> Result:
    """Return Moran's I and Geary's C of the intensities.

    With N intensities X of mean m and w_ij the inverse distance of voxels i and j in mm::

        moran_i N / sum w * sum w_ij (X_i - m)(X_j - m) / sum (X_i - m)^2
        geary_c (N - 1) / (2 sum w) * sum w_ij (X_i - X_j)^2 / sum (X_i - m)^2

    over all pairs i != j.

    Parameters
    ----------
    pixels, intensity_mask : ndarray of shape (z, y, x) or (y, x)
        Image and region.
    spacing_mm : sequence of float
        Spacing along the axes of the arrays.

    Returns
    -------
    dict, dict
        Values by name (NaN where not defined), and the reason for every NaN.

    Raises
    ------
    MaskError
        When the mask is empty.

    References
    ----------
    Moran, Biometrika 1950;37:17-23; Geary, Inc Stat 1954;5:115-145; IBSI reference manual, doi
    10.48550/arXiv.1612.07003 (N365, NPT7).

    Examples
    --------
    >>> pixels = np.array([[1.0, 2.0, 4.0]])
    >>> found, why = compute(pixels, pixels > 0, (1.0, 1.0))
    >>> round(found["moran_i"], 6), round(found["geary_c"], 6), why
    (-0.314286, 0.814286, {})
    """
    box = bounding_box(intensity_mask)
    mask = intensity_mask[box]
    values = pixels[box][mask].astype(np.float64)
    number = len(values)
    least, greatest = values.min(), values.max()
    finite = bool(np.isfinite(least) and np.isfinite(greatest))
    if number == 1 or least == greatest or not finite:
        reason = "one voxel has no pairs" if number == 1 else EQUAL if finite else NOT_FINITE
        return undefined(NAMES, reason)
    apart = values - values.mean()
    # Of the size of 1, so that squares stay numbers.
    apart /= np.abs(apart).max()
    spread = float(np.sum(apart**2))
    weights, products, squares = pair_sums(mask, apart, spacing_mm)
    found = {
        "moran_i": number / weights * products / spread,
        "geary_c": (number - 1) / weights * (squares - products) / spread,
    }
    return finished(NAMES, found, {})


def pair_sums(
    mask: NDArray[np.bool_], values: NDArray[np.float64], spacing_mm: Sequence[float]
) -> tuple[float, float, float]:
    """Return the sums of w_ij, w_ij f_i f_j and w_ij f_i^2 over all pairs of voxels.

    Parameters
    ----------
    mask : ndarray of bool
        The region, cropped to its bounding box.
    values : ndarray
        f of the voxels inside, in C order.
    spacing_mm : sequence of float
        Spacing along the axes of the mask.

    Examples
    --------
    >>> sums = pair_sums(np.array([True, False, True]), np.array([1.0, 3.0]), (2.0,))
    >>> [round(s, 9) for s in sums]
    [0.5, 1.5, 2.5]
    """
    shape = tuple(n for n in mask.shape if n > 1)
    spacing = [s for s, n in zip(spacing_mm, mask.shape, strict=True) if n > 1]
    if not shape:
        return 0.0, 0.0, 0.0
    shape, spacing = (1,) * (3 - len(shape)) + shape, [1.0] * (3 - len(shape)) + spacing
    inside = mask.reshape(shape)
    field = np.zeros(shape)
    field[inside] = values
    # Half the length of the transforms; steps of all pairs are shorter than that.
    half = [fft.next_fast_len(n, real=True) if n > 1 else 0 for n in shape]
    weights = _weights(half, spacing)
    length = [2 * h if h else 1 for h in half]
    columns = half[2] + 1
    # Rows transformed along x, and from them blocks transformed along y and z.
    held = max(_ROWS // (16 * 3 * shape[0] * shape[1]), 1)
    block = max(_BLOCK // (16 * 4 * length[0] * length[1]), 1)
    sums = np.zeros(3)
    for start in range(0, columns, held):
        stop = min(start + held, columns)
        rows = [_rows(kind, inside, field, length[2], slice(start, stop)) for kind in range(3)]
        for first in range(start, stop, block):
            end = min(first + block, stop)
            ones, f, squares = (_planes(r[:, :, first - start : end - start], length) for r in rows)
            weight = _unfolded(weights[:, :, first:end], length)
            # The transform of a real row: all columns but the first and the last stand for two.
            twice = np.full(end - first, 2.0)
            twice[[i - first for i in (0, half[2]) if first <= i < end]] = 1.0
            weight *= twice
            sums[0] += np.sum(weight * _power(ones, ones))
            sums[1] += np.sum(weight * _power(f, f))
            sums[2] += np.sum(weight * _power(squares, ones))
    found = sums / np.prod([float(n) for n in length])
    return float(found[0]), float(found[1]), float(found[2])


def _weights(half: Sequence[int], spacing: Sequence[float]) -> NDArray[np.float64]:
    """Return the cosine transform of 1 / distance, 0 for a voxel and itself."""
    z, y, x = ((np.arange(h + 1) * s) ** 2 for h, s in zip(half, spacing, strict=True))
    found: NDArray[np.float64] = z[:, None, None] + y[None, :, None] + x[None, None, :]
    found[0, 0, 0] = 1.0
    np.sqrt(found, out=found)
    np.divide(1.0, found, out=found)
    found[0, 0, 0] = 0.0
    for axis, h in enumerate(half):
        if h:
            found = fft.dct(found, type=1, axis=axis, overwrite_x=True)
    return found


def _unfolded(part: NDArray[np.float64], length: Sequence[int]) -> NDArray[np.float64]:
    """Return the transform for all frequencies along z and y, from those up to the half."""
    index = [np.minimum(np.arange(n), n - np.arange(n)) for n in length[:2]]
    found: NDArray[np.float64] = part[np.ix_(index[0], index[1])]
    return found


def _rows(
    kind: int, inside: NDArray[np.bool_], field: NDArray[np.float64], length: int, part: slice
) -> NDArray[np.complex128]:
    """Return columns of the transform along x of the mask (0), the field (1) or its square (2)."""
    nz, ny, _ = field.shape
    rows = np.empty((nz, ny, part.stop - part.start), dtype=np.complex128)
    for z in range(nz):
        plane = inside[z].astype(np.float64) if kind == 0 else field[z]
        rows[z] = fft.rfft(plane * plane if kind == 2 else plane, length, axis=1)[:, part]
    return rows


def _planes(rows: NDArray[np.complex128], length: Sequence[int]) -> NDArray[np.complex128]:
    """Return the transform along y and z as well."""
    found = rows
    for axis in (1, 0):
        if length[axis] > 1:
            found = fft.fft(found, length[axis], axis=axis)
    return found


def _power(a: NDArray[np.complex128], b: NDArray[np.complex128]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = a.real * b.real
    found += a.imag * b.imag
    return found
