"""Features of the grey level size zone matrix, all at once.

Symbols: P(i, j) zones of level i with j voxels, Nz = sum(P), p = P / Nz, N the number of voxels.
All are without unit but the entropy, in bits. Formulas: registry and Thibault et al. 2009.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.features._emphases import Emphases

__all__ = ["compute"]


def compute(
    counts: NDArray[Any], grey_levels: NDArray[np.integer], sizes: NDArray[np.integer]
) -> dict[str, float]:
    """Return all GLSZM features.

    Parameters
    ----------
    counts : ndarray of shape (n_levels, n_sizes)
        Numbers of zones, as :meth:`radiofib.features.matrices.Matrices.glszm` returns them.
    grey_levels : ndarray of shape (n_levels,)
        Grey levels of the rows.
    sizes : ndarray of shape (n_sizes,)
        Voxels in a zone, of the columns.

    Returns
    -------
    dict
        Registry name to value.

    Examples
    --------
    >>> values = compute(np.array([[1, 0], [0, 2]]), np.array([1, 2]), np.array([1, 3]))
    >>> round(values["zone_percentage"], 6), values["large_area_emphasis"].__round__(6)
    (0.428571, 6.333333)
    """
    zones = np.asarray(counts, dtype=np.float64)[:, :, None]
    voxels = sizes.astype(np.float64)
    n = np.sum(zones, axis=(0, 1))
    e = Emphases(zones, grey_levels.astype(np.float64), voxels, n)
    values = {
        "gray_level_non_uniformity": e.level_non_uniformity(),
        "gray_level_non_uniformity_normalized": e.level_non_uniformity() / n,
        "gray_level_variance": e.level_variance(),
        "high_gray_level_zone_emphasis": e.moment(2, 0),
        "large_area_emphasis": e.moment(0, 2),
        "large_area_high_gray_level_emphasis": e.moment(2, 2),
        "large_area_low_gray_level_emphasis": e.moment(-2, 2),
        "low_gray_level_zone_emphasis": e.moment(-2, 0),
        "size_zone_non_uniformity": e.size_non_uniformity(),
        "size_zone_non_uniformity_normalized": e.size_non_uniformity() / n,
        "small_area_emphasis": e.moment(0, -2),
        "small_area_high_gray_level_emphasis": e.moment(2, -2),
        "small_area_low_gray_level_emphasis": e.moment(-2, -2),
        "zone_entropy": e.entropy(),
        "zone_percentage": n / (voxels @ e.by_size),
        "zone_variance": e.size_variance(),
    }
    return {name: float(value[0]) for name, value in values.items()}
