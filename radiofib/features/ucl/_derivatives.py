"""Derivatives at a scale in mm that see nothing outside the mask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from radiofib.features.ucl._eigen import PAIRS

__all__ = ["derivatives", "kernel_1d", "structure_tensor"]

#: Gaussians end at this many widths.
TRUNCATE = 3.0


def kernel_1d(width: float, order: int) -> NDArray[np.float64]:
    r"""Return the weights of a Gaussian derivative over whole steps.

    Weights are scaled so that polynomials come out right whatever the width: order 0 sums to 1,
    order 1 gives 1 for x, order 2 gives 1 for x^2 / 2 and 0 for 1. For widths far below a step
    they turn into [-1/2, 0, 1/2] and [1, -2, 1].

    Parameters
    ----------
    width : float
        Standard deviation in steps.
    order : int
        0, 1 or 2.

    Examples
    --------
    >>> kernel_1d(0.2, 2).round(4)
    array([ 1., -2.,  1.])
    """
    radius = max(int(np.ceil(TRUNCATE * width)), 1)
    x = np.arange(-radius, radius + 1.0)
    # Shifted exponents keep the ratio of the outer weights where they would vanish.
    weights = np.exp(-0.5 * x**2 / width**2)
    smooth = weights / weights.sum()
    if order == 0:
        return np.asarray(smooth)
    outer = np.exp(-0.5 * (x**2 - 1) / width**2) * (x != 0)
    if order == 1:
        found = x * outer
        return np.asarray(found / np.sum(found * x))
    found = (x**2 - np.sum(smooth * x**2)) * outer
    found[radius] = 0.0
    found[radius] = -found.sum()
    return np.asarray(found / np.sum(found * x**2 / 2))


def derivatives(
    pixels: NDArray[np.generic], mask: NDArray[np.bool_], spacing: Sequence[float], width_mm: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    r"""Return gradient and Hessian inside a mask by normalised convolution.

    With G a Gaussian, f the image, M the mask: ``s = (G * fM) / (G * M)`` is the mean of f over
    the part of the Gaussian inside the mask; its derivatives follow from those of numerator A and
    denominator B by the quotient rule, ``s_i = (A_i - s B_i) / B`` and ``s_ij = (A_ij - s_i B_j
    - s_j B_i - s B_ij) / B``. Next to the border of the mask slopes come out smaller, as half of
    the Gaussian is missing.

    Parameters
    ----------
    pixels : ndarray, shape (z, y, x)
        Image; only values inside the mask matter.
    mask : ndarray of bool, same shape
        The region.
    spacing : sequence of float
        Spacing along the axes in mm.
    width_mm : float
        Standard deviation of the Gaussian.

    Returns
    -------
    ndarray of shape (n, 3), ndarray of shape (n, 6)
        First derivatives along the axes in grey/mm and second ones in grey/mm^2, in the order
        of :data:`radiofib.features.ucl._eigen.PAIRS`, of the n voxels inside.

    References
    ----------
    Knutsson and Westin, CVPR 1993:515-523, doi 10.1109/CVPR.1993.341081.

    Examples
    --------
    >>> ramp = np.arange(20.0) * np.ones((20, 20, 1))
    >>> gradient, hessian = derivatives(ramp, np.ones(ramp.shape, bool), (1, 1, 0.5), 1.0)
    >>> gradient.reshape(20, 20, 20, 3)[10, 10, 10].round(3) + 0.0
    array([0., 0., 2.], dtype=float32)
    """
    inside = pixels[mask].astype(np.float64)
    middle = inside.mean()
    scale = float(np.abs(inside - middle).max()) or 1.0
    field = np.zeros(mask.shape, dtype=np.float32)
    field[mask] = (inside - middle) / scale
    top = _all_orders(field, mask, spacing, width_mm)
    below = _all_orders(mask.astype(np.float32), mask, spacing, width_mm)
    base = below[0, 0, 0]
    value = top[0, 0, 0] / base
    units = [tuple(int(axis == other) for other in range(3)) for axis in range(3)]
    first = [(top[unit] - value * below[unit]) / base for unit in units]
    second = []
    for i, j in PAIRS:
        both = tuple(a + b for a, b in zip(units[i], units[j], strict=True))
        rest = first[i] * below[units[j]] + first[j] * below[units[i]] + value * below[both]
        second.append((top[both] - rest) / base)
    size = np.float32(scale)
    return (
        np.stack(first, axis=1, dtype=np.float32) * size,
        np.stack(second, axis=1, dtype=np.float32) * size,
    )


def _all_orders(
    field: NDArray[np.float32], mask: NDArray[np.bool_], spacing: Sequence[float], width_mm: float
) -> dict[tuple[int, ...], NDArray[np.float32]]:
    """Return Gaussian derivatives of total order up to 2 inside the mask, by order per axis."""
    done: dict[tuple[int, ...], NDArray[np.float32]] = {(): field}
    for axis, step in enumerate(spacing):
        weights = [kernel_1d(width_mm / step, order) / step**order for order in range(3)]
        done = {
            (*orders, order): ndimage.correlate1d(array, weights[order], axis, mode="constant")
            for orders, array in done.items()
            for order in range(3 - sum(orders))
        }
    return {orders: array[mask] for orders, array in done.items()}


def structure_tensor(
    gradient: NDArray[np.float32],
    mask: NDArray[np.bool_],
    spacing: Sequence[float],
    width_mm: float,
) -> NDArray[np.float64]:
    """Return products of first derivatives, averaged over a Gaussian inside the mask.

    Parameters
    ----------
    gradient : ndarray, shape (n, 3)
        First derivatives of the voxels inside.
    mask : ndarray of bool
        The region.
    spacing : sequence of float
        Spacing in mm.
    width_mm : float
        Standard deviation of the Gaussian.

    Examples
    --------
    >>> mask = np.ones((5, 5, 5), dtype=bool)
    >>> along = np.tile(np.array([0, 0, 2], dtype=np.float32), (125, 1))
    >>> structure_tensor(along, mask, (1, 1, 1), 2.0)[0].round(4)
    array([0., 0., 0., 0., 0., 4.])
    """

    def smooth(array: NDArray[np.float32]) -> NDArray[np.float64]:
        for axis, step in enumerate(spacing):
            weights = kernel_1d(width_mm / step, 0)
            array = ndimage.correlate1d(array, weights, axis, mode="constant")
        return array[mask].astype(np.float64)

    share = smooth(mask.astype(np.float32))
    # Without unit, so that float32 holds squares of any intensities.
    scale = float(np.abs(gradient).max()) or 1.0
    found = np.empty((len(gradient), 6))
    for k, (i, j) in enumerate(PAIRS):
        product = np.zeros(mask.shape, dtype=np.float32)
        product[mask] = (gradient[:, i] / scale) * (gradient[:, j] / scale)
        found[:, k] = smooth(product) / share * scale**2
    return found
