"""Shape of a 2-D region: outline, diameter and axes, as in pyradiomics' class `shape2D`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radiofib.features._axes import axis_eigenvalues, with_border
from radiofib.features._diameter import diameters_2d
from radiofib.features._mesh import outline, square_census

__all__ = ["compute"]


def compute(mask: NDArray[np.bool_], spacing_mm: Sequence[float]) -> dict[str, float]:
    """Return all shape features of a 2-D region.

    With area A and perimeter P of the outline mesh, N pixels of area a and the eigenvalues
    l1 >= l2 of the covariance of the pixel centres in mm::

        mesh_surface A            perimeter P         perimeter_surface_ratio P / A
        pixel_surface N a         sphericity 2 sqrt(pi A) / P and its inverse
        major_axis_length 4 sqrt(l1)   minor_axis_length 4 sqrt(l2)   elongation sqrt(l2 / l1)
        maximum_diameter: largest distance between corners of the outline

    Parameters
    ----------
    mask : ndarray of bool, shape (y, x)
        The region, cropped to its bounding box.
    spacing_mm : sequence of float
        Spacing along y, x in mm.

    Returns
    -------
    dict
        Feature name to value; lengths in mm, areas in mm2. The elongation of one pixel is NaN.

    References
    ----------
    van Griethuysen et al., Cancer Res 2017;77:e104-e107.

    Examples
    --------
    >>> found = compute(np.ones((3, 4), dtype=bool), (1.0, 1.0))
    >>> found["pixel_surface"], found["mesh_surface"], round(found["perimeter"], 4)
    (12.0, 11.5, 12.8284)
    """
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    padded = with_border(np.asarray(mask))
    perimeter, area = outline(square_census(padded), spacing)
    number, eigenvalues = axis_eigenvalues(padded, spacing)
    with np.errstate(divide="ignore", invalid="ignore"):
        minor, major = eigenvalues
        values = {
            "mesh_surface": area,
            "pixel_surface": number * (spacing[1] * spacing[0]),
            "perimeter": perimeter,
            "perimeter_surface_ratio": np.divide(perimeter, area),
            "sphericity": np.divide(2 * np.sqrt(np.pi * area), perimeter),
            "spherical_disproportion": np.divide(perimeter, 2 * np.sqrt(np.pi * area)),
            "maximum_diameter": diameters_2d(padded, spacing),
            "major_axis_length": 4 * np.sqrt(major),
            "minor_axis_length": 4 * np.sqrt(minor),
            "elongation": np.sqrt(minor / major),
        }
    return {name: float(np.real(value)) for name, value in values.items()}
