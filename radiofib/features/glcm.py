"""Features of the grey level co-occurrence matrix, all at once.

Symbols: p is the matrix of one direction divided by its sum, px and py its row and column sums,
mx and my their means, ps and pd the distributions of i + j and |i - j|, H(q) the entropy
``-sum(q log2(q + eps))``, eps = 2.2e-16, Ng the largest grey level. Every feature is the mean
over directions of its value on each, unless directions were merged by weights. All are without
unit but the entropies, which are in bits. Formulas: registry and Haralick et al. 1973
(doi 10.1109/TSMC.1973.4309314); conventions where a feature is undefined: pyradiomics.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiofib.features._mcc import maximal_correlations
from radiofib.features._sums import EPS, Floats, means_of_directions, merge_directions, plog

__all__ = ["compute"]

#: Up to so many levels, tables over pairs of levels are kept for the next image.
_FEW_LEVELS = 256


def compute(
    counts: NDArray[Any],
    grey_levels: NDArray[np.integer],
    *,
    symmetrical: bool = True,
    weights: Floats | None = None,
) -> dict[str, float]:
    """Return all GLCM features.

    Parameters
    ----------
    counts : ndarray of shape (n_levels, n_levels, n_directions)
        Numbers of pairs, as :meth:`radiofib.features.matrices.Matrices.glcm` returns them.
    grey_levels : ndarray of shape (n_levels,)
        Grey levels of the rows, ascending.
    symmetrical : bool
        Count each pair both ways (pyradiomics' symmetricalGLCM).
    weights : ndarray of shape (n_directions,), optional
        Merge the directions with these weights (pyradiomics' weightingNorm).

    Returns
    -------
    dict
        Registry name to value; NaN without any pair. By convention the correlation of a single
        level is 1, IMC1 and IMC2 are 0 and MCC is 1.

    Examples
    --------
    >>> values = compute(np.array([[[2], [1]], [[1], [0]]]), np.array([1, 2]))
    >>> values["joint_average"], values["contrast"], round(values["joint_entropy"], 6)
    (1.25, 0.5, 1.5)
    """
    # Columns outside, rows inside: sums run in the order of pyradiomics' memory. Near 0 a root
    # magnifies their rounding (IMC2), and whether a deviation is 0 decides a convention.
    pairs = np.ascontiguousarray(counts.transpose(1, 0, 2), dtype=np.float64).transpose(1, 0, 2)
    if symmetrical:
        pairs = pairs + pairs.transpose(1, 0, 2)
    pairs = merge_directions(pairs, weights)
    total = np.sum(pairs, axis=(0, 1))
    total[total == 0] = np.nan
    with np.errstate(invalid="ignore", divide="ignore"):
        return means_of_directions(_per_direction(pairs / total, grey_levels.astype(np.float64)))


def _per_direction(p: Floats, levels: Floats) -> dict[str, Floats]:
    n_g = levels[-1]
    i, j = levels[:, None, None], levels[None, :, None]
    px, py = p.sum(axis=1, keepdims=True), p.sum(axis=0, keepdims=True)

    def over(values: Floats) -> Floats:
        return np.asarray(np.sum(values, axis=(0, 1)))

    mx, my = over(i * p), over(j * p)
    centred = (i + j) - mx - my
    squared = centred * centred * p
    away = i - mx
    places = _places if len(levels) <= _FEW_LEVELS else _places.__wrapped__
    sums, differences = places(levels.tobytes())
    s, ps = _distribution(p, *sums)
    d, pd = _distribution(p, *differences)
    s, d = s[:, None], d[:, None]
    d_mean = np.sum(d * pd, axis=0)
    d2 = d * d
    sd_x = over(p * away**2) ** 0.5
    sd_y = over(p * (j - my) ** 2) ** 0.5
    correlation = over(p * away * (j - my)) / (sd_x * sd_y + EPS)
    correlation[sd_x * sd_y == 0] = 1
    joint_entropy = -over(plog(p))
    imc1, imc2 = _information(p, px, py, joint_entropy)
    d_up = d[:, 0] > 0
    return {
        "autocorrelation": over(p * (i * j)),
        "cluster_prominence": over(squared * centred * centred),
        "cluster_shade": over(squared * centred),
        "cluster_tendency": over(squared),
        "contrast": np.sum(d2 * pd, axis=0),
        "correlation": correlation,
        "difference_average": d_mean,
        "difference_entropy": -np.sum(plog(pd), axis=0),
        "difference_variance": np.sum(pd * (d - d_mean) ** 2, axis=0),
        "id": np.sum(pd / (1 + d), axis=0),
        "idm": np.sum(pd / (1 + d2), axis=0),
        "idmn": np.sum(pd / (1 + d2 / n_g**2), axis=0),
        "idn": np.sum(pd / (1 + d / n_g), axis=0),
        "imc1": imc1,
        "imc2": imc2,
        "inverse_variance": np.sum(pd[d_up] / d2[d_up], axis=0),
        "joint_average": mx,
        "joint_energy": over(p * p),
        "joint_entropy": joint_entropy,
        "mcc": maximal_correlations(p, px[:, 0], py[0]),
        "maximum_probability": np.max(p, axis=(0, 1)),
        "sum_average": np.sum(s * ps, axis=0),
        "sum_entropy": -np.sum(plog(ps), axis=0),
        "sum_squares": over(p * away**2),
    }


@lru_cache(maxsize=8)
def _places(levels: bytes) -> tuple[tuple[Floats, NDArray[np.intp]], ...]:
    """Return the values that i + j and |i - j| take, and which of them each pair (i, j) has.

    The images of a region mostly have the same levels, and sorting takes time.
    """
    i = np.frombuffer(levels)
    found = []
    for of in (i[:, None] + i, np.abs(i[:, None] - i)):
        values, place = np.unique(of, return_inverse=True)
        found.append((values, place.reshape(-1)))
    return tuple(found)


def _distribution(p: Floats, values: Floats, place: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Return the values and their probabilities, by direction."""
    flat = p.reshape(place.size, p.shape[2])
    columns = [
        np.bincount(place, weights=flat[:, a], minlength=values.size) for a in range(p.shape[2])
    ]
    table = np.array(columns, dtype=np.float64).reshape(p.shape[2], values.size)
    return values, table.T


def _information(p: Floats, px: Floats, py: Floats, joint: Floats) -> tuple[Floats, Floats]:
    """Return the two information measures of correlation, 0 where there is one level."""
    product = px * py
    logarithm = np.log2(product + EPS)
    largest = np.fmax(-np.sum(plog(px), axis=(0, 1)), -np.sum(plog(py), axis=(0, 1)))
    imc1 = joint + np.sum(p * logarithm, axis=(0, 1))
    imc1 = np.where(largest == 0, 0.0, imc1 / np.where(largest == 0, 1.0, largest))
    independent = -np.sum(product * logarithm, axis=(0, 1))
    imc2 = (1 - np.e ** (-2 * (independent - joint))) ** 0.5
    imc2[independent == joint] = 0
    return imc1, imc2
