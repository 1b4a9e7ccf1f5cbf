"""Are the odds proportional? Tests, and the model that lets some of them not be."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, expit

from radiofib._checks import check_known, check_same_length
from radiofib.errors import UsageError
from radiofib.stats.regression._design import Scaling, check_terms, check_weights
from radiofib.stats.regression.cumulative import (
    Likelihood,
    check_levels_present,
    null_loglik,
    solve,
)
from radiofib.stats.regression.fit import Fit
from radiofib.stats.regression.separation import separated

__all__ = ["TEST_COLUMNS", "partial_proportional_odds", "proportionality"]

FloatArray = NDArray[np.float64]
Codes = NDArray[np.intp]

TEST_COLUMNS = ("test", "term", "statistic", "df", "p", "note")


def partial_proportional_odds(
    X: ArrayLike | pd.DataFrame,
    y: ArrayLike,
    levels: Sequence[str],
    free: Sequence[str],
    *,
    names: Sequence[str] | None = None,
    weights: ArrayLike | None = None,
    link: str = "logit",
) -> Fit:
    r"""Fit proportional odds with a slope for each cut for some of the terms.

    .. math:: \mathrm{logit}\, P(y \le k) = \theta_k - x b - z g_k

    Parameters
    ----------
    X, y, levels, names, weights, link
        As for :func:`~radiofib.stats.regression.proportional_odds`.
    free : sequence of str
        Terms whose slope may differ by cut.

    Returns
    -------
    Fit
        Slopes of free terms are named ``term[s1|s2]``. R's ``clm(nominal = ~ term)`` prints them
        with the other sign, as additions to the thresholds. Where slopes differ, lines cross
        somewhere: the model is for the range of its cases.

    Raises
    ------
    UsageError
        When a free term is unknown or the iterations do not converge (often a cut that a free
        term separates).

    References
    ----------
    Peterson B, Harrell FE. Appl Stat 1990;39:205-217.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(200, 1))
    >>> y = np.digitize(x[:, 0] + rng.logistic(size=200), [-0.5, 0.5])
    >>> partial_proportional_odds(x, y, ["a", "b", "c"], ["x0"]).terms
    ('x0[a|b]', 'x0[b|c]')
    """
    matrix, terms = check_terms(X, names)
    codes = check_levels_present(y, levels)
    n = check_same_length(X=matrix, y=codes)
    for name in free:
        check_known(name, terms, what="term")
    w = check_weights(weights, n)
    is_free = np.array([t in set(free) for t in terms], dtype=bool)
    scaling = Scaling.of(matrix)
    scaled = scaling.apply(matrix)
    at, covariance, loglik, converged = solve(
        codes, len(levels), scaled[:, ~is_free], free=scaled[:, is_free], weights=w, link=link
    )
    if not converged:
        raise UsageError(
            "the partial proportional odds model did not converge",
            found=f"free terms {', '.join(free)}",
            hint="free fewer terms; a term may separate one of the cuts",
        )
    cuts = [f"{a}|{b}" for a, b in zip(levels, list(levels)[1:], strict=False)]
    back = _back(scaling, is_free, len(cuts))
    values = back @ at
    common = [t for t, f in zip(terms, is_free, strict=True) if not f]
    by_cut = [f"{t}[{c}]" for t, f in zip(terms, is_free, strict=True) if f for c in cuts]
    return Fit(
        "partial_proportional_odds",
        link,
        tuple(cuts),
        (*common, *by_cut),
        values[: len(cuts)],
        values[len(cuts) :],
        back @ covariance @ back.T,
        loglik,
        null_loglik(codes, len(levels), w),
        n,
    )


def _back(scaling: Scaling, is_free: NDArray[np.bool_], cuts: int) -> FloatArray:
    """Return the map from parameters of scaled terms to those of the terms as given."""
    common, free = np.flatnonzero(~is_free), np.flatnonzero(is_free)
    size = cuts + common.size + cuts * free.size
    back = np.eye(size)
    for place, j in enumerate(common, start=cuts):
        back[place, place] = 1.0 / scaling.scale[j]
        back[:cuts, place] = scaling.centre[j] / scaling.scale[j]
    for number, j in enumerate(free):
        first = cuts + common.size + number * cuts
        for k in range(cuts):
            back[first + k, first + k] = 1.0 / scaling.scale[j]
            back[k, first + k] = scaling.centre[j] / scaling.scale[j]
    return back


def proportionality(
    X: ArrayLike | pd.DataFrame,
    y: ArrayLike,
    levels: Sequence[str],
    *,
    names: Sequence[str] | None = None,
    weights: ArrayLike | None = None,
) -> pd.DataFrame:
    """Test whether one slope for all cuts is enough, by term and for all terms.

    Three tests of the same hypothesis:

    ``likelihood ratio``
        Partial proportional odds against proportional odds; by term as R's
        ``ordinal::nominal_test``, for all terms as SPSS PLUM's test of parallel lines.
    ``score``
        Rao's test at the proportional fit with Fisher's information, as SAS; needs no other fit.
    ``Brant``
        Wald's test that slopes of the K - 1 binary models agree.

    All are liberal in small samples and reject trifles in large ones; look at the slopes of
    :func:`partial_proportional_odds` too.

    Parameters
    ----------
    X, y, levels, names, weights
        As for :func:`~radiofib.stats.regression.proportional_odds`.

    Returns
    -------
    DataFrame
        :data:`TEST_COLUMNS`; term is empty for all terms together. A test that cannot be done
        has no p, and its note says why.

    References
    ----------
    Brant R. Biometrics 1990;46:1171-1178. Peterson B, Harrell FE. Appl Stat 1990;39:205-217.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(200, 1))
    >>> y = np.digitize(x[:, 0] + rng.logistic(size=200), [-0.5, 0.5])
    >>> proportionality(x, y, ["a", "b", "c"])[["test", "term", "df"]].values.tolist()
    [['likelihood ratio', 'x0', 1], ['likelihood ratio', '', 1], ['score', '', 1],
    ['Brant', 'x0', 1], ['Brant', '', 1]]
    """
    matrix, terms = check_terms(X, names)
    codes = check_levels_present(y, levels)
    n = check_same_length(X=matrix, y=codes)
    w = check_weights(weights, n)
    extra = len(levels) - 2
    if extra == 0 or not terms:
        return pd.DataFrame(columns=list(TEST_COLUMNS))
    scaled = Scaling.of(matrix).apply(matrix)
    if separated(scaled, codes, len(levels)):
        why = "terms separate the levels"
        rows = [_row(test, "", math.nan, extra * len(terms), why) for test in _TESTS]
        return pd.DataFrame(rows, columns=list(TEST_COLUMNS))
    plain = solve(codes, len(levels), scaled, weights=w)
    rows = []
    for term in (*terms, ""):
        free = np.array([term in ("", t) for t in terms], dtype=bool)
        if term == "" and len(terms) == 1:
            rows.append((*rows[-1][:1], "", *rows[-1][2:]))
            continue
        full = solve(codes, len(levels), scaled[:, ~free], free=scaled[:, free], weights=w)
        gain = max(2.0 * (full[2] - plain[2]), 0.0) if full[3] else math.nan
        why = "" if full[3] else "the model with a slope for each cut did not converge"
        rows.append(_row(_TESTS[0], term, gain, extra * int(free.sum()), why))
    score = _score(plain[0], codes, len(levels), scaled, w)
    rows.append(_row(_TESTS[1], "", score, extra * len(terms), ""))
    rows += _brant(codes, len(levels), scaled, w, terms)
    return pd.DataFrame(rows, columns=list(TEST_COLUMNS))


_TESTS = ("likelihood ratio", "score", "Brant")
_Row = tuple[str, str, float, int, float, str]


def _row(test: str, term: str, statistic: float, df: int, note: str) -> _Row:
    p = float(chdtrc(df, statistic)) if np.isfinite(statistic) else math.nan
    return test, term, float(statistic), df, p, note


def _score(at: FloatArray, codes: Codes, n_levels: int, scaled: FloatArray, w: FloatArray) -> float:
    """Return the score statistic of a slope for each cut, at the fit with one."""
    cuts = n_levels - 1
    wide = np.concatenate([at[:cuts], np.repeat(at[cuts:], cuts)])
    nothing = np.empty((len(codes), 0))
    model = Likelihood(codes, n_levels, nothing, scaled, w, "logit", np.zeros(wide.size))
    _, gradient, _ = model(wide)
    return float(gradient @ np.linalg.solve(model.expected_information(wide), gradient))


def _brant(
    codes: Codes, n_levels: int, scaled: FloatArray, w: FloatArray, terms: tuple[str, ...]
) -> list[_Row]:
    cuts, q = n_levels - 1, len(terms)
    design = np.column_stack([np.ones(len(codes)), scaled])
    slopes, chances, inverses = [], [], []
    for cut in range(cuts):
        above = (codes > cut).astype(np.intp)
        if separated(scaled, above):
            why = f"terms separate the levels at cut {cut + 1}"
            return [_row(_TESTS[2], "", math.nan, (cuts - 1) * q, why)]
        at, covariance, _, _ = solve(above, 2, scaled, weights=w)
        chance = expit(at[1:] @ scaled.T - at[0])
        slopes.append(at[1:])
        chances.append(chance)
        flip = np.r_[-1.0, np.ones(q)]
        inverses.append(covariance * np.outer(flip, flip))
    joint = np.empty((cuts * q, cuts * q))
    for a in range(cuts):
        for b in range(cuts):
            low, high = min(a, b), max(a, b)
            # Of two cuts the higher implies the lower, so their product is the higher.
            both = w * (chances[high] - chances[low] * chances[high])
            block = inverses[a] @ (design.T @ (design * both[:, None])) @ inverses[b]
            joint[a * q : (a + 1) * q, b * q : (b + 1) * q] = block[1:, 1:]
    stacked = np.concatenate(slopes)
    rows = []
    for term in (*terms, ""):
        which = [j for j, t in enumerate(terms) if term in ("", t)]
        contrast = np.zeros(((cuts - 1) * len(which), cuts * q))
        for number, j in enumerate(which):
            for cut in range(1, cuts):
                contrast[number * (cuts - 1) + cut - 1, [j, cut * q + j]] = 1.0, -1.0
        difference = contrast @ stacked
        spread = contrast @ joint @ contrast.T
        # The binary models are fitted apart, so in small samples their joint covariance can fail
        # to be one; a distance measured with it would mean nothing.
        sound = bool(np.linalg.eigvalsh(spread).min() > 1e-10 * np.trace(spread))
        value = float(difference @ np.linalg.solve(spread, difference)) if sound else math.nan
        why = "" if sound else "too few cases: the joint covariance is not positive definite"
        rows.append(_row(_TESTS[2], term, value, len(contrast), why))
    return rows
