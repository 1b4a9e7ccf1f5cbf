"""What lies inside a core, along and across its centre line: tracts, veins, septa by their stain.

Neighbouring sections of one core cut the same portal tracts and veins, so that their stain rises
and falls at the same places; two cores, be they of one needle and one patient, do not share them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from radiofib.slides.tissue.stain import separate

__all__ = ["BAND_UM", "STEP_UM", "Pattern", "features", "stain_pattern", "stains", "structure"]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Stations of profiles and patterns lie this far apart, um.
STEP_UM = 50.0
#: Width of the bands across a core, about, um.
BAND_UM = 60.0
#: Parts of a cell that must hold tissue.
_FILLED = 0.4
#: Stain that changes over more stations than this is drift, not structure.
_DRIFT = 12.0
#: No single tract outweighs the others: SD of the pattern.
_CLIP = 4.0
#: Cells are smoothed along and across, for sections never lie quite alike.
_SMOOTH = (0.8, 0.6, 0.0)
#: Structure reaches over cells, texture does not: bounds of what neighbours share.
_SHARED = (0.02, 0.9)
#: Light taken up by a level of grey, less a constant.
_DENSITY = -np.log10(np.arange(256) + 1.0).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Pattern:
    """Mean stain in cells along and across a core.

    Parameters
    ----------
    stain : ndarray of shape (stations, bands, 2)
        Haematoxylin and eosin, up to a constant; the bands are symmetric to the centre line.
    seen : ndarray of bool, shape (stations, bands)
        Cells that hold enough tissue.
    """

    stain: Floats
    seen: Bools


def stains(rgb: Bytes) -> Floats:
    """Return haematoxylin and eosin of pixels, up to a constant that depends on the white.

    Examples
    --------
    >>> faint, strong = stains(np.array([[200, 180, 210], [100, 90, 160]], np.uint8))
    >>> bool(strong[0] > faint[0])
    True
    """
    return separate(_DENSITY[rgb])[..., :2]


def stain_pattern(
    amounts: Floats,
    station: Floats,
    across_um: Floats,
    *,
    count: int,
    width_um: float,
    cell_um2: float,
) -> Pattern:
    """Average stain over cells along and across a core.

    Parameters
    ----------
    amounts : ndarray of shape (n, 2)
        Stain of each pixel of the core.
    station, across_um : ndarray of shape (n,)
        Place along the line in stations, and signed distance from it.
    count : int
        Number of stations.
    width_um : float
        Mean width of the core.
    cell_um2 : float
        Area of a pixel.

    Examples
    --------
    >>> x, y = np.meshgrid(np.arange(0, 30, 0.2), np.arange(-195, 200, 10.0))
    >>> stain = np.stack([x.ravel() > 15, y.ravel() > 0], axis=1).astype(float)
    >>> seen = stain_pattern(stain, x.ravel(), y.ravel(), count=30, width_um=400, cell_um2=100)
    >>> seen.stain.shape, seen.stain[20, 0].tolist(), seen.stain[5, -1].tolist()
    ((30, 6, 2), [1.0, 0.0], [0.0, 1.0])
    """
    bands = 2 * max(1, round(width_um / BAND_UM / 2))
    band = np.floor((across_um / width_um + 0.5) * bands).astype(np.int64)
    row = np.floor(station).astype(np.int64).clip(0, count - 1)
    inside = (band >= 0) & (band < bands)
    cell = row[inside] * bands + band[inside]
    shape, size = (count, bands), count * bands
    pixels = np.bincount(cell, minlength=size).reshape(shape)
    sums = [np.bincount(cell, amounts[inside, k], minlength=size).reshape(shape) for k in (0, 1)]
    stain = np.stack(sums, axis=2) / np.maximum(pixels, 1)[..., None]
    seen: Bools = pixels * cell_um2 >= _FILLED * STEP_UM * width_um / bands
    return Pattern(stain, seen)


def features(patterns: Sequence[Pattern]) -> list[Floats]:
    """Return what patterns are compared by: stain without drift, weighted by what is structure.

    Parameters
    ----------
    patterns : sequence of Pattern
        Of all pieces of a slide.

    Returns
    -------
    list of ndarray, each of shape (stations, bands, 2)
        0 where there is no tissue.

    Notes
    -----
    Tracts, veins and septa reach over several stations, nuclei and noise do not: a stain counts
    by how much neighbouring stations share of it, ``r / (1 - r)`` with its autocorrelation r over
    all pieces of the slide.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> tracts = ndi.gaussian_filter1d(rng.normal(size=(90, 6)), 1.5, axis=0)
    >>> stain = np.stack([tracts, rng.normal(size=(90, 6))], axis=2)
    >>> [values] = features([Pattern(stain, np.ones((90, 6), dtype=bool))])
    >>> bool(values[..., 0].std() > 10 * values[..., 1].std())
    True
    """
    flat = [_without_drift(p) for p in patterns]
    r, deviation = _shared(patterns, flat)
    r = r.clip(*_SHARED)
    found = []
    for pattern, values in zip(patterns, flat, strict=True):
        weighted = (values / deviation).clip(-_CLIP, _CLIP) * (r / (1 - r))
        found.append(ndi.gaussian_filter(weighted, _SMOOTH) * pattern.seen[..., None])
    return found


def _without_drift(pattern: Pattern) -> Floats:
    weight = pattern.seen[..., None].astype(np.float64)
    drift = ndi.gaussian_filter1d(pattern.stain * weight, _DRIFT, axis=0)
    drift /= np.maximum(ndi.gaussian_filter1d(weight, _DRIFT, axis=0), 1e-6)
    values: Floats = (pattern.stain - drift) * weight
    return values


def structure(patterns: Sequence[Pattern]) -> float:
    """Tell how much of the stain is structure: the larger autocorrelation of the two stains.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(200, 6, 2))
    >>> seen = np.ones((200, 6), dtype=bool)
    >>> tracts = ndi.gaussian_filter1d(noise, 1.5, axis=0)
    >>> structure([Pattern(noise, seen)]) < 0.1 < structure([Pattern(tracts, seen)])
    True
    """
    r, _ = _shared(patterns, [_without_drift(p) for p in patterns])
    return float(r.max())


def _shared(patterns: Sequence[Pattern], flat: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Return the autocorrelation of each stain along all pieces, and its SD."""
    power = sum((np.sum(v**2, axis=(0, 1)) for v in flat), np.zeros(2))
    shared = sum((np.sum(v[1:] * v[:-1], axis=(0, 1)) for v in flat), np.zeros(2))
    cells = sum(int(p.seen.sum()) for p in patterns)
    power = np.maximum(power, 1e-12)
    return shared / power, np.sqrt(power / max(cells, 1))
