"""Grey level run length features as IBSI defines them.

Symbols: r(i, j) runs of level i and length j, Ns their number, Nv the voxels behind the matrix
(those of each direction when directions are merged). Formulas: registry and the IBSI reference
manual (doi 10.48550/arXiv.1612.07003), section 3.7.
"""

from __future__ import annotations

from radiofib.features.ibsi._counts import Counts, Floats, Integers
from radiofib.features.ibsi._emphases import Emphases

__all__ = ["compute"]


def compute(runs: Counts, value_of: Integers) -> dict[str, Floats]:
    """Return all features of each matrix.

    Parameters
    ----------
    runs : Counts
        Runs by label and length.
    value_of : ndarray of int64
        Grey level of each label.

    Returns
    -------
    dict
        Feature, as in IBSI's tags, to one value a matrix.

    Examples
    --------
    >>> import numpy as np
    >>> runs = Counts.of(*np.array([[0, 0], [2, 2], [1, 2]]), n_voxels=np.array([3.0]))
    >>> found = compute(runs, np.arange(3))
    >>> found["lre"].tolist(), found["r_perc"].round(4).tolist(), found["rl_var"].tolist()
    ([2.5], [0.6667], [0.25])
    """
    e = Emphases(runs, value_of)
    return {**e.named("sr", "lr", "gre", "rl"), "r_perc": e.percentage()}
