"""Grey level distance zone features as IBSI defines them.

Symbols: d(i, j) zones of level i (connected through 26 neighbours, in the plane 8) whose voxel
closest to the edge of the morphological mask is j city-block steps from the outside, Ns their
number, Nv the voxels behind the matrix. The edge of the image is an edge of the mask; in the
plane, distances are measured within the slice. Formulas: registry and the IBSI reference manual
(doi 10.48550/arXiv.1612.07003), section 3.9.
"""

from __future__ import annotations

import numpy as np

from radiofib.features.ibsi._counts import Counts, Floats, Integers
from radiofib.features.ibsi._emphases import Emphases
from radiofib.features.ibsi._region import Neighbourhood

__all__ = ["compute", "matrix"]


def matrix(near: Neighbourhood) -> Counts:
    """Count zones by label and distance to the edge, slice by slice or in space."""
    of_zone, label, _, of_voxel = near.zones
    nearest = np.full(label.size, np.iinfo(np.int64).max)
    np.minimum.at(nearest, of_voxel, near.region.distance(in_plane=near.in_plane))
    return Counts.of(of_zone, label, nearest, n_voxels=near.n_voxels)


def compute(zones: Counts, value_of: Integers) -> dict[str, Floats]:
    """Return all features of each matrix.

    Parameters
    ----------
    zones : Counts
        Zones by label and distance.
    value_of : ndarray of int64
        Grey level of each label.

    Returns
    -------
    dict
        Feature, as in IBSI's tags, to one value a matrix.

    Examples
    --------
    >>> zones = Counts.of(*np.array([[0, 0], [1, 2], [1, 3]]), n_voxels=np.array([6.0]))
    >>> found = compute(zones, np.arange(3))
    >>> found["lde"].tolist(), found["zd_var"].tolist(), found["zd_entr"].tolist()
    ([5.0], [1.0], [1.0])
    """
    e = Emphases(zones, value_of)
    return {**e.named("sd", "ld", "gze", "zd"), "z_perc": e.percentage()}
