"""Moments that run-length, zone and dependence matrices have in common."""

from __future__ import annotations

import numpy as np

from radiofib.features._sums import Floats, plog

__all__ = ["Emphases"]


class Emphases:
    """Sums over count matrices P(i, j): i a grey level, j a length, size or number.

    Works on all directions at once: the last axis of `counts`.

    Parameters
    ----------
    counts : ndarray of shape (n_levels, n_sizes, n_directions)
        Numbers of runs, zones or voxels.
    levels, sizes : ndarray
        The values of i and j.
    n : ndarray of shape (n_directions,)
        Sum of each matrix; NaN or 1 where that is 0.

    Examples
    --------
    >>> e = Emphases(np.array([[[1.0], [3.0]]]), np.array([2.0]), np.array([1.0, 2.0]),
    ...              np.array([4.0]))
    >>> e.moment(0, 2).tolist(), e.moment(2, 0).tolist(), e.size_variance().tolist()
    ([3.25], [4.0], [0.1875])
    """

    def __init__(self, counts: Floats, levels: Floats, sizes: Floats, n: Floats) -> None:
        self.counts = counts
        self.n = n
        self._levels2 = levels * levels
        self._levels = levels
        self._sizes2 = sizes * sizes
        self._sizes = sizes
        self.by_level = np.sum(counts, axis=1)
        self.by_size = np.sum(counts, axis=0)

    def moment(self, level_power: int, size_power: int) -> Floats:
        """Return ``sum(i^a j^b P) / n`` for a and b of -2, 0 or 2."""
        weights = {-2: lambda x: 1 / x, 0: None, 2: lambda x: x}
        of_level, of_size = weights[level_power], weights[size_power]
        if of_size is None:
            assert of_level is not None
            return np.asarray(of_level(self._levels2) @ self.by_level / self.n)
        if of_level is None:
            return np.asarray(of_size(self._sizes2) @ self.by_size / self.n)
        weighted = np.dot(of_level(self._levels2)[None], self.counts.reshape(len(self._levels), -1))
        rows = weighted.reshape(self.counts.shape[1:])
        return np.asarray(of_size(self._sizes2) @ rows / self.n)

    def level_non_uniformity(self) -> Floats:
        """Return ``sum over i of (sum over j of P)^2 / n``."""
        return np.asarray(np.sum(self.by_level**2, axis=0) / self.n)

    def size_non_uniformity(self) -> Floats:
        """Return ``sum over j of (sum over i of P)^2 / n``."""
        return np.asarray(np.sum(self.by_size**2, axis=0) / self.n)

    def level_variance(self) -> Floats:
        """Return the variance of i under P / n."""
        return _variance(self._levels, self.by_level / self.n)

    def size_variance(self) -> Floats:
        """Return the variance of j under P / n."""
        return _variance(self._sizes, self.by_size / self.n)

    def entropy(self) -> Floats:
        """Return ``-sum(p log2(p + eps))``, p = P / n, in bits."""
        return np.asarray(-np.sum(plog(self.counts / self.n), axis=(0, 1)))


def _variance(values: Floats, p: Floats) -> Floats:
    mean = values @ p
    return np.asarray(np.sum(p * (values[:, None] - mean) ** 2, axis=0))
