"""Local intensity of IBSI 1: the family `loc`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.features._numba import kernel
from radiofib.features.ibsi._moments import Result, finished, undefined
from radiofib.preprocess.crop import bounding_box, grown
from radiofib.preprocess.ibsi.region import PEAK_RADIUS_MM

__all__ = ["NAMES", "compute", "sphere_rows"]

NAMES = ("peak_loc", "peak_glob")


def compute(
    pixels: NDArray[np.generic], intensity_mask: NDArray[np.bool_], spacing_mm: Sequence[float]
) -> Result:
    """Return the mean intensity of 1 cm3 around the brightest voxel, and the greatest such mean.

    peak_loc is the mean over all voxels, in the region or not, whose centres lie within
    r = 10 (3 / (4 pi))^(1/3) mm of the voxel with the greatest intensity of the region; of
    several such voxels, the greatest mean counts. peak_glob is the greatest mean around any
    voxel of the region. Voxels outside the image, NaN and infinite ones have no say. In a 2-D
    image the sphere is a disk.

    Parameters
    ----------
    pixels, intensity_mask : ndarray of shape (z, y, x) or (y, x)
        Image and region; the image must reach r beyond the region, or end there.
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

    Notes
    -----
    Sums along rows of the sphere are differences of running sums: the time grows with the
    number of rows of the sphere and not with its volume.

    References
    ----------
    IBSI reference manual, doi 10.48550/arXiv.1612.07003, local intensity (9ST6).

    Examples
    --------
    >>> pixels = np.zeros((5, 5, 5))
    >>> pixels[2, 2, 2] = 7
    >>> compute(pixels, pixels > 0, (5.0, 5.0, 5.0))[0]
    {'peak_loc': 1.0, 'peak_glob': 1.0}
    """
    reach = tuple(int(PEAK_RADIUS_MM / s) for s in spacing_mm)
    box = grown(bounding_box(intensity_mask), reach, intensity_mask.shape)
    volume, mask = pixels[box].astype(np.float64), intensity_mask[box]
    spacing = tuple(spacing_mm)
    if volume.ndim == 2:
        volume, mask, spacing = volume[None], mask[None], (1.0, *spacing)
    rows = sphere_rows(spacing, volume.shape)
    finite = np.isfinite(volume)
    clean = volume if finite.all() else np.where(finite, volume, 0.0)
    centres = np.argwhere(mask).astype(np.int32)
    sums = _sums(_running(clean), centres, rows)
    counts = _counts(volume.shape, centres, rows)
    if clean is not volume:
        counts = _sums(_running(finite.astype(np.float64)), centres, rows)
    values = volume[mask]
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums / counts
    known = np.isfinite(values)
    if not known.any():
        return undefined(NAMES, "the region has no finite intensity")
    brightest = values == values[known].max()
    found = {"peak_loc": float(means[brightest].max()), "peak_glob": float(means[known].max())}
    return finished(NAMES, found, {})


def sphere_rows(spacing: Sequence[float], shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Return rows of the sphere of 1 cm3: steps along z and y, and its half-length along x.

    Examples
    --------
    >>> sphere_rows((10.0, 4.0, 4.0), (9, 9, 9))
    array([[ 0, -1,  1],
           [ 0,  0,  1],
           [ 0,  1,  1]], dtype=int32)
    """
    reach = [min(int(PEAK_RADIUS_MM / s), n) for s, n in zip(spacing, shape, strict=True)]
    z, y, x = (np.arange(-r, r + 1) for r in reach)
    squared = [np.square(a * s) for a, s in zip((z, y, x), spacing, strict=True)]
    inside = (
        squared[0][:, None, None] + squared[1][None, :, None] + squared[2][None, None, :]
        <= PEAK_RADIUS_MM**2
    )
    half = inside.sum(axis=2)
    at = np.argwhere(half > 0)
    return np.column_stack([z[at[:, 0]], y[at[:, 1]], half[half > 0] // 2]).astype(np.int32)


def _running(volume: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sums of a row up to and without each voxel, and over all of it."""
    found = np.zeros((*volume.shape[:2], volume.shape[2] + 1))
    np.cumsum(volume, axis=2, out=found[:, :, 1:])
    return found


@kernel
def _sums(running: Any, centres: Any, rows: Any) -> Any:
    """Return the sum over the part of the sphere within the image, for each centre."""
    nz, ny, nx = running.shape[0], running.shape[1], running.shape[2] - 1
    found = np.zeros(len(centres))
    for i in range(len(centres)):
        total = 0.0
        for j in range(len(rows)):
            z = centres[i, 0] + rows[j, 0]
            y = centres[i, 1] + rows[j, 1]
            if z < 0 or z >= nz or y < 0 or y >= ny:
                continue
            first = max(centres[i, 2] - rows[j, 2], 0)
            end = min(centres[i, 2] + rows[j, 2] + 1, nx)
            total += running[z, y, end] - running[z, y, first]
        found[i] = total
    return found


@kernel
def _counts(shape: Any, centres: Any, rows: Any) -> Any:
    """Return the number of voxels of the sphere within the image, for each centre."""
    nz, ny, nx = shape
    found = np.zeros(len(centres))
    for i in range(len(centres)):
        total = 0
        for j in range(len(rows)):
            z = centres[i, 0] + rows[j, 0]
            y = centres[i, 1] + rows[j, 1]
            if z >= 0 and z < nz and y >= 0 and y < ny:
                first = max(centres[i, 2] - rows[j, 2], 0)
                total += min(centres[i, 2] + rows[j, 2] + 1, nx) - first
        found[i] = total
    return found
