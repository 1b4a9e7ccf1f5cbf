"""Whether the edge of a mask is an edge of the image: a sign of another patient's mask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from radiofib.images.region import CHECK
from radiofib.roi import Roi

__all__ = ["LEAST_CONTRAST", "edge_contrast", "mask_doubts"]

#: How far from the edge intensities are compared, on both sides, and deep inside (mm).
NEAR_MM, DEEP_MM = 4.0, 12.0
#: Below, the edge is no edge of the image. Livers outlined on MR and CT have 1.5 to 5, tumours in
#: muscle 1.2 and more, simulated livers 7 and more; masks moved by 25 mm, or laid over another
#: patient (Dice up to .85), .2 to .7.
LEAST_CONTRAST = 1.0
#: Share of the edge that may be without contrast, where the organ touches its like.
_QUANTILE = 25.0
_MOST_PLACES, _LEAST_PLACES = 4000, 100
_SMOOTH_MM = 2.0


def edge_contrast(
    pixels: NDArray[np.generic], mask: NDArray[np.bool_], spacing_mm: Sequence[float]
) -> float | None:
    r"""Return how much more intensities change across the edge of a mask than inside of it.

    At places of the edge, intensities I are taken along the normal by linear interpolation:
    4 mm outside, 4 mm and 12 mm inside. The contrast is the lower quartile of
    ``|I(4 mm outside) - I(4 mm inside)|`` over the median of ``|I(4 mm inside) - I(12 mm
    inside)|``. An organ is even inside and mostly another at its edge, so that the right mask has
    a contrast of several, and about .5 is what any surface has that lies somewhere in the body.

    Parameters
    ----------
    pixels : ndarray of shape (z, y, x)
        Image; intensities in any unit.
    mask : ndarray of bool, same shape
        The organ.
    spacing_mm : sequence of float
        Along z, y, x.

    Returns
    -------
    float or None
        None when it cannot be told: a picture, or fewer than 100 places where the organ is
        12 mm deep and the image goes on around it.

    Examples
    --------
    >>> z, y, x = np.indices((40, 40, 40)) - 20.0
    >>> ball = z**2 + y**2 + x**2 < 16**2
    >>> image = np.random.default_rng(0).normal(100 + 50 * ball, 5)
    >>> right, moved = (edge_contrast(image, m, (1, 1, 1)) for m in (ball, np.roll(ball, 12, 2)))
    >>> right > 3, moved < 1
    (True, True)
    """
    if pixels.ndim != 3 or not mask.any():
        return None
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    box, values, inside = _around(pixels, mask, spacing)
    soft = ndimage.gaussian_filter(inside.astype(np.float32), _SMOOTH_MM / spacing, truncate=3.0)
    at = np.argwhere(inside & ~ndimage.binary_erosion(inside, border_value=1)).astype(np.float64)
    at = at[:: max(1, -(-len(at) // _MOST_PLACES))]
    normals = np.stack([-_slope(soft, at, axis) / spacing[axis] for axis in range(3)], axis=1)
    size = np.linalg.norm(normals, axis=1)
    at, normals = at[size > 0], normals[size > 0] / size[size > 0, None]
    where = {d: at + normals * d / spacing for d in (NEAR_MM, -NEAR_MM, -DEEP_MM)}
    last = np.array(pixels.shape) - 1
    seen = np.ones(len(at), dtype=np.bool_)
    for distance, places in where.items():
        whole = places + box
        seen &= ((whole >= 0) & (whole <= last)).all(axis=1)
        if distance < 0:
            nearest = np.clip(np.rint(places).astype(int), 0, np.array(inside.shape) - 1)
            seen &= inside[tuple(nearest.T)]
    if np.count_nonzero(seen) < _LEAST_PLACES:
        return None
    outside, near, deep = (
        ndimage.map_coordinates(values, p[seen].T, order=1, mode="nearest").astype(np.float64)
        for p in where.values()
    )
    across = float(np.percentile(np.abs(outside - near), _QUANTILE))
    within = float(np.median(np.abs(near - deep)))
    if not np.isfinite(across + within) or across == within == 0:
        return None
    return across / within if within > 0 else float("inf")


def mask_doubts(roi: Roi) -> tuple[str, ...]:
    """Return what speaks against a mask that was drawn on this very image.

    To notes that reading made (outside the body, another frame of reference) comes an edge of the
    mask that is no edge of the image.

    Examples
    --------
    >>> pixels = np.zeros((2, 9, 9))
    >>> mask_doubts(Roi(pixels, pixels == 0, (1.0, 1.0, 1.0), "t1"))
    ()
    """
    found = [note for note in roi.notes if note.endswith(CHECK)]
    contrast = edge_contrast(roi.pixels, roi.mask, roi.spacing_mm) if roi.spacing_known else None
    if contrast is not None and contrast < LEAST_CONTRAST:
        found.append(
            f"the edge of the mask is no edge of the image (contrast {contrast:.2g} of what varies "
            f"inside, least {LEAST_CONTRAST:g}): {CHECK}"
        )
    return tuple(found)


def _around(
    pixels: NDArray[np.generic], mask: NDArray[np.bool_], spacing: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.bool_]]:
    """Return where the part around the mask begins, and image and mask there."""
    margin = np.ceil(2 * NEAR_MM / spacing).astype(int)
    box = []
    for axis in range(3):
        hit = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        box.append(slice(max(int(hit[0] - margin[axis]), 0), int(hit[-1] + margin[axis]) + 1))
    start = np.array([part.start for part in box])
    return start, pixels[tuple(box)].astype(np.float32), mask[tuple(box)]


def _slope(soft: NDArray[np.float32], at: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Return the central difference at voxels, one-sided at the border."""
    ahead, behind = (at.astype(int) for _ in range(2))
    ahead[:, axis] = np.minimum(ahead[:, axis] + 1, soft.shape[axis] - 1)
    behind[:, axis] = np.maximum(behind[:, axis] - 1, 0)
    step = ahead[:, axis] - behind[:, axis]
    change = soft[tuple(ahead.T)].astype(np.float64) - soft[tuple(behind.T)]
    return np.asarray(change / np.maximum(step, 1))
