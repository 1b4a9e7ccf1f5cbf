"""Location and scale of batches: estimated on some rows, taken out of these or of others."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from radiofib.errors import UsageError

__all__ = [
    "MAX_ITERATIONS",
    "BatchEffects",
    "estimate_batch_effects",
    "estimate_new_batch",
    "remove_batch_effects",
]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Codes = NDArray[np.intp]

#: Most steps of the shrinkage; some ten are usual.
MAX_ITERATIONS = 1000
#: Ranges that are none: their squares are lost, or they are rounding of the values.
_LEAST_RANGE, _ROUNDING = 1e-150, 1e-12


@dataclass(frozen=True, eq=False)
class BatchEffects:
    r"""What was learnt of b batches and p features.

    Parameters
    ----------
    mean, spread : ndarray of shape (p,)
        What features are standardised with: :math:`z = (x - \alpha - c\beta) / \sigma`; 0 and 1
        for a feature of which nothing was learnt.
    slopes : ndarray of shape (q, p)
        Slopes :math:`\beta` of the covariates, whose effects are kept.
    shift, scale : ndarray of shape (b, p)
        Location :math:`\gamma^*` and squared scale :math:`\delta^{2*}` of z in each batch, shrunk.
    learnt : ndarray of bool, shape (b, p)
        False where there is nothing to take out: values stay as they are.
    standard : ndarray of bool, shape (p,)
        Which features have a mean and a spread.
    """

    mean: FloatArray
    spread: FloatArray
    slopes: FloatArray
    shift: FloatArray
    scale: FloatArray
    learnt: BoolArray
    standard: BoolArray


def estimate_batch_effects(
    x: FloatArray,
    codes: Codes,
    n_batches: int,
    *,
    covariates: FloatArray | None = None,
    mean_only: bool = False,
    home: int | None = None,
    max_iterations: int = MAX_ITERATIONS,
) -> BatchEffects:
    r"""Estimate the effects of batches on features (parametric ComBat; see :func:`combat`).

    Every feature is learnt from the rows that have it. A batch with one value of a feature (none
    with `mean_only`) takes no part in that feature; a feature that is constant within a batch
    (everywhere, with `mean_only`), is left in one batch of several, or is constant or not left in
    the reference batch, is not learnt at all. Constant is also what varies by rounding alone: a
    range below 1e-150, whose square is lost, or below 1e-12 of the values. The means over all
    rows and the variance within batches are those of the values that are there; sva weighs by
    the rows of a batch whether they have the value or not, and divides by one less where some
    are missing.

    Parameters
    ----------
    x : ndarray of shape (n, p)
        NaN where missing.
    codes : ndarray of int, shape (n,)
        Number of each row's batch, from 0.
    n_batches : int
        How many there are.
    covariates : ndarray of shape (n, q), optional
        Whose effects are kept; only for a table without missing values.
    mean_only : bool
        Location alone.
    home : int, optional
        Batch that stays as it is and to which the others are brought.
    max_iterations : int
        Most steps of the shrinkage.

    Raises
    ------
    UsageError
        When covariates and batches cannot be told apart.

    Examples
    --------
    >>> x = np.array([[0.0, 5.0], [2.0, 6.0], [10.0, 7.0], [12.0, 9.0]])
    >>> found = estimate_batch_effects(x, np.array([0, 0, 1, 1]), 2, mean_only=True)
    >>> found.mean.tolist(), found.shift.round(1).tolist()
    ([6.0, 6.75], [[-4.8, -1.8], [4.8, 1.8]])
    """
    learnt = _learnable(x, codes, n_batches, mean_only=mean_only, home=home)
    use: BoolArray = np.logical_or.reduce(learnt, axis=0)
    kept = learnt[:, use]
    data = x if use.all() else x[:, use]
    slopes = np.zeros((0, data.shape[1]))
    if covariates is not None:
        slopes = _slopes(data, codes, n_batches, covariates)
        data = data - covariates @ slopes
    parts = [_moments(data[codes == code], kept[code]) for code in range(n_batches)]
    count, middle, squares = (np.array(each) for each in zip(*parts, strict=True))
    if home is None:
        mean = (count / count.sum(axis=0) * middle).sum(axis=0)
        spread = np.sqrt(squares.sum(axis=0) / count.sum(axis=0))
    else:
        mean, spread = middle[home], np.sqrt(squares[home] / count[home])
        kept[home] = False
    shift, scale = np.zeros(kept.shape), np.ones(kept.shape)
    for code in range(n_batches):
        standard = count[code], (middle[code] - mean) / spread, squares[code] / spread**2
        shift[code], scale[code], kept[code] = _shrunk(
            standard, kept[code], mean_only, max_iterations
        )
    learnt[:, use] = kept
    return BatchEffects(
        _spread_out(mean, use, 0.0),
        _spread_out(spread, use, 1.0),
        _spread_out(slopes, use, 0.0),
        _spread_out(shift, use, 0.0),
        _spread_out(scale, use, 1.0),
        learnt,
        use,
    )


def estimate_new_batch(
    x: FloatArray,
    effects: BatchEffects,
    *,
    mean_only: bool = False,
    max_iterations: int = MAX_ITERATIONS,
) -> BatchEffects:
    """Estimate the effects of one batch that had no part in `effects`, from its own rows.

    What features are standardised with stays that of `effects`; the prior is the one of the new
    batch's own features, as it is for every batch.

    Parameters
    ----------
    x : ndarray of shape (m, p)
        Rows of the new batch, NaN where missing.
    effects : BatchEffects
        Without covariates.

    Returns
    -------
    BatchEffects
        Of this batch alone (b = 1).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> known = estimate_batch_effects(rng.normal(size=(40, 9)), np.arange(40) % 2, 2)
    >>> new = estimate_new_batch(rng.normal(5, 1, size=(30, 9)), known)
    >>> bool(np.allclose(new.shift, 5, atol=1))
    True
    """
    asked = effects.standard & (np.sum(~np.isnan(x), axis=0) >= (1 if mean_only else 2))
    count, middle, squares = _moments(x, asked)
    standard = count, (middle - effects.mean) / effects.spread, squares / effects.spread**2
    shift, scale, learnt = _shrunk(standard, asked, mean_only, max_iterations)
    return replace(effects, shift=shift[None], scale=scale[None], learnt=learnt[None])


def remove_batch_effects(
    x: FloatArray, codes: Codes, effects: BatchEffects, covariates: FloatArray | None = None
) -> FloatArray:
    r"""Return :math:`(z - \gamma^*) / \delta^* \cdot \sigma + \alpha + c\beta` of each row.

    Parameters
    ----------
    x : ndarray of shape (n, p)
        NaN where missing; stays missing.
    codes : ndarray of int, shape (n,)
        Number of each row's batch; a row with a negative one stays as it is.
    effects : BatchEffects
    covariates : ndarray of shape (n, q), optional
        The same as at estimation.

    Examples
    --------
    >>> x = np.array([[0.0, 5.0], [2.0, 6.0], [10.0, 7.0], [12.0, 9.0]])
    >>> codes = np.array([0, 0, 1, 1])
    >>> found = estimate_batch_effects(x, codes, 2, mean_only=True)
    >>> remove_batch_effects(x, codes, found).round(2).tolist()
    [[4.75, 6.45], [6.75, 7.45], [5.25, 5.55], [7.25, 7.55]]
    """
    result = x.copy()
    kept = None if covariates is None else covariates @ effects.slopes
    for code in range(len(effects.shift)):
        rows, use = np.flatnonzero(codes == code), effects.learnt[code]
        if rows.size == 0 or not use.any():
            continue
        use = slice(None) if use.all() else np.flatnonzero(use)
        mean = (effects.mean if kept is None else effects.mean + kept[rows])[..., use]
        spread = effects.spread[use]
        standard = (x[rows][:, use] - mean) / spread - effects.shift[code, use]
        back = standard / np.sqrt(effects.scale[code, use]) * spread + mean
        result[rows if isinstance(use, slice) else np.ix_(rows, use)] = back
    return result


def _learnable(
    x: FloatArray, codes: Codes, n_batches: int, *, mean_only: bool, home: int | None
) -> BoolArray:
    """Return which features can be learnt in which batch, shape (b, p)."""
    count = np.zeros((n_batches, x.shape[1]))
    moves = np.zeros(count.shape, dtype=np.bool_)
    for code in range(n_batches):
        here = x[codes == code]
        count[code] = np.sum(~np.isnan(here), axis=0)
        low = np.fmin.reduce(here, axis=0, initial=np.inf)
        high = np.fmax.reduce(here, axis=0, initial=-np.inf)
        size = np.where(count[code] > 0, np.maximum(np.abs(low), np.abs(high)), 0.0)
        with np.errstate(invalid="ignore"):
            moves[code] = high - low > np.maximum(_LEAST_RANGE, _ROUNDING * size)
    part: BoolArray = count >= (1 if mean_only else 2)
    # A feature that is constant within a batch has no scale there.
    sound = (moves & part).any(axis=0) if mean_only else (moves | ~part).all(axis=0)
    sound &= part.sum(axis=0) >= min(2, n_batches)
    if home is not None:
        sound &= part[home] & moves[home]
    learnable: BoolArray = part & sound
    return learnable


def _slopes(data: FloatArray, codes: Codes, n_batches: int, covariates: FloatArray) -> FloatArray:
    """Return slopes of the covariates beside a mean of each batch, by least squares."""
    whole = np.column_stack([codes[:, None] == np.arange(n_batches), covariates])
    if np.linalg.matrix_rank(whole) < whole.shape[1]:
        raise UsageError(
            "covariates and batches cannot be told apart",
            hint="leave out a covariate that is constant or is set by the batch",
        )
    slopes: FloatArray = np.linalg.lstsq(whole, data, rcond=None)[0][n_batches:]
    return slopes


def _moments(here: FloatArray, asked: BoolArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return numbers, means and squared distances from them of one batch's values.

    A feature that is not asked for has none: 0, 0, 0.
    """
    seen = ~np.isnan(here)
    if seen.all() and asked.all():
        middle = here.mean(axis=0)
        squares = ((here - middle) ** 2).sum(axis=0)
        return np.full(asked.size, float(len(here))), middle, squares
    seen &= asked
    count = seen.sum(axis=0).astype(np.float64)
    middle = np.where(seen, here, 0.0).sum(axis=0) / np.maximum(count, 1)
    return count, middle, (np.where(seen, here - middle, 0.0) ** 2).sum(axis=0)


