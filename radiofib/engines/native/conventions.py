"""Which values of a region are a convention and no measurement, by feature name."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["firstorder", "glcm", "ngtdm"]


def firstorder(values: NDArray[Any]) -> dict[str, str]:
    """Remark on the shape of a distribution without width.

    Examples
    --------
    >>> sorted(firstorder(np.ones(3))), firstorder(np.arange(3))
    (['kurtosis', 'skewness'], {})
    """
    if float(values.max()) > float(values.min()):
        return {}
    reason = "0 by convention: all intensities are equal"
    return {"skewness": reason, "kurtosis": reason}


def glcm(counts: NDArray[np.int64], *, merged: bool) -> dict[str, str]:
    """Remark on correlations of directions in which all pairs have one grey level.

    Parameters
    ----------
    counts : ndarray of shape (n_levels, n_levels, n_directions)
        Co-occurrence counts, not made symmetrical.
    merged : bool
        Whether directions are merged before features are computed.
    """
    if counts.shape[0] == 1:
        why = "by convention: one grey level"
        return {
            "correlation": f"1 {why}",
            "imc1": f"0 {why}",
            "imc2": f"0 {why}",
            "mcc": f"1 {why}",
        }
    if merged:
        counts = counts.sum(axis=2, keepdims=True)
    pairs = counts + counts.transpose(1, 0, 2)
    used = pairs.any(axis=(0, 1))
    levels = np.count_nonzero(pairs.any(axis=1), axis=0)[used]
    flat = int(np.count_nonzero(levels == 1))
    if flat == 0:
        return {}
    share = f"in {flat} of {len(levels)} directions, where all pairs have one grey level"
    return {"correlation": f"1 by convention {share}", "imc1": f"0 by convention {share}"}


def ngtdm(matrix: NDArray[np.float64]) -> dict[str, str]:
    """Remark on tone differences that are all zero.

    Examples
    --------
    >>> sorted(ngtdm(np.array([[4.0, 0.0, 1.0]])))
    ['busyness', 'coarseness', 'contrast', 'strength']
    """
    voxels, sums = matrix[:, 0], matrix[:, 1]
    found: dict[str, str] = {}
    if float(np.sum(voxels * sums)) == 0.0:
        found["coarseness"] = "1e6 by convention: no voxel differs from its neighbours"
    if float(np.sum(sums)) == 0.0:
        found["strength"] = "0 by convention: no voxel differs from its neighbours"
    if len(matrix) <= 1:
        found |= dict.fromkeys(("contrast", "busyness"), "0 by convention: one grey level")
    return found
