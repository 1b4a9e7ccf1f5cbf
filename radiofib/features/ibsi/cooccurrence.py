"""Grey level co-occurrence features as IBSI defines them.

Symbols: a pair of neighbours at distance 1 is counted both ways, so that p(i, j) = p(j, i) is
half the share of pairs with the two levels i and j, or the whole share where i = j; px its
margin with mean m and variance v, H entropy in bits, Ng the number of levels that the
discretisation allows. Formulas: registry and the IBSI reference manual
(doi 10.48550/arXiv.1612.07003), section 3.6.
"""

from __future__ import annotations

import numpy as np

from radiofib.features.ibsi._counts import Counts, Floats, Integers

__all__ = ["NO_PAIRS", "ONE_LEVEL", "compute"]

NO_PAIRS = "no two voxels of the region are neighbours"
ONE_LEVEL = "neighbours have one grey level only: the variance and entropy of the margin are 0"


def compute(pairs: Counts, value_of: Integers, n_levels: int) -> dict[str, Floats]:
    """Return all features of each matrix.

    Parameters
    ----------
    pairs : Counts
        Pairs by lower and higher label.
    value_of : ndarray of int64
        Grey level of each label.
    n_levels : int
        Ng.

    Returns
    -------
    dict
        Feature, as in IBSI's tags, to one value a matrix; NaN where undefined.

    Examples
    --------
    >>> pair = Counts.of(*np.array([[0, 0], [1, 1], [1, 2]]), n_voxels=np.ones(1))
    >>> found = compute(pair, np.arange(3), 2)
    >>> [found[name].round(4).tolist() for name in ("joint_max", "joint_avg", "corr")]
    [[0.5], [1.25], [-0.3333]]
    """
    low, high = value_of[pairs.row].astype(np.float64), value_of[pairs.column].astype(np.float64)
    d = high - low
    mirrored = pairs.row != pairs.column
    share = pairs.p  # of the cell and of its mirror image together
    p = np.where(mirrored, share / 2, share)
    mean = pairs.means((low + high) / 2)
    from_low, from_high = low - mean[pairs.matrix], high - mean[pairs.matrix]
    variance = pairs.means((from_low**2 + from_high**2) / 2)
    s = from_low + from_high
    sum_variance = pairs.means(s**2)
    d_mean = pairs.means(d)
    of_margin, information = _information(pairs, p)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = pairs.means(from_low * from_high) / variance
        information_1 = -information / of_margin
    return {
        "joint_max": _largest(pairs, p),
        "joint_avg": mean,
        "joint_var": variance,
        "joint_entr": pairs.means(-np.log2(p)) + 0.0,
        "diff_avg": d_mean,
        "diff_var": pairs.means((d - d_mean[pairs.matrix]) ** 2),
        "diff_entr": pairs.entropy(d.astype(np.int64)),
        "sum_avg": 2 * mean,
        "sum_var": sum_variance,
        "sum_entr": pairs.entropy((low + high).astype(np.int64)),
        "energy": pairs.means(p),
        "contrast": pairs.means(d**2),
        "dissimilarity": d_mean,
        "inv_diff": pairs.means(1 / (1 + d)),
        "inv_diff_norm": pairs.means(1 / (1 + d / n_levels)),
        "inv_diff_mom": pairs.means(1 / (1 + d**2)),
        "inv_diff_mom_norm": pairs.means(1 / (1 + (d / n_levels) ** 2)),
        "inv_var": pairs.means(np.where(mirrored, 1 / np.where(mirrored, d, 1.0) ** 2, 0.0)),
        "corr": correlation,
        "auto_corr": pairs.means(low * high),
        "clust_tend": sum_variance,
        "clust_shade": pairs.means(s**3),
        "clust_prom": pairs.means(s**4),
        "info_corr1": information_1,
        "info_corr2": np.sqrt(-np.expm1(-2 * information)),
    }


def _largest(pairs: Counts, p: Floats) -> Floats:
    largest = np.full(pairs.n_matrices, np.nan)
    filled, first = np.unique(pairs.matrix, return_index=True)
    if filled.size:
        largest[filled] = np.maximum.reduceat(p, first)
    return largest


def _information(pairs: Counts, p: Floats) -> tuple[Floats, Floats]:
    """Return the entropy of the margin and the mutual information, in bits."""
    margins = Counts.of(
        np.concatenate([pairs.matrix, pairs.matrix]),
        np.concatenate([pairs.row, pairs.column]),
        np.zeros(2 * pairs.row.size, dtype=np.int64),
        np.concatenate([pairs.count, pairs.count]),
        n_voxels=pairs.n_voxels,
    )
    n_rows = int(pairs.column.max(initial=0)) + 1
    keys = margins.matrix * n_rows + margins.row
    px = margins.p[np.searchsorted(keys, pairs.matrix * n_rows + pairs.row)]
    py = margins.p[np.searchsorted(keys, pairs.matrix * n_rows + pairs.column)]
    information = pairs.means(np.log2(p / (px * py)))
    # It is never negative, but rounding may say so where neighbours are independent.
    return margins.entropy(), np.maximum(information, 0.0)
