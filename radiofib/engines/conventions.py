"""Where pyradiomics gives a number by convention because the feature is not defined."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.registry import FeatureSpec

__all__ = ["flat_directions", "in_pixels", "value_conventions"]


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
        return _firstorder(calculator)
    if family == "glcm":
        return _glcm(calculator)
    return _ngtdm(calculator) if family == "ngtdm" else {}


def _firstorder(calculator: Any) -> dict[str, str]:
    values = calculator.targetVoxelArray
    if float(np.max(values)) > float(np.min(values)):
        return {}
    reason = "0 by convention: all intensities are equal"
    return {"Skewness": reason, "Kurtosis": reason}


def _glcm(calculator: Any) -> dict[str, str]:
    # Without any pair the other features are not defined, but MCC is still 1 by convention.
    if len(calculator.coefficients["grayLevels"]) == 1:
        why = "by convention: one grey level"
        return {
            "Correlation": f"1 {why}",
            "Imc1": f"0 {why}",
            "Imc2": f"0 {why}",
            "MCC": f"1 {why}",
        }
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


def _ngtdm(calculator: Any) -> dict[str, str]:
    sums = calculator.coefficients["s_i"]
    shares = calculator.coefficients["p_i"]
    found: dict[str, str] = {}
    if float(np.sum(shares * sums)) == 0.0:
        found["Coarseness"] = "1e6 by convention: no voxel differs from its neighbours"
    if float(np.sum(sums)) == 0.0:
        found["Strength"] = "0 by convention: no voxel differs from its neighbours"
    if int(np.sum(calculator.coefficients["Ngp"])) <= 1:
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
        return "in pixels: the image does not say how large a pixel is"
    if image_type == "LoG":
        return "filter width in pixels: the image does not say how large a pixel is"
    return None
