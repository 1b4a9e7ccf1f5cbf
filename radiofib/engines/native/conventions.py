"""Which values of a region are a convention and no measurement, by feature name."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from radiofib.engines.conventions import (
    ONE_LEVEL,
    flat_directions,
    flat_distribution,
    flat_tones,
)

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
    return _by_feature(flat_distribution(found["minimum"], found["maximum"]))


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
        return _by_feature(ONE_LEVEL)
    used = counts > 0
    if symmetrical:
        used |= used.transpose(1, 0, 2)
    if merged:
        used = np.asarray(used.any(axis=2, keepdims=True))
    return _by_feature(flat_directions(used))


def ngtdm(matrix: NDArray[np.float64]) -> dict[str, str]:
    """Remark on tone differences that are all zero.

    Examples
    --------
    >>> sorted(ngtdm(np.array([[4.0, 0.0, 1.0]])))
    ['busyness', 'coarseness', 'contrast', 'strength']
    """
    return _by_feature(flat_tones(matrix[:, 0], matrix[:, 1], len(matrix)))


def _by_feature(remarks: Mapping[str, str]) -> dict[str, str]:
    """Return remarks by the registry's names of features, from pyradiomics'."""
    return {name.lower(): remark for name, remark in remarks.items()}
