"""Whether a mask lies on the patient or in the air around: a sign of another patient's mask."""

from __future__ import annotations

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

__all__ = ["body_hull", "share_outside_body"]

#: Pixels along the longer side of a slice after thinning out; the hull needs no more.
_SIDE = 96
#: Slices that are looked at, spread over those of the mask.
_SLICES = 24
#: Objects smaller than this share of the largest do not widen the hull.
_SPECK = 0.05
#: Smaller pictures are cut-outs, in which air is no measure.
_SMALLEST = 32


def body_hull(plane: NDArray[np.generic], threshold: float) -> NDArray[np.bool_]:
    """Return the convex hull of the bright objects of a slice, specks left out.

    Skin, fat and muscle surround the organs, so that the hull holds dark organs too. Objects of
    less than a twentieth of the largest are specks of noise.

    Parameters
    ----------
    plane : ndarray of shape (y, x)
    threshold : float
        Pixels above are bright.

    Examples
    --------
    >>> plane = np.zeros((7, 7))
    >>> plane[1:6, [1, 5]] = plane[[1, 5], 1:6] = 9
    >>> int(body_hull(plane, 4.0).sum())
    25
    """
    objects = _objects(plane, threshold)
    if not objects.any():
        return objects
    from skimage.morphology import convex_hull_image  # half a second that few masks need

    hull: NDArray[np.bool_] = convex_hull_image(objects)
    return hull


def _objects(plane: NDArray[np.generic], threshold: float) -> NDArray[np.bool_]:
    """Return the bright objects of a slice without specks."""
    bright = np.greater(plane, threshold)
    labels, count = scipy.ndimage.label(bright, np.ones((3, 3)))
    if count == 0:
        return np.zeros(plane.shape, dtype=np.bool_)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray((sizes >= _SPECK * sizes.max())[labels] & bright)


def share_outside_body(
    pixels: NDArray[np.generic], mask: NDArray[np.bool_], *, least: float = 0.0
) -> float | None:
    """Return the share of a mask that lies outside the convex hull of the body, slice by slice.

    The threshold between air and tissue is Otsu's (1979) over the slices looked at: up to 24
    that the mask touches, thinned out to 96 pixels a side.

    Parameters
    ----------
    pixels : ndarray of shape (z, y, x)
    mask : ndarray of bool, same shape
    least : float
        A share up to this is of no interest: where the bright objects alone already hold the
        rest of the mask, the hull, which costs, is left out and what they do not hold returned.

    Returns
    -------
    float or None
        None when it cannot be told: a cut-out of less than 32 pixels a side, a picture, or no
        contrast.

    Examples
    --------
    >>> scan = np.zeros((1, 64, 64))
    >>> scan[0, 16:48, 16:48] = 100
    >>> mask = np.zeros(scan.shape, dtype=bool)
    >>> mask[0, 20:30, 8:24] = True
    >>> share_outside_body(scan, mask)
    0.5
    """
    if pixels.ndim != 3 or min(pixels.shape[1:]) < _SMALLEST:
        return None
    touched = np.flatnonzero(mask.any(axis=(1, 2)))
    if not touched.size:
        return None
    if touched.size > _SLICES:
        touched = touched[np.linspace(0, touched.size - 1, _SLICES).round().astype(int)]
    step = max(1, -(-max(pixels.shape[1:]) // _SIDE))
    planes = np.stack([pixels[z, ::step, ::step] for z in touched]).astype(np.float64)
    if not np.isfinite(planes).all() or planes.min() == planes.max():
        return None
    from skimage.filters import threshold_otsu

    threshold = float(threshold_otsu(planes))
    where = [tuple(i // step for i in np.nonzero(mask[z])) for z in touched]
    total = sum(y.size for y, _ in where)
    for body in (_objects, body_hull):
        held = sum(
            int(np.count_nonzero(body(plane, threshold)[at]))
            for plane, at in zip(planes, where, strict=True)
        )
        if 1 - held / total <= least:
            break
    return float((total - held) / total)
