"""Nuclei by colour deconvolution, threshold and watershed: no network, and its limits stated.

What stains with haematoxylin and has the size of a nucleus is counted. Out-of-focus nuclei,
overlapping lymphocytes in dense infiltrates and pigment are where such counts go wrong; counts of
one laboratory's slides are comparable, absolute ones are estimates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.segmentation import watershed

from radiofib.slides.morphometry.extremes import running_maximum, running_minimum

__all__ = ["HALO_UM", "Nuclei", "find_nuclei"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Radius of the opening that takes the background away, um; larger than a nucleus.
BACKGROUND_UM = 8.0
#: Width of the Gaussian before thresholding and before looking for centres, um.
SMOOTH_UM, CENTRE_UM = 0.7, 1.2
#: Haematoxylin above its surroundings from which a pixel belongs to a nucleus.
THRESHOLD_OD = 0.1
#: Area of a nucleus, um2. Nuclei of hepatocytes are about 40-80, of lymphocytes 20-40.
AREA_UM2 = (10.0, 400.0)
#: What lies within this distance of a pixel decides its nucleus.
HALO_UM = 32.0


@dataclass(frozen=True, eq=False)
class Nuclei:
    """Nuclei of a picture.

    Parameters
    ----------
    row, column : ndarray of int
        Darkest pixel of each, in the order of rows.
    area_um2 : ndarray
        Its area.
    """

    row: Ints
    column: Ints
    area_um2: Floats


def find_nuclei(haematoxylin: NDArray[np.floating], um: float) -> Nuclei:
    """Find nuclei by their haematoxylin.

    Parameters
    ----------
    haematoxylin : ndarray, shape (height, width)
        Optical density of haematoxylin; pixels of at most about 1 um.
    um : float
        Side of a pixel.

    Notes
    -----
    The image is smoothed, its background (grey opening with a square of 17 um) taken away and
    what is above 0.1 kept: QuPath's default values for cells in brightfield (Bankhead et al.
    2017, Sci Rep 7:16878). Centres are local maxima of a wider smoothing; a watershed gives each
    its pixels, of which those at half of its height and more are its area (its soft rim would add
    a third); areas outside 10-400 um2 are dropped.

    Examples
    --------
    >>> y, x = np.mgrid[:60, :60]
    >>> one, other = np.hypot(y - 20, x - 20) <= 4, np.hypot(y - 20, x - 28.5) <= 4
    >>> found = find_nuclei(0.1 + 0.5 * (one | other), 1.0)
    >>> found.row.size, bool((found.area_um2 > 25).all())
    (2, True)
    """
    smooth = ndi.gaussian_filter(haematoxylin, SMOOTH_UM / um, output=np.float32)
    side = 2 * round(BACKGROUND_UM / um) + 1
    ground = running_maximum(running_minimum(smooth, side), side)
    excess = smooth - ground
    mask = excess > THRESHOLD_OD
    centres = ndi.gaussian_filter(haematoxylin, CENTRE_UM / um, output=np.float32)
    reach = 2 * max(1, round(1.5 / um)) + 1
    peaks = mask & (running_maximum(centres, reach) == centres)
    markers, count = ndi.label(peaks, structure=np.ones((3, 3)))
    if count == 0:
        none = np.empty(0, dtype=np.int64)
        return Nuclei(none, none, np.empty(0))
    labels = watershed(-centres, markers, mask=mask)
    nucleus, height = labels[mask], excess[mask]
    half = np.zeros(count + 1, dtype=np.float32)
    np.maximum.at(half, nucleus, height / 2)
    pixels = np.bincount(nucleus[height >= half[nucleus]], minlength=count + 1)[1:]
    area: Floats = pixels.astype(np.float64) * um**2
    places = np.flatnonzero(markers)
    first = places[np.unique(markers.ravel()[places], return_index=True)[1]]
    row, column = np.divmod(first, haematoxylin.shape[1])
    keep = (area >= AREA_UM2[0]) & (area <= AREA_UM2[1])
    return Nuclei(row[keep].astype(np.int64), column[keep].astype(np.int64), area[keep])
