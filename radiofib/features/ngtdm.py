"""Features of the neighbouring grey tone difference matrix, all at once.

Symbols: p(i) the share of voxels of level i, s(i) the sum over them of |i - mean of the
neighbours|, N the number of voxels, Ngp the number of levels. All are without unit. Formulas:
registry and Amadasun and King 1989 (doi 10.1109/21.44046); conventions: pyradiomics.
"""

from __future__ import annotations

import numpy as np

from radiofib.features._sums import Floats

__all__ = ["compute"]

#: Pairs of levels looked at together; more levels than its root are taken in parts.
_PAIRS_AT_ONCE = 1 << 22


def compute(matrix: Floats) -> dict[str, float]:
    """Return all NGTDM features.

    Parameters
    ----------
    matrix : ndarray of shape (n_levels, 3)
        Voxels, sums of differences and grey level of each level that occurs, as
        :meth:`radiofib.features.matrices.Matrices.ngtdm` returns them.

    Returns
    -------
    dict
        Registry name to value. By convention coarseness is 1e6 and strength 0 when no voxel
        differs from its neighbours; busyness and contrast are 0 when there is one level.

    Examples
    --------
    >>> values = compute(np.array([[2.0, 1.0, 1.0], [2.0, 1.0, 3.0]]))
    >>> values["coarseness"], values["contrast"], values["strength"]
    (1.0, 0.5, 4.0)
    """
    n, s, i = matrix.T
    n_voxels, levels = float(np.sum(n)), len(n)
    p = n / n_voxels
    ps, ip = p * s, i * p
    roughness, total = float(np.sum(ps)), float(np.sum(s))
    spread = apart = strength = complexity = 0.0
    rows = max(1, _PAIRS_AT_ONCE // levels)
    for start in range(0, levels, rows):
        part = slice(start, start + rows)
        distance = np.abs(i[part, None] - i)
        square = distance * distance
        both = p[part, None] + p
        spread += float(np.sum(np.abs(ip[part, None] - ip)))
        apart += float(np.sum(p[part, None] * p * square))
        strength += float(np.sum(both * square))
        complexity += float(np.sum(distance * (ps[part, None] + ps) / both))
    apart *= total / n_voxels
    return {
        "busyness": roughness / spread if spread != 0 else 0.0,
        "coarseness": 1 / roughness if roughness != 0 else 1e6,
        "complexity": complexity / n_voxels,
        "contrast": apart / (levels * (levels - 1)) if levels > 1 else 0.0,
        "strength": strength / total if total != 0 else 0.0,
    }
