"""Features of the grey level dependence matrix, all at once.

Symbols: P(i, j) voxels of level i with j - 1 neighbours that resemble them, N = sum(P), p = P / N.
All are without unit but the entropy, in bits. Formulas: registry and Sun and Wee 1983
(doi 10.1016/0734-189X(83)90032-4).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.features._emphases import Emphases

__all__ = ["compute"]


def compute(counts: NDArray[Any], grey_levels: NDArray[np.integer]) -> dict[str, float]:
    """Return all GLDM features.

    Parameters
    ----------
    counts : ndarray of shape (n_levels, n_neighbours + 1)
        Numbers of voxels, as :meth:`radiofib.features.matrices.Matrices.gldm` returns them.
    grey_levels : ndarray of shape (n_levels,)
        Grey levels of the rows.

    Returns
    -------
    dict
        Registry name to value.

    Examples
    --------
    >>> values = compute(np.array([[1, 1], [0, 2]]), np.array([1, 2]))
    >>> values["large_dependence_emphasis"], values["dependence_variance"]
    (3.25, 0.1875)
    """
    voxels = np.asarray(counts, dtype=np.float64)[:, :, None]
    n = np.sum(voxels, axis=(0, 1))
    numbers = np.arange(1, voxels.shape[1] + 1, dtype=np.float64)
    e = Emphases(voxels, grey_levels.astype(np.float64), numbers, n)
    values = {
        "dependence_entropy": e.entropy(),
        "dependence_non_uniformity": e.size_non_uniformity(),
        "dependence_non_uniformity_normalized": e.size_non_uniformity() / n,
        "dependence_variance": e.size_variance(),
        "gray_level_non_uniformity": e.level_non_uniformity(),
        "gray_level_variance": e.level_variance(),
        "high_gray_level_emphasis": e.moment(2, 0),
        "large_dependence_emphasis": e.moment(0, 2),
        "large_dependence_high_gray_level_emphasis": e.moment(2, 2),
        "large_dependence_low_gray_level_emphasis": e.moment(-2, 2),
        "low_gray_level_emphasis": e.moment(-2, 0),
        "small_dependence_emphasis": e.moment(0, -2),
        "small_dependence_high_gray_level_emphasis": e.moment(2, -2),
        "small_dependence_low_gray_level_emphasis": e.moment(-2, -2),
    }
    return {name: float(value[0]) for name, value in values.items()}
