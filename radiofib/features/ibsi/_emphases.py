"""Features that run-length, zone and dependence matrices share, as IBSI defines them."""

from __future__ import annotations

import numpy as np

from radiofib.features.ibsi._counts import Counts, Floats, Integers

__all__ = ["Emphases"]


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
