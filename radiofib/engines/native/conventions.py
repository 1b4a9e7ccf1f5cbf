"""Which values of a region are a convention and no measurement, by feature name."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from radiofib.engines.conventions import flat_directions

__all__ = ["firstorder", "glcm", "ngtdm"]


def firstorder(found: Mapping[str, float]) -> dict[str, str]:
    """Remark on the shape of a distribution without width.

    Parameters
    ----------
    found : mapping
        First-order features by name.

    Examples
    --------
    >>> sorted(firstorder({"maximum": 1.0, "minimum": 1.0}))
    ['kurtosis', 'skewness']
    >>> firstorder({"maximum": 2.0, "minimum": 1.0})
    {}
    """
    if found["maximum"] > found["minimum"]:
        return {}
    reason = "0 by convention: all intensities are equal"
    return {"skewness": reason, "kurtosis": reason}


def glcm(counts: NDArray[np.int64], *, symmetrical: bool, merged: bool) -> dict[str, str]:
    """Remark on correlations of directions in which all pairs have one grey level.

    Parameters
    ----------
    counts : ndarray of shape (n_levels, n_levels, n_directions)
        Co-occurrence counts, not made symmetrical.
    symmetrical : bool
        Whether pairs count both ways.
    merged : bool
        Whether directions are merged before features are computed.

    Examples
    --------
    >>> pairs = np.array([[[3, 0], [0, 1]], [[0, 1], [0, 0]]])
    >>> sorted(glcm(pairs, symmetrical=True, merged=False)), glcm(pairs, symmetrical=True,
    ...                                                           merged=True)
    (['correlation', 'imc1'], {})
    """
    if counts.shape[0] == 1:
        why = "by convention: one grey level"
        return {
            "correlation": f"1 {why}",
            "imc1": f"0 {why}",
            "imc2": f"0 {why}",
            "mcc": f"1 {why}",
        }
    used = counts > 0
    if symmetrical:
        used |= used.transpose(1, 0, 2)
    if merged:
        used = np.asarray(used.any(axis=2, keepdims=True))
    return {name.lower(): remark for name, remark in flat_directions(used).items()}


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
