"""Run length, size zone, distance zone and dependence features as IBSI defines them.

Symbols: s(i, j) what is counted of level i with the property j, Ns their number, Nv the voxels
behind the matrix (those of each direction when directions are merged).

============ ================================================== =============================
family       counted                                            j
============ ================================================== =============================
rlm (3.7)    runs of one level along a direction                voxels
szm (3.8)    zones: voxels of one level, connected through 26   voxels
             neighbours, in the plane 8
dzm (3.9)    the same zones                                     city-block steps from outside
                                                                the morphological mask to the
                                                                closest voxel of the zone
ngl (3.11)   voxels; Ns is the number of all of them            1 + neighbours of the same
                                                                level at distance 1 (alpha 0)
============ ================================================== =============================

For distances the edge of the image is an edge of the mask; in the plane, they are measured within
the slice. Formulas: registry and the sections named of the IBSI reference manual
(doi 10.48550/arXiv.1612.07003).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from radiofib.features.ibsi._counts import Counts, Floats, Integers
from radiofib.features.ibsi._region import Neighbourhood

__all__ = ["MATRICES", "Emphases", "compute"]


class _Tags(NamedTuple):
    """How the tags of a family call a small and a large j, the ends of others, and Ns / Nv."""

    short: str
    long: str
    grey: str
    suffix: str
    percentage: str
    energy: str = ""


_TAGS = {
    "rlm": _Tags("sr", "lr", "gre", "rl", "r_perc"),
    "szm": _Tags("sz", "lz", "gze", "zs", "z_perc"),
    "dzm": _Tags("sd", "ld", "gze", "zd", "z_perc"),
    "ngl": _Tags("ld", "hd", "gce", "dc", "dc_perc", "dc_energy"),
}


def compute(family: str, counts: Counts, value_of: Integers) -> dict[str, Floats]:
    """Return all features of each matrix.

    Parameters
    ----------
    family : {"rlm", "szm", "dzm", "ngl"}
        What was counted, as in IBSI's tags.
    counts : Counts
        Counts by label and j.
    value_of : ndarray of int64
        Grey level of each label.

    Returns
    -------
    dict
        Feature, as in IBSI's tags, to one value a matrix.

    Examples
    --------
    >>> def of(*cells, voxels):
    ...     return Counts.of(*np.array(cells), n_voxels=np.array([voxels]))
    >>> found = compute("rlm", of([0, 0], [2, 2], [1, 2], voxels=3.0), np.arange(3))
    >>> found["lre"].tolist(), found["r_perc"].round(4).tolist(), found["rl_var"].tolist()
    ([2.5], [0.6667], [0.25])
    >>> found = compute("szm", of([0, 0], [1, 2], [4, 2], voxels=6.0), np.arange(3))
    >>> found["lze"].tolist(), found["z_perc"].round(4).tolist(), found["zs_var"].tolist()
    ([10.0], [0.3333], [1.0])
    >>> found = compute("dzm", of([0, 0], [1, 2], [1, 3], voxels=6.0), np.arange(3))
    >>> found["lde"].tolist(), found["zd_var"].tolist(), found["zd_entr"].tolist()
    ([5.0], [1.0], [1.0])
    >>> voxels = of([0, 0, 0, 0], [1, 1, 2, 2], [1, 2, 2, 2], voxels=4.0)
    >>> found = compute("ngl", voxels, np.arange(3))
    >>> found["hde"].tolist(), found["dc_perc"].tolist(), found["dc_energy"].tolist()
    ([3.25], [1.0], [0.375])
    """
    tags, e = _TAGS[family], Emphases(counts, value_of)
    found = e.named(tags.short, tags.long, tags.grey, tags.suffix)
    found[tags.percentage] = e.percentage()
    if tags.energy:
        found[tags.energy] = e.energy()
    return found


def _zones_by_size(near: Neighbourhood) -> Counts:
    of_zone, label, size, _ = near.zones
    return Counts.of(of_zone, label, size, n_voxels=near.n_voxels)


def _zones_by_distance(near: Neighbourhood) -> Counts:
    of_zone, label, _, of_voxel = near.zones
    nearest = np.full(label.size, np.iinfo(np.int64).max)
    np.minimum.at(nearest, of_voxel, near.region.distance(in_plane=near.in_plane))
    return Counts.of(of_zone, label, nearest, n_voxels=near.n_voxels)


def _dependence(near: Neighbourhood) -> Counts:
    _, _, equal = near.around
    return Counts.of(near.of_voxel, near.region.label, equal + 1, n_voxels=near.n_voxels)


#: What counts the matrices of a family by label and j, slice by slice or in space.
MATRICES: dict[str, Callable[[Neighbourhood], Counts]] = {
    "rlm": Neighbourhood.runs,
    "szm": _zones_by_size,
    "dzm": _zones_by_distance,
    "ngl": _dependence,
}


class Emphases:
    """Sums over matrices s(i, j): i a grey level, j a length, size, distance or number.

    Parameters
    ----------
    counts : Counts
        Rows are labels of grey levels, columns are j itself.
    value_of : ndarray of int64
        Grey level of each label.

    Examples
    --------
    >>> counts = Counts.of(np.zeros(4, dtype=np.int64), np.full(4, 2), np.array([1, 2, 2, 2]),
    ...                    n_voxels=np.array([7.0]))
    >>> e = Emphases(counts, np.arange(3))
    >>> e.moment(0, 2).tolist(), e.moment(2, 0).tolist(), e.column_variance().tolist()
    ([3.25], [4.0], [0.1875])
    """

    def __init__(self, counts: Counts, value_of: Integers) -> None:
        self.counts = counts
        self.level = value_of[counts.row].astype(np.float64)
        self.column = counts.column.astype(np.float64)

    def moment(self, level_power: int, column_power: int) -> Floats:
        """Return ``sum(i^a j^b s) / Ns``."""
        return self.counts.means(self.level**level_power * self.column**column_power)

    def level_non_uniformity(self) -> Floats:
        """Return ``sum over i of (sum over j of s)^2 / Ns``."""
        return self.counts.non_uniformity(self.counts.row)

    def column_non_uniformity(self) -> Floats:
        """Return ``sum over j of (sum over i of s)^2 / Ns``."""
        return self.counts.non_uniformity(self.counts.column)

    def level_variance(self) -> Floats:
        """Return the variance of i."""
        return self._variance(self.level)

    def column_variance(self) -> Floats:
        """Return the variance of j."""
        return self._variance(self.column)

    def _variance(self, values: Floats) -> Floats:
        away = values - self.counts.means(values)[self.counts.matrix]
        return self.counts.means(away * away)

    def entropy(self) -> Floats:
        """Return ``-sum(p log2 p)``, p = s / Ns, in bits."""
        return self.counts.entropy()

    def percentage(self) -> Floats:
        """Return Ns / Nv."""
        return self.counts.totals / self.counts.n_voxels

    def energy(self) -> Floats:
        """Return ``sum(p^2)``."""
        return self.counts.means(self.counts.p)

    def named(self, short: str, long: str, grey: str, suffix: str) -> dict[str, Floats]:
        """Return the emphases and non-uniformities under IBSI's names.

        Parameters
        ----------
        short, long : str
            How the tags call a small and a large j (``sr, lr``).
        grey, suffix : str
            End of the tags of the emphases of grey levels alone (``re``) and the tag of j
            (``rl``).

        Examples
        --------
        >>> counts = Counts.of(*np.ones((3, 1), dtype=np.int64), n_voxels=np.ones(2))
        >>> list(Emphases(counts, np.arange(2)).named("sr", "lr", "gre", "rl"))[:6]
        ['sre', 'lre', 'lgre', 'hgre', 'srlge', 'srhge']
        """
        n = self.counts.totals
        by_level, by_column = self.level_non_uniformity(), self.column_non_uniformity()
        return {
            f"{short}e": self.moment(0, -2),
            f"{long}e": self.moment(0, 2),
            f"l{grey}": self.moment(-2, 0),
            f"h{grey}": self.moment(2, 0),
            f"{short}lge": self.moment(-2, -2),
            f"{short}hge": self.moment(2, -2),
            f"{long}lge": self.moment(-2, 2),
            f"{long}hge": self.moment(2, 2),
            "glnu": by_level,
            "glnu_norm": by_level / n,
            f"{suffix}nu": by_column,
            f"{suffix}nu_norm": by_column / n,
            "gl_var": self.level_variance(),
            f"{suffix}_var": self.column_variance(),
            f"{suffix}_entr": self.entropy(),
        }
