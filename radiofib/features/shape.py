"""Shape of a 3-D region: mesh, diameters and axes, as in pyradiomics' class `shape`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radiofib.features._axes import axis_eigenvalues, with_border
from radiofib.features._diameter import diameters_3d
from radiofib.features._mesh import area_and_volume, cube_census

__all__ = ["compute"]


def compute(mask: NDArray[np.bool_], spacing_mm: Sequence[float]) -> dict[str, float]:
    r"""Return all shape features of a region.

    With volume V and area A of the surface mesh, N voxels of volume v and the eigenvalues
    l1 >= l2 >= l3 of the covariance of the voxel centres in mm::

        mesh_volume V                          surface_area A
        voxel_volume N v                       surface_volume_ratio A / V
        sphericity (36 pi V^2)^(1/3) / A       spherical_disproportion A / (36 pi V^2)^(1/3)
        compactness1 V / sqrt(pi A^3)          compactness2 36 pi V^2 / A^3
        major, minor, least_axis_length 4 sqrt(l1), 4 sqrt(l2), 4 sqrt(l3)
        elongation sqrt(l2 / l1)               flatness sqrt(l3 / l1)
        maximum_3d_diameter, maximum_2d_diameter_{slice,column,row}: largest distance between
        mesh corners in space, or in one axial, coronal or sagittal plane

    Parameters
    ----------
    mask : ndarray of bool, shape (z, y, x)
        The region, cropped to its bounding box. (Where voxels touch by an edge alone the mesh
        may be open, and then its volume depends on the corner of the box, as in pyradiomics.)
    spacing_mm : sequence of float
        Spacing along z, y, x in mm.

    Returns
    -------
    dict
        Feature name to value; lengths in mm, areas in mm2, volumes in mm3. NaN where not
        defined: the elongation and flatness of one voxel.

    References
    ----------
    Lorensen and Cline, SIGGRAPH Comput Graph 1987;21:163-169; van Griethuysen et al., Cancer
    Res 2017;77:e104-e107.

    Examples
    --------
    >>> found = compute(np.ones((2, 3, 4), dtype=bool), (2.0, 1.0, 1.0))
    >>> found["voxel_volume"], round(found["mesh_volume"], 3), found["maximum_2d_diameter_slice"]
    (48.0, 40.333, 4.47213595499958)
    """
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    padded = with_border(np.asarray(mask))
    area, volume = area_and_volume(cube_census(padded), spacing)
    axial, coronal, sagittal, space = diameters_3d(padded, spacing)
    number, eigenvalues = axis_eigenvalues(padded, spacing)
    with np.errstate(divide="ignore", invalid="ignore"):
        least, minor, major = eigenvalues
        ball = (36 * np.pi * volume**2) ** (1 / 3)
        values = {
            "mesh_volume": volume,
            "voxel_volume": number * (spacing[0] * spacing[2] * spacing[1]),
            "surface_area": area,
            "surface_volume_ratio": np.divide(area, volume),
            "sphericity": np.divide(ball, area),
            "compactness1": np.divide(volume, area**1.5 * np.sqrt(np.pi)),
            "compactness2": np.divide(36 * np.pi * volume**2, area**3),
            "spherical_disproportion": np.divide(area, ball),
            "maximum_3d_diameter": space,
            "maximum_2d_diameter_slice": axial,
            "maximum_2d_diameter_column": coronal,
            "maximum_2d_diameter_row": sagittal,
            "major_axis_length": 4 * np.sqrt(major),
            "minor_axis_length": 4 * np.sqrt(minor),
            "least_axis_length": 4 * np.sqrt(least),
            "elongation": np.sqrt(minor / major),
            "flatness": np.sqrt(least / major),
        }
    return {name: float(np.real(value)) for name, value in values.items()}
