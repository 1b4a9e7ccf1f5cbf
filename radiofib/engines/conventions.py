"""Where pyradiomics gives a number by convention because the feature is not defined."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.registry import FeatureSpec

__all__ = [
    "IN_PIXELS",
    "ONE_LEVEL",
    "flat_directions",
    "flat_distribution",
    "flat_tones",
    "in_pixels",
    "value_conventions",
]

#: Remark on a length where the image gives no size of a pixel.
IN_PIXELS = "in pixels: the image does not say how large a pixel is"
#: Remarks on GLCM features where the region has one grey level.
ONE_LEVEL = {
    name: f"{value} by convention: one grey level"
    for name, value in (("Correlation", 1), ("Imc1", 0), ("Imc2", 0), ("MCC", 1))
}


def value_conventions(family: str, calculator: Any) -> dict[str, str]:
    """Return pyradiomics feature name to remark, for values that are a convention.

    Parameters
    ----------
    family : str
        pyradiomics' feature class.
    calculator : object
        The feature class instance after it has computed its matrix.

    Returns
    -------
    dict
        ``{"Skewness": "0 by convention: ..."}``; empty for an ordinary region.
    """
    if family == "firstorder":
        values = calculator.targetVoxelArray
        return flat_distribution(float(np.min(values)), float(np.max(values)))
    if family == "glcm":
        return _glcm(calculator)
    if family == "ngtdm":
        found = calculator.coefficients
        return flat_tones(found["p_i"], found["s_i"], int(np.sum(found["Ngp"])))
    return {}


def flat_distribution(least: float, greatest: float) -> dict[str, str]:
    """Remark on the shape of a distribution without width.

    Examples
    --------
    >>> sorted(flat_distribution(1.0, 1.0)), flat_distribution(1.0, 2.0)
    (['Kurtosis', 'Skewness'], {})
    """
    if greatest > least:
        return {}
    reason = "0 by convention: all intensities are equal"
    return {"Skewness": reason, "Kurtosis": reason}


def _glcm(calculator: Any) -> dict[str, str]:
    # Without any pair the other features are not defined, but MCC is still 1 by convention.
    if len(calculator.coefficients["grayLevels"]) == 1:
        return dict(ONE_LEVEL)
    used = calculator.P_glcm[0] > 0
    return flat_directions(used) if used.shape[-1] else {}


def flat_directions(used: NDArray[np.bool_]) -> dict[str, str]:
    """Remark on correlations of directions in which the pairs have one grey level.

    A pair counted one way only (``symmetricalGLCM: false``) has a first and a second voxel: the
    correlation is not defined when either of them always has one level, the information measure
    when both have.

    Parameters
    ----------
    used : ndarray of bool, shape (n_levels, n_levels, n_directions)
        Where a pair of levels occurs.

    Examples
    --------
    >>> flat_directions(np.eye(2, dtype=bool)[:, :, None])
    {}
    """
    first, second = (np.count_nonzero(used.any(axis=axis), axis=0) for axis in (1, 0))
    directions = int(np.count_nonzero(first))
    flat = {
        "Correlation": ("1", int(np.count_nonzero((first == 1) | (second == 1)))),
        "Imc1": ("0", int(np.count_nonzero((first == 1) & (second == 1)))),
    }
    return {
        name: f"{value} by convention in {number} of {directions} directions, where all pairs "
        "have one grey level"
        for name, (value, number) in flat.items()
        if number
    }


def flat_tones(
    weights: NDArray[np.floating], sums: NDArray[np.floating], n_levels: int
) -> dict[str, str]:
    """Remark on tone differences that are all zero.

    Parameters
    ----------
    weights : ndarray of shape (n,)
        Voxels of each grey level, or their share.
    sums : ndarray of shape (n,)
        Sum of the tone differences of each.
    n_levels : int
        Grey levels that occur.

    Examples
    --------
    >>> sorted(flat_tones(np.array([4.0]), np.array([0.0]), 1))
    ['Busyness', 'Coarseness', 'Contrast', 'Strength']
    """
    found: dict[str, str] = {}
    if float(np.sum(weights * sums)) == 0.0:
        found["Coarseness"] = "1e6 by convention: no voxel differs from its neighbours"
    if float(np.sum(sums)) == 0.0:
        found["Strength"] = "0 by convention: no voxel differs from its neighbours"
    if n_levels <= 1:
        found |= dict.fromkeys(("Contrast", "Busyness"), "0 by convention: one grey level")
    return found


def in_pixels(spec: FeatureSpec, image_type: str) -> str | None:
    """Return a remark when a value in mm is in pixels because the file gives no spacing.

    Examples
    --------
    >>> from radiofib.registry import FEATURES
    >>> in_pixels(FEATURES["shape2d_perimeter"], "Original")
    'in pixels: the image does not say how large a pixel is'
    >>> in_pixels(FEATURES["glcm_contrast"], "Original") is None
    True
    """
    if "mm" in spec.unit:
        return IN_PIXELS
    if image_type == "LoG":
        return f"filter width {IN_PIXELS}"
    return None
