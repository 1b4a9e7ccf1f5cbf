"""ComBat: location and scale of batches, shrunk towards their common distribution."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiofib._checks import check_same_length, list_some
from radiofib.errors import UsageError

__all__ = ["combat"]

FloatArray = NDArray[np.float64]


def combat(
    x: ArrayLike,
    batch: ArrayLike,
    covariates: ArrayLike | None = None,
    *,
    mean_only: bool = False,
    reference: object | None = None,
    max_iterations: int = 1000,
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
    # A feature that is constant within a batch has no scale there: it stays as it is.
    parts = [data[codes == code] for code in range(levels.size)]
    moves = np.array([np.ptp(part, axis=0) > 0 for part in parts])
    use = moves.any(axis=0) if mean_only else moves.all(axis=0)
    if use.sum() < 2:
        raise UsageError("fewer than two features vary within every batch")
    result = data.copy()
    data = data[:, use]
    standard, mean, spread = _standardise(data, codes, sizes, covariates, home)
    for code, n in enumerate(sizes.tolist()):
        rows = codes == code
        if code == home:
            continue
        here = standard[rows]
        shift = here.mean(axis=0)
        scale = np.ones(shift.size) if mean_only else here.var(axis=0, ddof=1)
        shift, scale = _shrink(here, shift, scale, n, mean_only, max_iterations)
        result[np.ix_(rows, use)] = (here - shift) / np.sqrt(scale) * spread + mean[rows]
    return result


def _home(reference: object, levels: NDArray[np.generic]) -> int:
    found = np.flatnonzero(levels == reference)
    if found.size != 1:
        raise UsageError(
            "the reference batch does not occur",
            expected=list_some(levels),
            found=repr(reference),
        )
    return int(found[0])


def _standardise(
    data: FloatArray,
    codes: NDArray[np.intp],
    sizes: NDArray[np.intp],
    covariates: ArrayLike | None,
    home: int | None,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return standardised data, what was subtracted, and the standard deviation divided by."""
    n = len(data)
    design = (codes[:, None] == np.arange(sizes.size)).astype(np.float64)
    extra = np.zeros((n, 0))
    if covariates is not None:
        extra = np.asarray(covariates, dtype=np.float64).reshape(n, -1)
        if not np.isfinite(extra).all():
            raise UsageError("covariates must be finite")
    whole = np.column_stack([design, extra])
    if np.linalg.matrix_rank(whole) < whole.shape[1]:
        raise UsageError(
            "covariates and batches cannot be told apart",
            hint="leave out a covariate that is constant or is set by the batch",
        )
    beta = np.linalg.lstsq(whole, data, rcond=None)[0]
    left = data - whole @ beta
    if home is None:
        grand = sizes / n @ beta[: sizes.size]
        variance = (left**2).mean(axis=0)
    else:
        grand = beta[home]
        variance = (left[codes == home] ** 2).mean(axis=0)
    spread = np.sqrt(variance)
    if (spread == 0).any():
        raise UsageError("a feature does not vary in the reference batch")
    mean = grand + extra @ beta[sizes.size :]
    return (data - mean) / spread, mean, spread


def _shrink(
    here: FloatArray,
    shift: FloatArray,
    scale: FloatArray,
    n: int,
    mean_only: bool,
    max_iterations: int,
) -> tuple[FloatArray, FloatArray]:
    """Return location and squared scale of one batch, shrunk to their prior."""
    centre, tau = float(shift.mean()), float(shift.var(ddof=1))
    if mean_only:
        # As in sva: one case's worth of evidence, and the scale of the whole.
        return (tau * shift + centre) / (tau + 1), scale
    middle, width = float(scale.mean()), float(scale.var(ddof=1))
    if width == 0:
        return (n * tau * shift + scale * centre) / (n * tau + scale), scale
    a = (2 * width + middle**2) / width
    b = (middle * width + middle**3) / width
    found, size = shift, scale
    for _ in range(max_iterations):
        moved = (n * tau * shift + size * centre) / (n * tau + size)
        grown = (((here - moved) ** 2).sum(axis=0) / 2 + b) / (n / 2 + a - 1)
        # Relative to the signed location, as in sva, whose stopping point this is.
        steps = np.abs(moved - found) / found, np.abs(grown - size) / size
        change = max(float(steps[0].max()), float(steps[1].max()))
        found, size = moved, grown
        if not change > 1e-4:
            break
    return found, size
