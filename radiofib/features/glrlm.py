"""Features of the grey level run length matrix, all at once.

Symbols: P(i, j) runs of level i and length j along one direction, Nr = sum(P), p = P / Nr.
Every feature is the mean over directions unless these were merged by weights. All are without
unit but the entropy, in bits. Formulas: registry and Galloway 1975
(doi 10.1016/S0146-664X(75)80008-6); conventions: pyradiomics.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.features._emphases import Emphases
from radiofib.features._sums import Floats, means_of_directions, merge_directions

__all__ = ["compute"]


def compute(
    counts: NDArray[Any],
    grey_levels: NDArray[np.integer],
    *,
    weights: Floats | None = None,
) -> dict[str, float]:
    """Return all GLRLM features.

    Parameters
    ----------
    counts : ndarray of shape (n_levels, longest, n_directions)
        Numbers of runs, as :meth:`radiofib.features.matrices.Matrices.glrlm` returns them.
    grey_levels : ndarray of shape (n_levels,)
        Grey levels of the rows.
    weights : ndarray of shape (n_directions,), optional
        Merge the directions with these weights (pyradiomics' weightingNorm).

    Returns
    -------
    dict
        Registry name to value; NaN when no direction has a run (but for a single or merged
        direction the entropy and the variance of the run length are then 0, as in pyradiomics).

    Examples
    --------
    >>> values = compute(np.array([[[1], [1]]]), np.array([2]))  # runs of 1 and of 2 voxels
    >>> values["long_run_emphasis"], values["run_percentage"].__round__(6), values["run_variance"]
    (2.5, 0.666667, 0.25)
    """
    runs = merge_directions(np.ascontiguousarray(counts, dtype=np.float64), weights)
    occurring = np.flatnonzero(np.any(runs != 0, axis=(0, 2)))
    runs = runs[:, occurring]
    lengths = (occurring + 1).astype(np.float64)
    n = np.sum(runs, axis=(0, 1))
    n[n == 0] = np.nan
    # Without runs the sums are NaN, but sums over no lengths are 0, as in pyradiomics.
    e = Emphases(runs, grey_levels.astype(np.float64), lengths, n)
    by_direction = {
        "gray_level_non_uniformity": e.level_non_uniformity(),
        "gray_level_non_uniformity_normalized": e.level_non_uniformity() / n,
        "gray_level_variance": e.level_variance(),
        "high_gray_level_run_emphasis": e.moment(2, 0),
        "long_run_emphasis": e.moment(0, 2),
        "long_run_high_gray_level_emphasis": e.moment(2, 2),
        "long_run_low_gray_level_emphasis": e.moment(-2, 2),
        "low_gray_level_run_emphasis": e.moment(-2, 0),
        "run_entropy": e.entropy(),
        "run_length_non_uniformity": e.size_non_uniformity(),
        "run_length_non_uniformity_normalized": e.size_non_uniformity() / n,
        "run_percentage": 1 / (lengths @ e.by_size / n),
        "run_variance": e.size_variance(),
        "short_run_emphasis": e.moment(0, -2),
        "short_run_high_gray_level_emphasis": e.moment(2, -2),
        "short_run_low_gray_level_emphasis": e.moment(-2, -2),
    }
    return means_of_directions(by_direction)
