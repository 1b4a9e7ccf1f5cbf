"""Grey level size zone features as IBSI defines them.

Symbols: s(i, j) zones of level i with j voxels (connected through 26 neighbours, in the plane
8), Ns their number, Nv the voxels behind the matrix. Formulas: registry and the IBSI reference
manual (doi 10.48550/arXiv.1612.07003), section 3.8.
"""

from __future__ import annotations

from radiofib.features.ibsi._counts import Counts, Floats, Integers
from radiofib.features.ibsi._emphases import Emphases
from radiofib.features.ibsi._region import Neighbourhood

__all__ = ["compute", "matrix"]


def matrix(near: Neighbourhood) -> Counts:
    """Count zones by label and size, slice by slice or in space."""
    of_zone, label, size, _ = near.zones
    return Counts.of(of_zone, label, size, n_voxels=near.n_voxels)


def compute(zones: Counts, value_of: Integers) -> dict[str, Floats]:
    """Return all features of each matrix.

    Parameters
    ----------
    zones : Counts
        Zones by label and size.
    value_of : ndarray of int64
        Grey level of each label.

    Returns
    -------
    dict
        Feature, as in IBSI's tags, to one value a matrix.

    Examples
    --------
    >>> import numpy as np
    >>> zones = Counts.of(*np.array([[0, 0], [1, 2], [4, 2]]), n_voxels=np.array([6.0]))
    >>> found = compute(zones, np.arange(3))
    >>> found["lze"].tolist(), found["z_perc"].round(4).tolist(), found["zs_var"].tolist()
    ([10.0], [0.3333], [1.0])
    """
    e = Emphases(zones, value_of)
    return {**e.named("sz", "lz", "gze", "zs"), "z_perc": e.percentage()}
