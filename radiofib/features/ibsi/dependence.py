"""Neighbouring grey level dependence features as IBSI defines them.

Symbols: s(i, j) voxels of level i with j - 1 neighbours of the same level at distance 1 (alpha
is 0), Ns their number, which is that of all voxels. Formulas: registry and the IBSI reference
manual (doi 10.48550/arXiv.1612.07003), section 3.11.
"""

from __future__ import annotations

from radiofib.features.ibsi._counts import Counts, Floats, Integers
from radiofib.features.ibsi._emphases import Emphases
from radiofib.features.ibsi._region import Neighbourhood

__all__ = ["compute", "matrix"]


def matrix(near: Neighbourhood) -> Counts:
    """Count voxels by label and dependence, slice by slice or in space."""
    _, _, equal = near.around
    return Counts.of(near.of_voxel, near.region.label, equal + 1, n_voxels=near.n_voxels)


def compute(voxels: Counts, value_of: Integers) -> dict[str, Floats]:
    """Return all features of each matrix.

    Parameters
    ----------
    voxels : Counts
        Voxels by label and dependence.
    value_of : ndarray of int64
        Grey level of each label.

    Returns
    -------
    dict
        Feature, as in IBSI's tags, to one value a matrix.

    Examples
    --------
    >>> import numpy as np
    >>> cells = np.array([[0, 0, 0, 0], [1, 1, 2, 2], [1, 2, 2, 2]])
    >>> voxels = Counts.of(*cells, n_voxels=np.array([4.0]))
    >>> found = compute(voxels, np.arange(3))
    >>> found["hde"].tolist(), found["dc_perc"].tolist(), found["dc_energy"].tolist()
    ([3.25], [1.0], [0.375])
    """
    e = Emphases(voxels, value_of)
    return {
        **e.named("ld", "hd", "gce", "dc"),
        "dc_perc": e.percentage(),
        "dc_energy": e.energy(),
    }
