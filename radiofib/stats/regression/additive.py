"""Generalised additive models by restricted cubic splines: bends, and whether they are needed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc

from radiofib._checks import check_1d, check_known
from radiofib.errors import UsageError
from radiofib.stats.estimate import z_value
from radiofib.stats.regression._design import check_terms
from radiofib.stats.regression.cumulative import proportional_odds
from radiofib.stats.regression.fit import Fit
from radiofib.stats.regression.logistic import logistic
from radiofib.stats.regression.proportionality import TEST_COLUMNS
from radiofib.stats.smooth import restricted_spline

__all__ = ["Additive", "additive", "spline_knots"]

FloatArray = NDArray[np.float64]

#: Harrell's quantiles of the knots.
_QUANTILES = {
    3: (0.1, 0.5, 0.9),
    4: (0.05, 0.35, 0.65, 0.95),
    5: (0.05, 0.275, 0.5, 0.725, 0.95),
}


def spline_knots(x: ArrayLike, knots: int = 4) -> FloatArray:
    """Return knots at Harrell's quantiles (3, 4 or 5 of them).

    Raises
    ------
    UsageError
        When the values have too few different quantiles.

    Examples
    --------
    >>> spline_knots(np.arange(101.0), 3).tolist()
    [10.0, 50.0, 90.0]
    """
    values = check_1d(x, "x")
    if knots not in _QUANTILES:
        raise UsageError("knots must be 3, 4 or 5", found=str(knots))
    places = np.unique(np.quantile(values, _QUANTILES[knots]))
    if places.size < knots:
        raise UsageError(
            "a term has too few different values for a spline",
            found=f"{places.size} different knots of {knots}",
            hint="use fewer knots or keep the term linear",
        )
    return places


@dataclass(frozen=True)
class Additive:
    """An additive model: the fit on spline columns, its curves and tests.

    Parameters
    ----------
    fit : Fit
        Terms ``age``, ``age'``, ``age''`` ... for a term with a spline.
    curves : DataFrame
        ``term, value, effect, ci_low, ci_high``: the linear predictor against the median.
    tests : DataFrame
        ``likelihood ratio`` of each bent term as a whole (``overall``) and of its bends.
    knots : dict
        Knots of each bent term.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"age": rng.normal(50, 10, 300)})
    >>> y = (np.abs(X["age"] - 50) / 5 + rng.logistic(size=300) > 1.5).astype(int)
    >>> model = additive(X, y, ["no", "yes"], bent=["age"])
    >>> model.tests["test"].tolist(), bool(model.tests["p"][1] < 0.001)
    (['likelihood ratio: overall', 'likelihood ratio: bends'], True)
    """

    fit: Fit
    curves: pd.DataFrame
    tests: pd.DataFrame
    knots: dict[str, tuple[float, ...]]


def additive(
    X: ArrayLike | pd.DataFrame,
    y: ArrayLike,
    levels: Sequence[str],
    *,
    bent: Sequence[str],
    names: Sequence[str] | None = None,
    knots: int | Mapping[str, int] = 4,
    points: int = 41,
) -> Additive:
    """Fit a proportional odds (two levels: logistic) model that is additive in splines.

    Parameters
    ----------
    X, y, levels, names
        As for :func:`~radiofib.stats.regression.proportional_odds`.
    bent : sequence of str
        Terms with a spline; the others stay linear.
    knots : int or mapping
        3, 4 or 5, for all or by term.
    points : int
        Values at which curves are given, over the range of the cases.

    Returns
    -------
    Additive

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"age": rng.normal(50, 10, 300), "male": rng.integers(0, 2, 300)})
    >>> y = np.digitize(X["age"] / 10 + rng.logistic(size=300), [4, 6])
    >>> additive(X, y, ["s1", "s2", "s3"], bent=["age"], knots=3).fit.terms
    ('age', "age'", 'male')
    """
    matrix, terms = check_terms(X, names)
    for name in bent:
        check_known(name, terms, what="term")
    blocks: list[FloatArray] = []
    owners: list[str] = []
    columns: list[str] = []
    places: dict[str, tuple[float, ...]] = {}
    for j, term in enumerate(terms):
        block = matrix[:, [j]]
        if term in bent:
            wanted = knots if isinstance(knots, int) else knots.get(term, 4)
            found = spline_knots(matrix[:, j], wanted)
            places[term] = tuple(float(v) for v in found)
            block = restricted_spline(matrix[:, j], found)
        blocks.append(block)
        owners += [term] * block.shape[1]
        columns += [term + "'" * k for k in range(block.shape[1])]
    design = np.hstack(blocks)

    def model(keep: NDArray[np.bool_]) -> Fit:
        chosen = [c for c, k in zip(columns, keep, strict=True) if k]
        if len(levels) == 2:
            return logistic(design[:, keep], y, names=chosen)
        return proportional_odds(design[:, keep], y, levels, names=chosen)

    fit = model(np.ones(len(columns), dtype=bool))
    owner = np.array(owners)
    bend = np.array(["'" in c for c in columns])
    rows = []
    for term in bent:
        for what, without in (
            ("overall", owner == term),
            ("bends", (owner == term) & bend),
        ):
            gain, df = 2.0 * (fit.loglik - model(~without).loglik), int(without.sum())
            usable = fit.ridge == 0 and not fit.separated
            p = float(chdtrc(df, max(gain, 0.0))) if usable else math.nan
            note = "" if usable else fit.note
            rows.append((f"likelihood ratio: {what}", term, max(gain, 0.0), df, p, note))
    curves = [_curve(fit, owner == t, matrix[:, terms.index(t)], places[t], points) for t in bent]
    frames = [frame.assign(term=term) for term, frame in zip(bent, curves, strict=True)]
    order = ["term", "value", "effect", "ci_low", "ci_high"]
    table = pd.concat(frames, ignore_index=True)[order] if frames else pd.DataFrame(columns=order)
    return Additive(fit, table, pd.DataFrame(rows, columns=list(TEST_COLUMNS)), places)


def _curve(
    fit: Fit, mine: NDArray[np.bool_], x: FloatArray, knots: tuple[float, ...], points: int
) -> pd.DataFrame:
    values = np.linspace(float(x.min()), float(x.max()), points)
    middle = restricted_spline([float(np.median(x))], knots)
    contrast = restricted_spline(values, knots) - middle
    place = len(fit.cuts) + np.flatnonzero(mine)
    effect = contrast @ fit.slopes[mine]
    block = fit.covariance[np.ix_(place, place)]
    se = np.sqrt(np.maximum((contrast @ block * contrast).sum(axis=1), 0.0))
    half = z_value(0.95) * se
    return pd.DataFrame(
        {"value": values, "effect": effect, "ci_low": effect - half, "ci_high": effect + half}
    )
