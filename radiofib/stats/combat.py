"""ComBat: location and scale of batches, shrunk towards their common distribution."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiofib._checks import check_same_length, list_some
from radiofib.errors import UsageError
from radiofib.stats.batch_effects import (
    MAX_ITERATIONS,
    estimate_batch_effects,
    remove_batch_effects,
)

__all__ = ["combat"]

FloatArray = NDArray[np.float64]


def combat(
    x: ArrayLike,
    batch: ArrayLike,
    covariates: ArrayLike | None = None,
    *,
    mean_only: bool = False,
    reference: object | None = None,
    max_iterations: int = MAX_ITERATIONS,
) -> FloatArray:
    r"""Return features with the location and scale of their batches removed (parametric).

    Each feature g is standardised with its least-squares fit on batch and covariates, its batch
    effects :math:`\hat\gamma_{ig}, \hat\delta^2_{ig}` are shrunk by

    .. math:: \gamma^* = \frac{n \tau^2 \hat\gamma + \delta^{2*} \bar\gamma}{n\tau^2 + \delta^{2*}},
              \quad \delta^{2*} = \frac{b + \frac12 \sum_j (z_j - \gamma^*)^2}{n/2 + a - 1}

    until they change by less than 0.01 %, and taken out. The prior is a normal distribution of
    :math:`\gamma` and an inverse gamma distribution of :math:`\delta^2` over the features of a
    batch, by moments.

    It sees all rows at once: within cross-validation fit it on training rows only, and never
    give the stage as a covariate (the fitted values would carry the labels).

    Parameters
    ----------
    x : array-like of shape (n, p)
        Cases in rows, features in columns; no missing values. A feature that is constant
        within a batch is returned as it is.
    batch : array-like, shape (n,)
        Scanner or site of each case.
    covariates : array-like of shape (n, q), optional
        Whose effects are to be kept.
    mean_only : bool
        Correct location only.
    reference : optional
        Batch that stays as it is and to which the others are brought.
    max_iterations : int
        Most steps of the shrinkage.

    Raises
    ------
    UsageError
        When a value is missing, a batch has one case (unless `mean_only`), there is one
        feature, or batches and covariates cannot be told apart.

    References
    ----------
    Johnson WE, Li C, Rabinovic A. Biostatistics 2007;8:118-127. Zhang Y, Jenkins DF, Manimaran
    S, Johnson WE. BMC Bioinformatics 2018;19:262 (reference batch, mean only).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> batch = np.repeat(["a", "b"], 30)
    >>> x = rng.normal(size=(60, 20)) + 3 * (batch == "b")[:, None]
    >>> found = combat(x, batch)
    >>> gap = found[batch == "b"].mean(axis=0) - found[batch == "a"].mean(axis=0)
    >>> bool(np.abs(gap).max() < 0.5)
    True
    """
    data, names = np.asarray(x, dtype=np.float64), np.asarray(batch)
    if data.ndim != 2 or data.shape[1] < 2 or not np.isfinite(data).all():
        raise UsageError(
            "ComBat needs a table of finite values with two features or more",
            found=f"shape {data.shape}, {np.count_nonzero(~np.isfinite(data))} not finite",
        )
    check_same_length(x=data, batch=names)
    levels, codes, sizes = np.unique(names, return_inverse=True, return_counts=True)
    if levels.size < 2 or (sizes.min() < 2 and not mean_only):
        raise UsageError(
            "ComBat needs two batches with two cases each",
            found=list_some(f"{k}: {v}" for k, v in zip(levels, sizes, strict=True)),
            hint="mean_only=True can do with one case in a batch",
        )
    home = None if reference is None else _home(reference, levels)
    extra = None if covariates is None else _covariates(covariates, len(data))
    effects = estimate_batch_effects(
        data,
        codes,
        levels.size,
        covariates=extra,
        mean_only=mean_only,
        home=home,
        max_iterations=max_iterations,
    )
    if effects.learnt.any(axis=0).sum() < 2:
        raise UsageError("fewer than two features vary within every batch")
    return remove_batch_effects(data, codes, effects, extra)


def _home(reference: object, levels: NDArray[np.generic]) -> int:
    found = np.flatnonzero(levels == reference)
    if found.size != 1:
        raise UsageError(
            "the reference batch does not occur",
            expected=list_some(levels),
            found=repr(reference),
        )
    return int(found[0])


def _covariates(covariates: ArrayLike, n: int) -> FloatArray:
    extra = np.asarray(covariates, dtype=np.float64).reshape(n, -1)
    if not np.isfinite(extra).all():
        raise UsageError("covariates must be finite")
    return extra