def _shrunk(
    moments: tuple[FloatArray, FloatArray, FloatArray],
    asked: BoolArray,
    mean_only: bool,
    max_iterations: int,
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return location and squared scale of one batch, and which were learnt."""
    shift, scale = np.zeros(asked.size), np.ones(asked.size)
    # A prior of features needs two of them.
    if asked.sum() < 2:
        return shift, scale, np.zeros_like(asked)
    count, middle, squares = (each[asked] for each in moments)
    shift[asked], scale[asked] = _shrink(middle, squares, count, mean_only, max_iterations)
    return shift, scale, asked


def _shrink(
    shift: FloatArray, squares: FloatArray, n: FloatArray, mean_only: bool, max_iterations: int
) -> tuple[FloatArray, FloatArray]:
    """Return location and squared scale of one batch, shrunk to their prior.

    `squares` are sums of squared distances from the location, over n values.
    """
    centre, tau = float(shift.mean()), float(shift.var(ddof=1))
    if mean_only:
        # As in sva: one case's worth of evidence, and the scale of the whole.
        return (tau * shift + centre) / (tau + 1), np.ones(shift.size)
    scale = squares / (n - 1)
    middle, width = float(scale.mean()), float(scale.var(ddof=1))
    if width == 0:
        return (n * tau * shift + scale * centre) / (n * tau + scale), scale
    a = (2 * width + middle**2) / width
    b = (middle * width + middle**3) / width
    found, size = shift, scale
    for _ in range(max_iterations):
        moved = (n * tau * shift + size * centre) / (n * tau + size)
        grown = ((squares + n * (shift - moved) ** 2) / 2 + b) / (n / 2 + a - 1)
        # Relative to the signed location, as in sva, whose stopping point this is.
        steps = np.abs(moved - found) / found, np.abs(grown - size) / size
        change = max(float(steps[0].max()), float(steps[1].max()))
        found, size = moved, grown
        if not change > 1e-4:
            break
    return found, size


def _spread_out(values: FloatArray, use: BoolArray, empty: float) -> FloatArray:
    """Put what was learnt of some features into the places of all."""
    whole = np.full((*values.shape[:-1], use.size), empty)
    whole[..., use] = values
    return whole
